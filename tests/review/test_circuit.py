"""Who may decide what and when; what two people do to one case; replay of any log."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_study import CircuitStudy, make_queue
from probatio.records.decisions import Role
from probatio.review.circuit import CaseState, Circuit, Reading, Submission
from probatio.review.entries import Entry
from probatio.review.refusals import RefusalError
from probatio.review.tables import Case

CELLS = (("P2", "stage", "", ""), ("P4", "stage", "", ""))


def _write(number: int, who: str, kind: str, case: str, content: dict[str, Any]) -> Entry:
    return Entry(number, "2026-01-01T00:00:00.000Z", who, kind, "", case, "", content, "", "")


@cache
def _derive_cases(study: CircuitStudy, *, double: bool) -> list[Case]:
    return study.derive_cases(make_queue(CELLS, double=(1, 2) if double else ()))


class Desk:
    """A circuit with its log in memory: what is accepted is written and replayed."""

    def __init__(self, study: CircuitStudy, *, double: bool = False) -> None:
        self.cases = _derive_cases(study, double=double)
        self.study, self.log = study, list[Entry]()
        self.circuit = Circuit(self.cases, study.protocol)

    @property
    def state(self) -> CaseState:
        return self.circuit.get_state(self.cases[0].case_id)

    def fill(self, answer: str, value: str = "", *, place: int = 0, role: Role | None = None) -> Submission:
        """Return a form on a case, filled in as it stands now."""
        case = self.cases[place]
        state = self.circuit.get_state(case.case_id)
        due: dict[str, Role] = {"open": "first", "second": "second", "adjudication": "adjudicator"}
        return Submission(
            case.case_id, case.digest, role or due.get(state.stage, "first"), state.version, answer, value
        )

    def hand_in(self, reader: str, form: Submission) -> None:
        self.write(reader, "decision", form.case_id, self.circuit.check(form, reader, language="fr"))

    def withdraw(self, reader: str, *, place: int = 0) -> None:
        name = self.cases[place].case_id
        version = self.circuit.get_state(name).version
        self.write(reader, "withdrawn", name, self.circuit.check_withdrawal(name, reader, version))

    def write(self, reader: str, kind: str, case: str, content: dict[str, Any]) -> None:
        self.log.append(_write(len(self.log) + 1, reader, kind, case, content))
        self.circuit.apply(self.log[-1])


def _refuse(desk: Desk, reader: str, form: Submission) -> str:
    with pytest.raises(RefusalError) as caught:
        desk.hand_in(reader, form)
    return caught.value.code


def test_one_reading_settles_a_case_read_by_one(circuit_study: CircuitStudy) -> None:
    """The first decision ends it, and its reader, role and value stand."""
    desk = Desk(circuit_study)
    assert desk.circuit.count_stages() == {"open": 2}
    desk.hand_in("ann", desk.fill("corrected", "IV"))
    assert desk.state.stage == "done"
    assert desk.state.final is not None
    assert (desk.state.final.reader, desk.state.final.role) == ("ann", "first")
    assert desk.state.final.settled.value == "IV"
    assert desk.circuit.list_due("bob") == [desk.cases[1].case_id]


def test_the_first_of_two_people_wins(circuit_study: CircuitStudy) -> None:
    """Two people fill the same form; the second is refused and the first decision is untouched."""
    desk = Desk(circuit_study)
    mine, hers = desk.fill("corrected", "IV"), desk.fill("absent")
    desk.hand_in("ann", mine)
    before = desk.state
    assert _refuse(desk, "bob", hers) == "decided"
    assert desk.state == before


def test_two_readers_who_agree_settle_a_case(circuit_study: CircuitStudy) -> None:
    """Agreement is on the value, whether it was typed or chosen by its letter."""
    desk = Desk(circuit_study, double=True)
    letter = next(each.letter for each in desk.cases[0].candidates if each.value == "II")
    desk.hand_in("ann", desk.fill(letter))
    assert desk.state.stage == "second"
    desk.hand_in("bob", desk.fill("corrected", "II"))
    assert desk.state.stage == "done"
    assert desk.state.final is desk.state.readings[0]


def test_two_readers_at_once_are_first_and_second(circuit_study: CircuitStudy) -> None:
    """Both open the case before either decides: both readings count, since neither saw the other's."""
    desk = Desk(circuit_study, double=True)
    one, other = desk.fill("absent"), desk.fill("unreadable")
    desk.hand_in("ann", one)
    desk.hand_in("bob", other)
    assert [each.role for each in desk.state.readings] == ["first", "second"]
    assert desk.state.stage == "adjudication"


def test_a_third_person_settles_a_disagreement(circuit_study: CircuitStudy) -> None:
    """Neither reader may; the third one's decision is final, whatever the two said."""
    desk = Desk(circuit_study, double=True)
    desk.hand_in("ann", desk.fill("absent"))
    assert _refuse(desk, "ann", desk.fill("absent")) == "same_reader"
    desk.hand_in("bob", desk.fill("corrected", "III"))
    for reader in ("ann", "bob"):
        assert _refuse(desk, reader, desk.fill("absent")) == "same_reader"
        assert desk.cases[0].case_id not in desk.circuit.list_due(reader)
    desk.hand_in("eve", desk.fill("corrected", "IV"))
    assert desk.state.final is not None
    assert (desk.state.final.role, desk.state.final.settled.value) == ("adjudicator", "IV")
    assert _refuse(desk, "dan", desk.fill("absent")) == "decided"


@pytest.mark.parametrize("name", ["Ann", " ann ", "ANN", "\uff41nn"])
def test_a_name_written_otherwise_is_the_same_person(circuit_study: CircuitStudy, name: str) -> None:
    """Capitals, blanks or wide letters make no second reader."""
    desk = Desk(circuit_study, double=True)
    desk.hand_in("ann", desk.fill("absent"))
    assert _refuse(desk, name, desk.fill("absent")) == "same_reader"
    assert desk.cases[0].case_id not in desk.circuit.list_due(name)


def test_a_reading_is_not_taken_for_an_adjudication(circuit_study: CircuitStudy) -> None:
    """A form filled blind, and handed in after two others disagreed, is refused; nor the reverse."""
    desk = Desk(circuit_study, double=True)
    late = desk.fill("absent")
    desk.hand_in("ann", desk.fill("absent"))
    desk.hand_in("bob", desk.fill("unreadable"))
    assert _refuse(desk, "eve", late) == "read_meanwhile"
    settling = desk.fill("absent")
    desk.withdraw("bob")
    assert _refuse(desk, "eve", settling) == "moved"
    desk.hand_in("bob", desk.fill("corrected", "I"))
    assert _refuse(desk, "eve", settling) == "moved"


def test_a_stale_case_is_refused(circuit_study: CircuitStudy) -> None:
    """What was shown is not what the case shows now."""
    desk = Desk(circuit_study)
    assert _refuse(desk, "ann", replace(desk.fill("absent"), shown="0" * 64)) == "stale_case"


@pytest.mark.parametrize(
    ("reader", "change", "code"),
    [
        ("ann", {"case_id": "0" * 16}, "unknown_case"),
        (" ", {}, "no_reader"),
        ("ann", {"comment": "x" * 2001}, "too_long"),
        ("ann", {"seconds": -1.0}, "seconds_wrong"),
        ("ann", {"seconds": float("nan")}, "seconds_wrong"),
        ("ann", {"answer": "Z"}, "no_candidate"),
    ],
)
def test_forms_that_say_too_little_or_too_much(
    circuit_study: CircuitStudy, reader: str, change: dict[str, Any], code: str
) -> None:
    """Every field of a form is checked before anything is written."""
    desk = Desk(circuit_study)
    assert _refuse(desk, reader, replace(desk.fill("absent"), **change)) == code
    assert desk.log == []


def test_one_may_take_back_ones_own_last_decision(circuit_study: CircuitStudy) -> None:
    """As long as nobody built on it; the case is then open to anybody, its reader included."""
    desk = Desk(circuit_study, double=True)
    desk.hand_in("ann", desk.fill("absent"))
    desk.withdraw("ann")
    assert (desk.state.stage, desk.state.withdrawn) == ("open", 1)
    desk.hand_in("ann", desk.fill("unreadable"))
    desk.hand_in("bob", desk.fill("absent"))
    for reader, code in (("ann", "built_upon"), ("eve", "nothing_to_withdraw")):
        with pytest.raises(RefusalError) as caught:
            desk.withdraw(reader)
        assert caught.value.code == code
    assert len(desk.log) == 4


def test_a_withdrawal_asked_for_twice_is_done_once(circuit_study: CircuitStudy) -> None:
    """A form sent twice, with a new decision in between, does not take that one back."""
    desk = Desk(circuit_study)
    desk.hand_in("ann", desk.fill("absent"))
    name, version = desk.state.case_id, desk.state.version
    desk.withdraw("ann")
    desk.hand_in("ann", desk.fill("unreadable"))
    with pytest.raises(RefusalError) as caught:
        desk.circuit.check_withdrawal(name, "ann", version)
    assert caught.value.code == "moved"


def test_an_entry_is_applied_once(circuit_study: CircuitStudy) -> None:
    """The page hears of its own entries twice: when it writes and when it reads the log's tail."""
    desk = Desk(circuit_study)
    desk.hand_in("ann", desk.fill("absent"))
    before = desk.state
    desk.circuit.apply(desk.log[0])
    assert desk.state == before
    assert desk.circuit.unfit == []


@pytest.mark.parametrize(
    "content", [{}, {"role": "first"}, {"role": "first", "decision": "maybe"}, {"role": "second", "decision": "absent"}]
)
def test_entries_that_the_rules_do_not_allow_change_nothing(
    circuit_study: CircuitStudy, content: dict[str, Any]
) -> None:
    """Replay of a log that another program wrote never fails, and lists what it passed over."""
    desk = Desk(circuit_study)
    desk.write("ann", "decision", desk.cases[0].case_id, content)
    desk.write("ann", "withdrawn", desk.cases[0].case_id, {"decision_entry": 1})
    desk.write("ann", "shown", desk.cases[0].case_id, {})
    desk.write("ann", "decision", "unknown", {"role": "first", "decision": "absent"})
    assert desk.state == CaseState(desk.cases[0].case_id, double=False)
    assert desk.circuit.unfit == [1, 2]


_READERS = st.sampled_from(["ann", "bob", "eve", "dan"])
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["open", "hand_in", "hand_in", "withdraw"]), _READERS, st.sampled_from([0, 1]),
        st.sampled_from(["absent", "unreadable", "corrected"]), st.sampled_from(["I", "II", "IV"]),
    ),
    max_size=40,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(steps=_STEPS, double=st.booleans())
def test_any_interleaving_ends_where_replay_does(
    circuit_study: CircuitStudy, steps: list[tuple[str, str, int, str, str]], *, double: bool
) -> None:
    """Readers open, decide on forms old and new, and take back, in any order: replay comes to the same state.

    Every accepted decision counts once or was taken back by its own reader; no reader counts twice on a case; an
    adjudicator is a third person; nothing accepted is passed over by replay.
    """
    desk = Desk(circuit_study, double=double)
    forms: dict[tuple[str, int], Submission] = {}
    for step, reader, place, answer, value in steps:
        form = desk.fill(answer, value if answer == "corrected" else "", place=place)
        if step == "open":
            forms[reader, place] = form
            continue
        try:
            if step == "withdraw":
                desk.withdraw(reader, place=place)
            else:
                desk.hand_in(reader, forms.pop((reader, place), form))
        except RefusalError:
            continue
    again = Circuit(desk.cases, circuit_study.protocol, desk.log)
    assert again.states == desk.circuit.states
    assert again.unfit == desk.circuit.unfit == []
    _check_nothing_lost(desk)


def _check_nothing_lost(desk: Desk) -> None:
    decided = {entry.number: entry for entry in desk.log if entry.kind == "decision"}
    taken_back = [entry.content["decision_entry"] for entry in desk.log if entry.kind == "withdrawn"]
    counted = [reading.number for state in desk.circuit.states.values() for reading in state.readings]
    assert sorted(counted + taken_back) == sorted(decided)
    for state in desk.circuit.states.values():
        readers = [reading.reader for reading in state.readings]
        assert len(readers) == len(set(readers)) <= (3 if state.double else 1)
        assert [reading.role for reading in state.readings] == ["first", "second", "adjudicator"][: len(readers)]
        assert all(_is_as_written(reading, decided[reading.number]) for reading in state.readings)


def _is_as_written(reading: Reading, entry: Entry) -> bool:
    settled = reading.settled
    said = (settled.decision, settled.value, settled.letter)
    return reading.reader == entry.who and said == tuple(entry.content[key] for key in ("decision", "value", "letter"))


@settings(max_examples=100, deadline=None)
@given(cut=st.integers(0, 12), double=st.booleans())
def test_a_log_read_in_two_parts_gives_the_same_state(circuit_study: CircuitStudy, cut: int, *, double: bool) -> None:
    """What another process wrote is caught up from the tail."""
    desk = Desk(circuit_study, double=double)
    for reader in ("ann", "bob", "eve"):
        for place in (0, 1):
            try:
                desk.hand_in(reader, desk.fill("corrected", "I" if reader == "ann" else "II", place=place))
            except RefusalError:
                continue
    parted = Circuit(desk.cases, circuit_study.protocol, desk.log[:cut])
    for entry in desk.log[max(0, cut - 1) :]:
        parted.apply(entry)
    assert parted.states == desk.circuit.states
