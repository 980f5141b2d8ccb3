"""Does a yes/no score depend on a factor? Tests, and what several tests together say."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri
from scipy.stats import chi2, fisher_exact

from probatio.measures.cells import Codes, Mask
from probatio.resampling import Floats

_ROUNDING = 1e-10


class Scores(NamedTuple):
    """Values with their score, one entry each: the factor's level, the patient, the weight."""

    score: Mask
    level: Codes
    patient: Codes
    weight: Floats

    def keep(self, mask: Mask) -> Scores:
        """Return the values where the mask holds."""
        return Scores(self.score[mask], self.level[mask], self.patient[mask], self.weight[mask])

    @property
    def simple(self) -> bool:
        """One value per patient and equal weights: textbook tests hold."""
        return len(np.unique(self.patient)) == len(self.patient) and float(np.ptp(self.weight)) == 0.0


class Test(NamedTuple):
    """A p-value and the test it is from."""

    p: float
    method: str


def compute_homogeneity(scores: Scores) -> Test:
    """Return the test that the share of the score is the same in every level of a factor.

    Fisher's exact test for two levels, Pearson's chi-squared for more; where patients have several values
    or weights differ, the generalised score test with patients as units (Boos 1992, Am Stat 46:327;
    for shares Rao and Scott 1992).

    Args:
        scores: at least two levels, and both a score and a lack of it, occur.
    """
    levels = np.unique(scores.level, return_inverse=True)[1]
    if not scores.simple:
        return Test(_compute_score_p(scores, levels), "score_clustered")
    hits, n = np.bincount(levels, scores.score), np.bincount(levels)
    if len(n) == 2:
        return Test(float(fisher_exact([hits, n - hits]).pvalue), "fisher_exact")
    share = hits.sum() / n.sum()
    statistic = ((hits - n * share) ** 2 / (n * share * (1 - share))).sum()
    return Test(float(chi2.sf(statistic, len(n) - 1)), "pearson_chi2")


def _compute_score_p(scores: Scores, levels: Codes) -> float:
    w, size = scores.weight, int(levels.max()) + 1
    residual = w * (scores.score - np.average(scores.score, weights=w))
    share = np.bincount(levels, w) / w.sum()
    patient = np.unique(scores.patient, return_inverse=True)[1]
    parts = np.zeros((int(patient.max()) + 1, size))
    np.add.at(parts, (patient, levels), residual)
    parts -= parts.sum(axis=1, keepdims=True) * share
    total, count = parts.sum(axis=0), len(parts)
    if count < 2:
        return 1.0
    centred = parts - total / count
    variance = centred.T @ centred * count / (count - 1)
    inverse = np.linalg.pinv(variance, rcond=_ROUNDING, hermitian=True)
    freedom = int(
        np.linalg.matrix_rank(variance, tol=_ROUNDING * max(float(np.trace(variance)), 1e-300), hermitian=True)
    )
    return float(chi2.sf(total @ inverse @ total, freedom)) if freedom else 1.0


def compute_holm(p: Floats) -> Floats:
    """Return p-values adjusted for all tests of a family (Holm 1979, Scand J Stat 6:65)."""
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


class Correlation(NamedTuple):
    """Phi of two yes/no scores with its bounds (NaN without an interval) and Fisher's exact p-value."""

    phi: float
    lower: float
    upper: float
    p: float


def compute_phi(first: Mask, second: Mask, level: float) -> Correlation:
    """Return the correlation of two yes/no scores of the same patients.

    Bounds by Fisher's z transformation, standard error 1 / sqrt(n - 3); approximate where a score is rare.

    Args:
        first: one entry per patient; must take both values.
        second: the same.
        level: two-sided confidence.
    """
    a, b = int((first & second).sum()), int((first & ~second).sum())
    c, n = int((~first & second).sum()), len(first)
    phi = float(np.corrcoef(first, second)[0, 1])
    p = float(fisher_exact([[a, b], [c, n - a - b - c]]).pvalue)
    if n < 4 or abs(phi) > 1 - _ROUNDING:
        return Correlation(float(np.clip(phi, -1, 1)), np.nan, np.nan, p)
    half = float(ndtri((1 + level) / 2)) / np.sqrt(n - 3)
    lower, upper = (float(np.tanh(np.arctanh(phi) + sign * half)) for sign in (-1, 1))
    return Correlation(phi, lower, upper, p)
