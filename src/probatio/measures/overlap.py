"""Precision, recall and F1 of things found one by one: elements of sets, events, events with their date.

| metric | formula | range |
|---|---|---|
| precision | TP / (TP + FP) | [0, 1], 1 is best |
| recall | TP / (TP + FN) | [0, 1], 1 is best |
| f1 | 2 TP / (2 TP + FP + FN) | [0, 1], 1 is best (van Rijsbergen 1979) |

F1 increases with J = TP / (TP + FP + FN): f1 = 2 J / (1 + J), and carries over J's interval
(`jaccard_wilson`, `jaccard_exact` and their clustered and weighted forms). No replicates are needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.measures.cells import Cells, Codes
from probatio.measures.f1 import compute_f1
from probatio.measures.rates import Interval, compute_reporting_interval, derive_rate_rows
from probatio.resampling import ClusteredMean, compute_clustered_mean


@dataclass(frozen=True)
class Found:
    """Things that the reference or the source holds; a wrong one may be missed and spurious at once.

    Attributes:
        cells: the compared values.
        value: place of the value that a thing belongs to.
        place: the line of `identity` it counts for.
        expected: the reference holds it.
        given: the source holds it.
        identity: one line per group of things; its columns are columns of a result row.
    """

    cells: Cells
    value: Codes
    place: Codes
    expected: NDArray[np.bool_]
    given: NDArray[np.bool_]
    identity: pd.DataFrame

    def compute_mean(self, side: str) -> ClusteredMean:
        """Return the share of true positives among the `given`, the `expected` or `all`."""
        chosen = {"given": self.given, "expected": self.expected, "all": self.given | self.expected}[side]
        hit = (self.given & self.expected)[chosen].astype(np.int8)
        value, place = self.value[chosen], self.place[chosen]
        return compute_clustered_mean(
            hit, place, self.cells.cluster[value], self.cells.weight[value], len(self.identity)
        )


def estimate_overlap(found: Found, names: tuple[str, str, str], *, level: float, unit: str) -> list[pd.DataFrame]:
    """Return rows of precision, recall and F1 under the given names, one of each per line of identity."""
    precision, recall, f1 = names
    frames = []
    for metric, side in ((precision, "given"), (recall, "expected")):
        mean = found.compute_mean(side)
        interval = compute_reporting_interval(mean, level)
        frames.append(derive_rate_rows(found.identity, metric, mean, interval, level=level, unit=unit))
    return [*frames, estimate_f1_rows(found, f1, level=level, unit=unit)]


def estimate_f1_rows(found: Found, metric: str, *, level: float, unit: str) -> pd.DataFrame:
    """Return rows of F1; `k` counts true positives, `n` all that one side or both hold."""
    mean = found.compute_mean("all")
    (lower, upper), method = (interval := compute_reporting_interval(mean, level)).bounds, interval.method
    moved = Interval((compute_f1(lower), compute_f1(upper)), np.char.add("jaccard_", method), interval.caution)
    rows = derive_rate_rows(found.identity, metric, mean, moved, level=level, unit=unit)
    return rows.assign(estimate=compute_f1(mean.mean))
