"""Kappa, weighted kappa and AC1: published tables, statsmodels, clustered errors, what is undefined."""

import numpy as np
import pandas as pd
import pytest
from agreement_study import LABEL, TYPES, build_pairs, build_protocol, build_study, estimate, get_row
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa

from probatio.measures.chance import (
    compute_ac1,
    compute_agreement_weights,
    compute_clustered_error,
    compute_kappa,
    compute_log_bounds,
    compute_null_error,
    compute_scott_pi,
    compute_simple_error,
)
from probatio.measures.multi_rater import compute_chance_corrected, compute_krippendorff_alpha
from probatio.results import select_rows

ABSTRACTORS = np.array([[13, 0, 0], [0, 20, 7], [0, 4, 56]], dtype=float)
SHARES = np.array([0.6, 0.3, 0.1])
COHEN_1968 = np.array([[88, 14, 18], [10, 40, 10], [2, 6, 12]], dtype=float)
IMBALANCED = [
    ([[118, 5], [2, 0]], 0.944, -0.023392, 0.940776),
    ([[80, 10], [5, 5]], 0.85, 0.318182, 0.808),
    ([[40, 9], [6, 45]], 0.85, 0.699519, 0.700748),
    ([[45, 15], [25, 15]], 0.60, 0.130435, None),
    ([[25, 35], [5, 35]], 0.60, 0.259259, None),
]


def test_published_abstractors() -> None:
    """CRAN irrCAC's abstractors: kappa 0.7964094 (SE 0.05891072), AC1 0.8493305 (SE 0.0432175)."""
    kappa, ac1 = compute_kappa(ABSTRACTORS), compute_ac1(ABSTRACTORS)
    assert kappa.estimate == pytest.approx(0.7964094, abs=5.1e-8)
    assert compute_simple_error(kappa, ABSTRACTORS) == pytest.approx(0.05891072, abs=5.1e-9)
    assert ac1.estimate == pytest.approx(0.8493305, abs=5.1e-8)
    assert compute_simple_error(ac1, ABSTRACTORS) == pytest.approx(0.0432175, abs=5.1e-8)


def test_published_scott_pi() -> None:
    """The abstractors' pi 0.7962397 (SE 0.05905473); as two readers Brennan-Prediger 0.835, alpha 0.7972585."""
    found = compute_scott_pi(ABSTRACTORS)
    assert found.estimate == pytest.approx(0.7962397, abs=5.1e-8)
    assert compute_simple_error(found, ABSTRACTORS) == pytest.approx(0.05905473, abs=5.1e-9)
    cells = [(i, j) for (i, j), n in np.ndenumerate(ABSTRACTORS) for _ in range(int(n))]
    counts = np.array([[float((i == level) + (j == level)) for level in range(3)] for i, j in cells])
    several = {name: float(value[0]) for name, value in compute_chance_corrected(counts).items()}
    assert several["fleiss_kappa"] == pytest.approx(found.estimate, abs=1e-12)
    assert several["brennan_prediger"] == pytest.approx(0.835, abs=5.1e-7)
    assert several["multi_ac1"] == pytest.approx(0.8493305, abs=5.1e-8)
    alpha = compute_krippendorff_alpha(counts, np.arange(3.0), "nominal")
    assert float(alpha[0]) == pytest.approx(0.7972585, abs=5.1e-8)
    assert np.trace(ABSTRACTORS) / ABSTRACTORS.sum() == 0.89


def test_published_errors_without_agreement() -> None:
    """Cohen 1968's table were there no agreement: SE0 0.051979, weighted 0.059720; statsmodels has the same."""
    own = 1 - np.array([[0, 1, 3], [1, 0, 6], [3, 6, 0]]) / 6
    assert compute_null_error(COHEN_1968) == pytest.approx(0.051979, abs=5.1e-7)
    assert compute_null_error(COHEN_1968, own) == pytest.approx(0.059720, abs=5.1e-7)
    assert compute_null_error(COHEN_1968) == pytest.approx(cohens_kappa(COHEN_1968).std_kappa0, rel=1e-9)
    shares = COHEN_1968 / COHEN_1968.sum()
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    for weights, po, pe in ((np.eye(3), 0.70, 0.41), (own, 0.85, 0.77)):
        assert ((shares * weights).sum(), rows @ weights @ columns) == pytest.approx((po, pe), abs=1e-12)


def test_published_weighted_kappa() -> None:
    """Cohen 1968, table 1: kappa .492, weighted .348 by his own weights, .474 linear, .455 quadratic, with SEs."""
    own = 1 - np.array([[0, 1, 3], [1, 0, 6], [3, 6, 0]]) / 6
    for weights, estimate_, error in (
        (None, 0.491525, 0.051002),
        (own, 0.347826, 0.075504),
        (compute_agreement_weights(3, 1), 0.473684, 0.054432),
        (compute_agreement_weights(3, 2), 0.454545, 0.066454),
    ):
        kappa = compute_kappa(COHEN_1968, weights)
        assert kappa.estimate == pytest.approx(estimate_, abs=5.1e-7)
        assert compute_simple_error(kappa, COHEN_1968) == pytest.approx(error, abs=5.1e-7)


@pytest.mark.parametrize(("table", "agreement", "kappa", "ac1"), IMBALANCED)
def test_kappa_and_ac1_part_company_under_imbalance(table, agreement, kappa, ac1) -> None:
    """Published tables of equal agreement and unequal margins reproduce both coefficients."""
    assert np.trace(table) / np.sum(table) == pytest.approx(agreement, abs=1e-12)
    assert compute_kappa(np.array(table, dtype=float)).estimate == pytest.approx(kappa, abs=5.1e-7)
    if ac1 is not None:
        assert compute_ac1(np.array(table, dtype=float)).estimate == pytest.approx(ac1, abs=5.1e-7)


@pytest.mark.parametrize(("power", "name"), [(None, None), (1, "linear"), (2, "quadratic")])
def test_statsmodels_agrees(power: int | None, name: str | None) -> None:
    """Random tables: another implementation gives the same kappas and the same variances."""
    rng = np.random.default_rng(8)
    for size in (2, 3, 5):
        table = rng.integers(0, 30, size=(size, size)) + 20 * np.eye(size)
        weights = None if power is None else compute_agreement_weights(size, power)
        ours, theirs = compute_kappa(table, weights), cohens_kappa(table, wt=name)
        assert ours.estimate == pytest.approx(theirs.kappa, abs=1e-12)
        assert compute_simple_error(ours, table) ** 2 == pytest.approx(theirs.var_kappa, rel=1e-9)


@pytest.mark.parametrize("compute", [compute_kappa, compute_ac1, compute_scott_pi])
def test_influence_is_the_derivative(compute) -> None:
    """Adding a grain of weight to a cell moves the coefficient by the cell's influence (central difference)."""
    grain, n = 1e-4, COHEN_1968.sum()
    influence = compute(COHEN_1968).influence
    assert (COHEN_1968 * influence).sum() == pytest.approx(0, abs=1e-9)
    for cell in np.ndindex(3, 3):
        moved = [COHEN_1968.copy(), COHEN_1968.copy()]
        moved[0][cell] += grain * n
        moved[1][cell] -= grain * n
        slope = (compute(moved[0]).estimate - compute(moved[1]).estimate) / (2 * grain)
        assert influence[cell] == pytest.approx(slope, abs=1e-4)


def build_table_pairs(table: np.ndarray, copies: int = 1, **constants):
    levels = TYPES["stage"]["levels"]
    cells = [(i, j) for (i, j), n in np.ndenumerate(table) for _ in range(int(n))]
    frames = []
    for copy in range(copies):
        values = [(f"P{place:04d}", levels[i], levels[j], "C" if i == j else "W") for place, (i, j) in enumerate(cells)]
        frames.append(build_pairs(values, variable="stage", visit=str(copy), **constants))
    return pd.concat(frames)


def test_rows_carry_the_published_interval() -> None:
    """One value per patient: the row's interval is the estimate -+ 1.96 published standard errors."""
    row = get_row(estimate(build_table_pairs(COHEN_1968)), "kappa")
    assert (row.method, row.n, row.k, row.clusters) == ("fleiss_cohen_everitt", 200, 140, 200)
    half = 1.959964 * 0.051002
    assert (row.lower, row.upper) == pytest.approx((0.491525 - half, 0.491525 + half), abs=2e-6)
    assert get_row(estimate(build_table_pairs(COHEN_1968)), "ac1").method == "gwet"


@pytest.mark.parametrize(
    ("weights", "expected", "error"),
    [
        ([[0, 1, 3, 9], [1, 0, 6, 9], [3, 6, 0, 9], [9, 9, 9, 0]], None, None),
        ([[0, 1, 3], [1, 0, 6], [3, 6, 0]], 0.347826, 0.075504),
        ("linear", 0.473684, 0.054432),
        ("quadratic", 0.454545, 0.066454),
    ],
)
def test_declared_weights_reach_the_rows(weights, expected, error) -> None:
    """Cohen 1968's own weights in the protocol give his weighted kappa with its published error; `at` tells them."""
    levels = TYPES["stage"]["levels"][: 4 if expected is None else 3]
    variable = {"name": "stage", "label": LABEL, "type": "ordinal", "levels": levels, "weights": weights}
    rows = estimate(build_table_pairs(COHEN_1968), build_protocol(variables=[variable]))
    at = weights if isinstance(weights, str) else "; ".join(" ".join(map(str, row)) for row in weights)
    row = get_row(rows, "kappa_weighted", at=at)
    if expected is None:
        matrix = 1 - np.array(weights) / 9
        expected = compute_kappa(COHEN_1968, matrix[:3, :3]).estimate
        error = compute_simple_error(compute_kappa(COHEN_1968, matrix[:3, :3]), COHEN_1968)
    assert row.estimate == pytest.approx(expected, abs=5.1e-7)
    assert row.upper - row.estimate == pytest.approx(1.959964 * error, abs=2e-6)
    if isinstance(weights, str):
        assert row.estimate == get_row(rows, f"kappa_{weights}").estimate
        assert get_row(rows, "ac2_weighted").estimate == get_row(rows, f"ac2_{weights}").estimate
    else:
        assert get_row(rows, "ac2_weighted", at=at).status == "ok"


def test_without_declared_weights_there_is_no_row_of_them() -> None:
    """Weighted rows by the protocol's own weights exist only where it declares some."""
    assert select_rows(estimate(build_table_pairs(COHEN_1968)), metric=["kappa_weighted", "ac2_weighted"]).empty


def test_copies_of_a_value_do_not_narrow_kappa() -> None:
    """Three copies of every value leave kappa and, but for t and the scale, the width of its interval unchanged."""
    one = get_row(estimate(build_table_pairs(COHEN_1968)), "kappa")
    many = get_row(estimate(build_table_pairs(COHEN_1968, copies=3)), "kappa")
    assert (many.method, many.n, many.clusters) == ("clustered_log_t", 600, 200)
    assert many.estimate == pytest.approx(one.estimate, abs=1e-12)
    assert many.upper - many.lower == pytest.approx(one.upper - one.lower, rel=0.04)


def test_whole_weights_are_copies() -> None:
    """A weight of 2 gives the kappa of the value written twice."""
    pairs = build_table_pairs(COHEN_1968)
    weight = 1.0 + (np.arange(200) % 2)
    row = get_row(estimate(pairs.assign(weight=weight)), "kappa")
    table = np.zeros((4, 4))
    codes = {level: place for place, level in enumerate(TYPES["stage"]["levels"])}
    for pair, w in zip(pairs.itertuples(), weight, strict=True):
        table[codes[pair.reference], codes[pair.value]] += w
    assert row.estimate == pytest.approx(compute_kappa(table).estimate, abs=1e-12)
    assert (row.n, row.method) == (200, "weighted_log_t")


def test_clustered_error_is_the_jackknife_one() -> None:
    """The linearised error agrees with leaving out one patient at a time (within 3 %)."""
    pairs, _ = build_study(6, patients=150, visits=("1", "2", "3"))
    pairs = pairs[(pairs["source"] == "ai") & (pairs["variable"] == "stage") & pairs["outcome"].isin(["C", "W"])]
    pairs = pairs[pairs["conformant"]]
    levels = TYPES["stage"]["levels"]
    codes = [pairs[name].map(levels.index).to_numpy() for name in ("reference", "value")]
    patient = np.unique(pairs["patient_id"], return_inverse=True)[1]

    def count(keep: np.ndarray) -> np.ndarray:
        return np.bincount(codes[0][keep] * 4 + codes[1][keep], minlength=16).reshape(4, 4).astype(float)

    whole = compute_kappa(count(np.full(len(patient), True)))
    error = compute_clustered_error(whole.influence[codes[0], codes[1]], patient, np.ones(len(patient)))
    left = np.array([compute_kappa(count(patient != one)).estimate for one in range(patient.max() + 1)])
    jackknife = np.sqrt((len(left) - 1) / len(left) * ((left - left.mean()) ** 2).sum())
    assert error == pytest.approx(jackknife, rel=0.03)


def draw_clustered(rng: np.random.Generator, p: float, correlation: float):
    """300 patients with 1 to 10 values; half of the references are the patient's own class; errors hang together."""
    sizes, spread = rng.choice([1, 1, 2, 3, 6, 10], 300), (1 - correlation) / correlation
    patient = np.repeat(np.arange(300), sizes)
    own, each = (rng.choice(3, size=size, p=SHARES) for size in (300, len(patient)))
    first = np.where(rng.random(len(patient)) < 0.5, own[patient], each)
    risk = rng.beta(p * spread, (1 - p) * spread, 300)[patient]
    second = np.where(rng.random(len(patient)) < risk, (first + rng.integers(1, 3, len(patient))) % 3, first)
    return patient, first, second


@pytest.mark.parametrize(("p", "correlation"), [(0.02, 0.4), (0.02, 0.8), (0.15, 0.4)])
def test_clustered_kappa_covers(p: float, correlation: float) -> None:
    """Few patients that disagree: on the log scale with their degrees of freedom 600 studies keep 93 %, plainly not."""
    rng, held = np.random.default_rng(6), []
    shares = np.array([[SHARES[i] * (1 - p if i == j else p / 2) for j in range(3)] for i in range(3)])
    truth = compute_kappa(shares).estimate
    for _ in range(600):
        patient, first, second = draw_clustered(rng, p, correlation)
        found = compute_kappa(np.bincount(first * 3 + second, minlength=9).reshape(3, 3).astype(float))
        error = compute_clustered_error(found.influence[first, second], patient, np.ones(len(patient)))
        freedom = max(len(np.unique(patient[first != second])) - 1, 1)
        lower, upper = compute_log_bounds(found.estimate, error, stats.t.ppf(0.975, freedom))
        plain = abs(found.estimate - truth) <= stats.t.ppf(0.975, 299) * error
        held.append((lower <= truth <= upper, plain))
    covered = np.sum(held, axis=0)
    assert covered[0] >= stats.binom.ppf(1e-4, 600, 0.93)
    assert (covered[1] < stats.binom.ppf(1e-2, 600, 0.93)) == (p == 0.02)


@pytest.mark.parametrize(("differing", "said"), [(14, "few_events_caution"), (15, "")])
def test_few_disagreements_are_said(differing: int, said: str) -> None:
    """With one value per patient kappa and AC1 say a caution below 15 patients that disagree, and stay ok."""
    rows = estimate(build_table_pairs(np.diag([80, 60, 30, 20]) + np.diag([differing, 0, 0], 1)))
    for metric in ("kappa", "ac1", "kappa_quadratic"):
        row = get_row(rows, metric)
        assert (row.status, row.reason, row.n - row.k) == ("ok", said, differing)


def test_log_bounds_stay_below_one() -> None:
    """However large the error: the interval holds the estimate and never reaches 1; rows cut it at -1."""
    for estimate_, error in ((0.99, 0.5), (0.0, 1e-3), (-0.3, 40.0), (0.9, 1e9)):
        lower, upper = compute_log_bounds(estimate_, error, 12.7)
        assert lower < estimate_ < upper <= 1
    lower, upper = compute_log_bounds(0.6, 0.01, 1.96)
    assert (lower, upper) == pytest.approx((0.6 - 0.0196, 0.6 + 0.0196), abs=6e-4)


def test_kappa_interval_covers() -> None:
    """Over 4000 simulated tables of 150 values the interval covers the true kappa in 93.5 to 96.5 %."""
    shares = np.array([[0.35, 0.05, 0.03], [0.04, 0.25, 0.03], [0.02, 0.03, 0.20]])
    truth = compute_kappa(shares).estimate
    tables = np.random.default_rng(4).multinomial(150, shares.ravel(), size=4000).reshape(-1, 3, 3).astype(float)
    coefficients = [compute_kappa(table) for table in tables]
    z = [
        (one.estimate - truth) / compute_simple_error(one, table)
        for one, table in zip(coefficients, tables, strict=True)
    ]
    assert 0.935 <= np.mean(np.abs(z) <= 1.959964) <= 0.965


def test_a_standard_of_one_class_has_no_kappa() -> None:
    """When the reference shows one class, kappa and AC1 are not estimable; between readings, when either does."""
    pairs = build_pairs([(f"P{i}", "adeno", "adeno" if i else "other", "C" if i else "W") for i in range(9)])
    swapped = pairs.rename(columns={"reference": "value", "value": "reference"})
    for case in (pairs, swapped.assign(kind="agreement")):
        for metric in ("kappa", "ac1"):
            row = get_row(estimate(case), metric)
            assert (row.status, row.reason, row.n) == ("not_estimable", "one_class_only", 9)


def test_a_source_that_always_says_the_same_has_kappa_zero() -> None:
    """A source blind to a class that exists agrees no better than by chance: kappa 0, without an interval."""
    pairs = build_pairs([(f"P{i}", "adeno" if i % 3 else "other", "adeno", "C" if i % 3 else "W") for i in range(30)])
    row = get_row(estimate(pairs), "kappa")
    assert (row.status, row.reason) == ("ok", "no_interval")
    assert row.estimate == pytest.approx(0, abs=1e-12)


def test_nothing_documented_twice_has_no_kappa() -> None:
    """Omissions only: no value documented on both sides, an empty denominator."""
    row = get_row(estimate(build_pairs([(f"P{i}", "adeno", "", "O") for i in range(4)])), "kappa")
    assert (row.status, row.reason) == ("not_estimable", "empty_denominator")


def test_perfect_agreement_has_no_zero_width() -> None:
    """Kappa 1 has an estimate and says that it has no interval."""
    row = get_row(estimate(build_table_pairs(np.diag([10, 10, 10]))), "kappa")
    assert (row.estimate, row.reason, np.isnan(row.lower)) == (1.0, "no_interval", True)


def test_odd_values_disagree() -> None:
    """A value that names no class lowers kappa like a class of its own, and disagrees fully when weighted."""
    good = build_table_pairs(COHEN_1968)
    odd = good.copy()
    odd.iloc[:5, odd.columns.get_indexer(["value", "outcome", "conformant"])] = ["?", "W", False]
    wide = np.zeros((5, 5))
    wide[:3, :3] = COHEN_1968
    wide[0, 0] -= 5
    wide[0, 4] += 5
    rows = estimate(odd)
    assert get_row(rows, "kappa").estimate == pytest.approx(compute_kappa(wide).estimate, abs=1e-12)
    weights = np.eye(5)
    weights[:4, :4] = compute_agreement_weights(4, 2)
    assert get_row(rows, "kappa_quadratic").estimate == pytest.approx(compute_kappa(wide, weights).estimate, abs=1e-12)
    assert get_row(rows, "kappa_quadratic").estimate < get_row(estimate(good), "kappa_quadratic").estimate


@pytest.mark.parametrize(("power", "expected"), [(1, 0.6097561), (2, 0.6385542)])
def test_ac2_by_hand(power: int, expected: float) -> None:
    """Cohen 1968's table by hand: pi .55 .30 .15; linear (.80 - .4875) / .5125, quadratic (.85 - .585) / .415."""
    assert compute_ac1(COHEN_1968, compute_agreement_weights(3, power)).estimate == pytest.approx(expected, abs=5.1e-8)


def test_ac2_influence_is_the_derivative() -> None:
    """Weighted too, a grain of weight in a cell moves AC2 by the cell's influence (central difference)."""
    weights, grain, n = compute_agreement_weights(3, 2), 1e-4, COHEN_1968.sum()
    influence = compute_ac1(COHEN_1968, weights).influence
    for cell in np.ndindex(3, 3):
        step = np.zeros((3, 3))
        step[cell] = grain * n
        up, down = (compute_ac1(table, weights).estimate for table in (COHEN_1968 + step, COHEN_1968 - step))
        assert (up - down) / (2 * grain) == pytest.approx(influence[cell], abs=1e-6)


def test_ac2_of_two_classes_is_ac1() -> None:
    """With two classes there is nothing to weigh: AC2 is AC1, its error too."""
    table = np.array([[40, 9], [6, 45]], dtype=float)
    plain, weighted = compute_ac1(table), compute_ac1(table, compute_agreement_weights(2, 2))
    assert weighted.estimate == pytest.approx(plain.estimate, abs=1e-12)
    assert weighted.influence == pytest.approx(plain.influence, abs=1e-12)
