"""Bins, gaps and the expected calibration error, with and without its bias."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from probatio.confidence.bins import (
    compute_debiased_ece,
    compute_ece,
    compute_excess,
    compute_gap_variances,
    compute_gaps,
    compute_replicate_gaps,
    derive_equal_mass_bins,
    derive_equal_width_bins,
)
from probatio.confidence.forecasts import Forecasts
from scored_study import TOY, make_forecasts


def test_the_toy_has_the_published_error_with_ten_bins_of_equal_width() -> None:
    """0.329: bins closed on the right, so that 0.90 lies with 0.85 and not with 0.93."""
    forecasts = make_forecasts(*TOY)
    bins = derive_equal_width_bins(forecasts, 10)
    assert compute_ece(compute_gaps(forecasts, bins), bins, 1) == pytest.approx(0.329, abs=1e-12)


def test_bins_of_equal_mass_share_the_values_equally() -> None:
    """A thousand distinct scores in ten bins: a hundred each, in the order of the score."""
    rng = np.random.default_rng(1)
    score = rng.random(1000)
    bins = derive_equal_mass_bins(make_forecasts(score, score > 0.5), 10)
    assert np.bincount(bins.place).tolist() == [100] * 10
    assert (np.diff(bins.place[np.argsort(score)]) >= 0).all()


def test_equal_scores_stay_together_and_few_values_get_few_bins() -> None:
    """A tie is never cut; 35 values have three bins, 7 have one."""
    tied = np.repeat([0.2, 0.9, 0.95], [10, 80, 10])
    bins = derive_equal_mass_bins(make_forecasts(tied, tied > 0.5), 10)
    assert all(len(set(bins.place[tied == value])) == 1 for value in set(tied))
    for n, expected in ((35, 3), (7, 1)):
        few = np.linspace(0.1, 0.9, n)
        assert derive_equal_mass_bins(make_forecasts(few, few > 0.5), 10).size == expected


def test_weights_move_the_limits_of_bins() -> None:
    """Half of the mass lies in the first quarter of the values: it fills half of the bins."""
    score = np.linspace(0, 1, 400)
    weight = np.where(score < 0.25, 3.0, 1.0)
    bins = derive_equal_mass_bins(make_forecasts(score, score > 2, weight=weight), 10)
    assert len(set(bins.place[score < 0.25])) == 5


def compute_by_hand(forecasts: Forecasts, bins: np.ndarray, weight: np.ndarray) -> float:
    gaps = []
    for place in sorted(set(bins)):
        own = bins == place
        if weight[own].sum() > 0:
            distance = np.average(forecasts.score[own] - forecasts.right[own], weights=weight[own])
            gaps.append(weight[own].sum() * abs(distance))
    return sum(gaps) / weight.sum()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 120), st.integers(2, 12))
def test_groups_and_replicates_are_those_of_a_loop(seed: int, n: int, most: int) -> None:
    """Every group of the sample and of each replicate, against plain loops; a group's neighbours do not matter."""
    rng = np.random.default_rng(seed)
    group, patient = rng.integers(0, 3, n), rng.integers(0, 6, n)
    forecasts = make_forecasts(rng.random(n).round(1), rng.random(n) < 0.7, group=group, patient=patient,
                               weight=rng.choice([1.0, 2.5], n))  # fmt: skip
    bins = derive_equal_mass_bins(forecasts, most)
    drawn = rng.integers(0, 3, (4, forecasts.clusters)).astype(np.uint16)
    found = compute_ece(compute_gaps(forecasts, bins), bins, forecasts.size)
    replicates = compute_ece(compute_replicate_gaps(forecasts, bins, drawn), bins, forecasts.size)
    for place in range(forecasts.size):
        own = group == place
        alone = make_forecasts(forecasts.score[own], forecasts.right[own], weight=forecasts.weight[own])
        if not own.any():
            continue
        assert found[place] == pytest.approx(compute_by_hand(alone, bins.place[own], alone.weight))
        for draw, values in zip(drawn, replicates, strict=True):
            weight = alone.weight * draw[patient[own]]
            if weight.sum() > 0:
                assert values[place] == pytest.approx(compute_by_hand(alone, bins.place[own], weight))
            else:
                assert np.isnan(values[place])


def draw_values(rng: np.random.Generator, shift: float, patients: int = 200, each: int = 20) -> Forecasts:
    """Return values whose stated probability is off by `shift` on the logit; patients differ among themselves."""
    patient = np.repeat(np.arange(patients), each)
    truth = rng.normal(2.2, 1.2, len(patient)) + np.repeat(rng.normal(0, 0.3, patients), each)
    right = rng.random(len(patient)) < expit(truth)
    return make_forecasts(expit(truth + shift), right, patient=patient)


def compute_true_ece(shift: float) -> float:
    """Return the mean absolute distance of stated and true probability; of one sign, so that bins are no matter."""
    truth = np.random.default_rng(0).normal(2.2, np.hypot(1.2, 0.3), 400_000)
    return float(np.abs(expit(truth + shift) - expit(truth)).mean())


@pytest.mark.parametrize("shift", [0.0, 0.15, 0.7, -0.7])
def test_the_debiased_error_lies_closer_to_the_truth_than_the_plain_one(shift: float) -> None:
    """Calibrated, slightly off and far off: at most a third of the plain bias, or a twentieth of the truth, is left."""
    rng, truth = np.random.default_rng(3), compute_true_ece(shift)
    plain, mended = [], []
    for _ in range(150):
        forecasts = draw_values(rng, shift)
        bins = derive_equal_mass_bins(forecasts, 10)
        gaps = compute_gaps(forecasts, bins)
        variance = compute_gap_variances(forecasts, bins, gaps)
        plain.append(compute_ece(gaps, bins, 1)[0])
        mended.append(compute_debiased_ece(gaps, variance, bins, 1)[0])
    noise = 3 * np.std(mended) / np.sqrt(150)
    assert abs(np.mean(mended) - truth) <= max(abs(np.mean(plain) - truth) / 3, truth / 20) + noise


def test_the_squared_gap_beyond_chance_is_unbiased_for_independent_values() -> None:
    """Calibrated values: its mean is 0 within three standard errors, some of its values below."""
    rng = np.random.default_rng(4)
    found = []
    for _ in range(300):
        p = expit(rng.normal(1.5, 1, 600))
        forecasts = make_forecasts(p, rng.random(600) < p)
        bins = derive_equal_mass_bins(forecasts, 10)
        gaps = compute_gaps(forecasts, bins)
        found.append(compute_excess(gaps, compute_gap_variances(forecasts, bins, gaps), bins, 1)[0])
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(300) + 1e-4
    assert min(found) < 0


def test_a_bin_without_errors_still_has_a_variance() -> None:
    """All right: that of a rate of (k + 1/2) / (n + 1), not 0."""
    forecasts = make_forecasts(np.linspace(0.98, 0.99, 50), np.ones(50))
    bins = derive_equal_mass_bins(forecasts, 1)
    gaps = compute_gaps(forecasts, bins)
    rate = 50.5 / 51
    assert compute_gap_variances(forecasts, bins, gaps)[0] == pytest.approx(rate * (1 - rate) / 50)


def test_the_variance_of_a_gap_sums_within_patients() -> None:
    """Copies of every value within its patient leave the variance as it was."""
    rng = np.random.default_rng(5)
    p = rng.uniform(0.3, 0.7, 80)
    right = rng.random(80) < p
    once = make_forecasts(p, right)
    thrice = make_forecasts(np.repeat(p, 3), np.repeat(right, 3), patient=np.repeat(np.arange(80), 3))
    found = []
    for forecasts in (once, thrice):
        bins = derive_equal_mass_bins(forecasts, 4)
        found.append(compute_gap_variances(forecasts, bins, compute_gaps(forecasts, bins)))
    np.testing.assert_allclose(found[0], found[1])
