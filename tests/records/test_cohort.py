"""Who is in a study, who is set aside and why, and the facts known of each patient."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_study import MODEL, PATIENTS, REGISTRY, Study, assert_accounted, list_cells, list_rejected, read_flow

from probatio.protocol import UserError
from probatio.records import read_texts
from probatio.records.attributes import derive_periods


def test_identical_rows_are_set_aside_with_their_line(study: Study) -> None:
    """A row that repeats another is listed as duplicate_row, in patients and in a source, and counted."""
    study.write("patients.csv", PATIENTS + "P1,A\n")
    study.write("registry.csv", REGISTRY + "P2,II,11.5\n")
    study.write("model.csv", MODEL + "P1,stage,I\n")
    records = study.read()
    assert list_rejected(records) == [
        ("model.csv", 4, "duplicate_value", "stage"),
        ("patients.csv", 6, "duplicate_row", ""),
        ("registry.csv", 6, "duplicate_row", ""),
    ]
    assert read_flow(records, "registry", "hb")["rejected_duplicate_row"] == 1
    assert_accounted(records)


def test_rows_that_differ_only_in_columns_nobody_reads_are_identical(study: Study) -> None:
    """A column that the protocol does not name cannot make two rows differ."""
    study.write("registry.csv", "patient_id,stage,hb,exported\nP1,I,12,monday\nP1,I,12,tuesday\n")
    assert list_rejected(study.read()) == [("registry.csv", 3, "duplicate_row", "")]


def test_unknown_and_missing_patients_are_set_aside(study: Study) -> None:
    """Lines about nobody, or about a patient not in the patients file, are listed and counted."""
    study.write("model.csv", MODEL + "P9,stage,I\n,stage,II\n")
    study.write("registry.csv", REGISTRY + "P9,I,12\n")
    records = study.read()
    assert list_rejected(records) == [
        ("model.csv", 4, "unknown_patient", "stage"),
        ("model.csv", 5, "missing_patient", "stage"),
        ("registry.csv", 6, "unknown_patient", ""),
    ]
    assert read_flow(records, "registry", "stage")["rejected_unknown_patient"] == 1
    assert_accounted(records)


def test_development_patients_leave_everything_that_is_evaluated(study: Study) -> None:
    """Patients an extractor was tuned on stay in the patients table, and in nothing that is judged."""
    study.write("patients.csv", "patient_id,centre,dev\nP1,A,yes\nP2,A,no\nP3,B,\nP4,B,0\n")
    study.patients["development"] = "dev"
    records = study.read()
    assert [*records.patients["development"]] == [True, False, False, False]
    assert "P1" not in {*records.assessments["patient_id"], *records.records["patient_id"]}
    assert ("patients.csv", 2, "development", "") in list_rejected(records)
    assert read_flow(records, "", "", "patients")["evaluated"] == 3
    assert read_flow(records, "model", "stage")["rejected_development"] == 1
    assert_accounted(records)


def test_a_sampled_reference_counts_only_for_those_drawn(study: Study) -> None:
    """A reference value of a patient not drawn is set aside: the sampling probabilities would not hold."""
    study.write(
        "patients.csv", "patient_id,centre,drawn,p,s\nP1,A,yes,0.5,x\nP2,A,no,0.5,x\nP3,B,yes,1,y\nP4,B,no,,y\n"
    )
    study.patients |= {"reference_sampled": "drawn", "sampling_probability": "p", "sampling_stratum": "s"}
    records = study.read()
    assert [*records.patients["sampling_probability"].fillna(-1)] == [0.5, 0.5, 1.0, -1.0]
    assert list_cells(records, "registry", "stage") == [("", "P1"), ("", "P3")]
    assert list_cells(records, "model", "stage") == [("", "P1"), ("", "P2"), ("", "P3"), ("", "P4")]
    assert [row[2] for row in list_rejected(records)] == ["not_sampled", "not_sampled"]
    assert read_flow(records, "registry", "stage")["unlabelled"] == 2
    assert read_flow(records, "", "", "patients") == {"read": 4, "evaluated": 4, "labelled": 2, "unlabelled": 2}
    assert_accounted(records)


def test_a_drawn_patient_needs_a_probability(study: Study) -> None:
    """A patient drawn for the reference without a probability cannot be weighted."""
    study.write("patients.csv", "patient_id,centre,drawn,p\nP1,A,yes,\nP2,A,no,\n")
    study.patients |= {"reference_sampled": "drawn", "sampling_probability": "p"}
    with pytest.raises(UserError, match=r"column p: 1 cells are no probability"):
        study.read()


def test_documents_choose_the_cohort(study: Study) -> None:
    """With `cohort: documents`, patients without a kept document are outside, and so are their values."""
    for name, text in {"r10": "about P1", "r2": "about P1 again", "r3": "P3 here", "r4": "nobody", "r5": "P9"}.items():
        study.write(f"texts/{name}.txt", text)
    study.patients["cohort"] = "documents"
    study.more["documents"] = {
        "texts": "texts/*.txt",
        "document": r"^(r\d+)\.txt$",
        "patient": "P[0-9]",
        "keep": "first",
    }
    records = study.read()
    assert [*records.patients.index] == ["P1", "P3"]
    assert [*records.documents["document_id"]] == ["r10", "r3"], "the first as a text, not as a number"
    assert [*records.documents["path"]] == ["texts/r10.txt", "texts/r3.txt"]
    rules = records.rejected.groupby(["file", "rule"]).size().to_dict()
    assert rules == {
        ("model.csv", "outside_cohort"): 1, ("patients.csv", "outside_cohort"): 2,
        ("registry.csv", "outside_cohort"): 2, ("texts/r2.txt", "not_first_document"): 1,
        ("texts/r4.txt", "no_patient"): 1, ("texts/r5.txt", "unknown_patient"): 1,
    }  # fmt: skip
    assert_accounted(records)


def test_a_file_finds_its_patient_by_its_document(study: Study) -> None:
    """One JSON per document: kept documents count, others are set aside with the reason."""
    study.write("docs.csv", "document_id,patient_id,type,date\nd2,P1,,\nd1,P1,letter,2024-05-03\nd3,P2,report,\n")
    study.more["documents"] = {"file": {"path": "docs.csv"}, "keep": "first", "type": "note"}
    for name, stage in {"d1": "I", "d2": "II", "d3": "III", "d9": "IV", "x": "I"}.items():
        study.write(f"out/{name}.json", f'{{"stage": "{stage}"}}')
    study.model = {"path": "out/*.json", "format": "json", "columns": {"stage": "stage"},
                   "patient": {"document": r"^(d[0-9])\.json$"}}  # fmt: skip
    values = study.read_values()
    assert [*values[["patient_id", "document_id", "value"]].itertuples(index=False, name=None)] == [
        ("P1", "d1", "I"), ("P2", "d3", "III"),
    ]  # fmt: skip
    records = study.read()
    assert [row for row in list_rejected(records) if row[0].startswith("out/")] == [
        ("out/d2.json", 1, "not_first_document", "stage"),
        ("out/d9.json", 1, "unknown_document", "stage"),
        ("out/x.json", 1, "unknown_document", "stage"),
    ]
    assert [*records.documents["type"]] == ["letter", "report"]
    assert_accounted(records)


def test_texts_are_read_one_at_a_time(study: Study) -> None:
    """Texts come by document_id, from files or from a table, only when asked for."""
    study.write("texts/r1.txt", "\ufeffabout P1, été")
    gone = study.write("texts/r2.txt", "about P2")
    study.write("table.csv", 'document_id,text\nt1,"two\nlines"\n')
    study.more["documents"] = {"texts": "texts/*.txt", "document": r"^(r\d)\.txt", "patient": "P[0-9]",
                               "text_table": {"path": "table.csv"}}  # fmt: skip
    texts = read_texts(study.derive_protocol(), study.root)
    gone.unlink()
    assert [*texts] == ["r1", "r2", "t1"]
    assert (texts["r1"], texts["t1"], len(texts)) == ("about P1, été", "two\nlines", 3)
    assert "about" not in repr(texts)
    with pytest.raises(UserError, match=r"texts/r2\.txt: cannot be opened"):
        texts["r2"]
    study.more.clear()
    assert dict(read_texts(study.derive_protocol(), study.root)) == {}


def test_attributes_are_texts_numbers_dates_and_classes(study: Study) -> None:
    """Facts of patients are recoded, cut into classes, taken from the identifier, and blank when missing."""
    study.write(
        "patients.csv",
        "patient_id,centre,sex,age,dob\nA-P1,1.0,M,59.5,03/04/1964\nA-P2,2.0,F,60,\nB-P3,,X,?,1970\nB-P4,2.0,F,,05/1970\n",
    )
    study.write("registry.csv", REGISTRY.replace("P", "A-P"))
    study.write("model.csv", MODEL.replace("P", "A-P"))
    label = {"label": {"en": "x", "fr": "x"}}
    study.patients["file"]["date_order"] = "DMY"
    study.patients["centre"] = {**label, "column": "centre", "type": "number"}
    study.patients["attributes"] = {
        "sex": {**label, "column": "sex", "missing": ["X"], "recode": {"values": {"M": "male", "F": "female"}}},
        "age": {**label, "column": "age", "type": "number", "missing": ["?"]},
        "age_class": {
            **label,
            "column": "age",
            "type": "number",
            "missing": ["?"],
            "cut": [60],
            "labels": ["<60", "60+"],
        },
        "dob": {**label, "column": "dob", "type": "date"},
        "region": {**label, "pattern": "^([AB])-"},
    }
    patients = study.read().patients
    assert [*patients["centre"]] == ["1", "2", "", "2"]
    assert [*patients["sex"]] == ["male", "female", "", "female"]
    assert [*patients["age"].fillna(-1)] == [59.5, 60.0, -1.0, -1.0]
    assert [*patients["age_class"]] == ["<60", "60+", "", ""]
    assert [*patients["dob"]] == ["1964-04-03", "", "1970", "1970-05"]
    assert [*patients["region"]] == ["A", "A", "B", "B"]


def _declare_request(study: Study, period: str, column: list[str]) -> None:
    rows = "".join(f"P{number},A,{text}\n" for number, text in enumerate(column, 1))
    study.write("patients.csv", f"patient_id,centre,request\n{rows}")
    study.patients["file"]["date_order"] = "DMY"
    label = {"en": "Inclusion period", "fr": "Période d'inclusion"}
    study.patients["attributes"] = {"batch": {"label": label, "column": "request", "type": "date", "missing": ["NR"],
                                              "period": period}}  # fmt: skip


@pytest.mark.parametrize(
    ("period", "batches"),
    [
        ("month", ["2022-01", "2022-03", "2022-10", ""]),
        ("quarter", ["2022-Q1", "2022-Q1", "2022-Q4", ""]),
        ("half", ["2022-H1", "2022-H1", "2022-H2", ""]),
        ("year", ["2022", "2022", "2022", "2022"]),
    ],
)
def test_a_date_is_cut_into_calendar_periods(study: Study, period: str, batches: list[str]) -> None:
    """Each period is written as the calendar has it; a date too coarse for it stays missing."""
    _declare_request(study, period, ["31/01/2022", "2022-03-01", "10/2022", "2022"])
    assert [*study.read().patients["batch"]] == batches


def test_a_missing_date_has_no_period_and_an_unreadable_one_is_refused(study: Study) -> None:
    """A blank or a missing code stays missing; a text that is no date stops the reading, as of every attribute."""
    _declare_request(study, "quarter", ["", "NR", "30/06/2022", "01/07/2022"])
    assert [*study.read().patients["batch"]] == ["", "", "2022-Q2", "2022-Q3"]
    _declare_request(study, "quarter", ["31/02/2022", "soon", "30/06/2022", ""])
    with pytest.raises(UserError, match=r"attribute batch\): 2 cells are not dates \(first at line 2\)"):
        study.read()


@given(days=st.lists(st.dates(date(1900, 1, 1), date(2100, 12, 31)), min_size=1))
def test_periods_are_those_of_pandas_and_sort_in_time(days: list[date]) -> None:
    """Quarters and months agree with pandas; of two days the later never has the earlier period, as texts sort."""
    dates = pd.Series([day.isoformat() for day in sorted(days)], dtype=object)
    stamps = pd.to_datetime(dates)
    assert [*derive_periods(dates, "month")] == [*stamps.dt.to_period("M").astype(str)]
    assert [text.replace("-", "") for text in derive_periods(dates, "quarter")] == [
        *stamps.dt.to_period("Q").astype(str)
    ]
    assert [*derive_periods(dates, "half")] == sorted(f"{day.year}-H{1 if day.month < 7 else 2}" for day in days)
    assert [*derive_periods(dates, "year")] == sorted(str(day.year) for day in days)
