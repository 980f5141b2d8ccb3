"""Completeness, conformance and range of what each source delivered, with or without a reference.

Denominators are the cells a source was asked and able to fill (`assessments`): what was not due, or
whose document was not supplied, is neither missing nor complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from probatio.measures.rates import compute_reporting_interval, derive_rate_rows, derive_rows, derive_silent
from probatio.protocol import Protocol
from probatio.records import Records, select_leading
from probatio.resampling import compute_clustered_mean
from probatio.results import Reason, Status

_CELL = ["source", "variable", "visit", "patient_id"]
_KEY = ["source", "variable", "term", "stratum_by", "stratum"]


class _Cut(NamedTuple):
    """One way to group cells: the columns that identify a group, and the stratum they stand for."""

    by: tuple[str, ...]
    stratum_by: str


_CUTS = (
    _Cut(("source", "variable"), ""),
    _Cut(("source", "form"), ""),
    _Cut(("source", "form", "centre"), "centre"),
    _Cut(("source", "variable", "centre"), "centre"),
)


def estimate_completeness(records: Records, protocol: Protocol) -> pd.DataFrame:
    """Return missing, non-conformant and out-of-range rates, overall and by centre.

    Rows: `missing_rate` over assessed cells of required variables (not applicable to one that may be
    absent, such as a death date) per source x variable, and per form (`term`; `variable`
    empty), overall and by centre; `non_conformant_rate` over delivered values and `out_of_range_rate`
    over conformant numbers with a declared range, per source x variable. Intervals are Wilson's,
    clustered by patient where a patient has several cells. Centres under the protocol's minimum are
    suppressed. Of a technology with several runs only the leading one has rows.

    Source: Kahn et al. 2016, eGEMs 4(1):1244 (completeness, value conformance, atemporal plausibility).
    """
    cells = derive_completeness_cells(records, protocol)
    due = cells[cells["required"]]
    frames = [
        _estimate_rate(due[due["form"] != ""] if "form" in cut.by else due, "missing_rate", "missing", cut, protocol)
        for cut in _CUTS
    ]
    frames.append(_derive_absent(cells[~cells["required"]]))
    delivered = cells[~cells["missing"]]
    ranged = delivered[delivered["ranged"] & ~delivered["non_conformant"]]
    for metric, column, used, asked in (
        ("non_conformant_rate", "non_conformant", delivered, cells),
        ("out_of_range_rate", "out_of_range", ranged, cells[cells["ranged"]]),
    ):
        frames += [_estimate_rate(used, metric, column, _CUTS[0], protocol), _derive_empty(asked, used, metric)]
    return pd.concat([frame for frame in frames if len(frame)], ignore_index=True)


def _derive_empty(asked: pd.DataFrame, used: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the rows of sources and variables without a value to judge."""
    groups = asked[["source", "variable"]].drop_duplicates()
    known = pd.MultiIndex.from_frame(used[["source", "variable"]])
    lacking = groups[~pd.MultiIndex.from_frame(groups).isin(known)].sort_values(["source", "variable"])
    silent = {"status": str(Status.NOT_ESTIMABLE), "reason": str(Reason.EMPTY_DENOMINATOR)}
    return derive_rows(lacking, metric=metric, unit="proportion", n=0, cluster_unit="patient", **silent)


def _derive_absent(cells: pd.DataFrame) -> pd.DataFrame:
    counts = cells.groupby(["source", "variable"]).size().reset_index(name="n")
    silent = {"status": str(Status.NOT_APPLICABLE), "reason": str(Reason.MAY_BE_ABSENT)}
    return derive_rows(counts, metric="missing_rate", n=counts["n"].to_numpy(), **silent)


def derive_completeness_cells(records: Records, protocol: Protocol) -> pd.DataFrame:
    """Return one row per assessed cell: missing, non_conformant, out_of_range (bool), form, centre.

    Repeated events count once per patient: any attribute, or an explicit *none*, fills the cell.
    """
    delivered = select_leading(records.records, protocol)
    delivered = delivered[delivered["state"].isin(["value", "negative"])].copy()
    delivered["variable"] = delivered["variable"].str.split(".").str[0]
    delivered["out_of_range"] = _find_out_of_range(delivered, protocol)
    delivered["non_conformant"] = ~delivered["conformant"].astype(bool)
    filled = delivered.groupby(_CELL)[["non_conformant", "out_of_range"]].any()
    cells = (
        select_leading(records.assessments, protocol)[_CELL]
        .drop_duplicates()
        .merge(filled, on=_CELL, how="left", indicator=True)
    )
    cells["missing"] = cells["_merge"].eq("left_only")
    for name in ("non_conformant", "out_of_range"):
        cells[name] = cells[name].eq(True)
    cells["ranged"] = cells["variable"].isin([v.name for v in protocol.variables if v.range])
    cells["required"] = cells["variable"].isin([v.name for v in protocol.variables if v.required])
    cells["form"] = cells["variable"].map({variable.name: variable.form for variable in protocol.variables})
    cells["centre"] = cells["patient_id"].map(records.patients["centre"])
    ordered: pd.DataFrame = cells.drop(columns="_merge").sort_values(_CELL, kind="stable", ignore_index=True)
    return ordered


def _find_out_of_range(delivered: pd.DataFrame, protocol: Protocol) -> pd.Series:
    found = np.zeros(len(delivered), dtype=bool)
    for variable in protocol.variables:
        if variable.range is None:
            continue
        own = delivered["variable"].eq(variable.name) & delivered["conformant"] & delivered["state"].eq("value")
        numbers = pd.to_numeric(delivered.loc[own, "value"], errors="coerce")
        found[own.to_numpy(dtype=bool)] = ~numbers.between(*variable.range).to_numpy()
    return pd.Series(found, index=delivered.index)


def _estimate_rate(cells: pd.DataFrame, metric: str, column: str, cut: _Cut, protocol: Protocol) -> pd.DataFrame:
    if cells.empty:
        return pd.DataFrame()
    place, groups = _derive_groups(cells, cut.by)
    patients = pd.factorize(cells["patient_id"], sort=True)[0].astype(np.int64)
    mean = compute_clustered_mean(cells[column].to_numpy(np.int8), place, patients, np.ones(len(cells)), len(groups))
    interval = compute_reporting_interval(mean, protocol.level)
    identity = groups.rename(columns={"form": "term", "centre": "stratum"}).assign(stratum_by=cut.stratum_by)
    identity = identity.reindex(columns=_KEY, fill_value="")
    rows = derive_rate_rows(identity, metric, mean, interval, level=protocol.level, unit="patient")
    if not cut.stratum_by:
        return rows
    small = (rows["clusters"] < protocol.min_stratum).to_numpy(dtype=bool)
    return derive_silent(rows, small, Status.SUPPRESSED, Reason.SMALL_STRATUM)


def _derive_groups(cells: pd.DataFrame, by: Sequence[str]) -> tuple[np.ndarray, pd.DataFrame]:
    groups = cells[list(by)].drop_duplicates().sort_values(list(by), kind="stable", ignore_index=True)
    place = cells[list(by)].merge(groups.assign(place=range(len(groups))), on=list(by), how="left")["place"]
    return place.to_numpy(np.int64), groups
