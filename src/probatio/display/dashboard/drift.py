"""Drift on the page: each batch's rate within its limits, the CUSUM, alarms, for every variable and source."""

from __future__ import annotations

from typing import Any

import pandas as pd

from probatio.display.dashboard.cells import Cell, Row, both, derive_cell, index_by, read_count, round_shown
from probatio.display.dashboard.errors import NOTEBOOK
from probatio.display.dashboard.names import Names
from probatio.display.dashboard.panel import Column, Panel
from probatio.results import Status, select_rows

_BATCH = ("period_rate", "control_limit_lower", "control_limit_upper", "control_signal", "cusum", "cusum_signal")
_WORDS = {-1.0: "below", 0.0: "within", 1.0: "above"}


def derive_drift(rows: pd.DataFrame, names: Names) -> Panel:
    """Return a row per variable, source and batch: rate, limits, what the p-chart says, CUSUM and what it says."""
    monitoring = names.protocol.monitoring
    term = monitoring.metrics[0] if monitoring else "-"
    own = select_rows(rows, metric=list(_BATCH), term=term)
    found = index_by(own, "variable", "source", "stratum", "metric")
    batches = sorted({key[2] for key in found})
    pairs = sorted({key[:2] for key in found}, key=lambda key: (names.number_variable(key[0]), names.sources[key[1]]))
    body = [
        _derive_batch({metric: found.get((variable, source, batch, metric)) for metric in _BATCH},
                      [names.number_variable(variable), names.sources[source], at])
        for variable, source in pairs for at, batch in enumerate(batches)
        if (variable, source, batch, _BATCH[0]) in found
    ]  # fmt: skip
    columns = [
        Column("variable", "variable", both("column", "variable")),
        Column("source", "source", both("column", "source")),
        Column("batch", "batch", both("dashboard", "batch")),
        Column("period_rate", "estimate", both("metric", term) if monitoring else ["", ""], {"plain": True}),
        Column("lower", "percent", both("metric", "control_limit_lower")),
        Column("upper", "percent", both("metric", "control_limit_upper")),
        Column("signal", "signal", both("chart", "p_chart")),
        Column("cusum", "number", both("metric", "cusum"), {"digits": 2}),
        Column("cusum_signal", "signal", both("chart", "cusum")),
    ]
    extra = {
        "batches": _label_batches(batches, names),
        "held": _list_levels(rows, term, names),
        "baseline": monitoring.baseline if monitoring else None,
    }
    why = both("dashboard", "no_drift")
    listed = [*_BATCH, "in_control_rate", "cusum_limit"]
    return Panel("drift", NOTEBOOK, listed, columns, body, why, extra)


def _label_batches(batches: list[str], names: Names) -> list[list[str]]:
    monitoring = names.protocol.monitoring
    return [names.label_level(monitoring.by, batch) for batch in batches] if monitoring else []


def _derive_batch(found: dict[str, Row | None], named: list[int]) -> list[Any]:
    limits = [_read(found[name], 100, 1) for name in ("control_limit_lower", "control_limit_upper")]
    signals = [_word_signal(found[name]) for name in ("control_signal", "cusum_signal")]
    rate: Cell = derive_cell(found["period_rate"])
    return [*named, rate, *limits, signals[0], _read(found["cusum"], 1, 2), signals[1]]


def _read(row: Row | None, scale: float, digits: int) -> float | str | None:
    if row is None or row["status"] != Status.OK:
        return None
    return round_shown(scale * float(row["estimate"]), digits)


def _word_signal(row: Row | None) -> str:
    """Return what a chart says of a batch: below, within, above its limits, or the reason why it says nothing."""
    if row is None:
        return ""
    return _WORDS[float(row["estimate"])] if row["status"] == Status.OK else str(row["reason"])


def _list_levels(rows: pd.DataFrame, term: str, names: Names) -> list[list[Any]]:
    """Return, per variable and source, the rate held to be normal (percent) and the limit of the CUSUM."""
    found = index_by(
        select_rows(rows, metric=["in_control_rate", "cusum_limit"], term=term), "variable", "source", "metric"
    )
    keys = sorted({key[:2] for key in found}, key=lambda key: (names.number_variable(key[0]), names.sources[key[1]]))
    return [[names.number_variable(variable), names.sources[source],
             _read(found.get((variable, source, "in_control_rate")), 100, 1),
             _read(found.get((variable, source, "cusum_limit")), 1, 2)] for variable, source in keys]  # fmt: skip


def derive_alarms(rows: pd.DataFrame, names: Names) -> Panel:
    """Return a row per variable and source that raised an alarm or has no chart: batches in alarm, change, trend."""
    term = names.protocol.monitoring.metrics[0] if names.protocol.monitoring else "-"
    signals = select_rows(rows, metric="monitoring_signal")
    shown = signals[(signals["estimate"] != 0) & (signals["variable"] != "")]
    metrics = ("baseline_rate", "period_change", "period_trend_p")
    found = index_by(select_rows(rows, metric=list(metrics), term=term), "variable", "source", "metric")
    body = []
    for row in shown.to_dict("records"):
        variable, source = str(row["variable"]), str(row["source"])
        cells = [derive_cell(found.get((variable, source, metric))) for metric in metrics[:2]]
        trend = derive_cell(found.get((variable, source, metrics[2])), percent=False, digits=3)
        counted = (
            derive_cell(row) if row["status"] != Status.OK else [read_count(row, "k"), None, None, read_count(row, "n")]
        )
        body.append([names.number_variable(variable), names.sources[source], counted, *cells, trend])
    body.sort(key=lambda line: line[:2])
    columns = [
        Column("variable", "variable", both("column", "variable")),
        Column("source", "source", both("column", "source")),
        Column("alarms", "estimate", both("column", "alarms"), {"plain": True, "as": "of"}),
        Column(metrics[0], "estimate", both("metric", metrics[0]), {"plain": True}),
        # Counts of both periods together are no share of either of these numbers.
        Column(metrics[1], "estimate", both("metric", metrics[1]), {"plain": True, "sign": True, "uncounted": True}),
        Column(metrics[2], "estimate", both("metric", metrics[2]), {"plain": True, "as": "p", "uncounted": True}),
    ]
    monitored = [select_rows(signals, status=Status.OK), signals]
    extra = {"monitored": [len(part[part["variable"] != ""]) for part in monitored]}
    why = both("dashboard", "no_drift" if signals.empty else "no_alarms")
    return Panel("alarms", NOTEBOOK, ["monitoring_signal", *metrics], columns, body, why, extra)
