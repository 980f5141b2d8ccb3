"""Is a source's confidence calibrated? Reliability diagrams, gaps by centre and document type, before and after."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from probatio.confidence.terms import METHODS, RAW
from probatio.display.rows import label_of, read_interval, read_n, source_label, stack_names
from probatio.display.sentences import say
from probatio.display.style import (
    GREY,
    INK,
    PALE,
    create_figure,
    create_notice,
    figure_style,
    set_percent_axis,
    source_colours,
)
from probatio.display.table import Table, leave_repeated
from probatio.protocol import Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, format_number, has_word, read_word

TERMS = (RAW, *METHODS)
_COLUMNS = 4
_TITLE = 16
# Points of gap at which a cell has its full colour, and from which its text is white.
_FULL, _DARK = 15, 10
_PARTS = ("ece", "brier", "brier_skill", "auroc", "calibration_intercept", "calibration_slope")


def chosen_recalibration(protocol: Protocol) -> str:
    """Return the recalibration that the protocol declares."""
    return protocol.confidence.recalibration if protocol.confidence else TERMS[-1]


def list_sources(rows: pd.DataFrame, protocol: Protocol) -> list[str]:
    """Return the sources of some rows in the protocol's order."""
    seen = set(rows["source"])
    return [source.name for source in protocol.sources if source.name in seen]


def name_stratum(name: str, language: Language) -> str:
    """Return a document type in words where it is a usual one; another stratum as it is read."""
    return read_word("document", name, language) if has_word("document", name) else name.replace("_", " ")


def render_reliability_figure(
    rows: pd.DataFrame, series: pd.DataFrame, protocol: Protocol, *, language: Language
) -> Figure:
    """Draw, per source: as delivered, with where the scores lie; then evaluation patients before and after.

    Points are bins of equal mass with their intervals; the diagonal is perfect calibration, above it a source is
    under-confident.
    """
    points = select_rows(series, metric="reliability", variable="", stratum_by="")
    sources = list_sources(points, protocol)
    if not sources:
        return create_notice("reliability", language)
    mass = select_rows(series, metric="score_mass", variable="", stratum_by="")
    low = _find_low(points)
    with figure_style():
        figure, axes = create_figure(0.5 + 2.3 * len(sources), rows=len(sources), columns=2)
        for at, source in enumerate(sources):
            left, right = axes[2 * at], axes[2 * at + 1]
            own, colour = select_rows(points, source=source), source_colours(protocol)[source]
            _draw_mass(left, select_rows(mass, source=source), low, language)
            _draw_points(left, select_rows(own, analysis="reliability"), colour, filled=True)
            for ax, name in ((left, "as_delivered"), (right, "evaluation_patients")):
                title = f"{source_label(protocol, source, language)} – {read_word('figure', name, language)}"
                _finish(ax, title, language, low=low)
            _draw_before_after(right, select_rows(own, analysis="recalibration"), colour, protocol, language)
        _draw_legend(figure, axes, protocol, language)
        figure.supxlabel(read_word("figure", "stated_probability", language), fontsize=8.5)
        figure.supylabel(read_word("figure", "share_right", language), fontsize=8.5)
    return figure


def _find_low(points: pd.DataFrame) -> float:
    """Return where the axes begin: a tenth below everything drawn."""
    return float(np.floor(10 * min(points["x"].min(), points["lower"].min())) / 10)


def _draw_mass(ax: Axes, mass: pd.DataFrame, low: float, language: Language) -> None:
    """Draw where the scores lie, the tallest bar a third of the panel; classes below the axis are left out."""
    shown = mass[mass["x"] > low]
    height = shown["y"] / max(mass["y"].max(), 1e-12) * (1 - low) / 3
    label = read_word("figure", "score_mass", language)
    ax.bar(
        shown["x"], height, bottom=low, width=0.05, color=PALE, edgecolor="white", linewidth=0.4, zorder=0, label=label
    )


def _draw_before_after(ax: Axes, own: pd.DataFrame, colour: str, protocol: Protocol, language: Language) -> None:
    for term, shade, filled in ((RAW, GREY, False), (chosen_recalibration(protocol), colour, True)):
        part, label = select_rows(own, term=term), read_word("recalibration", term, language)
        _draw_points(ax, part, shade, filled=filled, label=label)


def _draw_points(ax: Axes, part: pd.DataFrame, colour: str, *, filled: bool, label: str = "") -> None:
    part = part.sort_values("x", kind="stable")
    ax.vlines(part["x"], part["lower"], part["upper"], color=colour, linewidth=0.9, alpha=0.8)
    ax.plot(part["x"], part["y"], "o-" if filled else "s--", color=colour, markersize=3.4, linewidth=0.9,
            markerfacecolor=colour if filled else "white", label=label or None)  # fmt: skip


def _draw_legend(figure: Figure, axes: Sequence[Axes], protocol: Protocol, language: Language) -> None:
    """Draw one legend above the panels, where it hides no point; what has its source's colour below is black here."""
    known: dict[str, Artist] = {}
    for ax in axes:
        known.update(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    chosen = read_word("recalibration", chosen_recalibration(protocol), language)
    if chosen in known:
        known[chosen] = Line2D([], [], color=INK, marker="o", markersize=3.4, linewidth=0.9)
    figure.legend(known.values(), known.keys(), loc="outside upper center", ncols=3)


def _finish(ax: Axes, title: str, language: Language, *, low: float) -> None:
    ax.plot([0, 1], [0, 1], color=INK, linewidth=0.7, linestyle=":")
    ax.set_xlim(low, 1.02)
    ax.set_ylim(low, 1.02)
    ax.set_title(title)
    for axis in ("x", "y"):
        set_percent_axis(ax, language, axis=axis)


def render_reliability_panels(
    series: pd.DataFrame, protocol: Protocol, *, language: Language, by: str = "centre"
) -> Figure:
    """Draw a reliability diagram for each stratum (`centre` or `document_type`), all sources on one panel."""
    points = select_rows(series, metric="reliability", analysis="reliability", variable="", stratum_by=by)
    strata = sorted(set(points["stratum"]))
    if not strata:
        return create_notice("reliability_panels", language)
    lines = -(-len(strata) // _COLUMNS)
    with figure_style():
        figure, axes = create_figure(0.8 + 1.5 * lines, columns=_COLUMNS, rows=lines, sharex=True, sharey=True)
        for ax, stratum in zip(axes, strata, strict=False):
            for source in list_sources(points, protocol):
                part = select_rows(points, stratum=stratum, source=source)
                label = source_label(protocol, source, language)
                _draw_points(ax, part, source_colours(protocol)[source], filled=True, label=label)
            title = textwrap.fill(name_stratum(stratum, language), _TITLE, break_long_words=False)
            _finish(ax, title, language, low=_find_low(points))
            ax.set_title(title, fontsize=8)
            ax.tick_params(labelbottom=True)
        for ax in axes[len(strata) :]:
            ax.set_visible(False)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=3)
        figure.supxlabel(read_word("figure", "stated_probability", language), fontsize=8.5)
        figure.supylabel(read_word("figure", "share_right", language), fontsize=8.5)
    return figure


def render_gap_figure(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw the confidence gap of each centre and document type as a heat table, a panel per source.

    In percentage points, positive (red) where the source is over-confident; bold where the interval excludes 0,
    blank where there are too few patients.
    """
    gaps = select_rows(rows, metric="confidence_gap", analysis="reliability", variable="")
    gaps = gaps[gaps["stratum_by"].isin(["centre_document_type", "centre", "document_type", ""])]
    sources = list_sources(select_rows(gaps, status=Status.OK), protocol)
    if not sources:
        return create_notice("gaps", language)
    cells = gaps.assign(centre="", type="")
    both, centre = cells["stratum_by"] == "centre_document_type", cells["stratum_by"] == "centre"
    parts = cells["stratum"].str.partition("|")
    cells["centre"] = np.where(both, parts[0], np.where(centre, cells["stratum"], ""))
    cells["type"] = np.where(both, parts[2], np.where(centre, "", cells["stratum"]))
    lines, columns = sorted(set(cells["centre"]) - {""}), sorted(set(cells["type"]) - {""})
    with figure_style():
        figure, axes = create_figure(1.5 + 0.17 * (len(lines) + 1), columns=len(sources), sharey=True)
        for ax, source in zip(axes, sources, strict=True):
            _draw_gaps(ax, select_rows(cells, source=source), [*lines, ""], [*columns, ""], language)
            ax.set_title(source_label(protocol, source, language))
    return figure


def _draw_gaps(ax: Axes, cells: pd.DataFrame, lines: Sequence[str], columns: Sequence[str], language: Language) -> None:
    shown = select_rows(cells, status=Status.OK)
    grid = np.full((len(lines), len(columns)), np.nan)
    for row in shown.to_dict("records"):
        at = lines.index(row["centre"]), columns.index(row["type"])
        grid[at] = 100 * row["estimate"]
        sure = row["lower"] > 0 or row["upper"] < 0
        text = format_number(grid[at], language, digits=0, sign=True)
        ax.text(at[1], at[0], text, ha="center", va="center", fontsize=6.2,
                color="white" if abs(grid[at]) > _DARK else INK,
                fontweight="bold" if sure else "normal")  # fmt: skip
    ax.imshow(grid, cmap="RdBu_r", vmin=-_FULL, vmax=_FULL, aspect="auto")
    everything = read_word("figure", "together", language)
    ax.set_yticks(range(len(lines)), [name_stratum(name, language) or everything for name in lines], fontsize=7)
    ax.set_xticks(range(len(columns)), [name_stratum(name, language) or everything for name in columns], fontsize=7,
                  rotation=50, ha="right", rotation_mode="anchor")  # fmt: skip
    ax.tick_params(length=0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)


def render_confidence_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per variable and source: values, errors, gap, ECE, area under the ROC curve, slope; all together first."""
    own = select_rows(rows, analysis="reliability", stratum_by="")
    body = []
    for variable in stack_names(select_rows(own, metric="ece"), protocol):
        for source in list_sources(select_rows(own, variable=variable), protocol):
            part = select_rows(own, variable=variable, source=source)
            if select_rows(part, metric="ece").empty:
                continue
            names = [label_of(protocol, variable, language), source_label(protocol, source, language)]
            body.append([*names, read_n(part, "ece"), _read_errors(part), *_read_parts(part, language)])
    head = [read_word("column", name, language) for name in ("variable", "source", "n", "errors")]
    head += [read_word("metric", name, language) for name in ("confidence_gap", "ece", "auroc", "calibration_slope")]
    return Table(head, leave_repeated(body), "llrrllll", widths=(16, 9, 7, 8, 16, 15, 15, 15))


def _read_errors(part: pd.DataFrame) -> str:
    k = select_rows(part, metric="ece")["k"]
    return EMPTY if k.empty or pd.isna(k.iloc[0]) else str(k.iloc[0])


def _read_parts(part: pd.DataFrame, language: Language) -> list[str]:
    gap = read_interval(part, "confidence_gap", language, percent=True, sign=True)
    rest = [read_interval(part, name, language) for name in ("auroc", "calibration_slope")]
    return [gap, read_interval(part, "ece", language, percent=True), *rest]


def render_recalibration_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per source, on evaluation patients: each recalibration beside the raw score."""
    own = select_rows(rows, analysis="recalibration", stratum_by="", variable="")
    body = []
    for source in list_sources(own, protocol):
        for term in TERMS:
            part = select_rows(own, source=source, term=term)
            cells = [_read_cell(part, name, language) for name in (*_PARTS, "aurc")]
            body.append([source_label(protocol, source, language), read_word("recalibration", term, language), *cells])
    head = [read_word("column", name, language) for name in ("source", "score")]
    head += [read_word("metric", name, language) for name in (*_PARTS, "aurc")]
    return Table(head, leave_repeated(body), "ll" + "l" * 7, widths=(8, 11, 12, 12, 12, 12, 12, 12, 12))


def _read_cell(part: pd.DataFrame, metric: str, language: Language) -> str:
    percent = metric in ("ece", "aurc", "brier_skill")
    return read_interval(part, metric, language, percent=percent, digits=3 if metric == "brier" else None)


def describe_confidence(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say, per source: on which side its confidence errs, where most, and what recalibration does."""
    out = []
    for source in list_sources(select_rows(rows, metric="ece"), protocol):
        out += _describe_source(select_rows(rows, source=source), source, protocol, language)
    return out


def render_confidence_text(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return the sentences of `describe_confidence`, one a row, for a notebook."""
    said = describe_confidence(rows, protocol, language=language)
    return Table([read_word("column", "in_words", language)], [[sentence] for sentence in said], "l")


def _describe_source(own: pd.DataFrame, source: str, protocol: Protocol, language: Language) -> list[str]:
    name = source_label(protocol, source, language)
    delivered = select_rows(own, analysis="reliability", variable="")
    whole = select_rows(delivered, stratum_by="", metric="confidence_gap", status=Status.OK)
    if whole.empty:
        reason = select_rows(own, metric="ece")["reason"].iloc[0]
        return [say("confidence_none", language, source=name, reason=_word_reason(reason, language))]
    row = whole.iloc[0]
    side = "over" if row["lower"] > 0 else "under" if row["upper"] < 0 else "even"
    gap = read_interval(whole, "confidence_gap", language, percent=True, sign=True)
    out = [say(f"confidence_{side}", language, source=name, gap=gap)]
    centres = select_rows(delivered, stratum_by="centre", metric="confidence_gap", status=Status.OK)
    over, under = int((centres["lower"] > 0).sum()), int((centres["upper"] < 0).sum())
    if len(centres):
        out.append(say("confidence_centres", language, over=over, under=under, centres=len(centres)))
    change = select_rows(own, metric="brier_difference", term=chosen_recalibration(protocol), status=Status.OK)
    if len(change):
        shown = read_interval(change, "brier_difference", language, digits=3, sign=True)
        key = "recalibration_helps" if change["upper"].iloc[0] < 0 else "recalibration_open"
        word = read_word("recalibration", chosen_recalibration(protocol), language).lower()
        out.append(say(key, language, source=name, method=word, change=shown))
    return out


def _word_reason(reason: str, language: Language) -> str:
    return read_word("reason", reason, language) if has_word("reason", reason) else reason
