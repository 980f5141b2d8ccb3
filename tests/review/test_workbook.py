"""The workbook as another library opens it: what is locked, what may be chosen, and that texts stay texts."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import openpyxl
import pytest
from filling import CASES, INSTRUCTIONS, Filling, lend
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.workbook import Workbook

from circuit_study import CircuitStudy, make_queue, make_study, open_circuit
from probatio.protocol import Language, compute_protocol_digest
from probatio.review.circuit import CaseState
from probatio.review.forms import clean, derive_cells, derive_compared, derive_loan, read_answer
from probatio.review.returned import read_returned
from probatio.review.tables import Case
from probatio.review.workbook import LISTS, META, Export, derive_workbook


@pytest.fixture(scope="module")
def filling(tmp_path_factory: pytest.TempPathFactory) -> Filling:
    """Return a workbook with all cases, not to be changed."""
    folder = tmp_path_factory.mktemp("workbook")
    return lend(open_circuit(make_study(folder)), folder)


def _export(study: CircuitStudy, cases: list[Case], language: Language = "fr", reader: str = "ann") -> Export:
    loans = [derive_loan(case, CaseState(case.case_id, double=False), "first", study.protocol, language=language)
             for case in cases]  # fmt: skip
    digest = compute_protocol_digest(study.protocol)
    return Export(study.protocol.study, "first", digest, "0" * 64, reader, language, tuple(loans))


def test_only_what_the_reader_fills_in_is_open(filling: Filling) -> None:
    """Four columns of each row are unlocked; all other cells of a protected sheet are locked."""
    assert filling.sheet.protection.sheet
    assert filling.book[INSTRUCTIONS].protection.sheet
    for row in filling.sheet.iter_rows():
        for cell, title in zip(row, filling.titles, strict=True):
            asked = title in ("Décision", "Valeur", "Commentaire", "Minutes") and cell.row > 1
            assert cell.protection.locked != asked


def test_what_it_was_made_of_is_hidden_and_locked(filling: Filling) -> None:
    """Menus do not show the sheets of digests and lists; the cases are what opens first."""
    for name in (META, LISTS):
        assert filling.book[name].sheet_state == "veryHidden"
        assert filling.book[name].protection.sheet
    assert filling.book.active is not None
    assert filling.book.active.title == CASES
    assert filling.sheet.freeze_panes == "E2"


def test_each_row_offers_its_own_decisions_and_levels(filling: Filling) -> None:
    """A letter per value that conforms; levels by their label; typed values are explained, and stay text."""
    rules = {str(rule.sqref): rule for rule in filling.sheet.data_validations.dataValidation}
    columns = {title: filling.sheet.cell(1, place).column_letter for place, title in enumerate(filling.titles, start=1)}

    def offered(patient: str, variable: str, title: str) -> str:
        return rules[f"{columns[title]}{filling.find_row(patient, variable)}"].formula1 or ""

    assert offered("P2", "Stade", "Décision") == '"A,B,autre valeur,absente,illisible"'
    assert offered("P1", "Stade", "Décision") == '"A,autre valeur,absente,illisible"'
    assert (
        offered("P3", "Stade", "Décision") == offered("P5", "Stade", "Décision") == '"autre valeur,absente,illisible"'
    )
    assert offered("P1", "Sexe", "Valeur") == '"Homme,Femme"'
    assert offered("P1", "Décès", "Valeur") == ""
    weight = rules[f"{columns['Valeur']}{filling.find_row('P1', 'Poids')}"]
    assert "61,5" in str(weight.prompt)
    assert filling.sheet[f"{columns['Valeur']}2"].number_format == "@"


def test_values_are_shown_in_words_with_their_evidence(filling: Filling) -> None:
    """Labels, units, French dates and decimals; a value that does not conform is said to."""
    shown = {
        (patient, variable): str(filling.get(filling.find_row(patient, variable), "Valeur A"))
        for patient, variable in (("P1", "Sexe"), ("P1", "Poids"), ("P2", "Poids"), ("P3", "Stade"), ("P4", "Décès"))
    }
    assert shown["P1", "Sexe"].startswith("Femme\n«\u00a0Madame, stade IV.")
    assert shown["P1", "Poids"].startswith("61,5\u00a0kg\n")
    assert shown["P2", "Poids"].startswith("130\u00a0lb (pas une valeur")
    assert shown["P3", "Stade"].startswith("V (pas une valeur")
    assert shown["P4", "Décès"].startswith("(aucune, dit la source)")
    assert filling.find_letter(filling.find_row("P1", "Décès"), "05/2024")
    assert filling.get(filling.find_row("P1", "Sexe"), "Règles non respectées") == "Pas de femme au stade IV"
    assert filling.get(filling.find_row("P1", "Sexe"), "Pourquoi il est ici") == "confiance faible"


def test_the_span_is_marked_in_its_words(filling: Filling) -> None:
    """The located words are underlined in the snippet."""
    book = openpyxl.load_workbook(filling.path, rich_text=True)
    row = filling.find_row("P1", "Stade")
    runs = [run for run in book[CASES].cell(row, 5).value if getattr(run, "font", None) and run.font.u]
    assert [run.text for run in runs] == ["stade IV"]


def test_nothing_in_it_is_a_formula_or_a_link(filling: Filling) -> None:
    """Snippets with HTML and formulas are texts."""
    with zipfile.ZipFile(filling.path) as archive:
        sheets = [archive.read(name).decode() for name in archive.namelist() if "worksheets/sheet" in name]
    assert not any("<f>" in sheet or "hyperlink" in sheet for sheet in sheets)
    row = filling.find_row("P1", "Poids")
    assert '=HYPERLINK("x")' in str(filling.get(row, "Valeur A"))
    assert "<b>foie</b>" in str(filling.get(filling.find_row("P1", "Sites"), "Valeur A"))


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "'=1+1", "<r><t>x</t></r>"])
def test_a_text_that_programs_take_for_something_else_is_defused(text: str) -> None:
    """Formulas get an apostrophe; what the writing library would take for its own markup, a blank before it."""
    assert clean(text) != text
    assert clean(text).strip().lstrip("'") == text.lstrip("'")
    assert [clean(plain) for plain in ("-3.5", "3", "stade IV")] == ["-3.5", "3", "stade IV"]


def test_the_same_cases_give_the_same_bytes(circuit_study: CircuitStudy) -> None:
    """A workbook depends on what it shows and on nothing else; another reader's is another."""
    cases = circuit_study.derive_cases(make_queue())
    one, two = (derive_workbook(_export(circuit_study, cases), circuit_study.protocol) for _ in range(2))
    assert one == two
    assert derive_workbook(_export(circuit_study, cases, reader="bob"), circuit_study.protocol) != one


@pytest.mark.parametrize(("language", "sheets"), [("fr", [INSTRUCTIONS, CASES]), ("en", ["How to", "Cases"])])
def test_it_speaks_the_reader_s_language(circuit_study: CircuitStudy, language: Language, sheets: list[str]) -> None:
    """Sheets, headers and instructions in French or English; no bare key, no placeholder left."""
    made = derive_workbook(_export(circuit_study, circuit_study.derive_cases(make_queue()), language),
                           circuit_study.protocol)  # fmt: skip
    book = _open(made)
    assert book.sheetnames[:2] == sheets
    texts = [str(cell.value) for name in sheets for row in book[name].iter_rows() for cell in row if cell.value]
    assert not any("{" in text or "_meaning" in text for text in texts)


def test_a_name_is_written_by_the_reader_where_none_is_given(circuit_study: CircuitStudy) -> None:
    """Without a reader the cell of his name is open."""
    cases = circuit_study.derive_cases(make_queue())
    for reader, locked in (("", False), ("ann", True)):
        book = _open(derive_workbook(_export(circuit_study, cases, reader=reader), circuit_study.protocol))
        assert book[INSTRUCTIONS]["B2"].protection.locked == locked


def test_long_lists_stand_on_a_sheet_of_their_own(circuit_study: CircuitStudy) -> None:
    """More levels than a drop-down can hold, or one with a comma, are offered all the same."""
    levels = [f"level {number}, of many" for number in range(40)]
    variables = [each.model_copy(update={"levels": levels}) if each.name == "stage" else each
                 for each in circuit_study.protocol.variables]  # fmt: skip
    study = replace(circuit_study, protocol=circuit_study.protocol.model_copy(update={"variables": variables}))
    cases = circuit_study.derive_cases(make_queue())
    book = _open(derive_workbook(_export(study, cases), study.protocol))
    rules = {rule.formula1 for rule in book[CASES].data_validations.dataValidation}
    assert f"{LISTS}!$A$1:$A$40" in rules
    assert [cell.value for cell in book[LISTS]["A"]] == levels


_ODD = ["=", "+", "-", "@", "'", "<", ">", "&", '"', "\r", "\n", "\t", "\x00", "\x0b", "\x85", "\ufffe", "_x0041_",
        "_x000D_", "<r>", "</r>", "<t>", "&amp;", "]]>", "\u200b", "\u2028", "😀"]  # fmt: skip
_TEXT = st.lists(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(_ODD)), max_size=30).map("".join)


@settings(max_examples=30, deadline=None)
@given(value=_TEXT, snippet=_TEXT, place=st.tuples(st.integers(0, 50), st.integers(0, 50)))
def test_any_text_survives_other_programs(
    circuit_study: CircuitStudy, tmp_path_factory: pytest.TempPathFactory, value: str, snippet: str,
    place: tuple[int, int],
) -> None:  # fmt: skip
    """Whatever a document holds, the workbook opens, and its locked cells come back as they were."""
    folder = tmp_path_factory.mktemp("wild")
    case = _derive_first(circuit_study)
    start, end = (min(at, len(snippet)) for at in sorted(place))
    wild = replace(case.candidates[0], value=value, snippet=snippet, mark=(start, end), conformant=False)
    export = _export(circuit_study, [replace(case, candidates=(wild,))])
    path = folder / "wild.xlsx"
    path.write_bytes(derive_workbook(export, circuit_study.protocol))
    expected = derive_cells(export.loans[0], circuit_study.protocol, "fr")
    for _ in range(2):
        (row,) = read_returned(path).rows
        assert derive_compared(row[4]) == derive_compared(expected["A"])
        openpyxl.load_workbook(path).save(path)


@cache
def _derive_first(study: CircuitStudy) -> Case:
    return study.derive_cases(make_queue())[0]


@pytest.mark.parametrize(
    ("text", "answer"),
    [("A", "A"), (" b ", "B"), ("Autre  valeur", "corrected"), ("ANOTHER VALUE", "corrected"), ("absente", "absent"),
     ("unreadable", "unreadable"), ("illisible", "unreadable"), ("peut-être", "peut-être"), ("", "")],
)  # fmt: skip
def test_answers_are_read_as_people_write_them(text: str, answer: str) -> None:
    """Capitals, blanks and either language; anything else stays what it is, to be refused."""
    assert read_answer(text) == answer


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed here")
def test_libreoffice_opens_it(filling: Filling, tmp_path: Path) -> None:
    """LibreOffice opens it, saves it, and nothing shown has changed."""
    command = ["soffice", "--headless", "--convert-to", "xlsx", "--outdir", str(tmp_path), str(filling.path)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    saved, given_out = read_returned(tmp_path / filling.path.name), read_returned(filling.path)
    assert saved.meta == given_out.meta
    for one, other in zip(saved.rows, given_out.rows, strict=True):
        assert [derive_compared(text) for text in one] == [derive_compared(text) for text in other]


def _open(content: bytes) -> Workbook:
    return openpyxl.load_workbook(io.BytesIO(content))
