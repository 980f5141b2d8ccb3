"""A table of scored values whose errors follow from their score, written by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd


def make_scored(
    *,
    wrong: Callable[[float], bool],
    sizes: tuple[int, int, int] = (150, 200, 150),
    variable: str = "stage",
    visits: tuple[str, ...] = ("",),
    source: str = "ai",
) -> pd.DataFrame:
    """Return the values of one source and variable: scores spread evenly over (0, 1) within each part.

    Args:
        wrong: says of a score whether the value is wrong.
        sizes: patients of tuning, selection and evaluation.
        variable: its name.
        visits: values per patient.
        source: its name.
    """
    lines = []
    for part, size in zip(("tuning", "selection", "evaluation"), sizes, strict=True):
        scores = np.random.default_rng(size).permutation((np.arange(size * len(visits)) + 0.5) / (size * len(visits)))
        for place, score in enumerate(scores):
            patient, visit = divmod(place, len(visits))
            lines.append((f"{part[0]}{patient:03d}", visits[visit], part, float(score), float(wrong(score))))
    table = pd.DataFrame(lines, columns=["patient_id", "visit", "split", "score", "error"])
    return table.assign(
        source=source, variable=variable, event="", centre="A", document_type="letter", delivered=True, violated=0,
        conformant=True, confidence=table["score"], agreement=np.nan, weight=1.0,
    )  # fmt: skip
