"""Each bad input ends in one sentence that says where, what and what to do, and names no patient."""

# ruff: noqa: E501 -- a table is read by its lines

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from small_study import MODEL, PATIENTS, REGISTRY, Study

from probatio.protocol import UserError
from probatio.records import find_data_files

Spoil = Callable[[Study], object]

WIDE = {"path": "wide.csv", "columns": {"stage": "stage", "dx": "dx"}}
JSON = {"path": "out/*.json", "format": "json", "columns": {"stage": "st"}, "patient": {"column": "id"}}


def wide(study: Study, content: str | bytes, **declared: object) -> None:
    """Let the model's values come from a wide file with this content."""
    study.write("wide.csv", content)
    study.model = {**WIDE, **declared}


def parse_json(study: Study, content: str, **declared: object) -> None:
    study.write("out/1.json", content)
    study.model = {**JSON, **declared}


def exceptions(study: Study, row: str) -> None:
    study.write("not.csv", f"source,variable,visit,patient_id,reason\n{row}\n")
    study.more["assessments"] = {"path": "not.csv"}


def documents(study: Study, content: str, **declared: object) -> None:
    study.write("docs.csv", content)
    study.more["documents"] = {"file": {"path": "docs.csv"}, **declared}


CITED = "patient_id,variable,value,document_id,start,end\n"
TEXTS = "document_id,text\nD1,Stage IV\nD2,\n"


def cite(study: Study, *rows: str) -> None:
    """Let the model cite spans of the documents D1, of eight characters, and D2, of none; D3 has no text."""
    documents(study, "document_id,patient_id\nD1,P1\nD2,P2\nD3,P3\n", text_table={"path": "texts.csv"})
    study.write("texts.csv", TEXTS)
    study.write("model.csv", CITED + "".join(f"{row}\n" for row in rows))


LONG = "patient_id,variable,value,visit,event,state,confidence,start\n"

# what is spoiled, what the sentence says
SPOILED: list[tuple[Spoil, str]] = [
    (lambda s: (s.root / "model.csv").unlink(), r"model\.csv: no such file in the data folder .*put it there"),
    (lambda s: s.write("model.csv", ""), r"model\.csv: the file is empty"),
    (lambda s: s.write("model.csv", " \n\n"), r"model\.csv: the file is empty"),
    (lambda s: s.write("model.csv", ",,\n,,\n"), r"model\.csv: the file is empty"),
    (lambda s: s.write("model.csv", "patient_id,variable,value\n"), r"model\.csv: source model delivers no value .*0 cells"),
    (lambda s: s.write("model.csv", MODEL.replace("P1", "X1").replace("P2", "X2")), "2 unknown_patient.*patient key"),
    (lambda s: s.write("model.csv", "patient_id,variable,value\nP1,stage,\nP2,stage,NA\n"), "delivers no value"),
    (lambda s: s.write("patients.csv", "patient_id,centre\n"), r"patients\.csv: no patient is left"),
    (lambda s: s.write("registry.csv", REGISTRY.replace(",", ";")), r'separated by a semicolon; declare delimiter: ";"'),
    (lambda s: s.write("registry.csv", REGISTRY.replace(",", "\t")), "separated by a tab"),
    (lambda s: s.write("registry.csv", REGISTRY.replace("stage", "Stagge")), "column stage is not in the header; nearest: Stagge"),
    (lambda s: s.write("registry.csv", REGISTRY.replace("hb", "stage")), "column stage stands twice"),
    (lambda s: s.write("registry.csv", REGISTRY + "P5,I\n"), r"registry\.csv:6: 2 cells where the header has 3"),
    (lambda s: s.write("registry.csv", REGISTRY + "P5,I,3,4\n"), r"registry\.csv:6: 4 cells where the header has 3"),
    (lambda s: s.write("registry.csv", REGISTRY + 'P5,"I,3\n'), r"registry\.csv:6: a quotation mark is not closed"),
    (lambda s: s.write("patients.csv", PATIENTS.replace("B", "Bé").encode("cp1252")), r"patients\.csv:4: not utf-8 text; .*cp1252"),
    (lambda s: s.write("patients.csv", PATIENTS.encode("utf-16")), "UTF-16 text, not utf-8; declare encoding: utf-16"),
    (lambda s: wide(s, "patient_id,stage,dx\nP1,I,é\n", encoding="cp1252"), "UTF-8 text, not cp1252; declare encoding: utf-8"),
    (lambda s: wide(s, "patient_id,stage,dx\n", encoding="klingon"), "encoding klingon is not known"),
    (lambda s: wide(s, b"patient_id,stage\n\xff\xfe", encoding="ascii"), r"wide\.csv:2: not ascii text"),
    (lambda s: s.write("patients.csv", PATIENTS + "P1,C\n"), r"patients\.csv: lines 2 and 6 .*same patient and differ \(1 such"),
    (lambda s: s.write("registry.csv", REGISTRY + "P1,II,12\n"), r"registry\.csv: lines 2 and 6 .*keep one line per patient"),
    (lambda s: s.write("model.csv", MODEL + "P1,stage,II\n"), r"model\.csv:4: source model has another value of stage .*model\.csv:2"),
    (lambda s: wide(s, "patient_id,stage,dx\nP1,I,2024-01-02\nP2,I,03/04/2024\nP3,I,25/04/2024\n"),
     r"wide\.csv:3: column dx \(dx\): 2 dates from this line on .*date_order: DMY"),
    (lambda s: s.write("model.csv", MODEL + "P1,dx,03.04.2024\n"), r"model\.csv:4: column value \(dx\): 1 dates"),
    (lambda s: s.model.update(long={"value": "valeur"}), "column valeur is not in the header; nearest: value"),
    (lambda s: s.model.update(patient={"column": "id"}), "column id is not in the header"),
    (lambda s: s.registry["columns"].update({"ecog": "stage"}), "columns: ecog: ecog has no such visit; write ecog@access, ecog@m1"),
    (lambda s: s.registry["columns"].update({"hb@m1": "hb"}), "columns: hb@m1: hb has no such visit; write hb"),
    (lambda s: s.registry["columns"].update({"ae": "hb"}), "repeated events are read from files in the long layout"),
    (lambda s: s.registry.update(patient={"row": "P{row:%%}"}), "not a pattern such as"),
    (lambda s: s.write("model.csv", LONG + "P1,stage,I,,,maybe,,\n"), r"model\.csv:2: column state: 1 cells are no state; write value, negative"),
    (lambda s: s.write("model.csv", LONG + "P1,stage,I,,,,87,\n"), r"model\.csv:2: 1 confidences are no number between 0 and 1"),
    (lambda s: s.write("model.csv", LONG + "P1,stage,I,,,,high,\n"), "confidences are no number"),
    (lambda s: s.write("model.csv", LONG + "P1,stage,I,,,,0.9,\nP2,stage,I,,,,-0.1,\n"), r"model\.csv:3: 1 confidences are no number between 0 and 1"),
    (lambda s: s.write("model.csv", LONG + "P1,stage,I,,,,1.0001,\n"), r"model\.csv:2: 1 confidences are no number between 0 and 1"),
    (lambda s: cite(s, "P1,stage,I,D1,0,8", "P2,stage,I,D1,6,9"), r"model\.csv:3: 1 spans lie outside the text of the document they cite"),
    (lambda s: cite(s, "P1,stage,I,D2,0,1"), r"model\.csv:2: 1 spans lie outside the text"),
    (lambda s: cite(s, "P1,stage,I,D1,9,"), r"model\.csv:2: 1 spans lie outside the text"),
    (lambda s: cite(s, "P1,stage,I,D1,4,4", "P2,stage,I,D3,5,2"), r"model\.csv:2: 2 spans do not begin before they end"),
    (lambda s: s.write("model.csv", LONG + "P1,stage,I,,,,,-3\n"), "column start: 1 cells are no position"),
    (lambda s: s.set("stage", recode={"pattern": "(I+)", "to": r"\3"}), "variables: stage: recode: to:"),
    (lambda s: parse_json(s, "{"), r"out/1\.json:1: not valid JSON"),
    (lambda s: parse_json(s, "[1, 2]"), "expected one object, or a list of objects"),
    (lambda s: parse_json(s, '{"id": "P1", "x": {"st": "I"}}'), r"out/\*\.json: the path st exists in no file; nearest: x\.st"),
    (lambda s: parse_json(s, '{"id": "P1", "st": {"t": "I"}}'), "st holds no single value"),
    (lambda s: parse_json(s, "[" * 100000 + "]" * 100000), "nested too deeply"),
    (lambda s: s.model.update(path="none/*.csv"), r"none/\*\.csv: no file matches in the data folder"),
    (lambda s: s.model.update(path="/*.csv"), "must be relative to the data folder"),
    (lambda s: s.model.update(path="../none/*.csv"), r"\.\./none/\*\.csv: no file matches"),
    (lambda s: s.model.update(path="."), "this is a folder"),
    (lambda s: s.model.update(path="package:lifelines/datasets/nothing.csv"), "no such file in an installed package"),
    (lambda s: s.model.update(path="package:no-package/x.csv"), "no such file in an installed package"),
    (lambda s: wide(s, "patient_id,stage,dx\n", format="excel"), "not a readable Excel file"),
    (lambda s: wide(s, "patient_id,stage,dx\n", format="parquet"), "not a readable Parquet file"),
    (lambda s: s.patients.update(attributes={"age": {"label": {"en": "a", "fr": "a"}, "column": "centre", "type": "number"}}),
     r"column centre \(attribute age\): 4 cells are not numbers \(first at line 2\)"),
    (lambda s: s.patients.update(attributes={"dob": {"label": {"en": "a", "fr": "a"}, "column": "centre", "type": "date"}}),
     r"4 cells are not dates \(first at line 2\)"),
    (lambda s: s.patients.update(attributes={"centre": {"label": {"en": "a", "fr": "a"}, "column": "centre"}}), "centre is a name of the"),
    (lambda s: s.patients.update(development="centre"), "column centre: 4 cells from this line on are neither yes nor no"),
    (lambda s: s.patients.update(sampling_probability="centre"), "column centre: 4 cells are not numbers"),
    (lambda s: (s.write("patients.csv", "patient_id,centre,p\nP1,A,0\nP2,A,1.5\n"), s.patients.update(sampling_probability="p")),
     r"column p: 2 cells are no probability in \(0, 1\] \(first at line 2\)"),
    (lambda s: exceptions(s, "modle,hb,,P1,not due"), r"not\.csv:2: source is not declared; write one of registry, model"),
    (lambda s: exceptions(s, "model,hbb,,P1,not due"), r"not\.csv:2: variable is not declared"),
    (lambda s: exceptions(s, "model,ecog,m2,P1,not due"), r"not\.csv:2: visit is not declared"),
    (lambda s: documents(s, "document_id,patient_id\nD1,P1\nD1,P2\n"), r"docs\.csv:3: its document_id names another document"),
    (lambda s: documents(s, "document_id,patient_id,date\nD1,P1,03/04/2024\n"), r"docs\.csv:2: column date: .*date_order"),
    (lambda s: documents(s, "document_id,patient_id,date\nD1,P1,soon\n"), r"docs\.csv:2: column date: 1 cells hold no date"),
    (lambda s: documents(s, "id,patient_id\nD1,P1\n"), r"docs\.csv: the column document_id"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "said"), SPOILED, ids=lambda item: item[:40] if isinstance(item, str) else "")
def test_bad_input_is_answered_by_one_sentence(study: Study, spoil: Spoil, said: str) -> None:
    """A spoiled input is refused with the file, the place, the problem and the remedy."""
    spoil(study)
    with pytest.raises(UserError, match=said) as error:
        study.read()
    message = str(error.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert not any(patient in message for patient in ("P1", "P2", "P3", "P4"))
    assert error.value.__cause__ is None


def test_several_files_of_one_pattern_must_have_one_header(study: Study) -> None:
    """Files read together by a pattern have the same columns, or nobody knows which are missing."""
    study.write("parts/a.csv", "patient_id,variable,value\nP1,stage,I\n")
    study.write("parts/b.csv", "patient_id,variable,valeur\nP2,stage,I\n")
    study.model["path"] = "parts/*.csv"
    with pytest.raises(UserError, match=r"parts/b\.csv: its header differs from that of parts/a\.csv"):
        study.read()


@pytest.mark.parametrize(
    "content",
    [
        "patient_id,stage,dx\nSECRET-1,I,03/04/1957\nP1,I,03/04/1957\n",
        "patient_id,stage,dx\nP1,SECRET,\nP1,SECRET2,\n",
        "SECRET,I,1957-04-03\nSECRET2,II,1957-04-03\n",
        "stage SECRET,1957\nP1,I\n",
        "patient_id,stage,dx\nSECRET,I\n",
        'patient_id,stage,dx\nSECRET,"I,1957\n',
    ],
)
def test_no_value_of_a_patient_reaches_an_error(study: Study, content: str) -> None:
    """Dates, identifiers and texts of a patient never stand in a message, even when the header is missing."""
    wide(study, content)
    with pytest.raises(UserError) as error:
        study.read()
    assert "SECRET" not in str(error.value)
    assert "1957" not in str(error.value)


def test_a_missing_file_is_found_before_anything_is_read(study: Study) -> None:
    """`find_data_files` names every file of the study, and refuses one that is not there."""
    (study.root / "out").mkdir()
    study.write("out/1.json", json.dumps({"id": "P1", "st": "I"}))
    study.model = JSON
    files = [path.name for path in find_data_files(study.derive_protocol(), study.root).values()]
    assert files == ["1.json", "patients.csv", "registry.csv"]
    (study.root / "registry.csv").unlink()
    with pytest.raises(UserError, match=r"registry\.csv: no such file"):
        find_data_files(study.derive_protocol(), study.root)
