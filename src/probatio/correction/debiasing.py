"""Predict-then-debias: the labelled sample's estimate, moved by what the source's own data say of that sample.

With g the estimate from the reference on the labelled patients, and a the one from the source on the labelled
and on all patients, each weighted by 1 / sampling probability:

    corrected = g_labelled - tuning x (a_labelled - a_all)

a_labelled - a_all tends to 0 whatever the source's errors, so that the corrected estimate aims where the
labelled sample's does; the source need not be right, only useful. The variance is least for

    tuning = cov(g_labelled, a_labelled - a_all) / var(a_labelled - a_all),

one number per estimate. The three influences of each patient are taken together: labelled patients serve twice.

Small samples. The tuning is estimated, so that the residual variance is multiplied by (m - 1) / (m - 2) and the
quantile is Student's on m - p - 1 degrees of freedom: m events of the labelled sample (for a proportion, what the
kurtosis of its influences is worth: `numbers.Found.count_effective`), p coefficients. Normal quantiles fell short of
95 % by up to a point with 50 events. One factor per number, not a matrix over all: it would spend p of those events
for each. Coverage by simulation: tests/benchmarks/README.md.

Finite population. Where the labelled patients are a simple random part f of patients whose reference is known to
exist, and the question is what that reference would say of them all, the variance is that of sampling alone:
(1 - f) times the residual variance of the labelled patients (Cochran 1977, section 7.3; Rao and Wu 1988).

Sources: Kluger et al. 2025, arXiv:2501.18577 (predict-then-debias, sampling weights, joint resampling); Chen and Chen
2000, J R Stat Soc B 62:449 (the same estimator in double sampling); Angelopoulos, Duchi and Zrnic 2023 (PPI++: tuning);
Zrnic 2024 (prediction-powered bootstrap).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.special import expit

from probatio.resampling import Floats, compute_percentiles
from probatio.results import Reason

_NOTHING = 1e-12  # share of the labelled sample's variance that only rounding leaves
FEWEST = 3
"""Degrees of freedom below which no interval is given."""


class Interval(NamedTuple):
    """An estimate with its standard error and bounds; NaN where there is none, and why.

    `half` is the quantile times the standard error: half the width of an interval without limits.
    """

    value: float
    error: float
    lower: float
    upper: float
    reason: Reason = Reason.NONE
    half: float = np.nan


def derive_undefined(reason: Reason) -> Interval:
    """Return no estimate, and why."""
    return Interval(np.nan, np.nan, np.nan, np.nan, reason)


class Debiased(NamedTuple):
    """A corrected number beside the labelled sample alone.

    Attributes:
        labelled: the labelled sample alone.
        corrected: the tuned estimate.
        tuning: the factor of a_labelled - a_all.
        correlation: of the influences of the reference's and the source's estimate, over labelled patients.
        relative_width: of the corrected interval to the labelled sample's (quantile times standard error).
    """

    labelled: Interval
    corrected: Interval
    tuning: float
    correlation: float
    relative_width: float


class Parts(NamedTuple):
    """One number three times, with the influence of every patient, shape (n,), and what the labelled sample holds.

    Attributes:
        gold: from the reference on the labelled patients.
        part: from the source on the labelled patients.
        whole: from the source on all.
        gold_influence, part_influence, whole_influence: of each patient on each.
        informative: labelled events; for a proportion, the degrees of freedom of its variance plus one.
        parameters: coefficients estimated with it.
        limits: what the number cannot pass.
    """

    gold: float
    part: float
    whole: float
    gold_influence: Floats
    part_influence: Floats
    whole_influence: Floats
    informative: int
    parameters: int
    limits: tuple[float, float] = (-np.inf, np.inf)


def compute_debiased(parts: Parts, level: float, *, sampled: float = 0.0) -> Debiased:
    """Return the tuned estimate and the labelled sample's own, with intervals.

    Args:
        parts: the three estimates; each defined.
        level: two-sided confidence.
        sampled: 0 for patients in general; the sampled share f of a finite population, for that population.
    """
    gap = parts.part_influence - (0 if sampled else parts.whole_influence)
    power = float(gap @ gap)
    tuning = float(parts.gold_influence @ gap) / power if power > 0 else 0.0
    residual = parts.gold_influence - tuning * gap
    spread = float(residual @ residual)
    spread = spread if spread > _NOTHING * float(parts.gold_influence @ parts.gold_influence) else 0.0
    value = parts.gold - tuning * (parts.part - parts.whole)
    m, p, left = parts.informative, parts.parameters, 1 - sampled
    spent = (m - 1) / (m - 2) if m > 2 else np.nan
    alone = compute_t_interval(
        parts.gold, left * float(parts.gold_influence @ parts.gold_influence), m - p, level, limits=parts.limits
    )
    corrected = compute_t_interval(value, left * spent * spread, m - p - 1, level, limits=parts.limits)
    correlation = _compute_correlation(parts.gold_influence, parts.part_influence)
    return Debiased(alone, corrected, tuning, correlation, corrected.half / alone.half)


def compute_t_interval(
    value: float, variance: float, degrees: float, level: float, *, limits: tuple[float, float] = (-np.inf, np.inf)
) -> Interval:
    """Return value +- Student's quantile times the standard error; no bounds below `FEWEST` degrees of freedom.

    Args:
        value: the estimate.
        variance: of the estimate.
        degrees: of freedom.
        level: two-sided confidence.
        limits: what the number cannot pass, such as 0 and 1: the interval is then computed on the logit scale.
    """
    error = float(np.sqrt(variance))
    if degrees < FEWEST or not error > 0:
        reason = Reason.TOO_FEW_EVENTS if degrees < FEWEST else Reason.ZERO_VARIANCE
        return Interval(value, error, np.nan, np.nan, reason)
    half = float(stats.t.ppf(0.5 + level / 2, degrees)) * error
    lower, upper = _compute_bounds(value, half, limits)
    return Interval(value, error, lower, upper, half=half)


def _compute_bounds(value: float, half: float, limits: tuple[float, float]) -> tuple[float, float]:
    """Return value +- half, on the logit scale between two limits; cut there for an estimate on or beyond them."""
    low, high = limits
    if not low < value < high or not np.isfinite(high - low):
        return max(value - half, low), min(value + half, high)
    width, share = high - low, (value - low) / (high - low)
    step = half / (width * share * (1 - share))
    centre = np.log(share / (1 - share))
    lower, upper = (low + width * expit(centre + sign * step) for sign in (-1, 1))
    return float(lower), float(upper)


def compute_percentile_interval(value: float, replicates: Floats, level: float, *, enough: float = 0.9) -> Interval:
    """Return a value with the percentiles of its replicates, undefined ones left out; none if too many are."""
    known = replicates[~np.isnan(replicates)]
    if len(known) < max(2, enough * len(replicates)):
        return Interval(value, np.nan, np.nan, np.nan, Reason.NO_INTERVAL)
    lower, upper = (float(bound) for bound in compute_percentiles(known, level))
    if not lower < upper:
        return Interval(value, 0.0, np.nan, np.nan, Reason.NO_INTERVAL)
    return Interval(value, float(np.std(known, ddof=1)), lower, upper)


def _compute_correlation(one: Floats, other: Floats) -> float:
    """Return the correlation of two influences about 0, which is their mean."""
    scale = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / scale if scale > 0 else np.nan
