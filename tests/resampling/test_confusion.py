"""Replicates from totals and from patterns: the same numbers as values drawn one by one, the same law."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from probatio.measures.chance import compute_kappa
from probatio.resampling import (
    Draws,
    Patterns,
    Readings,
    compute_joint_replicates,
    compute_pattern_replicates,
    compute_totals,
    derive_patterns,
)
from probatio.resampling.totals import is_exact


def build_readings(seed: int, patients: int, values: int, classes: int, *, stray: bool = False) -> Readings:
    """Values of random patients; one in five is read otherwise, some as no class at all."""
    rng = np.random.default_rng(seed)
    first = rng.integers(classes, size=values)
    second = np.where(rng.random(values) < 0.2, rng.integers(-1 if stray else 0, classes, size=values), first)
    return Readings(rng.integers(patients, size=values), first, second, classes)


def build_patients(sizes: dict[str, int]) -> pd.DataFrame:
    centres = [centre for centre, size in sizes.items() for _ in range(size)]
    return pd.DataFrame({"centre": centres}, index=[f"P{i:05d}" for i in range(len(centres))])


def compute_plainly(readings: Readings, weight) -> tuple[float, float, float]:
    """Copy each value as often as its patient is drawn, then apply the formulas to the values themselves."""
    drawn = np.repeat(np.arange(len(readings.first)), weight[readings.patient])
    first, second = readings.first[drawn], readings.second[drawn]
    if not len(drawn):
        return (np.nan,) * 3
    size = readings.classes + 1
    table = np.bincount(first * size + np.where(second < 0, readings.classes, second), minlength=size**2)
    scores = []
    for code in range(readings.classes):
        both, either = ((first == code) & (second == code)).sum(), (first == code).sum() + (second == code).sum()
        scores += [2 * both / either] if either else []
    return (first == second).mean(), compute_kappa(table.reshape(size, size).astype(float)).estimate, np.mean(scores)


@pytest.mark.parametrize("stray", [False, True])
def test_totals_give_the_numbers_of_values_drawn_one_by_one(stray: bool) -> None:
    """Accuracy, kappa and macro F1 of every replicate and variable equal those of the copied values."""
    variables = [build_readings(i, 40, 30 * i, 2 + i, stray=stray) for i in range(1, 5)]
    weights = Draws(5, "all", "patient", 60).weights(build_patients({"A": 25, "B": 15}))
    ours = compute_joint_replicates(variables, weights)
    for place, variable in enumerate(variables):
        plain = np.array([compute_plainly(variable, weight) for weight in weights]).T
        for found, expected in zip((ours.accuracy, ours.kappa, ours.macro_f1), plain, strict=True):
            assert np.allclose(found[:, place], expected, rtol=1e-12, atol=1e-12, equal_nan=True)


def test_a_variable_beside_it_moves_no_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone, among others or in blocks of its own: the very same floats."""
    variables = [build_readings(i, 40, 200, 4) for i in range(6)]
    weights = Draws(5, "all", "patient", 50).weights(build_patients({"A": 40}))
    whole = compute_joint_replicates(variables, weights)
    alone = [compute_joint_replicates([variable], weights) for variable in variables]
    monkeypatch.setattr("probatio.resampling.confusion._COLUMNS", 40 * 24)
    monkeypatch.setattr("probatio.resampling.totals._CHUNK", 40 * 7)
    cut = compute_joint_replicates(variables, weights)
    for name in ("accuracy", "kappa", "macro_f1"):
        assert np.array_equal(getattr(whole, name), np.column_stack([getattr(x, name) for x in alone]), equal_nan=True)
        assert np.array_equal(getattr(whole, name), getattr(cut, name), equal_nan=True)


def test_patterns_are_patients_merged() -> None:
    """With the patients' own draws summed per pattern, replicates are the same floats as from patients."""
    readings = build_readings(3, 300, 700, 4, stray=True)
    weights = Draws(5, "all", "patient", 80).weights(build_patients({"A": 200, "B": 100}))
    patterns = derive_patterns(readings.count(300))
    drawn = np.array([np.bincount(patterns.place, weight, len(patterns.table)) for weight in weights]).astype(np.int64)
    assert len(patterns.table) < 250
    ours, whole = compute_pattern_replicates(patterns, drawn), compute_joint_replicates([readings], weights)
    for name in ("accuracy", "kappa", "macro_f1"):
        assert np.array_equal(getattr(ours, name), getattr(whole, name), equal_nan=True)


@pytest.mark.parametrize("unit", ["patient", "centre"])
def test_patterns_have_the_law_of_patient_weights(unit: str) -> None:
    """Mean and covariance of drawn patterns are those of patients' weights summed, within and over centres."""
    patients = build_patients({"A": 60, "B": 25, "C": 12, "D": 4})
    readings = Readings(np.arange(101), np.arange(101) % 3, np.arange(101) % 2, 3)
    patterns = derive_patterns(readings.count(101))
    draws = Draws(2, "all", unit, 40_000)
    weights = draws.weights(patients).astype(float)
    summed = np.array([weights[:, patterns.place == code].sum(axis=1) for code in range(len(patterns.table))])
    drawn = draws.draw_patterns(patterns.count(draws.derive_strata(patients)), "x").T
    scale = np.sqrt(np.diag(np.cov(summed)))
    assert np.abs(drawn.mean(axis=1) - summed.mean(axis=1)).max() < 5 * scale.max() / np.sqrt(40_000 / 2)
    assert np.abs(np.cov(drawn) - np.cov(summed)).max() < 0.05 * scale.max() ** 2
    if unit == "patient":
        assert (drawn.sum(axis=0) == 101).all()
    for one, two in zip(drawn, summed, strict=True):
        assert stats.ks_2samp(one, two).pvalue > 1e-4


def test_the_multinomial_is_exact() -> None:
    """Of 12 patients in two strata the chance of each draw of a pattern is the binomial one."""
    sizes = np.array([[3, 7], [2, 0]])
    drawn = Draws(4, "all", "patient", 50_000).draw_patterns(sizes, "x")
    assert (drawn.sum(axis=1) == 12).all()
    seen = np.bincount(drawn[:, 1], minlength=11)
    assert (
        stats.chisquare(
            seen[2:10],
            50_000
            * stats.binom.pmf(np.arange(2, 10), 10, 0.7)
            / stats.binom.pmf(np.arange(2, 10), 10, 0.7).sum()
            * seen[2:10].sum()
            / 50_000,
        ).pvalue
        > 1e-4
    )


def test_draws_of_patterns_depend_on_design_and_name_alone() -> None:
    """The same design and variable give the same draws; another name, seed or frame gives others."""
    sizes = np.array([[30, 70, 11]])
    first = Draws(3, "all", "patient", 50).draw_patterns(sizes, "stage")
    assert (first == Draws(3, "all", "patient", 50).draw_patterns(sizes, "stage")).all()
    for draws, name in ((Draws(3, "all", "patient", 50), "ecog"), (Draws(4, "all", "patient", 50), "stage"),
                        (Draws(3, "liver", "patient", 50), "stage")):  # fmt: skip
        assert (first != draws.draw_patterns(sizes, name)).any()


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 1 << 40), min_size=3, max_size=3), min_size=1, max_size=30))
def test_patterns_tell_all_different_patients_apart(rows: list[list[int]]) -> None:
    """However large the totals: patients share a pattern if and only if their totals are equal."""
    table = np.array(rows)
    patterns = derive_patterns(table)
    assert (patterns.table[patterns.place] == table).all()
    assert len(patterns.table) == len({tuple(row) for row in rows})


def test_strata_are_those_of_the_weights() -> None:
    """Patients drawn per stratum keep its size in every replicate: large centres alone, small ones together."""
    patients = build_patients({"A": 40, "B": 12, "C": 3, "D": 8})
    draws = Draws(7, "all", "patient", 30)
    strata, weights = draws.derive_strata(patients), draws.weights(patients)
    assert np.bincount(strata).tolist() == [40, 12, 11]
    for stratum in range(3):
        assert (weights[:, strata == stratum].sum(axis=1) == (strata == stratum).sum()).all()
    assert Draws(7, "all", "centre", 30).derive_strata(patients).max() == 3


def test_whole_totals_are_exact_where_single_precision_holds_them() -> None:
    """Sums near 2^24 are exact: single precision is left before it would round."""
    weights = np.array([[3, 1]], dtype=np.uint16)
    for value in ((1 << 22) - 1, (1 << 22) + 1, (1 << 24) - 1):
        table = np.array([[value], [1]])
        assert compute_totals(weights, table)[0, 0] == 3 * value + 1
    assert is_exact(weights, np.array([[1.0], [2.0]]))
    assert not is_exact(weights, np.array([[1.5], [2.0]]))
    assert not is_exact(weights, np.array([[1 << 23], [0]]))


def test_undefined_stays_undefined() -> None:
    """No value drawn: nothing is known; one class drawn: accuracy, F1, no kappa. No variable: no column."""
    readings = Readings(np.array([0, 1]), np.array([0, 1]), np.array([0, 1]), 2)
    weights = np.array([[0, 0, 2], [2, 0, 0], [1, 1, 0]], dtype=np.uint16)
    found = compute_joint_replicates([readings], weights)
    assert np.isnan(found.accuracy[:, 0]).tolist() == [True, False, False]
    assert np.isnan(found.kappa[:, 0]).tolist() == [True, True, False]
    assert np.isnan(found.macro_f1[:, 0]).tolist() == [True, False, False]
    assert compute_joint_replicates([], weights).kappa.shape == (3, 0)


def test_the_interval_of_patterns_is_that_of_patients() -> None:
    """Percentile bounds of kappa from patterns and from patients agree within their Monte Carlo error."""
    patients = build_patients({"A": 150, "B": 150})
    readings = build_readings(8, 300, 300, 3)
    draws = Draws(1, "all", "patient", 4000)
    patterns = derive_patterns(readings.count(300))
    drawn = draws.draw_patterns(patterns.count(draws.derive_strata(patients)), "x")
    ours = compute_pattern_replicates(patterns, drawn).kappa[:, 0]
    theirs = compute_joint_replicates([readings], draws.weights(patients)).kappa[:, 0]
    assert stats.ks_2samp(ours, theirs).pvalue > 1e-4
    assert np.allclose(np.quantile(ours, [0.025, 0.975]), np.quantile(theirs, [0.025, 0.975]), atol=0.15 * ours.std())


def measure(run) -> float:
    """Least processor seconds of seven runs."""
    seconds = []
    for _ in range(7):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    return min(seconds)


def test_resampling_a_hundred_times_the_patients_costs_the_same() -> None:
    """One variable of 10,000 and of 1,000,000 patients: less than half as much again for 1000 replicates."""
    rng, seconds = np.random.default_rng(1), []
    for patients in (10_000, 1_000_000):
        first = rng.integers(5, size=patients)
        second = np.where(rng.random(patients) < 0.1, rng.integers(5, size=patients), first)
        patterns = derive_patterns(Readings(np.arange(patients), first, second, 5).count(patients))
        sizes, draws = patterns.count(rng.integers(15, size=patients)), Draws(1, "all", "patient", 1000)
        seconds.append(measure(lambda: compute_pattern_replicates(patterns, draws.draw_patterns(sizes, "x"))))  # noqa: B023
    assert seconds[1] < 1.5 * seconds[0]


def test_products_beat_copied_rows() -> None:
    """2,000 patients with two values each, ten variables: a replicate takes less than a fifth of copied rows."""
    variables = [build_readings(i, 2000, 4000, 5) for i in range(10)]
    weights = Draws(5, "all", "patient", 400).weights(build_patients({"A": 2000}))

    def copy() -> None:
        for weight in weights[:10]:
            for each in variables:
                drawn = np.repeat(np.arange(4000), weight[each.patient])
                np.bincount(each.first[drawn] * 5 + each.second[drawn], minlength=25)

    assert measure(lambda: compute_joint_replicates(variables, weights)) / 400 < measure(copy) / 10 / 5


def test_a_million_patients_are_drawn_as_three_patterns() -> None:
    """A million patients of three patterns are one multinomial draw per replicate: patterns, not patients, are held."""
    patterns = Patterns(np.eye(3, dtype=np.int64), np.zeros(0, dtype=np.int64))
    drawn = Draws(1, "all", "patient", 200).draw_patterns(np.array([[900_000, 99_999, 1]]), "x")
    assert drawn.shape == (200, 3)
    assert (drawn.sum(axis=1) == 1_000_000).all()
    assert drawn[:, 1].std() == pytest.approx(np.sqrt(1e6 * 0.099999 * 0.900001), rel=0.2)
    assert compute_totals(drawn.astype(np.uint16)[:, :0], patterns.table[:0]).shape == (200, 3)
