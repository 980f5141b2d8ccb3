"""Prevalence and odds ratios corrected for known sensitivity and specificity.

| function | formula | reference |
|---|---|---|
| compute_rogan_gladen | (p + Sp - 1) / (Se + Sp - 1) | Rogan and Gladen 1978 |
| compute_corrected_odds_ratio | odds ratio of the corrected counts | Barron 1977; Greenland 1988 |
| compute_matrix_correction | solve M' x = observed, M[i, j] = P(read j given true i) | Barron 1977 |

An instrument with Se + Sp <= 1 says nothing: every result is then undefined. A corrected share outside
[0, 1] means that sensitivity, specificity and data contradict each other: the estimate is truncated for
a prevalence, undefined for an odds ratio.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from probatio.resampling import Floats, compute_wilson

_SINGULAR = 1e-9


class Accuracy(NamedTuple):
    """Sensitivity and specificity, with the numbers of true cases and non-cases they were measured on.

    Infinite numbers (the default) mean that they are known without error.
    """

    sensitivity: float
    specificity: float
    cases: float = math.inf
    others: float = math.inf

    @property
    def youden(self) -> float:
        """Sensitivity + specificity - 1."""
        return self.sensitivity + self.specificity - 1


class Corrected(NamedTuple):
    """An estimate with its bounds; NaN where undefined."""

    estimate: float
    lower: float
    upper: float


_UNDEFINED = Corrected(math.nan, math.nan, math.nan)


def compute_rogan_gladen(k: float, n: float, accuracy: Accuracy, level: float) -> Corrected:
    """Return the true prevalence from k of n read positive, truncated to [0, 1], with its interval.

    Rogan and Gladen 1978, Am J Epidemiol 107:71. The interval is Wilson's, transformed, where
    sensitivity and specificity are known, else that of Lang and Reiczigel 2014, Prev Vet Med 113:13, which
    carries their sampling error.

    Args:
        k: values read positive.
        n: values read.
        accuracy: sensitivity and specificity, and what they were measured on.
        level: two-sided confidence.
    """
    if n <= 0 or accuracy.youden <= _SINGULAR or min(accuracy.cases, accuracy.others) <= 0:
        return _UNDEFINED
    estimate = _compute_prevalence(k / n, accuracy)
    if math.isinf(accuracy.cases) and math.isinf(accuracy.others):
        bounds = [_compute_prevalence(float(bound), accuracy) for bound in compute_wilson(k, n, level)]
    else:
        bounds = list(_compute_lang_reiczigel(k, n, accuracy, level))
    return Corrected(*(min(max(value, 0.0), 1.0) for value in (estimate, *bounds)))


def _compute_prevalence(positive: float, accuracy: Accuracy) -> float:
    return (positive + accuracy.specificity - 1) / accuracy.youden


def _compute_lang_reiczigel(k: float, n: float, accuracy: Accuracy, level: float) -> tuple[float, float]:
    """Return the bounds of Lang and Reiczigel 2014: counts are first drawn towards one half."""
    z = float(ndtri((1 + level) / 2))
    more = n + z**2
    p = (k + z**2 / 2) / more
    adjusted = Accuracy(
        _shrink(accuracy.sensitivity, accuracy.cases), _shrink(accuracy.specificity, accuracy.others),
        accuracy.cases + 2, accuracy.others + 2,
    )  # fmt: skip
    if adjusted.youden <= _SINGULAR:
        return 0.0, 1.0
    prevalence = _compute_prevalence(p, adjusted)
    se = adjusted.sensitivity * (1 - adjusted.sensitivity) / adjusted.cases
    sp = adjusted.specificity * (1 - adjusted.specificity) / adjusted.others
    shift = 2 * z**2 * (prevalence * se - (1 - prevalence) * sp)
    variance = p * (1 - p) / more + prevalence**2 * se + (1 - prevalence) ** 2 * sp
    half = z * math.sqrt(variance) / adjusted.youden
    return prevalence + shift - half, prevalence + shift + half


def _shrink(share: float, n: float) -> float:
    return share if math.isinf(n) else (share * n + 1) / (n + 2)


def compute_corrected_odds_ratio(
    exposed: tuple[float, float],
    unexposed: tuple[float, float],
    accuracy: Accuracy,
    level: float,
    *,
    among_controls: Accuracy | None = None,
) -> Corrected:
    """Return the exposure odds ratio that the true exposures would have given, with a delta interval.

    Barron 1977, Biometrics 33:414; variance on the log scale by Greenland 1988, Stat Med 7:745.

    Args:
        exposed: cases and controls read as exposed.
        unexposed: cases and controls read as unexposed.
        accuracy: of the exposure's reading: in both groups, or, with `among_controls`, in the cases.
        level: two-sided confidence.
        among_controls: of the reading in the controls, where error depends on the outcome.
    """
    readings = (accuracy, among_controls or accuracy)
    totals = [a + b for a, b in zip(exposed, unexposed, strict=True)]
    if min(totals) <= 0 or min(each.youden for each in readings) <= _SINGULAR:
        return _UNDEFINED
    read = [a / n for a, n in zip(exposed, totals, strict=True)]
    true = [_compute_prevalence(p, each) for p, each in zip(read, readings, strict=True)]
    if not all(0 < p < 1 for p in true):
        return _UNDEFINED
    variance = sum(
        p * (1 - p) / (n * (each.youden * q * (1 - q)) ** 2)
        for p, q, n, each in zip(read, true, totals, readings, strict=True)
    )
    variance += _compute_validation_variance(true, readings, shared=among_controls is None)
    centre = math.log(true[0] / (1 - true[0])) - math.log(true[1] / (1 - true[1]))
    half = float(ndtri((1 + level) / 2)) * math.sqrt(variance)
    return Corrected(math.exp(centre), math.exp(centre - half), math.exp(centre + half))


def _compute_validation_variance(true: list[float], readings: tuple[Accuracy, Accuracy], *, shared: bool) -> float:
    """Return the part of the log odds ratio's variance that comes from estimated sensitivity and specificity."""
    by_se = [1 / (each.youden * (1 - q)) for q, each in zip(true, readings, strict=True)]
    by_sp = [1 / (each.youden * q) for q, each in zip(true, readings, strict=True)]
    errors = [
        (
            each.sensitivity * (1 - each.sensitivity) / each.cases,
            each.specificity * (1 - each.specificity) / each.others,
        )
        for each in readings
    ]
    if shared:
        return errors[0][0] * (by_se[0] - by_se[1]) ** 2 + errors[0][1] * (by_sp[0] - by_sp[1]) ** 2
    return sum(se * a**2 + sp * b**2 for (se, sp), a, b in zip(errors, by_se, by_sp, strict=True))


def compute_matrix_correction(observed: Floats, reading: Floats) -> Floats:
    """Return the true counts of each class from the read ones, by the inverse of the classification matrix.

    Barron 1977, equation 3. Counts are not truncated: a negative one says that matrix and data disagree.

    Args:
        observed: shape (classes,): values read as each class.
        reading: shape (classes, classes): row i, how a true i is read, adding up to 1.

    Returns:
        Shape (classes,), with the same total; NaN where the matrix cannot be inverted.

    Raises:
        ValueError: a row does not add up to 1.
    """
    if not np.allclose(reading.sum(axis=1), 1.0):
        raise ValueError("every row of the classification matrix must add up to 1")
    if np.linalg.cond(reading) > 1 / _SINGULAR:
        return np.full(len(observed), np.nan)
    return np.asarray(np.linalg.solve(reading.T, np.asarray(observed, dtype=float)))
