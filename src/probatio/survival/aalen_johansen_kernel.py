"""The compiled pass over the patients that gives a replicate's cumulative incidence."""

from __future__ import annotations

import numpy as np

from probatio.resampling import Floats
from probatio.survival.aalen_johansen import PlacedCauses
from probatio.survival.compiled import compile_loop

_ROUNDING = 1e-12


@compile_loop
def write_incidence(table: PlacedCauses, weights: Floats, cause: int, time: float, out: Floats) -> None:
    """Write each replicate's cumulative incidence at a time; leave NaN where follow-up ends before it."""
    m = len(table.times)
    counts = np.zeros((4, m + 1))
    for row in range(len(weights)):
        last = _count(table, weights[row], cause, counts)
        incidence, survival = _sum_incidence(table.times, counts, time)
        if survival == 0.0 or (last > 0 and table.times[last - 1] >= time):
            out[row] = incidence


@compile_loop
def _count(table: PlacedCauses, w: Floats, cause: int, counts: Floats) -> int:
    """Write those ending, coming, with an event, and with the cause, by time; return how far follow-up goes."""
    counts[:] = 0.0
    last = 0
    for i in range(len(w)):
        if w[i] > 0:
            until = table.until[i]
            last = max(last, until)
            counts[0, until] += w[i]
            counts[1, table.since[i]] += w[i]
            if table.cause[i] > 0:
                counts[2, until] += w[i]
            if table.cause[i] == cause:
                counts[3, until] += w[i]
    return last


@compile_loop
def _sum_incidence(times: Floats, counts: Floats, time: float) -> tuple[float, float]:
    """Return incidence at a time, and survival at the end of follow-up."""
    at_risk = 0.0
    for j in range(len(times), 0, -1):
        at_risk += counts[0, j] - counts[1, j]
        counts[0, j] = at_risk
    incidence, survival = 0.0, 1.0
    for j in range(1, len(times) + 1):
        if counts[2, j] > 0:
            if times[j - 1] <= time:
                incidence += survival * counts[3, j] / counts[0, j]
            kept = 1 - counts[2, j] / counts[0, j]
            survival = survival * kept if kept > _ROUNDING else 0.0
    return incidence, survival
