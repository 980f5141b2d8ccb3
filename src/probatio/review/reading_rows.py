"""How two readers of one case agree, and what readings take.

| metric | estimate | analysis |
|---|---|---|
| reading_agreement | share of the cases read by two in which both make the same of the value | double_reading |
| kappa, ac1 | agreement beyond chance on whether the value is to be changed (`measures.chance`) | double_reading |
| adjudicated_share | share of the cases read by two that a third person settled | double_reading |
| review_minutes | minutes of all readings together | effort |
| review_minutes_median | median minutes of a reading; `term` the role, or "" for all | effort |

Kappa and AC1 take the first reading as rows and the second as columns; standard errors linearised over patients.
Intervals of the medians: percentiles over the shared replicate weights of patients.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from probatio.measures.chance import (
    compute_ac1,
    compute_clustered_error,
    compute_kappa,
    compute_log_bounds,
)
from probatio.resampling import Draws, Floats, compute_percentiles, compute_t_quantile
from probatio.results import Reason, Status, build_row, derive_table
from probatio.review.decided import CASE
from probatio.review.shares import Shares

_ROUNDING = 1e-12


def estimate_double_readings(cases: pd.DataFrame, readings: pd.DataFrame, shares: Shares) -> pd.DataFrame:
    """Return agreement of the two readers of a case, and how often a third settled.

    Args:
        cases: of `derive_decided`.
        readings: of `Records`, those of the same source.
        shares: how proportions are counted.

    Returns:
        The sorted table; empty where no case was read by two.
    """
    double = cases[cases["double"]].reset_index(drop=True)
    if double.empty:
        return derive_table([])
    sides = [readings.loc[readings["role"] == role, [*CASE, "after", "changed"]] for role in ("first", "second")]
    both = sides[0].merge(sides[1], on=CASE, suffixes=("_first", "_second")).sort_values(CASE, ignore_index=True)
    named = "double_reading"
    alike = both["after_first"] == both["after_second"]
    frames = [
        shares.derive_rows(both, "reading_agreement", alike, variables=False, analysis=named),
        shares.derive_rows(double, "adjudicated_share", double["adjudicated"], variables=False, analysis=named),
        derive_table([{**row, "analysis": named} for row in _estimate_chance(both, shares)]),
    ]
    return derive_table(pd.concat(frames, ignore_index=True))


def _estimate_chance(both: pd.DataFrame, shares: Shares) -> Iterator[dict[str, Any]]:
    first, second = (both[f"changed_{side}"].to_numpy(dtype=np.int64) for side in ("first", "second"))
    who = both["patient_id"].map(shares.centres) if shares.unit == "centre" else both["patient_id"]
    cluster = np.unique(who.to_numpy(dtype=str), return_inverse=True)[1]
    table = np.bincount(2 * first + second, minlength=4).reshape(2, 2).astype(float)
    differing = len(np.unique(cluster[first != second]))
    fields = {**shares.key, "level": shares.level, "n": len(both), "k": int((first == second).sum()),
              "clusters": len(np.unique(cluster)), "cluster_unit": shares.unit}  # fmt: skip
    for metric, compute in (("kappa", compute_kappa), ("ac1", compute_ac1)):
        found = compute(table)
        if np.isnan(found.estimate):
            yield build_row(metric, status=Status.NOT_ESTIMABLE, reason=Reason.ONE_CLASS_ONLY, **fields)
            continue
        error = compute_clustered_error(found.influence[first, second], cluster, np.ones(len(both)))
        if not error > _ROUNDING:
            reason = Reason.TOO_FEW_CLUSTERS if np.isnan(error) else Reason.NO_INTERVAL
            yield build_row(metric, found.estimate, reason=reason, **fields)
            continue
        quantile = float(compute_t_quantile(max(differing - 1, 1), shares.level))
        lower, upper = compute_log_bounds(found.estimate, error, quantile)
        yield build_row(metric, found.estimate, lower=max(lower, -1.0), upper=upper, method="clustered_log_t", **fields)


def estimate_minutes(readings: pd.DataFrame, patients: pd.DataFrame, shares: Shares, draws: Draws) -> pd.DataFrame:
    """Return what the readings took.

    Args:
        readings: of `Records`, those of the same source.
        patients: the evaluated patients, with `centre`.
        shares: names the rows.
        draws: replicate weights over patients.
    """
    timed = readings[readings["seconds"].notna()]
    named: dict[str, Any] = {**shares.key, "analysis": "effort", "unit": "minute"}
    if timed.empty:
        named |= {"status": Status.NOT_ESTIMABLE, "reason": Reason.NO_VALUES, "n": len(readings)}
        return derive_table([build_row("review_minutes", **named)])
    minutes = timed["seconds"].to_numpy(dtype=float) / 60
    rows = [build_row("review_minutes", minutes.sum(), n=len(readings), k=len(timed), **named)]
    place = patients.sort_index().index.get_indexer(pd.Index(timed["patient_id"]))
    weights = draws.weights(patients)
    for role in ("", *sorted(set(timed["role"]))):
        chosen = np.ones(len(timed), dtype=bool) if role == "" else (timed["role"] == role).to_numpy()
        drawn = compute_weighted_medians(minutes[chosen], weights[:, place[chosen]].astype(float))
        lower, upper = (float(bound) for bound in compute_percentiles(drawn, shares.level))
        fields = {**named, "term": role, "n": int(chosen.sum()), "clusters": len(np.unique(place[chosen])),
                  "cluster_unit": draws.unit, "level": shares.level, "method": "bootstrap_percentile",
                  "replicates": int(np.isfinite(drawn).sum())}  # fmt: skip
        bounds = {"lower": lower, "upper": upper} if upper > lower else {"reason": Reason.NO_INTERVAL}
        rows.append(build_row("review_minutes_median", float(np.median(minutes[chosen])), **bounds, **fields))
    return derive_table(rows)


def compute_weighted_medians(values: Floats, weights: Floats) -> Floats:
    """Return the weighted median of each replicate: the least value with half of the weight at or below it.

    Args:
        values: shape (n,).
        weights: shape (replicates, n).

    Returns:
        Shape (replicates,); NaN where nothing is drawn.
    """
    order = np.argsort(values, kind="stable")
    mass = np.cumsum(weights[:, order], axis=1)
    half = mass[:, -1:] / 2
    place = np.argmax(mass >= half, axis=1)
    return np.where(mass[:, -1] > 0, values[order][place], np.nan)
