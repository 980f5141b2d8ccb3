"""What files say, what a source was to fill; an account of every value."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_study import MODEL, REGISTRY, Study, assert_accounted, list_cells, list_rejected, read_flow

from probatio.protocol import UserError, read_protocol
from probatio.records import read_records, write_rejected
from probatio.records.tables import RECORD_COLUMNS

ROOT = Path(__file__).parents[2]
LONG = "patient_id,variable,visit,event,value,state,unit,confidence,document_id,start,end,snippet\n"


def test_a_plain_study_gives_the_tables_of_the_contract(study: Study) -> None:
    """Two sources of four patients give patients, assessments, records and flow as the contract says."""
    records = study.read()
    assert [*records.patients.columns] == [
        "centre", "development", "reference_sampled", "sampling_stratum", "sampling_probability",
    ]  # fmt: skip
    assert [*records.patients.index] == ["P1", "P2", "P3", "P4"]
    assert [*records.records.columns] == [*RECORD_COLUMNS]
    assert len(records.records) == 8 + 2
    assert records.rejected.empty
    model = records.records[records.records["source"] == "model"]
    assert [*model["value"]] == ["I", "IV"]
    assert [*model["extractor"]] == ["m-1", "m-1"]
    assert read_flow(records, "", "", "patients") == {"read": 4, "evaluated": 4, "labelled": 4, "unlabelled": 0}
    assert_accounted(records)


def test_values_of_one_cell_are_those_of_a_scan_of_the_whole_table(study: Study) -> None:
    """For each source, variable and visit that occurs, in the table's order; nothing of what was never delivered."""
    records = study.read()
    table, key = records.records, ["source", "variable", "visit"]
    for cell in table[key].drop_duplicates().itertuples(index=False, name=None):
        pd.testing.assert_frame_equal(records.select_values(*cell), table[(table[key] == cell).all(axis=1)])
    assert records.select_values("model", "stage", "m3").empty


def test_reading_twice_gives_the_same_tables(study: Study) -> None:
    """Two readings are equal, and the order of rows in the files changes no record."""
    first = study.read()
    lines = REGISTRY.splitlines()
    study.write("registry.csv", "\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    second = study.read()
    for name in ("patients", "documents", "assessments", "records", "flow"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name))


def test_a_value_that_does_not_conform_stays_with_its_text(study: Study) -> None:
    """Unknown levels, unreadable numbers and other units are kept word for word and flagged."""
    study.write(
        "model.csv",
        LONG + 'P1,stage,,,V,,,,,,,\nP1,hb,,," 12,5",,,,,,,\nP2,hb,,,120,,g/L,,,,,\nP3,hb,,,12,,G / dL,,,,,\n',
    )
    values = study.read_values()
    assert [*values[["variable", "value", "conformant", "unit"]].itertuples(index=False, name=None)] == [
        ("hb", " 12,5", False, "g/dL"), ("hb", "120", False, "g/L"), ("hb", "12", True, "G / dL"),
        ("stage", "V", False, ""),
    ]  # fmt: skip
    assert read_flow(study.read(), "model", "hb")["non_conformant"] == 2


def test_the_long_form_carries_states_confidence_and_spans(study: Study) -> None:
    """States overrule texts, and confidences and spans are typed."""
    study.write("model.csv", LONG + (
        "P1,stage,,,I,value,,0.9,d1,3,7,stage I\n"
        "P2,stage,,,II,Failed,,,,,,\n"
        "P3,stage,,,,not documented,,,,,,\n"
        "P4,stage,,,NA,,,,,,,\n"
        "P1,sites,,,none,,,,,,,\n"
        "P2,sites,,,,negative,,,,,,\n"
        "P3,sites,,,,value,,,,,,\n"
    ))  # fmt: skip
    values = study.read_values()
    assert [*values[["patient_id", "variable", "value", "state"]].itertuples(index=False, name=None)] == [
        ("P1", "sites", "", "negative"), ("P2", "sites", "", "negative"), ("P1", "stage", "I", "value"),
        ("P2", "stage", "", "failed"), ("P4", "stage", "", "not_documented"),
    ]  # fmt: skip
    first = values.iloc[2]
    assert (first["confidence"], first["start"], first["end"], first["snippet"]) == (0.9, 3, 7, "stage I")
    assert values["confidence"].isna().sum() == 4
    assert read_flow(study.read(), "model", "stage") == {
        "read": 4, "not_assessed": 0, "not_documented": 2, "failed": 1, "delivered": 1, "recoded": 0,
        "non_conformant": 0, "assessed": 4,
    }  # fmt: skip


def test_lines_about_variables_and_visits_nobody_asked_for_are_set_aside(study: Study) -> None:
    """A long file may hold more than the protocol validates; the rest is listed."""
    study.write("model.csv", LONG + (
        "P1,stage,m9,,I,,,,,,,\n"
        "P1,shoe_size,,,42,,,,,,,\n"
        "P1,ecog,m2,,1,,,,,,,\n"
        "P1,ecog,,,1,,,,,,,\n"
        "P1,ecog,m1,,1,,,,,,,\n"
        "P1,ae,,,nausea,,,,,,,\n"
        "P1,ae.colour,,1,red,,,,,,,\n"
    ))  # fmt: skip
    records = study.read()
    assert list_rejected(records) == [
        ("model.csv", 3, "unknown_variable", ""), ("model.csv", 4, "unknown_visit", "ecog"),
        ("model.csv", 5, "unknown_visit", "ecog"), ("model.csv", 7, "event_without_attribute", "ae"),
        ("model.csv", 8, "unknown_variable", "ae"),
    ]  # fmt: skip
    kept = records.records[records.records["source"] == "model"]
    assert [*kept["visit"]] == ["m1", ""], "a variable without visits takes none"
    assert_accounted(records)


def test_a_none_beside_events_is_set_aside(study: Study) -> None:
    """Saying none and listing events contradict each other: the events count."""
    study.write("model.csv", LONG + (
        "P1,ae,,,none,,,,,,,\nP1,ae.term,,1,rash,,,,,,,\nP1,ae.grade,,1,2,,,,,,,\nP2,ae,,,none,,,,,,,\n"
    ))  # fmt: skip
    records = study.read()
    assert list_rejected(records) == [("model.csv", 2, "negative_with_events", "ae")]
    kept = records.records[records.records["source"] == "model"]
    assert [*kept[["variable", "patient_id", "event", "state"]].itertuples(index=False, name=None)] == [
        ("ae", "P2", "", "negative"), ("ae.grade", "P1", "1", "value"), ("ae.term", "P1", "1", "value"),
    ]  # fmt: skip
    assert_accounted(records)


def test_columns_of_a_wide_file_say_what_was_asked(study: Study) -> None:
    """A wide file assesses its columns at their visits, a long one every variable of the protocol."""
    study.write("registry.csv", "patient_id,e0\nP1,1\n")
    study.registry["columns"] = {"ecog@access": "e0"}
    records = study.read()
    assert list_cells(records, "registry", "ecog") == [("access", f"P{n}") for n in (1, 2, 3, 4)]
    assert list_cells(records, "registry", "stage") == []
    assert len(list_cells(records, "model", "ecog")) == 8
    assert {"stage", "hb", "dx", "sites", "ecog", "ae"} == set(
        records.assessments.loc[records.assessments["source"] == "model", "variable"]
    )


def test_a_long_file_beside_a_wide_one_assesses_what_occurs_in_it(study: Study) -> None:
    """When wide columns say what was asked, the long file adds only the variables it holds."""
    study.write("events.csv", LONG + "P1,ae.term,,1,rash,,,,,,,\n")
    study.registry_source["files"] = [study.registry, {"path": "events.csv", "layout": "long"}]
    cells = study.read().assessments
    assert set(cells.loc[cells["source"] == "registry", "variable"]) == {"stage", "hb", "ae"}


def test_assessed_rows_means_those_with_a_row(study: Study) -> None:
    """With `assessed: rows`, patients without a row were not asked."""
    study.model_source["assessed"] = "rows"
    assert list_cells(study.read(), "model", "stage") == [("", "P1"), ("", "P2")]


def test_listed_exceptions_leave_the_assessments(study: Study) -> None:
    """Cells listed as not assessed leave: one visit, all visits (blank), all patients (*)."""
    study.write(
        "not.csv",
        "source,variable,visit,patient_id,reason\nmodel,ecog,m1,P1,not due\nmodel,ecog,,P2,no document\n"
        "*,dx,,*,not collected\nmodel,hb,,P9,unknown\n",
    )
    study.more["assessments"] = {"path": "not.csv"}
    records = study.read()
    assert list_cells(records, "model", "ecog") == [
        ("access", "P1"),
        ("access", "P3"),
        ("access", "P4"),
        ("m1", "P3"),
        ("m1", "P4"),
    ]
    assert list_cells(records, "model", "dx") == []
    assert len(list_cells(records, "model", "hb")) == 4
    assert ("not.csv", 5, "unknown_patient", "") in list_rejected(records)
    assert_accounted(records)


def test_a_value_where_none_was_due_is_kept_and_counted(study: Study) -> None:
    """A value delivered in a cell declared not assessed counts: the source did fill it."""
    study.write("not.csv", "source,variable,visit,patient_id\nmodel,stage,,P1\nmodel,stage,,P3\n")
    study.more["assessments"] = {"path": "not.csv"}
    records = study.read()
    assert list_cells(records, "model", "stage") == [("", "P1"), ("", "P2"), ("", "P4")]
    assert read_flow(records, "model", "stage")["delivered_not_assessed"] == 1


def test_codes_for_not_assessed_leave_the_denominator(study: Study) -> None:
    """A code declared not_assessed takes its cell out of the assessments, unlike one for missing."""
    study.write("registry.csv", "patient_id,stage,hb\nP1,ND,12\nP2,NA,11\nP3,III,9\nP4,,8\n")
    records = study.read()
    assert list_cells(records, "registry", "stage") == [("", "P2"), ("", "P3"), ("", "P4")]
    assert read_flow(records, "registry", "stage") == {
        "read": 4, "not_assessed": 1, "not_documented": 2, "failed": 0, "delivered": 1, "recoded": 0,
        "non_conformant": 0, "assessed": 3, "unlabelled": 1,
    }  # fmt: skip
    assert "not_assessed" not in set(records.records["state"])


def test_one_source_may_have_its_own_recoding(study: Study) -> None:
    """`recode_by` replaces the variable's recoding for one source."""
    study.set("stage", recode={"values": {"1": "I"}}, recode_by={"registry": {"values": {"1": "IV"}}})
    study.write("registry.csv", "patient_id,stage,hb\nP1,1,12\n")
    study.write("model.csv", "patient_id,variable,value\nP1,stage,1\n")
    records = study.read().records
    values = records[records["variable"] == "stage"].set_index("source")["value"]
    assert values.to_dict() == {"model": "I", "registry": "IV"}


def test_rejected_csv_is_harmless_in_a_spreadsheet(study: Study, tmp_path: Path) -> None:
    """Identifiers that a spreadsheet would run as formulas are written with a leading apostrophe."""
    study.write("model.csv", MODEL + "\"=cmd|'/c calc'!A1\",stage,I\n")
    path = tmp_path / "rejected.csv"
    write_rejected(study.read(), path)
    assert path.read_bytes() == (
        b"file,line,rule,source,variable,patient_id\nmodel.csv,4,unknown_patient,model,stage,'=cmd|'/c calc'!A1\n"
    )
    assert not list(tmp_path.glob("*.partial"))


CODES = st.sampled_from(["I", "II", "i", "V", "", "NA", "ND", " ", "=1"])
WHO = st.sampled_from(["P1", "P2", "P3", "P4", "P9", ""])


MODEL_ROWS = st.tuples(WHO, st.sampled_from(["stage", "ecog", "other"]), st.sampled_from(["", "m1"]), CODES)


@given(
    flags=st.lists(st.sampled_from(["yes", "no"]), min_size=4, max_size=4).filter(lambda f: "no" in f),
    model=st.lists(
        MODEL_ROWS, min_size=3, max_size=12, unique_by=lambda row: (row[0], row[1], row[1] == "ecog" and row[2])
    ),
    registry=st.lists(st.tuples(WHO, CODES), min_size=3, max_size=8, unique_by=lambda row: row[0]),
    again=st.integers(0, 3),
)
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_flow_accounts_for_every_patient_and_value(
    study: Study, flags: list[str], model: list[tuple[str, ...]], registry: list[tuple[str, str]], again: int
) -> None:
    """Whatever the files hold, each value read is rejected, not assessed, not documented, failed or delivered."""
    model, registry = model + model[:again], registry + registry[:again]
    study.patients["development"] = "dev"
    study.write(
        "patients.csv", "patient_id,centre,dev\n" + "".join(f"P{n},A,{f}\n" for n, f in enumerate(flags, start=1))
    )
    study.write("model.csv", "patient_id,variable,visit,value\n" + "".join(f"{','.join(row)}\n" for row in model))
    study.write("registry.csv", "patient_id,stage,hb\n" + "".join(f"{who},{code},7\n" for who, code in registry))
    try:
        records = study.read()
    except UserError as error:
        assert "delivers no value" in str(error)  # noqa: PT017
        return
    assert_accounted(records)
    asked = set(records.assessments[["source", "variable", "visit", "patient_id"]].itertuples(index=False, name=None))
    said = records.records[records.records["state"] == "value"]
    assert set(said[["source", "variable", "visit", "patient_id"]].itertuples(index=False, name=None)) <= asked
    total = records.flow[records.flow["step"].str.startswith("rejected_") & (records.flow["unit"] == "values")][
        "n"
    ].sum()
    lines = records.rejected[records.rejected["source"] != ""]
    assert total == sum(2 if source == "registry" else 1 for source in lines["source"])


def test_lung_is_read_as_published() -> None:
    """NCCTG lung: 228 patients, 227 and 225 Karnofsky indices, each a declared level."""
    path = ROOT / "protocol" / "lung.yaml"
    protocol = read_protocol(path)
    records = read_records(protocol, path.parent / protocol.data)
    assert len(records.patients) == 228
    assert records.records.groupby("source").size().to_dict() == {"patient": 225, "physician": 227}
    assert records.records["conformant"].all()


def test_a_wide_row_says_when_it_was_entered(study: Study) -> None:
    """The row's date, read in the file's order and without its time of day, is that of each of its values."""
    study.write(
        "registry.csv", "patient_id,stage,hb,entered\nP1,I,12,02/03/2024\nP2,II,11.5,13/03/2024 09:30\nP3,III,9,\n"
    )
    study.registry |= {"extracted_at": "entered", "date_order": "DMY"}
    values = study.read_values("registry")
    dates = values.groupby("patient_id")["extracted_at"].unique().map(list)
    assert dates.to_dict() == {"P1": ["2024-03-02"], "P2": ["2024-03-13"], "P3": [""]}
    assert len(values) == 6


@pytest.mark.parametrize(
    ("entered", "order", "said"),
    [
        ("02/03/2024", None, r"column entered \(extracted_at of registry\): 1 cells are not unambiguous dates"),
        ("31/02/2024", "DMY", r"1 cells are not dates \(first at line 2\); write a full date, or leave the cell blank"),
    ],
)
def test_a_date_of_entry_is_never_guessed(study: Study, entered: str, order: str | None, said: str) -> None:
    """A date without a declared order, or that is none, stops the reading with the column and the line."""
    study.write("registry.csv", f"patient_id,stage,hb,entered\nP1,I,12,{entered}\n")
    study.registry |= {"extracted_at": "entered", "date_order": order}
    with pytest.raises(UserError, match=said):
        study.read()


def test_a_date_of_entry_needs_its_column(study: Study) -> None:
    """A declared column that is absent is named; two rows about a patient that differ in it alone are refused."""
    study.registry["extracted_at"] = "entered"
    with pytest.raises(UserError, match="the column entered is not in the header"):
        study.read()
    study.write("registry.csv", "patient_id,stage,hb,entered\nP1,I,12,2024-03-02\nP1,I,12,2024-03-09\n")
    with pytest.raises(UserError, match="are about the same patient and differ"):
        study.read()


def test_a_long_file_has_a_date_per_value(study: Study) -> None:
    """extracted_at of the file is refused in the long layout; the column of dates is renamed by long.extracted_at."""
    study.model["extracted_at"] = "entered"
    with pytest.raises(
        ValueError, match=r"goes with the wide layout; rename a long file's column by long\.extracted_at"
    ):
        study.derive_protocol()
    study.write("model.csv", "patient_id,variable,value,entered\nP1,stage,I,2024-03-02\nP2,stage,IV,2024-03-09\n")
    study.model = {"path": "model.csv", "layout": "long", "long": {"extracted_at": "entered"}}
    assert [*study.read_values()["extracted_at"]] == ["2024-03-02", "2024-03-09"]
