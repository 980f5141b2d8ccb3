"""The log becomes the table of decisions that the source after review is made of, and counts without any value."""

from __future__ import annotations

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_study import CircuitStudy, copy_study, open_circuit, read_circuit
from probatio.protocol import read_protocol
from probatio.records import read_records
from probatio.records.decisions import DECISION_COLUMNS
from probatio.records.harmless import derive_harmless, derive_written
from probatio.review.circuit import Submission
from probatio.review.deciding import derive_decisions, derive_decisions_path, write_decisions
from probatio.review.opening import OpenReview
from probatio.review.recording import record_decision, record_withdrawal
from probatio.review.refusals import RefusalError
from probatio.review.standing import derive_standing, list_readers


@pytest.fixture
def review(circuit_study: CircuitStudy, tmp_path: Path) -> OpenReview:
    """Return a review in which three people have decided: one case settled by a third, one taken back."""
    review = open_circuit(copy_study(circuit_study, tmp_path), double=(2, 4))
    _decide(review, "ann", 2, "absent", seconds=30)
    _decide(review, "bob", 2, "corrected", "IV", seconds=90)
    _decide(review, "eve", 2, "corrected", "III", comment="=SUM(A1)")
    _decide(review, "ann", 4, "corrected", "II")
    _decide(review, "bob", 4, "corrected", "ii")
    _decide(review, "ann", 5, "absent")
    case = review.circuit.cases[_name(review, 5)]
    record_withdrawal(review.log, review.circuit, case.case_id, "ann", review.circuit.states[case.case_id].version,
                      via="page")  # fmt: skip
    _decide(review, "=bob", 12, "absent")
    return review


def _name(review: OpenReview, position: int) -> str:
    return list(review.circuit.cases)[position - 1]


def _decide(review: OpenReview, reader: str, position: int, answer: str, value: str = "", **more: object) -> None:
    case = review.circuit.cases[_name(review, position)]
    role = review.circuit.get_role(case.case_id, reader)
    version = review.circuit.states[case.case_id].version
    form = Submission(case.case_id, case.digest, role, version, answer, value, **more)  # type: ignore[arg-type]
    record_decision(review.log, review.circuit, form, reader, language="fr", via="page")


def test_every_decision_that_counts_is_a_row(review: OpenReview) -> None:
    """Both readings and the settlement; not the one taken back; in the order of the queue."""
    table = derive_decisions(review)
    assert tuple(table.columns) == (*DECISION_COLUMNS, "selection_probability")
    said = ["patient_id", "variable", "decision", "value", "reviewer", "role"]
    assert table[said].to_numpy().tolist() == [
        ["P2", "stage", "absent", "", "ann", "first"],
        ["P2", "stage", "corrected", "IV", "bob", "second"],
        ["P2", "stage", "chosen", "III", "eve", "adjudicator"],
        ["P4", "stage", "corrected", "II", "ann", "first"],
        ["P4", "stage", "corrected", "II", "bob", "second"],
        ["P1", "toxicity", "absent", "", "=bob", "first"],
    ]
    assert table["seconds"].tolist()[:2] == [30, 90]
    assert table["seconds"].isna().sum() == 4
    assert table["decided_at"].str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z").all()
    assert set(table["selection_probability"]) == {1.0}


def test_the_table_is_written_beside_the_data(review: OpenReview) -> None:
    """Whole, the same at every writing, and with nothing that a spreadsheet takes for a formula."""
    path = write_decisions(review)
    content = path.read_bytes()
    assert path == derive_decisions_path(review.root, "first") == review.root / "review" / "first.decisions.csv"
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8"))))
    assert [row["reviewer"] for row in rows][-1] == "'=bob"
    assert rows[-1]["event"] == "1"
    assert write_decisions(review).read_bytes() == content
    assert sorted(each.name for each in path.parent.iterdir() if each.suffix == ".partial") == []


def test_counts_of_cases_and_readers(review: OpenReview, circuit_study: CircuitStudy) -> None:
    """Open, read, read twice, disagreeing, settled, taken back, minutes; each reader's own."""
    standing = derive_standing(review.circuit)
    expected = {
        "cases": 12, "open": 9, "awaiting_second": 0, "to_adjudicate": 0, "read": 3, "double": 2, "agreed": 1,
        "disagreed": 1, "adjudicated": 1, "withdrawn": 1, "decisions": 6, "timed": 2, "minutes": 2.0,
    }  # fmt: skip
    assert vars(standing) == expected
    readers = [*list_readers(review.circuit)]
    assert readers == [("=bob", 1, 0, 0.0), ("ann", 2, 0, 0.5), ("bob", 2, 0, 1.5), ("eve", 1, 1, 0.0)]
    again = CircuitStudy(review.root.parent / "circuit.yaml", circuit_study.protocol, circuit_study.records)
    assert derive_standing(read_circuit(again).circuit) == standing


def test_of_two_who_decide_at_once_one_wins(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """Two processes' worth of readers race through the same cases: each case is decided once, by its first."""
    study = copy_study(circuit_study, tmp_path)
    open_circuit(study)
    desks = [read_circuit(study) for _ in range(2)]

    lost = list[str]()

    def race(place: int) -> list[str]:
        won, desk, answer = [], desks[place], "absent" if place else "unreadable"
        for name, case in desk.circuit.cases.items():
            form = Submission(name, case.digest, "first", 0, answer)
            try:
                record_decision(desk.log, desk.circuit, form, f"reader {place}", language="fr", via="page")
                won.append(name)
            except RefusalError as refusal:
                lost.append(refusal.code)
        return won

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(race, range(2))
    assert lost == ["decided"] * len(desks[0].circuit.cases)
    after = read_circuit(study)
    assert sorted([*one, *other]) == sorted(after.circuit.cases)
    assert after.circuit.count_stages() == {"done": len(after.circuit.cases)}
    for place, won in enumerate((one, other)):
        assert all(after.circuit.states[name].readings[0].reader == f"reader {place}" for name in won)
    assert after.circuit.unfit == []


def test_decisions_carry_what_an_auditor_asks(review: OpenReview) -> None:
    """Each entry says what was shown, whose the values were, what was decided, and under which protocol."""
    decisions = [entry for entry in review.log.entries if entry.kind == "decision"]
    case = review.circuit.cases[_name(review, 2)]
    first = decisions[0]
    assert (first.case, first.shown, first.protocol) == (case.case_id, case.digest, review.circuit.digest)
    assert first.content["candidates"] == {each.letter: list(each.sources) for each in case.candidates}
    assert set(first.content) >= {"role", "decision", "value", "comment", "seconds", "letter", "version", "via"}


@given(st.text(alphabet=st.sampled_from(list("'=+-@\t\rab1.5e"))))
def test_harmless_texts_come_back_as_they_were(text: str) -> None:
    """No text written begins like a formula, numbers aside, and reading undoes it."""
    written = derive_harmless(text)
    assert derive_written(written) == text
    assert not written.startswith(("=", "@", "\t", "\r"))
    assert not written.startswith(("+", "-")) or float(written) is not None


def test_the_source_after_review_reads_it(review: OpenReview) -> None:
    """Read as a source of its own, decisions stand where they were taken and the source's values elsewhere."""
    write_decisions(review)
    path = review.root.parent / "circuit.yaml"
    text = path.read_text(encoding="utf-8")
    declared = "reviewed: {of: first, path: review/first.decisions.csv}"
    reviewed = f"  - {{name: after, label: {{en: After, fr: Après}}, role: ai, {declared}}}"
    path.write_text(text.replace("variables:\n", f"{reviewed}\nvariables:\n", 1), encoding="utf-8")
    records = read_records(read_protocol(path), review.root).records
    own = records[(records["source"] == "after") & (records["state"] == "value")]
    values = {(patient, variable): value for patient, variable, value in
              own[["patient_id", "variable", "value"]].itertuples(index=False, name=None)}  # fmt: skip
    assert values["P2", "stage"] == "III"
    assert values["P4", "stage"] == "II"
    assert values["P1", "stage"] == "IV"
    assert not any(variable.startswith("toxicity") for _, variable in values)
