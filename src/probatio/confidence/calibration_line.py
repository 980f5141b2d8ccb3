"""Calibration intercept and slope: the logistic line of being right on the logit of the score.

Cox 1958 (Biometrika 45:562); Van Calster et al. 2019 (BMC Med 17:230). The slope is b in
logit P(right) = a + b logit(score): below 1 confidences are too extreme, above 1 too timid. The intercept is a with b
held at 1: below 0 the source is over-confident on the whole, above 0 under-confident. Standard errors are robust, with
patients as clusters (Liang and Zeger 1986). Scores are held within [0.001, 0.999].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from probatio.confidence.calibration import compute_logit
from probatio.confidence.forecasts import Codes, Forecasts, Mask, sum_by
from probatio.resampling import Floats

_STEPS = 100
_CLOSE = 1e-10
_FAR = 30.0


@dataclass(frozen=True)
class Line:
    """Per group: intercept (slope held at 1), slope, their standard errors, the clusters, and where a fit failed.

    `failed` marks slopes that do not exist: right and wrong values separated, or one score only.
    """

    intercept: Floats
    slope: Floats
    intercept_error: Floats
    slope_error: Floats
    clusters: Codes
    failed: Mask


def compute_line(forecasts: Forecasts) -> Line:
    """Return intercept and slope of every group; NaN where all values are right, or all wrong."""
    x = compute_logit(forecasts.score)
    ones = np.ones((len(x), 1))
    intercept, first, clusters = _fit(forecasts, ones, x)
    line, second, _ = _fit(forecasts, np.column_stack([ones, x]), np.zeros(len(x)))
    varies = _find_varying(forecasts, x)
    failed = ~(np.isfinite(line).all(axis=1) & (np.abs(line) < _FAR).all(axis=1) & varies)
    known = ~forecasts.find_one_class() & (forecasts.count() > 0)
    return Line(
        intercept=np.where(known, intercept[:, 0], np.nan),
        slope=np.where(known & ~failed, line[:, 1], np.nan),
        intercept_error=np.where(known, first[:, 0], np.nan),
        slope_error=np.where(known & ~failed, second[:, 1], np.nan),
        clusters=clusters,
        failed=known & failed,
    )


def _find_varying(forecasts: Forecasts, x: Floats) -> Mask:
    least, most = np.full(forecasts.size, np.inf), np.full(forecasts.size, -np.inf)
    np.minimum.at(least, forecasts.group, x)
    np.maximum.at(most, forecasts.group, x)
    return np.asarray(most > least)


def _fit(forecasts: Forecasts, design: Floats, offset: Floats) -> tuple[Floats, Floats, Codes]:
    """Return per group coefficients and robust errors, shape (groups, columns), and the clusters; Newton's method."""
    columns, groups = design.shape[1], forecasts.size
    found = np.zeros((groups, columns))
    for _ in range(_STEPS):
        p = expit(offset + (design * found[forecasts.group]).sum(axis=1))
        slope = _sum(forecasts, design * (forecasts.weight * (forecasts.right - p))[:, None])
        step = _solve(_compute_curvature(forecasts, design, p), slope)
        found = np.clip(found + np.clip(step, -1.0, 1.0), -2 * _FAR, 2 * _FAR)
        if np.abs(step[(np.abs(found) < _FAR).all(axis=1)]).max(initial=0.0) < _CLOSE:
            break
    p = expit(offset + (design * found[forecasts.group]).sum(axis=1))
    return found, *_compute_errors(forecasts, design, p)


def _compute_errors(forecasts: Forecasts, design: Floats, p: Floats) -> tuple[Floats, Codes]:
    score = design * (forecasts.weight * (forecasts.right - p))[:, None]
    cell, owner = np.unique(forecasts.group * np.int64(forecasts.clusters) + forecasts.cluster, return_inverse=True)
    group = cell // forecasts.clusters
    summed = np.column_stack([sum_by(owner, column) for column in score.T])
    clusters = np.bincount(group, minlength=forecasts.size)
    products = summed[:, :, None] * summed[:, None, :]
    middle = np.zeros((forecasts.size, *products.shape[1:]))
    np.add.at(middle, group, products)
    bread = np.linalg.pinv(_compute_curvature(forecasts, design, p))
    variance = bread @ middle @ bread * (clusters / np.maximum(clusters - 1, 1))[:, None, None]
    return np.sqrt(np.maximum(np.diagonal(variance, axis1=1, axis2=2), 0.0)), clusters


def _compute_curvature(forecasts: Forecasts, design: Floats, p: Floats) -> Floats:
    products = design[:, :, None] * design[:, None, :] * (forecasts.weight * p * (1 - p))[:, None, None]
    return _sum(forecasts, products.reshape(len(p), -1)).reshape(forecasts.size, design.shape[1], -1)


def _sum(forecasts: Forecasts, part: Floats) -> Floats:
    return np.column_stack([sum_by(forecasts.group, column, forecasts.size) for column in part.T])


def _solve(curvature: Floats, slope: Floats) -> Floats:
    return np.asarray((np.linalg.pinv(curvature) @ slope[:, :, None])[:, :, 0])
