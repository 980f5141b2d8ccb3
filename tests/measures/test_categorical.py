"""Sensitivity, PPV and F1: how each outcome counts, intervals by replicates and exact ones."""

import numpy as np
import pandas as pd
import pytest
from agreement_study import TYPES, build_pairs, build_patients, build_protocol, build_study, estimate, get_row

from probatio.measures.cells import derive_cells
from probatio.resampling import Draws, compute_clopper_pearson
from probatio.results import select_rows

# reference, delivered, outcome, conforms
BY_HAND = [
    *[("adeno", "adeno", "C", True)] * 6,
    *[("adeno", "squamous", "W", True)] * 2,
    ("adeno", "carcinoma?", "W", False),
    ("adeno", "", "O", True),
    *[("squamous", "squamous", "C", True)] * 3,
    ("squamous", "adeno", "W", True),
    ("", "squamous", "U", True),
    ("", "carcinoma?", "U", False),
    *[("", "", "B", True)] * 4,
]


def build_by_hand():
    pairs = build_pairs([(f"P{i:02d}", *row[:3]) for i, row in enumerate(BY_HAND)])
    return pairs.assign(conformant=[row[3] for row in BY_HAND])


def test_each_outcome_counts_as_declared() -> None:
    """W is a false negative and a false positive, O a false negative, U a false positive, an odd value FN only."""
    rows = estimate(build_by_hand())
    expected = {
        "adeno": {"sensitivity": (6, 10), "ppv": (6, 7), "f1": (6, 11)},
        "squamous": {"sensitivity": (3, 4), "ppv": (3, 6), "f1": (3, 7)},
    }
    for term, metrics in expected.items():
        for metric, (k, n) in metrics.items():
            row = get_row(rows, metric, term=term)
            assert (row.k, row.n) == (k, n)
            assert row.estimate == pytest.approx(2 * k / (k + n) if metric == "f1" else k / n)
    macro = get_row(rows, "macro_f1")
    assert macro.estimate == pytest.approx((12 / 17 + 6 / 10) / 2)
    assert (macro.n, macro.k) == (15, 9)


def test_a_level_nobody_has_is_undefined() -> None:
    """A declared level that never occurs has rows, not estimable, and does not enter the macro F1."""
    rows = estimate(build_by_hand())
    for metric in ("sensitivity", "ppv", "f1"):
        row = get_row(rows, metric, term="other")
        assert (row.status, row.reason, row.n) == ("not_estimable", "empty_denominator", 0)


def test_a_level_given_but_never_true_scores_zero() -> None:
    """A class the source invents has F1 0 and pulls the macro F1 down."""
    pairs = build_pairs([*[(f"P{i}", "adeno", "adeno", "C") for i in range(5)], ("Q1", "squamous", "squamous", "C"),
                         ("R1", "adeno", "other", "W")])  # fmt: skip
    rows = estimate(pairs)
    assert get_row(rows, "f1", term="other").estimate == 0
    assert get_row(rows, "sensitivity", term="other").status == "not_estimable"
    assert get_row(rows, "macro_f1").estimate == pytest.approx((10 / 11 + 1 + 0) / 3)


def test_one_class_only_has_no_macro_f1() -> None:
    """A reference that shows one class cannot tell classes apart: not estimable, with its reason."""
    rows = estimate(build_pairs([(f"P{i}", "adeno", "adeno", "C") for i in range(9)]))
    row = get_row(rows, "macro_f1")
    assert (row.status, row.reason) == ("not_estimable", "one_class_only")
    assert get_row(rows, "sensitivity", term="adeno").estimate == 1


def test_perfect_f1_has_an_exact_interval() -> None:
    """At F1 = 1 replicates do not vary: the exact bound of J is carried over, never a width of 0."""
    pairs = build_pairs([(f"P{i:02d}", level, level, "C") for i, level in enumerate(["adeno"] * 30 + ["other"] * 20)])
    rows = estimate(pairs)
    row = get_row(rows, "f1", term="adeno")
    jaccard = float(compute_clopper_pearson(30, 30, 0.95)[0])
    assert (row.method, row.upper, row.replicates is not None) == ("exact_jaccard", 1.0, True)
    assert row.lower == pytest.approx(2 * jaccard / (1 + jaccard))
    macro = get_row(rows, "macro_f1")
    assert (macro.status, macro.reason, np.isnan(macro.lower)) == ("ok", "no_interval", True)


def compute_naive_replicates(pairs, patients, draws, levels):
    """F1 by resampling whole rows, replicate by replicate: slow, and written without the tables."""
    order = sorted(patients.index)
    replicates = []
    for weights in draws.weights(patients):
        drawn = np.repeat(order, weights)
        rows = [row for name in drawn for row in pairs[pairs["patient_id"] == name].itertuples()]
        f1 = []
        for level in levels:
            tp = sum(row.weight for row in rows if row.outcome == "C" and row.reference == level)
            fn = sum(row.weight for row in rows if row.outcome in "WO" and row.reference == level)
            fp = sum(row.weight for row in rows if row.outcome in "WU" and row.value == level and row.conformant)
            f1.append(2 * tp / (2 * tp + fp + fn) if tp + fp + fn else np.nan)
        replicates.append(f1)
    return np.array(replicates)


@pytest.mark.parametrize("weighted", [False, True])
def test_replicates_equal_naive_row_resampling(weighted: bool) -> None:
    """The matrix products give the interval of a plain loop that copies rows, patient by patient."""
    pairs, patients = build_study(4, patients=30, visits=("1", "2"), weighted=weighted)
    pairs = pairs[pairs["source"] == "ai"]
    draws = Draws(1, "all", "patient", 60)
    rows = estimate(pairs, patients=patients, replicates=60)
    stage = pairs[pairs["variable"] == "stage"]
    levels = TYPES["stage"]["levels"]
    naive = compute_naive_replicates(stage, patients, draws, levels)
    for place, level in enumerate(levels):
        row = get_row(rows, "f1", term=level, variable="stage")
        bounds = np.nanquantile(naive[:, place], [0.025, 0.975], method="weibull")
        assert (row.lower, row.upper) == pytest.approx(tuple(bounds), abs=1e-12)
    macro = get_row(rows, "macro_f1", variable="stage")
    bounds = np.quantile(np.nanmean(naive, axis=1), [0.025, 0.975], method="weibull")
    assert (macro.lower, macro.upper, macro.replicates) == pytest.approx((*bounds, 60), abs=1e-12)


def test_chunks_of_replicates_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any chunk size gives the same F1 rows."""
    pairs, patients = build_study(4, patients=30)
    whole = estimate(pairs, patients=patients)
    monkeypatch.setattr("probatio.resampling.totals._CHUNK", 30 * 17)
    assert estimate(pairs, patients=patients).equals(whole)


def test_few_centres_are_not_resampled() -> None:
    """For a new centre with fewer than twenty centres F1 keeps its estimate and has no interval."""
    pairs, patients = build_study(4)
    row = get_row(estimate(pairs, patients=patients, unit="centre"), "macro_f1", variable="stage", source="ai")
    assert (row.status, row.reason, np.isnan(row.lower)) == ("ok", "too_few_clusters", True)
    many = patients.assign(centre=[f"K{i // 2}" for i in range(60)])
    row = get_row(estimate(pairs, patients=many, unit="centre"), "macro_f1", variable="stage", source="ai")
    assert (row.reason, row.replicates, row.cluster_unit) == ("", 200, "centre")
    assert row.lower < row.estimate < row.upper


def test_f1_covers() -> None:
    """The percentile interval of F1 covers the truth in at least 91 % of 300 simulated studies of 120 patients."""
    shares = np.array([[0.40, 0.05, 0.05], [0.06, 0.24, 0.0], [0.03, 0.0, 0.17]])
    truth = 2 * 0.40 / (0.50 + 0.49)
    rng = np.random.default_rng(2)
    levels = TYPES["histology"]["levels"]
    frames = []
    names = [f"P{i:03d}" for i in range(120)]
    for study in range(300):
        cell = rng.choice(9, size=120, p=shares.ravel())
        true, given = np.array(levels)[cell // 3], np.array(levels)[cell % 3]
        rows = list(zip(names, true, given, np.where(true == given, "C", "W"), strict=True))
        frames.append(build_pairs(rows, source=f"ai{study:03d}"))
    rows = select_rows(estimate(pd.concat(frames), replicates=400), metric="f1", term="adeno")
    covered = ((rows["lower"] <= truth) & (truth <= rows["upper"])).mean()
    assert len(rows) == 300
    assert covered >= 0.91


def test_attributes_of_events_are_classified() -> None:
    """The grade of matched adverse events is an ordinal variable with its declared levels."""
    pairs = build_pairs([(f"P{i}", str(1 + i % 3), str(1 + i % 2), "C" if i % 6 < 2 else "W") for i in range(12)],
                        variable="adverse_events.grade", event="1")  # fmt: skip
    rows = estimate(pairs)
    assert set(select_rows(rows, metric="f1")["term"]) == {"1", "2", "3"}
    assert "kappa_quadratic" in set(rows["metric"])


def test_numbers_have_no_classes() -> None:
    """A number or date has outcome rates, no sensitivity and no kappa."""
    rows = estimate(build_by_hand().assign(variable="weight"))
    assert not set(rows["metric"]) & {"sensitivity", "ppv", "f1", "macro_f1", "kappa", "ac1"}


def test_cells_are_sorted_whatever_the_input() -> None:
    """Cells stand in one order: group, patient, visit, event."""
    pairs, patients = build_study(1, visits=("1", "2"))
    shuffled = pairs.sample(frac=1, random_state=3)
    one, two = (derive_cells(p, patients, build_protocol(), unit="patient") for p in (pairs, shuffled))
    assert one.pairs.equals(two.pairs)
    assert (one.cluster == two.cluster).all()
    assert build_patients(pairs).index.equals(patients.sort_index().index)
