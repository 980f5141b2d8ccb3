"""Characteristics by source: shares, medians, standardised differences, and the replicates behind their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from descriptive_study import PATIENTS, build_protocol, build_records, pick, run
from probatio.replication.accounts import Account, Question
from probatio.replication.characteristics import estimate_numbers
from probatio.replication.paired_proportions import Setting
from probatio.replication.standardised import (
    Moments,
    compute_moments,
    compute_number_gap,
    compute_profile_gap,
    compute_quantile_replicates,
    compute_share_gap,
)
from probatio.resampling import Draws
from probatio.results import select_rows

STAGE = {("reference", "stage"): ["I", "I", "II", "III", "III", None, "II", "I"],
         ("ai", "stage"): ["I", "II", "II", "III", None, "III", "II", "I"]}  # fmt: skip
WEIGHT = {("reference", "weight@access"): ["60", "70", "80", None, "90", "50", "65", "75"],
          ("ai", "weight@access"): ["60", "70", "80", "55", "900", None, "65", "75"]}  # fmt: skip


def tell(**result: object):
    """Return the rows of eight patients with stage and weight."""
    return run(build_records(8, STAGE | WEIGHT), build_protocol(PATIENTS | result))


def test_a_table_of_eight_patients() -> None:
    """Counts, shares, median, quartiles, mean and deviation of each source's own patients, missing ones beside."""
    rows = select_rows(tell(), stratum_by="patients", comparator="")
    own = select_rows(rows, source="ai")
    shares = select_rows(own, metric="share").set_index("term")
    assert shares["k"].to_dict() == {"I": 2, "II": 3, "III": 2}
    assert set(shares["n"]) == {7}
    assert select_rows(own, metric="missing_share").set_index("variable")["k"].to_dict() == {"stage": 1, "weight": 1}
    numbers = select_rows(own, variable="weight", at="access").set_index("metric")["estimate"]
    values = np.array([60, 70, 80, 55, 900, 65, 75.0])
    assert numbers["median"] == 70
    assert numbers["quartile_1"] == np.quantile(values, 0.25)
    assert numbers["mean"] == pytest.approx(values.mean())
    assert numbers["sd"] == pytest.approx(values.std(ddof=1))
    row = pick(rows, "mean", source="ai", variable="weight", at="access", stratum_by="patients")
    assert (row["lower"], row["upper"]) == pytest.approx(
        stats.t.interval(0.95, 6, values.mean(), stats.sem(values)), abs=1e-9
    )


def test_same_patients_are_documented_everywhere() -> None:
    """On the same patients six of eight stages and six weights remain; the misread stage and weight are counted."""
    rows = tell()
    assert pick(rows, "share", source="ai", variable="stage", term="I")["n"] == 6
    smd = {name: pick(rows, "smd", source="ai", comparator="reference", variable=name, at=at)
           for name, at in (("stage", ""), ("weight", "access"))}  # fmt: skip
    assert {name: (row["n"], row["k"]) for name, row in smd.items()} == {"stage": (6, 1), "weight": (6, 1)}
    assert pick(rows, "delta_median", source="ai", comparator="reference", variable="weight", at="access",
                method="percentile_bootstrap")["estimate"] == 0  # fmt: skip
    mean = pick(rows, "delta_mean", source="ai", comparator="reference", variable="weight", at="access",
                method="paired_t", level=0.95)  # fmt: skip
    assert mean["estimate"] == pytest.approx(810 / 6)
    changed = pick(rows, "changed_rate", source="ai", comparator="reference", variable="stage")
    assert (changed["k"], changed["n"]) == (1, 6)


def test_no_value_at_all() -> None:
    """A source without a weight has no median and no difference; its missing share is 1."""
    values = {("reference", "weight@access"): ["60", "70", None]}
    rows = run(build_records(3, values), build_protocol(PATIENTS | {"variables": ["weight@access"]}))
    numbers = select_rows(rows, source="ai", metric=["median", "mean", "sd", "delta_mean", "delta_median", "smd"])
    assert set(numbers["reason"]) == {"no_values"}
    assert pick(rows, "missing_share", source="ai", variable="weight", at="access")["estimate"] == 1


def test_one_value_has_no_deviation() -> None:
    """The mean of a single patient has no interval and no standard deviation, and no standardised difference."""
    values = {(source, "weight@access"): ["60", None] for source in ("reference", "ai")}
    rows = run(build_records(2, values), build_protocol(PATIENTS | {"variables": ["weight@access"]}))
    key = {"source": "ai", "variable": "weight", "at": "access"}
    assert pick(rows, "mean", **key)["reason"] == "one_value"
    assert pick(rows, "sd", **key)["status"] == "not_estimable"
    assert pick(rows, "smd", comparator="reference", **key)["reason"] == "zero_variance"


def test_sources_that_agree_have_no_interval_of_the_difference() -> None:
    """Equal values in every patient: differences of 0, without a bootstrap interval, and it is said."""
    values = {(source, "weight@access"): ["60", "70", "80"] for source in ("reference", "ai")}
    rows = run(build_records(3, values), build_protocol(PATIENTS | {"variables": ["weight@access"]}))
    found = select_rows(rows, metric=["delta_mean", "delta_median", "smd"])
    assert set(found["estimate"]) == {0.0}
    assert set(found["reason"]) == {"no_interval"}


def test_elements_of_a_set_are_shares_of_their_own() -> None:
    """Two sites in one patient count for both; an explicit none is documented and counts for neither."""
    values = {("reference", "sites"): ["bone|brain", "bone", "", None], ("ai", "sites"): ["bone", "bone", "", "liver"]}
    rows = run(build_records(4, values), build_protocol(PATIENTS | {"variables": ["sites"]}))
    shares = select_rows(rows, metric="share", source="reference", stratum_by="patients").set_index("term")
    assert (shares["k"] / shares["n"]).to_dict() == pytest.approx({"bone": 2 / 3, "brain": 1 / 3, "liver": 0})
    smd = select_rows(rows, metric="smd", stratum_by="").set_index("term")
    assert smd.loc["brain", "k"] == 1
    assert smd.loc["bone", "estimate"] == 0
    assert smd.loc["liver", "reason"] == "zero_variance"


def test_standardised_differences_by_hand() -> None:
    """Half against two fifths: 0.1 / sqrt((0.25 + 0.24) / 2); means 65 and 60, deviations 10 and 5: 5 / sqrt(62.5)."""
    share = compute_share_gap(np.array([0.5]), np.array([0.4]))
    assert share[0] == pytest.approx(0.1 / np.sqrt(0.245))
    number = compute_number_gap(*(Moments(np.array([m]), np.array([s**2.0])) for m, s in ((65, 10), (60, 5))))
    assert number[0] == pytest.approx(5 / np.sqrt(62.5))
    assert np.isnan(compute_share_gap(np.array([0.0]), np.array([0.0]))[0])


SHARES = st.lists(st.integers(1, 30), min_size=3, max_size=3)


@settings(deadline=None, max_examples=50)
@given(SHARES, SHARES)
def test_multinomial_distance_depends_on_no_level(one: list[int], other: list[int]) -> None:
    """The distance of two profiles is the same whichever level is left out, symmetric, and 0 only between equals.

    Checked against a plain solve of Yang and Dalton's equation with the last level left out.
    """
    p, q = (np.array(counts) / sum(counts) for counts in (one, other))
    found = compute_profile_gap(p, q)
    assert found == pytest.approx(compute_profile_gap(q, p), abs=1e-9)
    assert found == pytest.approx(compute_profile_gap(p[::-1], q[::-1]), rel=1e-6, abs=1e-7)
    left = slice(0, 2)
    covariance = sum(np.diag(x[left]) - np.outer(x[left], x[left]) for x in (p, q)) / 2
    gap = (p - q)[left]
    assert found == pytest.approx(np.sqrt(gap @ np.linalg.solve(covariance, gap)), rel=1e-6, abs=1e-7)
    assert (found < 1e-7) == np.allclose(p, q)


def test_multinomial_distance_of_two_levels_is_the_shares() -> None:
    """With two levels the distance is the size of the share's standardised difference; an empty level adds nothing."""
    p, q = np.array([0.7, 0.3]), np.array([0.6, 0.4])
    expected = abs(compute_share_gap(p[1:], q[1:])[0])
    assert compute_profile_gap(p, q) == pytest.approx(expected)
    assert compute_profile_gap(np.append(p, 0.0), np.append(q, 0.0)) == pytest.approx(expected)


def test_multinomial_distance_undefined() -> None:
    """Two profiles each of one level only do not vary: no distance, not 0. An unknown share has none either."""
    assert np.isnan(compute_profile_gap(np.array([1.0, 0, 0]), np.array([0, 1.0, 0])))
    assert np.isnan(compute_profile_gap(np.array([1.0, 0, 0]), np.array([1.0, 0, 0])))
    assert np.isnan(compute_profile_gap(np.array([np.nan] * 3), np.array([1.0, 0, 0])))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-50, 50), min_size=1, max_size=12), st.integers(0, 2**20))
def test_replicates_are_those_of_the_patients_drawn(values: list[float], seed: int) -> None:
    """Weighted quantile, mean and variance equal numpy's on each patient's value repeated as often as drawn."""
    x = np.array([*values, np.nan])
    weights = np.random.default_rng(seed).integers(0, 4, (20, len(x))).astype(np.uint16)
    medians, moments = compute_quantile_replicates(x, weights, 0.5), compute_moments(x, weights)
    quartiles = compute_quantile_replicates(x, weights, 0.25)
    for at, drawn in enumerate(weights):
        sample = np.repeat(x[:-1], drawn[:-1])
        if not len(sample):
            assert np.isnan([medians[at], moments.mean[at], moments.variance[at]]).all()
            continue
        assert medians[at] == pytest.approx(np.median(sample), abs=1e-9)
        assert quartiles[at] == pytest.approx(np.quantile(sample, 0.25), abs=1e-9)
        assert moments.mean[at] == pytest.approx(sample.mean(), abs=1e-9)
        if len(sample) > 1:
            assert moments.variance[at] == pytest.approx(sample.var(ddof=1), abs=1e-6)


def test_interval_of_a_standardised_difference_is_paired() -> None:
    """The replicates of both sources share their weights: the interval is narrower than with weights of their own."""
    rng = np.random.default_rng(11)
    true = rng.normal(70, 10, 150)
    read = np.where(rng.random(150) < 0.1, true + rng.normal(0, 20, 150), true)
    values = {("reference", "weight@access"): [f"{x:.3f}" for x in true],
              ("ai", "weight@access"): [f"{x:.3f}" for x in read]}  # fmt: skip
    records = build_records(150, values)
    rows = run(records, build_protocol(PATIENTS | {"variables": ["weight@access"]}))
    row = pick(rows, "smd", source="ai", comparator="reference", variable="weight", at="access")
    weights = Draws(1, "all", "patient", 200).weights(records.patients)
    one, other = (np.array([float(x) for x in texts]) for texts in (values["ai", "weight@access"],
                  values["reference", "weight@access"]))  # fmt: skip
    drawn = []
    for counts in weights:
        a, b = np.repeat(one, counts), np.repeat(other, counts)
        drawn.append((a.mean() - b.mean()) / np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2))
    half = stats.t.ppf(0.975, row["k"]) * np.std(drawn, ddof=1)
    assert (row["upper"] - row["lower"]) / 2 == pytest.approx(half, rel=1e-9)
    assert half < 0.6 * stats.norm.ppf(0.975) * np.sqrt(2 / 150)


def test_differences_of_numbers_cover() -> None:
    """150 patients, one number in ten misread by 5 on average: paired t holds 95 % for mean, median and smd."""
    rng, repeats, key = np.random.default_rng(20261125), 300, Question("characteristic", "weight")
    setting = Setting("same", 0.95, "reference", None, frozenset())
    # The shift of the median is that of four million draws.
    truth = {"delta_mean": 0.5, "delta_median": 0.324, "smd": 0.5 / np.sqrt((144 + 144 + 24.75) / 2)}
    held = dict.fromkeys(truth, 0)
    for _ in range(repeats):
        true = rng.normal(70, 12, 150)
        read = true + (rng.random(150) < 0.1) * rng.normal(5, 15, 150)
        accounts = [Account(name, numbers={key: values}, asked={key: True}) for name, values in
                    (("reference", true), ("ai", read))]  # fmt: skip
        weights = rng.multinomial(150, np.full(150, 1 / 150), size=200).astype(np.uint16)
        for row in estimate_numbers(accounts, setting, weights):
            if row["method"] == "paired_t" and row["level"] == 0.95:
                held[row["metric"]] += int(row["lower"] <= truth[row["metric"]] <= row["upper"])
    assert all(hits >= stats.binom.ppf(0.001, repeats, 0.95) for hits in held.values()), held
