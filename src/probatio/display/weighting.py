"""Weighted comparisons by source: their numbers, the balance of the groups, how many patients they are worth."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from probatio.display.analyses import derive_analysis_table, name_analysis, source_or_cohort, word_term
from probatio.display.rows import read_interval
from probatio.display.style import (
    GREY,
    INK,
    PALE,
    create_figure,
    create_notice,
    figure_style,
    set_number_axis,
    source_colours,
    wrap_title,
)
from probatio.display.table import Table
from probatio.protocol import Analysis, Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, format_percent, read_word

BALANCED = 0.1
"""Standardised difference below which a confounder counts as balanced (Austin 2009, Stat Med 28:3083)."""
_METHODS = ("percentile_bootstrap", "sandwich")


def _list_weighted(protocol: Protocol) -> list[Analysis]:
    return [analysis for analysis in protocol.analyses if analysis.weighting != "none"]


def render_weighted_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per source: the marginal hazard ratio by bootstrap and sandwich, and the difference in restricted mean."""
    body, same = [], select_rows(rows, stratum_by="", comparator="")
    for analysis in _list_weighted(protocol):
        horizon = f"{max(analysis.horizons):g}" if analysis.horizons else ""
        for source in analysis.sources or [""]:
            own = select_rows(same, analysis=analysis.name, source=source)
            ratios = [read_interval(select_rows(own, method=method), "weighted_hazard_ratio", language)
                      for method in _METHODS]  # fmt: skip
            gap = read_interval(select_rows(own, at=horizon), "weighted_rmst_difference", language, digits=1)
            weighting = read_word("weighting", analysis.weighting, language)
            body.append([*_name(analysis, source, protocol, language), weighting, *ratios, gap if horizon else EMPTY])
    head = [
        read_word("column", name, language) for name in ("source", "weighting", "ratio_bootstrap", "ratio_sandwich")
    ]
    head += [read_word("metric", "weighted_rmst_difference", language)]
    return derive_analysis_table(head, body, "lllll", (16, 18, 22, 22, 22), protocol=protocol, language=language)


def render_weights_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per source and group: patients, how many they are worth, the largest weight; scores beyond the limits."""
    body, same = [], select_rows(rows, stratum_by="", comparator="")
    for analysis in _list_weighted(protocol):
        for source in analysis.sources or [""]:
            own = select_rows(same, analysis=analysis.name, source=source)
            outside = read_interval(own, "score_outside_share", language, percent=True)
            concordance = read_interval(own, "propensity_c", language)
            for row in select_rows(own, metric="effective_patients").to_dict("records"):
                group = select_rows(own, variable=row["variable"], term=row["term"], metric="largest_weight_share")
                body.append([*_name(analysis, source, protocol, language),
                             word_term(protocol, row["variable"], row["term"], language), str(row["n"]),
                             str(round(row["estimate"])), format_percent(group["estimate"].iloc[0], language),
                             outside, concordance])  # fmt: skip
    names = ("source", "group", "n", "effective_n", "largest_weight", "score_outside", "score_c")
    head = [read_word("column", name, language) for name in names]
    return derive_analysis_table(
        head, body, "llrrrrr", (16, 22, 8, 12, 14, 14, 14), protocol=protocol, language=language
    )


def _name(analysis: Analysis, source: str, protocol: Protocol, language: Language) -> list[str]:
    return [*name_analysis(analysis, protocol, language), source_or_cohort(protocol, source, language)]


def render_balance(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw the standardised difference of each confounder before (hollow) and after weighting (filled), by source."""
    kept = select_rows(rows, metric="confounder_balance", status=Status.OK, stratum_by="")
    panels = [one for one in _list_weighted(protocol) if one.name in set(kept["analysis"])]
    if not panels:
        return create_notice("balance", language)
    lines = [list(_list_lines(kept, analysis)) for analysis in panels]
    with figure_style():
        figure, axes = create_figure(0.75 + sum(0.45 + 0.25 * len(each) for each in lines), rows=len(panels),
                                     ratios=[0.45 + 0.25 * len(each) for each in lines])  # fmt: skip
        for ax, analysis, each in zip(axes, panels, lines, strict=True):
            _draw_balance(ax, select_rows(kept, analysis=analysis.name), each, protocol, language)
            ax.set_title(wrap_title(analysis.label.read(language), 2))  # long names take half the width
        axes[-1].set_xlabel(read_word("figure", "standardised_difference", language))
        handles = [Line2D([], [], marker="o", color=INK, linestyle="", markerfacecolor=face) for face in ("white", INK)]
        labels = [read_word("figure", name, language) for name in ("unweighted", "weighted")]
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def _list_lines(kept: pd.DataFrame, analysis: Analysis) -> Iterator[tuple[str, str, str]]:
    """Yield confounder and source of every line, sources together."""
    own = select_rows(kept, analysis=analysis.name, method="unweighted")
    for variable, term in sorted(set(own[["variable", "term"]].itertuples(index=False, name=None))):
        part = set(select_rows(own, variable=variable, term=term)["source"])
        yield from ((variable, term, source) for source in analysis.sources or [""] if source in part)


def _draw_balance(
    ax: Axes, own: pd.DataFrame, lines: list[tuple[str, str, str]], protocol: Protocol, language: Language
) -> None:
    colours = source_colours(protocol)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.axvspan(-BALANCED, BALANCED, color=PALE, alpha=0.5, linewidth=0)
    for at, (variable, term, source) in enumerate(lines):
        part = select_rows(own, variable=variable, term=term, source=source)
        before = select_rows(part, method="unweighted")["estimate"].iloc[0]
        after = part.loc[part["method"] != "unweighted", "estimate"].iloc[0]
        colour = colours.get(source, INK)
        ax.plot([before, after], [at, at], color=GREY, linewidth=0.7, zorder=1)
        ax.plot([before], [at], "o", color=colour, markerfacecolor="white", markersize=5)
        ax.plot([after], [at], "o", color=colour, markersize=5)
    names = [f"{word_term(protocol, variable, term, language)} – {source_or_cohort(protocol, source, language)}"
             for variable, term, source in lines]  # fmt: skip
    ax.set_yticks(range(len(lines)), names)
    ax.set_ylim(len(lines) - 0.5, -0.5)
    set_number_axis(ax, language, digits=2)
