"""The result row and the series: the one shape every number has.

A row is one number with its interval, counts and status. A series is a curve. Tables, figures,
criteria and sentences are queries on rows and series; rounding belongs to display.
"""

from __future__ import annotations

import csv
import io
import math
import os
import weakref
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

TEXT = (
    "study", "section", "analysis", "source", "comparator", "variable", "term", "at", "use",
    "stratum_by", "stratum", "metric", "unit", "method", "cluster_unit", "status", "reason", "protocol_digest",
)  # fmt: skip
FLOATS = ("estimate", "lower", "upper", "level")
COUNTS = ("n", "k", "clusters", "replicates")
COLUMNS = (
    "study", "section", "analysis", "source", "comparator", "variable", "term", "at", "use",
    "stratum_by", "stratum", "metric", "unit", "estimate", "lower", "upper", "level", "method",
    "n", "k", "clusters", "cluster_unit", "replicates", "status", "reason", "protocol_digest",
)  # fmt: skip
KEY = (
    "study", "section", "analysis", "source", "comparator", "variable", "term", "at", "use",
    "stratum_by", "stratum", "metric", "method", "level",
)  # fmt: skip
SERIES_KEY = tuple(name for name in KEY if name not in ("method", "level"))
SERIES_COLUMNS = (*SERIES_KEY, "x", "y", "lower", "upper")


class Status(StrEnum):
    """What may be said of a number."""

    OK = "ok"
    NOT_APPLICABLE = "not_applicable"
    NOT_ESTIMABLE = "not_estimable"
    SUPPRESSED = "suppressed"
    ERROR = "error"


class Reason(StrEnum):
    """Why a number is missing, or what must be said beside it; worded by `wording`."""

    NONE = ""
    EMPTY_DENOMINATOR = "empty_denominator"
    ONE_CLASS_ONLY = "one_class_only"
    NO_PAIRS = "no_pairs"
    NO_VALUES = "no_values"
    NO_EVENTS = "no_events"
    TOO_FEW_EVENTS = "too_few_events"
    TOO_FEW_CLUSTERS = "too_few_clusters"
    TOO_FEW_BATCHES = "too_few_batches"
    BASELINE_BATCH = "baseline_batch"
    EFFECTIVE_SIZE_CAUTION = "effective_size_caution"
    NOT_REACHED = "not_reached"
    BEYOND_FOLLOW_UP = "beyond_follow_up"
    BEYOND_GRID = "beyond_grid"
    NOT_CONVERGED = "not_converged"
    SEPARATION = "separation"
    NON_PROPORTIONAL_HAZARDS = "non_proportional_hazards"
    COMPETING_EVENTS = "competing_events"
    NOT_INDEPENDENT = "not_independent"
    NO_REFERENCE = "no_reference"
    NO_CONFIDENCE = "no_confidence"
    NO_COMPARATOR = "no_comparator"
    NO_INTERVAL = "no_interval"
    ONE_VALUE = "one_value"
    NO_SHIFT = "no_shift"
    ZERO_VARIANCE = "zero_variance"
    PROPORTIONAL_BIAS = "proportional_bias"
    TYPE_WITHOUT_METRIC = "type_without_metric"
    SMALL_STRATUM = "small_stratum"
    SMALL_COUNT = "small_count"
    DISCLOSURE = "disclosure"
    NOT_RELEASED = "not_released"
    NESTED_CENTRES = "nested_centres"
    CONFOUNDED_CENTRES = "confounded_centres"
    NOT_REQUIRED = "not_required"
    MAY_BE_ABSENT = "may_be_absent"
    NOT_ASSESSED = "not_assessed"
    NOT_DECLARED = "not_declared"
    VALUE_ALWAYS_DUE = "value_always_due"
    ADJUDICATION_PENDING = "adjudication_pending"
    FEW_EVENTS_CAUTION = "few_events_caution"
    MISSING_ROW = "missing_row"
    NEAR_THRESHOLD = "near_threshold"
    CHECK_ERROR = "check_error"
    NO_ANALYSIS = "no_analysis"
    NO_ATTRIBUTION = "no_attribution"
    WEIGHTED_ANALYSIS = "weighted_analysis"
    NO_ALTERNATIVE = "no_alternative"
    NO_FORMULA = "no_formula"
    CITED_THRESHOLD = "cited_threshold"
    WEIGHTS_NOT_SHARED = "weights_not_shared"
    UNINFORMATIVE = "uninformative"
    NO_GAIN = "no_gain"
    ENDPOINT_READ = "endpoint_read"
    EVERYONE_LABELLED = "everyone_labelled"
    REVIEW_ALL = "review_all"
    NONE_GUARANTEED = "none_guaranteed"
    TOO_FEW_LABELLED = "too_few_labelled"
    RISK_NOT_BELOW = "risk_not_below"
    NO_SCORE = "no_score"
    GUARANTEED = "guaranteed"
    EACH_VARIABLE = "each_variable"


class ResultError(ValueError):
    """Result rows break their contract: a fault of the program, not of the user."""


def build_row(metric: str, estimate: float | None = None, **fields: Any) -> dict[str, Any]:
    """Return one complete result row; what is not given stays empty.

    An `ok` row needs a finite estimate (a bound may be open: None, or an infinity). Any other
    status carries no estimate and needs a reason.

    Args:
        metric: name of the measure, as in its docstring.
        estimate: the number, in `unit`; None when undefined.
        fields: any other column of `COLUMNS`.

    Raises:
        ResultError: unknown column, `ok` without a number, or a status without a reason.
    """
    unknown = set(fields) - set(COLUMNS)
    if unknown:
        raise ResultError(f"unknown result columns: {sorted(unknown)}")
    row: dict[str, Any] = dict.fromkeys(COLUMNS, "")
    row |= dict.fromkeys(FLOATS, math.nan) | dict.fromkeys(COUNTS, pd.NA)
    row |= {name: _derive_field(name, value) for name, value in fields.items() if value is not None}
    row |= {"metric": metric, "estimate": math.nan if estimate is None else float(estimate)}
    row["status"] = str(row["status"] or Status.OK)
    _check_row(row)
    return row


def _derive_field(name: str, value: Any) -> Any:
    if name in FLOATS:
        return float(value)
    if name in COUNTS:
        return pd.NA if pd.isna(value) else int(value)
    return str(value)


def _check_row(row: Mapping[str, Any]) -> None:
    if row["status"] not in set(Status) or row["reason"] not in set(Reason):
        raise ResultError(f"{row['metric']}: unknown status or reason {row['status']!r}, {row['reason']!r}")
    if row["status"] == Status.OK and not math.isfinite(row["estimate"]):
        raise ResultError(f"{row['metric']}: status ok needs a finite estimate")
    if row["status"] != Status.OK and (not math.isnan(row["estimate"]) or not row["reason"]):
        raise ResultError(f"{row['metric']}: status {row['status']} takes no estimate and needs a reason")


def derive_table(rows: Iterable[Mapping[str, Any]] | pd.DataFrame, **constants: Any) -> pd.DataFrame:
    """Return rows as the one sorted table: columns of `COLUMNS`, typed, unique key.

    `constants` (study, section, protocol_digest) fill their column in every row.

    Raises:
        ResultError: two rows share a key.
    """
    frame = rows.copy() if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows), columns=list(COLUMNS))
    for name, value in constants.items():
        frame[name] = value
    frame = _derive_types(frame[list(COLUMNS)])
    _check_unique(frame, KEY)
    return frame.sort_values(list(KEY), kind="stable", na_position="first").reset_index(drop=True)


def derive_series(points: Iterable[Mapping[str, Any]] | pd.DataFrame, **constants: Any) -> pd.DataFrame:
    """Return curves as the one sorted table with `SERIES_COLUMNS`; x is unique within a curve.

    Raises:
        ResultError: a curve has two points at one x.
    """
    frame = points.copy() if isinstance(points, pd.DataFrame) else pd.DataFrame(list(points))
    for name, value in constants.items():
        frame[name] = value
    for name in SERIES_COLUMNS:
        if name not in frame:
            frame[name] = math.nan if name in ("x", "y", "lower", "upper") else ""
    frame = (
        frame[list(SERIES_COLUMNS)]
        .fillna(dict.fromkeys(SERIES_KEY, ""))
        .astype(dict.fromkeys(("x", "y", "lower", "upper"), float))
    )
    _check_unique(frame, (*SERIES_KEY, "x"))
    return frame.sort_values([*SERIES_KEY, "x"], kind="stable").reset_index(drop=True)


def _derive_types(frame: pd.DataFrame) -> pd.DataFrame:
    kinds: dict[str, Any] = dict.fromkeys(FLOATS, float) | dict.fromkeys(COUNTS, "Int64") | dict.fromkeys(TEXT, str)
    return frame.astype(kinds).copy()  # a copy lays columns of one type side by side: rows are taken from it faster


def _check_unique(frame: pd.DataFrame, key: tuple[str, ...]) -> None:
    doubled = frame[frame.duplicated(list(key), keep=False)]
    if len(doubled):
        shown = doubled.iloc[0][list(key)].to_dict()
        raise ResultError(f"{len(doubled)} result rows share a key, first: {shown}")


def select_rows(frame: pd.DataFrame, **values: Any) -> pd.DataFrame:
    """Return the rows whose columns equal the given values (a list or tuple means any of them)."""
    part, rest = _narrow(frame, values)
    kept = np.ones(len(part), dtype=bool)
    for name, value in rest.items():
        if isinstance(value, str) and name in TEXT:
            kept &= part[name].to_numpy(dtype=object) == value
            continue
        wanted = list(value) if isinstance(value, list | tuple | set) else [value]
        kept &= part[name].isin(wanted).to_numpy()
    return part[kept] if rest or not values else part


class _Index:
    """Where each value of a column of a large table stands; made when first asked for.

    A report asks a table of 50,000 rows thousands of small questions.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = weakref.ref(frame)
        self._columns: dict[str, tuple[Mapping[Any, NDArray[np.intp]], NDArray[np.intp]]] = {}

    def find(self, values: Mapping[str, str]) -> NDArray[np.intp]:
        """Return the positions of the rows that hold these values in these columns, ascending."""
        columns = {name: self._read(name) for name in values}
        first = min(values, key=lambda name: len(columns[name][0].get(values[name], _NOWHERE)))
        found = columns[first][0].get(values[first], _NOWHERE)
        for name, value in values.items():
            if name != first and len(found):
                places, codes = columns[name]
                found = found[codes[found] == codes[places[value][0]]] if value in places else _NOWHERE
        return found

    def _read(self, name: str) -> tuple[Mapping[Any, NDArray[np.intp]], NDArray[np.intp]]:
        """Return where each value of a column stands, and a code of the value in each row."""
        frame = self._frame()
        if name not in self._columns and frame is not None:
            grouped = frame.groupby(name, sort=False)
            places = {key: np.asarray(at) for key, at in grouped.indices.items()}
            self._columns[name] = places, np.asarray(grouped.ngroup(), dtype=np.intp)
        return self._columns[name]


_NOWHERE = np.empty(0, dtype=np.intp)
_LARGE = 1000
_INDEXES: dict[int, _Index] = {}


def index_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table itself, faster to select from; it must not be changed in place afterwards."""
    if len(frame) >= _LARGE:
        _INDEXES[id(frame)] = _Index(frame)
        weakref.finalize(frame, _INDEXES.pop, id(frame), None)
    return frame


def _narrow(frame: pd.DataFrame, values: Mapping[str, Any]) -> tuple[pd.DataFrame, Mapping[str, Any]]:
    """Return the rows that hold the single texts asked for, where the table has an index, and what else is asked."""
    index = _INDEXES.get(id(frame))
    asked = {name: str(value) for name, value in values.items() if name in TEXT and isinstance(value, str)}
    if index is None or not asked:
        return frame, values
    return frame.take(index.find(asked)), {name: value for name, value in values.items() if name not in asked}


def derive_csv(frame: pd.DataFrame) -> bytes:
    """Return a frame as CSV bytes: UTF-8, LF, shortest floats that read back equal, empty for missing."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(frame.columns)
    for values in frame.itertuples(index=False, name=None):
        writer.writerow([_derive_text(value) for value in values])
    return out.getvalue().encode("utf-8")


def _derive_text(value: Any) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    return repr(float(value)) if isinstance(value, float) else str(value)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: a temporary neighbour, fsync, then rename.

    Raises:
        OSError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_rows(path: Path) -> pd.DataFrame:
    """Read a table of result rows.

    Raises:
        OSError: the file cannot be read.
        ResultError: its columns are not those of a result table.
    """
    frame = pd.read_csv(path, dtype=dict.fromkeys(TEXT, str), keep_default_na=False,
                        na_values={name: [""] for name in (*FLOATS, *COUNTS)}, encoding="utf-8",
                        float_precision="round_trip")  # fmt: skip
    if tuple(frame.columns) != COLUMNS:
        raise ResultError(f"{path.name}: not a table of result rows")
    return index_rows(_derive_types(frame))


def read_series(path: Path) -> pd.DataFrame:
    """Read a table of curves.

    Raises:
        OSError: the file cannot be read.
        ResultError: its columns are not those of a series table.
    """
    frame = pd.read_csv(path, dtype=dict.fromkeys(SERIES_KEY, str), keep_default_na=False,
                        na_values={name: [""] for name in ("x", "y", "lower", "upper")}, encoding="utf-8",
                        float_precision="round_trip")  # fmt: skip
    if tuple(frame.columns) != SERIES_COLUMNS:
        raise ResultError(f"{path.name}: not a table of series")
    return frame
