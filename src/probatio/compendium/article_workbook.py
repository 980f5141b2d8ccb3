"""`article_tables.xlsx`: every table of the article as text, as printed, and its numbers beside it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import xlsxwriter

from probatio.compendium.workbook import MADE, SETTINGS, derive_harmless
from probatio.display.table import Table
from probatio.protocol import Protocol

_LONGEST_NAME = 31
_WIDEST, _NARROWEST = 60, 9
_NUMBER = r"[+−-]?[\d,]*\.?\d+"
_CELL = re.compile(rf"({_NUMBER})(%?)(?: [(\[]({_NUMBER}) (?:to|;) ({_NUMBER})[)\]])?")
_FACTS = {"Protocol digest": "protocol", "Commit": "commit", "Probatio": "probatio"}
_PARTS = ("", "lower", "upper")
_SAID = (
    "Numbers to the right of a printed column are read from its text, at the precision shown; a share is a fraction."
)


class Sheet(NamedTuple):
    """A table with the name of its sheet, its title and where its rows come from."""

    name: str
    title: str
    origin: str
    table: Table


class _Number(NamedTuple):
    """A printed estimate: its value, the ends of its interval where it has one, and whether it is a share."""

    values: tuple[float | None, float | None, float | None]
    share: bool


def derive_article_workbook(sheets: Sequence[Sheet], protocol: Protocol, *, facts: Mapping[str, str]) -> bytes:
    """Return the workbook; the same tables give the same bytes.

    Args:
        sheets: the tables, in the order of the article.
        protocol: names the study.
        facts: of the run: protocol digest, commit, version.
    """
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, SETTINGS) as book:
        book.set_properties({"created": MADE, "title": protocol.title.read("en")})
        writer = _Writer(book)
        writer.write_contents(sheets, protocol, facts)
        for sheet in sheets:
            writer.write_table(sheet)
    return out.getvalue()


class _Writer:
    """Writes the sheets of one workbook."""

    def __init__(self, book: Any) -> None:
        self.book = book
        self.head = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        self.strong = book.add_format({"bold": True})
        self.text = book.add_format({"text_wrap": True, "valign": "top"})
        self.quiet = book.add_format({"italic": True, "font_color": "#6b6b6b"})
        self.number = book.add_format({"valign": "top"})
        self.percent = book.add_format({"valign": "top", "num_format": "0.0%"})

    def write_contents(self, sheets: Sequence[Sheet], protocol: Protocol, facts: Mapping[str, str]) -> None:
        """Write the first sheet: the study, its digests, and every table with its sheet."""
        page = self.book.add_worksheet("Contents")
        page.set_column(0, 0, 24)
        page.set_column(1, 1, 110)
        told = [(name, facts.get(key, "")) for name, key in _FACTS.items()]
        lines = [("Study", protocol.title.read("en")), *told, ("Numbers", _SAID)]
        for number, (name, said) in enumerate(lines):
            page.write_string(number, 0, name, self.strong)
            page.write_string(number, 1, derive_harmless(said))
        for number, sheet in enumerate(sheets, start=len(lines) + 1):
            name = sheet.name[:_LONGEST_NAME]
            page.write_url(number, 0, f"internal:'{name}'!A1", string=name)
            page.write_string(number, 1, derive_harmless(sheet.title))

    def write_table(self, sheet: Sheet) -> None:
        """Write one table: title and origin, then the header, texts as printed and, beside a column, its numbers."""
        page = self.book.add_worksheet(sheet.name[:_LONGEST_NAME])
        page.write_string(0, 0, derive_harmless(sheet.title), self.strong)
        page.write_string(1, 0, derive_harmless(sheet.origin), self.quiet)
        place = 0
        for column, title in enumerate(sheet.table.columns):
            texts = [row[column] for row in sheet.table.rows]
            place = self._write_column(page, place, title, texts)
        page.freeze_panes(4, 1)
        page.autofilter(3, 0, 3 + max(len(sheet.table.rows), 1), max(place - 1, 0))

    def _write_column(self, page: Any, place: int, title: str, texts: Sequence[str]) -> int:
        """Write a column of texts and, where all of them are numbers or words about their absence, of numbers."""
        page.write_string(3, place, derive_harmless(title), self.head)
        page.set_column(place, place, _derive_width(title, texts))
        for line, text in enumerate(texts, start=4):
            page.write_string(line, place, derive_harmless(text), self.text)
        numbers = [_read_number(text) for text in texts]
        for part, values in _list_parts(numbers):
            place += 1
            page.write_string(3, place, derive_harmless(f"{title}: {part or 'number'}"), self.head)
            page.set_column(place, place, _NARROWEST)
            for line, (value, share) in enumerate(values, start=4):
                if value is not None:
                    page.write_number(line, place, value, self.percent if share else self.number)
        return place + 1


def _read_number(text: str) -> _Number | None:
    """Return the number that a cell prints, with its interval; None where it prints none."""
    found = _CELL.fullmatch(text.partition(", n =")[0].removesuffix(" †"))
    if found is None:
        return None
    scale = 100 if found[2] else 1
    ends = [None if part is None else float(part.replace(",", "").replace("−", "-")) / scale
            for part in (found[1], found[3], found[4])]  # fmt: skip
    return _Number((ends[0], ends[1], ends[2]), bool(found[2]))


def _list_parts(numbers: Sequence[_Number | None]) -> Iterator[tuple[str, list[tuple[float | None, bool]]]]:
    """Yield estimate, lower and upper ends of a column, those that some cell has."""
    known = [number for number in numbers if number is not None]
    for at, part in enumerate(_PARTS):
        if any(number.values[at] is not None for number in known):
            yield part, [(None, False) if n is None else (n.values[at], n.share) for n in numbers]


def _derive_width(title: str, texts: Sequence[str]) -> float:
    longest = max([len(text) for text in texts], default=0)
    return float(min(_WIDEST, max(_NARROWEST, longest + 2, len(title) / 2 + 2)))
