"""Correction for known sensitivity and specificity: published examples, inverses, coverage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probatio.measures.misclassification import (
    Accuracy,
    compute_corrected_odds_ratio,
    compute_matrix_correction,
    compute_rogan_gladen,
)

SHARE = st.floats(0.05, 0.95)


def test_rogan_gladen_by_hand() -> None:
    """A quarter read positive with Se .90 and Sp .95 is a prevalence of 0.235294."""
    found = compute_rogan_gladen(25, 100, Accuracy(0.90, 0.95), 0.95)
    assert found.estimate == pytest.approx(0.235294, abs=5.1e-7)
    assert found.lower < found.estimate < found.upper


def test_published_odds_ratios() -> None:
    """Chu 2006 and Fink and Lash, as documented for episensr, to six digits."""
    chu = compute_corrected_odds_ratio((126, 71), (92, 224), Accuracy(0.94, 0.97), 0.95)
    assert chu.estimate == pytest.approx(5.024508, abs=5.1e-7)
    lash = compute_corrected_odds_ratio((215, 668), (1449, 4296), Accuracy(0.78, 0.99), 0.95)
    assert lash.estimate == pytest.approx(0.949069, abs=5.1e-7)
    crude = compute_corrected_odds_ratio((215, 668), (1449, 4296), Accuracy(1, 1), 0.95)
    assert crude.estimate == pytest.approx(0.954241, abs=5.1e-7)


def test_a_perfect_reading_gives_woolfs_interval() -> None:
    """Without misclassification the bounds are those of the log odds ratio's textbook variance."""
    found = compute_corrected_odds_ratio((20, 10), (30, 40), Accuracy(1, 1), 0.95)
    half = 1.959963984540054 * math.sqrt(1 / 20 + 1 / 10 + 1 / 30 + 1 / 40)
    assert math.log(found.upper / found.estimate) == pytest.approx(half)
    assert math.log(found.estimate / found.lower) == pytest.approx(half)


def test_estimated_accuracy_widens_the_interval() -> None:
    """Sensitivity and specificity measured on few patients cost precision; on very many, none."""
    arguments = (126, 71), (92, 224)
    known, many, few = (
        compute_corrected_odds_ratio(*arguments, Accuracy(0.94, 0.97, n, n), 0.95) for n in (math.inf, 1e12, 50)
    )
    assert many.upper == pytest.approx(known.upper, rel=1e-6)
    assert few.upper / few.lower > known.upper / known.lower


def test_validation_variance_is_the_gradients() -> None:
    """The part of the variance due to an estimated specificity equals its numerical derivative, squared."""
    base, step = Accuracy(0.9, 0.95), 1e-5
    up, down = (
        math.log(compute_corrected_odds_ratio((60, 40), (140, 160), Accuracy(0.9, 0.95 + d), 0.95).estimate)
        for d in (step, -step)
    )
    known = compute_corrected_odds_ratio((60, 40), (140, 160), base, 0.95)
    measured = compute_corrected_odds_ratio((60, 40), (140, 160), Accuracy(0.9, 0.95, math.inf, 100), 0.95)
    widths = [(math.log(each.upper / each.lower) / 2 / 1.959963984540054) ** 2 for each in (known, measured)]
    assert widths[1] - widths[0] == pytest.approx(((up - down) / (2 * step)) ** 2 * 0.95 * 0.05 / 100, rel=1e-4)


def test_differential_accuracy() -> None:
    """Cases and controls each by their own accuracy: the true odds ratio comes back."""
    cases, controls = Accuracy(0.95, 0.9), Accuracy(0.8, 0.97)
    read = [1000 * (p * a.sensitivity + (1 - p) * (1 - a.specificity)) for p, a in ((0.4, cases), (0.25, controls))]
    found = compute_corrected_odds_ratio(
        (read[0], read[1]), (1000 - read[0], 1000 - read[1]), cases, 0.95, among_controls=controls
    )
    assert found.estimate == pytest.approx((0.4 / 0.6) / (0.25 / 0.75))


@given(SHARE, st.floats(0.55, 1), st.floats(0.55, 1))
def test_rogan_gladen_inverts_the_reading(true: float, se: float, sp: float) -> None:
    """What a reading of known accuracy shows of a prevalence leads back to it."""
    read = 1e4 * (true * se + (1 - true) * (1 - sp))
    assert compute_rogan_gladen(read, 1e4, Accuracy(se, sp), 0.95).estimate == pytest.approx(true)


@pytest.mark.parametrize("accuracy", [Accuracy(0.5, 0.5), Accuracy(0.3, 0.4), Accuracy(0.9, 0.9, 0, 10)])
def test_an_instrument_that_says_nothing_corrects_nothing(accuracy: Accuracy) -> None:
    """Se + Sp of 1 or less, or an accuracy measured on nobody, is undefined."""
    assert math.isnan(compute_rogan_gladen(5, 10, accuracy, 0.95).estimate)
    assert math.isnan(compute_rogan_gladen(0, 0, Accuracy(1, 1), 0.95).estimate)
    if accuracy.cases:
        assert math.isnan(compute_corrected_odds_ratio((5, 5), (5, 6), accuracy, 0.95).estimate)


def test_contradiction_is_undefined_for_an_odds_ratio() -> None:
    """Fewer read as exposed than false positives alone would give: no odds ratio; the prevalence is 0."""
    accuracy = Accuracy(0.9, 0.8)
    assert math.isnan(compute_corrected_odds_ratio((5, 30), (95, 70), accuracy, 0.95).estimate)
    assert compute_rogan_gladen(5, 100, accuracy, 0.95).estimate == 0


@pytest.mark.parametrize(("true", "se", "sp"), [(0.3, 0.9, 0.95), (0.05, 0.85, 0.98), (0.6, 0.7, 0.8)])
def test_interval_with_estimated_accuracy_covers(true: float, se: float, sp: float) -> None:
    """Over 2,000 seeded studies of 200 with 60 + 60 validated, the interval holds the truth 93 to 99 % of the time."""
    rng = np.random.default_rng(7)
    size, inside = 2000, 0
    read = rng.binomial(200, true * se + (1 - true) * (1 - sp), size)
    hits, rejects = rng.binomial(60, se, size) / 60, rng.binomial(60, sp, size) / 60
    for k, a, b in zip(read, hits, rejects, strict=True):
        found = compute_rogan_gladen(int(k), 200, Accuracy(float(a), float(b), 60, 60), 0.95)
        inside += found.lower <= true <= found.upper
    assert 0.93 * size <= inside <= 0.99 * size


@given(st.lists(st.floats(1, 100), min_size=3, max_size=3), st.floats(0, 0.3))
def test_matrix_correction_inverts_the_reading(true: list[float], off: float) -> None:
    """Counts read through a classification matrix lead back to the true ones, total kept."""
    reading = np.full((3, 3), off / 2) + np.eye(3) * (1 - 1.5 * off)
    observed = np.array(true) @ reading
    found = compute_matrix_correction(observed, reading)
    assert found == pytest.approx(true)
    assert found.sum() == pytest.approx(observed.sum())


def test_two_classes_are_rogan_gladen() -> None:
    """The matrix method with two classes is Rogan and Gladen's formula."""
    found = compute_matrix_correction(np.array([75.0, 25.0]), np.array([[0.95, 0.05], [0.10, 0.90]]))
    assert found[1] / 100 == pytest.approx(0.235294, abs=5.1e-7)


def test_matrix_that_cannot_be_inverted() -> None:
    """Two classes read alike are undefined; rows that do not add up to 1 are refused."""
    assert np.isnan(compute_matrix_correction(np.array([5.0, 5.0]), np.full((2, 2), 0.5))).all()
    with pytest.raises(ValueError, match="add up to 1"):
        compute_matrix_correction(np.array([5.0, 5.0]), np.eye(2) * 2)
