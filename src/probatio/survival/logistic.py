"""Logistic regression by Newton's method: one fit, or one per replicate weight.

It serves propensity scores and imputations. Weights are case weights. Two penalties make every
fit finite: Firth's (Jeffreys' prior) and a ridge on the standardised slopes.
Coefficients are the intercept, then one slope per covariate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from probatio.resampling import Floats
from probatio.results import Reason

if TYPE_CHECKING:
    from probatio.survival.logistic_kernel import Design

_CHUNK = 1 << 20


@dataclass(frozen=True)
class LogisticFit:
    """One fitted regression; `reason` says why it is undefined, and then its numbers are NaN.

    `covariance` is the inverse of the information, the ridge included.
    """

    coefficients: Floats
    covariance: Floats
    log_likelihood: float
    reason: Reason = Reason.NONE

    @property
    def standard_errors(self) -> Floats:
        """Model-based standard errors, shape (1 + p,)."""
        return np.sqrt(np.diag(self.covariance))


def compute_logistic(
    x: ArrayLike, y: ArrayLike, weights: ArrayLike | None = None, *, ridge: float = 0.0, firth: bool = False
) -> LogisticFit:
    """Fit a regression by maximum (penalised) likelihood.

    Args:
        x: covariates without intercept, finite, shape (n, p), p >= 0.
        y: the outcome, 0 or 1, shape (n,).
        weights: case weights, not negative, shape (n,); default 1.
        ridge: half of it times the sum of squared slopes per standard deviation is taken off the log-likelihood.
        firth: add half the logarithm of the information's determinant.

    Returns:
        The fit, or NaN with a reason: `one_class_only` (one outcome, or a constant covariate), `separation`
        (a slope is infinite), `not_converged` (collinear covariates, or no maximum found).

    Raises:
        ValueError: shapes that differ, undefined values, an outcome other than 0 and 1, negative weights, or nobody.

    Source: McCullagh and Nelder 1989, section 4.4; le Cessie and van Houwelingen 1992 (ridge); Firth 1993 and
    Heinze and Schemper 2002 (Firth's penalty, here with case weights).
    """
    from probatio.survival import logistic_kernel  # noqa: PLC0415 - numba takes half a second to import

    design, penalty = _derive_design(x, y), logistic_kernel.Penalty(float(ridge), bool(firth))
    w = np.ones(len(design.y)) if weights is None else _check_weights(weights, len(design.y))[0].astype(float)
    beta = np.zeros(design.x.shape[1])
    state, value = logistic_kernel.maximise(design, w, beta, penalty)
    if state != logistic_kernel.FITTED:
        return _derive_undefined(design, w, state)
    _, _, information = logistic_kernel.compute_terms(design, w, beta, penalty)
    information = np.tril(information) + np.tril(information, -1).T
    covariance = design.units @ np.linalg.inv(information) @ design.units.T
    return LogisticFit(design.units @ beta, covariance, float(value))


def compute_logistic_replicates(
    x: ArrayLike, y: ArrayLike, weights: ArrayLike, start: ArrayLike, *, ridge: float = 0.0, firth: bool = False
) -> Floats:
    """Fit one regression per replicate.

    Args:
        x: as in `compute_logistic`.
        y: as in `compute_logistic`.
        weights: case weights, shape (replicates, n).
        start: coefficients to start from, those of the full data, shape (1 + p,).
        ridge: as in `compute_logistic`.
        firth: as in `compute_logistic`.

    Returns:
        Coefficients, shape (replicates, 1 + p); NaN for a replicate without a finite maximum.
    """
    from probatio.survival import logistic_kernel  # noqa: PLC0415 - numba takes half a second to import

    design = _derive_design(x, y)
    all_weights = _check_weights(weights, len(design.y))
    first, penalty = _derive_start(design, start), logistic_kernel.Penalty(float(ridge), bool(firth))
    out = np.full((len(all_weights), len(first)), np.nan)
    step = max(1, _CHUNK // len(design.y))
    for begin in range(0, len(all_weights), step):
        part = all_weights[begin : begin + step].astype(float)
        logistic_kernel.maximise_each(design, part, first, penalty, out[begin : begin + step])
    return out @ design.units.T


def compute_probabilities(x: ArrayLike, coefficients: ArrayLike) -> Floats:
    """Return fitted probabilities, shape (n,), or (replicates, n) for coefficients of shape (replicates, 1 + p)."""
    beta, covariates = np.asarray(coefficients, dtype=float), np.asarray(x, dtype=float)
    return np.asarray(expit(beta[..., :1] + beta[..., 1:] @ covariates.T))


def _derive_design(x: ArrayLike, y: ArrayLike) -> Design:
    from probatio.survival import logistic_kernel  # noqa: PLC0415 - numba takes half a second to import

    covariates, outcome = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if covariates.ndim != 2 or len(covariates) != len(outcome) or not len(outcome) or not np.isfinite(covariates).all():
        raise ValueError("covariates need a finite two-dimensional array with a row per patient")
    if outcome.ndim != 1 or not np.isin(outcome, (0, 1)).all():
        raise ValueError("the outcome must be 0 or 1 for every patient")
    centre, scale = covariates.mean(axis=0), covariates.std(axis=0)
    scale = np.where(scale > 1e-12 * np.maximum(np.abs(centre), 1), scale, np.inf)
    standard = (covariates - centre) / scale
    units = np.diag(np.r_[1.0, 1 / scale])
    units[0, 1:] = -centre / scale
    full = np.column_stack([np.ones(len(outcome)), standard])
    return logistic_kernel.Design(full, np.r_[1.0, np.ptp(standard, axis=0)], units, outcome)


def _check_weights(weights: ArrayLike, n: int) -> NDArray[Any]:
    """Return weights as (replicates, n) in their own type."""
    values = np.atleast_2d(np.asarray(weights))
    if values.ndim != 2 or values.shape[1] != n or not np.isfinite(values).all() or (values < 0).any():
        raise ValueError("weights need one finite, not negative number per patient")
    return values


def _derive_start(design: Design, start: ArrayLike) -> Floats:
    """Return coefficients in standardised units; 0 for a constant covariate."""
    return np.asarray(np.linalg.lstsq(design.units, np.asarray(start, dtype=float), rcond=None)[0])


def _derive_undefined(design: Design, weights: Floats, state: int) -> LogisticFit:
    from probatio.survival import logistic_kernel  # noqa: PLC0415 - numba takes half a second to import

    q, drawn = design.x.shape[1], weights > 0
    constant = (np.ptp(np.column_stack([design.x[drawn, 1:], design.y[drawn]]), axis=0) == 0).any()
    reason = Reason.SEPARATION if state == logistic_kernel.SEPARATED else Reason.NOT_CONVERGED
    reason = Reason.ONE_CLASS_ONLY if state == logistic_kernel.SINGULAR and constant else reason
    return LogisticFit(np.full(q, np.nan), np.full((q, q), np.nan), np.nan, reason)
