"""The partial likelihood of a Cox regression, event by event: what residuals, tests and influences are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probatio.resampling import Floats
from probatio.survival.kaplan_meier import check_times, derive_entries

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class CoxData:
    """Checked data of one regression; rows as given.

    Attributes:
        time, event, entry, weights: shape (n,); entry minus infinity from the origin on.
        x: covariates less their means, shape (n, p).
        strata: codes from 0, shape (n,).
        efron: Efron's ties, else Breslow's.
    """

    time: Floats
    event: NDArray[np.bool_]
    entry: Floats
    x: Floats
    strata: Indices
    weights: Floats
    efron: bool


@dataclass(frozen=True)
class EventSteps:
    """One term of the partial likelihood per event of positive weight, by stratum, then time.

    Under Efron's ties the k-th of d tied events leaves the share k/d of all of them out of its risk set.

    Attributes:
        rows: the patient, shape (K,).
        group: event time, numbered over all strata, shape (K,).
        times, strata: time and stratum of each event time, shape (g,).
        share: part of the tied events left out, shape (K,).
        weight: mean weight of the tied events, shape (K,).
        total: weighted sum of exp(linear predictor) over the risk set, shape (K,).
        mean, variance: weighted moments of the covariates over the risk set, shapes (K, p) and (K, p, p).
    """

    rows: Indices
    group: Indices
    times: Floats
    strata: Indices
    share: Floats
    weight: Floats
    total: Floats
    mean: Floats
    variance: Floats


def check_cox_data(
    time: ArrayLike,
    event: ArrayLike,
    covariates: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    ties: Literal["efron", "breslow"] = "efron",
) -> CoxData:
    """Check the data of a regression, given as to `prepare_cox`.

    Raises:
        ValueError: shapes that differ, undefined values, an entry not before its time, negative weights.
    """
    times, events = check_times(time, event)
    x = np.asarray(covariates, dtype=float)
    if x.ndim != 2 or len(x) != len(times) or not x.size or not np.isfinite(x).all():
        raise ValueError("covariates need a finite two-dimensional array with a row per patient")
    w = np.ones(len(times)) if weights is None else np.asarray(weights, dtype=float)
    if w.shape != times.shape or not np.isfinite(w).all() or (w < 0).any():
        raise ValueError("weights need one finite, not negative number per patient")
    codes = np.zeros(len(times), dtype=np.intp)
    if strata is not None:
        codes = np.unique(np.asarray(strata), return_inverse=True)[1]
    return CoxData(times, events > 0, derive_entries(entry, times), x - x.mean(axis=0), codes, w, ties == "efron")


class _Layout(NamedTuple):
    """Events by stratum and time, the first of each event time, the event time of each, the share left out."""

    rows: Indices
    starts: Indices
    group: Indices
    share: Floats


def derive_event_steps(data: CoxData, coefficients: Floats) -> EventSteps:
    """Return the steps at given coefficients, shape (p,)."""
    layout, p = _derive_layout(data), data.x.shape[1]
    rows, group, first = layout.rows, layout.group, layout.rows[layout.starts]
    weight = np.bincount(group, data.weights[rows], len(first)) / np.bincount(group, minlength=len(first))
    sums = _sum_moments(data, coefficients, layout)
    mean, second = sums[:, 1 : 1 + p] / sums[:, :1], sums[:, 1 + p :] / sums[:, :1]
    variance = second.reshape(len(rows), p, p) - mean[:, :, None] * mean[:, None]
    return EventSteps(
        rows, group, data.time[first], data.strata[first], layout.share, weight[group], sums[:, 0], mean, variance
    )


def _derive_layout(data: CoxData) -> _Layout:
    dying = np.flatnonzero(data.event & (data.weights > 0))
    rows = dying[np.lexsort((data.time[dying], data.strata[dying]))]
    changes = (np.diff(data.time[rows]) != 0) | (np.diff(data.strata[rows]) != 0)
    starts = np.flatnonzero(np.r_[np.ones(min(len(rows), 1), dtype=bool), changes])
    sizes = np.diff(np.r_[starts, len(rows)])
    group = np.repeat(np.arange(len(starts)), sizes)
    return _Layout(rows, starts, group, (np.arange(len(rows)) - starts[group]) / sizes[group] * data.efron)


def compute_score_residuals(data: CoxData, steps: EventSteps, coefficients: Floats) -> Floats:
    """Return the derivative of the score in each patient's weight, shape (n, p); 0 for a patient of weight 0.

    Source: Therneau and Grambsch 2000, section 4.6; a tied event under Efron's ties is at risk for
    1 - k/d of the k-th step of its own time.
    """
    groups, risk = len(steps.times), np.exp(data.x @ coefficients)[:, None]
    rate = (steps.weight / steps.total)[:, None] * np.column_stack([np.ones(len(steps.rows)), steps.mean])
    past = _accumulate(data, steps, _sum_groups(rate, steps.group, groups))
    past[steps.rows] -= _sum_groups(rate * steps.share[:, None], steps.group, groups)[steps.group]
    residuals = risk * (past[:, 1:] - data.x * past[:, :1])
    sizes = np.bincount(steps.group, minlength=groups)[:, None]
    means = _sum_groups(steps.mean, steps.group, groups) / np.maximum(sizes, 1)
    residuals[steps.rows] += data.x[steps.rows] - means[steps.group]
    return np.where(data.weights[:, None] > 0, residuals, 0.0)


def _sum_moments(data: CoxData, coefficients: Floats, layout: _Layout) -> Floats:
    """Return weighted sums of 1, x and x x' over each step's risk set, shape (K, 1 + p + p^2)."""
    first = layout.rows[layout.starts]
    x = data.x
    risk = data.weights * np.exp(x @ coefficients)
    products = np.column_stack([np.ones(len(x)), x, (x[:, :, None] * x[:, None]).reshape(len(x), -1)]) * risk[:, None]
    sums = np.zeros((len(first), products.shape[1]))
    for stratum in np.unique(data.strata[first]):
        inside, at = data.strata == stratum, data.strata[first] == stratum
        sums[at] = _sum_from(products[inside], data.time[inside], data.time[first[at]])
        sums[at] -= _sum_from(products[inside], data.entry[inside], data.time[first[at]])
    tied = _sum_groups(products[layout.rows], layout.group, len(first))
    return np.asarray(sums[layout.group] - layout.share[:, None] * tied[layout.group])


def _sum_from(values: Floats, times: Floats, at: Floats) -> Floats:
    """Return the sum of the rows whose time is not before each moment, shape (len(at), q)."""
    order = np.argsort(times, kind="stable")
    total = np.vstack([np.cumsum(values[order[::-1]], axis=0)[::-1], np.zeros(values.shape[1])])
    return np.asarray(total[np.searchsorted(times[order], at, side="left")])


def _sum_groups(values: Floats, group: Indices, groups: int) -> Floats:
    out = np.zeros((groups, values.shape[1]))
    np.add.at(out, group, values)
    return out


def _accumulate(data: CoxData, steps: EventSteps, values: Floats) -> Floats:
    """Return each patient's sum of the values of the event times of their stratum while at risk, shape (n, q)."""
    out = np.zeros((len(data.time), values.shape[1]))
    for stratum in np.unique(steps.strata):
        inside, at = data.strata == stratum, steps.strata == stratum
        total = np.vstack([np.zeros(values.shape[1]), np.cumsum(values[at], axis=0)])
        until = np.searchsorted(steps.times[at], data.time[inside], side="right")
        out[inside] = total[until] - total[np.searchsorted(steps.times[at], data.entry[inside], side="right")]
    return out
