"""Figures and tables of numbers, dates, sets and windows, drawn from result rows only."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probatio.display.rows import (
    drop_attributes,
    label_of,
    level_label,
    list_pairs,
    read_interval,
    read_n,
    select_reporting,
    source_label,
    stack_names,
)
from probatio.display.style import (
    create_figure,
    create_notice,
    figure_style,
    set_number_axis,
    set_percent_axis,
    source_colours,
    wrap_title,
)
from probatio.display.table import Table
from probatio.protocol import Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, read_word

_COLUMNS = 3
_DATE_WINDOW = "30"


def render_number_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per numeric variable: bias, limits of agreement, concordance, within tolerance, errors of unit."""
    overall = select_reporting(rows)
    metrics = ("bias", "loa_lower", "loa_upper", "ccc", "within_tolerance", "unit_error_rate")
    body = []
    for source, comparator, variable in list_pairs(overall, "bias", protocol):
        own = select_rows(overall, source=source, comparator=comparator, variable=variable)
        numbers = [read_interval(own, metric, language) for metric in metrics[:4]]
        rates = [read_interval(own, metric, language, percent=True) for metric in metrics[4:]]
        names = [source_label(protocol, name, language) for name in (source, comparator)]
        label = name_number(own, variable, protocol, language)
        body.append([label, *names, read_n(own, "bias"), *numbers, *rates])
    head = _read_head(("variable", "source", "comparator", "n"), metrics, language)
    return Table(head, body, "lllr" + "l" * 6, widths=(14, 9, 9, 5, 11, 11, 11, 10, 10, 10))


def name_number(rows: pd.DataFrame, variable: str, protocol: Protocol, language: Language) -> str:
    """Return a number's wording with its unit, as its bias has it."""
    label = label_of(protocol, variable, language)
    units = select_rows(rows, metric="bias", variable=variable)["unit"]
    unit = str(units.iloc[0]) if len(units) else ""
    return f"{label} ({unit})" if unit and f"({unit})" not in label else label


def render_date_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per date: exact, within 30 days, imprecise, median lag, early - late, F1 of event and date at 30 days."""
    overall = select_reporting(rows)
    overall = overall[overall["at"].isin(["", _DATE_WINDOW])]
    metrics = ("exact_rate", "within_days", "imprecise_rate", "lag_median", "early_balance", "event_date_f1")
    body = []
    for source, comparator, variable in list_pairs(overall, "exact_rate", protocol):
        own = select_rows(overall, source=source, comparator=comparator, variable=variable)
        cells = [_read_date(own, metric, language) for metric in metrics]
        names = [source_label(protocol, name, language) for name in (source, comparator)]
        body.append([label_of(protocol, variable, language), *names, read_n(own, "exact_rate"), *cells])
    head = _read_head(("variable", "source", "comparator", "n"), metrics, language)
    head = [f"{text} ({_DATE_WINDOW})" if metric in ("within_days", "event_date_f1") else text
            for metric, text in zip(("", "", "", "", *metrics), head, strict=True)]  # fmt: skip
    return Table(head, body, "lllr" + "l" * 6, widths=(14, 9, 9, 5, 11, 11, 11, 8, 11, 11))


def _read_date(rows: pd.DataFrame, metric: str, language: Language) -> str:
    if metric == "lag_median":
        return read_interval(rows, metric, language, digits=0, sign=True)
    return read_interval(rows, metric, language, percent=True, sign=metric == "early_balance")


def render_set_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per set: precision, recall and F1 of its elements, pooled, then each element, then the mean F1."""
    overall = select_reporting(rows)
    metrics = ("element_precision", "element_recall", "element_f1", "element_macro_f1")
    body = []
    for source, comparator, variable in list_pairs(overall, "element_f1", protocol):
        mine = select_rows(overall, source=source, comparator=comparator, variable=variable)
        for term in sorted(set(select_rows(mine, metric="element_f1")["term"])):
            own = select_rows(mine, term=term)
            cells = [read_interval(own, metric, language, percent=True) for metric in metrics]
            names = [label_of(protocol, variable, language), source_label(protocol, source, language)]
            names.append(level_label(protocol, variable, term, language) if term else EMPTY)
            body.append([*names, read_n(own, "element_f1"), *cells])
    head = _read_head(("variable", "source", "class", "n"), metrics, language)
    return Table(head, body, "lllrllll", widths=(18, 12, 14, 6, 13, 13, 13, 13))


def render_event_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per variable of repeated events: precision, recall and F1 at the protocol's own window."""
    overall = select_rows(select_reporting(rows), at="")
    metrics = ("event_precision", "event_recall", "event_f1")
    body = []
    for source, comparator, variable in list_pairs(overall, metrics[0], protocol):
        own = select_rows(overall, source=source, comparator=comparator, variable=variable)
        match = protocol.get_variable(variable).match
        names = [label_of(protocol, variable, language), source_label(protocol, source, language)]
        cells = [read_interval(own, metric, language, percent=True) for metric in metrics]
        body.append([*names, str(match.window) if match else EMPTY, *cells])
    head = _read_head(("variable", "source", "window"), metrics, language)
    return Table(head, body, "llrlll", widths=(22, 16, 10, 18, 18, 18))


def render_window_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per variable of repeated events and window: missed, unsupported, F1 (rows of `estimate_windows`)."""
    overall = select_reporting(rows)
    metrics = ("event_omission_rate", "event_unsupported_share", "event_f1")
    body = []
    for source, comparator, variable in list_pairs(overall, metrics[0], protocol):
        mine = select_rows(overall, source=source, comparator=comparator, variable=variable)
        for at in sorted(set(select_rows(mine, metric=metrics[0])["at"]), key=int):
            own = select_rows(mine, at=at)
            cells = [read_interval(own, metric, language, percent=True) for metric in metrics]
            body.append([label_of(protocol, variable, language), source_label(protocol, source, language), at, *cells])
    head = _read_head(("variable", "source", "window"), metrics, language)
    return Table(head, body, "llrlll", widths=(20, 14, 10, 19, 19, 19))


def render_date_lag_figure(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw, per date, the share within 0 to 90 days of the reference, a curve with its interval per source."""
    kept = drop_attributes(select_reporting(rows))
    kept = kept[kept["metric"].isin(["exact_rate", "within_days"]) & (kept["status"] == Status.OK)]
    if protocol.reference is not None:
        kept = select_rows(kept, comparator=protocol.reference.name)
    if kept.empty:
        return create_notice("date_lag", language)
    kept = kept.assign(x=kept["at"].where(kept["at"] != "", "0").astype(float))
    names = stack_names(kept, protocol)
    lines = -(-len(names) // _COLUMNS)
    with figure_style():
        figure, axes = create_figure(0.6 + 1.55 * lines, columns=_COLUMNS, rows=lines, sharex=True, sharey=True)
        for ax, name in zip(axes, names, strict=False):
            _draw_lags(ax, select_rows(kept, variable=name), protocol, language)
            ax.set_title(wrap_title(label_of(protocol, name, language), _COLUMNS))
        for ax in axes[len(names) :]:
            ax.set_visible(False)
        handles, labels = _read_legend(axes[: len(names)])
        figure.legend(handles, labels, loc="outside upper center", ncols=min(3, len(labels)))
        figure.supxlabel(read_word("figure", "window_days", language), fontsize=8.5)
        figure.supylabel(read_word("figure", "share_within", language), fontsize=8.5)
    return figure


def _draw_lags(ax: Axes, rows: pd.DataFrame, protocol: Protocol, language: Language) -> None:
    colours = source_colours(protocol)
    for rank, source in enumerate(protocol.sources):
        own = select_rows(rows, source=source.name).sort_values("x", kind="stable")
        if own.empty:
            continue
        beside = own["x"] + rank - 1.5
        ax.plot(beside, own["estimate"], "o^sD"[rank % 4] + "-", color=colours[source.name], markersize=3,
                linewidth=1.2, label=source_label(protocol, source.name, language))  # fmt: skip
        ax.vlines(beside, own["lower"], own["upper"], color=colours[source.name], linewidth=0.9, alpha=0.6)
    ax.set_xticks([0, 30, 60, 90])
    ax.tick_params(labelbottom=True)
    ax.grid(axis="y", color="#eeeeee", linewidth=0.6)
    ax.set_axisbelow(True)
    set_percent_axis(ax, language, axis="y")
    set_number_axis(ax, language)


def _read_legend(axes: Sequence[Axes]) -> tuple[list[Artist], list[str]]:
    found = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    return list(found.values()), list(found)


def _read_head(columns: Sequence[str], metrics: Sequence[str], language: Language) -> list[str]:
    head = [read_word("column", name, language) for name in columns]
    return head + [read_word("metric", metric, language) for metric in metrics]
