"""Logistic regression against two-by-two tables by hand, statsmodels and a general maximiser."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from probatio.results import Reason
from probatio.survival import compute_logistic, compute_logistic_replicates, compute_probabilities

SEEDS = st.integers(0, 2**32 - 1)


def make_groups(rng, n, p=3):
    """Return covariates on very different scales and a group that depends on the first two."""
    x = rng.normal(size=(n, p)) * 10.0 ** np.arange(p) + 100 * np.arange(p)
    chance = 1 / (1 + np.exp(0.3 - 0.8 * x[:, 0] - 0.05 * (x[:, 1] - 100)))
    return x, (rng.random(n) < chance).astype(float)


def write_table(a, b, c, d):
    """Return exposure and outcome of a two-by-two table: a, b exposed with and without; c, d not exposed."""
    return np.repeat([[1.0], [1.0], [0.0], [0.0]], [a, b, c, d], axis=0), np.repeat([1.0, 0.0, 1.0, 0.0], [a, b, c, d])


def test_two_by_two_by_hand():
    """On a 2 x 2 table the slope is the log odds ratio and its variance the sum of the reciprocal cells."""
    found = compute_logistic(*write_table(10, 20, 5, 40))
    assert found.coefficients == pytest.approx([np.log(5 / 40), np.log(10 * 40 / (20 * 5))], abs=1e-12)
    expected = np.sqrt([1 / 5 + 1 / 40, 1 / 10 + 1 / 20 + 1 / 5 + 1 / 40])
    assert found.standard_errors == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("cells", [(10, 20, 5, 40), (8, 0, 3, 9), (6, 0, 0, 7), (1, 2, 0, 3)])
def test_firth_adds_half_to_every_cell(cells):
    """On a 2 x 2 table Firth's estimate is the log odds ratio with 1/2 added to each cell, empty cells included."""
    a, b, c, d = np.array(cells) + 0.5
    found = compute_logistic(*write_table(*cells), firth=True)
    assert found.coefficients == pytest.approx([np.log(c / d), np.log(a * d / (b * c))], abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(60, 200))
def test_agrees_with_statsmodels(seed, n):
    """Coefficients, standard errors and likelihood equal statsmodels' under case weights, zeros included."""
    rng = np.random.default_rng(seed)
    x, y = make_groups(rng, n)
    weights = rng.integers(0, 4, n)
    found = compute_logistic(x, y, weights)
    assume(not found.reason)
    model = sm.GLM(y, sm.add_constant(x), family=sm.families.Binomial(), freq_weights=weights)
    other = model.fit(tol=1e-14, maxiter=200)
    np.testing.assert_allclose(found.coefficients, other.params, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(found.standard_errors, other.bse, rtol=1e-6)
    assert found.log_likelihood == pytest.approx(other.llf, abs=1e-7)


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.floats(0.1, 20))
def test_ridge_maximises_what_it_says(seed, ridge):
    """A general maximiser of likelihood less ridge x half the squared standardised slopes finds no other optimum."""
    rng = np.random.default_rng(seed)
    x, y = make_groups(rng, 40)
    weights = rng.uniform(0.2, 2, 40)
    standard = (x - x.mean(axis=0)) / x.std(axis=0)

    def lose(beta):
        eta = beta[0] + standard @ beta[1:]
        return ridge * (beta[1:] ** 2).sum() / 2 - (weights * (y * eta - np.logaddexp(0, eta))).sum()

    other = optimize.minimize(lose, np.zeros(4), method="BFGS", options={"gtol": 1e-9})
    found = compute_logistic(x, y, weights, ridge=ridge)
    assert found.log_likelihood == pytest.approx(-other.fun, abs=1e-8)
    np.testing.assert_allclose(found.coefficients[1:] * x.std(axis=0), other.x[1:], atol=1e-5)


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_firth_maximises_what_it_says(seed):
    """No step from Firth's solution raises likelihood plus half the log determinant of the information."""
    rng = np.random.default_rng(seed)
    x, y = make_groups(rng, 30, p=2)
    found = compute_logistic(x, y, firth=True)
    assert not found.reason
    full = sm.add_constant(x)

    def gain(beta):
        p = 1 / (1 + np.exp(-full @ beta))
        information = (full * (p * (1 - p))[:, None]).T @ full
        return (y * np.log(p) + (1 - y) * np.log1p(-p)).sum() + np.linalg.slogdet(information)[1] / 2

    for direction in np.diag(found.standard_errors) * 1e-3:
        assert max(gain(found.coefficients + direction), gain(found.coefficients - direction)) <= gain(
            found.coefficients
        )


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.integers(6, 80), st.booleans(), st.sampled_from([0.0, 0.5]))
def test_replicates_equal_single_fits(seed, n, firth, ridge):
    """A matrix of weights gives what one fit per row gives, and NaN where that has none, from any start."""
    rng = np.random.default_rng(seed)
    x, y = make_groups(rng, n, p=2)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=12).astype(np.uint16)
    start = rng.normal(size=3)  # a slope of 1 on a covariate near 100 is far from every solution
    found = compute_logistic_replicates(x, y, weights, start, firth=firth, ridge=ridge)
    for row, drawn in zip(found, weights, strict=True):
        one = compute_logistic(x, y, drawn.astype(float), firth=firth, ridge=ridge)
        np.testing.assert_allclose(row, one.coefficients, rtol=1e-7, atol=1e-7)


def test_weights_count_patients():
    """A weight of 3 is a row written three times, and a weight of 0 an absence, with every penalty."""
    rng = np.random.default_rng(2)
    x, y = make_groups(rng, 60)
    x -= x.mean(axis=0)
    weights = rng.integers(0, 4, 60)
    rows = np.repeat(np.arange(60), weights)
    for firth in (False, True):
        one, other = compute_logistic(x, y, weights, firth=firth), compute_logistic(x[rows], y[rows], firth=firth)
        np.testing.assert_allclose(one.coefficients, other.coefficients, rtol=1e-7)
        np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-6)


def test_fitted_probabilities_balance():
    """The fitted probabilities have the outcome's total, overall and along each covariate (the score equations)."""
    rng = np.random.default_rng(3)
    x, y = make_groups(rng, 150)
    fit = compute_logistic(x, y)
    probabilities = compute_probabilities(x, fit.coefficients)
    assert probabilities.sum() == pytest.approx(y.sum(), abs=1e-9)
    np.testing.assert_allclose(probabilities @ x, y @ x, rtol=1e-9)
    many = compute_probabilities(x, np.stack([fit.coefficients, np.zeros(4)]))
    np.testing.assert_allclose(many, [probabilities, np.full(150, 0.5)], atol=1e-14)


def test_undefined_is_said():
    """Separation, whole or partial, one outcome, a constant and a doubled covariate each have their reason."""
    x = np.arange(20.0)[:, None]
    half = (x[:, 0] >= 10).astype(float)
    partial = np.where(x[:, 0] == 10, [0, 1] * 10, half)
    rng = np.random.default_rng(4)
    noise, coin = rng.normal(size=(20, 1)), rng.integers(0, 2, 20).astype(float)
    cases = [(x, half, Reason.SEPARATION),
             (np.c_[half], np.where(half == 1, coin, 0), Reason.SEPARATION),
             (np.r_[x, x[10:11]], np.r_[partial, 1 - partial[10]], Reason.SEPARATION),
             (noise, np.zeros(20), Reason.ONE_CLASS_ONLY),
             (np.c_[noise, np.full(20, 3.3)], coin, Reason.ONE_CLASS_ONLY),
             (np.c_[noise, 1 - 2 * noise], coin, Reason.NOT_CONVERGED)]  # fmt: skip
    for covariates, outcome, reason in cases:
        found = compute_logistic(covariates, outcome)
        assert (found.reason, np.isnan(found.coefficients).all()) == (reason, True)
        start = np.zeros(1 + covariates.shape[1])
        assert np.isnan(compute_logistic_replicates(covariates, outcome, np.ones((2, len(outcome))), start)).all()


def test_penalties_make_separation_finite():
    """Under separation the ridge and Firth's penalty both give a finite slope of the right sign."""
    x, y = np.arange(20.0)[:, None], (np.arange(20) >= 10).astype(float)
    for options in ({"ridge": 1.0}, {"firth": True}):
        found = compute_logistic(x, y, **options)
        assert (found.reason, found.coefficients[1] > 0) == (Reason.NONE, True)


def test_separated_replicates_are_nan_alone():
    """A replicate that draws one outcome only is undefined; its neighbours are not touched."""
    x, y = make_groups(np.random.default_rng(5), 50)
    weights = np.ones((3, 50))
    weights[1, y == 1] = 0
    found = compute_logistic_replicates(x, y, weights, np.zeros(4))
    np.testing.assert_array_equal(np.isnan(found).all(axis=1), [False, True, False])
    np.testing.assert_array_equal(found[0], found[2])


def test_intercept_alone():
    """Without covariates the intercept is the log odds of the outcome."""
    found = compute_logistic(np.zeros((10, 0)), np.r_[np.ones(3), np.zeros(7)])
    assert found.coefficients == pytest.approx([np.log(3 / 7)], abs=1e-12)


@pytest.mark.parametrize(
    ("x", "y"),
    [(np.zeros(3), [0, 1, 0]), (np.zeros((3, 1)), [0, 1]), (np.full((2, 1), np.nan), [0, 1]),
     (np.zeros((2, 1)), [0, 2]), (np.zeros((2, 1)), [0, np.nan]), (np.zeros((0, 1)), [])],
)  # fmt: skip
def test_impossible_input_is_refused(x, y):
    """Shapes that differ, undefined values and an outcome other than 0 and 1 are errors, not a fit."""
    with pytest.raises(ValueError, match=r"covariates|outcome"):
        compute_logistic(x, y)


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [1.0, np.nan]])
def test_impossible_weights_are_refused(weights):
    """Too few, negative or undefined weights are errors in a fit and in replicates."""
    with pytest.raises(ValueError, match="weights"):
        compute_logistic(np.zeros((2, 1)), [0, 1], weights)
    with pytest.raises(ValueError, match="weights"):
        compute_logistic_replicates(np.zeros((2, 1)), [0, 1], [weights], np.zeros(2))


def test_wald_intervals_cover():
    """Over 600 samples of 150 the 95 % interval of the log odds ratio holds the truth at the nominal rate."""
    rng, hits = np.random.default_rng(6), 0
    for _ in range(600):
        x = rng.normal(size=(150, 2))
        y = rng.random(150) < 1 / (1 + np.exp(0.5 - 0.6 * x[:, 0]))
        found = compute_logistic(x, y)
        hits += abs(found.coefficients[1] - 0.6) <= 1.959964 * found.standard_errors[1]
    low, high = stats.binom.ppf([0.001, 0.999], 600, 0.95)
    assert low <= hits <= high
