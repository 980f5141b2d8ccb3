"""Values and influences of an analysis' numbers, against formulas that share no code with them."""

from __future__ import annotations

import numpy as np
import pytest

from probatio.correction.numbers import Number, Problem, compute_found, compute_replicates, derive_problem
from probatio.replication import Label, View, derive_view
from probatio.results import Reason
from probatio.survival import compute_kaplan_meier, compute_rmst, compute_survival_at
from survival_study import BY_STAGE, build_protocol, build_records, simulate

LATE = Label("stage", "late")


@pytest.fixture(scope="module")
def view() -> View:
    """The registry's view of 150 simulated patients."""
    protocol = build_protocol(BY_STAGE)
    return derive_view(build_records(*simulate(5, 150)), protocol, protocol.analyses[0], "registry")


@pytest.fixture(scope="module")
def problem(view: View) -> Problem:
    return derive_problem(view, view.complete, build_protocol(BY_STAGE).analyses[0])


def test_influences_are_derivatives_in_the_weights(problem: Problem) -> None:
    """Taking a hundredth of one patient's weight away moves every number by its influence: the estimators agree."""
    weights = np.random.default_rng(1).uniform(1, 3, 150)
    found = compute_found(problem, weights)
    for patient in (0, 40, 99, 149):
        moved = weights.copy()
        moved[patient] *= 0.99
        change = (found.values - compute_replicates(problem, moved[None], found.values[:1])[0]) / 0.01
        np.testing.assert_allclose(found.influence[patient], change, rtol=0.03, atol=1e-5)


def test_influences_on_curves_have_greenwoods_variance(view: View, problem: Problem) -> None:
    """The squared influences on survival and restricted mean add up to Greenwood's variance."""
    found, late = compute_found(problem, np.ones(150)), view.group == 1
    curve = compute_kaplan_meier(view.time[late], view.event[late])
    for metric, at, compute in (("survival", "5", compute_survival_at), ("rmst", "10", compute_rmst)):
        column = problem.numbers.index(Number(metric, LATE, at))
        expected = compute(curve, float(at))
        own = found.influence[:, column]
        assert found.values[column] == pytest.approx(expected.estimate)
        assert np.sqrt(own @ own) == pytest.approx(expected.standard_error, rel=1e-9)
        assert not own[~late].any()


def test_a_prevalence_is_the_weighted_share(view: View, problem: Problem) -> None:
    """Weights of 2 count twice; the influence is the score's distance from the share."""
    weights = np.where(np.arange(150) < 50, 2.0, 1.0)
    found, late = compute_found(problem, weights), view.group == 1
    column = problem.numbers.index(Number("prevalence", LATE))
    share = (weights * late).sum() / weights.sum()
    assert found.values[column] == pytest.approx(share)
    np.testing.assert_allclose(found.influence[:, column], weights * (late - share) / weights.sum(), atol=1e-12)


def test_informative_counts(view: View, problem: Problem) -> None:
    """Degrees of freedom come from events of the patients with a weight, or from the rarer class."""
    weights = (np.arange(150) < 100).astype(float)
    found, used = compute_found(problem, weights), weights > 0
    counts = dict(zip(problem.numbers, found.informative.tolist(), strict=True))
    assert counts[Number("log_hazard_ratio", LATE)] == (view.event & used).sum()
    assert counts[Number("prevalence", LATE)] == (used & (view.group == 1)).sum()
    assert counts[Number("survival", LATE, "5")] == (view.event & used & (view.group == 1)).sum()
    assert found.patients == 100


def test_undefined_numbers_say_why(view: View, problem: Problem) -> None:
    """Nobody, one class, no event, follow-up too short: NaN with its reason, and the rest goes on."""
    nobody = compute_found(problem, np.zeros(150))
    assert set(nobody.reasons[:2]) == {Reason.EMPTY_DENOMINATOR}
    early = compute_found(problem, (view.group == 0).astype(float))
    assert early.reasons[0] == Reason.ONE_CLASS_ONLY
    assert early.values[problem.numbers.index(Number("survival", Label(), "5"))] > 0
    alive = compute_found(problem, (~view.event).astype(float))
    assert alive.reasons[0] in (Reason.NO_EVENTS, Reason.ONE_CLASS_ONLY)
    short = derive_problem(view, view.complete & (view.time < 4), build_protocol(BY_STAGE).analyses[0])
    found = compute_found(short, np.ones(150))
    reasons = {number.metric: reason for number, reason in zip(short.numbers, found.reasons, strict=True)}
    assert reasons["rmst"] in (Reason.NONE, Reason.BEYOND_FOLLOW_UP)
