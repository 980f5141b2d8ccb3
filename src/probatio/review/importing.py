"""Take a filled workbook back: every fault is found before anything is written, and then all is written or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from probatio.protocol import UserError
from probatio.review.circuit import derive_reader_key
from probatio.review.filled import FilledRows
from probatio.review.forms import derive_compared
from probatio.review.opening import OpenReview
from probatio.review.recording import catch_up
from probatio.review.returned import Returned, read_returned


@dataclass(frozen=True)
class ImportSummary:
    """What an import did, or would do: decisions taken over, already known, and rows left blank."""

    reader: str
    taken: int
    known: int
    blank: int


def import_workbook(path: Path, review: OpenReview, *, reader: str = "", dry_run: bool = False) -> ImportSummary:
    """Take the decisions of a workbook into the log, all at once.

    Rows without a decision stay open. Rows whose decision this reader has already handed in are passed over, so that
    a workbook may come back several times as it fills.

    Args:
        path: the workbook.
        review: as it stands; knows the decisions afterwards.
        reader: his name, where the workbook does not say it.
        dry_run: check only.

    Raises:
        UserError: it cannot be taken over, or was already; faults are listed by row, without any value.
    """
    returned = read_returned(path)
    circuit, log = review.circuit, review.log
    with log.hold() as entries:
        catch_up(circuit, entries)
        _check_origin(returned, review)
        who = _get_reader(returned, reader)
        rows = FilledRows(returned, circuit, who)
        if not rows.decided:
            said = "already imported; nothing in it is new" if rows.known else "no decision in it; fill in yellow cells"
            raise UserError(f"{returned.name}: {said}.")
        if not dry_run:
            _write(returned, rows, review, who)
    catch_up(circuit, log.entries)
    return ImportSummary(who, len(rows.decided), rows.known, rows.blank)


def _write(returned: Returned, rows: FilledRows, review: OpenReview, who: str) -> None:
    log, digest, export = review.log, review.circuit.digest, returned.meta["export_id"]
    for each in rows.decided:
        names = {"case": each.submission.case_id, "shown": each.submission.shown}
        log.append("decision", who=who, protocol=digest, via="workbook", export=export, **names, **each.content)
    log.append(
        "imported", who=who, protocol=digest, export=export, workbook=returned.digest, decisions=len(rows.decided)
    )


def _check_origin(returned: Returned, review: OpenReview) -> None:
    """Refuse a workbook of another review, of another protocol, or one that nobody exported."""
    name, meta = returned.name, returned.meta
    if (meta["study"], meta["source"]) != (review.circuit.protocol.study, review.source):
        raise UserError(
            f"{name}: a workbook of another review ({meta['study']}, {meta['source']}); give the right one."
        )
    if meta["protocol"] != review.circuit.digest:
        raise UserError(f"{name}: the protocol has changed since it was exported; export the cases again.")
    known = {entry.content.get("export") for entry in review.log.entries if entry.kind == "exported"}
    if meta["export_id"] not in known:
        raise UserError(f"{name}: the audit log knows of no such export; export the cases again.")


def _get_reader(returned: Returned, reader: str) -> str:
    """Return whose decisions these are: one name, wherever it stands."""
    said = [name for name in (returned.meta["reader"], returned.reader, derive_compared(reader)) if name]
    if not said:
        raise UserError(
            f"{returned.name}: nobody says who decided; write the name on the first sheet, or give --reader."
        )
    if len({derive_reader_key(name) for name in said}) > 1:
        raise UserError(f"{returned.name}: two names say who decided; keep that of the person who did.")
    return said[0]
