"""Every number of one source's view of an analysis, with the replicates that paired differences need.

The tables of metrics and methods stand in the modules that make them: `groups` (curves), `competing`
(competing events), `regression` (Cox), `proportionality` (its check), `weighted` (propensity weights).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probatio.protocol import Analysis
from probatio.replication.competing import (
    compute_incidences,
    derive_incidence_curves,
    derive_incidence_differences,
)
from probatio.replication.curves import derive_curves, derive_difference_curves
from probatio.replication.estimate import OVERALL, Estimate, Mask, Sample, describe_undefined
from probatio.replication.groups import compute_groups
from probatio.replication.proportionality import compute_proportionality, derive_hazard_courses
from probatio.replication.regression import compute_regression, fit_regression
from probatio.replication.views import View
from probatio.replication.weighted import compute_weighted, derive_weighted_curves, fit_propensity

__all__ = [
    "OVERALL",
    "Estimate",
    "Mask",
    "Sample",
    "compute_estimates",
    "compute_sample",
    "derive_further_curves",
    "derive_main_curves",
    "derive_paired_curves",
    "describe_undefined",
]


def compute_estimates(
    view: View, kept: Mask, centre: NDArray[np.str_], analysis: Analysis, *, weights: NDArray[Any] | None, level: float,
    competing: bool = False,
) -> list[Estimate]:  # fmt: skip
    """Return every number of an analysis for one source.

    Args:
        view: what the source says.
        kept: patients analysed, all complete in the view, shape (n,).
        centre: each patient's centre, "" where unknown, shape (n,).
        analysis: its horizons, landmarks, cluster and weighting.
        weights: replicate weights, shape (replicates, n); None: no replicates.
        level: two-sided confidence.
        competing: whether the endpoint declares a competing event.
    """
    return compute_sample(Sample(view, kept, centre, weights, level), analysis, competing=competing)


def compute_sample(sample: Sample, analysis: Analysis, *, competing: bool) -> list[Estimate]:
    """Return every number of an analysis for the patients of one source."""
    found = compute_groups(sample, analysis, competing=competing)
    if competing:
        found += compute_incidences(sample, analysis)
    regression = fit_regression(sample)
    found += [*compute_regression(regression, sample, analysis), *compute_proportionality(regression, sample)]
    if analysis.weighting != "none":
        found += compute_weighted(fit_propensity(sample, analysis), sample, analysis, competing=competing)
    return found


def derive_main_curves(sample: Sample, *, competing: bool) -> Iterator[dict[str, Any]]:
    """Yield the points of one source's survival, or of its incidences where an event competes."""
    yield from derive_incidence_curves(sample) if competing else derive_curves(sample)


def derive_paired_curves(one: Sample, base: Sample, *, competing: bool) -> Iterator[dict[str, Any]]:
    """Yield the points of the difference of two sources' survival, or of their incidence where an event competes."""
    yield from derive_incidence_differences(one, base) if competing else derive_difference_curves(one, base)


def derive_further_curves(sample: Sample, analysis: Analysis, *, competing: bool) -> Iterator[dict[str, Any]]:
    """Yield the points of the course of one source's hazard ratios and of its weighted survival."""
    yield from derive_hazard_courses(fit_regression(sample), sample)
    if analysis.weighting != "none" and not competing:
        yield from derive_weighted_curves(fit_propensity(sample, analysis), sample)
