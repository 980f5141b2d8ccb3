"""Cox regression by Newton's method on presorted data: one fit, or one per replicate weight.

The mode of weighting is that of R's `coxph(weights=)`: case weights. Tied events of a replicate
share the mean of their weights (Therneau and Grambsch 2000, section 7.3); rows written twice would be another
estimator under Efron's ties. Ties count events of positive weight only, so that a patient who
was not drawn changes nothing.

Patients are sorted once; replicates are solved in chunks that fit the processor's cache, starting
at the full-data coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probatio.resampling import Floats
from probatio.results import Reason
from probatio.survival.kaplan_meier import check_times
from probatio.survival.likelihood import (
    Stratum,
    Terms,
    Ties,
    compute_score_residuals,
    compute_terms,
    derive_strata,
)

_ITERATIONS = 50
_DECREMENT = 1e-12  # squared length of the last step in standard errors; one more step squares the rest
_LOSS = 1e-9  # relative loss of log-likelihood beyond which a step is halved
_SPREAD = 5.0  # largest change of the linear predictor between two patients in one step
_FLAT = 1e4  # standard error of a log hazard ratio across a covariate's range that only separation gives
_WIDE = 50.0  # log hazard ratio across the covariates' ranges that only separation gives
_SINGULAR = 1e-10
_CHUNK = 1 << 18


@dataclass(frozen=True)
class CoxProblem:
    """Sorted, standardised data of one regression; `prepare_cox` makes it.

    Attributes:
        strata: one presorted block per stratum that has events.
        centre, scale, reach: mean, standard deviation and range (in standard deviations) of each covariate.
        n, events: patients and events.
        ties: how tied events are weighed.
    """

    strata: tuple[Stratum, ...]
    centre: Floats
    scale: Floats
    reach: Floats
    n: int
    events: int
    ties: Ties


@dataclass(frozen=True)
class CoxFit:
    """One fitted regression; `reason` says why it is undefined, and then its numbers are NaN."""

    coefficients: Floats
    covariance: Floats
    log_likelihood: float
    null_log_likelihood: float
    reason: Reason = Reason.NONE

    @property
    def standard_errors(self) -> Floats:
        """Model-based standard errors, shape (p,)."""
        return np.sqrt(np.diag(self.covariance))


class _Solution(NamedTuple):
    coefficients: Floats
    separated: NDArray[np.bool_]


def prepare_cox(
    time: ArrayLike, event: ArrayLike, covariates: ArrayLike, *, strata: ArrayLike | None = None, ties: Ties = "efron"
) -> CoxProblem:
    """Sort and standardise the data of a regression.

    Args:
        time: follow-up, finite and not negative, shape (n,).
        event: true where it ended with the event, shape (n,).
        covariates: finite, shape (n, p), p >= 1.
        strata: labels of strata, each with its own baseline hazard, shape (n,).
        ties: "efron" (R's default) or "breslow".

    Raises:
        ValueError: shapes that differ, undefined values, nobody or no covariate.
    """
    times, events = check_times(time, event)
    x = np.asarray(covariates, dtype=float)
    if x.ndim != 2 or len(x) != len(times) or not x.size or not np.isfinite(x).all():
        raise ValueError("covariates need a finite two-dimensional array with a row per patient")
    centre, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 1e-12 * np.maximum(np.abs(centre), 1), scale, np.inf)
    standard = (x - centre) / scale
    labels = (
        np.zeros(len(times), dtype=int) if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1]
    )
    blocks = tuple(derive_strata(times, events, standard, labels))
    return CoxProblem(blocks, centre, scale, np.ptp(standard, axis=0), len(times), int(events.sum()), ties)


def compute_cox(problem: CoxProblem, weights: ArrayLike | None = None) -> CoxFit:
    """Fit a regression by maximum partial likelihood.

    Args:
        problem: from `prepare_cox`.
        weights: case weights, not negative, shape (n,); default 1.

    Returns:
        The fit, or NaN with a reason: `no_events`; `one_class_only` (a covariate is constant among
        those at risk); `separation` (the likelihood rises without end: a coefficient is infinite);
        `not_converged` (collinear covariates, or no maximum found).

    Source: Cox 1972; Efron 1977; Breslow 1974.
    """
    p = len(problem.scale)
    w = np.ones((1, problem.n)) if weights is None else np.asarray(weights, dtype=float)[None]
    if not problem.strata:
        return _derive_undefined(p, Reason.NO_EVENTS)
    null = compute_terms(problem.strata, w, np.zeros((1, p)), problem.ties)
    if reason := _find_obstacle(null.information[0]):
        return _derive_undefined(p, reason)
    solution = _solve(problem, w, np.zeros(p))
    if np.isnan(solution.coefficients).any():
        return _derive_undefined(p, Reason.SEPARATION if solution.separated[0] else Reason.NOT_CONVERGED)
    final = compute_terms(problem.strata, w, solution.coefficients, problem.ties)
    covariance = np.linalg.inv(final.information[0]) / np.outer(problem.scale, problem.scale)
    coefficients = solution.coefficients[0] / problem.scale
    return CoxFit(coefficients, covariance, float(final.value[0]), float(null.value[0]))


def compute_cox_replicates(problem: CoxProblem, weights: ArrayLike, start: ArrayLike) -> Floats:
    """Fit one regression per replicate.

    Args:
        problem: from `prepare_cox`.
        weights: case weights, shape (replicates, n).
        start: coefficients to start from, those of the full data, shape (p,).

    Returns:
        Coefficients, shape (replicates, p); NaN for a replicate that does not converge.
    """
    all_weights = np.asarray(weights)
    first = np.asarray(start, dtype=float) * np.where(np.isinf(problem.scale), 0, problem.scale)
    size = max((block.products.size for block in problem.strata), default=1)
    step = max(1, _CHUNK // size)
    out = np.full((len(all_weights), len(first)), np.nan)
    for begin in range(0, len(all_weights) if problem.strata else 0, step):
        part = all_weights[begin : begin + step].astype(float)
        out[begin : begin + step] = _solve(problem, part, first).coefficients / problem.scale
    return out


def compute_robust_covariance(problem: CoxProblem, fit: CoxFit, clusters: ArrayLike) -> Floats:
    """Return the sandwich covariance of an unweighted fit, score residuals summed by cluster.

    Args:
        problem: the regression.
        fit: its fit, defined.
        clusters: label of each patient's cluster, shape (n,).

    Source: Lin and Wei 1989; Efron's ties as in Therneau and Grambsch 2000, section 7.1 (R's `coxph(cluster=)`).
    """
    beta = fit.coefficients * problem.scale
    influence = np.zeros((problem.n, len(beta)))
    for block in problem.strata:
        influence[block.rows] = compute_score_residuals(block, beta, problem.ties)
    influence = (influence * problem.scale) @ fit.covariance
    codes = np.unique(np.asarray(clusters), return_inverse=True)[1]
    sums = np.zeros((int(codes.max()) + 1, len(beta)))
    np.add.at(sums, codes, influence)
    return sums.T @ sums


def _derive_undefined(p: int, reason: Reason) -> CoxFit:
    return CoxFit(np.full(p, np.nan), np.full((p, p), np.nan), np.nan, np.nan, reason)


def _solve(problem: CoxProblem, weights: Floats, start: Floats) -> _Solution:
    """Maximise every replicate by Newton's method with halved steps; a replicate leaves when it is done."""
    replicates, p = len(weights), len(start)
    out = np.full((replicates, p), np.nan)
    separated, left = np.zeros(replicates, dtype=bool), np.arange(replicates)
    beta = np.tile(start, (replicates, 1))
    best, value, step = beta.copy(), np.full(replicates, -np.inf), np.zeros_like(beta)
    for _ in range(_ITERATIONS):
        terms = compute_terms(problem.strata, weights, beta, problem.ties)
        worse = terms.value < value - _LOSS * np.abs(np.where(np.isinf(value), 0, value))
        lost, flat, move, decrement = _compute_move(terms, problem.reach)
        step = np.where(worse[:, None], step / 2, _derive_capped(move, problem.reach))
        best, value = np.where(worse[:, None], best, beta), np.where(worse, value, terms.value)
        done = (decrement < _DECREMENT) & ~worse & ~lost & ~flat
        out[left[done]] = (beta + move)[done]
        separated[left[flat & ~worse]] = True
        kept = ~(done | ((lost | flat) & ~worse))
        if not kept.any():
            break
        left, weights, best, value, step = left[kept], weights[kept], best[kept], value[kept], step[kept]
        beta = best + step
    else:
        separated[left[(np.abs(best) * problem.reach).sum(axis=1) > _WIDE]] = True
    return _Solution(out, separated)


def _compute_move(terms: Terms, reach: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Floats, Floats]:
    """Return which replicates have no information or a flat likelihood, Newton's step and its squared length."""
    lost = _find_singular(terms.information)
    safe = np.where(lost[:, None, None], np.eye(len(reach)), terms.information)
    inverse = np.linalg.inv(safe)
    move = (inverse @ terms.score[:, :, None])[:, :, 0]
    error = np.sqrt(np.abs(np.diagonal(inverse, axis1=1, axis2=2))) * reach
    return lost, (error > _FLAT).any(axis=1) & ~lost, move, (move * terms.score).sum(axis=1)


def _find_singular(information: Floats) -> NDArray[np.bool_]:
    diagonal = np.diagonal(information, axis1=1, axis2=2)
    product = np.prod(np.where(diagonal > 0, diagonal, 1.0), axis=1)
    singular: NDArray[np.bool_] = np.linalg.det(information) <= _SINGULAR * product
    return singular | (diagonal <= 0).any(axis=1)


def _find_obstacle(information: Floats) -> Reason:
    if (np.diag(information) <= _SINGULAR).any():
        return Reason.ONE_CLASS_ONLY
    return Reason.NOT_CONVERGED if _find_singular(information[None])[0] else Reason.NONE


def _derive_capped(move: Floats, reach: Floats) -> Floats:
    spread = (np.abs(move) * reach).sum(axis=1)
    shrink: Floats = np.minimum(1, _SPREAD / np.maximum(spread, _SPREAD))
    return move * shrink[:, None]
