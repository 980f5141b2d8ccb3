"""Correction: the best estimate when all patients have a source's data and only some have the reference."""

from probatio.correction.correcting import estimate_correction
from probatio.correction.debiasing import Debiased, Interval, Parts, compute_debiased
from probatio.correction.sample import Sample, derive_sample, derive_splits

__all__ = [
    "Debiased",
    "Interval",
    "Parts",
    "Sample",
    "compute_debiased",
    "derive_sample",
    "derive_splits",
    "estimate_correction",
]
