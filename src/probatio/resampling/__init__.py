"""Replicate weights, seeds and interval functions: the kernels every measure shares."""

from probatio.resampling.clustered import (
    ClusteredMean,
    compute_clustered_mean,
    compute_effective_size,
    compute_t_bounds,
    compute_t_quantile,
)
from probatio.resampling.draws import FEWEST_CENTRES, Draws
from probatio.resampling.intervals import (
    Bounds,
    Floats,
    compute_agresti_coull,
    compute_clopper_pearson,
    compute_jeffreys,
    compute_percentiles,
    compute_wilson,
)
from probatio.resampling.paired import compute_newcombe, compute_tango

__all__ = [
    "FEWEST_CENTRES",
    "Bounds",
    "ClusteredMean",
    "Draws",
    "Floats",
    "compute_agresti_coull",
    "compute_clopper_pearson",
    "compute_clustered_mean",
    "compute_effective_size",
    "compute_jeffreys",
    "compute_newcombe",
    "compute_percentiles",
    "compute_t_bounds",
    "compute_t_quantile",
    "compute_tango",
    "compute_wilson",
]
