"""Compare a run with its repetition, row by row: identical, equal within tolerance, or different."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from probatio.provenance.layout import RunFolder, TaskFolder
from probatio.provenance.manifest import Manifest, read_manifest
from probatio.provenance.outputs import find_altered
from probatio.results import FLOATS, KEY, SERIES_KEY, read_rows, read_series

RELATIVE_TOLERANCE = 1e-9
"""The last digits of sums and solvers move with the processor's instruction set; nine digits do not."""
ABSOLUTE_TOLERANCE = 1e-12
"""Two values this near zero (differences, correlations) are both zero up to rounding."""

_COMPARED = ("task", "table", "key", "column", "stored", "again", "outcome")
_POINT = "point"
_NOT_COMPARED = ("protocol_digest",)  # the protocol is compared as such; else one change would mark every row


class Outcome(StrEnum):
    """What the comparison of one row says."""

    IDENTICAL = "identical"
    WITHIN = "equal within tolerance"
    DIFFERENT = "different"
    MISSING = "missing"
    EXTRA = "extra"


_GOOD = (Outcome.IDENTICAL, Outcome.WITHIN)


@dataclass(frozen=True)
class Verification:
    """What repeating a run has shown.

    `counts`: per task and table (`rows`, or a series' name), how many rows have each outcome.
    `differences`: one line per value that is not identical, with both values; a missing or extra
    row takes one line. `inputs`: sentences on what was not the same to begin with, or was altered since.
    `notes`: sentences on another environment, which may move last digits but should change nothing else.
    """

    counts: pd.DataFrame
    differences: pd.DataFrame
    inputs: list[str]
    notes: list[str]

    @property
    def outcome(self) -> Outcome:
        """The one word for the whole run."""
        if self.inputs or not set(self.differences["outcome"]) <= set(_GOOD):
            return Outcome.DIFFERENT
        return Outcome.WITHIN if len(self.differences) else Outcome.IDENTICAL


def verify_run(run: Path, again: Path) -> Verification:
    """Compare a run with its repetition in another folder.

    Integers, text, status and reason must be equal; floats may differ by a relative 1e-9 or an
    absolute 1e-12. Rows are matched by their key, points of a curve by their rank in the curve.

    Raises:
        UserError: one of the folders holds no complete run.
        ResultError: a table breaks its contract.
    """
    stored, repeated = read_manifest(run), read_manifest(again)
    altered = [
        f"{name}: no longer what the manifest recorded; altered after the run" for name in find_altered(run, stored)
    ]
    inputs = [*altered, *_find_other_inputs(stored, repeated)]
    counts, differences = [], []
    for task, table in _find_tables(run, again, stored, repeated):
        lines, numbers = _compare_files(RunFolder(run).get_task(task), RunFolder(again).get_task(task), table)
        counts.append({"task": task, "table": table, **numbers})
        differences += [{"task": task, "table": table, **line} for line in lines]
    columns = ["task", "table", *map(str, Outcome)]
    return Verification(
        counts=pd.DataFrame(counts, columns=columns),
        differences=pd.DataFrame(differences, columns=list(_COMPARED)),
        inputs=inputs,
        notes=list(_find_other_environment(stored, repeated)),
    )


def _find_other_inputs(stored: Manifest, again: Manifest) -> Iterator[str]:
    if stored.protocol.digest != again.protocol.digest:
        yield f"protocol {stored.protocol.path}: changed since the run"
    yield from (f"data {name}: changed since the run" for name in _find_changes(stored.data, again.data))
    notebooks = [{name: task.notebook for name, task in each.tasks.items()} for each in (stored, again)]
    yield from (f"notebook {name}: changed since the run" for name in _find_changes(*notebooks))


def _find_other_environment(stored: Manifest, again: Manifest) -> Iterator[str]:
    for name in ("probatio", "package", "commit", "python", "lock"):
        before, after = (str(each.environment.get(name, ""))[:12] for each in (stored, again))
        if before != after:
            yield f"{name}: {before or 'none'} at the run, {after or 'none'} now"
    before, after = (each.environment.get("packages", {}) for each in (stored, again))
    for name in _find_changes(before, after):
        yield f"{name}: {before.get(name, 'none')} at the run, {after.get(name, 'none')} now"


def _find_changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]


def _find_tables(run: Path, again: Path, *manifests: Manifest) -> list[tuple[str, str]]:
    found = set()
    for folder, manifest in zip((run, again), manifests, strict=True):
        for task in manifest.tasks:
            series = RunFolder(folder).get_task(task).series.glob("*.csv")
            found |= {(task, "rows"), *((task, f"series/{path.stem}") for path in series)}
    return sorted(found)


def _compare_files(stored: TaskFolder, again: TaskFolder, table: str) -> tuple[list[dict[str, Any]], dict[str, int]]:
    lines = list(_find_differences(_read_table(stored, table), _read_table(again, table)))
    marked = pd.DataFrame(lines, columns=["key", "column", "stored", "again", "outcome"])
    worst = marked.groupby("key")["outcome"].agg(_find_worst)
    numbers = {str(outcome): int((worst == outcome).sum()) for outcome in Outcome}
    total = len(_read_table(stored, table).index.union(_read_table(again, table).index))
    return lines, numbers | {str(Outcome.IDENTICAL): total - len(worst)}


def _find_worst(outcomes: Iterable[Outcome]) -> Outcome:
    return max(outcomes, key=list(Outcome).index)


def _read_table(task: TaskFolder, table: str) -> pd.DataFrame:
    path = task.path / f"{table}.csv"
    if table == "rows":
        frame = read_rows(path) if path.is_file() else pd.DataFrame(columns=list(KEY))
        return frame.drop(columns=list(_NOT_COMPARED), errors="ignore").set_index(_derive_keys(frame, KEY))
    frame = read_series(path) if path.is_file() else pd.DataFrame(columns=list(SERIES_KEY))
    frame[_POINT] = frame.groupby(list(SERIES_KEY)).cumcount()
    keys = _derive_keys(frame, (*SERIES_KEY, _POINT))
    return frame.drop(columns=_POINT).set_index(keys)


def _derive_keys(frame: pd.DataFrame, key: tuple[str, ...]) -> pd.Index:
    shown = [name for name in key if name not in ("study", "section")]
    named = (
        " ".join(f"{name}={value}" for name, value in zip(shown, values, strict=True) if not _is_empty(value))
        for values in frame[shown].itertuples(index=False, name=None)
    )
    return pd.Index(list(named), dtype=object)


def _is_empty(value: Any) -> bool:
    return bool(pd.isna(value)) or value == ""


def _find_differences(stored: pd.DataFrame, again: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for keys, outcome in (
        (stored.index.difference(again.index), Outcome.MISSING),
        (again.index.difference(stored.index), Outcome.EXTRA),
    ):
        yield from ({"key": key, "column": "", "stored": "", "again": "", "outcome": outcome} for key in keys)
    shared = stored.index.intersection(again.index).sort_values()
    for column in (name for name in stored.columns if name in again.columns):
        yield from _compare_column(column, stored.loc[shared, column], again.loc[shared, column])


def _compare_column(column: str, stored: pd.Series, again: pd.Series) -> Iterator[dict[str, Any]]:
    same = (stored == again).fillna(False).to_numpy(bool) | (stored.isna() & again.isna()).to_numpy(bool)
    near = np.zeros(len(same), bool)
    if column in (*FLOATS, "x", "y"):
        near = np.isclose(
            stored.to_numpy(float), again.to_numpy(float), rtol=RELATIVE_TOLERANCE, atol=ABSOLUTE_TOLERANCE
        )
    for place in np.flatnonzero(~same).tolist():
        yield {
            "key": stored.index[place],
            "column": column,
            "stored": _derive_text(stored.iloc[place]),
            "again": _derive_text(again.iloc[place]),
            "outcome": Outcome.WITHIN if near[place] else Outcome.DIFFERENT,
        }


def _derive_text(value: Any) -> str:
    if pd.isna(value):
        return ""
    return repr(float(value)) if isinstance(value, float) else str(value)
