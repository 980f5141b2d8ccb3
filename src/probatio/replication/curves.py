"""Curves of one source, and the difference of two sources' curves.

| series | x, y | lower, upper |
|---|---|---|
| survival | days, Kaplan-Meier, from 1 at time 0 | log interval |
| at_risk | days, patients under observation just before | |
| survival_difference | days, source minus comparator | pointwise percentiles of the shared replicates |
| survival_difference_band | the same | simultaneous: the whole true curve lies within with the protocol's level |

The simultaneous band is y +- c s(x): s the standard error of the replicates, c the quantile over replicates of the largest
|difference - y| / s on the curve (Davison and Hinkley 1997, section 4.2.4; Efron and Tibshirani 1993, chapter 16). Differences are taken at every event
time, at 100 evenly spaced times where there are more, as far as both sources follow somebody.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from probatio.replication.differences import ENOUGH
from probatio.replication.estimate import Sample
from probatio.replication.views import Label
from probatio.resampling import Floats
from probatio.survival import compute_curve_numbers, compute_kaplan_meier, prepare_times

POINTS = 100
"""Times of a difference curve, at most."""
Point = dict[str, Any]


def derive_curves(sample: Sample) -> Iterator[Point]:
    """Yield the points of survival and numbers at risk, overall and by group of the first term."""
    for label, members in sample.list_groups():
        if members.kept.any():
            key = {"source": sample.view.source, "variable": label.variable, "term": label.term}
            yield from (key | point for point in _derive_curve(members))


def _derive_curve(sample: Sample) -> Iterator[Point]:
    curve = compute_kaplan_meier(**sample.outcome, level=sample.level)
    if curve.times[0] > 0:
        yield {"metric": "survival", "x": 0.0, "y": 1.0, "lower": 1.0, "upper": 1.0}
        yield {"metric": "at_risk", "x": 0.0, "y": float(sample.kept.sum())}
    for x, y, lower, upper, n in zip(curve.times, curve.survival, curve.lower, curve.upper, curve.at_risk, strict=True):
        yield {"metric": "survival", "x": x, "y": y, "lower": lower, "upper": upper}
        yield {"metric": "at_risk", "x": x, "y": n}


class Band(NamedTuple):
    """A difference of curves at some times: value, pointwise bounds, simultaneous bounds; arrays of one shape."""

    times: Floats
    value: Floats
    pointwise: tuple[Floats, Floats]
    simultaneous: tuple[Floats, Floats]


def derive_difference_curves(one: Sample, base: Sample) -> Iterator[Point]:
    """Yield the points of the difference of two sources' survival, overall and by group both know."""
    theirs = dict(base.list_groups())
    for label, members in one.list_groups():
        other = theirs.get(label)
        if other is not None and members.kept.any() and other.kept.any():
            key = {"source": one.view.source, "comparator": base.view.source}
            yield from (key | point for point in _derive_points(label, compute_band(members, other)))


def _derive_points(label: Label, band: Band) -> Iterator[Point]:
    bounds = {"survival_difference": band.pointwise, "survival_difference_band": band.simultaneous}
    for metric, (lower, upper) in bounds.items():
        key = {"metric": metric, "variable": label.variable, "term": label.term}
        yield key | {"x": 0.0, "y": 0.0, "lower": 0.0, "upper": 0.0}
        for x, y, low, high in zip(band.times, band.value, lower, upper, strict=True):
            yield key | {"x": x, "y": y, "lower": low, "upper": high}


def compute_band(one: Sample, base: Sample) -> Band:
    """Return the difference of two survival curves with its bounds; NaN bounds without replicates.

    Args:
        one: the source's patients of a group.
        base: the comparator's, on the same replicates.
    """
    times = derive_times(one, base)
    value, drawn = (np.asarray(gap) for gap in _compute_gaps(one, base, times))
    enough = (~np.isnan(drawn)).sum(axis=0) >= ENOUGH * max(len(drawn), 1)
    if not len(drawn) or not enough.any():
        empty = np.full(len(times), np.nan)
        return Band(times, value, (empty, empty), (empty, empty))
    tail = 100 * (1 - one.level) / 2
    lower, upper = np.nanpercentile(np.where(enough, drawn, 0), [tail, 100 - tail], axis=0)
    pointwise = np.where(enough, lower, np.nan), np.where(enough, upper, np.nan)
    return Band(times, value, pointwise, compute_simultaneous(value, np.where(enough, drawn, np.nan), one.level))


def derive_times(one: Sample, base: Sample) -> Floats:
    """Return the times of a difference curve: event times of either source, at most `POINTS`, while both follow."""
    last = min(float(sample.view.time[sample.kept].max()) for sample in (one, base))
    events = np.unique(np.concatenate([s.view.time[s.kept & s.view.event] for s in (one, base)]))
    events = events[(events > 0) & (events <= last)]
    return events if len(events) <= POINTS else np.linspace(0, last, POINTS + 1)[1:]


def _compute_gaps(one: Sample, base: Sample, times: Floats) -> tuple[Floats, Floats]:
    """Return the difference of the curves, shape (g,), and that of every replicate, shape (replicates, g)."""
    values, drawn = [], []
    for sample in (one, base):
        table, weights = prepare_times(**sample.outcome), sample.draw()
        alone = np.ones((1, int(sample.kept.sum())))
        values.append(compute_curve_numbers(table, alone, landmarks=times.tolist()).survival[0])
        drawn.append(np.empty((0, len(times))) if weights is None
                     else compute_curve_numbers(table, weights, landmarks=times.tolist()).survival)  # fmt: skip
    return values[0] - values[1], drawn[0] - drawn[1]


def compute_simultaneous(value: Floats, drawn: Floats, level: float) -> tuple[Floats, Floats]:
    """Return the bounds of a band that holds the whole curve with a level.

    Args:
        value: the curve, shape (g,).
        drawn: its replicates, shape (replicates, g); NaN where unknown, a time is left out if all are.
        level: of the band.
    """
    empty = np.full(len(value), np.nan)
    error = empty.copy()
    known = ~np.isnan(drawn).all(axis=0)
    error[known] = np.nanstd(drawn[:, known], axis=0, ddof=1)
    moved = error > 1e-12 * max(1.0, float(np.abs(value).max(initial=0)))
    if not moved.any():
        return empty, empty
    sizes = np.abs(drawn[:, moved] - value[moved]) / error[moved]
    largest = np.where(np.isnan(sizes), 0.0, sizes).max(axis=1)
    reach = np.where(moved, float(np.percentile(largest, 100 * level)) * error, np.nan)
    return value - reach, value + reach
