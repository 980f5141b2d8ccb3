"""Read a study: patients, documents, every source's values, and an account of all of them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from probatio.protocol import Protocol, Source, UserError
from probatio.records.assessing import derive_assessments, derive_pending, read_exceptions
from probatio.records.cells import FileCells, FileReading, read_cells
from probatio.records.cohort import Cohort, read_cohort
from probatio.records.decisions import read_decisions
from probatio.records.files import list_read
from probatio.records.reviewed import derive_reviewed
from probatio.records.sheets import SheetReader
from probatio.records.spans import TextLengths, check_spans
from probatio.records.tables import CELL, READING_COLUMNS, RECORD_COLUMNS, Ledger, Records
from probatio.records.values import derive_values, select_delivered


def read_records(protocol: Protocol, root: Path, *, sources: Collection[str] | None = None) -> Records:
    """Read every file of a study into the tables of the data contract.

    Args:
        protocol: the study; it says which files, and how they are written.
        root: the study's data folder, from which paths are relative.
        sources: only these; no file of another source is opened, but of one that a source after review comes
            from. None: all.

    Returns:
        the tables; the same files give the same tables, row by row.

    Raises:
        UserError: a file, column or date that cannot be read as declared, one patient on two different
            lines, a span outside its document's text, or a source that delivers no value.
    """
    reader, ledger = SheetReader(root), Ledger()
    cohort = read_cohort(protocol, reader, ledger)
    exceptions = read_exceptions(protocol, reader, cohort, ledger)
    assessments: dict[str, pd.DataFrame] = {}
    records: dict[str, pd.DataFrame] = {}
    pending = pd.DataFrame(columns=list(CELL), dtype=object)
    wanted = list_read(protocol, sources)
    lengths = TextLengths(cohort.texts)
    for source in [each for each in protocol.sources if each.name in wanted and each.reviewed is None]:
        files, values = _read_source(protocol, source, reader, cohort, ledger)
        check_spans(values, lengths)
        records[source.name] = select_delivered(values, source.name, ledger)
        _check_delivered(source, ledger)
        barred = exceptions.cells
        cells = derive_assessments(protocol, source, files, values, exceptions=barred, cohort=cohort, ledger=ledger)
        assessments[source.name] = cells
        if source.role == "reference":
            pending = derive_pending(protocol, files, cells, exceptions=exceptions, cohort=cohort)
    decisions = [pd.DataFrame(columns=list(READING_COLUMNS), dtype=object)]
    for source in protocol.sources:
        if source.name in wanted and source.reviewed:
            of = source.reviewed.of
            read = read_decisions(protocol, source, reader, cohort, ledger)
            found = derive_reviewed(protocol, source, records[of], assessments[of], decisions=read, ledger=ledger)
            records[source.name], assessments[source.name] = found.records, assessments[of].assign(source=source.name)
            decisions.append(found.decisions)
    return Records(
        patients=cohort.patients,
        documents=cohort.kept_documents,
        assessments=pd.concat(assessments.values()).sort_values(list(CELL), ignore_index=True),
        records=_derive_table([*records.values()]),
        rejected=ledger.derive_rejected(),
        flow=ledger.derive_flow(),
        pending=pending,
        decisions=pd.concat([part for part in decisions if len(part)] or decisions[:1], ignore_index=True),
    )


def _read_source(
    protocol: Protocol, source: Source, reader: SheetReader, cohort: Cohort, ledger: Ledger
) -> tuple[list[FileCells], pd.DataFrame]:
    files, values = [], []
    for file in source.files:
        reading = FileReading(protocol, source, file, reader.read_sheet(file), cohort, ledger)
        files.append(read_cells(reading))
        values.append(derive_values(files[-1].cells, reading))
    return files, pd.concat(values, ignore_index=True)


def _check_delivered(source: Source, ledger: Ledger) -> None:
    """Refuse a source that says nothing: nearly always a wrong key, column or folder."""
    if ledger.sum("delivered", source=source.name):
        return
    read = ledger.sum("read", source=source.name)
    paths = ", ".join(dict.fromkeys(file.path for file in source.files))
    raise UserError(
        f"{paths}: source {source.name} delivers no value of any "
        f"declared variable ({read} cells read{ledger.describe_rejections(source.name)}); check the patient key, "
        f"the columns and the missing codes."
    )


def _derive_table(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the records of every source in the contract's columns, sorted by cell."""
    table = pd.concat(parts, ignore_index=True)
    table["variable"] = table["full_variable"]
    key = ["source", "variable", "visit", "patient_id", "event"]
    table = table.sort_values(key, kind="stable", ignore_index=True)
    return table[list(RECORD_COLUMNS)].astype({"conformant": bool})
