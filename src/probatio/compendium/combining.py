"""Pool the counts that centres disclose into the same rows: no patient's row leaves a hospital.

Each hospital runs the same protocol on its own patients and sends the result rows of its agreement
notebook. What is a proportion of counts is added up and gets the interval it would have had:

| rows | pooled as |
|---|---|
| outcome counts | sums |
| proportions, one value per patient | k/n of the sums; Wilson or Clopper-Pearson: what one run would give |
| the same, several values per patient | k/n; the interval on n over the mean design effect of the runs |
| AI minus manual by Tango's interval | from the sums of discordant cells, in the same two ways |
| rates of a sampled reference | mean of the runs' rates by the population they stand for (`weighted_count`) |

A run's design effect is read from its interval; that of a weighted mean has the variance sum (W_h / W)^2 v_h of a
stratified sample (Cochran 1977, equation 5.6). Other weighted rows (differences, strata) are `not_estimable`: their
weights are not disclosed. A suppressed count suppresses the sum, and measures that need more than counts (kappa, F1,
medians) are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.measures.outcomes import ERROR_RATES
from probatio.measures.rates import derive_rows
from probatio.protocol import UserError
from probatio.provenance import RunFolder
from probatio.resampling import Bounds, Floats, compute_clopper_pearson, compute_tango, compute_wilson, find_few_events
from probatio.results import KEY, Reason, ResultError, Status, derive_table, read_rows, select_rows

NOTEBOOK = "03_agreement"
_POOLED = ("count", "wilson", "exact", "clopper_pearson", "tango")
_IDENTITY = [name for name in KEY if name not in ("method", "level")]
_SHARED = ("study", "protocol_digest")
_HALVINGS = 50
_Codes = NDArray[np.intp]
_Texts = NDArray[np.object_]


@dataclass(frozen=True)
class Combined:
    """The pooled rows, how many runs they come from, and how many rows of measures cannot be pooled."""

    rows: pd.DataFrame
    runs: int
    left_out: int


def combine_runs(paths: Sequence[Path]) -> Combined:
    """Return the pooled rows of several hospitals' runs of one protocol.

    Args:
        paths: run folders, or files with the rows of their agreement notebook.

    Raises:
        UserError: fewer than two runs; a file is missing or no table of rows; protocols differ; a centre, or
            the same rows, stand in two of them.
    """
    if len(paths) < 2:
        raise UserError("combine: one run has nothing to be pooled with; name at least two.")
    tables = [_read_run(path) for path in paths]
    _check_protocols(paths, tables)
    _check_distinct(paths, tables)
    frame = pd.concat([table.assign(run=place) for place, table in enumerate(tables)], ignore_index=True)
    frame["mass"] = _derive_mass(frame)
    counted = frame["metric"].isin(("count", "weighted_count"))
    frame["kind"] = np.where(counted, "count", frame["method"].map(_find_kind))
    frame["role"] = frame["kind"].replace({"exact": "wilson"})
    usable = frame["kind"].isin(_POOLED)
    kept = _derive_sizes(frame[usable].reset_index(drop=True))
    return Combined(derive_table(_pool(kept)), len(tables), int((~usable).sum()))


def _read_run(path: Path) -> pd.DataFrame:
    file = RunFolder(path).get_task(NOTEBOOK).rows if path.is_dir() else path
    try:
        return read_rows(file)
    except FileNotFoundError:
        raise UserError(f"{path}: holds no rows of {NOTEBOOK}; run it first, or name the file of its rows.") from None
    except (ResultError, ValueError, OSError):
        raise UserError(f"{path}: is not a table of result rows; name a run's folder or its rows.csv.") from None


def _check_protocols(paths: Sequence[Path], tables: Sequence[pd.DataFrame]) -> None:
    for path, table in zip(paths, tables, strict=True):
        if table.empty:
            raise UserError(f"{path}: has no rows; run {NOTEBOOK} on data with values in common.")
        for name in _SHARED:
            if set(table[name]) != set(tables[0][name]):
                what = name.replace("_", "'s ")
                raise UserError(f"{path}: the {what} is not that of {paths[0]}; run both with one protocol.")


def _check_distinct(paths: Sequence[Path], tables: Sequence[pd.DataFrame]) -> None:
    seen: dict[str, Path] = {}
    for index, (path, table) in enumerate(zip(paths, tables, strict=True)):
        for earlier, other in zip(paths[:index], tables[:index], strict=True):
            if table.equals(other):
                raise UserError(f"{path}: the same rows as {earlier}; its patients would count twice, name it once.")
        for centre in sorted(set(select_rows(table, stratum_by="centre")["stratum"]) - {"", "missing"}):
            if centre in seen:
                raise UserError(f"{path}: centre '{centre}' is in {seen[centre]} too; its patients would count twice.")
            seen[centre] = path


def _derive_mass(frame: pd.DataFrame) -> Floats:
    """Return per overall rate the population of its denominator; NaN where its run discloses none."""
    group = ["run", "source", "comparator", "variable"]
    sums = select_rows(frame, metric="weighted_count", stratum_by="")
    by_outcome = sums.pivot_table(index=group, columns="term", values="estimate", aggfunc="sum")
    mass = np.full(len(frame), np.nan)
    overall = (frame["stratum_by"] == "") & (frame["term"] == "") & (frame["status"] == Status.OK)
    for rate in ERROR_RATES:
        rows = np.flatnonzero(overall & (frame["metric"] == rate.metric))
        total = by_outcome.reindex(columns=list(rate.denominator), fill_value=0.0).sum(axis=1)
        mass[rows] = total.reindex(pd.MultiIndex.from_frame(frame.loc[rows, group])).to_numpy(dtype=float)
    return mass


def _find_kind(method: str) -> str:
    base = method.removesuffix("_clustered").removesuffix("_weighted")
    return base if base in _POOLED else ""


def _derive_sizes(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with `size`: the independent values whose interval is the one shown."""
    n = rows["n"].astype("Float64").fillna(0).to_numpy(dtype=float)
    size = n.copy()
    clustered = rows["method"].str.endswith("_clustered").to_numpy() & (rows["status"] == Status.OK).to_numpy()
    clustered |= rows["method"].str.endswith("_weighted").to_numpy() & rows["mass"].notna().to_numpy()
    for kind in ("wilson", "exact", "clopper_pearson", "tango"):
        chosen = clustered & (rows["kind"] == kind).to_numpy()
        if chosen.any():
            size[chosen] = _recover_size(rows[chosen], kind)
    return rows.assign(size=size)


def _recover_size(rows: pd.DataFrame, kind: str) -> Floats:
    """Find by bisection the size that gives an interval of the width shown; without one, its clusters."""
    n, clusters = rows["n"].to_numpy(dtype=float), rows["clusters"].to_numpy(dtype=float)
    estimate, share = rows["estimate"].to_numpy(dtype=float), rows["k"].to_numpy(dtype=float) / n
    width = (rows["upper"] - rows["lower"]).to_numpy(dtype=float)
    level = float(rows["level"].iloc[0])
    low, high = np.full(len(rows), 1e-3), n.copy()
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        lower, upper = _compute_bounds(kind, estimate, share, middle, level)
        wide = upper - lower > width
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    return np.where(np.isnan(width), clusters, high)


def _compute_bounds(kind: str, estimate: Floats, share: Floats, size: Floats, level: float) -> Bounds:
    if kind == "tango":
        return compute_tango((share + estimate) / 2 * size, (share - estimate) / 2 * size, size, level)
    compute = compute_wilson if kind == "wilson" else compute_clopper_pearson
    return compute(estimate * size, size, level)


def _pool(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per identity and role; the order of the runs moves no digit."""
    key = [*_IDENTITY, "role"]
    ordered = rows.sort_values([*key, "n", "k", "clusters", "estimate", "size"], kind="stable", ignore_index=True)
    group: _Codes = ordered.groupby(key, sort=False).ngroup().to_numpy().astype(np.intp)
    first = ordered[~ordered.duplicated(key)].reset_index(drop=True)
    n, k, clusters = (_sum(ordered[name], group, len(first)) for name in ("n", "k", "clusters"))
    weighed = np.bincount(group, ordered["mass"].notna(), len(first)) > 0
    status, reason = _find_silence(ordered, group, first, n, weighed)
    known = status == Status.OK
    numbers = _compute_pooled(ordered, group, first, n, k, weighed=weighed)
    reason = np.where(known & numbers.pop("few"), str(Reason.FEW_EVENTS_CAUTION), reason)
    return derive_rows(
        first.drop(columns=["method"]),
        status=status,
        reason=reason,
        n=n,
        k=pd.array(np.where(known, k, np.nan), dtype="Int64"),
        clusters=pd.array(np.where(first["kind"] == "count", np.nan, clusters), dtype="Int64"),
        level=first["level"],
        method=np.where(known, numbers.pop("method"), first["role"].replace({"count": ""})),
        **{name: np.where(known, values, np.nan) for name, values in numbers.items()},
    )


def _sum(values: pd.Series[Any], group: _Codes, size: int) -> Floats:
    total = np.bincount(group, values.astype("Float64").fillna(0).to_numpy(dtype=float), size)
    return total.astype(float)


def _find_silence(
    rows: pd.DataFrame, group: _Codes, first: pd.DataFrame, n: Floats, weighed: NDArray[np.bool_]
) -> tuple[_Texts, _Texts]:
    """Return status and reason of each sum: no number where one part is hidden, weighted, or all are empty."""
    size = len(first)
    some = np.bincount(group, (rows["status"] == Status.OK), size) > 0
    weighted = (np.bincount(group, rows["method"].str.endswith("_weighted"), size) > 0) & ~weighed
    status = np.where(some & (n > 0) & ~weighted, str(Status.OK), str(Status.NOT_ESTIMABLE)).astype(object)
    reason = np.where(first["reason"] == "", str(Reason.EMPTY_DENOMINATOR), first["reason"]).astype(object)
    reason[status == Status.OK] = ""
    reason[weighted] = str(Reason.WEIGHTS_NOT_SHARED)
    for silence in (Status.NOT_APPLICABLE, Status.ERROR, Status.SUPPRESSED):
        told = rows[rows["status"] == silence].assign(group=group[rows["status"] == silence]).drop_duplicates("group")
        status[told["group"]], reason[told["group"]] = str(silence), told["reason"]
    return status, reason


def _compute_pooled(
    rows: pd.DataFrame, group: _Codes, first: pd.DataFrame, n: Floats, k: Floats, *, weighed: NDArray[np.bool_]
) -> dict[str, Any]:
    """Return estimate, bounds and method of each sum, whatever its status."""
    total = np.where(n > 0, n, np.nan)
    role, count = first["role"].to_numpy(dtype=object), (first["kind"] == "count").to_numpy()
    share = rows["n"].astype("Float64").fillna(0).to_numpy(dtype=float) / total[group]
    effect = np.bincount(group, np.nan_to_num(share * _compute_effects(rows)), len(first))
    clustered = np.bincount(group, rows["method"].str.endswith("_clustered"), len(first)) > 0
    size = total / np.where(clustered, np.maximum(effect, 1.0), 1.0)
    mean = np.bincount(group, np.nan_to_num(share * rows["estimate"].to_numpy(dtype=float)), len(first))
    estimate = np.where(role == "tango", mean, k / total)
    estimate, size = _compute_weighed(rows, group, estimate, size, weighed)
    clustered |= weighed
    kind = np.where((role == "wilson") & clustered & ((k == 0) | (k == n)), "exact", role)
    lower, upper = np.full((2, len(first)), np.nan)
    for name in ("wilson", "exact", "clopper_pearson", "tango"):
        chosen = (kind == name) & (n > 0)
        if chosen.any():
            level = float(first.loc[chosen, "level"].iloc[0])
            found = _compute_bounds(name, estimate[chosen], (k / total)[chosen], size[chosen], level)
            lower[chosen], upper[chosen] = found
    suffix = np.where(weighed, "_weighted", np.where(clustered, "_clustered", ""))
    method = np.where(count, "", kind.astype(object) + suffix.astype(object))
    few = (kind == "wilson") & find_few_events(estimate * size, size)
    sums = _sum(rows["estimate"], group, len(first))
    estimate = np.where(count, sums, estimate)
    return {"estimate": estimate, "lower": lower, "upper": upper, "method": method, "few": few}


def _compute_weighed(
    rows: pd.DataFrame, group: _Codes, estimate: Floats, size: Floats, weighed: NDArray[np.bool_]
) -> Bounds:
    """Return estimates and sizes, those of sampled references by the population each run stands for."""
    many, own = len(estimate), np.asarray(rows["status"] == Status.OK)
    values = rows["n"].astype("Float64").fillna(0).to_numpy(dtype=float)
    mass = np.where(own, np.where(rows["mass"].notna(), rows["mass"], values), 0.0)
    total = np.bincount(group, mass, many)
    share = mass / np.where(total > 0, total, 1.0)[group]
    mean = np.bincount(group, share * np.nan_to_num(rows["estimate"].to_numpy(dtype=float)), many)
    each = rows["size"].to_numpy(dtype=float)
    spread = np.bincount(group, np.where(each > 0, share**2 / np.where(each > 0, each, 1.0), 0.0), many)
    pooled = 1 / np.where(spread > 0, spread, np.nan)
    return np.where(weighed, mean, estimate), np.where(weighed, pooled, size)


def _compute_effects(rows: pd.DataFrame) -> Floats:
    """Return each row's design effect: its values over the independent ones."""
    size = rows["size"].to_numpy(dtype=float)
    values = rows["n"].astype("Float64").fillna(0).to_numpy(dtype=float)
    return np.where(size > 0, values / np.where(size > 0, size, 1.0), 0.0)
