"""Kaplan-Meier curves by source with numbers at risk, drawn from series only."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probatio.display.rows import COLON, level_label, source_label
from probatio.display.style import (
    GREY,
    INK,
    PALETTE,
    TEXT_WIDTH,
    Drawing,
    create_notice,
    figure_style,
    set_number_axis,
    set_percent_axis,
    source_colours,
)
from probatio.protocol import Analysis, Language, Protocol
from probatio.results import select_rows
from probatio.wording import read_word

_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.2, 1.2, 1.2)))


class _Panel(NamedTuple):
    """One set of axes: its title and its curves (label, colour, points of survival and at risk)."""

    title: str
    curves: list[_Curve]


class _Curve(NamedTuple):
    label: str
    colour: str
    survival: pd.DataFrame
    at_risk: pd.DataFrame


def render_survival_curves(
    rows: pd.DataFrame, series: pd.DataFrame, protocol: Protocol, *, language: Language
) -> Figure:
    """Draw each analysis: a panel per group with the sources overlaid, numbers at risk below.

    An analysis without sources to compare has one panel with its groups overlaid. Curves are those of
    the patients complete in every compared source.
    """
    same = select_rows(series, stratum_by="")
    shown = [analysis for analysis in protocol.analyses if analysis.name in set(same["analysis"])]
    if not shown:
        return create_notice("curves", language)
    layouts = [_derive_panels(a, select_rows(same, analysis=a.name), protocol, language) for a in shown]
    heights = [(2.5, 0.16 + 0.15 * max(len(panel.curves) for panel in panels)) for panels in layouts]
    with figure_style():
        figure = Drawing(figsize=(TEXT_WIDTH, sum(map(sum, heights)) + 0.75 * len(shown)), layout="constrained")
        parts = figure.subfigures(len(shown), 1, height_ratios=[sum(pair) for pair in heights], squeeze=False)
        for part, panels, analysis, pair in zip(parts[:, 0], layouts, shown, heights, strict=True):
            part.suptitle(analysis.label.read(language), fontsize=9, x=0.01, ha="left", fontweight="bold")
            axes = part.subplots(2, len(panels), squeeze=False, sharex=True, height_ratios=pair)
            for column, panel in enumerate(panels):
                _draw_curves(axes[0, column], panel, language, first=column == 0)
                _draw_risk_table(axes[1, column], panel, language, first=column == 0)
    return figure


def _derive_panels(analysis: Analysis, series: pd.DataFrame, protocol: Protocol, language: Language) -> list[_Panel]:
    term = analysis.terms[0]
    groups = [name for name in (f"{g}@{term.visit}" if term.visit else g for g in term.groups)
              if name in set(series["term"])]  # fmt: skip
    label = term.label.read(language) if term.label else _read_label(protocol, term.variable, language)

    def word(group: str) -> str:
        bare = group.partition("@")[0]
        return f"{label}{COLON[language]}{level_label(protocol, term.variable, bare, language)}"

    if len(analysis.sources) > 1:
        colours = source_colours(protocol)
        return [_Panel(word(g), [_derive_curve(series, s, g, source_label(protocol, s, language), colours[s])
                                 for s in analysis.sources]) for g in groups]  # fmt: skip
    source = analysis.sources[0] if analysis.sources else ""
    if not groups:
        return [_Panel("", [_derive_curve(series, source, "", read_word("figure", "overall", language), INK)])]
    return [_Panel("", [_derive_curve(series, source, g, word(g), c) for g, c in zip(groups, PALETTE, strict=False)])]


def _read_label(protocol: Protocol, name: str, language: Language) -> str:
    attribute = protocol.patients.attributes.get(name)
    return (attribute.label if attribute else protocol.get_variable(name).label).read(language)


def _derive_curve(series: pd.DataFrame, source: str, term: str, label: str, colour: str) -> _Curve:
    own = select_rows(series, source=source, term=term).sort_values("x", kind="stable")
    return _Curve(label, colour, select_rows(own, metric="survival"), select_rows(own, metric="at_risk"))


def _draw_curves(ax: Axes, panel: _Panel, language: Language, *, first: bool) -> None:
    for index, curve in enumerate(panel.curves):
        colour = curve.colour
        points = curve.survival
        ax.step(points["x"], points["y"], where="post", color=colour, linestyle=_DASHES[index % 4], linewidth=1.4,
                label=curve.label)  # fmt: skip
        if len(panel.curves) <= 2 or index == 0:
            ax.fill_between(
                points["x"], points["lower"], points["upper"], step="post", color=colour, alpha=0.1, linewidth=0
            )
    ax.set_ylim(0, 1.02)
    ax.set_xlim(left=0)
    ax.set_title(panel.title, fontsize=8.5, fontweight="normal")
    set_percent_axis(ax, language, axis="y")
    ax.legend(loc="upper right", handlelength=2.4, borderaxespad=0.1)
    if first:
        ax.set_ylabel(read_word("figure", "survival_probability", language))


def _draw_risk_table(ax: Axes, panel: _Panel, language: Language, *, first: bool) -> None:
    ticks = [tick for tick in ax.get_xticks() if 0 <= tick <= ax.get_xlim()[1]]
    for index, curve in enumerate(panel.curves):
        for tick in ticks:
            ax.text(
                tick,
                index,
                str(_count_at_risk(curve.at_risk, tick)),
                ha="center",
                va="center",
                fontsize=7,
                color=curve.colour,
            )
    ax.set_ylim(len(panel.curves) - 0.4, -0.6)
    ax.set_yticks(
        range(len(panel.curves)), [curve.label for curve in panel.curves] if first else [""] * len(panel.curves)
    )
    ax.tick_params(axis="y", length=0, labelsize=7, pad=12)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.set_title(read_word("figure", "at_risk", language), fontsize=7, color=GREY, fontweight="normal", pad=2)
    ax.set_xlabel(read_word("figure", "time_days", language))
    set_number_axis(ax, language)


def _count_at_risk(at_risk: pd.DataFrame, time: float) -> int:
    later = at_risk[at_risk["x"] >= time]
    return int(later["y"].iloc[0]) if len(later) else 0
