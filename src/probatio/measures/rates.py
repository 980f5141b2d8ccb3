"""Proportions of many groups at once: intervals chosen by design, then result rows.

Which interval a row carries is told by its `method`. `_weighted` includes clustering.

| method | when |
|---|---|
| wilson, clopper_pearson | one value per patient, equal weights |
| wilson_clustered, clopper_pearson_clustered | several values per patient: on the effective size |
| wilson_weighted, clopper_pearson_weighted | weights differ: the same, around the Hajek estimate |
| exact_clustered, exact_weighted | these designs at 0 or 100 %: Clopper-Pearson on the effective size |

Wilson (and exact at the ends) is for reporting, Clopper-Pearson for acceptance. Wilson's interval around one or
two events falls short of its level; its rows stay ok and say `few_events_caution`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.measures.cells import Mask
from probatio.resampling import (
    Bounds,
    ClusteredMean,
    compute_clopper_pearson,
    compute_effective_size,
    compute_wilson,
    find_few_events,
)
from probatio.results import COLUMNS, COUNTS, FLOATS, Reason, Status, build_row

# One rate row, as a mapping of columns or as a line of a table.
RateRow = Mapping[str, Any] | pd.Series


@dataclass(frozen=True)
class Interval:
    """Bounds of many groups and the method of each; NaN bounds where there is no interval.

    `caution`: where the interval is known to fall short of its level.
    """

    bounds: Bounds
    method: NDArray[np.str_]
    caution: Mask | bool = False


def compute_reporting_interval(mean: ClusteredMean, level: float) -> Interval:
    """Return the interval to report: Wilson on the effective size, exact at 0 and 100 % of such designs."""
    size = compute_effective_size(mean, level)
    ends = ~mean.simple & ((mean.mean == 0) | (mean.mean == 1))
    wilson, exact = (compute(mean.mean * size, size, level) for compute in (compute_wilson, compute_clopper_pearson))
    bounds = (np.where(ends, exact[0], wilson[0]), np.where(ends, exact[1], wilson[1]))
    return Interval(
        bounds, derive_methods(mean, np.where(ends, "exact", "wilson")), find_few_events(mean.mean * size, size)
    )


def compute_acceptance_interval(mean: ClusteredMean, level: float) -> Interval:
    """Return the interval to accept by: Clopper-Pearson on the effective size (Korn and Graubard 1998)."""
    size = compute_effective_size(mean, level)
    bounds = compute_clopper_pearson(mean.mean * size, size, level)
    return Interval(bounds, derive_methods(mean, np.full(len(size), "clopper_pearson")))


def derive_methods(mean: ClusteredMean, base: NDArray[np.str_]) -> NDArray[np.str_]:
    """Return method names with the suffix of each group's design."""
    suffix = np.where(mean.equal, np.where(mean.single, "", "_clustered"), "_weighted")
    return np.char.add(base, np.where(mean.n > 0, suffix, ""))


def derive_rate_rows(
    identity: pd.DataFrame, metric: str, mean: ClusteredMean, interval: Interval, *, level: float, unit: str
) -> pd.DataFrame:
    """Return one row per group: its proportion, or why there is none.

    Args:
        identity: one line per group; its columns are columns of a result row.
        metric: name of the measure.
        mean: the groups' proportions.
        interval: the groups' intervals.
        level: two-sided confidence.
        unit: what is independent: "patient" or "centre".
    """
    return derive_rows(identity, **_derive_columns(metric, mean, interval, level=level, unit=unit))


def build_rate_rows(
    identities: Sequence[dict[str, Any]],
    metric: str,
    mean: ClusteredMean,
    interval: Interval,
    *,
    level: float,
    unit: str,
) -> list[dict[str, Any]]:
    """Return the rows of `derive_rate_rows` as mappings: the fast form where groups are few and calls are many."""
    columns = _derive_columns(metric, mean, interval, level=level, unit=unit)
    several = {name: values.tolist() for name, values in columns.items() if isinstance(values, np.ndarray)}
    lines = (dict(zip(several, values, strict=True)) for values in zip(*several.values(), strict=True))
    return [_ABSENT | columns | identity | line for identity, line in zip(identities, lines, strict=True)]


def _derive_columns(metric: str, mean: ClusteredMean, interval: Interval, *, level: float, unit: str) -> dict[str, Any]:
    lower, upper = interval.bounds
    filled = mean.n > 0
    said = np.where(interval.caution, str(Reason.FEW_EVENTS_CAUTION), str(Reason.NONE))
    lacking = np.where(np.isnan(lower), str(Reason.TOO_FEW_CLUSTERS), said)
    return {
        "metric": metric,
        "unit": "proportion",
        "estimate": mean.mean,
        "lower": lower,
        "upper": upper,
        "level": level,
        "method": interval.method,
        "n": mean.n,
        "k": mean.positive,
        "clusters": mean.clusters,
        "cluster_unit": unit,
        "status": np.where(filled, str(Status.OK), str(Status.NOT_ESTIMABLE)),
        "reason": np.where(filled, lacking, str(Reason.EMPTY_DENOMINATOR)),
    }


_ABSENT: dict[str, Any] = dict.fromkeys(COLUMNS, "") | dict.fromkeys(FLOATS, np.nan) | dict.fromkeys(COUNTS, pd.NA)


def derive_rows(identity: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    """Return complete result rows from columns, empty where nothing is given; the fast form of `build_row`."""
    given = {name: identity[name].to_numpy() for name in identity.columns if name in _ABSENT}
    values = _ABSENT | given | columns
    return pd.DataFrame({name: _derive_typed(name, values[name], len(identity)) for name in values})


def _derive_typed(name: str, values: Any, size: int) -> Any:
    """Return one column of result rows with its type; a single value stands in every row."""
    every = np.asarray(values, dtype=None if name in COUNTS else float if name in FLOATS else object)
    full = every if every.ndim else np.full(size, every[()], dtype=every.dtype)
    return pd.array(full, dtype="Int64") if name in COUNTS else full


def build_difference(metric: str, first: RateRow, second: RateRow, **fields: Any) -> dict[str, Any]:
    """Return the row of the difference second - first of two independent rates.

    Newcombe 1998 (Stat Med 17:873, method 10) from Wilson bounds, on the effective size where patients have
    several values (`mover`).

    Args:
        metric: name of the difference.
        first: rate row with its reporting interval, status ok.
        second: another, of other patients.
        fields: columns that name the row.
    """
    difference = second["estimate"] - first["estimate"]
    down = np.hypot(second["estimate"] - second["lower"], first["upper"] - first["estimate"])
    up = np.hypot(second["upper"] - second["estimate"], first["estimate"] - first["lower"])
    n, plain = int(first["n"] + second["n"]), first["method"] == second["method"] == "wilson"
    fields |= {"n": n, "k": int(first["k"] + second["k"]), "method": "newcombe_unpaired" if plain else "mover"}
    if np.isnan(down + up):
        return build_row(metric, difference, reason=Reason.TOO_FEW_CLUSTERS, **fields)
    lower, upper = max(difference - down, -1.0), min(difference + up, 1.0)
    return build_row(metric, difference, lower=lower, upper=upper, **fields)


def derive_silent(rows: pd.DataFrame, mask: Mask, status: Status, reason: Reason) -> pd.DataFrame:
    """Return rows with the number, bounds and events of some taken away, and the reason said."""
    silent = rows.copy()
    if mask.any():  # most often nobody is silent, and these cost more than many an estimate
        silent.loc[mask, ["estimate", "lower", "upper"]] = np.nan
        silent.loc[mask, "k"] = pd.NA
        silent.loc[mask, ["status", "reason"]] = [str(status), str(reason)]
    return silent
