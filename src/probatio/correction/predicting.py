"""Labelled sample alone, source alone, and predict-then-debias, for every number of an analysis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from probatio.correction.debiasing import (
    Debiased,
    Interval,
    Parts,
    compute_debiased,
    compute_percentile_interval,
    compute_t_interval,
    derive_undefined,
)
from probatio.correction.numbers import Found, Number, Problem, compute_found, compute_replicates, derive_problem
from probatio.correction.sample import Sample
from probatio.protocol import Analysis
from probatio.resampling import Floats
from probatio.results import Reason


class Result(NamedTuple):
    """One number by one method.

    Attributes:
        number: what is estimated.
        method: how.
        interval: estimate and bounds.
        n: patients who take part.
        k: events among them (the rarer class for a proportion); for a corrected estimate, those of the labelled.
        replicates: how many stand behind the interval; 0: none.
    """

    number: Number
    method: str
    interval: Interval
    n: int
    k: int
    replicates: int = 0


class Readings(NamedTuple):
    """One analysis of one sample: the same numbers from the reference and from the source.

    Attributes:
        gold: the reference on the labelled patients.
        part: the source on the labelled patients.
        whole: the source on all its patients.
        problems: the data behind `gold` and behind `part` and `whole`.
    """

    gold: Found
    part: Found
    whole: Found
    problems: tuple[Problem, Problem]

    @property
    def numbers(self) -> tuple[Number, ...]:
        """What is estimated, in order."""
        return self.problems[0].numbers

    @property
    def parameters(self) -> int:
        """Coefficients of the regression."""
        return sum(number.metric == "log_hazard_ratio" for number in self.numbers)


def derive_readings(sample: Sample, analysis: Analysis, *, whole: Found | None = None) -> Readings:
    """Return the three estimates of every number with their influences.

    Args:
        sample: views and labels.
        analysis: its terms, horizons and landmarks.
        whole: the source on all patients where it is already known.
    """
    gold = derive_problem(sample.gold, sample.gold_kept, analysis)
    part = derive_problem(sample.proxy, sample.proxy_kept & sample.labelled, analysis)
    proxy = derive_problem(sample.proxy, sample.proxy_kept, analysis)
    everyone = compute_found(proxy, np.ones(len(sample.labelled))) if whole is None else whole
    return Readings(compute_found(gold, sample.weights), compute_found(part, sample.weights), everyone, (gold, proxy))


def derive_parts(readings: Readings, at: int) -> Parts:
    """Return one number's three estimates, for `compute_debiased`."""
    gold, part, whole = readings.gold, readings.part, readings.whole
    is_ratio = readings.numbers[at].metric == "log_hazard_ratio"
    return Parts(
        float(gold.values[at]), float(part.values[at]), float(whole.values[at]),
        gold.influence[:, at], part.influence[:, at], whole.influence[:, at],
        gold.count_effective(at, readings.numbers[at]), readings.parameters if is_ratio else 1,
        readings.numbers[at].limits,
    )  # fmt: skip


def find_undefined(readings: Readings, at: int) -> Reason:
    """Return why a number cannot be corrected: the first of its three estimates that is undefined."""
    return next((found.reasons[at] for found in readings[:3] if found.reasons[at]), Reason.NONE)


def compute_naive(readings: Readings, at: int, level: float) -> Interval:
    """Return the source's own estimate on all its patients, as if it were right."""
    return compute_own(readings.whole, at, readings.numbers[at], level, coefficients=readings.parameters)


def compute_own(found: Found, at: int, number: Number, level: float, *, coefficients: int) -> Interval:
    """Return an estimate with the interval of its influences; a regression spends its coefficients, others 1."""
    if found.reasons[at]:
        return derive_undefined(found.reasons[at])
    own = found.influence[:, at]
    spent = coefficients if number.metric == "log_hazard_ratio" else 1
    degrees = found.count_effective(at, number) - spent
    return compute_t_interval(float(found.values[at]), float(own @ own), degrees, level, limits=number.limits)


def list_results(readings: Readings, level: float, *, sampled: float = 0.0) -> Iterator[tuple[Result, Debiased | None]]:
    """Yield labelled sample, source and corrected estimate of every number; with the last what stands behind it.

    Args:
        readings: the three estimates.
        level: two-sided confidence.
        sampled: share of the finite population, where there is one; then its intervals are given too.
    """
    gold, whole = readings.gold, readings.whole
    for at, number in enumerate(readings.numbers):
        parts = derive_parts(readings, at)
        mine = (gold.patients, int(gold.informative[at]))
        yield (
            Result(
                number, "labelled_only", compute_own(gold, at, number, level, coefficients=readings.parameters), *mine
            ),
            None,
        )
        naive = compute_naive(readings, at, level)
        yield Result(number, "naive", naive, whole.patients, int(whole.informative[at])), None
        everyone = (whole.patients, mine[1])
        if reason := find_undefined(readings, at):
            yield Result(number, "predict_then_debias", derive_undefined(reason), *everyone), None
            continue
        found = compute_debiased(parts, level)
        yield Result(number, "predict_then_debias", found.corrected, *everyone), found
        if sampled:
            finite = compute_debiased(parts, level, sampled=sampled)
            yield Result(number, "labelled_only_finite", finite.labelled, *mine), None
            yield Result(number, "predict_then_debias_finite", finite.corrected, *everyone), finite


def list_bootstrap(readings: Readings, sample: Sample, weights: Floats, level: float) -> Iterator[Result]:
    """Yield percentile intervals of the corrected numbers from replicates that draw all three estimates together.

    Args:
        readings: the three estimates.
        sample: views and labels.
        weights: how often each patient is drawn, shape (replicates, n).
        level: two-sided confidence.
    """
    gold, proxy = readings.problems
    gold_drawn = _replicate(gold, readings.gold, weights * sample.weights)
    part_drawn = _replicate(proxy, readings.part, weights * sample.weights)
    whole_drawn = _replicate(proxy, readings.whole, weights)
    for at, number in enumerate(readings.numbers):
        fields = (readings.whole.patients, int(readings.gold.informative[at]), len(weights))
        if reason := find_undefined(readings, at):
            yield Result(number, "predict_then_debias_bootstrap", derive_undefined(reason), *fields)
            continue
        found = compute_debiased(derive_parts(readings, at), level)
        drawn = gold_drawn[:, at] - found.tuning * (part_drawn[:, at] - whole_drawn[:, at])
        interval = compute_percentile_interval(found.corrected.value, drawn, level)
        yield Result(number, "predict_then_debias_bootstrap", interval, *fields)


def _replicate(problem: Problem, found: Found, weights: Floats) -> Floats:
    start = found.values[[number.metric == "log_hazard_ratio" for number in problem.numbers]]
    return compute_replicates(problem, weights[:, problem.kept], start)
