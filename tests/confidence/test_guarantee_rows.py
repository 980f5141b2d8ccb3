"""Rules and rows of guaranteed acceptance, on tables written by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from guaranteed_study import make_scored
from probatio.confidence.guarantee import derive_selection_series, estimate_guarantee
from probatio.confidence.rules import derive_rules, find_risk
from probatio.protocol import Protocol, UserError
from probatio.results import Status, derive_series, derive_table, select_rows
from scored_study import LABEL, make_protocol

RISKS = {"risks": {"steering": 0.05}, "tuning": 0.3, "selection": 0.4}


def protocol(**confidence: Any) -> Protocol:
    """Return a protocol with one use and a bound of 5 %."""
    return make_protocol(confidence={**RISKS, **confidence}, uses=["steering"])


def estimate(scored: pd.DataFrame, given: Protocol) -> pd.DataFrame:
    """Return the rows as a run writes them."""
    return derive_table(estimate_guarantee(derive_rules(scored, given), scored, given))


def read(rows: pd.DataFrame, metric: str, variable: str = "stage") -> pd.Series:
    """Return the one row of a metric."""
    found = select_rows(rows, metric=metric, variable=variable)
    assert len(found) == 1
    return found.iloc[0]


def test_an_errorless_source_is_accepted_whole() -> None:
    """200 selection patients without an error: threshold 0, all accepted, 5 % guaranteed, nothing more is needed."""
    rows = estimate(make_scored(wrong=lambda _: False), protocol())
    threshold, bound = read(rows, "accept_threshold"), read(rows, "guaranteed_error")
    assert (threshold["estimate"], threshold["n"], threshold["k"]) == (0, 200, 0)
    assert (bound["estimate"], bound["level"], bound["method"]) == (0.05, 0.95, "exact_binomial")
    accepted, reviewed = read(rows, "accepted_share"), read(rows, "review_share")
    assert (accepted["estimate"], accepted["n"], accepted["k"]) == (1, 150, 150)
    assert (reviewed["estimate"], reviewed["k"]) == (0, 0)
    assert read(rows, "selective_error_rate")["upper"] < 0.05
    assert read(rows, "needed_patients")["reason"] == "guaranteed"


def test_errors_below_a_score_stay_below_the_threshold() -> None:
    """All errors have scores below 0.5: what is accepted is right, in the evaluation patients too."""
    scored = make_scored(wrong=lambda score: score < 0.3)
    rows = estimate(scored, protocol())
    threshold = read(rows, "accept_threshold")["estimate"]
    assert 0.2 < threshold < 0.45
    assert read(rows, "selective_error_rate")["estimate"] <= 0.05
    whole = read(rows, "accepted_share")
    seen = scored[scored["split"] == "evaluation"]
    assert whole["k"] == (seen["score"] >= threshold).sum()


def test_a_bad_source_is_reviewed_whole_and_no_sample_would_do() -> None:
    """One value in five wrong whatever the score: review all, no number of patients, and the reason."""
    rng = np.random.default_rng(2)
    rows = estimate(make_scored(wrong=lambda _: rng.random() < 0.2), protocol())
    for metric in ("accept_threshold", "guaranteed_error", "needed_patients"):
        row = read(rows, metric)
        assert (row["status"], row["reason"]) == (Status.NOT_ESTIMABLE, "risk_not_below")
    assert (read(rows, "accepted_share")["estimate"], read(rows, "review_share")["estimate"]) == (0, 1)
    assert read(rows, "review_share")["reason"] == "review_all"
    assert read(rows, "selective_error_rate")["reason"] == "review_all"


def test_too_few_patients_say_how_many_are_needed() -> None:
    """40 errorless selection patients of 100 cannot show 5 %: 59 could, hence 148 labelled ones (59 / 0.4)."""
    rows = estimate(make_scored(wrong=lambda _: False, sizes=(30, 40, 30)), protocol())
    assert read(rows, "guaranteed_error")["reason"] == "too_few_labelled"
    needed = read(rows, "needed_patients")
    assert (needed["estimate"], needed["n"], needed["k"]) == (148, 100, 48)


def test_what_breaks_a_rule_or_does_not_conform_is_never_accepted() -> None:
    """Their confidence of 1 does not help them."""
    scored = make_scored(wrong=lambda _: False)
    scored.loc[::7, "violated"] = 1
    scored.loc[1::7, "conformant"] = False
    rows = estimate(scored, protocol())
    seen = scored[scored["split"] == "evaluation"]
    assert read(rows, "accepted_share")["k"] == ((seen["violated"] == 0) & seen["conformant"]).sum() < 150


def test_several_values_per_patient_and_unequal_weights_are_bet_on() -> None:
    """The exact binomial is for one value per patient and equal weights alone."""
    several = make_scored(wrong=lambda _: False, visits=("access", "m1"), variable="weight")
    weighted = make_scored(wrong=lambda _: False)
    weighted["weight"] = np.where(np.arange(len(weighted)) % 2, 1.0, 1.5)
    assert read(estimate(several, protocol()), "guaranteed_error", "weight")["method"] == "betting"
    assert read(estimate(weighted, protocol()), "guaranteed_error")["method"] == "betting"


def test_parts_that_share_a_patient_are_refused() -> None:
    """A patient who tunes and judges would flatter the rule; the sentence names the parts and no patient."""
    scored = make_scored(wrong=lambda _: False)
    scored = pd.concat([scored, scored.iloc[:1].assign(split="evaluation", visit="m1")], ignore_index=True)
    with pytest.raises(UserError, match="more than one of evaluation, tuning"):
        derive_rules(scored, protocol())


def test_evaluation_patients_move_no_threshold() -> None:
    """Their errors change what is said of the rule, never the rule."""
    scored = make_scored(wrong=lambda score: score < 0.3)
    flipped = scored.assign(error=scored["error"].where(scored["split"] != "evaluation", 1 - scored["error"]))
    first, second = (derive_rules(each, protocol())[0] for each in (scored, flipped))
    assert first.threshold == second.threshold
    assert estimate(scored, protocol()).equals(estimate(scored, protocol()))


def test_last_digits_of_a_score_move_nothing() -> None:
    """Scores that another machine computes a hair higher or lower accept the same values."""
    scored = make_scored(wrong=lambda score: score < 0.3)
    scored["score"] = scored["score"].round(1)
    moved = scored.assign(score=scored["score"] + np.where(np.arange(len(scored)) % 2, 1e-14, -1e-14))
    pd.testing.assert_frame_equal(estimate(scored, protocol()), estimate(moved, protocol()))


def test_order_of_rows_and_names_of_other_patients_move_nothing() -> None:
    """Rows in another order give the same bytes."""
    scored = make_scored(wrong=lambda score: score < 0.2, visits=("access", "m1"), variable="weight")
    shuffled = scored.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(estimate(scored, protocol()), estimate(shuffled, protocol()))


def test_delta_may_be_shared_by_the_variables_of_a_use() -> None:
    """Two variables at 5 % together: 2.5 % each, and one promise for all values accepted."""
    both = pd.concat([make_scored(wrong=lambda _: False), make_scored(wrong=lambda _: False, variable="born")])
    shared = estimate(both, protocol(family="use"))
    assert read(shared, "guaranteed_error")["level"] == pytest.approx(0.975)
    whole = read(shared, "guaranteed_error", "")
    assert (whole["estimate"], whole["level"], whole["n"], whole["k"]) == (0.05, 0.95, 2, 2)
    alone = read(estimate(both, protocol()), "guaranteed_error", "")
    assert (alone["status"], alone["reason"], alone["k"]) == (Status.NOT_APPLICABLE, "each_variable", 2)


def test_bound_is_declared_or_the_matrix_s() -> None:
    """`risks` first, then the numeric threshold of `error_rate`; a cited tolerance is none."""
    words = {"justification": LABEL, "source": "test", "bound": "upper", "metric": "error_rate"}
    criteria = [{"name": "tolerance", "threshold": "tolerance", **words}, {"name": "error", "threshold": 0.08, **words}]
    sets = [{"types": ["ordinal"], "uses": ["research"], "criteria": criteria}]
    given = make_protocol(confidence={"risks": {"steering": 0.03}}, acceptance={"sets": sets})
    stage, born = given.get_variable("stage"), given.get_variable("born")
    assert find_risk(given, stage, "steering") == 0.03
    assert find_risk(given, stage, "research") == 0.08
    assert find_risk(given, born, "research") is None


def test_without_a_bound_nothing_is_said_and_why() -> None:
    """Not applicable, not declared: never a silent absence."""
    scored = make_scored(wrong=lambda _: False)
    rows = estimate(scored, make_protocol(uses=["research"]))
    own = select_rows(rows, variable="stage", use="research")
    said = own[own["metric"] != "saved_minutes"]
    assert set(said["status"]) == {"not_applicable"}
    assert {"not_declared"} == set(said["reason"])


def test_minutes_are_those_of_the_review() -> None:
    """Accepted values of the whole cohort times the minutes of one; without a review not declared."""
    scored = make_scored(wrong=lambda _: False)
    review = {"source": "ai", "budget": {"share": 0.3}, "minutes_per_value": 0.5, "justification": LABEL}
    given = make_protocol(confidence=RISKS, uses=["steering"], review=review)
    assert read(estimate(scored, given), "saved_minutes")["estimate"] == 0.5 * len(scored)
    assert read(estimate(scored, protocol()), "saved_minutes")["reason"] == "not_declared"


def test_empty_cells_go_to_people_or_stay_empty() -> None:
    """Required: to people. Else only where another technology has a value; the others stay empty, with omissions."""
    scored = make_scored(wrong=lambda _: False)
    scored.loc[:9, ["delivered", "score"]] = [False, np.nan]
    given = make_protocol(confidence=RISKS, uses=["steering"])
    rows = estimate(scored, given)
    assert (read(rows, "undelivered_reviewed_share")["k"], read(rows, "undelivered_empty_share")["k"]) == (10, 0)
    loose = given.model_copy(
        update={"variables": [each.model_copy(update={"required": False}) for each in given.variables]}
    )
    scored["agreement"] = np.where(np.arange(len(scored)) < 4, 0.5, 1.0)
    scored.loc[[5, 6], "error"] = 1.0
    rows = estimate(scored, loose)
    assert (read(rows, "undelivered_reviewed_share")["k"], read(rows, "undelivered_empty_share")["k"]) == (4, 6)
    omitted = read(rows, "empty_omission_rate")
    assert (omitted["n"], omitted["k"]) == (6, 2)


def test_plain_threshold_promises_nothing_and_accepts_more() -> None:
    """The laxest threshold whose observed error is at most 5 % accepts more than the guaranteed one."""
    rng = np.random.default_rng(5)
    rows = estimate(make_scored(wrong=lambda score: rng.random() < 0.4 * (1 - score) ** 2), protocol())
    assert read(rows, "plain_accepted_share")["estimate"] > read(rows, "accepted_share")["estimate"]


def test_series_show_the_sequence() -> None:
    """A point per threshold, p-values and risks; the last threshold that passed is the rule's."""
    rules = derive_rules(make_scored(wrong=lambda score: score < 0.3), protocol())
    series = derive_series(derive_selection_series(rules))
    p = select_rows(series, metric="selection_p", variable="stage")
    assert len(p) == len(rules[0].selection.thresholds)
    assert p.loc[p["x"] == rules[0].threshold, "y"].iloc[0] <= 0.05
    assert "patient_id" not in series
