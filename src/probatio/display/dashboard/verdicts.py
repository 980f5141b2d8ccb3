"""Verdicts of the page: variables by use, and behind each one its criteria, in the order in which they were judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from probatio.display.amendments import describe_exploratory, is_exploratory
from probatio.display.dashboard.cells import Both, Row, both, derive_cell, index_by, read_count, read_reason
from probatio.display.dashboard.names import Names
from probatio.display.dashboard.panel import Column, Panel
from probatio.display.rows import criterion_label
from probatio.display.verdicts import COEFFICIENTS, read_rule
from probatio.protocol import Language
from probatio.protocol.criteria import COUNTED, DIFFERENCES
from probatio.results import Status, select_rows

LANGUAGES: tuple[Language, ...] = ("fr", "en")
_NEEDED = "needed_patients"
_CELL = ("source", "variable", "use")
_CRITERION = (*_CELL, "term", "at", "stratum_by", "stratum")


def derive_verdicts(rows: pd.DataFrame, names: Names) -> Panel:
    """Return a row per variable (none: all together), source and use.

    Its verdict or the reason for none, criteria (of all variables: variables) and how many pass, the variable or
    criterion that decided with its number and rule, and the patients missing.
    """
    metrics = ["verdict", "criterion", "needed_patients", "exploratory_criterion"]
    columns = [
        Column("variable", "variable", both("column", "variable")),
        Column("source", "source", both("column", "source")),
        Column("use", "use", both("column", "use")),
        Column("verdict", "verdict", both("column", "verdict")),
        Column("reason", "reason", both("dashboard", "why"), {"hidden": True}),
        Column("n", "count", both("dashboard", "judged"), {"hidden": True}),
        Column("k", "count", both("column", "passing"), {"hidden": True}),
        Column("decided_by", "text", both("column", "decided_by")),
        Column("number", "estimate", both("column", "estimate"), {"plain": True, "written": "written"}),
        Column("rule", "text", both("column", "rule")),
        Column("needed", "estimate", both("dashboard", "patients_missing"), {"plain": True, "as": "missing"}),
        Column("written", "key", both("column", "estimate"), {"hidden": True}),
        Column("exploratory", "key", both("figure", "exploratory"), {"hidden": True}),
    ]
    found, marked = select_rows(rows, metric="verdict"), select_rows(rows, metric="exploratory_criterion")
    behind = index_by(select_rows(rows, metric="criterion"), *_CELL, "term")
    needed = index_by(select_rows(rows, metric=_NEEDED), *_CELL, "term")
    body = []
    for row in _order(found, names):
        explored = is_exploratory(marked, use=str(row["use"]), variable=str(row["variable"]))
        body.append([*_derive_verdict(row, names, behind, needed), explored and row["status"] == Status.OK])
    said = zip(*(describe_exploratory(rows, language=language) for language in LANGUAGES), strict=True)
    extra = {"exploratory": [list(sentence) for sentence in said]}
    return Panel("verdicts", "09_acceptance", metrics, columns, body, both("dashboard", "no_verdicts"), extra)


def _order(rows: pd.DataFrame, names: Names) -> list[Row]:
    """Return rows by variable, source and use, all in the protocol's order, all variables together first."""
    return sorted(rows.to_dict("records"), key=lambda row: (
        names.number_variable(str(row["variable"])), names.sources[str(row["source"])], names.uses[str(row["use"])],
    ))  # fmt: skip


def _derive_verdict(
    row: Row, names: Names, behind: Mapping[tuple[str, ...], Row], needed: Mapping[tuple[str, ...], Row]
) -> list[Any]:
    term, variable = str(row["term"]), str(row["variable"])
    named = [names.number_variable(variable), names.sources[str(row["source"])], names.uses[str(row["use"])]]
    word = str(row["unit"]) if row["status"] == Status.OK else "not_applicable"
    said = [word, read_reason(row), read_count(row, "n"), read_count(row, "k")]
    if not variable:
        return [*named, *said, names.label_variable(term) if term else None, None, None, None, None]
    key = (*(str(row[name]) for name in _CELL), term)
    judged = behind.get(key) if term else None
    if judged is None:
        return [*named, *said, None, None, None, None, None]
    decided = _label_criterion(judged, names)
    missing = _derive_missing(needed.get(key))
    written = _read_unit(str(judged["unit"]))
    return [*named, *said, decided, _derive_number(judged), _word_rule(judged), missing, written]


def _derive_missing(row: Row | None) -> list[Any] | None:
    """Return the patients that are missing as a cell, of those that the plan's power asks for; or why none is told."""
    if row is None or row["status"] != Status.OK:
        return derive_cell(row)
    return [read_count(row, "k"), None, None, read_count(row, "n")]


def _label_criterion(judged: Row, names: Names) -> Both:
    """Return a criterion's wording, with the stratum that was judged."""
    metric, by, level = (str(judged[name]) for name in ("unit", "stratum_by", "stratum"))
    said = [criterion_label(str(judged["term"]), metric, language) for language in LANGUAGES]
    if not level:
        return said
    return [f"{text} ({of})" for text, of in zip(said, names.label_level(by, level), strict=True)]


def _derive_number(judged: Row) -> list[Any] | None:
    metric = str(judged["unit"])
    if metric in COUNTED:
        return derive_cell(judged, percent=False, digits=0)
    return derive_cell(judged, percent=metric not in COEFFICIENTS, digits=2 if metric in COEFFICIENTS else 1)


def _read_unit(metric: str) -> str:
    """Return how a criterion's number is written: a count, a coefficient, a difference or a share in percent."""
    if metric in COUNTED:
        return "count"
    return "coefficient" if metric in COEFFICIENTS else "signed" if metric in DIFFERENCES else "percent"


def _word_rule(judged: Row) -> Both:
    return [read_rule(str(judged["at"]), str(judged["unit"]), language) for language in LANGUAGES]


def derive_criteria(rows: pd.DataFrame, names: Names) -> dict[str, Any]:
    """Return every criterion of every verdict, compactly: texts told once, rows as numbers.

    A row: variable, source, use, text of the criterion, its number as a cell, how that is written, text of the rule,
    decision (empty: not applicable), patients missing as a cell.
    """
    texts: dict[tuple[str, ...], int] = {}

    def number(text: Both) -> int:
        return texts.setdefault(tuple(text), len(texts))

    decided = index_by(select_rows(rows, metric="decision"), *_CRITERION)
    needed = index_by(select_rows(rows, metric=_NEEDED), *_CELL, "term", "at")
    body = []
    for judged in _order(select_rows(rows, metric="criterion"), names):
        key = tuple(str(judged[name]) for name in _CRITERION)
        decision = decided.get(key)
        said = str(decision["unit"]) if decision is not None and decision["status"] == Status.OK else ""
        named = [names.number_variable(key[1]), names.sources[key[0]], names.uses[key[2]]]
        missing = _derive_missing(needed.get(key[:5]))
        body.append([*named, number(_label_criterion(judged, names)), _derive_number(judged),
                     _read_unit(str(judged["unit"])), number(_word_rule(judged)), said, missing])  # fmt: skip
    return {"texts": [list(text) for text in texts], "rows": body}


def iterate_decisions(rows: pd.DataFrame, metrics: tuple[str, ...]) -> Iterator[tuple[tuple[str, str, str, str], Row]]:
    """Yield the criteria on some metrics with their decision, by source, variable, use and metric."""
    decided = index_by(select_rows(rows, metric="decision"), *_CRITERION)
    for row in select_rows(rows, metric="criterion", unit=metrics).to_dict("records"):
        decision = decided.get(tuple(str(row[name]) for name in _CRITERION))
        if decision is not None:
            yield (
                (str(row["source"]), str(row["variable"]), str(row["use"]), str(row["unit"])),
                {**row, "said": decision},
            )
