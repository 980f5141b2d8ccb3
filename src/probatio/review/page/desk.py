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
from probatio.review.circuit import CaseState, Circuit, Submission
from probatio.review.entries import Entry
from probatio.review.log import AuditLog
from probatio.review.page.counting import Tally, Task
from probatio.review.page.trail import Trail
from probatio.review.refusals import RefusalError
from probatio.review.tables import Case

LEASE: Final = 15 * 60.0
"""Seconds for which a case that somebody looks at is not given to others."""


@dataclass(frozen=True)
class Lease:
    """A case that a reader has open, until a moment of the monotonic clock."""

    reader: str
    until: float


class Desk:
    """One review as its readers share it; requests are answered one after the other.

    `protocol` is the digest of the protocol in force, written with every entry.
    """

    def __init__(
        self, circuit: Circuit, log: AuditLog, protocol: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.circuit = circuit
        self.tally = Tally(circuit)
        self.trail = Trail()
        self._log, self._protocol, self._clock = log, protocol, clock
        self._leases: dict[str, Lease] = {}
        self._shown: set[tuple[str, str, str, str]] = set()
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
        skipped = self.trail.get_skipped(reader)
        free = (name for name in self.tally.iterate_due(task) if self._is_free(name, reader))
        found = next((name for name in free if name not in skipped), None)
        return found or next((name for name in skipped if self._is_due(name, reader, task)), None)

    def count_elsewhere(self, reader: str, task: Task) -> int:
        """Return how many cases that a reader may decide others have open."""
        now = self._clock()
        held = [name for name, lease in self._leases.items() if lease.until > now and lease.reader != reader]
        return sum(self.tally.is_due(name, task) and not self._has_read(name, reader) for name in held)

    def list_disputed(self, reader: str) -> list[Case]:
        """Return the cases that await an adjudicator and that the reader may settle, in the order of the queue."""
        names = self.tally.iterate_due("adjudication")
        return [self.circuit.cases[name] for name in names if not self._has_read(name, reader)]

    def open_case(self, case_id: str, reader: str) -> bool:
        """Keep a case for a reader and write that it was shown to him; say whether somebody else has it open.

        A reader keeps one case at a time. What another one has open stays his.

        Raises:
            RefusalError: there is no such case.
        """
        state = self.circuit.get_state(case_id)
        self.close_case(reader)
        busy = not self._is_open_to(case_id, reader)
        role = self.find_role(case_id, reader)
        if role and not busy:
            self._leases[case_id] = Lease(reader, self._clock() + LEASE)
        self.trail.visit(reader, case_id)
        self._write_shown(state, reader, role)
        return busy

    def close_case(self, reader: str) -> None:
        """Give back the case that a reader has open, if any."""
        for name in [name for name, lease in self._leases.items() if lease.reader == reader]:
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
        with self._log.hold():
            self.catch_up()
            content = self.circuit.check(submission, reader, language=language)
            self._log.append("decision", **self._name(submission.case_id, reader), **content)
        self.catch_up()
        self.close_case(reader)

    def withdraw(self, case_id: str, reader: str, version: int) -> None:
        """Write that a reader takes his decision on a case back.

        Raises:
            RefusalError: he may not.
        """
        with self._log.hold():
            self.catch_up()
            content = self.circuit.check_withdrawal(case_id, reader, version)
            self._log.append("withdrawn", **self._name(case_id, reader), **content)
        self.catch_up()

    def find_last(self, reader: str) -> str | None:
        """Return the case of a reader's last decision that he may still take back."""
        for name in reversed(self.trail.get_decided(reader)):
            readings = self.circuit.states[name].readings
            if readings and readings[-1].reader == reader:
                return name
        return None

    def _apply(self, entry: Entry) -> None:
        self.circuit.apply(entry)
        if entry.kind == "shown":
            self._shown.add((entry.case, entry.shown, entry.who, str(entry.content.get("role", ""))))
        if entry.kind not in ("decision", "withdrawn") or entry.number in self.circuit.unfit:
            return
        if (state := self.circuit.states.get(entry.case)) is not None:
            self.tally.update(state)
            self.trail.note(entry)

    def _is_free(self, case_id: str, reader: str) -> bool:
        return not self._has_read(case_id, reader) and self._is_open_to(case_id, reader)

    def _is_due(self, case_id: str, reader: str, task: Task) -> bool:
        return self.tally.is_due(case_id, task) and self._is_free(case_id, reader)

    def _is_open_to(self, case_id: str, reader: str) -> bool:
        lease = self._leases.get(case_id)
        return lease is None or lease.reader == reader or lease.until <= self._clock()

    def _has_read(self, case_id: str, reader: str) -> bool:
        return self.circuit.states[case_id].get_own(reader) is not None

    def _write_shown(self, state: CaseState, reader: str, role: Role | None) -> None:
        """Write that a case was shown to a reader in a role; once, as long as nothing about it changes."""
        case = self.circuit.cases[state.case_id]
        if (case.case_id, case.digest, reader, role or "") not in self._shown:
            self._log.append("shown", **self._name(case.case_id, reader), role=role or "")
            self.catch_up()

    def _name(self, case_id: str, reader: str) -> dict[str, str]:
        return {"who": reader, "protocol": self._protocol, "case": case_id, "shown": self.circuit.cases[case_id].digest}
