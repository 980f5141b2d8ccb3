"""Rows of a source after review, counted by hand, against unrelated implementations, and on the answer key."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reviewed_study import get_row, read_reviewed
from scipy.stats import norm
from statsmodels.stats.inter_rater import cohens_kappa

from demo_study import read_demo
from probatio.comparison import compare
from probatio.protocol import read_protocol
from probatio.resampling import Draws
from probatio.review.reading_rows import compute_weighted_medians
from probatio.review.reviewed_rows import estimate_review

ROOT = Path(__file__).parents[2]
DRAWS = Draws(seed=1, frame="all", unit="patient", replicates=200)

# patient, variable, true, told, shown, decisions
ROWS = [
    ("P1", "v", "a", "a", "a", "confirmed/R1"),
    ("P2", "v", "a", "b", "b", "confirmed/R1"),  # an error that stands: the rival says the same
    ("P3", "v", "a", "b", "a", "chosen:a/R2"),  # mended by the rival's value
    ("P4", "v", "a", "", "a", "chosen:a/R2"),  # an omission, mended
    ("P5", "v", "a", "a", "c", "chosen:c/R1"),  # introduced
    ("P6", "v", "", "d", "", "absent/R1"),  # unsupported, taken away
    ("P7", "v", "b", "c", "", "corrected:b/R1 corrected:b/R2"),
    ("P8", "v", "b", "c", "b", "chosen:b/R1 confirmed/R2 chosen:b/A"),
    ("P1", "w", "b", "b", "b", "confirmed/R1 corrected:c/R2"),  # waits for a third reader
    ("P2", "w", "b", "b", "b", "confirmed/R2/0.1"),
    ("P3", "w", "b", "b", "b", "chosen:c/R2/0.1"),  # introduced
    ("P4", "w", "b", "c", "c", "corrected:b/R2/0.1"),  # a shared error, seen by chance
    ("P5", "w", "b", "a", "b", ""),
    ("P6", "w", "b", "b", "b", ""),
    ("P7", "w", "b", "b", "b", ""),
    ("P8", "w", "b", "b", "b", ""),
]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """The rows of the study above."""
    protocol, records, comparison = read_reviewed(tmp_path_factory.mktemp("reviewed"), ROWS)
    return estimate_review(records, comparison, protocol, draws=DRAWS)


# metric, key, k, n, estimate
BY_HAND = [
    ("reviewed_share", {}, 12, 16, 12 / 16),
    ("reviewed_share", {"variable": "w"}, 4, 8, 1 / 2),
    ("decision_share", {"term": "confirmed"}, 3, 12, 3 / 12),
    ("decision_share", {"term": "unresolved"}, 1, 12, 1 / 12),
    ("unresolved", {}, 1, 12, 1),
    ("override_rate", {"analysis": "decisions"}, 8, 12, 8 / 12),
    ("override_rate", {"analysis": "decisions", "variable": "v"}, 6, 8, 6 / 8),
    ("override_rate", {"analysis": "decisions", "stratum_by": "confidence", "stratum": "0.5-0.8"}, 7, 11, 7 / 11),
    ("override_rate", {"analysis": "decisions", "stratum_by": "confidence", "stratum": "none"}, 1, 1, 1),
    ("override_rate", {"analysis": "decisions", "stratum_by": "shown", "stratum": "same"}, 2, 6, 2 / 6),
    ("override_rate", {"analysis": "decisions", "stratum_by": "shown", "stratum": "other"}, 4, 4, 1),
    ("override_rate", {"analysis": "decisions", "stratum_by": "shown", "stratum": "none"}, 2, 2, 1),
    # the drawn cases stand for ten each: (6 + 10 + 10) of (9 + 30)
    ("override_rate", {"analysis": "drawn"}, 8, 12, 26 / 39),
    ("shared_override_rate", {}, 2, 3, 2 / 3),
    ("shared_error_rate", {}, 1, 3, 1 / 3),
    # A is the first name, then R1 and R2; who settles changes the value, as one of two did
    ("reader_override_rate", {"term": "1"}, 1, 1, 1),
    ("reader_override_rate", {"term": "2"}, 4, 7, 4 / 7),
    ("reader_override_rate", {"term": "3"}, 6, 8, 6 / 8),
    ("confirmed_errors", {}, 1, 7, 1 / 7),
    ("confirmed_errors", {"variable": "w"}, 0, 1, 0),
    ("confirmed_errors", {"stratum_by": "shown", "stratum": "same"}, 1, 2, 1 / 2),
    ("confirmed_errors", {"stratum_by": "shown", "stratum": "other"}, 0, 3, 0),
    ("mended_errors", {}, 6, 7, 6 / 7),
    ("introduced_errors", {}, 2, 5, 2 / 5),
    ("reviewer_error_rate", {}, 3, 12, 3 / 12),
    ("reading_agreement", {}, 1, 3, 1 / 3),
    ("adjudicated_share", {}, 1, 3, 1 / 3),
    ("error_rate", {"source": "model"}, 8, 16, 8 / 16),
    ("error_rate", {"source": "checked"}, 4, 15, 4 / 15),
]  # fmt: skip


@pytest.mark.parametrize(("metric", "key", "k", "n", "estimate"), BY_HAND)
def test_rows_are_those_counted_by_hand(rows, metric, key, k, n, estimate):
    """Each number of the study of sixteen values, and how many it rests on."""
    row = get_row(rows, metric, **key)
    assert (row["k"], row["n"]) == (k, n)
    assert row["estimate"] == pytest.approx(estimate)
    assert row["status"] == "ok"


def test_the_difference_is_paired_on_the_same_values(rows):
    """After minus before over the sixteen values: six mended, two introduced."""
    row = get_row(rows, "error_difference")
    assert (row["source"], row["comparator"], row["analysis"]) == ("checked", "model", "before_after")
    assert (row["k"], row["n"]) == (8, 16)
    assert row["estimate"] == pytest.approx((2 - 6) / 16)
    assert row["lower"] < row["estimate"] < row["upper"]


def test_a_share_of_nothing_is_undefined(tmp_path):
    """Without an error among the reviewed values there is nothing to confirm: not 0, but not estimable."""
    table = [("P1", "v", "a", "a", "a", "confirmed/R1"), ("P2", "v", "a", "a", "a", ""), ("P3", "v", "a", "b", "a", "")]
    protocol, records, comparison = read_reviewed(tmp_path, table)
    rows = estimate_review(records, comparison, protocol, draws=DRAWS)
    for metric in ("confirmed_errors", "mended_errors"):
        row = get_row(rows, metric)
        assert (row["status"], row["reason"]) == ("not_estimable", "empty_denominator")
        assert np.isnan(row["estimate"])
    assert not (rows["analysis"] == "double_reading").any()
    assert not (rows["analysis"] == "drawn").any()


def test_without_a_declared_review_nothing_counts_as_shown(tmp_path):
    """Who was shown is the protocol's word; the rival's values alone do not say it."""
    protocol, records, comparison = read_reviewed(tmp_path, ROWS, review=False)
    rows = estimate_review(records, comparison, protocol, draws=DRAWS)
    assert set(rows.loc[rows["stratum_by"] == "shown", "stratum"]) == {"none"}


def test_without_decisions_there_is_the_error_alone(tmp_path):
    """An empty table: the source after review is the source; no rate of decisions is made up."""
    protocol, records, comparison = read_reviewed(tmp_path, [(*row[:5], "") for row in ROWS])
    rows = estimate_review(records, comparison, protocol, draws=DRAWS)
    assert set(rows["analysis"]) == {"before_after"}
    assert get_row(rows, "error_difference")["estimate"] == 0


def test_no_source_after_review_no_rows():
    """A study without review has an empty table."""
    protocol = read_protocol(ROOT / "protocol" / "lung.yaml")
    assert estimate_review(None, None, protocol, draws=DRAWS).empty


def test_no_row_names_a_reader_or_a_patient(rows):
    """Readers are numbers; nothing tells a name."""
    texts = " ".join(str(text) for text in rows.drop(columns=["protocol_digest"]).to_numpy().ravel())
    assert not any(name in texts for name in ("R1", "R2", "P1", "P8"))


def test_medians_agree_with_repeated_values():
    """A weighted median is the lower median of the values repeated by their weights."""
    rng = np.random.default_rng(4)
    values, weights = rng.random(23).round(2), rng.integers(0, 4, (50, 23)).astype(float)
    found = compute_weighted_medians(values, weights)
    for drawn, weight in zip(found, weights, strict=True):
        repeated = np.sort(np.repeat(values, weight.astype(int)))
        assert drawn == repeated[(len(repeated) - 1) // 2]
    assert np.isnan(compute_weighted_medians(values, np.zeros((1, 23)))).all()


# ------------------------------------------------------------------ the demonstration study


@pytest.fixture(scope="module")
def demo():
    """Protocol, records and comparison of the demonstration study."""
    protocol, records = read_demo()
    kept = ["reference", "ai_b", "ai_a", "ai_a_reviewed"]
    small = protocol.model_copy(update={"sources": [s for s in protocol.sources if s.name in kept]})
    return small, records, compare(records, small)


@pytest.fixture(scope="module")
def demo_rows(demo):
    """Its rows."""
    protocol, records, comparison = demo
    return estimate_review(records, comparison, protocol, draws=DRAWS)


def test_review_lowers_the_error_of_the_demonstration(demo_rows):
    """The error of AI A is lower after review, and the paired interval excludes 0; so for omissions."""
    for metric in ("error_difference", "omission_difference"):
        row = get_row(demo_rows, metric)
        assert row["upper"] < 0
    both = demo_rows[(demo_rows["metric"] == "error_difference") & (demo_rows["variable"] == "")]
    assert (both["upper"] < 0).all()
    assert len(both) == 2


def test_the_answer_key_of_the_review_lies_in_the_intervals(demo_rows):
    """Overrides, errors confirmed and introduced, and reviewers' error agree with the key of all patients; and so do
    the errors before and after.
    """
    key = json.loads((ROOT / "data" / "demo" / "answer_key.json").read_text(encoding="utf-8"))
    known = {entry["metric"]: entry["estimate"] for entry in key["review"] if entry["population"] == "all"}
    for metric in ("reviewer_error_rate", "confirmed_errors", "introduced_errors"):
        row = get_row(demo_rows, metric)
        half = 1.6 * (row["upper"] - row["lower"]) / 2  # three standard errors: several intervals at once
        assert abs(row["estimate"] - known[metric]) < half, metric
    row = get_row(demo_rows, "override_rate", analysis="decisions")
    assert abs(row["estimate"] - known["override_rate"]) < 1.6 * (row["upper"] - row["lower"]) / 2
    rates = {e["source"]: e["error_rate"] for e in key["rates"] if e["variable"] == "*" and e["population"] == "all"}
    for source in ("ai_a", "ai_a_reviewed"):
        row = get_row(demo_rows, "error_rate", source=source)
        assert abs(row["estimate"] - rates[source]) < 1.6 * (row["upper"] - row["lower"]) / 2


def test_automation_bias_shows(demo_rows):
    """Errors that the other technology shares are confirmed more often than those it contradicts."""
    shown = {
        name: get_row(demo_rows, "confirmed_errors", stratum_by="shown", stratum=name) for name in ("same", "other")
    }
    assert shown["same"]["lower"] > shown["other"]["upper"]


def test_kappa_agrees_with_statsmodels(demo, demo_rows):
    """Cohen's kappa of both readings on whether to change the value; AC1 by its formula."""
    readings = demo[1].decisions
    case = ["patient_id", "variable", "visit"]
    sides = [readings[readings["role"] == role].set_index(case)["changed"] for role in ("first", "second")]
    both = pd.concat(sides, axis=1, keys=["one", "two"], join="inner").astype(int)
    row = get_row(demo_rows, "kappa")
    assert row["n"] == len(both)
    table = pd.crosstab(both["one"], both["two"]).to_numpy()
    assert row["estimate"] == pytest.approx(cohens_kappa(table, return_results=False))
    share = both.to_numpy().mean()
    by_chance = 2 * share * (1 - share)
    agree = (both["one"] == both["two"]).mean()
    assert get_row(demo_rows, "ac1")["estimate"] == pytest.approx((agree - by_chance) / (1 - by_chance))


def test_minutes_are_those_of_the_table(demo, demo_rows):
    """The total is the sum of the seconds; the median's interval holds it and is narrow."""
    seconds = demo[1].decisions["seconds"].astype(float)
    assert get_row(demo_rows, "review_minutes")["estimate"] == pytest.approx(seconds.sum() / 60)
    row = get_row(demo_rows, "review_minutes_median")
    assert row["estimate"] == pytest.approx(np.median(seconds) / 60)
    assert row["lower"] <= row["estimate"] <= row["upper"]
    spread = norm.ppf(0.975) * np.sqrt(np.pi / 2) * seconds.std() / 60 / np.sqrt(len(seconds))
    assert row["upper"] - row["lower"] < 4 * spread


def test_the_errors_of_the_rows_are_those_of_agreement(demo, demo_rows):
    """Before and after are the rates that section 03 shows of the same sources, weighted alike."""
    pairs = demo[2].pairs
    for source in ("ai_a", "ai_a_reviewed"):
        own = pairs[(pairs["kind"] == "error") & (pairs["source"] == source) & (pairs["variable"] == "ecog")]
        own = own[own["outcome"] != "B"]
        row = get_row(demo_rows, "error_rate", source=source, variable="ecog")
        assert row["estimate"] == pytest.approx(np.average(own["outcome"] != "C", weights=own["weight"]))
