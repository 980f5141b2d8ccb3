"""Influence functions: what each patient contributes to an estimate.

All are on one scale: estimate - truth is about the weighted mean of the influences, sum(w psi) / sum(w).
They are the infinitesimal jackknife: sum(w) times the derivative of the estimate in the patient's case weight.
So sum((w psi)^2) / sum(w)^2 is a robust variance, and the covariance of two estimates on the same
patients is the mean product of their influences over n.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probatio.resampling import Floats
from probatio.survival.aalen_johansen import (
    CauseCounts,
    PlacedCauses,
    compute_incidence,
    count_causes,
    prepare_causes,
)
from probatio.survival.event_steps import check_cox_data, compute_score_residuals, derive_event_steps
from probatio.survival.kaplan_meier import compute_widths

Bools = NDArray[np.bool_]


def compute_cox_influence(
    time: ArrayLike,
    event: ArrayLike,
    covariates: ArrayLike,
    coefficients: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    ties: Literal["efron", "breslow"] = "efron",
) -> Floats:
    """Return the influences on the coefficients of a Cox regression, score residuals times covariance.

    Args:
        time: as in `prepare_cox`.
        event: as in `prepare_cox`.
        covariates: as in `prepare_cox`, shape (n, p).
        coefficients: the fitted ones, under the same weights, shape (p,).
        strata: as in `prepare_cox`.
        entry: as in `prepare_cox`.
        weights: case weights, shape (n,); default 1.
        ties: as in `prepare_cox`.

    Returns:
        Shape (n, p); NaN where the fit is undefined, 0 for a patient of weight 0.

    Source: Reid and Crepeau 1985; Therneau and Grambsch 2000, sections 7.1 to 7.3.
    """
    data = check_cox_data(time, event, covariates, strata=strata, entry=entry, weights=weights, ties=ties)
    beta = np.asarray(coefficients, dtype=float)
    steps = derive_event_steps(data, beta)
    information = np.einsum("k,kab->ab", steps.weight, steps.variance)
    if not np.isfinite(information).all() or np.linalg.matrix_rank(information) < len(beta):
        return np.full(data.x.shape, np.nan)
    residuals = compute_score_residuals(data, steps, beta)
    return np.asarray(np.linalg.solve(information, residuals.T).T * data.weights.sum())


def compute_survival_influence(
    time: ArrayLike, event: ArrayLike, at: float, *, entry: ArrayLike | None = None, weights: ArrayLike | None = None
) -> Floats:
    """Return the influences on Kaplan-Meier survival at a landmark, shape (n,); NaN beyond follow-up.

    Without delayed entry their variance is Greenwood's, exactly. Source: Reid 1981, here for the product limit.
    """
    return -compute_incidence_influence(time, np.asarray(event).astype(bool), 1, at, entry=entry, weights=weights)


def compute_incidence_influence(
    time: ArrayLike,
    cause: ArrayLike,
    of: int,
    at: float,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Floats:
    """Return the influences on the cumulative incidence of a cause at a landmark, shape (n,); NaN beyond follow-up.

    Without delayed entry their variance is that of `compute_aalen_johansen`. Arguments as there.
    """
    table = prepare_causes(time, cause, entry=entry)
    w = np.ones(len(table.until)) if weights is None else np.asarray(weights, dtype=float)
    counts = count_causes(table, w, of)
    if _is_beyond(table, counts, w, at):
        return np.full(len(w), np.nan)
    incidence, before = compute_incidence(counts), np.r_[1.0, counts.survival[:-1]]
    passed = table.times <= at
    until = incidence[passed][-1] if passed.any() else 0.0
    direct = _divide(np.where(passed, before, 0.0), counts.at_risk)
    later = _divide(np.where(passed, until - incidence, 0.0), counts.left)
    gained = _sum_martingale(table, table.cause == of, _divide(counts.of_cause, counts.at_risk), direct)
    lost = _sum_martingale(table, table.cause > 0, _divide(counts.events, counts.at_risk), later)
    return np.where(w > 0, w.sum() * (gained - lost), 0.0)


def compute_rmst_influence(
    time: ArrayLike, event: ArrayLike, tau: float, *, entry: ArrayLike | None = None, weights: ArrayLike | None = None
) -> Floats:
    """Return the influences on the restricted mean survival time, in its unit, shape (n,); NaN beyond follow-up.

    The survival's influence integrated from 0 to `tau`; without delayed entry their variance is that of `compute_rmst`.
    """
    table = prepare_causes(time, np.asarray(event).astype(bool), entry=entry)
    w = np.ones(len(table.until)) if weights is None else np.asarray(weights, dtype=float)
    counts = count_causes(table, w, 1)
    if _is_beyond(table, counts, w, tau):
        return np.full(len(w), np.nan)
    areas = np.r_[1.0, counts.survival] * compute_widths(table.times, tau)
    after = np.cumsum(areas[::-1])[::-1][1:]
    hazard = _divide(counts.events, counts.at_risk)
    lost = _sum_martingale(table, table.cause > 0, hazard, _divide(after, counts.left))
    return np.where(w > 0, -w.sum() * lost, 0.0)


def compute_mean_influence(
    values: ArrayLike, *, inside: ArrayLike | None = None, weights: ArrayLike | None = None
) -> Floats:
    """Return the influences on a mean or a proportion over those inside a domain, shape (n,).

    Args:
        values: numbers, or 0 and 1; those outside the domain are not read.
        inside: who belongs to the domain; default all. Patients outside have influence 0.
        weights: case weights; default 1.

    Returns:
        NaN where the domain has no weight.
    """
    x = np.asarray(values, dtype=float)
    w = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=float)
    member = np.ones(len(x), dtype=bool) if inside is None else np.asarray(inside, dtype=bool)
    mass = w[member].sum()
    if mass == 0:
        return np.full(len(x), np.nan)
    return np.asarray(np.where(member, x - (w * x)[member].sum() / mass, 0.0) * (w.sum() / mass))


def _is_beyond(table: PlacedCauses, counts: CauseCounts, weights: Floats, time: float) -> bool:
    last = int(table.until[weights > 0].max(initial=0))
    return last == 0 or bool(table.times[last - 1] < time and counts.survival[-1] > 0)


def _sum_martingale(table: PlacedCauses, happened: Bools, hazard: Floats, factor: Floats) -> Floats:
    """Return each patient's sum of factor (dN - Y d/n) over the distinct times, shape (n,).

    Args:
        table: where patients stand.
        happened: who had the event, shape (n,).
        hazard: d/n at each distinct time, shape (m,).
        factor: shape (m,).
    """
    total = np.r_[0.0, np.cumsum(factor * hazard)]
    own = np.where(happened, np.r_[factor, 0.0][table.until - 1], 0.0)
    return np.asarray(own - (total[table.until] - total[table.since]))


def _divide(numerator: Floats, denominator: Floats) -> Floats:
    return np.where(denominator > 0, numerator / np.where(denominator > 0, denominator, 1), 0.0)
