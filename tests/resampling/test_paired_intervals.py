"""Intervals of a paired difference: published tables, likelihood, coverage."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar

from probatio.resampling import compute_clopper_pearson, compute_clustered_mean, compute_newcombe, compute_tango

CELLS = st.tuples(*[st.integers(0, 300)] * 4).filter(lambda cells: sum(cells) > 0)


def test_published_large_table() -> None:
    """Agresti's approval ratings, 1600 pairs: Newcombe's method 10 and 8, and Tango."""
    a, b, c, d = 794, 150, 86, 570
    assert compute_newcombe(a, b, c, d, 0.95) == pytest.approx((0.021230, 0.058704), abs=5.1e-7)
    assert compute_newcombe(a, b, c, d, 0.95, corrected=False) == pytest.approx((0.021271, 0.058664), abs=5.1e-7)
    assert compute_tango(b, c, a + b + c + d, 0.95) == pytest.approx((0.021362, 0.058998), abs=5.1e-7)


def test_published_tests_of_the_large_table() -> None:
    """McNemar 17.35593 (p 3.0993e-05): where Tango's interval touches 0. Exact p 3.716e-05: Clopper-Pearson at a half.

    The continuity-corrected 16.81780 (p 4.1146e-05) is nobody's here, and comes out of statsmodels alone.
    """
    b, c, n = 150, 86, 1600
    plain = mcnemar([[794, b], [c, 570]], exact=False, correction=False)
    assert (plain.statistic, plain.pvalue) == pytest.approx((17.35593, 3.0993e-05), abs=5.1e-6)
    assert plain.pvalue == pytest.approx(3.0993e-05, abs=5.1e-10)
    assert float(compute_tango(b, c, n, 1 - plain.pvalue)[0]) == pytest.approx(0, abs=1e-9)
    corrected = mcnemar([[794, b], [c, 570]], exact=False, correction=True)
    assert corrected.statistic == pytest.approx(16.81780, abs=5.1e-6)
    assert corrected.pvalue == pytest.approx(4.1146e-05, abs=5.1e-10)
    exact = mcnemar([[794, b], [c, 570]], exact=True)
    assert exact.pvalue == pytest.approx(3.716e-05, abs=5.1e-9)
    assert float(compute_clopper_pearson(c, b + c, 1 - exact.pvalue)[1]) == pytest.approx(0.5, abs=1e-9)


def test_published_wald_interval() -> None:
    """Agresti's difference 0.04 has the plain standard error 0.00954921 and Wald's 0.021284 to 0.058716."""
    score = np.repeat([0, 1, -1, 0], [794, 150, 86, 570]).astype(np.int8)
    one = np.zeros(1600, dtype=np.int64)
    mean = compute_clustered_mean(score, one, np.arange(1600), np.ones(1600), 1)
    error = float(np.sqrt(mean.plain[0]))
    assert (float(mean.mean[0]), error) == pytest.approx((0.04, 0.00954921), abs=5.1e-9)
    half = stats.norm.ppf(0.975) * error
    assert (0.04 - half, 0.04 + half) == pytest.approx((0.021284, 0.058716), abs=5.1e-7)


def test_published_small_tables() -> None:
    """Newcombe's and Tango's own small tables, an empty cell included."""
    assert compute_newcombe(36, 12, 2, 0, 0.95) == pytest.approx((0.056930, 0.340428), abs=5.1e-7)
    assert compute_tango(12, 2, 50, 0.95) == pytest.approx((0.061112, 0.344709), abs=5.1e-7)
    assert compute_tango(0, 1, 44, 0.95) == pytest.approx((-0.118077, 0.059393), abs=5.1e-7)


def _compute_score_by_likelihood(b: int, c: int, n: int, difference: float) -> float:
    """Tango's statistic with the nuisance found by maximising the trinomial likelihood."""

    def loss(second: float) -> float:
        shares = (second + difference, second, 1 - 2 * second - difference)
        counts = (b, c, n - b - c)
        return -sum(k * np.log(max(share, 1e-300)) for k, share in zip(counts, shares, strict=True) if k)

    low, high = max(0.0, -difference), (1 - difference) / 2
    second = optimize.minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
    return (b - c - n * difference) / np.sqrt(n * (2 * second + difference * (1 - difference)))


@pytest.mark.parametrize(("b", "c", "n"), [(12, 2, 50), (5, 9, 31), (1, 1, 12), (30, 3, 100), (3, 17, 400)])
def test_tango_bounds_solve_the_score_equation(b: int, c: int, n: int) -> None:
    """At each bound a score statistic computed by numerical likelihood equals the normal quantile."""
    lower, upper = (float(bound) for bound in compute_tango(b, c, n, 0.95))
    assert _compute_score_by_likelihood(b, c, n, lower) == pytest.approx(stats.norm.ppf(0.975), abs=1e-4)
    assert _compute_score_by_likelihood(b, c, n, upper) == pytest.approx(-stats.norm.ppf(0.975), abs=1e-4)


@settings(deadline=None)
@given(CELLS)
def test_tango_excludes_zero_exactly_when_mcnemar_rejects(cells: tuple[int, int, int, int]) -> None:
    """At a difference of 0 Tango's test is McNemar's without correction."""
    _, b, c, _ = cells
    lower, upper = compute_tango(b, c, sum(cells), 0.95)
    statistic = (b - c) ** 2 / (b + c) if b + c else 0.0
    limit = stats.chi2.ppf(0.95, 1)
    if abs(statistic - limit) > 1e-6:
        assert bool(lower > 0 or upper < 0) == bool(statistic > limit)


@settings(deadline=None)
@given(CELLS, st.floats(0.5, 0.999))
def test_bounds_are_ordered_and_hold_the_difference(cells: tuple[int, int, int, int], level: float) -> None:
    """Any table: -1 <= lower <= difference <= upper <= 1, never NaN."""
    a, b, c, d = cells
    difference = (b - c) / sum(cells)
    for lower, upper in (compute_newcombe(a, b, c, d, level), compute_tango(b, c, sum(cells), level)):
        assert -1 <= lower <= difference + 1e-9
        assert difference - 1e-9 <= upper <= 1


@settings(deadline=None)
@given(CELLS)
def test_swapping_the_sources_mirrors_the_interval(cells: tuple[int, int, int, int]) -> None:
    """First - second and second - first have mirrored bounds."""
    a, b, c, d = cells
    for one, two in (
        (compute_newcombe(a, b, c, d, 0.95), compute_newcombe(a, c, b, d, 0.95)),
        (compute_tango(b, c, sum(cells), 0.95), compute_tango(c, b, sum(cells), 0.95)),
    ):
        assert (one[0], one[1]) == pytest.approx((-two[1], -two[0]), abs=1e-9)


@pytest.mark.parametrize(("p10", "p01"), [(0.01, 0.01), (0.05, 0.02), (0.10, 0.20)])
def test_intervals_cover(p10: float, p01: float) -> None:
    """On 5000 simulated studies of 120 pairs both intervals cover the truth, with a binomial bound on 94 %."""
    rng = np.random.default_rng(5)
    both, first, second, neither = rng.multinomial(120, [0.05, p10, p01, 0.95 - p10 - p01], size=5000).T
    for lower, upper in (
        compute_newcombe(both, first, second, neither, 0.95),
        compute_tango(first, second, np.full(5000, 120), 0.95),
    ):
        covered = int(((lower <= p10 - p01) & (p10 - p01 <= upper)).sum())
        assert covered >= stats.binom.ppf(1e-4, 5000, 0.94)


def list_tables(n: int) -> np.ndarray:
    """Every table of n pairs: both, first only, second only, neither."""
    cells = np.indices((n + 1,) * 3).reshape(3, -1)
    cells = cells[:, cells.sum(axis=0) <= n]
    return np.vstack([cells, n - cells.sum(axis=0)])


@pytest.mark.parametrize("n", [16, 31])
def test_exact_coverage_of_small_studies(n: int) -> None:
    """Over all tables: Newcombe never below 95 %, Tango 92.5 %, at rates of 0.5 to 30 % and mean 95 % or more."""
    tables = list_tables(n)
    bounds = (compute_newcombe(*tables, 0.95), compute_tango(tables[1], tables[2], n, 0.95))
    covered = []
    for one, two in combinations_with_replacement([0.005, 0.02, 0.1, 0.2, 0.3], 2):
        shares = np.array([one * two, one * (1 - two), two * (1 - one), (1 - one) * (1 - two)])
        chance, truth = stats.multinomial.pmf(tables.T, n, shares), one - two
        assert chance.sum() == pytest.approx(1)
        covered.append([chance[(low <= truth) & (truth <= high)].sum() for low, high in bounds])
    newcombe, tango = np.array(covered).T
    assert newcombe.min() >= 0.95
    assert tango.min() >= 0.925
    assert min(newcombe.mean(), tango.mean()) >= 0.95


def test_no_cell_has_no_interval() -> None:
    """Without a cell the bounds are undefined."""
    assert np.isnan(compute_tango(0, 0, 0, 0.95)).all()
    assert np.isnan(compute_newcombe(0, 0, 0, 0, 0.95)).all()
