"""The cells that a source was asked and able to fill: only they enter a denominator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import product
from typing import NamedTuple

import pandas as pd

from probatio.protocol import Protocol, Source, UserError
from probatio.records.cells import FileCells
from probatio.records.cohort import Cohort
from probatio.records.sheets import SheetReader
from probatio.records.tables import CELL, Ledger

_ALL, _PENDING = "*", "pending"
_Cell = tuple[str, str, str, str]


class Exceptions(NamedTuple):
    """Cells that a source was not to fill, and among them the reference's that await adjudication."""

    cells: set[_Cell]
    pending: set[_Cell]


def derive_assessments(
    protocol: Protocol,
    source: Source,
    files: list[FileCells],
    values: pd.DataFrame,
    *,
    exceptions: set[_Cell],
    cohort: Cohort,
    ledger: Ledger,
) -> pd.DataFrame:
    """Return the cells (`source, variable, visit, patient_id`) that one source was to fill.

    A wide file declares the variables and visits of its columns. A long file declares every variable
    of the protocol when it is the source's only kind of file, otherwise those that occur in it. With
    `assessed: all` each declared cell counts for every evaluated patient, with `rows` for those who
    have a line in a file that declares it. The reference counts only for the patients drawn for it.
    Listed exceptions and cells whose code means not assessed leave; a cell in which the source
    delivered a value all the same stays, and is counted as `delivered_not_assessed`.
    """
    cells = _list_cells(protocol, source, files, cohort)
    unassessed = set(_iterate_cells(values[values["state"] == "not_assessed"], source.name))
    delivered = set(_iterate_cells(values[values["state"].isin(["value", "negative"])], source.name))
    asked = cells - exceptions - unassessed
    surprising = delivered - asked
    asked |= delivered
    visits = Counter(name for name, _ in {cell[1:3] for cell in cells})
    n, late = (Counter(cell[1] for cell in chosen) for chosen in (asked, surprising))
    for name in [variable.name for variable in protocol.variables if visits[variable.name] or n[variable.name]]:
        ledger.count("assessed", n[name], source=source.name, variable=name)
        if source.role == "reference":
            unlabelled = len(cohort.evaluated) * visits[name] - n[name]
            ledger.count("unlabelled", unlabelled, source=source.name, variable=name)
        if late[name]:
            ledger.count("delivered_not_assessed", late[name], source=source.name, variable=name)
    return pd.DataFrame(sorted(asked), columns=list(CELL), dtype=object)


def derive_pending(
    protocol: Protocol, files: list[FileCells], asked: pd.DataFrame, *, exceptions: Exceptions, cohort: Cohort
) -> pd.DataFrame:
    """Return the reference's cells that await adjudication, in the columns of assessments.

    A cell that the reference fills all the same, or that it was never to fill (a patient not drawn for it,
    a variable it does not hold), does not wait.
    """
    waiting = exceptions.pending - set(asked[list(CELL)].itertuples(index=False, name=None))
    source = protocol.reference
    due = _list_cells(protocol, source, files, cohort) if waiting and source else set()
    return pd.DataFrame(sorted(waiting & due), columns=list(CELL), dtype=object)


def read_exceptions(protocol: Protocol, reader: SheetReader, cohort: Cohort, ledger: Ledger) -> Exceptions:
    """Read the `assessments` file: the cells a source was not asked, or not able, to fill.

    Columns: source, variable, visit (blank: all), patient_id; `*` stands for all in any column. In a column
    `reason` the word `pending` says that a cell of the reference awaits adjudication; other words are the
    reader's own.

    Raises:
        UserError: a column is absent, or names a source, variable or visit that is not declared, or a
            source other than the reference is pending.
    """
    if protocol.assessments is None:
        return Exceptions(set(), set())
    sheet = reader.read_sheet(protocol.assessments)
    columns = [[text.strip() for text in sheet.read_column(name)] for name in CELL]
    reasons = sheet.columns.get("reason", [""] * len(sheet.lines))
    exceptions = Exceptions(set(), set())
    unknown = []
    for file, line, reason, source, variable, visit, patient in zip(
        sheet.files, sheet.lines, reasons, *columns, strict=True
    ):
        if patient != _ALL and patient not in cohort.rules:
            unknown.append((file, line, patient))
            continue
        where = f"{file}:{line}"
        sources = _expand(source, [known.name for known in protocol.sources], f"{where}: source")
        waiting = reason.strip().lower() == _PENDING
        if waiting and (protocol.reference is None or sources != [protocol.reference.name]):
            raise UserError(f"{where}: reason: only the reference awaits adjudication; name it as the source.")
        variables = _expand(variable, [known.name for known in protocol.variables], f"{where}: variable")
        patients = cohort.evaluated.index if patient == _ALL else [patient]
        for name in variables:
            visits = protocol.get_variable(name).visits or [""]
            visits = visits if visit == "" else _expand(visit, visits, f"{where}: visit")
            cells = set(product(sources, [name], visits, patients))
            exceptions.cells.update(cells)
            exceptions.pending.update(cells if waiting else ())
    lines = pd.DataFrame(unknown, columns=["file", "line", "patient_id"])
    ledger.reject(lines, "unknown_patient", variables={"": 1}, unit="exceptions")
    return exceptions


def _expand(text: str, known: list[str], where: str) -> list[str]:
    if text == _ALL:
        return known
    if text not in known:
        raise UserError(f"{where} is not declared; write one of {', '.join(known)}, or * for all.")
    return [text]


def _list_cells(protocol: Protocol, source: Source, files: list[FileCells], cohort: Cohort) -> set[_Cell]:
    evaluated = cohort.evaluated
    if source.role == "reference":
        evaluated = evaluated[evaluated["reference_sampled"]]
    wide = [cell for file in files for cell in file.declared or []]
    cells: set[_Cell] = set()
    for file in files:
        declared = file.declared or _list_long_declared(protocol, wide, file.cells)
        patients = evaluated.index if source.assessed == "all" else evaluated.index.intersection(sorted(file.patients))
        cells.update((source.name, *cell, patient) for cell, patient in product(declared, patients))
    return cells


def _list_long_declared(protocol: Protocol, wide: list[tuple[str, str]], cells: pd.DataFrame) -> list[tuple[str, str]]:
    occurring = set(cells["variable"])
    chosen = [variable for variable in protocol.variables if not wide or variable.name in occurring]
    return [(variable.name, visit) for variable in chosen for visit in variable.visits or [""]]


def _iterate_cells(values: pd.DataFrame, source: str) -> Iterable[_Cell]:
    keys = values[["variable", "visit", "patient_id"]].drop_duplicates()
    return ((source, *key) for key in keys.itertuples(index=False, name=None))
