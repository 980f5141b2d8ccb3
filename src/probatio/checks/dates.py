"""Partial dates as the days they may stand for, arrays at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probatio.resampling import Bounds

_EMPTY = np.datetime64("NaT", "D")


def compute_date_bounds(texts: NDArray[np.object_]) -> Bounds:
    """Return the first and last day (since 1970) that each ISO date may stand for; "" gives NaN.

    Args:
        texts: dates such as "2024-05-03", "2024-05" or "2024", all of them valid.
    """
    written = texts.astype("U10")
    lengths = np.char.str_len(written)
    first = np.full(len(written), _EMPTY)
    last = np.full(len(written), _EMPTY)
    for length, unit in ((4, "Y"), (7, "M"), (10, "D")):
        own = lengths == length
        whole = written[own].astype(f"datetime64[{unit}]")
        first[own] = whole.astype("datetime64[D]")
        last[own] = (whole + 1).astype("datetime64[D]") - 1
    return _compute_days(first), _compute_days(last)


def _compute_days(days: NDArray[np.datetime64]) -> NDArray[np.float64]:
    known = ~np.isnat(days)
    return np.where(known, days.astype("int64"), 0).astype(float) + np.where(known, 0.0, np.nan)
