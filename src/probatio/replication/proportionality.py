"""Is one hazard ratio enough? Check of proportional hazards, its course over time, and the model's discrimination.

| metric | method | n, k |
|---|---|---|
| proportional_hazards_chi2, proportional_hazards_p (per coefficient; without `variable`: all together) | grambsch_therneau_km | patients, events |
| concordance | infinitesimal_jackknife | patients, events |

| series | x, y | lower, upper |
|---|---|---|
| log_hazard_ratio_course | days, smoothed coefficient | pointwise, by the residuals' model variance |

The check of all coefficients together is the one with a consequence (`conclusion`): one test, one error rate.

Source: Grambsch and Therneau 1994, as R's `cox.zph`; concordance: Therneau and Watson 2015.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from probatio.replication.estimate import OVERALL, Estimate, Sample, compute_wald, describe_undefined
from probatio.replication.regression import Regression
from probatio.replication.views import Label
from probatio.results import Reason
from probatio.survival import compute_concordance, compute_hazard_test, compute_schoenfeld_residuals, compute_smooth
from probatio.survival.hazards import TermTest

METHOD = "grambsch_therneau_km"
_PLACES = 40
_TESTS = ("proportional_hazards_chi2", "proportional_hazards_p")


def compute_proportionality(found: Regression, sample: Sample) -> Iterator[Estimate]:
    """Yield the check of every coefficient and of all together, and the concordance of the model."""
    if not sample.view.coefficients:
        return
    shared, labels = sample.counts, (*sample.view.coefficients, OVERALL)
    reason = found.reason
    if found.fit is not None and not reason:
        told = compute_hazard_test(**_derive_arguments(found, sample), coefficients=found.fit.coefficients)
        reason = told.reason
        tests = (*told.terms, told.overall)
    if reason or found.fit is None:
        tests = (TermTest(np.nan, 0, np.nan),) * len(labels)
    for label, test in zip(labels, tests, strict=True):
        undefined = describe_undefined(reason or Reason.TOO_FEW_EVENTS) if np.isnan(test.statistic) else {}
        for metric, value in zip(_TESTS, (test.statistic, test.p_value), strict=True):
            yield Estimate(metric, label, value, shared | {"method": METHOD} | undefined)
    yield _compute_concordance(found, sample)


def _derive_arguments(found: Regression, sample: Sample) -> dict[str, Any]:
    kept = sample.kept
    return sample.outcome | {"covariates": sample.view.covariates[kept], "strata": sample.view.strata[kept]}


def _compute_concordance(found: Regression, sample: Sample) -> Estimate:
    fields = sample.counts | {"method": "infinitesimal_jackknife", "level": sample.level}
    if found.fit is None or found.reason:
        return Estimate("concordance", OVERALL, np.nan, fields | describe_undefined(found.reason))
    predictor = sample.view.covariates[sample.kept] @ found.fit.coefficients
    told = compute_concordance(**sample.outcome, predictor=predictor, strata=sample.view.strata[sample.kept])
    if np.isnan(told.estimate):
        return Estimate("concordance", OVERALL, np.nan, fields | describe_undefined(told.reason))
    bounds = compute_wald(told.estimate, told.standard_error, sample.level) if told.standard_error > 0 else {}
    return Estimate("concordance", OVERALL, told.estimate, fields | bounds, None, told.standard_error)


def derive_hazard_courses(found: Regression, sample: Sample) -> Iterator[dict[str, Any]]:
    """Yield the smoothed course of every coefficient over time; nothing where events are too few for it."""
    if found.fit is None or found.reason:
        return
    residuals = compute_schoenfeld_residuals(
        **_derive_arguments(found, sample), coefficients=found.fit.coefficients
    )  # fmt: skip
    times, first = np.unique(residuals.time, return_index=True)
    chosen = np.unique(np.linspace(0, len(times) - 1, min(_PLACES, len(times))).round().astype(int))
    at, shown = residuals.transformed[first[chosen]], times[chosen]
    for column, label in enumerate(sample.view.coefficients):
        smooth = compute_smooth(residuals, column, at, level=sample.level)
        if not np.isnan(smooth.value).any():
            yield from _derive_points(label, sample.view.source, zip(shown, *smooth, strict=True))


def _derive_points(label: Label, source: str, points: Any) -> Iterator[dict[str, Any]]:
    key = {"metric": "log_hazard_ratio_course", "source": source, "variable": label.variable, "term": label.term}
    for x, y, lower, upper in points:
        yield key | {"x": float(x), "y": float(y), "lower": float(lower), "upper": float(upper)}
