"""Cox regression with exact ties against R's printed values, all sets listed, and conditional logistic regression."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.discrete.conditional_models import ConditionalLogit

from probatio.results import Reason
from probatio.survival import compute_cox, compute_exact_cox, prepare_cox
from survival_data import CONTROL, SIX_MP, TREATED, make_cohort, read_lung, split

SEEDS = st.integers(0, 2**32 - 1)


def list_sets(time, event, x, strata, entry):
    """Yield at each event time the sums of covariates of every set of as many patients as had the event; theirs."""
    for t, stratum in sorted({(t, s) for t, s, e in zip(time, strata, event, strict=True) if e}):
        at_risk = np.flatnonzero((time >= t) & (strata == stratum) & (entry < t))
        dying = [i for i in at_risk if event[i] and time[i] == t]
        sums = [x[list(chosen)].sum(axis=0) for chosen in combinations(at_risk, len(dying))]
        yield np.array(sums), x[dying].sum(axis=0)


def compute_likelihood(beta, *data):
    return sum(dead @ beta - np.log(np.exp(sums @ beta).sum()) for sums, dead in list_sets(*data))


def test_six_mp():
    """6-MP: coefficient, standard error and hazard ratio of R's coxph(ties = "exact")."""
    (t1, e1), (t0, e0) = split(TREATED), split(CONTROL)
    found = compute_exact_cox(np.r_[t1, t0], np.r_[e1, e0], np.r_[np.zeros(21), np.ones(21)][:, None])
    assert found.coefficients[0] == pytest.approx(1.62824395, abs=5e-9)
    assert found.standard_errors[0] == pytest.approx(0.43313130, abs=5e-9)
    assert np.exp(found.coefficients[0]) == pytest.approx(5.094920, abs=5e-7)


def test_six_mp_by_pair():
    """Stratified by pair no stratum has ties: ln 6, the same by Efron, Breslow and exact ties."""
    (t0, e0), (t1, e1) = (split(SIX_MP[arm]) for arm in ("control", "treated"))
    x, pairs = np.r_[np.ones(21), np.zeros(21)][:, None], np.r_[np.arange(21), np.arange(21)]
    data = (np.r_[t0, t1], np.r_[e0, e1], x)
    fits = [compute_cox(prepare_cox(*data, strata=pairs, ties=ties)) for ties in ("efron", "breslow")]
    for found in (*fits, compute_exact_cox(*data, strata=pairs)):
        assert found.coefficients[0] == pytest.approx(1.79175947, abs=5e-9)
        assert found.standard_errors[0] == pytest.approx(0.62360956, abs=5e-9)


@settings(max_examples=12, deadline=None)
@given(SEEDS, st.booleans())
def test_maximises_the_likelihood_over_all_sets(seed, delayed):
    """The likelihood with every set listed has the value reported, and no slope at the solution."""
    rng = np.random.default_rng(seed)
    time, event, x = rng.integers(2, 6, 14).astype(float), rng.random(14) < 0.6, rng.normal(size=(14, 2))
    strata, entry = rng.integers(0, 2, 14), rng.integers(0, 2, 14).astype(float)
    options = {"strata": strata, "entry": entry if delayed else None}
    found = compute_exact_cox(time, event, x, **options)
    if found.reason:
        assert found.reason in (Reason.SEPARATION, Reason.ONE_CLASS_ONLY, Reason.NO_EVENTS, Reason.NOT_CONVERGED)
        return
    data = (time, event, x, strata, np.where(entry > 0, entry, -1) if delayed else np.full(14, -1))
    assert compute_likelihood(found.coefficients, *data) == pytest.approx(found.log_likelihood, abs=1e-9)
    assert compute_likelihood(np.zeros(2), *data) == pytest.approx(found.null_log_likelihood, abs=1e-9)
    for direction in np.eye(2) * 1e-4:
        slope = [compute_likelihood(found.coefficients + s * direction, *data) for s in (-1, 1)]
        assert (slope[1] - slope[0]) / 2e-4 == pytest.approx(0, abs=1e-5)


def test_is_conditional_logistic_regression():
    """It equals statsmodels' conditional logit whose groups are the risk sets, coefficients and errors."""
    rng = np.random.default_rng(3)
    time, event, x = rng.integers(1, 9, 40).astype(float), rng.random(40) < 0.6, rng.normal(size=(40, 2))
    parts = [(time >= t, i) for i, t in enumerate(np.unique(time[event]))]
    outcome = np.concatenate([(event & (time == np.unique(time[event])[i]))[at_risk] for at_risk, i in parts])
    groups = np.concatenate([np.full(at_risk.sum(), i) for at_risk, i in parts])
    other = ConditionalLogit(
        outcome.astype(float), np.concatenate([x[at_risk] for at_risk, _ in parts]), groups=groups
    ).fit(disp=0, gtol=1e-9)
    found = compute_exact_cox(time, event, x)
    np.testing.assert_allclose(found.coefficients, other.params, atol=1e-4)
    np.testing.assert_allclose(found.standard_errors, other.bse, rtol=1e-3)


def test_no_ties_is_the_partial_likelihood():
    """Without ties it is the ordinary fit, on NCCTG's size of cohort."""
    cohort = make_cohort(np.random.default_rng(4), 220, ties=False)
    found, other = compute_exact_cox(**cohort), compute_cox(prepare_cox(**cohort))
    np.testing.assert_allclose(found.coefficients, other.coefficients, atol=1e-9)
    np.testing.assert_allclose(found.covariance, other.covariance, atol=1e-9)
    assert found.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-9)


def test_lung_in_steps_of_sixty_days():
    """NCCTG in steps of 60 days: R's exact fit (survival 3.5-3); it lies beyond Efron's, being of odds ratios."""
    lung = read_lung().dropna(subset=["ph_ecog"])
    data = (np.ceil(lung["time"] / 60), lung["event"], lung[["sex", "ph_ecog"]].to_numpy(dtype=float))
    found = compute_exact_cox(*data)
    np.testing.assert_allclose(found.coefficients, [-0.6462429036, 0.5622269926], atol=1e-8)
    np.testing.assert_allclose(found.standard_errors, [0.1808558685, 0.1250599720], atol=1e-8)
    likelihoods = (found.null_log_likelihood, found.log_likelihood)
    assert likelihoods == pytest.approx((-448.0040820, -431.9214573), abs=1e-7)
    exact, efron = found.coefficients, compute_cox(prepare_cox(*data)).coefficients
    assert (np.abs(exact) > np.abs(efron)).all()
    np.testing.assert_allclose(exact, efron, rtol=0.25)


def test_many_ties_do_not_overflow():
    """With 300 events in one day out of 1,000 at risk the sums over 10^263 sets stay finite, in large units too."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(1000, 1)) * 1e4
    event = rng.random(1000) < 1 / (1 + np.exp(1.0 - 0.5 * x[:, 0] / 1e4))
    found = compute_exact_cox(np.where(event, 1.0, 2.0), event, x)
    assert found.reason == Reason.NONE
    assert abs(found.coefficients[0] * 1e4 - 0.5) < 4 * found.standard_errors[0] * 1e4


def test_undefined_is_said():
    """No events, a constant, a covariate that orders the events, one given twice: each has its reason."""
    cohort = make_cohort(np.random.default_rng(6), 30)
    x = cohort["covariates"]
    cases = [(cohort | {"event": np.zeros(30, dtype=bool)}, Reason.NO_EVENTS),
             (cohort | {"covariates": np.c_[x[:, 0], np.full(30, 3.3)]}, Reason.ONE_CLASS_ONLY),
             (cohort | {"covariates": np.c_[x[:, 1], 1 - 2 * x[:, 1]]}, Reason.NOT_CONVERGED),
             (cohort | {"covariates": -cohort["time"][:, None], "event": np.ones(30)}, Reason.SEPARATION)]  # fmt: skip
    for data, reason in cases:
        found = compute_exact_cox(**data)
        assert (found.reason, np.isnan(found.coefficients).all()) == (reason, True)
