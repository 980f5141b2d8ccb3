"""Write a decision into the log: checked against all that others have written, while nobody else can write."""

from __future__ import annotations

from collections.abc import Sequence

from probatio.protocol import Language
from probatio.review.circuit import Circuit, Submission
from probatio.review.entries import Entry
from probatio.review.log import AuditLog


def catch_up(circuit: Circuit, entries: Sequence[Entry]) -> None:
    """Tell a circuit the entries of its log that it does not know yet."""
    for entry in entries[circuit.read :]:
        circuit.apply(entry)


def record_decision(
    log: AuditLog, circuit: Circuit, submission: Submission, reader: str, *, language: Language, via: str
) -> Entry:
    """Write a decision, and return its entry once it is on the disk.

    Args:
        log: of the review.
        circuit: of the same review; knows the decision afterwards.
        submission: as handed in.
        reader: who hands it in.
        language: of the form.
        via: `page` or `workbook`.

    Raises:
        RefusalError: it may not be taken; nothing is written.
        UserError: the log cannot be written.
    """
    with log.hold() as entries:
        catch_up(circuit, entries)
        content = circuit.check(submission, reader, language=language)
        names = {"case": submission.case_id, "shown": submission.shown}
        entry = log.append("decision", who=reader, protocol=circuit.digest, via=via, **names, **content)
    circuit.apply(entry)
    return entry


def record_withdrawal(log: AuditLog, circuit: Circuit, case_id: str, reader: str, version: int, *, via: str) -> Entry:
    """Write that a reader takes his decision back, and return the entry once it is on the disk.

    Raises:
        RefusalError: it may not be taken back; nothing is written.
        UserError: the log cannot be written.
    """
    with log.hold() as entries:
        catch_up(circuit, entries)
        content = circuit.check_withdrawal(case_id, reader, version)
        entry = log.append("withdrawn", who=reader, protocol=circuit.digest, case=case_id, via=via, **content)
    circuit.apply(entry)
    return entry
