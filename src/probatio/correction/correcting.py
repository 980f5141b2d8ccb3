"""The best estimate when all patients have a source's data and only some have the reference.

Every row carries the correction's name (`stratum_by` correction), the source corrected and the reference
as comparator. Metrics are those of `numbers`, and hazard_ratio beside log_hazard_ratio; methods:

| method | what | interval |
|---|---|---|
| labelled_only | reference on the labelled patients, weighted by 1 / sampling probability | influence, Student |
| naive | the source on all its patients, as if it were right | the same |
| reference_all | the reference on all, where it is known (`labelled.share`) | the same |
| predict_then_debias | see `debiasing`; reason `no_gain` where its interval is not narrower than labelled_only's | the same |
| predict_then_debias_bootstrap | the same estimate | percentiles of joint replicates |
| labelled_only_finite, predict_then_debias_finite, multiple_imputation_finite | the same for the reference of these very patients | sampling alone |
| mc_simex_{nondifferential, differential}_{quadratic, log_linear} | see `simex` | percentiles |
| multiple_imputation | see `imputation` | Rubin, Barnard and Rubin |
| bias_analysis_{labelled, declared} | see `bias_analysis` | simulation interval |

Beside a corrected number: `_tuning`, `_influence_correlation` and `_relative_width` (width over that of the
labelled sample alone) after its metric. With `labelled.share` the rows are those of the first split, and `splits`
gives the rows over all. `assumptions` gives what is assumed. n: patients who take part; k: their events (labelled
ones for a corrected estimate), or the rarer class.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from probatio.correction.assumptions import list_assumptions
from probatio.correction.bias_analysis import list_bias_analysis
from probatio.correction.debiasing import Debiased, Interval
from probatio.correction.imputation import list_imputed
from probatio.correction.numbers import Number, compute_found, derive_problem
from probatio.correction.predicting import (
    Readings,
    Result,
    compute_own,
    derive_readings,
    list_bootstrap,
    list_results,
)
from probatio.correction.sample import Sample, derive_sample, derive_splits
from probatio.correction.simex import list_simex
from probatio.correction.splits import list_split_rows
from probatio.digest import compute_json_digest
from probatio.protocol import Analysis, Correction, Protocol
from probatio.records import Records
from probatio.replication import Label, View, derive_view
from probatio.replication.views import is_shared
from probatio.resampling import Draws, Floats
from probatio.results import Reason, Status, build_row, derive_table

Row = dict[str, Any]
_COVARIATE_ONLY = ("mc_simex", "multiple_imputation", "bias_analysis")


def estimate_correction(records: Records, protocol: Protocol, *, draws: Draws, warnings: pd.DataFrame) -> pd.DataFrame:
    """Return every declared correction as result rows; empty where none is declared.

    Args:
        records: the study's tables.
        protocol: its corrections, analyses, level.
        draws: replicate weights over all evaluated patients.
        warnings: rows of `measures.differential.select_warnings`.

    Raises:
        UserError: as for `derive_view`.
    """
    cohort = records.patients[~records.patients["development"].astype(bool)].sort_index()
    weights = draws.weights(cohort).astype(float) if protocol.corrections else np.empty((0, len(cohort)))
    rows: list[Row] = []
    for correction in protocol.corrections:
        analysis = next(each for each in protocol.analyses if each.name == correction.analysis)
        names = {"analysis": analysis.name, "source": correction.source, "stratum_by": "correction",
                 "stratum": correction.name, "comparator": protocol.reference.name if protocol.reference else ""}  # fmt: skip
        own = _estimate(records, protocol, correction, analysis, weights, warnings)
        rows += [row | names for row in own]
    return derive_table(rows)


def _estimate(
    records: Records,
    protocol: Protocol,
    correction: Correction,
    analysis: Analysis,
    weights: Floats,
    warnings: pd.DataFrame,
) -> Iterator[Row]:
    reference = protocol.reference.name if protocol.reference else ""
    gold, proxy = (derive_view(records, protocol, analysis, name) for name in (reference, correction.source))
    study = derive_sample(records, gold, proxy)
    sample = study if correction.labelled.share is None else next(derive_splits(study, correction, protocol))
    yield from list_assumptions(records, protocol, correction, sample, warnings)
    shared = _is_shared(protocol, analysis)
    readings = derive_readings(sample, analysis)
    wanted = [number for number in readings.numbers if not (shared and _is_overall(number))]
    yield from _list_debiased(correction, sample, readings, weights, protocol.level, wanted)
    yield from _list_others(correction, sample, protocol, analysis, weights, shared, wanted)
    if sample.nested:
        truth = list(_list_truth(study, analysis, sample, protocol.level))
        yield from (_derive_row(result, protocol.level) for result in truth if result.number in wanted)
        known = {result.number: result.interval.value for result in truth if result.number in wanted}
        splits = derive_splits(study, correction, protocol)
        yield from list_split_rows(splits, analysis, readings.whole, known, protocol.level)


def _is_shared(protocol: Protocol, analysis: Analysis) -> bool:
    """Say whether source and reference have endpoint and population in common."""
    endpoint = protocol.get_endpoint(analysis.endpoint)
    return is_shared(endpoint, protocol) and set(analysis.population) <= set(protocol.patients.attributes)


def _is_overall(number: Number) -> bool:
    """Say whether a number does not depend on what a source reads where the endpoint is shared."""
    return number.label == Label()


def _list_debiased(
    correction: Correction, sample: Sample, readings: Readings, weights: Floats, level: float, wanted: list[Number]
) -> Iterator[Row]:
    """Yield labelled sample, source, and predict-then-debias with what stands behind it."""
    chosen = "predict_then_debias" in correction.methods
    everyone = bool((sample.labelled | ~sample.proxy_kept).all())
    for result, found in list_results(readings, level, sampled=sample.nested):
        is_corrected = result.method.startswith("predict")
        if result.number not in wanted or (is_corrected and not chosen):
            continue
        if is_corrected and everyone:
            yield from _derive_rows(_silence(result, Reason.EVERYONE_LABELLED), level)
            continue
        gained = found is None or not found.relative_width >= 1
        yield from _derive_rows(result, level, Reason.NONE if gained else Reason.NO_GAIN)
        if found is not None and result.method == "predict_then_debias":
            yield from _list_background(result, found, level, gained=gained)
    if chosen and not everyone:
        for result in list_bootstrap(readings, sample, weights, level):
            if result.number in wanted:
                yield from _derive_rows(result, level)


def _list_background(result: Result, found: Debiased, level: float, *, gained: bool) -> Iterator[Row]:
    number, fields = result.number, _name(result) | {"level": level}
    reason = Reason.NONE if gained else Reason.NO_GAIN
    values = {
        "tuning": found.tuning,
        "influence_correlation": found.correlation,
        "relative_width": found.relative_width,
    }
    for name, value in values.items():
        metric = f"{number.metric}_{name}"
        if np.isnan(value):
            lacking = {"status": Status.NOT_ESTIMABLE, "reason": found.corrected.reason or Reason.ZERO_VARIANCE}
            yield build_row(metric, **fields, **lacking)
            continue
        yield build_row(metric, value, reason=reason if name == "relative_width" else Reason.NONE, **fields)


def _list_others(
    correction: Correction, sample: Sample, protocol: Protocol, analysis: Analysis, weights: Floats, shared: bool,
    wanted: list[Number],
) -> Iterator[Row]:  # fmt: skip
    """Yield the methods that correct covariates only; not applicable where the source reads the endpoint too."""
    for method in _COVARIATE_ONLY:
        if method not in correction.methods:
            continue
        if reason := _find_unfit(method, sample, analysis, shared):
            for number in (each for each in wanted if each.metric == "log_hazard_ratio"):
                fields = {"variable": number.label.variable, "term": number.label.term, "level": protocol.level}
                for metric in ("log_hazard_ratio", "hazard_ratio"):
                    yield build_row(metric, method=method, status=Status.NOT_APPLICABLE, reason=reason, **fields)
            continue
        for result in _list_method(method, correction, sample, protocol, analysis, weights):
            if result.number in wanted:
                yield from _derive_rows(result, protocol.level)


def _find_unfit(method: str, sample: Sample, analysis: Analysis, shared: bool) -> Reason:
    if not shared:
        return Reason.ENDPOINT_READ
    if method != "multiple_imputation" and not analysis.terms[0].groups:
        return Reason.TYPE_WITHOUT_METRIC
    return Reason.EVERYONE_LABELLED if (sample.labelled | ~sample.proxy_kept).all() else Reason.NONE


def _list_method(
    method: str, correction: Correction, sample: Sample, protocol: Protocol, analysis: Analysis, weights: Floats
) -> Iterator[Result]:
    if method == "mc_simex":
        yield from list_simex(sample, correction.simex, weights, protocol.level)
        return
    digest = compute_json_digest([protocol.resampling.seed, method, correction.name])
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(int(digest, 16))))
    if method == "multiple_imputation":
        yield from list_imputed(sample, analysis, protocol, correction.imputation, generator=generator)
        return
    yield from list_bias_analysis(sample, correction.bias_analysis, protocol.level, generator=generator)


def _list_truth(study: Sample, analysis: Analysis, sample: Sample, level: float) -> Iterator[Result]:
    """Yield the reference's numbers on the whole finite population."""
    problem = derive_problem(study.gold, sample.gold.complete, analysis)
    found = compute_found(problem, np.ones(len(study.labelled)))
    p = len(study.gold.coefficients)
    for at, number in enumerate(problem.numbers):
        interval = compute_own(found, at, p if number.metric == "log_hazard_ratio" else 1, level)
        yield Result(number, "reference_all", interval, found.patients, int(found.informative[at]))


def _silence(result: Result, reason: Reason) -> Result:
    return result._replace(interval=Interval(np.nan, np.nan, np.nan, np.nan, reason))


def _name(result: Result) -> Row:
    label = result.number.label
    return {"variable": label.variable, "term": label.term, "at": result.number.at, "method": result.method,
            "n": result.n, "k": result.k, "replicates": result.replicates or None}  # fmt: skip


def _derive_rows(result: Result, level: float, reason: Reason = Reason.NONE) -> Iterator[Row]:
    """Yield a number's row, and the hazard ratio beside its logarithm."""
    yield _derive_row(result, level, reason)
    if result.number.metric == "log_hazard_ratio":
        yield _derive_row(result, level, reason, ratio=True)


def _derive_row(result: Result, level: float, reason: Reason = Reason.NONE, *, ratio: bool = False) -> Row:
    interval, fields = result.interval, _name(result) | {"level": level, "unit": result.number.unit}
    metric = "hazard_ratio" if ratio else result.number.metric
    if np.isnan(interval.value):
        silent = Status.NOT_APPLICABLE if interval.reason == Reason.EVERYONE_LABELLED else Status.NOT_ESTIMABLE
        return build_row(metric, **fields, status=silent, reason=interval.reason or Reason.NOT_CONVERGED)
    bounds = (interval.value, interval.lower, interval.upper)
    value, lower, upper = (float(np.exp(bound)) for bound in bounds) if ratio else bounds
    return build_row(metric, value, lower=lower, upper=upper, **fields, reason=interval.reason or reason)
