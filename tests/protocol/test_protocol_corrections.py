"""Corrections: closed keys, names that exist, and sentences that say where, what and what to do."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from probatio.protocol import Protocol
from survival_study import BY_STAGE, LABEL, build_protocol

GOOD = {"name": "half", "label": LABEL, "analysis": "by_stage", "source": "ai"}


def build(**changes: object) -> Protocol:
    return build_protocol(BY_STAGE, corrections=[{**GOOD, **changes}])


def test_a_correction_has_its_defaults() -> None:
    """All methods, the study's own sample, and priors from it."""
    (found,) = build().corrections
    assert found.methods == ["predict_then_debias", "mc_simex", "multiple_imputation", "bias_analysis"]
    assert (found.labelled.share, found.bias_analysis.sensitivity) == (None, None)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"analysis": "other"}, "other is not an analysis; known: by_stage"),
        ({"source": "manual"}, "manual is not a source of by_stage to correct; known: ai"),
        ({"source": "registry"}, "registry is not a source of by_stage to correct"),
        ({"labelled": {"splits": 50}}, "splits are repeated draws of a share; give share too, or drop splits"),
        ({"labelled": {"share": 1.5}}, "less than 1"),
        ({"simex": {"lambdas": [1, 1]}}, "lambdas repeat a value"),
        ({"bias_analysis": {"sensitivity": {"a": 9, "b": 1}}}, "give sensitivity and specificity, or neither"),
        ({"methods": ["guess"]}, "predict_then_debias"),
        ({"lambda": 2}, "Extra inputs"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object], said: str) -> None:
    """One sentence per mistake."""
    with pytest.raises(ValidationError, match=said):
        build(**changes)


def test_a_name_stands_once() -> None:
    """Rows are told apart by the correction's name."""
    with pytest.raises(ValidationError, match="the name half is used twice"):
        build_protocol(BY_STAGE, corrections=[GOOD, GOOD])


def test_weighted_comparisons_are_not_corrected() -> None:
    """A propensity-weighted analysis has no corrected counterpart here."""
    terms = [*BY_STAGE["terms"], {"variable": "weight", "per": 1}]
    with pytest.raises(ValidationError, match="weights by propensity, which no correction follows"):
        build_protocol(BY_STAGE | {"terms": terms, "weighting": "overlap"}, corrections=[GOOD])


def test_readings_without_reference_cannot_be_corrected() -> None:
    """Two readings and no truth: refused at reading, with what to do."""
    given = build_protocol(BY_STAGE).model_dump(mode="json", exclude_unset=True)
    for source in given["sources"]:
        source["role"] = "reading"
    with pytest.raises(ValidationError, match="readings without a truth cannot be corrected; drop the correction"):
        Protocol.model_validate(given | {"corrections": [GOOD]})
