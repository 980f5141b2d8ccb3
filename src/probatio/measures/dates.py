"""Dates: exact, within windows, early or late, imprecise; an event found together with its date.

Dates are scored at the reference's precision: "2024-05-17" is exact against "2024-05", and a value coarser
than its reference ("2024" against "2024-05") is imprecise, never exact nor within a window, as otherwise
"year only" would win. The lag is the days between the first days of the two periods at that precision,
value minus reference: it exists between two full dates, or two months, or two years.

| metric | formula | range | best |
|---|---|---|---|
| exact_rate | lag 0, of documented pairs | [0, 1] | 1 |
| within_days | abs(lag) <= `at`, of documented pairs | [0, 1] | 1 |
| imprecise_rate | coarser than the reference, of documented pairs | [0, 1] | 0 |
| lag_median, lag_quartile_lower, lag_quartile_upper | quantiles of the lag | days | 0 |
| early_rate, late_rate | lag < 0, lag > 0, of pairs with a lag | [0, 1] | 0 |
| early_balance | early_rate - late_rate | [-1, 1] | 0 |
| event_date_sensitivity | dates found / dates of the reference | [0, 1] | 1 |
| event_date_ppv | dates found / dates of the source | [0, 1] | 1 |
| event_date_f1 | F1 of dates found | [0, 1] | 1 |

A date is found when both sides have one and abs(lag) <= `at` (Estevez et al. 2022, Cancers 14:3063): outside
the window it is missed and spurious at once. A value that does not conform is documented, has no lag and is
found by nobody. The tolerance of the protocol plays no part here.

Intervals: rates as everywhere; F1 as in `overlap`; quantiles by Woodruff 1952; the balance as a difference of
paired proportions (Newcombe 1998 for single values, else t over patients).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from probatio.measures.cells import Cells, Codes, Mask
from probatio.measures.overlap import Found, estimate_overlap
from probatio.measures.quantities import build_quantile, list_quantities
from probatio.measures.rates import Interval, compute_reporting_interval, derive_methods, derive_rate_rows
from probatio.resampling import (
    ClusteredMean,
    Floats,
    compute_clopper_pearson,
    compute_clustered_mean,
    compute_effective_size,
    compute_newcombe,
    compute_t_bounds,
    find_few_touched,
)
from probatio.results import Reason, derive_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOWS = (7, 15, 30, 90)
_QUANTILES = (("lag_quartile_lower", 0.25), ("lag_median", 0.5), ("lag_quartile_upper", 0.75))
_EVENT_DATE = ("event_date_ppv", "event_date_sensitivity", "event_date_f1")


def estimate_dates(cells: Cells, *, level: float, unit: str) -> list[pd.DataFrame]:
    """Return every row of the date variables, for each source and comparator."""
    wanted = (cells.groups["type"] == "date").to_numpy()
    if not wanted.any():
        return []
    lag, imprecise = compute_lags(cells, wanted)
    rows: list[dict[str, Any]] = []
    for group, _ in list_quantities(cells, lag, np.isfinite(lag), "date", level=level, unit=unit):
        rows += [build_quantile(group, metric, share, unit="days") for metric, share in _QUANTILES]
    frames = [derive_table(rows), *_estimate_rates(cells, wanted, lag, imprecise, level=level, unit=unit)]
    return frames + _estimate_event_dates(cells, wanted, lag, level=level, unit=unit)


def compute_lag(reference: str, value: str) -> float:
    """Return the days from the reference's period to the value's, at the reference's precision; NaN if coarser."""
    given = value[: len(reference)]
    if len(given) < len(reference):
        return np.nan
    first, second = (np.datetime64(text + "-01-01"[len(text) - 4 :]) for text in (reference, given))
    return float((second - first) / np.timedelta64(1, "D"))


def compute_lags(cells: Cells, wanted: Mask) -> tuple[Floats, Mask]:
    """Return each date's lag, NaN where there is none, and whether it is coarser than its reference."""
    lag, imprecise = np.full(len(cells.outcome), np.nan), np.zeros(len(cells.outcome), dtype=bool)
    both = wanted[cells.group] & cells.select("CW") & cells.conformant
    reference, value = (cells.pairs[name].to_numpy(dtype=object) for name in ("reference", "value"))
    for place in np.flatnonzero(both):
        if reference[place] and value[place]:
            lag[place] = compute_lag(reference[place], value[place])
            imprecise[place] = np.isnan(lag[place])
    return lag, imprecise


def _estimate_rates(
    cells: Cells, wanted: Mask, lag: Floats, imprecise: Mask, *, level: float, unit: str
) -> list[pd.DataFrame]:
    with np.errstate(invalid="ignore"):
        near = {str(days): np.abs(lag) <= days for days in WINDOWS}
        signs = {"early_rate": lag < 0, "late_rate": lag > 0}
    documented, known = wanted[cells.group] & cells.select("CW"), np.isfinite(lag)
    scores = [("exact_rate", "", lag == 0, documented), ("imprecise_rate", "", imprecise, documented)]
    scores += [("within_days", at, mask, documented) for at, mask in near.items()]
    scores += [(metric, "", mask, known) for metric, mask in signs.items()]
    frames = []
    for metric, at, mask, base in scores:
        mean, identity = _compute_mean(cells, wanted, mask.astype(np.int8), base)
        interval = compute_reporting_interval(mean, level)
        frames.append(derive_rate_rows(identity.assign(at=at), metric, mean, interval, level=level, unit=unit))
    sign = signs["early_rate"].astype(np.int8) - signs["late_rate"].astype(np.int8)
    return [*frames, _estimate_balance(*_compute_mean(cells, wanted, sign, known), level=level, unit=unit)]


def _compute_mean(
    cells: Cells, wanted: Mask, score: NDArray[np.int8], base: Mask
) -> tuple[ClusteredMean, pd.DataFrame]:
    identity = cells.groups[wanted].reset_index(drop=True)
    place = _derive_places(cells, wanted, base)
    return compute_clustered_mean(score[base], place, cells.cluster[base], cells.weight[base], len(identity)), identity


def _derive_places(cells: Cells, wanted: Mask, base: Mask) -> Codes:
    return np.asarray((np.cumsum(wanted) - 1)[cells.group[base]], dtype=np.int64)


def _estimate_balance(mean: ClusteredMean, identity: pd.DataFrame, *, level: float, unit: str) -> pd.DataFrame:
    """Return early minus late; `k` counts the dates that are either."""
    differing = mean.positive + mean.negative
    newcombe = compute_newcombe(np.zeros(len(identity)), mean.positive, mean.negative, mean.n - differing, level)
    widest = compute_clopper_pearson(np.zeros(len(identity)), compute_effective_size(mean, level), level)[1]
    clustered, alike = compute_t_bounds(mean, level), differing == 0
    lower = np.where(mean.simple, newcombe[0], np.where(alike, -widest, clustered[0]))
    upper = np.where(mean.simple, newcombe[1], np.where(alike, widest, clustered[1]))
    method = np.where(alike, derive_methods(mean, np.full(len(identity), "discordance")),
                      np.where(mean.equal, "clustered_t", "weighted_t"))  # fmt: skip
    caution = ~mean.simple & find_few_touched(mean)
    interval = Interval((lower, upper), np.where(mean.simple, "newcombe", method), caution)
    rows = derive_rate_rows(identity, "early_balance", mean, interval, level=level, unit=unit)
    lacking = (rows["reason"] == Reason.TOO_FEW_CLUSTERS).to_numpy() & (mean.clusters > 1)
    reason = np.where(lacking, str(Reason.NO_INTERVAL), rows["reason"])
    return rows.assign(k=pd.array(differing, dtype="Int64"), reason=reason)


def _estimate_event_dates(cells: Cells, wanted: Mask, lag: Floats, *, level: float, unit: str) -> list[pd.DataFrame]:
    """Return sensitivity, PPV and F1 of event and date against the reference standard, per window."""
    chosen = wanted & (cells.groups["kind"] == "error").to_numpy()
    if not chosen.any():
        return []
    identity = cells.groups[chosen].reset_index(drop=True)
    frames = []
    for days in (0, *WINDOWS):
        found = _find_dates(cells, chosen, lag, days, identity.assign(at=str(days)))
        frames += estimate_overlap(found, _EVENT_DATE, level=level, unit=unit)
    return frames


def _find_dates(cells: Cells, chosen: Mask, lag: Floats, days: int, identity: pd.DataFrame) -> Found:
    base = chosen[cells.group]
    with np.errstate(invalid="ignore"):
        hit = base & (np.abs(lag) <= days)
    missed, spurious = base & cells.select("CWO") & ~hit, base & cells.select("CWU") & ~hit
    masks = (hit, missed, spurious)
    value = np.concatenate([np.flatnonzero(mask) for mask in masks])
    sizes = [int(mask.sum()) for mask in masks]
    place = np.asarray((np.cumsum(chosen) - 1)[cells.group[value]], dtype=np.int64)
    return Found(
        cells, value, place, np.repeat([True, True, False], sizes), np.repeat([True, False, True], sizes), identity
    )
