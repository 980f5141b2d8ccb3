"""The log-rank test, stratified or not, with or without delayed entry: arrays to values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from probatio.resampling import Floats
from probatio.survival.kaplan_meier import check_times, derive_entries


class LogRank(NamedTuple):
    """The log-rank test of k groups: statistic on k - 1 degrees of freedom, counts per group."""

    statistic: float
    degrees: int
    p_value: float
    observed: Floats
    expected: Floats


def compute_log_rank(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
) -> LogRank:
    """Return the log-rank test of equal hazards (Mantel 1966; hypergeometric variance, as R's `survdiff`).

    Args:
        time: as in `prepare_times`.
        event: as in `prepare_times`.
        group: codes 0 to k - 1, each present, shape (n,).
        strata: labels; observed, expected and variance are added over them, shape (n,).
        entry: delayed entry: at risk at t when entry < t <= time; 0 or less: from the origin on. Shape (n,).

    Returns:
        The statistic is NaN when no event leaves two groups at risk.

    Raises:
        ValueError: times as in `prepare_times`, an entry that is not finite or does not precede its time.
    """
    times, events = check_times(time, event)
    entries, codes = derive_entries(entry, times), np.asarray(group, dtype=int)
    labels = np.zeros(len(times)) if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1]
    groups = int(codes.max()) + 1
    observed, expected, covariance = np.zeros(groups), np.zeros(groups), np.zeros((groups, groups))
    for label in np.unique(labels):
        inside = labels == label
        at_risk, deaths = _count(times[inside], events[inside], entries[inside], codes[inside], groups)
        observed += deaths.sum(axis=1)
        expected += (at_risk / at_risk.sum(axis=0)) @ deaths.sum(axis=0)
        covariance += _compute_covariance(at_risk, deaths.sum(axis=0))
    return _derive_test(observed, expected, covariance)


def _count(
    times: Floats, events: Floats, entries: Floats, codes: NDArray[np.intp], groups: int
) -> tuple[Floats, Floats]:
    """Return numbers at risk and of events by group at each distinct event time, shapes (k, m)."""
    distinct = np.unique(times[events > 0])
    at_risk, deaths = np.zeros((groups, len(distinct))), np.zeros((groups, len(distinct)))
    for code in range(groups):
        chosen = codes == code
        left = np.searchsorted(np.sort(times[chosen]), distinct, side="left")
        entered = np.searchsorted(np.sort(entries[chosen]), distinct, side="left")
        at_risk[code] = entered - left
        np.add.at(deaths[code], np.searchsorted(distinct, times[chosen & (events > 0)]), 1)
    return at_risk, deaths


def _compute_covariance(at_risk: Floats, deaths: Floats) -> Floats:
    total = at_risk.sum(axis=0)
    share = at_risk / total
    scale = deaths * np.where(total > 1, (total - deaths) / np.maximum(total - 1, 1), 0.0)
    return np.asarray(np.diag(share @ scale) - (share * scale) @ share.T)


def _derive_test(observed: Floats, expected: Floats, covariance: Floats) -> LogRank:
    degrees = len(observed) - 1
    gap, inner = (observed - expected)[1:], covariance[1:, 1:]
    if degrees < 1 or np.linalg.matrix_rank(inner) < degrees:
        return LogRank(np.nan, degrees, np.nan, observed, expected)
    statistic = float(gap @ np.linalg.solve(inner, gap))
    return LogRank(statistic, degrees, float(stats.chi2.sf(statistic, degrees)), observed, expected)
