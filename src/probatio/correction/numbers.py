"""The numbers of an analysis as functions of case weights: values, influence of each patient, replicates.

| metric | number | informative (the row's k; sets the degrees of freedom, but see `count_effective`) |
|---|---|---|
| log_hazard_ratio | Cox's coefficient, Efron's ties | events |
| rmst (`at` the horizon), rmst_difference (a group minus the first) | area under Kaplan-Meier's curve | events of the group or groups |
| survival (`at` the landmark) | Kaplan-Meier | events of the group |
| prevalence (each group of a term but the first) | weighted share | the rarer of in and out of the group |

Influence is what a patient contributes to a number, estimate - truth being about their sum: the derivative in the
patient's weight (infinitesimal jackknife: Jaeckel 1972; Efron 1982, chapter 6), by the formulas of `survival.influence`
times weight over total weight. Sampling weights are weights like others, so that squared influences add up to a
variance that holds under unequal sampling.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from probatio.protocol import Analysis
from probatio.records.canonical import derive_number_text
from probatio.replication import Label, View
from probatio.resampling import Floats
from probatio.results import Reason
from probatio.survival import (
    CoxProblem,
    SortedTimes,
    compute_cox,
    compute_cox_replicates,
    compute_rmst_replicates,
    compute_survival_replicates,
    prepare_cox,
    prepare_times,
)
from probatio.survival.influence import (
    compute_cox_influence,
    compute_mean_influence,
    compute_rmst_influence,
    compute_survival_influence,
)

Mask = NDArray[np.bool_]
_FEW = 5
"""Informative patients below which only they count."""


class Number(NamedTuple):
    """What tells one number of an analysis from the others."""

    metric: str
    label: Label
    at: str = ""

    @property
    def limits(self) -> tuple[float, float]:
        """What the number cannot pass."""
        if self.metric in ("prevalence", "survival"):
            return 0.0, 1.0
        return (0.0, float(self.at)) if self.metric == "rmst" else (-np.inf, np.inf)

    @property
    def unit(self) -> str:
        """Unit of the result row."""
        return "days" if self.metric.startswith("rmst") else "proportion" if self.metric == "prevalence" else ""


class Curve(NamedTuple):
    """Patients of one group: places in the analysed patients, and their sorted times; None: nobody."""

    members: NDArray[np.intp]
    table: SortedTimes | None


@dataclass(frozen=True)
class Problem:
    """The data of one source, ready to be weighted.

    Attributes:
        numbers: what is computed, in order.
        kept: the patients analysed, shape (n,), among all evaluated.
        cox: the regression's data; None where nobody is analysed, or the analysis has no term.
        curves: by label, the patients of the group.
        classes: by label of a group, who is in it, among the kept.
        view: what the source says of all.
        analysis: its strata.
    """

    numbers: tuple[Number, ...]
    kept: Mask
    cox: CoxProblem | None
    curves: dict[Label, Curve]
    classes: dict[Label, Mask]
    view: View
    analysis: Analysis

    @property
    def event(self) -> Mask:
        """Who of the kept patients had the event."""
        return self.view.event[self.kept]


@dataclass(frozen=True)
class Found:
    """Numbers under one set of weights, columns in the order of `Problem.numbers`.

    Attributes:
        values: shape (t,), NaN where undefined.
        reasons: why, shape (t,).
        informative: events, or the rarer class, that carry each number, shape (t,).
        influence: shape (n, t), 0 for patients not analysed.
        patients: patients analysed with a weight.
    """

    values: Floats
    reasons: tuple[Reason, ...]
    informative: NDArray[np.intp]
    influence: Floats
    patients: int

    def count_effective(self, at: int, number: Number) -> int:
        """Return the degrees of freedom, plus one, of a number's variance.

        Events for a hazard ratio and a restricted mean. A proportion's variance is known better than its rarer class
        says: n influences of kurtosis K vary it as 2 n / (K - 1) normal ones would (Satterthwaite 1946), n at most.
        """
        carried = int(self.informative[at])
        squares = self.influence[:, at] ** 2
        n = int((squares > 0).sum())
        if number.metric not in ("prevalence", "survival") or carried < _FEW or not n:
            return carried
        excess = n * float((squares**2).sum()) / float(squares.sum()) ** 2 - 1
        return max(carried, min(n, int(2 * n / excess))) if excess > 0 else n


def derive_problem(view: View, kept: Mask, analysis: Analysis) -> Problem:
    """Return a source's data of an analysis, ready to be weighted.

    Args:
        view: what the source says.
        kept: patients analysed, all complete in the view, shape (n,).
        analysis: its terms, horizons and landmarks.
    """
    time, event, covariates = view.time[kept], view.event[kept], view.covariates[kept]
    fits = kept.any() and covariates.shape[1]
    strata = view.strata[kept] if analysis.strata else None
    cox = prepare_cox(time, event, covariates, strata=strata, entry=derive_entry(view, kept)) if fits else None
    curves = {label: _derive_curve(time, event, inside) for label, inside in _list_groups(view, kept)}
    coded = {label: covariates[:, at] == 1 for at, label in enumerate(view.coefficients) if _is_class(label)}
    return Problem(tuple(_list_numbers(view, analysis)), kept, cox, curves, coded, view, analysis)


def derive_entry(view: View, kept: Mask) -> Floats | None:
    """Return when the kept patients come under observation; None without delayed entry."""
    return view.entry[kept] if view.entry[kept].any() else None


def _is_class(label: Label) -> bool:
    return not label.term.startswith("per ")


def _list_groups(view: View, kept: Mask) -> Iterator[tuple[Label, Mask]]:
    yield Label(), np.ones(int(kept.sum()), dtype=bool)
    for code, label in enumerate(view.groups):
        yield label, view.group[kept] == code


def _derive_curve(time: Floats, event: Mask, inside: Mask) -> Curve:
    members = np.flatnonzero(inside)
    return Curve(members, prepare_times(time[members], event[members]) if len(members) else None)


def _list_numbers(view: View, analysis: Analysis) -> Iterator[Number]:
    """Yield coefficients, then prevalences, then the numbers of the curves."""
    yield from (Number("log_hazard_ratio", label) for label in view.coefficients)
    yield from (Number("prevalence", label) for label in view.coefficients if _is_class(label))
    labels = (Label(), *view.groups)
    for tau in sorted(set(analysis.horizons)):
        at = derive_number_text(float(tau))
        yield from (Number("rmst", label, at) for label in labels)
        yield from (Number("rmst_difference", label, at) for label in view.groups[1:])
    for time in sorted(set(analysis.landmarks)):
        yield from (Number("survival", label, derive_number_text(float(time))) for label in labels)


def compute_replicates(problem: Problem, weights: Floats, start: Floats) -> Floats:
    """Return every number under every set of weights.

    Args:
        problem: from `derive_problem`.
        weights: of the kept patients, shape (replicates, m).
        start: coefficients to start from, shape (p,).

    Returns:
        Shape (replicates, t), NaN where a number is undefined.
    """
    out = np.full((len(weights), len(problem.numbers)), np.nan)
    p = len(start)
    if problem.cox is not None and not np.isnan(start).any():
        out[:, :p] = compute_cox_replicates(problem.cox, weights, start)
    known: dict[Number, Floats] = {}
    for at, number in enumerate(problem.numbers[p:], start=p):
        known[number] = out[:, at] = _compute_number(problem, number, weights, known)
    return out


def _compute_number(problem: Problem, number: Number, weights: Floats, known: dict[Number, Floats]) -> Floats:
    if number.metric == "prevalence":
        total = weights.sum(axis=1)
        inside: Floats = weights[:, problem.classes[number.label]].sum(axis=1)
        return np.where(total > 0, inside / np.where(total > 0, total, 1), np.nan)
    if number.metric == "rmst_difference":
        first = next(label for label in problem.curves if label != Label())
        means = [known[Number("rmst", label, number.at)] for label in (number.label, first)]
        return means[0] - means[1]
    members, table = problem.curves[number.label]
    if table is None:
        return np.full(len(weights), np.nan)
    compute = compute_rmst_replicates if number.metric == "rmst" else compute_survival_replicates
    return _compute_drawn(weights[:, members], lambda drawn: compute(table, drawn, float(number.at)))


def _compute_drawn(weights: Floats, compute) -> Floats:  # type: ignore[no-untyped-def]
    """Return a curve's number, NaN for replicates in which nobody of the group is drawn."""
    drawn = weights.sum(axis=1) > 0
    out = np.full(len(weights), np.nan)
    if drawn.any():
        out[drawn] = compute(weights[drawn])
    return out


def compute_found(problem: Problem, weights: Floats) -> Found:
    """Return the numbers and the influence of every patient.

    Args:
        problem: from `derive_problem`.
        weights: sampling weights of all evaluated patients, 0 for those not used, shape (n,).
    """
    base = weights[problem.kept]
    start, reason = _fit(problem, base)
    values = compute_replicates(problem, base[None], start)[0]
    values[: len(start)] = start
    influence = np.zeros((len(weights), len(values)))
    influence[problem.kept] = _compute_influence(problem, base, values)
    reasons = tuple(_find_reason(number, value, reason) for number, value in zip(problem.numbers, values, strict=True))
    return Found(values, reasons, _count_informative(problem, base > 0), influence, int((base > 0).sum()))


def _compute_influence(problem: Problem, base: Floats, values: Floats) -> Floats:
    """Return the influence of every kept patient on every number, 0 for a number that is undefined, shape (m, t)."""
    out = np.zeros((len(base), len(values)))
    view, kept = problem.view, problem.kept
    p = len(view.coefficients)
    entry = derive_entry(view, kept)
    if p and not np.isnan(values[:p]).any():
        strata = view.strata[kept] if problem.analysis.strata else None
        scaled = compute_cox_influence(
            view.time[kept],
            view.event[kept],
            view.covariates[kept],
            values[:p],
            strata=strata,
            entry=entry,
            weights=base,
        )
        out[:, :p] = scaled * base[:, None] / base.sum()
    for at in np.flatnonzero(~np.isnan(values[p:])) + p:
        out[:, at] = _compute_number_influence(problem, problem.numbers[at], base, entry)
    return out


def _compute_number_influence(problem: Problem, number: Number, base: Floats, entry: Floats | None) -> Floats:
    if number.metric == "prevalence":
        inside = problem.classes[number.label].astype(float)
        return np.asarray(compute_mean_influence(inside, weights=base) * base / base.sum())
    if number.metric == "rmst_difference":
        first = next(label for label in problem.curves if label != Label())
        means = [Number("rmst", label, number.at) for label in (number.label, first)]
        return _compute_number_influence(problem, means[0], base, entry) - _compute_number_influence(
            problem, means[1], base, entry
        )
    out, members = np.zeros(len(base)), problem.curves[number.label].members
    time, event, own = problem.view.time[problem.kept][members], problem.event[members], base[members]
    compute = compute_rmst_influence if number.metric == "rmst" else compute_survival_influence
    begun = None if entry is None else entry[members]
    out[members] = compute(time, event, float(number.at), entry=begun, weights=own) * own / own.sum()
    return out


def _fit(problem: Problem, base: Floats) -> tuple[Floats, Reason]:
    p = sum(number.metric == "log_hazard_ratio" for number in problem.numbers)
    if problem.cox is None or not base.any():
        return np.full(p, np.nan), Reason.EMPTY_DENOMINATOR
    fit = compute_cox(problem.cox, base)
    return fit.coefficients, fit.reason


def _find_reason(number: Number, value: float, reason: Reason) -> Reason:
    if not np.isnan(value):
        return Reason.NONE
    if number.metric == "log_hazard_ratio":
        return reason or Reason.NOT_CONVERGED
    return Reason.EMPTY_DENOMINATOR if number.metric == "prevalence" else Reason.BEYOND_FOLLOW_UP


def _count_informative(problem: Problem, used: Mask) -> NDArray[np.intp]:
    return np.array([_count(problem, number, used) for number in problem.numbers], dtype=np.intp)


def _count(problem: Problem, number: Number, used: Mask) -> int:
    event = problem.event & used
    if number.metric == "log_hazard_ratio":
        return int(event.sum())
    if number.metric == "prevalence":
        inside = problem.classes[number.label]
        return int(min((inside & used).sum(), (~inside & used).sum()))
    own = int(event[problem.curves[number.label].members].sum())
    if number.metric != "rmst_difference":
        return own
    first = next(label for label in problem.curves if label != Label())
    return own + int(event[problem.curves[first].members].sum())
