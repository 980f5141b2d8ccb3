"""Does the queue find errors? How many of its first values are truly wrong, where the reference tells.

| metric | estimate | `at` |
|---|---|---|
| queue_precision | share of the first values of the queue that are wrong | part of the queue read |
| queue_recall | share of all errors that are among them | part |
| queue_lift | queue_precision over the share of all values that are wrong: 1 is chance | part |

Counted on values with a reference, of patients on whom nothing was recalibrated, weighted as errors are. A missing
value that the reference lacks too is not wrong. Intervals: Wilson, clustered by patient; of the lift, percentiles
over replicates.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.measures.rates import compute_reporting_interval, derive_rate_rows
from probatio.protocol import Protocol
from probatio.resampling import Draws, Floats, compute_clustered_mean, compute_percentiles, compute_totals
from probatio.results import Reason, Status, build_row, derive_table
from probatio.review.effort import JUDGED

PARTS: Final = (0.1, 0.25, 0.5, 1.0)
_METHOD: Final = "bootstrap_percentile"


def estimate_hits(values: pd.DataFrame, patients: pd.DataFrame, protocol: Protocol, *, draws: Draws) -> pd.DataFrame:
    """Return precision, recall and lift of the first parts of the queue; no row without a labelled value.

    Args:
        values: of the reviewed source, with `position` in the queue, NaN outside it: `split, error, weight,
            patient_id`.
        patients: the evaluated patients.
        protocol: level.
        draws: replicate weights, by patient.
    """
    known = values[values["split"].isin(JUDGED) & values["error"].notna()].reset_index(drop=True)
    if known.empty or values["position"].isna().all():
        return derive_table([])
    last = int(values["position"].max())
    inside = np.column_stack([(known["position"] <= round(part * last)).to_numpy() for part in PARTS])
    rates = [_derive_rates(metric, known, inside, protocol) for metric in ("queue_precision", "queue_recall")]
    table = _sum_by_patient(known, inside, patients)
    totals = np.vstack([table.sum(axis=0), compute_totals(draws.weights(patients), table)])
    lifts = _list_lifts(totals, known, inside, float(protocol.level))
    return derive_table(pd.concat([*rates, derive_table(lifts)]))


def _derive_rates(metric: str, known: pd.DataFrame, inside: NDArray[np.bool_], protocol: Protocol) -> pd.DataFrame:
    """Return a row per part: among the values in it those that are wrong, or among the wrong ones those in it."""
    wrong = np.repeat(known["error"].eq(1).to_numpy()[:, None], len(PARTS), axis=1)
    among, score = (inside, wrong) if metric == "queue_precision" else (wrong, inside)
    value, group = np.nonzero(among)
    patient = np.unique(known["patient_id"].to_numpy(dtype=str), return_inverse=True)[1].astype(np.int64)
    weight = known["weight"].to_numpy(dtype=float)
    mean = compute_clustered_mean(
        score[among].astype(np.int8), group.astype(np.int64), patient[value], weight[value], len(PARTS)
    )
    interval = compute_reporting_interval(mean, float(protocol.level))
    identity = pd.DataFrame({"at": [f"{part:g}" for part in PARTS]})
    return derive_rate_rows(identity, metric, mean, interval, level=float(protocol.level), unit="patient")


def _sum_by_patient(known: pd.DataFrame, inside: NDArray[np.bool_], patients: pd.DataFrame) -> Floats:
    """Return each patient's weighted values and errors, of all and of each part, shape (patients, 2 + 2 parts)."""
    wrong, weight = known["error"].eq(1).to_numpy(), known["weight"].to_numpy(dtype=float)
    place = patients.index.sort_values().get_indexer(pd.Index(known["patient_id"]))
    masks = [np.ones(len(known), dtype=bool), *inside.T]
    columns = [weight * kind for mask in masks for kind in (mask, mask & wrong)]
    return np.column_stack([np.bincount(place, column, len(patients)) for column in columns])


def _list_lifts(
    totals: Floats, known: pd.DataFrame, inside: NDArray[np.bool_], level: float
) -> Iterator[dict[str, Any]]:
    wrong = known["error"].eq(1).to_numpy()
    base = _divide(totals[:, 1], totals[:, 0])
    for at, part in enumerate(PARTS):
        lift = _divide(_divide(totals[:, 2 * at + 3], totals[:, 2 * at + 2]), base)
        key = {"at": f"{part:g}", "n": int(inside[:, at].sum()), "k": int((inside[:, at] & wrong).sum())}
        if np.isnan(lift[0]):
            silent: dict[str, Any] = key | {"status": Status.NOT_ESTIMABLE, "reason": Reason.EMPTY_DENOMINATOR}
            yield build_row("queue_lift", **silent)
            continue
        lower, upper = compute_percentiles(lift[1:], level)
        yield build_row("queue_lift", lift[0], lower=float(lower), upper=float(upper), level=level, method=_METHOD,
                        cluster_unit="patient", replicates=len(lift) - 1, **key)  # fmt: skip


def _divide(numerator: Floats, denominator: Floats) -> Floats:
    share: Floats = np.divide(numerator, denominator, out=np.full_like(numerator, np.nan), where=denominator > 0)
    return share
