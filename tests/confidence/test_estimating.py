"""Rows and curves of confidence: what there is, what it says of the bundled study, and what it says of nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from probatio.confidence.calibration import derive_calibrated
from probatio.confidence.estimating import estimate_confidence, estimate_confidence_series, select_sound
from probatio.confidence.scored import SCORED_COLUMNS
from probatio.protocol import Protocol
from probatio.resampling import Draws
from probatio.results import select_rows
from probatio.synthetic.design import CENTRES
from scored_study import Demo, make_protocol, make_scored

DRAWS = Draws(seed=1, frame="all", unit="patient", replicates=100)
CONFIDENCE = {"costs": {"false_value": 50, "omission": 20, "minute": 0.5}}
PROTOCOL = make_protocol("reference", "ai", "other", confidence=CONFIDENCE)
BIAS = {"ai_a": {centre.name: centre.over_a for centre in CENTRES}, "ai_b": {c.name: c.over_b for c in CENTRES}}


def estimate(scored: pd.DataFrame, protocol: Protocol = PROTOCOL) -> pd.DataFrame:
    return estimate_confidence(scored, protocol, draws=DRAWS)


@pytest.mark.parametrize("source", ["ai_a", "ai_b"])
def test_the_direction_of_each_centre_is_that_of_the_design(demo: Demo, source: str) -> None:
    """The design's over-confidence by centre orders the intercepts; no interval lies on the wrong side of another's."""
    found = select_rows(demo.rows, analysis="reliability", metric="calibration_intercept", source=source,
                        stratum_by="centre", variable="", status="ok")  # fmt: skip
    bias = found["stratum"].map(BIAS[source]).to_numpy()
    assert len(found) == 10
    assert spearmanr(bias, found["estimate"]).statistic < -0.85
    timid, bold = found[bias <= -0.5], found[bias >= 0.8]
    assert (timid["lower"] > -0.6).all()
    assert timid["lower"].min() > bold["lower"].max()
    gaps = select_rows(demo.rows, analysis="reliability", metric="confidence_gap", source=source, stratum_by="centre",
                       variable="", status="ok")  # fmt: skip
    sure = gaps[((gaps["lower"] > 0) | (gaps["upper"] < 0)) & (gaps["stratum"].map(BIAS[source]) != 0)]
    signs = np.sign(sure["stratum"].map(BIAS[source]).to_numpy())
    assert len(sure) >= 4
    assert (np.sign(sure["estimate"].to_numpy()) == signs).all()


def test_recalibration_helps_on_patients_that_it_never_saw(demo: Demo) -> None:
    """Pooled and logistic lower the Brier score and the area under risk-coverage beyond chance, in both sources."""
    changes = select_rows(demo.rows, metric=["brier_difference", "aurc_difference"], term=["logistic", "pooled"])
    assert len(changes) == 8
    assert (changes["upper"] < 0).all()
    ece = select_rows(demo.rows, analysis="recalibration", metric="ece", stratum_by="").set_index(["source", "term"])
    for source in BIAS:
        assert ece.loc[(source, "pooled"), "estimate"] < ece.loc[(source, "raw"), "estimate"]


def test_pooled_recalibration_turns_each_centre_the_right_way(demo: Demo) -> None:
    """It adds more to the logit of AI A's confidence in every timid centre than in every bold one."""
    chance = derive_calibrated(demo.scored, demo.protocol, method="pooled")
    values = select_sound(demo.scored)
    values = values[(values["source"] == "ai_a") & (values["agreement"] == 1) & (values["violated"] == 0)]
    x, y = (np.log(p / (1 - p)) for p in (values["confidence"], chance[values.index].clip(1e-4, 1 - 1e-4)))
    moved = (y - x).groupby(values["centre"]).median()
    large = [centre for centre in CENTRES if centre.size >= 15]
    timid, bold = ([each.name for each in large if low <= each.over_a <= high] for low, high in ((-1, -0.5), (0.5, 2)))
    assert (len(timid), len(bold)) == (3, 4)
    assert moved[timid].min() > moved[bold].max()


def test_values_are_accounted_for(demo: Demo) -> None:
    """N counts the delivered, conformant, judged values; variables add up to all; risk-coverage keeps the others."""
    judged = demo.scored[demo.scored["delivered"] & demo.scored["error"].notna()]
    for source in BIAS:
        own = judged[judged["source"] == source]
        whole = select_rows(demo.rows, analysis="reliability", metric="ece", source=source, variable="", stratum_by="")
        parts = select_rows(demo.rows, analysis="reliability", metric="ece", source=source, stratum_by="")
        parts = parts[parts["variable"] != ""]
        assert whole["n"].iloc[0] == own["conformant"].sum() == parts["n"].sum()
        assert whole["k"].iloc[0] == own.loc[own["conformant"], "error"].sum()
        accepted = select_rows(demo.rows, analysis="risk_coverage", metric="aurc", source=source, variable="")
        assert accepted["n"].iloc[0] == len(own)


def test_small_strata_are_suppressed_and_every_interval_holds_its_estimate(demo: Demo) -> None:
    """Centres under ten patients keep n alone; bounds lie on both sides of what they bound."""
    gaps = select_rows(demo.rows, metric="confidence_gap", analysis="reliability", stratum_by="centre", variable="")
    assert set(gaps.loc[gaps["clusters"] < 10, "status"]) == {"suppressed"}
    assert set(gaps.loc[gaps["clusters"] >= 10, "status"]) == {"ok"}
    known = demo.rows[demo.rows["status"].eq("ok") & demo.rows["lower"].notna()]
    inside = (known["lower"] <= known["estimate"] + 1e-12) & (known["estimate"] <= known["upper"] + 1e-12)
    exempt = known["metric"].isin(["ece", "cheapest_cost", "cost_saving", "cheapest_share", "brier_reliability"])
    assert inside[~exempt].all()


def test_costs_are_those_of_the_protocol(demo: Demo) -> None:
    """Reviewing all costs the minutes; the cheapest share costs less than both ends, and less when recalibrated."""
    costs = select_rows(demo.rows, analysis="costs").set_index(["source", "term", "metric"])["estimate"]
    for source in BIAS:
        own = costs[source]["pooled"]
        assert own["cost_review_all"] == pytest.approx(0.8 * 0.6)
        assert own["cheapest_cost"] < min(own["cost_review_all"], own["cost_review_none"])
        assert own["cost_saving"] == pytest.approx(own["cost_review_none"] - own["cheapest_cost"])
        assert own["cheapest_cost"] < costs[source]["raw"]["cheapest_cost"]


def test_curves_meet_their_rows(demo: Demo) -> None:
    """Risk at full coverage is the error of accepting all; masses add to one; costs end at their rows."""
    for source in BIAS:
        curve = select_rows(demo.series, metric="risk_coverage", analysis="recalibration", source=source, term="pooled")
        base = select_rows(
            demo.rows, metric="accepted_error_rate", analysis="recalibration", source=source, term="pooled"
        )
        assert curve["x"].max() == pytest.approx(1)
        assert curve.loc[curve["x"].idxmax(), "y"] == pytest.approx(base["estimate"].iloc[0])
        mass = select_rows(demo.series, metric="score_mass", source=source, variable="", stratum_by="")
        assert mass["y"].sum() == pytest.approx(1)
        cost = select_rows(demo.series, metric="cost", source=source, term="pooled").sort_values("x")
        ends = select_rows(
            demo.rows, analysis="costs", source=source, term="pooled", metric=["cost_review_none", "cost_review_all"]
        )
        assert cost["y"].iloc[[0, -1]].tolist() == pytest.approx(
            ends.sort_values("metric", ascending=False)["estimate"].tolist()
        )


def test_the_order_of_values_moves_no_number() -> None:
    """Shuffled rows give the same table."""
    scored = make_scored(60, 6)
    shuffled = scored.sample(frac=1, random_state=2)
    pd.testing.assert_frame_equal(estimate(scored), estimate(shuffled), rtol=1e-9)


def test_a_source_with_neither_confidence_nor_agreement_says_why() -> None:
    """Not applicable, with its reason; and without reference another one."""
    silent = make_scored(60, 6).assign(confidence=np.nan, score=np.nan)
    for table, reason in (
        (silent, "no_confidence"),
        (make_scored(60, 6).assign(error=np.nan, split=""), "no_reference"),
    ):
        rows = estimate(table)
        own = select_rows(rows, source="ai")
        assert set(own["status"]) == {"not_applicable"}
        assert set(own["reason"]) == {reason}
        assert {"ece", "calibration_slope", "aurc"} <= set(own["metric"])
        assert estimate_confidence_series(table, PROTOCOL, draws=DRAWS).empty


def test_agreement_scores_a_source_without_confidence() -> None:
    """Its rows carry the term agreement."""
    scored = make_scored(60, 6)
    scored["agreement"] = np.where(np.arange(len(scored)) % 3 == 0, 0.5, 1.0)
    rows = estimate(scored.assign(confidence=np.nan, score=scored["agreement"]))
    assert set(select_rows(rows, analysis="reliability", source="ai")["term"]) == {"agreement"}


def test_without_a_declaration_only_what_is_delivered_is_judged() -> None:
    """No split, no recalibration, no cost."""
    bare = PROTOCOL.model_copy(update={"confidence": None})
    rows = estimate(make_scored(60, 6).assign(split=""), bare)
    assert {name for name in rows["analysis"] if name} == {"reliability", "risk_coverage"}


def test_an_empty_table_gives_no_values() -> None:
    """A study without technology has no row; one whose technology delivers nothing says so."""
    nothing = make_scored(3, 1).iloc[:0]
    assert estimate(nothing, make_protocol("reference", "manual")).empty
    assert set(estimate(nothing)["status"]) == {"not_applicable"}
    assert list(nothing.columns) == [*SCORED_COLUMNS]


def test_a_perfect_source_has_no_area_and_no_slope() -> None:
    """Undefined stays undefined; the gap and its bounds remain."""
    whole = {"analysis": "reliability", "source": "ai", "variable": "", "stratum_by": ""}
    rows = select_rows(estimate(make_scored(60, 6).assign(error=0.0, outcome="C")), **whole).set_index("metric")
    for metric in ("auroc", "calibration_slope", "calibration_intercept", "brier_skill"):
        assert (rows.loc[metric, "status"], rows.loc[metric, "reason"]) == ("not_estimable", "one_class_only")
    assert rows.loc["confidence_gap", "status"] == "ok"
    assert rows.loc["confidence_gap", "lower"] < rows.loc["confidence_gap", "upper"]


def test_centres_as_the_unit_widen_the_intervals() -> None:
    """A new centre: clusters are centres."""
    scored = make_scored(240, 4, shifts=tuple(np.linspace(-1, 1, 24)))
    draws = Draws(seed=1, frame="all", unit="centre", replicates=200)
    whole = {"analysis": "reliability", "metric": "calibration_intercept", "variable": "", "stratum_by": ""}
    by_patient, by_centre = (
        select_rows(estimate_confidence(scored, PROTOCOL, draws=each), **whole).iloc[0] for each in (DRAWS, draws)
    )
    assert (by_centre["clusters"], by_centre["cluster_unit"]) == (24, "centre")
    assert by_centre["upper"] - by_centre["lower"] > 1.3 * (by_patient["upper"] - by_patient["lower"])
