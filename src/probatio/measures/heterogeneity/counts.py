"""Events and trials per centre, as every estimate between centres needs them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.measures.cells import Cells, Codes, Mask
from probatio.measures.rates import derive_methods
from probatio.resampling import ClusteredMean, Floats, compute_clustered_mean, compute_t_quantile
from probatio.results import Reason

METRICS = {"error_rate": ("WOU", "CWOU"), "omission_rate": ("O", "CWO")}
"""Metrics whose heterogeneity is estimated: outcomes of the numerator and of the denominator."""
COUNTED = METRICS | {"unsupported_share": ("U", "CWU")}
"""Metrics that can be counted."""


@dataclass(frozen=True)
class Counts:
    """Effective events `k` and trials `n`, shape (groups, centres); a centre without values has n = 0.

    Attributes:
        metric: the rate whose numerator and denominator are counted.
        identity: one line per group: source, comparator, variable, and its stratum if it is one.
        centres: names, in the order of the columns.
        k: effective events.
        n: effective trials.
        raw_k: events as counted.
        raw_n: trials as counted.
        patients: patients with a trial.
        suffix: "", "_clustered" or "_weighted", per group.
        empty: what to say of a group without a trial.
    """

    metric: str
    identity: pd.DataFrame
    centres: NDArray[np.str_]
    k: Floats
    n: Floats
    raw_k: Codes
    raw_n: Codes
    patients: Codes
    suffix: NDArray[np.str_]
    empty: Reason = Reason.EMPTY_DENOMINATOR

    @property
    def sizes(self) -> Codes:
        """Return the number of centres with a trial, per group."""
        return np.asarray((self.raw_n > 0).sum(axis=1))

    def find_reasons(self) -> NDArray[np.str_]:
        """Return per group why nothing can be estimated between centres; "" where it can."""
        events, trials = self.raw_k.sum(axis=1), self.raw_n.sum(axis=1)
        reasons = np.where(events == 0, str(Reason.NO_EVENTS), "")
        reasons = np.where(events == trials, str(Reason.ONE_CLASS_ONLY), reasons)
        reasons = np.where(self.sizes < 2, str(Reason.TOO_FEW_CLUSTERS), reasons)
        return np.where(trials == 0, str(self.empty), reasons)


def derive_counts(cells: Cells, centre: NDArray[np.str_], metric: str, *, least: int, level: float) -> Counts:
    """Return counts per group and centre, corrected for values that share a patient or carry weights.

    The design effect is pooled over the centres of a group, within centres, its degrees of freedom the patients
    touched as in `resampling.clustered`: a centre alone has too few events to tell. With one value per
    patient and equal weights counts are as counted.

    Args:
        cells: compared values, patients as clusters.
        centre: centre of each value.
        metric: a key of `COUNTED`.
        least: a centre with fewer patients in a group is left out of it.
        level: two-sided confidence, for the design effect's degrees of freedom.
    """
    above, below = COUNTED[metric]
    base = cells.select(below)
    kept, names = cells.keep(base), np.unique(centre)
    shape = (len(cells.groups), len(names))
    place = kept.group * shape[1] + np.searchsorted(names, centre[base])
    score = kept.select(above).astype(np.int8)
    mean = compute_clustered_mean(score, place, kept.cluster, kept.weight, shape[0] * shape[1])
    whole = compute_clustered_mean(score, kept.group, kept.cluster, kept.weight, shape[0])
    used = (mean.clusters >= max(least, 1)).reshape(shape)
    effect = _compute_design_effect(mean, shape, level)
    effect = np.where(whole.simple, 1.0, effect)
    raw_n, raw_k = (np.where(used, x.reshape(shape), 0) for x in (mean.n, mean.positive))
    n = raw_n / effect[:, None]
    suffix = derive_methods(whole, np.full(shape[0], ""))
    rate = np.nan_to_num(mean.mean.reshape(shape))
    patients = mean.clusters.reshape(shape)
    empty = Reason.SMALL_STRATUM if least > 1 else Reason.EMPTY_DENOMINATOR
    return Counts(metric, cells.groups, names, rate * n, n, raw_k, raw_n, patients, suffix, empty)


def _compute_design_effect(mean: ClusteredMean, shape: tuple[int, int], level: float) -> Floats:
    """Return per group the design effect within centres, at least 1."""
    squares = mean.n.astype(float) ** 2
    seen, plain = (_total(squares * np.nan_to_num(x), shape) for x in (mean.variance, mean.plain))
    complete = _total(mean.n * np.nan_to_num(mean.complete), shape) / np.maximum(_total(mean.n, shape), 1.0)
    free = [np.maximum(_total(np.maximum(x - 1, 0), shape), 1.0) for x in (mean.touched, mean.n)]
    quantiles = [compute_t_quantile(x.astype(np.int64), level) for x in free]
    ratio = seen / np.where(plain > 0, plain, 1.0)
    raised = np.minimum((quantiles[0] / quantiles[1]) ** 2 * ratio, np.maximum(ratio, complete))
    return np.asarray(np.maximum(np.where(plain > 0, raised, complete), 1.0))


def _total(values: Floats | Codes, shape: tuple[int, int]) -> Floats:
    return np.asarray(values.reshape(shape).sum(axis=1), dtype=float)


def select_groups(cells: Cells, mask: Mask) -> Cells:
    """Return the values where a mask holds, with the groups that still have one."""
    kept = cells.keep(mask)
    present, group = np.unique(kept.group, return_inverse=True)
    groups = cells.groups.iloc[present].reset_index(drop=True)
    return Cells(kept.pairs, groups, group.astype(np.int64), kept.patient, kept.cluster, kept.outcome,
                 kept.conformant, kept.weight)  # fmt: skip
