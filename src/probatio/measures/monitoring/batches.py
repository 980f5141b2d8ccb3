"""Batches of compared values: which window each value falls in, and what its charts need."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.measures.cells import Cells, Codes, Mask, derive_cells
from probatio.measures.heterogeneity.counts import COUNTED, derive_counts, select_groups
from probatio.measures.heterogeneity.strata import derive_labels
from probatio.measures.homogeneity import Scores
from probatio.measures.rates import compute_acceptance_interval
from probatio.resampling import Floats, compute_clopper_pearson, compute_clustered_mean
from probatio.results import Reason

if TYPE_CHECKING:
    from probatio.comparison import Comparison
    from probatio.protocol import Monitoring, Protocol

MISSING = "missing"
"""The stratum of patients without a window: shown, and in no chart."""


@dataclass(frozen=True)
class Timed:
    """Compared values with the window of each.

    Attributes:
        cells: values of one source and variable per group, or of all single-valued variables of a source.
        window: per value, place of its window in `windows`; -1 unknown.
        windows: the classes of the attribute, in text order.
    """

    cells: Cells
    window: Codes
    windows: NDArray[np.str_]


@dataclass(frozen=True)
class Baseline:
    """The rate in control and its interval (NaN bounds where it was declared), with what it rests on.

    `charted` is the rate that the charts hold for in control: the same, or its upper bound with assurance.
    """

    rate: float
    lower: float
    upper: float
    charted: float
    method: str
    n: int
    k: int
    clusters: int


@dataclass(frozen=True)
class Batches:
    """The batches of one group and metric, one entry per window.

    Attributes:
        identity: source, comparator and variable of the group; the metric as `term`.
        n: values as counted; 0 in a window with too few patients.
        k: errors as counted.
        patients: patients with a value.
        size: whole number of independent values that carry the same information; 0 where n is.
        rate: (weighted) share of errors; NaN where n is 0.
        suffix: "", "_clustered" or "_weighted", as in `rates`.
        baseline: the rate in control.
        initial: which windows are the baseline's.
    """

    identity: dict[str, str]
    n: Codes
    k: Codes
    patients: Codes
    size: Codes
    rate: Floats
    suffix: str
    baseline: Baseline
    initial: Mask

    @property
    def judged(self) -> Mask:
        """Windows that are monitored and have enough patients."""
        return (self.size > 0) & ~self.initial

    def find_baseline_gap(self) -> Reason:
        """Say why the baseline has no rate: its batches are too small, or have no value; "" where it has one."""
        if not math.isnan(self.baseline.charted):
            return Reason.NONE
        if not math.isnan(self.baseline.rate):
            return Reason.TOO_FEW_CLUSTERS
        return Reason.SMALL_STRATUM if self.patients[self.initial].any() else Reason.NO_VALUES

    def compute_bounds(self, window: int, level: float) -> tuple[float, float]:
        """Return the exact interval of one window's rate, on its effective size."""
        size = self.size[window]
        lower, upper = compute_clopper_pearson(self.rate[window] * size, size, level)
        return float(lower), float(upper)


def derive_timed(comparison: Comparison, protocol: Protocol, monitoring: Monitoring) -> tuple[Timed, Timed]:
    """Return the values of each source and variable, and the same pooled over single-valued variables.

    Only those against the reference; attributes of events are left out, for they are judged with their event.
    """
    pairs = comparison.pairs
    kept = pairs[(pairs["kind"] == "error") & ~pairs["variable"].str.contains(".", regex=False)]
    cells = derive_cells(kept, comparison.patients, protocol, unit="patient")
    members = comparison.patients.sort_index()
    labels = derive_labels(members, monitoring.by)[cells.patient]
    known = ~(members[monitoring.by].isna() | (members[monitoring.by].astype(str) == "")).to_numpy()[cells.patient]
    windows = np.unique(labels[known])
    window = np.where(known, np.searchsorted(windows, labels), -1).astype(np.int64)
    single = (cells.groups["type"] != "events").to_numpy()[cells.group]
    return Timed(cells, window, windows), Timed(_pool(select_groups(cells, single)), window[single], windows)


def _pool(cells: Cells) -> Cells:
    """Return the values with one group per source, without a variable."""
    groups = cells.groups.assign(variable="", type="")
    whole = groups.drop_duplicates().reset_index(drop=True)
    place = groups.merge(whole.reset_index(names="place"), how="left")["place"].to_numpy(dtype=np.int64)
    return Cells(cells.pairs, whole, place[cells.group], cells.patient, cells.cluster, cells.outcome,
                 cells.conformant, cells.weight)  # fmt: skip


def derive_batches(timed: Timed, metric: str, monitoring: Monitoring, *, level: float, least: int) -> list[Batches]:
    """Return the batches of every group.

    Values that share a patient or carry weights count as fewer: the design effect is pooled over the windows
    of a group, within windows, as between centres. Windows with fewer than `least` patients are empty here.
    """
    place = timed.window >= 0
    cells, window = timed.cells.keep(place), timed.window[place]
    names = np.array([f"{at:06d}" for at in range(len(timed.windows))])
    counts = derive_counts(cells, names[window], metric, least=least, level=level)
    columns = np.searchsorted(names, counts.centres)
    initial = np.arange(len(names)) < (monitoring.baseline or 0)
    baselines = _derive_baselines(cells, window, metric, monitoring, columns, counts.raw_n > 0, initial, level)
    found = []
    for group, identity in enumerate(cells.groups[["source", "comparator", "variable"]].to_dict("records")):
        n, k, patients, effective, errors = (
            _spread(values[group], columns, len(names))
            for values in (counts.raw_n, counts.raw_k, counts.patients, counts.n, counts.k)
        )
        rate = np.where(n > 0, errors / np.where(n > 0, effective, 1), np.nan)
        size = np.where(n > 0, np.maximum(np.rint(effective), 1), 0).astype(np.int64)
        named = {str(name): str(value) for name, value in identity.items()} | {"term": metric}
        whole = (values.astype(np.int64) for values in (n, k, patients))
        found.append(Batches(named, *whole, size, rate, str(counts.suffix[group]), baselines[group], initial))
    return found


def _spread(values: Codes | Floats, columns: Codes, size: int) -> Floats:
    """Return one group's values over all windows, 0 in those that no value of any group falls in."""
    out = np.zeros(size)
    out[columns] = values
    return out


def _derive_baselines(
    cells: Cells, window: Codes, metric: str, monitoring: Monitoring, columns: Codes, used: Mask, initial: Mask,
    level: float,
) -> list[Baseline]:  # fmt: skip
    """Return per group the rate in control: declared, or that of the first windows with enough patients."""
    groups = len(cells.groups)
    if monitoring.in_control:
        rate = {str(name): value for name, value in monitoring.in_control.items()}[metric]
        return [Baseline(rate, np.nan, np.nan, rate, "declared", 0, 0, 0)] * groups
    above, below = COUNTED[metric]
    whole = np.zeros((groups, len(initial)), dtype=bool)
    whole[:, columns] = used
    base = cells.select(below) & initial[window] & whole[cells.group, window]
    kept = cells.keep(base)
    score = kept.select(above).astype(np.int8)
    mean = compute_clustered_mean(score, kept.group, kept.cluster, kept.weight, groups)
    interval = compute_acceptance_interval(mean, level)
    sure = monitoring.assurance
    charted = mean.mean if sure is None else compute_acceptance_interval(mean, 2 * sure - 1).bounds[1]
    columns_of = (mean.mean, *interval.bounds, charted, interval.method, mean.n, mean.positive, mean.clusters)
    return [
        Baseline(float(p), float(lower), float(upper), float(charted), str(method), int(n), int(k), int(clusters))
        for p, lower, upper, charted, method, n, k, clusters in zip(*columns_of, strict=True)
    ]


def iterate_scores(timed: Timed, metric: str, found: list[Batches]) -> Iterator[tuple[Batches, Scores]]:
    """Yield each group's batches with its single values in the windows that have enough patients."""
    above, below = COUNTED[metric]
    base = timed.cells.select(below) & (timed.window >= 0)
    error = timed.cells.select(above)
    order = np.argsort(timed.cells.group, kind="stable")
    cuts = np.searchsorted(timed.cells.group[order], np.arange(len(found) + 1))
    for group, batches in enumerate(found):
        mine = order[cuts[group] : cuts[group + 1]]
        mine = mine[base[mine]]
        mine = mine[batches.n[timed.window[mine]] > 0]
        cells = timed.cells
        yield batches, Scores(error[mine], timed.window[mine], cells.patient[mine], cells.weight[mine])


def derive_period_groups(timed: Timed, by: str) -> tuple[pd.DataFrame, Codes]:
    """Return the identity of every group in every window (the unknown one last), and each value's place."""
    labels = [*timed.windows, MISSING]
    columns = ["kind", "source", "comparator", "variable", "type"]
    crossed = timed.cells.groups[columns].merge(pd.DataFrame({"stratum": labels}), how="cross")
    window = np.where(timed.window < 0, len(timed.windows), timed.window)
    return crossed.assign(stratum_by=by), timed.cells.group * len(labels) + window
