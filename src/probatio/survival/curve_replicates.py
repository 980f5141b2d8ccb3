"""Median, restricted mean and landmark survival of every replicate: weights of shape (replicates, patients).

Definitions are those of `kaplan_meier`; a replicate in which the number is undefined is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from probatio.resampling import Floats
from probatio.survival.kaplan_meier import SortedTimes, compute_widths

_CHUNK = 1 << 18


class CurveNumbers(NamedTuple):
    """Numbers of every replicate's curve: shapes (replicates,), (replicates, taus), (replicates, landmarks)."""

    median: Floats
    rmst: Floats
    survival: Floats


def compute_curve_numbers(
    table: SortedTimes, weights: ArrayLike, *, taus: Sequence[float] = (), landmarks: Sequence[float] = ()
) -> CurveNumbers:
    """Return all numbers read off each replicate's curve, which is made once.

    Args:
        table: the patients.
        weights: how often each counts, not negative, shape (replicates, n); any type of number.
        taus: horizons of restricted means.
        landmarks: times of survival, in any order.

    Raises:
        ValueError: weights that are negative or not finite, or not one per patient.
    """
    from probatio.survival.curve_kernel import read_curves  # noqa: PLC0415 - numba takes half a second to import

    rows, horizons, times = np.atleast_2d(np.asarray(weights)), np.asarray(taus, float), np.asarray(landmarks, float)
    widths = np.array([compute_widths(table.times, tau) for tau in taus]).reshape(len(taus), len(table.times) + 1)
    out = np.empty((len(rows), 1 + len(taus) + len(landmarks)))
    step = max(1, _CHUNK // rows.shape[1])
    for start in range(0, len(rows), step):
        part = np.ascontiguousarray(rows[start : start + step], dtype=float)
        if part.shape[1] != len(table.order) or not (part.min(initial=0) >= 0 and np.isfinite(part.sum())):
            raise ValueError("weights need one finite, not negative number per patient")
        out[start : start + step] = read_curves(table, part, widths, horizons, times)
    return CurveNumbers(out[:, 0], out[:, 1 : 1 + len(taus)], out[:, 1 + len(taus) :])


def compute_median_replicates(table: SortedTimes, weights: ArrayLike) -> Floats:
    """Return the median of every replicate, shape (replicates,); NaN where not reached."""
    return compute_curve_numbers(table, weights).median


def compute_rmst_replicates(table: SortedTimes, weights: ArrayLike, tau: float) -> Floats:
    """Return RMST(tau) of every replicate, shape (replicates,); NaN where its follow-up ends before `tau`."""
    return compute_curve_numbers(table, weights, taus=(tau,)).rmst[:, 0]


def compute_survival_replicates(table: SortedTimes, weights: ArrayLike, time: float) -> Floats:
    """Return survival at a landmark of every replicate, shape (replicates,); NaN where follow-up ends before it."""
    return compute_curve_numbers(table, weights, landmarks=(time,)).survival[:, 0]
