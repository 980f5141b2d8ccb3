"""The state machine of a case: who may decide what, and when; replayed from the audit log.

A case read by one is done with its first decision. One read by two is done where both say the same, else when a third
person has settled it. The two readings are made without knowledge of each other; the third one sees both. The first
decision written counts; a later one that no longer fits is refused. The log only grows: a withdrawn decision stays in
it, and no longer counts.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, Literal, get_args

from probatio.protocol import Language, Protocol, compute_protocol_digest
from probatio.records.decisions import DECISIONS, ROLES, Role
from probatio.review.answers import LONGEST, Settled, settle
from probatio.review.entries import Entry
from probatio.review.refusals import RefusalError
from probatio.review.tables import Case

Stage = Literal["open", "second", "adjudication", "done"]
"""`open`: nobody's decision counts. `second`: awaits the second reader. `adjudication`: two readers disagree, a third
person is awaited. `done`."""
STAGES: Final = get_args(Stage)
_DUE: Final[Mapping[Stage, Role]] = {"open": "first", "second": "second", "adjudication": "adjudicator"}


@dataclass(frozen=True)
class Reading:
    """One decision that counts.

    `number` is that of its entry in the log; `seconds` None where nobody measured them.
    """

    number: int
    reader: str
    role: Role
    settled: Settled
    comment: str
    seconds: float | None
    at: str


@dataclass(frozen=True)
class CaseState:
    """Where a case stands.

    `readings` in the order in which they were made; `version` is the number of the last entry that touched the case,
    0 before the first: a form names the version it was filled on. `withdrawn` counts decisions taken back.
    """

    case_id: str
    double: bool
    readings: tuple[Reading, ...] = ()
    version: int = 0
    withdrawn: int = 0

    @property
    def stage(self) -> Stage:
        """What the case awaits."""
        if not self.readings:
            return "open"
        if not self.double or len(self.readings) > 2:
            return "done"
        if len(self.readings) == 1:
            return "second"
        return "done" if self.agree else "adjudication"

    @property
    def agree(self) -> bool:
        """Whether the two readings say the same (False before there are two)."""
        return len(self.readings) > 1 and self.readings[0].settled.says == self.readings[1].settled.says

    @property
    def final(self) -> Reading | None:
        """The reading that stands: the adjudicator's, or the first one; None before the case is done."""
        return (self.readings[0] if self.agree else self.readings[-1]) if self.stage == "done" else None

    def get_own(self, reader: str) -> Reading | None:
        """Return the reader's own decision, if it counts."""
        key = derive_reader_key(reader)
        return next((each for each in self.readings if derive_reader_key(each.reader) == key), None)


@dataclass(frozen=True)
class Submission:
    """A decision as a form or a workbook hands it in.

    `shown` is the digest of the case as shown; `role` what the reader was asked for, on `version` of the case.
    `answer` is a candidate's letter, or corrected, absent, unreadable; `value` is typed with corrected.
    """

    case_id: str
    shown: str
    role: Role
    version: int
    answer: str
    value: str = ""
    comment: str = ""
    seconds: float | None = None


class Circuit:
    """The states of all cases of a review. Made once, then told each further entry of the log.

    `digest` is that of the protocol; `read` the number of the last entry that was taken into account.
    """

    def __init__(self, cases: Iterable[Case], protocol: Protocol, entries: Iterable[Entry] = ()) -> None:
        self.cases = {case.case_id: case for case in cases}
        self.protocol, self.digest = protocol, compute_protocol_digest(protocol)
        self.states = {name: CaseState(name, case.double) for name, case in self.cases.items()}
        self.unfit: list[int] = []
        self.read = 0
        for entry in entries:
            self.apply(entry)

    def apply(self, entry: Entry) -> None:
        """Take an entry of the log into account; one that was already is passed over.

        A decision or withdrawal that the rules do not allow at its place in the log changes nothing and is listed in
        `unfit`, by number: replay never fails, and all who replay come to the same state.
        """
        if entry.number <= self.read:
            return
        self.read = entry.number
        state = self.states.get(entry.case)
        if state is None or entry.kind not in ("decision", "withdrawn"):
            return
        after = _decide(state, entry) if entry.kind == "decision" else _withdraw(state, entry)
        if after is None:
            self.unfit.append(entry.number)
        else:
            self.states[entry.case] = after

    def get_state(self, case_id: str) -> CaseState:
        """Return the state of a case.

        Raises:
            RefusalError: there is no such case.
        """
        if case_id not in self.states:
            raise RefusalError("unknown_case")
        return self.states[case_id]

    def get_role(self, case_id: str, reader: str) -> Role:
        """Return what the reader may be asked for on a case now.

        Raises:
            RefusalError: the case is unknown or decided, or he has read it.
        """
        if not derive_reader_key(reader):
            raise RefusalError("no_reader")
        return _get_role(self.get_state(case_id), reader)

    def list_due(self, reader: str) -> list[str]:
        """Return the names of the cases on which the reader may decide, in the order of the queue."""
        return [name for name, state in self.states.items() if state.stage != "done" and state.get_own(reader) is None]

    def count_stages(self) -> Counter[Stage]:
        """Return how many cases stand where."""
        return Counter(state.stage for state in self.states.values())

    def check(self, submission: Submission, reader: str, *, language: Language) -> dict[str, Any]:
        """Return the content of the log's entry for a decision, if it may be taken now.

        Args:
            submission: as handed in.
            reader: who hands it in.
            language: of the form it was filled in on.

        Raises:
            RefusalError: it may not.
        """
        role = self.get_role(submission.case_id, reader)
        case, state = self.cases[submission.case_id], self.states[submission.case_id]
        if submission.shown != case.digest:
            raise RefusalError("stale_case")
        if (submission.role == "adjudicator") != (role == "adjudicator"):
            raise RefusalError("read_meanwhile" if role == "adjudicator" else "moved")
        if role == "adjudicator" and submission.version != state.version:
            raise RefusalError("moved")
        settled = settle(case, submission.answer, submission.value, self.protocol, language=language)
        return {
            "role": role,
            "decision": settled.decision,
            "value": settled.value,
            "letter": settled.letter,
            "comment": _check_comment(submission.comment),
            "seconds": _check_seconds(submission.seconds),
            "version": state.version,
            "candidates": {each.letter: list(each.sources) for each in case.candidates},
        }

    def check_withdrawal(self, case_id: str, reader: str, version: int) -> dict[str, Any]:
        """Return the content of the log's entry for taking back one's own decision, if nobody has built on it.

        Args:
            case_id: the case.
            reader: who takes his decision back.
            version: that of the case when he asked for it.

        Raises:
            RefusalError: he has no decision there, another one followed it, or the case has moved since.
        """
        state = self.get_state(case_id)
        own = state.get_own(reader)
        if own is None:
            raise RefusalError("nothing_to_withdraw")
        if own is not state.readings[-1]:
            raise RefusalError("built_upon")
        if version != state.version:
            raise RefusalError("moved")
        return {"decision_entry": own.number}


@cache
def derive_reader_key(reader: str) -> str:
    """Return what tells readers apart: the name without regard to case and blanks, so that Ann is not ann's second."""
    return " ".join(unicodedata.normalize("NFKC", reader).split()).casefold()


def _get_role(state: CaseState, reader: str) -> Role:
    if state.get_own(reader) is not None:
        raise RefusalError("same_reader")
    if state.stage == "done":
        raise RefusalError("decided")
    return _DUE[state.stage]


def _decide(state: CaseState, entry: Entry) -> CaseState | None:
    """Return the state after a decision; None where the rules do not allow it, or the entry says too little."""
    said = entry.content
    if not derive_reader_key(entry.who) or said.get("decision") not in DECISIONS or said.get("role") not in ROLES:
        return None
    try:
        role = _get_role(state, entry.who)
    except RefusalError:
        return None
    if role != said["role"] or (role == "adjudicator" and said.get("version") != state.version):
        return None
    settled = Settled(said["decision"], str(said.get("value", "")), str(said.get("letter", "")))
    seconds = said.get("seconds")
    reading = Reading(
        number=entry.number,
        reader=entry.who,
        role=role,
        settled=settled,
        comment=str(said.get("comment", "")),
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        at=entry.at,
    )
    return replace(state, readings=(*state.readings, reading), version=entry.number)


def _withdraw(state: CaseState, entry: Entry) -> CaseState | None:
    last = state.readings[-1] if state.readings else None
    if last is None or last is not state.get_own(entry.who) or last.number != entry.content.get("decision_entry"):
        return None
    return replace(state, readings=state.readings[:-1], version=entry.number, withdrawn=state.withdrawn + 1)


def _check_comment(comment: str) -> str:
    if len(comment) > LONGEST:
        raise RefusalError("too_long")
    return comment.strip()


def _check_seconds(seconds: float | None) -> float | None:
    if seconds is not None and not 0 <= seconds <= 86_400:
        raise RefusalError("seconds_wrong")
    return seconds
