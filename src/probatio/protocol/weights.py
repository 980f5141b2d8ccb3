"""Weights of disagreement between the levels of an ordinal variable, declared before the data are seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

Weights = Literal["linear", "quadratic"] | list[list[float]]
"""Named weights over equidistant levels, or how far each level lies from each other (Cohen 1968)."""


def check_weights(value: Any, kind: str, levels: Sequence[str]) -> Any:
    """Return declared weights if they fit a variable.

    Args:
        value: as written in the protocol; None for none.
        kind: the variable's type.
        levels: its levels, in order.

    Raises:
        ValueError: another type than ordinal, another word, or a matrix that has not one row and one column
            per level, a zero diagonal, symmetry and no negative number.
    """
    if value is None:
        return None
    if kind != "ordinal":
        raise ValueError(f"weights go with an ordinal variable, not with {kind}; drop them")
    if value in ("linear", "quadratic"):
        return value
    if not isinstance(value, list):
        raise ValueError("write linear, quadratic, or a matrix of disagreement with one row per level")
    rows = [row if isinstance(row, list) else [] for row in value]
    if (found := find_misfit(rows, levels)) is not None:
        raise ValueError(found)
    return rows


def find_misfit(rows: list[list[Any]], levels: Sequence[str]) -> str | None:
    """Return what is wrong with a matrix of disagreement between levels, as a sentence; None if it fits."""
    size = len(levels)
    if len(rows) != size or any(len(row) != size for row in rows):
        lengths = "/".join(str(n) for n in sorted({len(row) for row in rows}))
        named = f"{size} levels ({', '.join(levels)})"
        return f"{len(rows)} rows of {lengths} numbers for {named}; give one row and one column per level"
    cells = [x for row in rows for x in row]
    if not all(isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x) for x in cells):
        return "a weight is not a number; give numbers from 0 up"
    pairs = ((i, j) for i in range(size) for j in range(size))
    wrong = next(
        (found for i, j in pairs if (found := _find_wrong(rows[i][j], rows[j][i], levels[i], levels[j]))), None
    )
    return wrong or (None if any(cells) else "all weights are 0: nothing would be a disagreement; give some above 0")


def _find_wrong(there: float, back: float, first: str, second: str) -> str | None:
    if there < 0:
        return f"the weight of {first} against {second} is negative; give 0 or more"
    if there != back:
        return f"{first} against {second} weighs {there:g} one way and {back:g} the other; give one number"
    if first == second and there:
        return f"{first} against itself weighs {there:g}; a level agrees with itself: give 0"
    return None
