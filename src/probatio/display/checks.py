"""Checks and clinicians' rules: what was asked of each source, and its answer, drawn from result rows only."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from probatio.checks import RULE, read_catalogue
from probatio.display.rows import label_of, read_interval, source_label
from probatio.display.style import GREY, INK, PALE, create_figure, create_notice, figure_style, wrap_title
from probatio.display.table import Table
from probatio.protocol import Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, format_percent, read_word

_ANSWERS = ("passed", "failed", "not_applicable", "error")
_SHADES = {"passed": "#d3ece3", "failed": "#f3c9a8", "error": "#E69F00"}


def read_answer(row: Any) -> str:
    """Return a check row's answer: passed or failed where it was counted, otherwise its status."""
    return str(row["unit"]) if row["status"] == Status.OK else str(row["status"])


def render_check_overview(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return how many checks of each category every source passes, fails, or cannot be given."""
    overall = _select_overall(rows)
    body = []
    for analysis in _list_analyses(overall):
        for source in protocol.sources:
            own = select_rows(overall, analysis=analysis, source=source.name)
            if len(own):
                counts = [str(own["answer"].eq(answer).sum()) for answer in _ANSWERS]
                body.append([read_word("check", analysis, language), source.label.read(language), *counts])
    head = [read_word("column", name, language) for name in ("category", "source")]
    return Table(head + [read_word("check", answer, language) for answer in _ANSWERS], body, "llrrrr")


def render_check_table(
    rows: pd.DataFrame, protocol: Protocol, *, language: Language, only: Literal["rules", "failed"] = "rules"
) -> Table:
    """Return check, variable, source, violating of examined, share, threshold and answer.

    Args:
        rows: result rows, those of `estimate_checks` among them.
        protocol: gives labels and order.
        language: of labels and numbers.
        only: "rules": every clinician's rule; "failed": whatever failed or ended in an error.
    """
    overall = _select_overall(rows)
    kept = overall["analysis"].eq(RULE) if only == "rules" else overall["answer"].isin(["failed", "error"])
    body = [_derive_line(row, protocol, language) for row in _order(overall[kept], protocol).to_dict("records")]
    names = ("check", "variable", "source", "violating", "share", "threshold", "answer")
    return Table([read_word("column", name, language) for name in names], body, "lllrlrl",
                 widths=(26, 16, 14, 11, 15, 8, 10))  # fmt: skip


def _derive_line(row: dict[Any, Any], protocol: Protocol, language: Language) -> list[str]:
    counted = row["status"] == Status.OK
    return [
        read_check_label(row["term"], protocol, language),
        label_of(protocol, row["variable"], language) if row["variable"] else EMPTY,
        source_label(protocol, row["source"], language),
        f"{row['k']}/{row['n']}" if counted else EMPTY,
        read_interval(pd.DataFrame([row]), "check", language, percent=True),
        format_percent(float(row["at"]), language),
        read_word("check", row["answer"], language),
    ]


def read_check_label(name: str, protocol: Protocol, language: Language) -> str:
    """Return the wording of a check of the catalogue, or of a rule of the protocol."""
    for rule in protocol.rules:
        if rule.name == name:
            return rule.label.read(language)
    return read_catalogue()[name].read_label(language)


def render_check_matrix(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw checks and rules against sources: variables that fail a check; patients that break a rule."""
    overall = _order(_select_overall(rows), protocol)
    sources = [source.name for source in protocol.sources if source.name in set(overall["source"])]
    names = list(dict.fromkeys(overall["term"]))
    if not names:
        return create_notice("checks", language)
    with figure_style():
        figure, (ax,) = create_figure(1.3 + 0.27 * len(names))
        for y, name in enumerate(names):
            for x, source in enumerate(sources):
                _draw_cell(ax, x, y, *_read_cell(select_rows(overall, term=name, source=source), language))
        ax.set_xlim(-0.5, len(sources) - 0.5)
        ax.set_ylim(len(names) - 0.5, -0.5)
        _label_axes(ax, names, sources, protocol, language)
        said = "\n".join(_wrap(read_word("figure", "checks_legend", language)))
        figure.supxlabel(said, fontsize=7.5, color=GREY)
    return figure


def _read_cell(own: pd.DataFrame, language: Language) -> tuple[str, str]:
    """Return the text and the answer of one cell: a rule's share, or `failed / checked` of a check of the catalogue."""
    answers = set(own["answer"])
    answer = next((name for name in ("error", "failed", "passed") if name in answers), "not_applicable")
    counted = own[own["status"] == Status.OK]
    if counted.empty:
        return (EMPTY if answer == "not_applicable" else "!"), answer
    if own["analysis"].iloc[0] == RULE:
        return format_percent(counted["estimate"].iloc[0], language), answer
    return f"{int(counted['answer'].eq('failed').sum())}/{len(counted)}", answer


def _draw_cell(ax: Axes, x: int, y: int, text: str, answer: str) -> None:
    failed = answer in ("failed", "error")
    ax.add_patch(
        Rectangle((x - 0.47, y - 0.44), 0.94, 0.88, facecolor=_SHADES.get(answer, PALE),
                  edgecolor=INK if failed else "white", linewidth=0.9 if failed else 0.5)
    )  # fmt: skip
    if failed:
        strip = Rectangle((x - 0.47, y - 0.44), 0.07, 0.88, facecolor="none", edgecolor=INK, hatch="/////", linewidth=0)
        ax.add_patch(strip)
    ax.text(x, y, text, ha="center", va="center", fontsize=7, color=INK)


def _label_axes(ax: Axes, names: Sequence[str], sources: Sequence[str], protocol: Protocol, language: Language) -> None:
    labels = [read_check_label(name, protocol, language) for name in names]
    ax.set_yticks(range(len(names)), ["\n".join(_wrap(label, 46)) for label in labels], fontsize=7)
    ax.set_xticks(range(len(sources)), [wrap_title(source_label(protocol, s, language), len(sources)) for s in sources])
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)


def _wrap(text: str, width: int = 100) -> list[str]:
    return textwrap.wrap(text, width)


def _select_overall(rows: pd.DataFrame) -> pd.DataFrame:
    overall = select_rows(rows, metric="check", stratum_by="")
    return overall.assign(answer=[read_answer(row) for row in overall[["unit", "status"]].to_dict("records")])


def _list_analyses(overall: pd.DataFrame) -> list[str]:
    known = [*dict.fromkeys(check.analysis for check in read_catalogue().values()), RULE]
    return [analysis for analysis in known if analysis in set(overall["analysis"])]


def _order(overall: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Return rows in the order of the catalogue, then of the protocol's rules, variables and sources."""
    checks = {name: at for at, name in enumerate([*read_catalogue(), *(rule.name for rule in protocol.rules)])}
    variables = {variable.name: at for at, variable in enumerate(protocol.variables)}
    sources = {source.name: at for at, source in enumerate(protocol.sources)}
    ranked = overall.assign(
        c=overall["term"].map(checks),
        v=overall["variable"].str.replace(r"\..*", "", regex=True).map(variables).fillna(-1),
        s=overall["source"].map(sources),
    )
    return ranked.sort_values(["c", "v", "variable", "s"], kind="stable").drop(columns=["c", "v", "s"])
