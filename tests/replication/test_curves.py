"""Difference curves: against the curves themselves, and bands that hold the true curve as often as they say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter
from scipy import stats

from probatio.replication import Sample, View
from probatio.replication.competing import read_incidence
from probatio.replication.curves import POINTS, compute_simultaneous
from probatio.resampling import Draws
from probatio.results import select_rows
from probatio.survival import compute_incidence_replicates, prepare_causes
from survival_study import BY_STAGE, build_protocol, build_records, run, simulate


@pytest.fixture(scope="module")
def study():
    """One study of 120 patients whose AI misreads one stage in ten: patients, stages, replication."""
    patients, values = simulate(3, 120)
    return patients, values, run(build_records(patients, values), build_protocol(BY_STAGE))


def test_difference_is_that_of_the_curves(study):
    """At every time the difference is lifelines' curve of the source minus that of the comparator, by group."""
    patients, values, replication = study
    points = select_rows(replication.series, metric="survival_difference", term="late")
    expected = 0.0
    for source, sign in (("ai", 1), ("registry", -1)):
        late = values[source, "stage"] == "III"
        curve = KaplanMeierFitter().fit(patients["days"][late], (patients["status"] == "dead")[late])
        expected = expected + sign * curve.predict(points["x"] + 1e-9).to_numpy()  # times are read from text
    assert points["y"].to_numpy() == pytest.approx(expected, abs=1e-12)
    assert points["x"].iloc[0] == 0
    assert len(points) <= POINTS + 1


def test_band_is_wider_than_the_pointwise_interval(study):
    """The simultaneous band has the same curve in it and is wider wherever the pointwise interval has a width."""
    _, _, replication = study
    point, band = (select_rows(replication.series, metric=m, term="late").set_index("x")
                   for m in ("survival_difference", "survival_difference_band"))  # fmt: skip
    assert band["y"].equals(point["y"])
    wide = (point["upper"] - point["lower"]).iloc[5:-5]
    assert ((band["upper"] - band["lower"]).iloc[5:-5][wide > 0] > wide[wide > 0]).mean() > 0.95


def test_all_patients_never_differ_where_only_stage_does(study):
    """The sources share the endpoint: the difference over all patients is 0 everywhere and has no band."""
    points = select_rows(study[2].series, metric=["survival_difference", "survival_difference_band"], term="")
    inner = points[points["x"] > 0]
    assert (inner["y"] == 0).all()
    assert select_rows(inner, metric="survival_difference_band")["upper"].isna().all()


def test_simultaneous_band_covers():
    """Of 200 binomial distribution curves, the 95 % band of bootstrap replicates holds the whole truth as often."""
    rng, grid = np.random.default_rng(7), np.linspace(0.1, 0.9, 15)
    hits, single = 0, 0
    for _ in range(200):
        sample = rng.random(150)
        value = (sample[:, None] > grid).mean(axis=0)
        drawn = rng.multinomial(150, np.full(150, 1 / 150), size=300) @ (sample[:, None] > grid) / 150
        lower, upper = compute_simultaneous(value, drawn, 0.95)
        hits += ((lower <= 1 - grid) & (1 - grid <= upper)).all()
        low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
        single += ((low <= 1 - grid) & (1 - grid <= high)).all()
    assert hits >= stats.binom.ppf(0.005, 200, 0.93)
    assert single < stats.binom.ppf(0.001, 200, 0.9)  # pointwise intervals hold far less often at every time at once


def test_incidence_of_replicates_is_that_of_the_estimator():
    """Curves of replicates with a competing event and delayed entry equal the estimator's at each time, and its NaN."""
    rng = np.random.default_rng(8)
    outcome = pd.DataFrame({"time": np.ceil(rng.exponential(10, 80)) + 1, "entry": rng.integers(0, 2, 80) * 1.0,
                            "cause": rng.integers(0, 3, 80)})  # fmt: skip
    whole, zeros = np.ones(80, dtype=bool), np.zeros(80, dtype=np.intp)
    view = View("ai", outcome, np.zeros((80, 0)), (), zeros, (), np.full(80, ""), whole, whole, whole)
    sample = Sample(view, whole, np.full(80, ""), None, 0.95)
    weights = rng.multinomial(80, np.full(80, 1 / 80), size=30)
    times = np.array([0.5, 2.0, 5.0, 11.0, 20.0, outcome["time"].max()])
    found = read_incidence(sample, times, weights)
    table = prepare_causes(outcome["time"], outcome["cause"], entry=outcome["entry"])
    for column, time in enumerate(times):
        assert found[:, column] == pytest.approx(compute_incidence_replicates(table, weights, 1, time), nan_ok=True)
    assert not np.isnan(found[:, 0]).any()


def test_own_patients_have_no_difference_curve(study):
    """Differences are on the same patients: a source's own complete patients add survival curves only."""
    own = select_rows(study[2].series, stratum_by="patients")
    assert set(own["metric"]) == {"survival", "at_risk"}


def test_draws_move_the_bounds_only():
    """Another seed leaves the difference as it is."""
    patients, values = simulate(4, 80)
    records, protocol = build_records(patients, values), build_protocol(BY_STAGE)
    one, other = (select_rows(run(records, protocol, seed=seed).series, metric="survival_difference")
                  for seed in (1, 2))  # fmt: skip
    pd.testing.assert_series_equal(one["y"], other["y"])
    assert not one["upper"].equals(other["upper"])
    assert Draws(1, "all", "patient", 5) != Draws(2, "all", "patient", 5)
