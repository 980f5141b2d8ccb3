"""Rate rows: as one table and as mappings they say the same."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probatio.measures.rates import build_rate_rows, compute_reporting_interval, derive_rate_rows, derive_rows
from probatio.resampling import compute_clustered_mean
from probatio.results import COLUMNS, derive_table

VALUES = st.lists(st.tuples(st.booleans(), st.integers(0, 2), st.integers(0, 4), st.sampled_from([1.0, 2.5])))


@settings(max_examples=30, deadline=None)
@given(VALUES)
def test_mappings_hold_what_the_table_holds(values: list[tuple[bool, int, int, float]]) -> None:
    """Of any values, empty groups included, both forms give the same result rows to the last digit."""
    score, group, patient, weight = (np.array([value[at] for value in values], dtype=kind)
                                     for at, kind in enumerate((np.int8, np.int64, np.int64, float)))  # fmt: skip
    mean = compute_clustered_mean(score, group, patient, weight, 4)
    interval = compute_reporting_interval(mean, 0.95)
    names = [{"variable": "stage", "stratum": name} for name in ("a", "b", "c", "never")]
    table = derive_rate_rows(pd.DataFrame(names), "error_rate", mean, interval, level=0.95, unit="patient")
    rows = build_rate_rows(names, "error_rate", mean, interval, level=0.95, unit="patient")
    assert all(tuple(row) == COLUMNS for row in rows)
    pd.testing.assert_frame_equal(derive_table(rows), derive_table(table))
    assert [row["k"] for row in rows] == table["k"].tolist()


def test_columns_have_the_types_of_a_result_table() -> None:
    """Texts, floats and counts with missing ones, also where one value stands for all rows or there is no row."""
    for size in (0, 2):
        table = derive_rows(pd.DataFrame({"source": ["ai"] * size}), metric="bias", estimate=1, n=np.arange(size))
        assert {name: str(kind) for name, kind in table.dtypes.items() if str(kind) != "object"} == dict.fromkeys(
            ("estimate", "lower", "upper", "level"), "float64"
        ) | dict.fromkeys(("n", "k", "clusters", "replicates"), "Int64")
        assert (len(table), *table.columns) == (size, *COLUMNS)
        assert table["n"].tolist() == list(range(size))
        assert table["k"].isna().all()


def test_a_column_of_another_length_is_refused() -> None:
    """Two numbers for three rows are a fault, not a row left empty."""
    with pytest.raises(ValueError, match="length"):
        derive_rows(pd.DataFrame({"source": ["ai"] * 3}), metric="bias", estimate=np.zeros(2))
