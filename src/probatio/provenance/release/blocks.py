"""Rows that belong together: parts of one whole, thresholds within thresholds, strata of one margin.

A difference of published totals is a count too. What could be found by it counts as if it were published:

- parts of a whole: their sum is known, so that a part that is left out must not stand alone, and the parts left out
  must together not be small. Parts are left out from the smallest on, until both hold (`choose_hidden`).
- thresholds within thresholds: the difference of neighbours.
- everything else that belongs together goes whole or not at all.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.provenance.release.counts import NOTHING, find_least
from probatio.resampling import Floats

BLOCK: Final = ["section", "analysis", "source", "comparator", "variable", "stratum_by", "group"]
_WITHIN: Final = {"exact_rate": "within_days"}
"""An exact date is within any number of days."""


def derive_block_floors(rows: pd.DataFrame, counts: pd.DataFrame, own: Floats, minimum: int) -> Floats:
    """Return the floor of each row given the rows of its block.

    Args:
        rows: result rows with `shape`, `group` and `stated`.
        counts: their counts.
        own: their own floors.
        minimum: below it a count is small; only parts of a whole ask for it.
    """
    floors = own.copy()
    shape = rows["shape"].to_numpy(dtype=object)
    chain = np.isin(shape, ("nested", "chained"))
    floors[chain] = np.minimum(floors[chain], _compute_chain_floors(rows[chain], counts[chain]))
    _spread(rows, floors, np.isin(shape, ("nested", "all", "strata")), BLOCK)
    parts = shape == "parts"
    whole = _find_block_least(rows, floors, shape == "whole", parts)
    floors[parts] = _compute_part_floors(rows[parts], counts[parts], floors[parts], minimum)
    floors[shape == "whole"] = whole
    return floors


def _spread(rows: pd.DataFrame, floors: Floats, held: NDArray[np.bool_], key: list[str]) -> None:
    """Give every row of a block the smallest floor of the block."""
    if held.any():
        codes = rows.loc[held, key].groupby(key, sort=False).ngroup().to_numpy()
        least = np.full(codes.max() + 1, NOTHING)
        np.minimum.at(least, codes, floors[held])
        floors[held] = least[codes]


def _find_block_least(
    rows: pd.DataFrame, floors: Floats, asking: NDArray[np.bool_], parts: NDArray[np.bool_]
) -> Floats:
    """Return, for each asking row, the smallest floor among all rows of its group, whatever their stratum or term."""
    if not asking.any():
        return np.empty(0)
    key = [name for name in BLOCK if name != "stratum_by"]
    held = rows["group"].isin(set(rows.loc[asking, "group"])).to_numpy()
    spread = floors.copy()
    _spread(rows, spread, held, key)
    return spread[asking]


def _compute_chain_floors(rows: pd.DataFrame, counts: pd.DataFrame) -> Floats:
    """Return for each row the smallest step of its chain: k, n and n - k of neighbours."""
    if rows.empty:
        return np.empty(0)
    named = rows["stated"].replace(_WITHIN)
    term = rows["term"].where((rows["at"] != "") | (rows["shape"] == "chained"), "")
    key = [*(rows[name] for name in (*BLOCK, "stratum")), named, term]
    floors = np.full(len(rows), NOTHING)
    codes = np.asarray(pd.concat(key, axis=1).groupby(key, sort=False).ngroup(), dtype=np.int64)
    kind = rows["kind"].to_numpy(dtype=object)
    for column, only in (("n", None), ("k", None), ("rest", None), ("shown", "tally"), ("implied", "implied")):
        value = counts[column].to_numpy(dtype=float)
        _lower_by_steps(floors, codes, value if only is None else np.where(kind == only, value, np.nan))
    return floors


def _lower_by_steps(floors: Floats, codes: NDArray[np.int64], value: Floats) -> None:
    known = np.flatnonzero(np.isfinite(value))
    order = known[np.lexsort((value[known], codes[known]))]
    same = codes[order][1:] == codes[order][:-1]
    step = np.where(same, np.diff(value[order]), np.nan)
    least = np.full(codes.max() + 1, NOTHING)
    np.minimum.at(least, codes[order][1:], find_least(step))
    np.minimum(floors, least[codes], out=floors)


def _compute_part_floors(rows: pd.DataFrame, counts: pd.DataFrame, floors: Floats, minimum: int) -> Floats:
    out = floors.copy()
    key = [*BLOCK, "stratum"]
    for places in rows.groupby(key, sort=False).indices.values():
        names = (rows["term"] + "|" + rows["at"]).to_numpy(dtype=object)[places].astype(str)
        terms, place = np.unique(names, return_inverse=True)
        own = np.full(len(terms), NOTHING)
        np.minimum.at(own, place, floors[places])
        table = _derive_part_table(rows.iloc[places], counts.iloc[places], place, len(terms))
        out[places] = np.where(choose_hidden(own, table, minimum)[place], 0.0, floors[places])
    return out


def _derive_part_table(rows: pd.DataFrame, counts: pd.DataFrame, place: NDArray[np.intp], size: int) -> Floats:
    """Return the counts that add up over parts, shape (parts + 1, counts); the last line is what no part holds."""
    columns = []
    for _, at in sorted(rows.groupby(["stated", "method"], sort=False).indices.items()):
        n, k = (counts[name].to_numpy(dtype=float)[at] for name in ("n", "k"))
        k = np.where(np.isnan(k), counts["shown"].to_numpy(dtype=float)[at], k)
        alike = len(np.unique(n)) == 1 and len(at) > 1
        for value in (k,) if alike else (n, k, n - k):
            column = np.zeros(size + 1)
            column[place[at]] = np.nan_to_num(value)
            column[-1] = max(n[0] - np.nansum(k), 0.0) if alike else 0.0
            columns.append(column)
    return np.stack(columns, axis=1)


def choose_hidden(own: Floats, table: Floats, minimum: int) -> NDArray[np.bool_]:
    """Return which parts of a whole to leave out, shape (parts,).

    Parts are ordered by their floor. The fewest are left out such that every other part is large enough, no part is
    left out alone, and what is left out is together large enough: an attacker who knows the whole then knows of a
    part left out no more than that it lies between 0 and a number not below the minimum.

    Args:
        own: floor of each part by itself.
        table: counts of each part, shape (parts + 1, counts); the last line belongs to no part and is not published.
        minimum: below it a count is small.
    """
    size = len(own)
    left = table[-1]
    order = np.argsort(own, kind="stable")
    count = 0
    for count in range(size + 1):
        if (own[order[count:]] < minimum).any() or (count == 1 and not left.any()):
            continue
        together = left + table[order[:count]].sum(axis=0)
        if find_least(*together[:, None]).min() >= minimum:
            break
    hidden = np.zeros(size, dtype=bool)
    hidden[order[:count]] = True
    return hidden
