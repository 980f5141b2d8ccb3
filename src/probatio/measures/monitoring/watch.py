"""Both charts of one group's batches: designed on all of them, run on the monitored ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from probatio.measures.cells import Codes
from probatio.measures.monitoring.batches import Batches
from probatio.measures.monitoring.cusum import Scheme, design_scheme
from probatio.measures.monitoring.limits import Sizes, compute_limits
from probatio.resampling import Floats
from probatio.results import Reason


@dataclass(frozen=True)
class Watch:
    """One group's batches of one metric under both charts; `reason` says why there is no chart.

    Attributes:
        batches: what is watched.
        scheme: both charts' design; None without a chart.
        lower: per batch, fewest errors without an alarm.
        upper: per batch, most errors without an alarm.
        control: per batch, 1 above its limits, -1 below, 0 within.
        path: per batch, the CUSUM; NaN where it does not move.
        signals: per batch, 1 where the CUSUM is at its limit.
        reason: why there is no chart.
    """

    batches: Batches
    scheme: Scheme | None
    lower: Sizes
    upper: Sizes
    control: Codes
    path: Floats
    signals: Codes
    reason: Reason = Reason.NONE

    @property
    def alarms(self) -> int:
        """Monitored batches with an alarm of rising error, of either chart."""
        return int(((self.control > 0) | (self.signals > 0))[self.batches.judged].sum())


def derive_watch(batches: Batches, ratio: float, run_length: float) -> Watch:
    """Return both charts of one group, designed on the sizes of all its batches and run on the monitored ones."""
    reason, many = _find_reason(batches), len(batches.n)
    control, signals, path = np.zeros(many, dtype=np.int64), np.zeros(many, dtype=np.int64), np.full(many, np.nan)
    sizes, filled = batches.size, batches.size > 0
    if reason != Reason.NONE:
        return Watch(batches, None, sizes, sizes, control, path, signals, reason)
    scheme = design_scheme(batches.baseline.charted, ratio, sizes[filled], run_length)
    upper = compute_limits(np.maximum(sizes, 1), scheme.rate, scheme.tail)[1]
    floor = batches.baseline.floor
    lower = compute_limits(np.maximum(sizes, 1), floor, scheme.tail)[0] if floor > 0 else np.zeros_like(upper)
    # Compared as shares, as the figure shows them: a tie is no alarm, whatever the rounding of k / n.
    events = np.where(filled, batches.rate * sizes, 0.0)
    events = np.where(np.abs(events - np.rint(events)) < 1e-9, np.rint(events), events)
    control[filled] = ((events > upper).astype(np.int64) - (events < lower))[filled]
    judged = batches.judged
    path[judged], signals[judged] = scheme.compute_path(sizes[judged], events[judged], control[judged])
    return Watch(batches, scheme, lower, upper, control, path, signals)


def _find_reason(batches: Batches) -> Reason:
    """Say why there is no chart: nothing in the baseline, no error there (its CUSUM has no score), or only errors."""
    if not batches.size.any():
        return Reason.SMALL_STRATUM if batches.patients.any() else Reason.NO_VALUES
    rate = batches.baseline.charted
    if math.isnan(rate):
        return batches.find_baseline_gap()
    if rate <= 0:
        return Reason.NO_EVENTS
    return Reason.ONE_CLASS_ONLY if rate >= 1 else Reason.NONE
