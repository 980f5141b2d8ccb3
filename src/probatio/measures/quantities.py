"""Differences of one source and comparator: mean, spread, quantiles, and intervals by design.

| method | when |
|---|---|
| student | one value per patient, equal weights: t on the values' own degrees of freedom |
| clustered_t, weighted_t | else: influence summed per patient, t(patients - 1) |
| woodruff, woodruff_clustered, woodruff_weighted | quantiles: Wilson interval of the share below, turned back |
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from probatio.measures.cells import Cells, Codes, Mask
from probatio.measures.chance import compute_clustered_error
from probatio.measures.rates import derive_methods
from probatio.resampling import (
    Bounds,
    Floats,
    compute_clustered_mean,
    compute_effective_size,
    compute_t_quantile,
    compute_wilson,
)
from probatio.results import Reason, Status, build_row

ROUNDING = 1e-9


@dataclass(frozen=True)
class Quantities:
    """Some numbers of one group, with what their intervals need.

    Attributes:
        identity: source, comparator and variable (and the group's kind and type).
        value: the numbers.
        cluster: each number's patient or centre.
        weight: 1 / sampling probability.
        unit: what is independent: "patient" or "centre".
        level: two-sided confidence.
    """

    identity: dict[str, Any]
    value: Floats
    cluster: Codes
    weight: Floats
    unit: str
    level: float

    @property
    def clusters(self) -> int:
        """Number of patients (or centres)."""
        return len(np.unique(self.cluster))

    @property
    def equal(self) -> bool:
        """All weights are equal."""
        return bool(self.weight.max(initial=0) <= self.weight.min(initial=np.inf))

    @property
    def simple(self) -> bool:
        """One value per patient and equal weights: textbook intervals hold."""
        return self.equal and self.clusters == len(self.value)

    @property
    def method(self) -> str:
        """The name of the linearised interval."""
        return "clustered_t" if self.equal else "weighted_t"

    @property
    def mean(self) -> float:
        """Weighted mean; needs a value."""
        return float(np.average(self.value, weights=self.weight))

    @property
    def deviation(self) -> float:
        """Standard deviation, n - 1 in the denominator; weighted by weights that sum to n. Needs two values."""
        return compute_deviation(self.value, self.weight)

    def compute_half(self, influence: Floats) -> float:
        """Return half the width of the linearised interval of a statistic with this influence; NaN if unknown."""
        error = compute_clustered_error(influence, self.cluster, self.weight)
        return float(compute_t_quantile(self.clusters - 1, self.level)) * error

    def build(self, metric: str, estimate: float | None, bounds: tuple[float, float] | None, method: str,
              **fields: Any) -> dict[str, Any]:  # fmt: skip
        """Return a row; without bounds of some width it says why there is no interval."""
        lacking = Reason.TOO_FEW_CLUSTERS if self.clusters < 2 else Reason.NO_INTERVAL
        wide = bounds is not None and bounds[1] > bounds[0]
        lower, upper = bounds if bounds is not None and wide else (None, None)
        named = {name: self.identity[name] for name in ("source", "comparator", "variable")}
        base = {"n": len(self.value), "clusters": self.clusters, "cluster_unit": self.unit, "level": self.level}
        reason = Reason.NONE if wide else lacking
        return build_row(metric, estimate, lower=lower, upper=upper, method=method,
                         **(named | base | {"reason": reason} | fields))  # fmt: skip

    def build_silent(self, metric: str, reason: Reason, **fields: Any) -> dict[str, Any]:
        """Return a row that says why there is no number."""
        return self.build(metric, None, None, "", status=Status.NOT_ESTIMABLE, reason=reason, **fields)


def list_quantities(cells: Cells, value: Floats, mask: Mask, kind: str, *, level: float, unit: str) -> Iterator[
    tuple[Quantities, Codes]
]:  # fmt: skip
    """Yield each group of one type of variable with the numbers where the mask holds, and their places."""
    for place in np.flatnonzero((cells.groups["type"] == kind).to_numpy()):
        rows = np.flatnonzero((cells.group == place) & mask)
        identity = {str(name): text for name, text in cells.groups.iloc[place].items()}
        yield Quantities(identity, value[rows], cells.cluster[rows], cells.weight[rows], unit, level), rows


def compute_deviation(value: Floats, weight: Floats) -> float:
    """Return the standard deviation with n - 1; weights are taken in shares."""
    n = len(value)
    square = float(np.average((value - np.average(value, weights=weight)) ** 2, weights=weight))
    return float(np.sqrt(square * n / (n - 1)))


def compute_quantile(value: Floats, weight: Floats, share: float) -> float:
    """Return the weighted quantile: the middle of all that split the weight in `share` and the rest."""
    order = np.argsort(value, kind="stable")
    reached = np.cumsum(weight[order]) / weight.sum()
    low = int(np.searchsorted(reached, share - ROUNDING))
    high = int(np.searchsorted(reached, share + ROUNDING))
    last = len(value) - 1
    return float((value[order][min(low, last)] + value[order][min(high, last)]) / 2)


def build_quantile(group: Quantities, metric: str, share: float, **fields: Any) -> dict[str, Any]:
    """Return a quantile's row with Woodruff's interval (Woodruff 1952, J Am Stat Assoc 47:635).

    The share of values up to the quantile has a Wilson interval on the effective size; its bounds,
    looked up in the distribution of the values, bound the quantile.
    """
    if not len(group.value):
        return group.build_silent(metric, Reason.EMPTY_DENOMINATOR, **fields)
    estimate = compute_quantile(group.value, group.weight, share)
    score = (group.value <= estimate).astype(np.int8)
    zeros = np.zeros(len(score), dtype=np.int64)
    mean = compute_clustered_mean(score, zeros, group.cluster, group.weight, 1)
    size = compute_effective_size(mean, group.level)
    bounds = _turn_back(group, compute_wilson(share * size, size, group.level))
    return group.build(metric, estimate, bounds, str(derive_methods(mean, np.array(["woodruff"]))[0]), **fields)


def _turn_back(group: Quantities, shares: Bounds) -> tuple[float, float] | None:
    low, high = (float(share[0]) for share in shares)
    if not (np.isfinite(low) and len(group.value) > 1):
        return None
    return compute_quantile(group.value, group.weight, low), compute_quantile(group.value, group.weight, high)
