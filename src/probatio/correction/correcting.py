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
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from probatio.correction.assumptions import list_assumptions
from probatio.correction.bias_analysis import list_bias_analysis
from probatio.correction.debiasing import Debiased, derive_undefined
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
from probatio.replication import Label, derive_view
from probatio.replication.views import is_shared
from probatio.resampling import Draws, Floats
from probatio.results import Reason, Status, build_row, derive_table

Row = dict[str, Any]
_COVARIATE_ONLY = ("mc_simex", "multiple_imputation", "bias_analysis")


@dataclass(frozen=True)
class _Case:
    """One declared correction with its data.

    Attributes:
        correction, analysis: as declared.
        study: the study's own labelled sample.
        sample: the one corrected: the same, or the first split.
        weights: how often each patient is drawn, shape (replicates, n).
        shared: source and reference have endpoint and population in common.
    """

    correction: Correction
    analysis: Analysis
    study: Sample
    sample: Sample
    weights: Floats
    shared: bool

    @property
    def everyone(self) -> bool:
        """Whether all patients whom the source knows have the reference."""
        return bool((self.sample.labelled | ~self.sample.proxy_kept).all())

    def is_wanted(self, number: Number) -> bool:
        """Say whether a number depends on what the source reads; over all patients a shared endpoint's does not."""
        return not self.shared or number.label != Label()


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
        case = _derive_case(records, protocol, correction, weights)
        names = {"analysis": correction.analysis, "source": correction.source, "comparator": case.study.gold.source,
                 "stratum_by": "correction", "stratum": correction.name}  # fmt: skip
        found = [*list_assumptions(records, protocol, correction, case.sample, warnings), *_estimate(case, protocol)]
        rows += [row | names for row in found]
    return derive_table(rows)


def _derive_case(records: Records, protocol: Protocol, correction: Correction, weights: Floats) -> _Case:
    analysis = next(each for each in protocol.analyses if each.name == correction.analysis)
    reference = protocol.reference.name if protocol.reference else ""
    gold, proxy = (derive_view(records, protocol, analysis, name) for name in (reference, correction.source))
    study = derive_sample(records, gold, proxy)
    sample = study if correction.labelled.share is None else next(derive_splits(study, correction, protocol))
    shared = is_shared(protocol.get_endpoint(analysis.endpoint), protocol)
    shared &= analysis.population_source is not None or set(analysis.population) <= set(protocol.patients.attributes)
    return _Case(correction, analysis, study, sample, weights, shared)


def _estimate(case: _Case, protocol: Protocol) -> Iterator[Row]:
    readings = derive_readings(case.sample, case.analysis)
    yield from _list_debiased(case, readings, protocol.level)
    yield from _list_others(case, readings, protocol)
    if case.sample.nested:
        truth = [each for each in _list_truth(case, protocol.level) if case.is_wanted(each.number)]
        for result in truth:
            yield from _derive_rows(result, protocol.level)
        known = {result.number: result.interval.value for result in truth}
        splits = derive_splits(case.study, case.correction, protocol)
        yield from list_split_rows(splits, case.analysis, readings.whole, known, protocol.level)


def _list_debiased(case: _Case, readings: Readings, level: float) -> Iterator[Row]:
    """Yield labelled sample, source, and predict-then-debias with what stands behind it."""
    chosen = "predict_then_debias" in case.correction.methods
    for result, found in list_results(readings, level, sampled=case.sample.nested):
        is_corrected = result.method.startswith("predict")
        if not case.is_wanted(result.number) or (is_corrected and not chosen):
            continue
        if is_corrected and case.everyone:
            yield from _derive_rows(_silence(result, Reason.EVERYONE_LABELLED), level)
            continue
        gained = found is None or not found.relative_width >= 1
        yield from _derive_rows(result, level, Reason.NONE if gained else Reason.NO_GAIN)
        if found is not None and result.method == "predict_then_debias":
            yield from _list_background(result, found, level, gained=gained)
    if chosen and not case.everyone:
        for result in list_bootstrap(readings, case.sample, case.weights, level):
            if case.is_wanted(result.number):
                yield from _derive_rows(result, level)


def _list_background(result: Result, found: Debiased, level: float, *, gained: bool) -> Iterator[Row]:
    number, fields = result.number, _name(result) | {"level": level}
    reason = Reason.NONE if gained else Reason.NO_GAIN
    values = {"tuning": found.tuning, "influence_correlation": found.correlation,
              "relative_width": found.relative_width}  # fmt: skip
    for name, value in values.items():
        metric = f"{number.metric}_{name}"
        if np.isnan(value):
            lacking: Row = {"status": Status.NOT_ESTIMABLE, "reason": found.corrected.reason or Reason.ZERO_VARIANCE}
            yield build_row(metric, **fields, **lacking)
            continue
        yield build_row(metric, value, reason=reason if name == "relative_width" else Reason.NONE, **fields)


def _list_others(case: _Case, readings: Readings, protocol: Protocol) -> Iterator[Row]:
    """Yield the methods that correct covariates only; not applicable where the source reads the endpoint too."""
    for method in _COVARIATE_ONLY:
        if method not in case.correction.methods:
            continue
        if reason := _find_unfit(method, case):
            ratios = (number for number in readings.numbers if number.metric == "log_hazard_ratio")
            yield from (row for number in ratios for row in _derive_unfit(method, number, reason, protocol.level))
            continue
        for result in _list_method(method, case, protocol):
            if case.is_wanted(result.number):
                yield from _derive_rows(result, protocol.level)


def _derive_unfit(method: str, number: Number, reason: Reason, level: float) -> Iterator[Row]:
    fields: Row = {"variable": number.label.variable, "term": number.label.term, "level": level, "method": method}
    for metric in ("log_hazard_ratio", "hazard_ratio"):
        yield build_row(metric, status=Status.NOT_APPLICABLE, reason=reason, **fields)


def _find_unfit(method: str, case: _Case) -> Reason:
    if not case.shared:
        return Reason.ENDPOINT_READ
    if method != "multiple_imputation" and not case.sample.proxy.groups:
        return Reason.TYPE_WITHOUT_METRIC
    return Reason.EVERYONE_LABELLED if case.everyone else Reason.NONE


def _list_method(method: str, case: _Case, protocol: Protocol) -> Iterator[Result]:
    sample, correction, level = case.sample, case.correction, protocol.level
    if method == "mc_simex":
        yield from list_simex(sample, correction.simex, case.weights, level)
        return
    digest = compute_json_digest([protocol.resampling.seed, method, correction.name])
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(int(digest, 16))))
    if method == "multiple_imputation":
        yield from list_imputed(sample, case.analysis, protocol, correction.imputation, generator=generator)
        return
    yield from list_bias_analysis(sample, correction.bias_analysis, level, generator=generator)


def _list_truth(case: _Case, level: float) -> Iterator[Result]:
    """Yield the reference's numbers on the whole finite population."""
    problem = derive_problem(case.study.gold, case.sample.gold.complete, case.analysis)
    found = compute_found(problem, np.ones(len(case.study.labelled)))
    for at, number in enumerate(problem.numbers):
        interval = compute_own(found, at, number, level, coefficients=len(case.study.gold.coefficients))
        yield Result(number, "reference_all", interval, found.patients, int(found.informative[at]))


def _silence(result: Result, reason: Reason) -> Result:
    return result._replace(interval=derive_undefined(reason))


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
