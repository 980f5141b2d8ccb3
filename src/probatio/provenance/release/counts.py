"""The smallest number of patients or values that a row gives away.

Every rule of the room answers with a *floor*: the smallest count above zero that the row discloses, alone or with
others. A row may leave if its floor is not below the protocol's minimum. Rules made of floors hold for every minimum
at once: raising it never releases more.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from probatio.resampling import Floats

NOTHING = np.inf
"""The floor of a row that gives no count away."""


def find_least(*counts: Floats) -> Floats:
    """Return, place by place, the smallest count above zero; infinite where there is none."""
    stacked = np.stack([np.where(np.isfinite(each) & (each > 0), each, NOTHING) for each in counts])
    return np.asarray(stacked.min(axis=0))


def derive_floats(rows: pd.DataFrame, name: str) -> Floats:
    """Return a column of counts as floats, NaN where there is none."""
    return np.asarray(rows[name].to_numpy(dtype=float, na_value=np.nan))


def derive_counts(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the counts that each row shows or implies: n, k, rest, patients, shown, implied, other.

    `clusters` are patients unless the row's unit is the centre; `shown` is an estimate that is itself a count;
    `implied` and `other` are estimate x n and what is left of n; `apart` bounds from below how many values readers
    differ on: (1 - coefficient) (1 - 1/2) n, as agreement by chance is at most that of two categories.
    """
    n, k, estimate = (derive_floats(rows, name) for name in ("n", "k", "estimate"))
    patients = np.where(rows["cluster_unit"] == "centre", np.nan, derive_floats(rows, "clusters"))
    implied = np.where((estimate >= 0) & (estimate <= 1), np.round(estimate * n), np.nan)
    apart = np.floor((1 - estimate) * n / 2)
    known = {"n": n, "k": k, "rest": n - k, "patients": patients, "shown": np.round(estimate)}
    return pd.DataFrame({**known, "implied": implied, "other": n - implied, "apart": apart}, index=rows.index)


_DISCLOSED = {
    "share": ("n", "k", "rest", "patients"),
    "tally": ("n", "k", "rest", "patients", "shown"),
    "implied": ("n", "k", "rest", "patients", "implied", "other"),
    "paired": ("n", "k", "rest", "patients"),
    "counted": ("n", "k", "rest", "patients"),
    "continuous": ("n", "k", "rest", "patients"),
    "raters": ("n", "patients", "apart"),
    "resting": (),
    "equivalence": (),
    "plan": (),
    "decision": (),
}


def derive_resting_floors(counts: pd.DataFrame, kind: pd.Series) -> Floats:
    """Return the floor of the counts that an estimate rests on where it says nothing of them itself."""
    least = find_least(*(counts[name].to_numpy(dtype=float) for name in ("n", "k", "rest", "patients")))
    return np.asarray(np.where(kind == "resting", least, NOTHING))


def derive_own_floors(counts: pd.DataFrame, kind: pd.Series) -> Floats:
    """Return the floor of each row by itself; 0 for a kind that never leaves."""
    floors = np.zeros(len(counts))
    kinds = kind.to_numpy(dtype=object)
    for name, columns in _DISCLOSED.items():
        held = kinds == name
        part = counts.loc[held, list(columns)]
        floors[held] = find_least(*part.to_numpy(dtype=float).T) if columns else NOTHING
    return floors
