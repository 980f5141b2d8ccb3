"""Harrell's concordance of a predictor with survival, and its standard error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from probatio.resampling import Floats
from probatio.results import Reason
from probatio.survival.kaplan_meier import check_times, derive_entries

_TIED = 1e-9  # relative: predictors closer than this are equal, so that the last digit of a sum breaks no tie

_ROUNDING = 1e-12  # relative: what is left of weights that were added and taken away


class Concordance(NamedTuple):
    """The share of comparable pairs in which the higher predictor has the earlier event, ties counted as half.

    NaN estimate: undefined, `reason` says why. Pairs are weighted counts.
    """

    estimate: float
    standard_error: float
    concordant: float
    discordant: float
    tied: float
    reason: Reason = Reason.NONE


def compute_concordance(
    time: ArrayLike,
    event: ArrayLike,
    predictor: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Concordance:
    """Return the concordance with its standard error by the infinitesimal jackknife, as R's `concordance`.

    A pair is comparable when one has the event while the other is at risk and goes on, or is censored the same day.

    Args:
        time: as in `prepare_times`.
        event: as in `prepare_times`.
        predictor: higher for an earlier event (a Cox regression's linear predictor), shape (n,).
        strata: labels; pairs are made within them, shape (n,).
        entry: delayed entry, as in `prepare_cox`.
        weights: case weights; a pair has the product, shape (n,); default 1.

    Returns:
        NaN with a reason: `no_events`, or `no_pairs` when nobody outlives an event.

    Raises:
        ValueError: impossible times or entries, a predictor or weights that are undefined or of another length.

    Source: Harrell, Califf, Pryor, Lee and Rosati 1982; Therneau and Atkinson 2020 (R's vignette "concordance").
    """
    times, events = check_times(time, event)
    x, w = np.asarray(predictor, dtype=float), np.ones(len(times))
    w = w if weights is None else np.asarray(weights, dtype=float)
    if x.shape != times.shape or w.shape != times.shape or not np.isfinite(x).all() or not np.isfinite(w).all():
        raise ValueError("predictor and weights need one finite number per patient")
    labels = np.zeros(len(times)) if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1]
    entries, pairs = derive_entries(entry, times), np.zeros((len(times), 3))
    for label in np.unique(labels):
        inside = labels == label
        pairs[inside] = _count(times[inside], events[inside], entries[inside], x[inside], w[inside])
    pairs[pairs < _ROUNDING * w.sum()] = 0.0
    if not pairs.any():
        return Concordance(np.nan, np.nan, 0.0, 0.0, 0.0, Reason.NO_PAIRS if (events * w).any() else Reason.NO_EVENTS)
    scores, sizes = pairs[:, 0] + pairs[:, 2] / 2, pairs.sum(axis=1)
    concordant, discordant, tied = (float(total) / 2 for total in w @ pairs)
    estimate = (concordant + tied / 2) / (concordant + discordant + tied)
    influence = w * (scores - estimate * sizes) / (concordant + discordant + tied)
    return Concordance(estimate, float(np.sqrt((influence**2).sum())), concordant, discordant, tied)


def _count(times: Floats, events: Floats, entries: Floats, x: Floats, w: Floats) -> Floats:
    """Return the weight of each patient's pairs within a stratum, shape (n, 3)."""
    from probatio.survival import concordance_kernel  # noqa: PLC0415 - numba takes half a second to import

    happened = (events > 0) & (w > 0)
    distinct = np.unique(times[happened])
    left, right = (np.searchsorted(distinct, times, side=side) for side in ("left", "right"))
    group, until = np.where(happened, left, -1), np.where(events > 0, left, right)
    since = np.searchsorted(distinct, entries, side="right")
    order = np.argsort(x, kind="stable")
    steps = np.diff(x[order], prepend=x[order[:1]]) > _TIED * max(1e-300, float(np.abs(x - x.mean()).max()))
    code = np.empty(len(x), dtype=np.int64)
    code[order] = np.cumsum(steps)
    orders = (np.argsort(values, kind="stable") for values in (group, since, until))
    sweep = concordance_kernel.Sweep(code, w, group, since, until, *orders)
    return concordance_kernel.count_pairs(sweep, len(distinct))
