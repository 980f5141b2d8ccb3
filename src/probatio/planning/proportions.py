"""Floors by the exact binomial test, assurance, and precision by Wilson's interval.

Rates are written as errors: the criterion passes when the Clopper-Pearson upper bound lies below
`limit`. A criterion on a lower bound (accuracy above 0.95) is the same with 1 - rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, betaln, ndtri

from probatio.resampling import Floats, compute_wilson

LARGEST = 2_000_000
"""Sizes above this are not looked for: the alternative all but touches the limit."""


@dataclass(frozen=True)
class Size:
    """Two sample sizes: the first that reaches the power, and the smallest that keeps it for every larger one."""

    first: int
    lasting: int


def compute_critical(n: ArrayLike, limit: float, alpha: float) -> NDArray[np.int64]:
    """Return the most errors among n with which the exact test still shows a rate below `limit`; -1: none.

    Args:
        n: values, any shape.
        limit: the rate under the null hypothesis, rate >= limit.
        alpha: one-sided level.
    """
    sizes = np.atleast_1d(np.asarray(n, dtype=np.int64))
    counts = np.arange(_count_teeth(int(sizes.max(initial=0)), limit))
    found: NDArray[np.int64] = np.searchsorted(_find_teeth(counts, limit, alpha), sizes, side="right") - 1
    return found


def compute_exact_power(n: ArrayLike, rate: float, limit: float, alpha: float) -> Floats:
    """Return the exact binomial test's power at a true rate, for each n (one dimension).

    Source: Clopper and Pearson 1934, Biometrika 26:404; Chernick and Liu 2002, Am Stat 56:149 (saw-tooth).
    """
    sizes = np.atleast_1d(np.asarray(n, dtype=np.int64))
    critical = compute_critical(sizes, limit, alpha)
    return np.where(critical < 0, 0.0, bdtr(np.maximum(critical, 0).astype(float), sizes, rate))


def find_exact_size(rate: float, limit: float, power: float, alpha: float) -> Size | None:
    """Return the sizes with which the exact test reaches a power; None when above `LARGEST`.

    With c errors allowed, n runs from its start to the next start minus one, and the power only falls
    on that way: looking at both ends of each tooth is exact for every n.

    Args:
        rate: expected rate, below `limit`.
        limit: the criterion's threshold.
        power: wanted power.
        alpha: one-sided level.

    Raises:
        ValueError: the expected rate is not below the limit.
    """
    if not 0 <= rate < limit < 1:
        raise ValueError("the expected rate must be at least 0 and lie below the limit")
    guess = _compute_normal_size(rate, limit, power, alpha)
    if guess > LARGEST / 3:
        return None
    counts = np.arange(_count_teeth(int(3 * guess) + 300, limit))
    starts = _find_teeth(counts, limit, alpha)
    high = bdtr(counts[:-1].astype(float), starts[:-1], rate)
    low = bdtr(counts[:-1].astype(float), starts[1:] - 1, rate)
    short = np.flatnonzero(low < power)
    lasting = starts[short[-1] + 1] if len(short) else starts[0]
    return Size(first=int(starts[np.argmax(high >= power)]), lasting=int(lasting))


def _find_teeth(counts: NDArray[np.int64], limit: float, alpha: float) -> NDArray[np.int64]:
    """Return, for each number of errors, the smallest n with P(X <= errors | limit) <= alpha.

    By bisection: the probability falls as n grows.
    """
    errors = counts.astype(float)
    low, high = counts.copy(), counts + 1
    while (short := bdtr(errors, high, limit) > alpha).any():
        low, high = np.where(short, high, low), np.where(short, 2 * high, high)
    while (high - low > 1).any():
        middle = (low + high) // 2
        short = bdtr(errors, middle, limit) > alpha
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return high


def _count_teeth(n: int, limit: float) -> int:
    return int(n * limit) + 3


def _compute_normal_size(rate: float, limit: float, power: float, alpha: float) -> float:
    null, true = np.sqrt(limit * (1 - limit)), np.sqrt(rate * (1 - rate))
    reach = ndtri(1 - alpha) * null + max(float(ndtri(power)), 0.0) * true
    return float((reach / (limit - rate)) ** 2)


def compute_assurance(n: ArrayLike, rate: float, limit: float, alpha: float, *, weight: float) -> Floats:
    """Return the power averaged over a beta prior with mean `rate` and the weight of so many values.

    Exact: errors are then beta-binomial. Source: O'Hagan, Stevens and Campbell 2005, Pharm Stat 4:187.
    """
    sizes = np.atleast_1d(np.asarray(n, dtype=np.int64))
    critical = compute_critical(sizes, limit, alpha)
    if rate == 0:  # the prior has no spread left
        return np.where(critical < 0, 0.0, 1.0)
    pairs = zip(critical.tolist(), sizes.tolist(), strict=True)
    return np.array([_compute_beta_binomial(c, n, weight * rate, weight * (1 - rate)) for c, n in pairs])


def _compute_beta_binomial(most: int, n: int, a: float, b: float) -> float:
    k = np.arange(most + 1)
    # The binomial coefficient as a beta function.
    logs = betaln(k + a, n - k + b) - betaln(a, b) - betaln(k + 1, n - k + 1) - np.log(n + 1)
    return float(np.exp(logs).sum())


def compute_half_width(n: ArrayLike, rate: float, level: float) -> Floats:
    """Return half the width of Wilson's interval at an expected rate (n times rate events, not rounded)."""
    sizes = np.asarray(n, dtype=float)
    lower, upper = compute_wilson(sizes * rate, sizes, level)
    return (upper - lower) / 2


def find_precision_size(rate: float, half_width: float, level: float) -> int:
    """Return the smallest n whose Wilson interval is no wider than twice `half_width`; it narrows with n.

    Source of the interval: Wilson 1927, J Am Stat Assoc 22:209.
    """
    low, high = 0, 1
    while compute_half_width(high, rate, level) > half_width:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        wide = compute_half_width(middle, rate, level) > half_width
        low, high = (middle, high) if wide else (low, middle)
    return high
