"""The plan's rows: golden sizes reach the right variable and use, and say what cannot be planned."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from planned_study import DEMO, read_small
from probatio.planning import derive_power_curves, estimate_planning, find_faults
from probatio.planning.pairs import compute_paired_power
from probatio.planning.proportions import compute_exact_power
from probatio.protocol import Protocol, UserError, read_protocol
from probatio.results import derive_csv, derive_series, derive_table, select_rows


@pytest.fixture(scope="module")
def demo() -> Protocol:
    return read_protocol(DEMO)


@pytest.fixture(scope="module")
def rows(demo: Protocol) -> pd.DataFrame:
    return derive_table(estimate_planning(demo))


def read_one(rows: pd.DataFrame, **key: str) -> pd.Series:
    found = select_rows(rows, **key)
    assert len(found) == 1
    return found.iloc[0]


def test_the_golden_floor_stands_in_the_plan(rows: pd.DataFrame) -> None:
    """Steering, 5 % expected against 10 %: 316 values, 352 patients when a tenth is missing."""
    row = read_one(rows, variable="stage", use="steering", term="error", metric="planned_n")
    assert (row["n"], row["estimate"], row["at"], row["status"]) == (316, 352, "< 0.1", "ok")
    first = read_one(rows, variable="stage", use="steering", term="error", metric="planned_n_first")
    assert (first["n"], first["estimate"]) == (292, 325)


def test_visits_count_by_the_design_effect(rows: pd.DataFrame) -> None:
    """ECOG at four visits, correlated 0.2: 316 values are 316 x 1.6 / (4 x 0.9) patients."""
    row = read_one(rows, variable="ecog", use="steering", term="error", metric="planned_n")
    assert (row["n"], row["estimate"]) == (316, 141)


def test_the_power_of_the_study_is_that_of_what_its_patients_are_worth(rows: pd.DataFrame) -> None:
    """300 patients of whom a tenth is missing give the exact power of 270 values, with 17 errors allowed."""
    row = read_one(rows, variable="sex", use="steering", term="error", metric="planned_power")
    assert (row["n"], row["k"]) == (270, 17)
    assert row["estimate"] == pytest.approx(compute_exact_power(270, 0.05, 0.10, 0.025)[0])


def test_the_binding_criterion_asks_for_most(rows: pd.DataFrame) -> None:
    """Per variable and use the row without a term carries the largest number and names its criterion."""
    planned = select_rows(rows, metric="planned_n", status="ok")
    for (variable, use), own in planned.groupby(["variable", "use"]):
        single = own[own["term"] != ""]
        most = own[own["term"] == ""].iloc[0]
        assert most["estimate"] == single["estimate"].max(), (variable, use)
        assert most["at"].removeprefix("binding: ") in set(single.loc[single["estimate"].eq(most["estimate"]), "term"])


def test_all_criteria_together_need_more_than_any_one(rows: pd.DataFrame) -> None:
    """The joint size is at least the largest single one, the joint power at most the smallest, correlation helps."""
    for use in ("steering", "research", "regulatory"):
        joint = read_one(rows, use=use, variable="", metric="planned_n_all")["estimate"]
        assert joint >= select_rows(rows, use=use, metric="planned_n")["estimate"].max()
        powers = select_rows(rows, use=use, variable="", metric="planned_power_all").set_index("at")["estimate"]
        least = select_rows(rows, use=use, metric="planned_power")["estimate"].min()
        assert powers["independent"] < powers["correlated"] < least


def test_centres_are_planned(rows: pd.DataFrame) -> None:
    """Fifteen centres are more than the nine whose prediction interval ends below the limit."""
    assert read_one(rows, metric="planned_centres")["estimate"] == 9
    row = read_one(rows, metric="planned_prediction")
    assert 0 < row["lower"] < row["estimate"] < row["upper"] < 0.142
    assert read_one(rows, metric="planned_tau")["clusters"] == 15


def test_curves_pass_through_the_rows(demo: Protocol, rows: pd.DataFrame) -> None:
    """A curve is below the wanted power before the first size and above it from the planned one on."""
    curves = derive_series(derive_power_curves(demo))
    key = {"variable": "birth_month", "use": "research", "term": "error"}
    curve = select_rows(curves, **key)
    size = {m: read_one(rows, metric=m, **key)["estimate"] for m in ("planned_n", "planned_n_first")}
    assert len(curve) == 300
    assert (curve["y"][curve["x"] < size["planned_n_first"]] < 0.9).all()
    assert (curve["y"][curve["x"] >= size["planned_n"]] >= 0.9).all()


def test_a_plan_is_the_same_every_time(demo: Protocol, rows: pd.DataFrame) -> None:
    """Two computations give the same bytes."""
    assert derive_csv(derive_table(estimate_planning(demo))) == derive_csv(rows)


def test_a_lower_bound_is_planned_as_its_complement(tmp_path: Path) -> None:
    """Accuracy of 95 % against 90 % is the golden floor of 255, and the expected value reads 95 %."""
    rows = derive_table(estimate_planning(read_small(tmp_path)))
    assert read_one(rows, term="accuracy", metric="planned_n")["estimate"] == 255
    expected = read_one(rows, term="accuracy", metric="planned_expected")
    assert (expected["estimate"], expected["at"]) == (pytest.approx(0.95), "> 0.9")


def test_what_cannot_be_planned_says_why(tmp_path: Path) -> None:
    """Kappa has no method; omission of weight no alternative; without manual collection no difference."""
    rows = derive_table(estimate_planning(read_small(tmp_path)))
    assert read_one(rows, term="kappa", metric="planned_n")["reason"] == "no_formula"
    assert read_one(rows, term="omission", metric="planned_n")["reason"] == "no_alternative"
    alone = derive_table(estimate_planning(read_small(tmp_path, "role: manual", "role: ai")))
    assert read_one(alone, term="non_inferiority", metric="planned_n")["reason"] == "no_comparator"


def test_an_alternative_may_have_its_own_missing_share(tmp_path: Path) -> None:
    """Two values per patient correlated 0.5, a fifth missing: 255 values need 255 x 1.5 / 1.6 patients."""
    row = read_one(derive_table(estimate_planning(read_small(tmp_path))), term="error", metric="planned_n")
    assert (row["n"], row["estimate"]) == (255, 240)


def test_a_size_out_of_reach_is_not_estimable(tmp_path: Path) -> None:
    """A hair below the threshold no size is given, nor a joint or binding one, but the power is."""
    rows = derive_table(estimate_planning(read_small(tmp_path, "{error_rate: 0.05}", "{error_rate: 0.09999}")))
    own = select_rows(rows, variable="weight")
    assert read_one(own, metric="planned_n", term="error")["reason"] == "not_reached"
    assert read_one(own, metric="planned_n_all")["status"] == "not_estimable"
    assert select_rows(own, metric="planned_n", term="").empty
    assert read_one(own, metric="planned_power")["estimate"] < 0.05


@pytest.mark.parametrize(
    ("old", "new", "key", "what"),
    [
        ("{error_rate: 0.05}", "{error_rate: 0.1}", "planning.alternatives.1.expected.error_rate", "below"),
        ("accuracy_documented: 0.95", "accuracy_documented: 0.8", "expected.accuracy_documented", "above"),
        ("error_difference: 0}", "error_difference: 0.05}", "expected.error_difference", "does not lie below"),
        ("acceptance: acceptance.yaml\n", "", "planning", "add acceptance"),
    ],
)
def test_an_impossible_plan_is_refused(tmp_path: Path, old: str, new: str, key: str, what: str) -> None:
    """The key and the mistake are named; nothing is computed."""
    protocol = read_small(tmp_path, old, new)
    assert next(find_faults(protocol))
    with pytest.raises(UserError, match=what) as error:
        estimate_planning(protocol)
    assert key in str(error.value)


def test_a_protocol_without_a_plan_is_refused(demo: Protocol) -> None:
    """It is named what to add."""
    with pytest.raises(UserError, match="planning: missing; add"):
        derive_power_curves(demo.model_copy(update={"planning": None}))


def test_the_joint_size_is_the_smallest_that_lasts(demo: Protocol, rows: pd.DataFrame) -> None:
    """Multiplying the exact powers of a variable's criteria: 422 patients and more keep 90 %, 421 do not."""
    found = read_one(rows, variable="stage", use="research", metric="planned_n_all")
    values = [int((patients * 0.9) + 1e-9) for patients in range(421, 700)]
    powers = compute_exact_power(values, 0.03, 0.0772, 0.025) * compute_exact_power(values, 0.03, 0.10, 0.025)
    joint = powers * compute_paired_power(values, 0.0, 0.06, 0.05, 0.025) ** 2  # errors and omissions
    assert (found["estimate"], found["k"]) == (422, 4)
    assert joint[0] < 0.9
    assert (joint[1:] >= 0.9).all()
