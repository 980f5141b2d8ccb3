"""Survival estimates, hazard ratios and paired differences by source, drawn from result rows only."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from probatio.display.analyses import derive_analysis_table, list_lines, name_analysis, source_or_cohort, word_term
from probatio.display.conclusions import describe_replication, render_replication_table
from probatio.display.curves import render_difference_curves, render_survival_curves
from probatio.display.rows import read_interval
from probatio.display.style import INK, create_figure, create_notice, figure_style, source_colours
from probatio.display.table import Table
from probatio.protocol import Language, Protocol
from probatio.results import Reason, Status, select_rows
from probatio.wording import EMPTY, format_number, read_word

__all__ = [
    "describe_replication",
    "render_difference_curves",
    "render_hazard_forest",
    "render_hazard_table",
    "render_incidence_table",
    "render_replication_table",
    "render_survival_curves",
    "render_survival_table",
]

_TITLE = 46
_INCIDENCES = ("cumulative_incidence", "cumulative_incidence_competing")


def render_survival_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per analysis, source and group: patients, events, median, RMST at the last horizon, intervals."""
    same = select_rows(rows, stratum_by="")
    body = []
    for analysis in protocol.analyses:
        horizon = f"{analysis.horizons[-1]:g}" if analysis.horizons else ""
        shown = same[(same["metric"] != "median_survival") | (same["reason"] != Reason.COMPETING_EVENTS)]
        for source, variable, term in list_lines(shown, analysis, "median_survival"):
            own = select_rows(same, analysis=analysis.name, source=source, variable=variable, term=term, comparator="")
            events = select_rows(own, metric="events").iloc[0]
            rmst = read_interval(select_rows(own, at=horizon), "rmst", language, digits=0) if horizon else EMPTY
            body.append([*name_analysis(analysis, protocol, language), source_or_cohort(protocol, source, language),
                         word_term(protocol, variable, term, language), str(events["n"]), str(events["k"]),
                         read_interval(own, "median_survival", language, digits=0), rmst])  # fmt: skip
    head = [read_word("column", name, language) for name in ("source", "group", "n", "events")]
    head += [read_word("metric", "median_survival", language), read_word("metric", "rmst", language)]
    return derive_analysis_table(head, body, "llrrll", (16, 22, 7, 9, 22, 22), protocol=protocol, language=language)


def render_incidence_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return, where an event competes, each source's cumulative incidence of either event at every landmark."""
    same, body = select_rows(rows, stratum_by=""), []
    for analysis in protocol.analyses:
        for source, variable, term in list_lines(same, analysis, "cumulative_incidence"):
            own = select_rows(same, analysis=analysis.name, source=source, variable=variable, term=term, comparator="")
            names = [*name_analysis(analysis, protocol, language), source_or_cohort(protocol, source, language),
                     word_term(protocol, variable, term, language)]  # fmt: skip
            body += [[*names, *cells] for cells in _list_incidences(own, language)]
    head = [read_word("column", name, language) for name in ("source", "group", "n", "events", "competing", "day")]
    head += [read_word("metric", metric, language) for metric in _INCIDENCES]
    widths = (14, 18, 6, 8, 9, 7, 19, 19)
    return derive_analysis_table(head, body, "llrrrrll", widths, protocol=protocol, language=language)


def _list_incidences(own: pd.DataFrame, language: Language) -> Iterator[list[str]]:
    events, competing = (select_rows(own, metric=name).iloc[0] for name in ("events", "competing_events"))
    for at in sorted(select_rows(own, metric="cumulative_incidence")["at"], key=float):
        shown = [read_interval(select_rows(own, at=at), metric, language, percent=True) for metric in _INCIDENCES]
        yield [str(events["n"]), str(events["k"]), str(competing["k"]), at, *shown]


def render_hazard_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return hazard ratios per source: on the patients all sources share, and on each source's own patients."""
    body = []
    for analysis in protocol.analyses:
        for source, variable, term in list_lines(select_rows(rows, stratum_by=""), analysis, "hazard_ratio"):
            line = select_rows(rows, analysis=analysis.name, source=source, variable=variable, term=term, comparator="")
            cells = [_describe_hazard(select_rows(line, stratum_by=by), language) for by in ("", "patients")]
            names = [*name_analysis(analysis, protocol, language), word_term(protocol, variable, term, language)]
            body.append([*names, source_or_cohort(protocol, source, language), *cells])
    head = [read_word("column", name, language) for name in ("term", "source", "same_patients", "own_patients")]
    return derive_analysis_table(head, body, "llll", (26, 18, 28, 28), protocol=protocol, language=language)


def _describe_hazard(own: pd.DataFrame, language: Language) -> str:
    text = read_interval(own, "hazard_ratio", language)
    found = select_rows(own, metric="hazard_ratio", status=Status.OK)
    if found.empty:
        return text
    caution = found["reason"].iloc[0] == Reason.NON_PROPORTIONAL_HAZARDS
    told = f"; {read_word('reason', Reason.NON_PROPORTIONAL_HAZARDS, language)}" if caution else ""
    return f"{text}, n = {found['n'].iloc[0]}{told}"


def render_hazard_forest(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw each source's hazard ratios, analysis by analysis: filled on the patients all share, hollow on its own."""
    kept = select_rows(rows, metric="hazard_ratio", status=Status.OK)
    if kept.empty:
        return create_notice("hazards", language)
    lines = [(analysis, sorted(list_lines(select_rows(kept, stratum_by=""), analysis, "hazard_ratio"),
                               key=lambda line: line[1:])) for analysis in protocol.analyses]  # fmt: skip
    shown = [(analysis, each) for analysis, each in lines if each]
    if not shown:
        return create_notice("hazards", language)
    heights = [0.45 + 0.25 * len(each) for _, each in shown]
    with figure_style():
        figure, axes = create_figure(max(1.6, 0.55 + sum(heights)), rows=len(shown), ratios=heights, sharex=True)
        for ax, (analysis, each) in zip(axes, shown, strict=True):
            _draw_analysis(ax, select_rows(kept, analysis=analysis.name), each, protocol, language)
            if len(protocol.analyses) > 1:
                ax.set_title("\n".join(textwrap.wrap(analysis.label.read(language), _TITLE)), fontsize=8.5)
        _set_ratio_axis(axes[-1], kept, language)
        axes[-1].set_xlabel(read_word("metric", "hazard_ratio", language))
        handles = [
            Line2D([], [], marker="o", color=INK, markerfacecolor=face, markersize=4.2) for face in (INK, "white")
        ]
        labels = [read_word("column", name, language) for name in ("same_patients", "own_patients")]
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def _draw_analysis(
    ax: Axes, kept: pd.DataFrame, lines: list[tuple[str, str, str]], protocol: Protocol, language: Language
) -> None:
    colours = source_colours(protocol)
    ax.axvline(1, color=INK, linewidth=0.8)
    for at, (source, variable, term) in enumerate(lines):
        own = select_rows(kept, source=source, variable=variable, term=term)
        _draw_hazard(ax, at, own, colours.get(source, INK))
    names = [f"{word_term(protocol, variable, term, language)} – {source_or_cohort(protocol, source, language)}"
             for source, variable, term in lines]  # fmt: skip
    ax.set_yticks(range(len(lines)), names)
    ax.set_ylim(len(lines) - 0.4, -0.6)


def _draw_hazard(ax: Axes, at: int, own: pd.DataFrame, colour: str) -> None:
    for by, shift, face in (("", -0.14, colour), ("patients", 0.18, "white")):
        row = select_rows(own, stratum_by=by)
        if row.empty:
            continue
        ax.hlines(at + shift, row["lower"], row["upper"], color=colour, linewidth=1.3)
        ax.plot(row["estimate"], [at + shift], "o", markersize=4.2, color=colour, markerfacecolor=face)


def _set_ratio_axis(ax: Axes, kept: pd.DataFrame, language: Language) -> None:
    ax.set_xscale("log")
    low, high = min(kept["lower"].min(), 0.9), max(kept["upper"].max(), 1.1)
    ticks = [t for t in (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8, 12) if low * 0.8 <= t <= high * 1.25]
    ax.set_xlim(low * 0.92, high * 1.08)
    ax.set_xticks(ticks, [format_number(t, language, digits=0 if t >= 1 and t == int(t) else 1) for t in ticks])
    ax.minorticks_off()
