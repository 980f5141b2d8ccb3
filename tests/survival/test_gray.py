"""Gray's test against the values of his R package cmprsk, the log-rank test, and its level by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from probatio.survival import compute_gray_test, compute_log_rank
from survival_data import make_cohort, read_oracle


def read_pbc():
    """Return years, cause (1 transplantation, 2 death) and the columns of R's pbc, first 312."""
    pbc = read_oracle("pbc_first312")
    return pbc["time"].to_numpy() / 365.25, pbc["status"].to_numpy(), pbc


@pytest.mark.parametrize(
    ("column", "golds"),
    [("trt", [(0.01942747553, 1), (0.06659373536, 1)]), ("sex", [(0.1849743709, 1), (3.3660862568, 1)]),
     ("stage", [(1.972687127, 3), (46.997780244, 3)])],
)  # fmt: skip
def test_pbc(column, golds):
    """PBC by treatment, sex and stage: cmprsk 2.2-11's statistics for transplantation and for death."""
    time, cause, pbc = read_pbc()
    group = np.unique(pbc[column], return_inverse=True)[1]
    for of, gold in zip((1, 2), golds, strict=True):
        found = compute_gray_test(time, cause, group, of=of)
        assert (found.statistic, found.degrees) == pytest.approx(gold, rel=1e-8)
        assert found.p_value == pytest.approx(stats.chi2.sf(*gold), rel=1e-6)


def test_pbc_with_ties_and_strata():
    """PBC by sex in whole years, without and within strata of stage: cmprsk's statistics, many ties included."""
    time, cause, pbc = read_pbc()
    group, whole = (pbc["sex"] == "m").astype(int), np.ceil(time)
    found = [compute_gray_test(whole, cause, group, of=of).statistic for of in (1, 2)]
    assert found == pytest.approx([0.219457449, 3.929334693], rel=1e-8)
    found = [compute_gray_test(whole, cause, group, of=of, strata=pbc["stage"]).statistic for of in (1, 2)]
    assert found == pytest.approx([0.269762542, 3.172848236], rel=1e-8)


def test_one_cause_is_near_the_log_rank():
    """Without competing causes, ties or a large effect it is the log-rank test with another estimate of variance."""
    rng = np.random.default_rng(1)
    cohort, group = make_cohort(rng, 800, ties=False), rng.integers(0, 2, 800)
    cohort["time"] = cohort["time"] * (1 + 0.15 * group)
    found = compute_gray_test(cohort["time"], cohort["event"].astype(int), group)
    other = compute_log_rank(cohort["time"], cohort["event"], group)
    assert found.statistic == pytest.approx(other.statistic, rel=0.05)
    assert other.statistic > 2


def test_which_group_is_first_does_not_matter():
    """Codes of the groups in another order give the same statistic."""
    rng = np.random.default_rng(2)
    time, cause, group = np.ceil(rng.exponential(9, 150)), rng.integers(0, 3, 150), rng.integers(0, 3, 150)
    one = compute_gray_test(time, cause, group).statistic
    assert compute_gray_test(time, cause, 2 - group).statistic == pytest.approx(one, rel=1e-9)


def test_sees_what_a_competing_cause_takes_away():
    """With equal hazards of the cause but thrice the competing one, incidence differs: Gray sees it, log-rank not."""
    rng = np.random.default_rng(3)
    group = np.repeat([0, 1], 600)
    ours, others = rng.exponential(1, 1200), rng.exponential(1 / np.where(group == 1, 3.0, 1.0))
    time, cause = np.minimum(ours, others), np.where(ours < others, 1, 2)
    assert compute_gray_test(time, cause, group).p_value < 1e-6
    assert compute_log_rank(time, cause == 1, group).p_value > 0.01


def test_level():
    """With equal incidence and unequal censoring 5 % of 600 tests reject, with ties."""
    rng, rejected = np.random.default_rng(4), 0
    for _ in range(600):
        group = np.repeat([0, 1], 75)
        life, follow_up = rng.exponential(10, 150), rng.exponential(np.where(group == 1, 15, 30))
        cause = np.where(life <= follow_up, rng.choice([1, 2], 150), 0)
        rejected += compute_gray_test(np.ceil(np.minimum(life, follow_up)), cause, group).p_value < 0.05
    low, high = stats.binom.ppf([0.001, 0.999], 600, 0.05)
    assert low <= rejected <= high


def test_undefined_is_nan():
    """One group, no event of the cause, groups never at risk together: no statistic."""
    cases = [([1, 2], [1, 1], [0, 0]), ([1, 2, 3], [2, 0, 2], [0, 1, 0]), ([1, 2, 3, 4], [0, 0, 1, 1], [0, 0, 1, 1]),
             ([1, 2], [0, 0], [0, 1])]  # fmt: skip
    for time, cause, group in cases:
        found = compute_gray_test(time, cause, group)
        assert np.isnan([found.statistic, found.p_value]).all()
