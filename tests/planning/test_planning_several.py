"""Several criteria at once, clustered values, and centres."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit, ndtri
from scipy.stats import chi2, t

from probatio.planning.centres import compute_prediction, compute_tau_interval, find_centres
from probatio.planning.several import (
    compute_design_effect,
    compute_effective_values,
    compute_joint_power,
    compute_patients,
)


def test_joint_power_is_a_product_or_more() -> None:
    """Independent criteria multiply; correlation moves the joint power from there towards the weakest."""
    powers = [0.9, 0.8, 0.95]
    assert compute_joint_power(powers) == pytest.approx(0.684)
    steps = [compute_joint_power(powers, rho) for rho in (0.0, 0.2, 0.5, 0.8, 0.99)]
    assert steps == sorted(steps)
    assert steps[-1] == pytest.approx(0.8, abs=0.02)
    assert compute_joint_power([0.5, 0.5], 0.5) == pytest.approx(1 / 3, abs=1e-12)  # arcsine law of the orthant
    assert compute_joint_power([1.0, 0.0], 0.5) == 0.0


def test_joint_power_agrees_with_a_simulation() -> None:
    """Five criteria with a common correlation pass together as often as in 200,000 seeded draws."""
    powers, rho = np.array([0.9, 0.85, 0.8, 0.95, 0.7]), 0.3
    rng = np.random.default_rng(4)
    shared, own = rng.standard_normal((200_000, 1)), rng.standard_normal((200_000, 5))
    passed = (np.sqrt(rho) * shared + np.sqrt(1 - rho) * own < ndtri(powers)).all(axis=1).mean()
    assert compute_joint_power(powers, rho) == pytest.approx(passed, abs=4 * np.sqrt(0.25 / 200_000))


@given(st.integers(1, 5000), st.integers(1, 12), st.floats(0, 0.99), st.floats(0, 0.9))
def test_patients_and_values_answer_each_other(size: int, values: int, rho: float, missing: float) -> None:
    """The planned patients are worth the values, one patient fewer is not."""
    settings = {"values": values, "correlation": rho, "missing": missing}
    patients = compute_patients(size, **settings)
    assert compute_effective_values(patients, **settings) >= size
    assert compute_effective_values(patients - 1.001, **settings) < size


def test_the_design_effect_by_hand() -> None:
    """Four values per patient correlated 0.2 are worth 2.5: an effect of 1.6."""
    assert compute_design_effect(4, 0.2) == pytest.approx(1.6)
    assert compute_effective_values(100, values=4, correlation=0.2, missing=0.1) == 225


def test_clustered_errors_vary_as_the_design_effect_says() -> None:
    """Seeded beta-binomial patients: the variance of the error rate is 1 + (m - 1) rho times the binomial's."""
    rng, m, rho, p = np.random.default_rng(5), 4, 0.2, 0.1
    weight = 1 / rho - 1
    rates = rng.beta(p * weight, (1 - p) * weight, (4000, 200))
    observed = rng.binomial(m, rates).sum(axis=1) / (200 * m)
    expected = p * (1 - p) / (200 * m) * compute_design_effect(m, rho)
    assert observed.var() == pytest.approx(expected, rel=0.1)


def test_prediction_interval_by_hand() -> None:
    """With tau 0.3, 15 centres of 18 at 5 %, by the formula written out again."""
    within = 1 / (18 * 0.05 * 0.95)
    half = t.ppf(0.975, 14) * np.sqrt(0.09 + (0.09 + within) / 15)
    expected = expit(logit(0.05) + np.array([-half, half]))
    assert compute_prediction(0.05, 0.3, centres=15, patients=18, level=0.95) == pytest.approx(tuple(expected))


def test_the_fewest_centres_are_the_fewest() -> None:
    """One centre fewer misses the limit; a tau whose own spread passes it can never be made up."""
    found = find_centres(0.05, 0.3, 0.12, patients=18, level=0.95)
    assert found is not None
    ends = [compute_prediction(0.05, 0.3, centres=k, patients=18, level=0.95)[1] for k in (found - 1, found)]
    assert ends[0] >= 0.12 > ends[1]
    assert find_centres(0.05, 1.0, 0.12, patients=18, level=0.95) is None


def test_the_expected_interval_is_the_mean_of_simulated_ones() -> None:
    """Over 20,000 seeded sets of 12 normal centres the planned half-width is the mean one, less than a tenth wider.

    Intervals that estimate tau hold a thirteenth centre's true logit 89 times in 100, not 95, in this design.
    """
    rng, k, tau, patients = np.random.default_rng(6), 12, 0.5, 50
    within = 1 / (patients * 0.1 * 0.9)
    logits = rng.normal(logit(0.1), np.sqrt(tau**2 + within), (20_000, k))
    variance = logits.var(axis=1, ddof=1)
    half = t.ppf(0.975, k - 1) * np.sqrt(np.maximum(variance - within, 0) + variance / k)
    lower, upper = compute_prediction(0.1, tau, centres=k, patients=patients, level=0.95)
    planned = float(logit(upper) - logit(lower)) / 2
    assert 0.9 * planned < half.mean() < planned
    new = rng.normal(logit(0.1), tau, 20_000)
    assert (abs(new - logits.mean(axis=1)) < half).mean() == pytest.approx(0.89, abs=0.01)


def test_the_interval_of_tau_narrows_with_centres() -> None:
    """By hand for 15 centres; it always holds tau, and with ever more centres closes upon it."""
    within = 1 / (50 * 0.1 * 0.9)
    lower, upper = compute_tau_interval(0.1, 0.6, centres=15, patients=50, level=0.95)
    assert upper == pytest.approx(np.sqrt(14 * (0.36 + within) / chi2.ppf(0.025, 14) - within))
    assert lower < 0.6 < upper
    near = compute_tau_interval(0.1, 0.6, centres=100_000, patients=50, level=0.95)
    assert near == pytest.approx((0.6, 0.6), abs=0.01)
