"""Brier's score, its parts and its skill.

| metric | formula |
|---|---|
| brier | mean (score - right)^2 (Brier 1950) |
| brier_skill | 1 - brier / uncertainty: against stating the base rate of every value |
| brier_reliability | mean squared gap of the bins, its bias removed; smaller is better |
| brier_resolution | uncertainty + reliability - brier; larger is better |
| brier_uncertainty | rate (1 - rate) |

brier = reliability - resolution + uncertainty (Murphy 1973, J Appl Meteorol 12:595). With bins of unequal scores this
holds when resolution takes in what is told apart within bins (Stephenson, Coelho and Jolliffe 2008, Weather Forecast
23:752), as here. Reliability and resolution lose the same bias (Brocker 2012, Clim Dyn 39:655; Ferro and
Fricker 2012, QJRMS 138:1954); the reliability may then be slightly negative: calibrated as far as can be seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probatio.confidence.bins import Bins, Gaps, compute_excess, sum_bins
from probatio.confidence.forecasts import Forecasts, sum_by
from probatio.resampling import Floats, compute_totals


@dataclass(frozen=True)
class Brier:
    """The score and its parts, per group, or of replicates per replicate and group; NaN where undefined.

    Where all values are right, or all wrong, there is nothing to resolve: no skill, no resolution.
    """

    brier: Floats
    brier_skill: Floats
    brier_reliability: Floats
    brier_resolution: Floats
    brier_uncertainty: Floats


def compute_squares(forecasts: Forecasts) -> Floats:
    """Return each group's weighted sum of squared distances."""
    return sum_by(forecasts.group, _compute_distance(forecasts), forecasts.size)


def compute_replicate_squares(forecasts: Forecasts, weights: NDArray[np.uint16]) -> Floats:
    """Return the same in each replicate, shape (replicates, groups)."""
    cell = forecasts.cluster * forecasts.size + forecasts.group
    table = sum_by(cell, _compute_distance(forecasts), forecasts.clusters * forecasts.size)
    return compute_totals(weights, table.reshape(forecasts.clusters, forecasts.size))


def compute_brier(squares: Floats, gaps: Gaps, variance: Floats, bins: Bins, groups: int) -> Brier:
    """Return the score and its parts.

    Args:
        squares: sums of squared distances per group.
        gaps: of the bins.
        variance: of the gaps, as for `compute_excess`.
        bins: the bins.
        groups: number of groups.
    """
    mass = sum_bins(gaps.mass, bins, groups)
    filled = np.where(mass > 0, mass, np.nan)
    rate = sum_bins(gaps.mass * gaps.right, bins, groups) / filled
    brier, uncertainty = squares / filled, rate * (1 - rate)
    reliability = compute_excess(gaps, variance, bins, groups)
    known = np.where(uncertainty > 0, uncertainty, np.nan)
    return Brier(brier, 1 - brier / known, reliability, known + reliability - brier, uncertainty)


def _compute_distance(forecasts: Forecasts) -> Floats:
    return np.asarray(forecasts.weight * (forecasts.score - forecasts.right) ** 2)
