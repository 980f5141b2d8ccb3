"""The verdict matrix and the criteria behind it, drawn from result rows only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from probatio.acceptance.estimating import describe_rule
from probatio.display.amendments import is_exploratory
from probatio.display.guarantee import read_review
from probatio.display.rows import (
    criterion_label,
    label_of,
    level_label,
    order_verdicts,
    read_interval,
    source_label,
    stack_names,
)
from probatio.display.style import (
    PALE,
    VERDICT_COLOURS,
    VERDICT_MARKS,
    create_figure,
    create_notice,
    figure_style,
    wrap_title,
)
from probatio.display.table import Table
from probatio.protocol import Language, Protocol
from probatio.protocol.criteria import COUNTED, DIFFERENCES
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, format_number, format_percent, read_word

COEFFICIENTS = ("kappa", "kappa_linear", "kappa_quadratic", "ac1", "ac2_linear", "ac2_quadratic", "ccc")
_PANELS_WITH_SLANTED_WORDS = 3
_EXPLORATORY = "*"
"""Beside the mark of a verdict whose rule was changed after AI data had been seen."""
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def render_verdict_matrix(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw variable x use, a panel per source; a mark stands beside every colour."""
    verdicts = select_rows(rows, metric="verdict")
    names = stack_names(verdicts[verdicts["variable"] != ""], protocol)
    sources = [source.name for source in protocol.sources if source.name in set(verdicts["source"])]
    if not names:
        return create_notice("verdicts", language)
    lines, marked = [*names, ""], select_rows(rows, metric="exploratory_criterion")
    with figure_style():
        figure, axes = create_figure(max(2.6, 1.9 + 0.2 * len(lines)), columns=len(sources), sharey=True)
        for ax, source in zip(axes, sources, strict=True):
            own = pd.concat([select_rows(verdicts, source=source), marked])
            _draw_matrix(ax, own, protocol, lines, language)
            ax.set_title(wrap_title(source_label(protocol, source, language), len(sources)))
        overall = read_word("figure", "all_variables", language)
        axes[0].set_yticks(range(len(lines)), [label_of(protocol, n, language) if n else overall for n in lines])
        axes[0].get_yticklabels()[-1].set_fontweight("bold")
        axes[0].set_ylim(len(lines) - 0.5, -0.5)
        shown = list(VERDICT_COLOURS)
        handles = [Patch(facecolor=VERDICT_COLOURS[name], edgecolor="white") for name in shown]
        labels = [f"{VERDICT_MARKS[name]} {read_word('verdict', name, language)}" for name in shown]
        if any(is_exploratory(marked, use=use) for use in protocol.uses):
            handles.append(Patch(facecolor="white", edgecolor="white"))
            labels.append(f"{_EXPLORATORY} {read_word('figure', 'exploratory', language)}")
        figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def _draw_matrix(ax: Axes, rows: pd.DataFrame, protocol: Protocol, lines: list[str], language: Language) -> None:
    verdicts, marked = select_rows(rows, metric="verdict"), select_rows(rows, metric="exploratory_criterion")
    for column, use in enumerate(protocol.uses):
        for line, name in enumerate(lines):
            found = select_rows(verdicts, use=use, variable=name)
            word = _read_verdict(found)
            colour = VERDICT_COLOURS.get(word, PALE if len(found) else "white")
            ax.add_patch(_cell(column, line, colour))
            mark = VERDICT_MARKS.get(word, EMPTY if len(found) else "")
            mark += _EXPLORATORY if word in VERDICT_MARKS and is_exploratory(marked, use=use, variable=name) else ""
            ax.text(column, line, mark, ha="center", va="center", fontsize=8.5)
    ax.set_xlim(-0.5, len(protocol.uses) - 0.5)
    # Beside each other the words of four panels would run into each other.
    upright = len(ax.figure.axes) > _PANELS_WITH_SLANTED_WORDS
    words = [read_word("use", use, language) for use in protocol.uses]
    ax.set_xticks(range(len(words)), words, rotation=90 if upright else 20)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)


def _cell(column: int, line: int, colour: str) -> Patch:
    return Rectangle((column - 0.5, line - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=1.2)


def _read_verdict(found: pd.DataFrame) -> str:
    if found.empty or found["status"].iloc[0] != Status.OK:
        return "not_applicable"
    return str(found["unit"].iloc[0])


def render_verdict_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per source and use: the verdict over all variables, how many pass, and what decided.

    A last column says what *accepted with review* asks for, where the study guarantees an error.
    """
    body, reviewed = [], has_review(select_rows(rows, variable=""))
    marked = select_rows(rows, metric="exploratory_criterion")
    for row in order_verdicts(select_rows(rows, metric="verdict", variable=""), protocol).to_dict("records"):
        word = row["unit"] if row["status"] == Status.OK else "not_applicable"
        why = label_of(protocol, row["term"], language) if row["term"] else EMPTY
        why = why if row["status"] == Status.OK else read_word("reason", row["reason"], language)
        passed = f"{row['k']}/{row['n']}" if row["status"] == Status.OK else EMPTY
        last = [read_review(rows, row, language)] if reviewed else []
        body.append([source_label(protocol, row["source"], language), read_word("use", row["use"], language),
                     _word_verdict(marked, {**row, "unit": word}, language), passed, why, *last])  # fmt: skip
    names = ["source", "use", "verdict", "passing", "decided_by", *["human_review"] * reviewed]
    return Table([read_word("column", name, language) for name in names], body, "lllrl" + "l" * reviewed)


def _word_verdict(marked: pd.DataFrame, row: Mapping[Any, Any], language: Language) -> str:
    """Return a verdict in words; one whose rule was changed after AI data were seen is said to explore."""
    word = read_word("verdict", row["unit"], language)
    if not is_exploratory(marked, use=row["use"], variable=row["variable"]):
        return word
    return f"{word} ({read_word('figure', 'exploratory', language)})"


def has_review(rows: pd.DataFrame) -> bool:
    """Say whether some verdict *accepted with review* says how much there is to review."""
    return bool((rows["metric"] == "review_share").any())


def render_deciding_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return, per variable and source not accepted as it is for a use, the verdict and the criterion that decided.

    A last column says what *accepted with review* asks for, where the study guarantees an error.
    """
    verdicts = select_rows(rows[(rows["variable"] != "") & (rows["term"] != "")], metric="verdict", status="ok")
    order = {name: index for index, name in enumerate(stack_names(verdicts, protocol))}
    ranked = order_verdicts(verdicts, protocol)
    ranked = ranked.assign(order=ranked["variable"].map(order)).sort_values("order", kind="stable")
    body, reviewed = [], has_review(rows)
    marked = select_rows(rows, metric="exploratory_criterion")
    for row in ranked.to_dict("records"):
        key = {name: row[name] for name in ("source", "variable", "use", "term")}
        decision = select_rows(rows, metric="decision", **key).iloc[0].to_dict()
        name, number, rule, _ = read_criterion(rows, decision, protocol, language)
        names = [label_of(protocol, row["variable"], language), source_label(protocol, row["source"], language)]
        said = [read_word("use", row["use"], language), _word_verdict(marked, row, language)]
        last = [read_review(rows, row, language)] if reviewed else []
        body.append([*names, *said, name, number, rule, *last])
    titles = ["variable", "source", "use", "verdict", "criterion", "estimate", "rule", *["human_review"] * reviewed]
    widths = (15, 9, 11, 12, 14, 15, 12, 12) if reviewed else (16, 11, 12, 13, 16, 18, 14)
    return Table([read_word("column", title, language) for title in titles], body, "l" * len(titles), widths=widths)


def read_criterion(
    rows: pd.DataFrame, decision: Mapping[Any, Any], protocol: Protocol, language: Language
) -> tuple[str, str, str, str]:
    """Return the texts of one criterion: its name (with the stratum judged), number, rule and decision."""
    key = {name: decision[name] for name in ("source", "variable", "use", "term", "at", "stratum_by", "stratum")}
    judged = select_rows(rows, metric="criterion", **key)
    metric = str(judged["unit"].iloc[0])
    name = criterion_label(str(decision["term"]), metric, language)
    if decision["stratum"]:
        name = f"{name} ({level_label(protocol, decision['stratum_by'], decision['stratum'], language)})"
    said = read_word("decision", decision["unit"], language) if decision["status"] == Status.OK else EMPTY
    return name, _read_number(judged, metric, language), read_rule(decision["at"], metric, language), said


def _read_number(judged: pd.DataFrame, metric: str, language: Language) -> str:
    row = judged.iloc[0]
    if metric in COUNTED and row["status"] == Status.OK:
        return f"{row['estimate']:g}" if pd.isna(row["n"]) else f"{row['estimate']:g}/{row['n']}"
    return read_interval(judged, "criterion", language, percent=metric not in COEFFICIENTS, sign=metric in DIFFERENCES)


def read_rule(rule: str, metric: str, language: Language) -> str:
    """Return a rule such as `< 0.1 (review < 0.2)` in words, its numbers in percent where they are shares."""

    def read(found: re.Match[str]) -> str:
        if metric in (*COUNTED, *COEFFICIENTS):
            return format_number(float(found[0]), language, digits=len(found[0].partition(".")[2]))
        return format_percent(float(found[0]), language, digits=_find_digits(found[0]))

    text = _NUMBER.sub(read, rule).replace("review", read_word("figure", "review", language))
    text = text.replace("tolerance", read_word("figure", "tolerance", language))
    return text.replace("< ", "<\u00a0").replace("> ", ">\u00a0")


def _find_digits(text: str) -> int:
    return max(len(text.partition(".")[2]) - 2, 0)


def render_matrix_table(protocol: Protocol, *, language: Language) -> Table:
    """Return the acceptance matrix as written: types, use, metric, thresholds, justification, source."""
    body = []
    for group in protocol.acceptance.sets if protocol.acceptance else []:
        types = ", ".join(read_word("type", name, language) for name in group.types)
        uses = ", ".join(read_word("use", name, language) for name in group.uses)
        for criterion in group.criteria:
            rule = read_rule(describe_rule(criterion), criterion.metric, language)
            why = f"{criterion.justification.read(language)} [{criterion.source}]"
            body.append([types, uses, criterion_label(criterion.name, criterion.metric, language), rule, why])
    head = [read_word("column", name, language) for name in ("type", "use", "criterion", "rule", "justification")]
    return Table(head, body, "lllll", widths=(16, 12, 15, 14, 43))
