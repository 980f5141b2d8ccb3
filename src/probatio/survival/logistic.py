"""Logistic regression by Newton's method: one fit, or one per replicate weight.

It serves propensity scores and imputations. Weights are case weights. Two penalties make every
fit finite: Firth's (Jeffreys' prior) and a ridge on the standardised slopes.
Coefficients are the intercept, then one slope per covariate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from probatio.resampling import Floats
from probatio.results import Reason
from probatio.survival.newton import compute_inverse_diagonal, factor_symmetric, solve_factored

_ITERATIONS = 100
_DECREMENT = 1e-18  # squared length of the last step in standard errors
_LOSS = 1e-9  # relative loss of log-likelihood beyond which a step is halved
_SPREAD = 5.0  # largest change of the linear predictor in one step
_FLAT = 1e4  # standard error of a log odds ratio across a covariate's range that only separation gives
_CHUNK = 1 << 20
_DONE, _SINGULAR, _SEPARATED, _LOST = 0, 1, 2, 3


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


class _Penalty(NamedTuple):
    ridge: float
    firth: bool


class _Design(NamedTuple):
    """Intercept and standardised covariates, (n, 1 + p); ranges; the map to the covariates' own units; outcome."""

    x: Floats
    reach: Floats
    units: Floats
    y: Floats


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
    design, penalty = _derive_design(x, y), _Penalty(float(ridge), bool(firth))
    w = np.ones(len(design.y)) if weights is None else _check_weights(weights, len(design.y))[0].astype(float)
    beta = np.zeros(design.x.shape[1])
    state, value = _maximise(design, w, beta, penalty)
    if state != _DONE:
        return _derive_undefined(design, w, state)
    _, _, information = _compute_terms(design, w, beta, penalty)
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
    design = _derive_design(x, y)
    all_weights = _check_weights(weights, len(design.y))
    first, penalty = _derive_start(design, start), _Penalty(float(ridge), bool(firth))
    out = np.full((len(all_weights), len(first)), np.nan)
    step = max(1, _CHUNK // len(design.y))
    for begin in range(0, len(all_weights), step):
        part = all_weights[begin : begin + step].astype(float)
        _maximise_each(design, part, first, penalty, out[begin : begin + step])
    return out @ design.units.T


def compute_probabilities(x: ArrayLike, coefficients: ArrayLike) -> Floats:
    """Return fitted probabilities, shape (n,), or (replicates, n) for coefficients of shape (replicates, 1 + p)."""
    beta, covariates = np.asarray(coefficients, dtype=float), np.asarray(x, dtype=float)
    return np.asarray(expit(beta[..., :1] + beta[..., 1:] @ covariates.T))


def _derive_design(x: ArrayLike, y: ArrayLike) -> _Design:
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
    return _Design(full, np.r_[1.0, np.ptp(standard, axis=0)], units, outcome)


def _check_weights(weights: ArrayLike, n: int) -> NDArray[Any]:
    """Return weights as (replicates, n) in their own type."""
    values = np.atleast_2d(np.asarray(weights))
    if values.ndim != 2 or values.shape[1] != n or not np.isfinite(values).all() or (values < 0).any():
        raise ValueError("weights need one finite, not negative number per patient")
    return values


def _derive_start(design: _Design, start: ArrayLike) -> Floats:
    """Return coefficients in standardised units; 0 for a constant covariate."""
    return np.asarray(np.linalg.lstsq(design.units, np.asarray(start, dtype=float), rcond=None)[0])


def _derive_undefined(design: _Design, weights: Floats, state: int) -> LogisticFit:
    q, drawn = design.x.shape[1], weights > 0
    constant = (np.ptp(np.column_stack([design.x[drawn, 1:], design.y[drawn]]), axis=0) == 0).any()
    reason = Reason.SEPARATION if state == _SEPARATED else Reason.NOT_CONVERGED
    reason = Reason.ONE_CLASS_ONLY if state == _SINGULAR and constant else reason
    return LogisticFit(np.full(q, np.nan), np.full((q, q), np.nan), np.nan, reason)


@njit(cache=True)
def _maximise_each(design: _Design, weights: Floats, start: Floats, penalty: _Penalty, out: Floats) -> None:
    """Write the coefficients of every replicate that has them into `out`; a start too far away is given up for 0."""
    for row in range(len(weights)):
        for first in (start, np.zeros_like(start)):
            beta = first.copy()
            if _maximise(design, weights[row], beta, penalty)[0] == _DONE:
                out[row] = beta
                break


@njit(cache=True)
def _maximise(design: _Design, w: Floats, beta: Floats, penalty: _Penalty) -> tuple[int, float]:
    """Move `beta` to the maximum by Newton's method with halved steps; return a state and the value there."""
    value, best, step = -np.inf, beta.copy(), np.zeros(len(beta))
    mass, one_class = _weigh(design.y, w)
    if one_class and not penalty.firth:
        return _SINGULAR, np.nan
    for _ in range(_ITERATIONS):
        found, score, information = _compute_terms(design, w, beta, penalty)
        if not factor_symmetric(information):
            return _SINGULAR, np.nan
        if penalty.firth:
            found += _add_firth(design, w, beta, information, score)
        if found < value - _LOSS * abs(value):
            step *= 0.5
            beta[:] = best + step
            continue
        best[:], value = beta, found
        step = solve_factored(information, score)
        if (np.sqrt(compute_inverse_diagonal(information) * mass) * design.reach).max() > _FLAT:
            return _SEPARATED, np.nan
        decrement = (step * score).sum()
        step *= min(1.0, _SPREAD / max((np.abs(step) * design.reach).sum(), _SPREAD))
        beta[:] = best + step
        if decrement < _DECREMENT:
            return _DONE, value
    return _LOST, np.nan


@njit(cache=True)
def _weigh(y: Floats, w: Floats) -> tuple[float, bool]:
    """Return the mean of the positive weights, and whether one outcome has none."""
    zeros, ones, count = 0.0, 0.0, 0
    for i in range(len(y)):
        if w[i] > 0:
            count += 1
            ones += w[i] * y[i]
            zeros += w[i] * (1 - y[i])
    return (ones + zeros) / max(count, 1), zeros == 0 or ones == 0


@njit(cache=True)
def _predict(row: Floats, beta: Floats) -> float:
    total = 0.0
    for a in range(len(beta)):
        total += row[a] * beta[a]
    return total


@njit(cache=True)
def _compute_terms(design: _Design, w: Floats, beta: Floats, penalty: _Penalty) -> tuple[float, Floats, Floats]:
    """Return logarithm, score and information (lower triangle) of the ridge likelihood."""
    x, y, value = design.x, design.y, 0.0
    score, information = np.zeros(len(beta)), np.zeros((len(beta), len(beta)))
    for i in range(len(y)):
        if w[i] == 0:
            continue
        eta = _predict(x[i], beta)
        p = 1 / (1 + math.exp(-eta))
        value += w[i] * (y[i] * eta - max(eta, 0.0) - math.log1p(math.exp(-abs(eta))))
        for a in range(len(beta)):
            score[a] += w[i] * (y[i] - p) * x[i, a]
            part = w[i] * p * (1 - p) * x[i, a]
            for b in range(a + 1):
                information[a, b] += part * x[i, b]
    for a in range(1, len(beta)):
        value -= penalty.ridge * beta[a] ** 2 / 2
        score[a] -= penalty.ridge * beta[a]
        information[a, a] += penalty.ridge
    return value, score, information


@njit(cache=True)
def _add_firth(design: _Design, w: Floats, beta: Floats, factor: Floats, score: Floats) -> float:
    """Add to the score the derivative of half the log determinant of the information; return that half."""
    half = 0.0
    for a in range(len(beta)):
        half += math.log(factor[a, a])
    for i in range(len(w)):
        if w[i] > 0:
            x = design.x[i]
            p = 1 / (1 + math.exp(-_predict(x, beta)))
            leverage = w[i] * p * (1 - p) * _predict(x, solve_factored(factor, x))
            for a in range(len(beta)):
                score[a] += leverage * (0.5 - p) * x[a]
    return half
