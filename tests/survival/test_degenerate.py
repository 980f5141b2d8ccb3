"""Data without enough in them: every estimator gives a number, or NaN with a reason, and no error or warning."""

from __future__ import annotations

import numpy as np
import pytest

from probatio.results import Reason
from probatio.survival import (
    compute_aalen_johansen,
    compute_concordance,
    compute_cox,
    compute_cox_influence,
    compute_cox_replicates,
    compute_exact_cox,
    compute_hazard_test,
    compute_incidence_at,
    compute_incidence_influence,
    compute_incidence_replicates,
    compute_kaplan_meier,
    compute_log_rank,
    compute_logistic,
    compute_median,
    compute_median_replicates,
    compute_rmst,
    compute_rmst_influence,
    compute_rmst_replicates,
    compute_schoenfeld_residuals,
    compute_survival_at,
    compute_survival_influence,
    prepare_causes,
    prepare_cox,
    prepare_times,
)

TIME = np.array([3.0, 5, 6, 8, 9, 12, 14, 15])
GROUP = np.array([0.0, 1, 0, 1, 0, 1, 0, 1])
NONE, TAU = np.zeros(8, dtype=bool), 10.0


def describe(**changes):
    """Return a cohort of eight, every second patient treated, with what a case changes."""
    return {"time": TIME, "event": np.ones(8, dtype=bool), "x": GROUP[:, None], "strata": None, "entry": None} | changes


CASES = {
    "no event": describe(event=NONE),
    "one event": describe(event=TIME == 6),
    "last event only": describe(event=TIME == 15),
    "a group without events": describe(event=GROUP == 1),
    "covariate orders the events": describe(x=-TIME[:, None]),
    "all censored before tau": describe(time=TIME / 2, event=NONE),
    "follow-up ends before tau": describe(time=TIME / 2, event=TIME < 9),
    "strata of one": describe(strata=np.arange(8)),
    "one stratum without events": describe(event=TIME < 9, strata=(TIME > 9).astype(int)),
    "zero follow-up": describe(time=np.zeros(8)),
    "zero follow-up, censored": describe(time=np.zeros(8), event=NONE),
    "some with zero follow-up": describe(time=np.where(TIME < 8, 0, TIME)),
    "all at one time": describe(time=np.full(8, 7.0)),
    "a constant covariate": describe(x=np.ones((8, 1))),
    "one patient": {name: value[:1] if isinstance(value, np.ndarray) else value for name, value in describe().items()},
    "entry after every event": describe(event=TIME == 3, entry=np.where(TIME > 3, 3.0, 0.0)),
    "nobody at risk for a while": describe(entry=np.array([0, 0, 0, 7, 7, 7, 7, 7.0])),
}


@pytest.fixture(params=CASES, ids=[name.replace(" ", "-") for name in CASES])
def case(request):
    return CASES[request.param]


def check_told(estimate, reason):
    """Assert that an undefined number has a reason."""
    assert np.isfinite(estimate).all() or reason != Reason.NONE


def test_regressions(case):
    """Cox by Efron and by exact ties, and its replicates, tests, residuals and influences follow one another."""
    data, layout = (case["time"], case["event"], case["x"]), {"strata": case["strata"], "entry": case["entry"]}
    fit = compute_cox(prepare_cox(*data, **layout))
    exact = compute_exact_cox(*data, **layout)
    for found in (fit, exact):
        check_told(found.coefficients, found.reason)
    # Exact ties know nothing when all at risk have the event at once; Efron's order them.
    alike = np.isfinite(fit.coefficients).all() == np.isfinite(exact.coefficients).all()
    assert alike or (exact.reason == Reason.ONE_CLASS_ONLY and len(np.unique(case["time"])) == 1)
    many = compute_cox_replicates(prepare_cox(*data, **layout), np.ones((2, len(case["time"]))), np.zeros(1))
    assert np.isfinite(many).all() == np.isfinite(fit.coefficients).all()
    test = compute_hazard_test(*data, fit.coefficients, **layout)
    check_told([test.overall.statistic, test.overall.p_value], test.reason)
    if np.isfinite(fit.coefficients).all():
        assert np.isfinite(compute_schoenfeld_residuals(*data, fit.coefficients, **layout).coefficient).all()
    influence = compute_cox_influence(*data, fit.coefficients, **layout)
    assert np.isfinite(influence).all() == np.isfinite(fit.coefficients).all()


def test_curves(case):
    """Median, restricted mean, landmark, incidence, their replicates and influences are undefined together."""
    time, event, entry, n = case["time"], case["event"], case["entry"], len(case["time"])
    curve, table = compute_kaplan_meier(time, event, entry=entry), prepare_times(time, event, entry=entry)
    found = [compute_median(curve), compute_rmst(curve, TAU), compute_survival_at(curve, TAU)]
    once = np.ones((1, n))
    many = [compute_median_replicates(table, once), compute_rmst_replicates(table, once, TAU)]
    influences = [
        compute_rmst_influence(time, event, TAU, entry=entry),
        compute_survival_influence(time, event, TAU, entry=entry),
    ]
    for value in found:
        check_told(value.estimate, value.reason)
    for value, replicate in zip(found, many, strict=False):
        assert replicate[0] == pytest.approx(value.estimate, abs=1e-12, nan_ok=True)
    for value, influence in zip(found[1:], influences, strict=True):
        assert np.isfinite(influence).all() == np.isfinite(value.estimate)


def test_incidence(case):
    """Cumulative incidence, with delayed entry where the case has it, is told as a number or as undefined."""
    time, causes, entry = case["time"], np.where(case["event"], 1 + np.arange(len(case["time"])) % 2, 0), case["entry"]
    for of in (1, 2, 3):
        found = compute_incidence_at(compute_aalen_johansen(time, causes, of, entry=entry), TAU)
        check_told(found.estimate, found.reason)
        table = prepare_causes(time, causes, entry=entry)
        many = compute_incidence_replicates(table, np.ones((1, len(time))), of, TAU)
        assert many[0] == pytest.approx(found.estimate, abs=1e-12, nan_ok=True)
        influence = compute_incidence_influence(time, causes, of, TAU, entry=entry)
        assert np.isfinite(influence).all() == np.isfinite(found.estimate)


def test_comparisons(case):
    """Log-rank, concordance and a logistic regression of the event say what they cannot say."""
    layout = {"strata": case["strata"], "entry": case["entry"]}
    test = compute_log_rank(case["time"], case["event"], (case["x"][:, 0] == 1).astype(int), **layout)
    assert np.isnan(test.statistic) == np.isnan(test.p_value)
    concordance = compute_concordance(case["time"], case["event"], case["x"][:, 0], **layout)
    check_told(concordance.estimate, concordance.reason)
    logistic = compute_logistic(case["x"], case["event"].astype(float))
    check_told(logistic.coefficients, logistic.reason)


def test_reasons():
    """The cases that a reader meets most have the reason that tells them what to look at."""
    expected = {"no event": Reason.NO_EVENTS, "a group without events": Reason.SEPARATION,
                "covariate orders the events": Reason.SEPARATION, "strata of one": Reason.ONE_CLASS_ONLY,
                "a constant covariate": Reason.ONE_CLASS_ONLY, "all at one time": Reason.NONE}  # fmt: skip
    for name, reason in expected.items():
        case = CASES[name]
        assert compute_cox(prepare_cox(case["time"], case["event"], case["x"], strata=case["strata"])).reason == reason
    short = CASES["follow-up ends before tau"]
    curve = compute_kaplan_meier(short["time"], short["event"])
    assert compute_rmst(curve, TAU).reason == Reason.BEYOND_FOLLOW_UP


def test_negative_times_are_refused():
    """A negative time is an error of the data that every estimator names."""
    time, event, x = np.array([-1.0, 2.0]), np.array([True, True]), np.array([[0.0], [1.0]])
    calls = [lambda: prepare_cox(time, event, x), lambda: compute_exact_cox(time, event, x),
             lambda: compute_kaplan_meier(time, event), lambda: compute_aalen_johansen(time, event, 1),
             lambda: compute_log_rank(time, event, [0, 1]), lambda: compute_concordance(time, event, [0, 1]),
             lambda: compute_hazard_test(time, event, x, [0.0]),
             lambda: compute_rmst_influence(time, event, 1.0)]  # fmt: skip
    for call in calls:
        with pytest.raises(ValueError, match="negative"):
            call()
