"""Numbers read off the survival curves of one source: overall, of each group of the first term, and contrasts of groups.

| metric | method | n, k |
|---|---|---|
| events | | patients, events (overall and by group) |
| median_survival | brookmeyer_crowley_log | patients, events of the group |
| rmst (`at` the horizon), rmst_difference (a group minus the first) | greenwood | patients, events |
| survival (`at` the landmark) | greenwood_log | patients, events |
| log_rank_chi2, log_rank_p (`term`: degrees of freedom) | log_rank, log_rank_stratified | patients, events |

Where a competing event is declared there is no such curve (`competing_events`): a patient whom the
competing event has taken cannot be thought censored. The cumulative incidence takes its place (`competing`).
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from probatio.protocol import Analysis
from probatio.records.canonical import derive_number_text
from probatio.replication.estimate import Estimate, Sample, compute_wald, describe_undefined
from probatio.replication.views import Label
from probatio.resampling import Floats
from probatio.results import Reason, Status
from probatio.survival import (
    KaplanMeier,
    SortedTimes,
    TimeEstimate,
    compute_curve_numbers,
    compute_kaplan_meier,
    compute_log_rank,
    compute_median,
    compute_rmst,
    compute_survival_at,
    prepare_times,
)


class Number(NamedTuple):
    """A number read off a curve: median, RMST at a horizon or survival at a landmark."""

    metric: str
    time: float = -1.0

    def describe(self) -> dict[str, Any]:
        """Return method, `at` and unit as columns of a row."""
        methods = {"median_survival": "brookmeyer_crowley_log", "rmst": "greenwood", "survival": "greenwood_log"}
        at = "" if self.time < 0 else derive_number_text(float(self.time))
        return {"method": methods[self.metric], "at": at, "unit": "" if self.metric == "survival" else "days"}

    def compute(self, curve: KaplanMeier) -> TimeEstimate:
        """Read the number off a curve."""
        if self.metric == "median_survival":
            return compute_median(curve)
        return compute_rmst(curve, self.time) if self.metric == "rmst" else compute_survival_at(curve, self.time)


def list_numbers(analysis: Analysis) -> list[Number]:
    """Return the numbers that an analysis reads off each curve."""
    return [Number("median_survival"), *(Number("rmst", tau) for tau in sorted(set(analysis.horizons))),
            *(Number("survival", time) for time in sorted(set(analysis.landmarks)))]  # fmt: skip


def compute_number_replicates(
    table: SortedTimes, weights: NDArray[Any] | None, numbers: list[Number]
) -> dict[Number, Floats | None]:
    """Return every number's value in every replicate; NaN in one whose weights are unknown.

    Args:
        table: the patients.
        weights: replicate weights, shape (replicates, n); None: no replicates.
        numbers: as `list_numbers` returns them.
    """
    if weights is None:
        return dict.fromkeys(numbers)
    known = ~np.isnan(weights).any(axis=1)
    times = {metric: [number.time for number in numbers if number.metric == metric] for metric in ("rmst", "survival")}
    read = compute_curve_numbers(table, weights[known], taus=times["rmst"], landmarks=times["survival"])
    columns = {Number("median_survival"): read.median}
    columns |= {Number("rmst", time): read.rmst[:, at] for at, time in enumerate(times["rmst"])}
    columns |= {Number("survival", time): read.survival[:, at] for at, time in enumerate(times["survival"])}
    out = {number: np.full(len(weights), np.nan) for number in numbers}
    for number, values in out.items():
        values[known] = columns[number]
    return dict(out)


def compute_groups(sample: Sample, analysis: Analysis, *, competing: bool) -> list[Estimate]:
    """Return the numbers of all patients and of each group, their contrasts and the log-rank test.

    Args:
        sample: the patients.
        analysis: its horizons and landmarks.
        competing: whether the endpoint declares a competing event.
    """
    numbers, found = list_numbers(analysis), []
    for label, members in sample.list_groups():
        counts = members.counts
        found.append(Estimate("events", label, float(counts["k"]), counts | {"unit": "patients"}))
        found += list(_compute_group(members, label, numbers, competing=competing))
    if len(sample.view.groups) > 1:
        means = [one for one in found if one.metric == "rmst"]
        found += compute_contrasts(means, sample.view.groups, sample.level)
        found += _compute_tests(sample)
    return found


def _compute_group(sample: Sample, label: Label, numbers: list[Number], *, competing: bool) -> Iterator[Estimate]:
    if competing or not sample.kept.any():
        undefined = (
            {"status": Status.NOT_APPLICABLE, "reason": Reason.COMPETING_EVENTS}
            if competing
            else describe_undefined(Reason.EMPTY_DENOMINATOR)
        )
        for number in numbers:
            fields = sample.counts | number.describe() | {"level": sample.level} | undefined
            yield Estimate(number.metric, label, np.nan, fields)
        return
    curve = compute_kaplan_meier(**sample.outcome, level=sample.level)
    drawn = compute_number_replicates(prepare_times(**sample.outcome), sample.draw(), numbers)
    for number in numbers:
        fields = sample.counts | {"level": sample.level} | number.describe()
        yield _derive_estimate(number.metric, label, number.compute(curve), fields, drawn[number])


def _derive_estimate(
    metric: str, label: Label, found: TimeEstimate, fields: dict[str, Any], replicates: Floats | None
) -> Estimate:
    fields = fields | {"reason": found.reason}
    if np.isnan(found.estimate):
        return Estimate(metric, label, np.nan, fields | {"status": Status.NOT_ESTIMABLE}, replicates)
    fields |= {"lower": found.lower, "upper": found.upper}
    return Estimate(metric, label, found.estimate, fields, replicates, found.standard_error)


def compute_contrasts(means: list[Estimate], groups: tuple[Label, ...], level: float) -> list[Estimate]:
    """Return the difference in RMST of every group from the first, its variance the sum of theirs."""
    known = {(one.label, one.fields["at"]): one for one in means}
    pairs = [(one, known[groups[0], at]) for (label, at), one in known.items() if label in groups[1:]]
    return [_contrast(one, base, level) for one, base in pairs]


def _contrast(one: Estimate, base: Estimate, level: float) -> Estimate:
    fields = {name: one.fields[name] for name in ("unit", "at", "method")} | {
        "level": level, "n": one.fields["n"] + base.fields["n"], "k": one.fields["k"] + base.fields["k"]}  # fmt: skip
    replicates = None
    if one.replicates is not None and base.replicates is not None:
        replicates = one.replicates - base.replicates
    gap, metric = one.value - base.value, f"{one.metric}_difference"
    if np.isnan(gap):
        absent = one if np.isnan(one.value) else base
        fields |= {name: absent.fields[name] for name in ("status", "reason")}
        return Estimate(metric, one.label, np.nan, fields, replicates)
    error = float(np.hypot(one.standard_error, base.standard_error))
    bounds = compute_wald(gap, error, level) if error > 0 else {"reason": Reason.NO_EVENTS}
    return Estimate(metric, one.label, gap, fields | bounds, replicates)


def _compute_tests(sample: Sample) -> list[Estimate]:
    view, kept = sample.view, sample.kept
    strata = view.strata[kept]
    stratified = len(np.unique(strata)) > 1
    codes = np.unique(view.group[kept], return_inverse=True)[1]
    label = Label(view.groups[0].variable, "")
    shared = {"method": "log_rank_stratified" if stratified else "log_rank", **sample.counts}
    if not shared["k"] or codes.max(initial=0) == 0:
        shared |= describe_undefined(Reason.NO_EVENTS if not shared["k"] else Reason.ONE_CLASS_ONLY)
        return [Estimate(metric, label, np.nan, shared) for metric in ("log_rank_chi2", "log_rank_p")]
    test = compute_log_rank(**sample.outcome, group=codes, strata=strata)
    if np.isnan(test.statistic):
        shared |= describe_undefined(Reason.TOO_FEW_EVENTS)
    label = label._replace(term=f"df {test.degrees}")
    values = {"log_rank_chi2": test.statistic, "log_rank_p": test.p_value}
    return [Estimate(metric, label, value, shared) for metric, value in values.items()]
