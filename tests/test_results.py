"""Rows are selected the same way from a table with an index and from one without."""

from __future__ import annotations

from itertools import product

import pandas as pd
import pytest

from probatio.results import build_row, derive_table, index_rows, select_rows

NAMES = {"source": ["ai", "manual"], "variable": ["stage", "sex", "ecog"], "metric": ["error_rate", "k"]}
ASKED: list[dict[str, object]] = [
    {},
    {"source": "ai"},
    {"source": "ai", "variable": "stage", "metric": "k"},
    {"source": ["ai", "manual"], "variable": "sex"},
    {"source": "ai", "variable": "never"},
    {"source": "never", "variable": "stage"},
    {"variable": ["sex", "never"]},
    {"variable": "stage", "n": 7},
    {"source": "ai", "metric": []},
]


def build_rows() -> pd.DataFrame:
    names = [dict(zip(NAMES, values, strict=True)) for values in product(*NAMES.values())]
    return derive_table(
        build_row(estimate=place, at=str(place), n=place, **name) for place in range(100) for name in names
    )


@pytest.mark.parametrize("asked", ASKED)
def test_an_index_changes_no_selection(asked: dict[str, object]) -> None:
    """The same rows in the same order, with their places, whatever is asked of whichever columns."""
    plain, indexed = build_rows(), index_rows(build_rows())
    for _ in range(2):  # the second time from what the first one kept
        pd.testing.assert_frame_equal(select_rows(indexed, **asked), select_rows(plain, **asked))


def test_a_selection_may_be_changed_without_changing_the_table() -> None:
    """What is selected is a copy."""
    table = index_rows(build_rows())
    part = select_rows(table, source="ai")
    part["source"] = "changed"
    assert not (table["source"] == "changed").any()
