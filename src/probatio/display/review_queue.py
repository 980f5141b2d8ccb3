"""The queue of values to review: how many of each variable, why, and whether it holds the errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probatio.display.rows import label_of, read_interval, source_label, stack_names
from probatio.display.sentences import say
from probatio.display.style import INK, PALE, PALETTE, create_figure, create_notice, figure_style, set_number_axis
from probatio.display.table import Table
from probatio.protocol import Language, Protocol
from probatio.results import Status, select_rows
from probatio.review.reasons import QueueReason
from probatio.wording import EMPTY, format_number, format_percent, read_word

_SHOWN = 0.005
_DARK = 0.6
_HITS = ("queue_precision", "queue_lift", "queue_recall")


def select_reviewed(rows: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Return the rows of the use that is reviewed for."""
    return select_rows(rows, use=protocol.review.use if protocol.review else "")


def render_queue_figure(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw how many values of each variable are queued, and which share of them has each reason."""
    own = select_reviewed(rows, protocol)
    queued = _drop_all(select_rows(own, metric="queued_share"))
    said = _drop_all(select_rows(own, metric="queue_reason_share", status=Status.OK))
    if said.empty:
        return create_notice("queue", language)
    names = stack_names(queued, protocol)
    codes = [str(code) for code in QueueReason if str(code) in set(said["term"])]
    with figure_style():
        figure, (left, right) = create_figure(1.9 + 0.2 * len(names), columns=2, ratios=(1, 2.4), sharey=True)
        counts = queued.set_index("variable").reindex(names)
        for name, colour, word in (("n", PALE, "values"), ("k", PALETTE[0], "queued")):
            widths = counts[name].astype(float)
            left.barh(range(len(names)), widths, color=colour, label=read_word("column", word, language))
        left.set_yticks(range(len(names)), [label_of(protocol, name, language) for name in names])
        left.set_ylim(len(names) - 0.5, -0.5)
        set_number_axis(left, language)
        _draw_reasons(right, said, names, codes, language)
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=2)
    return figure


def _draw_reasons(ax: Axes, said: pd.DataFrame, names: list[str], codes: list[str], language: Language) -> None:
    shares = said.pivot_table(index="variable", columns="term", values="estimate").reindex(index=names, columns=codes)
    grid = shares.fillna(0.0).to_numpy(dtype=float)
    ax.imshow(grid, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in zip(*np.nonzero(grid >= _SHOWN), strict=True):
        value = grid[row, column]
        ax.text(column, row, format_percent(value, language, digits=0, unit=False), fontsize=6.5, ha="center",
                va="center", color="white" if value > _DARK else INK)  # fmt: skip
    ax.set_xticks(range(len(codes)), [read_word("queue_reason", code, language) for code in codes], rotation=55,
                  ha="left", rotation_mode="anchor", fontsize=7.5)  # fmt: skip
    ax.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, left=False, length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel(read_word("figure", "percent_of_queued", language))


def render_queue_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return, by variable, values and those in the queue, expected errors and their share, and the consequence."""
    own = select_reviewed(rows, protocol)
    body = []
    for variable in ["", *stack_names(_drop_all(select_rows(own, metric="queued_share")), protocol)]:
        mine = select_rows(own, variable=variable)
        queued = select_rows(mine, metric="queued_share")
        if queued.empty:
            continue
        found = select_rows(mine, metric="expected_errors")["estimate"].iloc[0]
        counts = [read_count(queued.iloc[0], language, name) for name in ("n", "k")]
        shares = [_read_percent(mine, name, language) for name in ("queued_share", "expected_errors_share")]
        cells = [*counts, shares[0], format_number(float(found), language, digits=1), shares[1]]
        body.append([label_of(protocol, variable, language), *cells, _read_consequence(mine, variable, language)])
    head = [read_word("column", name, language) for name in ("variable", "values", "queued")]
    head += [
        read_word("metric", name, language) for name in ("queued_share", "expected_errors", "expected_errors_share")
    ]
    return Table([*head, read_word("column", "consequence", language)], body, "l" + "r" * 6,
                 widths=(26, 10, 12, 12, 13, 14, 13))  # fmt: skip


def _drop_all(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["variable"] != ""]


def _read_consequence(rows: pd.DataFrame, variable: str, language: Language) -> str:
    """Return the consequence of an error, the lowest and the highest where visits differ."""
    found = select_rows(rows, metric="error_consequence", status=Status.OK)["estimate"]
    if not variable or found.empty:
        return EMPTY
    low, high = (format_percent(float(value), language, digits=0) for value in (found.min(), found.max()))
    return low if low == high else f"{low}–{high}"


def render_hits_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return how many of the queue's first values are truly wrong, beside chance, and how many errors they hold."""
    own, body = select_reviewed(rows, protocol), []
    for at in sorted(set(select_rows(own, metric="queue_precision")["at"]), key=float):
        mine = select_rows(own, at=at)
        precision = select_rows(mine, metric="queue_precision").iloc[0]
        cells = [read_interval(mine, name, language, percent=name != "queue_lift", digits=1) for name in _HITS]
        counts = [read_count(precision, language, name) for name in ("n", "k")]
        body.append([format_percent(float(at), language, digits=0), *counts, *cells])
    head = [read_word("column", name, language) for name in ("queue_part", "n", "wrong")]
    head += [read_word("metric", name, language) for name in _HITS]
    return Table(head, body, "rrrrrr", widths=(12, 8, 10, 24, 22, 24))


def describe_queue(own: pd.DataFrame, protocol: Protocol, language: Language) -> str:
    """Say how many values are to be reviewed, how long that takes, and which share of the errors is expected there."""
    overall = select_rows(own, variable="")
    queued, minutes = (select_rows(overall, metric=name).iloc[0] for name in ("queued_share", "review_minutes"))
    source = source_label(protocol, str(queued["source"]), language)
    counts = {name: read_count(queued, language, name) for name in ("n", "k")}
    return say("review_queue", language, source=source, use=read_word("use", str(queued["use"]), language).lower(),
               share=_read_percent(overall, "expected_errors_share", language), **counts,
               hours=format_number(float(minutes["estimate"]) / 60, language, digits=0))  # fmt: skip


def _read_percent(rows: pd.DataFrame, metric: str, language: Language) -> str:
    found = select_rows(rows, metric=metric, status=Status.OK)
    return EMPTY if found.empty else format_percent(float(found["estimate"].iloc[0]), language, digits=0)


def read_count(row: Any, language: Language, name: str = "k") -> str:
    """Return a count of a row as text; a dash where there is none."""
    return EMPTY if pd.isna(row[name]) else format_number(float(row[name]), language, digits=0)
