"""Which cases a workbook hands to whom: those that await the reader, and are not out with others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from probatio.digest import compute_digest
from probatio.protocol import Language, UserError
from probatio.records.decisions import Role
from probatio.review.circuit import Circuit, derive_reader_key
from probatio.review.entries import Entry
from probatio.review.forms import Loan, derive_loan
from probatio.review.opening import OpenReview
from probatio.review.recording import catch_up
from probatio.review.workbook import Export, derive_workbook

LONGEST_NAME: Final = 60
MOST_CASES: Final = 30_000
"""Cases of one workbook: each has two lists or hints, and Excel takes 65,530."""


def lend_cases(
    review: OpenReview, reader: str, *, language: Language, first: int | None = None, again: bool = False
) -> tuple[Export, bytes]:
    """Return the workbook of the cases that await a reader, once the log says that he has them.

    Args:
        review: as it stands.
        reader: his name, always the same; "": he writes it into the workbook, and gets nothing to settle.
        language: of the workbook.
        first: how many cases at most, in the order of the queue.
        again: also those that others have in a workbook which has not come back.

    Raises:
        UserError: the name is too long, or no case awaits him.
    """
    if len(reader) > LONGEST_NAME or not reader.isprintable() or set("<>") & set(reader):
        raise UserError(f"--reader: a name has at most {LONGEST_NAME} characters, on one line, no < or >; mend it.")
    circuit, log = review.circuit, review.log
    with log.hold() as entries:
        catch_up(circuit, entries)
        loans = select_loans(circuit, [] if again else entries, reader, language=language)[:first]
        if len(loans) > MOST_CASES:
            raise UserError(f"{log.path}: {len(loans)} cases are more than a workbook holds; give --first.")
        if not loans:
            raise UserError(f"{log.path}: no case awaits this reader; --again hands out those that others have.")
        export = Export(circuit.protocol.study, review.source, circuit.digest, review.queue_digest, reader, language,
                        tuple(loans))  # fmt: skip
        content = derive_workbook(export, circuit.protocol)
        digests = {loan.case.case_id: loan.case.digest for loan in loans}
        told: dict[str, Any] = {
            "export": export.export_id,
            "language": language,
            "workbook": compute_digest(content),
            "cases": digests,
        }
        log.append("exported", who=reader, protocol=circuit.digest, **told)
    return export, content


def select_loans(circuit: Circuit, entries: Sequence[Entry], reader: str, *, language: Language) -> list[Loan]:
    """Return the cases that may be handed to a reader, in the order of the queue.

    A case that as many others have in workbooks as have still to read it is left out.

    Args:
        circuit: as it stands.
        entries: of the log; they say who has which case.
        reader: "" where unknown.
        language: of the words.
    """
    out = _find_lent(entries)
    loans = []
    for name in circuit.list_due(reader):
        state = circuit.states[name]
        stage = state.stage
        if stage == "adjudication" and not reader:
            continue
        others = (
            out.get(name, set()) - {derive_reader_key(reader)} - {derive_reader_key(r.reader) for r in state.readings}
        )
        awaited = 2 - len(state.readings) if state.double and stage != "adjudication" else 1
        if len(others) < awaited:
            role: Role = "adjudicator" if stage == "adjudication" else "first" if stage == "open" else "second"
            loans.append(derive_loan(circuit.cases[name], state, role, circuit.protocol, language=language))
    return loans


def _find_lent(entries: Sequence[Entry]) -> dict[str, set[str]]:
    """Return who has each case in a workbook that has not come back."""
    lent: dict[str, set[str]] = defaultdict(set)
    back = {entry.content.get("export") for entry in entries if entry.kind == "imported"}
    for entry in entries:
        export = str(entry.content.get("export"))
        if entry.kind == "exported" and export not in back:
            for name in entry.content.get("cases", {}):
                lent[name].add(derive_reader_key(entry.who) or export)
    return lent
