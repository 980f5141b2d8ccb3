"""Propensity weights: against statsmodels and lifelines, by hand, and on cohorts whose marginal effect is known."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from lifelines import CoxPHFitter, KaplanMeierFitter
from scipy import stats

from probatio.replication.weighting import (
    compute_balance,
    compute_c_statistic,
    compute_effective_patients,
    compute_propensity,
    derive_weights,
)
from probatio.results import select_rows
from probatio.survival import compute_cox, prepare_cox
from survival_study import BY_STAGE, build_patients, build_protocol, build_records, run, simulate

TERMS = [{"variable": "sex", "groups": {"F": ["F"], "M": ["M"]}}, {"variable": "age", "per": 10}]
ALONE = BY_STAGE | {"terms": TERMS, "sources": [], "comparator": None, "horizons": [20], "landmarks": [10],
                    "weighting": "ate"}  # fmt: skip
SCALE, EFFECT, SLOPE = 20.0, -0.5, 0.6


def draw_cohort(rng: np.random.Generator, n: int, *, slope: float = 0.8) -> pd.DataFrame:
    """Return patients whose older members are more often men and die sooner."""
    z = rng.normal(size=n)
    second = rng.random(n) < 1 / (1 + np.exp(-slope * z))
    return build_patients(n, age=60 + 10 * z, sex=np.where(second, "M", "F"), **draw_times(rng, z, second))


def draw_times(rng: np.random.Generator, z: np.ndarray, second: np.ndarray) -> dict[str, np.ndarray]:
    """Return times and states with a conditional hazard ratio of exp(EFFECT)."""
    life = rng.exponential(SCALE / np.exp(EFFECT * second + SLOPE * z))
    follow_up = rng.uniform(10, 40, len(z))
    return {"days": np.minimum(life, follow_up), "status": np.where(life <= follow_up, "dead", "alive")}


def read(rows: pd.DataFrame, metric: str, **values: object) -> pd.Series:
    """Return the one row asked for."""
    found = select_rows(rows, metric=metric, **({"stratum_by": ""} | values))
    assert len(found) == 1, found
    return found.iloc[0]


@pytest.fixture(scope="module")
def cohort():
    """One cohort of 300."""
    return draw_cohort(np.random.default_rng(1), 300)


@pytest.mark.parametrize("weighting", ["ate", "att", "overlap"])
def test_rows_equal_statsmodels_and_lifelines(cohort, weighting):
    """Score by a GLM, hazard ratio and sandwich by lifelines' robust weighted Cox, survival by its weighted curve."""
    rows, series = run(build_records(cohort, {}), build_protocol(ALONE | {"weighting": weighting}))
    second, z = (cohort["sex"] == "M").to_numpy(), cohort["age"].to_numpy() / 10
    score = sm.GLM(second.astype(float), sm.add_constant(z), family=sm.families.Binomial()).fit(tol=1e-12).predict()
    w = {"ate": np.where(second, 1 / score, 1 / (1 - score)), "att": np.where(second, 1, score / (1 - score)),
         "overlap": np.where(second, 1 - score, score)}[weighting]  # fmt: skip
    frame = pd.DataFrame({"t": cohort["days"], "e": cohort["status"] == "dead", "x": second.astype(float), "w": w})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lifelines warns that weights are not whole numbers
        cox = CoxPHFitter().fit(frame, "t", "e", weights_col="w", robust=True, fit_options={"precision": 1e-12})
        curves = [KaplanMeierFitter().fit(part["t"], part["e"], weights=part["w"])
                  for _, part in frame.groupby("x")]  # fmt: skip
    row = read(rows, "weighted_log_hazard_ratio", method="sandwich")
    assert row["estimate"] == pytest.approx(cox.params_["x"], abs=1e-6)
    half = (row["upper"] - row["lower"]) / 2 / stats.norm.ppf(0.975)
    assert half == pytest.approx(cox.standard_errors_["x"], rel=1e-6)
    for curve, term in zip(curves, ("F", "M"), strict=True):
        assert read(rows, "weighted_survival", term=term)["estimate"] == pytest.approx(curve.predict(10), abs=1e-9)
        points = select_rows(series, metric="weighted_survival", term=term)
        assert points["y"].to_numpy() == pytest.approx(curve.predict(points["x"] + 1e-9).to_numpy(), abs=1e-9)
    balance = read(rows, "confounder_balance", method=weighting)["estimate"]
    before = read(rows, "confounder_balance", method="unweighted")["estimate"]
    assert abs(balance) < before / 3


def test_weights_by_hand():
    """A score of 0.2: 5 and 1.25 (ate), 1 and 0.25 (att), 0.8 and 0.2 (overlap)."""
    score, second = np.array([0.2, 0.2]), np.array([True, False])
    expected = {"ate": [5, 1.25], "att": [1, 0.25], "overlap": [0.8, 0.2]}
    for weighting, weights in expected.items():
        assert derive_weights(score, second, weighting) == pytest.approx(weights)


def test_overlap_weights_balance_exactly():
    """With overlap weights from a logistic score the confounders' means are equal (Li, Morgan and Zaslavsky 2018)."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(200, 3))
    second = rng.random(200) < 1 / (1 + np.exp(-x @ [1.0, -0.5, 0.2]))
    found = compute_propensity(second, x, "overlap", None)
    assert compute_balance(second, x, found.weight) == pytest.approx(np.zeros(3), abs=1e-10)


def test_design_numbers_by_hand():
    """Weights 1, 1, 2 are worth (4)^2 / 6 patients; scores .1 .4 against .3 .8 order 3 pairs of 4."""
    assert compute_effective_patients(np.array([1.0, 1, 2])) == pytest.approx(16 / 6)
    second = np.array([False, False, True, True])
    assert compute_c_statistic(np.array([0.1, 0.4, 0.3, 0.8]), second) == 0.75
    x = np.array([[0.0], [2], [2], [4]])  # means 1 and 3, both variances 2
    assert compute_balance(second, x, np.ones(4)) == pytest.approx([2 / math.sqrt(2)])
    assert compute_balance(second, x, np.array([1, 3, 1, 1.0])) == pytest.approx([1.5 / math.sqrt(2)])


def test_positivity_is_told():
    """Share of patients with hardly a counterpart, effective sizes below the groups', C of the score: recomputed."""
    cohort = draw_cohort(np.random.default_rng(6), 300, slope=2.0)
    rows, _ = run(build_records(cohort, {}), build_protocol(ALONE))
    second = (cohort["sex"] == "M").to_numpy()
    found = compute_propensity(second, cohort[["age"]].to_numpy() / 10, "ate", None)
    outside = read(rows, "score_outside_share")
    assert outside["k"] == ((found.score < 0.05) | (found.score > 0.95)).sum() > 0
    for term, mask in (("F", ~second), ("M", second)):
        effective = read(rows, "effective_patients", term=term)
        assert effective["estimate"] == pytest.approx(found.weight[mask].sum() ** 2 / (found.weight[mask] ** 2).sum())
        assert effective["estimate"] < effective["n"] == mask.sum()
    auc = stats.mannwhitneyu(found.score[second], found.score[~second]).statistic / second.sum() / (~second).sum()
    assert read(rows, "propensity_c")["estimate"] == pytest.approx(auc)


def test_a_separating_score_leaves_no_comparison():
    """A confounder that tells the groups apart: every weighted number is undefined for that, the rest stands."""
    cohort = draw_cohort(np.random.default_rng(3), 120)
    cohort["age"] = np.where(cohort["sex"] == "M", 70.0, 50.0) + np.arange(120) % 10
    rows, series = run(build_records(cohort, {}), build_protocol(ALONE))
    found = rows[rows["metric"].str.startswith("weighted")]
    assert set(zip(found["status"], found["reason"], strict=True)) == {("not_estimable", "separation")}
    assert {"weighted_hazard_ratio", "weighted_rmst_difference", "weighted_survival"} <= set(found["metric"])
    assert read(rows, "rmst", term="F")["status"] == "ok"
    assert select_rows(series, metric="weighted_survival").empty


def test_bootstrap_covers_the_marginal_effect():
    """Over 80 cohorts of 200, bootstrap intervals hold the marginal log hazard ratio and RMST difference.

    The truth is that of 400,000 patients, each under both treatments and the same follow-up.
    """
    rng = np.random.default_rng(4)
    z = np.tile(rng.normal(size=400_000), 2)
    both = np.repeat([False, True], 400_000)
    life = rng.exponential(SCALE / np.exp(EFFECT * both + SLOPE * z))
    gap = np.minimum(life[both], 20).mean() - np.minimum(life[~both], 20).mean()
    ratio = compute_marginal_ratio(rng, z, both)
    protocol = build_protocol(ALONE)
    hits = {"ratio": 0, "mean": 0, "naive": 0}
    for _ in range(80):
        rows, _ = run(build_records(draw_cohort(rng, 200), {}), protocol, replicates=100)
        weighted = read(rows, "weighted_log_hazard_ratio", method="percentile_bootstrap")
        told = {"ratio": (weighted, ratio), "mean": (read(rows, "weighted_rmst_difference"), gap),
                "naive": (read(rows, "rmst_difference"), gap)}  # fmt: skip
        for name, (row, truth) in told.items():
            hits[name] += row["lower"] <= truth <= row["upper"]
    assert min(hits["ratio"], hits["mean"]) >= stats.binom.ppf(0.005, 80, 0.94)
    assert hits["naive"] < stats.binom.ppf(0.001, 80, 0.9)


def compute_marginal_ratio(rng: np.random.Generator, z: np.ndarray, both: np.ndarray) -> float:
    """Return the marginal log hazard ratio of patients seen under both treatments."""
    told = draw_times(rng, z, both)
    fit = compute_cox(prepare_cox(told["days"], told["status"] == "dead", both[:, None].astype(float)))
    return float(fit.coefficients[0])


def test_sources_are_compared_on_weighted_numbers():
    """A weighted analysis concludes on the weighted hazard ratio, each replicate with weights of its own."""
    patients, values = simulate(5, 200)
    patients["age"] = np.random.default_rng(5).normal(60, 10, 200)
    terms = [*BY_STAGE["terms"], {"variable": "age", "per": 10}]
    rows, _ = run(build_records(patients, values), build_protocol(BY_STAGE | {"terms": terms, "weighting": "overlap"}))
    ai, registry = (read(rows, "weighted_log_hazard_ratio", source=name, method="percentile_bootstrap")["estimate"]
                    for name in ("ai", "registry"))  # fmt: skip
    delta = read(rows, "delta_weighted_log_hazard_ratio", method="paired_t", level=0.9)
    assert delta["estimate"] == pytest.approx(ai - registry)
    conclusion = read(rows, "conclusion")
    assert conclusion["method"] == "weighted_log_hazard_ratio"
    assert conclusion["lower"] == pytest.approx(delta["lower"])
    agreement = read(rows, "regulatory_agreement", method="percentile_bootstrap")
    assert agreement["estimate"] in (0, 1)
    error = read(rows, "paired_standard_error", method="bootstrap_weighted")
    assert error["estimate"] != read(rows, "paired_standard_error", method="bootstrap", variable="stage")["estimate"]
    assert len(select_rows(rows, metric="equivalence_weighted_rmst", stratum_by="", reason="not_declared")) == 1
