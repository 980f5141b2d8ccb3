"""Patients alike in one variable are one pattern: a replicate draws patterns, whatever the number of patients.

The patients drawn of each pattern follow the multinomial law with the patterns' shares of the stratum,
exactly as the sums of patients' weights do: weights of patients are multinomial, and classes of a
multinomial may be merged (Johnson, Kotz and Balakrishnan 1997, chapter 35). It costs draws per pattern and
stratum, not per patient. Several variables do not share patterns: they need `Draws.weights`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probatio.resampling.intervals import Floats
from probatio.resampling.totals import Counts

_SPAN = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Patterns:
    """Patients with the same totals.

    Attributes:
        table: totals of one patient, shape (patterns, columns).
        place: the pattern of each patient.
    """

    table: Counts
    place: NDArray[np.int64]

    def count(self, stratum: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return patients per stratum and pattern, shape (strata, patterns); `stratum` gives each patient's."""
        strata, size = int(stratum.max(initial=-1)) + 1, len(self.table)
        return np.bincount(stratum * size + self.place, minlength=strata * size).reshape(strata, size)


def derive_patterns(totals: Counts) -> Patterns:
    """Collapse patients' totals, whole and not negative, shape (patients, columns), to their patterns."""
    code, span = np.zeros(len(totals), dtype=np.int64), 1
    for column in totals.T:
        base = int(column.max(initial=0)) + 1
        if span > _SPAN // base:
            code = np.unique(code, return_inverse=True)[1].astype(np.int64)
            span = int(code.max(initial=0)) + 1
        code, span = code * base + column, span * base
    _, first, place = np.unique(code, return_index=True, return_inverse=True)
    return Patterns(totals[first], place.astype(np.int64))


def compute_pattern_totals(patterns: Patterns, drawn: NDArray[np.int64]) -> Floats:
    """Return each column's total in each replicate, shape (replicates, columns).

    Args:
        patterns: the patterns.
        drawn: how often each is drawn, shape (replicates, patterns).
    """
    totals: Floats = drawn.astype(float) @ patterns.table.astype(float)
    return totals
