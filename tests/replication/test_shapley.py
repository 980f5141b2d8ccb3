"""Shapley value: the definition by brute force, its four properties, sampled orders within their stated error."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from probatio.replication.shapley import compute_sampled_shapley, compute_shapley, draw_orders, list_steps

FLOATS = st.floats(-100, 100, allow_subnormal=False)


def draw_game(seed: int, p: int, *shape: int) -> np.ndarray:
    """Return the values of every coalition of p parts, at random."""
    return np.random.default_rng(seed).normal(size=(1 << p, *shape))


def compute_by_orders(values: np.ndarray) -> np.ndarray:
    """Return each part's gain averaged over all p! orders: Shapley's definition."""
    p = len(values).bit_length() - 1
    out = np.zeros((p, *values.shape[1:]))
    for order in itertools.permutations(range(p)):
        for part, before in list_steps(np.array(order)):
            out[part] += (values[before | 1 << part] - values[before]) / math.factorial(p)
    return out


@st.composite
def games(draw: st.DrawFn, least: int = 1) -> np.ndarray:
    p = draw(st.integers(least, 4))
    return draw(arrays(float, 1 << p, elements=FLOATS))


@given(games())
def test_shares_are_mean_gains_over_all_orders(values: np.ndarray) -> None:
    """For up to four parts (five below) the formula over coalitions equals the mean over all orders."""
    np.testing.assert_allclose(compute_shapley(values), compute_by_orders(values), atol=1e-9)


def test_five_parts_by_brute_force() -> None:
    """The same for five parts, 120 orders."""
    values = draw_game(6, 5, 2)
    np.testing.assert_allclose(compute_shapley(values), compute_by_orders(values), atol=1e-12)


@given(games())
def test_efficiency(values: np.ndarray) -> None:
    """Shares add up to the whole: nothing is left over and nothing counted twice."""
    assert compute_shapley(values).sum() == pytest.approx(values[-1] - values[0], abs=1e-9)


@given(games(), st.data())
def test_null_player(values: np.ndarray, data: st.DataObject) -> None:
    """A part that changes no coalition gets exactly 0."""
    part = data.draw(st.integers(0, len(values).bit_length() - 2))
    codes = np.arange(len(values))
    assert compute_shapley(values[codes & ~(1 << part)])[part] == 0


@given(games(least=2), st.data())
def test_symmetry(values: np.ndarray, data: st.DataObject) -> None:
    """Two parts that add the same to every coalition without them get the same."""
    p = len(values).bit_length() - 1
    a, b = data.draw(st.lists(st.integers(0, p - 1), min_size=2, max_size=2, unique=True))
    for code in range(len(values)):
        if code >> a & 1 and not code >> b & 1:
            values[code ^ (1 << a | 1 << b)] = values[code]
    shares = compute_shapley(values)
    assert shares[a] == pytest.approx(shares[b], abs=1e-9)


@given(arrays(float, 4, elements=FLOATS))
def test_linear_game_has_known_answer(effects: np.ndarray) -> None:
    """Where each part adds its own effect whatever the others do, its share is that effect."""
    values = np.array([sum(effects[at] for at in range(4) if code >> at & 1) for code in range(16)])
    np.testing.assert_allclose(compute_shapley(values), effects, atol=1e-9)


def test_textbook_game() -> None:
    """The glove game: one left and two right gloves; a pair is worth 1. Shares 4/6, 1/6, 1/6."""
    values = np.array([float(code & 1 and code & 6 != 0) for code in range(8)])
    np.testing.assert_allclose(compute_shapley(values), [4 / 6, 1 / 6, 1 / 6])


def test_an_interaction_is_halved() -> None:
    """Two errors that only matter together share the shift equally."""
    np.testing.assert_allclose(compute_shapley(np.array([0.0, 0.0, 0.0, 1.0])), [0.5, 0.5])


def test_replicates_are_shared_each_for_itself() -> None:
    """Further axes are games of their own."""
    values = draw_game(1, 4, 3, 5)
    found = compute_shapley(values)
    assert found.shape == (4, 3, 5)
    np.testing.assert_allclose(found[:, 2, 4], compute_shapley(values[:, 2, 4]))


def test_an_undefined_coalition_leaves_shares_undefined() -> None:
    """A share is never computed around a mixture without an estimate; games beside it are untouched."""
    values = draw_game(2, 3, 2)
    values[5, 0] = np.nan
    found = compute_shapley(values)
    assert np.isnan(found[:, 0]).all()
    assert not np.isnan(found[:, 1]).any()


def test_no_part_no_share() -> None:
    """Sources that are alike leave nobody to share."""
    assert compute_shapley(np.zeros((1, 2))).shape == (0, 2)


def test_orders_are_stratified_and_antithetic() -> None:
    """In every block each part stands twice in each place, and every order's reverse is there too."""
    orders = draw_orders(5, 3, np.random.default_rng(1))
    assert orders.shape == (3, 10, 5)
    for block in orders:
        for place in range(5):
            assert np.bincount(block[:, place]).tolist() == [2] * 5
        assert {tuple(order) for order in block} == {tuple(order[::-1]) for order in block}


def test_sampled_shares_hold_their_error() -> None:
    """Over 300 samples the mean is the exact share, the stated error that of the samples, and each sample sums up."""
    values = draw_game(3, 5)
    exact = compute_shapley(values)
    samples = [
        compute_sampled_shapley(draw_orders(5, 6, np.random.default_rng(seed)), lambda code: values[code])
        for seed in range(300)
    ]
    shares = np.stack([sample.shares for sample in samples])
    np.testing.assert_allclose(shares.sum(axis=1), values[-1] - values[0], atol=1e-12)
    spread = shares.std(axis=0, ddof=1)
    assert (np.abs(shares.mean(axis=0) - exact) < 4 * spread / np.sqrt(300)).all()
    stated = np.sqrt(np.mean([sample.errors**2 for sample in samples], axis=0))
    np.testing.assert_allclose(stated, spread, rtol=0.2)


def test_stratified_orders_beat_plain_ones() -> None:
    """With as many orders, rotations and reverses leave less Monte Carlo error than orders drawn one by one."""
    values = draw_game(4, 6) + 3 * np.array([code.bit_count() ** 2 for code in range(64)])
    generator = np.random.default_rng(5)
    blocks = [compute_sampled_shapley(draw_orders(6, 2, generator), lambda code: values[code]) for _ in range(60)]
    plain = [_compute_plain(values, np.array([generator.permutation(6) for _ in range(24)])) for _ in range(60)]
    assert np.std([one.shares for one in blocks], axis=0).max() < 0.5 * np.std(plain, axis=0).min()


def _compute_plain(values: np.ndarray, orders: np.ndarray) -> np.ndarray:
    out = np.zeros(6)
    for order in orders:
        for part, before in list_steps(order):
            out[part] += (values[before | 1 << part] - values[before]) / len(orders)
    return out
