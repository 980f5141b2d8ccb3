"""Replicate totals as matrix products: how often patients are drawn times what each patient holds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from probatio.resampling.intervals import Floats

Counts = NDArray[Any]
_CHUNK = 1 << 22
# Single precision holds every whole number up to here, in half the memory and time.
_WHOLE = 1 << 24


def compute_totals(weights: NDArray[np.uint16], table: Counts) -> Floats:
    """Return each column's total in each replicate, shape (replicates, columns).

    Where the table holds whole numbers every sum is exact, whatever the order of the patients and the
    columns beside it. Replicates are taken in chunks: memory beyond weights and result stays below
    that of the table and some 30 MiB.

    Args:
        weights: how often each patient is drawn, shape (replicates, patients).
        table: what each patient holds, not negative, shape (patients, columns).
    """
    kind: type[np.floating[Any]] = np.float32 if is_exact(weights, table) else np.float64
    own: NDArray[np.floating[Any]] = np.asarray(table, dtype=kind)
    totals = np.empty((len(weights), own.shape[1]))
    step = max(1, _CHUNK // max(weights.shape[1], 1))
    for start in range(0, len(weights), step):
        totals[start : start + step] = weights[start : start + step].astype(kind) @ own
    return totals


def is_exact(weights: NDArray[np.uint16], table: Counts) -> bool:
    """Say whether every total is a whole number that single precision holds."""
    whole = table.dtype.kind in "iub" or bool((table == np.floor(table)).all())
    drawn = int(weights.sum(axis=1, dtype=np.int64).max(initial=0))
    return whole and drawn * float(table.max(initial=0)) < _WHOLE
