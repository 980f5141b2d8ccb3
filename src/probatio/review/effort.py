"""The error of the data against the share of values reviewed, when reviewers err too.

A value that was not reviewed keeps the technology's error; one that was carries the reviewer's (`reviewers`), in expectation: no
error of a reviewer is drawn. With outcomes as in the data contract (W wrong, O omitted, U unsupported, of C, W, O, U):

| before review | adds to errors, to values | after review |
|---|---|---|
| C | 0, 1 | r, 1 |
| W, O | 1, 1 | r, 1 |
| U | 1, 1 | r, r: a value taken away leaves the denominator |
| B (absent on both sides) | 0, 0 | r, r |

The error is expected errors over expected values. Omitted events have no line to review: they stay in both sums at every share.
The share counts values that can be reviewed, weighted as the errors are. Orders:

| order | first |
|---|---|
| doubtful | the most probably wrong |
| gain | the largest expected gain: probability x consequence |
| random | none: every value as likely as another (the mean over all orders) |
| oracle | all errors: what no order can beat |

A replicate draws patients, and with them the reviewer's rates; in each one the share is of the values drawn.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.comparison import Comparison
from probatio.protocol import Protocol
from probatio.resampling import Floats
from probatio.review.reviewers import CLASS

ORDERS: Final = ("doubtful", "gain", "random", "oracle")
JUDGED: Final = ("selection", "evaluation")
_ERRORS: Final = np.array([0.0, 1.0, 1.0, 0.0])
_VALUES: Final = np.array([1.0, 1.0, 1.0, 0.0])
_CHUNK: Final = 1 << 21
_CELL: Final = ["variable", "visit", "patient_id", "event"]


@dataclass(frozen=True)
class Labelled:
    """Values with a reference, of patients on whom nothing was recalibrated.

    Attributes:
        before: what each was against the reference: 0 right, 1 wrong or omitted, 2 unsupported, 3 absent.
        type: place of its variable's type.
        patient: place of its patient among the evaluated ones, sorted.
        weight: of the value against the reference.
        probability, gain, consequence: as routed.
        reviewable: has a line that can be reviewed; omitted events have none.
    """

    before: NDArray[np.intp]
    type: NDArray[np.intp]
    patient: NDArray[np.intp]
    weight: Floats
    probability: Floats
    gain: Floats
    consequence: Floats
    reviewable: NDArray[np.bool_]


def derive_labelled(
    gains: pd.DataFrame, comparison: Comparison, protocol: Protocol, types: tuple[str, ...]
) -> Labelled:
    """Return the values on which orders are judged.

    Args:
        gains: all values of the reviewed source, as `derive_gains` returns them.
        comparison: tells wrong from unsupported values, and which events were omitted.
        protocol: types of variables.
        types: the types in order.
    """
    known = gains[gains["split"].isin(JUDGED) & gains["error"].notna()]
    source = str(gains["source"].iloc[0]) if len(gains) else ""
    pairs = comparison.pairs
    judged = pairs[(pairs["kind"] == "error") & (pairs["source"] == source) & ~pairs["variable"].str.contains(".", regex=False)]
    omitted = _list_omitted_events(judged, known, protocol)
    table = pd.concat([_derive_before(known, judged).assign(reviewable=True), omitted], ignore_index=True)
    kinds = {variable.name: types.index(variable.type) for variable in protocol.variables}
    return Labelled(
        before=table["before"].to_numpy(dtype=np.intp),
        type=table["variable"].map(kinds).to_numpy(dtype=np.intp),
        patient=comparison.patients.index.sort_values().get_indexer(pd.Index(table["patient_id"])),
        reviewable=table["reviewable"].to_numpy(dtype=bool),
        **{name: table[name].to_numpy(dtype=float) for name in ("weight", "probability", "gain", "consequence")},
    )


def _derive_before(known: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    """Return the values in the order of the queue with what each was: a line of events is right or unsupported."""
    unsupported = judged.loc[judged["outcome"] == "U", _CELL].astype(str)
    is_unsupported = pd.MultiIndex.from_frame(known[_CELL].astype(str)).isin(pd.MultiIndex.from_frame(unsupported))
    is_unsupported |= (known["event"] != "").to_numpy()
    wrong, delivered = known["error"].eq(1).to_numpy(), known["delivered"].to_numpy(dtype=bool)
    choices = [wrong & delivered & is_unsupported, wrong, ~delivered]
    return known.assign(before=np.select(choices, [CLASS["U"], CLASS["W"], CLASS["B"]], CLASS["C"]))


def _list_omitted_events(judged: pd.DataFrame, known: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    events = {variable.name for variable in protocol.variables if variable.type == "events"} & set(known["variable"])
    inside = judged["variable"].isin(events) & judged["patient_id"].isin(set(known["patient_id"]))
    omitted = judged.loc[inside & (judged["outcome"] == "O"), ["variable", "patient_id", "weight"]]
    told = known.groupby("variable")["consequence"].first()
    return omitted.assign(before=CLASS["O"], reviewable=False, probability=1.0, gain=0.0,
                          consequence=omitted["variable"].map(told))  # fmt: skip


def find_order(labelled: Labelled, order: str) -> NDArray[np.intp]:
    """Return the places of the reviewable values in an order; values that tie stay in that of the queue."""
    places = np.flatnonzero(labelled.reviewable)
    wrong = _ERRORS[labelled.before[places]]
    keys = {"doubtful": labelled.probability[places], "gain": labelled.gain[places], "oracle": wrong}
    return places[np.argsort(-keys[order], kind="stable")]


def compute_effort(
    labelled: Labelled,
    order: str,
    rates: Floats,
    weights: NDArray[Any],
    shares: Floats,
    *,
    consequence: bool = False,
) -> Floats:
    """Return the error of the data when a share of the values was reviewed, shape (replicates, shares).

    Args:
        labelled: the values.
        order: one of `ORDERS`.
        rates: the reviewers' errors in each replicate, shape (replicates, 4, types).
        weights: how often each patient is drawn in each replicate, shape (replicates, patients).
        shares: increasing, in [0, 1].
        consequence: instead of errors over values, the consequences of the errors over those of all values.
    """
    weight = labelled.weight * labelled.consequence if consequence else labelled.weight
    step = max(1, _CHUNK // max(len(weight), 1))
    parts = [
        _compute_part(labelled, order, rates[at : at + step], weights[at : at + step], shares, weight)
        for at in range(0, len(weights), step)
    ]
    return np.vstack(parts)


def _compute_part(
    labelled: Labelled, order: str, rates: Floats, weights: NDArray[Any], shares: Floats, weight: Floats
) -> Floats:
    drawn = weights.astype(float)[:, labelled.patient]
    mass = drawn * weight
    start = mass @ np.column_stack([_ERRORS[labelled.before], _VALUES[labelled.before]])
    places = np.flatnonzero(labelled.reviewable) if order == "random" else find_order(labelled, order)
    before, kind = labelled.before[places], labelled.type[places]
    rate = rates[:, before, kind]
    changes = (mass[:, places] * (rate - _ERRORS[before]), mass[:, places] * (np.where(before < 2, 1.0, rate) - _VALUES[before]))
    counted = drawn[:, places] * labelled.weight[places]
    moved = [_accumulate(change, counted, shares, chance=order == "random") for change in changes]
    errors, values = (start[:, [at]] + moved[at] for at in (0, 1))
    return np.divide(errors, values, out=np.full_like(errors, np.nan), where=values > 0)


def _accumulate(change: Floats, counted: Floats, shares: Floats, *, chance: bool) -> Floats:
    """Return what reviewing the first values adds up to, shape (replicates, shares); a value may count in part."""
    if chance:
        return change.sum(axis=1)[:, None] * shares
    reached, added = (np.cumsum(np.pad(table, ((0, 0), (1, 0))), axis=1) for table in (counted, change))
    wanted = shares * reached[:, [-1]]
    found = [np.interp(*line) for line in zip(wanted, reached, added, strict=True)]
    return np.array(found).reshape(len(change), len(shares))
