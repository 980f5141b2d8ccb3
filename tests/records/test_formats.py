"""CSV, Excel, Parquet and JSON: the same study reads the same, and every row knows its line."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_study import Study

from probatio.protocol import TableFile
from probatio.records.sheets import Sheet, SheetReader, derive_cell_text

TABLE: list[list[Any]] = [
    ["patient_id", "stage", "hb", "dx"],
    ["P1", "I", 12.0, dt.date(2024, 5, 3)],
    ["P2", "II", 11.5, dt.date(2023, 12, 31)],
    ["P3", None, 9.0, None],
    ["P4", "IV", None, dt.date(2024, 1, 1)],
]
TEXTS = {"patient_id": ["P1", "P2", "P3", "P4"], "stage": ["I", "II", "", "IV"], "hb": ["12", "11.5", "9", ""],
         "dx": ["2024-05-03", "2023-12-31", "", "2024-01-01"]}  # fmt: skip


def write_excel(path: Path, sheets: dict[str, list[list[Any]]], skip: int = 0) -> None:
    with xlsxwriter.Workbook(path) as book:
        date = book.add_format({"num_format": "dd/mm/yyyy"})
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for row, cells in enumerate(rows, start=skip):
                for column, cell in enumerate(cells):
                    sheet.write(row, column, cell, *([date] if isinstance(cell, dt.date) else []))


def write_parquet(path: Path) -> None:
    columns = dict(zip(TABLE[0], zip(*TABLE[1:], strict=True), strict=True))
    pyarrow.parquet.write_table(pa.table({name: list(cells) for name, cells in columns.items()}), path)


def read(root: Path, path: str, **declared: Any) -> Sheet:
    return SheetReader(root).read_sheet(TableFile(path=path, **declared))


def test_typed_cells_become_the_texts_that_csv_would_hold(tmp_path: Path) -> None:
    """Excel and Parquet give the texts a person would have typed: 12 not 12.0, dates in ISO, blanks blank."""
    write_excel(tmp_path / "t.xlsx", {"other": [["x"]], "data": TABLE})
    write_parquet(tmp_path / "t.parquet")
    for sheet in (
        read(tmp_path, "t.xlsx", format="excel", sheet="data"),
        read(tmp_path, "t.parquet", format="parquet"),
    ):
        assert sheet.columns == TEXTS
        assert sheet.lines == [2, 3, 4, 5]


def test_excel_lines_are_the_rows_a_person_sees(tmp_path: Path) -> None:
    """Blank rows above and within a sheet do not shift the numbers."""
    write_excel(tmp_path / "t.xlsx", {"data": [TABLE[0], TABLE[1], [], TABLE[2]]}, skip=3)
    sheet = read(tmp_path, "t.xlsx", format="excel")
    assert (sheet.lines, sheet.columns["patient_id"]) == ([5, 7], ["P1", "P2"])


def test_excel_formulas_are_never_evaluated_and_texts_stay(tmp_path: Path) -> None:
    """A text that looks like a formula stays text; a formula gives the result that Excel stored."""
    with xlsxwriter.Workbook(tmp_path / "t.xlsx", {"strings_to_formulas": False}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["patient_id", "a", "b", "c"])
        sheet.write_string(1, 0, "007")
        sheet.write_string(1, 1, '=HYPERLINK("http://x")')
        sheet.write_formula(1, 2, "=1+1", None, 2)
        sheet.write_boolean(1, 3, True)
    assert read(tmp_path, "t.xlsx", format="excel").columns == {
        "patient_id": ["007"], "a": ['=HYPERLINK("http://x")'], "b": ["2"], "c": ["true"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, ""), (float("nan"), ""), (2.0, "2"), (-0.5, "-0.5"), (1e20, "1e+20"), (True, "true"), (7, "7"),
        (dt.datetime(2024, 5, 3), "2024-05-03"), (dt.datetime(2024, 5, 3, 8, 30), "2024-05-03 08:30:00"),  # noqa: DTZ001
        (dt.date(2024, 5, 3), "2024-05-03"), (["bone", "liver"], "bone|liver"), ("a", "a"),
    ],
)  # fmt: skip
def test_a_typed_cell_becomes_text(cell: Any, text: str) -> None:
    """Each kind of typed cell has one text."""
    assert derive_cell_text(cell) == text


def test_lines_are_physical_lines_of_the_file(tmp_path: Path) -> None:
    """A quoted cell over several lines, blank lines and Windows line ends do not shift the numbers."""
    content = 'patient_id,note\r\nP1,"two\r\nlines"\r\n\r\nP2,"a ""quote"", a comma"\r\n,\r\nP3,end'
    (tmp_path / "t.csv").write_bytes(content.encode())
    sheet = read(tmp_path, "t.csv")
    assert sheet.lines == [2, 5, 7]
    assert sheet.columns["note"] == ["two\r\nlines", 'a "quote", a comma', "end"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "latin-1"])
def test_delimiters_and_encodings_are_as_declared(tmp_path: Path, delimiter: str, encoding: str) -> None:
    """The same table in any declared delimiter and encoding reads the same."""
    text = f"patient_id{delimiter}site\nP1{delimiter}Hôpital Été\n"
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    declared = "utf-8" if encoding == "utf-8-sig" else encoding
    sheet = read(tmp_path, "t.csv", delimiter=delimiter, encoding=declared)
    assert sheet.columns == {"patient_id": ["P1"], "site": ["Hôpital Été"]}


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)


@given(
    cells=st.lists(CELL, min_size=1, max_size=12),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_in_a_cell_comes_back_as_it_was(
    tmp_path: Path, cells: list[str], delimiter: str, end: str, quoting: int
) -> None:
    """Whatever cells hold (delimiters, quotes, line ends, formulas, any script), CSV gives it back."""
    if quoting == csv.QUOTE_MINIMAL:
        # Python's writer leaves a lone carriage return unquoted, which every reader takes for a line's end.
        cells = [cell.replace("\r", "") for cell in cells]
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(["id", "text"])
    writer.writerows([f"P{at}", cell] for at, cell in enumerate(cells))
    (tmp_path / "t.csv").write_bytes(stream.getvalue().encode())
    assert read(tmp_path, "t.csv", delimiter=delimiter).columns["text"] == cells


@given(content=st.binary(min_size=1, max_size=80))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("format_", ["csv", "excel", "parquet", "json"])
def test_no_bytes_make_reading_crash(tmp_path: Path, format_: str, content: bytes) -> None:
    """Whatever a file holds, reading it ends in a table or in a UserError."""
    (tmp_path / "t").write_bytes(content)
    try:
        sheet = read(tmp_path, "t", format=format_)
    except ValueError as error:
        assert type(error).__name__ == "UserError"  # noqa: PT017 -- both endings are right
    else:
        assert all(len(column) == len(sheet.lines) for column in sheet.columns.values())


def test_json_paths_lists_and_kinds(tmp_path: Path) -> None:
    """Dotted paths reach into objects and lists; numbers, booleans, nulls and lists of words have one text."""
    deep = {"a": {"b": 2.0, "c": None, "d": True}, "l": ["x", "y"], "o": [{"n": 1}, {"n": 2}], "e": []}
    (tmp_path / "1.json").write_text(json.dumps(deep))
    (tmp_path / "2.json").write_text(json.dumps([{"a": {"b": 1.5}}, {"a": None}]))
    sheet = read(tmp_path, "*.json", format="json")
    assert sheet.files == ["1.json", "2.json", "2.json"]
    assert sheet.columns["a.b"] == ["2", "1.5", ""]
    assert [sheet.columns[path][0] for path in ("a.c", "a.d", "l", "o.0.n", "o.1.n", "e")] == [
        "",
        "true",
        "x|y",
        "1",
        "2",
        "",
    ]


def test_one_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two declarations of one sheet share its reading, each with its own decimal mark."""
    (tmp_path / "t.csv").write_text("a\n1\n")
    reader = SheetReader(tmp_path)
    first = reader.read_sheet(TableFile(path="t.csv"))
    (tmp_path / "t.csv").unlink()
    second = reader.read_sheet(TableFile(path="t.csv", decimal=","))
    assert second.columns is first.columns
    assert (first.decimal_marks, second.decimal_marks) == (".", ",")


@pytest.mark.parametrize("format_", ["csv", "excel", "parquet", "json"])
def test_a_study_reads_the_same_from_every_format(study: Study, format_: str) -> None:
    """The wide table of one source gives the same records whichever format it is kept in."""
    study.model = {"path": "wide", "format": format_, "columns": {"stage": "stage", "hb": "hb", "dx": "dx"}}
    path = study.root / "wide"
    if format_ == "csv":
        pd.DataFrame(TEXTS).to_csv(path, index=False)
    elif format_ == "excel":
        write_excel(path, {"data": TABLE})
    elif format_ == "parquet":
        write_parquet(path)
    else:
        path.write_text(pd.DataFrame(TEXTS).to_json(orient="records"))
    values = study.read_values()
    assert dict(zip(values["patient_id"] + values["variable"], values["value"], strict=True)) == {
        "P1stage": "I", "P2stage": "II", "P4stage": "IV", "P1hb": "12", "P2hb": "11.5", "P3hb": "9",
        "P1dx": "2024-05-03", "P2dx": "2023-12-31", "P4dx": "2024-01-01",
    }  # fmt: skip


def test_a_pattern_may_lead_out_of_the_data_folder(tmp_path: Path) -> None:
    """Files beside the data folder are named relative to it, in order."""
    for name in ("b", "a"):
        (tmp_path / f"{name}.csv").write_text(f"x\n{name}\n")
    (tmp_path / "data").mkdir()
    sheet = read(tmp_path / "data", "../*.csv")
    assert (sheet.files, sheet.columns["x"]) == (["../a.csv", "../b.csv"], ["a", "b"])


def test_a_package_s_file_is_found_without_importing_the_package(tmp_path: Path) -> None:
    """`package:` names a file inside an installed package."""
    sheet = read(tmp_path, "package:lifelines/datasets/lung.csv")
    assert len(sheet.lines) == 228
    assert sheet.files[0] == "package:lifelines/datasets/lung.csv"


def test_half_a_sign_in_json_becomes_a_replacement(tmp_path: Path) -> None:
    """A text that a model cut within a sign can still be written; a whole sign stays."""
    (tmp_path / "1.json").write_text('{"a": "x\\ud83d", "b": "\\ud83d\\ude00 \\u00e9", "c\\ud800": 1}')
    sheet = read(tmp_path, "*.json", format="json")
    assert sheet.columns == {"a": ["x\ufffd"], "b": ["\U0001f600 é"], "c\ufffd": ["1"]}
