"""Gray's test: do groups have the same cumulative incidence of a cause, beside competing ones?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from probatio.resampling import Floats
from probatio.survival.aalen_johansen import prepare_causes


class GrayTest(NamedTuple):
    """The test of k groups: statistic on k - 1 degrees of freedom; NaN where the cause never leaves two at risk."""

    statistic: float
    degrees: int
    p_value: float


class _Counts(NamedTuple):
    """Numbers by group at each distinct event time, shape (k, m): at risk, of the cause, of others; and the curves.

    `before` and `after`: survival from any cause just before and after; `free`: 1 - incidence just before.
    """

    at_risk: Floats
    of_cause: Floats
    others: Floats
    before: Floats
    after: Floats
    free: Floats


def compute_gray_test(
    time: ArrayLike, cause: ArrayLike, group: ArrayLike, *, of: int = 1, strata: ArrayLike | None = None
) -> GrayTest:
    """Return the test of equal cumulative incidence of a cause, equal weights over time (rho = 0).

    Args:
        time: as in `prepare_causes`.
        cause: 0 for censoring, 1, 2, ... for causes, shape (n,).
        group: codes 0 to k - 1, each present, shape (n,).
        of: the cause wanted.
        strata: labels; score and variance are added over them, shape (n,).

    Source: Gray 1988; the correction for ties is that of his R package cmprsk.
    """
    table, codes = prepare_causes(time, cause), np.asarray(group, dtype=int)
    times = table.times[table.until - 1]
    labels = np.zeros(len(times)) if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1]
    groups = int(codes.max()) + 1
    score, variance = np.zeros(groups), np.zeros((groups, groups))
    for label in np.unique(labels):
        inside = labels == label
        counts = _count(times[inside], table.cause[inside], codes[inside], of, groups)
        score += _compute_score(counts)
        variance += _compute_variance(counts)
    inner = variance[1:, 1:]
    if groups < 2 or np.linalg.matrix_rank(inner) < groups - 1:
        return GrayTest(np.nan, groups - 1, np.nan)
    statistic = float(score[1:] @ np.linalg.solve(inner, score[1:]))
    return GrayTest(statistic, groups - 1, float(stats.chi2.sf(statistic, groups - 1)))


def _count(times: Floats, causes: NDArray[np.int64], codes: NDArray[np.intp], of: int, groups: int) -> _Counts:
    distinct = np.unique(times[causes > 0])
    at_risk, of_cause, others = (np.zeros((groups, len(distinct))) for _ in range(3))
    for code in range(groups):
        chosen = codes == code
        at_risk[code] = chosen.sum() - np.searchsorted(np.sort(times[chosen]), distinct, side="left")
        for counted, wanted in ((of_cause, causes == of), (others, (causes > 0) & (causes != of))):
            np.add.at(counted[code], np.searchsorted(distinct, times[chosen & wanted]), 1)
    size = np.maximum(at_risk, 1)
    after = np.cumprod(1 - (of_cause + others) / size, axis=1)
    before = np.column_stack([np.ones(groups), after[:, :-1]])
    incidence = np.cumsum(before * of_cause / size, axis=1)
    free = 1 - np.column_stack([np.zeros(groups), incidence[:, :-1]])
    return _Counts(at_risk, of_cause, others, before, np.where(after > 1e-12, after, 0.0), free)


def _derive_size(counts: _Counts) -> Floats:
    """Return the number at risk over survival: who would be at risk had nobody left, shape (k, m)."""
    return np.where(counts.at_risk > 0, counts.at_risk / np.where(counts.at_risk > 0, counts.before, 1), 0.0)


def _compute_score(counts: _Counts) -> Floats:
    """Return events of the cause less those expected among who had neither it nor censoring, shape (k,)."""
    exposed = _derive_size(counts) * counts.free
    total = exposed.sum(axis=0)
    share = exposed / np.where(total > 0, total, 1)
    return np.asarray((counts.of_cause - counts.of_cause.sum(axis=0) * share).sum(axis=1))


def _compute_variance(counts: _Counts) -> Floats:
    """Return the score's covariance: each group's increments of both kinds, with what they change later, (k, k).

    At a time, direct[i, k] is what an event of the cause in group k adds to score i, and later[i, k] what any event
    there changes in the expectations still to come.
    """
    size, events = _derive_size(counts), counts.of_cause.sum(axis=0)
    total = np.where(size.sum(axis=0) > 0, size.sum(axis=0), 1)
    pooled = np.cumsum(events / total)
    still = 1 - np.r_[0.0, pooled[:-1]]
    direct = np.eye(len(size))[:, :, None] * size[:, None] - size[:, None] * size[None] / total
    passed = np.cumsum(direct * events / (total * np.where(still > 0, still, 1)), axis=2)
    later = passed[:, :, -1:] - passed
    alive = counts.after > 0
    ratio = np.where(alive, (1 - pooled) / np.where(alive, counts.after, 1), 0.0)
    own = direct + (1 - ratio) * later
    ours, theirs = _compute_weights(counts, events, total)
    own_part = np.einsum("ikm,jkm,km->ij", own, own, ours)
    return np.asarray(own_part + np.einsum("ikm,jkm,km->ij", later, later, ratio**2 * theirs))


def _compute_weights(counts: _Counts, events: Floats, total: Floats) -> tuple[Floats, Floats]:
    """Return the variance of one group's incidence increment of the cause (pooled) and of the others, shape (k, m)."""
    n = np.where(counts.at_risk > 0, counts.at_risk, 1)
    expected = total * counts.before
    tied = 1 - np.maximum(events - 1, 0) / np.where(expected > 1, expected - 1, np.inf)
    ours = np.where(counts.at_risk > 0, tied * counts.before * events / (total * n), 0.0)
    tied = 1 - np.maximum(counts.others - 1, 0) / np.maximum(n - 1, 1)
    return ours, np.where(counts.after > 0, tied * counts.before**2 * counts.others / n**2, 0.0)
