"""Confidence intervals of a proportion, and of replicates: arrays to bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtri

Floats = NDArray[np.float64]
Bounds = tuple[Floats, Floats]
CAUTION_EVENTS = 3


def compute_wilson(k: ArrayLike, n: ArrayLike, level: float) -> Bounds:
    """Return Wilson's score interval of k/n (Wilson 1927; Newcombe 1998, method 3).

    Args:
        k: events; need not be integral (effective counts).
        n: trials; 0 gives NaN.
        level: two-sided confidence, such as 0.95.
    """
    hits, trials = _derive_counts(k, n)
    z2 = _compute_z(level) ** 2
    p = hits / trials
    centre = p + z2 / (2 * trials)
    half = np.sqrt(z2 * (p * (1 - p) / trials + z2 / (4 * trials**2)))
    lower, upper = (centre - half) / (1 + z2 / trials), (centre + half) / (1 + z2 / trials)
    return _fix_ends(lower, upper, hits, trials)


def find_few_events(k: ArrayLike, n: ArrayLike) -> NDArray[np.bool_]:
    """Return where Wilson's interval may fall well short of 95 %: one or two events, or all but one or two.

    Its lower bound for one event lies above the truth wherever fewer than 0.18 events are expected, for two
    events below 0.55: coverage dips to 84 and 89 % there, and to 92 % or more for any higher number (Brown, Cai and
    DasGupta 2001, section 3; enumerated in tests/benchmarks). No event at all is no cause for caution.

    Args:
        k: events; need not be integral (effective counts).
        n: trials.
    """
    hits, trials = _derive_counts(k, n)
    rarer = np.minimum(hits, trials - hits)
    return np.asarray((rarer > 0) & (rarer < CAUTION_EVENTS))


def compute_clopper_pearson(k: ArrayLike, n: ArrayLike, level: float) -> Bounds:
    """Return the exact interval of k/n (Clopper and Pearson 1934, as beta quantiles).

    Effective counts that are not integral are allowed, as in Korn and Graubard 1998.
    """
    hits, trials = _derive_counts(k, n)
    tail = (1 - level) / 2
    lower = _compute_beta_quantile(hits, trials - hits + 1, tail)
    upper = _compute_beta_quantile(hits + 1, trials - hits, 1 - tail)
    return _fix_ends(lower, upper, hits, trials)


def compute_agresti_coull(k: ArrayLike, n: ArrayLike, level: float) -> Bounds:
    """Return the interval of Agresti and Coull 1998; its bounds may leave [0, 1]."""
    hits, trials = _derive_counts(k, n)
    z = _compute_z(level)
    more = trials + z**2
    p = (hits + z**2 / 2) / more
    half = z * np.sqrt(p * (1 - p) / more)
    return p - half, p + half


def compute_jeffreys(k: ArrayLike, n: ArrayLike, level: float) -> Bounds:
    """Return the equal-tailed Jeffreys interval, closed at 0 and n (Brown, Cai and DasGupta 2001, section 3.1.3)."""
    hits, trials = _derive_counts(k, n)
    tail = (1 - level) / 2
    lower = _compute_beta_quantile(hits + 0.5, trials - hits + 0.5, tail)
    upper = _compute_beta_quantile(hits + 0.5, trials - hits + 0.5, 1 - tail)
    return _fix_ends(lower, upper, hits, trials)


def compute_percentiles(replicates: ArrayLike, level: float) -> Bounds:
    """Return the percentile interval of replicates, shape (replicates, ...), undefined ones left out.

    The bounds are the order statistics (R + 1) alpha, interpolated (Davison and Hinkley 1997,
    section 5.2.1). All replicates undefined: NaN.
    """
    values = np.asarray(replicates, dtype=float)
    empty = np.isnan(values).all(axis=0)
    tail = (1 - level) / 2
    filled: Floats = np.where(empty, 0.0, values)
    bounds: Any = np.nanquantile(filled, [tail, 1 - tail], axis=0, method="weibull")
    return np.where(empty, np.nan, bounds[0]), np.where(empty, np.nan, bounds[1])


def _derive_counts(k: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    hits, trials = np.broadcast_arrays(np.asarray(k, dtype=float), np.asarray(n, dtype=float))
    known = trials > 0
    return np.where(known, hits, np.nan), np.where(known, trials, np.nan)


def _compute_z(level: float) -> float:
    return float(ndtri(1 - (1 - level) / 2))


def _compute_beta_quantile(a: Floats, b: Floats, share: float) -> Floats:
    inside = (a > 0) & (b > 0)
    quantiles: Floats = betaincinv(np.where(inside, a, 1.0), np.where(inside, b, 1.0), share)
    return np.where(inside, quantiles, np.nan)


def _fix_ends(lower: Floats, upper: Floats, hits: Floats, trials: Floats) -> Bounds:
    """Close the interval exactly at 0 and 1, where rounding would leave a hair, and never pass them."""
    lower = np.where(hits <= 0, 0.0, np.clip(lower, 0.0, 1.0))
    upper = np.where(hits >= trials, 1.0, np.clip(upper, 0.0, 1.0))
    return np.where(np.isnan(trials), np.nan, lower), np.where(np.isnan(trials), np.nan, upper)
