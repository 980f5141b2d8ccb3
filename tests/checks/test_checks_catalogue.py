"""Checks of the catalogue catch planted faults, count them exactly, and answer in one of four ways."""

from __future__ import annotations

import ast
import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest
from rule_study import LABEL, NONE, NOT_ASKED, PROTOCOL, Cited, Unreadable, build_protocol, build_records
from statsmodels.stats.proportion import proportion_confint

import probatio
from demo_study import read_demo
from probatio.checks import derive_violations, estimate_checks, read_catalogue
from probatio.checks.cells import Delivered
from probatio.protocol import Protocol
from probatio.protocol.rules import CheckName
from probatio.records import Records
from probatio.results import derive_table, select_rows
from probatio.wording import has_word

DOCUMENTS = {"D1": ("P0000", "2024-05-01"), "D2": ("P0001", "2024-05-01")}


def estimate(patients: list[dict[str, Any]], protocol: Protocol = PROTOCOL, **more: Any) -> pd.DataFrame:
    return derive_table(estimate_checks(build_records(patients, **more), protocol))


def read_counts(rows: pd.DataFrame, term: str, variable: str) -> tuple[Any, ...]:
    (row,) = select_rows(rows, term=term, variable=variable, stratum_by="").to_dict("records")
    return (row["k"], row["n"], row["unit"]) if row["status"] == "ok" else (row["status"], row["reason"])


# Each line: check, variable, patients, how many violate it, how many were examined, the answer.
FAULTS: list[tuple[str, str, list[dict[str, Any]], int, int, str]] = [
    ("value_conforms", "stage", [{"stage": "IVA"}, {"stage": Unreadable("T5")}, {}], 1, 2, "failed"),
    ("value_conforms", "stage", [{"stage": "IVA"}, {"stage": "IVB"}], 0, 2, "passed"),
    ("value_conforms", "ae.grade", [{"ae": [{"grade": Unreadable("9")}, {"grade": "1"}]}], 1, 2, "failed"),
    ("value_present", "stage", [{"stage": "IVA"}, {}, {"stage": NOT_ASKED}, {"stage": Unreadable("T5")}], 1, 3,
     "failed"),
    ("value_present", "hb", [{"hb@access": "9"}, {"hb@access": "9", "hb@m1": NOT_ASKED}], 1, 3, "failed"),
    ("range_low", "hb", [{"hb@access": "3.9", "hb@m1": "4"}], 1, 2, "failed"),
    ("range_high", "hb", [{"hb@access": "3.9", "hb@m1": "20"}], 0, 2, "passed"),
    ("range_high", "hb", [{"hb@access": "120"}, {"hb@access": Unreadable("120 g/L")}], 1, 1, "failed"),
    ("start_before_end", "ae.end", [{"ae": [{"start": "2024-02-02", "end": "2024-02-01"}, {"start": "2024"}]}], 1, 1,
     "failed"),
    ("start_before_end", "ae.end", [{"ae": [{"start": "2024-02", "end": "2024-02-01"}]},
                                    {"ae": [{"start": "2024-02", "end": "2024-03"}]}], 0, 1, "passed"),
    ("document_known", "", [{"stage": Cited("IVA", "D1"), "start": Cited("2024-01-01", "D2")}, {}], 1, 2, "failed"),
    ("document_known", "", [{"stage": Cited("IVA", "D9")}, {}], 1, 1, "failed"),
    ("date_before_document", "start", [{"start": Cited("2024-05-02", "D1")}, {"start": Cited("2024-05-01", "D2")}],
     1, 2, "failed"),
    ("date_before_document", "start", [{"start": Cited("2024-05", "D1")}, {"start": Cited("2024-04", "D2")}], 0, 1,
     "passed"),
]  # fmt: skip


@pytest.mark.parametrize(("term", "variable", "patients", "k", "n", "answer"), FAULTS)
def test_a_planted_fault_is_counted(
    term: str, variable: str, patients: list[dict[str, Any]], k: int, n: int, answer: str
) -> None:
    """Each check counts the planted faults among what it could examine, and nothing else."""
    rows = estimate(
        patients, documents={doc: own for doc, own in DOCUMENTS.items() if len(patients) > 1 or doc == "D1"}
    )
    assert read_counts(rows, term, variable) == (k, n, answer)


@pytest.mark.parametrize(
    ("threshold", "answer"), [(0.0, "failed"), (0.29, "failed"), (0.3, "passed"), (0.31, "passed")]
)
def test_a_share_equal_to_its_threshold_passes(threshold: float, answer: str) -> None:
    """Three of ten fail below 0.3, and pass at 0.3 itself: strictly more fails."""
    rule = {"name": "r", "label": LABEL, "expression": "n_lines <= 3", "threshold": threshold, "source": "x",
            "justification": LABEL}  # fmt: skip
    patients = [{"n_lines": "4" if place < 3 else "1"} for place in range(10)]
    rows = estimate(patients, build_protocol(rules=[rule]))
    (row,) = select_rows(rows, term="r", stratum_by="").to_dict("records")
    assert (row["k"], row["n"], row["unit"], row["at"], row["estimate"]) == (3, 10, answer, str(threshold), 0.3)
    assert (row["lower"], row["upper"]) == pytest.approx(proportion_confint(3, 10, 0.05, "wilson"), abs=1e-12)


def test_a_study_sets_its_own_thresholds() -> None:
    """A threshold of the protocol replaces the catalogue's, for the variables it names only."""
    own = {"name": "value_present", "variables": ["stage"], "threshold": 0.5, "source": "x", "justification": LABEL}
    rows = estimate([{"stage": "IVA", "brain": "no"}, {}], build_protocol(checks=[own], missing_limit=0.2))
    chosen = select_rows(rows, term="value_present", stratum_by="").set_index("variable")
    assert chosen.loc[["stage", "brain"], "at"].tolist() == ["0.5", "0.2"]
    assert chosen.loc[["stage", "brain"], "unit"].tolist() == ["passed", "failed"]


def test_what_cannot_be_examined_is_not_applicable_and_says_why() -> None:
    """Nothing in the denominator is not applicable; a rule on variables that were not asked says that."""
    rules = [{"name": name, "label": LABEL, "expression": text, "source": "x", "justification": LABEL}
             for name, text in (("missing", "stage = IVA"), ("unasked", "born <= 2000"))]  # fmt: skip
    rows = estimate([{"born": NOT_ASKED, "ae": NONE}] * 3, build_protocol(rules=rules))
    assert read_counts(rows, "missing", "") == ("not_applicable", "empty_denominator")
    assert read_counts(rows, "unasked", "") == ("not_applicable", "not_assessed")
    assert read_counts(rows, "range_low", "hb") == ("not_applicable", "empty_denominator")
    assert read_counts(rows, "document_known", "") == ("not_applicable", "empty_denominator")
    assert select_rows(rows, term="value_conforms", variable="born").empty


def test_a_fault_of_one_check_is_an_error_and_stops_no_other() -> None:
    """A check that breaks down answers error; the others answer as before."""

    def fail(_: Delivered) -> pd.DataFrame:
        raise ValueError("broken")

    tests = {"range_low": fail, "value_present": probatio.checks.catalogue.TESTS["value_present"]}
    rows = derive_table(estimate_checks(build_records([{"stage": "IVA"}]), PROTOCOL, tests=tests))
    assert read_counts(rows, "range_low", "hb") == ("error", "check_error")
    assert read_counts(rows, "value_present", "stage") == (0, 1, "passed")


def test_small_centres_are_suppressed_and_large_ones_told() -> None:
    """A centre below the protocol's minimum shows no share, count or answer; development patients do not count."""
    rule = {"name": "r", "label": LABEL, "expression": "n_lines <= 3", "source": "x", "justification": LABEL}
    patients = [{"n_lines": "4"}] * 15
    rows = estimate(patients, build_protocol(rules=[rule]), centres=["A"] * 11 + ["B"] * 4, development=(0,))
    centres = select_rows(rows, term="r", stratum_by="centre").set_index("stratum")
    assert (centres.loc["A", "k"], centres.loc["A", "n"], centres.loc["A", "unit"]) == (10, 10, "failed")
    assert (centres.loc["B", "status"], centres.loc["B", "reason"]) == ("suppressed", "small_stratum")
    assert pd.isna(centres.loc["B", "k"])
    assert pd.isna(centres.loc["B", "estimate"])
    assert centres.loc["B", "unit"] == ""


def test_violations_are_listed_and_harmless_to_a_spreadsheet() -> None:
    """Every violating value stands in the file with patient, variable and rule, and no text begins a formula."""
    rule = {"name": "r", "label": LABEL, "expression": "stage >= IVA => not empty(sites)", "source": "x",
            "severity": "fatal", "justification": LABEL}  # fmt: skip
    records = build_records([{"stage": "IVA", "histology": Unreadable("=1+1")}, {"stage": "IVA", "sites": "bone"}])
    content = derive_violations(records, build_protocol(rules=[rule])).decode("utf-8")
    lines = list(csv.DictReader(io.StringIO(content)))
    own = [line for line in lines if line["rule"] == "r"]
    assert [(x["patient_id"], x["variable"], x["severity"], x["source"]) for x in own] == [
        ("P0000", "stage|sites", "fatal", "model")
    ]
    assert [x["value"] for x in lines if x["rule"] == "value_conforms"] == ["'=1+1"]
    assert not any(cell.startswith(("=", "+", "@")) for line in lines for cell in line.values())


def test_violations_and_rows_count_the_same() -> None:
    """The file lists as many lines as the overall rows count violating."""
    patients = [values[2][0] for values in FAULTS]
    records = build_records(patients, documents=DOCUMENTS)
    rows = derive_table(estimate_checks(records, PROTOCOL))
    counted = select_rows(rows, stratum_by="", status="ok")["k"].sum()
    assert derive_violations(records, PROTOCOL).count(b"\n") - 1 == counted > 5


def test_the_catalogue_is_complete() -> None:
    """Every check has labels, a description, a threshold with its source and a worded category."""
    checks = read_catalogue()
    assert list(checks) == list(get_args(CheckName))
    for check in checks.values():
        assert all(str(part).strip() for part in check)
        assert check.threshold == "missing_limit" or 0 <= float(check.threshold) < 1
        assert has_word("check", check.analysis)


@pytest.fixture(scope="module")
def demo() -> tuple[Protocol, Records]:
    return read_demo()


def test_the_demonstration_reference_breaks_no_rule_of_logic(demo: tuple[Protocol, Records]) -> None:
    """The reference, true by construction, passes every rule; only the two rules of indication are ever broken."""
    protocol, records = demo
    rows = derive_table(estimate_checks(records, protocol))
    reference = select_rows(rows, source="reference", analysis="rule", stratum_by="")
    assert set(reference["unit"]) == {"passed"}
    assert set(reference.loc[reference["k"] > 0, "term"]) == {"ecog_at_access", "mutation_present"}
    assert len(reference) == len(protocol.rules) >= 12


def test_shifted_dates_are_caught(demo: tuple[Protocol, Records]) -> None:
    """Dates of death moved back by ten years in one source make its rule on deaths fail, and no other source's."""
    protocol, records = demo
    moved = records.records.copy()
    chosen = moved["source"].eq("ai_a") & moved["variable"].eq("death_date") & moved["state"].eq("value")
    moved.loc[chosen, "value"] = moved.loc[chosen, "value"].map(lambda text: f"{int(text[:4]) - 10}{text[4:]}")
    rows = derive_table(estimate_checks(replace(records, records=moved), protocol))
    answers = select_rows(rows, term="death_after_start", stratum_by="").set_index("source")["unit"]
    asked = {"ai_a": "failed", "ai_b": "passed", "manual": "passed", "reference": "passed"}
    asked["ai_a_reviewed"] = "passed"
    assert answers.to_dict() == {**asked, "second_reader": ""}, "the second reader was not asked for deaths"


def test_the_order_of_records_moves_no_number(demo: tuple[Protocol, Records]) -> None:
    """Records in another order give the same rows."""
    protocol, records = demo
    shuffled = replace(
        records,
        records=records.records.sample(frac=1, random_state=3),
        assessments=records.assessments.sample(frac=1, random_state=4),
    )
    first, second = (derive_table(estimate_checks(one, protocol)) for one in (records, shuffled))
    pd.testing.assert_frame_equal(first, second, check_exact=False, rtol=1e-12)


def test_no_rule_is_ever_run_as_code() -> None:
    """Neither the room of checks nor that of the protocol calls eval, exec, compile or an import by name."""
    root = Path(probatio.__file__).parent
    for path in [*(root / "checks").glob("*.py"), *(root / "protocol").glob("*.py")]:
        calls = [node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        names = {call.id for call in calls if isinstance(call, ast.Name)}
        methods = {call.attr for call in calls if isinstance(call, ast.Attribute)}
        assert not names & {"eval", "exec", "compile", "__import__", "getattr", "globals"}
        assert not methods & {"eval", "query", "import_module"}
