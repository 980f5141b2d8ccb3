"""What it costs to review a share of the values, most doubtful first, and the share that costs least.

Every cell that a source was to deliver is reviewed in the order of what an error is expected to cost: probability of
error times the protocol's cost of a false value, or of an omission where nothing was delivered. A reviewed cell
costs minutes and is right afterwards (imperfect reviewers: `review.effort`); one that is not reviewed costs
its error, if it has one. Costs are euros per cell asked (Chow 1970, IEEE Trans Inf Theory 16:41, with two kinds
of error; Swaminathan et al. 2024, JAMIA 31:188, for extracted data).

The cheapest share is read from the very values that show its cost: the cost is a little too good, and the interval of
the share, from patients drawn again, says how well it is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.confidence.forecasts import Frame, sum_by
from probatio.protocol import Protocol
from probatio.resampling import Floats, compute_totals

STEPS: Final = 100
SHARES: Final[Floats] = np.arange(STEPS + 1) / STEPS


@dataclass(frozen=True)
class CostCurve:
    """Cost per cell at each of `SHARES` reviewed.

    Attributes:
        cost: of the sample, shape (shares,).
        replicates: shape (replicates, shares).
    """

    cost: Floats
    replicates: Floats

    def find_cheapest(self) -> tuple[int, NDArray[np.intp]]:
        """Return the place of the cheapest share, of the sample and of each replicate; the smallest among equals."""
        return int(np.argmin(self.cost)), np.argmin(self.replicates, axis=1)


def compute_cost_curve(values: pd.DataFrame, frame: Frame, chance: Floats, protocol: Protocol) -> CostCurve:
    """Return one source's curve.

    Args:
        values: its judged cells, rows of the scored table; unknown errors must be left out.
        frame: all patients and the draws of them.
        chance: per cell the probability of being right; NaN counts as the mean of the others.
        protocol: gives costs, and the minutes of a value where a review is declared (1 otherwise).

    Raises:
        ValueError: the protocol declares no costs.
    """
    declared = protocol.confidence.costs if protocol.confidence else None
    if declared is None:
        raise ValueError("confidence: costs are not declared")
    minutes = protocol.review.minutes_per_value if protocol.review else 1.0
    price = np.where(values["delivered"], declared.false_value, declared.omission)
    doubt = 1 - np.where(np.isnan(chance), np.nanmean(np.append(chance, 0.5)), chance)
    weight = values["weight"].to_numpy(dtype=float)
    step = _derive_steps(doubt * price, weight)
    cluster = frame.patients["cluster"].reindex(values["patient_id"]).to_numpy(dtype=np.int64)
    cell, cells = cluster * STEPS + step, frame.clusters * STEPS
    parts = (weight, weight * price * values["error"].to_numpy(dtype=float))
    mass, loss = (sum_by(cell, part, cells).reshape(frame.clusters, STEPS) for part in parts)
    review = minutes * declared.minute
    once = np.ones((1, frame.clusters), dtype=np.uint16)
    sample = _compute_curve(compute_totals(once, mass), compute_totals(once, loss), review)
    drawn = _compute_curve(compute_totals(frame.weights, mass), compute_totals(frame.weights, loss), review)
    return CostCurve(sample[0], drawn)


def _derive_steps(doubt: Floats, weight: Floats) -> NDArray[np.int64]:
    """Return the hundredth of the mass in which each cell is reviewed; ties in the table's order."""
    order = np.argsort(-doubt, kind="stable")
    middle = np.empty(len(order))
    middle[order] = (np.cumsum(weight[order]) - weight[order] / 2) / weight.sum()
    return np.minimum((middle * STEPS).astype(np.int64), STEPS - 1)


def _compute_curve(mass: Floats, loss: Floats, review: float) -> Floats:
    """Return cost per cell at each share, shape (replicates, shares)."""
    start = np.zeros((len(mass), 1))
    reviewed, settled = (np.hstack([start, np.cumsum(part, axis=1)]) for part in (mass, loss))
    total = np.where(reviewed[:, -1:] > 0, reviewed[:, -1:], np.nan)
    return np.asarray((reviewed * review + settled[:, -1:] - settled) / total)
