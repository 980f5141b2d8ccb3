"""Accepted with review says how much to review, and which error is guaranteed among the rest."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from probatio.acceptance.reviewing import estimate_review
from probatio.results import Status, build_row, derive_table

KEY = {"source": "ai", "variable": "stage", "use": "steering"}


def verdict(word: str = "accepted_with_review", **key: str) -> dict[str, Any]:
    """A verdict row; 2 stands for its place in the scale, which is not read."""
    return build_row("verdict", 2, unit=word, **{**KEY, **key})


def upstream(**fields: Any) -> pd.DataFrame:
    """The confidence notebook's rows of one rule."""
    share = build_row("review_share", 0.3, lower=0.2, upper=0.4, n=100, k=30, level=0.95, method="wilson", **KEY)
    bound = build_row("guaranteed_error", **{"estimate": 0.05, "level": 0.975, "n": 80, "k": 1, **fields}, **KEY)
    other = build_row("guaranteed_error", 0.9, source="ai", variable="sex", use="steering")
    return derive_table([share, bound, other], section="07_confidence")


def test_share_and_error_stand_beside_the_verdict() -> None:
    """Those of the same source, variable and use, with interval, level and counts."""
    share, bound = estimate_review([verdict()], upstream())
    assert (share["metric"], share["estimate"], share["upper"], share["k"]) == ("review_share", 0.3, 0.4, 30)
    assert (bound["estimate"], bound["level"], bound["n"], bound["k"]) == (0.05, 0.975, 80, 1)
    assert share["section"] == ""


@pytest.mark.parametrize("word", ["accepted", "inconclusive", "not_accepted"])
def test_other_verdicts_ask_for_nothing(word: str) -> None:
    """Nothing is said where review decides nothing."""
    assert list(estimate_review([verdict(word)], upstream())) == []


def test_review_all_keeps_its_reason() -> None:
    """Without a guarantee the error has no number, and the row says why."""
    silent = {"estimate": None, "status": Status.NOT_ESTIMABLE, "reason": "too_few_labelled"}
    bound = list(estimate_review([verdict()], upstream(**silent)))[1]
    assert (bound["status"], bound["reason"]) == (Status.NOT_ESTIMABLE, "too_few_labelled")


def test_a_source_without_confidence_is_reviewed_whole() -> None:
    """A manual collection that is accepted with review: not applicable, no confidence."""
    found = list(estimate_review([verdict(source="manual")], upstream()))
    assert {(row["status"], row["reason"]) for row in found} == {(Status.NOT_APPLICABLE, "no_score")}


def test_studies_without_confidence_are_as_before() -> None:
    """No row is added where the confidence notebook had nothing to say."""
    assert list(estimate_review([verdict()], derive_table([]))) == []
