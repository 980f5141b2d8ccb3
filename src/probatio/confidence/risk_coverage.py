"""Selective acceptance: the error among accepted values as fewer and fewer are accepted, surest first.

| metric | formula, N values, the k surest accepted |
|---|---|
| aurc | mean over k of the error among the k surest (Geifman and El-Yaniv 2017, NeurIPS 30) |
| e_aurc | aurc less that of a score that knows every error (Geifman, Uziel and El-Yaniv 2019, ICLR) |
| augrc | mean over k of errors among the k surest / N (Traub et al. 2024, NeurIPS 37) |

Values of equal score have no order of their own: every number is its expectation over all their orders. Of a tie of t
values with b errors the j-th holds b / t errors on average, so that the mean error sums to
b + (e - b m / t) (H(m + t) - H(m)) after m surer values with e errors, H the harmonic number (digamma). Weights are
divided by their mean and then count as numbers of values; without ties and with equal weights this is the textbook sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from probatio.confidence.forecasts import Codes, Forecasts, sum_by
from probatio.resampling import Floats, compute_totals


@dataclass(frozen=True)
class Areas:
    """Per group, or per replicate and group; NaN without values."""

    aurc: Floats
    e_aurc: Floats
    augrc: Floats
    error: Floats


@dataclass(frozen=True)
class Ties:
    """Values of equal score in a group, surest first within each group.

    Attributes:
        owner: group of each tie.
        place: tie of each value.
        start: first tie of each group, as `np.add.reduceat` wants it; groups without values have none.
        present: the groups that have values.
    """

    owner: Codes
    place: Codes
    start: NDArray[np.intp]
    present: Codes


def derive_ties(forecasts: Forecasts) -> Ties:
    """Return the ties of every group."""
    order = np.lexsort((-forecasts.score, forecasts.group))
    group, score = forecasts.group[order], forecasts.score[order]
    new = np.append(True, (group[1:] != group[:-1]) | (score[1:] != score[:-1]))[: len(order)]
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.cumsum(new) - 1
    owner = group[new]
    present, start = np.unique(owner, return_index=True)
    return Ties(owner, place, start, present)


def derive_merged_ties(forecasts: Forecasts) -> Ties:
    """Return ties in which neighbours that are all right, or all wrong, are one: no area depends on their order."""
    ties = derive_ties(forecasts)
    count = np.bincount(ties.place, minlength=len(ties.owner))
    wrong = sum_by(ties.place, 1 - forecasts.right, len(ties.owner))
    kind = np.where(wrong == 0, 0, np.where(wrong == count, 1, 2))
    new = (np.diff(ties.owner) != 0) | (np.diff(kind) != 0) | (kind[1:] == 2)
    new = np.append(True, new)[: len(ties.owner)]
    owner = ties.owner[new]
    present, start = np.unique(owner, return_index=True)
    return Ties(owner, (np.cumsum(new) - 1)[ties.place], start, present)


def compute_areas(forecasts: Forecasts, ties: Ties) -> Areas:
    """Return the areas of every group."""
    size = len(ties.owner)
    mass = sum_by(ties.place, forecasts.weight, size)
    wrong = sum_by(ties.place, forecasts.weight * (1 - forecasts.right), size)
    return _compute(mass, wrong, ties, _derive_scale(forecasts), forecasts.size)


def compute_replicate_areas(forecasts: Forecasts, ties: Ties, weights: NDArray[np.uint16]) -> Areas:
    """Return the areas of every group in each replicate, shape (replicates, groups).

    Args:
        forecasts: the values.
        ties: their ties.
        weights: how often each cluster is drawn, shape (replicates, clusters).
    """
    cell = forecasts.cluster * len(ties.owner) + ties.place
    cells = forecasts.clusters * len(ties.owner)
    parts = (forecasts.weight, forecasts.weight * (1 - forecasts.right))
    tables = [sum_by(cell, part, cells).reshape(forecasts.clusters, -1) for part in parts]
    mass, wrong = (compute_totals(weights, table) for table in tables)
    return _compute(mass, wrong, ties, _derive_scale(forecasts), forecasts.size)


def _derive_scale(forecasts: Forecasts) -> Floats:
    """Return each group's mean weight: weights divided by it count as numbers of values."""
    total = sum_by(forecasts.group, forecasts.weight, forecasts.size)
    return np.asarray(total / np.maximum(forecasts.count(), 1))


def _compute(mass: Floats, wrong: Floats, ties: Ties, scale: Floats, groups: int) -> Areas:
    t, b = (part / scale[ties.owner] for part in (mass, wrong))
    m, e = (_accumulate(part, ties) for part in (t, b))
    share = np.divide(b, t, out=np.zeros_like(b), where=t > 0)
    harmonic = digamma(m + t + 1) - digamma(m + 1)
    total, errors, risk, joint = (
        _sum(part, ties, groups) for part in (t, b, b + (e - share * m) * harmonic, e * t + share * t * (t + 1) / 2)
    )
    n = np.where(total > 0, total, np.nan)
    best = errors - (n - errors) * (digamma(n + 1) - digamma(n - errors + 1))
    return Areas(risk / n, (risk - best) / n, joint / n**2, errors / n)


def _accumulate(part: Floats, ties: Ties) -> Floats:
    """Return the sum over the surer ties of the same group."""
    total = np.cumsum(part, axis=-1) - part
    return np.asarray(total - total[..., ties.start][..., np.searchsorted(ties.present, ties.owner)])


def _sum(part: Floats, ties: Ties, groups: int) -> Floats:
    summed = np.zeros((*part.shape[:-1], groups))
    if len(ties.start):
        summed[..., ties.present] = np.add.reduceat(part, ties.start, axis=-1)
    return summed


def derive_curve(forecasts: Forecasts, ties: Ties, points: int) -> tuple[Forecasts, Floats, Floats]:
    """Return the accepted values at about `points` coverages of each group, as overlapping groups of their own.

    Coverages fall between ties: a threshold accepts equal scores together.

    Returns:
        the accepted values (a value stands in every set that accepts it; `identity` repeats its group's line),
        and of each set its coverage and its threshold.
    """
    size = len(ties.owner)
    mass = sum_by(ties.place, forecasts.weight, size)
    total = _sum(mass, ties, forecasts.size)
    coverage = (_accumulate(mass, ties) + mass) / total[ties.owner]
    score = np.empty(size)
    score[ties.place] = forecasts.score
    step = np.ceil(np.round(coverage * points, 9)).astype(np.int64)
    last = np.append(np.diff(ties.owner * (points + 1) + step) != 0, True)[:size]
    sets = np.flatnonzero(last)
    first = ties.start[np.searchsorted(ties.present, ties.owner[sets])]
    by_tie = np.argsort(ties.place, kind="stable")
    begin = np.searchsorted(ties.place[by_tie], np.arange(size + 1))
    rows = [by_tie[begin[low] : begin[high + 1]] for low, high in zip(first, sets, strict=True)]
    row = np.concatenate([*rows, np.zeros(0, dtype=np.int64)]).astype(np.int64)
    accepted = Forecasts(
        identity=forecasts.identity.iloc[ties.owner[sets]].reset_index(drop=True),
        group=np.repeat(np.arange(len(sets)), [len(part) for part in rows]),
        patient=forecasts.patient[row],
        cluster=forecasts.cluster[row],
        score=forecasts.score[row],
        right=forecasts.right[row],
        weight=forecasts.weight[row],
        clusters=forecasts.clusters,
    )
    return accepted, coverage[sets], score[sets]
