"""What the charts of a source and variable say together, and how many alarms chance alone would raise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from probatio.measures.monitoring.cusum import BOTH
from probatio.measures.monitoring.watch import Watch
from probatio.results import Reason, Status, build_row, select_rows


def derive_signal(watches: Sequence[Watch]) -> dict[str, Any]:
    """Return `monitoring_signal` of one source and variable: 1 where a chart of any metric raised an alarm.

    `n` monitored batches, `k` of them with an alarm (of the metric that has most). Without an alarm, a
    metric that has no chart leaves it open: nothing is in control that was not watched.
    """
    first = watches[0].batches
    fields: dict[str, Any] = first.identity | {"term": "", "method": BOTH + first.suffix}
    judged = max(int(watch.batches.judged.sum()) for watch in watches)
    alarms = max(watch.alarms for watch in watches)
    if alarms:
        return build_row("monitoring_signal", 1.0, n=judged, k=alarms, **fields)
    status, reason = next((said for watch in watches if (said := _find_gap(watch))[1]), (Status.OK, Reason.NONE))
    if reason:
        return build_row("monitoring_signal", status=status, reason=reason, n=judged, **fields)
    return build_row("monitoring_signal", 0.0, n=judged, k=0, **fields)


def _find_gap(watch: Watch) -> tuple[Status, Reason]:
    """Say why a metric that raised no alarm cannot be said to be in control."""
    if watch.reason:
        return Status.NOT_ESTIMABLE, watch.reason
    after = ~watch.batches.initial
    if not after.any():
        return Status.NOT_ESTIMABLE, Reason.TOO_FEW_BATCHES
    if watch.batches.judged.any():
        return Status.OK, Reason.NONE
    seen = watch.batches.patients[after].any()
    return (Status.SUPPRESSED, Reason.SMALL_STRATUM) if seen else (Status.NOT_ESTIMABLE, Reason.EMPTY_DENOMINATOR)


def estimate_false_alarms(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield per source how many alarms its variables would raise, in the batches monitored, if nothing had changed.

    The sum over variables of batches / run length in control (both charts), beside `k` of `n` variables that did
    raise one. The bounds are the sums were every true rate at the better, or at the worse, end of its
    baseline's interval: wider than an interval of their sum.
    """
    signals = rows[(rows["metric"] == "monitoring_signal") & (rows["variable"] != "") & (rows["n"] > 0)]
    lengths = rows[(rows["metric"] == "arl_in_control") & rows["method"].str.startswith(BOTH)]
    for (source, comparator), own in signals.groupby(["source", "comparator"], sort=True):
        batches = own.set_index("variable")["n"].astype(float)
        mine = select_rows(lengths, source=source, comparator=comparator, variable=list(batches.index))
        known = mine[(mine["status"] == Status.OK) | (mine["reason"] == Reason.NOT_REACHED)]
        fields: dict[str, Any] = {"source": source, "comparator": comparator, "unit": "alarms"}
        fields |= {"n": known["variable"].nunique(), "k": int((own["estimate"] == 1).sum())}
        fields |= {"method": "sum_of_run_lengths"}
        if known.empty:
            fields |= {"status": Status.NOT_ESTIMABLE}
            fields |= {"reason": mine["reason"].iloc[0] if len(mine) else Reason.NO_VALUES}
            yield build_row("false_alarms_expected", **fields)
            continue
        each = known["variable"].map(batches)
        # A run length beyond the longest adds nothing.
        estimate, most, least = ((each / known[name]).fillna(0.0).sum() for name in ("estimate", "lower", "upper"))
        bounded = known["lower"].notna().any()
        bounds = {"lower": float(least), "upper": float(most)} if bounded else {}
        yield build_row("false_alarms_expected", float(estimate), **bounds, **fields)
