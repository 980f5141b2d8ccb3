"""Routine use: every row that says whether the error of an accepted source has changed from batch to batch.

Against the reference, per source in use (AI or manual) and variable, and pooled over all single-valued variables
(variable empty, patients as clusters). `term` is the metric that is watched, `stratum` the batch.

| metric | what |
|---|---|
| period_rate | rate in each window, with the interval to report |
| period_homogeneity_p | test of equal rates over the windows; see `homogeneity` |
| period_trend, period_trend_p | change per window, with interval; test of trend; see `stability` |
| period_change | last window minus the rate in control, with interval |
| baseline_rate | the rate in the first windows, with its exact interval; or the declared rate |
| in_control_rate | what the charts hold for in control: the same; with assurance its upper bound (see `baseline`) |
| control_limit_lower, control_limit_upper | p-chart: rates below or above which a batch alarms; see `limits` |
| control_signal | p-chart: 1 above, -1 below, 0 within |
| false_alarm_rate | p-chart: probability that a batch in control lies `at` above or below its limits |
| cusum, cusum_limit, cusum_signal | CUSUM after each batch, its limit, 1 where it is reached; see `cusum` |
| arl_in_control | mean number of batches to an alarm of rising error although nothing has changed |
| arl_out_of_control | the same once the odds of an error are `at` times those in control |
| false_alarms_expected | alarms of a source's variables if nothing had changed; `k` of `n` variables raised one |
| monitoring_signal | 1 if a monitored batch raised an alarm of rising error, else 0; `k` of `n` batches |

`method` of a run length says whose alarms count: `p_chart`, `cusum`, or `cusum_p_chart` for both, as in
`monitoring_signal`. The protocol's `run_length` is that of both together, and of all metrics of a source
and variable together: with m metrics each has charts of m times that length (union bound). It
is not shared out between variables: of thirty variables in control, each with a run length of 100
batches, one is expected to alarm about every third batch. The pooled chart of a source alarms on its own.

A batch with several values per patient, or weights, counts with an effective size, as a binomial of so many values: an
approximation, said by the suffix of `method` and by the reason of run lengths (in simulations the true run length
lay between 0.7 and 1.3 of the stated one). A batch with too few patients is suppressed and skipped by
the CUSUM. A baseline without a single error has no chart (`no_events`): its upper bound stands in
`baseline_rate`, and the protocol may declare `in_control` instead. Values whose patient has no window are shown
(stratum `missing`) and are in no chart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from probatio.measures.monitoring.alarms import derive_signal, estimate_false_alarms
from probatio.measures.monitoring.batches import Timed, derive_batches, derive_timed, iterate_scores
from probatio.measures.monitoring.charts import Rows, derive_batch_rows, estimate_charts
from probatio.measures.monitoring.stability import estimate_periods, estimate_stability
from probatio.measures.monitoring.watch import Watch, derive_watch
from probatio.results import Status, derive_series, derive_table, select_rows

if TYPE_CHECKING:
    from probatio.comparison import Comparison
    from probatio.protocol import Monitoring, Protocol


def estimate_monitoring(comparison: Comparison, protocol: Protocol) -> pd.DataFrame:
    """Return stability over windows, p-chart, CUSUM and run lengths, as `protocol.monitoring` declares.

    Columns study, section and protocol_digest stay empty. A source after review is watched beside the one that it
    comes from, where a drift shows that review would hide.

    Args:
        comparison: `pairs` and `patients` with the attribute that says the batch.
        protocol: monitoring, level, smallest stratum, variables.

    Returns:
        The sorted table of result rows; empty without monitoring, or without a value beside a reference's.

    Raises:
        ValueError: pairs break their contract (unknown patient, weight not positive).
    """
    monitoring = protocol.monitoring
    pairs = comparison.pairs
    used = [source.name for source in protocol.select_sources("ai", "manual")]
    pairs = pairs[(pairs["kind"] == "error") & pairs["source"].isin(used)] if len(pairs) else pairs
    if monitoring is None or pairs.empty:
        return derive_table([])
    watched = derive_timed(comparison.patients, pairs, protocol, monitoring.by)
    tables = [_estimate(timed, monitoring, protocol) for timed in watched]
    rows = derive_table(pd.concat([frame for frames in tables for frame in frames if len(frame)], ignore_index=True))
    return derive_table(pd.concat([rows, derive_table(estimate_false_alarms(rows))], ignore_index=True))


def _estimate(timed: Timed, monitoring: Monitoring, protocol: Protocol) -> list[pd.DataFrame]:
    level, least, by = float(protocol.level), protocol.min_stratum, monitoring.by
    windows, target = [str(name) for name in timed.windows], monitoring.run_length * len(monitoring.metrics)
    frames: list[pd.DataFrame] = []
    rows: Rows = []
    watches: dict[tuple[str, str, str], list[Watch]] = {}
    for metric in monitoring.metrics:
        frames.append(estimate_periods(timed, metric, by=by, level=level, least=least))
        found = derive_batches(timed, metric, monitoring, level=level, least=least)
        for batches, scores in iterate_scores(timed, metric, found):
            watch = derive_watch(batches, monitoring.out_of_control, target)
            rows += estimate_stability(batches, scores, windows=len(windows), by=by, level=level)
            rows += estimate_charts(watch, monitoring.out_of_control, level)
            name = batches.identity
            watches.setdefault((name["source"], name["comparator"], name["variable"]), []).append(watch)
    rows += [derive_signal(each) for each in watches.values()]
    frames += derive_batch_rows([watch for each in watches.values() for watch in each], windows, by)
    return [*frames, derive_table(rows)]


def derive_monitoring_series(rows: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Return the points of both charts: `p_chart` (rate with its limits) and `cusum` (value, limit as `upper`).

    `x` numbers the batches from 1, in the order of their names. A batch without a value has no point.

    Args:
        rows: of `estimate_monitoring`.
        protocol: monitoring.
    """
    if protocol.monitoring is None:
        return derive_series([])
    own = select_rows(rows, stratum_by=protocol.monitoring.by, status=Status.OK)
    windows = sorted(set(select_rows(rows, metric="control_limit_upper")["stratum"]))
    key = ["study", "section", "source", "comparator", "variable", "term", "stratum_by", "stratum"]
    wide = {name: select_rows(own, metric=name).set_index(key)["estimate"]
            for name in ("period_rate", "control_limit_lower", "control_limit_upper", "cusum")}  # fmt: skip
    rates = pd.DataFrame({"y": wide["period_rate"], "lower": wide["control_limit_lower"],
                          "upper": wide["control_limit_upper"]}).dropna(subset=["y"])  # fmt: skip
    limits = select_rows(rows, metric="cusum_limit", status=Status.OK).set_index(key[:-2])["estimate"]
    sums = pd.DataFrame({"y": wide["cusum"]}).join(limits.rename("upper"), on=key[:-2])
    points = pd.concat([rates.assign(metric="p_chart"), sums.assign(metric="cusum")]).reset_index()
    points = points[points["stratum"].isin(windows)]
    place = {name: float(at) for at, name in enumerate(windows, start=1)}
    return derive_series(points.assign(x=points["stratum"].map(place), stratum=""))
