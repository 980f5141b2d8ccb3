"""Brier's score and its parts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probatio.confidence.bins import (
    compute_gap_variances,
    compute_gaps,
    compute_replicate_gaps,
    derive_equal_mass_bins,
)
from probatio.confidence.brier import Brier, compute_brier, compute_replicate_squares, compute_squares
from probatio.confidence.forecasts import Forecasts
from scored_study import TOY, make_forecasts


def measure(forecasts: Forecasts, *, chance: float = 1.0) -> Brier:
    """Return the parts; with `chance` 0 nothing is taken away for bias."""
    bins = derive_equal_mass_bins(forecasts, 10)
    gaps = compute_gaps(forecasts, bins)
    variance = chance * compute_gap_variances(forecasts, bins, gaps)
    return compute_brier(compute_squares(forecasts), gaps, variance, bins, forecasts.size)


def test_the_toy_has_the_published_score() -> None:
    """0.22409, and against a base rate of six in ten a skill of 1 - 0.22409 / 0.24."""
    found = measure(make_forecasts(*TOY))
    assert found.brier[0] == pytest.approx(0.22409, abs=1e-12)
    assert found.brier_uncertainty[0] == pytest.approx(0.24)
    assert found.brier_skill[0] == pytest.approx(1 - 0.22409 / 0.24)


def test_murphys_table_by_hand() -> None:
    """Two scores, ten values each: reliability and resolution of Murphy 1973 where scores are alike within bins."""
    forecasts = make_forecasts(np.repeat([0.8, 0.4], 10), [1] * 7 + [0] * 3 + [1] * 5 + [0] * 5)
    found = measure(forecasts, chance=0.0)
    assert found.brier_reliability[0] == pytest.approx((0.1**2 + 0.1**2) / 2)
    assert found.brier_resolution[0] == pytest.approx((0.1**2 + 0.1**2) / 2)
    assert found.brier_uncertainty[0] == pytest.approx(0.24)
    assert found.brier[0] == pytest.approx((7 * 0.04 + 3 * 0.64 + 5 * 0.36 + 5 * 0.16) / 20)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 150))
def test_the_parts_add_up_and_the_score_is_the_mean_square(seed: int, n: int) -> None:
    """For any scores, weights, groups and draws: reliability - resolution + uncertainty, bias removed or not."""
    rng = np.random.default_rng(seed)
    forecasts = make_forecasts(rng.random(n), rng.random(n) < 0.8, group=rng.integers(0, 2, n),
                               patient=rng.integers(0, 7, n), weight=rng.choice([1.0, 1.4], n))  # fmt: skip
    found = measure(forecasts)
    together = found.brier_reliability - found.brier_resolution + found.brier_uncertainty
    known = found.brier_uncertainty > 0
    np.testing.assert_allclose(together[known], found.brier[known], atol=1e-12)
    assert np.isnan(found.brier_resolution[~known]).all()
    for place in range(forecasts.size):
        own = forecasts.group == place
        if own.any():
            squares = (forecasts.score - forecasts.right)[own] ** 2
            assert found.brier[place] == pytest.approx(np.average(squares, weights=forecasts.weight[own]))
    drawn = rng.integers(0, 3, (3, forecasts.clusters)).astype(np.uint16)
    bins = derive_equal_mass_bins(forecasts, 10)
    gaps = compute_replicate_gaps(forecasts, bins, drawn)
    again = compute_brier(compute_replicate_squares(forecasts, drawn), gaps, 0 * gaps.gap, bins, forecasts.size)
    for draw, values in zip(drawn, again.brier, strict=True):
        weight = forecasts.weight * draw[forecasts.patient]
        for place in range(forecasts.size):
            mass = weight[forecasts.group == place]
            if mass.sum() > 0:
                squares = (forecasts.score - forecasts.right)[forecasts.group == place] ** 2
                assert values[place] == pytest.approx(np.average(squares, weights=mass))


def test_reliability_and_resolution_lose_their_bias() -> None:
    """Calibrated scores: the reliability is 0 on average, and the resolution the variance of what is true in bins."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(300):
        p = rng.choice([0.6, 0.9], 200)
        parts = measure(make_forecasts(p, rng.random(200) < p))
        found.append((parts.brier_reliability[0], parts.brier_resolution[0]))
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(300)
    assert abs(mean[0]) < 3 * error[0] + 1e-4
    assert abs(mean[1] - 0.15**2) < 3 * error[1] + 2e-4


def test_without_an_error_there_is_no_skill() -> None:
    """0 / 0 is undefined, never 1."""
    found = measure(make_forecasts([0.9, 0.8, 0.7], [1, 1, 1]))
    assert np.isnan(found.brier_skill[0])
    assert found.brier[0] == pytest.approx((0.01 + 0.04 + 0.09) / 3)
