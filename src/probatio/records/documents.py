"""The documents: which exist, whose they are, which are kept; their texts, read one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import pandas as pd

from probatio.protocol import Documents, Protocol, TableFile, UserError
from probatio.records.attributes import search_first
from probatio.records.dates import AMBIGUOUS, derive_date
from probatio.records.files import locate_files, read_text
from probatio.records.sheets import Sheet, SheetReader
from probatio.records.tables import DOCUMENT_COLUMNS, Ledger


@dataclass(frozen=True)
class DocumentTable:
    """Every document read: `document_id, patient_id, type, date, path, file, line, rule`.

    `rule` sets a document aside: `no_patient`, `duplicate_row` or `not_first_document`; "" keeps it.
    """

    table: pd.DataFrame

    @cached_property
    def owners(self) -> dict[str, str]:
        """The patient of each document."""
        return dict(zip(self.table["document_id"], self.table["patient_id"], strict=True))

    @cached_property
    def rules(self) -> dict[str, str]:
        """The rule of each document."""
        return dict(zip(self.table["document_id"], self.table["rule"], strict=True))

    @property
    def patients(self) -> set[str]:
        """The patients who have a kept document."""
        return set(self.table.loc[self.table["rule"] == "", "patient_id"])

    def select_kept(self, patients: Mapping[str, str], ledger: Ledger) -> pd.DataFrame:
        """Return the kept documents of known patients, and count the others by rule.

        Args:
            patients: the rule of each known patient; documents of patients outside the cohort go.
            ledger: counts and lists.
        """
        outside = derive_looked_up(self.table["patient_id"], patients, "unknown_patient")
        outside = outside.where(outside.isin(["unknown_patient", "outside_cohort"]), "")
        rules = self.table["rule"].where(self.table["rule"] != "", outside)
        if len(self.table):
            ledger.count("read", len(self.table), unit="documents")
        for rule in sorted(set(rules) - {""}):
            ledger.reject(self.table[rules == rule], rule, variables={"": 1}, unit="documents")
        kept = self.table[rules == ""].sort_values("document_id", ignore_index=True)
        if len(self.table):
            ledger.count("kept", len(kept), unit="documents")
        return kept[list(DOCUMENT_COLUMNS)]


def read_documents(protocol: Protocol, reader: SheetReader) -> DocumentTable:
    """Read the documents table, or find each text file's patient; mark what is not kept.

    Raises:
        UserError: files, columns or dates cannot be read, or one document_id names two documents.
    """
    declared = protocol.documents
    if declared is None:
        return DocumentTable(pd.DataFrame(columns=[*DOCUMENT_COLUMNS, "file", "line", "rule"]))
    table = _read_table(declared, declared.file, reader) if declared.file else _read_text_files(declared, reader.root)
    table["rule"] = ""
    table.loc[(table["patient_id"] == "") | (table["document_id"] == ""), "rule"] = "no_patient"
    named = table[table["rule"] == ""]
    if (clash := named.duplicated("document_id")).any():
        raise UserError(
            f"{named['file'][clash].iloc[0]}:{named['line'][clash].iloc[0]}: its document_id names another document "
            f"too ({int(clash.sum())} such lines); give each document its own."
        )
    if declared.keep == "first":
        later = named.sort_values("document_id", kind="stable").duplicated("patient_id")
        table.loc[later[later].index, "rule"] = "not_first_document"
    return DocumentTable(table)


class DocumentTexts(Mapping[str, str]):
    """The text of each document by document_id, read when asked for and not kept. Confidential."""

    def __init__(self, paths: dict[str, tuple[str, Path]], table: dict[str, str]) -> None:
        self._paths = paths
        self._table = table

    def __getitem__(self, document_id: str) -> str:
        if document_id in self._table:
            return self._table[document_id]
        return read_text(*self._paths[document_id], "utf-8")

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._paths, *self._table}))

    def __len__(self) -> int:
        return len({*self._paths, *self._table})


def read_texts(protocol: Protocol, root: Path) -> DocumentTexts:
    """Return the texts of a study's documents, text files unread until asked for; empty if there are none.

    Raises:
        UserError: a file is missing; the text table lacks the columns document_id or text.
    """
    declared = protocol.documents
    if declared is None:
        return DocumentTexts({}, {})
    paths = {}
    if declared.texts:
        found = locate_files(root, declared.texts)
        paths = {_derive_document(declared, name): (name, path) for name, path in found}
    table: dict[str, str] = {}
    if declared.text_table:
        sheet = SheetReader(root).read_sheet(declared.text_table)
        ids = [text.strip() for text in sheet.read_column("document_id")]
        table = dict(zip(ids, sheet.read_column("text"), strict=True))
    return DocumentTexts(paths, table)


def derive_looked_up(names: pd.Series, known: Mapping[str, str], default: str) -> pd.Series:
    """Return the text that stands for each name, `default` for an unknown one."""
    return pd.Series([known.get(name, default) for name in names], index=names.index, dtype=object)


def _read_text_files(declared: Documents, root: Path) -> pd.DataFrame:
    found = locate_files(root, declared.texts or "")
    names = [name for name, _ in found]
    owners = [search_first(declared.patient or "", read_text(name, path, "utf-8")) for name, path in found]
    return pd.DataFrame(
        {
            "document_id": [_derive_document(declared, name) for name in names],
            "patient_id": owners,
            "type": declared.type,
            "date": "",
            "path": names,
            "file": names,
            "line": 1,
        }
    )


def _read_table(declared: Documents, file: TableFile, reader: SheetReader) -> pd.DataFrame:
    sheet = reader.read_sheet(file)
    columns = {name: [text.strip() for text in sheet.read_column(name)] for name in ("document_id", "patient_id")}
    n = len(sheet.lines)
    types = sheet.columns.get("type", [""] * n)
    columns["type"] = [text.strip() or declared.type for text in types]
    columns["date"] = _parse_dates(sheet) if "date" in sheet.columns else [""] * n
    columns["path"] = [text.strip() for text in sheet.columns.get("path", [""] * n)]
    return pd.DataFrame({**columns, "file": sheet.files, "line": sheet.lines})


def _parse_dates(sheet: Sheet) -> list[str]:
    texts = [text.strip() for text in sheet.read_column("date")]
    dates = [derive_date(text, sheet.declared.date_order) if text else "" for text in texts]
    for answer, what, advice in (
        (AMBIGUOUS, "day and month in an undeclared order", "declare date_order (DMY or MDY) for this file"),
        (None, "no date", "correct the file"),
    ):
        if wrong := [line for line, date in zip(sheet.lines, dates, strict=True) if date == answer]:
            raise UserError(f"{sheet.name}:{wrong[0]}: column date: {len(wrong)} cells hold {what}; {advice}.")
    return [date or "" for date in dates]


def _derive_document(declared: Documents, name: str) -> str:
    return search_first(declared.document or "", PurePosixPath(name).name)
