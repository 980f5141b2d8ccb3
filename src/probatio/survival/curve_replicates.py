"""Median, restricted mean and landmark survival of every replicate: weights of shape (replicates, patients).

Definitions are those of `kaplan_meier`; a replicate in which the number is undefined is NaN.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probatio.resampling import Floats
from probatio.survival.kaplan_meier import (
    HALF,
    SortedTimes,
    compute_counts,
    compute_survival,
    compute_widths,
    find_below,
)

_CHUNK = 1 << 19


def compute_median_replicates(table: SortedTimes, weights: ArrayLike) -> Floats:
    """Return the median of every replicate, shape (replicates,); NaN where not reached."""
    times = np.r_[table.times, np.nan]

    def compute(at_risk: Floats, events: Floats) -> Floats:
        survival = compute_survival(at_risk, events)
        first, later = find_below(survival, HALF[0]), find_below(survival, HALF[1])
        flat = (later > first) & (later < len(table.times))
        median: Floats = np.where(flat, (times[first] + times[np.where(flat, later, first)]) / 2, times[first])
        return median

    return _compute_chunked(table, weights, compute)


def compute_rmst_replicates(table: SortedTimes, weights: ArrayLike, tau: float) -> Floats:
    """Return RMST(tau) of every replicate, shape (replicates,); NaN where its follow-up ends before `tau`."""
    widths = compute_widths(table.times, tau)

    def compute(at_risk: Floats, events: Floats) -> Floats:
        survival = compute_survival(at_risk, events)
        mean = widths[0] + survival @ widths[1:]
        return np.where(_is_followed(table, at_risk, survival, tau), mean, np.nan)

    return _compute_chunked(table, weights, compute)


def compute_survival_replicates(table: SortedTimes, weights: ArrayLike, time: float) -> Floats:
    """Return survival at a landmark of every replicate, shape (replicates,); NaN where follow-up ends before it."""
    at = int(np.searchsorted(table.times, time, side="right")) - 1

    def compute(at_risk: Floats, events: Floats) -> Floats:
        survival = compute_survival(at_risk, events)
        value = survival[:, at] if at >= 0 else np.ones(len(survival))
        return np.where(_is_followed(table, at_risk, survival, time), value, np.nan)

    return _compute_chunked(table, weights, compute)


def _compute_chunked(table: SortedTimes, weights: ArrayLike, compute: Callable[[Floats, Floats], Floats]) -> Floats:
    all_weights = np.atleast_2d(np.asarray(weights))
    step = max(1, _CHUNK // all_weights.shape[1])
    parts = (all_weights[start : start + step].astype(float) for start in range(0, len(all_weights), step))
    return np.concatenate([np.empty(0), *(compute(*compute_counts(table, part)) for part in parts)])


def _is_followed(table: SortedTimes, at_risk: Floats, survival: Floats, tau: float) -> NDArray[np.bool_]:
    """Say which replicates have a patient followed to tau, or nobody left alive before it."""
    at = int(np.searchsorted(table.times, tau, side="left"))
    dead: NDArray[np.bool_] = survival[:, -1] == 0
    return dead | (at_risk[:, at] > 0) if at < len(table.times) else dead
