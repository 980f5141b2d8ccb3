"""The compiled regression against a slow one; delayed entry against lifelines, statsmodels and rows cut in two."""

from __future__ import annotations

import lifelines
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.duration.hazard_regression import PHReg

from probatio.results import Reason
from probatio.survival import (
    compute_cox,
    compute_cox_influence,
    compute_cox_replicates,
    compute_robust_covariance,
    compute_score_residuals,
    prepare_cox,
)
from survival_data import make_cohort
from survival_slow import compute_slow_terms, fit_slowly

SEEDS = st.integers(0, 2**32 - 1)
TIES = st.sampled_from(["efron", "breslow"])


def make_delayed(seed, n, *, ties=True, p=2):
    """Return a random cohort with delayed entry for two in three patients."""
    rng = np.random.default_rng(seed)
    cohort = make_cohort(rng, n, ties=ties, p=p)
    entry = cohort["time"] * rng.random(n) * (rng.random(n) < 2 / 3)
    return cohort | {"entry": np.floor(entry) if ties else entry}


def frame(cohort):
    """Return a cohort as lifelines reads it."""
    table = pd.DataFrame(cohort["covariates"], columns=[f"x{a}" for a in range(cohort["covariates"].shape[1])])
    names = [name for name in ("time", "event", "entry") if name in cohort]
    return table.assign(**{name: cohort[name] for name in names})


@settings(max_examples=120, deadline=None, derandomize=True)
@given(SEEDS, st.integers(12, 60), TIES, st.booleans(), st.booleans(), st.booleans(), st.sampled_from([1, 2, 4]))
def test_equals_the_slow_estimator(seed, n, ties, stratified, delayed, weighted, p):
    """With ties, strata, delayed entry and any weights, coefficients and covariance are the slow ones to 1e-9."""
    rng = np.random.default_rng(seed)
    cohort, options = make_delayed(seed, n, p=p), {"ties": ties}
    cohort["entry"] = cohort["entry"] if delayed else None
    options["strata"] = rng.integers(0, 3, n) if stratified else None
    weights = rng.gamma(1.0, size=n) * (rng.random(n) < 0.8) if weighted else np.ones(n)
    found = compute_cox(prepare_cox(**cohort, **options), weights)
    if found.reason:
        assert found.reason in (Reason.SEPARATION, Reason.ONE_CLASS_ONLY, Reason.NOT_CONVERGED)
        return
    beta, covariance = fit_slowly(**cohort, **options, weights=weights)
    scale = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(found.coefficients, beta, atol=1e-9, rtol=1e-9)
    np.testing.assert_allclose(
        found.covariance / np.outer(scale, scale), covariance / np.outer(scale, scale), atol=1e-7
    )


def test_near_separation_under_delayed_entry_is_less_exact():
    """A log hazard ratio of -20, standard error 44: equal to the slow one to 1e-8 standard errors, not to 1e-9."""
    rng, cohort = np.random.default_rng(20431), make_delayed(20431, 19, p=4)
    weights = rng.gamma(1.0, size=19) * (rng.random(19) < 0.8)
    found = compute_cox(prepare_cox(**cohort, ties="efron"), weights)
    beta, covariance = fit_slowly(**cohort, ties="efron", weights=weights)
    scale = np.sqrt(np.diag(covariance))
    assert beta.min() < -20
    assert scale.max() > 44
    np.testing.assert_array_less(np.abs(found.coefficients - beta), 1e-8 * scale)


@settings(max_examples=25, deadline=None)
@given(SEEDS, TIES, st.booleans())
def test_replicates_equal_the_slow_estimator(seed, ties, counted):
    """A replicate of counts or of real weights, started at the full-data coefficients, is the slow fit to 1e-9."""
    rng = np.random.default_rng(seed)
    cohort, strata = make_delayed(seed, 60), rng.integers(0, 2, 60)
    problem = prepare_cox(**cohort, strata=strata, ties=ties)
    weights = rng.multinomial(60, np.full(60, 1 / 60), size=3) if counted else rng.exponential(size=(3, 60))
    start = compute_cox(problem).coefficients
    found = compute_cox_replicates(problem, weights, np.nan_to_num(start))
    for row, drawn in zip(found, weights, strict=True):
        if not np.isnan(row).any():
            np.testing.assert_allclose(row, fit_slowly(**cohort, strata=strata, ties=ties, weights=drawn)[0], atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(SEEDS, TIES)
def test_likelihood_is_the_slow_one(seed, ties):
    """The log-likelihoods reported, at the fit and at 0, are those summed term by term under delayed entry."""
    rng = np.random.default_rng(seed)
    cohort, weights, strata = make_delayed(seed, 50), rng.uniform(0.2, 3, 50), rng.integers(0, 2, 50)
    found = compute_cox(prepare_cox(**cohort, strata=strata, ties=ties), weights)
    if found.reason:
        return
    data = (cohort["time"], cohort["event"], cohort["covariates"])
    for beta, value in ((found.coefficients, found.log_likelihood), (np.zeros(2), found.null_log_likelihood)):
        slow = compute_slow_terms(beta, *data, weights=weights, strata=strata, entry=cohort["entry"], ties=ties)
        assert value == pytest.approx(slow[0], rel=1e-11)


@settings(max_examples=12, deadline=None)
@given(SEEDS, TIES)
def test_entry_agrees_with_statsmodels(seed, ties):
    """Coefficients and standard errors under delayed entry are statsmodels', ties included."""
    cohort = make_delayed(seed, 80)
    found = compute_cox(prepare_cox(**cohort, ties=ties))
    # statsmodels counts a patient at risk at the very time of entry: half a day later means the same to both.
    entry = np.where(cohort["entry"] > 0, cohort["entry"] + 0.5, 0)
    model = PHReg(cohort["time"], cohort["covariates"], status=cohort["event"], entry=entry, ties=ties)
    other = model.fit(disp=0)
    np.testing.assert_allclose(found.coefficients, other.params, atol=1e-5)
    np.testing.assert_allclose(found.standard_errors, other.bse, rtol=1e-4)


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_entry_agrees_with_lifelines(seed):
    """Coefficients and standard errors under delayed entry are lifelines', ties included; it stops earlier."""
    cohort = make_delayed(seed, 80)
    other = lifelines.CoxPHFitter()
    other.fit(frame(cohort), "time", "event", entry_col="entry", fit_options={"precision": 1e-12})
    found = compute_cox(prepare_cox(**cohort))
    np.testing.assert_allclose(found.coefficients, other.params_, atol=5e-6)
    np.testing.assert_allclose(found.standard_errors, other.standard_errors_, rtol=5e-6)


@settings(max_examples=10, deadline=None)
@given(SEEDS, TIES)
def test_split_follow_up_changes_nothing(seed, ties):
    """A patient's follow-up cut into two rows, the second entering where the first is censored, gives the same fit,
    and the same robust covariance when a patient's rows are one cluster.

    So do many cuts, which leave the risk sets to be subtracted from again and again.
    """
    rng = np.random.default_rng(seed)
    cohort = make_cohort(rng, 60)
    whole = compute_cox(prepare_cox(**cohort, ties=ties))
    robust = compute_robust_covariance(prepare_cox(**cohort, ties=ties), whole, np.arange(60))
    for cuts in (1, 6):
        edges = np.sort(np.floor(rng.random((60, cuts)) * cohort["time"][:, None]), axis=1)
        edges = np.c_[np.zeros(60), edges, cohort["time"]]
        rows, piece = np.nonzero(np.diff(edges, axis=1) > 0)
        parts = {"entry": edges[rows, piece], "time": edges[rows, piece + 1], "covariates": cohort["covariates"][rows],
                 "event": cohort["event"][rows] & (edges[rows, piece + 1] == cohort["time"][rows])}  # fmt: skip
        problem = prepare_cox(**parts, ties=ties)
        found = compute_cox(problem)
        assert found.reason == whole.reason
        np.testing.assert_allclose(found.coefficients, whole.coefficients, atol=1e-9)
        np.testing.assert_allclose(found.covariance, whole.covariance, rtol=1e-8, atol=1e-12)
        clustered = compute_robust_covariance(problem, found, rows)
        np.testing.assert_allclose(clustered, robust, rtol=1e-7, atol=1e-12)


def test_entry_from_the_origin_is_none():
    """Entry at 0 for all is no delayed entry, for a patient with no follow-up too."""
    cohort = make_cohort(np.random.default_rng(1), 60)
    cohort["time"][:5], cohort["event"][:5] = 0.0, [True, False, True, True, False]
    one, other = compute_cox(prepare_cox(**cohort)), compute_cox(prepare_cox(**cohort, entry=np.zeros(60)))
    np.testing.assert_array_equal(one.coefficients, other.coefficients)


def test_entry_ignored_is_bias():
    """Patients seen only if they live until entry: with `entry` the effect is unbiased, without it is not."""
    rng, found = np.random.default_rng(2), []
    for _ in range(60):
        x = (rng.random(600) < 0.5).astype(float)
        life, entry = rng.exponential(1 / np.exp(0.8 * x)), rng.exponential(size=600) * (x + 0.2)
        seen = life > entry
        data = {"time": life[seen], "event": np.ones(seen.sum(), dtype=bool), "covariates": x[seen, None]}
        fits = (compute_cox(prepare_cox(**data, entry=entry[seen])), compute_cox(prepare_cox(**data)))
        found.append([fit.coefficients[0] for fit in fits])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(60)
    assert abs(mean[0] - 0.8) < 3.5 * error[0]
    assert mean[1] < 0.8 - 10 * error[1]


def test_subtractions_leave_no_rounding_error():
    """Someone of enormous risk who enters late leaves no trace in the earlier risk sets."""
    rng = np.random.default_rng(3)
    cohort = make_cohort(rng, 40, ties=False, p=1)
    cohort["covariates"] = rng.normal(size=(40, 1))
    late = {"time": [200.0], "event": [False], "covariates": [[30.0]], "entry": [150.0]}
    joined = {name: np.concatenate([cohort[name], late[name]]) for name in cohort}
    cohort["time"][0], cohort["event"][0] = 300.0, True
    joined["time"][0], joined["event"][0] = 300.0, True
    problem = prepare_cox(**joined, entry=np.r_[np.zeros(40), 150.0])
    slow = fit_slowly(**joined, entry=np.r_[np.zeros(40), 150.0])[0]
    np.testing.assert_allclose(compute_cox(problem).coefficients, slow, atol=1e-10)


@pytest.mark.parametrize(("entry", "said"), [([0.0, 2.0], "before the end"), ([0.0, np.nan], "finite"), ([0.0], "one")])
def test_impossible_entries_are_refused(entry, said):
    """An entry at or after the end of follow-up, undefined or missing is an error, not a fit."""
    with pytest.raises(ValueError, match=said):
        prepare_cox([1.0, 2.0], [True, True], [[0.0], [1.0]], entry=entry)


@pytest.mark.parametrize("weights", [[-1.0, 1.0, 1.0], [np.nan, 1.0, 1.0], [1.0, 1.0], [np.inf, 1.0, 1.0]])
def test_impossible_weights_are_refused(weights):
    """Weights that are negative, undefined or too few are an error, for one fit and for replicates."""
    problem = prepare_cox([1, 2, 3], [True, True, True], [[0.0], [1.0], [0.0]])
    with pytest.raises(ValueError, match="weights"):
        compute_cox(problem, weights)
    with pytest.raises(ValueError, match="weights"):
        compute_cox_replicates(problem, [weights], [0.0])


@pytest.mark.parametrize("factor", [1e-9, 1e-3, 1e6])
def test_scale_of_weights_does_not_matter(factor):
    """Weights that sum to 1 or to millions give the coefficients of weights of mean 1, and the reasons."""
    cohort = make_cohort(np.random.default_rng(4), 80)
    weights = np.random.default_rng(5).exponential(size=80)
    problem = prepare_cox(**cohort)
    one, other = compute_cox(problem, weights), compute_cox(problem, weights * factor)
    np.testing.assert_allclose(one.coefficients, other.coefficients, atol=1e-10)
    np.testing.assert_allclose(one.covariance, other.covariance * factor, rtol=1e-8)
    apart = prepare_cox(**(cohort | {"event": cohort["covariates"][:, 0] == 1}))
    assert compute_cox(apart, weights * factor).reason == Reason.SEPARATION


def test_no_event_drawn_is_said():
    """Weights that leave no event are `no_events`, and a replicate of them is NaN."""
    cohort = make_cohort(np.random.default_rng(6), 40)
    problem, weights = prepare_cox(**cohort), (~cohort["event"]).astype(int)
    assert compute_cox(problem, weights).reason == Reason.NO_EVENTS
    assert np.isnan(compute_cox_replicates(problem, weights[None], [0.0, 0.0])).all()


@settings(max_examples=10, deadline=None)
@given(SEEDS, TIES, st.booleans())
def test_robust_is_the_influences(seed, ties, weighted):
    """The sandwich under weights, strata and delayed entry is the sum of squares of the influence functions."""
    rng = np.random.default_rng(seed)
    cohort, strata = make_delayed(seed, 60), rng.integers(0, 2, 60)
    weights = rng.uniform(0.3, 3, 60) * (rng.random(60) < 0.9) if weighted else None
    problem = prepare_cox(**cohort, strata=strata, ties=ties)
    found = compute_cox(problem, weights)
    if found.reason:
        return
    influence = compute_cox_influence(
        **cohort, coefficients=found.coefficients, strata=strata, weights=weights, ties=ties
    )
    w = np.ones(60) if weights is None else weights
    scaled = influence * (w / w.sum())[:, None]
    robust = compute_robust_covariance(problem, found, np.arange(60), weights=weights)
    np.testing.assert_allclose(robust, scaled.T @ scaled, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(w @ compute_score_residuals(problem, found, weights), 0, atol=1e-8)


@settings(max_examples=5, deadline=None)
@given(SEEDS)
def test_robust_with_weights_agrees_with_lifelines(seed):
    """Without ties the weighted sandwich equals lifelines' (which forgets the entry in its residuals)."""
    rng = np.random.default_rng(seed)
    cohort, weights = make_cohort(rng, 60, ties=False), rng.uniform(0.5, 3, 60)
    other = lifelines.CoxPHFitter()
    options = {"weights_col": "w", "robust": True, "fit_options": {"precision": 1e-12}}
    other.fit(frame(cohort).assign(w=weights), "time", "event", **options)
    problem = prepare_cox(**cohort)
    robust = compute_robust_covariance(problem, compute_cox(problem, weights), np.arange(60), weights=weights)
    np.testing.assert_allclose(np.sqrt(np.diag(robust)), other.standard_errors_, rtol=1e-5)


def test_company_of_a_replicate_does_not_matter():
    """A replicate has the same bits alone, in any order, in chunks, as counts of any type and in Fortran's order."""
    rng = np.random.default_rng(7)
    cohort = make_delayed(7, 150)
    problem = prepare_cox(**cohort)
    weights = rng.multinomial(150, np.full(150, 1 / 150), size=4000).astype(np.uint16)  # more than one chunk
    start = compute_cox(problem).coefficients
    whole = compute_cox_replicates(problem, weights, start)
    np.testing.assert_array_equal(compute_cox_replicates(problem, weights[::-1], start)[::-1], whole)
    np.testing.assert_array_equal(
        compute_cox_replicates(problem, np.asfortranarray(weights, dtype=float), start), whole
    )
    alone = np.concatenate([compute_cox_replicates(problem, row[None], start) for row in weights[:50]])
    np.testing.assert_array_equal(alone, whole[:50])
    assert compute_cox_replicates(problem, weights[:0], start).shape == (0, 2)
