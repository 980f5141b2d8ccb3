"""Standardised differences of two sources' numbers and shares, and the replicates that their intervals need.

Sources: Austin 2009, Stat Med 28:3083 (numbers and shares); Yang and Dalton 2012, SAS Global Forum 335
(more than two levels); quantiles of Hyndman and Fan 1996, type 7, as numpy's and R's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from probatio.resampling import Floats

Weights = NDArray[np.uint16]
_ROUNDING = 1e-9


class Moments(NamedTuple):
    """Mean and variance (divisor n - 1) of the documented values in each replicate; NaN where undefined."""

    mean: Floats
    variance: Floats


def compute_moments(values: Floats, weights: Weights) -> Moments:
    """Return mean and variance in each replicate.

    Args:
        values: shape (n,), NaN for patients who do not count.
        weights: how often each patient is drawn, shape (replicates, n).
    """
    known = ~np.isnan(values)
    if not known.any():
        return Moments(*np.full((2, len(weights)), np.nan))
    drawn, x = weights[:, known].astype(float), values[known]
    centre = float(x.mean())
    with np.errstate(invalid="ignore", divide="ignore"):
        size = drawn.sum(axis=1)
        first = drawn @ (x - centre) / size
        second = drawn @ (x - centre) ** 2
        variance = (second - size * first**2) / (size - 1)
    return Moments(first + centre, np.where(size > 1, np.maximum(variance, 0.0), np.nan))


def compute_quantile_replicates(values: Floats, weights: Weights, share: float) -> Floats:
    """Return a quantile in each replicate, of the values repeated as often as drawn; NaN where nobody is drawn.

    Args:
        values: shape (n,), NaN for patients who do not count.
        weights: whole numbers, shape (replicates, n).
        share: between 0 and 1.
    """
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return np.full(len(weights), np.nan)
    order = known[np.argsort(values[known], kind="stable")]
    x, reached = values[order], np.cumsum(weights[:, order], axis=1, dtype=np.int64)
    size = reached[:, -1]
    position = np.maximum(size - 1, 0) * share
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(size - 1, 0))
    low, high = (x[np.argmax(reached > rank[:, None], axis=1)] for rank in (below, above))
    return np.where(size > 0, low + (high - low) * (position - below), np.nan)


def compute_number_gap(one: Moments, other: Moments) -> Floats:
    """Return the standardised difference of a number (Austin 2009); NaN where neither source varies."""
    return _divide(one.mean - other.mean, np.sqrt((one.variance + other.variance) / 2))


def compute_share_gap(one: Floats, other: Floats) -> Floats:
    """Return the standardised difference of a share (Austin 2009); NaN where neither source varies."""
    return _divide(one - other, np.sqrt((one * (1 - one) + other * (1 - other)) / 2))


def _divide(gap: Floats, spread: Floats) -> Floats:
    return np.where(spread > 0, gap / np.where(spread > 0, spread, 1.0), np.nan)


def compute_profile_gap(one: Floats, other: Floats) -> float:
    """Return the standardised difference of more than two levels (Yang and Dalton 2012), 0 or more.

    Args:
        one: shares of the levels, shape (levels,), summing to 1.
        other: the comparator's.

    Returns:
        NaN where a share is unknown, or where the two lie apart in a direction in which neither varies.
    """
    gap = (one - other)[1:]
    if np.isnan(gap).any():
        return np.nan
    ours, theirs = (np.diag(share[1:]) - np.outer(share[1:], share[1:]) for share in (one, other))
    covariance = (ours + theirs) / 2
    solved = np.linalg.pinv(covariance, hermitian=True) @ gap
    if not np.allclose(covariance @ solved, gap, rtol=0, atol=_ROUNDING) or not np.any(covariance):
        return np.nan
    return float(np.sqrt(max(float(gap @ solved), 0.0)))
