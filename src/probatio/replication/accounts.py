"""What one source says of the patients of a descriptive result: yes or no questions, categories and numbers.

Every proportion is a question with a denominator and a numerator, whether a response, an adverse event, a level
of a characteristic or a missing value: one way to count, and one way to compare.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from probatio.resampling import Floats

Mask = NDArray[np.bool_]


class Question(NamedTuple):
    """Columns of the result rows that answer it: metric, variable, term (level or event), at (visit or grade)."""

    metric: str
    variable: str
    term: str = ""
    at: str = ""

    def describe(self) -> dict[str, str]:
        """Return the columns that name it beside the metric."""
        return {"variable": self.variable, "term": self.term, "at": self.at}


@dataclass(frozen=True)
class Answer:
    """One source's answer to a question, arrays over the evaluated patients sorted by id.

    Attributes:
        counted: patients in the denominator.
        positive: those of them for whom it is so.
        asked: whether the source was to tell at all.
    """

    counted: Mask
    positive: Mask
    asked: bool


@dataclass(frozen=True)
class Scale:
    """One category per patient: its place among `classes`, -1 where not documented; ordered or not."""

    codes: NDArray[np.intp]
    classes: int
    ordered: bool


@dataclass(frozen=True)
class Account:
    """All that one source says for a result.

    Attributes:
        source: its name; "" where only attributes of the patients are described.
        answers: the proportions, in order of display.
        numbers: values of the numeric characteristics, shape (n,), NaN where not documented.
        scales: categories whose change from source to source is counted.
        profiles: for each categorical characteristic, its questions, one for a level; a single one for two levels.
        counts: what was counted beside: term -> (k, n).
        asked: whether the source was to tell a numeric characteristic.
    """

    source: str
    answers: dict[Question, Answer] = field(default_factory=dict)
    numbers: dict[Question, Floats] = field(default_factory=dict)
    scales: dict[Question, Scale] = field(default_factory=dict)
    profiles: dict[Question, list[Question]] = field(default_factory=dict)
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    asked: dict[Question, bool] = field(default_factory=dict)
