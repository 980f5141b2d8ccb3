"""Replicates of accuracy, Cohen's kappa and macro F1 from totals of patients instead of values.

Of a confusion table these need its diagonal and its margins only: three totals per class. A replicate is
a product of patients' weights and patients' totals, and no value is ever copied.

| metric | formula | undefined (NaN) |
|---|---|---|
| accuracy | share of values read alike | no value drawn |
| kappa | (po - pe) / (1 - pe) (Cohen 1960) | only one class drawn, or none |
| macro_f1 | mean of 2 TP / (2 TP + FP + FN) over the classes drawn (van Rijsbergen 1979) | no value drawn |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probatio.resampling.intervals import Floats
from probatio.resampling.patterns import Patterns, compute_pattern_totals
from probatio.resampling.totals import compute_totals

_ROUNDING = 1e-12
_COLUMNS = 1 << 24


@dataclass(frozen=True)
class Readings:
    """Values of one variable read twice.

    Attributes:
        patient: per value, the place of its patient among all patients.
        first: per value, its class in the first reading (the reference): 0 .. classes - 1.
        second: per value, its class in the second; -1 where it is none of the classes.
        classes: number of classes.
    """

    patient: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    classes: int

    def count(self, patients: int) -> NDArray[np.uint16]:
        """Return each patient's totals, shape (patients, 3 x classes): read alike, first, second; by class."""
        alike, known = self.first == self.second, self.second >= 0
        parts = [
            self._count(self.first[alike], self.patient[alike], patients),
            self._count(self.first, self.patient, patients),
            self._count(self.second[known], self.patient[known], patients),
        ]
        return np.hstack(parts)

    def _count(self, code: NDArray[np.int64], patient: NDArray[np.int64], patients: int) -> NDArray[np.uint16]:
        cells = np.bincount(patient * self.classes + code, minlength=patients * self.classes)
        return cells.astype(np.uint16).reshape(patients, self.classes)


@dataclass(frozen=True)
class Replicates:
    """Replicates of the three metrics, each of shape (replicates, variables)."""

    accuracy: Floats
    kappa: Floats
    macro_f1: Floats


def compute_joint_replicates(variables: Sequence[Readings], weights: NDArray[np.uint16]) -> Replicates:
    """Return replicates of every variable under the same patient weights: differences stay paired.

    Args:
        variables: readings over the same patients.
        weights: `Draws.weights`, shape (replicates, patients).
    """
    found = []
    for block in _list_blocks(variables, weights.shape[1]):
        totals = compute_totals(weights, np.hstack([variables[place].count(weights.shape[1]) for place in block]))
        edges = np.cumsum([3 * variables[place].classes for place in block])[:-1]
        found += [_compute_metrics(part) for part in np.split(totals, edges, axis=1)]
    return _stack(found, len(weights))


def compute_pattern_replicates(patterns: Patterns, drawn: NDArray[np.int64]) -> Replicates:
    """Return replicates of one variable from draws of its patterns; each array has one column.

    Args:
        patterns: of `Readings.count`.
        drawn: how often each pattern is drawn, shape (replicates, patterns), as `Draws.draw_patterns` gives.
    """
    return _stack([_compute_metrics(compute_pattern_totals(patterns, drawn))], len(drawn))


def _list_blocks(variables: Sequence[Readings], patients: int) -> Iterator[list[int]]:
    """Yield places of variables whose totals together stay within the memory set aside."""
    block: list[int] = []
    columns = 0
    for place, variable in enumerate(variables):
        if block and (columns + 3 * variable.classes) * patients > _COLUMNS:
            yield block
            block, columns = [], 0
        block, columns = [*block, place], columns + 3 * variable.classes
    if block:
        yield block


def _compute_metrics(totals: Floats) -> tuple[Floats, Floats, Floats]:
    hits, first, second = np.split(totals, 3, axis=1)
    n = first.sum(axis=1)
    po, pe = _divide(hits.sum(axis=1), n), _divide((first * second).sum(axis=1), n**2)
    kappa = _divide(po - pe, np.where(1 - pe > _ROUNDING, 1 - pe, 0.0))
    f1 = _divide(2 * hits, first + second)
    occurs = np.isfinite(f1)
    return po, kappa, _divide(np.where(occurs, f1, 0.0).sum(axis=1), occurs.sum(axis=1).astype(float))


def _stack(found: list[tuple[Floats, Floats, Floats]], replicates: int) -> Replicates:
    empty = np.empty((replicates, 0))
    accuracy, kappa, macro = (np.column_stack(parts) for parts in zip(*found, strict=True)) if found else [empty] * 3
    return Replicates(accuracy, kappa, macro)


def _divide(above: Floats, below: Floats) -> Floats:
    known = below > 0
    return np.where(known, above / np.where(known, below, 1.0), np.nan)
