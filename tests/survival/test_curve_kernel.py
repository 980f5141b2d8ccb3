"""The compiled curves against a slow walk along them; delayed entry against lifelines, rows cut in two and paper."""

from __future__ import annotations

import lifelines
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probatio.survival import (
    compute_curve_numbers,
    compute_kaplan_meier,
    compute_median,
    compute_rmst,
    compute_survival_at,
    prepare_times,
)
from survival_data import make_cohort
from survival_slow import count_slowly, read_slowly

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(2, 40)


def make_delayed(seed, n, *, delayed=True):
    """Return a random cohort with ties, with delayed entry for two in three patients."""
    rng = np.random.default_rng(seed)
    cohort = make_cohort(rng, n)
    entry = np.floor(cohort["time"] * rng.random(n) * (rng.random(n) < 2 / 3))
    return {"time": cohort["time"], "event": cohort["event"]} | ({"entry": entry} if delayed else {})


@settings(max_examples=40, deadline=None)
@given(SEEDS, SIZES, st.booleans(), st.booleans())
def test_every_number_equals_the_slow_one(seed, n, delayed, counted):
    """With ties, delayed entry and any weights, a replicate's numbers are those of a loop over times, to 1e-9."""
    rng, data = np.random.default_rng(seed), make_delayed(seed, n, delayed=delayed)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=5) if counted else rng.exponential(size=(5, n))
    asked = {"taus": (4.0, 15.0), "landmarks": (0.0, 9.0, 4.5)}
    found = compute_curve_numbers(prepare_times(**data), weights, **asked)
    for row, drawn in enumerate(weights):
        median, means, survival = read_slowly(**data, weights=drawn, **asked)
        np.testing.assert_allclose(found.median[row], median, atol=1e-9)
        np.testing.assert_allclose(found.rmst[row], means, atol=1e-9)
        np.testing.assert_allclose(found.survival[row], survival, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(SEEDS, SIZES)
def test_a_replicate_is_the_curve(seed, n):
    """Under delayed entry the replicate of weights 1 has the curve's own numbers, undefined ones included."""
    data = make_delayed(seed, n)
    found = compute_curve_numbers(prepare_times(**data), np.ones(n), taus=(15.0,), landmarks=(9.0,))
    curve = compute_kaplan_meier(**data)
    one = [compute_median(curve), compute_rmst(curve, 15.0), compute_survival_at(curve, 9.0)]
    np.testing.assert_allclose(np.hstack([found.median, *found.rmst, *found.survival]), [v.estimate for v in one])


@settings(max_examples=20, deadline=None)
@given(SEEDS, SIZES)
def test_counts_under_delayed_entry(seed, n):
    """Numbers at risk and of events are those counted by hand, real-valued weights included."""
    data, weights = make_delayed(seed, n), np.random.default_rng(seed).exponential(size=n)
    curve = compute_kaplan_meier(**data, weights=weights)
    times, at_risk, events = count_slowly(**data, weights=weights)
    np.testing.assert_array_equal(curve.times, times)
    np.testing.assert_allclose(curve.at_risk, at_risk, atol=1e-12)
    np.testing.assert_allclose(curve.events, events, atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(SEEDS, SIZES)
def test_delayed_entry_agrees_with_lifelines(seed, n):
    """Survival and log-log bounds under delayed entry equal lifelines' at every time."""
    data = make_delayed(seed, n)
    data["event"][0] = True
    data["time"][1], data["event"][1], data["entry"][1] = 999.0, False, 0.0  # lifelines refuses an empty risk set
    curve = compute_kaplan_meier(**data, conf_type="log-log")
    # lifelines counts a patient at risk at the very time of entry: half a day later means the same to both.
    entry = np.where(data["entry"] > 0, data["entry"] + 0.5, 0)
    other = lifelines.KaplanMeierFitter().fit(data["time"], data["event"], entry=entry)
    np.testing.assert_allclose(curve.survival, other.survival_function_.loc[curve.times].iloc[:, 0], atol=1e-12)
    bounds = other.confidence_interval_.loc[curve.times].to_numpy()
    inside = (curve.survival > 0) & (curve.survival < 1)
    np.testing.assert_allclose(np.c_[curve.lower, curve.upper][inside], bounds[inside], atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(SEEDS, SIZES)
def test_split_follow_up_changes_nothing(seed, n):
    """Follow-up cut into two rows, the second entering where the first is censored, gives the same curve."""
    data = make_delayed(seed, n)
    cut = data["entry"] > 0
    parts = {"time": np.r_[data["time"], data["entry"][cut]], "event": np.r_[data["event"], np.zeros(cut.sum(), bool)],
             "entry": np.r_[data["entry"], np.zeros(cut.sum())]}  # fmt: skip
    whole, curve = compute_kaplan_meier(data["time"], data["event"]), compute_kaplan_meier(**parts)
    at = np.searchsorted(curve.times, whole.times)
    np.testing.assert_allclose(curve.survival[at], whole.survival, atol=1e-12)
    np.testing.assert_allclose(curve.standard_error[at], whole.standard_error, atol=1e-12)
    assert compute_median(curve)[:4] == pytest.approx(compute_median(whole)[:4], nan_ok=True)


def test_delayed_entry_by_hand():
    """Four patients, two of them late: 1/2 x 2/3 as on paper; real-valued weights in and out of a risk set."""
    curve = compute_kaplan_meier([2, 4, 6, 8], [True, True, False, True], entry=[0, 0, 2, 3])
    np.testing.assert_array_equal(curve.at_risk, [2, 3, 2, 1])
    np.testing.assert_allclose(curve.survival, [1 / 2, 1 / 3, 1 / 3, 0])
    gap = compute_kaplan_meier([2, 5, 9], [False, True, True], entry=[0, 3, 3], weights=[0.1, 0.2, 0.3])
    np.testing.assert_allclose(gap.at_risk, [0.1, 0.5, 0.3], rtol=1e-14)


def test_delayed_entry_is_unbiased():
    """Patients seen only if they live until entry: with `entry` survival is unbiased, without it is too high."""
    rng, found = np.random.default_rng(3), []
    for _ in range(200):
        life, entry = rng.exponential(size=600), rng.exponential(0.5, size=600) * (rng.random(600) < 0.8)
        seen = life > entry
        data = (life[seen], np.ones(seen.sum(), dtype=bool))
        curves = (compute_kaplan_meier(*data, entry=entry[seen]), compute_kaplan_meier(*data))
        found.append([compute_survival_at(curve, 1.0).estimate for curve in curves])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(200)
    assert abs(mean[0] - np.exp(-1)) < 3.5 * error[0]
    assert mean[1] > np.exp(-1) + 20 * error[1]


def test_everybody_dies_whatever_the_weights():
    """When all at risk die survival is 0 exactly, though weights are real and patients have left the sum."""
    rng = np.random.default_rng(1)
    data = {"time": [3, 3, 3, 7, 7, 7, 7], "event": [True] * 7, "entry": [0, 0, 0, 3, 3, 3, 4]}
    for weights in rng.exponential(size=(200, 7)):
        assert compute_kaplan_meier(**data, weights=weights).survival[0] == 0
        assert compute_curve_numbers(prepare_times(**data), weights, landmarks=(3.0,)).survival[0, 0] == 0


def test_company_of_a_replicate_does_not_matter():
    """A replicate's numbers have the same bits alone, in any order, in chunks, and as counts of any type."""
    rng = np.random.default_rng(7)
    table, asked = prepare_times(**make_delayed(7, 150)), {"taus": (12.0,), "landmarks": (5.0,)}
    weights = rng.multinomial(150, np.full(150, 1 / 150), size=4000).astype(np.uint16)  # more than one chunk
    whole = compute_curve_numbers(table, weights, **asked)
    back = compute_curve_numbers(table, np.asfortranarray(weights[::-1], dtype=float), **asked)
    alone = compute_curve_numbers(table, weights[17], **asked)
    for one, other, single in zip(whole, back, alone, strict=True):
        np.testing.assert_array_equal(one, other[::-1])
        np.testing.assert_array_equal(one[17:18], single)


def test_no_replicate_and_impossible_weights():
    """No replicates give empty arrays; weights below 0 or too few are an error."""
    table = prepare_times([1.0, 2.0, 3.0], [True, True, False])
    assert compute_curve_numbers(table, np.ones((0, 3)), taus=(1.0,)).rmst.shape == (0, 1)
    for wrong in ([[-1.0, 1, 1]], [[np.nan, 1, 1]], [[1.0, 1]]):
        with pytest.raises(ValueError, match="weights"):
            compute_curve_numbers(table, wrong)


def test_nobody_drawn_is_undefined():
    """A replicate without anybody has no number; one without events has no median."""
    table = prepare_times([1.0, 2.0, 3.0], [True, True, False])
    found = compute_curve_numbers(table, [[0, 0, 0], [0, 0, 2]], taus=(2.0,), landmarks=(2.0,))
    assert np.isnan([found.median[0], found.rmst[0, 0], found.survival[0, 0], found.median[1]]).all()
    assert (found.rmst[1, 0], found.survival[1, 0]) == (2.0, 1.0)
