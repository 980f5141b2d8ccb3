"""Are hazards proportional? The check by source, and the course of each hazard ratio over time."""

from __future__ import annotations

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from probatio.display.analyses import derive_analysis_table, name_analysis, source_or_cohort, word_term
from probatio.display.rows import read_interval
from probatio.display.style import (
    INK,
    PALE,
    create_figure,
    create_notice,
    figure_style,
    set_number_axis,
    source_colours,
)
from probatio.display.table import Table
from probatio.protocol import Analysis, Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, format_number, read_word

_P = "proportional_hazards_p"
_COLUMNS, _TITLE = 2, 44
_Panel = tuple[Analysis, str, str]


def render_proportionality_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per analysis and source: the check of each coefficient, of all together, and the concordance."""
    body, same = [], select_rows(rows, stratum_by="", comparator="")
    for analysis in protocol.analyses:
        for source in analysis.sources or [""]:
            own = select_rows(same, analysis=analysis.name, source=source)
            names = [*name_analysis(analysis, protocol, language), source_or_cohort(protocol, source, language)]
            for variable, term in _list_checks(own):
                part = select_rows(own, variable=variable, term=term)
                label = word_term(protocol, variable, term, language) if variable else (
                    read_word("figure", "all_coefficients", language))  # fmt: skip
                concordance = EMPTY if variable else read_interval(own, "concordance", language)
                body.append([*names, label, *_read_check(part, language), concordance])
    head = [read_word("column", name, language) for name in ("source", "term", "chi2", "p_value")]
    head += [read_word("metric", "concordance", language)]
    return derive_analysis_table(head, body, "llrrl", (20, 30, 10, 12, 24), protocol=protocol, language=language)


def _list_checks(own: pd.DataFrame) -> list[tuple[str, str]]:
    """Return variable and term of every check, the one of all coefficients last."""
    found = select_rows(own, metric=_P)[["variable", "term"]].itertuples(index=False, name=None)
    return sorted(found, key=lambda pair: (not pair[0], pair))


def _read_check(part: pd.DataFrame, language: Language) -> list[str]:
    row = select_rows(part, metric=_P).iloc[0]
    if row["status"] != Status.OK:
        return [EMPTY, read_word("reason", row["reason"], language)]
    statistic = select_rows(part, metric="proportional_hazards_chi2").iloc[0]["estimate"]
    smallest = 0.001
    p = f"< {format_number(smallest, language, digits=3)}" if row["estimate"] < smallest else (
        format_number(row["estimate"], language, digits=3))  # fmt: skip
    return [format_number(statistic, language, digits=2), p]


def render_hazard_courses(
    rows: pd.DataFrame, series: pd.DataFrame, protocol: Protocol, *, language: Language
) -> Figure:
    """Draw, per coefficient, how the log hazard ratio moves with time: a level line where hazards are proportional.

    Smoothed scaled Schoenfeld residuals by source; the comparator with its interval and, dotted, its fitted value.
    """
    same = select_rows(series, metric="log_hazard_ratio_course", stratum_by="") if len(series) else series
    panels = [(analysis, *pair) for analysis in protocol.analyses for pair in _list_panels(same, analysis)]
    if not panels:
        return create_notice("hazard_courses", language)
    lines = -(-len(panels) // _COLUMNS)
    with figure_style():
        figure, axes = create_figure(0.5 + 1.95 * lines, columns=min(len(panels), _COLUMNS), rows=lines)
        for ax, panel in zip(axes, panels, strict=False):
            _draw_courses(ax, panel, rows, same, protocol, language=language)
        for ax in axes[len(panels) :]:
            ax.axis("off")
        _draw_legend(figure, panels, protocol, language)
    return figure


def _list_panels(series: pd.DataFrame, analysis: Analysis) -> list[tuple[str, str]]:
    own = select_rows(series, analysis=analysis.name) if len(series) else series
    return sorted(set(own[["variable", "term"]].itertuples(index=False, name=None))) if len(own) else []


def _draw_courses(
    ax: Axes, panel: _Panel, rows: pd.DataFrame, series: pd.DataFrame, protocol: Protocol, *, language: Language
) -> None:
    analysis, variable, term = panel
    key, colours = {"analysis": analysis.name, "variable": variable, "term": term}, source_colours(protocol)
    ax.axhline(0, color=PALE, linewidth=0.8)
    for source in analysis.sources or [""]:
        points = select_rows(series, source=source, **key).sort_values("x", kind="stable")
        colour = colours.get(source, INK)
        ax.plot(points["x"], points["y"], color=colour, linewidth=1.3)
        if source == (analysis.comparator or ""):
            ax.fill_between(points["x"], points["lower"], points["upper"], color=colour, alpha=0.12, linewidth=0)
            fitted = select_rows(rows, source=source, stratum_by="", comparator="", metric="log_hazard_ratio", **key)
            ax.axhline(fitted["estimate"].iloc[0], color=colour, linewidth=0.9, linestyle=":")
    texts = [*name_analysis(analysis, protocol, language), word_term(protocol, variable, term, language)]
    ax.set_title(
        "\n".join(line for text in texts for line in textwrap.wrap(text, _TITLE)), fontsize=8, fontweight="normal"
    )
    ax.set_xlabel(read_word("figure", "time_days", language))
    ax.set_ylabel(read_word("metric", "log_hazard_ratio", language))
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    set_number_axis(ax, language)
    set_number_axis(ax, language, axis="y", digits=1 if max(map(abs, ax.get_ylim())) >= 0.5 else 2)


def _draw_legend(figure: Figure, panels: list[_Panel], protocol: Protocol, language: Language) -> None:
    colours = source_colours(protocol)
    sources = list(dict.fromkeys(source for analysis, *_ in panels for source in analysis.sources or [""]))
    handles = [Line2D([], [], color=colours.get(source, INK), linewidth=1.3) for source in sources]
    labels = [source_or_cohort(protocol, source, language) for source in sources]
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 4))
