"""The workbook of cases that a reader fills in without this program: shown cells locked, drop-down lists to decide.

Confidential: it names patients. The same cases give the same bytes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import xlsxwriter
from xlsxwriter.utility import xl_range_abs

from probatio.digest import compute_json_digest
from probatio.protocol import Language, Protocol
from probatio.review.answers import ANSWERS
from probatio.review.forms import (
    ANSWERED,
    Loan,
    clean,
    derive_cells,
    describe_form,
    list_choices,
    list_columns,
    list_levels,
    list_parts,
)
from probatio.wording import read_word

FORMAT: Final = "probatio-review-1"
META: Final = "probatio"
LISTS: Final = "probatio_lists"
META_COLUMNS: Final = ("case_id", "digest", "version", "role")
READER_CELL: Final = (1, 1)
"""Row and column, from 0, of the reader's name on the sheet of instructions."""

_MADE = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_SETTINGS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
_LONGEST_LIST = 250
"""Characters of the list of a drop-down; Excel takes 255."""
_TEXT_WIDTH = 95.0
_LINE, _SMALLER = 15.0, 0.85
_TALLEST = 300.0
"""Points of a row; Excel takes 409."""


@dataclass(frozen=True)
class Export:
    """What a workbook was made of, written into its hidden sheet; import compares it with the review.

    `queue` and `protocol` are digests. `export_id` names what is asked: it is the same for the same cases of the same
    reader at the same stage.
    """

    study: str
    source: str
    protocol: str
    queue: str
    reader: str
    language: Language
    loans: tuple[Loan, ...]

    @property
    def export_id(self) -> str:
        """The name of the export: 16 hexadecimal digits."""
        asked = [[loan.case.case_id, loan.case.digest, loan.version, loan.role] for loan in self.loans]
        return compute_json_digest([self.study, self.source, self.protocol, self.queue, self.reader, asked])[:16]

    @property
    def meta(self) -> dict[str, str]:
        """The lines of the hidden sheet that come before those of the cases."""
        return {
            "format": FORMAT, "export_id": self.export_id, "study": self.study, "source": self.source,
            "protocol": self.protocol, "queue": self.queue, "reader": self.reader, "language": self.language,
        }  # fmt: skip


def derive_meta(export: Export) -> list[tuple[str, ...]]:
    """Return the lines of the hidden sheet, the last one their checksum."""
    lines: list[tuple[str, ...]] = [(name, text) if text else (name,) for name, text in export.meta.items()]
    lines.append(META_COLUMNS)
    lines += [(each.case.case_id, each.case.digest, str(each.version), each.role) for each in export.loans]
    return [*lines, ("checksum", compute_json_digest(lines))]


def derive_workbook(export: Export, protocol: Protocol) -> bytes:
    """Return the workbook of an export.

    Args:
        export: cases and whose they are.
        protocol: the study; its labels are written in the export's language.
    """
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, _SETTINGS) as book:
        book.set_properties({"created": _MADE, "title": protocol.title.read(export.language)})
        writer = _Writer(book, export, protocol)
        writer.write_instructions()
        writer.write_cases()
        writer.write_hidden()
    return out.getvalue()


class _Writer:
    """Writes the sheets of one workbook."""

    def __init__(self, book: Any, export: Export, protocol: Protocol) -> None:
        self.export, self.protocol, self.language = export, protocol, export.language
        self.book, self.styles = book, _make_styles(book)
        self.columns = list_columns(export.loans)
        self.lists: dict[tuple[str, ...], int] = {}

    def say(self, key: str, **names: str) -> str:
        """Return a word of the workbook."""
        return read_word("circuit", key, self.language).format(**names)

    def write_instructions(self) -> None:
        """Write what to do, in the order in which it is done, and what each decision means."""
        sheet = self.book.add_worksheet(self.say("instructions"))
        sheet.hide_gridlines(2)
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.set_column(0, 0, 22)
        sheet.set_column(1, 1, _TEXT_WIDTH)
        sheet.set_row(0, 2 * _LINE)
        sheet.write_string(0, 0, clean(self.say("title")), self.styles["title"])
        sheet.write_string(0, 1, clean(self.protocol.title.read(self.language)), self.styles["title"])
        for place, (title, text) in enumerate(self._list_instructions(), start=1):
            sheet.write_string(place, 0, title, self.styles["strong"])
            sheet.write_string(place, 1, clean(text), self.styles["text"])
            sheet.set_row(place, _LINE * max(1, _count_lines(text, _TEXT_WIDTH)))
        style = self.styles["text" if self.export.reader else "open"]
        sheet.write_string(READER_CELL[0], READER_CELL[1], clean(self.export.reader), style)
        sheet.protect("", {"format_columns": True, "format_rows": True})

    def _list_instructions(self) -> list[tuple[str, str]]:
        review = self.protocol.review
        entitled = review.may_decide.get(review.use) if review else None
        lines = [(self.say("reader"), ""), ("", self.say("confidential"))]
        lines += [(self.say("may_decide"), entitled.read(self.language))] if entitled else []
        lines += [(self.say("cases"), str(len(self.export.loans))), ("", "")]
        lines += [(f"{number}.", self.say(f"step_{number}")) for number in range(1, 6)]
        lines += [("", ""), (self.say("letters"), self.say("letters_meaning"))]
        return lines + [(self.say(answer), self.say(f"{answer}_meaning")) for answer in ANSWERS]

    def write_cases(self) -> None:
        """Write a row per case: what is shown is locked; decision, value, comment and minutes are open."""
        sheet = self.book.add_worksheet(self.say("cases"))
        for place, (key, width) in enumerate(self.columns.items()):
            title = self.say("candidate", letter=key) if len(key) == 1 else self.say(key)
            sheet.write_string(0, place, title, self.styles["asked" if key in ANSWERED else "head"])
            sheet.set_column(place, place, width)
        sheet.set_row(0, 2 * _LINE)
        for number, loan in enumerate(self.export.loans, start=1):
            self._write_case(sheet, number, loan)
        last = max(len(self.export.loans), 1)
        sheet.autofilter(0, 0, last, len(self.columns) - 1)
        sheet.freeze_panes(1, 4)
        sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{last + 1}"})
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.set_zoom(90)
        sheet.repeat_rows(0)
        sheet.fit_to_pages(1, 0)
        sheet.protect("", {"format_columns": True, "format_rows": True, "autofilter": True})
        sheet.activate()

    def _write_case(self, sheet: Any, number: int, loan: Loan) -> None:
        cells = derive_cells(loan, self.protocol, self.language)
        for place, key in enumerate(self.columns):
            if key in ANSWERED:
                sheet.write_blank(number, place, None, self.styles["open"])
            elif len(key) == 1 and key in cells:
                self._write_candidate(sheet, number, place, loan)
            else:
                style = self.styles["name" if key == "case_id" else "locked"]
                sheet.write_string(number, place, cells.get(key, ""), style)
        lines = max(_count_lines(text, self.columns[key]) for key, text in cells.items() if key != "case_id")
        sheet.set_row(number, min(_TALLEST, _LINE * max(2.0, lines)))
        self._validate(sheet, number, "decision", list_choices(loan.case, self.language), "")
        hint = describe_form(self.protocol, loan.case, self.language)
        self._validate(sheet, number, "value", list_levels(self.protocol, loan.case, self.language), hint)

    def _write_candidate(self, sheet: Any, number: int, place: int, loan: Loan) -> None:
        value, *snippet = list_parts(loan, list(self.columns)[place], self.protocol, self.language)
        if not snippet:
            sheet.write_string(number, place, value, self.styles["alone"])
            return
        styled = zip(("strong", "quiet", "marked", "quiet"), (value, *snippet), strict=True)
        runs = [run for style, text in styled if text for run in (self.styles[style], text)]
        sheet.write_rich_string(number, place, *runs, self.styles["locked"])

    def _validate(self, sheet: Any, number: int, key: str, words: list[str], hint: str) -> None:
        """Offer a list of words in a cell, and say beside it how it is filled in."""
        rule: dict[str, Any] = {"validate": "any"}
        if words:
            said = {"error_title": self.say(key), "error_message": self.say("list_error")}
            rule = {"validate": "list", "source": self._derive_source(words), **said}
        if hint:
            rule |= {"input_title": self.say(key), "input_message": hint}
        place = list(self.columns).index(key)
        sheet.data_validation(number, place, number, place, rule)

    def _derive_source(self, words: list[str]) -> list[str] | str:
        """Return the words of a drop-down, or where they stand when they are too long or hold a comma."""
        if len(",".join(words)) <= _LONGEST_LIST and not any("," in word for word in words):
            return words
        place = self.lists.setdefault(tuple(words), len(self.lists))
        return f"={LISTS}!{xl_range_abs(0, place, len(words) - 1, place)}"

    def write_hidden(self) -> None:
        """Write long lists, and what the workbook was made of, on sheets that the menus do not show."""
        lists, meta = self.book.add_worksheet(LISTS), self.book.add_worksheet(META)
        for words, place in self.lists.items():
            lists.write_column(0, place, words)
        for number, line in enumerate(derive_meta(self.export)):
            meta.write_row(number, 0, line)
        for sheet in (lists, meta):
            sheet.protect()
            sheet.very_hidden()


def _make_styles(book: Any) -> dict[str, Any]:
    top: dict[str, Any] = {"valign": "top", "text_wrap": True}
    shown = top | {"bg_color": "#f4f4f2", "border": 1, "border_color": "#d9d9d6"}
    asked = top | {"border": 1, "border_color": "#c9b458"}
    styles: dict[str, dict[str, Any]] = {
        "locked": shown,
        "alone": shown | {"bold": True},
        "name": shown | {"font_color": "#8a8a86", "font_size": 7},
        "open": asked | {"bg_color": "#fffbe6", "locked": False, "num_format": "@"},
        "head": top | {"bold": True, "bg_color": "#dfe5ea", "border": 1, "border_color": "#b8c0c8"},
        "asked": asked | {"bold": True, "bg_color": "#f2e3a0"},
        "strong": {"bold": True, "valign": "top"},
        "quiet": {"font_color": "#4a4a48", "font_size": 9},
        "marked": {"font_color": "#1f3a5f", "font_size": 9, "bold": True, "underline": True},
        "text": top,
        "title": top | {"bold": True, "font_size": 14},
    }
    return {name: book.add_format(style) for name, style in styles.items()}


def _count_lines(text: str, width: float) -> float:
    """Return how many lines a text takes in a column of so many characters; from the second on print is smaller."""
    first, *rest = text.split("\n")
    return -(-len(first) // width) + sum(_SMALLER * -(-len(line) * _SMALLER // width) for line in rest)
