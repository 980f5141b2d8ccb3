"""Numbers of patients beside one another: those of the study, of an analysis, of its groups.

| what is subtracted | what it would show | what is done |
|---|---|---|
| patients of the study less those of a row | patients left out: without a value, not assessed | the number goes |
| patients of an analysis less those of a group, or of all groups | a small group; patients in no group | the same |
| a group in the cohort less the same in an analysis | patients of the group left out | the same |

The same is asked of events and of patients without one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.provenance.release.catalogue import FREE
from probatio.provenance.release.counts import NOTHING, find_least
from probatio.resampling import Floats

_STUDY: Final = ("read", "evaluated", "labelled")
_OTHER_UNITS: Final = ("documents", "decisions")
_SET: Final = ["analysis", "source", "stratum_by", "stratum"]
_GROUPS: Final = [*_SET, "variable"]
_PARTS: Final = ["n", "k", "rest"]
ANALYSED: Final = ("04_replication", "05_correction", "06_tolerance", "08_review")


def derive_study_floors(rows: pd.DataFrame, counts: pd.DataFrame) -> Floats:
    """Return how far the number of values or patients of each row lies below a number of patients of the study."""
    held = ~(rows["kind"].isin(FREE) | rows["unit"].isin(_OTHER_UNITS)).to_numpy()
    floors = np.full(len(rows), NOTHING)
    for size in list_sizes(rows, counts):
        beside = find_least(*(size - counts.loc[held, name].to_numpy(dtype=float) for name in ("n", "patients")))
        floors[held] = np.minimum(floors[held], beside)
    return floors


def list_sizes(rows: pd.DataFrame, counts: pd.DataFrame) -> list[float]:
    """Return the numbers of patients of the study: read, evaluated, with a reference."""
    total = (rows["metric"] == "patients") & (rows["variable"] == "") & rows["term"].isin(_STUDY)
    return sorted(set(counts.loc[total, "n"].dropna()))


def derive_group_floors(rows: pd.DataFrame, counts: pd.DataFrame) -> Floats:
    """Return the floor of each row of a group of patients: what is left of its analysis, or of the group's cohort."""
    floors = _compare_cohort(rows, counts)
    listed = (rows["metric"] == "events") & rows["section"].isin(ANALYSED)
    known = rows.loc[listed, [*_GROUPS, "term"]].join(counts.loc[listed, _PARTS])
    whole = known[(known["variable"] == "") & (known["term"] == "")].groupby(_SET)[_PARTS].first()
    parts = known[(known["variable"] != "") & (known["term"] != "")].groupby([*_GROUPS, "term"])[_PARTS].first()
    if parts.empty:
        return floors
    least = _find_left(parts, whole, list_sizes(rows, counts))
    key = pd.MultiIndex.from_frame(rows[_GROUPS])
    held = (rows["term"] != "").to_numpy() & rows["section"].isin(ANALYSED).to_numpy()
    return np.asarray(np.where(held, np.minimum(floors, least.reindex(key).fillna(NOTHING).to_numpy()), floors))


def _find_left(parts: pd.DataFrame, whole: pd.DataFrame, sizes: Sequence[float]) -> pd.Series:
    """Return by analysis and grouping the smallest of what one group, or all, leave of the analysis or the study."""
    summed = parts.groupby(level=_GROUPS).sum(min_count=1)
    least = pd.Series(_subtract(whole, summed), index=summed.index)
    for size in sizes:
        least = least.clip(upper=find_least(size - summed["n"].to_numpy(dtype=float)))
    single = pd.Series(_subtract(whole, parts), index=parts.index).groupby(level=_GROUPS).min()
    return least.clip(upper=single.reindex(summed.index))


def _subtract(whole: pd.DataFrame, table: pd.DataFrame) -> Floats:
    above = whole.reindex(table.index.droplevel(list(table.index.names[4:])))
    left = above.to_numpy(dtype=float) - table.to_numpy(dtype=float)
    return find_least(*left.T)


def _compare_cohort(rows: pd.DataFrame, counts: pd.DataFrame) -> Floats:
    """Return how far a group of an analysis lies below the same group of the cohort."""
    floors = np.full(len(rows), NOTHING)
    named = ((rows["variable"] != "") & (rows["term"] != "")).to_numpy()
    cohort = named & ((rows["section"] == "01_cohort") & rows["metric"].isin(["share", "count"])).to_numpy()
    held = named & rows["section"].isin(ANALYSED).to_numpy()
    sizes = rows.loc[cohort, ["variable", "term"]].assign(size=counts.loc[cohort, "k"]).dropna().drop_duplicates()
    asked = rows.loc[held, ["variable", "term"]].assign(n=counts.loc[held, "n"], place=np.flatnonzero(held))
    beside = asked.merge(sizes, on=["variable", "term"])
    _lower(floors, beside["place"].to_numpy(), find_least((beside["size"] - beside["n"]).to_numpy(dtype=float)))
    return floors


def _lower(floors: Floats, places: NDArray[np.intp], least: Floats) -> None:
    np.minimum.at(floors, places, least)
