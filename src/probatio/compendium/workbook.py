"""`discordances.xlsx`: the discordant values as a sheet to filter, and a legend. Confidential."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import xlsxwriter

from probatio.comparison import Comparison
from probatio.compendium.discordances import CELL, list_compared
from probatio.display.style import OUTCOME_COLOURS
from probatio.protocol import Language, Protocol, compute_protocol_digest
from probatio.wording import read_word

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?", re.ASCII)
_LONGEST = 32_000
"""Characters of one cell; Excel takes 32,767."""
_WIDEST = 60
_NARROWEST = 8
MADE = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)  # the same bytes at every run
SETTINGS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
_PALE = 0.65
_SHADED = ("W", "O", "U", "B")


def derive_workbook(cases: pd.DataFrame, comparison: Comparison, protocol: Protocol, *, language: Language) -> bytes:
    """Return the workbook of a study's discordant values; the same cases give the same bytes.

    Args:
        cases: as `derive_discordances` returns them.
        comparison: for the counts of the legend.
        protocol: the study.
        language: of headers and legend.
    """
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, SETTINGS) as book:
        book.set_properties({"created": MADE, "title": protocol.title.read(language)})
        writer = _Writer(book, protocol, language)
        writer.write_cases(cases)
        writer.write_legend(comparison)
    return out.getvalue()


def derive_harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula, also after it was saved as CSV.

    Nor does xlsxwriter take it for markup of its own, which it writes unescaped.
    """
    return f"'{text}"[:_LONGEST] if text.startswith((*_FORMULA, "<r>")) else text[:_LONGEST]


class _Writer:
    """Writes the sheets of one workbook."""

    def __init__(self, book: Any, protocol: Protocol, language: Language) -> None:
        self.book, self.protocol, self.language = book, protocol, language
        self.first, self.sources = list_compared(protocol)
        self.numbers = {variable.name for variable in protocol.variables if variable.type == "number"}
        self.plain = book.add_format({"valign": "top"})
        self.wrapped = book.add_format({"valign": "top", "text_wrap": True})
        self.quiet = book.add_format({"valign": "top", "italic": True, "font_color": "#6b6b6b"})
        self.head = book.add_format(
            {"bold": True, "text_wrap": True, "valign": "top", "bottom": 1, "bg_color": "#e8e8e8"}
        )
        self.strong = book.add_format({"bold": True, "valign": "top"})
        self.fills = {
            outcome: book.add_format({"valign": "top", "bg_color": _derive_pale(OUTCOME_COLOURS[outcome])})
            for outcome in _SHADED
        }

    def say(self, key: str, **names: str) -> str:
        """Return a word of the workbook."""
        return read_word("workbook", key, self.language).format(**names)

    def get_label(self, source: str) -> str:
        """Return a source's label, its name where two sources share it."""
        return self.protocol.get_source(source).label.read(self.language) if source else ""

    def write_cases(self, cases: pd.DataFrame) -> None:
        """Write the sheet of cases: one row per cell, sources side by side, header frozen, filters on."""
        sheet = self.book.add_worksheet(self.say("cases"))
        columns = self._list_columns(cases)
        lines = [[self._derive_cell(case, column) for column, _ in columns] for case in cases.to_dict("records")]
        for place, (column, title) in enumerate(columns):
            sheet.write_string(0, place, title, self.head)
            texts = [str(line[place][0]) for line in lines]
            sheet.set_column(place, place, _derive_width(column, title, texts))
        for number, line in enumerate(lines, start=1):
            for place, (value, style) in enumerate(line):
                write_cell(sheet, number, place, value, style)
        last = max(len(lines), 1)
        sheet.autofilter(0, 0, last, len(columns) - 1)
        sheet.freeze_panes(1, 3)
        sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{last + 1}"})
        sheet.set_landscape()
        sheet.repeat_rows(0)
        sheet.fit_to_pages(1, 0)

    def _list_columns(self, cases: pd.DataFrame) -> list[tuple[str, str]]:
        """Return the columns shown, with their titles; those without any content are left out."""
        cells = [(name, self.say(name.removesuffix("_id"))) for name in CELL]
        cells = [
            (name, title) for name, title in cells if name in ("patient_id", "centre", "variable") or cases[name].any()
        ]
        values = [("reference", self.get_label(self.first))]
        values += [(f"{source}:value", self.get_label(source)) for source in self.sources]
        values += [("wrong", self.say("wrong"))]
        details = [
            (f"{source}:{field}", self.say(field, source=self.get_label(source)))
            for field in ("outcome", "confidence", "document_id", "snippet")
            for source in self.sources
        ]
        return [*cells, *values, *(pair for pair in details if _has_content(cases[pair[0]]))]

    def _derive_cell(self, case: Mapping[Any, Any], column: str) -> tuple[Any, Any]:
        source, _, field = column.rpartition(":")
        value = case[column]
        if column == "variable":
            return self._derive_variable(value), self.plain
        if column == "reference":
            return self._derive_value(case, value, documented=case["documented"]), self.plain
        outcome = case.get(f"{source}:outcome", "")
        style = self.fills.get(outcome, self.plain)
        if field == "outcome":
            words = read_word("outcome", value, self.language) if value else self.say("not_compared")
            return words, style if value else self.quiet
        if field == "value" and source:
            return self._derive_value(case, value, documented=outcome in ("C", "W", "U")), style
        return value, self.wrapped if field == "snippet" else self.plain

    def _derive_variable(self, name: str) -> str:
        variable, _, attribute = name.partition(".")
        declared = self.protocol.get_variable(variable)
        label = declared.label.read(self.language)
        return f"{label}: {declared.attributes[attribute].label.read(self.language)}" if attribute else label

    def _derive_value(self, case: Mapping[Any, Any], value: str, *, documented: bool) -> Any:
        if documented and value == "":
            return self.say("none")
        if case["variable"] in self.numbers and _NUMBER.fullmatch(value) and math.isfinite(float(value)):
            return float(value)
        return value  # of a number too, where it does not conform: the source's own words

    def write_legend(self, comparison: Comparison) -> None:
        """Write the legend: whose data these are, what the colours mean, and how many there are of each."""
        sheet = self.book.add_worksheet(self.say("legend"))
        sheet.set_column(0, 0, 28)
        sheet.set_column(1, 1, 90)
        sheet.set_column(2, 12, 14)
        sheet.write_string(0, 0, self.say("confidential"), self.strong)
        sheet.write_string(2, 0, self.say("study"), self.strong)
        sheet.write_string(2, 1, derive_harmless(self.protocol.title.read(self.language)))
        sheet.write_string(3, 0, self.say("digest"), self.strong)
        sheet.write_string(3, 1, compute_protocol_digest(self.protocol))
        for number, outcome in enumerate(OUTCOME_COLOURS, start=5):
            sheet.write_string(
                number, 0, read_word("outcome", outcome, self.language), self.fills.get(outcome, self.plain)
            )
            sheet.write_string(number, 1, self.say(f"meaning_{outcome}"))
        if self.protocol.reference is None:
            sheet.write_string(10, 0, self.say("meaning_agreement"), self.strong)
        self._write_counts(sheet, comparison, start=12)

    def _write_counts(self, sheet: Any, comparison: Comparison, *, start: int) -> None:
        titles = [self.say("source"), self.say("variable"), self.say("compared")]
        titles += [read_word("outcome", outcome, self.language) for outcome in OUTCOME_COLOURS]
        for place, title in enumerate(titles):
            sheet.write_string(start, place, title, self.head)
        pairs = comparison.pairs[comparison.pairs["comparator"] == self.first]
        counts = pairs.groupby(["source", "variable"], sort=False)["outcome"].value_counts().unstack(fill_value=0)
        counts = counts.reindex(columns=list(OUTCOME_COLOURS), fill_value=0)
        for number, line in enumerate(counts.reset_index().to_dict("records"), start=start + 1):
            sheet.write_string(number, 0, derive_harmless(self.get_label(line["source"])))
            sheet.write_string(number, 1, derive_harmless(self._derive_variable(line["variable"])))
            numbers = [int(line[outcome]) for outcome in OUTCOME_COLOURS]
            for place, count in enumerate([sum(numbers), *numbers], start=2):
                sheet.write_number(number, place, count)


def write_cell(sheet: Any, number: int, place: int, value: Any, style: Any) -> None:
    """Write a text that no spreadsheet takes for a formula, a number, or nothing where it is missing."""
    if isinstance(value, str):
        sheet.write_string(number, place, derive_harmless(value), style)
    elif pd.isna(value):
        sheet.write_blank(number, place, None, style)
    else:
        sheet.write_number(number, place, value, style)


def _has_content(column: pd.Series) -> bool:
    return bool((column.notna() & (column != "")).any())


def _derive_width(column: str, title: str, texts: list[str]) -> float:
    if column.endswith(":snippet"):
        return _WIDEST
    longest = max([len(text) for text in texts], default=0)
    return float(min(_WIDEST, max(_NARROWEST, longest + 2, len(title) / 2 + 2)))


def _derive_pale(colour: str) -> str:
    """Mix a colour with white, so that black text reads well on it."""
    parts = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return "#" + "".join(f"{round(part + (255 - part) * _PALE):02x}" for part in parts)
