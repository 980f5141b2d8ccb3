"""What has been published, as data: the evidence table, and the study's error beside published error rates.

`literature.csv` holds one published figure per line. `status` says what may be made of it: `verified` (read in the
source named), `press` (press, vendor or second-hand account, not verified), `missing` (looked for, not found). Only
verified rates are drawn.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probatio.display.rows import select_reporting
from probatio.display.style import GREY, INK, create_figure, figure_style, source_colours
from probatio.display.table import Table, leave_repeated
from probatio.protocol import Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import format_percent, read_word

VERIFIED = "verified"
_LEFT = 0.0001
"""The end of the scale: without error a source is an arrow there, with the upper end of its interval."""
_TICKS = (0.0002, 0.001, 0.005, 0.02, 0.1, 0.5)


@dataclass(frozen=True)
class Published:
    """One published figure.

    `anchor` is its number in the evidence table, `key` the reference's key ("" where the work has none), `status`
    what may be made of it. `estimate, lower, upper` are proportions, NaN unless it is an error rate; `value` is the
    figure as published, `consequence` what follows for thresholds, by language.
    """

    anchor: str
    key: str
    status: str
    kind: str
    estimate: float
    lower: float
    upper: float
    source: str
    what: Mapping[str, str]
    value: Mapping[str, str]
    consequence: Mapping[str, str]


@cache
def read_literature() -> tuple[Published, ...]:
    """Return the published figures, verified ones first."""
    text = (files("probatio.display") / "literature.csv").read_text(encoding="utf-8")
    return tuple(map(_read_published, csv.DictReader(text.splitlines())))


def _read_published(line: Mapping[str, str]) -> Published:
    estimate, lower, upper = (float(line[name] or "nan") for name in ("estimate", "lower", "upper"))
    what, value, consequence = (
        {language: line[f"{name}_{language}"] for language in ("en", "fr")} for name in ("what", "value", "consequence")
    )
    return Published(line["anchor"], line["key"], line["status"], line["kind"], estimate, lower, upper,
                     line["source"], what, value, consequence)  # fmt: skip


def render_literature_table(protocol: Protocol, *, language: Language) -> Table:
    """Return what was published, by what may be made of it: figure, source, consequence for the thresholds."""
    body = [
        [
            read_word("evidence", each.status, language),
            each.what[language],
            each.value[language],
            each.source,
            each.consequence[language],
        ]
        for each in read_literature()
    ]
    head = [read_word("column", name, language) for name in ("status", "published", "value", "source", "consequence")]
    return Table(head, leave_repeated(body), "lllll", widths=(12, 31, 19, 15, 23))


def render_literature_forest(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw the study's error over all variables beside the error rates published and verified, on a log scale.

    Args:
        rows: of the agreement notebook.
        protocol: the study.
        language: of the words.
    """
    published = [each for each in read_literature() if each.status == VERIFIED and math.isfinite(each.estimate)]
    own = select_pooled_errors(rows, protocol)
    names = [each.what[language] for each in published]
    labels = [protocol.get_source(name).label.read(language) for name in own["source"]]
    with figure_style():
        figure, (ax,) = create_figure(1.0 + 0.29 * (len(names) + len(labels) + 2))
        _draw_published(ax, published)
        for at, row in enumerate(own.to_dict("records"), start=len(published) + 2):
            colour = source_colours(protocol)[row["source"]]
            ax.plot([max(row["lower"], _LEFT), row["upper"]], [at, at], color=colour, linewidth=1.6)
            mark = "o" if row["estimate"] > _LEFT else "<"
            ax.plot(max(row["estimate"], _LEFT), at, mark, color=colour, markersize=5, clip_on=False)
        _name_lines(ax, names, labels, language)
        _set_scale(ax, language)
        ax.set_xlabel(read_word("metric", "error_rate", language))
    return figure


def select_pooled_errors(rows: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Return each leading source's error against the reference over all variables."""
    if protocol.reference is None:
        return rows.iloc[:0]
    found = select_rows(select_reporting(rows), metric="error_rate", variable="", status=Status.OK)
    found = found[found["comparator"] == protocol.reference.name]
    order = {source.name: rank for rank, source in enumerate(protocol.sources)}
    return found.assign(rank=found["source"].map(order)).sort_values("rank", kind="stable").drop(columns="rank")


def _draw_published(ax: Axes, published: Sequence[Published]) -> None:
    for at, each in enumerate(published, start=1):
        if math.isfinite(each.lower):
            ax.plot([each.lower, each.upper], [at, at], color=INK, linewidth=1.2)
        ax.plot(each.estimate, at, "s", color=INK, markersize=4, markerfacecolor="white")


def _name_lines(ax: Axes, names: Sequence[str], labels: Sequence[str], language: Language) -> None:
    """Name the lines, with a heading above the published ones and above the study's own."""
    heads = [read_word("figure", name, language) for name in ("published", "this_study")]
    texts = [heads[0], *(_break_long(name) for name in names), heads[1], *labels]
    ax.set_yticks(range(len(texts)), texts, fontsize=7.5)
    ax.tick_params(axis="y", length=0)
    for at in (0, len(names) + 1):
        ax.get_yticklabels()[at].set_fontweight("bold")
    ax.axhline(len(names) + 0.5, color=GREY, linewidth=0.6)
    ax.set_ylim(len(texts) - 0.4, -0.6)


def _break_long(text: str, most: int = 46) -> str:
    if len(text) <= most:
        return text
    words, lines = text.split(" "), [""]
    for word in words:
        if len(lines[-1]) + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def _set_scale(ax: Axes, language: Language) -> None:
    ax.set_xscale("log")
    ax.set_xlim(_LEFT, 0.6)
    ax.set_xticks(_TICKS, [format_percent(tick, language, digits=2 if tick < 0.001 else 1 if tick < 0.02 else 0)
                           for tick in _TICKS])  # fmt: skip
    ax.minorticks_off()
    ax.grid(axis="x", color="#eeeeee", linewidth=0.6)
    ax.set_axisbelow(True)
