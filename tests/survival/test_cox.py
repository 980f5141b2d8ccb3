"""Cox regression against R's printed values, lifelines, statsmodels and a direct transcription of the likelihood."""

from __future__ import annotations

import lifelines
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.duration.hazard_regression import PHReg

from probatio.results import Reason
from probatio.survival import compute_cox, compute_cox_replicates, compute_robust_covariance, prepare_cox
from survival_data import CONTROL, SIX_MP, TREATED, make_cohort, read_lung, read_oracle, split

SEEDS = st.integers(0, 2**32 - 1)


def fit(time, event, covariates, **options):
    return compute_cox(prepare_cox(time, event, np.asarray(covariates, dtype=float), **options))


def compute_likelihood(beta, time, event, x, weights):
    """Return the case-weighted Efron log-likelihood, transcribed term by term (Therneau and Grambsch 2000, 7.3)."""
    eta, total = x @ beta, 0.0
    for t in np.unique(time[event & (weights > 0)]):
        tied = np.flatnonzero((time == t) & event & (weights > 0))
        at_risk = (weights * np.exp(eta))[time >= t].sum()
        dying, mean = (weights * np.exp(eta))[tied].sum(), weights[tied].mean()
        total += (weights * eta)[tied].sum()
        total -= sum(mean * np.log(at_risk - k / len(tied) * dying) for k in range(len(tied)))
    return total


def test_lung_efron():
    """NCCTG on age, sex and ECOG: coefficients, standard errors and likelihoods of R's coxph."""
    lung = read_lung().dropna(subset=["ph_ecog"])
    found = fit(lung["time"], lung["event"], lung[["age", "sex", "ph_ecog"]])
    np.testing.assert_allclose(found.coefficients, [0.0110667646, -0.5526123957, 0.4637284754], atol=5e-11)
    np.testing.assert_allclose(found.standard_errors, [0.00926741, 0.16773905, 0.11357727], atol=5e-9)
    likelihoods = (found.null_log_likelihood, found.log_likelihood)
    assert likelihoods == pytest.approx((-744.480456, -729.230121), abs=1e-6)


def test_lung_sex_alone():
    """NCCTG on sex: Efron and Breslow coefficients and the hazard ratio's interval.

    R stops when the likelihood moves by less than 1e-9, which leaves 2e-9 in the coefficient.
    """
    lung = read_lung()
    efron = fit(lung["time"], lung["event"], lung[["sex"]])
    assert efron.coefficients[0] == pytest.approx(-0.531023538, abs=3e-9)
    bounds = np.exp(efron.coefficients[0] + np.array([-1, 1]) * stats.norm.ppf(0.975) * efron.standard_errors[0])
    np.testing.assert_allclose(bounds, [0.423718, 0.815985], atol=5e-7)
    breslow = fit(lung["time"], lung["event"], lung[["sex"]], ties="breslow")
    assert breslow.coefficients[0] == pytest.approx(-0.530396575, abs=3e-9)


def test_lung_robust_by_institution():
    """Standard errors clustered by institution are R's, tied deaths included."""
    lung = read_lung().dropna(subset=["ph_ecog", "inst"])
    problem = prepare_cox(lung["time"], lung["event"], lung[["age", "sex", "ph_ecog"]])
    robust = compute_robust_covariance(problem, compute_cox(problem), lung["inst"])
    np.testing.assert_allclose(np.sqrt(np.diag(robust)), [0.006889, 0.112287, 0.117616], atol=6e-7)


def test_six_mp_ties():
    """6-MP: Efron's and Breslow's coefficients and standard errors."""
    (t1, e1), (t0, e0) = split(TREATED), split(CONTROL)
    data = (np.r_[t1, t0], np.r_[e1, e0], np.r_[np.zeros(21), np.ones(21)][:, None])
    golds = {"efron": (1.57212515, 0.41239672), "breslow": (1.50919141, 0.40956441)}
    for ties, gold in golds.items():
        found = fit(*data, ties=ties)
        assert (found.coefficients[0], found.standard_errors[0]) == pytest.approx(gold, abs=1e-8)


def test_six_mp_stratified_by_pair():
    """Stratified by pair the log hazard ratio is the logarithm of 6: 18 pairs against 3."""
    (t0, e0), (t1, e1) = (split(SIX_MP[arm]) for arm in ("control", "treated"))
    x = np.r_[np.ones(21), np.zeros(21)][:, None]
    found = fit(np.r_[t0, t1], np.r_[e0, e1], x, strata=np.r_[np.arange(21), np.arange(21)])
    assert found.coefficients[0] == pytest.approx(np.log(6), abs=1e-9)
    assert found.standard_errors[0] == pytest.approx(0.62360956, abs=1e-8)


def test_veteran():
    """R's veteran with eight covariates on very different scales."""
    data = read_oracle("veteran")
    cells = [data["celltype"] == name for name in ("smallcell", "adeno", "large")]
    x = np.column_stack([data["trt"], *cells, data["karno"], data["diagtime"], data["age"], data["prior"]])
    found = fit(data["time"], data["status"], x)
    golds = [0.294602822, 0.861560463, 1.196066374, 0.401291654, -0.032815326, 8.132e-05, -0.008706475, 0.007159360]
    np.testing.assert_allclose(found.coefficients, golds, atol=1e-9)
    np.testing.assert_allclose(found.standard_errors[[0, 4]], [0.207549604, 0.005507757], atol=1e-9)


def test_gbsg():
    """R's gbsg: hormone therapy alone and in the full model."""
    data = read_oracle("gbsg")
    alone = fit(data["rfstime"], data["status"], data[["hormon"]])
    assert (alone.coefficients[0], alone.standard_errors[0]) == pytest.approx((-0.364009883, 0.12504457), abs=1e-8)
    grades = [data["grade"] == 2, data["grade"] == 3]
    x = np.column_stack([data[["age", "meno", "size"]], *grades, data[["nodes", "pgr", "er", "hormon"]]])
    full = fit(data["rfstime"], data["status"], x)
    golds = [0.636111705, 0.779654243, 0.048788600, -0.002217236, -0.346278428]
    np.testing.assert_allclose(full.coefficients[[3, 4, 5, 6, 8]], golds, atol=1e-9)
    assert full.standard_errors[8] == pytest.approx(0.129074735, abs=1e-9)


def test_rotterdam():
    """R's rotterdam: 2,982 patients, 1,713 events."""
    data = read_oracle("rotterdam")
    event = data[["recur", "death"]].max(axis=1)
    sizes = [data["size"] == "20-50", data["size"] == ">50"]
    x = np.column_stack([data[["hormon", "chemo"]], *sizes, data[["grade", "nodes", "age"]]])
    found = fit(data[["rtime", "dtime"]].min(axis=1), event, x)
    assert event.sum() == 1713
    golds = [-0.130275642, -0.096962772, 0.074086305]
    np.testing.assert_allclose(found.coefficients[[0, 1, 5]], golds, atol=1e-9)
    assert found.standard_errors[0] == pytest.approx(0.077216772, abs=1e-9)


def test_aml():
    """R's aml: 23 patients."""
    data = read_oracle("aml")
    found = fit(data["time"], data["status"], (data["x"] == "Nonmaintained").to_numpy()[:, None])
    assert (found.coefficients[0], found.standard_errors[0]) == pytest.approx((0.915532575, 0.511934275), abs=1e-9)


@settings(max_examples=12, deadline=None)
@given(SEEDS, st.sampled_from(["efron", "breslow"]), st.booleans())
def test_agrees_with_statsmodels(seed, ties, tied):
    """Coefficients and standard errors equal statsmodels' on random cohorts, with and without ties."""
    cohort = make_cohort(np.random.default_rng(seed), 70, ties=tied)
    found = fit(**cohort, ties=ties)
    other = PHReg(cohort["time"], cohort["covariates"], status=cohort["event"], ties=ties).fit(disp=0)
    np.testing.assert_allclose(found.coefficients, other.params, atol=1e-5)
    np.testing.assert_allclose(found.standard_errors, other.bse, rtol=1e-4)


@settings(max_examples=6, deadline=None)
@given(SEEDS)
def test_agrees_with_lifelines_weights(seed):
    """With positive case weights coefficients equal lifelines', which has the same mode but stops earlier."""
    rng = np.random.default_rng(seed)
    cohort, weights = make_cohort(rng, 60), rng.uniform(0.5, 3, 60)
    frame = pd.DataFrame(cohort["covariates"]).assign(time=cohort["time"], event=cohort["event"], w=weights)
    other = lifelines.CoxPHFitter()
    other.fit(frame, "time", "event", weights_col="w", robust=True, fit_options={"precision": 1e-12})
    found = compute_cox(prepare_cox(**cohort), weights)
    np.testing.assert_allclose(found.coefficients, other.params_, atol=5e-6)
    data = (cohort["time"], cohort["event"], cohort["covariates"], weights)
    assert found.log_likelihood >= compute_likelihood(other.params_.to_numpy(), *data) - 1e-10


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_robust_agrees_with_lifelines(seed):
    """Without ties the clustered sandwich equals lifelines'."""
    rng = np.random.default_rng(seed)
    cohort, clusters = make_cohort(rng, 60, ties=False), rng.integers(0, 12, 60)
    frame = pd.DataFrame(cohort["covariates"]).assign(time=cohort["time"], event=cohort["event"], c=clusters)
    other = lifelines.CoxPHFitter()
    other.fit(frame, "time", "event", cluster_col="c", fit_options={"precision": 1e-12})
    problem = prepare_cox(**cohort)
    robust = compute_robust_covariance(problem, compute_cox(problem), clusters)
    np.testing.assert_allclose(np.sqrt(np.diag(robust)), other.standard_errors_, rtol=1e-6)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_maximises_the_weighted_efron_likelihood(seed):
    """At the solution the transcribed likelihood has the value reported and no slope, zero weights included."""
    rng = np.random.default_rng(seed)
    cohort = make_cohort(rng, 50)
    weights = rng.multinomial(50, np.full(50, 0.02)).astype(float)
    found = compute_cox(prepare_cox(**cohort), weights)
    if found.reason:
        assert found.reason in (Reason.SEPARATION, Reason.ONE_CLASS_ONLY)
        return
    data = (cohort["time"], cohort["event"], cohort["covariates"], weights)
    assert compute_likelihood(found.coefficients, *data) == pytest.approx(found.log_likelihood, abs=1e-9)
    assert compute_likelihood(np.zeros(2), *data) == pytest.approx(found.null_log_likelihood, abs=1e-9)
    for direction in np.eye(2) * 1e-4:
        slope = [compute_likelihood(found.coefficients + s * direction, *data) for s in (-1, 1)]
        assert (slope[1] - slope[0]) / 2e-4 == pytest.approx(0, abs=1e-5)


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_zero_weight_is_absence(seed):
    """A patient of weight 0 changes nothing, even one tied with events."""
    rng = np.random.default_rng(seed)
    cohort, kept = make_cohort(rng, 60), rng.random(60) < 0.7
    one = compute_cox(prepare_cox(**cohort), kept.astype(float))
    other = fit(cohort["time"][kept], cohort["event"][kept], cohort["covariates"][kept])
    assert one.reason == other.reason
    np.testing.assert_allclose(one.coefficients, other.coefficients, atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.sampled_from(["efron", "breslow"]))
def test_rows_stacked_for_few_replicates_are_absence(seed, ties):
    """Most event times without an event left, a stratum without any: the same numbers as without the rows."""
    rng = np.random.default_rng(seed)
    cohort, strata = make_cohort(rng, 300), rng.integers(0, 4, 300)
    kept = (rng.random(300) < 0.2) & ((strata != 2) | ~cohort["event"].astype(bool))
    weights = kept * rng.integers(1, 4, 300)
    one = compute_cox(prepare_cox(**cohort, strata=strata, ties=ties), weights)
    few = {name: values[kept] for name, values in cohort.items()}
    other = compute_cox(prepare_cox(**few, strata=strata[kept], ties=ties), weights[kept])
    assert one.reason == other.reason
    np.testing.assert_allclose(one.coefficients, other.coefficients, rtol=1e-9, atol=1e-9)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-11, nan_ok=True)


def test_case_weights_are_not_duplicated_rows():
    """Under Efron's ties a weight of 2 is not a row written twice; under Breslow's it is."""
    rng = np.random.default_rng(5)
    cohort, weights = make_cohort(rng, 80), rng.integers(1, 4, 80)
    rows = np.repeat(np.arange(80), weights)
    gaps = {}
    for ties in ("efron", "breslow"):
        problem = prepare_cox(**cohort, ties=ties)
        doubled = fit(cohort["time"][rows], cohort["event"][rows], cohort["covariates"][rows], ties=ties)
        gaps[ties] = np.abs(compute_cox(problem, weights).coefficients - doubled.coefficients).max()
    assert gaps["breslow"] < 1e-9
    assert gaps["efron"] > 1e-4


@settings(max_examples=8, deadline=None)
@given(SEEDS, st.integers(2, 90), st.sampled_from(["efron", "breslow"]))
def test_replicates_equal_single_fits(seed, n, ties):
    """A matrix of weights gives what one fit per row gives, and NaN where that has none."""
    rng = np.random.default_rng(seed)
    cohort = make_cohort(rng, n)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=15).astype(np.uint16)
    problem = prepare_cox(**cohort, ties=ties)
    found = compute_cox_replicates(problem, weights, np.zeros(2))
    for row, drawn in zip(found, weights, strict=True):
        one = compute_cox(problem, drawn)
        np.testing.assert_allclose(row, one.coefficients, atol=1e-8, equal_nan=True)


def test_start_does_not_matter():
    """Replicates reach the same coefficients from a cold start, from the full data and from far away."""
    rng = np.random.default_rng(8)
    cohort = make_cohort(rng, 120)
    weights = rng.multinomial(120, np.full(120, 1 / 120), size=60)
    problem = prepare_cox(**cohort)
    cold = compute_cox_replicates(problem, weights, np.zeros(2))
    for start in (compute_cox(problem).coefficients, np.array([3.0, -3.0])):
        np.testing.assert_allclose(compute_cox_replicates(problem, weights, start), cold, atol=1e-9)


def test_scale_and_origin_of_a_covariate():
    """A covariate in other units, far from 0, gives the same effect in those units."""
    cohort = make_cohort(np.random.default_rng(9), 100)
    one = fit(**cohort)
    moved = cohort | {"covariates": cohort["covariates"] * [1.0, 1e-4] + [0.0, 1e4]}
    other = fit(**moved)
    np.testing.assert_allclose(other.coefficients * [1.0, 1e-4], one.coefficients, rtol=1e-6)


def test_strata_add_up():
    """A label shared by all is no stratification; separate strata share no risk set."""
    cohort = make_cohort(np.random.default_rng(10), 80)
    labels = np.arange(80) % 2
    same = fit(**cohort, strata=np.zeros(80)).coefficients
    np.testing.assert_allclose(same, fit(**cohort).coefficients, atol=1e-12)
    apart = cohort | {"time": cohort["time"] + labels * 1e6}
    found, other = fit(**cohort, strata=labels).coefficients, fit(**apart, strata=labels).coefficients
    np.testing.assert_allclose(found, other, atol=1e-12)


def test_separation_is_said():
    """A group without events, or covariates that order the events perfectly, have no finite coefficient."""
    time = np.arange(1.0, 41.0)
    group = np.repeat([0.0, 1.0], 20)
    event = np.where(group == 1, False, True)
    assert fit(time, event, group[:, None]).reason == Reason.SEPARATION
    assert fit(time, np.ones(40, dtype=bool), -time[:, None]).reason == Reason.SEPARATION
    both = np.column_stack([group + np.sin(time), np.sin(time)])
    assert fit(time, event, both).reason == Reason.SEPARATION


def test_large_effects_are_not_separation():
    """A hazard ratio of 50, and a covariate with one extreme value, are estimated."""
    rng = np.random.default_rng(12)
    group = (rng.random(400) < 0.5).astype(float)
    time = rng.exponential(1 / np.exp(np.log(50) * group))
    assert np.exp(fit(time, np.ones(400, dtype=bool), group[:, None]).coefficients[0]) == pytest.approx(50, rel=0.3)
    spread = rng.normal(size=400)
    spread[0] = 60.0
    assert fit(rng.exponential(size=400), np.ones(400, dtype=bool), spread[:, None]).reason == Reason.NONE


def test_no_information_is_said():
    """No events, a constant covariate and a covariate given twice each have their reason, and NaN."""
    cohort = make_cohort(np.random.default_rng(13), 40)
    x = cohort["covariates"]
    cases = [(cohort | {"event": np.zeros(40, dtype=bool)}, Reason.NO_EVENTS),
             (cohort | {"covariates": np.c_[x[:, 0], np.full(40, 3.3)]}, Reason.ONE_CLASS_ONLY),
             (cohort | {"covariates": np.c_[x[:, 0], 1 - 2 * x[:, 0]]}, Reason.NOT_CONVERGED)]  # fmt: skip
    for data, reason in cases:
        found = fit(**data)
        assert (found.reason, np.isnan(found.coefficients).all()) == (reason, True)
        assert np.isnan(compute_cox_replicates(prepare_cox(**data), np.ones((3, 40)), np.zeros(2))).all()


def test_separated_replicates_are_nan_alone():
    """A replicate that leaves a group without events is undefined; its neighbours are not touched."""
    cohort = make_cohort(np.random.default_rng(14), 30, p=1)
    weights = np.ones((3, 30))
    weights[1, (cohort["covariates"][:, 0] == 1) & cohort["event"]] = 0
    found = compute_cox_replicates(prepare_cox(**cohort), weights, np.zeros(1))[:, 0]
    np.testing.assert_array_equal(np.isnan(found), [False, True, False])
    assert found[0] == found[2] == pytest.approx(fit(**cohort).coefficients[0], abs=1e-10)


@pytest.mark.parametrize("covariates", [np.zeros((3, 0)), np.zeros(3), np.full((3, 1), np.nan), np.zeros((2, 1))])
def test_impossible_covariates_are_refused(covariates):
    """No covariate, the wrong shape or an undefined value is an error, not a fit."""
    with pytest.raises(ValueError, match="covariates"):
        prepare_cox([1, 2, 3], [True, True, True], covariates)


def test_wald_intervals_cover():
    """Over 400 cohorts of 120 the 95 % interval of the log hazard ratio holds the truth at the nominal rate."""
    rng, hits = np.random.default_rng(15), 0
    for _ in range(400):
        x = (rng.random(120) < 0.4).astype(float)
        life, follow_up = rng.exponential(1 / np.exp(0.7 * x)), rng.uniform(0.5, 2.0, 120)
        found = fit(np.minimum(life, follow_up), life <= follow_up, x[:, None])
        hits += abs(found.coefficients[0] - 0.7) <= 1.959964 * found.standard_errors[0]
    low, high = stats.binom.ppf([0.001, 0.999], 400, 0.95)
    assert low <= hits <= high
