"""The sandwich variance of a weighted Cox model of one covariate, weights taken for known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from probatio.resampling import Floats


class _Steps(NamedTuple):
    """Sums over the steps of tied events, per distinct event time: hazard, hazard x mean, both spared to events, mean."""

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

    A tied event under Efron's ties is at risk for 1 - k/d of the k-th step of its own time; steps have the events' mean weight.

    Source: Therneau and Grambsch 2000, sections 4.6 and 7.3; Lin and Wei 1989; Binder 1992.
    """
    out = np.zeros(len(time))
    for name in np.unique(strata):
        rows = np.flatnonzero(strata == name)
        if event[rows].any():
            parts = (values[rows] for values in (time, event, x, entry, weights))
            out[rows] = _compute_stratum(*parts, beta=beta)
    return out


def _compute_stratum(
    time: Floats, event: NDArray[np.bool_], x: Floats, entry: Floats, weights: Floats, *, beta: float
) -> Floats:
    times = np.unique(time[event])
    risk = weights * np.exp(beta * x)
    found = _sum_steps(times, time, event, x, entry=entry, weights=weights, risk=risk)
    own = np.searchsorted(times, time)
    at = np.minimum(own, len(times) - 1)
    past = [_accumulate(values, times, time) - _accumulate(values, times, entry) for values in found[:2]]
    past[0] -= event * found.spared[at]
    past[1] -= event * found.spared_product[at]
    residuals: Floats = event * (x - found.mean[at]) - np.exp(beta * x) * (x * past[0] - past[1])
    return residuals


def _sum_steps(
    times: Floats, time: Floats, event: NDArray[np.bool_], x: Floats, *, entry: Floats, weights: Floats, risk: Floats
) -> _Steps:
    at_risk = (time[None] >= times[:, None]) & (entry[None] < times[:, None])
    sums = np.stack([at_risk @ risk, at_risk @ (risk * x)])
    at = np.searchsorted(times, time[event])
    tied = np.stack([np.bincount(at, values[event], len(times)) for values in (risk, risk * x)])
    size = np.bincount(at, minlength=len(times))
    total = np.bincount(at, weights[event], len(times))
    group = np.repeat(np.arange(len(times)), size)
    share = (np.arange(len(group)) - np.repeat(np.cumsum(size) - size, size)) / size[group]
    left = sums[:, group] - share * tied[:, group]
    hazard, mean = (total / size)[group] / left[0], left[1] / left[0]
    values = (hazard, hazard * mean, hazard * share, hazard * mean * share, mean / size[group])
    return _Steps(*(np.bincount(group, each, len(times)) for each in values))


def _accumulate(values: Floats, times: Floats, until: Floats) -> Floats:
    return np.r_[0.0, np.cumsum(values)][np.searchsorted(times, until, side="right")]
