"""Influence functions against reweighting by finite differences, R's robust errors, Greenwood and the bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probatio.survival import (
    compute_aalen_johansen,
    compute_cox,
    compute_cox_influence,
    compute_incidence_at,
    compute_incidence_influence,
    compute_kaplan_meier,
    compute_mean_influence,
    compute_rmst,
    compute_rmst_influence,
    compute_survival_at,
    compute_survival_influence,
    prepare_cox,
)
from survival_data import make_cohort, read_lung, read_oracle

SEEDS = st.integers(0, 2**32 - 1)
STEP = 1e-4


def differentiate(estimate, weights):
    """Return sum(w) x the derivative of an estimate in each patient's weight, by central differences."""
    slopes = []
    for i in range(len(weights)):
        moved = [weights + s * STEP * (np.arange(len(weights)) == i) for s in (1, -1)]
        slopes.append((estimate(moved[0]) - estimate(moved[1])) / (2 * STEP))
    return weights.sum() * np.array(slopes)


def compute_error(influence):
    """Return the standard error that unweighted influences give, per column."""
    return np.sqrt((influence**2).sum(axis=0)) / len(influence)


def test_lung_robust_by_institution():
    """NCCTG: summed by institution, the influences give the standard errors of R's coxph(cluster(inst))."""
    lung = read_lung().dropna(subset=["ph_ecog", "inst"])
    data = (lung["time"], lung["event"], lung[["age", "sex", "ph_ecog"]])
    influence = compute_cox_influence(*data, compute_cox(prepare_cox(*data)).coefficients)
    codes = np.unique(lung["inst"], return_inverse=True)[1]
    sums = np.zeros((codes.max() + 1, 3))
    np.add.at(sums, codes, influence / len(lung))
    np.testing.assert_allclose(np.sqrt((sums**2).sum(axis=0)), [0.006889, 0.112287, 0.117616], atol=6e-7)


def test_lung_dfbeta():
    """NCCTG: the influences over n are R's residuals(type = "dfbeta"), to the last printed digit."""
    lung = read_lung().dropna(subset=["ph_ecog"])
    data = (lung["time"], lung["event"], lung[["age", "sex", "ph_ecog"]])
    influence = compute_cox_influence(*data, compute_cox(prepare_cox(*data)).coefficients)
    golds = [[1.844086201e-05, -0.0019085834820, 0.0007531315708],
             [7.773929087e-05, -0.0007453864289, -0.0007393336277],
             [9.598773799e-04, 0.0173965674919, 0.0238871951686]]  # fmt: skip
    np.testing.assert_allclose(influence[:3] / 227, golds, rtol=1e-6)


@pytest.mark.parametrize(
    ("design", "golds"),
    [("efron", (0.1958652242258, 0.0050245502085)), ("breslow", (0.19434926266616, 0.00497174607913)),
     ("strata and delayed entry", (0.13147194606941, 0.00393169435149))],
)  # fmt: skip
def test_veteran_robust_under_weights(design, golds):
    """R's veteran with case weights: robust standard errors of R's coxph by ties, strata and delayed entry."""
    data = read_oracle("veteran")
    weights, x = data["age"].to_numpy() / 50, data[["trt", "karno"]].to_numpy(dtype=float)
    late = {"strata": data["celltype"], "entry": np.floor(data["time"] * 0.3)}
    options = {"efron": {}, "breslow": {"ties": "breslow"}}.get(design, late)
    beta = compute_cox(prepare_cox(data["time"], data["status"], x, **options), weights).coefficients
    influence = compute_cox_influence(data["time"], data["status"], x, beta, weights=weights, **options)
    robust = np.sqrt(((weights[:, None] * influence) ** 2).sum(axis=0)) / weights.sum()
    np.testing.assert_allclose(robust, golds, rtol=1e-7)


def test_lung_survival_under_weights():
    """NCCTG at 365 days with case weights: the robust standard error of R's survfit."""
    lung = read_lung()
    weights = lung["age"].to_numpy() / 50
    influence = compute_survival_influence(lung["time"], lung["event"], 365, weights=weights)
    robust = np.sqrt(((weights * influence) ** 2).sum()) / weights.sum()
    assert robust == pytest.approx(0.0360166103627, rel=1e-9)


def test_pbc_with_delayed_entry():
    """PBC with delayed entry: the influences give the standard errors of R's multi-state survfit (survival 3.5-3)."""
    pbc = read_oracle("pbc_first312")
    years = pbc["time"] / 365.25
    golds = {1: (0.002913633951, 0.006021393282, 0.007515562478), 2: (0.04412404031, 0.03233132243, 0.02310017727)}
    for cause, errors in golds.items():
        for at, error in zip((2, 5, 10), errors, strict=True):
            entry = np.floor(years * 0.4 * 10) / 10
            influence = compute_incidence_influence(years, pbc["status"], cause, at, entry=entry)
            assert compute_error(influence) == pytest.approx(error, rel=1e-8)


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.sampled_from(["efron", "breslow"]), st.booleans())
def test_cox_equals_reweighting(seed, ties, stratified):
    """Under unequal weights and ties a coefficient moves with a patient's weight as the influence says."""
    rng = np.random.default_rng(seed)
    cohort, weights = make_cohort(rng, 40), rng.uniform(0.5, 2, 40)
    options = {"strata": np.arange(40) % 2 if stratified else None, "ties": ties}
    problem = prepare_cox(**cohort, **options)
    fit = compute_cox(problem, weights)
    if fit.reason:
        return
    found = compute_cox_influence(**cohort, coefficients=fit.coefficients, weights=weights, **options)
    expected = differentiate(lambda w: compute_cox(problem, w).coefficients, weights)
    np.testing.assert_allclose(found, expected, atol=2e-4 * np.abs(expected).max())
    np.testing.assert_allclose(weights @ found, 0, atol=1e-6 * np.abs(found).max())


def test_cox_with_delayed_entry_scores_zero():
    """With delayed entry the residuals are those of a risk set counted patient by patient."""
    rng = np.random.default_rng(4)
    cohort = make_cohort(rng, 30, ties=False)
    entry, beta, x = cohort["time"] * rng.uniform(0, 0.8, 30), np.array([0.3, -0.2]), cohort["covariates"]
    risk, expected, information = np.exp(x @ beta), np.zeros((30, 2)), np.zeros((2, 2))
    for i in np.flatnonzero(cohort["event"]):
        t = cohort["time"][i]
        part = risk * ((entry < t) & (cohort["time"] >= t))
        mean = part @ x / part.sum()
        expected[i] += x[i] - mean
        expected -= (part / part.sum())[:, None] * (x - mean)
        information += (part[:, None] * x).T @ x / part.sum() - np.outer(mean, mean)
    found = compute_cox_influence(**cohort, coefficients=beta, entry=entry)
    np.testing.assert_allclose(found, 30 * expected @ np.linalg.inv(information), atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.booleans())
def test_curves_equal_reweighting(seed, delayed):
    """Survival, RMST and incidence move with a patient's weight as their influences say, with delayed entry too."""
    rng = np.random.default_rng(seed)
    time, cause, weights = np.ceil(rng.exponential(10, 25)), rng.integers(0, 3, 25), rng.uniform(0.5, 2, 25)
    entry = np.floor(time * rng.uniform(0, 0.7, 25)) * (rng.random(25) < 0.3) if delayed else None
    at = float(np.quantile(time, 0.6))

    def read(of, w):
        chosen = (cause > 0).astype(int) if of == 0 else cause
        curve = compute_aalen_johansen(time, chosen, max(of, 1), entry=entry, weights=w)
        return compute_incidence_at(curve, at).estimate

    def read_mean(w):
        curve = compute_aalen_johansen(time, (cause > 0).astype(int), 1, entry=entry, weights=w)
        widths = np.diff(np.minimum(np.r_[0, curve.times, np.inf], at))
        return widths[0] + (1 - curve.incidence) @ widths[1:]

    cases = [(compute_incidence_influence(time, cause, 1, at, entry=entry, weights=weights), lambda w: read(1, w)),
             (compute_survival_influence(time, cause > 0, at, entry=entry, weights=weights), lambda w: 1 - read(0, w)),
             (compute_rmst_influence(time, cause > 0, at, entry=entry, weights=weights), read_mean)]  # fmt: skip
    for found, estimate in cases:
        np.testing.assert_allclose(found, differentiate(estimate, weights), atol=1e-4 * max(1, np.abs(found).max()))


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(5, 60))
def test_squares_sum_to_greenwood(seed, n):
    """Without delayed entry the influences' sum of squares is Greenwood's variance, for survival and for RMST."""
    cohort = make_cohort(np.random.default_rng(seed), n)
    time, event, at = cohort["time"], cohort["event"], float(np.quantile(cohort["time"], 0.7))
    curve = compute_kaplan_meier(time, event)
    landmark, mean = compute_survival_at(curve, at), compute_rmst(curve, at)
    if landmark.estimate > 0 and not np.isnan(landmark.standard_error):
        found = compute_error(compute_survival_influence(time, event, at))
        assert found == pytest.approx(landmark.standard_error, abs=1e-12)
    assert compute_error(compute_rmst_influence(time, event, at)) == pytest.approx(mean.standard_error, abs=1e-10)


def test_lung_restricted_mean_difference():
    """NCCTG by sex at 365 days: the difference's standard error from influences is R's 14.958126."""
    lung = read_lung()
    arms = [lung[lung["sex"] == sex] for sex in (1, 2)]
    errors = [compute_error(compute_rmst_influence(arm["time"], arm["event"], 365)) for arm in arms]
    assert np.hypot(*errors) == pytest.approx(14.958126, abs=5e-6)


def test_mean_and_proportion():
    """A proportion's error is that of a ratio over its domain; reweighting moves it as its influences say."""
    rng = np.random.default_rng(5)
    values, inside = (rng.random(60) < 0.3).astype(float), rng.random(60) < 0.6
    share = values[inside].mean()
    found = compute_mean_influence(values, inside=inside)
    assert compute_error(found) == pytest.approx(np.sqrt(share * (1 - share) / inside.sum()), abs=1e-12)
    weights = rng.uniform(0.5, 2, 60)
    expected = differentiate(lambda w: (w * values)[inside].sum() / w[inside].sum(), weights)
    np.testing.assert_allclose(compute_mean_influence(values, inside=inside, weights=weights), expected, atol=1e-6)
    missing = np.where(inside, values, np.nan)
    np.testing.assert_array_equal(compute_mean_influence(missing, inside=inside), found)


def test_weight_zero_is_absence():
    """A patient of weight 0 has influence 0, and the others those of the cohort without that patient."""
    rng = np.random.default_rng(6)
    cohort, kept = make_cohort(rng, 50), rng.random(50) < 0.7
    kept[np.argmax(cohort["time"])] = False
    w, few = kept.astype(float), {name: values[kept] for name, values in cohort.items()}
    beta = compute_cox(prepare_cox(**few)).coefficients
    pairs = [(compute_cox_influence(**cohort, coefficients=beta, weights=w),
              compute_cox_influence(**few, coefficients=beta)),
             (compute_rmst_influence(cohort["time"], cohort["event"], 8.0, weights=w),
              compute_rmst_influence(few["time"], few["event"], 8.0)),
             (compute_mean_influence(cohort["event"], weights=w), compute_mean_influence(few["event"]))]  # fmt: skip
    for found, expected in pairs:
        np.testing.assert_allclose(found[kept], expected, atol=1e-10)
    for found, _ in pairs[:2]:
        np.testing.assert_array_equal(found[~kept], 0)


def test_robust_error_tracks_the_bootstrap():
    """On a cohort of 400 the errors from influences lie within 10 % of those of 400 bootstrap fits."""
    rng = np.random.default_rng(7)
    cohort = make_cohort(rng, 400)
    problem = prepare_cox(**cohort)
    influence = compute_cox_influence(**cohort, coefficients=compute_cox(problem).coefficients)
    drawn = [compute_cox(problem, rng.multinomial(400, np.full(400, 1 / 400))).coefficients for _ in range(400)]
    np.testing.assert_allclose(compute_error(influence), np.std(drawn, axis=0), rtol=0.1)


def test_undefined_stays_undefined():
    """No events, an undefined fit, a constant covariate, a landmark beyond follow-up, an empty domain: NaN for all."""
    cohort = make_cohort(np.random.default_rng(8), 20)
    none, constant = cohort | {"event": np.zeros(20)}, cohort | {"covariates": np.ones((20, 1))}
    found = [compute_cox_influence(**none, coefficients=[0.1, 0.1]),
             compute_cox_influence(**cohort, coefficients=[np.nan, np.nan]),
             compute_cox_influence(**constant, coefficients=[0.0]),
             compute_rmst_influence([1, 2, 3], [True, False, False], 4.0),
             compute_survival_influence([1, 2, 3], [True, False, False], 4.0),
             compute_mean_influence([1.0, 0.0], inside=[False, False])]  # fmt: skip
    assert all(np.isnan(values).all() for values in found)
    np.testing.assert_allclose(compute_survival_influence([1, 2, 3], [True, True, True], 4.0), 0, atol=1e-14)


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0, 1.0], [1.0, np.nan, 1.0]])
def test_impossible_weights_are_refused(weights):
    """Too few, negative or undefined weights are errors, not influences."""
    with pytest.raises(ValueError, match="weights"):
        compute_cox_influence([1, 2, 3], [1, 1, 0], [[0.0], [1.0], [0.0]], [0.0], weights=weights)
    with pytest.raises(ValueError, match="weights"):
        compute_rmst_influence([1, 2, 3], [1, 1, 0], 2.0, weights=weights)


def test_two_estimates_share_their_covariance():
    """The mean product of the influences of two estimates gives their correlation over repeated samples."""
    rng, pairs, products = np.random.default_rng(9), [], []
    for _ in range(400):
        life = rng.exponential(size=150)
        time, event = np.minimum(life, 1.5), life <= 1.5
        curve = compute_kaplan_meier(time, event)
        pairs.append((compute_rmst(curve, 1.0).estimate, compute_survival_at(curve, 0.5).estimate))
        one, other = compute_rmst_influence(time, event, 1.0), compute_survival_influence(time, event, 0.5)
        products.append(np.corrcoef(one, other)[0, 1])
    observed = np.corrcoef(np.array(pairs).T)[0, 1]
    error = 4 * (1 - observed**2) / np.sqrt(400)
    assert np.mean(products) == pytest.approx(observed, abs=error)
