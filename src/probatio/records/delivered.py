"""One patient's cells of one variable as the files have them, beside what was read from them. Confidential."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from probatio.protocol import Protocol
from probatio.records.cells import FileReading, read_cells
from probatio.records.cohort import read_cohort
from probatio.records.sheets import SheetReader
from probatio.records.tables import Ledger
from probatio.records.values import derive_values

DELIVERED_COLUMNS: Final = (
    "source", "patient_id", "variable", "visit", "event", "file", "line", "column", "raw", "state", "value", "unit",
    "conformant", "recoded", "confidence", "document_id", "start", "end", "snippet", "extractor", "extracted_at",
)  # fmt: skip


def read_delivered(protocol: Protocol, root: Path, *, patient_id: str, variable: str) -> pd.DataFrame:
    """Return every cell that the sources' files hold on a patient and variable, blank ones included.

    A cell stands as often as files repeat it; `Records` keeps one of equal ones. Sources after review have no files.

    Args:
        protocol: the study.
        root: its data folder.
        patient_id: a patient of the cohort.
        variable: name of a variable; of repeated events, with all attributes.

    Returns:
        `DELIVERED_COLUMNS`: where the cell stands, its text (`raw`), and the state, value and span read from it.

    Raises:
        UserError: a file cannot be read as declared.
    """
    reader, ledger = SheetReader(root), Ledger()
    cohort = read_cohort(protocol, reader, ledger)
    parts = []
    for source in protocol.sources:
        for file in source.files:
            reading = FileReading(protocol, source, file, reader.read_sheet(file), cohort, ledger)
            cells = read_cells(reading).cells
            own = cells[(cells["patient_id"] == patient_id) & (cells["variable"] == variable)]
            parts.append(derive_values(own.reset_index(drop=True), reading))
    table = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    table["variable"] = table["full_variable"]
    return table.reindex(columns=list(DELIVERED_COLUMNS))
