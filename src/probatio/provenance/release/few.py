"""Numbers that few patients move: a mean and its interval tell how many, as surely as a count does.

Of n differences, one of which is not zero, the mean is d/n and its standard error |d|/n: their ratio is 1 whatever d
is. Of k alike it is about the root of k. Hence:

- means of differences, their spread and limits, and Lin's coefficient go where the values beyond tolerance are few;
- differences between two sources on the same patients go where few patients have another value;
- differences of shares too, where their interval says that few count otherwise: the variance is (b + c)/n² of b and c
  patients who count with one source alone. Score intervals (Tango, Newcombe) stand beside b + c itself.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Final

import numpy as np
import pandas as pd

from probatio.provenance.release.counts import NOTHING, find_least
from probatio.provenance.release.outcomes import STRATUM
from probatio.resampling import Floats

_MOMENTS: Final = ("bias", "ccc", "sd_difference", "loa_lower", "loa_upper", "difference_slope")
_CHANGED: Final = ("changed_rate", "carried", "carriers")
_RESAMPLED: Final = ("paired_t", "percentile_bootstrap")
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


def derive_discordance_floors(rows: pd.DataFrame, counts: pd.DataFrame, digits: int) -> Floats:
    """Return how many patients count with one source alone, as a difference of shares and its interval say.

    Asked of the numbers as they are, and as they leave with so many decimals.
    """
    floors = np.full(len(rows), NOTHING)
    held = (rows["group"] == "delta").to_numpy() & rows["method"].isin(_RESAMPLED).to_numpy()
    part, n = rows[held], counts.loc[held, "n"].to_numpy(dtype=float)
    quantiles = {level: NormalDist().inv_cdf((1 + level) / 2) for level in part["level"].dropna().unique()}
    quantile = part["level"].map(quantiles).to_numpy(dtype=float)
    exact = part[["estimate", "lower", "upper"]].to_numpy(dtype=float)
    told = [_imply_discordance(numbers, quantile, n) for numbers in (exact, np.round(exact, digits))]
    floors[held] = find_least(*told)
    return floors


def _imply_discordance(numbers: Floats, quantile: Floats, n: Floats) -> Floats:
    error = (numbers[:, 2] - numbers[:, 1]) / 2 / quantile
    return np.asarray(np.round((error * n) ** 2 + numbers[:, 0] ** 2 * n))
