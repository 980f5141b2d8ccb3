"""The labelled sample: who has the reference, with which probability, and random parts of those who do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from probatio.digest import compute_json_digest
from probatio.protocol import Correction, Protocol
from probatio.records import Records
from probatio.replication import View
from probatio.resampling import Floats

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Sample:
    """Two views of the evaluated patients, and which of them are labelled; arrays over all of them, shape (n,).

    Attributes:
        gold: the reference's view; only labelled patients are read from it.
        proxy: the source's view.
        labelled: has the reference and may be used as such.
        probability: of being labelled; 1 where unknown because not labelled.
        stratum: sampling stratum, "" where there is none.
        nested: sampled share of a finite population whose reference is known; 0 where the sample is the study's own.
    """

    gold: View
    proxy: View
    labelled: Mask
    probability: Floats
    stratum: NDArray[np.str_]
    nested: float = 0.0

    @property
    def gold_kept(self) -> Mask:
        """Labelled patients whom the reference knows completely."""
        return self.labelled & self.gold.complete

    @property
    def proxy_kept(self) -> Mask:
        """Patients whom the source knows completely."""
        return self.proxy.complete

    @property
    def weights(self) -> Floats:
        """1 / sampling probability of the labelled, 0 for the others."""
        weights: Floats = np.where(self.labelled, 1 / self.probability, 0.0)
        return weights


def derive_sample(records: Records, gold: View, proxy: View) -> Sample:
    """Return the study's own labelled sample: the patients drawn for the reference.

    Args:
        records: the study's tables; development patients are left out.
        gold: the reference's view.
        proxy: the source's view.
    """
    cohort = records.patients[~records.patients["development"].astype(bool)].sort_index()
    labelled = cohort["reference_sampled"].to_numpy(dtype=bool)
    probability = cohort["sampling_probability"].to_numpy(dtype=float)
    known = np.where(labelled & ~np.isnan(probability), probability, 1.0)
    stratum = np.asarray(cohort["sampling_stratum"].fillna("").astype(str), dtype=np.str_)
    return Sample(gold, proxy, labelled, known, stratum)


def derive_splits(sample: Sample, correction: Correction, protocol: Protocol) -> Iterator[Sample]:
    """Yield samples of which a random share is labelled, of the patients complete in both views.

    The draws follow from the protocol's seed and the correction's name and share: another number of splits
    leaves the first ones as they were.

    Args:
        sample: the study's own; its labelled, complete patients are the finite population.
        correction: its `labelled.share` and `splits`.
        protocol: its seed.
    """
    population = np.flatnonzero(sample.gold_kept & sample.proxy_kept)
    share = float(correction.labelled.share or 0)
    size = round(share * len(population))
    digest = compute_json_digest([protocol.resampling.seed, "split", correction.name, share])
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(int(digest, 16))))
    for _ in range(correction.labelled.splits):
        labelled = np.zeros(len(sample.labelled), dtype=bool)
        labelled[generator.permutation(population)[:size]] = True
        yield _derive_nested(sample, labelled, size / max(len(population), 1))


def _derive_nested(sample: Sample, labelled: Mask, share: float) -> Sample:
    """Return a sample of the finite population; patients outside it are complete in neither view."""
    both = sample.gold_kept & sample.proxy_kept
    gold, proxy = (_restrict(view, both) for view in (sample.gold, sample.proxy))
    probability = np.full(len(labelled), share or 1.0)
    return Sample(gold, proxy, labelled, probability, np.full(len(labelled), "", dtype=np.str_), nested=share)


def _restrict(view: View, kept: Mask) -> View:
    return replace(view, complete=view.complete & kept)
