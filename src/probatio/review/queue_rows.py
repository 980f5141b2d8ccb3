"""The queue in numbers: what it holds, what it takes, what it is expected to find, and what it found where that is known.

| metric | estimate | `variable`, `term`, `at` |
|---|---|---|
| queued_share | share of the values that are in the queue; k of n | variable, or "" for all |
| queue_kind_share | share of the queue that is doubtful, concordant or random | term: kind |
| queue_reason_share | share of the queue with a reason (a value may have several) | variable or ""; term: reason |
| queued_patients | patients with a value in the queue; k of n | |
| review_minutes | minutes to read the queue, second readings included | |
| expected_errors | sum of the probabilities of error in the queue, of n values | variable, or "" for all |
| expected_errors_share | that, over the sum over all values | variable, or "" for all |
| sampling_probability | probability of each value drawn by chance | |
| queue_precision | share of the first values of the queue that are truly wrong | at: part of the queue |
| queue_recall | share of all errors that are among them | at |
| queue_lift | queue_precision over the error of all values | at |
| error_consequence | what one wrong value uses up of what the conclusions bear | variable; at: visit; analysis and term that decided |

The last but one three are counted on labelled values of patients on whom nothing was recalibrated, weighted as errors are; a missing
value that is absent from the reference too is not wrong. Intervals: Wilson, clustered by patient; lift: percentiles over replicates.
"""  # noqa: E501

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
from probatio.review.consequence import derive_consequence_rows
from probatio.review.effort import JUDGED
from probatio.review.reasons import SEPARATOR
from probatio.review.routing import get_review

Row = dict[str, Any]
PARTS: Final = (0.1, 0.25, 0.5, 1.0)
_METHOD: Final = "bootstrap_percentile"


def estimate_queue(
    queue: pd.DataFrame,
    gains: pd.DataFrame,
    protocol: Protocol,
    *,
    consequences: pd.DataFrame,
    patients: pd.DataFrame,
    draws: Draws,
    use: str = "",
) -> pd.DataFrame:
    """Return the rows of a queue.

    Args:
        queue: as `derive_queue` returns it.
        gains: all values of the reviewed source, as `derive_gains` returns them.
        protocol: with a review.
        consequences: as `derive_consequences` returns them.
        patients: the evaluated patients, as in `Comparison.patients`.
        draws: replicate weights, by patient.
        use: that the queue was made for; empty: the review's.
    """
    review = get_review(protocol)
    key = {"source": review.source, "use": use or review.use}
    merged = gains.merge(queue[["case_id", "position", "kind", "reasons", "minutes"]], on="case_id", how="left")
    rows = [
        *_list_counts(merged, key),
        *_list_reasons(merged, key),
        *_list_effort(queue, merged, key),
        *derive_consequence_rows(consequences, review.source, key["use"]),
    ]
    return derive_table(pd.concat([derive_table(rows), *_list_hits(merged, patients, protocol, draws, key)]))


def _list_counts(merged: pd.DataFrame, key: Row) -> Iterator[Row]:
    for variable, own in [("", merged), *merged.groupby("variable", sort=True)]:
        named, queued = key | {"variable": variable}, own["position"].notna()
        yield _derive_share("queued_share", int(queued.sum()), len(own), named)
        found, whole = float(own.loc[queued, "probability"].sum()), float(own["probability"].sum())
        yield build_row("expected_errors", found, unit="errors", n=int(queued.sum()), **named)
        if whole > 0:
            yield build_row("expected_errors_share", found / whole, unit="proportion", n=len(own), **named)


def _list_reasons(merged: pd.DataFrame, key: Row) -> Iterator[Row]:
    queued = merged[merged["position"].notna()]
    for kind, count in queued["kind"].value_counts().sort_index().items():
        yield _derive_share("queue_kind_share", int(count), len(queued), key | {"term": kind})
    for variable, own in [("", queued), *queued.groupby("variable", sort=True)]:
        said = own["reasons"].str.split(SEPARATOR, regex=False).explode().value_counts().sort_index()
        for reason, count in said.items():
            yield _derive_share("queue_reason_share", int(count), len(own), key | {"variable": variable, "term": reason})


def _list_effort(queue: pd.DataFrame, merged: pd.DataFrame, key: Row) -> Iterator[Row]:
    patients = merged["patient_id"].nunique()
    yield build_row("review_minutes", float(queue["minutes"].sum()), unit="minutes", n=len(queue), **key)
    yield _derive_share("queued_patients", queue["patient_id"].nunique(), patients, key)
    drawn = queue.loc[queue["kind"] != "doubtful", "selection_probability"]
    if len(drawn):
        yield build_row("sampling_probability", float(drawn.iloc[0]), unit="proportion", n=len(drawn), **key)


def _derive_share(metric: str, k: int, n: int, key: Row) -> Row:
    if n == 0:
        silent = {"status": Status.NOT_ESTIMABLE, "reason": Reason.EMPTY_DENOMINATOR}
        return build_row(metric, unit="proportion", n=0, **silent, **key)
    return build_row(metric, k / n, unit="proportion", n=n, k=k, **key)


def _list_hits(
    merged: pd.DataFrame, patients: pd.DataFrame, protocol: Protocol, draws: Draws, key: Row
) -> Iterator[pd.DataFrame]:
    """Yield precision, recall and lift of the first parts of the queue, where the reference tells."""
    known = merged[merged["split"].isin(JUDGED) & merged["error"].notna()]
    if known.empty:
        return
    length = int(merged["position"].max()) if merged["position"].notna().any() else 0
    limits = {part: round(part * length) for part in PARTS}
    inside = {part: (known["position"] <= limit).to_numpy() for part, limit in limits.items()}
    wrong = known["error"].eq(1).to_numpy()
    errors = known[wrong]
    yield _derive_rates("queue_precision", known, {part: (known[mask], wrong[mask]) for part, mask in inside.items()}, key, protocol)
    yield _derive_rates("queue_recall", known, {part: (errors, mask[wrong]) for part, mask in inside.items()}, key, protocol)
    yield derive_table(_list_lifts(known, inside, wrong, patients, protocol, draws, key))


def _derive_rates(
    metric: str,
    known: pd.DataFrame,
    scored: dict[float, tuple[pd.DataFrame, NDArray[np.bool_]]],
    key: Row,
    protocol: Protocol,
) -> pd.DataFrame:
    """Return a row per part of the queue: the weighted share of some values that a mask tells."""
    codes = {patient: code for code, patient in enumerate(sorted(set(known["patient_id"])))}
    values = pd.concat([own.assign(group=group) for group, (own, _) in enumerate(scored.values())])
    score = np.concatenate([mask for _, mask in scored.values()]).astype(np.int8)
    patient = values["patient_id"].map(codes).to_numpy(dtype=np.int64)
    group = values["group"].to_numpy(dtype=np.int64)
    mean = compute_clustered_mean(score, group, patient, values["weight"].to_numpy(dtype=float), len(scored))
    identity = pd.DataFrame([key | {"at": f"{part:g}"} for part in scored])
    interval = compute_reporting_interval(mean, float(protocol.level))
    return derive_rate_rows(identity, metric, mean, interval, level=float(protocol.level), unit="patient")


def _list_lifts(
    known: pd.DataFrame,
    inside: dict[float, NDArray[np.bool_]],
    wrong: NDArray[np.bool_],
    patients: pd.DataFrame,
    protocol: Protocol,
    draws: Draws,
    key: Row,
) -> Iterator[Row]:
    place = patients.index.sort_values().get_indexer(pd.Index(known["patient_id"]))
    columns = [np.ones(len(known), dtype=bool), *inside.values()]
    table = np.zeros((len(patients), 2 * len(columns)))
    for at, mask in enumerate(columns):
        for side, score in enumerate((mask, mask & wrong)):
            np.add.at(table[:, 2 * at + side], place, known["weight"].to_numpy(dtype=float) * score)
    totals = np.vstack([table.sum(axis=0), compute_totals(draws.weights(patients), table)])
    rates = [_divide(totals[:, 2 * at + 1], totals[:, 2 * at]) for at in range(len(columns))]
    for at, (part, mask) in enumerate(inside.items(), start=1):
        lift = _divide(rates[at], rates[0])
        named = key | {"at": f"{part:g}", "n": int(mask.sum()), "k": int((mask & wrong).sum()), "level": float(protocol.level)}
        if np.isnan(lift[0]):
            yield build_row("queue_lift", status=Status.NOT_ESTIMABLE, reason=Reason.EMPTY_DENOMINATOR, **named)
            continue
        lower, upper = compute_percentiles(lift[1:], float(protocol.level))
        yield build_row("queue_lift", lift[0], lower=float(lower), upper=float(upper), method=_METHOD,
                        cluster_unit="patient", replicates=len(lift) - 1, **named)  # fmt: skip


def _divide(numerator: Floats, denominator: Floats) -> Floats:
    return np.divide(numerator, denominator, out=np.full_like(numerator, np.nan), where=denominator > 0)
