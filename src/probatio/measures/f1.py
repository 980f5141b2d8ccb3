"""F1 per class and its mean over classes (van Rijsbergen 1979), with replicate intervals.

f1 = 2 TP / (2 TP + FP + FN), counted as in `categorical`; macro_f1 = mean of f1 over the classes that
occur in the reference or the source. Both lie in [0, 1]; 1 is best.

Intervals are percentiles over the shared patient-weight replicates. At 0 and 1, where replicates do not
vary, f1 = 2 J / (1 + J) carries over the exact interval of the proportion J = TP / (TP + FP + FN)
(`exact_jaccard`); macro F1 then has none. A class absent from a replicate is left out of its mean.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.measures.categorical import ClassCounts, compute_class_mean, count_union
from probatio.measures.cells import Codes, count_clusters
from probatio.measures.classes import Classes
from probatio.measures.rates import Interval, compute_acceptance_interval, derive_rate_rows, derive_rows
from probatio.resampling import Bounds, ClusteredMean, Floats, compute_percentiles, compute_totals
from probatio.results import Reason, Status

METHOD = "bootstrap_percentile"
_DEFINED = 0.95


def estimate_f1(classes: Classes, weights: NDArray[np.uint16] | None, *, level: float, unit: str) -> list[pd.DataFrame]:
    """Return F1 of every class and macro F1 of every source, comparator and variable.

    Args:
        classes: values compared with the reference.
        weights: replicate weights, shape (replicates, patients) over the sorted patients; None when
            there are too few centres to resample: F1 then has no interval.
        level: two-sided confidence.
        unit: what is independent: "patient" or "centre".
    """
    counts = count_union(classes)
    replicates = None if weights is None else compute_f1_replicates(classes, counts, weights)
    mean = compute_class_mean(classes, counts)
    one = _estimate_by_class(classes.identity, mean, replicates, level=level, unit=unit)
    return [one, _estimate_macro(classes, mean, replicates, level=level, unit=unit)]


def compute_f1(jaccard: Floats) -> Floats:
    """Return F1 from J = TP / (TP + FP + FN): 2 J / (1 + J), increasing in J."""
    return 2 * jaccard / (1 + jaccard)


def compute_f1_replicates(classes: Classes, counts: ClassCounts, weights: NDArray[np.uint16]) -> Floats:
    """Return replicates of F1 per class, shape (replicates, classes); NaN where a class does not occur.

    Per group the values collapse to a table of patients x (true positives, union), and a replicate is
    its product with the patients' weights. Whole weights make every sum exact. Each group has its own
    product: another variable moves no last digit.
    """
    replicates = np.empty((len(weights), classes.size))
    for place, table in _derive_tables(classes, counts, weights.shape[1]):
        hit, union = np.split(compute_totals(weights, table), 2, axis=1)
        occurs = union > 0
        replicates[:, place] = np.where(occurs, 2 * hit / np.where(occurs, hit + union, 1), np.nan)
    return replicates


def _derive_tables(classes: Classes, counts: ClassCounts, patients: int) -> Iterator[tuple[slice, Floats]]:
    cells = classes.cells
    order = np.argsort(counts.place, kind="stable")
    edges = np.searchsorted(counts.place[order], [*classes.start, classes.size])
    for group, levels in enumerate(classes.levels):
        rows = order[edges[group] : edges[group + 1]]
        value, column = counts.value[rows], counts.place[rows] - classes.start[group]
        cell = cells.patient[value] * len(levels) + column
        sums = [
            np.bincount(cell, cells.weight[value] * share, patients * len(levels)).reshape(patients, len(levels))
            for share in (counts.hit[rows], 1.0)
        ]
        yield slice(classes.start[group], classes.start[group] + len(levels)), np.hstack(sums)


def _estimate_by_class(
    identity: pd.DataFrame, mean: ClusteredMean, replicates: Floats | None, *, level: float, unit: str
) -> pd.DataFrame:
    exact = compute_acceptance_interval(mean, level).bounds
    ends = (mean.mean == 0) | (mean.mean == 1)
    drawn, defined = _compute_bounds(replicates, level, len(identity))
    lower, upper = (np.where(ends, compute_f1(e), d) for e, d in zip(exact, drawn, strict=True))
    interval = Interval((lower, upper), np.where(ends, "exact_jaccard", METHOD))
    rows = derive_rate_rows(identity, "f1", mean, interval, level=level, unit=unit)
    ok = (rows["status"] == Status.OK).to_numpy()
    rows["estimate"] = compute_f1(mean.mean)
    rows["replicates"] = _derive_replicates(defined, ok & ~ends)
    rows["reason"] = np.where(ok, _derive_reason(lower, replicates), rows["reason"])
    return rows


def _estimate_macro(
    classes: Classes, mean: ClusteredMean, replicates: Floats | None, *, level: float, unit: str
) -> pd.DataFrame:
    groups, cells = classes.cells.groups, classes.cells
    drawn = None if replicates is None else _compute_group_means(replicates, classes)
    (lower, upper), defined = _compute_bounds(drawn, level, len(groups))
    estimate = _compute_group_means(compute_f1(mean.mean)[None, :], classes)[0]
    kinds = _count_classes(classes)
    ok = kinds >= 2
    concerned = (classes.reference >= 0) | (classes.given >= 0)
    group, hit = cells.group[concerned], (cells.outcome == "C")[concerned]
    silent = np.where(kinds == 1, str(Reason.ONE_CLASS_ONLY), str(Reason.EMPTY_DENOMINATOR))
    return derive_rows(
        groups, metric="macro_f1", unit="proportion", estimate=np.where(ok, estimate, np.nan),
        lower=np.where(ok, lower, np.nan), upper=np.where(ok, upper, np.nan), level=level, method=METHOD,
        n=np.bincount(group, minlength=len(groups)), k=np.bincount(group[hit], minlength=len(groups)),
        clusters=count_clusters(group, cells.cluster[concerned], len(groups)), cluster_unit=unit,
        replicates=_derive_replicates(defined, ok), status=np.where(ok, str(Status.OK), str(Status.NOT_ESTIMABLE)),
        reason=np.where(ok, _derive_reason(lower, replicates), silent),
    )  # fmt: skip


def _compute_bounds(replicates: Floats | None, level: float, size: int) -> tuple[Bounds, Codes]:
    """Return percentile bounds and defined replicates; no bounds where replicates do not vary or 5 % are undefined."""
    if replicates is None:
        return (np.full(size, np.nan), np.full(size, np.nan)), np.zeros(size, dtype=np.int64)
    defined = np.isfinite(replicates).sum(axis=0)
    lower, upper = compute_percentiles(replicates, level)
    useless = (defined < _DEFINED * len(replicates)) | ~(upper > lower)
    return (np.where(useless, np.nan, lower), np.where(useless, np.nan, upper)), defined


def _derive_reason(lower: Floats, replicates: Floats | None) -> NDArray[np.str_]:
    lacking = Reason.TOO_FEW_CLUSTERS if replicates is None else Reason.NO_INTERVAL
    return np.where(np.isnan(lower), str(lacking), str(Reason.NONE))


def _derive_replicates(defined: Codes, shown: NDArray[np.bool_]) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(defined.astype(np.int64), ~(shown & (defined > 0)))


def _count_classes(classes: Classes) -> Codes:
    """Return how many classes the reference shows, per group."""
    known = classes.reference >= 0
    return count_clusters(classes.cells.group[known], classes.reference[known], len(classes.levels))


def _compute_group_means(values: Floats, classes: Classes) -> Floats:
    """Return the mean over each group's defined classes, shape (replicates, groups)."""
    means = np.full((len(values), len(classes.levels)), np.nan)
    for group, levels in enumerate(classes.levels):
        part = values[:, classes.start[group] : classes.start[group] + len(levels)]
        known = np.isfinite(part)
        count = known.sum(axis=1)
        means[:, group] = np.where(count > 0, np.where(known, part, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)
    return means
