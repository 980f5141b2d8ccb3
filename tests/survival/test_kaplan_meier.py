"""Kaplan-Meier, median and restricted mean against publications, R, lifelines and statsmodels."""

from __future__ import annotations

import lifelines
import lifelines.datasets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.duration.survfunc import SurvfuncRight

from probatio.results import Reason
from probatio.survival import (
    compute_kaplan_meier,
    compute_median,
    compute_median_replicates,
    compute_rmst,
    compute_rmst_replicates,
    compute_survival_at,
    compute_survival_replicates,
    prepare_times,
)
from survival_data import CONTROL, TREATED, make_cohort, read_lung, read_oracle, split

COHORT = st.tuples(st.integers(0, 2**32 - 1), st.integers(2, 40)).map(
    lambda drawn: make_cohort(np.random.default_rng(drawn[0]), drawn[1])
)


def test_six_mp_survival_and_greenwood():
    """The 6-MP arm has the survival and standard errors of every textbook."""
    curve = compute_kaplan_meier(*split(TREATED))
    at = np.searchsorted(curve.times, [6, 7, 10, 13, 16, 22, 23])
    np.testing.assert_allclose(curve.survival[at], [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482], atol=5e-5)
    expected = [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346]
    np.testing.assert_allclose(curve.standard_error[at], expected, atol=5e-5)


def test_six_mp_medians():
    """The medians are 23 and 8 weeks, as R prints them."""
    (t1, e1), (t0, e0) = split(TREATED), split(CONTROL)
    assert compute_median(compute_kaplan_meier(t1, e1)).estimate == 23
    assert compute_median(compute_kaplan_meier(t0, e0)).estimate == 8


def test_six_mp_restricted_mean():
    """RMST to 20 weeks and its standard error are those of R's survRM2."""
    treated, control = (compute_rmst(compute_kaplan_meier(*split(arm)), 20) for arm in (TREATED, CONTROL))
    assert treated[:2] == pytest.approx((16.116527, 1.251560), abs=1e-6)
    assert control[:2] == pytest.approx((8.428571, 1.268083), abs=1e-6)


@pytest.mark.parametrize(("sex", "median"), [(None, (310, 285, 363)), (1, (270, 212, 310)), (2, (426, 348, 550))])
def test_lung_medians(sex, median):
    """NCCTG medians and intervals are those survfit prints with conf.type "log"."""
    lung = read_lung()
    chosen = lung if sex is None else lung[lung["sex"] == sex]
    found = compute_median(compute_kaplan_meier(chosen["time"], chosen["event"]))
    assert (found.estimate, found.lower, found.upper) == median


def test_lung_restricted_mean():
    """NCCTG restricted means by sex at 365 and 500 days agree with R to the last printed digit."""
    lung = read_lung()
    golds = {(1, 365): (241.495085, 10.358227), (2, 365): (297.465410, 10.791324),
             (1, 500): (278.76323, 14.354559), (2, 500): (360.91095, 16.801018)}  # fmt: skip
    for (sex, tau), gold in golds.items():
        arm = lung[lung["sex"] == sex]
        assert compute_rmst(compute_kaplan_meier(arm["time"], arm["event"]), tau)[:2] == pytest.approx(gold, abs=5e-6)


def test_waltons_restricted_mean_variance():
    """The variance of RMST is the sampling variance, not the one lifelines reports (its pull request 1526)."""
    data = lifelines.datasets.load_waltons()
    arm = data[data["group"] == "miR-137"]
    found = compute_rmst(compute_kaplan_meier(arm["T"], arm["E"]), 10)
    assert found.estimate == pytest.approx(9.7941, abs=5e-5)
    assert found.standard_error == pytest.approx(0.1232, abs=2e-4)


def test_pbc_restricted_mean():
    """The survRM2 vignette's case (PBC, 10 years) comes out arm by arm."""
    pbc = read_oracle("pbc_first312")
    golds = {1: (7.146493, 0.282775), 2: (7.283416, 0.295478)}
    for arm, gold in golds.items():
        chosen = pbc[pbc["trt"] == arm]
        curve = compute_kaplan_meier(chosen["time"] / 365.25, chosen["status"] == 2)
        assert compute_rmst(curve, 10)[:2] == pytest.approx(gold, abs=2e-6)


def test_gbsg_open_bound():
    """A bound that never falls to one half is infinite and says not reached."""
    data = read_oracle("gbsg")
    found = [compute_median(compute_kaplan_meier(arm["rfstime"], arm["status"])) for _, arm in data.groupby("hormon")]
    assert found[0][:1] + found[0][2:] == (1528, 1296, 1814, Reason.NONE)
    assert found[1][:1] + found[1][2:] == (2018, 1918, np.inf, Reason.NOT_REACHED)


def test_aml():
    """R's aml: medians 31 and 23."""
    data = read_oracle("aml")
    medians = {
        arm: compute_median(compute_kaplan_meier(d["time"], d["status"])).estimate for arm, d in data.groupby("x")
    }
    assert medians == {"Maintained": 31, "Nonmaintained": 23}


@settings(max_examples=25, deadline=None)
@given(COHORT)
def test_curve_agrees_with_lifelines(cohort):
    """Survival and log-log bounds equal lifelines' at every time, on data of any shape."""
    if not cohort["event"].any():
        cohort["event"][0] = True
    curve = compute_kaplan_meier(cohort["time"], cohort["event"], conf_type="log-log")
    other = lifelines.KaplanMeierFitter().fit(cohort["time"], cohort["event"])
    np.testing.assert_allclose(curve.survival, other.survival_function_.loc[curve.times].iloc[:, 0], atol=1e-12)
    bounds = other.confidence_interval_.loc[curve.times].to_numpy()
    inside = (curve.survival > 0) & (curve.survival < 1)
    np.testing.assert_allclose(np.c_[curve.lower, curve.upper][inside], bounds[inside], atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(COHORT)
def test_curve_agrees_with_statsmodels(cohort):
    """Survival and Greenwood's standard error equal statsmodels' at every event time."""
    cohort["event"][0] = True
    curve = compute_kaplan_meier(cohort["time"], cohort["event"])
    other = SurvfuncRight(cohort["time"], cohort["event"].astype(int))
    at = np.searchsorted(curve.times, other.surv_times)
    np.testing.assert_allclose(curve.survival[at], other.surv_prob, atol=1e-12)
    alive = other.surv_prob > 1e-12
    np.testing.assert_allclose(curve.standard_error[at][alive], other.surv_prob_se[alive], atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(COHORT, st.integers(0, 2**32 - 1))
def test_replicates_equal_single_curves(cohort, seed):
    """Median, RMST and landmark of a matrix of weights equal those computed one replicate at a time."""
    n = len(cohort["time"])
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=12).astype(np.uint16)
    table = prepare_times(cohort["time"], cohort["event"])
    found = (compute_median_replicates(table, weights), compute_rmst_replicates(table, weights, 15.0),
             compute_survival_replicates(table, weights, 9.0))  # fmt: skip
    for row, drawn in enumerate(weights):
        kept = drawn > 0
        curve = compute_kaplan_meier(cohort["time"][kept], cohort["event"][kept], weights=drawn[kept])
        one = [compute_median(curve), compute_rmst(curve, 15.0), compute_survival_at(curve, 9.0)]
        np.testing.assert_allclose([column[row] for column in found], [value.estimate for value in one], atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(COHORT, st.integers(0, 2**32 - 1))
def test_weights_are_frequencies(cohort, seed):
    """A weight counts a patient as often as it says, in the estimate and in the standard error."""
    weights = np.random.default_rng(seed).integers(1, 4, len(cohort["time"]))
    one = compute_kaplan_meier(cohort["time"], cohort["event"], weights=weights)
    other = compute_kaplan_meier(np.repeat(cohort["time"], weights), np.repeat(cohort["event"], weights))
    np.testing.assert_allclose(one.survival, other.survival, atol=1e-12)
    np.testing.assert_allclose(one.standard_error, other.standard_error, atol=1e-12)


def test_flat_median_is_the_middle():
    """Where survival stays at one half the median is the middle of the stretch, as survfit prints it."""
    assert compute_median(compute_kaplan_meier([1, 2, 3, 6], [True] * 4)).estimate == 2.5
    table = prepare_times([1, 2, 3, 6], [True] * 4)
    np.testing.assert_array_equal(compute_median_replicates(table, np.array([[1, 1, 1, 1], [1, 1, 0, 2]])), [2.5, 4.0])


def test_undefined_stays_undefined():
    """No median above one half, no RMST or landmark beyond follow-up, no interval without an event."""
    curve = compute_kaplan_meier([5, 6, 7, 8], [True, False, False, False])
    assert compute_median(curve).reason == Reason.NOT_REACHED
    assert np.isnan(compute_median(curve).estimate)
    for found in (compute_rmst(curve, 9), compute_survival_at(curve, 9)):
        assert (found.reason, np.isnan(found.estimate)) == (Reason.BEYOND_FOLLOW_UP, True)
    for found in (compute_rmst(curve, 4), compute_survival_at(curve, 4)):
        assert (found.reason, np.isnan(found.lower)) == (Reason.NO_EVENTS, True)
    table = prepare_times([5, 6, 7, 8], [True, False, False, False])
    short = np.array([[1, 3, 0, 0], [4, 0, 0, 0]])
    np.testing.assert_array_equal(compute_rmst_replicates(table, short, 8.0), [np.nan, 5.0])


def test_extinct_curve():
    """When all have died survival is 0 without an interval, and RMST beyond is the mean life."""
    curve = compute_kaplan_meier([1, 2, 3], [True] * 3)
    assert np.isnan([curve.standard_error[-1], curve.lower[-1], curve.upper[-1]]).all()
    assert compute_rmst(curve, 10).estimate == pytest.approx(2)
    assert compute_survival_at(curve, 10)[0] == 0
    assert compute_survival_at(curve, 10).reason == Reason.NO_INTERVAL


@pytest.mark.parametrize("conf_type", ["log", "log-log", "plain"])
def test_bounds_stay_in_the_unit_interval(conf_type):
    """Every scale keeps lower <= survival <= upper within [0, 1]."""
    curve = compute_kaplan_meier(*split(TREATED), conf_type=conf_type)
    assert ((curve.lower >= 0) & (curve.lower <= curve.survival)).all()
    assert ((curve.upper <= 1) & (curve.upper >= curve.survival)).all()


def test_intervals_cover():
    """Over 500 cohorts of 80, 95 % intervals of RMST and of survival hold the truth at the nominal rate."""
    rng, hits = np.random.default_rng(11), np.zeros(2)
    truth = (1 - np.exp(-1), np.exp(-0.8))
    for _ in range(500):
        life, follow_up = rng.exponential(size=80), rng.uniform(1.0, 3.0, size=80)
        curve = compute_kaplan_meier(np.minimum(life, follow_up), life <= follow_up, conf_type="log-log")
        for at, found in enumerate((compute_rmst(curve, 1.0), compute_survival_at(curve, 0.8))):
            hits[at] += found.lower <= truth[at] <= found.upper
    low, high = stats.binom.ppf([0.001, 0.999], 500, 0.945)
    assert ((hits >= low) & (hits <= high)).all()


@pytest.mark.parametrize(
    ("time", "event"), [([], []), ([-1.0], [True]), ([np.nan], [True]), ([1.0, 2.0], [True]), ([np.inf], [False])]
)
def test_impossible_times_are_refused(time, event):
    """Nobody, negative or undefined times and shapes that differ are errors, not numbers."""
    with pytest.raises(ValueError, match=r"time|patient"):
        compute_kaplan_meier(time, event)
