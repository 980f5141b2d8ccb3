"""Whose each row of a file is, and which rows say the same thing twice."""

from __future__ import annotations

from pathlib import PurePosixPath

import pandas as pd

from probatio.protocol import PatientKey, UserError
from probatio.records.attributes import search_first
from probatio.records.documents import DocumentTable, derive_looked_up
from probatio.records.sheets import Sheet


def derive_lines(sheet: Sheet, key: PatientKey, documents: DocumentTable) -> pd.DataFrame:
    """Return `file, line, patient_id, document_id, by_document` for each row; "" where there is none.

    Raises:
        UserError: the key's column is absent or its row pattern is none.
    """
    lines = pd.DataFrame({"file": sheet.files, "line": sheet.lines, "document_id": ""})
    lines["by_document"] = key.document is not None
    if key.column is not None:
        lines["patient_id"] = [text.strip() for text in sheet.read_column(key.column)]
    elif key.row is not None:
        lines["patient_id"] = _number_patients(sheet, key.row)
    else:
        names = {name: search_first(key.document or "", PurePosixPath(name).name) for name in set(sheet.files)}
        lines["document_id"] = derive_looked_up(lines["file"], names, "")
        lines["patient_id"] = derive_looked_up(lines["document_id"], documents.owners, "")
    return lines


def find_doubles(sheet: Sheet, lines: pd.DataFrame, columns: list[str]) -> pd.Series:
    """Flag the later of two identical rows about one patient in one file; only declared columns count.

    Raises:
        UserError: two rows about one patient differ.
    """
    later = lines.duplicated(["file", "patient_id"])
    if not later.any():
        return later
    texts = [sheet.columns[name] for name in columns]
    content = pd.Series([tuple(column[row].strip() for column in texts) for row in lines.index], index=lines.index)
    groups = lines.assign(content=content).groupby(["file", "patient_id"], sort=False)
    firsts = groups[["line", "content"]].transform("first")
    if (differ := content != firsts["content"]).any():
        at = differ.idxmax()
        raise UserError(
            f"{lines['file'][at]}: lines {firsts['line'][at]} and {lines['line'][at]} are about the same patient and "
            f"differ ({int(differ.sum())} such lines); keep one line per patient."
        )
    return later


def _number_patients(sheet: Sheet, pattern: str) -> list[str]:
    try:
        return [pattern.format(row=number) for number in range(1, len(sheet.lines) + 1)]
    except (ValueError, LookupError, AttributeError):
        raise UserError(f"{sheet.name}: patient: row: {pattern} is not a pattern such as L{{row:03d}}.") from None
