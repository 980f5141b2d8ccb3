"""The workbook of discordances shows every discordant value side by side, safely, with the same bytes each time."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from probatio.comparison import Comparison, compare
from probatio.compendium.discordances import derive_discordances, list_compared
from probatio.compendium.workbook import derive_harmless, derive_workbook
from probatio.protocol import Protocol, read_protocol
from probatio.records import Records, read_records

PROTOCOL = """
study: cases
title: {en: "=Cases", fr: Cas}
data: .
resampling: {seed: 1, replicates: 100}
patients:
  file: {path: patients.csv}
  centre: {label: {en: Centre, fr: Centre}, column: centre}
sources:
  - {name: registry, label: {en: Registry, fr: Registre}, role: reference, files: [%(registry)s]}
  - {name: team, label: {en: Team, fr: Équipe}, role: manual, assessed: rows, files: [%(team)s]}
  - {name: model, label: {en: Model, fr: Modèle}, role: ai, files: [%(model)s]}
variables:
  - {name: stage, label: {en: Stage, fr: Stade}, type: nominal, levels: [I, II, III]}
  - {name: dose, label: {en: Dose, fr: Dose}, type: number, unit: mg}
  - {name: sites, label: {en: Sites, fr: Sites}, type: set, levels: [bone, brain], negative: [none]}
  - name: ae
    label: {en: Adverse events, fr: Événements indésirables}
    type: events
    attributes:
      term: {label: {en: Term, fr: Terme}, type: text}
      date: {label: {en: Date, fr: Date}, type: date}
      grade: {label: {en: Grade, fr: Grade}, type: ordinal, levels: [1, 2, 3]}
    match: {on: [term], date: date, window: 30}
"""
COLUMNS = "patient_id,variable,event,value,state,confidence,document_id,snippet\n"
TABLES = {
    "patients": "patient_id,centre\nP1,A\nP2,A\nP3,B\n",
    "registry": COLUMNS
    + "P1,stage,,I,,,,\nP1,dose,,12,,,,\nP1,sites,,bone,,,,\nP2,stage,,II,,,,\nP3,stage,,III,,,,\nP3,dose,,-5,,,,\n"
    + "P2,ae.term,1,rash,,,,\nP2,ae.date,1,2024-05-01,,,,\nP2,ae.grade,1,2,,,,\n",
    "team": COLUMNS + "P1,stage,,I,,,,\nP1,dose,,13,,,,\nP1,sites,,bone,,,,\nP2,stage,,III,,,,\n",
    "model": COLUMNS
    + "P1,stage,,II,,0.7,D1,stage 2\nP1,dose,,12,,0.9,D1,=12 mg\nP1,sites,,,negative,0.4,D1,no metastasis\n"
    + "P2,stage,,=1+1,,0.9,D2,@cmd\nP3,stage,,III,,0.99,D3,stage III\nP2,dose,,-7,,0.2,D2,dose -7\n"
    + "P2,ae.term,7,rash,,0.8,D2,skin rash\nP2,ae.date,7,2024-05-03,,0.8,D2,\nP2,ae.grade,7,3,,0.6,D2,grade III\n"
    + "P2,ae.term,8,fever,,0.5,D2,fever noted\nP2,ae.date,8,2024-09-01,,0.5,D2,\n",
}  # fmt: skip

Study = tuple[Records, Comparison, Protocol]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Return a study of three patients with an error of every kind."""
    folder = tmp_path_factory.mktemp("cases")
    for name, text in TABLES.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    files = {name: f"{{path: {name}.csv, layout: long}}" for name in TABLES}
    (folder / "cases.yaml").write_text(PROTOCOL % files, encoding="utf-8")
    return read_study(folder / "cases.yaml")


def read_study(path: Path) -> Study:
    protocol = read_protocol(path)
    records = read_records(protocol, path.parent)
    return records, compare(records, protocol), protocol


def get(cases: pd.DataFrame, patient: str, variable: str, event: str = "") -> pd.Series:
    found = cases[(cases["patient_id"] == patient) & (cases["variable"] == variable) & (cases["event"] == event)]
    assert len(found) == 1
    return found.iloc[0]


def test_every_discordant_cell_is_there_once(study: Study) -> None:
    """The rows are exactly the cells in which some source is wrong, omits or invents, by patient and protocol order."""
    cases = derive_discordances(*study)
    assert cases[["patient_id", "variable", "event", "wrong"]].to_numpy().tolist() == [
        ["P1", "stage", "", 1],
        ["P1", "dose", "", 1],
        ["P1", "sites", "", 1],
        ["P2", "stage", "", 2],
        ["P2", "dose", "", 1],
        ["P2", "ae", "1", 1],
        ["P2", "ae.date", "1", 1],
        ["P2", "ae.grade", "1", 1],
        ["P2", "ae", "+8", 1],
        ["P3", "dose", "", 1],
    ]
    pairs = study[1].pairs
    errors = pairs[(pairs["kind"] == "error") & pairs["outcome"].isin(["W", "O", "U"])]
    assert cases["wrong"].sum() == len(errors)


def test_sources_stand_side_by_side(study: Study) -> None:
    """A row has the reference, every source's value and outcome, and the AI's confidence, document and snippet."""
    cases = derive_discordances(*study)
    row = get(cases, "P1", "stage")
    assert (row["centre"], row["reference"], row["team:value"], row["model:value"]) == ("A", "I", "I", "II")
    assert (row["team:outcome"], row["model:outcome"], row["model:confidence"]) == ("C", "W", 0.7)
    assert (row["model:document_id"], row["model:snippet"]) == ("D1", "stage 2")
    omitted = get(cases, "P3", "dose")
    assert (omitted["model:value"], omitted["model:outcome"], omitted["team:outcome"]) == ("", "O", "")
    invented = get(cases, "P2", "dose")
    assert (invented["documented"], invented["model:outcome"], invented["model:snippet"]) == (False, "U", "dose -7")


def test_events_carry_the_snippet_of_their_own_record(study: Study) -> None:
    """Events numbered apart still show their own snippet, for a matched attribute and for an invented event."""
    cases = derive_discordances(*study)
    grade = get(cases, "P2", "ae.grade", "1")
    assert (grade["reference"], grade["model:value"], grade["model:snippet"]) == ("2", "3", "grade III")
    invented = get(cases, "P2", "ae", "+8")
    assert (invented["model:value"], invented["model:outcome"], invented["model:snippet"]) == (
        "fever",
        "U",
        "fever noted",
    )


def test_ambiguous_snippet_is_not_shown(study: Study) -> None:
    """Two records with the same value in the same place and other snippets: none is shown rather than a wrong one."""
    records, comparison, protocol = study
    found = records.records
    twin = found[(found["snippet"] == "fever noted")].assign(snippet="febrile", event="9")
    both = Records(**{**vars(records), "records": pd.concat([found, twin], ignore_index=True)})
    row = get(derive_discordances(both, comparison, protocol), "P2", "ae", "+8")
    assert (row["model:snippet"], row["model:document_id"]) == ("", "D2")


def test_agreeing_sources_give_an_empty_sheet(study: Study) -> None:
    """Without a discordance the sheet has its header and no row."""
    records, comparison, protocol = study
    agreed = Comparison(comparison.pairs.assign(outcome="C"), comparison.patients, comparison.flow)
    cases = derive_discordances(records, agreed, protocol)
    assert len(cases) == 0
    sheet = read_sheet(derive_workbook(cases, agreed, protocol, language="en"), 0)
    assert sheet == [["Patient", "Centre", "Variable", "Registry", "Team", "Model", "Discordant sources"]]


def test_readings_without_a_reference_are_compared_with_the_primary() -> None:
    """In a study of readings the discordances are those between them, as many as pairs that differ."""
    study = read_study(Path(__file__).parents[2] / "protocol" / "lung.yaml")
    assert list_compared(study[2]) == ("physician", ["patient"])
    cases = derive_discordances(*study)
    assert len(cases) == int(study[1].pairs["outcome"].isin(["W", "O", "U"]).sum())
    legend = read_sheet(derive_workbook(cases, study[1], study[2], language="fr"), 1)
    assert any("Aucune des deux lectures" in str(line[0]) for line in legend)


def read_sheet(content: bytes, number: int) -> list[list[object]]:
    return list(CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(number).to_python())


def test_workbook_reads_in_both_languages(study: Study) -> None:
    """Headers, variables and outcomes are worded; numbers are numbers; an explicit negative is not an empty cell."""
    cases = derive_discordances(*study)
    header, *lines = read_sheet(derive_workbook(cases, study[1], study[2], language="en"), 0)
    table = [dict(zip(header, line, strict=True)) for line in lines]
    assert header[:8] == ["Patient", "Centre", "Variable", "Event", "Registry", "Team", "Model", "Discordant sources"]
    assert "Visit" not in header
    assert table[0]["Variable"] == "Stage"
    assert (table[0]["Outcome: Team"], table[0]["Outcome: Model"]) == ("Correct", "Wrong value")
    assert (table[1]["Registry"], table[1]["Team"]) == (12.0, 13.0)
    assert (table[2]["Registry"], table[2]["Model"]) == ("bone", "(none)")
    assert table[7]["Variable"] == "Adverse events: Grade"
    assert table[8]["Outcome: Team"] == "not compared"
    french = read_sheet(derive_workbook(cases, study[1], study[2], language="fr"), 0)
    assert french[0][4:7] == ["Registre", "Équipe", "Modèle"]
    assert french[1][french[0].index("Issue : Modèle")] == "Valeur fausse"


def test_formulas_are_text(study: Study) -> None:
    """A value or snippet that a spreadsheet would run starts with an apostrophe, and no cell holds a formula."""
    content = derive_workbook(derive_discordances(*study), study[1], study[2], language="en")
    header, *lines = read_sheet(content, 0)
    stage = dict(zip(header, lines[3], strict=True))
    assert (stage["Model"], stage["Snippet: Model"]) == ("'=1+1", "'@cmd")
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        assert all(b"<f>" not in book.read(name) for name in book.namelist())
        assert all(b"hyperlink" not in book.read(name) for name in book.namelist())


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\t=1", "\r=1", "<r><t>1</t></r>"])
def test_harmless_text(text: str) -> None:
    """What starts a formula, or the writing library's own markup, gets an apostrophe; others are left alone."""
    assert derive_harmless(text) == f"'{text}"
    assert derive_harmless(f"a{text}") == f"a{text}"
    assert len(derive_harmless(text * 40_000)) <= 32_767


def test_legend_counts_every_pair(study: Study) -> None:
    """The legend warns, and its counts add up to the pairs against the reference."""
    legend = read_sheet(derive_workbook(derive_discordances(*study), study[1], study[2], language="en"), 1)
    assert str(legend[0][0]).startswith("Confidential")
    start = next(number for number, line in enumerate(legend) if line[0] == "Source")
    compared = [line[2] for line in legend[start + 1 :]]
    assert sum(float(str(n)) for n in compared) == (study[1].pairs["kind"] == "error").sum()
    assert all(line[2] == sum(float(str(n)) for n in line[3:8]) for line in legend[start + 1 :])


def test_same_cases_give_the_same_bytes(study: Study) -> None:
    """Two workbooks of the same cases are equal byte for byte: no clock in them."""
    cases = derive_discordances(*study)
    first = derive_workbook(cases, study[1], study[2], language="en")
    with zipfile.ZipFile(io.BytesIO(first)) as book:
        assert {entry.date_time[0] for entry in book.infolist()} == {1980}
        assert b"2000-01-01T00:00:00Z" in book.read("docProps/core.xml")
    assert derive_workbook(derive_discordances(*study), study[1], study[2], language="en") == first


def test_sheet_is_ready_to_filter(study: Study) -> None:
    """The header is frozen with the patient's columns, the filter covers all rows, errors have their colour."""
    cases = derive_discordances(*study)
    content = derive_workbook(cases, study[1], study[2], language="en")
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        sheet, styles = book.read("xl/worksheets/sheet1.xml").decode(), book.read("xl/styles.xml").decode()
    assert 'xSplit="3" ySplit="1"' in sheet
    assert f'<autoFilter ref="A1:M{len(cases) + 1}"/>' in sheet
    assert styles.count('<patternFill patternType="solid">') == 5


@pytest.mark.parametrize("text", ["nan", "1e400", "-inf", "1_000", "12 mg"])
def test_what_is_no_number_keeps_its_own_words(study: Study, text: str) -> None:
    """A value that only looks like a number to the program is shown as delivered, and the workbook is written."""
    _, comparison, protocol = study
    cases = derive_discordances(*study)
    cases.loc[cases["variable"] == "dose", "model:value"] = text
    header, *lines = read_sheet(derive_workbook(cases, comparison, protocol, language="en"), 0)
    shown = [line[header.index("Model")] for line in lines if line[2] == "Dose" and line[header.index("Model")]]
    assert set(shown) <= {text, f"'{text}", "(none)"}
    assert {text, f"'{text}"} & set(shown)
