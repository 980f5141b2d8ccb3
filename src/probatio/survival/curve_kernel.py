"""The compiled loop of Kaplan-Meier replicates: one pass over the patients, then every number of the curve."""

from __future__ import annotations

import numpy as np

from probatio.resampling import Floats
from probatio.survival.compiled import compile_loop
from probatio.survival.kaplan_meier import SortedTimes

UPPER, LOWER = 0.5 + 1.5e-8, 0.5 - 1.5e-8  # `HALF` of `kaplan_meier`: survival between these is 0.5
NOBODY = 1e-12  # of `kaplan_meier`
TINY = 1e-300  # number at risk where there is nobody, nor an event


@compile_loop
def read_curves(table: SortedTimes, weights: Floats, widths: Floats, taus: Floats, landmarks: Floats) -> Floats:
    """Return median, restricted means and survival of every replicate, shape (replicates, 1 + taus + landmarks).

    Args:
        table: the patients.
        weights: shape (replicates, n).
        widths: lengths of the curve's steps up to each tau (`compute_widths`), shape (taus, m + 1).
        taus: horizons of the restricted means.
        landmarks: times of survival.

    Returns:
        NaN for a median not reached, and for a number beyond the replicate's follow-up.
    """
    out = np.empty((len(weights), 1 + len(taus) + len(landmarks)))
    at_risk, events = np.empty(len(table.times)), np.empty(len(table.times))
    survival = np.ones(len(table.times) + 1)
    for row in range(len(weights)):
        last = _count(table, weights[row], at_risk, events)
        _multiply_up(at_risk, events, survival)
        end = np.inf if survival[-1] == 0 else table.times[last] if last >= 0 else -1.0
        out[row, 0] = _find_median(table.times, survival)
        for k in range(len(taus)):
            out[row, 1 + k] = _sum_product(survival, widths[k]) if taus[k] <= end else np.nan
        for k in range(len(landmarks)):
            at = np.searchsorted(table.times, landmarks[k], side="right")
            out[row, 1 + len(taus) + k] = survival[at] if landmarks[k] <= end else np.nan
    return out


@compile_loop
def _count(table: SortedTimes, weights: Floats, at_risk: Floats, events: Floats) -> int:
    """Leave numbers at risk and of events at each distinct time; return the last time with anybody, -1 without any.

    Where nobody is left after patients came under observation the sum is set to 0: subtractions leave rounding errors.
    """
    carried, present, last, end = 0.0, 0, -1, len(table.order)
    for j in range(len(table.times) - 1, -1, -1):
        leaving = dying = 0.0
        for i in range(table.starts[j], end):
            w = weights[table.order[i]]
            leaving, dying, present = leaving + w, dying + w * table.event[i], present + (w > 0)
        end = table.starts[j]
        if last < 0 < leaving:
            last = j
        carried += leaving
        at_risk[j], events[j] = carried, dying
        if len(table.late) > 0:
            for k in range(table.late_starts[j], table.late_starts[j + 1]):
                w = weights[table.late[k]]
                carried, present = carried - w, present - (w > 0)
            carried = carried if present > 0 else 0.0
    return last


@compile_loop
def _multiply_up(at_risk: Floats, events: Floats, survival: Floats) -> None:
    """Write survival after each distinct time, 1 before the first."""
    for j in range(len(at_risk)):  # first the divisions, which the processor makes side by side
        survival[j + 1] = 1 - events[j] / max(at_risk[j], TINY)
    for j in range(len(at_risk)):
        survival[j + 1] = survival[j] * (survival[j + 1] if survival[j + 1] > NOBODY else 0.0)


@compile_loop
def _find_median(times: Floats, survival: Floats) -> float:
    """Return the first time with survival at or below one half, or the middle of a stretch at one half."""
    first = 0
    while first < len(times) and survival[first + 1] >= UPPER:
        first += 1
    if first == len(times):
        return np.nan
    later = first
    while later < len(times) and survival[later + 1] >= LOWER:
        later += 1
    same = later if later < len(times) else first
    return float((times[first] + times[same]) / 2)


@compile_loop
def _sum_product(one: Floats, other: Floats) -> float:
    """Return the scalar product, in four sums that the processor forms side by side."""
    a = b = c = d = 0.0
    whole = len(one) - len(one) % 4
    for k in range(0, whole, 4):
        a += one[k] * other[k]
        b += one[k + 1] * other[k + 1]
        c += one[k + 2] * other[k + 2]
        d += one[k + 3] * other[k + 3]
    for k in range(whole, len(one)):
        a += one[k] * other[k]
    return (a + b) + (c + d)
