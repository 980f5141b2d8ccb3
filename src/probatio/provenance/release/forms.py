"""Missing values summed over the variables of a form: what the variables left out have together.

The sum of a form less the variables that leave is what the others have: 50 missing values of two variables less the 48
of one show the 2 of the other, which was withheld. The sum goes where one variable alone is left out, or where those
left out are together few.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from probatio.provenance.release.counts import NOTHING
from probatio.resampling import Floats

_TOTAL: Final = ["section", "source", "comparator", "stratum_by", "stratum"]


def derive_form_floors(
    rows: pd.DataFrame, counts: pd.DataFrame, own: Floats, minimum: int, forms: Mapping[str, str]
) -> Floats:
    """Return the floor of each sum over a form's variables: what the variables left out sum to.

    Args:
        rows: result rows; those of missing values are summed by form.
        counts: their counts.
        own: their floors, counts beside others included.
        minimum: below it a count is small.
        forms: the form of each variable.
    """
    floors = np.full(len(rows), NOTHING)
    held = (rows["metric"] == "missing_rate").to_numpy()
    form = rows["variable"].map(forms).where(rows["variable"] != "", rows["term"])
    key = [*(rows.loc[held, name] for name in _TOTAL), form[held]]
    numbers = counts[["n", "k", "rest"]].to_numpy(dtype=float)
    summed = ((rows["variable"] == "") & (rows["term"] != "")).to_numpy()
    for found in rows[held].groupby(key, sort=False).indices.values():
        places = np.flatnonzero(held)[found]
        for place in places[summed[places]]:
            floors[place] = _compute_left(numbers[place], numbers[places[~summed[places]]],
                                          own[places[~summed[places]]], minimum)  # fmt: skip
    return floors


def _compute_left(total: Floats, parts: Floats, own: Floats, minimum: int) -> float:
    floor = NOTHING
    for least in range(minimum, 1, -1):
        gone = own < least
        left = total - np.nansum(parts[~gone], axis=0)
        if gone.any() and (gone.sum() == 1 or ((left > 0) & (left < least)).any()):
            floor = float(least - 1)
    return floor
