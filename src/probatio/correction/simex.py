"""MC-SIMEX for a misclassified first term: add more error of the same kind, watch the estimate, extrapolate to none.

The matrix P[i, j] = P(read j | true i) comes from the labelled sample. Error is added by P^lambda on top of the
values read, so that the whole is P^(1 + lambda), and lambda = -1 is no error. Not differential: one matrix;
differential: one for patients with the event, one for the others.

The simulation step is not simulated: each patient enters once per class with the probability of landing in it as a
weight, which is the limit of ever more simulated data sets stacked in one. A patient in parts would tie with
itself under Efron's rule; the curve over lambda is therefore Breslow's, added to the naive estimate by Efron.

Quadratic and log-linear extrapolation; percentile intervals from replicates that draw matrix and patients together.
The extrapolation is an approximation: no coverage is promised, least of all with much error.

Source: Kuechenhoff, Mwalili and Lesaffre 2006, Biometrics 62:85; Cook and Stefanski 1994.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from probatio.correction.debiasing import compute_percentile_interval, derive_undefined
from probatio.correction.numbers import Mask, Number
from probatio.correction.predicting import Result
from probatio.correction.sample import Sample
from probatio.protocol import Simex
from probatio.replication import View
from probatio.resampling import Floats
from probatio.results import Reason
from probatio.survival import CoxProblem, compute_cox, compute_cox_replicates, prepare_cox

_NEGATIVE = 1e-9


class Expanded(NamedTuple):
    """Every analysed patient once per class of the first term.

    Attributes:
        problem: the regression, rows patient by patient, Breslow's ties.
        read: class read, shape (m,).
        stratum: 1 for patients whose matrix is that of the event, shape (m,).
        kept: the patients, among all evaluated.
        classes: number of classes.
    """

    problem: CoxProblem
    read: NDArray[np.intp]
    stratum: NDArray[np.intp]
    kept: Mask
    classes: int


def list_simex(sample: Sample, options: Simex, weights: Floats, level: float) -> Iterator[Result]:
    """Yield the extrapolated log hazard ratios, by kind of error and of extrapolation.

    Args:
        sample: views and labels; the endpoint is the same in both.
        options: amounts of error, extrapolations.
        weights: how often each patient is drawn, shape (replicates, n).
        level: two-sided confidence.
    """
    drawn = np.vstack([np.ones(len(sample.labelled)), weights[: options.replicates]])
    naive = _compute_naive(sample.proxy, drawn)
    for kind in ("nondifferential", "differential"):
        expanded = derive_expanded(sample.proxy, sample.proxy_kept, differential=kind == "differential")
        matrices = compute_matrices(sample, drawn, differential=kind == "differential")
        curves = _compute_curves(expanded, matrices, drawn, options.lambdas)
        curves += (naive - curves[:, 0])[:, None]
        reason = _find_reason(naive[0], matrices[0], curves[0])
        for extrapolation in options.extrapolation:
            found = extrapolate(curves, options.lambdas, extrapolation)
            yield from _derive_results(sample, found, f"mc_simex_{kind}_{extrapolation}", reason, level)


def _find_reason(naive: Floats, matrices: Floats, curve: Floats) -> Reason:
    if np.isnan(naive).any():
        return Reason.NOT_CONVERGED
    if np.isnan(matrices).any():
        return Reason.ONE_CLASS_ONLY
    return Reason.UNINFORMATIVE if np.isnan(curve).any() else Reason.NONE


def _derive_results(sample: Sample, found: Floats, method: str, reason: Reason, level: float) -> Iterator[Result]:
    kept = sample.proxy_kept
    n, k = int(kept.sum()), int(sample.gold.event[sample.gold_kept].sum())
    for at, label in enumerate(sample.proxy.coefficients):
        value, drawn = float(found[0, at]), found[1:, at]
        why = reason or (Reason.NOT_CONVERGED if np.isnan(value) else Reason.NONE)
        interval = derive_undefined(why)
        if not why:
            interval = compute_percentile_interval(value, drawn, level)
        yield Result(Number("log_hazard_ratio", label), method, interval, n, k, len(drawn))


def derive_expanded(view: View, kept: Mask, *, differential: bool) -> Expanded:
    """Return the regression in which every patient stands once per class of the first term."""
    classes, m = len(view.groups), int(kept.sum())
    covariates = np.repeat(view.covariates[kept], classes, axis=0)
    covariates[:, : classes - 1] = np.tile(np.eye(classes)[:, 1:], (m, 1))
    time, event = np.repeat(view.time[kept], classes), np.repeat(view.event[kept], classes)
    strata = np.repeat(view.strata[kept], classes)
    problem = prepare_cox(time, event, covariates, strata=strata, ties="breslow")
    stratum = view.event[kept].astype(np.intp) * int(differential)
    return Expanded(problem, view.group[kept], stratum, kept, classes)


def compute_matrices(sample: Sample, drawn: Floats, *, differential: bool) -> Floats:
    """Return the classification matrix of every replicate and stratum, shape (replicates, strata, classes, classes).

    Row i says how a true i is read; NaN where no labelled patient of class i was drawn.
    """
    known = sample.labelled & (sample.gold.group >= 0) & (sample.proxy.group >= 0) & ~np.isnan(sample.gold.time)
    classes, strata = len(sample.gold.groups), 1 + int(differential)
    stratum = sample.proxy.event[known].astype(np.intp) * int(differential)
    cell = (stratum * classes + sample.gold.group[known]) * classes + sample.proxy.group[known]
    indicator = (cell[:, None] == np.arange(strata * classes * classes)).astype(float)
    counts = (drawn[:, known] * sample.weights[known]) @ indicator
    counts = counts.reshape(len(drawn), strata, classes, classes)
    totals = counts.sum(axis=3, keepdims=True)
    return np.asarray(np.where(totals > 0, counts / np.where(totals > 0, totals, 1), np.nan))


def compute_power(matrices: Floats, power: float) -> Floats:
    """Return stochastic matrices to a power by their eigenvalues, shape (..., c, c); NaN where that is no such matrix.

    A power exists as a matrix of probabilities only where reading is better than chance (positive real
    eigenvalues), and for three classes and more not always then.
    """
    known: NDArray[np.bool_] = np.asarray(~np.isnan(matrices).any(axis=(-2, -1)))
    safe = np.where(known[..., None, None], matrices, np.eye(matrices.shape[-1]))
    values, vectors = np.linalg.eig(safe)
    positive = (np.abs(values.imag) < _NEGATIVE) & (values.real > _NEGATIVE)
    regular = np.abs(np.linalg.det(vectors)) > _NEGATIVE
    good: NDArray[np.bool_] = np.asarray(known & positive.all(axis=-1) & regular)
    vectors = np.where(good[..., None, None], vectors, np.eye(matrices.shape[-1]))
    scaled = np.where(positive, values.real, 1.0) ** power
    out = (vectors * scaled[..., None, :]) @ np.linalg.inv(vectors)
    good &= (out.real > -_NEGATIVE).all(axis=(-2, -1))
    clipped = np.clip(out.real, 0, 1)
    clipped /= clipped.sum(axis=-1, keepdims=True)
    return np.asarray(np.where(good[..., None, None], clipped, np.nan))


def _compute_naive(view: View, drawn: Floats) -> Floats:
    kept = view.complete
    problem = prepare_cox(view.time[kept], view.event[kept], view.covariates[kept], strata=view.strata[kept])
    fit = compute_cox(problem)
    if fit.reason:
        return np.full((len(drawn), len(view.coefficients)), np.nan)
    return compute_cox_replicates(problem, drawn[:, kept], fit.coefficients)


def _compute_curves(expanded: Expanded, matrices: Floats, drawn: Floats, lambdas: list[float]) -> Floats:
    """Return coefficients by replicate and lambda, 0 first, shape (replicates, 1 + lambdas, p)."""
    still = np.broadcast_to(np.eye(expanded.classes), matrices.shape)
    powers = [still, *(compute_power(matrices, each) for each in lambdas)]
    start = np.zeros(len(expanded.problem.scale))
    curves = [_compute_fits(expanded, power, drawn[:, expanded.kept], start) for power in powers]
    return np.stack(curves, axis=1)


def _compute_fits(expanded: Expanded, power: Floats, drawn: Floats, start: Floats) -> Floats:
    out = np.full((len(drawn), len(start)), np.nan)
    good = ~np.isnan(power).any(axis=(1, 2, 3))
    shares = power[good][:, expanded.stratum, expanded.read]
    weights = (drawn[good][:, :, None] * shares).reshape(int(good.sum()), drawn.shape[1] * expanded.classes)
    out[good] = compute_cox_replicates(expanded.problem, weights, start)
    return out


def extrapolate(curves: Floats, lambdas: list[float], kind: str) -> Floats:
    """Return coefficients at lambda = -1.

    Args:
        curves: shape (replicates, 1 + lambdas, p), lambda = 0 first.
        lambdas: the amounts of error added.
        kind: "quadratic", or "log_linear" (sign times the exponential of a line; NaN where the sign changes).

    Returns:
        Shape (replicates, p).
    """
    x = np.array([0.0, *lambdas])
    degree = 2 if kind == "quadratic" and len(x) > 2 else 1
    design, target = np.vander(x, degree + 1), np.vander([-1.0], degree + 1)[0]
    effect = target @ np.linalg.pinv(design)
    if kind == "quadratic":
        return np.asarray(np.einsum("l,rlp->rp", effect, curves))
    sign = np.sign(curves[:, 0])
    steady = (np.sign(curves) == sign[:, None]).all(axis=1) & (sign != 0)
    logs = np.log(np.where(steady[:, None], np.abs(curves), 1.0))
    return np.asarray(np.where(steady, sign * np.exp(np.einsum("l,rlp->rp", effect, logs)), np.nan))
