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

The last but one three are counted on labelled values of patients on whom nothing was recalibrated, weighted as errors
are; a missing value that is absent from the reference too is not wrong. Intervals: Wilson, clustered by patient;
lift: percentiles over replicates.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from probatio.protocol import Protocol, Use
from probatio.resampling import Draws
from probatio.results import Reason, Status, build_row, derive_table
from probatio.review.consequence import derive_consequence_rows
from probatio.review.hits import estimate_hits
from probatio.review.reasons import SEPARATOR
from probatio.review.routing import get_review

Row = dict[str, Any]


def estimate_queue(
    queue: pd.DataFrame,
    gains: pd.DataFrame,
    protocol: Protocol,
    *,
    consequences: pd.DataFrame,
    patients: pd.DataFrame,
    draws: Draws,
    use: Use | None = None,
) -> pd.DataFrame:
    """Return the rows of a queue.

    Args:
        queue: as `derive_queue` returns it.
        gains: all values of the reviewed source, as `derive_gains` returns them.
        protocol: with a review.
        consequences: as `derive_consequences` returns them.
        patients: the evaluated patients, as in `Comparison.patients`.
        draws: replicate weights, by patient.
        use: that the queue was made for; None: the review's.
    """
    review = get_review(protocol)
    key = {"source": review.source, "use": use or review.use}
    merged = gains.merge(queue[["case_id", "position", "kind", "reasons", "minutes"]], on="case_id", how="left")
    rows = [
        *_list_counts(merged, key),
        *_list_reasons(merged, key),
        *_list_effort(queue, merged, key),
        *derive_consequence_rows(consequences, review.source, use or review.use),
    ]
    found = estimate_hits(merged, patients, protocol, draws=draws).assign(**key)
    return derive_table(pd.concat([derive_table(rows), found]))


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
            yield _derive_share(
                "queue_reason_share", int(count), len(own), key | {"variable": variable, "term": reason}
            )


def _list_effort(queue: pd.DataFrame, merged: pd.DataFrame, key: Row) -> Iterator[Row]:
    patients = merged["patient_id"].nunique()
    yield build_row("review_minutes", float(queue["minutes"].sum()), unit="minutes", n=len(queue), **key)
    yield _derive_share("queued_patients", queue["patient_id"].nunique(), patients, key)
    drawn = queue.loc[queue["kind"] != "doubtful", "selection_probability"]
    if len(drawn):
        yield build_row("sampling_probability", float(drawn.iloc[0]), unit="proportion", n=len(drawn), **key)


def _derive_share(metric: str, k: int, n: int, key: Row) -> Row:
    if n == 0:
        named: Row = key | {"status": Status.NOT_ESTIMABLE, "reason": Reason.EMPTY_DENOMINATOR}
        return build_row(metric, unit="proportion", n=0, **named)
    return build_row(metric, k / n, unit="proportion", n=n, k=k, **key)
