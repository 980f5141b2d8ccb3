"""The sandwich variance of a weighted Cox model of one covariate, weights taken for known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probatio.resampling import Floats


class _Patients(NamedTuple):
    """Patients of one stratum; arrays of shape (n,)."""

    time: Floats
    event: NDArray[np.bool_]
    x: Floats
    entry: Floats
    weight: Floats


class _Steps(NamedTuple):
    """Sums over the steps of tied events, per distinct event time; `spared`: the part that the events are spared."""

    hazard: Floats
    product: Floats
    spared: Floats
    spared_product: Floats
    mean: Floats


def compute_weighted_residuals(
    time: Floats,
    event: NDArray[np.bool_],
    x: Floats,
    strata: NDArray[np.str_],
    *,
    entry: Floats,
    weights: Floats,
    beta: float,
) -> Floats:
    """Return each patient's contribution to the score of a weighted fit, shape (n,), not yet times the weight.

    A tied event under Efron's ties is at risk for 1 - k/d of the k-th step of its own time; steps have the events'
    mean weight.

    Args:
        time: follow-up, shape (n,).
        event: whether it ended with the event.
        x: the covariate.
        strata: names of strata.
        entry: when the patient came under observation; below 0 where from the start.
        weights: of the fit.
        beta: its coefficient.

    Source: Therneau and Grambsch 2000, sections 4.6 and 7.3; Lin and Wei 1989; Binder 1992.
    """
    out = np.zeros(len(time))
    for name in np.unique(strata):
        rows = np.flatnonzero(strata == name)
        if event[rows].any():
            out[rows] = _compute_stratum(_Patients(time[rows], event[rows], x[rows], entry[rows], weights[rows]), beta)
    return out


def _compute_stratum(patients: _Patients, beta: float) -> Floats:
    time, event, x = patients[:3]
    times = np.unique(time[event])
    found = _sum_steps(times, patients, patients.weight * np.exp(beta * x))
    at = np.minimum(np.searchsorted(times, time), len(times) - 1)
    past = [_accumulate(step, times, time) - _accumulate(step, times, patients.entry) for step in found[:2]]
    past[0] -= event * found.spared[at]
    past[1] -= event * found.spared_product[at]
    residuals: Floats = event * (x - found.mean[at]) - np.exp(beta * x) * (x * past[0] - past[1])
    return residuals


def _sum_steps(times: Floats, patients: _Patients, risk: Floats) -> _Steps:
    time, event, x, entry, weight = patients
    at_risk = (time[None] >= times[:, None]) & (entry[None] < times[:, None])
    sums = np.stack([at_risk @ risk, at_risk @ (risk * x)])
    at, size = np.searchsorted(times, time[event]), np.bincount(np.searchsorted(times, time[event]))
    tied = np.stack([_sum_by(each[event], at, len(times)) for each in (risk, risk * x)])
    total = _sum_by(weight[event], at, len(times))
    group = np.repeat(np.arange(len(times)), size)
    share = (np.arange(len(group)) - np.repeat(np.cumsum(size) - size, size)) / size[group]
    left = sums[:, group] - share * tied[:, group]
    hazard, mean = (total / size)[group] / left[0], left[1] / left[0]
    steps = (hazard, hazard * mean, hazard * share, hazard * mean * share, mean / size[group])
    return _Steps(*(_sum_by(each, group, len(times)) for each in steps))


def _sum_by(values: ArrayLike, group: NDArray[np.intp], groups: int) -> Floats:
    return np.asarray(np.bincount(group, np.asarray(values, dtype=float), groups), dtype=float)


def _accumulate(values: Floats, times: Floats, until: Floats) -> Floats:
    total: Floats = np.r_[0.0, np.cumsum(values)][np.searchsorted(times, until, side="right")]
    return total
