"""Survival: endpoints, estimators, and whether an analysis comes out the same from each source."""

from probatio.survival.agreement import Difference, compute_difference, compute_verdict, derive_test_level
from probatio.survival.cox import (
    CoxFit,
    CoxProblem,
    compute_cox,
    compute_cox_replicates,
    compute_robust_covariance,
    prepare_cox,
)
from probatio.survival.curve_replicates import (
    compute_median_replicates,
    compute_rmst_replicates,
    compute_survival_replicates,
)
from probatio.survival.endpoints import derive_days, derive_endpoint, derive_wide
from probatio.survival.estimates import Estimate, compute_estimates, derive_curves
from probatio.survival.feasibility import check_analyses
from probatio.survival.kaplan_meier import (
    KaplanMeier,
    LogRank,
    SortedTimes,
    TimeEstimate,
    compute_kaplan_meier,
    compute_log_rank,
    compute_median,
    compute_rmst,
    compute_survival_at,
    prepare_times,
)
from probatio.survival.replication import Replication, estimate_replication
from probatio.survival.views import Label, View, derive_view

__all__ = [
    "CoxFit",
    "CoxProblem",
    "Difference",
    "Estimate",
    "KaplanMeier",
    "Label",
    "LogRank",
    "Replication",
    "SortedTimes",
    "TimeEstimate",
    "View",
    "check_analyses",
    "compute_cox",
    "compute_cox_replicates",
    "compute_difference",
    "compute_estimates",
    "compute_kaplan_meier",
    "compute_log_rank",
    "compute_median",
    "compute_median_replicates",
    "compute_rmst",
    "compute_rmst_replicates",
    "compute_robust_covariance",
    "compute_survival_at",
    "compute_survival_replicates",
    "compute_verdict",
    "derive_curves",
    "derive_days",
    "derive_endpoint",
    "derive_test_level",
    "derive_view",
    "derive_wide",
    "estimate_replication",
    "prepare_cox",
    "prepare_times",
]
