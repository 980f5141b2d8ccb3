"""Every kind of criterion is judged on the row that speaks of it, and on no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from probatio.acceptance import Decision, derive_evidence, estimate_acceptance, find_judged_row
from probatio.planning.proportions import find_exact_size
from probatio.protocol import Criterion, Protocol, read_protocol
from probatio.results import build_row, derive_table, select_rows

WHY = {"justification": {"en": "because", "fr": "parce que"}, "source": "x"}
PROTOCOL = """
study: tiny
title: {en: Tiny, fr: Petit}
data: .
resampling: {seed: 1}
patients:
  file: {path: p.csv}
  centre: {label: {en: Centre, fr: Centre}, column: centre}
  attributes: {sex: {label: {en: Sex, fr: Sexe}, column: sex}}
stratify_by: [centre, sex]
sources:
  - {name: base, label: {en: Base, fr: Base}, role: reference, files: [{path: r.csv, columns: {t: t, d: d}}]}
  - {name: ai, label: {en: AI, fr: IA}, role: ai, files: [{path: a.csv, columns: {t: t, d: d}}]}
  - {name: hand, label: {en: Hand, fr: Main}, role: manual, files: [{path: h.csv, columns: {t: t, d: d}}]}
variables:
  - {name: t, label: {en: T, fr: T}, type: nominal, levels: [a, b]}
  - {name: d, label: {en: D, fr: D}, type: date, required: false}
uses: [research]
rules:
  - {name: broken, label: {en: x, fr: x}, expression: t = a, severity: fatal, source: x, justification: {en: x, fr: x}}
  - {name: about_d, label: {en: x, fr: x}, expression: d >= 2020-01-01, severity: fatal, source: x,
     justification: {en: x, fr: x}}
acceptance:
  sets:
    - types: [nominal, date]
      uses: [research]
      criteria: [CRITERIA]
PLANNING
"""
PLANNING = """
planning:
  patients: 100
  power: 0.8
  prior_patients: 100
  alternatives:
    - {types: [nominal, date], uses: [research], expected: {error_rate: 0.05}}
"""
ERROR = "{name: error, metric: error_rate, bound: upper, threshold: 0.1, source: x, justification: {en: x, fr: x}}"


def read_tiny(folder: Path, *criteria: str, planning: str = "") -> Protocol:
    path = folder / "tiny.yaml"
    text = PROTOCOL.replace("CRITERIA", ", ".join(criteria or (ERROR,))).replace("PLANNING", planning)
    path.write_text(text, encoding="utf-8")
    return read_protocol(path)


def build_criterion(metric: str, threshold: float = 0.1, **other: Any) -> Criterion:
    fields = {"name": "c", "metric": metric, "bound": "upper", "threshold": threshold, **WHY, **other}
    return Criterion.model_validate(fields)


def build_number(metric: str, upper: float, **fields: Any) -> dict[str, Any]:
    named = {"source": "ai", "variable": "t", "comparator": "base", "level": 0.95, "method": "wilson", "n": 100}
    return build_row(metric, upper / 2, lower=upper / 4, upper=upper, **(named | fields))


def judge(folder: Path, rows: list[dict[str, Any]], criterion: Criterion, variable: str = "t") -> dict[str, Any]:
    rows = [build_number("error_rate", 0.2, method="clopper_pearson", variable=name) for name in ("t", "d")] + rows
    evidence = derive_evidence(derive_table(rows), read_tiny(folder))
    return dict(find_judged_row(evidence, "ai", variable, criterion))


def test_the_worst_of_all_attributes_but_the_centre_is_judged(tmp_path: Path) -> None:
    """Without strata named, the hardest of the other attributes counts, not the centre, whose turn is prediction."""
    rows = [
        build_number("worst_stratum_error_rate", 0.3, stratum_by="sex", term="F"),
        build_number("worst_stratum_error_rate", 0.9, stratum_by="centre", term="C1"),
    ]
    assert judge(tmp_path, rows, build_criterion("worst_stratum_error_rate"))["upper"] == 0.3
    named = build_criterion("worst_stratum_error_rate", strata=["centre", "sex"])
    assert judge(tmp_path, rows, named)["term"] == "C1"


def test_a_new_centre_is_judged_by_the_primary_model(tmp_path: Path) -> None:
    """The narrower interval of the secondary model does not count, whatever its name sorts before."""
    rows = [
        build_number("prediction_error_rate", 0.4, method="binomial_normal_integrated_weighted"),
        build_number("prediction_error_rate", 0.1, method="a_secondary_model"),
    ]
    assert judge(tmp_path, rows, build_criterion("prediction_error_rate"))["upper"] == 0.4


def test_nested_centres_leave_the_criterion_out(tmp_path: Path) -> None:
    """Where centres are nested in case mix there is no prediction for a new centre, and the row says why."""
    rows = [build_row("prediction_error_rate", source="ai", variable="t", comparator="base",
                      status="not_applicable", reason="nested_centres")]  # fmt: skip
    found = judge(tmp_path, rows, build_criterion("prediction_error_rate"))
    assert (found["status"], found["reason"]) == ("not_applicable", "nested_centres")


def test_completeness_needs_no_reference(tmp_path: Path) -> None:
    """The missing rate has no comparator and is judged on its own interval."""
    rows = [build_number("missing_rate", 0.15, comparator="")]
    assert judge(tmp_path, rows, build_criterion("missing_rate"))["upper"] == 0.15


def test_agreement_with_manual_collection_is_not_agreement_with_the_reference(tmp_path: Path) -> None:
    """A kappa between AI and manual collection never answers a criterion on the reference."""
    rows = [
        build_number("kappa", 0.5, comparator="base", method="fleiss_cohen_everitt"),
        build_number("kappa", 0.1, comparator="hand", method="fleiss_cohen_everitt"),
    ]
    criterion = build_criterion("kappa", 0.6, bound="lower")
    assert judge(tmp_path, rows, criterion)["comparator"] == "base"


def test_a_window_in_days_is_part_of_the_criterion(tmp_path: Path) -> None:
    """Of several windows the one the criterion names is judged."""
    rows = [build_number("within_days", upper, at=at, variable="d") for at, upper in (("7", 0.5), ("30", 0.9))]
    criterion = build_criterion("within_days", 0.8, bound="lower", at="30")
    assert judge(tmp_path, rows, criterion, "d")["at"] == "30"


def build_check(term: str, unit: str, variable: str = "", analysis: str = "rule", **fields: Any) -> dict[str, Any]:
    shared = {"source": "ai", "term": term, "at": "0.0", "variable": variable, "analysis": analysis, "unit": unit}
    if fields:
        return build_row("check", **shared, **fields)
    return build_row("check", 0.5 if unit == "failed" else 0.0, n=10, **shared)


def test_checks_and_rules_about_the_variable_are_counted(tmp_path: Path) -> None:
    """Rules count for each variable they read, catalogue checks for theirs, severities as listed."""
    rows = [
        build_check("broken", "failed"),
        build_check("about_d", "passed"),
        build_check("value_conforms", "failed", "t", "conformance_value"),
        build_check("range_low", "failed", "t", "plausibility_atemporal"),
    ]
    every, strict = build_criterion("failed_checks", 1), build_criterion("failed_checks", 1, severity=["fatal"])
    assert (judge(tmp_path, rows, every)["estimate"], judge(tmp_path, rows, every)["n"]) == (3, 3)
    assert (judge(tmp_path, rows, strict)["estimate"], judge(tmp_path, rows, strict)["n"]) == (1, 1)
    assert judge(tmp_path, rows, every, "d")["estimate"] == 0


def test_a_check_in_error_leaves_the_count_unknown(tmp_path: Path) -> None:
    """A check that could not be run is not a check that passed."""
    rows = [build_check("broken", "", status="error", reason="check_error")]
    found = judge(tmp_path, rows, build_criterion("failed_checks", 1))
    assert (found["status"], found["reason"]) == ("error", "check_error")


@pytest.mark.parametrize(("failed", "decision"), [(0, Decision.PASSED), (1, Decision.PASSED_WITH_REVIEW),
                                                  (2, Decision.FAILED)])  # fmt: skip
def test_a_count_is_judged_as_it_is(tmp_path: Path, failed: int, decision: Decision) -> None:
    """Checks look at every record: two failures of two fail without waiting for an interval."""
    criterion = ("{name: checks, metric: failed_checks, bound: upper, threshold: 1, review: 2, source: x,"
                 " justification: {en: x, fr: x}}")  # fmt: skip
    protocol = read_tiny(tmp_path, criterion)
    units = ["failed"] * failed + ["passed"] * (2 - failed)
    rows = [build_number("error_rate", 0.05), build_check("broken", units[0]),
            build_check("value_conforms", units[1], "t", "conformance_value")]  # fmt: skip
    found = derive_table(estimate_acceptance(derive_table(rows), protocol))
    assert select_rows(found, metric="decision", source="ai", variable="t")["estimate"].tolist() == [decision]


@pytest.mark.parametrize(
    ("metric", "options", "variable", "status", "reason"),
    [
        ("unsupported_difference", {}, "t", "not_applicable", "value_always_due"),
        ("unsupported_difference", {}, "d", "not_applicable", "no_comparator"),
        ("shared_error_rate", {}, "t", "not_applicable", "no_comparator"),
        ("monitoring_signal", {"threshold": 1}, "t", "not_applicable", "not_declared"),
        ("prediction_error_rate", {}, "t", "not_estimable", "missing_row"),
    ],
)
def test_without_a_row_the_criterion_says_why(
    tmp_path: Path, metric: str, options: dict[str, Any], variable: str, status: str, reason: str
) -> None:
    """What a study cannot have is not applicable; what it should have and lacks never passes."""
    found = judge(tmp_path, [], build_criterion(metric, **options), variable)
    assert (found["status"], found["reason"]) == (status, reason)


def test_a_variable_without_a_reference_is_not_estimable(tmp_path: Path) -> None:
    """A source delivered it, the reference never has it: the error criterion stays open."""
    evidence = derive_evidence(derive_table([build_number("missing_rate", 0.1, comparator="")]), read_tiny(tmp_path))
    found = find_judged_row(evidence, "ai", "t", build_criterion("error_rate"))
    assert (found["status"], found["reason"]) == ("not_estimable", "no_pairs")


def build_open(n: int) -> dict[str, Any]:
    k = round(0.08 * n)
    lower, upper = stats.beta.ppf(0.025, k, n - k + 1), stats.beta.ppf(0.975, k + 1, n - k)
    return build_row("error_rate", k / n, lower=lower, upper=upper, level=0.95, method="clopper_pearson", n=n, k=k,
                     clusters=n, cluster_unit="patient", source="ai", variable="t", comparator="base")  # fmt: skip


def test_an_open_criterion_names_the_patients_it_lacks_at_the_plan_not_at_the_result(tmp_path: Path) -> None:
    """The size is that of 5 % expected against 10 %, whatever was observed, with its assurance."""
    protocol = read_tiny(tmp_path, planning=PLANNING)
    size = find_exact_size(0.05, 0.10, 0.8, 0.025)
    assert size is not None
    found = derive_table(estimate_acceptance(derive_table([build_open(100)]), protocol))
    row = select_rows(found, metric="needed_patients", source="ai", variable="t").iloc[0]
    assert (row["estimate"], row["n"], row["k"]) == (size.lasting, 100, size.lasting - 100)
    assurance = select_rows(found, metric="needed_assurance", source="ai", variable="t")["estimate"].iloc[0]
    assert 0.3 < assurance < 0.8  # the prior lowers the power: part of it lies beyond the limit


def test_a_study_large_enough_lacks_no_patient(tmp_path: Path) -> None:
    """Beyond the planned size no patient is missing, though the criterion is open."""
    found = derive_table(estimate_acceptance(derive_table([build_open(400)]), read_tiny(tmp_path, planning=PLANNING)))
    assert select_rows(found, metric="needed_patients", source="ai", variable="t")["k"].tolist() == [0]


def test_what_cannot_be_planned_says_so(tmp_path: Path) -> None:
    """Without an expected value in the plan the size is not applicable, with the reason."""
    planning = PLANNING.replace("error_rate: 0.05", "omission_rate: 0.05")
    found = derive_table(estimate_acceptance(derive_table([build_open(100)]), read_tiny(tmp_path, planning=planning)))
    row = select_rows(found, metric="needed_patients", source="ai", variable="t").iloc[0]
    assert (row["status"], row["reason"]) == ("not_applicable", "no_alternative")


def test_before_the_freeze_there_is_no_verdict(tmp_path: Path) -> None:
    """One value awaiting adjudication anywhere silences every verdict, criterion and decision."""
    pending = build_row("pending_values", 1.0, source="hand", comparator="base", variable="d", n=10, k=1)
    rows = derive_table([build_open(400), pending])
    found = derive_table(estimate_acceptance(rows, read_tiny(tmp_path)))
    assert set(found["metric"]) == {"verdict"}
    assert set(found["status"]) == {"not_applicable"}
    mine = select_rows(found, source="ai")
    assert dict(zip(mine["variable"], mine["reason"], strict=True)) == {
        "": "adjudication_pending", "t": "adjudication_pending", "d": "not_assessed"}  # fmt: skip
    none = derive_table([build_open(400), {**pending, "estimate": 0.0, "k": 0}])
    after = derive_table(estimate_acceptance(none, read_tiny(tmp_path)))
    assert (select_rows(after, metric="verdict", source="ai", variable="t")["status"] == "ok").all()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"metric": "error_rate", "bound": "lower"}, "its bound is upper"),
        ({"metric": "kappa", "bound": "upper"}, "its bound is lower"),
        ({"metric": "error_difference", "threshold": -0.02}, "superiority"),
        ({"metric": "error_rate", "threshold": 7.5}, "between 0 and 1"),
        ({"metric": "failed_checks", "threshold": 0}, "above 0"),
        ({"metric": "within_days", "bound": "lower"}, "at, a window in days"),
        ({"metric": "error_rate", "at": "7"}, "at, a window in days"),
        ({"metric": "error_rate", "strata": ["sex"]}, "strata goes with"),
        ({"metric": "error_rate", "severity": ["fatal"]}, "severity goes with"),
        ({"metric": "error_rate", "review": 0.05}, "laxer"),
    ],
)
def test_a_criterion_without_meaning_is_refused(fields: dict[str, Any], said: str) -> None:
    """Wrong side, negative margin, percent instead of share, options that do not belong: one sentence each."""
    with pytest.raises(ValueError, match=said):
        Criterion.model_validate({"name": "c", "bound": "upper", "threshold": 0.1, **WHY, **fields})


def test_strata_must_be_declared(tmp_path: Path) -> None:
    """A stratum that the study does not stratify by is a mistake of the matrix, named with what is known."""
    criterion = ("{name: worst, metric: worst_stratum_error_rate, bound: upper, threshold: 0.1, strata: [region],"
                 " source: x, justification: {en: x, fr: x}}")  # fmt: skip
    with pytest.raises(Exception, match=r"criterion worst: strata: \['region'\] is not declared"):
        read_tiny(tmp_path, criterion)


def test_an_untested_warning_leaves_its_criterion_open(tmp_path: Path) -> None:
    """A differential-error warning that could not be tested is not a pass."""
    criterion = ("{name: w, metric: differential_error, bound: upper, threshold: 1, source: x,"
                 " justification: {en: x, fr: x}}")  # fmt: skip
    row = build_row("differential_error", status="not_estimable", reason="no_events", source="ai", variable="t",
                    comparator="base")  # fmt: skip
    found = derive_table(estimate_acceptance(derive_table([row]), read_tiny(tmp_path, criterion)))
    assert select_rows(found, metric="decision", source="ai", variable="t")["estimate"].tolist() == [Decision.OPEN]
