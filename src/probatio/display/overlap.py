"""The flow of patients with the overlap of sources below it: who was read by whom, drawn from result rows only."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probatio.display.cohort import draw_flow, measure_flow
from probatio.display.rows import source_label
from probatio.display.style import GREY, INK, PALE, Drawing, figure_style, read_width, source_colours
from probatio.measures.cohort import OVERLAP_JOIN
from probatio.protocol import Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import format_number, read_word

_SETS = 12
"""Sets of sources shown, the largest first; a thirteenth bar holds the rest."""
_BAR_HEIGHT, _LINE_HEIGHT = 0.95, 0.2  # inches

_Sets = list[tuple[tuple[str, ...] | None, int]]


def render_flow_overlap_figure(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw the flow, then the patients by the exact set of sources that delivered a value (Lex and others, 2014)."""
    sets, sources = _collect_sets(rows), _list_sources(rows, protocol)
    above, *below = [measure_flow(rows, protocol, language), _BAR_HEIGHT, _LINE_HEIGHT * len(sources) + 0.15]
    with figure_style():
        figure = Drawing(read_width(), above + sum(below) + 0.45)
        upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=[above, sum(below) + 0.45])[:, 0]
        draw_flow(upper.subplots(), rows, protocol, language)
        bars, dots = lower.subplots(2, 1, height_ratios=below)
        _draw_bars(bars, sets, language)
        _draw_dots(dots, sets, sources, protocol, language)
    return figure


def _list_sources(rows: pd.DataFrame, protocol: Protocol) -> list[str]:
    terms = select_rows(rows, analysis="overlap")["term"]
    named = {name for term in terms for name in term.split(OVERLAP_JOIN)}
    return [source.name for source in protocol.sources if source.name in named]


def _collect_sets(rows: pd.DataFrame) -> _Sets:
    """Return sets of sources with their patients, the largest first; None holds those beyond the bars shown."""
    overlap = select_rows(rows, analysis="overlap", status=Status.OK).sort_values(
        ["estimate", "term"], ascending=[False, True]
    )
    found = [(tuple(name for name in term.split(OVERLAP_JOIN) if name), int(n))
             for term, n in overlap[["term", "estimate"]].itertuples(index=False, name=None)]  # fmt: skip
    rest = sum(n for _, n in found[_SETS:])
    return [*found[:_SETS], (None, rest)] if rest else [*found]


def _draw_bars(ax: Axes, sets: _Sets, language: Language) -> None:
    counts = [n for _, n in sets]
    ax.bar(range(len(sets)), counts, color=INK, width=0.5)
    for place, n in enumerate(counts):
        ax.text(place, n, format_number(n, language, digits=0), ha="center", va="bottom", fontsize=8, color=INK)
    ax.set_xlim(-0.6, max(len(sets), 4) - 0.4)
    ax.set_ylim(0, 1.18 * max([*counts, 1]))
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_title(read_word("figure", "overlap", language), fontsize=8.5)


def _draw_dots(ax: Axes, sets: _Sets, sources: list[str], protocol: Protocol, language: Language) -> None:
    """Draw a column of dots per set: filled where the source belongs to it, joined by a line."""
    colours = source_colours(protocol)
    for place, (names, _) in enumerate(sets):
        if names is None:
            ax.text(place, 0, read_word("figure", "other_sets", language), ha="center", va="center", fontsize=8)
            continue
        inside = [at for at, name in enumerate(sources) if name in names]
        ax.plot([place] * len(sources), range(len(sources)), "o", color=PALE, markersize=5)
        if inside:
            ax.vlines(place, min(inside), max(inside), color=GREY, linewidth=1.2)
        for at in inside:
            ax.plot(place, at, "o", color=colours[sources[at]], markersize=6)
    ax.set_xlim(-0.6, max(len(sets), 4) - 0.4)
    ax.set_ylim(len(sources) - 0.4, -0.6)
    ax.set_yticks(range(len(sources)), [source_label(protocol, name, language) for name in sources])
    ax.set_xticks([])
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
