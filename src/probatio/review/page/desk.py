"""What the server knows between two requests: the circuit, who has which case open, what each reader did last.

All of it but the open cases is told by the audit log: a server that was killed starts where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from probatio.protocol import Language
from probatio.records.decisions import Role
from probatio.review.circuit import CaseState, Circuit, Submission, derive_reader_key
from probatio.review.entries import Entry
from probatio.review.log import AuditLog
from probatio.review.page.counting import Tally, Task
from probatio.review.page.loans import Loans
from probatio.review.page.trail import Trail
from probatio.review.recording import record_decision, record_withdrawal
from probatio.review.refusals import RefusalError
from probatio.review.tables import Case

LEASE: Final = 15 * 60.0
"""Seconds for which a case that somebody looks at is not given to others."""


@dataclass(frozen=True)
class Lease:
    """A case that a reader, named by his key, has open until a moment of the monotonic clock."""

    reader: str
    until: float


class Desk:
    """One review as its readers share it; requests are answered one after the other.

    With `lent`, cases that are out in somebody's workbook are given to others, too.
    """

    def __init__(
        self, circuit: Circuit, log: AuditLog, *, lent: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.circuit = circuit
        self.tally = Tally(circuit)
        self.trail = Trail()
        self.loans = Loans()
        self._log, self._lent, self._clock = log, lent, clock
        self._leases: dict[str, Lease] = {}
        self._shown: set[tuple[str, ...]] = set()
        self._applied = 0
        self.catch_up()

    def catch_up(self) -> None:
        """Take into account what this server, an import or another server has written."""
        with self._log.hold() as entries:
            new = entries[self._applied :]
            self._applied = len(entries)
        for entry in new:
            self._apply(entry)

    def find_next(self, reader: str, task: Task) -> str | None:
        """Return the first case of the queue that a reader may decide and nobody else has open.

        Those that he skipped come after all others, in the order in which he skipped them.
        """
        skipped = dict.fromkeys(self.trail.get_skipped(reader))
        free = (name for name in self.tally.iterate_due(task) if self._is_free(name, reader))
        found = next((name for name in free if name not in skipped), None)
        return found or next((name for name in skipped if self._is_due(name, reader, task)), None)

    def count_open_elsewhere(self, reader: str, task: Task) -> int:
        """Return how many cases that a reader may decide others have open."""
        names = [name for name in self._leases if not self._is_open_to(name, reader)]
        return sum(self.tally.is_due(name, task) and not self._has_read(name, reader) for name in names)

    def count_lent(self, reader: str, task: Task) -> int:
        """Return how many cases that a reader may decide are out in others' workbooks."""
        names = self.tally.iterate_due(task)
        return sum(self._is_lent(name, reader) and not self._has_read(name, reader) for name in names)

    def list_disputed(self, reader: str) -> list[Case]:
        """Return the cases that await an adjudicator and that the reader may settle, in the order of the queue."""
        names = self.tally.iterate_due("adjudication")
        return [self.circuit.cases[name] for name in names if not self._has_read(name, reader)]

    def open_case(self, case_id: str, reader: str, documents: str) -> bool:
        """Keep a case for a reader and write that it was shown to him; say whether somebody else has it open.

        A reader keeps one case at a time. What another one has open stays his.

        Args:
            case_id: the case.
            reader: who looks at it.
            documents: digest of the texts that are shown beside it.

        Raises:
            RefusalError: there is no such case.
        """
        state = self.circuit.get_state(case_id)
        self.close_case(reader)
        busy = not self._is_open_to(case_id, reader)
        role = self.find_role(case_id, reader)
        if role and not busy:
            self._leases[case_id] = Lease(derive_reader_key(reader), self._clock() + LEASE)
        self.trail.visit(reader, case_id)
        self._write_shown(state, reader, role or "", documents)
        return busy

    def close_case(self, reader: str) -> None:
        """Give back the case that a reader has open, if any."""
        key = derive_reader_key(reader)
        for name in [name for name, lease in self._leases.items() if lease.reader == key]:
            del self._leases[name]

    def find_role(self, case_id: str, reader: str) -> Role | None:
        """Return what a reader may decide on a case as, None where nothing."""
        try:
            return self.circuit.get_role(case_id, reader)
        except RefusalError:
            return None

    def skip(self, case_id: str, reader: str) -> None:
        """Put a case off for a reader, until no other is left."""
        self.close_case(reader)
        self.trail.skip(reader, case_id)

    def decide(self, submission: Submission, reader: str, language: Language) -> None:
        """Write a decision; it is on the disk when this returns.

        Whoever else writes waits meanwhile, so that of two decisions on one case the second one is refused.

        Raises:
            RefusalError: it may not be taken, or not any more.
        """
        record_decision(self._log, self.circuit, submission, reader, language=language, via="page")
        self.catch_up()
        self.close_case(reader)

    def withdraw(self, case_id: str, reader: str, version: int) -> None:
        """Write that a reader takes his decision on a case back.

        Raises:
            RefusalError: he may not.
        """
        record_withdrawal(self._log, self.circuit, case_id, reader, version, via="page")
        self.catch_up()

    def find_last(self, reader: str) -> str | None:
        """Return the case of a reader's last decision that he may still take back."""
        for name in reversed(self.trail.get_decided(reader)):
            readings = self.circuit.states[name].readings
            if readings and derive_reader_key(readings[-1].reader) == derive_reader_key(reader):
                return name
        return None

    def _apply(self, entry: Entry) -> None:
        self.circuit.apply(entry)
        if entry.kind == "shown":
            said = (str(entry.content.get(name, "")) for name in ("role", "documents"))
            self._shown.add((entry.case, entry.shown, entry.who, *said))
        self.loans.note(entry)
        if entry.kind not in ("decision", "withdrawn") or entry.number in self.circuit.unfit:
            return
        if (state := self.circuit.states.get(entry.case)) is not None:
            self.tally.update(state)
            self.trail.note(entry)

    def _is_free(self, case_id: str, reader: str) -> bool:
        free = not self._has_read(case_id, reader) and self._is_open_to(case_id, reader)
        return free and (self._lent or not self._is_lent(case_id, reader))

    def _is_lent(self, case_id: str, reader: str) -> bool:
        """Say whether as many others have a case in their workbooks as have still to read it."""
        state = self.circuit.states[case_id]
        away = {derive_reader_key(each.reader) for each in state.readings} | {derive_reader_key(reader)}
        awaited = 2 - len(state.readings) if state.double and state.stage != "adjudication" else 1
        return len(self.loans.get_holders(case_id) - away) >= awaited

    def _is_due(self, case_id: str, reader: str, task: Task) -> bool:
        return self.tally.is_due(case_id, task) and self._is_free(case_id, reader)

    def _is_open_to(self, case_id: str, reader: str) -> bool:
        lease = self._leases.get(case_id)
        return lease is None or lease.reader == derive_reader_key(reader) or lease.until <= self._clock()

    def _has_read(self, case_id: str, reader: str) -> bool:
        return self.circuit.states[case_id].get_own(reader) is not None

    def _write_shown(self, state: CaseState, reader: str, role: str, documents: str) -> None:
        """Write that a case was shown to a reader in a role; once, as long as nothing of it changes."""
        case = self.circuit.cases[state.case_id]
        if (case.case_id, case.digest, reader, role, documents) not in self._shown:
            names = {"who": reader, "protocol": self.circuit.digest, "case": case.case_id, "shown": case.digest}
            self._log.append("shown", **names, role=role, documents=documents, via="page")
            self.catch_up()
