"""Bins of scores and the gaps within them: what reliability diagrams, ECE and Brier's parts are made of.

Bins hold equal masses of each group's values, in the order of the score; equal scores stay together, and a group has
no more bins than it has tens of values. The gap of a bin is its mean score less its share of right
values: positive where the source is over-confident.

The expected calibration error is the mass-weighted mean of the absolute gaps (Naeini et al. 2015, AAAI). Chance alone
makes gaps: of a perfectly calibrated source it is above 0, and the more so the finer the bins (Brocker 2012,
Clim Dyn 39:655; Kumar, Liang and Ma 2019, NeurIPS 32). Here the bias is taken away by an empirical Bayes argument
(Morris 1983, JASA 78:47): a gap seen as d with sampling variance v (patients as units) has a true value from
N(m, tau^2), m the overall gap less its own chance part, tau^2 = max(0, mean of (d - m)^2 - v); then it is truly
N(m + B (d - m), B v), B = tau^2 / (tau^2 + v), moved so that the mean over bins stays m, and the mean absolute value
of these is the estimate. The mean of d^2 - v is the reliability with its bias removed (Brocker 2012; Ferro and
Fricker 2012, QJRMS 138:1954). The correction of Kumar et al. (resampling around the gaps seen) takes the seen gaps
for true ones and leaves more than half of a calibrated source's bias; this one leaves a quarter to a third
(tests/benchmarks).

In replicates the gaps carry the noise of the sample and of the redrawing: 2 v is taken away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from probatio.confidence.forecasts import Codes, Forecasts, sum_by
from probatio.resampling import Floats, compute_totals

_VALUES_PER_BIN = 10


@dataclass(frozen=True)
class Bins:
    """Bins of the values of every group; sorted by group, then by score.

    Attributes:
        owner: group of each bin.
        place: bin of each value.
    """

    owner: Codes
    place: Codes

    @property
    def size(self) -> int:
        """The number of bins."""
        return len(self.owner)


def derive_equal_mass_bins(forecasts: Forecasts, bins: int) -> Bins:
    """Return bins of equal mass, at most `bins` and at most one for ten values in each group."""
    count = forecasts.count()
    most = np.clip(count // _VALUES_PER_BIN, 1, bins)
    share = compute_middle_shares(forecasts.group, forecasts.score, forecasts.weight, forecasts.size)
    own = most[forecasts.group]
    code = forecasts.group * bins + np.minimum((share * own).astype(np.int64), own - 1)
    codes, place = np.unique(code, return_inverse=True)
    return Bins(codes // bins, place.astype(np.int64))


def derive_equal_width_bins(forecasts: Forecasts, bins: int) -> Bins:
    """Return bins of equal width, closed on the right, as the literature mostly has them (Guo et al. 2017, ICML)."""
    edge = np.ceil(np.round(forecasts.score * bins, 9)).astype(np.int64)
    code = forecasts.group * bins + np.clip(edge - 1, 0, bins - 1)
    codes, place = np.unique(code, return_inverse=True)
    return Bins(codes // bins, place.astype(np.int64))


def compute_middle_shares(group: Codes, score: Floats, weight: Floats, groups: int) -> Floats:
    """Return per value the share of its group's mass that scores less, half its equals counted."""
    order = np.lexsort((score, group))
    ordered, own = score[order], group[order]
    new = np.append(True, (ordered[1:] != ordered[:-1]) | (own[1:] != own[:-1]))[: len(order)]
    block = np.cumsum(new) - 1
    mass = sum_by(block, weight[order])
    before = np.cumsum(mass) - mass
    total = sum_by(group, weight, groups)
    start = (np.cumsum(total) - total)[own[new]]
    middle = (before - start + mass / 2) / np.where(total > 0, total, 1.0)[own[new]]
    share = np.empty(len(order))
    share[order] = np.clip(middle[block], 0, 1)
    return share


@dataclass(frozen=True)
class Gaps:
    """Totals of bins: of one sample, shape (bins,), or of replicates, shape (replicates, bins).

    Attributes:
        mass: sum of weights.
        score: mean score, 0 in a bin without values.
        right: share of right values, 0 in a bin without values.
    """

    mass: Floats
    score: Floats
    right: Floats

    @property
    def gap(self) -> Floats:
        """Mean score less share of right values."""
        return self.score - self.right


def compute_gaps(forecasts: Forecasts, bins: Bins) -> Gaps:
    """Return the totals of each bin."""
    weight = forecasts.weight
    sums = [sum_by(bins.place, weight * part, bins.size) for part in (1.0, forecasts.score, forecasts.right)]
    return _derive_gaps(*sums)


def compute_replicate_gaps(forecasts: Forecasts, bins: Bins, weights: NDArray[np.uint16]) -> Gaps:
    """Return the totals of each bin in each replicate; bins stay those of the sample.

    Args:
        forecasts: the values.
        bins: their bins.
        weights: how often each cluster is drawn, shape (replicates, clusters).
    """
    cell = forecasts.cluster * bins.size + bins.place
    cells = forecasts.clusters * bins.size
    parts = (1.0, forecasts.score, forecasts.right)
    tables = [sum_by(cell, forecasts.weight * part, cells).reshape(forecasts.clusters, -1) for part in parts]
    return _derive_gaps(*(compute_totals(weights, table) for table in tables))


def _derive_gaps(mass: Floats, score: Floats, right: Floats) -> Gaps:
    filled = np.where(mass > 0, mass, 1.0)
    return Gaps(mass, score / filled, right / filled)


def compute_gap_variances(forecasts: Forecasts, bins: Bins, gaps: Gaps) -> Floats:
    """Return the linearised variance of each bin's gap, patients as units, shape (bins,).

    Where all values of a bin are right, or all wrong, the variance seen is that of the scores alone; there it is
    not below that of independent values at the rate (k + 1/2) / (n + 1).
    """
    n = np.bincount(bins.place, minlength=bins.size)
    residual = forecasts.weight * (forecasts.score - forecasts.right - gaps.gap[bins.place])
    cell, owner = np.unique(bins.place * np.int64(forecasts.clusters) + forecasts.cluster, return_inverse=True)
    bin_of = cell // forecasts.clusters
    clusters = np.bincount(bin_of, minlength=bins.size)
    seen = sum_by(bin_of, sum_by(owner, residual) ** 2, bins.size) / gaps.mass**2
    seen *= clusters / np.maximum(clusters - 1, 1)
    rate = (gaps.right * n + 0.5) / (n + 1)
    ends = (gaps.right <= 0) | (gaps.right >= 1)
    return np.where(ends, np.maximum(seen, rate * (1 - rate) / n), seen)


def compute_ece(gaps: Gaps, bins: Bins, groups: int) -> Floats:
    """Return the expected calibration error as the literature has it: the mean absolute gap, biased upwards."""
    return _average(np.abs(gaps.gap), gaps, bins, groups)


def compute_excess(gaps: Gaps, variance: Floats, bins: Bins, groups: int) -> Floats:
    """Return tau^2: the mean squared gap beyond what chance makes; may be negative.

    Args:
        gaps: of the sample, or of replicates.
        variance: of each gap; of replicates twice that of the sample, whose noise theirs is added to.
        bins: the bins.
        groups: number of groups.
    """
    return _average(gaps.gap**2 - variance, gaps, bins, groups)


def compute_debiased_ece(gaps: Gaps, variance: Floats, bins: Bins, groups: int) -> Floats:
    """Return the expected calibration error with its bias taken away; arguments as for `compute_excess`."""
    whole = _average(gaps.gap, gaps, bins, groups)
    share = gaps.mass / np.where(gaps.mass > 0, sum_bins(gaps.mass, bins, groups)[..., bins.owner], 1.0)
    chance = sum_bins(share**2 * variance, bins, groups)
    mean = whole * _divide(np.maximum(whole**2 - chance, 0.0), whole**2)
    distance = gaps.gap - mean[..., bins.owner]
    spread = np.maximum(_average(distance**2 - variance, gaps, bins, groups), 0.0)[..., bins.owner]
    shrink = _divide(spread, spread + variance)
    drawn = shrink * distance
    centred = (mean - _average(drawn, gaps, bins, groups))[..., bins.owner] + drawn
    return _average(_compute_folded(centred, np.sqrt(shrink * variance)), gaps, bins, groups)


def _divide(above: Floats, below: Floats) -> Floats:
    """Return above / below, 0 where below is 0 or unknown."""
    known = below > 0
    return np.where(known, above / np.where(known, below, 1.0), 0.0)


def _compute_folded(mean: Floats, spread: Floats) -> Floats:
    """Return the mean of |N(mean, spread^2)|."""
    known = spread > 0
    ratio = np.where(known, mean / np.where(known, spread, 1.0), 0.0)
    folded = spread * np.sqrt(2 / np.pi) * np.exp(-(ratio**2) / 2) + mean * (1 - 2 * ndtr(-ratio))
    return np.where(known, folded, np.abs(mean))


def _average(part: Floats, gaps: Gaps, bins: Bins, groups: int) -> Floats:
    """Return the mass-weighted mean over each group's bins; NaN without mass."""
    mass, total = (sum_bins(each, bins, groups) for each in (gaps.mass, gaps.mass * part))
    return np.where(mass > 0, total / np.where(mass > 0, mass, 1.0), np.nan)


def sum_bins(part: Floats, bins: Bins, groups: int) -> Floats:
    """Return the sum over each group's bins, along the last axis."""
    present, start = np.unique(bins.owner, return_index=True)
    total = np.zeros((*part.shape[:-1], groups))
    if len(start):
        total[..., present] = np.add.reduceat(part, start, axis=-1)
    return total
