"""Who is in error more often: nobody, or the patients whom it hurts.

| mechanism | errors are `ratio` times as frequent in |
|---|---|
| non_differential | nobody |
| events, others | patients with the event; patients without it |
| exposed, unexposed | patients outside the first group of the first term (a number: above its median); the others |

Where the error is a share of patients, that share stays what it is over all of them: only its distribution changes.
Where every patient is off by some days, those of the named half are and of the others one in `ratio`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from probatio.replication import View
from probatio.resampling import Floats
from probatio.tolerance.carriers import Carrier
from probatio.tolerance.paths import Path

MECHANISMS = ("non_differential", "events", "others", "exposed", "unexposed")
WORST = "worst"
Mask = NDArray[np.bool_]


class Mechanism(NamedTuple):
    """A distribution of errors over patients: the half in which they are more frequent (None: none), and how much."""

    name: str
    half: Mask | None
    ratio: float


def list_mechanisms(view: View, carrier: Carrier, path: Path, ratio: float, *, concerned: Mask) -> list[Mechanism]:
    """Return the mechanisms that differ for a path, the non-differential one first.

    Errors of the first term's own groups do not take their frequency from exposure: false negatives and
    false positives are paths of their own.

    Args:
        view: the comparator's.
        carrier: the cell in error.
        path: the way it is wrong.
        ratio: how much more frequent errors are in the half named.
        concerned: patients over whom errors are counted, shape (n,).
    """
    exposed = find_exposed(view)
    halves = {"events": view.event, "others": ~view.event, "exposed": exposed, "unexposed": ~exposed}
    if carrier.is_first and path.name != "omission":
        halves = {name: half for name, half in halves.items() if name in ("events", "others")}
    parted = {name: half for name, half in halves.items() if 0 < half[path.at_risk & concerned].mean() < 1}
    return [Mechanism("non_differential", None, 1.0), *(Mechanism(name, half, ratio) for name, half in parted.items())]


def find_exposed(view: View) -> Mask:
    """Return who stands outside the first group of the first term, or above its median where it is a number."""
    if view.groups:
        exposed: Mask = view.group > 0
        return exposed
    first = view.covariates[:, 0]
    above: Mask = first > np.nanmedian(first)
    return above


def compute_rates(mechanism: Mechanism, path: Path, error: float, known: Mask) -> Floats | None:
    """Return each patient's probability of an error, shape (n,); None where no distribution gives the share.

    Args:
        mechanism: how errors are distributed.
        path: who can be in error.
        error: on the path's grid.
        known: patients over whom the share is kept, shape (n,).
    """
    if mechanism.half is None:
        return np.where(path.at_risk, error if path.is_share else 1.0, 0.0)
    high = 1.0
    if path.is_share:
        part = float(mechanism.half[path.at_risk & known].mean())
        high = error * mechanism.ratio / (mechanism.ratio * part + 1 - part)
        if high > 1:
            return None
    rates: Floats = np.where(mechanism.half, high, high / mechanism.ratio)
    return np.where(path.at_risk, rates, 0.0)
