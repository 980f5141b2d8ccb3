"""The laxest threshold that keeps its promise: thresholds tested from strict to lax, until one fails.

The grid, and where it starts, are fixed on the tuning patients; the selection patients test it. Each threshold is
tested at delta as long as all stricter ones passed, so that the chance of accepting any threshold whose risk is above
alpha stays at delta (fixed-sequence testing; Angelopoulos et al. 2021, Learn then Test, section 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from probatio.confidence.bounds import (
    compute_betting_p,
    compute_binomial_p,
    compute_hoeffding_bentkus_p,
    find_fewest,
)
from probatio.resampling import Floats

Method = Literal["exact_binomial", "betting", "hoeffding_bentkus"]


@dataclass(frozen=True)
class Sample:
    """Delivered values with a reference, of the patients of one part.

    Attributes:
        score: probability of being right; 0: never accepted.
        error: 1 wrong, 0 right.
        patient: place of each value's patient in the order of testing, 0 .. patients - 1.
        weight: 1 / sampling probability of the patient's reference.
        patients: patients of the part, also those without a value.
    """

    score: Floats
    error: Floats
    patient: NDArray[np.int64]
    weight: Floats
    patients: int

    def accept(self, thresholds: Floats) -> NDArray[np.bool_]:
        """Return which values each threshold accepts, shape (thresholds, values)."""
        return find_accepted(self.score, thresholds)

    def count(self, thresholds: Floats) -> Tally:
        """Return what each threshold accepts."""
        accepted = self.accept(thresholds)
        held = np.zeros((len(thresholds), self.patients), dtype=bool)
        row, value = np.nonzero(accepted)
        held[row, self.patient[value]] = True
        n, wrong = accepted.sum(axis=1), accepted & (self.error > 0)
        return Tally(n, wrong.sum(axis=1), held.sum(axis=1), accepted @ self.weight, wrong @ self.weight)

    def sum_patients(self, thresholds: Floats, alpha: float) -> Floats:
        """Return each patient's sum of weight x (error - alpha) over accepted values, shape (thresholds, patients)."""
        worth = self.accept(thresholds) * (self.weight * (self.error - alpha))
        place = np.arange(len(worth))[:, None] * self.patients + self.patient
        sums = np.bincount(place.ravel(), worth.ravel(), len(worth) * self.patients)
        return sums.astype(float).reshape(len(worth), self.patients)


@dataclass(frozen=True)
class Tally:
    """Per threshold: accepted values, errors among them, patients with one; mass and wrong mass by weight."""

    n: NDArray[np.int64]
    k: NDArray[np.int64]
    patients: NDArray[np.int64]
    mass: Floats
    wrong: Floats


@dataclass(frozen=True)
class Selection:
    """What the fixed sequence found: one entry per threshold of the grid.

    Attributes:
        thresholds: strict to lax; empty where no threshold can pass.
        p: p-values; those after the first failure are not tests, and shown only.
        tally: of the selection patients.
        chosen: place of the last threshold that passed; -1: none did, review all.
    """

    thresholds: Floats
    p: Floats
    tally: Tally
    chosen: int


def find_accepted(score: Floats, thresholds: Floats) -> NDArray[np.bool_]:
    """Return which scores reach each threshold; a score of 0 (or none) reaches none."""
    return (score >= np.asarray(thresholds)[:, None]) & (score > 0)


def derive_grid(tuning: Sample, alpha: float, delta: float, *, steps: int, selection: int) -> Floats:
    """Return the thresholds to test, strict to lax, from the tuning patients alone.

    Quantiles of the scores, the last threshold accepting every value that may be accepted. It starts where the
    accepted patients expected in selection reach ln delta / ln(1 - alpha): stricter thresholds cannot pass even
    without an error. Among those from there on it starts at the one that the tuning patients put furthest below
    alpha, in standard errors: the strictest that could pass at all passes only without any error, and a single one
    there would end the sequence. Empty: none can.

    Args:
        tuning: values of the tuning patients.
        alpha: the largest share of errors.
        delta: the chance that the promise fails.
        steps: thresholds at most.
        selection: number of selection patients.
    """
    allowed = np.sort(tuning.score[tuning.score > 0])[::-1]
    if not len(allowed) or not tuning.patients:
        return np.empty(0)
    cuts = allowed[np.ceil(np.arange(1, steps) / steps * len(allowed)).astype(int) - 1]
    grid = np.append(np.unique(cuts)[::-1], 0.0)
    expected = tuning.count(grid).patients * selection / tuning.patients
    able = np.flatnonzero(expected >= find_fewest(alpha, delta))
    if not len(able):
        return np.empty(0)
    return grid[able[np.argmax(_compute_distance(tuning, grid, alpha)[able])] :]


def _compute_distance(tuning: Sample, grid: Floats, alpha: float) -> Floats:
    """Return how far below 0 each threshold's sums over patients lie, in standard errors, with half an error more."""
    sums, half = tuning.sum_patients(grid, alpha), (1 - alpha) * float(tuning.weight.mean())
    total, square = sums.sum(axis=1) + 0.5 * half, (sums**2).sum(axis=1) + 0.5 * half**2
    return np.asarray(-total / np.sqrt(square))


def select_threshold(
    tuning: Sample, selection: Sample, grid: Floats, *, alpha: float, delta: float, most: Floats, method: Method
) -> Selection:
    """Test the grid on the selection patients and return the last threshold that passed.

    Args:
        tuning: values of other patients, which teach the betting p-value.
        selection: values of the patients that choose.
        grid: from `derive_grid`.
        alpha: the largest share of errors.
        delta: the chance that the promise fails.
        most: per threshold, the largest total weight of accepted values that a patient can have.
        method: the p-value; `exact_binomial` only for one value per patient and equal weights.
    """
    tally = selection.count(grid)
    p = compute_p(tuning, selection, grid, alpha=alpha, most=most, method=method)
    failed = np.flatnonzero(p > delta)
    passed = int(failed[0]) if len(failed) else len(grid)
    return Selection(grid, p, tally, passed - 1)


def compute_p(tuning: Sample, selection: Sample, grid: Floats, *, alpha: float, most: Floats, method: Method) -> Floats:
    """Return the p-value of each threshold of the grid."""
    if not len(grid):
        return np.empty(0)
    tally = selection.count(grid)
    if method == "exact_binomial":
        return compute_binomial_p(tally.k, tally.n, alpha)
    sums = selection.sum_patients(grid, alpha)
    if method == "hoeffding_bentkus":
        return compute_hoeffding_bentkus_p(sums, most, alpha, tally.patients)
    return compute_betting_p(sums, most, alpha, before=tuning.sum_patients(grid, alpha))
