"""Rows of different tables that a subtraction links: sources on the same patients, variables and their sum, copies.

| what is subtracted | what it would show | what is done |
|---|---|---|
| numbers of values of two sources | values one source was not asked for | a number near another's goes |
| numbers of values of one source | missing values | a number near a total goes |
| a sum over variables, or a form's, less the variables | a variable left out alone | the sum goes too |
| missing values of all less those of labelled patients | those of the others | finer outcomes go |
| all values less a part of them | the other part | the part goes |
| a difference of shares less one of them | the other share | the difference goes with either |
| joint errors of two variables | the errors of one of them | they go with either |
| the same count under another name | itself | it goes wherever it stands |
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.provenance.release.catalogue import FREE
from probatio.provenance.release.counts import NOTHING, find_least
from probatio.provenance.release.outcomes import LEVELS, PAIR, compute_floors
from probatio.provenance.release.patients import ANALYSED, list_sizes
from probatio.resampling import Floats

COPY: Final = [*PAIR, "stratum_by", "stratum"]


def compute_chain_floors(values: Sequence[float], minimum: int) -> dict[float, float]:
    """Return the floor of each of several totals that may lie within one another.

    From the largest down, a total stays if it equals the last one that stayed or lies at least the minimum below it.
    Asked for every smaller minimum as well, so that a larger one never lets out what a smaller one holds back.
    """
    ordered = sorted({value for value in values if np.isfinite(value)}, reverse=True)
    floors = dict.fromkeys(ordered, NOTHING)
    for least in range(minimum, 1, -1):
        last = NOTHING
        for value in ordered:
            if last - value >= least:
                last = value
            else:
                floors[value] = float(least - 1)
    return floors


def derive_table_chain(atoms: pd.DataFrame, minimum: int) -> pd.Series:
    """Return the floor of each table of outcomes beside those of other sources on the same variable, by `PAIR`."""
    whole = atoms.loc[atoms.index.get_level_values("stratum_by") == "", "all"].dropna().reset_index()
    floors = _chain(whole, ["comparator", "variable"], "all", minimum)
    return pd.Series(floors, index=pd.MultiIndex.from_frame(whole[PAIR]))


def derive_source_floors(rows: pd.DataFrame, counts: pd.DataFrame, tables: pd.Series, minimum: int) -> Floats:
    """Return the floor of each row beside other sources on the same variable, or in the same analysis."""
    floors = np.full(len(rows), NOTHING)
    attached = (rows["level_"] >= 0).to_numpy() & (rows["comparator"] != "").to_numpy()
    known = pd.MultiIndex.from_frame(rows.loc[attached, PAIR])
    floors[attached] = tables.reindex(known).fillna(NOTHING).to_numpy()
    other = ~counts["n"].isin(list_sizes(rows, counts))  # a number of the study's own patients is told anyway
    for held, key in _list_chained(rows, other):
        part = rows.loc[held, key].assign(n=counts.loc[held, "n"])
        floors[held] = np.minimum(floors[held], _chain(part, key, "n", minimum))
    return np.asarray(np.minimum(floors, _derive_event_floors(rows, counts, minimum)))


def _derive_event_floors(rows: pd.DataFrame, counts: pd.DataFrame, minimum: int) -> Floats:
    """Return the floor of each row of an analysis beside others of one source: patients with an event, and without."""
    floors = np.full(len(rows), NOTHING)
    held = rows["section"].isin(ANALYSED) & rows["kind"].isin(["continuous", "implied", "resting"])
    held &= (rows["analysis"] != "") & counts["k"].notna()
    key = ["analysis", "source", "variable", "term"]
    for total in ("k", "rest"):
        part = rows.loc[held, key].assign(**{total: counts.loc[held, total]})
        floors[held] = np.minimum(floors[held], _chain(part, key, total, minimum))
    return floors


def _list_chained(rows: pd.DataFrame, other: pd.Series) -> list[tuple[NDArray[np.bool_], list[str]]]:
    """Return which rows state how many values or patients they rest on, and within what these numbers are compared."""
    asked = (rows["stated"] == "missing_rate") | ((rows["metric"] == "check") & (rows["term"] == "value_present"))
    section, kind = rows["section"], rows["kind"]
    analysed = (section == "04_replication") & kind.isin(["share", "implied", "tally", "counted", "continuous"])
    analysed &= rows["analysis"] != ""
    own = section.isin(["02_data_quality", "07_confidence", "08_review"]) | rows["group"].isin(
        ["differential", "pairs"]
    )
    own &= kind.isin(["share", "continuous", "counted"]) & (rows["variable"] != "") & (rows["source"] != "")
    raters = (kind == "raters") | (rows["metric"] == "agreement_difference")
    chained = {
        ("section", "variable"): (asked & (section == "02_data_quality") & (rows["stratum_by"] == "")) | raters,
        ("section", "variable", "term"): analysed,
        ("study",): section.isin(ANALYSED) & kind.isin(["continuous", "resting"]) & (rows["analysis"] != "") & other,
        ("section", "stratum"): (section == "05_correction") & (kind == "continuous"),
        ("section", *PAIR, "stratum_by", "stratum"): own & ~rows["stratum_by"].str.startswith("centre"),
    }
    return [(held.to_numpy(), list(key)) for key, held in chained.items()]


def _chain(part: pd.DataFrame, key: list[str], total: str, minimum: int) -> Floats:
    floors = np.full(len(part), NOTHING)
    values = part[total].to_numpy(dtype=float)
    for places in part.groupby(key, sort=False).indices.values():
        found = compute_chain_floors(values[places].tolist(), minimum)
        floors[places] = [found.get(value, NOTHING) for value in values[places]]
    return floors


def derive_near_floors(rows: pd.DataFrame, counts: pd.DataFrame) -> Floats:
    """Return the floor of each row beside the totals of its source and variable: how far its n lies below one.

    Totals are the values asked and compared (01_cohort), asked (02_data_quality), and judged (03_agreement).
    """
    total = (rows["metric"] == "cells") & rows["term"].isin(["assessed", "compared"])
    total |= (rows["stated"] == "missing_rate") & (rows["stratum_by"] == "")
    total |= (rows["stated"] == "error_rate_all") & (rows["stratum_by"] == "")
    known = rows.loc[total, ["source", "variable"]].assign(total=counts.loc[total, "n"]).dropna().drop_duplicates()
    held = (rows["variable"] != "") & (rows["source"] != "") & counts["n"].notna() & ~rows["kind"].isin(FREE)
    asked = rows.loc[held, ["source", "variable"]].assign(n=counts.loc[held, "n"], place=np.flatnonzero(held))
    beside = asked.merge(known, on=["source", "variable"])
    floors = np.full(len(rows), NOTHING)
    np.minimum.at(floors, beside["place"].to_numpy(), find_least((beside["total"] - beside["n"]).to_numpy(dtype=float)))
    return floors


def derive_missing_floors(rows: pd.DataFrame, counts: pd.DataFrame, atoms: pd.DataFrame) -> pd.Series:
    """Return the floor of each table's finer outcomes: values missing where there is no reference."""
    held = (rows["metric"] == "missing_rate") & (rows["stratum_by"] == "") & (rows["term"] == "")
    missing = counts.loc[held, "k"].groupby([rows.loc[held, "source"], rows.loc[held, "variable"]]).first()
    whole = atoms[atoms.index.get_level_values("stratum_by") == ""].droplevel(["stratum_by", "stratum"])
    among = whole["all"] - whole["delivered"]
    asked = missing.reindex(among.index.droplevel("comparator")).to_numpy(dtype=float)
    return pd.Series(find_least(np.abs(asked - among.to_numpy(dtype=float))), index=among.index)


def derive_pooled_floors(
    atoms: pd.DataFrame, floors: pd.DataFrame, beside: pd.Series, minimum: int, events: Collection[str]
) -> pd.DataFrame:
    """Return the floors of tables with those of the sums over variables: what the variables left out sum to.

    Args:
        atoms: tables of outcomes.
        floors: their floors by `PAIR` and level, variables and sums alike.
        beside: their floors beside other sources, by `PAIR`.
        minimum: below it a count is small.
        events: variables of repeated events, which no sum holds.
    """
    whole = atoms[atoms.index.get_level_values("stratum_by") == ""].droplevel(["stratum_by", "stratum"])
    whole = whole.reindex(floors.index)
    names = whole.index.get_level_values("variable")
    summed = ~names.isin(["", *events]) & ~names.str.contains(".", regex=False)
    own = np.minimum(floors.to_numpy(), beside.reindex(floors.index).fillna(NOTHING).to_numpy()[:, None])
    sides = floors.reset_index()[["source", "comparator"]].groupby(["source", "comparator"], sort=False).ngroup()
    out = floors.to_numpy(copy=True)
    for place in np.flatnonzero(names == ""):
        held = summed & (sides.to_numpy() == sides.iloc[place])
        worst = _compute_pooled(whole.iloc[place : place + 1], whole[held], own[held], minimum)
        out[place] = np.minimum(out[place], worst)
    return pd.DataFrame(out, index=floors.index, columns=floors.columns)


def _compute_pooled(pooled: pd.DataFrame, single: pd.DataFrame, own: Floats, minimum: int) -> Floats:
    floors = np.full(LEVELS, NOTHING)
    for least in range(minimum, 1, -1):
        for level in range(LEVELS):
            gone = own[:, level] < least
            left = pooled - single[~gone].sum().to_numpy(dtype=float)
            alone = gone.sum() == 1
            if gone.any() and (alone or compute_floors(left)[0, level] < least):
                floors[level:] = np.minimum(floors[level:], least - 1)
    return floors


_SUBSETS: Final = {
    "shared_error_rate": ("all", "error"),
    "error_rate_all": ("all", "error"),
    "error_rate": ("judged", "error"),
    "omission_rate": ("present", "O"),
    "unsupported_share": ("delivered", "U"),
}


def derive_subset_floors(rows: pd.DataFrame, counts: pd.DataFrame, atoms: pd.DataFrame) -> Floats:
    """Return the floor of rates on a part of the values: what the rest of the values then shows."""
    floors = np.full(len(rows), NOTHING)
    whole = atoms[atoms.index.get_level_values("stratum_by") == ""].droplevel(["stratum_by", "stratum"])
    for metric, (base, hit) in _SUBSETS.items():
        held = ((rows["stated"] == metric) & (rows["stratum_by"] == "")).to_numpy()
        total = whole.reindex(pd.MultiIndex.from_frame(rows.loc[held, PAIR]))
        n = total[base].to_numpy(dtype=float) - counts.loc[held, "n"].to_numpy(dtype=float)
        k = total[hit].to_numpy(dtype=float) - counts.loc[held, "k"].to_numpy(dtype=float)
        floors[held] = find_least(n, k, n - k)
    return floors


_COMPARED: Final = ["section", "analysis", "variable", "term", "at", "stratum_by", "stratum"]


def derive_difference_floors(rows: pd.DataFrame, floors: Floats) -> Floats:
    """Return floors where a difference of two sources' shares goes wherever one of the shares goes."""
    of = rows["metric"].str.removeprefix("delta_")
    held = (rows["kind"] == "counted").to_numpy() & (of != rows["metric"]).to_numpy()
    key = [*_COMPARED, "source", "metric"]
    known = pd.Series(floors, index=pd.MultiIndex.from_frame(rows[key])).groupby(level=list(range(len(key)))).min()
    out = floors.copy()
    for side in ("source", "comparator"):
        asked = rows.loc[held, _COMPARED].assign(source=rows.loc[held, side], metric=of[held])
        out[held] = np.minimum(out[held], known.reindex(pd.MultiIndex.from_frame(asked)).fillna(NOTHING))
    return out


def derive_copy_floors(rows: pd.DataFrame, counts: pd.DataFrame, floors: Floats) -> Floats:
    """Return floors where a row goes wherever another row of its source and variable with the same n and k goes."""
    held = np.flatnonzero((counts["k"] > 0).to_numpy() & rows["kind"].isin(["share", "tally", "implied"]).to_numpy())
    part = rows.iloc[held][COPY].assign(n=counts["n"].iloc[held], k=counts["k"].iloc[held])
    codes = part.groupby([*COPY, "n", "k"], sort=False, dropna=False).ngroup().to_numpy()
    out = floors.copy()
    if len(held):
        least = np.full(codes.max() + 1, NOTHING)
        np.minimum.at(least, codes, floors[held])
        out[held] = least[codes]
    return out
