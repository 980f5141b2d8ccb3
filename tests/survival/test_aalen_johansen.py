"""Cumulative incidence against a table by hand, Kaplan-Meier, lifelines, statsmodels, jackknife and bootstrap."""

from __future__ import annotations

import lifelines
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.duration.survfunc import CumIncidenceRight

from probatio.results import Reason
from probatio.survival import (
    compute_aalen_johansen,
    compute_incidence_at,
    compute_incidence_influence,
    compute_incidence_replicates,
    compute_kaplan_meier,
    prepare_causes,
)
from survival_data import make_cohort, read_oracle

SEEDS = st.integers(0, 2**32 - 1)


def make_causes(rng, n, *, ties=True):
    """Return times with two causes (1, 2) and censoring (0)."""
    time = rng.exponential(12, n)
    return np.ceil(time) if ties else time, rng.choice([0, 1, 2], n, p=[0.3, 0.4, 0.3])


def test_table_by_hand():
    """Ten patients: S(t-) d/n adds up to 0.1, 0.2125 and 0.3625 for the first cause."""
    time, cause = [1, 2, 2, 3, 4, 5, 5, 6, 7, 8], [1, 0, 2, 1, 0, 1, 2, 0, 0, 0]
    curve = compute_aalen_johansen(time, cause, 1)
    # t=1: 1/10. t=2: S- = 9/10, 2nd cause. t=3: S- = 9/10 x 8/9 = 4/5, 1/7. t=5: S- = 4/5 x 6/7 = 24/35, 1/5.
    expected = np.cumsum([1 / 10, 0, 4 / 5 / 7, 0, 24 / 35 / 5])
    np.testing.assert_allclose(curve.incidence[:5], expected, atol=1e-14)
    other = compute_aalen_johansen(time, cause, 2)
    total = compute_kaplan_meier(time, np.array(cause) > 0)
    np.testing.assert_allclose(curve.incidence + other.incidence, 1 - total.survival, atol=1e-14)


def test_pbc():
    """PBC, transplantation (1) and death (2) at 2, 5 and 10 years: R's multi-state survfit (survival 3.5-3).

    cmprsk has the same estimates; its variance, of Gray's form, is 0.3 to 1.7 % larger.
    """
    pbc = read_oracle("pbc_first312")
    golds = {
        1: [(0.003205128205, 0.003199987659), (0.044056290532, 0.011978456101), (0.079151020886, 0.018447054256)],
        2: [(0.1057692308, 0.01741113891), (0.2837364921, 0.02626704485), (0.5304694712, 0.04029762612)],
    }
    cmprsk = {1: [1.027585011e-05, 1.441134869e-04, 3.433560435e-04],
              2: [3.041793766e-04, 6.929129939e-04, 1.6515032518e-03]}  # fmt: skip
    for cause, expected in golds.items():
        curve = compute_aalen_johansen(pbc["time"] / 365.25, pbc["status"], cause)
        found = np.array([compute_incidence_at(curve, at)[:2] for at in (2, 5, 10)])
        np.testing.assert_allclose(found, expected, rtol=1e-9)
        ratio = cmprsk[cause] / found[:, 1] ** 2
        assert ((ratio > 1) & (ratio < 1.02)).all()


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(3, 60))
def test_one_cause_is_kaplan_meier(seed, n):
    """With one cause incidence is 1 - survival, with Greenwood's error and the log-log bounds."""
    cohort = make_cohort(np.random.default_rng(seed), n)
    curve = compute_aalen_johansen(cohort["time"], cohort["event"].astype(int), 1)
    other = compute_kaplan_meier(cohort["time"], cohort["event"], conf_type="log-log")
    np.testing.assert_allclose(curve.incidence, 1 - other.survival, atol=1e-12)
    inside = (other.survival > 1e-9) & (other.survival < 1)
    found = np.c_[curve.standard_error, 1 - curve.upper, 1 - curve.lower][inside]
    expected = np.c_[other.standard_error, other.lower, other.upper][inside]
    np.testing.assert_allclose(found, expected, atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_agrees_with_lifelines(seed):
    """Without ties incidence and variance equal lifelines', whose variance stops where nobody is left."""
    time, cause = make_causes(np.random.default_rng(seed), 40, ties=False)
    cause[:2] = (1, 2)
    curve = compute_aalen_johansen(time, cause, 1)
    other = lifelines.AalenJohansenFitter().fit(time, cause, event_of_interest=1)
    np.testing.assert_allclose(curve.incidence, other.cumulative_density_.loc[curve.times].iloc[:, 0], atol=1e-12)
    variance = other.variance_.loc[curve.times].to_numpy()
    known = ~np.isnan(variance)
    assert known[:-1].all()
    np.testing.assert_allclose(curve.standard_error[known] ** 2, variance[known], atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_agrees_with_statsmodels(seed):
    """With ties incidence equals statsmodels' at every time with an event."""
    time, cause = make_causes(np.random.default_rng(seed), 60)
    cause[:2] = (1, 2)
    other = CumIncidenceRight(time, cause)
    for of in (1, 2):
        curve = compute_aalen_johansen(time, cause, of)
        at = np.searchsorted(curve.times, other.times)
        np.testing.assert_allclose(curve.incidence[at], other.cinc[of - 1], atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(5, 60))
def test_variance_is_the_jackknife(seed, n):
    """With ties and no delayed entry the variance is the infinitesimal jackknife's, at every time of follow-up."""
    time, cause = make_causes(np.random.default_rng(seed), n)
    curve = compute_aalen_johansen(time, cause, 1)
    for at, error in zip(curve.times, curve.standard_error, strict=True):
        influence = compute_incidence_influence(time, cause, 1, float(at))
        assert error == pytest.approx(np.sqrt((influence**2).sum()) / n, abs=1e-7)


def test_standard_error_tracks_the_bootstrap():
    """On 300 patients the errors at three landmarks lie within 8 % of those of 2,000 replicates."""
    rng = np.random.default_rng(1)
    time, cause = make_causes(rng, 300)
    curve, table = compute_aalen_johansen(time, cause, 1), prepare_causes(time, cause)
    weights = rng.multinomial(300, np.full(300, 1 / 300), size=2000)
    for at in (3.0, 8.0, 20.0):
        found = compute_incidence_replicates(table, weights, 1, at).std()
        assert compute_incidence_at(curve, at).standard_error == pytest.approx(found, rel=0.08)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(2, 40), st.booleans())
def test_replicates_equal_single_curves(seed, n, delayed):
    """A matrix of weights gives what one curve per row gives, NaN where follow-up ends earlier."""
    rng = np.random.default_rng(seed)
    time, cause = make_causes(rng, n)
    entry = np.floor(time * rng.uniform(0, 0.9, n)) if delayed else None
    table, at = prepare_causes(time, cause, entry=entry), float(rng.integers(1, 25))
    weights = rng.multinomial(n, np.full(n, 1 / n), size=15).astype(np.uint16)
    found = compute_incidence_replicates(table, weights, 2, at)
    for value, drawn in zip(found, weights, strict=True):
        kept = drawn > 0
        few = None if entry is None else entry[kept]
        curve = compute_aalen_johansen(time[kept], cause[kept], 2, entry=few, weights=drawn[kept])
        assert value == pytest.approx(compute_incidence_at(curve, at).estimate, abs=1e-12, nan_ok=True)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_delayed_entry_by_hand(seed):
    """With delayed entry each step is S(t-) d/n over those with entry < t <= time."""
    rng = np.random.default_rng(seed)
    time, cause = make_causes(rng, 40)
    entry = np.floor(time * rng.uniform(0, 0.9, 40))
    curve, survival, incidence = compute_aalen_johansen(time, cause, 1, entry=entry), 1.0, 0.0
    for t, found in zip(curve.times, curve.incidence, strict=True):
        at_risk = (((entry < t) | (entry == 0)) & (time >= t)).sum()
        incidence += survival * ((time == t) & (cause == 1)).sum() / at_risk
        survival *= 1 - ((time == t) & (cause > 0)).sum() / at_risk
        assert found == pytest.approx(incidence, abs=1e-12)


def test_incidence_is_not_one_minus_kaplan_meier():
    """Censoring the competing cause overstates incidence: the sum of both would exceed the total."""
    time, cause = make_causes(np.random.default_rng(2), 200)
    curve = compute_aalen_johansen(time, cause, 1)
    naive = 1 - compute_kaplan_meier(time, cause == 1).survival
    assert (naive >= curve.incidence - 1e-12).all()
    assert naive[-1] > curve.incidence[-1] + 0.1


def test_weights_are_frequencies():
    """A weight counts a patient as often as it says, in the estimate and in the standard error."""
    rng = np.random.default_rng(3)
    time, cause = make_causes(rng, 50)
    weights = rng.integers(1, 4, 50)
    one = compute_aalen_johansen(time, cause, 1, weights=weights)
    other = compute_aalen_johansen(np.repeat(time, weights), np.repeat(cause, weights), 1)
    np.testing.assert_allclose(one.incidence, other.incidence, atol=1e-12)
    np.testing.assert_allclose(one.standard_error, other.standard_error, atol=1e-9)


def test_undefined_stays_undefined():
    """Beyond follow-up there is no number, before the first event no interval, at 1 none either."""
    curve = compute_aalen_johansen([2, 3, 5], [1, 2, 0], 1)
    assert compute_incidence_at(curve, 6.0).reason == Reason.BEYOND_FOLLOW_UP
    early = compute_incidence_at(curve, 1.0)
    assert (early.estimate, early.reason, np.isnan(early.lower)) == (0.0, Reason.NO_EVENTS, True)
    never = compute_incidence_at(compute_aalen_johansen([2, 3, 5], [2, 2, 0], 1), 4.0)
    assert (never.estimate, never.reason) == (0.0, Reason.NO_EVENTS)
    extinct = compute_aalen_johansen([2, 3], [1, 2], 1)
    assert compute_incidence_at(extinct, 9.0).estimate == 0.5
    certain = compute_incidence_at(compute_aalen_johansen([2, 3], [1, 1], 1), 9.0)
    assert (certain.estimate, certain.reason) == (1.0, Reason.NO_INTERVAL)
    table = prepare_causes([2, 3, 5], [1, 2, 0])
    short = np.array([[1, 2, 0], [0, 0, 3], [2, 1, 0], [1, 0, 2]])
    np.testing.assert_allclose(compute_incidence_replicates(table, short, 1, 5.0), [1 / 3, 0, 2 / 3, 1 / 3])
    np.testing.assert_array_equal(np.isnan(compute_incidence_replicates(table, short, 1, 6.0)), [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("time", "cause"), [([], []), ([-1.0], [1]), ([1.0], [-1]), ([1.0], [0.5]), ([1.0, 2.0], [1]), ([np.nan], [1])]
)
def test_impossible_input_is_refused(time, cause):
    """Nobody, impossible times, causes that are not whole numbers and shapes that differ are errors, not numbers."""
    with pytest.raises(ValueError, match=r"time|cause|patient"):
        compute_aalen_johansen(time, cause, 1)


def test_intervals_cover():
    """Over 500 cohorts of 80 the 95 % interval at a landmark holds the truth at the nominal rate."""
    rng, hits = np.random.default_rng(4), 0
    truth = 0.4 * (1 - np.exp(-0.8))
    for _ in range(500):
        life, follow_up, cause = (
            rng.exponential(size=80),
            rng.uniform(0.6, 3.0, 80),
            rng.choice([1, 2], 80, p=[0.4, 0.6]),
        )
        curve = compute_aalen_johansen(np.minimum(life, follow_up), np.where(life <= follow_up, cause, 0), 1)
        found = compute_incidence_at(curve, 0.8)
        hits += found.lower <= truth <= found.upper
    low, high = stats.binom.ppf([0.001, 0.999], 500, 0.95)
    assert low <= hits <= high
