"""Rows of both charts: limits, values and signals of every batch, run lengths, and the signal that counts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from probatio.measures.monitoring.baseline import DECLARED, Baseline
from probatio.measures.monitoring.batches import Batches
from probatio.measures.monitoring.cusum import BOTH, CUSUM, P_CHART, Scheme, compute_run_length
from probatio.measures.monitoring.limits import Sizes, compute_tails
from probatio.measures.monitoring.watch import Watch
from probatio.measures.rates import derive_rows
from probatio.results import Reason, Status, build_row

PER_BATCH = ("control_limit_lower", "control_limit_upper", "control_signal", "cusum", "cusum_signal")
_PER_CHART = ("cusum_limit", "false_alarm_rate", "arl_in_control", "arl_out_of_control")
Rows = list[dict[str, Any]]


def derive_batch_rows(watches: Sequence[Watch], windows: Sequence[str], by: str) -> list[pd.DataFrame]:
    """Return limits, signals and the CUSUM of every batch; `n` is the size that the charts count with."""
    if not watches or not windows:
        return []
    identity = pd.DataFrame([watch.batches.identity for watch in watches]).merge(
        pd.DataFrame({"stratum_by": by, "stratum": list(windows)}), how="cross"
    )
    suffix = np.repeat([watch.batches.suffix for watch in watches], len(windows))
    n = np.concatenate([watch.batches.size for watch in watches])
    frames = []
    for place, metric in enumerate(PER_BATCH):
        said = [_derive_status(watch, metric) for watch in watches]
        status, reason = (np.concatenate(texts) for texts in zip(*said, strict=True))
        values = np.concatenate([_derive_values(watch)[place] for watch in watches]).astype(float)
        method = np.char.add(P_CHART if metric.startswith("control") else CUSUM, suffix)
        frames.append(derive_rows(identity, metric=metric, estimate=np.where(status == Status.OK, values, np.nan), n=n,
                                  unit="proportion" if "limit" in metric else "", method=method, status=status,
                                  reason=reason))  # fmt: skip
    return frames


def _derive_values(watch: Watch) -> tuple[Any, ...]:
    """Return per batch what `PER_BATCH` names."""
    size = np.maximum(watch.batches.size, 1)
    return watch.lower / size, np.minimum(watch.upper / size, 1.0), watch.control, watch.path, watch.signals


def _derive_status(watch: Watch, metric: str) -> tuple[Any, Any]:
    batches, many, filled = watch.batches, len(watch.batches.size), watch.batches.size > 0
    status, reason = np.full(many, str(Status.OK), dtype="U20"), np.full(many, "", dtype="U30")
    for mask, said, why in (
        (batches.initial & ("limit" not in metric), Status.NOT_APPLICABLE, Reason.BASELINE_BATCH),
        (np.full(many, watch.scheme is None), Status.NOT_ESTIMABLE, watch.reason),
        (~filled & (batches.patients == 0), Status.NOT_ESTIMABLE, Reason.EMPTY_DENOMINATOR),
        (~filled & (batches.patients > 0), Status.SUPPRESSED, Reason.SMALL_STRATUM),
    ):
        status[mask], reason[mask] = str(said), str(why)
    return status, reason


def estimate_charts(watch: Watch, ratio: float, level: float) -> Rows:
    """Return the baseline, the CUSUM's limit, the chances of a false alarm and the run lengths."""
    batches, scheme = watch.batches, watch.scheme
    rows = _derive_baseline(batches.baseline, batches, level)
    if scheme is None:
        silent: dict[str, Any] = batches.identity | {
            "status": Status.NOT_ESTIMABLE,
            "reason": watch.reason,
            "level": level,
        }
        return rows + [build_row(name, **silent) for name in _PER_CHART]
    sizes = batches.size[batches.size > 0]
    shared: dict[str, Any] = batches.identity | {"n": len(sizes)}
    rows.append(build_row("cusum_limit", scheme.limit * scheme.unit, method=CUSUM + batches.suffix, **shared))
    if batches.suffix:
        shared |= {"reason": Reason.EFFECTIVE_SIZE_CAUTION}
    filled = batches.size > 0
    limits = watch.lower[filled], watch.upper[filled]
    tails = (compute_tails(sizes, batches.baseline.floor, limits)[0], compute_tails(sizes, scheme.rate, limits)[1])
    for at, tail in zip(("below", "above"), tails, strict=True):
        rows.append(build_row("false_alarm_rate", tail, at=at, method=P_CHART + batches.suffix, unit="proportion",
                              **shared))  # fmt: skip
    return rows + list(_estimate_run_lengths(scheme, sizes, batches, ratio, shared | {"level": level}))


def _derive_baseline(base: Baseline, batches: Batches, level: float) -> Rows:
    """Return the rate estimated or declared, and the one that the charts hold for in control."""
    if math.isnan(base.rate):
        silent: dict[str, Any] = batches.identity | {"status": Status.NOT_ESTIMABLE, "level": level}
        silent["reason"] = batches.find_baseline_gap()
        return [build_row(name, **silent) for name in ("baseline_rate", "in_control_rate")]
    fields: dict[str, Any] = batches.identity | {"unit": "proportion", "method": base.method}
    if base.method == DECLARED:
        return [build_row(name, base.rate, **fields) for name in ("baseline_rate", "in_control_rate")]
    fields |= {"level": level, "n": base.n, "k": base.k, "clusters": base.clusters, "cluster_unit": "patient"}
    reason = Reason.TOO_FEW_CLUSTERS if math.isnan(base.lower) else Reason.NONE
    rows = [build_row("baseline_rate", base.rate, lower=base.lower, upper=base.upper, reason=reason, **fields)]
    if math.isnan(base.charted):
        fields |= {"status": Status.NOT_ESTIMABLE, "reason": Reason.TOO_FEW_CLUSTERS}
        return [*rows, build_row("in_control_rate", **fields)]
    return [*rows, build_row("in_control_rate", base.charted, **fields)]


def _estimate_run_lengths(
    scheme: Scheme, sizes: Sizes, batches: Batches, ratio: float, fields: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the run length of each chart and of both, in control and at the odds to be detected.

    The interval is that of the baseline carried over: the run lengths of this very chart if the true rate were the
    upper or the lower end of the baseline's interval. It is where a chart with an estimated baseline may
    alarm far more often than it says.
    """
    base = batches.baseline
    for metric, odds, at in (("arl_in_control", 1.0, ""), ("arl_out_of_control", ratio, f"{ratio:g}")):
        for chart in (P_CHART, CUSUM, BOTH):
            length, least, most = (
                math.nan if math.isnan(rate) else compute_run_length(scheme, sizes, shift_odds(rate, odds), chart)
                for rate in (base.rate, base.upper, base.lower)
            )
            named = fields | {"at": at, "method": chart + batches.suffix, "unit": "batches"}
            if math.isinf(length):
                yield build_row(metric, **named | {"status": Status.NOT_ESTIMABLE, "reason": Reason.NOT_REACHED})
                continue
            yield build_row(metric, length, lower=least, upper=most, **named)


def shift_odds(rate: float, ratio: float) -> float:
    """Return the rate whose odds are `ratio` times those of `rate`."""
    return rate * ratio / (1 - rate + rate * ratio)
