"""Table of what a change of definition can explain of a source's disagreement, drawn from result rows only."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from probatio.display.rows import level_label, read_interval, read_n
from probatio.display.table import Table
from probatio.measures.definitions import RELATIONS
from probatio.protocol import Definition, Language, Protocol
from probatio.results import select_rows
from probatio.wording import EMPTY, read_word

_SHARES = ("not_as_stated", "not_followed", "explained", "explained_not_followed")


def render_definition_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per definition: wrong values by relation and how far from `as_stated`, then shares and changes."""
    body = []
    for definition in protocol.definitions:
        own = select_rows(rows, analysis=definition.name)
        name = definition.label.read(language) if len(protocol.definitions) > 1 else ""
        for text, part, metric in _list_lines(own, definition, protocol, language):
            if part.empty:
                continue
            difference = read_interval(part, "definition_wrong_difference", language, percent=True, sign=True)
            shown = read_interval(part, metric, language, percent=True)
            body.append(
                [f"{name} · {text}" if name else text, read_n(part, metric), _read_k(part, metric), shown, difference]
            )
    head = [read_word("column", name, language) for name in ("quantity", "n", "k", "share")]
    return Table([*head, read_word("metric", "definition_wrong_difference", language)], body, "lrrll",
                 widths=(46, 6, 6, 20, 22))  # fmt: skip


def _list_lines(
    own: pd.DataFrame, definition: Definition, protocol: Protocol, language: Language
) -> Iterator[tuple[str, pd.DataFrame, str]]:
    """Yield the wording of each quantity, its rows and its metric, in the order to read them."""
    for term in RELATIONS:
        rated = select_rows(own, metric=["definition_wrong_rate", "definition_wrong_difference"], term=term)
        yield read_word("definition", term, language), rated, "definition_wrong_rate"
    departure = select_rows(own, metric="definition_departure")
    yield read_word("metric", "definition_departure", language), departure, "definition_departure"
    for term in _SHARES:
        text = read_word("definition", f"share_{term}", language)
        yield text, select_rows(own, metric="definition_share", term=term), "definition_share"
    for change in definition.changes:
        levels = [
            level_label(protocol, definition.variable, level, language) for level in (change.reference, change.source)
        ]
        found = select_rows(own, metric="definition_change", at=f"{change.reference} > {change.source}")
        yield f"{' → '.join(levels)} · {change.because.read(language)}", found, "definition_change"


def _read_k(rows: pd.DataFrame, metric: str) -> str:
    found = select_rows(rows, metric=metric)["k"]
    return EMPTY if found.empty or pd.isna(found.iloc[0]) else str(found.iloc[0])
