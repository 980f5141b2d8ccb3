"""Replicate weights, seeds and interval functions: the kernels every measure shares."""

from probatio.resampling.clustered import (
    CAUTION_PATIENTS,
    ClusteredMean,
    compute_clustered_mean,
    compute_effective_size,
    compute_t_bounds,
    compute_t_quantile,
    find_few_touched,
)
from probatio.resampling.confusion import (
    Readings,
    Replicates,
    compute_joint_replicates,
    compute_pattern_replicates,
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
    find_few_events,
)
from probatio.resampling.paired import compute_newcombe, compute_tango
from probatio.resampling.patterns import Patterns, derive_patterns
from probatio.resampling.totals import compute_totals

__all__ = [
    "CAUTION_PATIENTS",
    "FEWEST_CENTRES",
    "Bounds",
    "ClusteredMean",
    "Draws",
    "Floats",
    "Patterns",
    "Readings",
    "Replicates",
    "compute_agresti_coull",
    "compute_clopper_pearson",
    "compute_clustered_mean",
    "compute_effective_size",
    "compute_jeffreys",
    "compute_joint_replicates",
    "compute_newcombe",
    "compute_pattern_replicates",
    "compute_percentiles",
    "compute_t_bounds",
    "compute_t_quantile",
    "compute_tango",
    "compute_totals",
    "compute_wilson",
    "derive_patterns",
    "find_few_events",
    "find_few_touched",
]
