"""What a reader answers becomes a word of the decisions table and a canonical value, or is refused."""

from __future__ import annotations

from typing import get_args

import pytest

from circuit_study import CircuitStudy, make_queue
from probatio.protocol import Language, UserError
from probatio.review.answers import Settled, derive_typed, settle
from probatio.review.refusals import REFUSALS, RefusalCode, RefusalError
from probatio.review.tables import Case
from probatio.wording import read_word


@pytest.fixture(scope="module")
def cases(circuit_study: CircuitStudy) -> dict[tuple[str, str], Case]:
    return {(case.patient_id, case.variable): case for case in circuit_study.derive_cases(make_queue())}


def _letter(case: Case, value: str) -> str:
    return next(each.letter for each in case.candidates if each.value == value)


def test_a_letter_confirms_or_chooses(circuit_study: CircuitStudy, cases: dict[tuple[str, str], Case]) -> None:
    """The reviewed source's value is confirmed, another's is chosen: the reader need not know which is which."""
    case, protocol = cases["P2", "stage"], circuit_study.protocol
    assert settle(case, _letter(case, "II"), "", protocol, language="fr").decision == "confirmed"
    assert settle(case, _letter(case, "III"), "", protocol, language="fr").decision == "chosen"


def test_a_typed_value_that_stands_there_is_that_candidate(
    circuit_study: CircuitStudy, cases: dict[tuple[str, str], Case]
) -> None:
    """Typing what a source says is agreeing with it; only a new value is a correction."""
    case, protocol = cases["P2", "stage"], circuit_study.protocol
    said = [settle(case, "corrected", text, protocol, language="fr") for text in (" ii ", "III", "IV")]
    assert [each.decision for each in said] == ["confirmed", "chosen", "corrected"]
    assert [each.value for each in said] == ["II", "III", "IV"]


def test_none_stated_by_a_source_is_absence(circuit_study: CircuitStudy, cases: dict[tuple[str, str], Case]) -> None:
    """A "none" of the reviewed source is confirmed; that of a competitor is the decision absent: both say the same."""
    own, others = cases["P1", "death"], cases["P4", "death"]
    confirmed = settle(own, _letter(own, ""), "", circuit_study.protocol, language="fr")
    absent = settle(others, "A", "", circuit_study.protocol, language="fr")
    assert (confirmed.decision, absent.decision) == ("confirmed", "absent")
    assert confirmed.says == absent.says == Settled("absent", "", "").says != Settled("unreadable", "", "").says


@pytest.mark.parametrize(
    ("variable", "text", "language", "expected"),
    [
        ("death", "03/05/2023", "fr", "2023-05-03"),
        ("death", "05/2023", "fr", "2023-05"),
        ("death", "2023-05-03", "en", "2023-05-03"),
        ("death", "2023-05-03 00:00:00", "en", "2023-05-03"),
        ("weight", "61,50", "fr", "61.5"),
        ("weight", "61.5", "fr", "61.5"),
        ("weight", "61.0", "en", "61"),
        ("weight", "1 061,5 kg", "fr", "1061.5"),
        ("weight", "61.5 kg", "en", "61.5"),
        ("death", "3 mai 2023", "fr", "2023-05-03"),
        ("death", "May 2023", "en", "2023-05"),
        ("sex", "femme", "fr", "F"),
        ("sex", "Female", "fr", "F"),
        ("sex", "f", "en", "F"),
        ("sites", "lung | bone", "fr", "bone|lung"),
        ("toxicity", "date: 03/05/2023; term: Rash; grade: 2", "fr", "term: rash; grade: 2; date: 2023-05-03"),
        ("toxicity.grade", "3", "fr", "3"),
    ],
)
def test_a_typed_value_is_stored_canonical(
    circuit_study: CircuitStudy, variable: str, text: str, language: Language, expected: str
) -> None:
    """People type as their language does; what is stored is the value's one form."""
    assert derive_typed(variable, text, circuit_study.protocol, language=language) == expected


@pytest.mark.parametrize(
    ("variable", "text", "language", "code"),
    [
        ("death", "03/05/2023", "en", "value_is_date"),
        ("death", "31/02/2023", "fr", "value_is_date"),
        ("death", "03/05/23", "fr", "value_is_date"),
        ("stage", "V", "fr", "value_conforms_not"),
        ("stage", "NR", "fr", "value_is_missing_code"),
        ("stage", "", "fr", "value_missing"),
        ("weight", "61,5", "en", "value_conforms_not"),
        ("weight", "1,061", "en", "value_conforms_not"),
        ("weight", "61 lb", "fr", "value_conforms_not"),
        ("weight", "nan", "fr", "value_conforms_not"),
        ("weight", "9" * 2001, "fr", "too_long"),
        ("sites", "lung|brain", "fr", "value_conforms_not"),
        ("toxicity", "rash", "fr", "value_conforms_not"),
        ("toxicity", "term: rash; term: fatigue", "fr", "value_conforms_not"),
        ("toxicity", "term: rash; colour: red", "fr", "value_conforms_not"),
        ("toxicity", "term: rash; grade: 9", "fr", "value_conforms_not"),
    ],
)
def test_a_typed_value_that_does_not_conform_is_refused(
    circuit_study: CircuitStudy, variable: str, text: str, language: Language, code: RefusalCode
) -> None:
    """The refusal says what to do and does not repeat what was typed."""
    with pytest.raises(RefusalError) as caught:
        derive_typed(variable, text, circuit_study.protocol, language=language)
    assert caught.value.code == code
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "answer", "value", "code"),
    [
        (("P2", "stage"), "C", "", "no_candidate"),
        (("P5", "stage"), "A", "", "no_candidate"),
        (("P2", "stage"), "", "", "answer_unknown"),
        (("P2", "stage"), "oui", "", "answer_unknown"),
        (("P2", "stage"), "A", "II", "value_unneeded"),
        (("P2", "stage"), "absent", "II", "value_unneeded"),
        (("P3", "stage"), "A", "", "candidate_conforms_not"),
        (("P2", "weight"), "A", "", "candidate_conforms_not"),
    ],
)
def test_an_answer_that_fits_no_case_is_refused(
    circuit_study: CircuitStudy, cases: dict[tuple[str, str], Case], key: tuple[str, str], answer: str, value: str,
    code: RefusalCode,
) -> None:  # fmt: skip
    """A letter that nobody bears, both a letter and a value, or a value that no variable may take."""
    with pytest.raises(RefusalError) as caught:
        settle(cases[key], answer, value, circuit_study.protocol, language="fr")
    assert caught.value.code == code


@pytest.mark.parametrize("code", REFUSALS)
def test_every_refusal_is_a_sentence_in_both_languages(code: RefusalCode) -> None:
    """A refusal is the user's to mend, and says how in his language."""
    refusal = RefusalError(code)
    assert isinstance(refusal, UserError)
    assert str(refusal) == refusal.read("en") == read_word("refusal", code, "en") != refusal.read("fr")
    assert set(REFUSALS) == set(get_args(RefusalCode))
