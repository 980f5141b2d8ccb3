"""The table of scored values: which rows there are, and what each column says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from paired_study import Said, make_records
from probatio.comparison import compare
from probatio.confidence.scored import SCORED_COLUMNS, derive_scored
from probatio.protocol import Protocol, Reviewed
from probatio.records import Records
from scored_study import LABEL, make_protocol


def score(records: Records, protocol: Protocol) -> pd.DataFrame:
    return derive_scored(records, compare(records, protocol), protocol)


def say(*said: tuple[str, str, str, Said], **more: Any) -> Records:
    return make_records(said, **more)


def get(table: pd.DataFrame, column: str, *where: str) -> Any:
    """Return a column of one row, found by (source, variable, patient[, event])."""
    names = ("source", "variable", "patient_id", "event")[: len(where)]
    rows = table[(table[list(names)] == list(where)).all(axis=1)]
    assert len(rows) == 1
    return rows[column].iloc[0]


def test_every_asked_cell_of_an_evaluated_patient_has_a_row_with_its_error() -> None:
    """Wrong, unsupported and omitted are errors; right and both absent are not; without reference nothing is said."""
    records = say(
        ("reference", "stage", "P1", "I"), ("ai", "stage", "P1", "I %90"),
        ("reference", "stage", "P2", "I"), ("ai", "stage", "P2", "II %80"),
        ("reference", "stage", "P3", None), ("ai", "stage", "P3", "II %70"),
        ("reference", "stage", "P4", "I"), ("ai", "stage", "P4", None),
        ("reference", "stage", "P5", None), ("ai", "stage", "P5", None),
        ("ai", "stage", "P6", "II %60"),
        ("reference", "stage", "P7", "I"), ("ai", "stage", "P7", "failed"),
        ("reference", "stage", "P8", "I"), ("ai", "stage", "P8", "!4 %50"),
    )  # fmt: skip
    records.patients.loc["P6", "reference_sampled"] = False
    table = score(records, make_protocol())
    assert list(table.columns) == [*SCORED_COLUMNS]
    assert table["patient_id"].tolist() == [f"P{i}" for i in range(1, 9)]
    np.testing.assert_array_equal(table["error"], [0, 1, 1, 1, 0, np.nan, 1, 1])
    assert table["outcome"].tolist() == ["C", "W", "U", "O", "B", "", "O", "W"]
    assert table["delivered"].tolist() == [True, True, True, False, False, True, False, True]
    assert table["conformant"].tolist() == [True] * 7 + [False]
    np.testing.assert_array_equal(table["score"], [0.9, 0.8, 0.7, np.nan, np.nan, 0.6, np.nan, 0])
    assert ((table["split"] == "") == (table["patient_id"] == "P6")).all()
    assert (table["weight"].isna() == (table["patient_id"] == "P6")).all()


def test_development_patients_have_no_rows_and_weights_are_those_of_the_comparison() -> None:
    """Only evaluated patients are scored; a sampled patient stands for others."""
    said = [(source, "stage", patient, "I") for source in ("reference", "ai") for patient in ("P1", "P2", "P3")]
    table = score(say(*said, probability={"P2": 0.5}, development=["P3"]), make_protocol())
    assert dict(zip(table["patient_id"], table["weight"], strict=True)) == {"P1": 1.0, "P2": 2.0}


def test_agreement_is_the_share_of_those_who_answered() -> None:
    """Silence contradicts a value and confirms a gap; failed, not asked and unreadable are no answer."""
    records = say(
        ("reference", "stage", "P1", "I"),
        ("ai", "stage", "P1", "I"), ("ai2", "stage", "P1", "I"), ("other", "stage", "P1", "II"),
        ("ai", "stage", "P2", "I"), ("ai2", "stage", "P2", None), ("other", "stage", "P2", "failed"),
        ("ai", "stage", "P3", None), ("ai2", "stage", "P3", None), ("other", "stage", "P3", "I"),
        ("ai", "stage", "P4", "I"), ("other", "stage", "P4", "!9"),
        ("ai", "stage", "P5", "I"), ("other", "stage", "P5", "I"),
    )  # fmt: skip
    records.patients.loc["P2":, "reference_sampled"] = False
    table = score(records, make_protocol("reference", "ai", "ai2", "other"))
    assert set(table["source"]) == {"ai", "other"}, "a further run is no source of its own"
    np.testing.assert_array_equal(table.loc[table["source"] == "ai", "agreement"], [0.5, 0, 0.5, np.nan, 1])
    assert get(table, "agreement", "other", "stage", "P1") == 0, "of the two runs neither says II"
    assert get(table, "score", "ai", "stage", "P1") == 0.5, "without confidence the agreement scores"


def test_values_agree_as_a_reference_would_judge_them() -> None:
    """A tolerance for numbers, the other's precision for dates, an empty set as a value."""
    records = say(
        ("reference", "stage", "P1", "I"), ("ai", "stage", "P1", "I"), ("other", "stage", "P1", "I"),
        ("ai", "weight@m1", "P1", "70"), ("other", "weight@m1", "P1", "71"),
        ("ai", "weight@access", "P1", "70"), ("other", "weight@access", "P1", "72"),
        ("ai", "born", "P1", "1950-03-04"), ("other", "born", "P1", "1950-03"),
        ("ai", "sites", "P1", "negative"), ("other", "sites", "P1", "negative"),
    )  # fmt: skip
    table = score(records, make_protocol("reference", "ai", "other"))
    ours = table[table["source"] == "ai"].set_index(["variable", "visit"])
    assert ours["agreement"].to_dict() == {("born", ""): 1, ("sites", ""): 1, ("stage", ""): 1,
                                           ("weight", "access"): 0, ("weight", "m1"): 1}  # fmt: skip
    assert ours.loc[("sites", ""), "delivered"]
    theirs = table[(table["source"] == "other") & (table["variable"] == "born")]
    assert theirs["agreement"].tolist() == [0], "the coarser date does not hold what the finer one says"


def test_a_reviewed_source_neither_is_scored_nor_counts_as_agreement() -> None:
    """What a human saw is no second opinion of a machine."""
    records = say(
        ("reference", "stage", "P1", "I"), ("ai", "stage", "P1", "I"), ("other", "stage", "P1", "I"),
    )  # fmt: skip
    protocol = make_protocol("reference", "ai", "other")
    after = Reviewed(of="ai", path="decisions.csv")
    changed = [s.model_copy(update={"reviewed": after} if s.name == "other" else {}) for s in protocol.sources]
    protocol = protocol.model_copy(update={"sources": changed})
    table = score(records, protocol)
    assert set(table["source"]) == {"ai"}
    assert table["agreement"].isna().all()


def lines(source: str, patient: str, *told: tuple[str, str, str]) -> list[tuple[str, str, str, Said]]:
    rows: list[tuple[str, str, str, Said]] = []
    for label, term, start in told:
        rows += [(source, f"ae.term#{label}", patient, term), (source, f"ae.start#{label}", patient, start)]
    return rows


def test_lines_of_events_keep_their_own_label_and_are_right_when_the_reference_has_them() -> None:
    """Numbering need not agree; the lower confidence of term and date counts; agreement is by matching."""
    records = say(
        ("reference", "stage", "P1", "I"), ("ai", "stage", "P1", "I"), ("other", "stage", "P1", "I"),
        *lines("reference", "P1", ("1", "nausea", "2024-05-01"), ("2", "rash", "2024-02-01")),
        *lines("ai", "P1", ("a", "rash %90", "2024-02-10 %70"), ("b", "rash %60", "2024-09-01 %80")),
        *lines("other", "P1", ("7", "rash", "2024-09-03")),
        *lines("ai", "P2", ("a", "rash", "2024-01-01")), ("other", "ae", "P2", "negative"),
    )  # fmt: skip
    records.patients.loc["P2", "reference_sampled"] = False
    table = score(records, make_protocol("reference", "ai", "other"))
    events = table[(table["variable"] == "ae") & (table["source"] == "ai")].set_index(["patient_id", "event"])
    assert events["error"].to_dict() == pytest.approx(
        {("P1", "a"): 0, ("P1", "b"): 1, ("P2", "a"): np.nan}, nan_ok=True
    )
    assert events["agreement"].to_dict() == {("P1", "a"): 0, ("P1", "b"): 1, ("P2", "a"): 0}
    assert events.loc["P1", "confidence"].tolist() == [0.7, 0.6]
    assert get(table, "error", "other", "ae", "P1", "7") == 1


RULE = {"name": "heavy", "label": LABEL, "severity": "characterization", "threshold": 0.1, "source": "test",
        "justification": LABEL}  # fmt: skip


def test_broken_rules_charge_each_value_they_read_and_checks_the_value_itself() -> None:
    """At its own visit only; a check that every value may fail charges nobody."""
    records = say(
        ("reference", "stage", "P1", "I"), ("ai", "stage", "P1", "III"), ("ai", "weight@access", "P1", "250"),
        ("ai", "weight@m1", "P1", "60"), ("ai", "stage", "P2", "I"), ("ai", "weight@access", "P2", "60"),
    )  # fmt: skip
    records.patients.loc["P2", "reference_sampled"] = False
    rule = {**RULE, "expression": "stage <= II and weight@access <= 100"}
    table = score(records, make_protocol(rules=[rule]))
    broken = table.set_index(["patient_id", "variable", "visit"])["violated"].to_dict()
    assert broken == {("P1", "stage", ""): 1, ("P1", "weight", "access"): 2, ("P1", "weight", "m1"): 0,
                      ("P2", "stage", ""): 0, ("P2", "weight", "access"): 0}  # fmt: skip
    lax = {"name": "range_high", "variables": ["weight"], "threshold": 1, "source": "test", "justification": LABEL}
    table = score(records, make_protocol(rules=[rule], checks=[lax]))
    assert table["violated"].sum() == 2


def test_the_document_cited_gives_the_type() -> None:
    """A value without a known document has none."""
    records = say(("reference", "stage", "P1", "I"), ("ai", "stage", "P1", "I"), ("ai", "born", "P1", "1950"))
    cited = records.records.assign(document_id=["", "D1", ""])
    cited["document_id"] = np.where(cited["variable"].eq("stage") & cited["source"].eq("ai"), "D1", "")
    documents = pd.DataFrame({"document_id": ["D1"], "patient_id": ["P1"], "type": ["letter"], "date": [""]})
    table = score(replace(records, records=cited, documents=documents), make_protocol())
    assert get(table, "document_type", "ai", "stage", "P1") == "letter"
    assert get(table, "document_type", "ai", "born", "P1") == ""


def test_a_study_without_technology_or_without_reference_has_a_table_all_the_same() -> None:
    """Nothing to score gives no rows; nothing to judge by gives no errors."""
    records = say(("reference", "stage", "P1", "I"), ("manual", "stage", "P1", "I"))
    assert score(records, make_protocol("reference", "manual")).empty
    records = say(("manual", "stage", "P1", "I"), ("ai", "stage", "P1", "I %90"),
                  *lines("ai", "P1", ("a", "rash", "2024-02-10")))  # fmt: skip
    protocol = make_protocol("manual", "ai")
    table = score(records, protocol)
    assert table["error"].isna().all()
    assert (table["split"] == "").all()
    assert len(table) == 2


def test_the_order_of_records_changes_nothing() -> None:
    """The same records shuffled give the same table."""
    said = [
        (source, "stage", f"P{i}", "I" if i % 3 else "II") for source in ("reference", "ai", "other") for i in range(9)
    ]
    records = say(*said, *lines("ai", "P1", ("a", "rash", "2024-02-10"), ("b", "rash", "2024-02-12")))
    protocol = make_protocol("reference", "ai", "other")
    shuffled = replace(records, records=records.records.sample(frac=1, random_state=1).reset_index(drop=True))
    pd.testing.assert_frame_equal(score(records, protocol), score(shuffled, protocol))
