"""Cox regression of one source, on all terms.

| metric | method | n, k |
|---|---|---|
| log_hazard_ratio, hazard_ratio | wald_efron; wald_robust with a declared cluster | patients, events of the fit |
| log_hazard_ratio | the other of the two; robust: clustered by centre, patients without centre alone | the same |

Strata have their own baseline hazards. Competing events are censored: the hazard is that of the event itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from probatio.protocol import Analysis
from probatio.replication.estimate import Estimate, Sample, compute_wald, describe_undefined
from probatio.replication.views import Label
from probatio.resampling import FEWEST_CENTRES, Floats
from probatio.results import Reason
from probatio.survival import (
    CoxFit,
    CoxProblem,
    compute_cox,
    compute_cox_replicates,
    compute_robust_covariance,
    prepare_cox,
)

EFRON, ROBUST = "wald_efron", "wald_robust"


class Regression(NamedTuple):
    """A fitted regression and the data it was fitted to; `problem` None where nobody is left."""

    problem: CoxProblem | None
    fit: CoxFit | None
    reason: Reason


def fit_regression(sample: Sample) -> Regression:
    """Fit Cox's model to a sample, by its strata."""
    if not sample.kept.any() or not sample.view.coefficients:
        return Regression(None, None, Reason.EMPTY_DENOMINATOR)
    problem = prepare_cox(
        covariates=sample.view.covariates[sample.kept], strata=sample.view.strata[sample.kept], **sample.outcome
    )
    fit = compute_cox(problem)
    return Regression(problem, fit, fit.reason)


def compute_regression(found: Regression, sample: Sample, analysis: Analysis) -> Iterator[Estimate]:
    """Yield the coefficients of a regression."""
    main, second = (ROBUST, EFRON) if analysis.cluster else (EFRON, ROBUST)
    shared = sample.counts | {"level": sample.level}
    if found.reason or found.fit is None or found.problem is None:
        for label in sample.view.coefficients:
            yield from _derive_undefined(label, found.reason, shared | {"method": main})
        return
    weights = sample.draw()
    drawn = None if weights is None else compute_cox_replicates(found.problem, weights, found.fit.coefficients)
    robust = _compute_robust(found.problem, found.fit, sample.centre[sample.kept])
    errors = {EFRON: found.fit.standard_errors, ROBUST: robust.errors}
    fields = {EFRON: shared | {"method": EFRON}, ROBUST: shared | robust.fields}
    for at, label in enumerate(sample.view.coefficients):
        value, error = float(found.fit.coefficients[at]), float(errors[main][at])
        replicates = None if drawn is None else drawn[:, at]
        yield from derive_hazard_ratio(label, value, error, fields[main], replicates)
        bounds = compute_wald(value, float(errors[second][at]), sample.level)
        yield Estimate("log_hazard_ratio", label, value, fields[second] | bounds, primary=False)


def derive_hazard_ratio(
    label: Label, value: float, error: float, fields: dict[str, Any], replicates: Floats | None, *, prefix: str = ""
) -> Iterator[Estimate]:
    """Yield a coefficient and its exponential, each with its normal interval on the log scale."""
    bounds = compute_wald(value, error, fields["level"])
    yield Estimate(f"{prefix}log_hazard_ratio", label, value, fields | bounds, replicates, error)
    ratios = {name: float(np.exp(bound)) for name, bound in bounds.items()}
    yield Estimate(f"{prefix}hazard_ratio", label, float(np.exp(value)), fields | ratios)


class _Robust(NamedTuple):
    errors: Floats
    fields: dict[str, Any]


def _compute_robust(problem: CoxProblem, fit: CoxFit, centre: NDArray[np.str_]) -> _Robust:
    """Return standard errors that hold under dependence within a centre; a patient of unknown centre stands alone."""
    clusters = label_clusters(centre)
    number = len(set(clusters))
    reason = Reason.TOO_FEW_CLUSTERS if number < FEWEST_CENTRES else Reason.NONE
    errors: Floats = np.sqrt(np.diag(compute_robust_covariance(problem, fit, clusters)))
    fields = {"method": ROBUST, "clusters": number, "cluster_unit": "centre", "reason": reason}
    return _Robust(errors, fields)


def label_clusters(centre: NDArray[np.str_]) -> list[str]:
    """Return the centre of each patient, or a name of the patient's own where it is unknown."""
    return [name or f"\0{row}" for row, name in enumerate(centre.tolist())]


def _derive_undefined(label: Label, reason: Reason, fields: dict[str, Any]) -> Iterator[Estimate]:
    for metric in ("log_hazard_ratio", "hazard_ratio"):
        yield Estimate(metric, label, np.nan, fields | describe_undefined(reason))
