"""The queue: budget, random part with kept probabilities, second readings, reasons, what it never holds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from routing_study import REVIEW, build_consequences, build_reviewed, build_scored

from probatio.protocol import Protocol
from probatio.protocol.review import Review
from probatio.resampling import compute_clustered_mean
from probatio.review.concordant import draw_left, draw_systematic, spread
from probatio.review.queue import compute_size, count_double, derive_queue, derive_queue_csv, read_queue
from probatio.review.reasons import QueueReason, derive_reasons
from probatio.review.routing import CASE, derive_gains
from probatio.review.tables import QUEUE_COLUMNS
from probatio.wording import read_word


def route(protocol: Protocol, scored: pd.DataFrame, **options: Any) -> pd.DataFrame:
    """The queue of some values, their score taken as the probability of being right."""
    gains = derive_gains(scored, scored["score"], protocol, consequences=build_consequences())
    return derive_queue(gains, protocol, **options)


def test_the_most_doubtful_come_first_among_some_drawn_by_chance() -> None:
    """30 % of 300 values: 81 by expected gain in their order, 9 drawn from the rest, each value once."""
    scored = build_scored(300)
    queue = route(build_reviewed(), scored)
    assert list(queue.columns) == list(QUEUE_COLUMNS)
    assert list(queue["position"]) == list(range(1, 91))
    assert not queue["case_id"].duplicated().any()
    doubtful = queue[queue["kind"] == "doubtful"]
    assert len(doubtful) == 81
    assert doubtful["gain"].is_monotonic_decreasing
    limit = np.sort(1 - scored["score"])[::-1][80]
    assert doubtful["probability"].min() == pytest.approx(limit)
    drawn = queue[queue["kind"] != "doubtful"]
    assert (drawn["probability"] <= limit).all()
    assert set(doubtful["selection_probability"]) == {1.0}
    assert drawn["selection_probability"].to_numpy() == pytest.approx(np.full(9, 9 / (300 - 81)))


def test_values_drawn_stand_all_along_the_queue() -> None:
    """Each ninth of the queue holds one of nine values drawn: neither the first pages nor the last tell them."""
    queue = route(build_reviewed(), build_scored(300))
    parts = (queue.loc[queue["kind"] != "doubtful", "position"] - 1) // 10
    assert parts.is_unique
    keys = spread(90, 10, np.random.default_rng(1))
    assert len(keys) == 100
    assert keys.min() >= 0
    assert keys.max() <= 1


def test_concordant_means_that_all_who_answered_agree() -> None:
    """A value drawn on which technologies differ, or that nobody else gave, is `random`: no error is shared there."""
    scored = build_scored(300)
    told = scored.set_index(CASE)["agreement"]
    queue = route(build_reviewed({"concordant": 1.0, "budget": {"share": 0.5}}), scored)
    agreed = told.reindex(pd.MultiIndex.from_frame(queue[CASE])).to_numpy() == 1
    assert set(queue["kind"]) == {"concordant", "random"}
    assert ((queue["kind"] == "concordant").to_numpy() == agreed).all()
    none = route(build_reviewed({"concordant": 1.0}), scored.assign(agreement=np.nan))
    assert set(none["kind"]) == {"random"}


@pytest.mark.parametrize(
    ("budget", "double", "size"),
    [({"share": 0.3}, 0.1, 90), ({"share": 1.0}, 0.5, 300), ({"values": 40}, 0.5, 40), ({"values": 900}, 0.0, 300),
     ({"minutes": 100}, 0.0, 50), ({"minutes": 110}, 0.1, 50), ({"minutes": 5000}, 0.1, 300), ({"minutes": 1}, 0.0, 0)],
)  # fmt: skip
def test_budget(budget: dict[str, Any], double: float, size: int) -> None:
    """Two minutes a value; second readings are paid from minutes, not from a share or a number of values."""
    queue = route(build_reviewed({"budget": budget, "double": double}), build_scored(300))
    assert len(queue) == size
    assert queue["double"].sum() == round(double * size)
    assert queue["minutes"].sum() == pytest.approx(2 * (size + round(double * size)))


@given(minutes=st.floats(0.1, 5000), double=st.floats(0, 1), each=st.floats(0.05, 30), values=st.integers(0, 400))
def test_minutes_are_used_up_and_never_passed(minutes: float, double: float, each: float, values: int) -> None:
    """One more value would pass the minutes, or there is none left."""
    review = Review.model_validate(
        REVIEW | {"budget": {"minutes": minutes}, "double": double, "minutes_per_value": each}
    )
    size = compute_size(review, values)
    cost = [each * (n + count_double(review, n)) for n in (size, size + 1)]
    assert cost[0] <= minutes * (1 + 1e-6) + 1e-6
    assert size == values or cost[1] > minutes * (1 - 1e-6) - 1e-6


def test_decided_values_are_left_out() -> None:
    """A value that was decided never comes back, whatever its type of visit; the others do."""
    scored = build_scored(300)
    first = route(build_reviewed(), scored)
    second = route(build_reviewed(), scored, decided=first[CASE])
    assert len(second) == round(0.3 * 210)
    assert not set(second["case_id"]) & set(first["case_id"])
    everything = route(build_reviewed({"budget": {"share": 1.0}}), scored, decided=scored[CASE])
    assert list(everything.columns) == list(QUEUE_COLUMNS)
    assert everything.empty


def test_patients_without_a_reference_are_routed_too() -> None:
    """Their values are as doubtful as others, and review is what they can have."""
    scored = build_scored(300)
    unlabelled = scored["patient_id"] < "P00050"
    scored = scored.assign(split=scored["split"].mask(unlabelled, ""), outcome=scored["outcome"].mask(unlabelled, ""))
    scored["error"] = scored["error"].mask(unlabelled)
    queue = route(build_reviewed(), scored)
    assert 30 < (queue["patient_id"] < "P00050").sum() < 60


def test_same_values_same_queue() -> None:
    """Whatever the order of the table; another seed of the protocol draws others by chance."""
    scored = build_scored(300)
    first, mixed = route(build_reviewed(), scored), route(build_reviewed(), scored.sample(frac=1, random_state=4))
    pd.testing.assert_frame_equal(first, mixed)
    other = route(build_reviewed(seed=2), scored)
    doubtful = [set(queue.loc[queue["kind"] == "doubtful", "case_id"]) for queue in (first, other)]
    assert doubtful[0] == doubtful[1]
    assert set(first["case_id"]) != set(other["case_id"])


@given(size=st.integers(1, 500), draws=st.integers(0, 600), seed=st.integers(0, 2**32))
def test_systematic_draws_are_distinct_places(size: int, draws: int, seed: int) -> None:
    """As many as asked, no place twice, none outside."""
    taken = draw_systematic(size, draws, np.random.default_rng(seed))
    assert len(taken) == min(draws, size) == len(set(taken.tolist()))
    assert ((taken >= 0) & (taken < size)).all()


def test_every_value_left_has_the_kept_probability() -> None:
    """Over 400 draws of 12 among 50 values each is taken 24 % of the time, within four standard errors."""
    left = build_scored(50).assign(case_id=[f"{at:016x}" for at in range(50)])
    counts, repeats = np.zeros(50), 400
    for seed in range(repeats):
        taken, probability = draw_left(left, 12, np.random.default_rng(seed))
        counts[taken] += 1
        assert probability == 12 / 50
    error = np.sqrt(0.24 * 0.76 / repeats)
    assert np.abs(counts / repeats - 0.24).max() < 4 * error


def test_every_variable_and_centre_has_its_share_of_the_draw() -> None:
    """30 of 300 values left: 10 of each variable and 15 of each centre, give or take one per stratum."""
    left = build_scored(300, agreement=1.0).assign(case_id=[f"{at:016x}" for at in range(300)])
    taken, _ = draw_left(left, 30, np.random.default_rng(2))
    drawn = left.iloc[taken]
    assert drawn["variable"].value_counts().between(9, 11).all()
    assert drawn["centre"].value_counts().between(13, 17).all()


def test_two_phase_estimate_from_the_queue_is_unbiased() -> None:
    """Hajek's estimate of the error over the whole source, from the queue's own probabilities, over 100 seeds.

    Technologies share errors here: 6 % of the values on which they agree with confidence are wrong. Without weights
    the queue says much too much, as it holds the doubtful; without the values drawn, nothing is known of the rest.
    """
    rng = np.random.default_rng(8)
    scored = build_scored(600).assign(outcome="C")
    wrong = rng.random(600) < np.where(scored["score"] < 0.65, 0.4, 0.06)
    scored = scored.assign(error=wrong.astype(float))
    truth, gains = (
        wrong.mean(),
        derive_gains(scored, scored["score"], build_reviewed(), consequences=build_consequences()),
    )
    told = gains.set_index("case_id")["error"]
    estimates, naive, shared = [], [], []
    for seed in range(100):
        queue = derive_queue(gains, build_reviewed({"budget": {"share": 0.4}, "concordant": 0.25}, seed=seed))
        error, weight = told.reindex(queue["case_id"]).to_numpy(), 1 / queue["selection_probability"].to_numpy()
        estimates.append((weight * error).sum() / weight.sum())
        naive.append(error.mean())
        shared.append(error[(queue["kind"] == "concordant").to_numpy()].mean())
    bias = np.mean(estimates) - truth
    assert abs(bias) < 4 * np.std(estimates) / np.sqrt(100)
    assert np.mean(naive) - truth > 0.05
    left = gains.iloc[180:]
    known = left.loc[left["agreement"] == 1, "error"].mean()
    assert abs(np.mean(shared) - known) < 4 * np.std(shared) / np.sqrt(100)


def test_the_weights_fit_the_measure_in_two_phases() -> None:
    """The clustered mean that two-phase rows are made of takes the queue's weights as they are."""
    scored = build_scored(300)
    queue = route(build_reviewed({"concordant": 0.5}), scored).merge(scored[[*CASE, "error"]], on=CASE)
    weight = 1 / queue["selection_probability"].to_numpy()
    patient = pd.factorize(queue["patient_id"])[0].astype(np.int64)
    mean = compute_clustered_mean(
        queue["error"].to_numpy(dtype=np.int8), np.zeros(len(queue), dtype=np.int64), patient, weight, 1
    )
    assert mean.mean[0] == pytest.approx((weight * queue["error"]).sum() / weight.sum())
    assert weight.sum() == pytest.approx(300), "the values of the queue stand for all"


def test_every_reason_by_hand() -> None:
    """One value per reason; what was drawn by chance has that reason alone."""
    base: dict[str, Any] = {"delivered": True, "conformant": True, "violated": 0, "agreement": 1.0, "mentioned": "",
                            "confidence": np.nan, "probability": 0.1, "consequence": 0.05,
                            "kind": "doubtful"}  # fmt: skip
    said = {
        "not_conformant": {"conformant": False}, "broken_rule": {"violated": 2}, "disagreement": {"agreement": 0.5},
        "unopposed": {"agreement": np.nan}, "low_confidence": {"confidence": 0.6, "probability": 0.9},
        "high_consequence": {"consequence": 0.3}, "expected_gain": {"confidence": 0.9},
        "omitted": {"delivered": False}, "omitted|found_elsewhere|mentioned": {"delivered": False, "agreement": 0.0,
                                                                             "mentioned": "yes"},
        "concordant_sample": {"kind": "concordant", "violated": 1},
        "random_sample": {"kind": "random", "agreement": 0.0},
    }  # fmt: skip
    table = pd.DataFrame([base | change for change in said.values()])
    assert list(derive_reasons(table, table["kind"], floor=0.05)) == list(said)
    assert {code for text in said for code in text.split("|")} == {str(code) for code in QueueReason}


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_reason_is_worded_for_a_reviewer(language: Any) -> None:
    """A short word for tables and a sentence for the page; none speaks in codes."""
    for code in QueueReason:
        assert read_word("queue_reason", code, language)
        sentence = read_word("queue_sentence", code, language)
        assert sentence[-1] in ".?"
        assert "_" not in sentence


def test_the_file_holds_no_formula_and_reads_back_equal(tmp_path: Path) -> None:
    """Names of patients that a spreadsheet would run get an apostrophe; reading takes it away again."""
    wild = ["=1+1", "+cmd", "-a", "@x", "'=quoted", "a,b\nc", 'say "x"', "\ttab"]
    scored = build_scored(300).assign(patient_id=[wild[at % 8] + f"{at // 8}" for at in range(300)])
    queue = route(build_reviewed({"budget": {"share": 1.0}}), scored)
    content = derive_queue_csv(queue)
    path = tmp_path / "queue_ai.csv"
    path.write_bytes(content)
    seen = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert not seen["patient_id"].str.startswith(("=", "+", "-", "@", "\t")).any()
    pd.testing.assert_frame_equal(read_queue(path), queue, check_dtype=False)
    assert derive_queue_csv(read_queue(path)) == content
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match="not a queue"):
        read_queue(path)


def test_an_empty_queue_reads_back(tmp_path: Path) -> None:
    """Where everything is decided the file has its columns and no line."""
    scored = build_scored(30)
    queue = route(build_reviewed(), scored, decided=scored[CASE])
    (tmp_path / "q.csv").write_bytes(derive_queue_csv(queue))
    assert read_queue(tmp_path / "q.csv").empty


def test_12000_values_are_queued_well_under_a_second() -> None:
    """Gains, draws, reasons and file; the best of three, in seconds of the processor."""
    scored, protocol, taken = build_scored(12_000), build_reviewed(), []
    for _ in range(3):
        start = time.process_time()
        derive_queue_csv(route(protocol, scored))
        taken.append(time.process_time() - start)
    assert min(taken) < 1
