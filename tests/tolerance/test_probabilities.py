"""The probability of staying within a margin, the error borne, and how errors are distributed over patients."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probatio.tolerance.mechanisms import Mechanism, compute_rates
from probatio.tolerance.paths import POINTS, Path, _list_scores
from probatio.tolerance.probabilities import compute_probability, find_borne


def build_path(at_risk: np.ndarray, *, is_share: bool = True) -> Path:
    return Path("wrong", "proportion", (0.1,), at_risk, lambda _: [], is_share=is_share)


def test_every_judged_coefficient_must_stay() -> None:
    """One coefficient outside puts the draw outside; one that is not judged does not."""
    shifts = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.1, -0.1]])
    limit = math.log(1.15)
    assert compute_probability(shifts, np.array([limit, limit]), 0.95).estimate == 0.5
    assert compute_probability(shifts, np.array([limit, math.inf]), 0.95).estimate == 0.75
    assert compute_probability(np.array([[limit]]), np.array([limit]), 0.95).estimate == 1.0


def test_a_draw_without_an_estimate_is_outside() -> None:
    """A regression that fails under the injected errors speaks against the errors, not for them."""
    assert compute_probability(np.array([[np.nan], [0.0]]), np.array([0.7]), 0.95).estimate == 0.5


def test_the_error_borne_is_where_the_probability_crosses() -> None:
    """By hand: from 0.96 at 5 % to 0.86 at 10 % the 0.90 lies at 8 %."""
    found = find_borne([0.05, 0.1], [0.96, 0.86], 0.9)
    assert found.error == pytest.approx(0.08)
    assert not found.beyond


def test_the_first_crossing_counts() -> None:
    """A probability that recovers later does not help: what lies beyond a failure is not borne."""
    assert find_borne([0.1, 0.2, 0.3], [0.8, 1.0, 1.0], 0.9).error == pytest.approx(0.05)


def test_an_error_borne_to_the_end_of_the_grid_is_said_to_be_open() -> None:
    """The limit lies above the last error tested, and no number pretends to know where."""
    assert find_borne([0.1, 0.2], [1.0, 0.95], 0.9) == (0.2, True)


@given(st.floats(0.01, 0.45), st.floats(1.1, 20), st.integers(1, 99))
def test_a_mechanism_keeps_the_share_of_errors(error: float, ratio: float, half: int) -> None:
    """Differential errors are as many as non-differential ones, `ratio` times as frequent in the half named."""
    mask = np.arange(100) < half
    known = np.ones(100, dtype=bool)
    rates = compute_rates(Mechanism("events", mask, ratio), build_path(known), error, known)
    if rates is None:
        part = half / 100
        assert error * ratio / (ratio * part + 1 - part) > 1
    else:
        assert rates.mean() == pytest.approx(error)
        assert rates[0] / rates[-1] == pytest.approx(ratio)


def test_whoever_cannot_be_in_error_is_not() -> None:
    """Only those at risk have a rate, and only they count for the share."""
    at_risk = np.array([True, True, False, False])
    rates = compute_rates(Mechanism("non_differential", None, 1.0), build_path(at_risk), 0.2, at_risk)
    assert rates is not None
    assert rates.tolist() == [0.2, 0.2, 0.0, 0.0]


def test_a_lag_hits_all_of_the_half_named() -> None:
    """Where every patient is off, the named half is, and of the others one in `ratio`."""
    mask, known = np.array([True, False]), np.ones(2, dtype=bool)
    rates = compute_rates(Mechanism("exposed", mask, 2.0), build_path(known, is_share=False), 30.0, known)
    assert rates is not None
    assert rates.tolist() == [1.0, 0.5]


def test_a_normal_error_has_its_standard_deviation() -> None:
    """The points stand for a normal error of standard deviation 1 and mean 0, symmetric."""
    scores = _list_scores()
    assert (len(scores), scores.std(), scores.mean()) == (POINTS, pytest.approx(1.0), pytest.approx(0.0, abs=1e-12))
    assert scores == pytest.approx(-scores[::-1])
