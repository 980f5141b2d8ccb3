"""How well a score tells right values from wrong ones: the area under the ROC curve.

The probability that a right value scores higher than a wrong one, equal scores counted half (Mann and Whitney 1947;
Hanley and McNeil 1982). Its variance sums placement values within clusters (DeLong et al. 1988; Obuchowski 1997,
Biometrics 53:567, for clustered data); the interval is symmetric on the logit and does not leave [0, 1].
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from probatio.confidence.bins import compute_middle_shares
from probatio.confidence.forecasts import Codes, Forecasts, sum_by
from probatio.resampling import Bounds, Floats, compute_t_quantile


def compute_auroc(forecasts: Forecasts) -> tuple[Floats, Floats, Codes]:
    """Return per group the area, its standard error and the clusters; NaN where all values are right, or wrong."""
    right = forecasts.right > 0
    total = [sum_by(forecasts.group[kind], forecasts.weight[kind], forecasts.size) for kind in (right, ~right)]
    all_below, right_below = (_compute_below(forecasts, kind) for kind in (np.ones(len(right), dtype=bool), right))
    wrong_below = all_below - right_below
    of = forecasts.group
    placed = np.where(right, _divide(wrong_below, total[1][of]), 1 - _divide(right_below, total[0][of]))
    own = np.where(right, total[0][of], total[1][of])
    share = _divide(forecasts.weight, own)
    area = sum_by(of[right], (share * placed)[right], forecasts.size)
    area = np.where((total[0] > 0) & (total[1] > 0), area, np.nan)
    deviation = share * (placed - area[of])
    return area, *_compute_error(deviation, forecasts)


def compute_auroc_bounds(area: Floats, error: Floats, clusters: Codes, level: float) -> Bounds:
    """Return the interval on the logit, t with clusters - 1 degrees of freedom; NaN where the error is 0 or unknown."""
    inside = (area > 0) & (area < 1) & (error > 0)
    centre = logit(np.where(inside, area, 0.5))
    half = compute_t_quantile(clusters - 1, level) * error / np.where(inside, area * (1 - area), np.nan)
    return np.where(inside, expit(centre - half), np.nan), np.where(inside, expit(centre + half), np.nan)


def _compute_below(forecasts: Forecasts, kind: np.ndarray) -> Floats:
    """Return per value the weight of its group's values of a kind that score less, half its equals counted."""
    weight = np.where(kind, forecasts.weight, 0.0)
    total = sum_by(forecasts.group, weight, forecasts.size)
    safe = np.where(total > 0, total, 1.0)
    share = compute_middle_shares(forecasts.group, forecasts.score, weight / safe[forecasts.group], forecasts.size)
    return np.where(total[forecasts.group] > 0, share * total[forecasts.group], 0.0)


def _compute_error(deviation: Floats, forecasts: Forecasts) -> tuple[Floats, Codes]:
    cell, owner = np.unique(forecasts.group * np.int64(forecasts.clusters) + forecasts.cluster, return_inverse=True)
    group = cell // forecasts.clusters
    clusters = np.bincount(group, minlength=forecasts.size)
    spread = sum_by(group, sum_by(owner, deviation) ** 2, forecasts.size)
    return np.sqrt(spread * clusters / np.maximum(clusters - 1, 1)), clusters


def _divide(above: Floats, below: Floats) -> Floats:
    return np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)
