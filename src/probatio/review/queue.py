"""The queue of values to review: the most doubtful first, among them some drawn by chance, within a budget.

| declared | what it buys |
|---|---|
| share | that share of the values that are open, second readings on top |
| values | so many values, second readings on top |
| minutes | as many values as the minutes allow, second readings counted |

The queue is confidential: it names patients. It holds values of patients without a reference too. Values already
decided are left out, and their cost does not count.
"""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from probatio.protocol import Protocol, Review
from probatio.records.harmless import derive_harmless, derive_written
from probatio.resampling import Draws
from probatio.results import derive_csv
from probatio.review.concordant import draw_left, draw_systematic, find_concordant, spread
from probatio.review.reasons import derive_reasons
from probatio.review.routing import CASE, get_review
from probatio.review.tables import QUEUE_COLUMNS

_NUMBERS: Final = ("probability", "consequence", "gain", "minutes", "selection_probability")
_KINDS: Final = dict.fromkeys(_NUMBERS, float) | {"position": int}


def derive_queue(gains: pd.DataFrame, protocol: Protocol, *, decided: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the values to review, in the order of `position`, with `QUEUE_COLUMNS`.

    Args:
        gains: the values of the reviewed source with their gain, as `derive_gains` returns them.
        protocol: with a review: budget, shares drawn by chance and read twice, minutes per value; and a seed.
        decided: values that need no reading any more: `patient_id, variable, visit, event`.

    Raises:
        ValueError: the protocol declares no review.
    """
    review, openly = get_review(protocol), select_open(gains, decided)
    draws = Draws(seed=protocol.resampling.seed, frame="review", unit="patient", replicates=1)
    generator = draws.derive_generator("queue", review.source)
    size = compute_size(review, len(openly))
    drawn = round(review.concordant * size)
    chosen, left = openly.iloc[: size - drawn], openly.iloc[size - drawn :]
    taken, probability = draw_left(left, drawn, generator)
    sample = left.iloc[taken]
    queue = pd.concat([chosen.assign(selection_probability=1.0), sample.assign(selection_probability=probability)])
    kinds = np.where(find_concordant(sample), "concordant", "random")
    queue["kind"] = [*["doubtful"] * len(chosen), *kinds]
    queue = queue.iloc[np.argsort(spread(len(chosen), len(sample), generator), kind="stable")].reset_index(drop=True)
    return _complete(queue, review, generator)


def select_open(gains: pd.DataFrame, decided: pd.DataFrame | None) -> pd.DataFrame:
    """Return the values that nobody has decided."""
    if decided is None or decided.empty:
        return gains
    done = pd.MultiIndex.from_frame(decided[CASE].astype(str))
    return gains[~pd.MultiIndex.from_frame(gains[CASE].astype(str)).isin(done)].reset_index(drop=True)


def compute_size(review: Review, values: int) -> int:
    """Return how many of the open values the budget buys; with `minutes` second readings are paid from it."""
    budget = review.budget
    if budget.share is not None:
        return round(budget.share * values)
    if (number := budget.model_dump()["values"]) is not None:
        return min(int(number), values)
    readings = math.floor(float(budget.minutes or 0) / review.minutes_per_value + 1e-9)
    size = min(values, math.floor(readings / (1 + review.double)) + 1)
    while size and size + count_double(review, size) > readings:
        size -= 1
    return size


def count_double(review: Review, size: int) -> int:
    """Return how many of so many cases are read by two."""
    return round(review.double * size)


def _complete(queue: pd.DataFrame, review: Review, generator: np.random.Generator) -> pd.DataFrame:
    double = np.zeros(len(queue), dtype=bool)
    double[draw_systematic(len(queue), count_double(review, len(queue)), generator)] = True
    queue = queue.assign(
        position=np.arange(1, len(queue) + 1),
        double=double,
        minutes=review.minutes_per_value * (1 + double),
        reasons=derive_reasons(queue, queue["kind"], floor=review.floor),
    )
    return queue[list(QUEUE_COLUMNS)]


def derive_queue_csv(queue: pd.DataFrame) -> bytes:
    """Return `queue_<source>.csv` (confidential): no spreadsheet takes a text of it for a formula.

    A text that begins like one gets an apostrophe before it, which `read_queue` takes away.
    """
    return derive_csv(queue.map(lambda cell: derive_harmless(cell) if isinstance(cell, str) else cell))


def read_queue(path: Path) -> pd.DataFrame:
    """Read a queue that `derive_queue_csv` wrote.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a queue.
    """
    lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    if not lines or tuple(lines[0]) != QUEUE_COLUMNS:
        raise ValueError(f"{path.name}: not a queue of values to review")
    queue = pd.DataFrame([[derive_written(text) for text in line] for line in lines[1:]], columns=list(QUEUE_COLUMNS))
    return queue.astype(_KINDS).assign(double=queue["double"].eq("True"))
