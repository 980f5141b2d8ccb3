"""Cox regression with exact ties: the discrete partial likelihood, for a single fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from probatio.resampling import Floats
from probatio.results import Reason
from probatio.survival.cox import CoxFit
from probatio.survival.event_steps import CoxData, check_cox_data

_ITERATIONS = 50
_DECREMENT = 1e-12  # squared length of the last step in standard errors; one more step squares the rest
_FLAT = 1e4  # standard error of a log hazard ratio across a covariate's range that only separation gives
_SPREAD = 5.0  # largest change of the linear predictor between two patients in one step
_WIDE = 50.0  # log hazard ratio across the covariates' ranges that only separation gives
_SINGULAR = 1e-10


class _Tie(NamedTuple):
    """One event time: covariates of those at risk, shape (m, p), how many have the event, and their sum, shape (p,)."""

    x: Floats
    deaths: int
    total: Floats


def compute_exact_cox(
    time: ArrayLike,
    event: ArrayLike,
    covariates: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
) -> CoxFit:
    """Fit a regression that takes tied events as simultaneous on a discrete scale of time.

    At each event time the likelihood is the chance that the d patients with the event are the ones,
    among all sets of d at risk. One fit costs the sum over event times of (at risk) x d x p^2 steps, so
    that it is for a single fit, not for replicates. Arguments and reasons as in `prepare_cox` and `compute_cox`.

    Source: Cox 1972; recursion of Gail, Lubin and Rubinstein 1981. R's `coxph(ties = "exact")`.
    """
    data = check_cox_data(time, event, covariates, strata=strata, entry=entry)
    scale = data.x.std(axis=0)
    scale = np.where(
        scale > 1e-12 * np.maximum(np.abs(np.asarray(covariates, dtype=float)).max(axis=0), 1), scale, np.inf
    )
    standard, p = data.x / scale, data.x.shape[1]
    ties = [_derive_tie(data, standard, t, label) for t, label in _list_event_times(data)]
    if not ties:
        return _derive_undefined(p, Reason.NO_EVENTS)
    null, _, information = _compute_terms(ties, np.zeros(p))
    if (np.diag(information) <= _SINGULAR).any():
        return _derive_undefined(p, Reason.ONE_CLASS_ONLY)
    beta, reason = _maximise(ties, np.zeros(p), np.ptp(standard, axis=0))
    if reason:
        return _derive_undefined(p, reason)
    value, _, information = _compute_terms(ties, beta)
    return CoxFit(beta / scale, np.linalg.inv(information) / np.outer(scale, scale), value, null)


def _list_event_times(data: CoxData) -> list[tuple[float, int]]:
    return sorted({(float(t), int(s)) for t, s in zip(data.time[data.event], data.strata[data.event], strict=True)})


def _derive_tie(data: CoxData, x: Floats, time: float, stratum: int) -> _Tie:
    at_risk = (data.strata == stratum) & (data.time >= time) & (data.entry < time)
    dying = at_risk & data.event & (data.time == time)
    return _Tie(x[at_risk], int(dying.sum()), x[dying].sum(axis=0))


def _maximise(ties: Sequence[_Tie], start: Floats, reach: Floats) -> tuple[Floats, Reason]:
    """Return the maximum by Newton's method with halved steps, or why there is none."""
    best, value, step = start, -np.inf, np.zeros_like(start)
    for _ in range(_ITERATIONS):
        beta = best + step
        found, score, information = _compute_terms(ties, beta)
        if found < value - 1e-9 * abs(value):
            step = step / 2
            continue
        best, value = beta, found
        if np.linalg.det(information) <= _SINGULAR * np.prod(np.diag(information)):
            separated = (np.diag(information) <= 1 / _FLAT**2).any()
            return best, Reason.SEPARATION if separated else Reason.NOT_CONVERGED
        covariance = np.linalg.inv(information)
        if (np.sqrt(np.diag(covariance)) * reach > _FLAT).any():
            return best, Reason.SEPARATION
        step = covariance @ score
        if step @ score < _DECREMENT:
            return best + step, Reason.NONE
        step = step * min(1.0, _SPREAD / float((np.abs(step) * reach).sum()))
    wide = float((np.abs(best) * reach).sum()) > _WIDE
    return best, Reason.SEPARATION if wide else Reason.NOT_CONVERGED


def _compute_terms(ties: Sequence[_Tie], beta: Floats) -> tuple[float, Floats, Floats]:
    """Return logarithm, score and information of the discrete partial likelihood."""
    value, score, information = 0.0, np.zeros(len(beta)), np.zeros((len(beta), len(beta)))
    for tie in ties:
        logarithm, mean, variance = _compute_sets(tie.x, tie.x @ beta, tie.deaths)
        value += float(tie.total @ beta) - logarithm
        score += tie.total - mean
        information += variance
    return value, score, information


def _compute_sets(x: Floats, predictor: Floats, deaths: int) -> tuple[float, Floats, Floats]:
    """Return log sum over sets of d of exp(predictor), and mean and variance of the set's covariates.

    The k-th entry of each table sums over sets of k of the patients read so far: a set holds the next patient or
    not. Each patient's risk is divided by the largest, and the sums rescaled as they grow.
    """
    p, top = x.shape[1], float(predictor.max())
    if deaths == 1:
        return _compute_single(x, np.exp(predictor - top), top)
    sums, first, second = np.zeros(deaths + 1), np.zeros((deaths + 1, p)), np.zeros((deaths + 1, p, p))
    sums[0], grown = 1.0, 0.0
    for risk, row in zip(np.exp(predictor - top), x, strict=True):
        cross = row[:, None] * first[:-1, None, :]
        second[1:] += risk * (
            second[:-1] + cross + cross.transpose(0, 2, 1) + sums[:-1, None, None] * np.outer(row, row)
        )
        first[1:] += risk * (first[:-1] + sums[:-1, None] * row)
        sums[1:] += risk * sums[:-1]
        if sums.max() > 1e100:
            size = sums.max()
            sums, first, second, grown = sums / size, first / size, second / size, grown + float(np.log(size))
    mean = first[-1] / sums[-1]
    return float(np.log(sums[-1])) + grown + deaths * top, mean, second[-1] / sums[-1] - np.outer(mean, mean)


def _compute_single(x: Floats, risk: Floats, top: float) -> tuple[float, Floats, Floats]:
    """Return what `_compute_sets` does for sets of one patient."""
    total = float(risk.sum())
    mean = risk @ x / total
    return float(np.log(total)) + top, mean, (risk[:, None] * x).T @ x / total - np.outer(mean, mean)


def _derive_undefined(p: int, reason: Reason) -> CoxFit:
    return CoxFit(np.full(p, np.nan), np.full((p, p), np.nan), np.nan, np.nan, reason)
