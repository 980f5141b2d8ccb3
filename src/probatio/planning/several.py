"""Design effect, patients from values, and the power when several criteria must all pass."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr, ndtri

from probatio.resampling import Floats

_NODES = np.linspace(-9, 9, 2001)
_WEIGHTS = np.exp(-(_NODES**2) / 2) / np.exp(-(_NODES**2) / 2).sum()
_HAIR = 1e-9


def compute_design_effect(values_per_patient: float, correlation: float) -> float:
    """Return 1 + (m - 1) rho (Kish 1965, Survey Sampling, section 5.4)."""
    return 1 + (values_per_patient - 1) * correlation


def compute_effective_values(patients: float, *, values: int, correlation: float, missing: float) -> int:
    """Return how many independent values so many patients are worth, rounded down."""
    worth = patients * (1 - missing) * values / compute_design_effect(values, correlation)
    return math.floor(worth + _HAIR)


def compute_patients(size: int, *, values: int, correlation: float, missing: float) -> int:
    """Return how many patients to include for so many independent values, rounded up."""
    effect = compute_design_effect(values, correlation)
    return math.ceil(size * effect / (values * (1 - missing)) - _HAIR)


def compute_joint_power(powers: Sequence[float] | Floats, correlation: float = 0.0) -> float:
    """Return the probability that every criterion passes (intersection-union, Berger 1982, Technometrics 24:295).

    Test statistics share one normal factor, so that every two have the given correlation; the factor is
    integrated out on a fine grid. The factor: Dunnett and Sobel 1955, Biometrika 42:258.

    Args:
        powers: each criterion's own power.
        correlation: at least 0, below 1; 0 is the product.
    """
    each = np.asarray(powers, dtype=float)
    if correlation == 0 or each.size < 2:
        return float(np.prod(each))
    shifted = (ndtri(each)[:, None] + math.sqrt(correlation) * _NODES) / math.sqrt(1 - correlation)
    return float(np.prod(ndtr(shifted), axis=0) @ _WEIGHTS)
