"""Bland and Altman's figure in bins: the difference to the reference by size, drawn from series only."""

from __future__ import annotations

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from probatio.display.rows import drop_attributes, source_label, stack_names
from probatio.display.style import (
    GREY,
    INK,
    PALE,
    create_figure,
    create_notice,
    figure_style,
    source_colours,
    wrap_title,
)
from probatio.display.values import name_number
from probatio.protocol import Language, Protocol
from probatio.results import select_rows
from probatio.wording import EMPTY, format_number, read_word

_NO_DIFFERENCE = 1e-9


def render_bland_altman(rows: pd.DataFrame, series: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw the difference to the reference by size, a row per number and a panel per source: bins, bias, limits.

    A point is the mean difference of a bin with its interval; the full line is the bias, the broken ones are the
    limits of agreement. No patient's point is drawn.

    Args:
        rows: result rows with the bias of each variable, for its unit.
        series: curves of `estimate_value_series`.
        protocol: labels and colours.
        language: of the words.
    """
    kept = select_rows(series, metric=["difference_by_size", "agreement_limits"])
    kept = select_rows(kept, comparator=protocol.reference.name) if protocol.reference is not None else kept
    kept = drop_attributes(kept) if len(kept) else kept
    if kept.empty:
        return create_notice("bland_altman", language)
    names = stack_names(kept, protocol)
    sources = [source.name for source in protocol.sources if source.name in set(kept["source"])]
    with figure_style():
        figure, axes = create_figure(0.6 + 1.12 * len(names), columns=len(sources), rows=len(names), sharey="row")
        for place, ax in enumerate(axes):
            variable, source = names[place // len(sources)], sources[place % len(sources)]
            own = select_rows(kept, variable=variable, source=source)
            if own.empty:
                _leave_blank(ax)
            else:
                _draw_bins(ax, own, source_colours(protocol)[source])
            _set_plain_axes(ax, language)
            if place < len(sources):
                ax.set_title(wrap_title(source_label(protocol, source, language), len(sources)))
            if place % len(sources) == 0:
                ax.set_ylabel(textwrap.fill(name_number(rows, variable, protocol, language), 16), fontsize=7)
        figure.supxlabel(read_word("figure", "mean_of_both", language), fontsize=8.5)
        figure.supylabel(read_word("figure", "difference_to_reference", language), fontsize=8.5)
    return figure


def _draw_bins(ax: Axes, own: pd.DataFrame, colour: str) -> None:
    bins, limits = select_rows(own, metric="difference_by_size"), select_rows(own, metric="agreement_limits")
    ax.axhline(0, color=PALE, linewidth=0.8)
    for name, style in (("y", "-"), ("lower", (0, (4, 2))), ("upper", (0, (4, 2)))):
        ax.plot(limits["x"], limits[name], color=INK, linewidth=0.9, linestyle=style)
    ax.vlines(bins["x"], bins["lower"], bins["upper"], color=colour, linewidth=1.0)
    ax.plot(bins["x"], bins["y"], "o", color=colour, markersize=3)


def _leave_blank(ax: Axes) -> None:
    """Say in a panel that its source has no value of the variable, or too few."""
    ax.text(0.5, 0.5, EMPTY, transform=ax.transAxes, ha="center", va="center", color=GREY)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(bottom=False, left=False, labelbottom=False)


def _set_plain_axes(ax: Axes, language: Language) -> None:
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(4))
        axis.set_major_formatter(lambda value, _: _format_tick(value, language))
    ax.tick_params(labelsize=7)
    if max(map(abs, ax.dataLim.intervaly)) < _NO_DIFFERENCE:
        ax.set_ylim(-1, 1)


def _format_tick(value: float, language: Language) -> str:
    digits = next((count for count in (0, 1) if abs(value - round(value, count)) < 1e-9), 2)
    return format_number(value, language, digits=digits)
