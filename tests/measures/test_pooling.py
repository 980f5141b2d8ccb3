"""Pooling of estimates: published meta-analyses, statsmodels, and what happens on the boundary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines.datasets import load_lung
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
    compute_tau2_error,
)
from probatio.resampling import compute_t_quantile
from probatio.survival import compute_cox, prepare_cox

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
        ("HE", -0.715879, 0.183280, None, None, 0.328564),
        ("SJ", -0.717249, 0.187059, None, None, 0.345516),
    ],
)
def test_estimators_on_the_bcg_trials(
    estimator: str, mean: float, error: float, lower: float | None, upper: float | None, tau2: float
) -> None:
    """Mean, error, 95 % interval and tau2 are those of metafor, to six digits."""
    pooled = compute_pooled(Y, V, estimator)  # type: ignore[arg-type]
    half = norm.ppf(0.975) * pooled.error
    assert [pooled.mean, pooled.error, pooled.tau2] == pytest.approx([mean, error, tau2], abs=1.5e-6)
    if lower is not None:
        assert [pooled.mean - half, pooled.mean + half] == pytest.approx([lower, upper], abs=1.5e-6)


@pytest.mark.parametrize(
    ("estimator", "i2", "h2", "prediction"),
    [
        ("DL", 92.1173, 12.6861, (-1.858154, 0.429919)),
        ("REML", 92.2214, 12.8558, (-1.866692, 0.437628)),
        ("ML", 91.3783, 11.5986, None),
    ],
)
def test_i2_h2_and_predictions_by_estimator(
    estimator: str, i2: float, h2: float, prediction: tuple[float, float] | None
) -> None:
    """Each estimator's I2 and H2 at four digits, and its normal prediction interval at six, are metafor's."""
    found = compute_heterogeneity(Y, V, 0.95, estimator)  # type: ignore[arg-type]
    assert (100 * found.i2, found.h2) == pytest.approx((i2, h2), abs=5.1e-5)
    if prediction:
        pooled = compute_pooled(Y, V, estimator)  # type: ignore[arg-type]
        interval = compute_prediction(pooled.mean, pooled.error, pooled.tau2, float(norm.ppf(0.975)))
        assert interval == pytest.approx(prediction, abs=2e-6)


def test_the_error_of_tau2_is_metafors() -> None:
    """The REML tau2 of the BCG trials has the standard error .166426; it is the curvature of the likelihood's mean."""
    tau2 = compute_tau2(Y, V, "REML")
    assert float(compute_tau2_error(V, tau2)) == pytest.approx(0.166426, abs=5.1e-6)
    projection = np.diag(1 / (V + tau2)) - np.outer(1 / (V + tau2), 1 / (V + tau2)) / (1 / (V + tau2)).sum()
    assert float(compute_tau2_error(V, tau2)) == pytest.approx((2 / np.trace(projection @ projection)) ** 0.5)


def test_paule_mandel_solves_its_equation() -> None:
    """Generalised Q equals its degrees of freedom to 1e-9; metafor's looser root is met within its tolerance."""
    tau2 = float(compute_tau2(Y, V, "PM"))
    weight = 1 / (V + tau2)
    mean = (weight * Y).sum() / weight.sum()
    assert (weight * (Y - mean) ** 2).sum() == pytest.approx(12, abs=1e-9)
    # metafor stops Paule-Mandel within 1e-4 of the root in tau2, so its further digits are its own.
    assert tau2 == pytest.approx(0.318094, abs=1e-4)
    pooled = compute_pooled(Y, V, "PM")
    half = norm.ppf(0.975) * pooled.error
    found = [pooled.mean, pooled.error, pooled.mean - half, pooled.mean + half]
    assert found == pytest.approx([-0.714970, 0.180898, -1.069524, -0.360417], abs=3e-5)
    interval = compute_prediction(pooled.mean, pooled.error, pooled.tau2, float(norm.ppf(0.975)))
    assert interval == pytest.approx((-1.875855, 0.445914), abs=2e-4)
    spread = compute_heterogeneity(Y, V, 0.95, "PM")
    assert (100 * spread.i2, spread.h2) == pytest.approx((92.3309, 13.0393), abs=3e-3)


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


@pytest.mark.parametrize(
    ("estimator", "tau2", "i2"),
    [
        ("HS", 0.2282, 77.2284),
        ("HE", 0.1484, 68.7988),
        ("DL", 0.2768, 80.4447),
        ("ML", 0.1967, 74.5098),
        ("REML", 0.2232, 76.8399),
        ("EB", 0.1920, 74.0511),
        ("PM", 0.1920, 74.0511),
        ("SJ", 0.1992, 74.7545),
    ],
)
def test_published_example_of_ten_studies(estimator: str, tau2: float, i2: float) -> None:
    """Viechtbauer's tau2 by eight estimators, and I2, at the four digits of metafor's own tests."""
    assert compute_tau2(YV, VV, estimator) == pytest.approx(tau2, abs=5.1e-5)  # type: ignore[arg-type]
    found = compute_heterogeneity(YV, VV, 0.95, estimator)  # type: ignore[arg-type]
    # metafor's iterations stop at 1e-5 in tau2, which moves I2 by up to 8e-4 points; closed forms agree to the digit.
    iterated = estimator in ("ML", "REML", "EB", "PM")
    assert 100 * found.i2 == pytest.approx(i2, abs=1e-3 if iterated else 5.1e-5)
    if estimator == "REML":
        assert found.i2 == pytest.approx(0.768399, abs=5e-6)
    pooled = compute_pooled(YV, VV, "REML")
    assert (float(pooled.mean), float(pooled.error)) == pytest.approx((0.243758, 0.177382), abs=1.5e-6)


def test_hazard_ratios_by_institution_lie_on_the_boundary() -> None:
    """Lung cancer, sex within nine institutions: REML tau2 = 0, Q 3.4596 on 8, mean -0.4293 (error 0.1978)."""
    lung = load_lung()
    fits = []
    for _, own in lung.groupby("inst"):
        if len(own) < 10 or own["sex"].nunique() < 2:
            continue
        dead = (own["status"] == lung["status"].max()).to_numpy()
        found = compute_cox(prepare_cox(own["time"].to_numpy(), dead, own[["sex"]].to_numpy(dtype=float)))
        if found.standard_errors[0] <= 2:
            fits.append((found.coefficients[0], found.standard_errors[0] ** 2))
    y, v = (np.array(column) for column in zip(*fits, strict=True))
    pooled, spread = compute_pooled(y, v, "REML"), compute_heterogeneity(y, v, 0.95)
    assert len(y) == 9
    assert (float(pooled.tau2), spread.i2, spread.h2, spread.freedom) == (0, 0, 1, 8)
    assert spread.q == pytest.approx(3.4596, abs=5.1e-5)
    assert (float(pooled.mean), float(pooled.error)) == pytest.approx((-0.4293, 0.1978), abs=5.1e-5)


def test_equal_studies_lie_on_the_boundary() -> None:
    """Estimates closer than their errors allow give tau2 = 0, I2 = 0, and an upper bound that is not 0 for few."""
    y, v = np.array([0.1, 0.1, 0.1, 0.15]), np.full(4, 0.04)
    for estimator in ("HE", "HS", "DL", "PM", "ML", "REML"):
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


def test_scoring_does_not_swing_for_ever() -> None:
    """One precise study against four loose ones: the full step of scoring swings around the root 0.0869."""
    y, v = np.array([0.0, 0.0, 0.0, 0.0, 1.0]), np.array([1.0, 1.0, 1.0, 1.0, 0.125])
    assert float(compute_tau2(y, v, "REML")) == pytest.approx(0.0869, abs=5.1e-5)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(1e-3, 5.0)), min_size=2, max_size=15))
def test_every_estimator_settles(studies: list[tuple[float, float]]) -> None:
    """Whatever the estimates and variances, each tau2 is a finite number, 0 or above."""
    y, v = (np.array(column) for column in zip(*studies, strict=True))
    for estimator in ("HE", "HS", "DL", "SJ", "PM", "ML", "REML"):
        tau2 = float(compute_tau2(y, v, estimator))  # type: ignore[arg-type]
        assert tau2 >= 0
        assert np.isfinite(tau2)


def test_many_data_sets_at_once() -> None:
    """Leading axes are independent data sets: each gives what it gives alone."""
    y, v = np.stack([Y[:10], YV]), np.stack([V[:10], VV])
    together = compute_pooled(y, v, "REML")
    alone = [compute_pooled(y[i], v[i], "REML") for i in range(2)]
    assert together.tau2 == pytest.approx([float(one.tau2) for one in alone], rel=1e-8)
    assert together.mean == pytest.approx([float(one.mean) for one in alone], rel=1e-8)
