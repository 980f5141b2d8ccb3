"""Worst stratum with a simultaneous bound, and whether centres are nested in a patient attribute."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.measures.cells import Cells, Mask
from probatio.measures.heterogeneity.counts import METRICS
from probatio.measures.rates import compute_acceptance_interval, derive_rows, derive_silent
from probatio.resampling import Bounds, ClusteredMean, compute_clustered_mean
from probatio.results import Reason, Status, build_row

NESTED = 0.9
"""Lambda from which an attribute counts as determined by the centre."""


def compute_nesting(centre: NDArray[np.str_], attribute: NDArray[np.str_]) -> float:
    """Return how far the centre determines an attribute, from 0 (not) to 1 (each centre has one level).

    Goodman and Kruskal's lambda (1954, JASA 49:732): the share of the errors in guessing a patient's level
    that knowing the centre removes. Centres of one patient say nothing and are left out. NaN when
    fewer than two centres or two levels remain.
    """
    table = pd.crosstab(centre, attribute)
    counts = table.to_numpy()[table.to_numpy().sum(axis=1) > 1]
    if len(counts) < 2 or (counts.sum(axis=0) > 0).sum() < 2:
        return math.nan
    common = counts.sum(axis=0).max()
    return float((counts.max(axis=1).sum() - common) / (counts.sum() - common))


def estimate_nesting(patients: pd.DataFrame, attributes: list[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return a `design_nested` row per attribute, and the attributes in which centres are nested.

    Args:
        patients: indexed by patient_id; column `centre` and the attributes.
        attributes: those to examine; the centre itself is passed over.
    """
    rows, nested = [], []
    for name in attributes:
        if name == "centre":
            continue
        value = compute_nesting(derive_labels(patients, "centre"), derive_labels(patients, name))
        key: dict[str, Any] = {"stratum_by": name, "unit": "proportion", "method": "goodman_kruskal_lambda",
               "n": len(patients), "clusters": patients["centre"].nunique(), "cluster_unit": "centre"}  # fmt: skip
        if math.isnan(value):
            key |= {"status": Status.NOT_ESTIMABLE, "reason": Reason.ONE_CLASS_ONLY}
            rows.append(build_row("design_nested", **key))
            continue
        if value >= NESTED:
            nested.append(name)
        reason = Reason.NESTED_CENTRES if value >= NESTED else Reason.NONE
        rows.append(build_row("design_nested", value, **key, reason=reason))
    return rows, nested


def derive_labels(patients: pd.DataFrame, attribute: str) -> NDArray[np.str_]:
    """Return each patient's stratum, patients sorted; "missing" where the attribute is empty."""
    labels = patients.sort_index()[attribute].astype(object)
    return np.asarray(labels.where(labels.notna() & (labels != ""), "missing").astype(str), dtype=np.str_)


def estimate_worst_stratum(
    cells: Cells, labels: NDArray[np.str_], attribute: str, metric: str, *, level: float, least: int
) -> pd.DataFrame:
    """Return per group the highest rate of any stratum; `term` names the stratum.

    The upper bound is the highest of the strata's exact upper bounds, the lower one the highest of their
    lower bounds, each at level 1 - (1 - level) / m for m strata (Bonferroni): all strata together lie
    below the upper bound at the level, also one that shows fewer errors by chance. Strata with fewer than
    `least` patients are left out; without any the row is suppressed, and without a value not estimable.

    Args:
        cells: compared values, patients as clusters.
        labels: stratum of each value.
        attribute: what the strata are of.
        metric: a key of `METRICS`.
        level: two-sided confidence.
        least: fewest patients of a stratum.
    """
    above, below = METRICS[metric]
    base = cells.select(below)
    kept, names = cells.keep(base), np.unique(labels)
    shape = (len(cells.groups), len(names))
    place = kept.group * shape[1] + np.searchsorted(names, labels[base])
    score = kept.select(above).astype(np.int8)
    mean = compute_clustered_mean(score, place, kept.cluster, kept.weight, shape[0] * shape[1])
    used = (mean.clusters >= least).reshape(shape)
    bounds, methods = _compute_simultaneous(mean, used, level)
    worst = (np.arange(shape[0]), np.where(used, mean.mean.reshape(shape), -1.0).argmax(axis=1))
    none: Mask = ~np.any(used, axis=1, keepdims=True)[:, 0]
    frame = derive_rows(
        cells.groups, metric=f"worst_stratum_{metric}", stratum_by=attribute,
        term=np.where(none, "", names[worst[1]]), unit="proportion", estimate=mean.mean.reshape(shape)[worst],
        lower=bounds[0], upper=bounds[1], level=level, method=np.char.add(methods[worst], "_bonferroni"),
        n=mean.n.reshape(shape)[worst], k=mean.positive.reshape(shape)[worst],
        clusters=mean.clusters.reshape(shape)[worst], cluster_unit="patient", status=str(Status.OK), reason="",
    )  # fmt: skip
    frame = derive_silent(frame, none, Status.SUPPRESSED, Reason.SMALL_STRATUM)
    empty = ~np.any(mean.n.reshape(shape) > 0, axis=1)
    return derive_silent(frame, empty, Status.NOT_ESTIMABLE, Reason.EMPTY_DENOMINATOR)


def _compute_simultaneous(
    mean: ClusteredMean, used: NDArray[np.bool_], level: float
) -> tuple[Bounds, NDArray[np.str_]]:
    """Return per group the highest bounds over the strata used, and each stratum's method."""
    lower, upper, methods = np.empty(used.shape), np.empty(used.shape), np.empty(used.shape, dtype="U48")
    strata = used.sum(axis=1)
    for many in np.unique(strata):
        interval = compute_acceptance_interval(mean, 1 - (1 - level) / max(int(many), 1))
        own = strata == many
        for target, found in ((lower, interval.bounds[0]), (upper, interval.bounds[1]), (methods, interval.method)):
            target[own] = found.reshape(used.shape)[own]
    lowest, highest = (np.where(used, np.nan_to_num(bound), 0.0).max(axis=1) for bound in (lower, upper))
    return (lowest, highest), methods
