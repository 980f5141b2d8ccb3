"""A filled workbook comes back whole or not at all, whatever program saved it; every fault is told by its row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from filling import CASES, INSTRUCTIONS, TITLES, Filling, lend

from circuit_study import CELLS, FIRST, CircuitStudy, copy_study, make_queue, make_study, open_circuit, read_circuit
from probatio.protocol import UserError, read_protocol
from probatio.review.circuit import CaseState, Submission
from probatio.review.filled import FilledRows
from probatio.review.importing import ImportSummary, import_workbook
from probatio.review.lending import lend_cases
from probatio.review.opening import OpenReview, open_review
from probatio.review.recording import record_decision, record_withdrawal
from probatio.review.returned import read_returned
from probatio.review.workbook import META


@pytest.fixture
def study(circuit_study: CircuitStudy, tmp_path: Path) -> CircuitStudy:
    return copy_study(circuit_study, tmp_path)


@pytest.fixture
def review(study: CircuitStudy) -> OpenReview:
    return open_circuit(study)


@pytest.fixture
def filling(review: OpenReview, tmp_path: Path) -> Filling:
    return lend(review, tmp_path)


def _find_state(review: OpenReview, patient: str, variable: str) -> CaseState:
    names = [
        name for name, case in review.circuit.cases.items() if (case.patient_id, case.variable) == (patient, variable)
    ]
    return review.circuit.states[names[0]]


def _settled(review: OpenReview, patient: str, variable: str) -> tuple[str, str]:
    final = _find_state(review, patient, variable).final
    assert final is not None
    return final.settled.decision, final.settled.value


def _refuse(filling: Filling, review: OpenReview, **options: Any) -> str:
    """Import a workbook that is to be refused; nothing is written, and no patient's value is told."""
    before = len(review.log.refresh())
    with pytest.raises(UserError) as caught:
        import_workbook(filling.save(), review, **options)
    assert len(review.log.refresh()) == before
    assert not any(word in str(caught.value) for word in ("61.5", "foie", "P1", "P2", "rash"))
    return str(caught.value)


def test_the_round_trip(study: CircuitStudy, review: OpenReview, filling: Filling) -> None:
    """Opened, filled in and saved by another library: letters, words, typed values, comments, minutes come back."""
    row = filling.find_row("P2", "Stade")
    filling.fill("P2", "Stade", decision=filling.find_letter(row, "II"), comment="net", minutes=1.5)
    row = filling.find_row("P1", "Décès")
    filling.fill("P1", "Décès", decision=filling.find_letter(row, "05/2024"))
    filling.fill("P1", "Poids", decision="autre valeur", value="62,5", minutes="2,5")
    filling.fill("P1", "Sexe", decision="autre valeur", value="Homme")
    filling.fill("P4", "Décès", decision="A")
    filling.fill("P5", "Stade", decision="absente")
    filling.fill("P2", "Poids", decision="illisible")
    filling.fill("P1", "Sites", decision="autre valeur", value="lung | liver")
    filling.fill("P1", "Toxicité (1)", decision="autre valeur", value="term: rash; grade: 3")
    done = import_workbook(filling.save(), review)
    assert done == ImportSummary("ann", 9, 0, 3)
    again = read_circuit(study)
    assert again.circuit.states == review.circuit.states
    assert _settled(again, "P2", "stage") == ("confirmed", "II")
    assert _settled(again, "P1", "death") == ("chosen", "2024-05")
    assert _settled(again, "P1", "weight") == ("corrected", "62.5")
    assert _settled(again, "P1", "sex") == ("corrected", "M")
    assert _settled(again, "P4", "death") == _settled(again, "P5", "stage") == ("absent", "")
    assert _settled(again, "P2", "weight") == ("unreadable", "")
    assert _settled(again, "P1", "sites") == ("corrected", "liver|lung")
    assert _settled(again, "P1", "toxicity") == ("corrected", "term: rash; grade: 3")
    final = _find_state(again, "P2", "stage").final
    assert final is not None
    assert (final.comment, final.seconds, final.reader) == ("net", 90.0, "ann")
    kinds = [entry.kind for entry in again.log.entries]
    assert kinds == ["log", "opened", "exported", *["decision"] * 9, "imported"]


@pytest.mark.parametrize(
    ("patient", "variable", "typed", "stored"),
    [
        ("P5", "Stade", "iii", "III"),
        ("P1", "Poids", 62, "62"),
        ("P1", "Poids", 62.5, "62.5"),
        ("P1", "Poids", "62,50", "62.5"),
        ("P1", "Décès", dt.datetime(2024, 5, 3, tzinfo=dt.UTC).replace(tzinfo=None), "2024-05-03"),
        ("P1", "Décès", dt.date(2024, 5, 3), "2024-05-03"),
        ("P1", "Décès", "03/05/2024", "2024-05-03"),
        ("P1", "Décès", 2023, "2023"),
    ],
)
def test_cells_that_programs_retype_are_read(
    review: OpenReview, filling: Filling, patient: str, variable: str, typed: Any, stored: str
) -> None:
    """A number or a date that Excel made of what was typed is what the person meant."""
    row = filling.fill(patient, variable, decision="autre valeur", value=typed)
    cell = filling.sheet.cell(row, filling.titles.index("Valeur") + 1)
    cell.number_format = "yyyy-mm-dd" if isinstance(typed, dt.date) else "General"
    import_workbook(filling.save(), review)
    names = {"Stade": "stage", "Poids": "weight", "Décès": "death"}
    assert _settled(review, patient, names[variable]) == ("corrected", stored)


def test_a_workbook_is_imported_once(review: OpenReview, filling: Filling) -> None:
    """The same workbook again says that it was; new rows of it are taken, a changed decision is refused."""
    filling.fill("P5", "Stade", decision="absente")
    import_workbook(filling.save(), review)
    assert "already imported" in _refuse(filling, review)
    filling.fill("P4", "Stade", decision="absente")
    assert import_workbook(filling.save(), review) == ImportSummary("ann", 1, 1, 10)
    filling.fill("P5", "Stade", decision="illisible")
    assert "already decided on the case" in _refuse(filling, review)


def test_a_dry_run_takes_nothing_over(review: OpenReview, filling: Filling) -> None:
    """It finds what an import would find, and writes nothing."""
    filling.fill("P5", "Stade", decision="absente")
    before = len(review.log.refresh())
    assert import_workbook(filling.save(), review, dry_run=True).taken == 1
    assert len(review.log.refresh()) == before
    assert _find_state(review, "P5", "stage").stage == "open"
    filling.fill("P4", "Stade", decision="peut-être")
    assert "1 fault" in _refuse(filling, review, dry_run=True)


def _put(title: str, value: Any, patient: str = "P5", variable: str = "Stade") -> Callable[[Filling], None]:
    return lambda filling: filling.put(filling.find_row(patient, variable), title, value)


def _delete_row(filling: Filling) -> None:
    filling.sheet.delete_rows(filling.find_row("P5", "Stade"))


def _double_row(filling: Filling) -> None:
    source, last = filling.find_row("P5", "Stade"), filling.sheet.max_row + 1
    for place in range(1, filling.sheet.max_column + 1):
        filling.sheet.cell(last, place).value = filling.sheet.cell(source, place).value


def _swap_ids(filling: Filling) -> None:
    one, other = filling.find_row("P5", "Stade"), filling.find_row("P4", "Stade")
    first, second = filling.get(one, "Cas"), filling.get(other, "Cas")
    filling.put(one, "Cas", second)
    filling.put(other, "Cas", first)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_put("Cas", "0123456789abcdef"), "its case is none of this workbook's"),
        (_put("Cas", None), "its case is none of this workbook's"),
        (_put("Patient", "P6"), "locked cells were changed (Patient)"),
        (_put("Patient", None), "locked cells were changed (Patient)"),
        (_put("Valeur A", None, "P4"), "locked cells were changed (Valeur A)"),
        (_put("Valeur A", "I"), "locked cells were changed (Valeur A)"),
        (_put("Pourquoi il est ici", ""), "locked cells were changed (Pourquoi il est ici)"),
        (_delete_row, "1 of its cases are gone"),
        (_double_row, "its case stands twice"),
        (_swap_ids, "locked cells were changed"),
        (_put("Décision", "peut-être"), "this is no decision"),
        (_put("Décision", "B"), "no value bears this letter"),
        (_put("Décision", "A", "P3"), "not one that the variable may take"),
        (_put("Décision", "autre valeur"), "a correction needs a value"),
        (_put("Valeur", "III"), "filled in without a decision"),
        (_put("Commentaire", "?"), "filled in without a decision"),
    ],
)
def test_what_cannot_be_taken_over(
    review: OpenReview, filling: Filling, spoil: Callable[[Filling], None], said: str
) -> None:
    """One sentence that names sheet and row; another row's good decision is not taken over either."""
    filling.fill("P2", "Stade", decision="absente")
    spoil(filling)
    told = _refuse(filling, review)
    assert said in told
    assert "nothing was imported" in told


def test_every_locked_cell_is_watched(review: OpenReview, filling: Filling) -> None:
    """Whichever locked cell is emptied or overwritten, whichever row goes: nothing is taken over."""
    filling.fill("P2", "Stade", decision="absente")
    returned = read_returned(filling.save())
    assert len(FilledRows(returned, review.circuit, "ann").decided) == 1
    open_columns = [filling.titles.index(title) for title in TITLES.values()]
    rows = [list(row) for row in returned.rows]
    watched = 0
    for number, row in enumerate(rows):
        spoiled = [rows[:number] + rows[number + 1 :], [*rows, row]]
        for place, text in enumerate(row):
            if place not in open_columns:
                for other in {"x", f"{text}x", text[:-1], ""} - {text}:
                    spoiled.append([*rows[:number], [*row[:place], other, *row[place + 1 :]], *rows[number + 1 :]])
        for changed in spoiled:
            with pytest.raises(UserError, match="nothing was imported"):
                FilledRows(replace(returned, rows=changed), review.circuit, "ann")
            watched += 1
    assert watched > 250


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"decision": "A", "value": "III"}, "a value goes with a correction only"),
        ({"decision": "absente", "value": "III"}, "a value goes with a correction only"),
        ({"decision": "autre valeur", "value": "V"}, "not one that the variable may take"),
        ({"decision": "autre valeur", "value": "NR"}, "means that there is none"),
        ({"decision": "absente", "minutes": "long"}, "no number between 0 and 1440"),
        ({"decision": "absente", "minutes": -1}, "no number between 0 and 1440"),
        ({"decision": "absente", "comment": "x" * 2001}, "more than 2000 characters"),
    ],
)
def test_rows_filled_in_wrongly(review: OpenReview, filling: Filling, answers: dict[str, Any], said: str) -> None:
    """Both a candidate and a value, a value that does not conform, minutes that are none: each by its row."""
    row = filling.fill("P2", "Stade", **answers)
    assert f"{CASES}, row {row}: " in (told := _refuse(filling, review))
    assert said in told


def test_all_faults_are_told_at_once(review: OpenReview, filling: Filling) -> None:
    """Every row's fault stands in one refusal, in the order of the sheet."""
    for row in range(2, filling.sheet.max_row + 1):
        filling.put(row, "Décision", "peut-être")
    told = _refuse(filling, review)
    assert told.count("this is no decision") == len(CELLS)
    assert f"{len(CELLS)} faults to mend" in told


def test_the_first_twenty_faults_are_shown(study: CircuitStudy, tmp_path: Path) -> None:
    """A workbook filled in with the wrong words does not flood the screen."""
    cells = tuple((f"P{number}", name, visit, "") for number in range(1, 7)
                  for name, visit in (("stage", ""), ("sex", ""), ("weight", "start"), ("death", "")))  # fmt: skip
    open_review(study.protocol, study.root, make_queue(cells))
    review = read_circuit(study)
    filling = lend(review, tmp_path)
    for row in range(2, filling.sheet.max_row + 1):
        filling.put(row, "Décision", "peut-être")
    told = _refuse(filling, review)
    assert told.count("\n") == 21
    assert "24 faults" in told
    assert told.endswith("and 4 more.")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda filling: filling.book.remove(filling.book[META]), "not a review workbook"),
        (lambda filling: filling.book.remove(filling.book[CASES]), "the sheet Cas is gone"),
        (lambda filling: setattr(filling.book[INSTRUCTIONS], "title", "x"), "is gone or was renamed"),
        (lambda filling: setattr(filling.book[META]["B2"], "value", "0"), "was changed; export it again"),
        (lambda filling: filling.book[META].delete_rows(9, 1), "was changed; export it again"),
        (lambda filling: setattr(filling.sheet["E1"], "value", "x"), "row 1: the header was changed"),
        (lambda filling: filling.sheet.delete_cols(5), "row 1: the header was changed"),
        (lambda filling: setattr(filling.book[INSTRUCTIONS]["B2"], "value", "bob"), "two names say who decided"),
        (lambda filling: None, "no decision in it"),
    ],
)
def test_workbooks_that_are_not_what_was_given_out(
    review: OpenReview, filling: Filling, spoil: Callable[[Filling], None], said: str
) -> None:
    """Hidden sheets, headers and names that changed, and a workbook that nobody filled in."""
    spoil(filling)
    assert said in _refuse(filling, review)


def test_files_that_are_no_workbooks(review: OpenReview, filling: Filling, tmp_path: Path) -> None:
    """A text, a file that is not there, another workbook."""
    other = openpyxl.Workbook()
    other.save(tmp_path / "other.xlsx")
    (tmp_path / "text.xlsx").write_text("P1;II", encoding="utf-8")
    (tmp_path / "cut.xlsx").write_bytes(filling.path.read_bytes()[:3000])
    for name, said in (("other", "not a review workbook"), ("text", "not a readable workbook"),
                       ("cut", "not a readable workbook"), ("none", "no such file")):  # fmt: skip
        with pytest.raises(UserError, match=said):
            import_workbook(tmp_path / f"{name}.xlsx", review)


def test_a_workbook_exported_under_another_protocol_is_refused(study: CircuitStudy, filling: Filling) -> None:
    """What the variable may be, or who may decide, may have changed."""
    filling.fill("P5", "Stade", decision="absente")
    text = study.path.read_text(encoding="utf-8").replace("levels: [I, II, III, IV]", "levels: [I, II, III, IV, V]")
    study.path.write_text(text, encoding="utf-8")
    changed = CircuitStudy(study.path, read_protocol(study.path), study.records)
    assert "the protocol has changed" in _refuse(filling, read_circuit(changed))


def test_a_case_that_shows_something_else_by_now_is_refused(
    study: CircuitStudy, filling: Filling, tmp_path: Path
) -> None:
    """The source was extracted again meanwhile: the decision was made on what no longer stands."""
    row = filling.fill("P2", "Stade", decision="absente")
    changed = make_study(
        tmp_path, first=FIRST.replace("P2,stage,,,II,,,D2,,,stade 2", "P2,stage,,,II,,,D2,,,stade deux")
    )
    told = _refuse(filling, read_circuit(changed))
    assert f"row {row}: the case is no longer what was shown" in told


def test_a_workbook_of_another_review_is_refused(filling: Filling, tmp_path: Path) -> None:
    """Neither another study's nor one that the log does not know of."""
    other = open_circuit(make_study(tmp_path / "elsewhere"))
    filling.fill("P5", "Stade", decision="absente")
    assert "knows of no such export" in _refuse(filling, other)
    named = other.circuit.protocol.model_copy(update={"study": "elsewhere"})
    other.circuit.protocol = named
    assert "a workbook of another review (circuit, first)" in _refuse(filling, other)


def test_the_reader_is_known_or_nothing_is_taken(review: OpenReview, tmp_path: Path) -> None:
    """A workbook without a name takes one from its first sheet, or from the command; never two."""
    filling = lend(review, tmp_path, "")
    filling.fill("P5", "Stade", decision="absente")
    assert "nobody says who decided" in _refuse(filling, review)
    filling.book[INSTRUCTIONS]["B2"].value = " Ann "
    assert "two names say who decided" in _refuse(filling, review, reader="bob")
    assert import_workbook(filling.save(), review, reader="ann").reader == "Ann"


def test_names_and_levels_that_begin_like_a_formula(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """A reader called -ann, and levels + and -, go out and come back as they are."""
    study = copy_study(circuit_study, tmp_path)
    text = study.path.read_text(encoding="utf-8").replace("levels: [I, II, III, IV]", "levels: ['+', '-', II, IV]")
    study.path.write_text(text, encoding="utf-8")
    protocol = read_protocol(study.path)
    review = open_circuit(CircuitStudy(study.path, protocol, study.records))
    filling = lend(review, tmp_path, "-ann")
    rule = [each for each in filling.sheet.data_validations.dataValidation if each.formula1 == '"+,-,II,IV"']
    assert len(rule) == 5
    for patient, value in (("P5", "-"), ("P4", "'-"), ("P2", "+")):
        filling.fill(patient, "Stade", decision="autre valeur", value=value)
    assert import_workbook(filling.save(), review).reader == "-ann"
    assert [_settled(review, patient, "stage")[1] for patient in ("P5", "P4", "P2")] == ["-", "-", "+"]


def test_a_reader_who_has_read_the_case_is_refused(study: CircuitStudy, tmp_path: Path) -> None:
    """A second reading must be somebody else's, also when the first came by another way."""
    review = open_circuit(study, double=(5,))
    filling = lend(review, tmp_path)
    filling.fill("P5", "Stade", decision="absente")
    case = next(case for case in review.circuit.cases.values() if case.position == 5)
    record_decision(review.log, review.circuit, Submission(case.case_id, case.digest, "first", 0, "unreadable"), "Ann",
                    language="fr", via="page")  # fmt: skip
    assert "this reader has already decided" in _refuse(filling, review)


def test_what_another_decided_meanwhile_stands(review: OpenReview, filling: Filling, tmp_path: Path) -> None:
    """Two people with the same case in hand: the first to come back wins, the other is told the row."""
    other = lend(review, tmp_path, "bob", again=True)
    other.fill("P5", "Stade", decision="illisible")
    row = filling.fill("P5", "Stade", decision="absente")
    import_workbook(other.save(), review)
    assert f"row {row}: the case has been decided meanwhile" in _refuse(filling, review)
    assert _settled(review, "P5", "stage") == ("unreadable", "")


def test_two_readers_and_a_third_by_workbook_alone(study: CircuitStudy, tmp_path: Path) -> None:
    """The third one's workbook holds the disagreement and both answers, unnamed; the two get nothing more of it."""
    review = open_circuit(study, double=(2,))
    for reader, answer in (("ann", "absente"), ("bob", "autre valeur")):
        filling = lend(review, tmp_path, reader, again=True)
        filling.fill("P2", "Stade", decision=answer, value="IV" if reader == "bob" else None)
        import_workbook(filling.save(), review)
    assert all(
        "P2" not in _list_patients(lend(review, tmp_path, reader, again=True), "Stade") for reader in ("ann", "bob")
    )
    nobody = lend(review, tmp_path, "", again=True)
    assert "P2" not in _list_patients(nobody, "Stade")
    third = lend(review, tmp_path, "eve", again=True)
    row = third.fill("P2", "Stade", decision="autre valeur", value="III")
    assert third.get(row, "Deux relecteurs ont dit") == "1. absente\n2. IV"
    import_workbook(third.save(), review)
    final = _find_state(review, "P2", "stage").final
    assert final is not None
    assert (final.role, final.settled.value) == ("adjudicator", "III")


def test_a_settlement_of_what_changed_since_is_refused(study: CircuitStudy, tmp_path: Path) -> None:
    """One of the two took his reading back and read again while the third had the workbook."""
    review = open_circuit(study, double=(2,))
    for reader, answer in (("ann", "absente"), ("bob", "illisible")):
        filling = lend(review, tmp_path, reader, again=True)
        filling.fill("P2", "Stade", decision=answer)
        import_workbook(filling.save(), review)
    third = lend(review, tmp_path, "eve")
    third.fill("P2", "Stade", decision="absente")
    state = _find_state(review, "P2", "stage")
    record_withdrawal(review.log, review.circuit, state.case_id, "bob", state.version, via="page")
    assert "the case has changed since it was opened" in _refuse(third, review)


def _list_patients(filling: Filling, variable: str) -> set[str]:
    rows = range(2, filling.sheet.max_row + 1)
    return {filling.get(row, "Patient") for row in rows if filling.get(row, "Variable") == variable}


def test_cases_out_with_one_are_not_lent_to_another(study: CircuitStudy, tmp_path: Path) -> None:
    """Each gets his own first cases; a case read by two goes to two; `again` lends all; nothing left is said."""
    review = open_circuit(study, double=(1,))
    first = lend(review, tmp_path, "ann", first=3)
    second = lend(review, tmp_path, "bob", first=3)
    names = [[filling.get(row, "Cas") for row in range(2, 5)] for filling in (first, second)]
    order = list(review.circuit.cases)
    assert names == [order[:3], [order[0], *order[3:5]]]
    assert lend(review, tmp_path, "eve").sheet.max_row - 1 == len(order) - 5
    with pytest.raises(UserError, match="no case awaits this reader"):
        lend_cases(review, "dan", language="fr")
    assert lend(review, tmp_path, "Ann", first=3).get(2, "Cas") == order[0]
    assert lend(review, tmp_path, "dan", again=True).sheet.max_row - 1 == len(order)


@pytest.mark.parametrize("name", ["x" * 61, "ann\nbob", "<r>ann</r>"])
def test_a_name_that_is_none_is_refused(review: OpenReview, name: str) -> None:
    """A reader's name is short and stands on one line."""
    with pytest.raises(UserError, match="a name has at most 60 characters"):
        lend_cases(review, name, language="fr")
