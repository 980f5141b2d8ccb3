"""The verdict follows the written rule, at its limits too."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from probatio.acceptance import (
    Decision,
    Verdict,
    compute_decisions,
    compute_failure_p,
    derive_evidence,
    estimate_acceptance,
    find_judged_row,
)
from probatio.measures.homogeneity import compute_holm
from probatio.protocol import Criterion, Label, Protocol, read_protocol
from probatio.results import build_row, derive_table, select_rows

LABEL = Label(en="because", fr="parce que")


def build_criterion(threshold: float = 0.10, review: float | None = 0.20, **other: object) -> Criterion:
    fields = {"name": "error", "metric": "error_rate", "bound": "upper", "justification": LABEL, "source": "x"}
    return Criterion.model_validate({**fields, "threshold": threshold, "review": review, **other})


def build_exact(k: int, n: int, **other: object) -> dict[str, object]:
    lower = stats.beta.ppf(0.025, k, n - k + 1) if k else 0.0
    upper = stats.beta.ppf(0.975, k + 1, n - k) if k < n else 1.0
    return build_row(
        "error_rate", k / n, lower=lower, upper=upper, level=0.95, method="clopper_pearson", n=n, k=k, **other
    )


@pytest.mark.parametrize(
    ("k", "n", "decision"),
    [
        (0, 36, Decision.PASSED),  # upper bound 0.0974
        (0, 35, Decision.PASSED_WITH_REVIEW),  # 0.1000 is not below 0.10
        (10, 100, Decision.PASSED_WITH_REVIEW),
        (20, 100, Decision.OPEN),
        (30, 100, Decision.FAILED),  # lower bound 0.2124 above 0.20
        (28, 100, Decision.OPEN),  # lower bound 0.1948
        (5, 5, Decision.FAILED),
    ],
)
def test_exact_decision_by_hand(k: int, n: int, decision: Decision) -> None:
    """With thresholds 10 % and 20 %, Clopper-Pearson's bounds decide, equality not passing."""
    assert compute_decisions([build_exact(k, n)], [build_criterion()], level=0.95) == [decision]


@given(st.integers(0, 60), st.integers(1, 60))
def test_failure_test_agrees_with_the_interval(k: int, n: int) -> None:
    """For one criterion, the exact test rejects iff Clopper-Pearson's lower bound reaches the threshold."""
    k = min(k, n)
    row, criterion = build_exact(k, n), build_criterion()
    assert (compute_failure_p(row, criterion) <= 0.025) == (row["lower"] >= 0.20 - 1e-12)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_agrees_with_statsmodels(p_values: list[float]) -> None:
    """Adjusted p-values equal those of an unrelated implementation."""
    assert compute_holm(np.array(p_values)) == pytest.approx(multipletests(p_values, method="holm")[1], abs=1e-12)


def test_holm_protects_a_verdict_of_several_criteria() -> None:
    """A criterion whose own p-value is 0.02 no longer fails beside three that pass."""
    n, limit = 400, 0.20
    k = next(k for k in range(n) if stats.binom.sf(k - 1, n, limit) <= 0.024)
    alone = compute_decisions([build_exact(k, n)], [build_criterion()], level=0.95)
    beside = compute_decisions([build_exact(k, n), *[build_exact(0, 400)] * 3], [build_criterion()] * 4, level=0.95)
    assert (alone[0], beside[0]) == (Decision.FAILED, Decision.OPEN)


@pytest.mark.parametrize("status", ["not_estimable", "suppressed", "error"])
def test_what_is_not_estimable_never_passes(status: str) -> None:
    """A number without an estimate leaves its criterion open."""
    row = build_row("error_rate", status=status, reason="empty_denominator")
    assert compute_decisions([row], [build_criterion()], level=0.95) == [Decision.OPEN]


def test_an_open_upper_bound_never_passes() -> None:
    """An estimate without an interval is not evidence."""
    row = build_row("error_rate", 0.0, n=3, k=0)
    assert math.isnan(row["upper"])
    assert compute_decisions([row], [build_criterion()], level=0.95) == [Decision.OPEN]


PROTOCOL = """
study: tiny
title: {en: Tiny, fr: Petit}
data: .
resampling: {seed: 1}
patients: {file: {path: p.csv}}
sources:
  - {name: base, label: {en: Base, fr: Base}, role: reference, files: [{path: r.csv, columns: {t: t, m: m}}]}
  - name: ai
    label: {en: AI, fr: IA}
    role: ai
    files: [{path: a.csv, columns: {t: t, m: m}}]
  - name: hand
    label: {en: Hand, fr: Main}
    role: manual
    files: [{path: h.csv, columns: {t: t, m: m}}]
variables:
  - {name: t, label: {en: T, fr: T}, type: nominal, levels: [a, b], uses: [steering, research]}
  - {name: m, label: {en: M, fr: M}, type: nominal, levels: [a, b], uses: [steering]}
uses: [steering, research]
acceptance:
  sets:
    - types: [nominal]
      uses: [steering, research]
      criteria:
        - {name: error, metric: error_rate, bound: upper, threshold: 0.1, review: 0.2,
           justification: {en: x, fr: x}, source: x}
    - types: [nominal]
      uses: [research]
      criteria:
        - {name: non_inferiority, metric: error_difference, bound: upper, threshold: 0.05,
           justification: {en: x, fr: x}, source: x}
"""


def read_tiny(folder: Path, *changes: tuple[str, str]) -> Protocol:
    text = PROTOCOL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "tiny.yaml"
    path.write_text(text, encoding="utf-8")
    return read_protocol(path)


@pytest.fixture
def verdicts(tmp_path: Path) -> pd.DataFrame:
    rows = [
        build_exact(1, 200, source="ai", comparator="base", variable="t"),
        build_exact(30, 200, source="ai", comparator="base", variable="m"),
        build_exact(1, 200, source="hand", comparator="base", variable="t"),
        build_exact(1, 200, source="hand", comparator="base", variable="m"),
        build_exact(90, 200, source="ai", comparator="base", variable="t", stratum_by="centre", stratum="C1"),
        build_row("error_difference", source="ai", comparator="hand", variable="t",
                  status="not_applicable", reason="not_independent"),
    ]  # fmt: skip
    return derive_table(estimate_acceptance(derive_table(rows), read_tiny(tmp_path)))


def read_verdict(rows: pd.DataFrame, **key: str) -> tuple[float, str]:
    row = select_rows(rows, metric="verdict", **key).iloc[0]
    return row["estimate"], row["term"]


def test_fitness_for_a_use_is_the_weakest_variable(verdicts: pd.DataFrame) -> None:
    """One inconclusive variable makes the use inconclusive, and is named."""
    assert read_verdict(verdicts, source="ai", use="steering", variable="t") == (Verdict.ACCEPTED, "")
    assert read_verdict(verdicts, source="ai", use="steering", variable="m") == (Verdict.INCONCLUSIVE, "error")
    assert read_verdict(verdicts, source="ai", use="steering", variable="") == (Verdict.INCONCLUSIVE, "m")


def test_a_not_applicable_criterion_is_shown_and_left_out(verdicts: pd.DataFrame) -> None:
    """Non-inferiority to a manual reading that saw the AI's decides nothing, and its row says why."""
    row = select_rows(verdicts, metric="decision", source="ai", use="research", term="non_inferiority").iloc[0]
    assert (row["status"], row["reason"]) == ("not_applicable", "not_independent")
    assert read_verdict(verdicts, source="ai", use="research", variable="t") == (Verdict.ACCEPTED, "")


def test_manual_collection_is_not_compared_with_itself(verdicts: pd.DataFrame) -> None:
    """The manual source is judged on the absolute criteria only."""
    terms = set(select_rows(verdicts, metric="decision", source="hand")["term"])
    assert terms == {"error"}


def test_a_variable_never_asked_for_leaves_the_use_open(tmp_path: Path) -> None:
    """A source that is right on all it was asked for is not fit for a use that needs more."""
    rows = derive_table([build_exact(1, 200, source="ai", comparator="base", variable="t")])
    found = derive_table(estimate_acceptance(rows, read_tiny(tmp_path)))
    assert read_verdict(found, source="ai", use="steering", variable="t") == (Verdict.ACCEPTED, "")
    use = select_rows(found, metric="verdict", source="ai", use="steering", variable="").iloc[0]
    assert (use["estimate"], use["term"], use["n"], use["k"]) == (Verdict.INCONCLUSIVE, "m", 2, 1)


def test_non_inferiority_holds_for_every_manual_collection(tmp_path: Path) -> None:
    """Of two manual collections the criterion is judged on the one harder to match, whatever their names."""
    fields = {"source": "ai", "variable": "t", "level": 0.95, "method": "tango"}
    rows = derive_table([
        build_row("error_difference", 0.0, lower=-0.02, upper=0.02, comparator="a", **fields),
        build_row("error_difference", 0.08, lower=0.04, upper=0.12, comparator="b", **fields),
        build_row("error_difference", comparator="c", source="ai", variable="t",
                  status="not_applicable", reason="not_independent"),
    ])  # fmt: skip
    criterion = build_criterion(0.05, None, name="non_inferiority", metric="error_difference")
    assert find_judged_row(derive_evidence(rows, read_tiny(tmp_path)), "ai", "t", criterion)["comparator"] == "b"


def test_holm_counts_applicable_criteria_only() -> None:
    """A criterion that does not apply makes no other harder to fail."""
    n, limit = 400, 0.20
    k = next(k for k in range(n) if stats.binom.sf(k - 1, n, limit) <= 0.024)
    absent = build_row("error_difference", status="not_applicable", reason="not_independent")
    judged = [build_exact(k, n), *[absent] * 3]
    assert compute_decisions(judged, [build_criterion()] * 4, level=0.95) == [Decision.FAILED, None, None, None]
