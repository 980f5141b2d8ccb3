"""The outcome of a value against the truth, by the contract's definitions."""

from __future__ import annotations

import numpy as np

from probatio.synthetic.design import Array, Variable


def compute_outcomes(reference: Array, values: Array, causes: Array, variable: Variable) -> Array:
    """Return the outcome of each value against the reference as one letter, shape (n,).

    A date is scored at the reference's precision, and a coarser one is wrong; a number is correct within
    the tolerance; a value that does not conform (cause F) is wrong, or unsupported.
    """
    known, given = reference != "", values != ""
    right = _compute_right(reference, values, known & given & (causes != "F"), variable)
    letters = np.select([known & right, known & given, known, given], ["C", "W", "O", "U"], "B")
    return letters.astype(object)


def _compute_right(reference: Array, values: Array, comparable: Array, variable: Variable) -> Array:
    right = np.zeros(len(reference), dtype=bool)
    rows = np.flatnonzero(comparable)
    if variable.type == "date":
        pairs = zip(reference[rows], values[rows], strict=True)
        right[rows] = [value[: len(truth)] == truth for truth, value in pairs]
    elif variable.tolerance:
        distance = np.abs(values[rows].astype(float) - reference[rows].astype(float))
        right[rows] = distance <= variable.tolerance
    else:
        right[rows] = reference[rows] == values[rows]
    return right
