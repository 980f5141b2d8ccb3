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
_CHUNK = 1 << 17
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
        labels = _derive_labels(patients)
        bits = self._derive_bits()
        if self.unit == "centre":
            return _draw_counts(bits, self.replicates, int(labels.max(initial=-1)) + 1)[:, labels]
        strata = list(_find_strata(labels))
        drawn = np.hstack([_draw_counts(bits, self.replicates, len(members)) for members in [*strata, labels[:0]]])
        place = np.argsort(np.concatenate([*strata, labels[:0]]))
        for row in drawn:
            row[:] = row[place]
        return drawn

    def derive_strata(self, patients: pd.DataFrame) -> NDArray[np.int64]:
        """Return the stratum of each patient in the order of the sorted index: what `draw_patterns` draws within.

        For unit "centre" it is the centre, drawn as a whole.
        """
        labels = _derive_labels(patients)
        if self.unit == "centre":
            return labels.astype(np.int64)
        strata = np.zeros(len(labels), dtype=np.int64)
        for stratum, members in enumerate(_find_strata(labels)):
            strata[members] = stratum
        return strata

    def draw_patterns(self, sizes: NDArray[np.int64], name: str) -> NDArray[np.int64]:
        """Return how often each pattern of patients is drawn in each replicate, shape (replicates, patterns).

        The law is that of `weights` summed over the patients of a pattern; the draws are others. The
        cost does not grow with the number of patients. Unlike those of `weights` these draws use floating point:
        another platform may, very rarely, give another count.

        Args:
            sizes: patients per stratum and pattern, shape (strata, patterns), strata of `derive_strata`.
            name: what is drawn, such as the variable: part of the seed.
        """
        bits = self._derive_bits(name)
        if self.unit == "centre":
            return _draw_counts(bits, self.replicates, len(sizes)).astype(np.int64) @ sizes
        generator, drawn = np.random.Generator(bits), np.zeros((self.replicates, sizes.shape[1]), dtype=np.int64)
        for counts in sizes:
            used = np.flatnonzero(counts)
            patients = int(counts.sum())
            drawn[:, used] += generator.multinomial(patients, counts[used] / patients, size=self.replicates)
        return drawn

    def derive_generator(self, *name: str) -> np.random.Generator:
        """Return a generator of its own for what is named, such as ("orders", analysis, source)."""
        return np.random.Generator(self._derive_bits(*name))

    def _derive_bits(self, *name: str) -> np.random.Philox:
        digest = compute_json_digest([self.seed, self.frame, self.unit, self.replicates, *name])
        return np.random.Philox(np.random.SeedSequence(int(digest, 16)))


def _derive_labels(patients: pd.DataFrame) -> NDArray[np.intp]:
    """Return the centre of each patient as a code, in the order of the sorted index."""
    centre = patients.sort_index()["centre"].fillna("").astype(str).to_numpy()
    return np.unique(centre, return_inverse=True)[1]


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
        picks = np.asarray(bits.random_raw(rows * size), dtype=np.uint64).reshape(rows, size)
        picks >>= np.uint64(32)
        picks *= np.uint64(size)
        picks >>= np.uint64(32)
        picks += np.arange(0, rows * size, size, dtype=np.uint64)[:, None]
        cells = np.bincount(picks.view(np.int64).ravel(), minlength=rows * size)
        counts[start : start + rows] = cells.reshape(rows, size)
    return counts
