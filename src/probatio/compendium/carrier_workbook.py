"""`carriers.xlsx`: the patients who carry each source's shift, a sheet per analysis and source. Confidential."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import xlsxwriter

from probatio.compendium.workbook import MADE, SETTINGS, derive_harmless, write_cell
from probatio.display.attribution import word_quantity
from probatio.display.rows import COLON, label_of
from probatio.protocol import Language, Protocol, compute_protocol_digest
from probatio.replication.carrier_tables import CarrierTable
from probatio.wording import read_word

_WIDTH = 14


def derive_carrier_workbook(tables: Sequence[CarrierTable], protocol: Protocol, *, language: Language) -> bytes:
    """Return the workbook of carriers; the same tables give the same bytes.

    Args:
        tables: as `derive_carriers` returns them.
        protocol: the study.
        language: of headers and legend.
    """
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, SETTINGS) as book:
        book.set_properties({"created": MADE, "title": protocol.title.read(language)})
        writer = _Writer(book, protocol, language)
        writer.write_legend(tables)
        for number, table in enumerate(tables, start=1):
            writer.write_table(number, table)
    return out.getvalue()


class _Writer:
    """Writes the sheets of one workbook."""

    def __init__(self, book: Any, protocol: Protocol, language: Language) -> None:
        self.book, self.protocol, self.language = book, protocol, language
        self.plain = book.add_format({"valign": "top"})
        self.head = book.add_format(
            {"bold": True, "text_wrap": True, "valign": "top", "bottom": 1, "bg_color": "#e8e8e8"}
        )
        self.strong = book.add_format({"bold": True, "valign": "top"})
        self.changed = book.add_format({"valign": "top", "num_format": "+0.0000;-0.0000;0"})
        self.percent = book.add_format({"valign": "top", "num_format": "0.0%"})
        self.differing = book.add_format({"valign": "top", "bg_color": "#f3cdb3"})

    def say(self, key: str, **names: str) -> str:
        """Return a word of the workbook."""
        return read_word("workbook", key, self.language).format(**names)

    def write_legend(self, tables: Sequence[CarrierTable]) -> None:
        """Write whose data these are, what a change is, and which sheet holds which analysis and source."""
        sheet = self.book.add_worksheet(self.say("legend"))
        sheet.set_column(0, 0, 28)
        sheet.set_column(1, 1, 60)
        sheet.set_column(2, 3, 24)
        sheet.write_string(0, 0, self.say("confidential"), self.strong)
        lines = [("study", self.protocol.title.read(self.language)), ("digest", compute_protocol_digest(self.protocol)),
                 ("change", self.say("meaning_change")), ("rank", self.say("meaning_rank"))]  # fmt: skip
        for number, (key, text) in enumerate(lines, start=2):
            sheet.write_string(number, 0, self.say(key), self.strong)
            sheet.write_string(number, 1, derive_harmless(text))
        for number, table in enumerate(tables, start=1):
            names = [self._get_analysis(table), *(self._get_source(name) for name in (table.source, table.comparator))]
            sheet.write_string(7 + number, 0, self._name_sheet(number), self.strong)
            for place, name in enumerate(names, start=1):
                sheet.write_string(7 + number, place, derive_harmless(name))

    def write_table(self, number: int, table: CarrierTable) -> None:
        """Write one analysis and source: a row per patient, the largest change first, differing values coloured."""
        sheet = self.book.add_worksheet(self._name_sheet(number))
        columns = list(self._list_columns(table))
        for place, (_, title) in enumerate(columns):
            sheet.write_string(0, place, derive_harmless(title), self.head)
        for line, case in enumerate(table.table.to_dict("records"), start=1):
            for place, (column, _) in enumerate(columns):
                write_cell(sheet, line, place, self._derive_value(column, case), self._get_style(column, case))
        sheet.set_column(0, len(columns) - 1, _WIDTH)
        sheet.autofilter(0, 0, max(len(table.table), 1), len(columns) - 1)
        sheet.freeze_panes(1, 3)

    def _name_sheet(self, number: int) -> str:
        return f"{self.say('carriers')} {number}"

    def _get_analysis(self, table: CarrierTable) -> str:
        named = {analysis.name: analysis.label.read(self.language) for analysis in self.protocol.analyses}
        return named[table.analysis]

    def _get_source(self, name: str) -> str:
        return self.protocol.get_source(name).label.read(self.language)

    def _list_columns(self, table: CarrierTable) -> Iterator[tuple[str, str]]:
        for column in table.table.columns:
            if column.endswith(":document_id") and not table.table[column].any():
                continue
            name, _, rest = column.partition(":")
            if name == "change":
                number = word_quantity(table.quantities[int(rest)].term, self.protocol, self.language)
                yield column, self.say("change_of", number=number)
            elif name == "in":
                yield column, self.say("analysed", source=self._get_source(rest))
            elif rest:
                yield column, self._derive_title(name, *rest.split(":"))
            else:
                yield column, self.say(column.removesuffix("_id"))

    def _derive_title(self, cell: str, source: str, field: str) -> str:
        variable, _, visit = cell.partition("@")
        label = label_of(self.protocol, variable, self.language)
        named = self._get_source(source)
        shown = f"{label} {visit}".strip()
        return shown + COLON[self.language] + (named if field == "value" else self.say("document_id", source=named))

    def _derive_value(self, column: str, case: Mapping[Any, Any]) -> Any:
        value = case[column]
        if column.startswith("in:"):
            return self.say("yes" if value else "no")
        if column == "differs":
            names = [name for name in value.split(", ") if name]
            return ", ".join(label_of(self.protocol, name, self.language) for name in names)
        return self.say("none") if value == "" and column.endswith(":value") else value

    def _get_style(self, column: str, case: Mapping[Any, Any]) -> Any:
        if column.startswith("change:"):
            return self.changed
        if column in ("share", "cumulative"):
            return self.percent
        cell, _, rest = column.partition(":")
        if rest.endswith(":value") and _differs(case, cell):
            return self.differing
        return self.plain


def _differs(case: Mapping[Any, Any], cell: str) -> bool:
    values = {value for name, value in case.items() if name.startswith(f"{cell}:") and name.endswith(":value")}
    return len(values) > 1
