"""Who is at risk at each event time: the sorted layout that every fit and every replicate of a regression reads."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from probatio.resampling import Floats

Integers = NDArray[np.int64]


class RiskSets(NamedTuple):
    """Patients ever at risk at an event time, by stratum, then event time; g numbers event times over all strata.

    A patient belongs to the last event time not after the end of follow-up, and is at risk from event
    time `entered` to that one. At each event time those with the event come first.

    Attributes:
        rows: their rows in the data, shape (m,).
        group: event time of each, shape (m,).
        entered: first event time after entry of each, shape (m,).
        x: standardised covariates, shape (m, p).
        products: x_a x_b for a <= b, row by row of the upper triangle, shape (m, p (p + 1) / 2).
        starts: first patient of each event time, then m, shape (g + 1,).
        deaths: patients with the event at each event time, shape (g,).
        strata: first event time of each stratum with events, then g, shape (s + 1,).
        late: patients who enter after their stratum's first event time, by `entered`.
        late_starts: first of `late` for each event time, then their number, shape (g + 1,).
    """

    rows: Integers
    group: Integers
    entered: Integers
    x: Floats
    products: Floats
    starts: Integers
    deaths: Integers
    strata: Integers
    late: Integers
    late_starts: Integers


def derive_risk_sets(
    times: Floats, events: Floats, x: Floats, labels: NDArray[np.intp], entry: Floats | None
) -> RiskSets:
    """Sort patients into risk sets.

    Args:
        times: end of follow-up, shape (n,).
        events: 1.0 for an event, shape (n,).
        x: standardised covariates, shape (n, p).
        labels: codes of strata from 0, shape (n,).
        entry: when each comes under observation (0 or less: from the origin on), shape (n,).
    """
    order = np.lexsort((events == 0, times, labels))
    is_head = _find_heads(times[order], events[order] > 0, labels[order])
    group, heads = np.cumsum(is_head) - 1, order[is_head]
    kept = (group >= 0) & (labels[heads][group] == labels[order]) if len(heads) else np.zeros(len(order), dtype=bool)
    rows, group = order[kept], group[kept]
    strata = np.flatnonzero(np.diff(labels[heads], prepend=-1))
    first = strata[np.cumsum(np.diff(labels[heads], prepend=-1) > 0)[group] - 1]
    entered = first if entry is None else np.maximum(first, _find_entered(times, labels, heads, rows, entry))
    present = entered <= group
    bounds = np.r_[strata, len(heads)]
    return _arrange(
        rows[present], group[present], entered[present], entered[present] > first[present], events=events, x=x,
        strata=bounds,
    )  # fmt: skip


def _find_heads(times: Floats, events: NDArray[np.bool_], labels: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Say which sorted patient is the first with an event at their time and stratum."""
    same = (np.diff(times) == 0) & (np.diff(labels) == 0) & events[:-1]
    found: NDArray[np.bool_] = events & ~np.r_[False, same]
    return found


def _find_entered(
    times: Floats, labels: NDArray[np.intp], heads: NDArray[np.intp], rows: NDArray[np.intp], entry: Floats
) -> NDArray[np.intp]:
    """Return the first event time of a patient's stratum that comes after entry; the stratum's first from 0 down."""
    distinct = np.unique(times[heads])
    rank = np.where(entry[rows] > 0, np.searchsorted(distinct, entry[rows], side="right"), 0)
    keys = labels[heads] * (len(distinct) + 1) + np.searchsorted(distinct, times[heads])
    return np.searchsorted(keys, labels[rows] * (len(distinct) + 1) + rank)


def _arrange(
    rows: NDArray[np.intp], group: NDArray[np.intp], entered: NDArray[np.intp], is_late: NDArray[np.bool_], *,
    events: Floats, x: Floats, strata: NDArray[np.intp],
) -> RiskSets:  # fmt: skip
    groups = np.arange(strata[-1] + 1)
    a, b = np.triu_indices(x.shape[1])
    late = np.flatnonzero(is_late)
    late = late[np.argsort(entered[late], kind="stable")]
    taken = np.ascontiguousarray(x[rows])
    return RiskSets(
        rows.astype(np.int64), group.astype(np.int64), entered.astype(np.int64),
        taken, np.ascontiguousarray(taken[:, a] * taken[:, b]),
        np.searchsorted(group, groups).astype(np.int64),
        np.bincount(group[events[rows] > 0], minlength=len(groups) - 1).astype(np.int64),
        strata.astype(np.int64), late.astype(np.int64), np.searchsorted(entered[late], groups).astype(np.int64),
    )  # fmt: skip
