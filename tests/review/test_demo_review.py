"""The bundled study: what review of the most doubtful values brings, with imperfect reviewers."""

from __future__ import annotations

import time
from typing import NamedTuple

import pandas as pd
import pytest

from demo_study import calibrate_demo, compare_demo, read_demo, score_demo
from probatio.comparison import Comparison
from probatio.protocol import Protocol
from probatio.records import Records
from probatio.resampling import Draws
from probatio.results import derive_table, select_rows
from probatio.review.queue import derive_queue
from probatio.review.targeting import derive_queue_files, derive_routed, estimate_routing, select_decided


class Demo(NamedTuple):
    """The study and its routed values; no attribution and no tolerance: every error counts alike."""

    protocol: Protocol
    records: Records
    comparison: Comparison
    scored: pd.DataFrame
    right: pd.Series
    rows: pd.DataFrame
    series: pd.DataFrame
    seconds: float  # of the processor: other work may share the machine


@pytest.fixture(scope="module")
def demo() -> Demo:
    protocol, records = read_demo()
    comparison, scored, right = compare_demo(), score_demo(), calibrate_demo()
    draws, start = Draws(protocol.resampling.seed, "all", "patient", 200), time.process_time()
    rows, series = estimate_routing(scored, right, protocol, comparison, rows=derive_table([]), draws=draws)
    return Demo(protocol, records, comparison, scored, right, rows, series, time.process_time() - start)


def test_the_doubtful_30_percent_lower_the_error_more_than_a_random_30_percent(demo: Demo) -> None:
    """The paired interval lies wholly below zero although the reviewers err; so does that from no review."""
    found = select_rows(demo.rows, metric="error_after_review_difference", use="research", at="0.3")
    for term in ("doubtful_random", "gain_random", "doubtful_none"):
        row = select_rows(found, term=term).iloc[0]
        assert row["upper"] < 0
        assert row["estimate"] < -0.02
    reviewers = select_rows(demo.rows, metric="reviewer_error", term="right").iloc[0]
    assert reviewers["comparator"] != ""
    assert reviewers["estimate"] > 0.005, "reviewers are not perfect"


def test_reviewing_everything_is_worse_than_stopping(demo: Demo) -> None:
    """The error is lowest at some share below all; there it lies below the error when all is reviewed."""
    own = select_rows(demo.rows, use="research", term="doubtful")
    best = select_rows(own, metric="best_share").iloc[0]["estimate"]
    whole = select_rows(own, metric="error_after_review", at="1").iloc[0]["estimate"]
    assert 0 < best < 1
    assert select_rows(own, metric="lowest_error").iloc[0]["estimate"] < whole


def test_error_without_review_is_that_of_the_pairs(demo: Demo) -> None:
    """At share 0 the curve gives the weighted error of the pairs, events included, on the patients that judge."""
    members = set(demo.scored.loc[demo.scored["split"].isin(["selection", "evaluation"]), "patient_id"])
    pairs = demo.comparison.pairs
    own = pairs[(pairs["kind"] == "error") & (pairs["source"] == "ai_a") & pairs["patient_id"].isin(members)]
    own = own[~own["variable"].str.contains(".", regex=False)]
    expected = (
        own.loc[own["outcome"].isin(list("WOU")), "weight"].sum() / own.loc[own["outcome"] != "B", "weight"].sum()
    )
    start = select_rows(demo.rows, metric="error_after_review", term="doubtful", at="0").iloc[0]
    assert start["estimate"] == pytest.approx(expected)
    assert start["clusters"] == len(members)


def test_the_queue_holds_unlabelled_patients_and_no_development_patient(demo: Demo) -> None:
    """Every evaluated patient has a value to review; those whom an extractor was tuned on have none."""
    queue = derive_routed(demo.scored, demo.right, demo.protocol, rows=derive_table([])).queue
    patients = demo.records.patients
    development = set(patients.index[patients["development"]])
    unlabelled = set(patients.index[~patients["reference_sampled"] & ~patients["development"]])
    assert development
    assert unlabelled
    assert not development & set(queue["patient_id"])
    assert unlabelled <= set(queue["patient_id"])
    assert len(queue) == round(0.3 * (demo.scored["source"] == "ai_a").sum())


def test_first_values_of_the_queue_are_often_wrong(demo: Demo) -> None:
    """Precision falls along the queue, recall rises, and the lift stays above chance with its whole interval."""
    own = select_rows(demo.rows, use="research")
    precision = select_rows(own, metric="queue_precision").sort_values("n")["estimate"]
    assert precision.is_monotonic_decreasing
    assert select_rows(own, metric="queue_recall").sort_values("estimate")["at"].tolist() == ["0.1", "0.25", "0.5", "1"]
    assert (select_rows(own, metric="queue_lift")["lower"] > 1.5).all()


def test_expected_errors_are_close_to_those_that_are_true(demo: Demo) -> None:
    """Among labelled values of the queue the sum of probabilities is within 15 % of the number of errors."""
    routed = derive_routed(demo.scored, demo.right, demo.protocol, rows=derive_table([]))
    queued = routed.gains.merge(derive_queue(routed.gains, demo.protocol)[["case_id"]], on="case_id")
    known = queued[queued["split"].isin(["selection", "evaluation"]) & queued["error"].notna()]
    assert known["probability"].sum() == pytest.approx(known["error"].sum(), rel=0.15)


def test_rows_stand_for_every_use_and_name_no_patient(demo: Demo) -> None:
    """The same metrics for each use; no identifier of a patient in any text column."""
    queued = select_rows(demo.rows, metric="queued_share", variable="")
    assert set(queued["use"]) == set(demo.protocol.uses)
    texts = set(demo.rows.select_dtypes("object").to_numpy().ravel()) | set(demo.rows["term"]) | set(demo.rows["at"])
    assert not texts & set(demo.records.patients.index)
    assert demo.seconds < 10


def test_the_notebook_gets_one_file_and_what_people_decided(demo: Demo) -> None:
    """One confidential file by the source's name; decisions of the source after review, each value once."""
    queue = derive_routed(demo.scored, demo.right, demo.protocol, rows=derive_table([])).queue
    files = derive_queue_files(queue, demo.protocol)
    assert list(files) == ["queue_ai_a.csv"]
    assert files["queue_ai_a.csv"].count(b"\n") == len(queue) + 1
    assert derive_queue_files(queue, demo.protocol.model_copy(update={"review": None})) == {}
    decided = select_decided(demo.records, demo.protocol)
    assert decided is None or not decided.duplicated().any()
