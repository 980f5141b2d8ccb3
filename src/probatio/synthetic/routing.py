"""Which values of ai_a are reviewed: the most doubtful by its own confidence, and others drawn by chance.

Of all values that ai_a delivered, and those it omitted while ai_b delivered one, `BUDGET` are reviewed. One in ten of
the budget goes to values that doubt did not bring up, drawn with one known probability: mostly concordant ones, on
which both AIs agree. The others are the most doubtful: omitted ones, those that do not conform, then the lowest
confidences.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from probatio.synthetic.design import CELLS, open_stream

if TYPE_CHECKING:
    from probatio.synthetic.readings import Reading

BUDGET: Final = 0.30
CONCORDANT: Final = 0.10
DOUBLE: Final = 0.10
REVIEWED_OF: Final = "ai_a"
SHOWN: Final = "ai_b"


def select_cases(seed: int, readings: Mapping[str, Reading]) -> pd.DataFrame:
    """Return the cases to review, in the order of the queue.

    Args:
        seed: the study's.
        readings: of ai_a, and of ai_b, whose values are shown beside.

    Returns:
        `cell` (place in `CELLS`), `row` of the patient, `kind` (doubtful; drawn: concordant, or random where the AIs
        do not agree), `selection_probability`, `double`: read by two.
    """
    pool = _derive_pool(readings[REVIEWED_OF], readings[SHOWN])
    budget = round(BUDGET * len(pool))
    drawn = round(CONCORDANT * budget)
    ordered = pool.sort_values(["rank", "confidence", "cell", "row"], kind="stable", ignore_index=True)
    doubtful = ordered.iloc[: budget - drawn].assign(kind="doubtful", selection_probability=1.0)
    rest = ordered.iloc[budget - drawn :]
    places = np.sort(open_stream(seed, "review", "concordant").permutation(len(rest))[:drawn])
    sample = rest.iloc[places].assign(selection_probability=round(drawn / len(rest), 6))
    sample["kind"] = np.where(sample["alike"], "concordant", "random")
    cases = pd.concat([doubtful, sample], ignore_index=True)
    # What was drawn stands anywhere in the queue, so that readers cannot tell it by its place.
    order = open_stream(seed, "review", "order").random(len(cases))
    place = np.where(cases["kind"] != "doubtful", order * len(cases), np.arange(len(cases)))
    cases = cases.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)
    cases["double"] = open_stream(seed, "review", "double").random(len(cases)) < DOUBLE
    return cases[["cell", "row", "kind", "selection_probability", "double"]]


def _derive_pool(own: Reading, other: Reading) -> pd.DataFrame:
    """Return the values that can be reviewed: what ai_a delivered, and what only ai_b did."""
    parts = []
    for place, cell in enumerate(CELLS):
        told, beside = own.cells[cell.key], other.cells[cell.key]
        rows = np.flatnonzero((own.barred[cell.key] == "") & ((told != "") | (beside != "")))
        told, beside = told[rows], beside[rows]
        rank = np.select([told == "", own.causes[cell.key][rows] == "F"], [0, 1], 2)
        confidence = np.nan_to_num(own.confidence[cell.key][rows])
        alike = (told == beside) & (rank == 2)
        parts.append(pd.DataFrame({"cell": place, "row": rows, "rank": rank, "confidence": confidence, "alike": alike}))
    return pd.concat(parts, ignore_index=True)
