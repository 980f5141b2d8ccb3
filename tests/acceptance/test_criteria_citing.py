"""A criterion may cite the error that the analyses bear; without one it never passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from probatio.acceptance import estimate_acceptance
from probatio.planning.profiles import select_criteria
from probatio.protocol import Protocol, UserError, read_protocol
from probatio.results import build_row, derive_table, select_rows

PROTOCOL = """
study: tiny
title: {en: Tiny, fr: Petit}
data: .
resampling: {seed: 1}
patients:
  file: {path: p.csv}
  attributes:
    days: {label: {en: Days, fr: Jours}, column: days, type: number}
    status: {label: {en: Status, fr: Statut}, column: status}
sources:
  - {name: base, label: {en: Base, fr: Base}, role: reference, files: [{path: r.csv, columns: {t: t, u: u}}]}
  - {name: ai, label: {en: AI, fr: IA}, role: ai, files: [{path: a.csv, columns: {t: t, u: u}}]}
variables:
  - {name: t, label: {en: T, fr: T}, type: nominal, levels: [a, b]}
  - {name: u, label: {en: U, fr: U}, type: nominal, levels: [a, b]}
uses: [research]
endpoints: [{name: os, label: {en: OS, fr: SG}, time: days, event: status, event_values: [dead]}]
analyses:
  - name: by_t
    label: {en: By T, fr: Par T}
    endpoint: os
    terms: [{variable: t, groups: {a: [a], b: [b]}}]
    sources: [base, ai]
    comparator: base
TOLERANCE
acceptance:
  sets:
    - types: [nominal]
      uses: [research]
      criteria: [{name: tolerance, metric: METRIC, bound: upper, threshold: tolerance, REVIEW source: x,
                  justification: {en: x, fr: x}}]
"""
TOLERANCE = "tolerance: {draws: 50, source: x, justification: {en: x, fr: x}}"


def read_tiny(folder: Path, *, tolerance: str = TOLERANCE, review: str = "", metric: str = "error_rate") -> Protocol:
    path = folder / "tiny.yaml"
    text = PROTOCOL.replace("TOLERANCE", tolerance).replace("REVIEW", review).replace("METRIC", metric)
    path.write_text(text, encoding="utf-8")
    return read_protocol(path)


def build_error(upper: float, variable: str = "t", metric: str = "error_rate") -> dict[str, Any]:
    return build_row(metric, upper / 2, lower=upper / 4, upper=upper, source="ai", variable=variable, comparator="base",
                     method="wilson", level=0.95, n=100)  # fmt: skip


def build_tolerable(lower: float, metric: str = "tolerable_error_rate", **fields: Any) -> dict[str, Any]:
    return build_row(metric, lower * 1.2, lower=lower, source="base", variable="t", use="research", **fields)


def judge(protocol: Protocol, *rows: dict[str, Any], variable: str = "t") -> dict[str, Any]:
    """Return the decision, its rule and the verdict of one variable."""
    found = derive_table(estimate_acceptance(derive_table(list(rows)), protocol))
    own = select_rows(found, variable=variable)
    decision, verdict = (select_rows(own, metric=metric).iloc[0] for metric in ("decision", "verdict"))
    return {"decision": decision["unit"], "at": decision["at"], "reason": decision["reason"],
            "status": decision["status"], "verdict": verdict["unit"]}  # fmt: skip


@pytest.mark.parametrize(("tolerable", "decision"), [(0.0812, "passed"), (0.0799, "open"), (0.0198, "failed")])
def test_the_lower_bound_of_the_tolerable_error_is_the_threshold(
    tmp_path: Path, tolerable: float, decision: str
) -> None:
    """The source's upper bound must lie below the tolerable error's lower one; its interval above it fails."""
    found = judge(read_tiny(tmp_path), build_error(0.08), build_tolerable(tolerable))
    assert found["decision"] == decision
    assert found["at"] == f"< {tolerable:g} (tolerance)"


def test_the_threshold_is_rounded_down(tmp_path: Path) -> None:
    """A bound between the rounded and the exact threshold does not pass."""
    found = judge(read_tiny(tmp_path), build_error(0.08003), build_tolerable(0.08009))
    assert (found["decision"], found["at"]) == ("open", "< 0.08 (tolerance)")


def test_omission_cites_the_tolerable_omission(tmp_path: Path) -> None:
    """The largest omission borne is the threshold of `omission_rate`, whatever error is borne."""
    protocol = read_tiny(tmp_path, metric="omission_rate")
    rows = [build_error(0.1, metric="omission_rate"), build_tolerable(0.01)]
    assert judge(protocol, *rows, build_tolerable(0.2, "tolerable_omission_rate"))["decision"] == "passed"
    assert judge(protocol, *rows)["reason"] == "missing_row"


def test_a_missing_tolerance_never_passes(tmp_path: Path) -> None:
    """Without its row, or with one that has no number, the criterion is open and the verdict inconclusive."""
    protocol = read_tiny(tmp_path, review="review: 0.9,")
    found = judge(protocol, build_error(0.0001))
    assert (found["decision"], found["reason"], found["verdict"]) == ("open", "missing_row", "inconclusive")
    silent = build_row("tolerable_error_rate", variable="t", use="research", status="not_estimable", reason="no_events")
    found = judge(protocol, build_error(0.0001), silent)
    assert (found["decision"], found["reason"], found["at"]) == ("open", "no_events", "< tolerance (review < 0.9)")


def test_a_tolerance_of_another_use_or_variable_is_not_cited(tmp_path: Path) -> None:
    """What another variable bears, or another use, answers nothing."""
    rows = [build_tolerable(0.5) | {"variable": "u"}, build_tolerable(0.5) | {"use": "steering"}]
    assert judge(read_tiny(tmp_path), build_error(0.0001), *rows)["reason"] == "missing_row"


def test_a_variable_that_no_analysis_reads_has_no_such_criterion(tmp_path: Path) -> None:
    """Its errors move no conclusion: not applicable, with the reason."""
    found = judge(read_tiny(tmp_path), build_error(0.5, "u"), build_error(0.01), build_tolerable(0.1), variable="u")
    assert (found["status"], found["reason"]) == ("not_applicable", "no_analysis")


def test_a_study_without_tolerance_has_no_such_criterion(tmp_path: Path) -> None:
    """The matrix is shared by studies: one that declares no tolerance says so, and is judged by the rest."""
    found = judge(read_tiny(tmp_path, tolerance=""), build_error(0.01), build_tolerable(0.5))
    assert (found["status"], found["reason"]) == ("not_applicable", "not_declared")


def test_review_counts_where_it_is_laxer(tmp_path: Path) -> None:
    """Below the review threshold people can save it; one that is not laxer than the tolerance falls away."""
    protocol = read_tiny(tmp_path, review="review: 0.1,")
    found = judge(protocol, build_error(0.08), build_tolerable(0.05))
    assert (found["decision"], found["at"]) == ("passed_with_review", "< 0.05 (tolerance, review < 0.1)")
    found = judge(protocol, build_error(0.3), build_tolerable(0.2))
    assert (found["decision"], found["at"]) == ("open", "< 0.2 (tolerance)")


def test_a_source_that_was_not_asked_is_not_judged(tmp_path: Path) -> None:
    """The reason that it was never asked comes before anything about the tolerance."""
    rows = derive_table([build_error(0.01, "u"), build_tolerable(0.1)])
    found = select_rows(derive_table(estimate_acceptance(rows, read_tiny(tmp_path))), variable="t", metric="decision")
    assert found["reason"].tolist() == ["not_assessed"]


def test_only_rates_cite(tmp_path: Path) -> None:
    """A tolerance is an error or an omission: for another metric the protocol is refused in a sentence."""
    with pytest.raises(UserError, match="the tolerance is one of error_rate and omission_rate"):
        read_tiny(tmp_path, metric="missing_rate")


def test_a_cited_threshold_is_not_planned(tmp_path: Path) -> None:
    """The plan precedes the run that computes the threshold: it says so, and asks for no sample."""
    planning = "planning: {patients: 100, alternatives: [{types: [nominal], expected: {error_rate: 0.05}}]}"
    protocol = read_tiny(tmp_path, tolerance=f"{TOLERANCE}\n{planning}")
    planned = select_criteria(protocol, "research", protocol.variables[0])
    assert [(one.profile, str(one.reason)) for one in planned] == [(None, "cited_threshold")]
    rows = derive_table(estimate_acceptance(derive_table([build_error(0.08), build_tolerable(0.05)]), protocol))
    needed = select_rows(pd.DataFrame(rows), metric="needed_patients")
    assert set(needed["reason"]) == {"cited_threshold"}
