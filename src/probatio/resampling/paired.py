"""Confidence intervals of the difference of two proportions on the same cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from probatio.resampling.intervals import Bounds, Floats, compute_wilson

_HALVINGS = 60


def compute_newcombe(
    both: ArrayLike, first: ArrayLike, second: ArrayLike, neither: ArrayLike, level: float, *, corrected: bool = True
) -> Bounds:
    """Return the hybrid score interval of p1 - p2 for paired data (Newcombe 1998, Stat Med 17:2635, method 10).

    Args:
        both: cells where both have the event.
        first: cells where only the first has it.
        second: cells where only the second has it.
        neither: cells where none has it.
        level: two-sided confidence.
        corrected: take the correlation phi with Newcombe's continuity correction (method 10);
            without it, the plain phi (method 8).
    """
    a, b, c, d = (np.asarray(x, dtype=float) for x in (both, first, second, neither))
    n = a + b + c + d
    l1, u1 = compute_wilson(a + b, n, level)
    l2, u2 = compute_wilson(a + c, n, level)
    with np.errstate(invalid="ignore", divide="ignore"):
        p1, p2 = (a + b) / n, (a + c) / n
    phi = _compute_phi(a, b, c, d, corrected=corrected)
    down = _compute_hybrid(p1 - l1, u2 - p2, phi)
    up = _compute_hybrid(u1 - p1, p2 - l2, phi)
    return np.clip(p1 - p2 - down, -1.0, 1.0), np.clip(p1 - p2 + up, -1.0, 1.0)


def _compute_phi(a: Floats, b: Floats, c: Floats, d: Floats, *, corrected: bool) -> Floats:
    product = a * d - b * c
    if corrected:
        product = np.where(product > 0, np.maximum(product - (a + b + c + d) / 2, 0.0), product)
    scale = np.sqrt(a + b) * np.sqrt(c + d) * np.sqrt(a + c) * np.sqrt(b + d)
    return np.where(scale > 0, product / np.where(scale > 0, scale, 1.0), 0.0)


def _compute_hybrid(first: Floats, second: Floats, phi: Floats) -> Floats:
    return np.sqrt(np.maximum(first**2 - 2 * phi * first * second + second**2, 0.0))


def compute_tango(first: ArrayLike, second: ArrayLike, n: ArrayLike, level: float) -> Bounds:
    """Return the score interval of p1 - p2 for paired data (Tango 1998, Stat Med 17:891, equations 6 and 13).

    Every difference that the score test at this level does not reject, found by bisection.

    Args:
        first: cells where only the first has the event; need not be integral.
        second: cells where only the second has it.
        n: all cells; 0 gives NaN.
        level: two-sided confidence.
    """
    b, c, cells = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (first, second, n)))
    cells = np.where(cells > 0, cells, np.nan)
    z = float(ndtri(1 - (1 - level) / 2))
    upper = _find_upper(b, c, cells, z)
    lower = -_find_upper(c, b, cells, z)
    return lower, upper


def _find_upper(b: Floats, c: Floats, n: Floats, z: float) -> Floats:
    inside = (b - c) / n
    outside: Floats = np.ones_like(inside)
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        rejected = n * middle - (b - c) > z * _compute_score_error(b, c, n, middle)
        inside, outside = np.where(rejected, inside, middle), np.where(rejected, middle, outside)
    return np.where(np.isnan(n), np.nan, np.clip(inside, -1.0, 1.0))


def _compute_score_error(b: Floats, c: Floats, n: Floats, difference: Floats) -> Floats:
    """Return the standard error of b - c at a difference; the nuisance p2 by Tango's closed form."""
    linear = (2 * n - b + c) * difference - b - c
    constant = -c * difference * (1 - difference)
    root = np.sqrt(np.maximum(linear**2 - 8 * n * constant, 0.0))
    nuisance = (root - linear) / (4 * n)
    return np.sqrt(np.maximum(n * (2 * nuisance + difference * (1 - difference)), 0.0))
