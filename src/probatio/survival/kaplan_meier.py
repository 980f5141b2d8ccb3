"""Kaplan-Meier, median and restricted mean: arrays to values.

Times are sorted once (`prepare_times`); replicate weights then cost a sum per distinct time
(`curve_replicates`). Weights count patients (frequencies of a bootstrap draw): Greenwood's variance
reads them as such and does not hold for sampling weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from probatio.resampling import Floats
from probatio.results import Reason

ConfType = Literal["log", "log-log", "plain"]
HALF = (0.5 + 1.5e-8, 0.5 - 1.5e-8)
"""Survival between these is 0.5 (R's sqrt(.Machine$double.eps))."""
NOBODY = 1e-12
"""Share of those at risk that is nobody: what rounding leaves of real-valued weights when all die."""


class TimeEstimate(NamedTuple):
    """A number read off a survival curve. NaN estimate: undefined, `reason` says why.

    A NaN bound is undefined; an infinite upper bound is open (the curve's bound never falls to 0.5).
    """

    estimate: float
    standard_error: float
    lower: float
    upper: float
    reason: Reason = Reason.NONE


class SortedTimes(NamedTuple):
    """Patients sorted by time once: what every replicate weight reuses.

    Attributes:
        order: patients in order of time, shape (n,).
        starts: first sorted patient of each distinct time, shape (m,).
        times: the distinct times, censoring times included, shape (m,).
        event: 1.0 for an event, in sorted order, shape (n,).
        late: patients not yet at risk at the first distinct time, by the first at which they are.
        late_starts: first of `late` for each distinct time, then their number, shape (m + 1,).
    """

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    times: Floats
    event: Floats
    late: NDArray[np.int64]
    late_starts: NDArray[np.int64]


@dataclass(frozen=True)
class KaplanMeier:
    """A survival curve at every distinct time; arrays of shape (m,).

    `standard_error` is Greenwood's, of the survival itself. Where survival is 0 it is NaN, and so are the bounds.
    """

    times: Floats
    at_risk: Floats
    events: Floats
    survival: Floats
    standard_error: Floats
    lower: Floats
    upper: Floats
    level: float
    conf_type: ConfType


def prepare_times(time: ArrayLike, event: ArrayLike, *, entry: ArrayLike | None = None) -> SortedTimes:
    """Sort patients by time.

    Args:
        time: follow-up, finite and not negative, shape (n,).
        event: true where the event happened at `time`, shape (n,).
        entry: delayed entry: at risk at t when entry < t <= time; 0 or less: from the origin on. Shape (n,).

    Raises:
        ValueError: nobody, a time that is negative or not finite, an entry not before it, or shapes that differ.
    """
    times, events = check_times(time, event)
    if not len(times):
        raise ValueError("a survival curve needs at least one patient")
    order = np.argsort(times, kind="stable")
    distinct, starts = np.unique(times[order], return_index=True)
    since = np.searchsorted(distinct, derive_entries(entry, times), side="right")
    late = np.flatnonzero(since > 0)
    late = late[np.argsort(since[late], kind="stable")]
    late_starts = np.searchsorted(since[late], np.arange(len(distinct) + 1))
    whole = (part.astype(np.int64) for part in (order, starts, late, late_starts))
    order, starts, late, late_starts = whole
    return SortedTimes(order, starts, distinct, events[order], late, late_starts)


def check_times(time: ArrayLike, event: ArrayLike) -> tuple[Floats, Floats]:
    """Return time and event as float arrays; raises ValueError on shapes, negative or undefined times."""
    times, events = np.asarray(time, dtype=float), np.asarray(event).astype(bool).astype(float)
    if times.ndim != 1 or times.shape != events.shape:
        raise ValueError("time and event need the same one-dimensional shape")
    if not np.isfinite(times).all() or (times < 0).any():
        raise ValueError("times must be finite and not negative")
    return times, events


def derive_entries(entry: ArrayLike | None, times: Floats) -> Floats:
    """Return entries as floats, minus infinity where under observation from the origin on."""
    if entry is None:
        return np.full(len(times), -np.inf)
    entries = np.asarray(entry, dtype=float)
    if entries.shape != times.shape or not np.isfinite(entries).all():
        raise ValueError("entry needs one finite number per patient")
    if ((entries > 0) & (entries >= times)).any():
        raise ValueError("entry must come before the end of follow-up")
    return np.where(entries > 0, entries, -np.inf)


def compute_kaplan_meier(
    time: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    level: float = 0.95,
    conf_type: ConfType = "log",
) -> KaplanMeier:
    """Return the product-limit estimate with Greenwood's standard error and pointwise bounds.

    Args:
        time: as in `prepare_times`.
        event: as in `prepare_times`.
        entry: as in `prepare_times`. Where everybody then under observation dies, survival is 0 from there on.
        weights: how often each patient counts, not negative; default 1.
        level: two-sided confidence.
        conf_type: scale of the interval: "log" (R's default), "log-log" or "plain", bounds kept in [0, 1].

    Source: Kaplan and Meier 1958; Greenwood 1926; scales as in Kalbfleisch and Prentice 2002, section 1.4.
    """
    table = prepare_times(time, event, entry=entry)
    at_risk, events = compute_counts(table, _derive_weights(weights, len(table.order))[None])
    survival = compute_survival(at_risk, events)[0]
    hazard_error = np.sqrt(np.cumsum(_compute_greenwood(at_risk[0], events[0])))
    standard_error = np.where(survival > 0, survival * np.where(survival > 0, hazard_error, 0), np.nan)
    lower, upper = _compute_bounds(survival, hazard_error, level, conf_type)
    return KaplanMeier(table.times, at_risk[0], events[0], survival, standard_error, lower, upper, level, conf_type)


def compute_median(curve: KaplanMeier) -> TimeEstimate:
    """Return the median survival with the interval of Brookmeyer and Crowley 1982, as R's `survfit` prints it.

    The median is the first time with survival at or below 0.5, or the middle of the flat stretch
    where survival equals 0.5; its bounds are read the same way off the curve's own bounds.
    """
    median = _find_half(curve.times, curve.survival)
    if np.isnan(median):
        return TimeEstimate(np.nan, np.nan, np.nan, np.nan, Reason.NOT_REACHED)
    upper = _find_half(curve.times, curve.upper)
    return TimeEstimate(
        median, np.nan, _find_half(curve.times, curve.lower), np.inf if np.isnan(upper) else upper,
        Reason.NOT_REACHED if np.isnan(upper) else Reason.NONE,
    )  # fmt: skip


def compute_rmst(curve: KaplanMeier, tau: float) -> TimeEstimate:
    """Return the restricted mean survival time up to `tau`, in the unit of time.

    Variance: sum over event times t <= tau of (area under the curve from t to tau)^2 d / (n (n - d)),
    Klein and Moeschberger 2003, section 4.5. Undefined when follow-up ends before `tau` with
    survival above 0; without an event before `tau` there is no interval.
    """
    if tau > curve.times[curve.at_risk > 0][-1] and curve.survival[-1] > 0:
        return TimeEstimate(np.nan, np.nan, np.nan, np.nan, Reason.BEYOND_FOLLOW_UP)
    widths = compute_widths(curve.times, tau)
    areas = np.r_[1.0, curve.survival] * widths
    after = np.cumsum(areas[::-1])[::-1][1:]
    inside = (curve.times <= tau) & (after > 0)
    terms = after**2 * _compute_greenwood(np.where(inside, curve.at_risk, 1), np.where(inside, curve.events, 0))
    error = float(np.sqrt(terms.sum()))
    if error == 0:
        return TimeEstimate(float(areas.sum()), 0.0, np.nan, np.nan, Reason.NO_EVENTS)
    half = float(stats.norm.ppf(0.5 + curve.level / 2)) * error
    return TimeEstimate(float(areas.sum()), error, float(areas.sum()) - half, float(areas.sum()) + half)


def compute_survival_at(curve: KaplanMeier, time: float) -> TimeEstimate:
    """Return survival at a landmark with the curve's own interval."""
    if time > curve.times[curve.at_risk > 0][-1] and curve.survival[-1] > 0:
        return TimeEstimate(np.nan, np.nan, np.nan, np.nan, Reason.BEYOND_FOLLOW_UP)
    at = int(np.searchsorted(curve.times, time, side="right")) - 1
    if at < 0 or curve.survival[at] == 1:
        return TimeEstimate(1.0, 0.0, np.nan, np.nan, Reason.NO_EVENTS)
    reason = Reason.NONE if curve.survival[at] > 0 else Reason.NO_INTERVAL
    return TimeEstimate(
        float(curve.survival[at]),
        float(curve.standard_error[at]),
        float(curve.lower[at]),
        float(curve.upper[at]),
        reason,
    )


def _derive_weights(weights: ArrayLike | None, n: int) -> Floats:
    values = np.ones(n) if weights is None else np.asarray(weights, dtype=float)
    if values.shape != (n,) or not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise ValueError("weights need one finite, not negative number per patient, not all 0")
    return values


def compute_counts(table: SortedTimes, weights: Floats) -> tuple[Floats, Floats]:
    """Return weighted numbers at risk and of events at each distinct time, shapes (replicates, m)."""
    at_risk = _sum_at_risk(table, weights)
    if len(table.late):  # what rounding leaves of nobody is 0
        at_risk = np.where(_sum_at_risk(table, (weights > 0).astype(float)) > 0, np.maximum(at_risk, 0.0), 0.0)
    return at_risk, np.add.reduceat(weights[:, table.order] * table.event, table.starts, axis=1)


def _sum_at_risk(table: SortedTimes, weights: Floats) -> Floats:
    """Return the sum of those who leave at each distinct time or later, less those who come under observation later."""
    leaving = np.add.reduceat(weights[:, table.order], table.starts, axis=1)
    coming = np.hstack([np.cumsum(weights[:, table.late[::-1]], axis=1)[:, ::-1], np.zeros((len(weights), 1))])
    return np.asarray(np.cumsum(leaving[:, ::-1], axis=1)[:, ::-1] - coming[:, table.late_starts[1:]])


def compute_survival(at_risk: Floats, events: Floats) -> Floats:
    """Return the product-limit estimate at each distinct time, shape (replicates, m); 1 where nobody is at risk."""
    kept = 1 - events / np.where(at_risk > 0, at_risk, 1)
    return np.asarray(np.cumprod(np.where(kept > NOBODY, kept, 0.0), axis=1))


def _compute_greenwood(at_risk: Floats, events: Floats) -> Floats:
    """Return d / (n (n - d)); infinite where all die, 0 where nobody does."""
    left = np.where(at_risk - events > NOBODY * at_risk, at_risk - events, 0.0)
    safe = np.where((left > 0) & (events > 0), at_risk * left, 1.0)
    return np.where(events > 0, np.where(left > 0, events / safe, np.inf), 0.0)


def _compute_bounds(survival: Floats, error: Floats, level: float, conf_type: ConfType) -> tuple[Floats, Floats]:
    z = float(stats.norm.ppf(0.5 + level / 2))
    inside = (survival > 0) & (survival < 1)
    s, e = np.where(inside, survival, 0.5), np.where(inside, error, 0.0)
    if conf_type == "log":
        lower, upper = s * np.exp(-z * e), s * np.exp(z * e)
    elif conf_type == "log-log":
        width = z * e / np.log(s)
        lower, upper = s ** np.exp(-width), s ** np.exp(width)
    else:
        lower, upper = s * (1 - z * e), s * (1 + z * e)
    edge = np.where(survival > 0, 1.0, np.nan)
    return np.where(inside, np.clip(lower, 0, 1), edge), np.where(inside, np.clip(upper, 0, 1), edge)


def compute_widths(times: Floats, tau: float) -> Floats:
    """Return the lengths of the curve's steps up to tau, shape (m + 1,), the one before the first time included."""
    widths: Floats = np.diff(np.minimum(np.r_[0.0, times, np.inf], tau))
    return widths


def _find_half(times: Floats, values: Floats) -> float:
    known = ~np.isnan(values)
    x, y = times[known], values[known]
    first = int(find_below(y[None], HALF[0])[0])
    if first == len(x):
        return float("nan")
    later = int(find_below(y[None], HALF[1])[0])
    if y[first] >= HALF[1] and later < len(x):
        return float((x[first] + x[later]) / 2)
    return float(x[first])


def find_below(values: Floats, limit: float) -> NDArray[np.intp]:
    """Return the first position below a limit in each row, or the row's length."""
    below = values < limit
    return np.where(below.any(axis=1), below.argmax(axis=1) if below.shape[1] else 0, below.shape[1])
