"""Cumulative incidence of competing causes: arrays to values.

Patients are placed among the distinct times once (`prepare_causes`); a replicate weight then costs one
pass. Weights count patients, as in `kaplan_meier`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from probatio.resampling import Floats
from probatio.results import Reason
from probatio.survival.kaplan_meier import TimeEstimate, check_times, derive_entries

_ROUNDING = 1e-12  # relative: as good as everybody at risk has the event
_CHUNK = 1 << 20


class PlacedCauses(NamedTuple):
    """Patients placed among the distinct times: what every replicate weight reuses.

    Attributes:
        times: the distinct times, censoring times included, shape (m,).
        since, until: a patient is at risk from time `since` to the one before `until`, shape (n,).
        cause: what ended follow-up, 0 for censoring, shape (n,).
    """

    times: Floats
    since: NDArray[np.int64]
    until: NDArray[np.int64]
    cause: NDArray[np.int64]


class CauseCounts(NamedTuple):
    """Weighted counts at each distinct time and survival just after it, shape (m,); events of any cause, and of one.

    `left` is who is at risk and stays without any event.
    """

    at_risk: Floats
    events: Floats
    of_cause: Floats
    left: Floats
    survival: Floats


@dataclass(frozen=True)
class CumulativeIncidence:
    """The cumulative incidence of one cause at every distinct time; arrays of shape (m,).

    Bounds are undefined where incidence is 0 or 1. `extinct`: nobody is left without an event at the end.
    """

    times: Floats
    at_risk: Floats
    events: Floats
    incidence: Floats
    standard_error: Floats
    lower: Floats
    upper: Floats
    level: float
    extinct: bool


def prepare_causes(time: ArrayLike, cause: ArrayLike, *, entry: ArrayLike | None = None) -> PlacedCauses:
    """Place patients among the distinct times.

    Args:
        time: follow-up, finite and not negative, shape (n,).
        cause: what ended it: 0 for censoring, 1, 2, ... for causes, shape (n,).
        entry: delayed entry: at risk at t when entry < t <= time; 0 or less: from the origin on. Shape (n,).

    Raises:
        ValueError: nobody, times or entries that are impossible, causes that are not whole numbers from 0.
    """
    codes = np.asarray(cause)
    times, _ = check_times(time, np.asarray(codes) != 0)
    if not len(times):
        raise ValueError("an incidence curve needs at least one patient")
    if not (codes == codes.astype(np.int64)).all() or (codes < 0).any():
        raise ValueError("causes must be whole numbers from 0 (censored)")
    distinct, entries = np.unique(times), derive_entries(entry, times)
    until, since = (np.searchsorted(distinct, at, side="right") for at in (times, entries))
    return PlacedCauses(distinct, since.astype(np.int64), until.astype(np.int64), codes.astype(np.int64))


def compute_aalen_johansen(
    time: ArrayLike,
    cause: ArrayLike,
    of: int,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    level: float = 0.95,
) -> CumulativeIncidence:
    """Return the cumulative incidence of a cause with its standard error and pointwise bounds.

    Args:
        time: as in `prepare_causes`.
        cause: as in `prepare_causes`.
        of: the cause wanted, 1 or more.
        entry: as in `prepare_causes`.
        weights: how often each patient counts, not negative; default 1.
        level: two-sided confidence, on the complementary log-log scale, log(-log(1 - incidence)): with one
            cause it is the log-log interval of Kaplan-Meier.

    Source: Aalen and Johansen 1978; variance by the delta method of Dinse and Larson 1986 (Marubini and Valsecchi
    1995, chapter 10), which without delayed entry is the infinitesimal jackknife, R's in a multi-state `survfit`.
    """
    table = prepare_causes(time, cause, entry=entry)
    w = np.ones(len(table.until)) if weights is None else np.asarray(weights, dtype=float)
    counts = count_causes(table, w, of)
    incidence = compute_incidence(counts)
    error = np.sqrt(_compute_variance(counts, incidence))
    lower, upper = _compute_bounds(incidence, error, level)
    to = int(table.until[w > 0].max(initial=0))
    return CumulativeIncidence(
        table.times[:to], counts.at_risk[:to], counts.of_cause[:to], incidence[:to], error[:to], lower[:to], upper[:to],
        level, bool(counts.survival[-1] == 0),
    )  # fmt: skip


def compute_incidence_at(curve: CumulativeIncidence, time: float) -> TimeEstimate:
    """Return the cumulative incidence at a landmark with the curve's own interval."""
    if not len(curve.times) or (time > curve.times[-1] and not curve.extinct):
        return TimeEstimate(np.nan, np.nan, np.nan, np.nan, Reason.BEYOND_FOLLOW_UP)
    at = int(np.searchsorted(curve.times, time, side="right")) - 1
    if at < 0 or curve.incidence[at] == 0:
        return TimeEstimate(0.0, 0.0, np.nan, np.nan, Reason.NO_EVENTS)
    return TimeEstimate(
        float(curve.incidence[at]), float(curve.standard_error[at]), float(curve.lower[at]), float(curve.upper[at]),
        Reason.NO_INTERVAL if np.isnan(curve.lower[at]) else Reason.NONE,
    )  # fmt: skip


def compute_incidence_replicates(table: PlacedCauses, weights: ArrayLike, cause: int, time: float) -> Floats:
    """Return the cumulative incidence at a landmark of every replicate.

    Args:
        table: from `prepare_causes`.
        weights: case weights, shape (replicates, n).
        cause: the cause wanted, 1 or more.
        time: the landmark.

    Returns:
        Shape (replicates,); NaN where follow-up ends before the landmark.
    """
    from probatio.survival import aalen_johansen_kernel  # noqa: PLC0415 - numba takes half a second to import

    all_weights = np.atleast_2d(np.asarray(weights))
    if all_weights.shape[1] != len(table.until):
        raise ValueError("weights need one number per patient")
    out = np.full(len(all_weights), np.nan)
    step = max(1, _CHUNK // len(table.until))
    for begin in range(0, len(all_weights), step):
        part = all_weights[begin : begin + step].astype(float)
        aalen_johansen_kernel.write_incidence(table, part, cause, float(time), out[begin : begin + step])
    return out


def count_causes(table: PlacedCauses, weights: Floats, cause: int) -> CauseCounts:
    """Return weighted counts and survival at each distinct time.

    Raises:
        ValueError: weights that are negative, undefined or not one per patient.
    """
    if weights.shape != table.until.shape or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError("weights need one finite, not negative number per patient")
    size = len(table.times) + 1
    moved = np.bincount(table.until, weights, size) - np.bincount(table.since, weights, size)
    at_risk = np.asarray(np.cumsum(moved[:0:-1])[::-1], dtype=float)
    events = np.bincount(table.until, weights * (table.cause > 0), size)[1:].astype(float)
    of_cause = np.bincount(table.until, weights * (table.cause == cause), size)[1:].astype(float)
    left = np.where(events < at_risk * (1 - _ROUNDING), at_risk - events, 0.0)
    kept = np.where(at_risk > 0, left / np.where(at_risk > 0, at_risk, 1), 1.0)
    return CauseCounts(at_risk, events, of_cause, left, np.asarray(np.cumprod(kept)))


def compute_incidence(counts: CauseCounts) -> Floats:
    """Return the cumulative incidence just after each distinct time, shape (m,)."""
    before = np.r_[1.0, counts.survival[:-1]]
    return np.asarray(np.cumsum(before * counts.of_cause / np.where(counts.at_risk > 0, counts.at_risk, 1)))


def _compute_variance(counts: CauseCounts, incidence: Floats) -> Floats:
    """Return the variance at each time: sums over earlier times of a (F_t - F_u)^2 - 2 b (F_t - F_u) + c."""
    n = np.where(counts.at_risk > 0, counts.at_risk, 1)
    before = np.r_[1.0, counts.survival[:-1]]
    a = np.where(counts.left > 0, counts.events / (n * np.where(counts.left > 0, counts.left, 1)), 0.0)
    b = before * counts.of_cause / n**2
    c = before**2 * counts.of_cause * (n - counts.of_cause) / n**3
    square = incidence**2 * np.cumsum(a) - 2 * incidence * np.cumsum(a * incidence) + np.cumsum(a * incidence**2)
    cross = incidence * np.cumsum(b) - np.cumsum(b * incidence)
    return np.asarray(np.maximum(square - 2 * cross + np.cumsum(c), 0.0))


def _compute_bounds(incidence: Floats, error: Floats, level: float) -> tuple[Floats, Floats]:
    inside = (incidence > 0) & (incidence < 1 - _ROUNDING)
    free = 1 - np.where(inside, incidence, 0.5)
    width = float(stats.norm.ppf(0.5 + level / 2)) * error / (free * -np.log(free))
    lower, upper = 1 - free ** np.exp(-width), 1 - free ** np.exp(width)
    return np.where(inside, lower, np.nan), np.where(inside, upper, np.nan)
