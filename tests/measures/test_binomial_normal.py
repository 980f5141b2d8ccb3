"""The binomial-normal likelihood against direct integration, a plain search, and its own asymptotics."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import expit, logit

from probatio.measures.heterogeneity.binomial_normal import (
    Fit,
    compute_marginal,
    compute_mean_variance,
    fit,
    maximise_mu,
    maximise_tau,
)
from probatio.measures.heterogeneity.profiles import compute_cut, compute_mean_profile, compute_tau_profile

K = np.array([[0, 1, 3, 7, 0, 12.0]])
N = np.array([[31, 100, 31, 100, 12, 60.0]])


def integrate(k: np.ndarray, n: np.ndarray, mu: float, tau: float) -> float:
    """The log likelihood by adaptive quadrature of each centre's integral (scipy)."""
    total = 0.0
    for events, trials in zip(k, n, strict=True):

        def log(z: float, events: float = events, trials: float = trials) -> float:
            theta = mu + tau * z
            return float(events * theta - trials * np.logaddexp(0, theta) - z * z / 2)

        grid = np.linspace(-12, 12, 2401)
        top = grid[np.argmax([log(z) for z in grid])]
        peak = log(top)
        mass = quad(lambda z, p=peak, f=log: np.exp(f(z) - p), -14, 14, points=[top - 0.5, top, top + 0.5],
                    epsabs=1e-13, epsrel=1e-12, limit=400)[0]  # fmt: skip
        total += float(np.log(mass / np.sqrt(2 * np.pi)) + peak)
    return total


@pytest.mark.parametrize(
    ("mu", "tau", "digits"), [(-3, 0.01, 1e-10), (-3, 0.5, 1e-10), (-2, 1.0, 1e-8), (-4, 2.0, 1e-4)]
)
def test_likelihood_equals_direct_integration(mu: float, tau: float, digits: float) -> None:
    """Twenty-five adaptive nodes give scipy's integral, to eight digits up to tau = 1."""
    found = compute_marginal(K, N, np.array([float(mu)]), np.array([tau])).value[0]
    assert found == pytest.approx(integrate(K[0], N[0], mu, tau), abs=digits)


def test_derivatives_are_those_of_the_likelihood() -> None:
    """Slopes and curvature equal central differences of the directly integrated likelihood."""
    mu, tau, h = -2.7, 0.8, 1e-4
    at = compute_marginal(K, N, np.array([mu]), np.array([tau]))
    up, middle, down = (integrate(K[0], N[0], mu + s * h, tau) for s in (1, 0, -1))
    assert at.by_mu[0] == pytest.approx((up - down) / (2 * h), abs=1e-5)
    assert at.mu_mu[0] == pytest.approx((up - 2 * middle + down) / h**2, abs=1e-3)
    steep = (integrate(K[0], N[0], mu, tau + h) - integrate(K[0], N[0], mu, tau - h)) / (2 * h)
    assert at.by_tau[0] == pytest.approx(steep, abs=1e-5)


def test_fit_is_the_maximum_of_the_integrated_likelihood() -> None:
    """A derivative-free search on scipy's integral finds the same mean and standard deviation."""
    found = fit(K, N)
    other = minimize(lambda x: -integrate(K[0], N[0], x[0], abs(x[1])), [-2.0, 0.7], method="Nelder-Mead",
                     options={"xatol": 1e-5, "fatol": 1e-9})  # fmt: skip
    assert (found.mu[0], found.tau[0]) == pytest.approx((other.x[0], abs(other.x[1])), abs=1e-4)
    assert found.value[0] == pytest.approx(-other.fun, abs=1e-8)


def test_profile_bounds_fall_by_the_cut() -> None:
    """At each bound twice the fall of the integrated profile likelihood is the cut."""
    found = fit(K, N)
    cut = float(compute_cut(N, 0.95)[0])
    for bound in compute_mean_profile(K, N, found, 0.95):
        best = minimize(lambda x, m=bound[0]: -integrate(K[0], N[0], m, abs(x[0])), [1.0], method="Nelder-Mead",
                        options={"xatol": 1e-3, "fatol": 1e-6})  # fmt: skip
        assert 2 * (found.value[0] + best.fun) == pytest.approx(cut, abs=0.01)
    lower, upper = compute_tau_profile(K, N, found, 0.95)
    for bound in (lower[0], upper[0]):
        best = minimize(lambda x, t=bound: -integrate(K[0], N[0], x[0], t), [-2.5], method="Nelder-Mead",
                        options={"xatol": 1e-3, "fatol": 1e-6})  # fmt: skip
        assert 2 * (found.value[0] + best.fun) == pytest.approx(cut, abs=0.01)


def test_equal_centres_lie_on_the_boundary() -> None:
    """Centres that differ less than chance: tau is 0, the mean is the pooled rate, tau's upper bound is above 0."""
    k, n = np.array([[3, 3, 3, 4.0]]), np.full((1, 4), 50.0)
    found = fit(k, n)
    assert found.tau[0] == 0
    assert found.mu[0] == pytest.approx(logit(13 / 200), abs=1e-9)
    lower, upper = compute_tau_profile(k, n, found, 0.95)
    assert lower[0] == 0
    assert 0.2 < upper[0] < 3
    plain = 200 * expit(found.mu[0]) * expit(-found.mu[0])
    assert compute_mean_variance(k, n, found)[0] == pytest.approx(1 / plain, rel=1e-9)


def test_centres_apart_without_limit_are_not_fitted() -> None:
    """Centres at 0 and 100 % have no finite spread: the fit says so, and never gives its search limit."""
    found = fit(np.array([[0, 200, 0, 200.0]]), np.full((1, 4), 200.0))
    assert np.isnan(found.tau[0])


def test_many_sets_at_once_and_empty_centres() -> None:
    """Sets do not touch each other, and a centre without trials changes nothing."""
    rng = np.random.default_rng(3)
    n = rng.integers(5, 120, (12, 6)).astype(float)
    k = rng.binomial(n.astype(int), 0.12).astype(float)
    together = fit(k, n)
    for i in range(len(k)):
        alone = fit(np.append(k[i], 0.0)[None], np.append(n[i], 0.0)[None])
        assert (alone.mu[0], alone.tau[0]) == pytest.approx((together.mu[i], together.tau[i]), abs=1e-7)


def test_counts_need_not_be_whole() -> None:
    """Halving every count of a wide study keeps the mean and halves the information when centres are alike."""
    k, n = np.array([[30, 31, 29, 30.0]]), np.full((1, 4), 300.0)
    whole, half = fit(k, n), fit(k / 2, n / 2)
    assert half.mu[0] == pytest.approx(whole.mu[0], abs=1e-9)
    ratio = compute_mean_variance(k / 2, n / 2, half) / compute_mean_variance(k, n, whole)
    assert ratio[0] == pytest.approx(2, rel=1e-9)


@pytest.mark.parametrize(("centres", "size", "rate", "tau"), [(15, 100, 0.066, 0.5), (6, 100, 0.066, 0.5)])
def test_profile_intervals_cover(centres: int, size: int, rate: float, tau: float) -> None:
    """Of 400 simulated studies 95 % hold the mean, and the spread, within four standard errors of chance."""
    rng, mu = np.random.default_rng(7), float(logit(rate))
    k = rng.binomial(size, expit(mu + tau * rng.standard_normal((400, centres)))).astype(float)
    n = np.full(k.shape, float(size))
    found = fit(k, n)
    sure = np.isfinite(found.tau)
    assert sure.mean() > 0.99
    k, n, found = k[sure], n[sure], Fit(found.mu[sure], found.tau[sure], found.value[sure])
    mean = 2 * (found.value - maximise_tau(k, n, np.full(len(k), mu))[1].value) <= compute_cut(n, 0.95)
    spread = 2 * (found.value - maximise_mu(k, n, np.full(len(k), tau))[1].value) <= compute_cut(n, 0.95)
    assert mean.mean() > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 400)
    assert spread.mean() > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 400)
