"""Curves of numbers and dates: Bland and Altman's lines in bins, never a patient's point.

| metric | x | y, lower, upper |
|---|---|---|
| agreement_limits | mean of the lowest and highest bin | bias, its limits of agreement |
| difference_by_size | mean of the two values in a bin | mean difference in the bin, its t interval |

Bins hold about equal numbers of pairs, at most ten, each of at least `protocol.min_stratum` patients; a bin of
fewer is left out, and where the means of pairs are tied, bins merge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from probatio.measures.cells import Codes, derive_cells
from probatio.measures.numeric import LIMIT
from probatio.measures.quantities import Quantities, list_quantities
from probatio.resampling import Floats
from probatio.results import derive_series

if TYPE_CHECKING:
    from probatio.comparison import Comparison
    from probatio.protocol import Protocol

BINS = 10


def estimate_value_series(comparison: Comparison, protocol: Protocol) -> pd.DataFrame:
    """Return the curves of every numeric variable, source and comparator: bins and limits, no single value.

    Args:
        comparison: `pairs` and `patients`.
        protocol: level, smallest stratum, variables.

    Returns:
        The sorted table of series, in each variable's unit; empty without numbers or patients enough.
    """
    points: list[dict[str, Any]] = []
    if comparison.pairs.empty:
        return derive_series(points)
    cells = derive_cells(comparison.pairs, comparison.patients, protocol, unit="patient")
    difference = cells.pairs["difference"].to_numpy(dtype=float)
    level, known = float(protocol.level), np.isfinite(difference)
    for group, places in list_quantities(cells, difference, known, "number", level=level, unit="patient"):
        reference = cells.pairs["reference"].to_numpy(dtype=object)[places].astype(float)
        points += _derive_lines(group, reference + group.value / 2, protocol.min_stratum)
    return derive_series(points)


def derive_bins(middle: Floats, cluster: Codes, fewest: int) -> list[Codes]:
    """Return the places of each bin, from low to high: about equal numbers, at least `fewest` patients in each."""
    count = min(BINS, len(np.unique(cluster)) // fewest)
    if count == 0:
        return []
    edges = np.unique(np.quantile(middle, np.arange(1, count) / count))
    code = np.searchsorted(edges, middle, side="right")
    bins = [np.flatnonzero(code == place) for place in range(len(edges) + 1)]
    return [rows for rows in bins if len(np.unique(cluster[rows])) >= fewest]


def _derive_lines(group: Quantities, middle: Floats, fewest: int) -> list[dict[str, Any]]:
    bins = derive_bins(middle, group.cluster, fewest)
    key = {name: group.identity[name] for name in ("source", "comparator", "variable")}
    points, positions = [], []
    for rows in bins:
        part = Quantities(
            group.identity, group.value[rows], group.cluster[rows], group.weight[rows], group.unit, group.level
        )
        positions.append(float(np.average(middle[rows], weights=part.weight)))
        half = part.compute_half(part.value - part.mean)
        points.append(key | {"metric": "difference_by_size", "x": positions[-1], "y": part.mean,
                             "lower": part.mean - half, "upper": part.mean + half})  # fmt: skip
    spread = LIMIT * group.deviation if bins else np.nan
    for x in dict.fromkeys(positions[:1] + positions[-1:]):
        points.append(key | {"metric": "agreement_limits", "x": x, "y": group.mean,
                             "lower": group.mean - spread, "upper": group.mean + spread})  # fmt: skip
    return points
