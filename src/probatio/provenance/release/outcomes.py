"""The outcomes of values as nested tables, and how small their smallest cell is.

The rates of one source, comparator and variable are sums of five counts C, W, O, U, B. They are disclosed in steps:

| level | rates | cells an attacker then knows |
|---|---|---|
| 0 | error_rate_all | W+O+U, C+B |
| 1 | error_rate | C, W+O, U, B: that the reference has a value is known from other sources |
| 2 | every other rate | C, W, O, U, B |
| 3 | non-conformant values, counts | non-conformant values among those delivered as well |

Published totals are unions of the cells of one partition. If each cell is 0 or not below the minimum, so is every total
that sums and differences of them can reach, and what is finer than a cell may lie anywhere between 0 and the cell.
A level is left out, with all above it, where a cell is too small.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from probatio.provenance.release.counts import NOTHING, find_least
from probatio.resampling import Floats

PAIR: Final = ["source", "comparator", "variable"]
STRATUM: Final = [*PAIR, "stratum_by", "stratum"]
LEVELS: Final = 4
_BASES: Final = {
    "error_rate_all": ("all", "error"),
    "error_rate": ("judged", "error"),
    "omission_rate": ("present", "O"),
    "unsupported_share": ("delivered", "U"),
    "non_conformant_rate": ("delivered", "non_conformant"),
    "agreement_rate": ("both", "C"),
    "presence_disagreement_rate": ("judged", "OU"),
}
_KNOWN: Final = ["all", "error", "judged", "present", "O", "delivered", "U", "non_conformant", "both", "C", "OU", "B"]


def derive_atoms(rows: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    """Return what is known of each table of outcomes, one line per source, comparator, variable and stratum.

    Args:
        rows: result rows of the agreement.
        counts: their counts, in the same order.

    Returns:
        Sums of outcomes (`all, error, judged, present, O, …`), NaN where no row says, indexed by `STRATUM`.
    """
    found = []
    for metric, names in _BASES.items():
        held = (rows["metric"] == metric) & counts["k"].notna()
        part = rows.loc[held, STRATUM].assign(**{names[0]: counts.loc[held, "n"], names[1]: counts.loc[held, "k"]})
        found.append(part.groupby(STRATUM, sort=False).first())
    held = (rows["metric"] == "count") & (rows["unit"] == "values") & rows["term"].isin(["C", "O", "U", "B"])
    listed = rows.loc[held, [*STRATUM, "term"]].assign(k=counts.loc[held, "k"], all=counts.loc[held, "n"])
    found.append(listed.pivot_table(index=STRATUM, columns="term", values="k", aggfunc="first"))
    found.append(listed.groupby(STRATUM, sort=False)[["all"]].first())
    together = pd.concat(found, axis=0)
    return together.groupby(level=list(range(len(STRATUM))), sort=True).first().reindex(columns=_KNOWN)


def compute_floors(atoms: pd.DataFrame) -> Floats:
    """Return the floors of tables, shape (tables, levels): the smallest cell above zero up to each level."""
    a = {name: atoms[name].to_numpy(dtype=float) for name in _KNOWN}
    unsupported = _first(a["U"], a["judged"] - a["present"], a["OU"] - a["O"])
    absent = _first(a["B"], a["all"] - a["judged"])
    correct = _first(a["C"], a["judged"] - a["error"])
    wrong = _first(a["both"] - a["C"], a["error"] - a["O"] - unsupported)
    steps = [
        find_least(a["all"], a["error"], a["all"] - a["error"]),
        find_least(a["judged"], correct, a["error"] - unsupported, unsupported, absent, a["OU"]),
        find_least(wrong, a["O"], a["OU"] - a["O"], a["present"], a["delivered"], a["both"]),
        find_least(a["non_conformant"], wrong - a["non_conformant"], a["delivered"] - a["non_conformant"]),
    ]
    return np.minimum.accumulate(np.stack(steps, axis=1), axis=1)


def derive_outcome_floors(atoms: pd.DataFrame) -> pd.DataFrame:
    """Return the floors of whole tables and of margins, indexed by source, comparator, variable, stratum_by.

    A margin is let out whole or not at all: its floor is the smallest of its strata's, of what the strata leave of
    the total, and of the total's own. It needs level 1 even for level 0: how many values the reference has in each
    stratum may be known from another source, and three tables of two (stratum by error, stratum by presence, presence
    by error) can pin what none of them shows.
    """
    whole = atoms[atoms.index.get_level_values("stratum_by") == ""]
    floors = pd.DataFrame(compute_floors(whole), index=whole.index.droplevel("stratum"), columns=range(LEVELS))
    parts = atoms[atoms.index.get_level_values("stratum_by") != ""]
    if parts.empty:
        return floors
    margins = parts.groupby(level=[*PAIR, "stratum_by"], sort=True).sum(min_count=1)
    total = whole.droplevel(["stratum_by", "stratum"]).reindex(margins.index.droplevel("stratum_by"))
    left = pd.DataFrame(total.to_numpy() - margins.to_numpy(), index=margins.index, columns=margins.columns)
    split = pd.DataFrame(compute_floors(parts), index=parts.index.droplevel("stratum"), columns=range(LEVELS))
    split = split.groupby(level=list(range(4)), sort=True).min()
    rest = pd.DataFrame(compute_floors(left), index=left.index, columns=range(LEVELS))
    above = floors.droplevel("stratum_by").reindex(split.index.droplevel("stratum_by")).fillna(NOTHING)
    least = np.minimum(np.minimum(split.to_numpy(), rest.reindex(split.index).to_numpy()), above.to_numpy())
    least[:, 0] = least[:, 1]
    return pd.concat([floors, pd.DataFrame(least, index=split.index, columns=range(LEVELS))])


def _first(*candidates: Floats) -> Floats:
    """Return, place by place, the first candidate that is known."""
    value = np.full_like(candidates[0], np.nan)
    for each in candidates:
        value = np.where(np.isnan(value), each, value)
    return value
