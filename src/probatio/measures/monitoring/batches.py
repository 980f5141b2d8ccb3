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
from probatio.measures.monitoring.baseline import Baseline, derive_baselines
from probatio.resampling import Floats, compute_clopper_pearson
from probatio.results import Reason

if TYPE_CHECKING:
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
class Batches:
    """The batches of one group and metric, one entry per window.

    Attributes:
        identity: source, comparator and variable of the group; the metric as `term`.
        n: values as counted; 0 in a window with too few patients.
        k: errors as counted.
        patients: patients with a value.
        size: whole number of independent values that the charts count with; 0 where n is.
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


def derive_timed(patients: pd.DataFrame, pairs: pd.DataFrame, protocol: Protocol, by: str) -> tuple[Timed, Timed]:
    """Return the values of each source and variable, and the same pooled over single-valued variables.

    Attributes of events are left out, for they are judged with their event.

    Args:
        patients: the comparison's patients.
        pairs: of sources in use, against the reference.
        protocol: types of variables.
        by: attribute of the patients whose classes are the windows.
    """
    kept = pairs[~pairs["variable"].str.contains(".", regex=False)]
    cells = derive_cells(kept, patients, protocol, unit="patient")
    members = patients.sort_index()
    labels = derive_labels(members, by)[cells.patient]
    known = ~(members[by].isna() | (members[by].astype(str) == "")).to_numpy()[cells.patient]
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
    of a group, within windows, as between centres, and raised for skewness. Windows with fewer than `least`
    patients are empty here.
    """
    dated = Timed(timed.cells.keep(timed.window >= 0), timed.window[timed.window >= 0], timed.windows)
    names = np.array([f"{place:06d}" for place in range(len(timed.windows))])
    counts = derive_counts(dated.cells, names[dated.window], metric, least=least, level=level)
    filled = np.isin(names, counts.centres)
    n, k, patients = (_spread(values, filled).astype(np.int64) for values in (counts.raw_n, counts.raw_k,
                                                                              counts.patients))  # fmt: skip
    effective, errors = _spread(counts.n, filled), _spread(counts.k, filled)
    rate = np.where(n > 0, errors / np.where(n > 0, effective, 1), np.nan)
    size = _compute_sizes(n, patients, effective)
    initial = np.arange(len(names)) < (monitoring.baseline or 0)
    baselines = derive_baselines(dated.cells, dated.window, metric, monitoring, used=(n > 0) & initial, level=level)
    identity = dated.cells.groups[["source", "comparator", "variable"]].assign(term=metric).to_dict("records")
    return [
        Batches(
            identity={str(name): str(value) for name, value in named.items()},
            n=n[group],
            k=k[group],
            patients=patients[group],
            size=size[group],
            rate=rate[group],
            suffix=str(counts.suffix[group]),
            baseline=baselines[group],
            initial=initial,
        )
        for group, named in enumerate(identity)
    ]


def _compute_sizes(n: Codes, patients: Codes, effective: Floats) -> Codes:
    """Return the whole number of independent values that each batch counts for."""
    total, less = n.sum(axis=1), np.maximum(effective.sum(axis=1), 1e-9)
    each = total / np.maximum(np.where(n > 0, patients, 0).sum(axis=1), 1)
    effect = compute_skewed_effect(np.maximum(total / less, 1.0), each)
    return np.where(n > 0, np.maximum(np.rint(n / effect[:, None]), 1), 0).astype(np.int64)


def compute_skewed_effect(effect: Floats, values: Floats) -> Floats:
    """Return a design effect with which a binomial is at least as variable, and as skewed, as clustered errors.

    Alarms live in the upper tail, and the errors of patients who differ are more skewed than a binomial of the
    same variance. With an intraclass correlation r and m values per patient the third cumulant of a
    beta-binomial is (1 + (m - 1) r)(1 + (2m - 1) r) / (1 + r) times the binomial one (Johnson, Kemp and Kotz
    2005, chapter 6); one of n / d values has d squared times. It is 1 for independent values, m for wholly
    dependent ones.

    Args:
        effect: design effect of the variance, at least 1.
        values: per patient, on average.
    """
    more = np.maximum(values - 1, 0)
    r = np.clip(np.where(more > 0, (effect - 1) / np.where(more > 0, more, 1), 0.0), 0.0, 1.0)
    return np.asarray(np.maximum(effect, np.sqrt((1 + more * r) * (1 + (2 * values - 1) * r) / (1 + r))))


def _spread(values: Codes | Floats, filled: Mask) -> Floats:
    """Return (groups, windows) values, 0 in windows that no value of any group falls in."""
    out = np.zeros((len(values), len(filled)))
    out[:, filled] = values
    return out


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
