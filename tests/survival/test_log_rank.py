"""The log-rank test against R's printed values, lifelines, statsmodels and the score test of Cox's model."""

from __future__ import annotations

import lifelines
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.duration.survfunc import survdiff

from probatio.survival import compute_log_rank
from survival_data import CONTROL, SIX_MP, TREATED, make_cohort, read_lung, read_oracle, split

SEEDS = st.integers(0, 2**32 - 1)


def count_by_hand(time, event, group, entry):
    """Return observed less expected events of group 1 and its variance, one event time after the other."""
    gap = variance = 0.0
    for t in np.unique(time[event]):
        at_risk = (entry < t) & (time >= t)
        n, n1 = at_risk.sum(), (at_risk & (group == 1)).sum()
        d, d1 = (event & (time == t)).sum(), (event & (time == t) & (group == 1)).sum()
        gap += d1 - d * n1 / n
        variance += d * n1 / n * (1 - n1 / n) * (n - d) / (n - 1) if n > 1 else 0.0
    return gap, variance


def test_six_mp():
    """6-MP: the statistic is 16.792941 and the expected relapses 19.250501 and 10.749499, as R prints them."""
    (t1, e1), (t0, e0) = split(TREATED), split(CONTROL)
    test = compute_log_rank(np.r_[t1, t0], np.r_[e1, e0], np.r_[np.zeros(21), np.ones(21)])
    assert test.statistic == pytest.approx(16.792941, abs=5e-7)
    np.testing.assert_allclose(test.expected, [19.250501, 10.749499], atol=5e-7)
    np.testing.assert_array_equal(test.observed, [9, 21])


def test_lung():
    """NCCTG by sex: statistic and p-value of R's survdiff."""
    lung = read_lung()
    test = compute_log_rank(lung["time"], lung["event"], lung["sex"] - 1)
    assert (test.statistic, test.p_value) == pytest.approx((10.326742, 0.00131116), rel=5e-6)


def test_gbsg():
    """R's gbsg by hormone therapy: 8.565."""
    data = read_oracle("gbsg")
    assert compute_log_rank(data["rfstime"], data["status"], data["hormon"]).statistic == pytest.approx(8.565, abs=5e-4)


def test_aml():
    """R's aml: 3.3964."""
    data = read_oracle("aml")
    codes = (data["x"] == "Nonmaintained").astype(int)
    assert compute_log_rank(data["time"], data["status"], codes).statistic == pytest.approx(3.3964, abs=5e-5)


def test_stratified():
    """NCCTG by sex within ECOG: statistic and expected deaths of R's survdiff; veteran within cell type 0.70174."""
    lung = read_lung().dropna(subset=["ph_ecog"])
    test = compute_log_rank(lung["time"], lung["event"], lung["sex"] - 1, strata=lung["ph_ecog"])
    assert test.statistic == pytest.approx(10.79505963, abs=5e-9)
    expected = [23.35667217 + 41.97918436 + 24.30516613 + 1, 13.64332783 + 40.02081564 + 19.69483387]
    np.testing.assert_allclose(test.expected, expected, atol=5e-8)
    data = read_oracle("veteran")
    test = compute_log_rank(data["time"], data["status"], data["trt"] - 1, strata=data["celltype"])
    assert test.statistic == pytest.approx(0.7017433468, abs=5e-11)


def test_six_mp_by_pair_is_a_sign_test():
    """Stratified by pair, 18 of 21 first relapses are in the control arm: (18 - 10.5)^2 / (21 / 4)."""
    (t0, e0), (t1, e1) = (split(SIX_MP[arm]) for arm in ("control", "treated"))
    group, pairs = np.r_[np.ones(21), np.zeros(21)], np.r_[np.arange(21), np.arange(21)]
    test = compute_log_rank(np.r_[t0, t1], np.r_[e0, e1], group, strata=pairs)
    assert test.statistic == pytest.approx((18 - 10.5) ** 2 / (21 / 4), abs=1e-10)


def test_agrees_with_lifelines():
    """With three groups and ties the statistic equals lifelines'."""
    cohort = make_cohort(np.random.default_rng(3), 90)
    groups = np.arange(90) % 3
    other = lifelines.statistics.multivariate_logrank_test(cohort["time"], groups, cohort["event"])
    found = compute_log_rank(cohort["time"], cohort["event"], groups)
    assert (found.statistic, found.degrees) == pytest.approx((other.test_statistic, 2), rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.integers(2, 3))
def test_strata_agree_with_statsmodels(seed, groups):
    """With strata of unequal hazards statistic and p-value equal statsmodels'."""
    rng = np.random.default_rng(seed)
    cohort, codes, strata = make_cohort(rng, 120), np.arange(120) % groups, rng.integers(0, 3, 120)
    time = cohort["time"] * (1 + strata)
    found = compute_log_rank(time, cohort["event"], codes, strata=strata)
    other = survdiff(time, cohort["event"].astype(int), codes, strata=strata)
    assert (found.statistic, found.p_value) == pytest.approx(other, rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(4, 60))
def test_delayed_entry_by_hand(seed, n):
    """With delayed entry, ties with an event included, the counts are those made one event time after the other."""
    rng = np.random.default_rng(seed)
    time = rng.integers(2, 20, n).astype(float)
    entry, event, group = np.floor(time * rng.uniform(0, 0.99, n)), rng.random(n) < 0.7, np.arange(n) % 2
    gap, variance = count_by_hand(time, event, group, np.where(entry > 0, entry, -1))
    found = compute_log_rank(time, event, group, entry=entry)
    assert found.observed[1] - found.expected[1] == pytest.approx(gap, abs=1e-10)
    if variance > 1e-10:
        assert found.statistic == pytest.approx(gap**2 / variance, rel=1e-9)


def test_delayed_entry_is_left_truncation():
    """A patient who enters after the last event counts nowhere; entry at 0 is no delay, for a death on day 0 too."""
    time, event, group = np.array([0.0, 1, 2, 3, 9]), np.array([1, 1, 1, 0, 0]), np.array([0, 1, 0, 1, 1])
    plain = compute_log_rank(time[:4], event[:4], group[:4])
    late = compute_log_rank(time, event, group, entry=[0, 0, 0, 0, 8])
    assert late.statistic == pytest.approx(plain.statistic, abs=1e-12)
    assert compute_log_rank(time, event, group, entry=np.zeros(5)).statistic == pytest.approx(
        compute_log_rank(time, event, group).statistic, abs=1e-12
    )


@pytest.mark.parametrize("entry", [[0.0], [0.0, 2.0], [0.0, np.nan]])
def test_impossible_entries_are_refused(entry):
    """Too few, undefined, or not before the end of follow-up: an error, not a number."""
    with pytest.raises(ValueError, match="entry"):
        compute_log_rank([1.0, 2.0], [True, True], [0, 1], entry=entry)


def test_one_group_has_no_statistic():
    """A single group, groups never at risk together, or no event, have no statistic."""
    assert np.isnan(compute_log_rank([1, 2], [True, True], [0, 0]).statistic)
    assert np.isnan(compute_log_rank([1, 2, 3, 4], [False, False, True, True], [0, 0, 1, 1]).statistic)
    assert np.isnan(compute_log_rank([1, 2], [False, False], [0, 1]).statistic)
    assert np.isnan(compute_log_rank([1, 2], [True, True], [0, 1], strata=[0, 1]).statistic)


def test_level_of_the_stratified_test():
    """Under equal hazards within strata and delayed entry, 5 % of 600 tests reject."""
    rng, rejected = np.random.default_rng(7), 0
    for _ in range(600):
        strata, group = rng.integers(0, 3, 150), rng.integers(0, 2, 150)
        life, entry = rng.exponential(1.0 + strata), rng.uniform(0, 0.5, 150)
        kept = life > entry
        test = compute_log_rank(
            np.minimum(life, 3.0)[kept], (life <= 3.0)[kept], group[kept], strata=strata[kept], entry=entry[kept]
        )
        rejected += test.p_value < 0.05
    low, high = stats.binom.ppf([0.001, 0.999], 600, 0.05)
    assert low <= rejected <= high
