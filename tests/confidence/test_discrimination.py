"""Area under the ROC curve, calibration intercept and slope: against unrelated implementations and by simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import binomtest, mannwhitneyu

from probatio.confidence.calibration_line import compute_line
from probatio.confidence.discrimination import compute_auroc, compute_auroc_bounds
from probatio.resampling import compute_t_quantile
from scored_study import make_forecasts


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 60))
def test_the_area_is_the_mann_whitney_statistic(seed: int, n: int) -> None:
    """With ties counted half, in each group; undefined where all values are right or all wrong."""
    rng = np.random.default_rng(seed)
    score, right, group = rng.integers(0, 6, n) / 6, rng.random(n) < 0.6, rng.integers(0, 2, n)
    area, _, _ = compute_auroc(make_forecasts(score, right, group=group))
    for place in range(len(area)):
        high, low = score[right & (group == place)], score[~right & (group == place)]
        if len(high) and len(low):
            expected = mannwhitneyu(high, low).statistic / len(high) / len(low)
            assert area[place] == pytest.approx(expected)
        else:
            assert np.isnan(area[place])


def test_weights_count_pairs() -> None:
    """A weight of 2 is a value written twice."""
    score, right = np.array([0.9, 0.8, 0.8, 0.4, 0.3]), np.array([1, 0, 1, 1, 0])
    weight = np.array([1.0, 2.0, 1.0, 2.0, 1.0])
    times = weight.astype(int)
    weighted = compute_auroc(make_forecasts(score, right, weight=weight))[0]
    written = compute_auroc(make_forecasts(np.repeat(score, times), np.repeat(right, times)))[0]
    assert weighted == pytest.approx(written)


def compute_delong(score: np.ndarray, right: np.ndarray) -> float:
    """Return DeLong's variance by its definition."""
    high, low = score[right], score[~right]
    psi = (high[:, None] > low[None, :]) + 0.5 * (high[:, None] == low[None, :])
    return float(psi.mean(axis=1).var(ddof=1) / len(high) + psi.mean(axis=0).var(ddof=1) / len(low))


def test_with_one_value_per_patient_the_error_is_delongs() -> None:
    """Up to the factor n / (n - 1) that both place differently: within half a percent at 500 values."""
    rng = np.random.default_rng(2)
    right = rng.random(500) < 0.7
    score = rng.normal(right * 1.0, 1.0).round(1)
    _, error, _ = compute_auroc(make_forecasts(expit(score), right))
    assert error[0] ** 2 == pytest.approx(compute_delong(score, right), rel=0.005)


def test_copies_within_a_patient_add_no_certainty() -> None:
    """Every value three times in its patient: the same area, the same error."""
    rng = np.random.default_rng(3)
    right = rng.random(200) < 0.7
    score = expit(rng.normal(right * 1.0, 1.0))
    once = compute_auroc(make_forecasts(score, right))
    thrice = compute_auroc(
        make_forecasts(np.repeat(score, 3), np.repeat(right, 3), patient=np.repeat(np.arange(200), 3))
    )
    np.testing.assert_allclose(once[0], thrice[0])
    np.testing.assert_allclose(once[1], thrice[1])


def test_intercept_slope_and_robust_errors_are_those_of_statsmodels() -> None:
    """GLMs with cluster-robust covariance, groups fitted at once as one by one; offset for the intercept."""
    rng = np.random.default_rng(4)
    patient = np.repeat(np.arange(80), 10)
    group = np.repeat([0, 1], 400)
    truth = rng.normal(1.5, 1.5, 800) + np.repeat(rng.normal(0, 0.7, 80), 10)
    score = expit(0.4 + 1.4 * truth)
    right = rng.random(800) < expit(truth)
    line = compute_line(make_forecasts(score, right, group=group, patient=patient))
    for place in (0, 1):
        own = group == place
        x = logit(np.clip(score[own], 0.001, 0.999))
        family = sm.families.Binomial()
        options = {"cov_type": "cluster", "cov_kwds": {"groups": patient[own], "use_correction": False}}
        full = sm.GLM(right[own].astype(float), sm.add_constant(x), family=family).fit(tol=1e-12, **options)
        part = sm.GLM(right[own].astype(float), np.ones(400), family=family, offset=x).fit(tol=1e-12, **options)
        factor = np.sqrt(40 / 39)
        assert line.slope[place] == pytest.approx(full.params[1], rel=1e-6)
        assert line.slope_error[place] == pytest.approx(full.bse[1] * factor, rel=1e-5)
        assert line.intercept[place] == pytest.approx(part.params[0], rel=1e-6)
        assert line.intercept_error[place] == pytest.approx(part.bse[0] * factor, rel=1e-5)


def test_a_line_that_does_not_exist_is_undefined() -> None:
    """All right; perfectly separated; one score for all: no slope, and only the first has no intercept."""
    score = np.concatenate([np.linspace(0.6, 0.9, 10), np.linspace(0.2, 0.9, 10), np.full(10, 0.7)])
    right = np.concatenate([np.ones(10), np.linspace(0.2, 0.9, 10) > 0.5, np.arange(10) < 6])
    line = compute_line(make_forecasts(score, right, group=np.repeat([0, 1, 2], 10)))
    assert np.isnan(line.slope).all()
    assert line.failed.tolist() == [False, True, True]
    assert np.isnan(line.intercept).tolist() == [True, False, False]
    assert line.intercept[2] == pytest.approx(logit(0.6) - logit(0.7))


@pytest.mark.parametrize("each", [1, 8])
def test_intervals_hold_the_truth_at_about_their_level(each: int) -> None:
    """Over 300 samples of 150 patients: area and slope within their 95 % intervals, independent and clustered."""
    rng = np.random.default_rng(5)
    held = np.zeros(2)
    patient = np.repeat(np.arange(150), each)
    large = rng.normal(1.0, 1.5, 200_000)
    true_right = rng.random(200_000) < expit(large)
    # With many values the area of the sample is the truth's.
    true_area = mannwhitneyu(large[true_right][:20_000], large[~true_right][:20_000]).statistic / 20_000**2
    for _ in range(300):
        truth = (
            rng.normal(0, 1.5, 150 * each) * np.sqrt(0.7) + np.repeat(rng.normal(0, 1.5 * np.sqrt(0.3), 150), each) + 1
        )
        forecasts = make_forecasts(expit(truth), rng.random(len(truth)) < expit(truth), patient=patient)
        area, error, clusters = compute_auroc(forecasts)
        low, high = compute_auroc_bounds(area, error, clusters, 0.95)
        line = compute_line(forecasts)
        half = compute_t_quantile(line.clusters - 1, 0.95) * line.slope_error
        held += [low[0] <= true_area <= high[0], abs(line.slope[0] - 1) <= half[0]]
    for k in held:
        assert binomtest(int(k), 300, 0.95).pvalue > 0.001


def test_a_perfect_score_has_an_area_and_no_interval() -> None:
    """Its variance is 0 and says nothing."""
    area, error, clusters = compute_auroc(make_forecasts([0.9, 0.8, 0.2], [1, 1, 0]))
    assert area[0] == 1
    assert np.isnan(compute_auroc_bounds(area, error, clusters, 0.95)).all()
    assert isinstance(clusters, np.ndarray)
    assert pd.isna(compute_auroc(make_forecasts([0.5], [1]))[0][0])
