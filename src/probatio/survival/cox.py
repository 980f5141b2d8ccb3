"""Cox regression by Newton's method on presorted data: one fit, or one per replicate weight.

The mode of weighting is that of R's `coxph(weights=)`: case weights. Tied events of a replicate
share the mean of their weights (Therneau and Grambsch 2000, section 7.3); rows written twice would be another
estimator under Efron's ties. Ties count events of positive weight only, so that a patient who
was not drawn changes nothing. Weights may be any non-negative numbers, and their scale does not matter.

Patients are sorted once; replicates are solved one after the other in a compiled loop
(`cox_kernel`), each from the full-data coefficients, so that no replicate depends on its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probatio.resampling import Floats
from probatio.results import Reason
from probatio.survival.kaplan_meier import check_times, derive_entries
from probatio.survival.risk_sets import RiskSets, derive_risk_sets

Ties = Literal["efron", "breslow"]

_CHUNK = 1 << 18


@dataclass(frozen=True)
class CoxProblem:
    """Sorted, standardised data of one regression; `prepare_cox` makes it.

    Attributes:
        sets: who is at risk when.
        centre, scale, reach: mean, standard deviation and range (in standard deviations) of each covariate.
        n, events: patients and events.
        ties: how tied events are weighed.
    """

    sets: RiskSets
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


def prepare_cox(
    time: ArrayLike,
    event: ArrayLike,
    covariates: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    ties: Ties = "efron",
) -> CoxProblem:
    """Sort and standardise the data of a regression.

    Args:
        time: follow-up, finite and not negative, shape (n,).
        event: true where it ended with the event, shape (n,).
        covariates: finite, shape (n, p), p >= 1.
        strata: labels of strata, each with its own baseline hazard, shape (n,).
        entry: when each comes under observation (delayed entry), before `time`; 0: from the origin on. A
            patient is at risk at t when entry < t <= time, as in R's `Surv(entry, time, event)`. Shape (n,).
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
        np.zeros(len(times), dtype=np.intp) if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1]
    )
    sets = derive_risk_sets(times, events, standard, labels, None if entry is None else derive_entries(entry, times))
    return CoxProblem(sets, centre, scale, np.ptp(standard, axis=0), len(times), int(events.sum()), ties)


def compute_cox(problem: CoxProblem, weights: ArrayLike | None = None) -> CoxFit:
    """Fit a regression by maximum partial likelihood.

    Args:
        problem: from `prepare_cox`.
        weights: case weights, not negative, shape (n,); default 1.

    Returns:
        The fit, or NaN with a reason: `no_events`; `one_class_only` (a covariate is constant among
        those at risk); `separation` (the likelihood rises without end: a coefficient is infinite);
        `not_converged` (collinear covariates, or no maximum found).

    Raises:
        ValueError: weights that are negative or not finite, or not one per patient.

    Source: Cox 1972; Efron 1977; Breslow 1974.
    """
    from probatio.survival import cox_kernel  # noqa: PLC0415 - numba takes half a second to import

    w = np.ones(problem.n) if weights is None else _check_weights(np.asarray(weights)[None], problem.n)[0]
    found, beta, inverse, value, null = cox_kernel.solve_once(problem.sets, w, problem.reach, problem.ties == "efron")
    if found != cox_kernel.FITTED:
        reasons = {
            cox_kernel.NO_EVENTS: Reason.NO_EVENTS,
            cox_kernel.CONSTANT: Reason.ONE_CLASS_ONLY,
            cox_kernel.SEPARATED: Reason.SEPARATION,
        }
        return _derive_undefined(len(beta), reasons.get(found, Reason.NOT_CONVERGED))
    return CoxFit(beta / problem.scale, inverse / np.outer(problem.scale, problem.scale), value, null)


def compute_cox_replicates(problem: CoxProblem, weights: ArrayLike, start: ArrayLike) -> Floats:
    """Fit one regression per replicate.

    Args:
        problem: from `prepare_cox`.
        weights: case weights, not negative, shape (replicates, n).
        start: coefficients to start from, those of the full data, shape (p,).

    Returns:
        Coefficients, shape (replicates, p); NaN for a replicate that does not converge.

    Raises:
        ValueError: weights that are negative or not finite, or not one per patient.
    """
    from probatio.survival.cox_kernel import solve_replicates  # noqa: PLC0415 - numba takes half a second to import

    all_weights = np.asarray(weights)
    first = np.asarray(start, dtype=float) * np.where(np.isinf(problem.scale), 0, problem.scale)
    step = max(1, _CHUNK // problem.n)
    out = np.full((len(all_weights), len(first)), np.nan)
    for begin in range(0, len(all_weights), step):
        part = _check_weights(all_weights[begin : begin + step], problem.n)
        out[begin : begin + step] = solve_replicates(problem.sets, part, first, problem.reach, problem.ties == "efron")
    return out / problem.scale


def compute_score_residuals(problem: CoxProblem, fit: CoxFit, weights: ArrayLike | None = None) -> Floats:
    """Return each patient's own part of the score at a fit, shape (n, p); times `fit.covariance`, its influence.

    Args:
        problem: the regression.
        fit: its fit, defined.
        weights: the case weights it was fitted with; default 1. Residuals are not multiplied by them.

    Source: Therneau and Grambsch 2000, section 4.6; R's `residuals(fit, "score")`.
    """
    from probatio.survival.cox_kernel import compute_residuals  # noqa: PLC0415 - numba takes half a second to import

    w = np.ones(problem.n) if weights is None else _check_weights(np.asarray(weights)[None], problem.n)[0]
    found: Floats = compute_residuals(problem.sets, w, fit.coefficients * problem.scale, problem.ties == "efron")
    return found * problem.scale


def compute_robust_covariance(
    problem: CoxProblem, fit: CoxFit, clusters: ArrayLike, *, weights: ArrayLike | None = None
) -> Floats:
    """Return the sandwich covariance of a fit, weighted score residuals summed by cluster.

    Args:
        problem: the regression.
        fit: its fit, defined.
        clusters: label of each patient's cluster, shape (n,).
        weights: the case weights it was fitted with; default 1.

    Source: Lin and Wei 1989; weights as in Binder 1992 (R's `coxph(weights=, cluster=)`).
    """
    influence = compute_score_residuals(problem, fit, weights) @ fit.covariance
    if weights is not None:
        influence = influence * np.asarray(weights, dtype=float)[:, None]
    codes = np.unique(np.asarray(clusters), return_inverse=True)[1]
    sums = np.zeros((int(codes.max()) + 1, len(fit.coefficients)))
    np.add.at(sums, codes, influence)
    return sums.T @ sums


def _check_weights(weights: NDArray[Any], n: int) -> Floats:
    """Return weights as rows of floats."""
    if weights.ndim != 2 or weights.shape[1] != n:
        raise ValueError("weights need one number per patient")
    rows = np.ascontiguousarray(weights, dtype=float)
    if not (rows.min(initial=0) >= 0 and np.isfinite(rows.sum())):
        raise ValueError("weights must be finite and not negative")
    return rows


def _derive_undefined(p: int, reason: Reason) -> CoxFit:
    return CoxFit(np.full(p, np.nan), np.full((p, p), np.nan), np.nan, np.nan, reason)
