"""What it costs to review a share of the values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from probatio.confidence.costs import SHARES, CostCurve, compute_cost_curve
from probatio.confidence.forecasts import Frame
from scored_study import LABEL, make_protocol

COSTS = {"costs": {"false_value": 50, "omission": 20, "minute": 0.5}}
PROTOCOL = make_protocol(confidence=COSTS)


def make_frame(patients: int, weights: np.ndarray | None = None) -> Frame:
    names = [f"P{i:03d}" for i in range(patients)]
    table = pd.DataFrame({"centre": "", "cluster": np.arange(patients)}, index=pd.Index(names, name="patient_id"))
    return Frame(table, np.ones((2, patients), dtype=np.uint16) if weights is None else weights, "patient")


def make_values(error: np.ndarray, delivered: np.ndarray, weight: float | np.ndarray = 1.0) -> pd.DataFrame:
    names = [f"P{i:03d}" for i in range(len(error))]
    return pd.DataFrame({"patient_id": names, "error": error, "delivered": delivered, "weight": weight})


def test_ends_and_middle_of_the_curve_by_hand() -> None:
    """Ten cells, one false value (50) and one omission (20); a review takes one minute at 0.5."""
    error = np.array([1.0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    delivered = np.array([True] * 9 + [False])
    chance = np.array([0.2, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.3])
    curve = compute_cost_curve(make_values(error, delivered), make_frame(10), chance, PROTOCOL)
    assert curve.cost[0] == pytest.approx(7.0)
    assert curve.cost[-1] == pytest.approx(0.5)
    # The false value (0.8 x 50) goes first, then the omission (0.7 x 20).
    assert curve.cost[10] == pytest.approx((20 + 0.5) / 10)
    assert curve.cost[20] == pytest.approx(2 * 0.5 / 10)
    at, drawn = curve.find_cheapest()
    assert SHARES[at] == pytest.approx(0.16), "the first hundredth at which both are mended: cells lie at their middle"
    assert (drawn == at).all()


def test_minutes_are_those_of_the_review_and_doubt_weighs_what_an_error_costs() -> None:
    """An omission twice as doubtful as a false value still comes after it when it costs less than half."""
    error = np.array([1.0, 1.0, 0.0, 0.0])
    values = make_values(error, np.array([True, False, True, True]))
    chance = np.array([0.6, 0.2, 1.0, 1.0])
    review = {"source": "ai", "budget": {"share": 0.3}, "minutes_per_value": 4, "justification": LABEL}
    protocol = make_protocol(confidence=COSTS, review=review)
    curve = compute_cost_curve(values, make_frame(4), chance, protocol)
    assert curve.cost[-1] == pytest.approx(2.0)
    assert curve.cost[25] == pytest.approx((20 + 2) / 4), "0.4 x 50 before 0.8 x 20"


def test_weights_and_replicates_are_values_written_out() -> None:
    """A patient drawn twice counts twice; shares are those of the redrawn mass."""
    rng = np.random.default_rng(1)
    n = 300
    error, chance = (rng.random(n) < 0.2).astype(float), rng.random(n)
    drawn = rng.integers(0, 3, (5, n)).astype(np.uint16)
    weight = rng.choice([1.0, 1.4], n)
    curve = compute_cost_curve(make_values(error, np.ones(n, bool), weight), make_frame(n, drawn), chance, PROTOCOL)
    for weights, costs in zip(drawn, curve.replicates, strict=True):
        mass = weight * weights
        assert costs[0] == pytest.approx(50 * np.average(error, weights=mass))
        assert costs[-1] == pytest.approx(0.5)
        order = np.argsort(chance)
        middle = (np.cumsum(weight[order]) - weight[order] / 2) / weight.sum()
        late = order[middle >= 0.4]
        reviewed = 1 - mass[late].sum() / mass.sum()
        assert costs[40] == pytest.approx(0.5 * reviewed + 50 * (mass * error)[late].sum() / mass.sum())


def test_reviewing_can_cost_more_than_it_saves() -> None:
    """One error in a thousand costs less than the minutes: the cheapest share is none."""
    error = np.zeros(1000)
    error[500] = 1.0
    curve = compute_cost_curve(make_values(error, np.ones(1000, bool)), make_frame(1000), np.full(1000, 0.9), PROTOCOL)
    assert SHARES[curve.find_cheapest()[0]] == 0
    assert isinstance(curve, CostCurve)


def test_without_costs_there_is_no_curve() -> None:
    """They are the protocol's to declare."""
    with pytest.raises(ValueError, match="costs are not declared"):
        compute_cost_curve(make_values(np.zeros(2), np.ones(2, bool)), make_frame(2), np.ones(2), make_protocol())
