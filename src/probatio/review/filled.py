"""Check the rows of a workbook that came back: what was shown is unchanged, what was filled in may be taken over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from probatio.protocol import UserError
from probatio.records.canonical import derive_number
from probatio.records.decisions import Role
from probatio.records.harmless import derive_written
from probatio.review.answers import settle
from probatio.review.circuit import Circuit, Submission
from probatio.review.forms import ANSWERED, Loan, derive_cells, derive_compared, derive_loan, list_columns, read_answer
from probatio.review.refusals import RefusalError
from probatio.review.returned import Returned, Row
from probatio.wording import read_word

SHOWN: Final = 20
"""Faults that are told one by one."""
_MOST_MINUTES: Final = 1440
_FRESH: Final = "or take a fresh export"


@dataclass(frozen=True)
class Decided:
    """A row's decision, and what goes into the log for it."""

    submission: Submission
    content: Mapping[str, Any]


class FilledRows:
    """The rows of one workbook, checked against the circuit as it stands.

    `decided` are new decisions; `known` counts those that this reader has already handed in, `blank` rows without any.
    """

    def __init__(self, returned: Returned, circuit: Circuit, reader: str) -> None:
        """Check all rows.

        Raises:
            UserError: anything is wrong with any row; the first faults are listed, by row and without any value.
        """
        self._returned, self._circuit, self._reader = returned, circuit, reader
        self._faults: list[str] = []
        self._loans = self._derive_loans()
        self._columns = list_columns([*self._loans.values()])
        self._check_header()
        self.decided: list[Decided] = []
        self.known = self.blank = 0
        rows = returned.read_rows([*self._columns])
        counts = Counter(row.case_id for row in rows)
        for row in rows:
            self._take(row, counts)
        if lost := len(set(returned.lent) - set(counts)):
            self._faults.append(f"{lost} of its cases are gone; copy the decisions into a fresh export")
        self._refuse_faults()

    def _derive_loans(self) -> dict[str, Loan]:
        """Return the cases as they would be handed out now."""
        circuit, language = self._circuit, self._returned.language
        roles: dict[str, Role] = {"adjudicator": "adjudicator", "second": "second"}
        return {
            name: derive_loan(circuit.cases[name], circuit.states[name], roles.get(lent["role"], "first"),
                              circuit.protocol, language=language)
            for name, lent in self._returned.lent.items()
            if name in circuit.cases
        }  # fmt: skip

    def _title(self, key: str) -> str:
        letter = len(key) == 1
        return read_word("circuit", "candidate" if letter else key, self._returned.language).format(letter=key)

    def _check_header(self) -> None:
        titles = [derive_compared(self._title(key)) for key in self._columns]
        found = [derive_compared(text) for text in self._returned.header]
        if found[: len(titles)] != titles:
            where = f"{self._returned.name}: {self._returned.sheet}, row 1"
            raise UserError(f"{where}: the header was changed; copy the decisions into a fresh export.")

    def _take(self, row: Row, counts: Mapping[str, int]) -> None:
        try:
            self._check_shown(row, counts)
            if not any(row.read(key) for key in ANSWERED):
                self.blank += 1
                return
            submission = _read_submission(row, self._returned.lent[row.case_id])
            if self._is_known(submission):
                self.known += 1
                return
            content = self._circuit.check(submission, self._reader, language=self._returned.language)
            self.decided.append(Decided(submission, content))
        except (_FaultError, RefusalError) as fault:
            self._faults.append(f"{self._returned.sheet}, row {row.number}: {fault}")

    def _check_shown(self, row: Row, counts: Mapping[str, int]) -> None:
        """Refuse a row that does not show what was exported, or whose case shows something else by now."""
        name = row.case_id
        if name not in self._returned.lent:
            raise _FaultError(f"its case is none of this workbook's; bring the locked cells back, {_FRESH}")
        if counts[name] > 1:
            raise _FaultError("its case stands twice; keep one row")
        if name not in self._loans:
            raise RefusalError("unknown_case")
        if self._returned.lent[name]["digest"] != self._circuit.cases[name].digest:
            raise RefusalError("stale_case")
        if changed := ", ".join(self._find_changed(row)):
            raise _FaultError(f"locked cells were changed ({changed}); bring them back, {_FRESH}")

    def _find_changed(self, row: Row) -> Iterator[str]:
        """Yield the titles of locked columns whose text is not that of the case.

        What two readers said may have changed since; then the decision is refused for that.
        """
        loan = self._loans[row.case_id]
        expected = derive_cells(loan, self._circuit.protocol, self._returned.language)
        moved = str(loan.version) != self._returned.lent[row.case_id]["version"]
        for key in self._columns:
            if key in ANSWERED or (key == "readings" and moved):
                continue
            if derive_compared(row.read(key)) != derive_compared(expected.get(key, "")):
                yield self._title(key)

    def _is_known(self, submission: Submission) -> bool:
        """Say whether this reader has already handed in the same decision on the same case."""
        own = self._circuit.states[submission.case_id].get_own(self._reader)
        if own is None:
            return False
        case, language = self._circuit.cases[submission.case_id], self._returned.language
        said = settle(case, submission.answer, submission.value, self._circuit.protocol, language=language)
        return (said, submission.comment) == (own.settled, own.comment)

    def _refuse_faults(self) -> None:
        if self._faults:
            n, more = len(self._faults), len(self._faults) - SHOWN
            head = f"{self._returned.name}: nothing was imported; {n} fault{'' if n == 1 else 's'} to mend:"
            lines = [f"{said}." for said in self._faults[:SHOWN]] + ([f"and {more} more."] if more > 0 else [])
            raise UserError("\n  ".join([head, *lines]))


class _FaultError(Exception):
    """What is wrong with a row, in words without any value."""


def _read_submission(row: Row, lent: Mapping[str, str]) -> Submission:
    if not row.read("decision"):
        raise _FaultError("filled in without a decision; choose one, or clear the yellow cells")
    return Submission(
        case_id=row.case_id,
        shown=lent["digest"],
        role="adjudicator" if lent["role"] == "adjudicator" else "first",
        version=int(lent["version"]),
        answer=read_answer(row.read("decision")),
        value=derive_written(row.read("value")),
        comment=row.read("comment"),
        seconds=_read_seconds(row.read("minutes")),
    )


def _read_seconds(text: str) -> float | None:
    if not text:
        return None
    minutes = derive_number(text, ",.")
    if minutes is None or not 0 <= minutes <= _MOST_MINUTES:
        raise _FaultError("the minutes are no number between 0 and 1440; correct them, or clear the cell")
    return round(60 * minutes, 3)
