"""Curves that may leave: a closed list, each kind coarsened by its own rule. A curve that is not listed stays.

| kind | curves | rule |
|---|---|---|
| steps | survival, cumulative incidence | points of a grid of months, between which the minimum of patients left |
| at_risk | numbers at risk | the same grid, rounded down to a multiple of the minimum |
| beside | differences of two such curves | where both keep a point, no finer than they, without an interval |
| smooth | a hazard ratio over time | once a quarter, within the first and last point |
| plan | tolerance: simulated errors; a review's share that was planned | as it is |
| coarse | error after review, costs | tenths of the share reviewed |

A step of a Kaplan-Meier curve is the day one patient died. Curves are read at months between which events are none or
not fewer than the minimum, while the minimum is still at risk. The months of a larger minimum are some of those of a
smaller one. The times at which rows state survival
count as read already. Curves of each source's own patients stay: less those of the patients in common they would show
a few. So do reliability diagrams, risk-coverage curves, distributions of scores, control charts, Bland and Altman's
bins: they hold a few errors, and the ratio of a bin's mean to its interval says how many. So does the interval of a
difference of two curves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.provenance.release.disclosing import DIGITS, MONTH, round_digits
from probatio.resampling import Floats
from probatio.results import SERIES_KEY

_QUARTER: Final = 3 * MONTH
_KINDS: Final[Mapping[str, str]] = {
    "survival": "steps",
    "weighted_survival": "steps",
    "cumulative_incidence": "steps",
    "cumulative_incidence_competing": "steps",
    "at_risk": "at_risk",
    "survival_difference": "beside",
    "survival_difference_band": "beside",
    "cumulative_incidence_difference": "beside",
    "cumulative_incidence_difference_band": "beside",
    "log_hazard_ratio_course": "smooth",
    "lost_share": "plan",
    "mean_shift": "plan",
    "probability_within": "plan",
    "review_minutes_per_patient": "plan",
    "cost": "coarse",
    "error_after_review": "coarse",
    "consequence_after_review": "coarse",
}
_CURVE: Final = [name for name in SERIES_KEY if name not in ("metric",)]
_FAMILY: Final = [name for name in _CURVE if name not in ("term",)]
Grid = dict[Any, Floats]


def coarsen_curves(points: pd.DataFrame, minimum: int, *, stated: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """Return the points of curves that may leave, none of which one patient made.

    Args:
        points: the curves of a whole run, one frame.
        minimum: the smallest count that may be shown.
        stated: by analysis, the times in days at which rows state survival or incidence.
    """
    if points.empty:
        return points.copy()
    kind = points["metric"].map(_KINDS).fillna("")
    steps = kind.isin(["steps", "at_risk", "beside"])
    kind[points["stratum_by"].str.startswith("centre") | (steps & (points["stratum_by"] != ""))] = ""
    grids = _derive_grids(points[kind.isin(["steps", "at_risk"])], minimum, stated)
    kept = [_keep(kind == name, points, rule) for name, rule in _list_rules(grids, minimum)]
    out = pd.concat(kept).sort_values([*SERIES_KEY, "x"], kind="stable").reset_index(drop=True)
    shown = ["y", "lower", "upper"]
    numbers = round_digits(out[shown].to_numpy(dtype=float))
    beside = out["metric"].map(_KINDS).eq("beside").to_numpy()
    numbers[beside] = np.round(numbers[beside], DIGITS)
    numbers[beside, 1:] = np.nan
    out[shown] = numbers
    return out


def _list_rules(grids: Grid, minimum: int) -> list[tuple[str, Callable[[pd.DataFrame], pd.DataFrame]]]:
    return [
        ("steps", lambda curve: _read_steps(curve, grids)),
        ("at_risk", lambda curve: _floor(_read_steps(curve, grids), minimum)),
        ("beside", lambda curve: _read_beside(curve, grids)),
        ("smooth", _read_smooth),
        ("coarse", lambda curve: curve[np.isclose(curve["x"] * 10, np.round(curve["x"] * 10))]),
        ("plan", lambda curve: curve),
    ]


def _keep(held: pd.Series, points: pd.DataFrame, rule: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    curves = points[held].groupby(list(SERIES_KEY), sort=False)
    kept = [rule(curve.sort_values("x")) for _, curve in curves]
    return pd.concat(kept) if kept else points.iloc[:0]


def _derive_grids(points: pd.DataFrame, minimum: int, stated: Mapping[str, Sequence[float]]) -> Grid:
    """Return the times at which each survival curve may be read; the groups of one variable have the same times.

    Otherwise all patients less one group would show the other group.
    """
    grids: Grid = {}
    for _, together in points.groupby(_FAMILY, sort=False):
        curves = {key: _read_events(part) for key, part in together.groupby(_CURVE, sort=False)}
        known = {key: curve for key, curve in curves.items() if curve is not None}
        if known:
            times = _choose_times(known.values(), minimum, stated.get(str(together["analysis"].iloc[0]), ()))
            grids |= dict.fromkeys(known, times)
    return grids


class _Events(NamedTuple):
    """A curve's steps: when, how many are at risk, and how many events each of its lines counts."""

    time: Floats
    at_risk: Floats
    events: list[Floats]


def _read_events(points: pd.DataFrame) -> _Events | None:
    risk = points[points["metric"] == "at_risk"].sort_values("x")
    curves = [part.sort_values("x") for name, part in points.groupby("metric") if name != "at_risk"]
    if risk.empty or not curves:
        return None
    time, at_risk = risk["x"].to_numpy(dtype=float), risk["y"].to_numpy(dtype=float)
    return _Events(time, at_risk, [_count_events(curve, time, at_risk) for curve in curves])


def _choose_times(curves: Collection[_Events], minimum: int, stated: Sequence[float]) -> Floats:
    """Return the months at which curves may be read: those of every smaller minimum, thinned."""
    taken = np.concatenate([_sum_past(curve, np.asarray(stated, dtype=float)) for curve in curves])
    months = np.arange(0.0, max(curve.time[-1] for curve in curves) + 2 * MONTH, MONTH)
    counts = np.concatenate([_sum_past(curve, months) for curve in curves])
    present = np.min([[_read_at(c.time, c.at_risk, month) for month in months] for c in curves], axis=0)
    kept = np.arange(len(months) - 1)
    for least in range(2, minimum + 1):
        free = np.array([month for month in kept if _are_large(abs(taken.T - counts[:, month]), least)], dtype=int)
        kept = _thin(np.union1d(free, [0]), counts, counts[:, -1], present, least)
    return np.asarray(months[kept])


def _sum_past(curve: _Events, months: Floats) -> Floats:
    past = [[each[curve.time <= month].sum() for month in months] for each in curve.events]
    return np.array(past, dtype=float).reshape(len(curve.events), len(months))


def _thin(months: NDArray[np.intp], past: Floats, total: Floats, present: Floats, least: int) -> NDArray[np.intp]:
    """Return the months between which no curve has from 1 to least - 1 events, and the least is still at risk.

    Args:
        months: places to choose from, ascending; the first, the start, always stays.
        past: events up to each month, shape (curves, months).
        total: events of each curve.
        present: at risk at each month.
        least: the smallest count that may be shown.
    """
    kept = [int(months[0])]
    for month in months[1:].tolist():
        if present[month] >= least and _are_large(past[:, month] - past[:, kept[-1]], least):
            kept.append(month)
    while len(kept) > 1 and not _are_large(total - past[:, kept[-1]], least):
        kept.pop()
    return np.array(kept)


def _are_large(counts: Floats, least: int) -> bool:
    return bool(((counts == 0) | (counts >= least)).all())


def _count_events(curve: pd.DataFrame, time: Floats, at_risk: Floats) -> Floats:
    """Return how many events each step of a curve stands for: at risk x the fall, or the rise of an incidence."""
    y = np.array([_read_at(curve["x"].to_numpy(dtype=float), curve["y"].to_numpy(dtype=float), at) for at in time])
    falling = curve["metric"].iloc[0].endswith("survival")
    before = np.concatenate([[1.0 if falling else 0.0], y[:-1]])
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (before - y) / before if falling else (y - before) / (1 - before)
    return np.asarray(np.nan_to_num(np.round(share * at_risk)))


def _read_at(x: Floats, y: Floats, at: float) -> float:
    """Return a step function at a time; before its first step, its first value."""
    return float(y[max(int(np.searchsorted(x, at, side="right")) - 1, 0)])


def _read_steps(curve: pd.DataFrame, grids: Grid) -> pd.DataFrame:
    key = tuple(curve.iloc[0][_CURVE])
    return _read_curve(curve, grids.get(key, np.empty(0)))


def _read_curve(curve: pd.DataFrame, times: Floats) -> pd.DataFrame:
    x = curve["x"].to_numpy(dtype=float)
    place = np.maximum(np.searchsorted(x, times, side="right") - 1, 0)
    return curve.iloc[place].assign(x=times)


def _read_beside(curve: pd.DataFrame, grids: Grid) -> pd.DataFrame:
    first = curve.iloc[0]
    times = None
    for side in ("source", "comparator"):
        found = grids.get(tuple(first[side] if name == "source" else "" if name == "comparator" else first[name]
                                for name in _CURVE), np.empty(0))  # fmt: skip
        times = found if times is None else np.intersect1d(times, found)
    return _read_curve(curve, np.empty(0) if times is None else times)


def _floor(curve: pd.DataFrame, minimum: int) -> pd.DataFrame:
    return curve.assign(y=np.floor(curve["y"] / minimum) * minimum)


def _read_smooth(curve: pd.DataFrame) -> pd.DataFrame:
    x = curve["x"].to_numpy(dtype=float)
    times = np.arange(np.ceil(x[0] / _QUARTER), np.floor(x[-1] / _QUARTER) + 1) * _QUARTER
    read = {name: np.interp(times, x, curve[name].to_numpy(dtype=float)) for name in ("y", "lower", "upper")}
    return curve.iloc[np.zeros(len(times), dtype=int)].assign(x=times, **read)
