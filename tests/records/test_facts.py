"""Facts of patients that stand outside the patients file: in another file, or in their documents' texts."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from small_study import Study

from probatio.protocol import UserError
from probatio.records import find_data_files

LABEL = {"en": "x", "fr": "x"}
TEXTS = {
    "a1": "P1 staged by the 7th edition",
    "a2": "P2 no edition here",
    "a3": "P3 6th ed, then 7th ed.",
    "a4": "P4: 8TH Ed; again 8th ed",
}


def add_texts(study: Study, texts: dict[str, str] = TEXTS, **documents: Any) -> None:
    """Give each patient a report; its patient is the first P and digit in it."""
    for name, text in texts.items():
        study.write(f"texts/{name}.txt", text)
    declared = {"texts": "texts/*.txt", "document": r"^(.+)\.txt$", "patient": r"P\d", **documents}
    study.more["documents"] = declared


def read_fact(study: Study, **attribute: Any) -> list[Any]:
    """The attribute of P1 to P4."""
    study.patients["attributes"] = {"fact": {"label": LABEL, **attribute}}
    return [*study.read().patients["fact"]]


def test_a_fact_is_searched_in_the_text_of_the_patients_documents(study: Study) -> None:
    """The first group of the pattern; nothing found, or two different answers in one text, is missing."""
    add_texts(study)
    assert read_fact(study, text=r"(?i)\b([5-8])th ed") == ["7", "", "", "8"]


def test_answers_are_compared_once_recoded(study: Study) -> None:
    """A year and a number that mean the same edition agree; without groups the whole match is the text."""
    add_texts(study, {**TEXTS, "a1": "P1 AJCC 2010, 7th edition"})
    recode = {"values": {"2010": "7"}}
    assert read_fact(study, text=r"2010|[5-8](?=th ed)", recode=recode) == ["7", "", "", "8"]
    assert read_fact(study, text=r"2010|[5-8](?=th ed)") == ["", "", "", "8"]


def test_documents_that_disagree_leave_the_fact_missing_and_kept_ones_alone_count(study: Study) -> None:
    """Two reports of a patient that name two editions say nothing; with keep: first the first one speaks."""
    more = {**TEXTS, "b1": "P1 staged by the 6th edition", "b2": "P2 by the 8th edition"}
    add_texts(study, more)
    assert read_fact(study, text=r"([5-8])th ed")[:2] == ["", "8"]
    add_texts(study, more, keep="first")
    assert read_fact(study, text=r"([5-8])th ed")[:2] == ["7", ""]


def test_a_number_in_a_text_is_a_number_and_what_is_none_is_an_error(study: Study) -> None:
    """Facts of a text obey type and cut like any other; an error tells neither text nor patient."""
    add_texts(study)
    assert read_fact(study, text=r"(?i)([5-8])th ed", type="number", cut=[7.5], labels=["old", "new"]) == [
        "old", "", "", "new",
    ]  # fmt: skip
    with pytest.raises(UserError, match="documents: attribute fact: 1 cells are not numbers") as error:
        read_fact(study, text=r"staged (by)", type="number")
    assert "P1" not in str(error.value)


def test_a_fact_may_stand_in_another_file(study: Study) -> None:
    """Found by the file's own patient key; patients without a line have none, strangers are no matter."""
    study.write("other.csv", "id;arm\nP2;b\nP1;a\nP9;c\nP1;a\n")
    file = {"path": "other.csv", "delimiter": ";", "patient": {"column": "id"}}
    assert read_fact(study, column="arm", file=file) == ["a", "b", "", ""]
    assert "other.csv" in find_data_files(study.derive_protocol(), study.root)


def test_a_fact_may_stand_in_what_a_source_made_of_each_document(study: Study) -> None:
    """JSON by document: of a patient's several documents only kept ones speak, and they must agree."""
    add_texts(study, {**TEXTS, "b1": "P1 again"})
    for name, edition in {"a1": 7, "a2": "null", "a3": 8, "b1": 8}.items():
        study.write(f"json/{name}.json", f'{{"data": {{"edition": {edition}}}}}')
    file = {"path": "json/*.json", "format": "json", "patient": {"document": r"^(.+)\.json$"}}
    assert read_fact(study, column="data.edition", file=file) == ["", "", "8", ""]
    study.more["documents"]["keep"] = "first"
    assert read_fact(study, column="data.edition", file=file) == ["7", "", "8", ""]


def test_numbers_of_another_file_are_missing_as_numbers(study: Study) -> None:
    """A patient whom the other file does not know has NaN, and two lines that differ are refused."""
    study.write("other.csv", "patient_id,age\nP1,50\nP2,60.5\n")
    ages = read_fact(study, column="age", file={"path": "other.csv"}, type="number")
    assert ages[:2] == [50.0, 60.5]
    assert ages[2] != ages[2]
    study.write("other.csv", "patient_id,age\nP1,50\nP1,60\n")
    with pytest.raises(UserError, match=r"other\.csv: lines 2 and 3 are about the same patient"):
        read_fact(study, column="age", file={"path": "other.csv"}, type="number")


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        ({}, "exactly one of column, pattern, text"),
        ({"column": "a", "text": "b"}, "exactly one of column, pattern, text"),
        ({"text": "("}, "not a regular expression"),
        ({"pattern": "a", "file": {"path": "o.csv"}}, "file goes with column"),
        ({"text": "a"}, "fact: text needs documents with texts"),
    ],
)
def test_a_fact_without_an_origin_is_refused(study: Study, attribute: dict[str, Any], said: str) -> None:
    """One origin, a pattern that is one, a column for a file, and documents where texts are searched."""
    study.patients["attributes"] = {"fact": {"label": LABEL, **attribute}}
    with pytest.raises(ValidationError, match=said):
        study.derive_protocol()
