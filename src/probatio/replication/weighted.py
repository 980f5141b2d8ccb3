"""A comparative question answered by propensity weights: two groups made alike in their confounders.

| metric | method | n, k |
|---|---|---|
| weighted_log_hazard_ratio, weighted_hazard_ratio | percentile_bootstrap; sandwich | patients, events |
| weighted_rmst (by group, `at` the horizon), weighted_rmst_difference | percentile_bootstrap | patients, events |
| weighted_survival (by group, `at` the landmark) | percentile_bootstrap | patients, events |
| confounder_balance (`variable`, `term` the confounder) | unweighted; ate, att or overlap | patients |
| effective_patients, largest_weight_share (by group) | ate, att or overlap | patients of the group |
| score_outside_share (`at` the limits of the score) | | patients, those beyond |
| propensity_c | | patients |

The hazard ratio is marginal: Cox's model of the group alone, weighted; it is not that of a model with covariates even
where both are right (Austin 2013, Stat Med 32:2837). The sandwich takes the weights for known and is
usually too wide; the bootstrap makes score and weights again in every replicate and is the one that is compared.
A score that separates the groups leaves every number of the comparison undefined (`separation`).

Source: Austin 2014, Stat Med 33:1242 (weighted Kaplan-Meier and Cox); Lin and Wei 1989 (sandwich).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from probatio.protocol import Analysis
from probatio.records.canonical import derive_number_text
from probatio.replication.differences import ENOUGH
from probatio.replication.estimate import OVERALL, Estimate, Mask, Sample, describe_undefined
from probatio.replication.groups import Number, compute_number_replicates, list_numbers
from probatio.replication.regression import derive_hazard_ratio
from probatio.replication.views import Label
from probatio.replication.weighting import (
    LIMITS,
    Propensity,
    compute_balance,
    compute_c_statistic,
    compute_effective_patients,
    compute_propensity,
)
from probatio.resampling import Floats, compute_percentiles
from probatio.results import Reason
from probatio.survival import (
    CoxFit,
    CoxProblem,
    compute_cox,
    compute_cox_influence,
    compute_cox_replicates,
    compute_kaplan_meier,
    prepare_cox,
    prepare_times,
)

BOOTSTRAP, SANDWICH = "percentile_bootstrap", "sandwich"


def fit_propensity(sample: Sample, analysis: Analysis) -> Propensity:
    """Return the weights of a sample's patients, those kept only."""
    kept, view = sample.kept, sample.view
    if not kept.any():
        return Propensity(np.empty(0), np.empty(0), None, Reason.EMPTY_DENOMINATOR)
    return compute_propensity(view.group[kept] == 1, view.covariates[kept, 1:], analysis.weighting, sample.draw())  # type: ignore[arg-type]


def compute_weighted(found: Propensity, sample: Sample, analysis: Analysis, *, competing: bool) -> list[Estimate]:
    """Return a weighted comparison's numbers, none of survival where an event competes, and those of its weights."""
    numbers = [each for each in list_numbers(analysis) if each.metric != "median_survival" and not competing]
    if found.reason:
        return list(_derive_undefined(found.reason, sample, numbers))
    out = list(_compute_hazard_ratio(found, sample))
    for code, label in enumerate(sample.view.groups):
        out += list(_compute_curve_numbers(found, sample, code, label, numbers))
    means = [one for one in out if one.metric == "weighted_rmst"]
    half = len(means) // 2
    out += [_contrast(one, base, sample.level) for base, one in zip(means[:half], means[half:], strict=True)]
    return out + list(_describe_weights(found, sample, analysis))


def derive_weighted_curves(found: Propensity, sample: Sample) -> Iterator[dict[str, Any]]:
    """Yield the weighted survival of each group, with pointwise percentiles where there are replicates."""
    if found.reason:
        return
    for code, label in enumerate(sample.view.groups):
        members = sample.view.group[sample.kept] == code
        part = sample.select(sample.kept & (sample.view.group == code))
        curve = compute_kaplan_meier(**part.outcome, weights=found.weight[members], level=sample.level)
        times = np.unique(np.r_[0.0, curve.times])
        shown = np.r_[1.0, curve.survival][np.searchsorted(curve.times, times, side="right")]
        lower, upper = _compute_band(found, part, members, times, sample.level)
        key = {
            "source": sample.view.source,
            "metric": "weighted_survival",
            "variable": label.variable,
            "term": label.term,
        }
        yield from (key | {"x": x, "y": y, "lower": low, "upper": high}
                    for x, y, low, high in zip(times, shown, lower, upper, strict=True))  # fmt: skip


def _compute_band(found: Propensity, part: Sample, members: Mask, times: Floats, level: float) -> tuple[Floats, Floats]:
    if found.drawn is None:
        empty = np.full(len(times), np.nan)
        return empty, empty
    shown = [Number("survival", time) for time in times.tolist()]
    read = compute_number_replicates(prepare_times(**part.outcome), found.drawn[:, members], shown)
    drawn = np.column_stack([values for values in read.values() if values is not None])
    enough = (~np.isnan(drawn)).sum(axis=0) >= ENOUGH * len(drawn)
    tail = 100 * (1 - level) / 2
    lower, upper = np.nanpercentile(np.where(enough, drawn, 1.0), [tail, 100 - tail], axis=0)
    return np.where(enough, lower, np.nan), np.where(enough, upper, np.nan)


def _compute_hazard_ratio(found: Propensity, sample: Sample) -> Iterator[Estimate]:
    second = (sample.view.group[sample.kept] == 1).astype(float)[:, None]
    problem = prepare_cox(covariates=second, strata=sample.view.strata[sample.kept], **sample.outcome)
    fit, label = compute_cox(problem, found.weight), sample.view.groups[1]
    shared = sample.counts | {"level": sample.level}
    if fit.reason:
        for metric in ("weighted_log_hazard_ratio", "weighted_hazard_ratio"):
            yield Estimate(metric, label, np.nan, shared | {"method": BOOTSTRAP} | describe_undefined(fit.reason))
        return
    value, drawn = float(fit.coefficients[0]), _draw_coefficients(problem, fit, found)
    one = _derive_bootstrap("weighted_log_hazard_ratio", label, value, shared, drawn)
    yield one
    ratios = {name: np.exp(one.fields[name]) for name in ("lower", "upper") if name in one.fields}
    yield Estimate("weighted_hazard_ratio", label, float(np.exp(value)), one.fields | ratios)
    error = _compute_sandwich(found, sample, value)
    for each in derive_hazard_ratio(label, value, error, shared | {"method": SANDWICH}, None, prefix="weighted_"):
        yield replace(each, primary=False)


def _compute_sandwich(found: Propensity, sample: Sample, value: float) -> float:
    """Return the standard error of the coefficient with the weights taken for known, each patient alone."""
    second = (sample.view.group[sample.kept] == 1).astype(float)[:, None]
    influence = compute_cox_influence(
        **sample.outcome, covariates=second, coefficients=[value], strata=sample.view.strata[sample.kept],
        weights=found.weight,
    )  # fmt: skip
    return float(np.sqrt(((found.weight[:, None] * influence) ** 2).sum()) / found.weight.sum())


def _draw_coefficients(problem: CoxProblem, fit: CoxFit, found: Propensity) -> Floats | None:
    if found.drawn is None:
        return None
    out, known = np.full(len(found.drawn), np.nan), ~np.isnan(found.drawn).any(axis=1)
    out[known] = compute_cox_replicates(problem, found.drawn[known], fit.coefficients)[:, 0]
    return out


def _derive_bootstrap(
    metric: str, label: Label, value: float, fields: dict[str, Any], drawn: Floats | None
) -> Estimate:
    """Return a number with the percentiles of its replicates, or none where fewer than nine in ten have a value."""
    fields = fields | {"method": BOOTSTRAP}
    known = np.empty(0) if drawn is None else drawn[~np.isnan(drawn)]
    if drawn is None or len(known) < max(2, ENOUGH * len(drawn)):
        return Estimate(metric, label, value, fields | {"reason": Reason.NO_INTERVAL}, drawn)
    lower, upper = compute_percentiles(known, fields["level"])
    bounds = {"lower": float(lower), "upper": float(upper), "replicates": len(known)}
    return Estimate(metric, label, value, fields | bounds, drawn, float(np.std(known, ddof=1)))


def _compute_curve_numbers(
    found: Propensity, sample: Sample, code: int, label: Label, numbers: list[Number]
) -> Iterator[Estimate]:
    members = sample.view.group[sample.kept] == code
    part = sample.select(sample.kept & (sample.view.group == code))
    curve = compute_kaplan_meier(**part.outcome, weights=found.weight[members], level=sample.level)
    weights = None if found.drawn is None else found.drawn[:, members]
    drawn = compute_number_replicates(prepare_times(**part.outcome), weights, numbers)
    for number in numbers:
        told = number.compute(curve)
        fields = part.counts | number.describe() | {"level": sample.level, "method": BOOTSTRAP}
        metric = f"weighted_{number.metric}"
        if np.isnan(told.estimate):
            yield Estimate(metric, label, np.nan, fields | describe_undefined(told.reason))
            continue
        yield _derive_bootstrap(metric, label, told.estimate, fields, drawn[number])


def _contrast(one: Estimate, base: Estimate, level: float) -> Estimate:
    fields = {"unit": "days", "at": one.fields["at"], "level": level,
              "n": one.fields["n"] + base.fields["n"], "k": one.fields["k"] + base.fields["k"]}  # fmt: skip
    if np.isnan(one.value - base.value):
        absent = one if np.isnan(one.value) else base
        undefined = {"method": BOOTSTRAP} | describe_undefined(absent.fields["reason"])
        return Estimate("weighted_rmst_difference", one.label, np.nan, fields | undefined)
    drawn = None if one.replicates is None or base.replicates is None else one.replicates - base.replicates
    return _derive_bootstrap("weighted_rmst_difference", one.label, one.value - base.value, fields, drawn)


def _describe_weights(found: Propensity, sample: Sample, analysis: Analysis) -> Iterator[Estimate]:
    view, kept, n = sample.view, sample.kept, {"n": int(sample.kept.sum())}
    second, confounders = view.group[kept] == 1, view.covariates[kept, 1:]
    for method, weight in (("unweighted", np.ones(len(second))), (analysis.weighting, found.weight)):
        gaps = compute_balance(second, confounders, weight)
        for label, gap in zip(view.coefficients[1:], gaps, strict=True):
            undefined = describe_undefined(Reason.ZERO_VARIANCE) if np.isnan(gap) else {}
            yield Estimate("confounder_balance", label, float(gap), n | {"method": method} | undefined)
    for code, label in enumerate(view.groups):
        weight = found.weight[second == bool(code)]
        own = {"n": len(weight), "method": analysis.weighting}
        yield Estimate("effective_patients", label, compute_effective_patients(weight), own | {"unit": "patients"})
        yield Estimate("largest_weight_share", label, float(weight.max() / weight.sum()), own | {"unit": "proportion"})
    outside = (found.score < LIMITS[0]) | (found.score > LIMITS[1])
    at = {"at": "-".join(derive_number_text(limit) for limit in LIMITS), "unit": "proportion", "k": int(outside.sum())}
    yield Estimate("score_outside_share", OVERALL, float(outside.mean()), n | at)
    yield Estimate("propensity_c", OVERALL, compute_c_statistic(found.score, second), n)


def _derive_undefined(reason: Reason, sample: Sample, numbers: list[Number]) -> Iterator[Estimate]:
    fields = sample.counts | {"level": sample.level, "method": BOOTSTRAP} | describe_undefined(reason)
    second = sample.view.groups[1]
    for metric in ("weighted_log_hazard_ratio", "weighted_hazard_ratio"):
        yield Estimate(metric, second, np.nan, fields)
    for number in numbers:
        own = fields | {name: number.describe()[name] for name in ("at", "unit")}
        for label in sample.view.groups:
            yield Estimate(f"weighted_{number.metric}", label, np.nan, own)
        if number.metric == "rmst":
            yield Estimate("weighted_rmst_difference", second, np.nan, own)
