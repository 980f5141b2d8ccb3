"""The error of the data against the share of values reviewed, when reviewers err too.

A value that was not reviewed keeps the technology's error; one that was carries the reviewer's (`reviewers`), in
expectation: no error of a reviewer is drawn. With outcomes as in the data contract (W wrong, O omitted, U
unsupported, of C, W, O, U):

| before review | adds to errors, to values | after review |
|---|---|---|
| C | 0, 1 | r, 1 |
| W, O | 1, 1 | r, 1 |
| U | 1, 1 | r, r: a value taken away leaves the denominator |
| B (absent on both sides) | 0, 0 | r, r |

The error is expected errors over expected values. Omitted events have no line to review: they stay in both sums at
every share. The share counts values that can be reviewed, weighted as the errors are. Orders:

| order | first |
|---|---|
| doubtful | the most probably wrong |
| gain | the largest expected gain: probability x consequence |
| stated | the lowest confidence as the source states it (agreement where it states none), nothing recalibrated |
| random | none: every value as likely as another (the mean over all orders) |
| oracle | all errors: what no order can beat |

A replicate draws patients, and with them the reviewer's rates; in each one the share is of the values drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.comparison import Comparison
from probatio.protocol import Protocol
from probatio.resampling import Floats
from probatio.review.reviewers import CLASS

ORDERS: Final = ("doubtful", "gain", "stated", "random", "oracle")
JUDGED: Final = ("selection", "evaluation")
_ERRORS: Final = np.array([0.0, 1.0, 1.0, 0.0])
_VALUES: Final = np.array([1.0, 1.0, 1.0, 0.0])
_CHUNK: Final = 1 << 18


@dataclass(frozen=True)
class Labelled:
    """Values with a reference, of patients on whom nothing was recalibrated.

    Attributes:
        before: what each was against the reference: 0 right, 1 wrong or omitted, 2 unsupported, 3 absent.
        type: place of its variable's type.
        patient: place of its patient among the evaluated ones, sorted.
        weight: of the value against the reference.
        probability, gain, consequence: as routed.
        stated: probability of error as the source states it.
        reviewable: has a line that can be reviewed; omitted events have none.
    """

    before: NDArray[np.intp]
    type: NDArray[np.intp]
    patient: NDArray[np.intp]
    weight: Floats
    probability: Floats
    gain: Floats
    stated: Floats
    consequence: Floats
    reviewable: NDArray[np.bool_]


def derive_labelled(
    gains: pd.DataFrame, comparison: Comparison, protocol: Protocol, types: tuple[str, ...]
) -> Labelled:
    """Return the values on which orders are judged.

    Args:
        gains: all values of the reviewed source, as `derive_gains` returns them.
        comparison: tells which events were omitted.
        protocol: types of variables.
        types: the types in order.
    """
    known = select_judged(gains)
    told = known.assign(before=known["outcome"].map(CLASS), reviewable=True, stated=1 - known["score"].fillna(0.5))
    table = pd.concat([told, _list_omitted_events(comparison.pairs, known, protocol)], ignore_index=True)
    kinds = {variable.name: types.index(variable.type) for variable in protocol.variables}
    place = comparison.patients.index.sort_values().get_indexer(pd.Index(table["patient_id"]))
    return Labelled(
        before=table["before"].to_numpy(dtype=np.intp),
        type=np.asarray(table["variable"].map(kinds), dtype=np.intp),
        patient=np.asarray(place, dtype=np.intp),
        reviewable=table["reviewable"].to_numpy(dtype=bool),
        **{
            name: table[name].to_numpy(dtype=float)
            for name in ("weight", "probability", "gain", "stated", "consequence")
        },
    )


def select_judged(gains: pd.DataFrame) -> pd.DataFrame:
    """Return the values with a reference, of patients on whom nothing was recalibrated."""
    return gains[gains["split"].isin(JUDGED) & gains["outcome"].isin(list(CLASS))]


def _list_omitted_events(pairs: pd.DataFrame, known: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Return the reference's events without a line of the source, of the same patients: nothing of them is reviewed."""
    events = {variable.name for variable in protocol.variables if variable.type == "events"} & set(known["variable"])
    missed = (pairs["kind"] == "error") & (pairs["outcome"] == "O") & pairs["source"].isin(set(known["source"]))
    inside = pairs["variable"].isin(events) & pairs["patient_id"].isin(set(known["patient_id"]))
    omitted = pairs.loc[missed & inside, ["variable", "patient_id", "weight"]]
    told = known.groupby("variable")["consequence"].first()
    return omitted.assign(before=CLASS["O"], reviewable=False, probability=1.0, gain=0.0, stated=1.0,
                          consequence=omitted["variable"].map(told))  # fmt: skip


def find_order(labelled: Labelled, order: str) -> NDArray[np.intp]:
    """Return the places of the reviewable values in an order; values that tie stay in that of the queue."""
    places = np.flatnonzero(labelled.reviewable)
    wrong = _ERRORS[labelled.before[places]]
    keys = {"doubtful": labelled.probability[places], "gain": labelled.gain[places],
            "stated": labelled.stated[places], "oracle": wrong}  # fmt: skip
    return places[np.argsort(-keys[order], kind="stable")]


class Curves(NamedTuple):
    """The data when a share of the values was reviewed, shape (replicates, shares).

    Attributes:
        errors: errors over values.
        consequences: consequences of the errors over those of all values.
    """

    errors: Floats
    consequences: Floats


def compute_effort(labelled: Labelled, order: str, rates: Floats, weights: NDArray[Any], shares: Floats) -> Curves:
    """Return what is left of the errors when a share of the values was reviewed in an order.

    Args:
        labelled: the values.
        order: one of `ORDERS`.
        rates: the reviewers' errors in each replicate, shape (replicates, 4, types).
        weights: how often each patient is drawn in each replicate, shape (replicates, patients).
        shares: increasing, in [0, 1].
    """
    places = np.flatnonzero(labelled.reviewable) if order == "random" else find_order(labelled, order)
    step = max(1, _CHUNK // max(len(places), 1))
    parts = [
        _compute_part(
            labelled, places, rates[at : at + step], weights[at : at + step], shares, chance=order == "random"
        )
        for at in range(0, len(weights), step)
    ]
    return Curves(*(np.vstack([part[at] for part in parts]) for at in (0, 1)))


def _compute_part(
    labelled: Labelled, places: NDArray[np.intp], rates: Floats, weights: NDArray[Any], shares: Floats, *, chance: bool
) -> tuple[Floats, Floats]:
    before = labelled.before[places]
    mass = weights.astype(float).take(labelled.patient[places], axis=1) * labelled.weight[places]
    rate = rates.reshape(len(rates), -1).take(before * rates.shape[2] + labelled.type[places], axis=1)
    changes = (rate - _ERRORS[before]) * mass, (np.where(before < 2, 1.0, rate) - _VALUES[before]) * mass
    heavy = labelled.consequence[places]
    tables = [*changes, *(change * heavy for change in changes)]
    moved = [table.sum(axis=1)[:, None] * shares for table in tables] if chance else _accumulate(tables, mass, shares)
    sums = weights.astype(float) @ _sum_by_patient(labelled, weights.shape[1])
    errors, values, lost, whole = (sums[:, [at]] + moved[at] for at in range(4))
    return _divide(errors, values), _divide(lost, whole)


def _sum_by_patient(labelled: Labelled, patients: int) -> Floats:
    """Return each patient's errors, values and the consequences of both before review, shape (patients, 4)."""
    errors, values = (kind[labelled.before] * labelled.weight for kind in (_ERRORS, _VALUES))
    columns = (errors, values, errors * labelled.consequence, values * labelled.consequence)
    return np.column_stack([np.bincount(labelled.patient, column, patients) for column in columns])


def _accumulate(tables: list[Floats], counted: Floats, shares: Floats) -> list[Floats]:
    """Return what reviewing the first values adds up to, each shape (replicates, shares); a value may count in part."""
    reached = _sum_up(counted)
    wanted = shares * reached[:, [-1]]
    return [np.array([np.interp(*line) for line in zip(wanted, reached, _sum_up(table), strict=True)])
            for table in tables]  # fmt: skip


def _sum_up(table: Floats) -> Floats:
    """Return sums along each line, from 0 on."""
    summed = np.zeros((len(table), table.shape[1] + 1))
    np.cumsum(table, axis=1, out=summed[:, 1:])
    return summed


def _divide(numerator: Floats, denominator: Floats) -> Floats:
    return np.divide(numerator, denominator, out=np.full_like(numerator, np.nan), where=denominator > 0)
