"""The tuned estimate: a regression estimator for a mean, and what is said where nothing can be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from probatio.correction.debiasing import (
    Parts,
    compute_debiased,
    compute_percentile_interval,
    compute_t_interval,
)
from probatio.results import Reason

N, LABELLED = 200, 50


def build_mean(*, noise: float = 0.5, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray, Parts]:
    """Return y, x, who is labelled, and the three means with their influences."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=N)
    x = y + noise * rng.normal(size=N)
    labelled = np.arange(N) < LABELLED
    mean = [y[labelled].mean(), x[labelled].mean(), x.mean()]
    influence = [np.where(labelled, (values - values[labelled].mean()) / LABELLED, 0) for values in (y, x)]
    return y, x, labelled, Parts(*mean, *influence, (x - x.mean()) / N, LABELLED, 1)


def test_a_mean_is_corrected_by_the_regression_estimator() -> None:
    """For a finite population the estimate and its variance are those of Cochran 1977, equations 7.1 and 7.28."""
    y, x, labelled, parts = build_mean()
    slope, _ = np.polyfit(x[labelled], y[labelled], 1)
    residual = y[labelled] - y[labelled].mean() - slope * (x[labelled] - x[labelled].mean())
    found = compute_debiased(parts, 0.95, sampled=LABELLED / N)
    assert found.tuning == pytest.approx(slope)
    assert found.corrected.value == pytest.approx(y[labelled].mean() + slope * (x.mean() - x[labelled].mean()))
    variance = (1 - LABELLED / N) * (residual @ residual) / LABELLED**2 * (LABELLED - 1) / (LABELLED - 2)
    assert found.corrected.error == pytest.approx(np.sqrt(variance))
    half = stats.t.ppf(0.975, LABELLED - 2) * np.sqrt(variance)
    assert found.corrected.upper - found.corrected.value == pytest.approx(half)


def test_patients_in_general_vary_more_than_a_finite_population() -> None:
    """With all patients random too, the variance adds that of the whole; both are below the labelled sample's."""
    *_, parts = build_mean()
    finite, general = compute_debiased(parts, 0.95, sampled=LABELLED / N), compute_debiased(parts, 0.95)
    assert finite.corrected.error < general.corrected.error < general.labelled.error
    assert general.relative_width < 1
    assert general.correlation == pytest.approx(np.corrcoef(*(build_mean()[i][:LABELLED] for i in (0, 1)))[0, 1])


def test_a_perfect_source_leaves_no_variance() -> None:
    """Where the source equals the reference the finite population is known: no interval, and why."""
    *_, parts = build_mean(noise=0.0)
    found = compute_debiased(parts, 0.95, sampled=LABELLED / N)
    assert found.corrected.reason == Reason.ZERO_VARIANCE
    assert found.corrected.value == pytest.approx(parts.whole)


def test_a_source_unrelated_to_the_reference_brings_no_gain() -> None:
    """Noise is tuned away: the corrected interval is a little wider than the labelled sample's, never much."""
    widths = []
    for seed in range(200):
        rng = np.random.default_rng([seed, 1])
        *_, parts = build_mean(seed=seed)
        noise = rng.normal(size=N)
        gap = np.where(np.arange(N) < LABELLED, noise / LABELLED, 0)
        found = compute_debiased(parts._replace(part_influence=gap, whole_influence=noise / N), 0.95)
        widths.append(found.relative_width)
    assert 0.99 < float(np.mean(widths)) < 1.02
    assert max(widths) > 1


def test_without_a_gap_the_labelled_sample_stands() -> None:
    """A source that says the same of every patient changes nothing and divides nothing by 0."""
    *_, parts = build_mean()
    still = parts._replace(part_influence=np.zeros(N), whole_influence=np.zeros(N))
    found = compute_debiased(still, 0.95)
    assert (found.tuning, found.corrected.value) == (0.0, parts.gold)
    assert np.isnan(found.correlation)


@pytest.mark.parametrize("informative", [0, 1, 2, 3, 4])
def test_too_few_events_have_no_interval(informative: int) -> None:
    """Below three degrees of freedom there is an estimate at most, and a reason."""
    *_, parts = build_mean()
    found = compute_debiased(parts._replace(informative=informative), 0.95)
    assert found.corrected.reason == Reason.TOO_FEW_EVENTS
    assert np.isnan([found.corrected.lower, found.corrected.upper, found.relative_width]).all()


@given(st.floats(0.001, 0.999), st.floats(1e-4, 2.0), st.integers(3, 500))
def test_a_proportion_keeps_within_its_limits(value: float, error: float, degrees: int) -> None:
    """However wide, the interval of a proportion holds it and stays between 0 and 1."""
    found = compute_t_interval(value, error**2, degrees, 0.95, limits=(0.0, 1.0))
    assert 0 <= found.lower <= value <= found.upper <= 1


def test_an_estimate_beyond_its_limits_is_kept_and_its_bounds_are_cut() -> None:
    """Debiasing may leave 0 to 1: the estimate says so, the bounds do not."""
    found = compute_t_interval(1.02, 0.01**2, 50, 0.95, limits=(0.0, 1.0))
    assert (found.value, found.upper) == (1.02, 1.0)
    assert found.lower == pytest.approx(1.02 - stats.t.ppf(0.975, 50) * 0.01)


def test_replicates_that_are_mostly_undefined_give_no_interval() -> None:
    """One replicate in ten may be undefined, not one in five; replicates all alike have no interval either."""
    drawn = np.arange(100.0)
    few, many = np.where(drawn < 5, np.nan, drawn), np.where(drawn < 20, np.nan, drawn)
    assert compute_percentile_interval(50.0, few, 0.95).lower > 5
    assert compute_percentile_interval(50.0, many, 0.95).reason == Reason.NO_INTERVAL
    assert compute_percentile_interval(50.0, np.full(100, 50.0), 0.95).reason == Reason.NO_INTERVAL
