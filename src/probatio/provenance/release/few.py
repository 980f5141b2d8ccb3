"""Numbers that few patients move: a mean and its interval tell how many, as surely as a count does.

Of n differences, one of which is not zero, the mean is d/n and its standard error |d|/n: their ratio is 1 whatever d
is. Of k alike it is about the root of k. Hence:

- means of differences, their spread and limits, and Lin's coefficient go where the values beyond tolerance are few;
- differences between two sources on the same patients go where few patients have another value.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from probatio.provenance.release.counts import NOTHING, find_least
from probatio.provenance.release.outcomes import STRATUM
from probatio.resampling import Floats

_MOMENTS: Final = ("bias", "ccc", "sd_difference", "loa_lower", "loa_upper", "difference_slope")
_CHANGED: Final = ("changed_rate", "carried", "carriers")
_SIDES: Final = ["section", "analysis", "source", "comparator"]


def derive_moment_floors(rows: pd.DataFrame, atoms: pd.DataFrame) -> Floats:
    """Return the number of wrong values behind each row that they move; of its stratum, or where unknown of all."""
    floors = np.full(len(rows), NOTHING)
    held = rows["stated"].isin(_MOMENTS).to_numpy()
    wrong = (atoms["both"] - atoms["C"]).fillna(atoms["error"] - atoms["O"] - atoms["U"])
    own = wrong.reindex(pd.MultiIndex.from_frame(rows.loc[held, STRATUM]))
    whole = wrong.reindex(pd.MultiIndex.from_frame(rows.loc[held, STRATUM].assign(stratum_by="", stratum="")))
    floors[held] = find_least(own.fillna(pd.Series(whole.to_numpy(), index=own.index)).to_numpy(dtype=float))
    return floors


def derive_change_floors(rows: pd.DataFrame, counts: pd.DataFrame) -> Floats:
    """Return the number of patients whose value differs between the two sources of each difference."""
    listed = rows["metric"].isin(_CHANGED) & counts["k"].notna()
    single = rows["metric"] == "changed_rate"
    known = rows.loc[listed, [*_SIDES, "variable"]].assign(k=counts.loc[listed, "k"])
    known.loc[~single[listed], "variable"] = ""
    least = known[known["k"] > 0].groupby([*_SIDES, "variable"])["k"].min()
    moved = rows["metric"].str.startswith("delta_") | rows["metric"].isin(["smd", *_CHANGED])
    floors = np.full(len(rows), NOTHING)
    for of in (rows[[*_SIDES, "variable"]], rows[_SIDES].assign(variable="")):
        found = least.reindex(pd.MultiIndex.from_frame(of[moved])).fillna(NOTHING).to_numpy()
        floors[moved] = np.minimum(floors[moved], found)
    return floors
