"""Pooling of estimates: published meta-analyses, statsmodels, and what happens on the boundary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import chi2, norm
from statsmodels.stats.meta_analysis import combine_effects

from probatio.measures.heterogeneity.pooling import (
    compute_hartung_knapp,
    compute_heterogeneity,
    compute_pooled,
    compute_prediction,
    compute_t_limits,
    compute_tau2,
)
from probatio.resampling import compute_t_quantile

# Colditz et al. 1994 (JAMA 271:698): tuberculosis after BCG vaccine; cases and others, vaccinated and not.
BCG = np.array([
    (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619), (33, 5036, 47, 5761),
    (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892), (29, 7470, 45, 7232), (17, 1699, 65, 1600),
    (186, 50448, 141, 27197), (5, 2493, 3, 2338), (27, 16886, 29, 17825),
], dtype=float)  # fmt: skip
TREATED, CONTROL = BCG[:, :2].sum(axis=1), BCG[:, 2:].sum(axis=1)
Y = np.log(BCG[:, 0] / TREATED) - np.log(BCG[:, 2] / CONTROL)
V = 1 / BCG[:, 0] - 1 / TREATED + 1 / BCG[:, 2] - 1 / CONTROL
# Viechtbauer 2005 (J Educ Behav Stat 30:261), example 1.
YV = np.array([-0.581, 0.530, 0.771, 1.031, 0.553, 0.295, 0.078, 0.573, -0.176, -0.232])
VV = np.array([0.023, 0.052, 0.060, 0.115, 0.095, 0.203, 0.200, 0.211, 0.051, 0.040])


def test_log_risk_ratios_of_the_bcg_trials() -> None:
    """The first two trials' log risk ratios and variances are the published ones."""
    assert Y[:2] == pytest.approx([-0.8893113339, -1.5853886572], abs=1e-10)
    assert V[:2] == pytest.approx([0.3255847650, 0.1945811214], abs=1e-10)


@pytest.mark.parametrize(
    ("estimator", "mean", "error", "lower", "upper", "tau2"),
    [
        ("EE", -0.430285, 0.040499, -0.509661, -0.350909, 0.0),
        ("DL", -0.714117, 0.178742, -1.064445, -0.363789, 0.308760),
        ("REML", -0.714532, 0.179782, -1.066898, -0.362167, 0.313243),
        ("ML", -0.711199, 0.171897, -1.048111, -0.374288, 0.280028),
    ],
)
def test_estimators_on_the_bcg_trials(
    estimator: str, mean: float, error: float, lower: float, upper: float, tau2: float
) -> None:
    """Mean, error, 95 % interval and tau2 are those of metafor, to six digits."""
    pooled = compute_pooled(Y, V, estimator)  # type: ignore[arg-type]
    half = norm.ppf(0.975) * pooled.error
    found = [pooled.mean, pooled.error, pooled.mean - half, pooled.mean + half, pooled.tau2]
    assert found == pytest.approx([mean, error, lower, upper, tau2], abs=1.5e-6)


def test_paule_mandel_solves_its_equation() -> None:
    """Generalised Q equals its degrees of freedom to 1e-9; metafor's looser root is met within its tolerance."""
    tau2 = float(compute_tau2(Y, V, "PM"))
    weight = 1 / (V + tau2)
    mean = (weight * Y).sum() / weight.sum()
    assert (weight * (Y - mean) ** 2).sum() == pytest.approx(12, abs=1e-9)
    assert tau2 == pytest.approx(0.318094, abs=1e-4)


def test_hartung_knapp_and_predictions_of_the_bcg_trials() -> None:
    """The adjusted interval and the four named conventions of prediction come out to six digits."""
    pooled = compute_pooled(Y, V, "REML")
    error = compute_hartung_knapp(pooled, Y, V)
    assert error == pytest.approx(0.180792, abs=1e-6)
    assert compute_t_limits(pooled.mean, error, 13, 0.95) == pytest.approx((-1.108444, -0.320621), abs=2e-6)
    z, t11, t12 = norm.ppf(0.975), compute_t_quantile(11, 0.95), compute_t_quantile(12, 0.95)
    conventions = [
        (error, t12, (-1.996017, 0.566952), 2e-6),
        (pooled.error, z, (-1.866692, 0.437628), 2e-6),
        (pooled.error, t11, (-2.0084, 0.5793), 6e-5),
        (np.zeros(()), z, (-1.811488, 0.382423), 2e-6),
    ]
    for used, quantile, expected, digits in conventions:
        found = compute_prediction(pooled.mean, used, pooled.tau2, float(quantile))
        assert found == pytest.approx(expected, abs=digits)


def test_heterogeneity_of_the_bcg_trials() -> None:
    """Q, I2 and the Q-profile bounds of tau2 and I2 are metafor's; the bounds solve their equations."""
    found = compute_heterogeneity(Y, V, 0.95)
    assert found.q == pytest.approx(152.2330, abs=5e-5)
    assert found.freedom == 12
    assert found.i2 == pytest.approx(0.922214, abs=1e-6)
    assert found.tau2_bounds == pytest.approx((0.1197, 1.1115), abs=5e-5)
    assert found.i2_bounds == pytest.approx((0.8192, 0.9768), abs=5e-5)
    for tau2, share in zip(found.tau2_bounds, (0.975, 0.025), strict=True):
        weight = 1 / (V + tau2)
        q = (weight * (Y - (weight * Y).sum() / weight.sum()) ** 2).sum()
        assert q == pytest.approx(chi2.ppf(share, 12), rel=1e-9)


@pytest.mark.parametrize(("estimator", "tau2"), [("DL", 0.2768), ("ML", 0.1967), ("REML", 0.2232), ("PM", 0.1920)])
def test_published_example_of_ten_studies(estimator: str, tau2: float) -> None:
    """Viechtbauer's tau2 at four digits (empirical Bayes is Paule and Mandel's), and I2 within metafor's own steps."""
    assert compute_tau2(YV, VV, estimator) == pytest.approx(tau2, abs=5.1e-5)  # type: ignore[arg-type]
    pooled = compute_pooled(YV, VV, "REML")
    assert (float(pooled.mean), float(pooled.error)) == pytest.approx((0.243758, 0.177382), abs=1.5e-6)
    assert compute_heterogeneity(YV, VV, 0.95).i2 == pytest.approx(0.768399, abs=5e-6)


def test_equal_studies_lie_on_the_boundary() -> None:
    """Estimates closer than their errors allow give tau2 = 0, I2 = 0, and an upper bound that is not 0 for few."""
    y, v = np.array([0.1, 0.1, 0.1, 0.15]), np.full(4, 0.04)
    for estimator in ("DL", "PM", "ML", "REML"):
        assert compute_tau2(y, v, estimator) == 0  # type: ignore[arg-type]
    found = compute_heterogeneity(np.array([0.0, 0.2, -0.2, 0.1]), v, 0.95)
    assert (found.i2, found.tau2_bounds[0]) == (0, 0)
    assert found.tau2_bounds[1] > 0
    assert compute_heterogeneity(np.full(4, 0.1), v, 0.95).tau2_bounds == (0, 0)


def test_dersimonian_laird_agrees_with_statsmodels() -> None:
    """Moment estimate, pooled mean and its error equal those of statsmodels."""
    other = combine_effects(YV, VV, method_re="dl")
    pooled = compute_pooled(YV, VV, "DL")
    assert float(pooled.tau2) == pytest.approx(other.tau2, rel=1e-12)
    assert float(pooled.mean) == pytest.approx(other.mean_effect_re, rel=1e-12)
    assert float(pooled.error) == pytest.approx(other.sd_eff_w_re, rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(0.02, 1.0)), min_size=3, max_size=12))
def test_scoring_finds_the_maximum_that_a_search_finds(studies: list[tuple[float, float]]) -> None:
    """The restricted likelihood at the scoring solution is no lower than a bounded search's."""
    y, v = (np.array(column) for column in zip(*studies, strict=True))

    def loss(tau2: float) -> float:
        weight = 1 / (v + tau2)
        mean = (weight * y).sum() / weight.sum()
        return float(np.log(v + tau2).sum() + np.log(weight.sum()) + (weight * (y - mean) ** 2).sum())

    found = float(compute_tau2(y, v, "REML"))
    near = minimize_scalar(loss, bounds=(max(0.0, found - 0.5), found + 0.5), method="bounded")
    assert loss(found) <= near.fun + 1e-6


def test_many_data_sets_at_once() -> None:
    """Leading axes are independent data sets: each gives what it gives alone."""
    y, v = np.stack([Y[:10], YV]), np.stack([V[:10], VV])
    together = compute_pooled(y, v, "REML")
    alone = [compute_pooled(y[i], v[i], "REML") for i in range(2)]
    assert together.tau2 == pytest.approx([float(one.tau2) for one in alone], rel=1e-8)
    assert together.mean == pytest.approx([float(one.mean) for one in alone], rel=1e-8)
