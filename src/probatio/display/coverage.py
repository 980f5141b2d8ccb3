"""What selection brings: error among the accepted, and what it costs to review a share of the values."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probatio.confidence.terms import RAW
from probatio.display.confidence import chosen_recalibration, list_sources
from probatio.display.rows import read_interval, source_label
from probatio.display.sentences import say
from probatio.display.style import (
    GREY,
    INK,
    create_figure,
    create_notice,
    figure_style,
    set_number_axis,
    set_percent_axis,
    source_colours,
)
from probatio.display.table import Table, leave_repeated
from probatio.protocol import Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import read_word

_COSTS = ("cost_review_none", "cost_review_all", "cheapest_share", "cheapest_cost", "cost_saving")


def render_risk_coverage_figure(
    rows: pd.DataFrame, series: pd.DataFrame, protocol: Protocol, *, language: Language
) -> Figure:
    """Draw the error among the accepted against the share accepted, surest first: raw and recalibrated scores.

    The axis ends at twice the error of accepting all; where no error is seen, bands of few patients pass it.

    Evaluation patients; bands are intervals at each coverage. The horizontal line is the error when all are accepted.
    """
    points = select_rows(series, metric="risk_coverage", analysis="recalibration")
    sources = list_sources(points, protocol)
    if not sources:
        return create_notice("risk_coverage", language)
    with figure_style():
        figure, axes = create_figure(2.7, columns=len(sources), sharey=True)
        for ax, source in zip(axes, sources, strict=True):
            _draw_coverage(ax, select_rows(points, source=source), source, protocol, language)
            part = select_rows(rows, source=source, analysis="recalibration", term=RAW, metric="accepted_error_rate")
            ax.axhline(part["estimate"].iloc[0], color=INK, linewidth=0.7, linestyle=":")
        base = select_rows(rows, analysis="recalibration", term=RAW, metric="accepted_error_rate")["estimate"]
        axes[0].set_ylim(0, 2 * base.max())
        axes[0].set_ylabel(read_word("figure", "error_among_accepted", language))
        figure.supxlabel(read_word("figure", "share_accepted", language), fontsize=8.5)
    return figure


def _draw_coverage(ax: Axes, points: pd.DataFrame, source: str, protocol: Protocol, language: Language) -> None:
    for term, colour in ((RAW, GREY), (chosen_recalibration(protocol), source_colours(protocol)[source])):
        part = select_rows(points, term=term).sort_values("x", kind="stable")
        ax.fill_between(part["x"], part["lower"], part["upper"], color=colour, alpha=0.15, linewidth=0)
        ax.plot(part["x"], part["y"], color=colour, linewidth=1.4, linestyle="--" if term == RAW else "-",
                label=read_word("recalibration", term, language))  # fmt: skip
    ax.set_title(source_label(protocol, source, language))
    ax.set_xlim(0, 1)
    ax.legend(loc="upper left")
    for axis in ("x", "y"):
        set_percent_axis(ax, language, axis=axis)


def render_cost_figure(rows: pd.DataFrame, series: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw what a cell costs, errors left and minutes of review, against the share reviewed, most doubtful first.

    The straight line is review in a random order; the mark is the cheapest share with its interval.
    """
    points = select_rows(series, metric="cost")
    sources = list_sources(points, protocol)
    if not sources:
        return create_notice("costs", language)
    with figure_style():
        figure, axes = create_figure(2.7, columns=len(sources), sharey=True)
        for ax, source in zip(axes, sources, strict=True):
            own = select_rows(rows, source=source, analysis="costs")
            _draw_costs(ax, select_rows(points, source=source), own, source, protocol=protocol, language=language)
        axes[0].set_ylabel(read_word("figure", "euros_per_value", language))
        figure.supxlabel(read_word("figure", "share_reviewed", language), fontsize=8.5)
    return figure


def _draw_costs(
    ax: Axes, points: pd.DataFrame, rows: pd.DataFrame, source: str, *, protocol: Protocol, language: Language
) -> None:
    chosen, own = chosen_recalibration(protocol), source_colours(protocol)[source]
    for term, colour in ((RAW, GREY), (chosen, own)):
        part = select_rows(points, term=term).sort_values("x", kind="stable")
        ax.fill_between(part["x"], part["lower"], part["upper"], color=colour, alpha=0.15, linewidth=0)
        ax.plot(part["x"], part["y"], color=colour, linewidth=1.4, linestyle="--" if term == RAW else "-",
                label=read_word("recalibration", term, language))  # fmt: skip
    ends = select_rows(points, term=chosen).sort_values("x", kind="stable")["y"].to_numpy()[[0, -1]]
    ax.plot([0, 1], ends, color=INK, linewidth=0.7, linestyle=":", label=read_word("figure", "random_order", language))
    share, cost = (select_rows(rows, term=chosen, metric=name).iloc[0] for name in ("cheapest_share", "cheapest_cost"))
    ax.hlines(cost["estimate"], share["lower"], share["upper"], color=own, linewidth=3.5, alpha=0.4)
    ax.plot(share["estimate"], cost["estimate"], "D", color=own, markersize=5, zorder=5)
    ax.set_title(source_label(protocol, source, language))
    ax.set_xlim(0, 1)
    ax.set_ylim(bottom=0)
    ax.legend(loc="upper right")
    set_percent_axis(ax, language)
    set_number_axis(ax, language, axis="y", digits=1)


def render_cost_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per source and score: cost without review, with review of all, the cheapest share and what it saves."""
    own = select_rows(rows, analysis="costs")
    body = []
    for source in list_sources(own, protocol):
        for term in (RAW, chosen_recalibration(protocol)):
            part = select_rows(own, source=source, term=term)
            cells = [read_interval(part, name, language, percent=name == "cheapest_share") for name in _COSTS]
            body.append([source_label(protocol, source, language), read_word("recalibration", term, language), *cells])
    head = [read_word("column", name, language) for name in ("source", "score")]
    head += [read_word("metric", name, language) for name in _COSTS]
    return Table(head, leave_repeated(body), "ll" + "l" * 5, widths=(9, 13, 16, 14, 16, 16, 16))


def describe_costs(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say, per source, which share of the values is cheapest to review."""
    out = []
    chosen = select_rows(rows, analysis="costs", term=chosen_recalibration(protocol), status=Status.OK)
    for source in list_sources(chosen, protocol):
        part = select_rows(chosen, source=source)
        share = read_interval(part, "cheapest_share", language, percent=True, digits=0)
        costs = {name: read_interval(part, name, language) for name in ("cost_review_none", "cheapest_cost")}
        costs["cost_review_all"] = read_interval(part, "cost_review_all", language)
        name = source_label(protocol, source, language)
        out.append(say("cheapest_share", language, source=name, share=share, **costs))
    return out
