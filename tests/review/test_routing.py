"""Gain of reviewing a value: probability, consequence, omissions, and an order that nothing but the data decides."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from routing_study import build_consequences, build_reviewed, build_scored, build_upstream

from probatio.measures.omissions import Mentions
from probatio.results import build_row, derive_table
from probatio.review.consequence import derive_consequence_rows, derive_consequences
from probatio.review.omitted import compute_omission, derive_mentioned
from probatio.review.routing import derive_gains
from probatio.wording import read_word


def pick(table: pd.DataFrame, variable: str, visit: str = "") -> pd.Series:
    """The line of one variable and visit."""
    found = table[(table["variable"] == variable) & (table["visit"] == visit)]
    assert len(found) == 1
    return found.iloc[0]


def test_gain_is_probability_times_consequence_per_minute() -> None:
    """0.2 x 0.5 / 2 minutes = 0.05; the weight, twice as doubtful but of a tenth of the consequence, comes later."""
    scored = build_scored(3)
    gains = derive_gains(scored, pd.Series([0.8, 0.6, 0.9]), build_reviewed(),
                         consequences=build_consequences(stage=0.5, weight=0.05, death=1.0))  # fmt: skip
    assert list(gains["variable"]) == ["stage", "death", "weight"]
    assert list(gains["gain"]) == pytest.approx([0.2 * 0.5 / 2, 0.1 * 1.0 / 2, 0.4 * 0.05 / 2])
    assert list(gains["probability"]) == pytest.approx([0.2, 0.1, 0.4])


def test_order_is_that_of_the_data_alone() -> None:
    """The same values in another order give the same queue, and values that tie do not follow the patients' names."""
    scored = build_scored(300, score=0.9)
    right = scored["score"]
    first = derive_gains(scored, right, build_reviewed(), consequences=build_consequences())
    mixed = scored.sample(frac=1, random_state=1)
    second = derive_gains(mixed, mixed["score"], build_reviewed(), consequences=build_consequences())
    pd.testing.assert_frame_equal(first, second)
    assert list(first["patient_id"]) != sorted(first["patient_id"])
    early = first["patient_id"].iloc[:150] < "P00050"
    assert 50 < early.sum() < 100, "ties favour no patient"


def test_only_the_reviewed_source_and_variables_are_routed() -> None:
    """Values of another source, and of variables that the review does not name, are not there."""
    scored = pd.concat([build_scored(30), build_scored(30, source="other")], ignore_index=True)
    gains = derive_gains(scored, scored["score"], build_reviewed({"variables": ["weight"]}),
                         consequences=build_consequences())  # fmt: skip
    assert set(gains["source"]) == {"ai"}
    assert set(gains["variable"]) == {"weight"}
    assert len(gains) == 10
    with pytest.raises(ValueError, match="no review"):
        derive_gains(scored, scored["score"], build_reviewed().model_copy(update={"review": None}),
                     consequences=build_consequences())  # fmt: skip


def test_a_value_of_which_nothing_is_known_is_as_good_as_not() -> None:
    """Neither confidence nor agreement: the probability of error is one half, not zero."""
    scored = build_scored(3).assign(score=[np.nan, 0.7, 0.7])
    gains = derive_gains(scored, pd.Series([np.nan, np.nan, 0.9]), build_reviewed(), consequences=build_consequences())
    assert pick(gains, "stage", "m1")["probability"] == 0.5
    assert pick(gains, "weight")["probability"] == pytest.approx(0.3), "nothing fitted: the score as it is"


def test_consequence_by_hand() -> None:
    """0.02 of a log hazard ratio over log 1.15, or one of the 0.1 x 100 values that are borne: the larger counts."""
    protocol = build_reviewed()
    table = derive_consequences(protocol, "ai", "research", rows=build_upstream(moved=0.02, borne=0.1))
    stage = pick(table, "stage", "access")
    assert stage["consequence"] == pytest.approx(0.02 / math.log(1.15))
    assert (stage["origin"], stage["analysis"], stage["term"]) == (
        "attribution",
        "by_stage",
        "log_hazard_ratio:stage=late",
    )
    table = derive_consequences(protocol, "ai", "research", rows=build_upstream(moved=0.02, borne=0.05))
    assert pick(table, "stage", "access")["consequence"] == pytest.approx(1 / (0.05 * 100))
    assert pick(table, "stage", "access")["origin"] == "tolerance"


def test_consequence_is_scaled_by_the_margin_of_the_use() -> None:
    """A dossier that bears 1.05 is moved further by the same error than research that bears 1.15."""
    why = {"justification": {"en": "x", "fr": "x"}, "source": "x"}
    protocol = build_reviewed(tolerance={"draws": 50, "margins": {"regulatory": 1.05}, **why})
    rows = build_upstream(moved=0.02, borne=0.9)
    found = {use: pick(derive_consequences(protocol, "ai", use, rows=rows), "stage", "access")["consequence"]
             for use in ("research", "regulatory")}  # fmt: skip
    assert found["regulatory"] / found["research"] == pytest.approx(math.log(1.15) / math.log(1.05))


def test_only_the_visit_that_is_read_has_a_consequence() -> None:
    """The analysis reads the stage at access: at m1 the floor holds, as for the weight; nothing lies below it."""
    protocol = build_reviewed({"floor": 0.04})
    table = derive_consequences(protocol, "ai", "research", rows=build_upstream())
    assert pick(table, "stage", "m1")["consequence"] == pick(table, "weight")["consequence"] == 0.04
    assert pick(table, "stage", "m1")["origin"] == "floor"
    low = derive_consequences(protocol, "ai", "research", rows=build_upstream(moved=1e-4, borne=0.9))
    assert pick(low, "stage", "access")["consequence"] == 0.04
    high = derive_consequences(protocol, "ai", "research", rows=build_upstream(moved=5.0))
    assert pick(high, "stage", "access")["consequence"] == 1.0


@pytest.mark.parametrize("term", ["median_survival", "cumulative_incidence", "rmst_difference:stage=late"])
def test_numbers_without_margin_say_nothing(term: str) -> None:
    """A median, an incidence, and a restricted mean whose margin the protocol leaves out cannot be scaled."""
    row = build_row("consequence", 3.0, source="ai", analysis="by_stage", variable="stage", term=term, k=12)
    table = derive_consequences(build_reviewed(), "ai", "research", rows=derive_table([row]))
    assert set(table["origin"]) == {"alike"}


def test_where_nothing_ran_errors_count_alike_and_the_row_says_so() -> None:
    """Consequence 1 everywhere, with a reason that is worded in both languages."""
    table = derive_consequences(build_reviewed(), "ai", "research", rows=derive_table([]))
    assert set(table["consequence"]) == {1.0}
    rows = derive_table(derive_consequence_rows(table, "ai", "research"))
    assert set(rows["reason"]) == {"no_attribution"}
    assert "alike" in read_word("reason", "no_attribution", "en")
    assert len(rows) == 4


def build_missing(**columns: object) -> pd.DataFrame:
    """Eight cells without a value, of tuning patients: five omissions of stage and weight, three absent deaths."""
    outcomes = ["O", "O", "O", "O", "O", "B", "B", "B"]
    base = build_scored(8, delivered=False, agreement=1.0, split="tuning", outcome=outcomes, mentioned="")
    return base.assign(variable=["stage"] * 3 + ["weight"] * 2 + ["death"] * 3, **columns)


def test_omissions_are_learnt_by_class_and_variable() -> None:
    """Due: 5 of 5, drawn to 5.5 / 6; may be absent: 0 of 3, to .5 / 4; the class weighs as four cells do."""
    found = compute_omission(build_missing(), build_reviewed())
    due, absent = 5.5 / 6, 0.5 / 4
    assert found[:3] == pytest.approx([(3 + 4 * due) / 7] * 3)
    assert found[3:5] == pytest.approx([(2 + 4 * due) / 6] * 2)
    assert found[5:] == pytest.approx([4 * absent / 7] * 3)


def test_omissions_are_learnt_on_tuning_patients_only() -> None:
    """Labels of other patients do not move the probability: without one of its class it is one half."""
    cells = build_missing(split="evaluation")
    assert compute_omission(cells, build_reviewed()) == pytest.approx([0.5] * 8)
    flipped = cells.assign(error=1 - cells["error"])
    assert compute_omission(flipped, build_reviewed()) == pytest.approx([0.5] * 8)


def test_a_value_found_elsewhere_or_mentioned_is_another_class() -> None:
    """What another technology found, or a document mentions, is judged beside its like."""
    cells = build_missing().assign(agreement=[0.0] * 4 + [1.0] * 4)
    found = compute_omission(cells, build_reviewed())
    assert found[3] != pytest.approx(found[4])
    mentions = Mentions(found={("stage", "P00000")}, read={"P00000", "P00001"})
    worded = build_reviewed(variables=[
        {"name": "stage", "label": {"en": "x", "fr": "x"}, "type": "ordinal", "levels": ["I", "III"],
         "mentioned": "stade", "visits": ["access", "m1"]},
        {"name": "weight", "label": {"en": "x", "fr": "x"}, "type": "number"},
        {"name": "death", "label": {"en": "x", "fr": "x"}, "type": "date"}])  # fmt: skip
    told = derive_mentioned(build_scored(9), worded, mentions)
    assert list(told) == ["yes", "", "", "no", "", "", "", "", ""]
    assert set(derive_mentioned(build_scored(9), worded, None)) == {""}


def test_missing_values_are_routed_by_their_own_probability() -> None:
    """The score of a missing value, which is how many others are silent too, is not its probability of being right."""
    cells = build_missing().drop(columns="mentioned")
    gains = derive_gains(cells, pd.Series(0.99, index=cells.index), build_reviewed(), consequences=build_consequences())
    assert gains.loc[gains["variable"] == "stage", "probability"].min() > 0.8
