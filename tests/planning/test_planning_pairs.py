"""Matched pairs: the formula's size, the exact power, and Tango's interval agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from probatio.planning.pairs import compute_formula_size, compute_paired_power, find_paired_size
from probatio.resampling import compute_tango

ALPHA = 0.025


def enumerate_power(n: int, difference: float, discordance: float, margin: float) -> float:
    """Sum the trinomial over every table whose Tango upper bound lies below the margin."""
    b, c = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    inside = b + c <= n
    upper = compute_tango(b[inside], c[inside], n, 1 - 2 * ALPHA)[1]
    from scipy.stats import multinomial

    p10, p01 = (discordance + difference) / 2, (discordance - difference) / 2
    tables = np.column_stack([b[inside], c[inside], n - b[inside] - c[inside]])
    return float(multinomial.pmf(tables, n, [p10, p01, 1 - p10 - p01])[upper < margin].sum())


@pytest.mark.parametrize(
    ("n", "difference", "discordance", "margin"),
    [(60, 0.0, 0.1, 0.1), (60, 0.05, 0.2, 0.15), (45, -0.02, 0.05, 0.1), (30, 0.0, 0.6, 0.3), (80, 0.0, 0.0, 0.05)],
)
def test_power_is_that_of_the_interval(n: int, difference: float, discordance: float, margin: float) -> None:
    """The enumerated power is the probability that Tango's upper bound lies below the margin."""
    expected = enumerate_power(n, difference, discordance, margin)
    assert compute_paired_power(n, difference, discordance, margin, ALPHA)[0] == pytest.approx(expected, abs=1e-9)


def test_power_agrees_with_a_simulation() -> None:
    """Among 4,000 seeded studies of 320 pairs, as many are non-inferior as the exact power says."""
    counts = np.random.default_rng(3).multinomial(320, [0.03, 0.03, 0.94], 4_000)
    upper = compute_tango(counts[:, 0], counts[:, 1], 320, 1 - 2 * ALPHA)[1]
    power = compute_paired_power(320, 0.0, 0.06, 0.05, ALPHA)[0]
    assert (upper < 0.05).mean() == pytest.approx(power, abs=4 * np.sqrt(power * (1 - power) / 4_000))


def test_the_formula_by_hand_where_discordance_is_all() -> None:
    """Nam's formula with every pair discordant and no difference: the restricted variance is 1 - margin^2."""
    # Every pair discordant: the restricted estimate keeps p10 + p01 = 1, so s0^2 = 1 - margin^2 and s1^2 = 1.
    margin, z = 0.2, norm.ppf([1 - ALPHA, 0.9])
    expected = ((z[0] * np.sqrt(1 - margin**2) + z[1]) / margin) ** 2
    assert compute_formula_size(0.0, 1.0, margin, 0.9, ALPHA) == pytest.approx(expected, rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 0.3), st.floats(-1, 1), st.floats(0.02, 0.2), st.sampled_from([0.8, 0.9]))
def test_a_size_holds_for_every_larger_one(discordance: float, part: float, gap: float, power: float) -> None:
    """No number of pairs just above `lasting` fails, the one before does, and the formula is near."""
    difference = part * discordance
    margin = max(difference, 0.0) + gap
    size = find_paired_size(difference, discordance, margin, power, ALPHA)
    assert size is not None
    assert size.first <= size.lasting
    n = np.arange(max(size.lasting - 1, 1), min(2 * size.lasting + 20, size.lasting + 400))
    reached = compute_paired_power(n, difference, discordance, margin, ALPHA) >= power
    assert reached[1:].all() if size.lasting > 1 else reached.all()
    if size.lasting > 1 and size.lasting < 4000:
        assert not reached[0]


@pytest.mark.parametrize(
    ("difference", "discordance", "margin"), [(0.05, 0.1, 0.05), (0.0, 0.1, -0.05), (0.1, 0.05, 0.2)]
)
def test_contradictions_are_refused(difference: float, discordance: float, margin: float) -> None:
    """A difference at the margin, a negative margin and a discordance below the difference have no size."""
    with pytest.raises(ValueError, match="margin must be positive"):
        compute_formula_size(difference, discordance, margin, 0.9, ALPHA)


def test_large_sizes_come_from_the_formula() -> None:
    """Above the enumerated range the formula's size keeps its exact power within half a point."""
    size = find_paired_size(0.0, 0.05, 0.01, 0.9, ALPHA)
    assert size is not None
    assert size.first == size.lasting > 4000
    assert compute_paired_power(size.lasting, 0.0, 0.05, 0.01, ALPHA)[0] == pytest.approx(0.9, abs=0.005)
    assert find_paired_size(0.0, 0.05, 0.0001, 0.9, ALPHA) is None
