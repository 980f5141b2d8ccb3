"""Intervals of a proportion: published cases, another implementation, exact coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from probatio.resampling import (
    compute_agresti_coull,
    compute_clopper_pearson,
    compute_jeffreys,
    compute_percentiles,
    compute_wilson,
    find_few_events,
)

# Cases of Newcombe 1998 (Stat Med 17:857); values from R prop.test and binom.test and by hand.
GOLDS = [
    (81, 263, (0.255289, 0.366210), (0.252737, 0.367622), (0.255221, 0.366277), (0.254522, 0.365647)),
    (15, 148, (0.062386, 0.160487), (0.057844, 0.161650), (0.061386, 0.161488), (0.060449, 0.157643)),
    (0, 20, (0.0, 0.161125), (0.0, 0.168433), (-0.0287, 0.1898), (0.0, 0.116639)),
    (1, 29, (0.006113, 0.171755), (0.000873, 0.177644), (-0.0084, 0.1863), (0.003746, 0.150078)),
]


@pytest.mark.parametrize(("k", "n", "wilson", "exact", "agresti_coull", "jeffreys"), GOLDS)
def test_published_intervals(k, n, wilson, exact, agresti_coull, jeffreys) -> None:
    """The four intervals reproduce the published cases at every digit given."""
    assert compute_wilson(k, n, 0.95) == pytest.approx(wilson, abs=5.1e-7)
    assert compute_clopper_pearson(k, n, 0.95) == pytest.approx(exact, abs=5.1e-7)
    digits = 5.1e-7 if k > 1 else 5.1e-5
    assert compute_agresti_coull(k, n, 0.95) == pytest.approx(agresti_coull, abs=digits)
    assert compute_jeffreys(k, n, 0.95) == pytest.approx(jeffreys, abs=5.1e-7)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_statsmodels_agrees(level: float) -> None:
    """Another implementation gives the same bounds for every k of several n."""
    for n in (1, 7, 40, 1000):
        k = np.arange(n + 1) if n < 1000 else np.array([0, 1, 30, 500, 999, 1000])
        for ours, name in ((compute_wilson, "wilson"), (compute_clopper_pearson, "beta")):
            assert np.allclose(ours(k, n, level), proportion_confint(k, n, 1 - level, name), atol=1e-12)
        inner = k[(k > 0) & (k < n)]
        assert np.allclose(
            compute_jeffreys(inner, n, level), proportion_confint(inner, n, 1 - level, "jeffreys"), atol=1e-12
        )


def test_clopper_pearson_never_covers_less_than_its_level() -> None:
    """Summed over the binomial, coverage is at least 95 % at every probability (exactly, no simulation)."""
    for n in (5, 30):
        k = np.arange(n + 1)
        lower, upper = compute_clopper_pearson(k, n, 0.95)
        for p in np.linspace(0.001, 0.999, 499):
            covered = stats.binom.pmf(k[(lower <= p) & (p <= upper)], n, p).sum()
            assert covered >= 0.95 - 1e-9


def test_wilson_covers_on_average() -> None:
    """Averaged over probabilities, Wilson covers 95 % within half a point, near 0 and 1 too."""
    k = np.arange(51)
    lower, upper = compute_wilson(k, 50, 0.95)
    for low, high in ((0.001, 0.1), (0.1, 0.9), (0.9, 0.999)):
        grid = np.linspace(low, high, 400)
        covered = [stats.binom.pmf(k[(lower <= p) & (p <= upper)], 50, p).sum() for p in grid]
        assert np.mean(covered) == pytest.approx(0.95, abs=0.012)


def compute_coverage(bounds, n: int, p) -> np.ndarray:
    """Chance that the interval holds p: both bounds rise with the events, so covering counts are one run."""
    first, last = np.searchsorted(bounds[1], p, "left"), np.searchsorted(bounds[0], p, "right") - 1
    return stats.binom.cdf(last, n, p) - stats.binom.cdf(first - 1, n, p)


@pytest.mark.parametrize("n", [5, 16, 31, 100, 311, 1000])
def test_clopper_pearson_holds_at_its_very_bounds(n: int) -> None:
    """Between two bounds coverage has no inner minimum: a hair beside each it is 95 % or more, exactly."""
    bounds = compute_clopper_pearson(np.arange(n + 1), n, 0.95)
    ends = np.concatenate(bounds)
    ends = ends[(ends > 0) & (ends < 1)]
    p = np.concatenate([ends * (1 - 1e-9), ends * (1 + 1e-9)])
    assert compute_coverage(bounds, n, p[p < 1]).min() >= 0.95 - 1e-7


def test_wilson_over_the_sizes_and_rates_of_the_protocols() -> None:
    """From n = 16 to 800 and p = 0.005 to 0.3 mean coverage lies within 94 to 96 % in each band of n."""
    p = np.geomspace(0.005, 0.3, 100)
    for sizes in (range(16, 31), range(31, 101, 5), range(101, 301, 20), range(301, 801, 50)):
        covered = [compute_coverage(compute_wilson(np.arange(n + 1), n, 0.95), n, p).mean() for n in sizes]
        assert 0.94 <= np.mean(covered) <= 0.96


@pytest.mark.parametrize("n", [16, 100, 800])
def test_the_caution_is_where_wilson_falls_below_nine_in_ten(n: int) -> None:
    """Just below the lower bound of k events coverage is under 90 % for 1 and 2, which say so, and 91.5 % from 3 on."""
    k = np.arange(n + 1)
    bounds = compute_wilson(k, n, 0.95)
    dips = compute_coverage(bounds, n, bounds[0][1 : n // 2] * (1 - 1e-9))
    few = find_few_events(k, n)[1 : n // 2]
    assert (dips[few] < 0.9).all()
    assert (dips[~few] > 0.915).all()
    assert few.sum() == 2


def test_few_events_are_one_or_two_of_the_rarer_kind() -> None:
    """None is no caution, nor is 0 of 0; effective counts need not be whole."""
    assert find_few_events([0, 1, 2, 3, 18, 19, 20], 20).tolist() == [False, True, True, False, True, True, False]
    assert not find_few_events(0, 0)
    assert find_few_events(2.9, 50.5)


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0.01, 1e7), st.floats(0.5, 0.999))
def test_bounds_are_ordered_and_hold_the_estimate(p: float, n: float, level: float) -> None:
    """Whole or effective counts: 0 <= lower <= estimate <= upper <= 1, never NaN."""
    k = p * n
    for compute in (compute_wilson, compute_clopper_pearson):
        lower, upper = compute(k, n, level)
        assert 0 <= lower <= k / n + 1e-9
        assert k / n - 1e-9 <= upper <= 1


@settings(deadline=None)
@given(st.integers(1, 500), st.data())
def test_failures_mirror_successes(n: int, data: st.DataObject) -> None:
    """The interval of the complement is the mirrored interval."""
    k = data.draw(st.integers(0, n))
    for compute in (compute_wilson, compute_clopper_pearson, compute_jeffreys, compute_agresti_coull):
        lower, upper = compute(k, n, 0.95)
        other = compute(n - k, n, 0.95)
        assert [1 - upper, 1 - lower] == pytest.approx(np.array(other), abs=1e-9)


def test_more_events_move_both_bounds_up() -> None:
    """Bounds rise with the number of events."""
    k = np.arange(31)
    for compute in (compute_wilson, compute_clopper_pearson):
        assert (np.diff(compute(k, 30, 0.95), axis=1) > 0).all()


def test_no_trial_has_no_interval() -> None:
    """0 of 0 is undefined, not 0 and not 1."""
    for compute in (compute_wilson, compute_clopper_pearson, compute_jeffreys, compute_agresti_coull):
        assert np.isnan(compute([0, 3], [0, 10], 0.95)).tolist() == [[True, False], [True, False]]


def test_percentiles_are_order_statistics() -> None:
    """With 39 replicates the 95 % bounds are the smallest and the largest: (39 + 1) x 0.025 = 1."""
    assert compute_percentiles(np.arange(39.0)[::-1], 0.95) == pytest.approx((0.0, 38.0), abs=1e-12)
    assert compute_percentiles(np.arange(1999.0), 0.9) == pytest.approx((99.0, 1899.0))


def test_undefined_replicates_are_left_out() -> None:
    """NaN replicates do not count; a column of nothing else has no bounds."""
    values = np.column_stack([np.r_[np.arange(39.0), np.nan], np.full(40, np.nan)])
    lower, upper = compute_percentiles(values, 0.95)
    assert (lower[0], upper[0]) == pytest.approx((0.0, 38.0), abs=1e-12)
    assert np.isnan([lower[1], upper[1]]).all()
