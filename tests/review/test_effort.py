"""Error against share reviewed: by hand, against brute force, and what a replicate is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from routing_study import SOURCES, build_comparison, build_consequences, build_reviewed, build_scored

from probatio.protocol import Protocol
from probatio.resampling import Draws, Floats
from probatio.results import select_rows
from probatio.review.effort import ORDERS, Labelled, compute_effort, derive_labelled, find_order
from probatio.review.effort_rows import EffortRows, estimate_effort, find_crossing
from probatio.review.reviewers import derive_reviewer_error, derive_reviewer_rows
from probatio.review.routing import derive_gains
from survival_study import LABEL

SHARES = np.linspace(0, 1, 11)


def build_labelled(before: list[int], probability: Any, **more: Any) -> Labelled:
    """Values of one type, one patient each unless told otherwise."""
    n = len(before)
    base: dict[str, Any] = {
        "before": np.array(before), "type": np.zeros(n, dtype=np.intp), "patient": np.arange(n), "weight": np.ones(n),
        **{name: np.asarray(probability, dtype=float) for name in ("probability", "gain", "stated")},
        "consequence": np.ones(n), "reviewable": np.ones(n, dtype=bool),
    }  # fmt: skip
    return Labelled(**(base | more))


def build_rates(right: float, wrong: float, unsupported: float, absent: float, lines: int = 1) -> Floats:
    """The same rates for the only type, in every replicate."""
    return np.tile(np.array([right, wrong, unsupported, absent]).reshape(1, 4, 1), (lines, 1, 1))


def run(labelled: Labelled, order: str, rates: Floats, shares: Any = SHARES) -> Floats:
    """The curve of errors of one set of patients, each drawn once."""
    weights = np.ones((1, int(labelled.patient.max()) + 1), dtype=np.uint16)
    return compute_effort(labelled, order, rates, weights, np.asarray(shares, dtype=float)).errors[0]


def test_error_by_hand() -> None:
    """Ten right and two wrong values, the wrong ones first; reviewers miss half of those, spoil 0.1 of the others."""
    labelled = build_labelled([1, 1] + [0] * 10, [0.9, 0.8] + [0.1] * 10)
    rates = build_rates(0.1, 0.5, 0, 0)
    curve = run(labelled, "doubtful", rates, [0, 1 / 12, 2 / 12, 1])
    assert curve == pytest.approx([2 / 12, 1.5 / 12, 1 / 12, (1 + 10 * 0.1) / 12])
    assert run(labelled, "random", rates, [0.5])[0] == pytest.approx((2 / 12 + 2 / 12) / 2)


def test_an_unsupported_value_taken_away_leaves_the_denominator() -> None:
    """One right, one unsupported, two absent; the unsupported is seen for sure, an absent one is filled with 0.25."""
    labelled = build_labelled([0, 2, 3, 3], [0.1, 0.9, 0.5, 0.4])
    rates = build_rates(0, 0, 0, 0.25)
    curve = run(labelled, "doubtful", rates, [0, 0.25, 0.5, 0.75])
    assert curve == pytest.approx([1 / 2, 0 / 1, 0.25 / 1.25, 0.5 / 1.5])


def test_what_cannot_be_reviewed_stays() -> None:
    """An omitted event counts at every share, and takes no part in the share."""
    labelled = build_labelled([1, 0, 1], [0.9, 0.1, 1.0], reviewable=np.array([True, True, False]))
    assert run(labelled, "doubtful", build_rates(0, 0, 0, 0), [0, 0.5, 1]) == pytest.approx([2 / 3, 1 / 3, 1 / 3])


def test_perfect_reviewers_on_the_oracle_end_all_errors_at_the_error_rate() -> None:
    """A fifth of the values is wrong: an oracle ends errors at a share of a fifth; no order lies below it."""
    rng = np.random.default_rng(2)
    labelled = build_labelled([1] * 20 + [0] * 80, rng.random(100))
    perfect = build_rates(0, 0, 0, 0)
    assert run(labelled, "oracle", perfect, [0, 0.1, 0.2, 1]) == pytest.approx([0.2, 0.1, 0, 0])
    best = run(labelled, "oracle", build_rates(0.03, 0.3, 0, 0))
    for order in ORDERS:
        assert (best <= run(labelled, order, build_rates(0.03, 0.3, 0, 0)) + 1e-12).all()


def test_confident_values_are_better_left_alone_where_reviewers_err_more() -> None:
    """Reviewers spoil 5 % of right values: past the doubtful ones the error rises again, up to the reviewers' own."""
    labelled = build_labelled([1] * 30 + [0] * 270, [0.9] * 30 + [0.01] * 270)
    curve = run(labelled, "doubtful", build_rates(0.05, 0.2, 0, 0))
    assert curve.argmin() == 1
    assert curve[1] == pytest.approx(0.02)
    assert (np.diff(curve[1:]) > 0).all()
    assert curve[-1] == pytest.approx((30 * 0.2 + 270 * 0.05) / 300)


@pytest.mark.parametrize("order", ORDERS)
def test_expectation_equals_brute_force(order: str) -> None:
    """2,000 reviews with errors drawn one by one give the same curve, within 4 standard errors."""
    rng = np.random.default_rng(5)
    before = rng.choice(4, 60, p=[0.6, 0.2, 0.1, 0.1])
    labelled = build_labelled(list(before), rng.random(60), weight=rng.uniform(1, 3, 60))
    rates = build_rates(0.1, 0.3, 0.2, 0.15)
    shares = [0.25, 0.5]
    curve = run(labelled, order, rates, shares)
    repeats = 2000
    sums = np.zeros((repeats, len(shares), 2))
    for repeat in range(repeats):
        places = rng.permutation(60) if order == "random" else find_order(labelled, order)
        reached = np.cumsum(labelled.weight[places]) / labelled.weight.sum()
        missed = rng.random(60) < rates[0, before, 0]
        for at, share in enumerate(shares):
            part = np.zeros(
                60
            )  # how much of each value was reviewed: the last one in part, as the curve is linear there
            part[places] = np.clip(
                (share - (reached - np.diff(reached, prepend=0))) / np.diff(reached, prepend=0), 0, 1
            )
            seen = rng.random(60) < part
            error = np.where(seen, missed, np.isin(before, [1, 2]))
            value = np.where(before < 2, True, error)
            sums[repeat, at] = [labelled.weight @ error, labelled.weight @ value]
    for at in range(len(shares)):
        errors, values = sums[:, at].T
        found = errors.sum() / values.sum()
        spread = np.std(errors - found * values) / values.mean() / math.sqrt(repeats)
        assert abs(found - curve[at]) < 4 * spread + 1e-12


def test_a_patient_drawn_twice_counts_as_two() -> None:
    """A replicate with weights equals the curve of values written as often, one patient left out."""
    rng = np.random.default_rng(7)
    patient = np.repeat(np.arange(6), 5)
    before, probability = rng.choice(4, 30, p=[0.6, 0.2, 0.1, 0.1]), rng.random(30)
    labelled = build_labelled(list(before), probability, patient=patient)
    drawn = np.array([[2, 1, 0, 3, 1, 1]], dtype=np.uint16)
    rates = build_rates(0.1, 0.3, 0.2, 0.15)
    copies = np.repeat(np.arange(30), drawn[0, patient])
    written = build_labelled(list(before[copies]), probability[copies])
    for order in ORDERS:
        found = compute_effort(labelled, order, rates, drawn, SHARES).errors[0]
        assert found == pytest.approx(run(written, order, rates))


def test_consequences_weigh_errors() -> None:
    """Two wrong values of consequence 1 and 0.1: reviewing the first leaves a tenth of what both do."""
    labelled = build_labelled([1, 1], [0.9, 0.8], consequence=np.array([1.0, 0.1]))
    weights = np.ones((1, 2), dtype=np.uint16)
    found = compute_effort(labelled, "doubtful", build_rates(0, 0, 0, 0), weights, np.array([0.0, 0.5])).consequences
    assert found[0] == pytest.approx([1.0, 0.1 / 1.1])


def test_crossing_by_hand() -> None:
    """Between shares the curve is a line; already below, it is 0; never below, infinite."""
    shares = np.array([0.0, 0.1, 0.2])
    curves = np.array([[0.2, 0.1, 0.05], [0.2, 0.1, 0.05], [0.2, 0.1, 0.05]])
    found = find_crossing(shares, curves, np.array([0.15, 0.3, 0.01]))
    assert found[:2] == pytest.approx([0.05, 0.0])
    assert np.isinf(found[2])


def draw_readers(scored: pd.DataFrame, right: float, wrong: float, seed: int = 1) -> list[str]:
    """Outcomes of a reader who spoils `right` of the right values and misses `wrong` of the wrong ones."""
    rng = np.random.default_rng(seed)
    rate = np.where(scored["outcome"] == "C", right, wrong)
    return ["W" if missed else "C" for missed in rng.random(len(scored)) < rate]


def estimate(scored: pd.DataFrame, protocol: Protocol, **readers: Any) -> EffortRows:
    """Effort on some values with readers' outcomes."""
    gains = derive_gains(scored, scored["score"], protocol, consequences=build_consequences())
    return estimate_effort(gains, build_comparison(scored, readers), protocol, draws=Draws(1, "all", "patient", 200))


def test_reviewers_err_as_the_second_reader_does() -> None:
    """Rates by what the technology said; a type with few values, or few errors, takes those of all types."""
    scored = build_scored(600)
    reader = draw_readers(scored, 0.15, 0.3)
    comparison = build_comparison(scored, {"reader": reader})
    weights = np.ones((1, len(comparison.patients)), dtype=np.uint16)
    found = derive_reviewer_error(comparison, build_reviewed(), "ai", weights)
    assert found.source == "reader"
    wrong, right = np.array(reader) == "W", (scored["outcome"] == "C").to_numpy()
    is_weight = (scored["variable"] == "weight").to_numpy()
    place = found.types.index("number")
    assert found.rates[0, 0, place] == pytest.approx(wrong[right & is_weight].mean())
    assert found.rates[0, 1, place] == pytest.approx(wrong[~right & is_weight].mean())
    assert found.rates[1] == pytest.approx(found.rates[0]), "each patient drawn once"
    few = build_comparison(scored, {"reader": ["-"] * 500 + reader[500:]})
    pooled = derive_reviewer_error(few, build_reviewed(), "ai", weights).rates[0, 1]
    assert pooled == pytest.approx(np.full(len(found.types), wrong[500:][~right[500:]].mean()))
    rows = derive_reviewer_rows(found, "ai", level=0.95)
    row = select_rows(rows, term="wrong").iloc[0]
    assert (row["n"], row["k"], row["comparator"]) == ((~right).sum(), (wrong & ~right).sum(), "reader")


def test_the_manual_collection_stands_in_for_a_reader() -> None:
    """Without a second reader the manual collection tells; without either there is no curve, and the row says why."""
    scored = build_scored(300)
    weights = np.ones((1, 100), dtype=np.uint16)
    manual = build_comparison(scored, {"manual": draw_readers(scored, 0.1, 0.1)})
    assert derive_reviewer_error(manual, build_reviewed(), "ai", weights).source == "manual"
    rows, series = estimate(scored, build_reviewed())
    assert list(rows["reason"]) == ["not_declared"]
    assert series.empty


def test_rates_move_with_the_patients_drawn() -> None:
    """A replicate without the patients on whom the reader erred has no errors of the reader."""
    scored = build_scored(300)
    reader = ["W" if patient < "P00050" else "C" for patient in scored["patient_id"]]
    comparison = build_comparison(scored, {"reader": reader})
    weights = np.zeros((1, 100), dtype=np.uint16)
    weights[:, 50:] = 2
    found = derive_reviewer_error(comparison, build_reviewed(), "ai", weights).rates[:, 0]
    assert found[0].min() > 0.3
    assert found[1].max() == 0


def test_rows_say_what_the_curve_says() -> None:
    """Error at share 0 is the source's, at share 1 the reviewers'; a difference is that of two rows; minutes add up."""
    scored = build_scored(600)
    rows, series = estimate(scored, build_reviewed({"double": 0.5}), reader=draw_readers(scored, 0.05, 0.3),
                            manual=draw_readers(scored, 0.2, 0.3, seed=2))  # fmt: skip
    error = {
        (row["term"], row["at"]): row["estimate"]
        for row in select_rows(rows, metric="error_after_review").to_dict("records")
    }
    assert error["doubtful", "0"] == pytest.approx(scored["error"].mean())
    assert error["doubtful", "1"] == pytest.approx(error["random", "1"]) == pytest.approx(error["oracle", "1"])
    difference = select_rows(rows, metric="error_after_review_difference", term="doubtful_random").iloc[0]
    assert difference["at"] == "0.3"
    assert difference["estimate"] == pytest.approx(error["doubtful", "0.3"] - error["random", "0.3"])
    assert difference["upper"] < 0, "doubt is informative here"
    minutes = select_rows(rows, metric="review_minutes_per_patient", at="1").iloc[0]
    assert minutes["estimate"] == pytest.approx(3 * 2.0 * 1.5), "three values, two minutes, half of them read twice"
    curve = select_rows(series, metric="error_after_review", term="doubtful")
    assert len(curve) == 101
    assert (curve["lower"] <= curve["y"]).all()
    assert (curve["y"] <= curve["upper"]).all()
    lowest = select_rows(rows, metric="lowest_error", term="doubtful").iloc[0]
    assert lowest["estimate"] == pytest.approx(curve["y"].min())
    manual = select_rows(rows, metric="error_without_review").iloc[0]
    against = select_rows(rows, metric="error_after_review_difference", comparator="manual", term="random").iloc[0]
    assert against["estimate"] == pytest.approx(error["random", "0.3"] - manual["estimate"])


def test_uninformative_confidence_brings_nothing() -> None:
    """Where doubt says nothing the doubtful 30 % are as good as a random 30 %: the interval holds zero."""
    scored = build_scored(900, score=0.9)
    scored = scored.assign(score=np.random.default_rng(4).uniform(0.5, 1, 900))
    rows, _ = estimate(scored, build_reviewed(), reader=draw_readers(scored, 0.05, 0.3))
    row = select_rows(rows, metric="error_after_review_difference", term="doubtful_random").iloc[0]
    assert row["lower"] < 0 < row["upper"]


def test_patients_who_recalibrated_judge_nothing() -> None:
    """Labels of tuning patients move no curve, whatever they say."""
    scored = build_scored(600)
    scored.loc[scored["patient_id"] < "P00060", "split"] = "tuning"
    reader = draw_readers(scored, 0.05, 0.3)
    comparison = build_comparison(scored, {"reader": reader})
    gains = derive_gains(scored, scored["score"], build_reviewed(), consequences=build_consequences())
    labelled = derive_labelled(gains, comparison, build_reviewed(), ("ordinal", "number", "date"))
    assert len(labelled.before) == 600 - 180
    assert set(comparison.patients.index[labelled.patient]) == set(
        scored.loc[scored["split"] != "tuning", "patient_id"]
    )


def test_without_review_or_reference_there_are_no_rows() -> None:
    """Other studies run the same notebook: nothing is declared, nothing is said."""
    scored = build_scored(30)
    protocol = build_reviewed().model_copy(update={"review": None})
    rows, series = estimate_effort(scored, build_comparison(scored), protocol, draws=Draws(1, "all", "patient", 100))
    assert rows.empty
    assert series.empty


def test_the_interval_of_the_difference_covers() -> None:
    """Over 100 studies of 60 patients the interval of doubtful - random holds the truth at the nominal rate.

    The truth is that of 40,000 patients of the same law; reviewers' rates are known here. A binomial bound at one in a
    thousand: at least 86 of 100.
    """
    rates = build_rates(0.05, 0.3, 0, 0, lines=201)
    truth = _simulate_difference(np.random.default_rng(0), 40_000, rates[:1], replicates=0)[0]
    held = 0
    for seed in range(1, 101):
        found = _simulate_difference(np.random.default_rng(seed), 60, rates, replicates=200)
        lower, upper = np.quantile(found[1:], [0.025, 0.975])
        held += bool(lower <= truth <= upper)
    assert held >= 86


def _simulate_difference(rng: np.random.Generator, patients: int, rates: Floats, *, replicates: int) -> Floats:
    quality = np.repeat(rng.beta(8, 2, patients), 6)
    probability = np.clip(1 - quality + rng.normal(0, 0.15, 6 * patients), 0, 1)
    labelled = build_labelled(list((rng.random(6 * patients) > quality).astype(int)), probability,
                              patient=np.repeat(np.arange(patients), 6))  # fmt: skip
    weights = np.vstack([np.ones((1, patients), dtype=np.int64),
                         rng.multinomial(patients, np.full(patients, 1 / patients), size=replicates)])  # fmt: skip
    curves = [
        compute_effort(labelled, order, rates, weights, np.array([0.3])).errors[:, 0]
        for order in ("doubtful", "random")
    ]
    return curves[0] - curves[1]


def test_what_took_place_stands_beside_what_is_expected() -> None:
    """A source after review in which the doubtful 30 % were read: its error lies on the curve of that order.

    Its reviewers' rates come from the same decisions, so that at that share expected and observed are one number.
    """
    scored = build_scored(600)
    protocol = build_reviewed(sources=[*SOURCES, {"name": "hybrid", "label": LABEL, "role": "ai",
                                                  "reviewed": {"of": "ai", "path": "x.csv"}}])  # fmt: skip
    scored = scored.assign(variable="weight", visit="", patient_id=[f"P{at:05d}" for at in range(600)])
    first = scored.sort_values("score", kind="stable").index[:180]
    read = draw_readers(scored, 0.1, 0.4)
    outcomes = [read[at] if at in set(first) else scored["outcome"][at] for at in range(600)]
    gains = derive_gains(scored, scored["score"], protocol, consequences=build_consequences())
    comparison = build_comparison(scored, {"hybrid": outcomes})
    rows, _ = estimate_effort(gains, comparison, protocol, draws=Draws(1, "all", "patient", 100),
                              decided=scored.loc[first, ["patient_id", "variable", "visit", "event"]])  # fmt: skip
    observed = select_rows(rows, metric="error_observed").iloc[0]
    expected = select_rows(rows, metric="error_after_review", term="doubtful", at="0.3").iloc[0]
    assert (observed["source"], observed["at"]) == ("hybrid", "0.3")
    assert observed["estimate"] == pytest.approx(expected["estimate"])
    assert select_rows(rows, metric="reviewer_error")["n"].sum() == 180, "only what was decided tells"
    silent, _ = estimate_effort(gains, comparison, protocol, draws=Draws(1, "all", "patient", 100))
    assert list(silent["reason"]) == ["not_declared"], "undecided, the values of a source after review tell nothing"


def test_stated_confidence_is_an_order_of_its_own() -> None:
    """It follows the score before recalibration; where nobody answered a value is as doubtful as not."""
    scored = build_scored(6).assign(score=[0.9, 0.2, 0.5, np.nan, 0.6, 0.4])
    gains = derive_gains(
        scored, pd.Series(0.5, index=scored.index), build_reviewed(), consequences=build_consequences()
    )
    labelled = derive_labelled(gains, build_comparison(scored), build_reviewed(), ("ordinal", "number", "date"))
    places = find_order(labelled, "stated")
    assert list(1 - labelled.stated[places]) == pytest.approx([0.2, 0.4, 0.5, 0.5, 0.6, 0.9])
