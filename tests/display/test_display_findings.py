"""Sentences on omissions, centres, dependence, readers and runs say what the rows hold, by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from probatio.display import findings
from probatio.protocol import Protocol, read_protocol
from probatio.results import Reason, Status, build_row, derive_table

PATH = Path(__file__).parents[2] / "protocol" / "demo.yaml"
TOLD = [
    findings.describe_omissions, findings.describe_nesting, findings.describe_dependence, findings.describe_readers,
    findings.describe_shared, findings.describe_runs, findings.describe_effort,
]  # fmt: skip


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return read_protocol(PATH)


def share(metric: str, k: int, n: int, **key: Any) -> dict[str, Any]:
    """A rate k / n of a source."""
    return build_row(metric, k / n, n=n, k=k, **key)


def bound(metric: str, estimate: float, lower: float, upper: float, **key: Any) -> dict[str, Any]:
    """An estimate with its bounds."""
    return build_row(metric, estimate, lower=lower, upper=upper, **key)


@pytest.mark.parametrize("describe", TOLD)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_nothing_is_said_of_nothing(describe: Any, language: Any, protocol: Protocol) -> None:
    """Without rows there is no sentence."""
    assert describe(derive_table([]), protocol, language=language) == []


def test_omissions_are_added_up(protocol: Protocol) -> None:
    """Over the variables of a source: 3 + 1 absent, 1 + 2 missed, 1 unknown of 8."""
    counts = {"stage": (3, 1, 1), "sex": (1, 2, 0)}
    rows = derive_table([
        share(metric, k, sum(told), source="ai_a", comparator="reference", variable=variable)
        for variable, told in counts.items() for metric, k in zip(findings.SHARES, told, strict=True)
    ])  # fmt: skip
    said = findings.describe_omissions(rows, protocol, language="en")
    assert said == ["AI A, 8 omissions: absent from the supplied documents, 4; missed in them, 3; unknown, 1."]


def test_nesting_says_which_way(protocol: Protocol) -> None:
    """A nested attribute is said to be one; the share is lambda."""
    rows = derive_table([
        build_row("design_nested", 0.16, stratum_by="age_group"),
        build_row("design_nested", 0.97, stratum_by="document_quality", reason=Reason.NESTED_CENTRES),
    ])  # fmt: skip
    first, second = findings.describe_nesting(rows, protocol, language="en")
    assert first == "Age group: centres are not nested in it (λ = 16%)."
    assert second.startswith("Quality of documents: centres are nested in it (λ = 97%)")


def test_warnings_are_counted_by_variable(protocol: Protocol) -> None:
    """Only whole variables in no analysis count: 1 of 2 is differential, 0 of 1 dependent."""
    key = {"source": "ai_a", "comparator": "reference"}
    rows = derive_table([
        build_row("differential_error", 1.0, variable="stage", **key),
        build_row("differential_error", 0.0, variable="sex", **key),
        build_row("differential_error", 1.0, variable="adverse_events.grade", **key),
        build_row("differential_error", 1.0, variable="sex", analysis="os_by_stage", **key),
        build_row("dependent_error", 0.0, variable="sex", **key),
        build_row("dependent_error", variable="ecog", status=Status.NOT_ESTIMABLE, reason=Reason.NO_EVENTS, **key),
    ])  # fmt: skip
    assert findings.describe_dependence(rows, protocol, language="en") == [
        "AI A: differential error on 1 of 2 variables; errors tied to those of another variable on 0 of 1."
    ]


def test_readers_are_counted_beyond_chance(protocol: Protocol) -> None:
    """An interval above zero is better, below it worse, over it open."""
    key = {"source": "ai_a", "comparator": "reference", "term": "manual"}
    intervals = {"sex": (0.1, 0.01, 0.2), "stage": (-0.1, -0.2, -0.01), "ecog": (0.0, -0.1, 0.1)}
    rows = derive_table([bound("agreement_difference", *at, variable=name, **key) for name, at in intervals.items()])
    assert findings.describe_readers(rows, protocol, language="en") == [
        "AI A with Reference base and Manual collection, out of 3 variables: agreement better than theirs with each "
        "other, beyond chance, 1; worse, 1; not settled, 1."
    ]


def test_shared_errors_have_median_and_maximum(protocol: Protocol) -> None:
    """The median over variables and the largest, by its name; the interval made for acceptance is not counted."""
    key = {"source": "ai_a", "comparator": "manual"}
    rows = derive_table([
        bound("shared_error_rate", value, 0.0, 0.5, variable=name, method=method, **key)
        for name, value in (("sex", 0.01), ("stage", 0.05), ("ecog", 0.02)) for method in ("wilson", "clopper_pearson")
    ])  # fmt: skip
    assert findings.describe_shared(rows, protocol, language="en") == [
        "AI A and Manual collection: where both agree, both are wrong in 2.0% of cells (median over 3 variables), at "
        "most 5.0% (Stage)."
    ]


def test_runs_say_repetition_and_change(protocol: Protocol) -> None:
    """Median and lowest share of equal values; errors that moved beyond chance, pooled rows left out."""
    key = {"source": "ai_b", "comparator": "ai_a"}
    same = [bound("repeat_agreement_rate", value, 0.5, 1.0, variable=name, **key)
            for name, value in (("sex", 0.9), ("stage", 0.8), ("ecog", 1.0))]  # fmt: skip
    moved = {"sex": (-0.1, -0.2, -0.05), "stage": (0.1, 0.05, 0.2), "ecog": (0.0, -0.1, 0.1), "": (0.2, 0.1, 0.3)}
    changes = [bound("error_change", *at, variable=name, method="newcombe", **key) for name, at in moved.items()]
    assert findings.describe_runs(derive_table([*same, *changes]), protocol, language="en") == [
        "AI B against AI A: same values in 90.0% of cells (median over 3 variables, lowest 80.0%); out of 3 variables, "
        "fewer errors beyond chance, 1; more, 1."
    ]


def test_effort_is_the_protocols(protocol: Protocol) -> None:
    """Minutes, then euros, in French with the comma."""
    rows = derive_table([
        build_row("minutes_per_patient", 42.5, source="manual", unit="minute"),
        build_row("euros_per_patient", 31.0, source="manual", unit="euro"),
    ])  # fmt: skip
    assert findings.describe_effort(rows, protocol, language="fr") == [
        "Saisie manuelle : 42,5 min · 31,0 € par patient, selon le protocole."
    ]
