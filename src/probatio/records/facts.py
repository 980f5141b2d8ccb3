"""Facts of patients, wherever they stand: the patients file, another file, or the texts of their documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from probatio.protocol import Attribute
from probatio.protocol.files import AttributeFile
from probatio.records.attributes import derive_attribute, derive_fact
from probatio.records.documents import DocumentTable, DocumentTexts
from probatio.records.lines import derive_lines, find_doubles
from probatio.records.sheets import Sheet, SheetReader


@dataclass(frozen=True)
class Facts:
    """What is needed to read a fact of the patients that may stand outside the patients file."""

    reader: SheetReader
    documents: DocumentTable
    texts: DocumentTexts

    def derive(self, sheet: Sheet, attribute: Attribute, lines: pd.DataFrame, name: str) -> pd.Series:
        """Return an attribute of the patients on `lines`; a patient of whom nothing is said has none.

        Args:
            sheet: the patients file.
            attribute: where the fact stands and how it is written.
            lines: the patients' lines.
            name: the attribute's name, for errors.

        Raises:
            UserError: as for `derive_attribute`; two rows of another file differ about one patient.
        """
        if attribute.text is not None:
            return derive_attribute(sheet, attribute, lines, name, self._search(attribute, lines))
        if attribute.file is not None:
            return self._read_other(attribute, attribute.file, lines, name)
        return derive_attribute(sheet, attribute, lines, name)

    def _search(self, attribute: Attribute, lines: pd.DataFrame) -> list[str]:
        """Return what each patient's kept documents say; "" where they say nothing or do not agree."""
        kept = self.documents.table[self.documents.table["rule"] == ""]
        wanted = kept[kept["patient_id"].isin(lines["patient_id"])].sort_values("document_id")
        said: dict[str, dict[str, str]] = {}
        for document, patient in zip(wanted["document_id"], wanted["patient_id"], strict=True):
            answers = said.setdefault(patient, {})
            for text in _find_all(attribute.text or "", self.texts.get(document, "")):
                answers.setdefault(derive_fact(text, attribute), text)
        chosen = {patient: [text for fact, text in answers.items() if fact] for patient, answers in said.items()}
        return [texts[0] if len(texts := chosen.get(patient, [])) == 1 else "" for patient in lines["patient_id"]]

    def _read_other(self, attribute: Attribute, file: AttributeFile, lines: pd.DataFrame, name: str) -> pd.Series:
        sheet = self.reader.read_sheet(file)
        other = derive_lines(sheet, file.patient, self.documents)
        aside = other["document_id"].map(self.documents.rules).fillna("") != ""
        other = other[other["patient_id"].isin(lines["patient_id"]) & ~aside]
        other = other[~find_doubles(sheet, other, [attribute.column or ""])]
        facts = derive_attribute(sheet, attribute, other, name)
        told = facts[facts.notna() & (facts != "")].groupby(other["patient_id"]).agg(["first", "nunique"])
        known = told.loc[told["nunique"] == 1, "first"].to_dict()
        missing = float("nan") if attribute.type == "number" and not attribute.cut else ""
        return lines["patient_id"].map(lambda patient: known.get(patient, missing))


def _find_all(pattern: str, text: str) -> Iterator[str]:
    """Yield the first group (the whole match if there is none) of every match in a text, blanks removed."""
    for match in re.finditer(pattern, text):
        yield ((match[1] if match.re.groups else match[0]) or "").strip()
