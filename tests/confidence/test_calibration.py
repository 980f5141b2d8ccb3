"""Recalibration: fitted on tuning patients alone; isotonic, logistic and pooled against unrelated implementations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logit, logsumexp
from scipy.stats import spearmanr

from probatio.confidence.calibration import compute_isotonic, derive_calibrated
from probatio.confidence.mixed_logistic import fit_mixed_logistic
from probatio.confidence.terms import METHODS, Method
from probatio.protocol import UserError
from scored_study import make_protocol, make_scored

PROTOCOL = make_protocol("reference", "ai", "other")


@pytest.mark.parametrize("method", METHODS)
def test_only_tuning_patients_are_learnt_from(method: Method) -> None:
    """Turning every other patient's errors around changes no probability."""
    table = make_scored()
    other = table["split"] != "tuning"
    turned = table.assign(error=table["error"].where(~other, 1 - table["error"]))
    first, again = (derive_calibrated(each, PROTOCOL, method=method) for each in (table, turned))
    pd.testing.assert_series_equal(first, again)
    assert not first.equals(table["score"])


def test_parts_that_share_a_patient_are_refused() -> None:
    """A fit on a patient who is judged too is refused, whatever made the table."""
    table = make_scored()
    table.loc[table.index[-1], "patient_id"] = "P003"
    with pytest.raises(UserError, match="patients stand in more than one of"):
        derive_calibrated(table, PROTOCOL)


def test_logistic_recalibration_is_that_of_statsmodels() -> None:
    """With plenty of values the weak prior is not felt: coefficients of a GLM on logit, disagreement and rules."""
    rng = np.random.default_rng(2)
    table = make_scored(900, shifts=(0.5,))
    table["agreement"] = np.where(rng.random(len(table)) < 0.3, 0.5, 1.0)
    table["violated"] = (rng.random(len(table)) < 0.2).astype(int)
    table["weight"] = rng.choice([1.0, 1.4], len(table))
    fitted = table[table["split"] == "tuning"]

    def derive_design(rows: pd.DataFrame) -> np.ndarray:
        x = np.clip(rows["confidence"], 0.001, 0.999)
        return np.column_stack([np.ones(len(rows)), logit(x), 1 - rows["agreement"], rows["violated"]])

    model = sm.GLM(
        1 - fitted["error"], derive_design(fitted), family=sm.families.Binomial(), freq_weights=fitted["weight"]
    )
    expected = model.fit().predict(derive_design(table))
    found = derive_calibrated(table, PROTOCOL, method="logistic")
    np.testing.assert_allclose(found, expected, atol=2e-3)


def pool(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Pool adjacent violators by the max-min formula (Robertson, Wright and Dykstra 1988, theorem 1.4.4)."""
    n = len(values)
    mean = [[np.average(values[i : j + 1], weights=weight[i : j + 1]) for j in range(i, n)] for i in range(n)]
    return np.array([max(min(mean[i][j - i] for j in range(k, n)) for i in range(k + 1)) for k in range(n)])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.booleans(), st.sampled_from([1.0, 2.0])), min_size=1, max_size=25))
def test_isotonic_recalibration_is_the_max_min_formula(values: list[tuple[int, bool, float]]) -> None:
    """Equal scores are pooled first; the fit at the scores themselves is the isotonic regression."""
    score, right, weight = (np.array(column, dtype=float) for column in zip(*values, strict=True))
    unique = np.unique(score)
    mass = np.array([weight[score == s].sum() for s in unique])
    mean = np.array([np.average(right[score == s], weights=weight[score == s]) for s in unique])
    found = compute_isotonic(score, right, weight, unique)
    np.testing.assert_allclose(found, pool(mean, mass), atol=1e-12)


def test_isotonic_recalibration_is_linear_between_scores_and_constant_beyond() -> None:
    """By hand."""
    score, right = np.array([0.2, 0.6, 0.6]), np.array([0.0, 1.0, 0.0])
    found = compute_isotonic(score, right, np.ones(3), np.array([0.1, 0.2, 0.4, 0.6, 0.9, np.nan]))
    np.testing.assert_allclose(found, [0, 0, 0.25, 0.5, 0.5, np.nan])


def test_pooling_finds_each_centre_where_one_line_for_all_cannot() -> None:
    """Confidences shifted up in one centre and down in another: pooled probabilities come close to the truth."""
    table = make_scored(600, seed=4)
    shift = table["centre"].map({"C0": 1.5, "C1": -1.5, "C2": 0.0})
    truth = expit(logit(table["confidence"]) - shift)
    judged = table["split"] == "evaluation"
    distance = {m: np.abs(derive_calibrated(table, PROTOCOL, method=m) - truth)[judged].mean() for m in METHODS}
    assert distance["pooled"] < 0.03
    assert distance["pooled"] < min(distance["logistic"], distance["isotonic"]) / 3


def test_a_small_stratum_is_drawn_towards_the_whole() -> None:
    """Five wrong values out of five do not make a centre hopeless; nor are they forgotten."""
    rng = np.random.default_rng(0)
    centre = np.repeat(np.arange(13), [5] + [100] * 12)
    y = (rng.random(len(centre)) < expit(1.5 + rng.normal(0, 0.5, 13)[centre])).astype(float)
    y[centre == 0] = 0.0
    x = np.ones((len(y), 1))
    model = fit_mixed_logistic(x, y, (centre,), sizes=(13,))
    first, others = model.effects[0][0], model.effects[0][1:]
    assert first < 0
    assert model.compute_probability(np.ones((1, 1)), (np.array([0]),))[0] > 0.3
    assert np.abs(others.mean()) < 0.3
    assert model.compute_probability(np.ones((1, 1)), (np.array([-1]),))[0] == pytest.approx(expit(model.fixed[0]))


def test_random_intercepts_and_their_spread_are_recovered() -> None:
    """Forty centres of 200 values: within a tenth of the spread of their effects; without differences, near 0."""
    rng = np.random.default_rng(3)
    centre = np.repeat(np.arange(40), 200)
    for spread in (0.8, 0.0):
        effect = rng.normal(0, spread, 40)
        y = (rng.random(8000) < expit(1.0 + effect[centre])).astype(float)
        model = fit_mixed_logistic(np.ones((8000, 1)), y, (centre,), sizes=(40,))
        assert np.sqrt(model.variances[0]) == pytest.approx(effect.std(ddof=1), rel=0.1, abs=0.1)
        if spread:
            assert spearmanr(model.effects[0], effect).statistic > 0.9


def compute_marginal(parameters: np.ndarray, k: np.ndarray, n: np.ndarray) -> float:
    """Return minus the log-likelihood of a random-intercept logistic model, effects integrated out on a fine grid."""
    constant, spread = parameters[0], np.exp(parameters[1])
    node = np.linspace(-6, 6, 2001)
    index = constant + spread * node[None, :]
    inside = k[:, None] * index - n[:, None] * np.logaddexp(0, index)
    return -float(logsumexp(inside - node**2 / 2, axis=1).sum())


def test_with_large_strata_the_fit_is_that_of_the_integrated_likelihood() -> None:
    """Integrated on a grid, maximised by scipy: constant and spread within 3 % at 300 values in each of 30 strata."""
    rng = np.random.default_rng(8)
    centre = np.repeat(np.arange(30), 300)
    y = (rng.random(9000) < expit(1.0 + rng.normal(0, 0.7, 30)[centre])).astype(float)
    model = fit_mixed_logistic(np.ones((9000, 1)), y, (centre,), sizes=(30,))
    k = np.bincount(centre, y)
    best = minimize(compute_marginal, np.array([0.5, -0.5]), args=(k, np.full(30, 300.0)), method="Nelder-Mead").x
    assert model.fixed[0] == pytest.approx(best[0], rel=0.03)
    assert np.sqrt(model.variances[0]) == pytest.approx(np.exp(best[1]), rel=0.03)


def test_the_penalised_fit_is_where_its_slope_vanishes() -> None:
    """The likelihood's slope equals the penalty's, for coefficients and effects, and Schall's equation holds."""
    rng = np.random.default_rng(5)
    x = np.column_stack([np.ones(600), rng.normal(size=600)])
    centre = rng.integers(0, 12, 600)
    y = (rng.random(600) < expit(0.5 + x[:, 1] + rng.normal(0, 1, 12)[centre])).astype(float)
    model = fit_mixed_logistic(x, y, (centre,), sizes=(12,))
    left = y - model.compute_probability(x, (centre,))
    np.testing.assert_allclose(x.T @ left, model.fixed / np.array([100.0, 25.0]), atol=0.01)
    np.testing.assert_allclose(np.bincount(centre, left), model.effects[0] / model.variances[0], atol=0.05)


def test_a_source_without_confidence_is_judged_by_agreement_and_rules() -> None:
    """Those on whom others agree are the surer ones; isotonic goes by agreement alone."""
    rng = np.random.default_rng(6)
    table = make_scored(200, shifts=(0.0,))
    table["confidence"] = np.nan
    table["agreement"] = table["score"] = np.where(rng.random(len(table)) < 0.2, 0.0, 1.0)
    wrong = np.where(table["agreement"] == 0, 0.6, 0.05)
    table["error"] = (rng.random(len(table)) < wrong).astype(float)
    for method in METHODS:
        found = derive_calibrated(table, PROTOCOL, method=method)
        assert found[table["agreement"] == 0].mean() == pytest.approx(0.4, abs=0.07)
        assert found[table["agreement"] == 1].mean() == pytest.approx(0.95, abs=0.03)


def test_missing_values_have_their_own_chance_and_unreadable_ones_none() -> None:
    """Where another technology found something, a gap is doubtful; a value that does not conform is wrong."""
    rng = np.random.default_rng(7)
    table = make_scored(400, shifts=(0.0,))
    gone = np.arange(len(table)) % 4 == 0
    table.loc[gone, ["delivered", "confidence"]] = False, np.nan
    table.loc[gone, "agreement"] = np.where(rng.random(gone.sum()) < 0.5, 0.0, 1.0)
    table.loc[gone, "score"] = table.loc[gone, "agreement"]
    table.loc[gone, "error"] = (rng.random(gone.sum()) < np.where(table.loc[gone, "agreement"] == 0, 0.8, 0.1)).astype(
        float
    )
    table.loc[table.index[1], "conformant"] = False
    found = derive_calibrated(table, PROTOCOL)
    assert found[gone & (table["agreement"] == 0)].mean() == pytest.approx(0.2, abs=0.07)
    assert found[gone & (table["agreement"] == 1)].mean() == pytest.approx(0.9, abs=0.05)
    assert found.iloc[1] == 0


def test_too_few_tuning_values_leave_the_score_as_it_is() -> None:
    """And so does a study that declares no confidence or has no reference."""
    table = make_scored(6, 3)
    np.testing.assert_array_equal(derive_calibrated(table, PROTOCOL), table["score"])
    table = make_scored().assign(split="")
    np.testing.assert_array_equal(derive_calibrated(table, PROTOCOL), table["score"])


def test_tuning_values_all_right_give_high_probabilities_not_certainty() -> None:
    """Nothing diverges when no tuning value is wrong."""
    table = make_scored()
    table["error"] = 0.0
    for method in ("logistic", "pooled"):
        found = derive_calibrated(table, PROTOCOL, method=method)
        assert found.between(0.9, 1, inclusive="left").all()
