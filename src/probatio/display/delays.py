"""From the event to the available value: delays of each source and values available in time, from result rows only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probatio.display.style import (
    GREY,
    create_figure,
    create_notice,
    figure_style,
    set_number_axis,
    set_percent_axis,
    source_colours,
)
from probatio.protocol import Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import read_word

_QUARTILES = ("delay_quartile_1", "delay_median", "delay_quartile_3")


def render_delay_figure(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw each source's delay in days (median with interval on the quartiles), and the share available in time.

    A source that says nothing of when its values were available has no line.
    """
    known = select_rows(rows, metric="delay_median", status=Status.OK)
    sources = [source for source in protocol.sources if source.name in set(known["source"])]
    if not sources:
        return create_notice("delays", language)
    colours = source_colours(protocol)
    with figure_style():
        figure, (left, right) = create_figure(1.0 + 0.32 * len(sources), columns=2, ratios=[3, 2], sharey=True)
        for at, source in enumerate(sources):
            own = select_rows(rows, source=source.name, status=Status.OK)
            _draw_quartiles(left, at, _read_first(own, _QUARTILES), colours[source.name])
            _draw_share(right, at, _read_first(own, ("delay_within",)), colours[source.name])
        left.set_yticks(range(len(sources)), [source.label.read(language) for source in sources])
        left.set_ylim(len(sources) - 0.4, -0.6)
        left.set_xlim(left=min(0.0, left.get_xlim()[0]))
        set_number_axis(left, language)
        left.set_xlabel(read_word("figure", "delay_days", language))
        set_percent_axis(right, language)
        right.set_xlim(left=0)
        days = select_rows(rows, metric="delay_within")["at"].iloc[0]
        right.set_xlabel(read_word("figure", "delay_within", language).format(days=days))
    return figure


def _read_first(rows: pd.DataFrame, metrics: Sequence[str]) -> Mapping[str, Mapping[Any, Any]]:
    found = {metric: select_rows(rows, metric=metric).to_dict("records") for metric in metrics}
    return {metric: lines[0] for metric, lines in found.items() if lines}


def _draw_quartiles(ax: Axes, at: int, found: Mapping[str, Mapping[Any, Any]], colour: str) -> None:
    """Draw a pale bar between the quartiles, the median as a point with its interval."""
    low, median, high = (found[name] for name in _QUARTILES)
    ax.barh(at, high["estimate"] - low["estimate"], left=low["estimate"], height=0.5, color=colour, alpha=0.25)
    ax.plot([median["lower"], median["upper"]], [at, at], color=colour, linewidth=1.6)
    ax.plot(median["estimate"], at, "o", color=colour, markersize=5)
    ax.grid(axis="x", color="#eeeeee", linewidth=0.6)
    ax.set_axisbelow(True)


def _draw_share(ax: Axes, at: int, found: Mapping[str, Mapping[Any, Any]], colour: str) -> None:
    if not found:
        ax.text(0, at, "–", color=GREY, va="center")
        return
    row = found["delay_within"]
    ax.plot([row["lower"], row["upper"]], [at, at], color=colour, linewidth=1.6)
    ax.plot(row["estimate"], at, "o", color=colour, markersize=5)
    ax.grid(axis="x", color="#eeeeee", linewidth=0.6)
    ax.set_axisbelow(True)
