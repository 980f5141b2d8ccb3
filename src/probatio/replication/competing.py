"""Numbers of an endpoint with a competing event: cumulative incidence instead of survival.

| metric | method | n, k |
|---|---|---|
| competing_events | | patients, competing events (overall and by group) |
| cumulative_incidence, cumulative_incidence_competing (`at` the landmark) | aalen_johansen | patients, events of that cause |

| series | x, y | lower, upper |
|---|---|---|
| cumulative_incidence, cumulative_incidence_competing | days, Aalen-Johansen, from 0 at time 0 | complementary log-log |
| at_risk | days, patients under observation just before | |
| cumulative_incidence_difference, cumulative_incidence_difference_band | see `curves` | |

The hazard ratio beside them is that of the event itself, the competing event censored (cause-specific): the two may point
different ways, and neither is wrong (Latouche 2013, J Clin Epidemiol 66:648).
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probatio.protocol import Analysis
from probatio.records.canonical import derive_number_text
from probatio.replication.curves import derive_difference_curves
from probatio.replication.estimate import Estimate, Sample, describe_undefined
from probatio.replication.views import Label
from probatio.resampling import Floats
from probatio.results import Reason
from probatio.survival import (
    compute_aalen_johansen,
    compute_incidence_at,
    compute_incidence_replicates,
    prepare_causes,
    prepare_times,
)
from probatio.survival.kaplan_meier import compute_counts, compute_survival

_CHUNK = 1 << 18
CAUSES = {1: "cumulative_incidence", 2: "cumulative_incidence_competing"}


def compute_incidences(sample: Sample, analysis: Analysis) -> Iterator[Estimate]:
    """Yield the cumulative incidence of either cause at the landmarks, overall and by group."""
    for label, members in sample.list_groups():
        happened = {cause: int((members.view.cause[members.kept] == cause).sum()) for cause in CAUSES}
        n = int(members.kept.sum())
        yield Estimate("competing_events", label, float(happened[2]), {"n": n, "k": happened[2], "unit": "patients"})
        for cause in CAUSES:
            fields = {"n": n, "k": happened[cause], "method": "aalen_johansen", "level": sample.level}
            yield from _compute_landmarks(members, label, cause, analysis, fields)


def _compute_landmarks(
    sample: Sample, label: Label, cause: int, analysis: Analysis, fields: dict[str, Any]
) -> Iterator[Estimate]:
    times = sorted(set(analysis.landmarks))
    if not sample.kept.any():
        undefined = describe_undefined(Reason.EMPTY_DENOMINATOR)
        for time in times:
            yield Estimate(CAUSES[cause], label, np.nan, fields | {"at": derive_number_text(float(time))} | undefined)
        return
    curve = compute_aalen_johansen(**_derive_arguments(sample), of=cause, level=sample.level)
    table, drawn = prepare_causes(**_derive_arguments(sample)), sample.draw()
    for time in times:
        told = compute_incidence_at(curve, time)
        own = fields | {"at": derive_number_text(float(time)), "reason": told.reason}
        replicates = None if drawn is None else compute_incidence_replicates(table, drawn, cause, time)
        if np.isnan(told.estimate):
            undefined = describe_undefined(told.reason)
            yield Estimate(CAUSES[cause], label, np.nan, own | undefined, replicates)
            continue
        bounds = {"lower": told.lower, "upper": told.upper}
        yield Estimate(CAUSES[cause], label, told.estimate, own | bounds, replicates, told.standard_error)


def _derive_arguments(sample: Sample) -> dict[str, Any]:
    told = {name: value for name, value in sample.outcome.items() if name != "event"}
    return told | {"cause": sample.view.cause[sample.kept]}


def derive_incidence_curves(sample: Sample) -> Iterator[dict[str, Any]]:
    """Yield the cumulative incidence of either cause and the numbers at risk, overall and by group."""
    for label, members in sample.list_groups():
        if not members.kept.any():
            continue
        key = {"source": sample.view.source, "variable": label.variable, "term": label.term}
        for cause, metric in CAUSES.items():
            for point in _derive_curve(members, cause, metric):
                yield key | point


def _derive_curve(sample: Sample, cause: int, metric: str) -> Iterator[dict[str, Any]]:
    curve = compute_aalen_johansen(**_derive_arguments(sample), of=cause, level=sample.level)
    if not len(curve.times) or curve.times[0] > 0:
        yield {"metric": metric, "x": 0.0, "y": 0.0, "lower": 0.0, "upper": 0.0}
    if cause == 1 and (not len(curve.times) or curve.times[0] > 0):
        yield {"metric": "at_risk", "x": 0.0, "y": float(sample.kept.sum())}
    columns = (curve.times, curve.incidence, curve.lower, curve.upper, curve.at_risk)
    for x, y, lower, upper, n in zip(*columns, strict=True):
        yield {"metric": metric, "x": x, "y": y, "lower": lower, "upper": upper}
        if cause == 1:
            yield {"metric": "at_risk", "x": x, "y": n}


def derive_incidence_differences(one: Sample, base: Sample) -> Iterator[dict[str, Any]]:
    """Yield the points of the difference of two sources' incidence of the event, as `derive_difference_curves`."""
    yield from derive_difference_curves(one, base, metric="cumulative_incidence", read=read_incidence)


def read_incidence(sample: Sample, times: Floats, weights: NDArray[Any]) -> Floats:
    """Return the event's cumulative incidence at some times under each row of weights, shape (replicates, g).

    NaN after a replicate's follow-up. Source: Aalen and Johansen 1978.
    """
    any_cause = sample.outcome | {"event": sample.view.cause[sample.kept] > 0}
    every, own = prepare_times(**any_cause), prepare_times(**sample.outcome)
    last = np.searchsorted(every.times, times, side="right")
    due = np.minimum(np.searchsorted(every.times, times, side="left"), len(every.times) - 1)
    out = np.empty((len(weights), len(times)))
    step = max(1, _CHUNK // weights.shape[1])
    for start in range(0, len(weights), step):
        part = weights[start : start + step].astype(float)
        at_risk, events = compute_counts(every, part)
        survival = np.hstack([np.ones((len(part), 1)), compute_survival(at_risk, events)])
        gained = survival[:, :-1] * compute_counts(own, part)[1] / np.where(at_risk > 0, at_risk, 1)
        incidence = np.hstack([np.zeros((len(part), 1)), np.cumsum(gained, axis=1)])[:, last]
        followed = (at_risk[:, due] > 0) | (survival[:, last] == 0)
        out[start : start + step] = np.where(followed, incidence, np.nan)
    return out
