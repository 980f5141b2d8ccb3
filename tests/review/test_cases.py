"""Cases show what sources say, blind to source, with evidence and rules, and one digest of all of it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from circuit_study import FIRST, LETTER, CircuitStudy, make_queue, make_study
from probatio.protocol import UserError
from probatio.review.cases import compute_case_digest, derive_cases
from probatio.review.tables import Case


@pytest.fixture(scope="module")
def cases(circuit_study: CircuitStudy) -> dict[tuple[str, str, str], Case]:
    made = circuit_study.derive_cases(make_queue(double=(2,)))
    return {(case.patient_id, case.variable, case.visit): case for case in made}


def _values(case: Case) -> set[str]:
    return {candidate.value for candidate in case.candidates}


def test_equal_values_of_two_sources_are_one_candidate(cases: dict[tuple[str, str, str], Case]) -> None:
    """Two technologies that say IV give one value to judge, and the case knows both."""
    (only,) = cases["P1", "stage", ""].candidates
    assert (only.letter, only.value, set(only.sources)) == ("A", "IV", {"first", "other"})


def test_competing_values_stand_side_by_side(cases: dict[tuple[str, str, str], Case]) -> None:
    """II and III of two sources are A and B, each with its own snippet."""
    case = cases["P2", "stage", ""]
    assert [candidate.letter for candidate in case.candidates] == ["A", "B"]
    assert {(each.value, each.sources, each.snippet) for each in case.candidates} == {
        ("II", ("first",), "stade 2"),
        ("III", ("other",), "stade 3"),
    }
    assert case.double
    assert not cases["P1", "stage", ""].double


def test_an_undelivered_cell_shows_the_others_or_nothing(cases: dict[tuple[str, str, str], Case]) -> None:
    """Where the reviewed source left a blank only competing values are shown, or none."""
    assert _values(cases["P4", "stage", ""]) == {"I"}
    assert cases["P4", "stage", ""].candidates[0].sources == ("other",)
    assert cases["P5", "stage", ""].candidates == ()


def test_a_stated_none_is_a_candidate_without_value(cases: dict[tuple[str, str, str], Case]) -> None:
    """That there was no death, by one source, competes with another's date."""
    assert _values(cases["P1", "death", ""]) == {"", "2024-05"}


def test_values_that_do_not_conform_are_shown_and_marked(cases: dict[tuple[str, str, str], Case]) -> None:
    """An unknown level, and pounds for kilograms, are shown as written; nothing can be decided for them."""
    (level,), (weight,) = cases["P3", "stage", ""].candidates, cases["P2", "weight", "start"].candidates
    assert (level.value, level.conformant) == ("V", False)
    assert (weight.value, weight.unit, weight.conformant) == ("130", "lb", False)


def test_an_event_is_one_line(cases: dict[tuple[str, str, str], Case]) -> None:
    """The attributes of a line are judged together, in the protocol's order."""
    (line,) = cases["P1", "toxicity", ""].candidates
    assert (line.value, line.snippet) == ("term: rash; grade: 2", "éruption")


def test_a_span_is_shown_with_the_words_around_it(cases: dict[tuple[str, str, str], Case]) -> None:
    """Of two sources the one that located its value gives the evidence, cut from the document."""
    (only,) = cases["P1", "stage", ""].candidates
    assert LETTER[only.start : only.end] == "stade IV"
    assert only.snippet == LETTER
    assert only.snippet[slice(*only.mark)] == "stade IV"
    assert cases["P1", "weight", "start"].candidates[0].snippet == '=HYPERLINK("x")'


def test_a_long_document_is_cut(circuit_study: CircuitStudy) -> None:
    """Only the surroundings of a span are shown; marks say that the text goes on."""
    start = LETTER.index("stade IV")
    for around in ("mot\n ", "x"):
        text = f"{around * 3000}{LETTER[start:]} {around * 3000}"
        records = replace(circuit_study.records, records=_move(circuit_study.records.records, len(around) * 3000))
        cases = derive_cases(make_queue(), records, {"D1": text}, circuit_study.protocol)
        (candidate,) = cases[0].candidates
        assert candidate.snippet[slice(*candidate.mark)] == "stade IV"
        assert candidate.snippet.startswith("… ")
        assert candidate.snippet.endswith(" …")
        assert len(candidate.snippet) < 300
        assert "\n" not in candidate.snippet


def _move(table: pd.DataFrame, start: int) -> pd.DataFrame:
    """Return records in which the one span of the stage stands elsewhere; the others are not located."""
    own = (table["variable"] == "stage") & (table["patient_id"] == "P1") & (table["source"] == "first")
    return table.assign(
        start=pd.Series(pd.NA, index=table.index, dtype="Int64").mask(own, start),
        end=pd.Series(pd.NA, index=table.index, dtype="Int64").mask(own, start + 8),
    )


def test_rules_broken_by_the_reviewed_source_are_named(cases: dict[tuple[str, str, str], Case]) -> None:
    """A rule on two variables is shown with both, and with no other."""
    assert cases["P1", "stage", ""].rules == cases["P1", "sex", ""].rules == ("women_are_light",)
    assert cases["P1", "sites", ""].rules == cases["P2", "stage", ""].rules == ()
    assert cases["P1", "sites", ""].reasons == ("low_confidence",)


def test_neither_order_nor_evidence_tells_whose_a_value_is(tmp_path: Path) -> None:
    """Swapping what two sources say, word for word, changes nothing that is shown: not even the digest."""
    given = make_study(tmp_path / "given", first=FIRST.splitlines()[0] + "\nP2,stage,,,II,,,D2,,,un\n",
                       other=FIRST.splitlines()[0] + "\nP2,stage,,,III,,,D2,,,deux\n")  # fmt: skip
    swapped = make_study(tmp_path / "swapped", first=FIRST.splitlines()[0] + "\nP2,stage,,,III,,,D2,,,deux\n",
                         other=FIRST.splitlines()[0] + "\nP2,stage,,,II,,,D2,,,un\n")  # fmt: skip
    queue = make_queue((("P2", "stage", "", ""),))
    (one,), (two,) = given.derive_cases(queue), swapped.derive_cases(queue)
    assert one.digest == two.digest
    assert [each.sources for each in one.candidates] != [each.sources for each in two.candidates]


def test_the_order_of_candidates_is_drawn(circuit_study: CircuitStudy) -> None:
    """Over many cases each source comes first about half of the time (binomial, 4.9 standard deviations)."""
    base = make_queue((("P2", "stage", "", ""),))
    queue = pd.concat([base.assign(case_id=f"{number:016x}", position=number) for number in range(600)])
    firsts = Counter(case.candidates[0].sources for case in circuit_study.derive_cases(queue))
    assert all(240 <= n <= 360 for n in firsts.values())
    assert len(firsts) == 2


@pytest.mark.parametrize("change", [{"rules": ()}, {"visit": "end"}, {"candidates": ()}, {"reasons": ("x",)}])
def test_the_digest_is_that_of_all_that_is_shown(
    cases: dict[tuple[str, str, str], Case], change: dict[str, object]
) -> None:
    """Any change of what a reader sees changes the digest; it is the same at every derivation."""
    case = cases["P1", "stage", ""]
    assert compute_case_digest(case) == case.digest
    assert compute_case_digest(replace(case, **change)) != case.digest  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"value": "I"}, {"snippet": ""}, {"start": 1}, {"letter": "C"}, {"unit": "kg"}])
def test_the_digest_covers_each_candidate(cases: dict[tuple[str, str, str], Case], change: dict[str, object]) -> None:
    """A value, snippet or span that changes makes the case another one; whose it is does not, since it is not shown."""
    case = cases["P1", "stage", ""]
    changed = replace(case, candidates=(replace(case.candidates[0], **change),))  # type: ignore[arg-type]
    assert compute_case_digest(changed) != case.digest
    unshown = replace(case, candidates=(replace(case.candidates[0], sources=("other",)),))
    assert compute_case_digest(unshown) == case.digest


@pytest.mark.parametrize("span", ["5,4", "0,999", "3,3", ",3", "3,"])
def test_a_span_outside_its_document_is_refused(tmp_path: Path, span: str) -> None:
    """An end before its start, beyond the text or missing is a sentence, without the patient or the value.

    Where both ends are given reading refuses it, by file and line; where one is missing the case does.
    """
    first = FIRST.splitlines()[0] + f"\nP1,stage,,,IV,,,D1,{span},stade IV\n"
    with pytest.raises(UserError, match=r"span.* (lies? outside|do not begin before)") as caught:
        make_study(tmp_path, first=first).derive_cases(make_queue())
    assert "P1" not in str(caught.value)
    assert "IV" not in str(caught.value)


def test_cases_follow_the_queue(circuit_study: CircuitStudy) -> None:
    """Cases come by position, whatever the order of the rows; an empty queue has none."""
    queue = make_queue()
    made = circuit_study.derive_cases(queue.iloc[::-1])
    assert [case.position for case in made] == [*range(1, len(queue) + 1)]
    assert circuit_study.derive_cases(queue.iloc[:0]) == []


def test_ten_thousand_cases_take_seconds_and_each_text_is_read_once(circuit_study: CircuitStudy) -> None:
    """10,000 cases are derived within 20 s of the processor on a busy machine (1 s on a quiet one)."""
    reads = Counter[str]()

    class Counted(dict[str, str]):
        def __getitem__(self, name: str) -> str:
            reads[name] += 1
            return super().__getitem__(name)

    base = make_queue()
    parts = [base.assign(case_id=[f"{number:04x}{name[4:]}" for name in base["case_id"]]) for number in range(840)]
    queue = pd.concat(parts, ignore_index=True).assign(position=range(1, 840 * len(base) + 1))
    texts = Counted(circuit_study.texts)
    begun = time.process_time()
    made = derive_cases(queue, circuit_study.records, texts, circuit_study.protocol)
    assert len(made) > 10_000
    assert time.process_time() - begun < 20  # of the processor: other work may share the machine
    assert max(reads.values()) == 1
