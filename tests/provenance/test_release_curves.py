"""Curves that leave: no step is one patient's, no curve unknown to the rules."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from probatio.provenance.release.curves import MONTH, coarsen_curves
from probatio.results import derive_series

MINIMUM = 10


def derive_curve(
    seed: int, *, patients: int = 120, term: str = "", variable: str = "", **key: str
) -> list[dict[str, object]]:
    """Return a survival curve and its numbers at risk, one step per event time: product-limit by hand."""
    random = np.random.default_rng(seed)
    time = np.ceil(random.exponential(400, patients))
    died = random.random(patients) < 0.7
    points: list[dict[str, object]] = []
    survival = 1.0
    given = {"analysis": "os", "source": "ai", "variable": variable, "term": term, "section": "04_replication"} | key
    for at in [0.0, *np.unique(time)]:
        risk, deaths = int((time >= at).sum()), int(died[time == at].sum())
        survival *= 1 - deaths / risk
        points += [
            {**given, "metric": "survival", "x": at, "y": survival},
            {**given, "metric": "at_risk", "x": at, "y": risk},
        ]
    return points


def count_events(points: pd.DataFrame, kept: pd.DataFrame) -> list[int]:
    """Return how many events lie between the points that leave, and after the last one, from the full curve."""
    full = points[points["metric"] == "survival"].reset_index(drop=True)
    risk = points[points["metric"] == "at_risk"]["y"].to_numpy()
    y = full["y"].to_numpy()
    before = np.concatenate([[1.0], y[:-1]])
    events = np.round((before - y) / before * risk)
    edges = [*kept["x"], np.inf]
    return [int(events[(full["x"] > a) & (full["x"] <= b)].sum()) for a, b in pairwise(edges)]


@pytest.mark.parametrize("seed", range(5))
def test_between_two_points_no_event_or_the_minimum(seed: int) -> None:
    """A reader cannot tell when fewer than ten patients died, nor how many after the last point."""
    points = derive_series(derive_curve(seed))
    kept = coarsen_curves(points, MINIMUM, stated={})
    counts = count_events(points, kept[kept["metric"] == "survival"])
    assert len(counts) >= 3
    assert all(count == 0 or count >= MINIMUM for count in counts)


def test_points_are_those_of_the_curve_and_numbers_at_risk_are_rounded_down() -> None:
    """Each height is the full curve's at that month; numbers at risk are multiples of the minimum, never below it."""
    points = derive_series(derive_curve(1))
    kept = coarsen_curves(points, MINIMUM, stated={})
    full = points[points["metric"] == "survival"]
    for row in kept[kept["metric"] == "survival"].itertuples():
        assert row.y == pytest.approx(full.loc[full["x"] <= row.x, "y"].iloc[-1], rel=5e-3)
        assert round(row.x / MONTH, 6) == round(row.x / MONTH)
    at_risk = kept.loc[kept["metric"] == "at_risk", "y"]
    assert (at_risk % MINIMUM == 0).all()
    assert (at_risk >= MINIMUM).all()


def test_a_larger_minimum_keeps_a_part_of_the_points() -> None:
    """The months of minimum 11 to 20 are each among those of the one before."""
    points = derive_series(derive_curve(2))
    months = [set(coarsen_curves(points, minimum, stated={})["x"]) for minimum in range(5, 15)]
    assert all(larger <= smaller for smaller, larger in pairwise(months))


def test_groups_of_one_variable_are_read_at_the_same_months() -> None:
    """All patients less one group would show the other group where it is not read."""
    points = derive_series(
        [*derive_curve(3, term="no", variable="m"), *derive_curve(4, term="yes", variable="m", patients=60)]
    )
    kept = coarsen_curves(points, MINIMUM, stated={})
    months = [tuple(part["x"]) for _, part in kept[kept["metric"] == "survival"].groupby("term")]
    assert months[0] == months[1]


def test_what_rows_state_counts_as_read() -> None:
    """Survival stated at a day lies no fewer than ten events from any month that is read, or none."""
    points = derive_series(derive_curve(5))
    kept = coarsen_curves(points, MINIMUM, stated={"os": [200.0]})
    with_stated = pd.DataFrame({"x": sorted({*kept["x"], 200.0})})
    assert all(count == 0 or count >= MINIMUM for count in count_events(points, with_stated))


SMALL_BINS = ["p_chart", "cusum", "reliability", "risk_coverage", "score_mass", "difference_by_size",
              "agreement_limits", "new_curve"]  # fmt: skip


@pytest.mark.parametrize("metric", SMALL_BINS)
def test_curves_with_small_bins_and_unknown_ones_stay(metric: str) -> None:
    """The list is closed: control charts, reliability diagrams, bins of differences, curves nobody has judged stay."""
    points = derive_series([{"metric": metric, "section": "07", "x": float(x), "y": 0.5} for x in range(5)])
    assert coarsen_curves(points, MINIMUM, stated={}).empty


def test_a_centres_curve_stays() -> None:
    """Even a curve of a kind that leaves does not leave for one centre."""
    points = derive_series(
        [{"metric": "cost", "stratum_by": "centre", "stratum": "C01", "x": x, "y": 1.0} for x in (0, 0.5, 1)]
    )
    assert coarsen_curves(points, MINIMUM, stated={}).empty


def test_a_difference_of_curves_is_no_finer_than_they() -> None:
    """A difference leaves in three decimals, as its curves do, and without the interval that counts patients."""
    sides = [derive_curve(1, source=source) for source in ("ai", "manual")]
    grid = [float(month) for month in range(0, 400, 5)]
    point = {"analysis": "os", "source": "ai", "comparator": "manual", "section": "04_replication"}
    point |= {"metric": "survival_difference", "y": 0.00123456, "lower": -0.01, "upper": 0.01}
    between = [point | {"x": x} for x in grid]
    kept = coarsen_curves(derive_series([*sides[0], *sides[1], *between]), MINIMUM, stated={})
    found = kept[kept["metric"] == "survival_difference"]
    assert len(found) > 1
    assert set(found["y"]) == {0.001}
    assert found[["lower", "upper"]].isna().all(axis=None)
