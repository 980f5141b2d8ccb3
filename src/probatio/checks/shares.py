"""Shares that break a check, with intervals and verdicts: counts to result rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.resampling import (
    ClusteredMean,
    compute_clopper_pearson,
    compute_clustered_mean,
    compute_effective_size,
    compute_wilson,
    find_few_events,
)
from probatio.results import COLUMNS, COUNTS, FLOATS, Reason, Status


def derive_share_rows(
    identity: pd.DataFrame, observed: pd.DataFrame, centre: NDArray[np.object_], *, level: float, least: int
) -> pd.DataFrame:
    """Return the rows of every check, overall and by centre.

    Args:
        identity: one line per check: columns of a result row, `at` the threshold, `reason` why it may be empty.
        observed: one line per value looked at: `finding` (line of `identity`), `patient`, `violated` (0 or 1).
        centre: each patient's centre; "" where there is none.
        level: two-sided confidence.
        least: patients below which a centre's row is suppressed.
    """
    overall = _derive_rows(identity, observed, observed["finding"].to_numpy(np.int64), level)
    by_centre = observed.assign(stratum=centre[observed["patient"].to_numpy()])
    by_centre = by_centre[by_centre["stratum"] != ""]
    key = ["finding", "stratum"]
    groups = by_centre[key].drop_duplicates().sort_values(key, kind="stable", ignore_index=True)
    if groups.empty:
        return overall
    place = by_centre[key].merge(groups.assign(place=range(len(groups))), on=key, how="left")["place"]
    named = identity.iloc[groups["finding"]].reset_index(drop=True)
    named = named.assign(stratum_by="centre", stratum=groups["stratum"])
    rows = _derive_rows(named, by_centre, place.to_numpy(np.int64), level)
    small = (rows["clusters"] < least).to_numpy(dtype=bool)
    rows.loc[small, ["estimate", "lower", "upper"]] = np.nan
    rows.loc[small, "k"] = pd.NA
    rows.loc[small, "unit"] = ""
    rows.loc[small, ["status", "reason"]] = [str(Status.SUPPRESSED), str(Reason.SMALL_STRATUM)]
    return pd.concat([overall, rows], ignore_index=True)


def _derive_rows(
    identity: pd.DataFrame, observed: pd.DataFrame, group: NDArray[np.int64], level: float
) -> pd.DataFrame:
    score, patient = observed["violated"].to_numpy(np.int8), observed["patient"].to_numpy(np.int64)
    mean = compute_clustered_mean(score, group, patient, np.ones(len(group)), len(identity))
    filled = mean.n > 0
    failed = mean.mean > identity["at"].to_numpy(dtype=float)
    absent = np.where(identity["reason"] == Reason.CHECK_ERROR, str(Status.ERROR), str(Status.NOT_APPLICABLE))
    absent_columns: dict[str, object] = (
        dict.fromkeys(COLUMNS, "") | dict.fromkeys(FLOATS, np.nan) | dict.fromkeys(COUNTS, pd.NA)
    )
    rows = pd.DataFrame(
        absent_columns | {name: identity[name].to_numpy() for name in identity}, index=range(len(identity))
    )
    lower, upper, method, few = _compute_interval(mean, level)
    said = np.where(few, str(Reason.FEW_EVENTS_CAUTION), "")
    lacking = np.where(np.isnan(lower), str(Reason.TOO_FEW_CLUSTERS), said)
    rows = rows.assign(
        metric="check", unit=np.where(filled, np.where(failed, "failed", "passed"), ""),
        estimate=mean.mean, lower=lower, upper=upper, level=level, method=method, n=mean.n, k=mean.positive,
        clusters=mean.clusters, cluster_unit="patient", status=np.where(filled, str(Status.OK), absent),
        reason=np.where(filled, lacking, identity["reason"]),
    )  # fmt: skip
    return rows.astype(dict.fromkeys(COUNTS, "Int64") | dict.fromkeys(FLOATS, float))


def _compute_interval(
    mean: ClusteredMean, level: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.str_], NDArray[np.bool_]]:
    """Return Wilson's bounds on the effective size (exact at 0 and 100 % of clustered values), method and caution."""
    size = compute_effective_size(mean, level)
    ends = ~mean.simple & ((mean.mean == 0) | (mean.mean == 1))
    wilson = compute_wilson(mean.mean * size, size, level)
    exact = compute_clopper_pearson(mean.mean * size, size, level)
    method = np.where(mean.simple, "wilson", np.where(ends, "exact_clustered", "wilson_clustered"))
    few = find_few_events(mean.mean * size, size)
    return np.where(ends, exact[0], wilson[0]), np.where(ends, exact[1], wilson[1]), method, few
