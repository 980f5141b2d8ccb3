"""Routine use: p-chart, CUSUM, run lengths and alarms, drawn from rows and series only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probatio.display.rows import label_of, level_label, list_pairs, read_interval, source_label
from probatio.display.sentences import say
from probatio.display.style import (
    GREY,
    INK,
    PALE,
    create_figure,
    create_notice,
    figure_style,
    set_number_axis,
    set_percent_axis,
    source_colours,
)
from probatio.display.table import Table
from probatio.protocol import Language, Protocol
from probatio.results import Reason, Status, select_rows
from probatio.wording import EMPTY, format_interval, format_number, read_word

BOTH = "cusum_p_chart"
_MOST_LEVEL = 9
_CAUTION = "†"
_CHARTS = ("p_chart", "cusum", BOTH)
_MARKS = {-1.0: ("v", "below_limit"), 0.0: ("o", "in_control"), 1.0: ("^", "above_limit")}
Draw = Callable[[Axes, pd.DataFrame, pd.DataFrame, str, Language], None]


def render_p_chart(
    rows: pd.DataFrame, series: pd.DataFrame, protocol: Protocol, *, language: Language, variable: str = ""
) -> Figure:
    """Draw each batch's rate within its exact limits, a panel per source; a batch outside has another shape.

    Args:
        rows: of `estimate_monitoring`.
        series: of `derive_monitoring_series`.
        protocol: labels and colours; the first of its monitored metrics is drawn.
        language: of the words.
        variable: a variable's name; empty for all single-valued variables together.
    """
    figure, axes = _draw(rows, series, protocol, "p_chart", _draw_rates, language=language, variable=variable)
    for ax in axes:
        ax.set_ylim(bottom=0)
        set_percent_axis(ax, language, axis="y")
    return figure


def render_cusum(
    rows: pd.DataFrame, series: pd.DataFrame, protocol: Protocol, *, language: Language, variable: str = ""
) -> Figure:
    """Draw the CUSUM after each monitored batch with its limit, a panel per source; arguments as `render_p_chart`."""
    figure, axes = _draw(rows, series, protocol, "cusum", _draw_sums, language=language, variable=variable)
    for ax in axes:
        ax.set_ylim(bottom=0)
        set_number_axis(ax, language, axis="y", digits=1)
    return figure


def _draw(
    rows: pd.DataFrame, series: pd.DataFrame, protocol: Protocol, chart: str, draw: Draw, *, language: Language,
    variable: str,
) -> tuple[Figure, list[Axes]]:  # fmt: skip
    monitoring = protocol.monitoring
    points = select_rows(series, metric=chart, variable=variable)
    if monitoring is None or points.empty:
        return create_notice(chart, language), []
    points = select_rows(points, term=monitoring.metrics[0])
    own = select_rows(rows, variable=variable, term=monitoring.metrics[0])
    shown = [source.name for source in protocol.sources if source.name in set(points["source"])]
    with figure_style():
        figure, axes = create_figure(0.95 + 1.25 * len(shown), rows=len(shown), sharex=True, sharey=True)
        for ax, source in zip(axes, shown, strict=True):
            mine = select_rows(points, source=source).sort_values("x", kind="stable")
            draw(ax, mine, select_rows(own, source=source), source_colours(protocol)[source], language)
            _shade_baseline(ax, monitoring.baseline or 0, len(_list_windows(own)), language)
            ax.set_title(source_label(protocol, source, language))
            ax.grid(axis="y", color="#eeeeee", linewidth=0.6)
            ax.set_axisbelow(True)
        _label_axes(figure, axes, _list_windows(own), protocol, chart=chart, language=language)
    return figure, axes


def _label_axes(
    figure: Figure, axes: list[Axes], windows: list[str], protocol: Protocol, *, chart: str, language: Language
) -> None:  # fmt: skip
    monitoring = protocol.monitoring
    if monitoring is None:
        return
    names = [level_label(protocol, monitoring.by, name, language) for name in windows]
    axes[-1].set_xticks(range(1, len(windows) + 1), names, rotation=0 if len(windows) <= _MOST_LEVEL else 90)
    axes[-1].set_xlim(0.5, len(windows) + 0.5)
    axes[-1].set_xlabel(label_of(protocol, monitoring.by, language))
    word = ("metric", monitoring.metrics[0]) if chart == "p_chart" else ("figure", "cusum_axis")
    figure.supylabel(read_word(*word, language), fontsize=8.5)
    found = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(list(found.values()), list(found), loc="outside lower center", ncols=3)


def _list_windows(rows: pd.DataFrame) -> list[str]:
    return sorted(set(select_rows(rows, metric="control_limit_upper")["stratum"]))


def _draw_rates(ax: Axes, points: pd.DataFrame, own: pd.DataFrame, colour: str, language: Language) -> None:
    x = points["x"].to_numpy(dtype=float)
    for name in ("lower", "upper"):
        ax.hlines(points[name], x - 0.4, x + 0.4, color=INK, linewidth=1.1,
                  label=read_word("figure", "control_limits", language))  # fmt: skip
    held = select_rows(own, metric="in_control_rate", status=Status.OK)["estimate"]
    if len(held):
        label = read_word("figure", "in_control_rate", language)
        ax.axhline(held.iloc[0], color=GREY, linewidth=0.8, linestyle=(0, (4, 2)), label=label)
    _draw_marks(ax, _derive_signals(points, own, "control_signal"), colour, language, within="in_control")


def _draw_sums(ax: Axes, points: pd.DataFrame, own: pd.DataFrame, colour: str, language: Language) -> None:
    ax.axhline(points["upper"].iloc[0], color=INK, linewidth=1.1, label=read_word("figure", "limit", language))
    _draw_marks(ax, _derive_signals(points, own, "cusum_signal"), colour, language, within="below_alarm")


def _derive_signals(points: pd.DataFrame, own: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return points with the signal of each; NaN in the baseline."""
    signals = select_rows(own, metric=metric, status=Status.OK).set_index("stratum")["estimate"]
    windows = _list_windows(own)
    return points.assign(signal=[float(signals.get(windows[int(x) - 1], np.nan)) for x in points["x"]])


def _draw_marks(ax: Axes, points: pd.DataFrame, colour: str, language: Language, *, within: str) -> None:
    """Draw points by shape: circles within limits, triangles outside, hollow ones in the baseline."""
    x, y, signals = (points[name].to_numpy(dtype=float) for name in ("x", "y", "signal"))
    ax.plot(x, y, color=colour, linewidth=0.8, alpha=0.5)
    initial = np.isnan(signals)
    ax.plot(x[initial], y[initial], "o", color=colour, markerfacecolor="white", markersize=5)
    for value, (mark, name) in _MARKS.items():
        mine = signals == value
        if mine.any():
            label = read_word("figure", within if value == 0 else name, language)
            ax.plot(x[mine], y[mine], mark, color=colour, markersize=8 if value else 5, linestyle="none",
                    markeredgecolor=INK if value else colour, clip_on=False, label=label)  # fmt: skip


def _shade_baseline(ax: Axes, batches: int, windows: int, language: Language) -> None:
    last = min(batches, windows)
    if last:
        ax.axvspan(0.5, last + 0.5, color=PALE, alpha=0.35, linewidth=0,
                   label=read_word("figure", "baseline", language))  # fmt: skip


def render_run_length_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return, all variables together, per source, metric and chart: batches to a false alarm and to detection."""
    own = select_rows(rows, variable="", metric=("arl_in_control", "arl_out_of_control", "in_control_rate"))
    body = []
    for source in protocol.sources:
        for metric in protocol.monitoring.metrics if protocol.monitoring else []:
            mine = select_rows(own, source=source.name, term=metric)
            held = read_interval(mine, "in_control_rate", language, percent=True)
            for chart in _CHARTS:
                part = mine[mine["method"].str.removesuffix("_clustered").str.removesuffix("_weighted") == chart]
                if part.empty:
                    continue
                lengths = [_read_run_length(part, name, language) for name in ("arl_in_control", "arl_out_of_control")]
                named = [source.label.read(language), read_word("metric", metric, language), held]
                body.append([*named, read_word("chart", chart, language), *lengths])
    head = [read_word("column", "source", language), read_word("column", "criterion", language)]
    head += [read_word("metric", "in_control_rate", language), read_word("column", "chart", language)]
    head += [read_word("metric", name, language) for name in ("arl_in_control", "arl_out_of_control")]
    return Table(head, body, "llllll", widths=(14, 12, 14, 14, 23, 23))


def _read_run_length(rows: pd.DataFrame, metric: str, language: Language) -> str:
    text = read_interval(rows, metric, language, digits=1)
    caution = (select_rows(rows, metric=metric)["reason"] == Reason.EFFECTIVE_SIZE_CAUTION).any()
    return f"{text} {_CAUTION}" if caution else text


def render_alarm_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return the variables that raised an alarm, or have no chart, with what says how much to make of it."""
    signals = select_rows(rows, metric="monitoring_signal")
    signals = signals[(signals["variable"] != "") & (signals["estimate"] != 0)]
    body = []
    for source, comparator, variable in list_pairs(signals, "monitoring_signal", protocol):
        signal = select_rows(signals, source=source, comparator=comparator, variable=variable).iloc[0]
        alarms = f"{signal['k']} / {signal['n']}"
        if signal["status"] != Status.OK:
            alarms = read_word("reason", signal["reason"], language)
        for metric in protocol.monitoring.metrics if protocol.monitoring else []:
            own = select_rows(rows, source=source, comparator=comparator, variable=variable, term=metric)
            both = own[own["method"].str.startswith(BOTH) | (own["metric"] != "arl_in_control")]
            cells = [read_interval(both, name, language, percent=True) for name in ("baseline_rate", "period_change")]
            cells += [read_interval(both, "period_trend_p", language, digits=3)]
            cells += [read_interval(both, "arl_in_control", language, digits=0)]
            named = [label_of(protocol, variable, language), source_label(protocol, source, language)]
            body.append([*named, read_word("metric", metric, language), alarms, *cells])
    head = [read_word("column", name, language) for name in ("variable", "source", "criterion", "alarms")]
    head += [read_word("metric", name, language)
             for name in ("baseline_rate", "period_change", "period_trend_p", "arl_in_control")]  # fmt: skip
    return Table(head, body, "lllrllll", widths=(16, 12, 9, 9, 15, 16, 9, 14))


def describe_monitoring(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say per source the alarms of all variables together with their run lengths, then those of single variables."""
    out = []
    for source in protocol.sources:
        mine = select_rows(rows, source=source.name)
        signal = select_rows(mine, metric="monitoring_signal", variable="", status=Status.OK)
        lengths = mine[(mine["variable"] == "") & mine["method"].str.startswith(BOTH)]
        label = source.label.read(language)
        if len(signal) and protocol.monitoring:
            shown = {name: _read_length(lengths, metric, language)
                     for name, metric in (("control", "arl_in_control"), ("shift", "arl_out_of_control"))}  # fmt: skip
            worst = select_rows(lengths, metric="arl_in_control", status=Status.OK)["lower"].min()
            shown["worst"] = format_number(float(worst), language, digits=1)
            key = "monitoring_pooled" if np.isfinite(worst) else "monitoring_declared"
            ratio = format_number(protocol.monitoring.out_of_control, language, digits=1)
            out.append(say(key, language, source=label, alarms=signal["k"].iloc[0],
                           n=signal["n"].iloc[0], ratio=ratio, **shown))  # fmt: skip
        for row in select_rows(mine, metric="false_alarms_expected", status=Status.OK).to_dict("records"):
            interval = format_interval(row["lower"], row["upper"], language, digits=1)
            expected = format_number(row["estimate"], language, digits=1)
            out.append(say("monitoring", language, source=label, alarms=row["k"], n=row["n"], expected=expected,
                           interval=interval))  # fmt: skip
    return out


def _read_length(rows: pd.DataFrame, metric: str, language: Language) -> str:
    """Return the shortest run length of the monitored metrics, as text."""
    found = select_rows(rows, metric=metric, status=Status.OK)["estimate"]
    return EMPTY if found.empty else format_number(float(found.min()), language, digits=1)
