"""Clustered and weighted means: robust variance, effective size, coverage near 0."""

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from probatio.resampling import (
    ClusteredMean,
    compute_clopper_pearson,
    compute_clustered_mean,
    compute_effective_size,
    compute_t_bounds,
    compute_tango,
    compute_wilson,
    find_few_touched,
)

STUDIES = 3000


def build_mean(score, cluster, weight=None) -> ClusteredMean:
    score = np.asarray(score, dtype=np.int8)
    weights = np.ones(len(score)) if weight is None else np.asarray(weight, dtype=float)
    return compute_clustered_mean(score, np.zeros(len(score), dtype=int), np.asarray(cluster), weights, 1)


@pytest.mark.parametrize("weighted", [False, True])
def test_variance_is_the_cluster_robust_one(weighted: bool) -> None:
    """Mean and standard error equal those of an intercept-only regression with cluster-robust errors."""
    rng = np.random.default_rng(3)
    cluster = np.sort(rng.integers(0, 40, size=200))
    score = (rng.random(200) < 0.3).astype(np.int8)
    weight = rng.uniform(1, 5, size=200) if weighted else np.ones(200)
    mean = build_mean(score, cluster, weight)
    fit = sm.WLS(score.astype(float), np.ones(200), weights=weight).fit(
        cov_type="cluster", cov_kwds={"groups": cluster}
    )
    assert mean.mean[0] == pytest.approx(fit.params[0], rel=1e-12)
    assert np.sqrt(mean.variance[0]) == pytest.approx(fit.bse[0], rel=1e-10)


def test_one_value_per_patient_is_the_textbook_case() -> None:
    """Without clusters and weights the effective size is n and the variance p (1 - p) / (n - 1)."""
    mean = build_mean([1] * 7 + [0] * 33, range(40))
    assert mean.simple[0]
    assert compute_effective_size(mean, 0.95)[0] == 40
    assert mean.variance[0] == pytest.approx(7 / 40 * 33 / 40 / 39)


def test_copies_of_a_value_add_no_information() -> None:
    """When each patient's values are copies, the effective size is at most the number of patients."""
    score = np.repeat([1] * 10 + [0] * 40, 5)
    mean = build_mean(score, np.repeat(range(50), 5))
    size = compute_effective_size(mean, 0.95)[0]
    assert mean.complete[0] == pytest.approx(5)
    assert 44 < size <= 50


def test_no_event_counts_patients_not_values() -> None:
    """Without an event nothing is known of dependence: the size is Kish's for whole patients."""
    sizes = np.array([1, 2, 3, 10])
    mean = build_mean(np.zeros(16), np.repeat(range(4), sizes))
    assert compute_effective_size(mean, 0.95)[0] == pytest.approx(16**2 / (sizes**2).sum())


def test_errors_seen_in_different_patients_restore_the_size() -> None:
    """Events in different patients speak against dependence: beyond a few the size grows from patients to values."""
    cluster = np.repeat(range(60), 4)
    sizes, bounds = [], []
    for events in range(16):
        score = np.zeros(240, dtype=np.int8)
        score[: 4 * events : 4] = 1
        mean = build_mean(score, cluster)
        sizes.append(compute_effective_size(mean, 0.95)[0])
        bounds.append(compute_clopper_pearson(mean.mean * sizes[-1], sizes[-1], 0.95)[1][0])
    assert sizes[0] == pytest.approx(60)
    assert (np.diff(sizes) >= -1e-9).all()
    assert sizes[3] == pytest.approx(60)
    assert sizes[-1] > 180
    assert min(bounds) == bounds[0]


def test_one_patient_with_many_values_has_no_interval() -> None:
    """One cluster says nothing of the variance between clusters: NaN, not a narrow interval."""
    mean = build_mean([1, 0, 0, 1], [5, 5, 5, 5])
    assert np.isnan(compute_effective_size(mean, 0.95)[0])
    assert np.isnan(compute_t_bounds(mean, 0.95)).all()


def test_zero_variance_is_no_interval_of_zero_width() -> None:
    """Where every patient shows the same mean, the linearised interval is undefined."""
    mean = build_mean([1, 0] * 20, np.repeat(range(20), 2))
    assert np.isnan(compute_t_bounds(mean, 0.95)).all()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 1), st.integers(0, 5), st.floats(0.1, 50)), min_size=1, max_size=60))
def test_wild_values_stay_within_range(values: list[tuple[int, int, float]]) -> None:
    """Any scores, clusters and weights: a finite mean in [-1, 1], and a size of at most n or none."""
    score, cluster, weight = (np.array(column) for column in zip(*values, strict=True))
    mean = build_mean(score, cluster, weight)
    size = compute_effective_size(mean, 0.95)[0]
    assert -1 - 1e-9 <= mean.mean[0] <= 1 + 1e-9
    assert np.isnan(size) == (mean.clusters[0] < 2 and not mean.simple[0])
    assert np.isnan(size) or 0 < size <= len(values) + 1e-9


def test_an_empty_group_is_undefined() -> None:
    """A group without values has no mean and no size, and disturbs no other group."""
    none = compute_clustered_mean(np.ones(3, dtype=np.int8), np.array([2, 2, 2]), np.arange(3), np.ones(3), 4)
    assert np.isnan(none.mean).tolist() == [True, True, False, True]
    assert none.n.tolist() == [0, 0, 3, 0]


def simulate(p: float, correlation: float, patients: int, rng: np.random.Generator):
    """Beta-binomial studies with 1 to 10 values per patient: each study is one group."""
    sizes = rng.choice([1, 1, 2, 3, 6, 10], size=(STUDIES, patients))
    spread = (1 - correlation) / correlation
    risk = rng.beta(p * spread, (1 - p) * spread, size=sizes.shape)
    group, cluster = (np.repeat(index.ravel(), sizes.ravel()) for index in np.indices(sizes.shape))
    return (rng.random(len(group)) < np.repeat(risk.ravel(), sizes.ravel())).astype(np.int8), group, cluster


@pytest.mark.parametrize(("p", "patients"), [(0.005, 60), (0.05, 60), (0.3, 60), (0.02, 200)])
def test_clustered_wilson_covers(p: float, patients: int) -> None:
    """With a within-patient correlation of 0.4, near 0 too, coverage is within a point of 95 % (binomial bound)."""
    score, group, cluster = simulate(p, 0.4, patients, np.random.default_rng(11))
    mean = compute_clustered_mean(score, group, cluster, np.ones(len(score)), STUDIES)
    size = compute_effective_size(mean, 0.95)
    for compute in (compute_wilson, compute_clopper_pearson):
        lower, upper = compute(mean.mean * size, size, 0.95)
        assert int(((lower <= p) & (p <= upper)).sum()) >= stats.binom.ppf(1e-4, STUDIES, 0.94)
        assert int((upper < p).sum()) <= stats.binom.ppf(1 - 1e-4, STUDIES, 0.025)


@pytest.mark.parametrize("correlation", [0.2, 0.8])
@pytest.mark.parametrize("p", [0.01, 0.02, 0.05, 0.1])
def test_300_patients_hold_what_is_promised(p: float, correlation: float) -> None:
    """In 300 patients, 1 to 10 values each, Wilson covers 94 % or more and the upper exact bound misses 3 % at most."""
    score, group, cluster = simulate(p, correlation, 300, np.random.default_rng([29, round(1e3 * p)]))
    mean = compute_clustered_mean(score, group, cluster, np.ones(len(score)), STUDIES)
    size = compute_effective_size(mean, 0.95)
    lower, upper = compute_wilson(mean.mean * size, size, 0.95)
    assert int(((lower <= p) & (p <= upper)).sum()) >= stats.binom.ppf(1e-4, STUDIES, 0.94)
    high = compute_clopper_pearson(mean.mean * size, size, 0.95)[1]
    assert int((high < p).sum()) <= stats.binom.ppf(1 - 1e-4, STUDIES, 0.03)


@pytest.mark.parametrize(("p", "correlation"), [(0.05, 0.4), (0.05, 0.8), (0.1, 0.8)])
def test_patients_without_an_event_give_no_degrees_of_freedom(p: float, correlation: float) -> None:
    """Were all patients counted the upper bound would miss more than 6 % of the time, where 2.5 % is promised."""
    score, group, cluster = simulate(p, correlation, 60, np.random.default_rng(11))
    mean = compute_clustered_mean(score, group, cluster, np.ones(len(score)), STUDIES)
    misses = []
    for each in (mean, replace(mean, touched=mean.clusters)):
        size = compute_effective_size(each, 0.95)
        misses.append(int((compute_wilson(each.mean * size, size, 0.95)[1] < p).sum()))
    assert misses[0] <= stats.binom.ppf(1 - 1e-4, STUDIES, 0.025)
    assert misses[1] > 0.06 * STUDIES


def test_touched_patients_hold_the_rarer_kind() -> None:
    """Errors where these are rare, correct values where those are; in a paired difference the cells that differ."""
    cluster = [0, 0, 1, 1, 2, 3]
    assert build_mean([1, 1, 0, 1, 0, 0], cluster).touched[0] == 2
    assert build_mean([1, 1, 0, 0, 1, 1], cluster).touched[0] == 1
    assert build_mean([1, 1, 0, 1, 0, 1], cluster).touched[0] == 2
    assert build_mean([-1, 1, 0, 0, 0, 0], cluster).touched[0] == 1
    assert build_mean([1] * 6, cluster).touched[0] == 0


def test_one_patient_with_all_events_counts_once() -> None:
    """Events that all sit in one patient leave whole patients, never less: nothing else is known."""
    score = np.zeros(240, dtype=np.int8)
    score[:3] = 1
    size = compute_effective_size(build_mean(score, np.repeat(range(60), 4)), 0.95)[0]
    assert size == pytest.approx(60)


def simulate_pairs(first: float, second: float, patients: int):
    """Matched values of two sources, each with its own risk per patient."""
    rng = np.random.default_rng(13)
    sizes = rng.choice([1, 2, 3, 6], size=(STUDIES, patients))
    group, cluster = (np.repeat(index.ravel(), sizes.ravel()) for index in np.indices(sizes.shape))
    scores = []
    for p in (first, second):
        risk = rng.beta(p * 3, (1 - p) * 3, size=sizes.shape)
        scores.append((rng.random(len(group)) < np.repeat(risk.ravel(), sizes.ravel())).astype(np.int8))
    mean = compute_clustered_mean(scores[0] - scores[1], group, cluster, np.ones(len(group)), STUDIES)
    share = (mean.positive + mean.negative) / mean.n
    size = compute_effective_size(mean, 0.95)
    tango = compute_tango((share + mean.mean) / 2 * size, (share - mean.mean) / 2 * size, size, 0.95)
    return compute_t_bounds(mean, 0.95), tango


@pytest.mark.parametrize(("first", "second"), [(0.04, 0.07), (0.07, 0.066), (0.05, 0.14)])
def test_clustered_t_covers(first: float, second: float) -> None:
    """At error rates of 4 to 14 % in 100 patients, t and Tango cover within 1.5 points of 95 % (binomial bound)."""
    for lower, upper in simulate_pairs(first, second, 100):
        covered = int(((lower <= first - second) & (first - second <= upper)).sum())
        assert covered >= stats.binom.ppf(1e-4, STUDIES, 0.935)


def test_difference_over_28_variables_covers() -> None:
    """300 patients as clusters of 28 variables, a tenth of them five times as often wrong: t and Tango hold 95 %."""
    studies, patients, variables, first, second = 600, 300, 28, 0.01, 0.02
    rng = np.random.default_rng(17)
    group, cluster = (np.repeat(x.ravel(), variables) for x in np.indices((studies, patients)))
    profile, scores = np.tile(np.linspace(0.2, 1.8, variables), studies * patients), []
    for p in (first, second):
        risk = p * np.where(rng.random(studies * patients) < 0.1, 5, 0.5 / 0.9)
        scores.append((rng.random(len(group)) < np.repeat(risk, variables) * profile).astype(np.int8))
    mean = compute_clustered_mean(scores[0] - scores[1], group, cluster, np.ones(len(group)), studies)
    assert not find_few_touched(mean).any()
    size, share = compute_effective_size(mean, 0.95), (mean.positive + mean.negative) / mean.n
    tango = compute_tango((share + mean.mean) / 2 * size, (share - mean.mean) / 2 * size, size, 0.95)
    for lower, upper in (compute_t_bounds(mean, 0.95), tango):
        covered = int(((lower <= first - second) & (first - second <= upper)).sum())
        assert covered >= stats.binom.ppf(1e-4, studies, 0.945)


def test_few_patients_that_differ_make_t_fall_short() -> None:
    """At 1 and 2 % of errors and a correlation of 0.8 t covers below 94 %; most of these studies say so."""
    rng, shape = np.random.default_rng(41), (STUDIES, 300)
    sizes = rng.choice([1, 1, 2, 3, 6, 10], size=shape)
    group, cluster = (np.repeat(index.ravel(), sizes.ravel()) for index in np.indices(shape))
    one, two = (rng.beta(p / 4, (1 - p) / 4, size=shape).ravel() for p in (0.01, 0.02))
    place = np.repeat(np.arange(len(one)), sizes.ravel())
    score = (rng.random(len(place)) < one[place]).astype(np.int8) - (rng.random(len(place)) < two[place])
    mean = compute_clustered_mean(score.astype(np.int8), group, cluster, np.ones(len(score)), STUDIES)
    lower, upper = compute_t_bounds(mean, 0.95)
    assert ((lower <= -0.01) & (upper >= -0.01)).mean() < 0.94
    assert find_few_touched(mean).mean() > 0.5


def test_clustered_tango_holds_near_zero_where_t_does_not() -> None:
    """At 1 and 2 % of errors in 30 patients t covers less than 92 %; Tango on the effective size keeps 95 %."""
    (t_lower, t_upper), (lower, upper) = simulate_pairs(0.01, 0.02, 30)
    assert ((t_lower <= -0.01) & (t_upper >= -0.01)).mean() < 0.92
    assert int(((lower <= -0.01) & (upper >= -0.01)).sum()) >= stats.binom.ppf(1e-4, STUDIES, 0.95)
    assert int((upper < -0.01).sum()) <= stats.binom.ppf(1 - 1e-4, STUDIES, 0.025)
