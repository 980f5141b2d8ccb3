"""Harrell's concordance against R's printed values, lifelines, every pair counted, and reweighting."""

from __future__ import annotations

import lifelines
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probatio.results import Reason
from probatio.survival import compute_concordance, compute_cox, prepare_cox
from survival_data import make_cohort, read_lung, read_oracle

SEEDS = st.integers(0, 2**32 - 1)


def count_pairs(time, event, predictor, strata, entry, weights):
    """Return weighted concordant, discordant and tied pairs, one pair after the other."""
    found = np.zeros(3)
    for i in np.flatnonzero(event):
        for j in range(len(time)):
            later = time[j] > time[i] or (time[j] == time[i] and not event[j])
            if later and entry[j] < time[i] and strata[i] == strata[j]:
                kind = 0 if predictor[i] > predictor[j] else 1 if predictor[i] < predictor[j] else 2
                found[kind] += weights[i] * weights[j]
    return found


def test_lung():
    """NCCTG on age, sex and ECOG: R's concordance 0.637136 with standard error 0.025068.

    Half a pair more would move it by 2.5e-5; the gold was rounded from R's seven digits, 0.6371355.
    """
    lung = read_lung().dropna(subset=["ph_ecog"])
    x = lung[["age", "sex", "ph_ecog"]].to_numpy(dtype=float)
    fit = compute_cox(prepare_cox(lung["time"], lung["event"], x))
    found = compute_concordance(lung["time"], lung["event"], x @ fit.coefficients)
    assert found.estimate == pytest.approx(0.637136, abs=6e-7)
    assert found.standard_error == pytest.approx(0.025068, abs=5e-7)


def test_veteran():
    """R's veteran with strata, case weights and delayed entry: R's concordance and its variance (survival 3.5-3)."""
    data = read_oracle("veteran")
    time, event, x = data["time"], data["status"], data[["trt", "karno"]].to_numpy(dtype=float)
    strata, weights, entry = data["celltype"], data["age"].to_numpy() / 50, np.floor(time * 0.3)
    stratified = compute_cox(prepare_cox(time, event, x, strata=strata)).coefficients
    weighted = compute_cox(prepare_cox(time, event, x), weights).coefficients
    cases = [(stratified, {"strata": strata}, (0.6995202791103, 0.0006285062922)),
             (weighted, {"weights": weights}, (0.709578669622, 0.000514007497)),
             (np.array([0.05233515024, -0.01782984713]), {"entry": entry},
              (0.5963070238957, 0.0004304264681))]  # fmt: skip
    for beta, options, gold in cases:
        found = compute_concordance(time, event, x @ beta, **options)
        assert (found.estimate, found.standard_error**2) == pytest.approx(gold, rel=1e-9)


def test_by_hand():
    """Four patients: of five comparable pairs three are concordant, one discordant, one tied."""
    found = compute_concordance([1, 2, 3, 3], [True, True, True, False], [3, 1, 1, 2])
    # 1 outlived by all: 3 > 1, 3 > 1, 3 > 2. 2 outlived by both of day 3: 1 = 1, 1 < 2. 3 by the one censored: 1 < 2.
    assert (found.concordant, found.discordant, found.tied) == (3, 2, 1)
    assert found.estimate == pytest.approx(3.5 / 6)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(2, 40))
def test_counts_every_pair(seed, n):
    """With ties everywhere, strata, delayed entry and weights the counts are those made pair by pair."""
    rng = np.random.default_rng(seed)
    time, event = rng.integers(1, 12, n).astype(float), rng.random(n) < 0.6
    entry = np.floor(time * rng.uniform(0, 0.99, n)) * (rng.random(n) < 0.4)
    x, strata, weights = rng.integers(0, 5, n).astype(float), rng.integers(0, 2, n), rng.uniform(0.5, 2, n)
    found = compute_concordance(time, event, x, strata=strata, entry=entry, weights=weights)
    expected = count_pairs(time, event, x, strata, np.where(entry > 0, entry, -1), weights)
    np.testing.assert_allclose(found[2:5], expected, atol=1e-9)
    if expected.sum():
        assert found.estimate == pytest.approx((expected[0] + expected[2] / 2) / expected.sum(), abs=1e-12)
    else:
        assert found.reason in (Reason.NO_PAIRS, Reason.NO_EVENTS)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_agrees_with_lifelines(seed):
    """The estimate equals lifelines' concordance index, ties included."""
    cohort = make_cohort(np.random.default_rng(seed), 80)
    x = np.round(cohort["covariates"][:, 1], 1)
    other = lifelines.utils.concordance_index(cohort["time"], -x, cohort["event"])
    assert compute_concordance(cohort["time"], cohort["event"], x).estimate == pytest.approx(other, abs=1e-12)


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_standard_error_is_the_jackknife(seed):
    """The squared error is the sum over patients of (weight x derivative in the weight)^2, taken numerically."""
    rng = np.random.default_rng(seed)
    cohort, weights = make_cohort(rng, 30), rng.uniform(0.5, 2, 30)
    x, strata = np.round(cohort["covariates"][:, 1], 1), np.arange(30) % 2

    def read(w):
        return compute_concordance(cohort["time"], cohort["event"], x, strata=strata, weights=w).estimate

    steps = 1e-5 * np.eye(30)
    slopes = [(read(weights + step) - read(weights - step)) / 2e-5 for step in steps]
    found = compute_concordance(cohort["time"], cohort["event"], x, strata=strata, weights=weights)
    assert found.standard_error == pytest.approx(np.sqrt(((weights * slopes) ** 2).sum()), rel=1e-5)


def test_rounding_breaks_no_tie():
    """Predictors that differ in their last digit only are tied, as equal covariates should be."""
    exact = compute_concordance([1, 2, 3], [True, True, True], [0.3, 0.3, 0.1])
    noisy = compute_concordance([1, 2, 3], [True, True, True], [0.1 + 0.2, 0.3, 0.1])
    assert noisy == exact
    assert noisy.tied == 1


def test_extremes():
    """A perfect order gives 1, its reverse 0, a constant 1/2 without error."""
    time, event = np.arange(1.0, 21.0), np.ones(20, dtype=bool)
    assert compute_concordance(time, event, -time)[:2] == (1.0, 0.0)
    assert compute_concordance(time, event, time)[:2] == (0.0, 0.0)
    assert compute_concordance(time, event, np.full(20, 7.0))[:2] == (0.5, 0.0)


def test_undefined_is_said():
    """Without events, or with nobody left to outlive one, there is no number."""
    assert compute_concordance([1, 2], [False, False], [1, 2]).reason == Reason.NO_EVENTS
    for found in (compute_concordance([2, 2], [True, True], [1, 2]),
                  compute_concordance([1, 2], [True, True], [1, 2], strata=[0, 1])):  # fmt: skip
        assert (found.reason, np.isnan(found.estimate)) == (Reason.NO_PAIRS, True)


@pytest.mark.parametrize("predictor", [[1.0], [1.0, np.nan], [[1.0], [2.0]]])
def test_impossible_predictors_are_refused(predictor):
    """A predictor of another shape or without a value is an error, not a number."""
    with pytest.raises(ValueError, match="predictor"):
        compute_concordance([1, 2], [True, True], predictor)


def test_error_is_that_of_repeated_samples():
    """Over 300 cohorts of 150 the mean standard error lies within 10 % of the estimates' standard deviation."""
    rng, found = np.random.default_rng(1), []
    for _ in range(300):
        cohort = make_cohort(rng, 150)
        x = cohort["covariates"] @ [-0.5, 0.2]
        found.append(compute_concordance(cohort["time"], cohort["event"], x)[:2])
    estimates, errors = np.array(found).T
    assert errors.mean() == pytest.approx(estimates.std(), rel=0.1)
