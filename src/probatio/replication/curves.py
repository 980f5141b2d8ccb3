"""Curves of one source, and the difference of two sources' curves.

| series | x, y | lower, upper |
|---|---|---|
| survival | days, Kaplan-Meier, from 1 at time 0 | log interval |
| at_risk | days, patients under observation just before | |
| survival_difference; cumulative_incidence_difference where an event competes | days, source minus comparator | pointwise percentiles of the shared replicates |
| survival_difference_band, cumulative_incidence_difference_band | the same | simultaneous: the whole true curve lies within with the protocol's level |

The simultaneous band is y +- c s(x): s the standard error of the replicates, c the quantile over replicates of the largest
|difference - y| / s on the curve (Parzen, Wei and Ying 1997, Scand J Stat 24:309; Montiel Olea and Plagborg-Moller 2019, J Appl Econom 34:1).
Differences are taken at every event time, at 100 evenly spaced times where there are more, as far as both sources follow
somebody.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from probatio.replication.differences import ENOUGH
from probatio.replication.estimate import Sample
from probatio.replication.views import Label
from probatio.resampling import Floats
from probatio.survival import compute_curve_numbers, compute_kaplan_meier, prepare_times

POINTS = 100
"""Times of a difference curve, at most."""
Point = dict[str, Any]
Reading = Callable[[Sample, Floats, NDArray[Any]], Floats]


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


def read_survival(sample: Sample, times: Floats, weights: NDArray[Any]) -> Floats:
    """Return survival at some times under each row of weights, shape (replicates, g); NaN after follow-up."""
    return compute_curve_numbers(prepare_times(**sample.outcome), weights, landmarks=times.tolist()).survival


def derive_difference_curves(
    one: Sample, base: Sample, *, metric: str = "survival", read: Reading = read_survival
) -> Iterator[Point]:
    """Yield the points of the difference of two sources' curves, overall and by group both know.

    Args:
        one: the source's patients.
        base: the comparator's, on the same replicates.
        metric: name of the curve.
        read: reads the curve at some times.
    """
    theirs = dict(base.list_groups())
    for label, members in one.list_groups():
        other = theirs.get(label)
        if other is not None and members.kept.any() and other.kept.any():
            key = {"source": one.view.source, "comparator": base.view.source}
            band = compute_band(members, other, read=read)
            yield from (key | point for point in _derive_points(label, band, f"{metric}_difference"))


def _derive_points(label: Label, band: Band, metric: str) -> Iterator[Point]:
    bounds = {metric: band.pointwise, f"{metric}_band": band.simultaneous}
    for name, (lower, upper) in bounds.items():
        key = {"metric": name, "variable": label.variable, "term": label.term}
        yield key | {"x": 0.0, "y": 0.0, "lower": 0.0, "upper": 0.0}
        for x, y, low, high in zip(band.times, band.value, lower, upper, strict=True):
            yield key | {"x": x, "y": y, "lower": low, "upper": high}


def compute_band(one: Sample, base: Sample, *, read: Reading = read_survival) -> Band:
    """Return the difference of two curves with its bounds; NaN bounds without replicates.

    Args:
        one: the source's patients of a group.
        base: the comparator's, on the same replicates.
        read: reads the curve at some times.
    """
    times = derive_times(one, base)
    value, drawn = _compute_gaps(one, base, times, read)
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


def _compute_gaps(one: Sample, base: Sample, times: Floats, read: Reading) -> tuple[Floats, Floats]:
    """Return the difference of the curves, shape (g,), and that of every replicate, shape (replicates, g)."""
    values, drawn = [], []
    for sample in (one, base):
        values.append(read(sample, times, np.ones((1, int(sample.kept.sum()))))[0])
        weights = sample.draw()
        drawn.append(np.empty((0, len(times))) if weights is None else read(sample, times, weights))
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
