"""Replicate weights: the same draws serve every source, variable and analysis of one frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.digest import compute_json_digest

SMALL_CENTRE = 10
FEWEST_CENTRES = 20
_CHUNK = 1 << 21
_UNITS = ("patient", "centre")


@dataclass(frozen=True)
class Draws:
    """A bootstrap design and its seed.

    The seed of the generator is the SHA-256 of (seed, frame, unit, replicates), so that another
    analysis moves no number of this one. Philox and integer arithmetic alone make the weights:
    they are the same on every machine and for every order of the patients.

    Attributes:
        seed: the protocol's seed.
        frame: name of the set of patients drawn from, such as "all".
        unit: "patient" (these centres: patients within their centre) or "centre" (a new centre:
            whole centres).
        replicates: number of replicates.
    """

    seed: int
    frame: str
    unit: str
    replicates: int

    def __post_init__(self) -> None:
        """Refuse a design that cannot be drawn."""
        if self.unit not in _UNITS:
            raise ValueError(f"unit {self.unit!r} is none of {_UNITS}")
        if self.replicates < 1:
            raise ValueError("replicates must be at least 1")

    def weights(self, patients: pd.DataFrame) -> NDArray[np.uint16]:
        """Return how often each patient is drawn in each replicate.

        Within "these centres" a centre of one patient would never vary and one of three would show
        two thirds of its variance. Centres of fewer than `SMALL_CENTRE` patients therefore form one
        stratum together (collapsed strata; Cochran 1977, section 5A.12), which errs on the wide side.

        Args:
            patients: indexed by patient_id, unique; column `centre`.

        Returns:
            Shape (replicates, patients), columns in the order of the sorted index.

        Raises:
            ValueError: a patient stands twice.
        """
        if not patients.index.is_unique:
            raise ValueError("patients: an identifier stands twice")
        centre = patients.sort_index()["centre"].fillna("").astype(str).to_numpy()
        labels = np.unique(centre, return_inverse=True)[1]
        bits = self._derive_bits()
        if self.unit == "centre":
            return _draw_counts(bits, self.replicates, int(labels.max(initial=-1)) + 1)[:, labels]
        weights = np.zeros((self.replicates, len(labels)), dtype=np.uint16)
        for members in _find_strata(labels):
            weights[:, members] = _draw_counts(bits, self.replicates, len(members))
        return weights

    def _derive_bits(self) -> np.random.Philox:
        digest = compute_json_digest([self.seed, self.frame, self.unit, self.replicates])
        return np.random.Philox(np.random.SeedSequence(int(digest, 16)))


def _find_strata(labels: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Yield the members of each large centre, then those of all small ones; a small rest joins the smallest."""
    sizes = np.bincount(labels)
    small = sizes < SMALL_CENTRE
    if 0 < sizes[small].sum() < SMALL_CENTRE and not small.all():
        small[np.flatnonzero(~small)[np.argmin(sizes[~small])]] = True
    for label in np.flatnonzero(~small):
        yield np.flatnonzero(labels == label)
    if small.any():
        yield np.flatnonzero(small[labels])


def _draw_counts(bits: np.random.Philox, replicates: int, size: int) -> NDArray[np.uint16]:
    """Draw `size` of `size` with replacement, per replicate; integers only, hence alike on every platform."""
    counts = np.zeros((replicates, size), dtype=np.uint16)
    step = max(1, _CHUNK // max(size, 1))
    for start in range(0, replicates if size else 0, step):
        rows = min(step, replicates - start)
        raw = np.asarray(bits.random_raw(rows * size), dtype=np.uint64)
        picks = ((raw >> np.uint64(32)) * np.uint64(size)) >> np.uint64(32)
        cells = picks.astype(np.int64) + np.repeat(np.arange(rows, dtype=np.int64) * size, size)
        counts[start : start + rows] = np.bincount(cells, minlength=rows * size).reshape(rows, size)
    return counts
