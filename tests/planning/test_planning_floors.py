"""Floors keep their power for every larger n; precision and golden sizes come out as published."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom, binom
from statsmodels.stats.proportion import proportion_confint

from probatio.planning.proportions import (
    Size,
    compute_assurance,
    compute_critical,
    compute_exact_power,
    compute_half_width,
    find_exact_size,
    find_precision_size,
)

ALPHA = 0.025
# reference/golds.md, section 10: accuracy p0 -> p1, (lasting, first) at 80 % and at 90 % power.
FLOORS = [
    (0.90, 0.95, (255, 231), (316, 292)),
    (0.85, 0.90, (379, 356), (492, 469)),
    (0.90, 0.93, (742, 697), (964, 920)),
    (0.95, 0.98, (338, 312), (440, 390)),
]
# The same section: half-width -> n, by expected proportion.
WIDTHS = {
    0.80: {0.05: 245, 0.03: 682, 0.02: 1535},
    0.90: {0.05: 141, 0.03: 388, 0.02: 868},
    0.95: {0.05: 83, 0.03: 215, 0.02: 469},
    0.98: {0.05: 52, 0.03: 113, 0.02: 223, 0.01: 792},
}
RATES = st.tuples(st.floats(0.0, 0.4), st.floats(0.03, 0.3)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@pytest.mark.parametrize(("null", "true", "at_80", "at_90"), FLOORS)
def test_floors_are_the_golden_ones(null: float, true: float, at_80: tuple[int, int], at_90: tuple[int, int]) -> None:
    """Both kinds of exact size agree with the golden values, at both powers."""
    for power, (lasting, first) in ((0.8, at_80), (0.9, at_90)):
        assert find_exact_size(1 - true, 1 - null, power, ALPHA) == Size(first=first, lasting=lasting)


@pytest.mark.parametrize(
    ("rate", "half", "n"), [(rate, half, n) for rate, row in WIDTHS.items() for half, n in row.items()]
)
def test_precision_is_the_golden_one(rate: float, half: float, n: int) -> None:
    """The smallest n for a Wilson half-width agrees with the golden values, and for errors as for accuracy."""
    assert find_precision_size(rate, half, 0.95) == n
    assert find_precision_size(1 - rate, half, 0.95) == n
    assert compute_half_width(n - 1, rate, 0.95) > half


def test_a_centre_of_31_is_known_to_nine_points() -> None:
    """A tenth of 311 patients leaves nine points either way at 93 % by the normal formula, 9.7 by Wilson's."""
    assert 1.96 * np.sqrt(0.93 * 0.07 / 31) == pytest.approx(0.090, abs=0.0005)
    assert float(compute_half_width(31, 0.93, 0.95)) == pytest.approx(0.0971, abs=0.00005)


def test_311_patients_are_about_enough_from_95_to_98() -> None:
    """311 reach not quite 80 % power, the 312th does, and 338 keep it."""
    power = compute_exact_power([311, 312, 337, 338], 0.02, 0.05, ALPHA)
    assert (power >= 0.8).tolist() == [False, True, False, True]
    assert power[0] == pytest.approx(0.75, abs=0.05)


def test_half_width_is_that_of_another_implementation() -> None:
    """At whole numbers of events it is half of statsmodels' Wilson interval."""
    lower, upper = proportion_confint(15, 300, method="wilson")
    assert float(compute_half_width(300, 0.05, 0.95)) == pytest.approx((upper - lower) / 2, rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(RATES, st.sampled_from([0.5, 0.8, 0.9]))
def test_a_floor_holds_for_every_larger_n(pair: tuple[float, float], power: float) -> None:
    """By brute force with scipy's binomial: no n reaches it before `first`, none fails it from `lasting` on."""
    rate, limit = pair
    size = find_exact_size(rate, limit, power, ALPHA)
    assert size is not None
    n = np.arange(1, 2 * size.lasting + 50)
    critical = binom.ppf(ALPHA, n, limit)
    critical -= binom.cdf(critical, n, limit) > ALPHA
    reached = np.where(critical < 0, 0.0, binom.cdf(critical, n, rate)) >= power
    assert n[reached][0] == size.first
    assert (n[~reached][-1] if not reached.all() else 0) == size.lasting - 1


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.floats(0.01, 0.6))
def test_as_many_errors_pass_as_the_exact_interval_allows(n: int, limit: float) -> None:
    """The critical number is the largest whose Clopper-Pearson upper bound stays below the limit."""
    critical = int(compute_critical(n, limit, ALPHA)[0])
    upper = proportion_confint(np.arange(n + 1), n, method="beta")[1]
    assert critical == int((np.nan_to_num(upper, nan=1.0) < limit).sum()) - 1


def test_power_agrees_with_a_simulation() -> None:
    """Among 20,000 seeded studies of 300, as many pass as the exact power says."""
    rng = np.random.default_rng(1)
    critical = compute_critical(300, 0.10, ALPHA)[0]
    power = compute_exact_power(300, 0.06, 0.10, ALPHA)[0]
    passed = (rng.binomial(300, 0.06, 20_000) <= critical).mean()
    assert passed == pytest.approx(power, abs=4 * np.sqrt(power * (1 - power) / 20_000))


def test_assurance_is_the_power_averaged_over_the_prior() -> None:
    """It equals scipy's beta-binomial and the mean power over seeded draws from the prior."""
    critical = compute_critical(300, 0.10, ALPHA)[0]
    assurance = compute_assurance(300, 0.05, 0.10, ALPHA, weight=200)[0]
    assert assurance == pytest.approx(betabinom.cdf(critical, 300, 10, 190), rel=1e-9)
    rates = np.random.default_rng(2).beta(10, 190, 40_000)
    assert assurance == pytest.approx(binom.cdf(critical, 300, rates).mean(), abs=0.01)


def test_a_sure_prior_gives_the_power_itself() -> None:
    """With a prior of huge weight assurance is power; at an expected rate of zero it is one or nothing."""
    power = compute_exact_power(300, 0.05, 0.10, ALPHA)[0]
    assert compute_assurance(300, 0.05, 0.10, ALPHA, weight=1e8)[0] == pytest.approx(power, abs=1e-4)
    assert compute_assurance([10, 300], 0.0, 0.10, ALPHA, weight=5).tolist() == [0.0, 1.0]


def test_an_alternative_that_touches_the_limit_has_no_size() -> None:
    """On the wrong side it is refused; a hair from the limit the size is said to be out of reach."""
    with pytest.raises(ValueError, match="below the limit"):
        find_exact_size(0.10, 0.10, 0.9, ALPHA)
    assert find_exact_size(0.0999, 0.10, 0.9, ALPHA) is None
