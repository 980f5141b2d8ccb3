"""The rate in control: declared, or that of the first batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from probatio.measures.cells import Cells, Codes, Mask
from probatio.measures.heterogeneity.counts import COUNTED
from probatio.measures.rates import compute_acceptance_interval
from probatio.resampling import compute_clustered_mean

if TYPE_CHECKING:
    from probatio.protocol import Monitoring

DECLARED = "declared"


@dataclass(frozen=True)
class Baseline:
    """The rate in control and its interval (NaN bounds where it was declared), with what it rests on.

    `charted` is the rate that the charts hold for in control, `floor` the one that the lower limits are drawn
    from: the same, or with assurance its upper and its lower bound.
    """

    rate: float
    lower: float
    upper: float
    charted: float
    floor: float
    method: str
    n: int
    k: int
    clusters: int


def derive_baselines(
    cells: Cells, window: Codes, metric: str, monitoring: Monitoring, *, used: Mask, level: float
) -> list[Baseline]:
    """Return the rate in control of every group.

    Args:
        cells: compared values that have a window.
        window: per value, its place.
        metric: a key of `COUNTED`.
        monitoring: the declared rates, or the assurance with which an estimated one is charted.
        used: shape (groups, windows), the windows that estimate the rate.
        level: two-sided confidence.
    """
    groups = len(cells.groups)
    if monitoring.in_control:
        rate = {str(name): value for name, value in monitoring.in_control.items()}[metric]
        return [Baseline(rate, np.nan, np.nan, rate, rate, DECLARED, 0, 0, 0)] * groups
    above, below = COUNTED[metric]
    kept = cells.keep(cells.select(below) & used[cells.group, window])
    score = kept.select(above).astype(np.int8)
    mean = compute_clustered_mean(score, kept.group, kept.cluster, kept.weight, groups)
    interval = compute_acceptance_interval(mean, level)
    floor = charted = mean.mean
    if monitoring.assurance is not None:
        floor, charted = compute_acceptance_interval(mean, 2 * monitoring.assurance - 1).bounds
    rates = np.stack([mean.mean, *interval.bounds, charted, floor]).T.tolist()
    return [
        Baseline(p, lower, upper, high, low, str(method), int(n), int(k), int(clusters))
        for (p, lower, upper, high, low), method, n, k, clusters in zip(
            rates, interval.method, mean.n, mean.positive, mean.clusters, strict=True
        )
    ]
