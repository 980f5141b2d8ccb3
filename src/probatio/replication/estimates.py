"""Result rows of one source's view of an analysis, with the replicates that paired differences need.

| metric | method | n, k |
|---|---|---|
| events | | patients, events (overall and by group) |
| median_survival | brookmeyer_crowley_log | patients, events of the group |
| rmst (`at` the horizon), rmst_difference (a group minus the first) | greenwood | patients, events |
| survival (`at` the landmark) | greenwood_log | patients, events |
| log_rank_chi2, log_rank_p (`term`: degrees of freedom) | log_rank | patients, events |
| log_hazard_ratio, hazard_ratio | wald_efron | patients, events of the fit |
| log_hazard_ratio | wald_robust: clustered by centre, patients without centre alone | the same |
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from probatio.protocol import Analysis
from probatio.records.canonical import derive_number_text
from probatio.replication.views import Label, View
from probatio.resampling import FEWEST_CENTRES, Floats
from probatio.results import Reason, Status
from probatio.survival.cox import (
    CoxFit,
    CoxProblem,
    compute_cox,
    compute_cox_replicates,
    compute_robust_covariance,
    prepare_cox,
)
from probatio.survival.curve_replicates import (
    compute_median_replicates,
    compute_rmst_replicates,
    compute_survival_replicates,
)
from probatio.survival.kaplan_meier import (
    KaplanMeier,
    SortedTimes,
    TimeEstimate,
    compute_kaplan_meier,
    compute_median,
    compute_rmst,
    compute_survival_at,
    prepare_times,
)
from probatio.survival.log_rank import compute_log_rank

Mask = NDArray[np.bool_]
OVERALL = Label()


@dataclass(frozen=True)
class Estimate:
    """One number of one source, and its value in every replicate (None: none wanted).

    Attributes:
        metric: name of the result row.
        label: its `variable` and `term`.
        value: the number; NaN when undefined.
        fields: the other columns of its result row.
        replicates: shape (replicates,), NaN where a replicate has no value.
        standard_error: NaN where there is none.
    """

    metric: str
    label: Label
    value: float
    fields: dict[str, Any]
    replicates: Floats | None = None
    standard_error: float = np.nan

    @property
    def key(self) -> tuple[str, Label, str, str]:
        """What tells this number from the others of its source."""
        return self.metric, self.label, self.fields.get("at", ""), self.fields.get("method", "")


def compute_estimates(
    view: View, kept: Mask, centre: NDArray[np.str_], analysis: Analysis, *, weights: NDArray[Any] | None, level: float
) -> list[Estimate]:
    """Return every number of an analysis for one source.

    Args:
        view: what the source says.
        kept: patients analysed, all complete in the view, shape (n,).
        centre: each patient's centre, "" where unknown, shape (n,).
        analysis: its horizons and landmarks.
        weights: replicate weights, shape (replicates, n); None: no replicates.
        level: two-sided confidence.
    """
    numbers = [_Number("median_survival"), *(_Number("rmst", tau) for tau in sorted(set(analysis.horizons))),
               *(_Number("survival", time) for time in sorted(set(analysis.landmarks)))]  # fmt: skip
    found: list[Estimate] = []
    for label, members in _derive_members(view, kept):
        found += _compute_group(view, label, members, numbers, weights=weights, level=level)
    if len(view.groups) > 1:
        found += _compute_contrasts(found, view.groups, level)
        found += _compute_tests(view, kept)
    return found + list(_compute_regression(view, kept, centre, weights, level))


def derive_curves(view: View, kept: Mask, level: float) -> Iterator[dict[str, Any]]:
    """Yield points of the Kaplan-Meier curves and numbers at risk, overall and by group of the first term.

    Series metrics: `survival` (y with log bounds, from 1 at time 0) and `at_risk` (y, just before the time x).
    """
    for label, members in _derive_members(view, kept):
        if not members.any():
            continue
        curve = compute_kaplan_meier(view.time[members], view.event[members], level=level)
        key = {"source": view.source, "variable": label.variable, "term": label.term}
        if curve.times[0] > 0:
            yield key | {"metric": "survival", "x": 0.0, "y": 1.0, "lower": 1.0, "upper": 1.0}
            yield key | {"metric": "at_risk", "x": 0.0, "y": float(members.sum())}
        for x, y, lower, upper, n in zip(
            curve.times, curve.survival, curve.lower, curve.upper, curve.at_risk, strict=True
        ):
            yield key | {"metric": "survival", "x": x, "y": y, "lower": lower, "upper": upper}
            yield key | {"metric": "at_risk", "x": x, "y": n}


def _derive_members(view: View, kept: Mask) -> Iterator[tuple[Label, Mask]]:
    yield OVERALL, kept
    for code, label in enumerate(view.groups):
        yield label, kept & (view.group == code)


def _compute_group(
    view: View, label: Label, members: Mask, numbers: list[_Number], *, weights: NDArray[Any] | None, level: float
) -> Iterator[Estimate]:
    counts: dict[str, Any] = {"n": int(members.sum()), "k": int(view.event[members].sum())}
    yield Estimate("events", label, float(counts["k"]), counts | {"unit": "patients"})
    if not members.any():
        for number in numbers:
            fields = counts | number.describe() | {"level": level} | describe_undefined(Reason.EMPTY_DENOMINATOR)
            yield Estimate(number.metric, label, np.nan, fields)
        return
    curve = compute_kaplan_meier(view.time[members], view.event[members], level=level)
    table = prepare_times(view.time[members], view.event[members])
    drawn = None if weights is None else weights[:, members]
    for number in numbers:
        replicates = None if drawn is None else number.compute_replicates(table, drawn)
        yield _derive_estimate(number, label, number.compute(curve), counts | {"level": level}, replicates)


class _Number(NamedTuple):
    """A number read off a curve: median, RMST at a horizon or survival at a landmark."""

    metric: str
    time: float = np.nan

    def describe(self) -> dict[str, Any]:
        methods = {"median_survival": "brookmeyer_crowley_log", "rmst": "greenwood", "survival": "greenwood_log"}
        at = "" if np.isnan(self.time) else derive_number_text(float(self.time))
        return {"method": methods[self.metric], "at": at, "unit": "" if self.metric == "survival" else "days"}

    def compute(self, curve: KaplanMeier) -> TimeEstimate:
        if self.metric == "median_survival":
            return compute_median(curve)
        return compute_rmst(curve, self.time) if self.metric == "rmst" else compute_survival_at(curve, self.time)

    def compute_replicates(self, table: SortedTimes, weights: NDArray[Any]) -> Floats:
        if self.metric == "median_survival":
            return compute_median_replicates(table, weights)
        compute = compute_rmst_replicates if self.metric == "rmst" else compute_survival_replicates
        return compute(table, weights, self.time)


def _derive_estimate(
    number: _Number, label: Label, found: TimeEstimate, shared: dict[str, Any], replicates: Floats | None
) -> Estimate:
    fields = shared | number.describe() | {"reason": found.reason}
    if np.isnan(found.estimate):
        return Estimate(number.metric, label, np.nan, fields | {"status": Status.NOT_ESTIMABLE}, replicates)
    fields |= {"lower": found.lower, "upper": found.upper}
    return Estimate(number.metric, label, found.estimate, fields, replicates, found.standard_error)


def _compute_contrasts(found: list[Estimate], groups: tuple[Label, ...], level: float) -> list[Estimate]:
    """Return the difference in RMST of every group from the first, its variance the sum of theirs."""
    means = {(one.label, one.fields["at"]): one for one in found if one.metric == "rmst"}
    z = float(stats.norm.ppf(0.5 + level / 2))
    out = []
    for (label, at), one in means.items():
        if label not in groups[1:]:
            continue
        base = means[groups[0], at]
        shared = {"unit": "days", "at": at, "method": "greenwood", "level": level,
                  "n": one.fields["n"] + base.fields["n"], "k": one.fields["k"] + base.fields["k"]}  # fmt: skip
        replicates = None
        if one.replicates is not None and base.replicates is not None:
            replicates = one.replicates - base.replicates
        gap = one.value - base.value
        if np.isnan(gap):
            reason = one.fields["reason"] if np.isnan(one.value) else base.fields["reason"]
            out.append(Estimate("rmst_difference", label, np.nan, shared | describe_undefined(reason), replicates))
            continue
        half = z * float(np.hypot(one.standard_error, base.standard_error))
        bounds = {"lower": gap - half, "upper": gap + half} if half > 0 else {"reason": Reason.NO_EVENTS}
        out.append(Estimate("rmst_difference", label, gap, shared | bounds, replicates))
    return out


def _compute_tests(view: View, kept: Mask) -> list[Estimate]:
    codes = np.unique(view.group[kept], return_inverse=True)[1]
    k = int(view.event[kept].sum())
    label = Label(view.groups[0].variable, "")
    shared: dict[str, Any] = {"method": "log_rank", "n": int(kept.sum()), "k": k}
    if not k or codes.max(initial=0) == 0:
        shared |= describe_undefined(Reason.NO_EVENTS if not k else Reason.ONE_CLASS_ONLY)
        return [Estimate(metric, label, np.nan, shared) for metric in ("log_rank_chi2", "log_rank_p")]
    test = compute_log_rank(view.time[kept], view.event[kept], codes)
    if np.isnan(test.statistic):
        shared |= describe_undefined(Reason.TOO_FEW_EVENTS)
    label = label._replace(term=f"df {test.degrees}")
    values = {"log_rank_chi2": test.statistic, "log_rank_p": test.p_value}
    return [Estimate(metric, label, value, shared) for metric, value in values.items()]


def _compute_regression(
    view: View, kept: Mask, centre: NDArray[np.str_], weights: NDArray[Any] | None, level: float
) -> Iterator[Estimate]:
    shared: dict[str, Any] = {"n": int(kept.sum()), "k": int(view.event[kept].sum()), "level": level}
    if not kept.any():
        for label in view.coefficients:
            yield from _derive_no_coefficient(label, Reason.EMPTY_DENOMINATOR, shared)
        return
    problem = prepare_cox(view.time[kept], view.event[kept], view.covariates[kept])
    fit = compute_cox(problem)
    if fit.reason:
        for label in view.coefficients:
            yield from _derive_no_coefficient(label, fit.reason, shared)
        return
    drawn = None if weights is None else compute_cox_replicates(problem, weights[:, kept], fit.coefficients)
    robust = _compute_robust(problem, fit, centre[kept])
    for at, label in enumerate(view.coefficients):
        yield from _derive_coefficient(label, fit, at, shared, None if drawn is None else drawn[:, at])
        bounds = _compute_wald(float(fit.coefficients[at]), float(robust.errors[at]), level)
        yield Estimate("log_hazard_ratio", label, float(fit.coefficients[at]), shared | robust.fields | bounds)


class _Robust(NamedTuple):
    errors: Floats
    fields: dict[str, Any]


def _compute_robust(problem: CoxProblem, fit: CoxFit, centre: NDArray[np.str_]) -> _Robust:
    """Return standard errors that hold under dependence within a centre; a patient of unknown centre stands alone."""
    clusters = [name or f"\0{row}" for row, name in enumerate(centre.tolist())]
    number = len(set(clusters))
    reason = Reason.TOO_FEW_CLUSTERS if number < FEWEST_CENTRES else Reason.NONE
    errors: Floats = np.sqrt(np.diag(compute_robust_covariance(problem, fit, clusters)))
    fields = {"method": "wald_robust", "clusters": number, "cluster_unit": "centre", "reason": reason}
    return _Robust(errors, fields)


def _derive_no_coefficient(label: Label, reason: Reason, shared: dict[str, Any]) -> Iterator[Estimate]:
    fields = shared | {"method": "wald_efron"} | describe_undefined(reason)
    yield Estimate("log_hazard_ratio", label, np.nan, fields)
    yield Estimate("hazard_ratio", label, np.nan, fields)


def _derive_coefficient(
    label: Label, fit: CoxFit, at: int, shared: dict[str, Any], replicates: Floats | None
) -> Iterator[Estimate]:
    fields = shared | {"method": "wald_efron"}
    value, error = float(fit.coefficients[at]), float(fit.standard_errors[at])
    bounds = _compute_wald(value, error, shared["level"])
    yield Estimate("log_hazard_ratio", label, value, fields | bounds, replicates, error)
    ratios = {name: float(np.exp(bound)) for name, bound in bounds.items()}
    yield Estimate("hazard_ratio", label, float(np.exp(value)), fields | ratios)


def _compute_wald(value: float, error: float, level: float) -> dict[str, float]:
    half = float(stats.norm.ppf(0.5 + level / 2)) * error
    return {"lower": value - half, "upper": value + half}


def describe_undefined(reason: Reason) -> dict[str, Any]:
    """Return the columns of a row whose number is undefined."""
    return {"status": Status.NOT_ESTIMABLE, "reason": reason}
