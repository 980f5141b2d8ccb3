"""Risk and coverage: the published toy, ties as the mean over their orders, replicates as loops."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probatio.confidence.risk_coverage import (
    compute_areas,
    compute_replicate_areas,
    derive_curve,
    derive_merged_ties,
    derive_ties,
)
from scored_study import TOY, make_forecasts

RISKS = [0, 0, 0, 0.25, 0.2, 0.1667, 0.2857, 0.25, 0.3333, 0.4]


def compute_by_definition(wrong: np.ndarray) -> tuple[float, float, float]:
    """Return aurc, e_aurc, augrc of errors in the order of acceptance."""
    k = np.arange(1, len(wrong) + 1)
    total = np.cumsum(wrong)
    best = (np.cumsum(np.sort(wrong)) / k).mean()
    return (total / k).mean(), (total / k).mean() - best, (total / len(wrong)).mean()


def test_the_toys_areas_are_the_published_ones() -> None:
    """AURC .188571, optimal .112619, E-AURC .075952, AUGRC .14; the error of accepting all, 0.4."""
    forecasts = make_forecasts(*TOY)
    for ties in (derive_ties(forecasts), derive_merged_ties(forecasts)):
        areas = compute_areas(forecasts, ties)
        assert areas.aurc[0] == pytest.approx(0.188571, abs=5e-7)
        assert areas.aurc[0] - areas.e_aurc[0] == pytest.approx(0.112619, abs=5e-7)
        assert areas.e_aurc[0] == pytest.approx(0.075952, abs=5e-7)
        assert areas.augrc[0] == pytest.approx(0.14, abs=1e-12)
        assert areas.error[0] == pytest.approx(0.4)


def test_the_toys_curve_has_the_published_risks() -> None:
    """Error among the k surest, at coverages of a tenth each."""
    forecasts = make_forecasts(*TOY)
    accepted, coverage, threshold = derive_curve(forecasts, derive_ties(forecasts), 10)
    np.testing.assert_allclose(coverage, np.arange(1, 11) / 10)
    assert threshold.tolist() == TOY[0]
    risks = [1 - accepted.right[accepted.group == place].mean() for place in range(accepted.size)]
    np.testing.assert_allclose(risks, RISKS, atol=5e-5)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=6))
def test_ties_count_as_the_mean_over_all_their_orders(values: list[tuple[int, bool]]) -> None:
    """Every order of the values that respects their scores, one by one."""
    score, right = np.array([s for s, _ in values]) / 2, np.array([r for _, r in values], dtype=float)
    found = []
    for order in permutations(range(len(values))):
        ordered = score[list(order)]
        if (np.diff(ordered) <= 0).all():
            found.append(compute_by_definition(1 - right[list(order)]))
    forecasts = make_forecasts(score, right)
    for ties in (derive_ties(forecasts), derive_merged_ties(forecasts)):
        areas = compute_areas(forecasts, ties)
        np.testing.assert_allclose([areas.aurc[0], areas.e_aurc[0], areas.augrc[0]], np.mean(found, axis=0), atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60))
def test_replicates_are_samples_written_out(seed: int, n: int) -> None:
    """A patient drawn twice is two patients; merging ties changes nothing; groups do not mix."""
    rng = np.random.default_rng(seed)
    score, right = rng.random(n).round(1), rng.random(n) < 0.7
    group, patient = rng.integers(0, 2, n), rng.integers(0, 5, n)
    forecasts = make_forecasts(score, right, group=group, patient=patient)
    drawn = rng.integers(0, 3, (3, forecasts.clusters)).astype(np.uint16)
    plain, merged = (
        compute_replicate_areas(forecasts, make(forecasts), drawn) for make in (derive_ties, derive_merged_ties)
    )
    np.testing.assert_allclose(plain.aurc, merged.aurc, atol=1e-12)
    np.testing.assert_allclose(plain.augrc, merged.augrc, atol=1e-12)
    for draw, areas, generalised in zip(drawn, merged.aurc, merged.augrc, strict=True):
        for place in range(forecasts.size):
            rows = np.repeat(np.flatnonzero(group == place), draw[patient[group == place]])
            if not len(rows):
                assert np.isnan(areas[place])
                continue
            alone = make_forecasts(score[rows], right[rows])
            written = compute_areas(alone, derive_ties(alone))
            assert areas[place] == pytest.approx(written.aurc[0])
            assert generalised[place] == pytest.approx(written.augrc[0])


def test_a_score_that_knows_every_error_has_no_excess_and_a_blind_one_the_base_error() -> None:
    """E-AURC 0; with one score for all the expected risk is the same at every coverage."""
    right = np.array([1, 0, 1, 1, 0, 1])
    knowing, blind = make_forecasts(right * 0.5 + 0.25, right), make_forecasts(np.full(6, 0.5), right)
    assert compute_areas(knowing, derive_ties(knowing)).e_aurc[0] == pytest.approx(0)
    assert compute_areas(blind, derive_ties(blind)).aurc[0] == pytest.approx(1 / 3)


def test_weights_are_of_their_own_scale() -> None:
    """Weights twice as large move nothing; the base error is the weighted one."""
    rng = np.random.default_rng(1)
    score, right, weight = rng.random(50), rng.random(50) < 0.7, rng.choice([1.0, 1.4], 50)
    areas = []
    for factor in (1, 2):
        forecasts = make_forecasts(score, right, weight=factor * weight)
        areas.append(compute_areas(forecasts, derive_merged_ties(forecasts)))
    assert areas[0].aurc[0] == pytest.approx(areas[1].aurc[0])
    assert areas[0].error[0] == pytest.approx(np.average(1 - right, weights=weight))


def test_a_curve_accepts_equal_scores_together_and_ends_with_all() -> None:
    """No coverage cuts a tie; the last set of each group holds all its values."""
    rng = np.random.default_rng(2)
    score, group = rng.random(200).round(1), rng.integers(0, 2, 200)
    forecasts = make_forecasts(score, rng.random(200) < 0.8, group=group)
    accepted, coverage, threshold = derive_curve(forecasts, derive_ties(forecasts), 20)
    for place, (share, limit) in enumerate(zip(coverage, threshold, strict=True)):
        source = int(accepted.identity["source"][place][1:])
        own = score[group == source]
        assert sorted(accepted.score[accepted.group == place]) == sorted(own[own >= limit])
        assert share == pytest.approx((own >= limit).mean())
    assert coverage[-1] == pytest.approx(1)
