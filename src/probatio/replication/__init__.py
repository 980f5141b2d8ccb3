"""Replication: whether an analysis comes out the same from each source, on the same patients."""

from probatio.replication.agreement import compute_verdict
from probatio.replication.attribution import estimate_attribution
from probatio.replication.carriers import compute_consequence
from probatio.replication.cohorts import EXCLUSIONS, FLOW, derive_exclusions
from probatio.replication.curves import derive_curves
from probatio.replication.descriptive import estimate_descriptive
from probatio.replication.differences import Difference, compute_difference, derive_test_level
from probatio.replication.estimate import Estimate, Sample
from probatio.replication.estimates import compute_estimates
from probatio.replication.feasibility import check_analyses
from probatio.replication.replicating import Replication, estimate_replication
from probatio.replication.views import (
    Label,
    Texts,
    View,
    derive_texts,
    derive_view,
    derive_view_of_texts,
    list_variables,
)

__all__ = [
    "EXCLUSIONS",
    "FLOW",
    "Difference",
    "Estimate",
    "Label",
    "Replication",
    "Sample",
    "Texts",
    "View",
    "check_analyses",
    "compute_consequence",
    "compute_difference",
    "compute_estimates",
    "compute_verdict",
    "derive_curves",
    "derive_exclusions",
    "derive_test_level",
    "derive_texts",
    "derive_view",
    "derive_view_of_texts",
    "estimate_attribution",
    "estimate_descriptive",
    "estimate_replication",
    "list_variables",
]
