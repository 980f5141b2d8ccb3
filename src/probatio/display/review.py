"""Targeted review: error against share reviewed, the queue and why, drawn from rows and series only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probatio.display.review_queue import describe_queue, read_count, select_reviewed
from probatio.display.rows import read_interval, source_label
from probatio.display.sentences import say
from probatio.display.style import (
    GREY,
    INK,
    PALETTE,
    create_figure,
    create_notice,
    figure_style,
    set_number_axis,
    set_percent_axis,
    source_colours,
)
from probatio.display.table import Table
from probatio.protocol import Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import format_interval, format_number, format_percent, read_word

_ORDERS: dict[str, dict[str, Any]] = {
    "random": {"color": GREY, "linestyle": (0, (5, 2)), "linewidth": 1.4},
    "stated": {"linestyle": (0, (4, 1.2)), "linewidth": 1.1},
    "gain": {"color": PALETTE[2], "linestyle": (0, (1, 1)), "linewidth": 1.6},
    "oracle": {"color": INK, "linestyle": (0, (3, 1, 1, 1)), "linewidth": 0.9},
    "doubtful": {"linestyle": "-", "linewidth": 2.2},
}
_PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8}
_BANDS = {"doubtful": 0.22, "random": 0.18}
_TABLED = ("doubtful", "gain", "stated", "random", "oracle")


def render_effort_figure(rows: pd.DataFrame, series: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw the error of the data against the share of values reviewed, by order, with the minutes above.

    Bands are intervals, that of the manual collection is of its error on the same patients. The arrow stands at the
    declared share, the circle where the doubtful order is lowest: further on, reviewers spoil more than they mend.
    """
    curves = select_rows(select_reviewed(series, protocol), metric="error_after_review")
    if curves.empty or protocol.review is None:
        return create_notice("effort", language)
    own, colours = select_reviewed(rows, protocol), source_colours(protocol)
    with figure_style():
        figure, (ax,) = create_figure(4.1)
        _draw_manual(ax, own, protocol, language)
        for order, style in _ORDERS.items():
            curve, drawn = select_rows(curves, term=order), {"color": colours[protocol.review.source]} | style
            ax.plot(curve["x"], curve["y"], label=read_word("review_order", order, language), zorder=3, **drawn)
            if order in _BANDS:
                ax.fill_between(curve["x"], curve["lower"], curve["upper"], color=drawn["color"], alpha=_BANDS[order],
                                linewidth=0, zorder=2)  # fmt: skip
        _mark_declared(ax, own, curves, language)
        _mark_observed(ax, own, protocol, language)
        _mark_lowest(ax, own, colours[protocol.review.source], language)
        _set_axes(ax, own, curves, language)
        figure.legend(*_sort_handles(ax, language), loc="outside lower center", ncols=2,
                      title=f"{source_label(protocol, protocol.review.source, language)}, "
                            f"{read_word('use', protocol.review.use, language).lower()}")  # fmt: skip
    return figure


def _draw_manual(ax: Axes, rows: pd.DataFrame, protocol: Protocol, language: Language) -> None:
    for row in select_rows(rows, metric="error_without_review", status=Status.OK).to_dict("records"):
        colour = source_colours(protocol)[row["source"]]
        ax.axhspan(row["lower"], row["upper"], color=colour, alpha=0.13, linewidth=0, zorder=1)
        name = source_label(protocol, str(row["source"]), language)
        ax.axhline(row["estimate"], color=colour, linewidth=1.1, zorder=2, label=name)


def _mark_declared(ax: Axes, rows: pd.DataFrame, curves: pd.DataFrame, language: Language) -> None:
    """Mark the declared share, and the difference between doubtful and random there."""
    declared = select_rows(rows, metric="error_after_review_difference", term="doubtful_random", status=Status.OK)
    if declared.empty:
        return
    share = float(declared["at"].iloc[0])
    ax.axvline(share, color=GREY, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
    ends = [float(np.interp(share, *_read_curve(curves, order))) for order in ("random", "doubtful")]
    arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.1, "shrinkA": 2, "shrinkB": 2}
    ax.annotate("", (share, ends[1]), (share, ends[0]), arrowprops=arrow, zorder=4)
    text = read_interval(declared, "error_after_review_difference", language, percent=True, sign=True)
    ax.text(share + 0.014, 0.6 * ends[0] + 0.4 * ends[1], _break_interval(text), fontsize=7.5, va="center", color=INK,
            zorder=5, bbox=_PAPER)  # fmt: skip


def _mark_observed(ax: Axes, rows: pd.DataFrame, protocol: Protocol, language: Language) -> None:
    """Mark the error after review as it took place, with its interval, at the share that was reviewed."""
    for row in select_rows(rows, metric="error_observed", status=Status.OK).to_dict("records"):
        name = source_label(protocol, str(row["source"]), language)
        low, high = ([abs(row["estimate"] - row[end])] for end in ("lower", "upper"))
        ax.errorbar([float(row["at"])], [row["estimate"]], yerr=[low, high], fmt="D", color=INK, markersize=5,
                    capsize=2, linewidth=1, zorder=7, label=say("review_observed", language, source=name))  # fmt: skip


def _mark_lowest(ax: Axes, rows: pd.DataFrame, colour: str, language: Language) -> None:
    """Mark the share at which the doubtful order is lowest, and say both numbers."""
    best, lowest = (select_rows(rows, metric=name, term="doubtful") for name in ("best_share", "lowest_error"))
    if best.empty or lowest.empty:
        return
    share, error = float(best["estimate"].iloc[0]), float(lowest["estimate"].iloc[0])
    ax.plot(
        share, error, "o", markersize=7, markerfacecolor="white", markeredgecolor=colour, markeredgewidth=1.6, zorder=6
    )
    text = say("review_lowest", language, error=format_percent(error, language),
               share=format_percent(share, language, digits=0))  # fmt: skip
    ax.annotate(text, (share, error), (4, -24), textcoords="offset points", fontsize=7.5, color=INK, zorder=6,
                bbox=_PAPER)  # fmt: skip


def _break_interval(text: str) -> str:
    """Return an estimate with its interval on a second line."""
    for mark in ("[", "("):
        text = text.replace(f" {mark}", f"\n{mark}", 1)
    return text


def _read_curve(curves: pd.DataFrame, order: str) -> tuple[pd.Series, pd.Series]:
    curve = select_rows(curves, term=order)
    return curve["x"], curve["y"]


def _set_axes(ax: Axes, rows: pd.DataFrame, curves: pd.DataFrame, language: Language) -> None:
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1.12 * float(curves["upper"].max()))
    for axis in ("x", "y"):
        set_percent_axis(ax, language, axis=axis)
    ax.set_xlabel(read_word("figure", "effort_share", language))
    ax.set_ylabel(read_word("figure", "error_of_data", language))
    whole = select_rows(rows, metric="review_minutes_per_patient", at="1")
    if len(whole):
        minutes = float(whole["estimate"].iloc[0])
        upper = ax.secondary_xaxis("top", functions=derive_scale(minutes))
        upper.set_xlabel(read_word("figure", "minutes_per_patient", language))
        upper.spines["top"].set_visible(True)
        set_number_axis(upper, language)  # type: ignore[arg-type]


def derive_scale(minutes: float) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Return what turns a share into minutes, and minutes into a share."""

    def compute_minutes(share: Any) -> Any:
        return np.asarray(share) * minutes

    def compute_share(taken: Any) -> Any:
        return np.asarray(taken) / minutes

    return compute_minutes, compute_share


def _sort_handles(ax: Axes, language: Language) -> tuple[list[Any], list[str]]:
    """Return the legend in the order of reading: doubtful, gain, random, oracle, then the manual collection."""
    handles, labels = ax.get_legend_handles_labels()
    first = [read_word("review_order", order, language) for order in _TABLED]
    ranked = sorted(range(len(labels)), key=lambda at: first.index(labels[at]) if labels[at] in first else len(first))
    return [handles[at] for at in ranked], [labels[at] for at in ranked]


def render_effort_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return minutes and error of the data at each share reviewed, by order, with intervals."""
    own = select_rows(select_reviewed(rows, protocol), metric="error_after_review", status=Status.OK)
    minutes = select_rows(select_reviewed(rows, protocol), metric="review_minutes_per_patient")
    body = []
    for at in sorted(set(minutes["at"]), key=float):
        taken = float(select_rows(minutes, at=at)["estimate"].iloc[0])
        cells = [read_interval(select_rows(own, at=at, term=order), "error_after_review", language, percent=True)
                 for order in _TABLED]  # fmt: skip
        body.append([format_percent(float(at), language, digits=0), format_number(taken, language, digits=1), *cells])
    head = [read_word("column", name, language) for name in ("share_reviewed", "minutes_per_patient")]
    head += [read_word("review_order", order, language) for order in _TABLED]
    return Table(head, body, "rr" + "r" * len(_TABLED), widths=(9, 11, 16, 16, 16, 16, 16))


def render_comparison_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return the paired differences at the declared share, where each order is lowest, and where it meets manual."""
    own, body = select_reviewed(rows, protocol), []
    for row in select_rows(own, metric="error_after_review_difference").to_dict("records"):
        second = str(row["comparator"])
        first, _, other = str(row["term"]).partition("_")
        against = source_label(protocol, second, language) if second else read_word("review_order", other, language)
        text = read_interval(pd.DataFrame([row]), "error_after_review_difference", language, percent=True, sign=True)
        share = format_percent(float(row["at"]), language, digits=0)
        body.append([read_word("review_order", first, language), against, share, text])
    head = [read_word("column", name, language) for name in ("review_order", "against", "share_reviewed", "difference")]
    return Table(head, body, "llrr", widths=(28, 28, 14, 30))


def render_best_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return, by order, the share at which the error is lowest, that error, and the share that matches manual."""
    own, body = select_reviewed(rows, protocol), []
    for order in ("doubtful", "gain", "stated", "random"):
        mine = select_rows(own, term=order)
        if select_rows(mine, metric="best_share").empty:
            continue
        cells = [read_interval(mine, name, language, percent=True, digits=digits)
                 for name, digits in (("best_share", 0), ("lowest_error", 1), ("share_matching", 0))]  # fmt: skip
        body.append([read_word("review_order", order, language), *cells])
    head = [read_word("column", "review_order", language)]
    head += [read_word("metric", name, language) for name in ("best_share", "lowest_error", "share_matching")]
    return Table(head, body, "lrrr", widths=(28, 24, 24, 24))


def render_reviewer_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return how often reviewers are wrong, by what the technology said."""
    found = select_rows(select_reviewed(rows, protocol), metric="reviewer_error")
    body = []
    for row in sorted(found.to_dict("records"), key=lambda row: _BEFORE.index(str(row["term"]))):
        text = read_interval(pd.DataFrame([row]), "reviewer_error", language, percent=True)
        name = source_label(protocol, str(row["comparator"]), language)
        body.append([name, read_word("before_review", str(row["term"]), language), read_count(row, language, "n"),
                     read_count(row, language), text])  # fmt: skip
    head = [read_word("column", name, language) for name in ("reviewer", "before_review", "n", "wrong")]
    return Table([*head, read_word("metric", "reviewer_error", language)], body, "llrrr", widths=(22, 30, 8, 10, 30))


_BEFORE = ("right", "wrong", "unsupported", "absent")


def describe_review(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say what is queued, what doubt brings over chance, where review stops helping, and how it stands to manual."""
    own = select_reviewed(rows, protocol)
    if protocol.review is None or select_rows(own, metric="queued_share").empty:
        return []
    said = [describe_queue(own, protocol, language)]
    difference = select_rows(own, metric="error_after_review_difference", term="doubtful_random", status=Status.OK)
    if len(difference):
        said += [_describe_difference(own, difference.iloc[0], language), _describe_best(own, language)]
    for row in select_rows(own, metric="error_without_review", status=Status.OK).to_dict("records"):
        against = select_rows(
            own, metric="error_after_review_difference", term="doubtful", comparator=str(row["source"])
        )
        name = source_label(protocol, str(row["source"]), language)
        value = read_interval(against, "error_after_review_difference", language, percent=True, sign=True)
        error = read_interval(pd.DataFrame([row]), "error_without_review", language, percent=True)
        said.append(say("review_manual", language, source=name, difference=value, error=error))
    return said


def _describe_difference(own: pd.DataFrame, row: pd.Series, language: Language) -> str:
    at = select_rows(own, at=row["at"], metric="error_after_review")
    errors = {order: format_percent(float(select_rows(at, term=order)["estimate"].iloc[0]), language)
              for order in ("doubtful", "random")}  # fmt: skip
    start = select_rows(own, metric="error_after_review", term="doubtful", at="0")["estimate"].iloc[0]
    verdict = "lower" if row["upper"] < 0 else "higher" if row["lower"] > 0 else "open"
    interval = format_interval(float(row["lower"]), float(row["upper"]), language, digits=1, percent=True)
    value = format_percent(float(row["estimate"]), language, sign=True)
    return say("review_difference", language, share=format_percent(float(row["at"]), language, digits=0), **errors,
               start=format_percent(float(start), language), difference=f"{value} {interval}",
               verdict=read_word("review_verdict", verdict, language))  # fmt: skip


def _describe_best(own: pd.DataFrame, language: Language) -> str:
    mine = select_rows(own, term="doubtful")
    whole = select_rows(mine, metric="error_after_review", at="1")["estimate"].iloc[0]
    return say("review_best", language, share=read_interval(mine, "best_share", language, percent=True, digits=0),
               error=read_interval(mine, "lowest_error", language, percent=True),
               whole=format_percent(float(whole), language))  # fmt: skip
