"""Per-class sensitivity and positive predictive value of categorical variables.

A value counts, for a class c (Estevez et al. 2022, errors of extraction):

| outcome | reference's class | delivered class |
|---|---|---|
| C | true positive | |
| W | false negative | false positive, if it conforms |
| O | false negative | |
| U | | false positive, if it conforms |

A value that does not conform names no class: it is a false negative only.
sensitivity = TP / (TP + FN) and ppv = TP / (TP + FP) lie in [0, 1]; 1 is best.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.measures.cells import Codes
from probatio.measures.classes import Classes
from probatio.measures.rates import compute_reporting_interval, derive_rate_rows
from probatio.resampling import ClusteredMean, compute_clustered_mean


@dataclass(frozen=True)
class ClassCounts:
    """Which values count for which class.

    Attributes:
        value: place of a value among the cells; a wrong value may stand twice.
        place: the class it counts for, among the classes of all groups.
        hit: 1 for a true positive, else 0.
    """

    value: Codes
    place: Codes
    hit: NDArray[np.int8]


def estimate_classes(classes: Classes, *, level: float, unit: str) -> list[pd.DataFrame]:
    """Return sensitivity and PPV of every class of every source, comparator and variable."""
    identity = classes.identity
    frames = []
    for metric, counts in (("sensitivity", count_reference(classes)), ("ppv", count_given(classes))):
        mean = compute_class_mean(classes, counts)
        interval = compute_reporting_interval(mean, level)
        frames.append(derive_rate_rows(identity, metric, mean, interval, level=level, unit=unit))
    return frames


def count_reference(classes: Classes) -> ClassCounts:
    """Return the values whose reference holds a class: true positives and false negatives."""
    return _count(classes, classes.reference)


def count_given(classes: Classes) -> ClassCounts:
    """Return the values delivered as a class: true and false positives."""
    return _count(classes, classes.given)


def count_union(classes: Classes) -> ClassCounts:
    """Return true positives, false negatives and false positives, each once."""
    one, two = count_reference(classes), count_given(classes)
    false = two.hit == 0
    return ClassCounts(
        np.concatenate([one.value, two.value[false]]),
        np.concatenate([one.place, two.place[false]]),
        np.concatenate([one.hit, two.hit[false]]),
    )


def compute_class_mean(classes: Classes, counts: ClassCounts) -> ClusteredMean:
    """Return the share of true positives per class."""
    cells = classes.cells
    cluster, weight = cells.cluster[counts.value], cells.weight[counts.value]
    return compute_clustered_mean(counts.hit, counts.place, cluster, weight, classes.size)


def _count(classes: Classes, codes: Codes) -> ClassCounts:
    value = np.flatnonzero(codes >= 0)
    place = (classes.start[classes.cells.group] + codes)[value]
    return ClassCounts(value, place, (classes.cells.outcome[value] == "C").astype(np.int8))
