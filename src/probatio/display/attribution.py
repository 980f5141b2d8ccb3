"""Which variable's errors move an estimate, drawn from result rows only: a waterfall, a table and sentences.

Shown is the first number of each analysis: the first coefficient of its first term. Rows hold the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from probatio.display.rows import COLON, label_of, level_label, read_interval, source_label
from probatio.display.sentences import say
from probatio.display.style import (
    GREY,
    INK,
    PALE,
    PALETTE,
    create_figure,
    create_notice,
    figure_style,
    set_number_axis,
    set_percent_axis,
    wrap_title,
)
from probatio.display.table import Table, leave_repeated
from probatio.protocol import Analysis, Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, format_number, format_percent, read_word

RATIO = "log_hazard_ratio"
_UP, _DOWN = PALETTE[1], PALETTE[0]
_TICKS = (0.06, 0.12, 0.18, 0.25, 0.35, 0.5, 0.7, 1, 1.4, 2, 2.8, 4, 5.6, 8, 11, 16)


class _Panel(NamedTuple):
    """One source in one analysis: its rows of the number shown."""

    analysis: Analysis
    source: str
    term: str
    rows: pd.DataFrame


class _Step(NamedTuple):
    """One bar of the waterfall: its name, where it begins and ends, and the bounds of its end."""

    name: str
    begin: float
    end: float
    lower: float
    upper: float


def word_quantity(term: str, protocol: Protocol, language: Language) -> str:
    """Return the wording of the number that a row's `term` names, such as `log_hazard_ratio:stage=late`."""
    metric, _, label = term.partition(":")
    words = read_word("metric", metric, language)
    return f"{words}, {_word_label(label, protocol, language)}" if label else words


def _word_label(label: str, protocol: Protocol, language: Language) -> str:
    variable, _, group = label.partition("=")
    level = "" if group == "per 1" else group.partition("@")[0]
    name = label_of(protocol, variable, language)
    return f"{name}{COLON[language]}{level_label(protocol, variable, level, language)}" if level else name


def _is_ratio(term: str) -> bool:
    return term.partition(":")[0].endswith(RATIO)


def _list_panels(rows: pd.DataFrame, protocol: Protocol) -> list[_Panel]:
    """Return every analysis and source with an attribution, in the protocol's order, at the analysis' first number."""
    out = []
    for analysis in protocol.analyses:
        own = select_rows(rows, analysis=analysis.name, metric="shift", stratum_by="")
        terms = _order_terms(set(own["term"]), analysis)
        for source in analysis.sources:
            if terms and len(select_rows(own, source=source)):
                part = select_rows(rows, analysis=analysis.name, source=source, term=terms[0])
                out.append(_Panel(analysis, source, terms[0], part))
    return out


def _order_terms(terms: set[str], analysis: Analysis) -> list[str]:
    """Return an analysis' numbers: log hazard ratios first, weighted ones before others, by term and group."""
    names = [f"{term.variable}={group}" for term in analysis.terms for group in (*term.groups, "")]
    ranks = {name: rank for rank, name in enumerate(names)}

    def rank(term: str) -> tuple[bool, bool, bool, int, str]:
        label = term.partition(":")[2]
        place = ranks.get(label.partition("@")[0], len(ranks))
        return not _is_ratio(term), not term.startswith("weighted"), not label, place, term

    return sorted(terms, key=rank)


def render_attribution_figure(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw, per analysis and source, the way from the comparator's estimate to the source's, part by part.

    A bar is a Shapley share, or what patients complete in one source only make up; a line is its interval.
    """
    panels = _list_panels(rows, protocol)
    known = [panel for panel in panels if select_rows(panel.rows, metric="attribution_start", status=Status.OK).size]
    if not known:
        return create_notice("attribution", language)
    lines = [[panel for panel in panels if panel.analysis == analysis] for analysis in protocol.analyses]
    lines = [own for own in lines if own]
    columns = max(len(own) for own in lines)
    heights = [max(len(set(panel.rows["variable"])) for panel in own) + 2 for own in lines]
    with figure_style():
        tall = 0.2 + (0.6 * len(lines) + 0.15 * sum(heights) if len(lines) > 1 else 0.7 + 0.23 * heights[0])
        figure, axes = create_figure(tall, columns=columns, rows=len(lines))
        for line, own in enumerate(lines):
            _draw_line(axes[line * columns : (line + 1) * columns], own, protocol, language, named=len(lines) > 1)
    return figure


def _draw_line(axes: list[Axes], panels: list[_Panel], protocol: Protocol, language: Language, *, named: bool) -> None:
    """Draw the sources of one analysis beside each other, on one scale; its name above where there are several."""
    steps = [list(_derive_steps(panel, protocol, language)) for panel in panels]
    limits = _derive_limits([step for own in steps for step in own], ratio=_is_ratio(panels[0].term))
    for place, ax in enumerate(axes):
        if place >= len(panels):
            ax.axis("off")
            continue
        panel = panels[place]
        title = wrap_title(source_label(protocol, panel.source, language), len(axes))
        ax.set_title(f" \n{title}" if named else title)
        if named and place == 0:
            name = f"{panel.analysis.label.read(language)} – {_word_axis(panel, language)}"
            _write_name(ax, name, lines=1 + title.count("\n"))
        if steps[place]:
            _draw_steps(ax, steps[place])
            _set_axis(ax, panel, limits, language, sparse=len(axes) > 1)
            ax.set_xlabel("" if named else wrap_title(_word_axis(panel, language), len(axes)))
            base = source_label(protocol, panel.analysis.comparator or "", language)
            names = [base, *(step.name for step in steps[place]), read_word("figure", "the_source", language)]
            ax.set_yticks(range(-1, len(steps[place]) + 1), names if place == 0 else [""] * len(names))
            ax.tick_params(axis="y", length=3 if place == 0 else 0, labelsize=7 if named else 8.5)
        else:
            _write_reason(ax, panel, language)


def _word_axis(panel: _Panel, language: Language) -> str:
    return read_word("metric", panel.term.partition(":")[0].replace("log_", ""), language)


def _write_name(ax: Axes, name: str, *, lines: int) -> None:
    """Write an analysis' name above the title of its first panel, from the figure's left edge."""
    ax.annotate(name, (0.01, 1), (0, 8 + 12 * lines), xycoords=("figure fraction", "axes fraction"),
                textcoords="offset points", color=GREY, fontsize=8, in_layout=False)  # fmt: skip


def _write_reason(ax: Axes, panel: _Panel, language: Language) -> None:
    reason = _find_reason(select_rows(panel.rows, metric=["attribution_start", "shift", "shapley"]))
    text = wrap_title(read_word("reason", reason, language), 3)
    ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes, color=GREY, style="italic")
    ax.set_xticks([])
    ax.set_yticks([])


def _draw_steps(ax: Axes, steps: list[_Step]) -> None:
    for at, step in enumerate(steps):
        _draw_step(ax, at, step)
    start, end = steps[0].begin, steps[-1].end
    ax.plot([start, end], [-1, len(steps)], "D", color=INK, markersize=4.5)
    ax.axvline(start, color=GREY, linewidth=0.7, linestyle=":")
    ax.set_ylim(len(steps) + 0.5, -1.5)


def _derive_steps(panel: _Panel, protocol: Protocol, language: Language) -> Iterator[_Step]:
    """Yield the bars in order: selection, then each variable; none where a part is undefined."""
    rows = _order_parts(panel.rows, protocol)
    start = select_rows(panel.rows, metric="attribution_start")["estimate"].iloc[0]
    if not (rows["status"] == Status.OK).all() or math.isnan(start):
        return
    change = math.exp if _is_ratio(panel.term) else float
    at = start
    for row in rows.to_dict("records"):
        ends = (at + row[name] for name in ("estimate", "lower", "upper"))
        yield _Step(_word_part(row["variable"], protocol, language), change(at), *(change(end) for end in ends))
        at += row["estimate"]


def _order_parts(rows: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Return the parts that add up to the whole shift: selection, then the share of each variable's values."""
    parts = pd.concat([select_rows(rows, metric="selection", variable=""), select_rows(rows, metric="shapley")])
    ranks = {"": -1} | {variable.name: rank for rank, variable in enumerate(protocol.variables)}
    return parts.assign(rank=parts["variable"].map(ranks)).sort_values("rank", kind="stable")


def _word_part(variable: str, protocol: Protocol, language: Language) -> str:
    return label_of(protocol, variable, language) if variable else read_word("figure", "selection", language)


def _draw_step(ax: Axes, at: int, step: _Step) -> None:
    colour = _UP if step.end > step.begin else _DOWN
    ax.barh(at, step.end - step.begin, left=step.begin, height=0.62, color=colour, alpha=0.85)
    ax.plot([step.begin, step.begin], [at - 1, at], color=PALE, linewidth=0.8, zorder=0)
    ax.plot([step.end, step.end], [at, at + 1], color=PALE, linewidth=0.8, zorder=0)
    if not math.isnan(step.lower):
        ax.plot([step.lower, step.upper], [at, at], color=INK, linewidth=0.9)


def _derive_limits(steps: list[_Step], *, ratio: bool) -> tuple[float, float]:
    """Return the scale that holds every bar and interval; that of a ratio holds 1 too."""
    values = [value for step in steps for value in step[1:] if not math.isnan(value)] or [1.0]
    low, high = min(values), max(values)
    if ratio:
        return min(low, 1.0) / 1.05, max(high, 1.0) * 1.05
    edge = 0.05 * (high - low)
    return low - edge, high + edge


def _set_axis(ax: Axes, panel: _Panel, limits: tuple[float, float], language: Language, *, sparse: bool) -> None:
    metric = panel.term.partition(":")[0]
    if _is_ratio(panel.term):
        ax.set_xscale("log")
        ax.axvline(1, color=INK, linewidth=0.8)
        ticks = [tick for tick in _TICKS if limits[0] <= tick <= limits[1]]
        ticks = ticks[:: 2 if sparse and len(ticks) > 4 else 1]
        ax.xaxis.set_major_locator(FixedLocator(ticks))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticklabels([format_number(tick, language, digits=0 if tick == int(tick) else 1) for tick in ticks])
    else:
        ax.xaxis.set_major_locator(MaxNLocator(3 if sparse else 6, prune="both"))
    if metric == "cumulative_incidence":
        set_percent_axis(ax, language)
    elif not _is_ratio(panel.term):
        set_number_axis(ax, language)
    ax.set_xlim(limits)


def render_attribution_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per source and part: patients who differ, Shapley share with interval, percentage, swaps one at a time.

    The last column says what a variable does through patients not complete in both sources: in all, the first line.
    """
    body = []
    for panel in _list_panels(rows, protocol):
        total = select_rows(panel.rows, metric="shift", stratum_by="patients")
        names = [panel.analysis.label.read(language)] if len(protocol.analyses) > 1 else []
        names += [source_label(protocol, panel.source, language), word_quantity(panel.term, protocol, language)]
        for row in _order_parts(panel.rows, protocol).to_dict("records"):
            own = select_rows(panel.rows, variable=row["variable"])
            share = "shapley_share" if row["variable"] else "selection_share"
            cells = [read_interval(own, row["metric"], language, digits=3, sign=True),
                     read_interval(own, share, language, percent=True, digits=0, sign=True)]  # fmt: skip
            cells += [_read_number(own, metric, language) for metric in ("swap_in", "swap_out", "selection")]
            if not row["variable"]:
                cells[-1] = EMPTY
            body.append([*names, _word_part(row["variable"], protocol, language), str(row["k"]), *cells])
        whole = read_interval(total, "shift", language, digits=3, sign=True)
        label = read_word("figure", "whole_shift", language)
        body.append([*names, label, str(total["k"].iloc[0]), whole, EMPTY, EMPTY, EMPTY, EMPTY])
    head = [read_word("column", "analysis", language)] if len(protocol.analyses) > 1 else []
    columns = ("source", "number", "part", "differing", "shapley", "of_shift", "alone", "mended", "incomplete")
    head += [read_word("column", name, language) for name in columns]
    align, widths = "lllrlrrrr", (10, 14, 14, 7, 17, 15, 11, 10, 11)
    return Table(
        head,
        leave_repeated(body, len(head) - 7),
        "l" * (len(head) - 9) + align,
        widths=(14,) * (len(head) - 9) + widths,
    )


def _read_number(rows: pd.DataFrame, metric: str, language: Language) -> str:
    found = select_rows(rows, metric=metric)
    if found.empty:
        return EMPTY
    row = found.iloc[0]
    if row["status"] != Status.OK:
        return read_word("reason", row["reason"], language)
    return format_number(row["estimate"], language, digits=3, sign=True)


def describe_attribution(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say, per analysis and source, how far the estimate moves, which part moves it most, and how few patients do."""
    out = []
    for panel in _list_panels(rows, protocol):
        names = {"analysis": panel.analysis.label.read(language),
                 "source": source_label(protocol, panel.source, language),
                 "comparator": source_label(protocol, panel.analysis.comparator or "", language)}  # fmt: skip
        text = _describe_shift(panel, protocol, language, names)
        out.append(" ".join([text, *_describe_carriers(panel, language)]))
    return out


def _describe_shift(panel: _Panel, protocol: Protocol, language: Language, names: dict[str, str]) -> str:
    total = select_rows(panel.rows, metric="shift", stratum_by="patients")
    parts = _order_parts(panel.rows, protocol)
    number = word_quantity(panel.term, protocol, language)
    number = number[:1].lower() + number[1:]
    shift = read_interval(total, "shift", language, digits=3, sign=True)
    if not (parts["status"] == Status.OK).all() or total["status"].iloc[0] != Status.OK:
        return say("attribution_undefined", language, number=number, **names,
                   reason=read_word("reason", _find_reason(pd.concat([total, parts])), language))  # fmt: skip
    largest = parts.loc[parts["estimate"].abs().idxmax()]
    if largest["estimate"] == 0:
        return say("attribution_none", language, number=number, **names)
    mine = select_rows(panel.rows, variable=largest["variable"], metric=largest["metric"])
    shares = select_rows(panel.rows, metric=["shapley_share", "selection_share"])
    own = select_rows(shares, variable=largest["variable"]).iloc[0]
    key = "attribution_share" if own["status"] == Status.OK else "attribution_cancels"
    return say(key, language, number=number, shift=shift, **names,
               part=_word_part(str(largest["variable"]), protocol, language),
               value=read_interval(mine, str(largest["metric"]), language, digits=3, sign=True),
               share=format_percent(own["estimate"], language, digits=0))  # fmt: skip


def _find_reason(rows: pd.DataFrame) -> str:
    return str(rows.loc[rows["status"] != Status.OK, "reason"].iloc[0])


def _describe_carriers(panel: _Panel, language: Language) -> list[str]:
    counts = select_rows(panel.rows, metric="carriers", status=Status.OK)
    if counts.empty:
        return []
    half, most = (select_rows(counts, method=name).iloc[0] for name in ("half", "nine_tenths"))
    return [say("carriers", language, half=int(half["estimate"]), most=int(most["estimate"]), k=half["k"])]
