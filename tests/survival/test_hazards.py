"""The test of proportional hazards against R's cox.zph and derivatives of the extended likelihood taken numerically."""

from __future__ import annotations

import lifelines
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.tools.numdiff import approx_fprime_cs

from probatio.results import Reason
from probatio.survival import (
    compute_cox,
    compute_hazard_test,
    compute_kaplan_meier,
    prepare_cox,
)
from survival_data import make_cohort, read_lung, read_oracle

SEEDS = st.integers(0, 2**32 - 1)


def fit(time, event, covariates, **options):
    return compute_cox(prepare_cox(time, event, np.asarray(covariates, dtype=float), **options)).coefficients


def check(time, event, covariates, transform="km", terms=None, **options):
    beta = fit(time, event, covariates, **options)
    return compute_hazard_test(time, event, covariates, beta, transform=transform, terms=terms, **options)


def compute_extended_score(theta, data, g):
    """Return the score in (beta, gamma) of hazard exp(x beta + x g(t) gamma) under Efron's ties and strata."""
    time, event, x, strata = data
    p, total = x.shape[1], np.zeros(2 * x.shape[1], dtype=theta.dtype)
    for t, stratum in {(t, s) for t, s, e in zip(time, strata, event, strict=True) if e}:
        z = np.column_stack([x, x * g(t)])
        risk = np.exp(z @ theta) * ((time >= t) & (strata == stratum))
        tied = np.flatnonzero((time == t) & event & (strata == stratum))
        total = total + z[tied].sum(axis=0)
        for k in range(len(tied)):
            part = risk.copy()
            part[tied] *= 1 - k / len(tied)
            total = total - part @ z / part.sum()
    assert len(total) == 2 * p
    return total


def test_lung():
    """NCCTG on age, sex and ECOG: R's global chi-square 4.46366 on 3 degrees of freedom, p 0.2156."""
    lung = read_lung().dropna(subset=["ph_ecog"])
    found = check(lung["time"], lung["event"], lung[["age", "sex", "ph_ecog"]])
    assert found.overall.degrees == 3
    assert found.overall.statistic == pytest.approx(4.46366, abs=5e-6)
    assert found.overall.p_value == pytest.approx(0.2156, abs=5e-5)


def test_veteran():
    """R's veteran: the hazard ratio of the Karnofsky score changes with time, 11.9588, p 0.000544."""
    data = read_oracle("veteran")
    found = check(data["time"], data["status"], data[["trt", "karno"]])
    assert found.terms[1].statistic == pytest.approx(11.9588, abs=5e-5)
    assert found.terms[1].p_value == pytest.approx(0.000544, abs=5e-7)


@pytest.mark.parametrize(
    ("transform", "golds"),
    [("km", [0.1879876737, 2.3054372267, 2.0542487741, 4.4636575888]),
     ("rank", [0.117291507, 2.044694680, 2.544878393, 4.710680141]),
     ("identity", [0.1523503173, 2.4919132171, 1.5782352384, 4.1193829515]),
     ("log", [3.3736340107, 2.0349368789, 0.3704963248, 5.3898214281])],
)  # fmt: skip
def test_lung_transforms(transform, golds):
    """NCCTG under each transform: R's chi-squares of age, sex, ECOG and all (survival 3.5-3)."""
    lung = read_lung().dropna(subset=["ph_ecog"])
    found = check(lung["time"], lung["event"], lung[["age", "sex", "ph_ecog"]], transform=transform)
    statistics = [term.statistic for term in (*found.terms, found.overall)]
    np.testing.assert_allclose(statistics, golds, rtol=1e-8)


def test_veteran_designs():
    """R's veteran with strata, a factor, case weights and delayed entry: R's chi-squares (survival 3.5-3)."""
    data = read_oracle("veteran")
    time, event, x = data["time"], data["status"], data[["trt", "karno"]].to_numpy(dtype=float)
    stratified = check(time, event, x, strata=data["celltype"])
    assert stratified.overall.statistic == pytest.approx(7.09505221242, rel=1e-9)
    levels = np.column_stack([data["celltype"] == name for name in ("large", "smallcell", "squamous")])
    factor = check(time, event, np.column_stack([x, levels]), terms=[[0], [1], [2, 3, 4]])
    found = [(term.statistic, term.degrees) for term in (factor.terms[2], factor.overall)]
    np.testing.assert_allclose(found, [(14.5317103965, 3), (22.8596852750, 5)], rtol=1e-9)
    weights = data["age"].to_numpy() / 50
    beta = compute_cox(prepare_cox(time, event, x), weights).coefficients
    weighted = compute_hazard_test(time, event, x, beta, weights=weights)
    assert weighted.overall.statistic == pytest.approx(13.7927296100, rel=1e-9)
    delayed = compute_hazard_test(time, event, x, [0.05233515024, -0.01782984713], entry=np.floor(time * 0.3))
    assert delayed.overall.statistic == pytest.approx(0.46022079364, rel=1e-7)


@settings(max_examples=12, deadline=None)
@given(SEEDS, st.sampled_from(["km", "rank", "identity", "log"]), st.booleans())
def test_is_the_score_test_of_the_extended_model(seed, transform, stratified):
    """With ties and strata the statistic is U' I^-1 U of a model with covariate x g(t), derived numerically."""
    rng = np.random.default_rng(seed)
    cohort = make_cohort(rng, 50)
    strata = np.arange(50) % 2 if stratified else np.zeros(50, dtype=int)
    time, event, x = cohort["time"], cohort["event"], cohort["covariates"]
    beta = fit(time, event, x, strata=strata)
    curve = compute_kaplan_meier(time, event)
    choices = {"km": lambda t: 1 - np.r_[1, curve.survival][np.searchsorted(curve.times, t)],
               "rank": lambda t: stats.rankdata(time)[time == t][0], "identity": float, "log": np.log}  # fmt: skip
    theta = np.r_[beta, np.zeros(2)]
    data = (time, event, x - x.mean(axis=0), strata)
    score = compute_extended_score(theta, data, choices[transform])
    information = -approx_fprime_cs(theta, compute_extended_score, args=(data, choices[transform]))
    np.testing.assert_allclose(score[:2], 0, atol=1e-6)
    expected = score @ np.linalg.solve(information, score)
    found = check(time, event, x, transform=transform, strata=strata)
    assert found.overall.statistic == pytest.approx(expected, rel=1e-6, abs=1e-8)
    kept = [0, 1, 3]
    one = score[kept] @ np.linalg.solve(information[np.ix_(kept, kept)], score[kept])
    assert found.terms[1].statistic == pytest.approx(one, rel=1e-6, abs=1e-8)


def test_is_near_the_old_approximation():
    """Without ties and in 800 patients the statistics lie near lifelines', the approximation of 1994."""
    cohort = make_cohort(np.random.default_rng(1), 800, ties=False)
    frame = pd.DataFrame(cohort["covariates"]).assign(time=cohort["time"], event=cohort["event"])
    other = lifelines.statistics.proportional_hazard_test(
        lifelines.CoxPHFitter().fit(frame, "time", "event"), frame, time_transform="rank"
    )
    found = check(**cohort, transform="rank")
    np.testing.assert_allclose([term.statistic for term in found.terms], other.test_statistic, rtol=0.1, atol=0.05)


def test_a_factor_is_one_term():
    """The test of a factor does not depend on its reference level; each level's own test does."""
    data = read_oracle("veteran")
    levels = np.column_stack([data["celltype"] == name for name in sorted(set(data["celltype"]))]).astype(float)
    found = [
        check(data["time"], data["status"], np.column_stack([data["karno"], np.delete(levels, out, axis=1)]),
              terms=[[0], [1, 2, 3]])
        for out in (0, 2)
    ]  # fmt: skip
    assert found[0].terms[1].degrees == 3
    assert found[0].terms[1].statistic == pytest.approx(found[1].terms[1].statistic, rel=1e-8)
    assert found[0].overall.statistic == pytest.approx(found[1].overall.statistic, rel=1e-8)


def test_units_do_not_matter():
    """Covariates in other units and times in months give the same test."""
    cohort = make_cohort(np.random.default_rng(2), 120)
    moved = {"time": cohort["time"] / 30.4375, "event": cohort["event"], "covariates": cohort["covariates"] * [1, 1e-7]}
    for transform in ("km", "identity"):
        one, other = check(**cohort, transform=transform), check(**moved, transform=transform)
        assert one.overall.statistic == pytest.approx(other.overall.statistic, rel=1e-6)


def test_undefined_is_said():
    """No events, one event, events all at one time and an undefined fit have their reason, and NaN."""
    x, time = np.array([[0.0], [1], [0], [1], [1], [0]]), np.array([1.0, 2, 3, 4, 5, 6])
    cases = [(time, np.zeros(6), [0.1], Reason.NO_EVENTS), (time, time == 1, [0.1], Reason.TOO_FEW_EVENTS),
             (np.maximum(time, 3), time <= 3, [0.1], Reason.TOO_FEW_EVENTS),
             (time, time < 9, [np.nan], Reason.NOT_CONVERGED),
             (time, time < 9, [0.0], Reason.NONE)]  # fmt: skip
    for times, event, beta, reason in cases:
        found = compute_hazard_test(times, event, x, beta)
        assert found.reason == reason
        assert np.isnan([found.overall.statistic, found.terms[0].p_value]).all() == bool(reason)
    with pytest.raises(ValueError, match="logarithm"):
        compute_hazard_test(time - 1, time < 9, x, [0.1], transform="log")


def test_delayed_entry_is_read():
    """Entries before the first event change nothing; later ones do."""
    cohort = make_cohort(np.random.default_rng(6), 80)
    beta = fit(**cohort)
    plain = compute_hazard_test(**cohort, coefficients=beta)
    early = compute_hazard_test(**cohort, coefficients=beta, entry=np.full(80, 0.5))
    late = compute_hazard_test(**cohort, coefficients=beta, entry=cohort["time"] * 0.7)
    assert plain.overall.statistic == pytest.approx(early.overall.statistic, rel=1e-12)
    assert abs(plain.overall.statistic - late.overall.statistic) > 1e-3


def test_level():
    """Under proportional hazards 5 % of 500 tests reject, with ties and censoring."""
    rng, rejected = np.random.default_rng(7), 0
    for _ in range(500):
        rejected += check(**make_cohort(rng, 150)).overall.p_value < 0.05
    low, high = stats.binom.ppf([0.001, 0.999], 500, 0.05)
    assert low <= rejected <= high
