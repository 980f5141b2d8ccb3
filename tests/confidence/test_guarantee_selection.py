"""The fixed sequence: what fixes the grid, where it stops, and whether its promise is kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guarantee_simulation import DELTA, Scenario, compute_lower, flat, simulate, steep
from probatio.confidence.selection import Method, Sample, derive_grid, find_accepted, select_threshold
from probatio.resampling import Floats


def make_sample(score: Floats, error: Floats) -> Sample:
    """One value per patient, equal weights."""
    return Sample(np.asarray(score), np.asarray(error, dtype=float), np.arange(len(score)), np.ones(len(score)),
                  len(score))  # fmt: skip


def test_a_score_of_zero_is_never_accepted() -> None:
    """The laxest threshold, 0, accepts every score above 0; none and unknown scores never."""
    accepted = find_accepted(np.array([0.0, np.nan, 1e-9, 1.0]), np.array([1.0, 0.0]))
    assert accepted.tolist() == [[False, False, False, True], [False, False, True, True]]


def test_grid_runs_from_strict_to_lax_and_starts_where_a_sample_could_pass() -> None:
    """No threshold that 59 errorless patients could not pass; the last accepts everything."""
    score = np.linspace(0.01, 1, 100)
    tuning = make_sample(score, score < 0.2)
    grid = derive_grid(tuning, 0.05, 0.05, steps=20, selection=200)
    assert (np.diff(grid) < 0).all()
    assert grid[-1] == 0
    assert ((score[:, None] >= grid).mean(axis=0) * 200 >= 59).all()


def test_grid_is_empty_where_no_sample_could_pass() -> None:
    """58 selection patients cannot show 5 % at 95 %, even without an error; nor can values without a score."""
    tuning = make_sample(np.linspace(0.1, 1, 50), np.zeros(50))
    assert len(derive_grid(tuning, 0.05, 0.05, steps=20, selection=58)) == 0
    assert len(derive_grid(tuning, 0.05, 0.05, steps=20, selection=59)) > 0
    assert len(derive_grid(make_sample(np.zeros(50), np.zeros(50)), 0.05, 0.05, steps=20, selection=900)) == 0


def test_sequence_stops_at_the_first_failure() -> None:
    """By hand: 100 errorless values pass, 40 more with ten errors fail, and that all 500 would pass counts no more."""
    score = np.concatenate([np.full(100, 0.9), np.full(40, 0.6), np.full(360, 0.3)])
    error = np.concatenate([np.zeros(100), np.ones(10), np.zeros(390)])
    sample = make_sample(score, error)
    grid = np.array([0.9, 0.6, 0.0])
    found = select_threshold(
        sample, sample, grid, alpha=0.05, delta=0.05, most=np.ones(3), method="exact_binomial"
    )  # fmt: skip
    assert found.p[0] < 0.05 < found.p[1]
    assert found.p[2] < 0.05
    assert found.chosen == 0
    assert found.tally.n.tolist() == [100, 140, 500]
    assert found.tally.k.tolist() == [0, 10, 10]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    values=st.integers(1, 5),
    patients=st.integers(1, 150),
    method=st.sampled_from(["betting", "hoeffding_bentkus"]),
)
def test_fewer_patients_than_the_zero_error_rule_never_pass(seed: int, values: int, patients: int, method: str) -> None:
    """Whatever the data: a threshold passes only with 59 patients with an accepted value, and the p-value is one."""
    rng = np.random.default_rng(seed)
    score = rng.choice([0.0, 0.2, 0.2, 0.9], patients * values)
    sample = Sample(score, (rng.random(len(score)) < 0.01).astype(float), np.repeat(np.arange(patients), values),
                    rng.choice([1.0, 1.4], patients).repeat(values), patients)  # fmt: skip
    grid = np.array([0.9, 0.0])
    found = select_threshold(
        sample, sample, grid, alpha=0.05, delta=0.05, most=np.full(2, 1.4 * values), method=method  # type: ignore[arg-type]
    )  # fmt: skip
    assert ((found.p >= 0) & (found.p <= 1)).all()
    assert (found.tally.patients[found.p <= 0.05] >= 59).all()


@pytest.mark.parametrize(
    ("scenario", "method"),
    [
        (Scenario("one value", flat(0.0505), centres=False, sizes=(100, 300)), "exact_binomial"),
        (Scenario("six centres", flat(0.0596), sizes=(100, 300)), "exact_binomial"),
        (Scenario("clustered", flat(0.0505), values=4, shared=0.775, centres=False, sizes=(100, 300)), "betting"),
        (Scenario("random effects", flat(0.0311), values=4, spread=1.3, sizes=(100, 300)), "betting"),
        (Scenario("weighted", flat(0.0346), sampled=0.5, centres=False, sizes=(100, 300)), "betting"),
    ],
    ids=lambda each: getattr(each, "name", each),
)
def test_guarantee_is_kept(scenario: Scenario, method: Method) -> None:
    """With a risk just above alpha a threshold passes in at most delta of the studies (lower binomial bound)."""
    found = simulate(scenario, 250, method)[method]
    assert compute_lower(found.violated, 0.999) <= DELTA


def test_values_taken_for_patients_break_the_guarantee() -> None:
    """The exact binomial on clustered values passes at 5.05 % far more often than delta: the simulation sees it."""
    clustered = Scenario("clustered", flat(0.0505), values=4, shared=0.775, centres=False, sizes=(100, 300))
    found = simulate(clustered, 400, "exact_binomial", "betting")
    assert compute_lower(found["exact_binomial"].alone, 0.99) > DELTA
    assert compute_lower(found["betting"].alone, 0.99) <= DELTA


def test_an_informative_score_is_used() -> None:
    """Review all is no way out: at least 80 % of what one accepts who knows the true risk."""
    cases: tuple[tuple[Scenario, Method], ...] = (
        (Scenario("one", steep), "exact_binomial"),
        (Scenario("four", steep, values=4, spread=1.0), "betting"),
    )
    for scenario, method in cases:
        found = simulate(scenario, 60, method)[method]
        assert found.accepted.mean() >= 0.8 * found.oracle
        assert found.reviewed < 0.05


def test_an_uninformative_score_accepts_all_or_nothing() -> None:
    """Everything where the base error is below alpha, nothing where it is above."""
    below = simulate(Scenario("below", flat(0.01), centres=False), 60, "exact_binomial")["exact_binomial"]
    above = simulate(Scenario("above", flat(0.1), centres=False), 60, "exact_binomial")["exact_binomial"]
    assert np.median(below.accepted) == 1
    assert above.accepted.max() == 0
