"""Non-inferiority on matched pairs: size by the score test, its power by enumeration.

AI errs alone in b pairs, manual alone in c; the difference of error is (b - c)/n. Non-inferior iff
Tango's upper bound lies below the margin, that is iff his score test rejects "difference >= margin".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, gammaln, ndtri, xlog1py, xlogy

from probatio.planning.proportions import LARGEST, Size
from probatio.resampling import Floats

ENUMERATED = 4000
"""Pairs up to which sizes are those of the exact power; above, the saw-tooth is lost in the formula's rounding."""
_CHUNK = 400
_Ints = NDArray[np.int64]


def compute_formula_size(difference: float, discordance: float, margin: float, power: float, alpha: float) -> float:
    """Return the asymptotic number of pairs of the score test, not rounded.

    n = ((z_alpha s0 + z_power s1)/(margin - difference))^2; s1^2 = discordance - difference^2, s0 the
    standard error at the margin with the nuisance at its restricted maximum likelihood.
    Source: Nam 1997, Biometrics 53:1422; the test is Tango's 1998, Stat Med 17:891.

    Args:
        difference: expected error of AI minus error of manual.
        discordance: expected share of pairs in which exactly one errs, at least |difference|.
        margin: above `difference`.
        power: wanted power.
        alpha: one-sided level.

    Raises:
        ValueError: the numbers contradict each other.
    """
    if not (difference < margin < 1 and margin > 0 and abs(difference) <= discordance <= 1):
        raise ValueError("the margin must be positive and above the difference, the discordance at least |difference|")
    b, c = (discordance + difference) / 2, (discordance - difference) / 2
    null = float(_compute_error(np.asarray(b), np.asarray(c), np.asarray(1.0), margin))
    true = float(np.sqrt(max(discordance - difference**2, 0.0)))
    reach = ndtri(1 - alpha) * null + ndtri(power) * true
    return float((max(reach, 0.0) / (margin - difference)) ** 2)


def compute_paired_power(n: ArrayLike, difference: float, discordance: float, margin: float, alpha: float) -> Floats:
    """Return the exact power of Tango's score test for each number of pairs (one dimension).

    Sums over every number of discordant pairs within eight standard deviations; given it, the pairs in
    which AI errs alone are binomial and the test rejects up to a critical number.
    """
    sizes = np.atleast_1d(np.asarray(n, dtype=np.int64))
    parts = [
        _enumerate(sizes[start : start + _CHUNK], difference, discordance, margin, float(ndtri(1 - alpha)))
        for start in range(0, len(sizes), _CHUNK)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _enumerate(sizes: _Ints, difference: float, discordance: float, margin: float, z: float) -> Floats:
    means = np.array([sizes.min(), sizes.max()]) * discordance
    reach = 8 * np.sqrt(means) + 25
    discordant = np.arange(max(int(means[0] - reach[0]), 0), min(int(means[1] + reach[1]), int(sizes.max())) + 1)[None]
    n = sizes[:, None]
    critical = _find_critical(discordant, n, margin, z)
    share = (discordance + difference) / (2 * discordance) if discordance else 0.5
    rejected = np.where(critical < 0, 0.0, bdtr(np.maximum(critical, 0).astype(float), discordant, share))
    total: Floats = (_compute_binomial(discordant, n, discordance) * rejected).sum(axis=1)
    return np.minimum(total, 1.0)


def _compute_binomial(k: _Ints, n: _Ints, rate: float) -> Floats:
    inside = np.minimum(k, n)
    logs = gammaln(n + 1) - gammaln(inside + 1) - gammaln(n - inside + 1)
    return np.where(k <= n, np.exp(logs + xlogy(inside, rate) + xlog1py(n - inside, -rate)), 0.0)


def _find_critical(discordant: _Ints, n: _Ints, margin: float, z: float) -> _Ints:
    """Return the largest b with which the test rejects, by bisection on whole numbers; -1: none."""
    t, cells = np.broadcast_arrays(discordant, n)
    low, high = np.full(t.shape, -1, dtype=np.int64), t + 1
    for _ in range(int(t.max(initial=0) + 2).bit_length() + 1):
        middle = (low + high) // 2
        inside = np.clip(middle, 0, t).astype(float)
        other = t - inside
        rejects = cells * margin - (inside - other) > z * _compute_error(inside, other, cells.astype(float), margin)
        rejects = np.where(middle < 0, True, np.where(middle > t, False, rejects)) & (t <= cells)
        low, high = np.where(rejects, middle, low), np.where(rejects, high, middle)
    return low


def _compute_error(b: Floats, c: Floats, n: Floats, margin: float) -> Floats:
    """Return the standard error of b - c at the margin (Tango 1998, equations 6 and 13)."""
    linear = (2 * n - b + c) * margin - b - c
    root = np.sqrt(np.maximum(linear**2 + 8 * n * c * margin * (1 - margin), 0.0))
    nuisance = (root - linear) / (4 * n)
    return np.sqrt(np.maximum(n * (2 * nuisance + margin * (1 - margin)), 0.0))


def find_paired_size(difference: float, discordance: float, margin: float, power: float, alpha: float) -> Size | None:
    """Return the numbers of pairs with which the score test reaches a power; None when above `LARGEST`.

    Up to `ENUMERATED` pairs: by exact power around the formula's size, as far as the saw-tooth crosses
    the wanted power; above, the formula's for both.

    Raises:
        ValueError: as `compute_formula_size`.
    """
    formula = compute_formula_size(difference, discordance, margin, power, alpha)
    if formula > LARGEST:
        return None
    if formula > ENUMERATED:
        return Size(first=int(np.ceil(formula)), lasting=int(np.ceil(formula)))
    low, high = max(int(0.92 * formula) - 8, 1), int(1.08 * formula) + 30
    while True:
        sizes = np.arange(low, high + 1)
        reached = compute_paired_power(sizes, difference, discordance, margin, alpha) >= power
        if not reached[-len(sizes) // 6 :].all():
            high = int(1.15 * high) + 20
        elif reached[: len(sizes) // 20 + 1].any() and low > 1:
            low = max(int(0.9 * low) - 8, 1)
        else:
            break
    short = np.flatnonzero(~reached)
    lasting = sizes[short[-1] + 1] if len(short) else sizes[0]
    return Size(first=int(sizes[np.argmax(reached)]), lasting=int(lasting))
