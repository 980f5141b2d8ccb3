"""Probabilistic bias analysis of a misclassified first term: what if its sensitivity and specificity were such?

Each iteration draws sensitivity and specificity (overall, or for patients with and without the event), turns them with
the shares read into predictive values given outcome, follow-up and the other terms, reclassifies every patient at
random by them, fits the regression, and adds the random error of a conventional analysis.
The row holds the median and the percentiles of the iterations: a simulation interval, not one of confidence.

Priors: Beta of what the labelled sample shows (Jeffreys, weighted counts at their effective size), or declared. An
iteration whose sensitivity and specificity contradict the share read (Rogan and Gladen's true share outside 0 to 1)
is left out and counted; when fewer than half are possible, there is no estimate.

Source: Lash, Fox and Fink 2009, chapters 7 and 8; Fox, MacLehose and Lash 2021, Applying Quantitative Bias Analysis.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from probatio.correction.debiasing import Interval, derive_undefined
from probatio.correction.imputation import compute_nelson_aalen
from probatio.correction.numbers import Mask, Number
from probatio.correction.predicting import Result
from probatio.correction.sample import Sample
from probatio.protocol import BiasAnalysis
from probatio.resampling import Floats, compute_percentiles
from probatio.results import Reason
from probatio.survival import compute_cox, prepare_cox
from probatio.survival.logistic import compute_logistic, compute_probabilities

_ENOUGH = 0.5
_FIRST_STEPS, _STEPS = 100, 3
_RIDGE = 0.1


class Prior(NamedTuple):
    """Beta parameters of sensitivity and specificity for each stratum, shape (strata, 2) each."""

    sensitivity: Floats
    specificity: Floats


class Patients(NamedTuple):
    """The analysed patients: what was read, the stratum of the prior, and what the true class depends on, (m, q)."""

    read: Mask
    outer: NDArray[np.intp]
    given: Floats


def list_bias_analysis(
    sample: Sample, options: BiasAnalysis, level: float, *, generator: np.random.Generator
) -> Iterator[Result]:
    """Yield the log hazard ratios under the priors.

    Args:
        sample: views and labels; the endpoint is the same in both.
        options: iterations and priors.
        level: two-sided share of the iterations between the bounds.
        generator: of the draws.
    """
    view, kept = sample.proxy, sample.proxy_kept
    method = f"bias_analysis_{'declared' if options.sensitivity else 'labelled'}"
    n, events = int(kept.sum()), int(view.event[kept].sum())
    prior = derive_prior(sample, options)
    reason = Reason.TYPE_WITHOUT_METRIC if len(view.groups) != 2 else Reason.ONE_CLASS_ONLY if prior is None else ""
    drawn = np.empty((0, len(view.coefficients)))
    if not reason and prior is not None:
        drawn = _iterate(sample, prior, derive_patients(sample, options), options.iterations, generator)
        reason = "" if len(drawn) >= _ENOUGH * options.iterations else Reason.UNINFORMATIVE
    for at, label in enumerate(view.coefficients):
        interval = _summarise(drawn[:, at], level) if not reason else derive_undefined(Reason(reason))
        yield Result(Number("log_hazard_ratio", label), method, interval, n, events, len(drawn))


def _summarise(drawn: Floats, level: float) -> Interval:
    lower, upper = (float(bound) for bound in compute_percentiles(drawn, level))
    return Interval(float(np.median(drawn)), float(np.std(drawn, ddof=1)), lower, upper)


def derive_prior(sample: Sample, options: BiasAnalysis) -> Prior | None:
    """Return the priors: one overall, or one without and one with the event; None: a class is missing."""
    strata = 2 if options.by_event else 1
    if options.sensitivity is not None and options.specificity is not None:
        pairs = ((each.a, each.b) for each in (options.sensitivity, options.specificity))
        return Prior(*(np.tile(np.array(pair, dtype=float), (strata, 1)) for pair in pairs))
    known = sample.labelled & (sample.gold.group >= 0) & (sample.proxy.group >= 0) & ~np.isnan(sample.proxy.time)
    true, read, weights = sample.gold.group[known], sample.proxy.group[known], sample.weights[known]
    stratum = sample.proxy.event[known].astype(int) * int(options.by_event)
    tables = []
    for truth in (1, 0):
        right = [_count(weights, (stratum == s) & (true == truth), read == truth) for s in range(strata)]
        tables.append(np.array(right))
    if np.isnan(tables).any():
        return None
    return Prior(tables[0], tables[1])


def _count(weights: Floats, mask: Mask, right: Mask) -> tuple[float, float]:
    """Return Jeffreys' Beta parameters of a share, weighted counts at Kish's effective size; NaN without a patient."""
    own = weights[mask]
    if not len(own):
        return np.nan, np.nan
    size = own.sum() ** 2 / (own @ own)
    hits = size * float(weights[mask & right].sum() / own.sum())
    return hits + 0.5, size - hits + 0.5


def derive_patients(sample: Sample, options: BiasAnalysis) -> Patients:
    """Return what was read, the prior's stratum, and what the true class depends on in a Cox model.

    That is: outcome, cumulative hazard at the patient's time, their product, the other terms (White and Royston 2009).
    """
    view, kept = sample.proxy, sample.proxy_kept
    event, read = view.event[kept], view.group[kept] == 1
    hazard = compute_nelson_aalen(view.time[kept], event)
    table = np.column_stack([event, hazard, event * hazard, view.covariates[kept][:, 1:]])
    return Patients(read, event.astype(np.intp) * int(options.by_event), table[:, np.ptp(table, axis=0) > 0])


def _iterate(
    sample: Sample, prior: Prior, patients: Patients, iterations: int, generator: np.random.Generator
) -> Floats:
    view, kept = sample.proxy, sample.proxy_kept
    covariates = view.covariates[kept].copy()
    middle = [pair[:, 0] / pair.sum(axis=1) for pair in prior]
    start = compute_true_chance(patients, *middle, steps=_FIRST_STEPS)
    out = []
    for _ in range(iterations):
        sensitivity, specificity = (np.asarray(generator.beta(pair[:, 0], pair[:, 1])) for pair in prior)
        noise, chance = generator.standard_normal(covariates.shape[1]), generator.random(len(covariates))
        true = compute_true_chance(patients, sensitivity, specificity, start=start)
        if true is None:
            continue
        covariates[:, 0] = chance < true
        fit = compute_cox(prepare_cox(view.time[kept], view.event[kept], covariates, strata=view.strata[kept]))
        if not fit.reason:
            out.append(fit.coefficients + noise * fit.standard_errors)
    return np.array(out).reshape(-1, covariates.shape[1])


def compute_true_chance(
    patients: Patients, sensitivity: Floats, specificity: Floats, *, start: Floats | None = None, steps: int = _STEPS
) -> Floats | None:
    """Return each patient's probability of the second class given what was read; None where the priors are impossible.

    Impossible: no better than chance, or a true share (share read + Sp - 1) / (Se + Sp - 1) outside 0 to 1 (Rogan
    and Gladen 1978). The class depends on `given` by a logistic regression whose outcome is misread: EM steps of
    Magder and Hughes 1997, Am J Epidemiol 146:195. Without anything given, this is Bayes' rule with the true share.

    Args:
        patients: what was read of each.
        sensitivity: by stratum of the prior.
        specificity: the same.
        start: probabilities to start from.
        steps: of the EM algorithm.
    """
    se, sp = sensitivity[patients.outer], specificity[patients.outer]
    if (sensitivity + specificity <= 1).any():
        return None
    true = (_compute_share(patients.read, patients.outer) + sp - 1) / (se + sp - 1)
    if ((true < 0) | (true > 1)).any():
        return None
    chance = _apply_bayes(patients.read, true, se, sp) if start is None else start
    for _ in range(steps if patients.given.shape[1] else 0):
        fitted = _fit_fractional(patients.given, chance)
        if fitted is None:
            break
        chance = _apply_bayes(patients.read, fitted, se, sp)
    return chance


def _apply_bayes(read: Mask, share: Floats, se: Floats, sp: Floats) -> Floats:
    hit, miss = np.where(read, se, 1 - se) * share, np.where(read, 1 - sp, sp) * (1 - share)
    total = hit + miss
    return np.asarray(np.where(total > 0, hit / np.where(total > 0, total, 1), read))


def _fit_fractional(given: Floats, chance: Floats) -> Floats | None:
    """Return fitted probabilities of a class of which only the chances are known: each patient in two parts."""
    n = len(chance)
    outcome, weights = np.repeat([1.0, 0.0], n), np.r_[chance, 1 - chance]
    fit = compute_logistic(np.vstack([given, given]), outcome, weights, ridge=_RIDGE)
    return None if fit.reason else compute_probabilities(given, fit.coefficients)


def _compute_share(read: Mask, stratum: NDArray[np.intp]) -> Floats:
    """Return, for each patient, the share read positive in its stratum."""
    share: Floats = np.bincount(stratum, read) / np.maximum(np.bincount(stratum), 1)
    return share[stratum]
