"""Survival estimates, hazard ratios and paired differences by source, drawn from result rows only."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from probatio.display.curves import render_survival_curves
from probatio.display.rows import COLON, label_of, level_label, read_estimate, read_interval, source_label
from probatio.display.sentences import say
from probatio.display.style import INK, create_figure, create_notice, figure_style, source_colours
from probatio.display.table import Table
from probatio.protocol import Analysis, Language, Protocol
from probatio.replication import derive_test_level
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, format_level, format_number, read_word

__all__ = [
    "describe_replication",
    "render_hazard_forest",
    "render_hazard_table",
    "render_replication_table",
    "render_survival_curves",
    "render_survival_table",
]


def _list_lines(rows: pd.DataFrame, analysis: Analysis, metric: str) -> Iterator[tuple[str, str, str]]:
    """Yield source, variable and term of an analysis' rows, in the order of its sources, `own` patients apart."""
    own = select_rows(rows, analysis=analysis.name, metric=metric)
    for source in analysis.sources or [""]:
        part = select_rows(own, source=source)
        for variable, term in part[["variable", "term"]].drop_duplicates().itertuples(index=False, name=None):
            yield source, variable, term


def _word_term(protocol: Protocol, variable: str, term: str, language: Language) -> str:
    if not variable:
        return read_word("figure", "overall", language)
    level = "" if term == "per 1" else term.partition("@")[0]
    label = label_of(protocol, variable, language)
    return f"{label}{COLON[language]}{level_label(protocol, variable, level, language)}" if level else label


def render_survival_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per analysis, source and group: patients, events, median, RMST at the last horizon, intervals."""
    same = select_rows(rows, stratum_by="")
    body = []
    for analysis in protocol.analyses:
        horizon = f"{analysis.horizons[-1]:g}" if analysis.horizons else ""
        for source, variable, term in _list_lines(same, analysis, "median_survival"):
            own = select_rows(same, analysis=analysis.name, source=source, variable=variable, term=term, comparator="")
            events = select_rows(own, metric="events").iloc[0]
            rmst = read_interval(select_rows(own, at=horizon), "rmst", language, digits=0) if horizon else EMPTY
            body.append([*_name_analysis(analysis, protocol, language), _source_or_cohort(protocol, source, language),
                         _word_term(protocol, variable, term, language), str(events["n"]), str(events["k"]),
                         read_interval(own, "median_survival", language, digits=0), rmst])  # fmt: skip
    head = [read_word("column", name, language) for name in ("source", "group", "n", "events")]
    head += [read_word("metric", "median_survival", language), read_word("metric", "rmst", language)]
    return _derive_table(head, body, "llrrll", (16, 22, 7, 9, 22, 22), protocol=protocol, language=language)


def _name_analysis(analysis: Analysis, protocol: Protocol, language: Language) -> list[str]:
    """Return the analysis' name as a first cell, or none where the study has a single one."""
    return [analysis.label.read(language)] if len(protocol.analyses) > 1 else []


def _derive_table(
    head: list[str], body: list[list[str]], align: str, widths: Sequence[int], *, protocol: Protocol, language: Language
) -> Table:
    if len(protocol.analyses) < 2:
        return Table(head, body, align, widths=widths)
    return Table([read_word("column", "analysis", language), *head], body, f"l{align}", widths=(22, *widths))


def _source_or_cohort(protocol: Protocol, source: str, language: Language) -> str:
    return source_label(protocol, source, language) if source else read_word("figure", "cohort", language)


def render_hazard_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return hazard ratios per source: on the patients all sources share, and on each source's own patients."""
    body = []
    for analysis in protocol.analyses:
        for source, variable, term in _list_lines(select_rows(rows, stratum_by=""), analysis, "hazard_ratio"):
            line = select_rows(rows, analysis=analysis.name, source=source, variable=variable, term=term, comparator="")
            cells = [_describe_hazard(select_rows(line, stratum_by=by), language) for by in ("", "patients")]
            names = [*_name_analysis(analysis, protocol, language), _word_term(protocol, variable, term, language)]
            body.append([*names, _source_or_cohort(protocol, source, language), *cells])
    head = [read_word("column", name, language) for name in ("term", "source", "same_patients", "own_patients")]
    return _derive_table(head, body, "llll", (26, 18, 28, 28), protocol=protocol, language=language)


def _describe_hazard(own: pd.DataFrame, language: Language) -> str:
    text = read_interval(own, "hazard_ratio", language)
    found = select_rows(own, metric="hazard_ratio", status=Status.OK)
    return f"{text}, n = {found['n'].iloc[0]}" if len(found) else text


def render_hazard_forest(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw each source's hazard ratios: filled on the patients all share, hollow on its own patients."""
    kept = select_rows(rows, metric="hazard_ratio", status=Status.OK)
    if kept.empty:
        return create_notice("hazards", language)
    lines = [(analysis, *line) for analysis in protocol.analyses
             for line in _list_lines(select_rows(kept, stratum_by=""), analysis, "hazard_ratio")]  # fmt: skip
    lines.sort(key=lambda line: (protocol.analyses.index(line[0]), line[2], line[3]))
    colours = source_colours(protocol)
    with figure_style():
        figure, (ax,) = create_figure(max(1.6, 0.9 + 0.27 * len(lines)))
        ax.axvline(1, color=INK, linewidth=0.8)
        for at, (analysis, source, variable, term) in enumerate(lines):
            own = select_rows(kept, analysis=analysis.name, source=source, variable=variable, term=term)
            _draw_hazard(ax, at, own, colours.get(source, INK))
        names = [f"{_word_term(protocol, v, t, language)} – {_source_or_cohort(protocol, s, language)}"
                 for _, s, v, t in lines]  # fmt: skip
        ax.set_yticks(range(len(lines)), names)
        ax.set_ylim(len(lines) - 0.4, -0.6)
        _set_ratio_axis(ax, kept, language)
        ax.set_xlabel(read_word("metric", "hazard_ratio", language))
        handles = [
            Line2D([], [], marker="o", color=INK, markerfacecolor=face, markersize=4.2) for face in (INK, "white")
        ]
        labels = [read_word("column", name, language) for name in ("same_patients", "own_patients")]
        ax.legend(handles, labels, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.2)
    return figure


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


def render_replication_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per source and term: paired difference of log hazard ratios, interval of the test, margin, verdict."""
    body = []
    for analysis in protocol.analyses:
        for row in _list_equivalence(rows, analysis).to_dict("records"):
            names = [_word_term(protocol, row["variable"], row["term"], language),
                     source_label(protocol, row["source"], language)]  # fmt: skip
            delta = read_interval(_find_delta(rows, analysis, row), "delta_log_hazard_ratio", language, digits=3)
            margin = f"± {format_number(math.log(analysis.margin), language, digits=3)}"
            counts = [str(row["n"]), str(row["k"])]
            body.append([*names, *counts, delta, margin, _word_equivalence(row, language)])
    columns = ("term", "source", "n", "differing", "delta", "margin", "verdict")
    tested = format_level(derive_test_level(protocol.level), language)
    head = [read_word("column", name, language).replace("90 %", tested) for name in columns]
    return Table(head, body, "llrrlll", widths=(24, 15, 7, 9, 22, 10, 15))


def _list_equivalence(rows: pd.DataFrame, analysis: Analysis) -> pd.DataFrame:
    found = select_rows(rows, analysis=analysis.name, metric="equivalence", stratum_by="")
    ranks = {source: index for index, source in enumerate(analysis.sources)}
    ordered = found.assign(rank=found["source"].map(ranks))
    return ordered.sort_values(["variable", "term", "rank"], kind="stable")


def _find_delta(rows: pd.DataFrame, analysis: Analysis, row: Mapping[Hashable, Any]) -> pd.DataFrame:
    key: dict[str, Any] = {name: row[name] for name in ("source", "comparator", "variable", "term")}
    found = select_rows(rows, analysis=analysis.name, metric="delta_log_hazard_ratio", stratum_by="", **key)
    return select_rows(found, method="paired_t")


def _word_equivalence(row: Mapping[Hashable, Any], language: Language) -> str:
    if row["status"] != Status.OK:
        return read_word("reason", str(row["reason"]), language)
    return read_word("equivalence", str(row["unit"]), language)


def _describe_patients(rows: pd.DataFrame, analysis: Analysis, language: Language) -> list[str]:
    counts = select_rows(rows, analysis=analysis.name, metric="count", stratum_by="", comparator="")
    own = select_rows(counts, source=analysis.comparator or "")
    shown = {name: read_estimate(select_rows(own, term=name), "count") for name in ("analysed", "population")}
    key = "same_patients" if len(analysis.sources) > 1 else "complete_patients"
    return [say(key, language, analysis=analysis.label.read(language), **shown)]


def describe_replication(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say, per analysis, term and source, both hazard ratios, the paired difference and the verdict."""
    out = []
    for analysis in protocol.analyses:
        out += _describe_patients(rows, analysis, language)
        for row in _list_equivalence(rows, analysis).to_dict("records"):
            key = {"analysis": analysis.name, "variable": row["variable"], "term": row["term"], "stratum_by": ""}
            ratios = [read_interval(select_rows(rows, source=name, comparator="", **key), "hazard_ratio", language)
                      for name in (row["comparator"], row["source"])]  # fmt: skip
            delta = read_interval(_find_delta(rows, analysis, row), "delta_log_hazard_ratio", language, digits=3)
            out.append(say("hazard", language, analysis=analysis.label.read(language),
                           term=_word_term(protocol, row["variable"], row["term"], language),
                           reference=ratios[0], estimate=ratios[1], delta=delta,
                           comparator=source_label(protocol, row["comparator"], language),
                           source=source_label(protocol, row["source"], language),
                           verdict=_word_equivalence(row, language).lower()))  # fmt: skip
    return out
