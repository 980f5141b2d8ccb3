"""Reporting checklists filled from a run where it can, visibly open where a person must complete them.

Items are named by their published number and put in our own words: TRIPOD-LLM (Gallifant and others, 2025; its
table prints 49 numbered entries, its text counts 50, and 12 more make the list for abstracts), STARD 2015 (Bossuyt
and others, 2015), RECORD (Benchimol and others, 2015), GRRAS (Kottner and others, 2011), and the template of this
compendium for data extracted by AI. The published forms are what a journal asks for.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from probatio.display.checklist_values import VALUES, Answers
from probatio.display.phrases import join_names, tell
from probatio.display.table import Table
from probatio.protocol import Language
from probatio.wording import EMPTY

CHECKLISTS = ("tripod_llm", "stard", "record", "grras", "template")
OPEN = "☐ To be completed by the authors"
"""What an item says that no run can answer."""
_ABSTRACT, _SECTION, _SHEET = "sec-abstract", "sec-", "xlsx-"
_REFERENCE = re.compile(r"\\@((?:fig|tbl|sec)-[a-z-]*[a-z])")


@dataclass(frozen=True)
class Item:
    """One item: its published number, what it asks in our words, where a report answers it, what authors must add.

    `where` names labels of the document; `value` a key of `VALUES`.
    """

    checklist: str
    item: str
    topic: str
    asks: str
    where: tuple[str, ...]
    value: str
    authors: str


@dataclass(frozen=True)
class ChecklistTable(Table):
    """A table whose cells may refer to the document: `@fig-flow` is a reference, all else stands as it is."""

    def derive_markdown(self, caption: str, identifier: str) -> str:
        """Return a Quarto pipe table whose references stay references."""
        return _REFERENCE.sub(r"@\1", Table.derive_markdown(self, caption, identifier))


@cache
def read_items(checklist: str) -> tuple[Item, ...]:
    """Return the items of a checklist in its order; none of an unknown one."""
    text = (files("probatio.display") / "checklists.csv").read_text(encoding="utf-8")
    return tuple(_read_item(line) for line in csv.DictReader(text.splitlines()) if line["checklist"] == checklist)


def _read_item(line: Mapping[str, str]) -> Item:
    kept = {name: line[name] for name in ("checklist", "item", "topic", "asks", "value", "authors")}
    return Item(**kept, where=tuple(line["where"].split()))


def render_checklist(checklist: str, given: Answers, labels: Collection[str]) -> Table:
    """Return a line per item: number, what is asked, where the document answers, what the run says or leaves open.

    Every item is answered by a place in the document, by the run, or is open: none is silent.

    Args:
        checklist: one of `CHECKLISTS`.
        given: protocol, rows and facts of the run.
        labels: the labels that the document holds; others are not referred to.
    """
    body = [[item.item, item.topic, item.asks, *_answer(item, given, labels)] for item in read_items(checklist)]
    head = ["Item", "Topic", "What is asked", "Where", "Answer of this run, and what is open"]
    return ChecklistTable(head, body, "lllll", widths=(6, 14, 28, 18, 34))


def _answer(item: Item, given: Answers, labels: Collection[str]) -> tuple[str, str]:
    held = [label for label in item.where if label in labels or label == _ABSTRACT]
    value = VALUES[item.value](given) if item.value else ""
    left = f"{OPEN}: {item.authors[:1].lower()}{item.authors[1:]}." if item.authors else ""
    if not (left or _is_answered(item, held, value)):
        return EMPTY, f"{OPEN}: nothing in this run answers the item."
    said = f"{value[:1].upper()}{value[1:]}." if value else ""
    return name_places(held, "en") or EMPTY, " ".join(part for part in (said, left) if part) or "Reported."


def _is_answered(item: Item, held: Sequence[str], value: str) -> bool:
    """Say whether an item has an answer: a heading alone is none where figures, tables or the run should give it."""
    shown = [label for label in item.where if not label.startswith(_SECTION)]
    if not (shown or item.value):
        return bool(held)
    return bool(value) or not set(shown).isdisjoint(held)


def name_places(labels: Sequence[str], language: Language) -> str:
    """Return places as prose lists them: the abstract, references in the document, then sheets of the workbook."""
    sheets = [label.partition("-")[2].replace("-", "_") for label in labels if label.startswith(_SHEET)]
    named = [_name_place(label) for label in labels if not label.startswith(_SHEET)]
    if sheets:
        key = "sheet_one" if len(sheets) == 1 else "sheet_many"
        named.append(tell(key, language, names=join_names(sheets, language)))
    return join_names(named, language, apart=bool(sheets) and len(named) > 1)


def _name_place(label: str) -> str:
    return "Abstract" if label == _ABSTRACT else f"@{label}"
