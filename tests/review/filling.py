"""Fill in a review workbook with openpyxl, a library that shares nothing with the one that wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from probatio.review.lending import lend_cases
from probatio.review.opening import OpenReview

TITLES = {"decision": "Décision", "value": "Valeur", "comment": "Commentaire", "minutes": "Minutes"}
CASES, INSTRUCTIONS = "Cas", "Mode d'emploi"


class Filling:
    """A workbook in a person's hands: opened, filled in by patient and variable, saved."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.book: Workbook = openpyxl.load_workbook(path)

    @property
    def sheet(self) -> Worksheet:
        return self.book[CASES]

    @property
    def titles(self) -> list[str]:
        return [str(cell.value) for cell in self.sheet[1]]

    def find_row(self, patient: str, variable: str) -> int:
        """Return the number of a row."""
        for row in range(2, self.sheet.max_row + 1):
            if (self.get(row, "Patient"), self.get(row, "Variable")) == (patient, variable):
                return row
        raise LookupError((patient, variable))

    def get(self, row: int, title: str) -> Any:
        return self.sheet.cell(row, self.titles.index(title) + 1).value

    def put(self, row: int, title: str, value: Any) -> None:
        self.sheet.cell(row, self.titles.index(title) + 1).value = value

    def find_letter(self, row: int, value: str) -> str:
        """Return the letter of the candidate with a value."""
        for letter in "AB":
            text = self.get(row, f"Valeur {letter}") if f"Valeur {letter}" in self.titles else None
            if text is not None and text.split("\n")[0] == value:
                return letter
        raise LookupError(value)

    def fill(self, patient: str, variable: str, **answers: Any) -> int:
        """Fill in a row's decision, value, comment, minutes, and return its number."""
        row = self.find_row(patient, variable)
        for key, value in answers.items():
            self.put(row, TITLES[key], value)
        return row

    def save(self) -> Path:
        self.book.save(self.path)
        return self.path


def lend(review: OpenReview, folder: Path, reader: str = "ann", **options: Any) -> Filling:
    """Export the cases that await a reader, and open the workbook."""
    _, content = lend_cases(review, reader, language="fr", **options)
    path = folder / f"review_{reader or 'nobody'}_{len(list(folder.glob('*.xlsx')))}.xlsx"
    path.write_bytes(content)
    return Filling(path)
