"""The rules behind a release, one by one: parts, chains, sources, sums, copies."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from release_study import build_share, derive_study, list_outcome_rows

from probatio.provenance.release.blocks import choose_hidden
from probatio.provenance.release.catalogue import read_measures
from probatio.provenance.release.disclosing import round_digits, suppress_rows
from probatio.provenance.release.linked import compute_chain_floors
from probatio.results import build_row, derive_table, select_rows

MINIMUM = 10
PARTS = st.lists(st.integers(0, 30), min_size=1, max_size=8)


def hide(parts: list[int], left: int, minimum: int) -> np.ndarray:
    own = np.where(np.array(parts) > 0, np.array(parts, dtype=float), np.inf)
    return choose_hidden(own, np.array([*parts, left], dtype=float)[:, None], minimum)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(PARTS, st.integers(0, 30), st.integers(2, 15))
def test_parts_left_out_are_together_large_and_never_one_alone(parts: list[int], left: int, minimum: int) -> None:
    """Who knows the whole and the parts that leave knows of the rest only a sum that is 0 or large, of two at least."""
    hidden = hide(parts, left, minimum)
    together = sum(part for part, gone in zip(parts, hidden, strict=True) if gone) + left
    assert all(part == 0 or part >= minimum for part, gone in zip(parts, hidden, strict=True) if not gone)
    if not hidden.all():
        assert together == 0 or together >= minimum
        assert hidden.sum() != 1 or left > 0
    assert not (hidden & ~hide(parts, left, minimum + 1)).any()


def test_the_fewest_parts_are_left_out() -> None:
    """Of 3, 12, 40 and 50 the second smallest protects the smallest: 3 and 12 go, their sum 15 is known."""
    assert hide([40, 3, 50, 12], 0, 10).tolist() == [False, True, False, True]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=6), st.integers(2, 12))
def test_totals_that_stay_are_equal_or_far_apart(values: list[int], minimum: int) -> None:
    """No difference of two totals that stay lies between 1 and the minimum; the largest always stays."""
    floors = compute_chain_floors([float(value) for value in values], minimum)
    kept = sorted(value for value, floor in floors.items() if floor >= minimum)
    assert max(values) in kept
    assert all(b - a >= minimum for a, b in pairwise(kept))


def test_a_source_asked_a_few_times_less_keeps_its_share_in_whole_percent() -> None:
    """Manual was asked 204 values, the AI 200: the AI's error leaves as 15 %, without the counts that would show 4."""
    rows = [*list_outcome_rows({"C": 170, "W": 30, "O": 0, "U": 0, "B": 0}, **_key("ai")),
            *list_outcome_rows({"C": 168, "W": 36, "O": 0, "U": 0, "B": 0}, **_key("manual"))]  # fmt: skip
    found = suppress_rows(derive_table(rows), MINIMUM).rows
    own = select_rows(found, metric="error_rate", source="ai").iloc[0]
    assert (own["estimate"], own["status"]) == (0.15, "ok")
    assert own[["n", "k", "clusters"]].isna().all()
    assert select_rows(found, metric="error_rate", source="manual")["n"].tolist() == [204]


def test_a_number_of_values_near_what_was_asked_goes() -> None:
    """280 values were asked and 273 delivered: 7 missing would show; the estimate stays, in whole percent."""
    asked = build_row("cells", 280.0, term="assessed", n=280, unit="cells", section="01_cohort", **_key("ai"))
    share = build_share("non_conformant_rate", 60, 273, section="02_data_quality", source="ai", variable="stage")
    found = suppress_rows(derive_table([asked, share], study="study"), MINIMUM).rows
    row = select_rows(found, metric="non_conformant_rate").iloc[0]
    assert (row["estimate"], row["status"]) == (0.22, "ok")
    assert row[["n", "k", "clusters"]].isna().all()


def _key(source: str, variable: str = "stage") -> dict[str, str]:
    return {"source": source, "comparator": "reference", "variable": variable}


def test_a_sum_over_variables_goes_where_one_variable_alone_is_withheld() -> None:
    """63 errors of all less 25 and 35 would show the 3 of the variable that is withheld; of two it shows 23."""
    tables = {"a": 25, "b": 35, "c": 3}

    def derive(errors: dict[str, int]) -> pd.DataFrame:
        rows = [row for name, wrong in errors.items()
                for row in list_outcome_rows(_wrong(wrong), **_key("ai", name))]  # fmt: skip
        return derive_table(rows + list_outcome_rows(_wrong(sum(errors.values()), len(errors)), **_key("ai", "")))

    alone = suppress_rows(derive(tables), MINIMUM).rows
    assert set(select_rows(alone, variable="")["status"]) == {"suppressed"}
    two = suppress_rows(derive(tables | {"c": 9, "d": 9}), MINIMUM).rows
    assert "ok" in set(select_rows(two, variable="", metric="error_rate")["status"])


def _wrong(wrong: int, times: int = 1) -> dict[str, int]:
    return {"C": 100 * times - wrong, "W": wrong, "O": 0, "U": 0, "B": 0}


def test_thresholds_within_each_other_go_where_a_step_is_small() -> None:
    """Within 7 days 100, within 15 days 104 of 150: the 4 between would show."""
    rows = derive_study({"all": {"C": 100, "W": 50, "O": 0, "U": 0, "B": 0}})
    rows = rows[rows["stratum_by"] == ""].to_dict("records")
    steps = [
        build_share("within_days", k, 150, at=at, study="study", **_key("ai")) for at, k in (("7", 100), ("15", 104))
    ]
    found = suppress_rows(derive_table([*rows, *steps]), MINIMUM).rows
    assert set(select_rows(found, metric="within_days")["status"]) == {"suppressed"}


def test_a_count_withheld_is_withheld_under_every_name() -> None:
    """A criterion cites the omission rate that is withheld: it shows the same k and goes with it."""
    rows = derive_study({"all": {"C": 112, "W": 6, "O": 12, "U": 0, "B": 0}})
    cited = build_row("criterion", 12 / 130, unit="omission_rate", n=130, k=12, study="study", section="09_acceptance",
                      use="research", term="omission", **_key("ai"))  # fmt: skip
    found = suppress_rows(derive_table([*rows[rows["stratum_by"] == ""].to_dict("records"), cited]), MINIMUM).rows
    assert select_rows(found, metric="criterion")["status"].tolist() == ["suppressed"]


def test_the_sign_of_a_check_goes_with_its_number() -> None:
    """That a check failed tells that its share is above a threshold: a withheld check does not say it."""
    row = build_row("check", 3 / 50, unit="failed", n=50, k=3, section="02_data_quality", source="ai", term="rule")
    assert suppress_rows(derive_table([row]), MINIMUM).rows.loc[0, "unit"] == ""


@pytest.mark.parametrize("stratum_by", ["centre", "centre_document_type"])
def test_a_centre_never_leaves_by_itself(stratum_by: str) -> None:
    """However large, rows of one centre stay: centres are compared in the benchmark."""
    row = build_share("missing_rate", 400, 1000, section="02_data_quality", stratum_by=stratum_by, stratum="C01")
    assert suppress_rows(derive_table([row]), MINIMUM).rows["status"].tolist() == ["suppressed"]


def test_three_digits_are_what_leaves() -> None:
    """Shares and coefficients keep three significant digits, whole numbers all of theirs."""
    assert round_digits(np.array([0.123456, -12.3456, 1234.0, 0.0, np.nan]))[:4].tolist() == [0.123, -12.3, 1234.0, 0.0]


def test_every_listed_metric_has_a_kind_the_rules_know() -> None:
    """The list of metrics uses the kinds and shapes that the code treats, and no other."""
    kinds = {"share", "tally", "implied", "paired", "counted", "continuous", "raters"}
    kinds |= {"resting", "equivalence", "plan", "decision", "withheld"}
    shapes = {"own", "parts", "chained", "nested", "strata", "all", "whole"}
    assert {measure.kind for measure in read_measures().values()} == kinds
    assert {measure.shape for measure in read_measures().values()} <= shapes
    assert {measure.level for measure in read_measures().values()} <= {-1, 0, 1, 2, 3}
