"""Survival and incidence curves by source, numbers at risk under them, and their differences; from series only."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from probatio.display.rows import COLON, label_of, level_label, source_label
from probatio.display.style import (
    GREY,
    INK,
    PALETTE,
    Drawing,
    create_notice,
    figure_style,
    read_width,
    set_number_axis,
    set_percent_axis,
    source_colours,
    wrap_title,
)
from probatio.protocol import Analysis, Language, Protocol
from probatio.results import select_rows
from probatio.wording import read_word

_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.2, 1.2, 1.2)), (0, (7, 1, 1.2, 1, 1.2, 1)))
_HEADING = 76  # characters of a heading's line
_CURVES = ("survival", "cumulative_incidence")
_COLUMNS, _SINGLES = 2, 3  # panels of one analysis, and analyses of one panel, that stand side by side
_CURVE_HEIGHT, _LINE_HEIGHT, _DIFFERENCE_HEIGHT, _TITLE_HEIGHT = 1.75, 0.135, 1.0, 0.62


class _Curve(NamedTuple):
    """One curve: its label and style, its points, numbers at risk, its difference to the comparator's with its band."""

    label: str
    colour: str
    dash: Any
    points: pd.DataFrame
    at_risk: pd.DataFrame
    difference: pd.DataFrame


class _Panel(NamedTuple):
    """One set of axes: title, kind of curve, curves; `banded`: which of them show their interval."""

    title: str
    metric: str
    curves: list[_Curve]
    banded: Sequence[int]


class _Row(NamedTuple):
    """Panels side by side under one heading."""

    heading: str
    panels: list[_Panel]


def render_survival_curves(
    rows: pd.DataFrame,
    series: pd.DataFrame,
    protocol: Protocol,
    *,
    language: Language,
    analysis: str = "",
    differences: bool | None = None,
) -> Figure:
    """Draw each analysis: a panel per group with the sources overlaid, numbers at risk by source below.

    The comparator alone shows its interval. Where a competing event is declared the panels show cumulative
    incidence. An analysis without sources to compare has one panel with its groups overlaid. Curves are those of the
    patients complete in every compared source.

    Args:
        rows: result rows of the replication.
        series: its curves.
        protocol: the study's protocol.
        language: of the labels.
        analysis: the only one to draw; "" for all.
        differences: whether a third line of panels shows the differences; None: where one analysis is drawn.
    """
    layout = _derive_layout(series, protocol, language, analysis)
    if not layout:
        return create_notice("curves", language)
    deep = len(layout) == 1 if differences is None else differences
    with figure_style():
        return _draw_layout(layout, language, curves=True, differences=deep)


def render_difference_curves(
    rows: pd.DataFrame, series: pd.DataFrame, protocol: Protocol, *, language: Language, analysis: str = ""
) -> Figure:
    """Draw each source's survival minus the comparator's over time, a panel per analysis and group, with its band.

    The band holds the whole true difference with the protocol's level.
    """
    drawn = _derive_layout(series, protocol, language, analysis)
    kept = [_Row(row.heading, [panel for panel in row.panels if _has_difference(panel)]) for row in drawn]
    layout = [row for row in kept if row.panels]
    if not layout:
        return create_notice("difference_curves", language)
    with figure_style():
        return _draw_layout(layout, language, curves=False, differences=True)


def _has_difference(panel: _Panel) -> bool:
    return any(len(curve.difference) for curve in panel.curves)


def _derive_layout(series: pd.DataFrame, protocol: Protocol, language: Language, analysis: str) -> list[_Row]:
    """Return rows of at most two panels; analyses of a single panel share one."""
    same = select_rows(series, stratum_by="") if len(series) else series
    out: list[_Row] = []
    for one in protocol.analyses:
        own = select_rows(same, analysis=one.name) if len(same) else same
        if analysis not in ("", one.name) or own.empty:
            continue
        panels, heading = _derive_panels(one, own, protocol, language), one.label.read(language)
        if len(panels) == 1 and not panels[0].title:
            panels = [panels[0]._replace(title=heading)]
            if out and not out[-1].heading and len(out[-1].panels) < _SINGLES:
                out[-1].panels.extend(panels)
                continue
            out.append(_Row("", panels))
            continue
        out += [_Row(heading, panels[at : at + _COLUMNS]) for at in range(0, len(panels), _COLUMNS)]
    return out


def _derive_panels(analysis: Analysis, series: pd.DataFrame, protocol: Protocol, language: Language) -> list[_Panel]:
    metric = next((name for name in _CURVES if name in set(series["metric"])), "survival")
    groups = _list_groups(analysis, series, protocol, language)
    if len(analysis.sources) > 1:
        first = [analysis.sources.index(analysis.comparator)] if analysis.comparator else []
        overlaid = {group: _overlay_sources(analysis, series, protocol, language, metric=metric, group=group)
                  for group in groups or [""]}  # fmt: skip
        return [_Panel(groups.get(group, ""), metric, curves, first) for group, curves in overlaid.items()]
    source = analysis.sources[0] if analysis.sources else ""
    if not groups:
        label = read_word("figure", "overall", language)
        return [_Panel("", metric, [_derive_curve(series, source, "", metric, (label, INK, "-"))], (0,))]
    looks = [(PALETTE[(at + 3) % len(PALETTE)], _DASHES[at % len(_DASHES)]) for at in range(len(groups))]
    curves = [_derive_curve(series, source, group, metric, (label, *looks[at]))
              for at, (group, label) in enumerate(groups.items())]  # fmt: skip
    return [_Panel("", metric, curves, range(len(curves)) if len(curves) < 3 else ())]


def _list_groups(analysis: Analysis, series: pd.DataFrame, protocol: Protocol, language: Language) -> dict[str, str]:
    """Return the groups of the first term that have a curve, with their wording."""
    if not analysis.terms:
        return {}
    term, seen = analysis.terms[0], set(series["term"])
    label = term.label.read(language) if term.label else label_of(protocol, term.variable, language)
    names = {name: f"{name}@{term.visit}" if term.visit else name for name in term.groups}
    return {key: f"{label}{COLON[language]}{level_label(protocol, term.variable, name, language)}"
            for name, key in names.items() if key in seen}  # fmt: skip


def _overlay_sources(
    analysis: Analysis, own: pd.DataFrame, protocol: Protocol, language: Language, *, metric: str, group: str
) -> list[_Curve]:
    colours = source_colours(protocol)
    styles = [(source_label(protocol, source, language), colours[source], _DASHES[at % len(_DASHES)])
              for at, source in enumerate(analysis.sources)]  # fmt: skip
    return [_derive_curve(own, source, group, metric, style)
            for source, style in zip(analysis.sources, styles, strict=True)]  # fmt: skip


def _derive_curve(series: pd.DataFrame, source: str, group: str, metric: str, style: tuple[str, str, Any]) -> _Curve:
    own = select_rows(series, source=source, term=group).sort_values("x", kind="stable")
    parts = [select_rows(own, metric=name) for name in (metric, "at_risk", f"{metric}_difference_band")]
    return _Curve(*style, *parts)


def _draw_layout(layout: list[_Row], language: Language, *, curves: bool, differences: bool) -> Figure:
    heights = [_measure(row, curves=curves, differences=differences) for row in layout]
    figure = Drawing(read_width(), sum(map(sum, heights)) + _TITLE_HEIGHT * len(layout) + 0.35)
    parts = figure.subfigures(
        len(layout), 1, height_ratios=[sum(each) + _TITLE_HEIGHT for each in heights], squeeze=False
    )
    for part, row, each in zip(parts[:, 0], layout, heights, strict=True):
        _draw_row(part, row, each, language, curves=curves)
    _draw_legend(figure, layout, curves=curves)
    return figure


def _measure(row: _Row, *, curves: bool, differences: bool) -> list[float]:
    """Return the heights of the lines of axes of a row of panels, in inches."""
    most = max(len(panel.curves) for panel in row.panels)
    heights = [_CURVE_HEIGHT, 0.1 + _LINE_HEIGHT * most] if curves else []
    return heights + ([_DIFFERENCE_HEIGHT] if differences and any(map(_has_difference, row.panels)) else [])


def _draw_row(part: SubFigure, row: _Row, heights: list[float], language: Language, *, curves: bool) -> None:
    if row.heading:
        heading = "\n".join(textwrap.wrap(row.heading, _HEADING))
        part.suptitle(heading, fontsize=9, x=0.01, ha="left", fontweight="bold")
    axes = part.subplots(len(heights), len(row.panels), squeeze=False, sharex="col", height_ratios=heights)
    for column, panel in enumerate(row.panels):
        lines, first = list(axes[:, column]), column == 0
        if curves:
            _draw_curves(lines[0], panel, language, title=wrap_title(panel.title, len(row.panels)))
            if first or panel.metric != row.panels[column - 1].metric:
                lines[0].set_ylabel(read_word("figure", panel.metric, language))
            _draw_risk_table(lines[1], panel, language, first=first)
        else:
            lines[0].set_title(wrap_title(panel.title, len(row.panels)), fontsize=8.5, fontweight="normal")
        if len(heights) != 2 * curves:
            _draw_differences(lines[-1], panel, language, limit=_find_limit(row))
            lines[-1].set_ylabel(read_word("figure", "curve_difference", language) if first else "")
        lines[-1].set_xlabel(read_word("figure", "time_days", language))
        lines[-1].tick_params(axis="x", labelbottom=True)


def _draw_curves(ax: Axes, panel: _Panel, language: Language, *, title: str) -> None:
    for index, curve in enumerate(panel.curves):
        points = curve.points
        ax.step(points["x"], points["y"], where="post", color=curve.colour, linestyle=curve.dash, linewidth=1.4)
        if index in panel.banded:
            _fill_band(ax, points, curve.colour)
    ax.set_ylim(0, 1.02)
    ax.set_xlim(left=0)
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    ax.set_title(title, fontsize=8.5, fontweight="normal")
    set_percent_axis(ax, language, axis="y")


def _draw_risk_table(ax: Axes, panel: _Panel, language: Language, *, first: bool) -> None:
    ticks = [tick for tick in ax.get_xticks() if 0 <= tick <= ax.get_xlim()[1]]
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7}
    for index, curve in enumerate(panel.curves):
        for tick in ticks:
            ax.text(tick, index, str(_count_at_risk(curve.at_risk, tick)), color=curve.colour, **style)
    ax.set_ylim(len(panel.curves) - 0.4, -0.6)
    ax.set_yticks(range(len(panel.curves)), [curve.label if first else "" for curve in panel.curves])
    for label, curve in zip(ax.get_yticklabels(), panel.curves, strict=True):
        label.set_color(curve.colour)
    ax.tick_params(axis="y", length=0, labelsize=7, pad=13)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="x", length=0)
    ax.set_title(read_word("figure", "at_risk", language), fontsize=7, color=GREY, fontweight="normal", pad=2)
    set_number_axis(ax, language)


def _draw_differences(ax: Axes, panel: _Panel, language: Language, *, limit: float) -> None:
    ax.axhline(0, color=INK, linewidth=0.7)
    for curve in panel.curves:
        points = curve.difference
        if points.empty:
            continue
        ax.step(points["x"], points["y"], where="post", color=curve.colour, linestyle=curve.dash, linewidth=1.2)
        _fill_band(ax, points, curve.colour)
    ax.set_ylim(-limit, limit)
    ax.set_xlim(left=0)
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    ax.yaxis.set_major_locator(MaxNLocator(4, symmetric=True, steps=[1, 2, 2.5, 5, 10]))
    set_percent_axis(ax, language, axis="y", sign=True)
    set_number_axis(ax, language)


def _fill_band(ax: Axes, points: pd.DataFrame, colour: str) -> None:
    ax.fill_between(points["x"], points["lower"], points["upper"], step="post", color=colour, alpha=0.12, linewidth=0)


def _find_limit(row: _Row) -> float:
    """Return the end of the axis of differences, one for all panels of a row: all curves, nearly all of their bands."""
    points = pd.concat([curve.difference for panel in row.panels for curve in panel.curves])
    reach: float = max(points["y"].abs().max(), points[["lower", "upper"]].abs().max(axis=1).quantile(0.95), 0.05)
    return min(1.0, math.ceil(20 * reach) / 20)


def _draw_legend(figure: Figure, layout: list[_Row], *, curves: bool) -> None:
    """Name every line once, at the foot of the figure, in order of appearance."""
    shown = [curve for row in layout for panel in row.panels for curve in panel.curves]
    styles = {curve.label: (curve.colour, curve.dash) for curve in shown if curves or len(curve.difference)}
    handles = [Line2D([], [], color=colour, linestyle=dash, linewidth=1.4) for colour, dash in styles.values()]
    figure.legend(handles, list(styles), loc="outside lower center", ncols=min(len(styles), 4), handlelength=2.6)


def _count_at_risk(at_risk: pd.DataFrame, time: float) -> int:
    later = at_risk[at_risk["x"] >= time]
    return int(later["y"].iloc[0]) if len(later) else 0
