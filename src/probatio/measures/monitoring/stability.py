"""Is error the same in every window of time? Rates, tests of equality and of trend, change since the baseline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit
from scipy.stats import chi2

from probatio.measures.heterogeneity.counts import COUNTED
from probatio.measures.homogeneity import Scores, compute_homogeneity
from probatio.measures.monitoring.baseline import DECLARED, Baseline
from probatio.measures.monitoring.batches import MISSING, Batches, Timed, derive_period_groups
from probatio.measures.rates import compute_reporting_interval, derive_rate_rows, derive_silent
from probatio.resampling import compute_clustered_mean
from probatio.results import Reason, Status, build_row

Rows = list[dict[str, Any]]


class Trend(NamedTuple):
    """Change of a rate from one window to the next, its t interval (NaN without), and the score test."""

    slope: float
    lower: float
    upper: float
    p: float
    method: str


def compute_trend(scores: Scores, level: float) -> Trend:
    """Return whether a rate rises or falls with the number of the window.

    The test is Cochran and Armitage's (Armitage 1955, Biometrics 11:375) where each patient has one value, else
    its generalised form with patients as units (Boos 1992, Am Stat 46:327): U = sum w (t - mean t)(y - mean y),
    its variance from the patients' own parts of U. The slope is the least-squares line's through the
    windows' rates, its interval from the residuals summed within patients.

    Args:
        scores: `level` is the number of the window; two windows or more, an error and a correct value occur.
        level: two-sided confidence.
    """
    w, y = scores.weight, scores.score.astype(float)
    time = scores.level - np.average(scores.level, weights=w)
    residual = y - np.average(y, weights=w)
    total, spread = float((w * time * residual).sum()), float((w * time**2).sum())
    patient = np.unique(scores.patient, return_inverse=True)[1]
    many = int(patient.max()) + 1
    slope = total / spread
    parts = np.bincount(patient, w * time * residual, many)
    variance = float(((parts - total / many) ** 2).sum()) * many / max(many - 1, 1)
    if scores.simple:
        variance = float(y.mean() * (1 - y.mean()) * (time**2).sum() * w[0] ** 2)
    p = float(chi2.sf(total**2 / variance, 1)) if variance > 0 else 1.0
    left = np.bincount(patient, w * time * (residual - slope * time), many)
    error = np.sqrt((left**2).sum() * many / max(many - 2, 1)) / spread
    half = float(stdtrit(many - 2, (1 + level) / 2) * error) if many > 2 and error > 0 else np.nan
    return Trend(slope, slope - half, slope + half, p, "cochran_armitage" if scores.simple else "score_trend_clustered")


def estimate_periods(timed: Timed, metric: str, *, by: str, level: float, least: int) -> pd.DataFrame:
    """Return the rate of every group in every window, with its interval; small windows are suppressed."""
    identity, place = derive_period_groups(timed, by)
    above, below = COUNTED[metric]
    base = timed.cells.select(below)
    kept = timed.cells.keep(base)
    score = kept.select(above).astype(np.int8)
    mean = compute_clustered_mean(score, place[base], kept.cluster, kept.weight, len(identity))
    interval = compute_reporting_interval(mean, level)
    rows = derive_rate_rows(identity.assign(term=metric), "period_rate", mean, interval, level=level, unit="patient")
    rows = derive_silent(rows, (mean.n > 0) & (mean.clusters < least), Status.SUPPRESSED, Reason.SMALL_STRATUM)
    return rows[(rows["stratum"] != MISSING) | (rows["n"] > 0)]


def estimate_stability(batches: Batches, scores: Scores, *, windows: int, by: str, level: float) -> Rows:
    """Return the tests of equal rates and of trend over the windows, and the last window's change."""
    fields: dict[str, Any] = batches.identity | {"stratum_by": by, "level": level}
    fields |= {"n": len(scores.score), "clusters": len(np.unique(scores.patient)), "cluster_unit": "patient"}
    reason = _find_reason(batches, scores)
    if reason != Reason.NONE:
        silent = fields | {"status": Status.NOT_ESTIMABLE, "reason": reason}
        names = ("period_homogeneity_p", "period_trend", "period_trend_p")
        return [*(build_row(name, **silent) for name in names), *_estimate_change(batches, windows, fields)]
    k, same, trend = int(scores.score.sum()), compute_homogeneity(scores), compute_trend(scores, level)
    fields |= {"k": k}
    open_ended = Reason.NO_INTERVAL if np.isnan(trend.lower) else Reason.NONE
    return [
        build_row("period_homogeneity_p", same.p, method=same.method, **fields),
        build_row("period_trend", trend.slope, lower=trend.lower, upper=trend.upper, method="least_squares_clustered",
                  unit="proportion", reason=open_ended, **fields),
        build_row("period_trend_p", trend.p, method=trend.method, **fields),
        *_estimate_change(batches, windows, fields),
    ]  # fmt: skip


def _find_reason(batches: Batches, scores: Scores) -> Reason:
    """Say why no test exists: no value, one window, no error, or nothing but errors."""
    if not len(scores.score):
        return Reason.SMALL_STRATUM if batches.patients.any() else Reason.NO_VALUES
    if (batches.n > 0).sum() < 2:
        return Reason.TOO_FEW_BATCHES
    if not scores.score.any():
        return Reason.NO_EVENTS
    return Reason.ONE_CLASS_ONLY if scores.score.all() else Reason.NONE


def _estimate_change(batches: Batches, windows: int, fields: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the last window's rate minus the rate in control, where that window is after the baseline.

    The interval joins those of the two rates (MOVER; Newcombe 1998, Stat Med 17:873, method 10), both for
    acceptance, on effective sizes; a declared rate has no width.
    """
    named = {name: value for name, value in fields.items() if name not in ("n", "k", "clusters", "cluster_unit")}
    base, last = batches.baseline, windows - 1
    if last < 0 or not batches.judged[last] or np.isnan(base.rate):
        yield build_row(
            "period_change", status=Status.NOT_ESTIMABLE, reason=_find_change_reason(batches, last), **named
        )
        return
    lower, upper = batches.compute_bounds(last, fields["level"])
    rate = float(batches.rate[last])
    near, far = _fill_declared(base)
    down, up = np.hypot(rate - lower, far - base.rate), np.hypot(upper - rate, base.rate - near)
    difference, method = rate - base.rate, DECLARED if base.method == DECLARED else "mover"
    named |= {"n": int(batches.n[last]) + base.n, "k": int(batches.k[last]) + base.k, "method": method}
    if np.isnan(down + up):
        yield build_row("period_change", difference, reason=Reason.NO_INTERVAL, unit="proportion", **named)
        return
    bounds = {"lower": max(difference - down, -1.0), "upper": min(difference + up, 1.0)}
    yield build_row("period_change", difference, unit="proportion", **bounds, **named)


def _fill_declared(base: Baseline) -> tuple[float, float]:
    return (base.rate, base.rate) if base.method == DECLARED else (base.lower, base.upper)


def _find_change_reason(batches: Batches, last: int) -> Reason:
    if last < 0 or batches.initial[last]:
        return Reason.TOO_FEW_BATCHES
    if batches.size[last] == 0:
        return Reason.SMALL_STRATUM if batches.patients[last] else Reason.EMPTY_DENOMINATOR
    return batches.find_baseline_gap()
