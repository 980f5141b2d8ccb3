"""Survival: endpoints from dates, and the estimators that read them."""

from probatio.survival.aalen_johansen import (
    CumulativeIncidence,
    PlacedCauses,
    compute_aalen_johansen,
    compute_incidence_at,
    compute_incidence_replicates,
    prepare_causes,
)
from probatio.survival.concordance import Concordance, compute_concordance
from probatio.survival.cox import (
    CoxFit,
    CoxProblem,
    compute_cox,
    compute_cox_replicates,
    compute_robust_covariance,
    compute_score_residuals,
    prepare_cox,
)
from probatio.survival.curve_replicates import (
    CurveNumbers,
    compute_curve_numbers,
    compute_median_replicates,
    compute_rmst_replicates,
    compute_survival_replicates,
)
from probatio.survival.dates import derive_days
from probatio.survival.endpoints import derive_endpoint
from probatio.survival.exact_ties import compute_exact_cox
from probatio.survival.gray import GrayTest, compute_gray_test
from probatio.survival.hazards import HazardTest, TermTest, compute_hazard_test
from probatio.survival.influence import (
    compute_cox_influence,
    compute_incidence_influence,
    compute_mean_influence,
    compute_rmst_influence,
    compute_survival_influence,
)
from probatio.survival.kaplan_meier import (
    KaplanMeier,
    SortedTimes,
    TimeEstimate,
    compute_kaplan_meier,
    compute_median,
    compute_rmst,
    compute_survival_at,
    prepare_times,
)
from probatio.survival.log_rank import LogRank, compute_log_rank
from probatio.survival.logistic import (
    LogisticFit,
    compute_logistic,
    compute_logistic_replicates,
    compute_probabilities,
)
from probatio.survival.schoenfeld import ScaledResiduals, Smooth, compute_schoenfeld_residuals, compute_smooth
from probatio.survival.texts import derive_wide

__all__ = [
    "Concordance",
    "CoxFit",
    "CoxProblem",
    "CumulativeIncidence",
    "CurveNumbers",
    "GrayTest",
    "HazardTest",
    "KaplanMeier",
    "LogRank",
    "LogisticFit",
    "PlacedCauses",
    "ScaledResiduals",
    "Smooth",
    "SortedTimes",
    "TermTest",
    "TimeEstimate",
    "compute_aalen_johansen",
    "compute_concordance",
    "compute_cox",
    "compute_cox_influence",
    "compute_cox_replicates",
    "compute_curve_numbers",
    "compute_exact_cox",
    "compute_gray_test",
    "compute_hazard_test",
    "compute_incidence_at",
    "compute_incidence_influence",
    "compute_incidence_replicates",
    "compute_kaplan_meier",
    "compute_log_rank",
    "compute_logistic",
    "compute_logistic_replicates",
    "compute_mean_influence",
    "compute_median",
    "compute_median_replicates",
    "compute_probabilities",
    "compute_rmst",
    "compute_rmst_influence",
    "compute_rmst_replicates",
    "compute_robust_covariance",
    "compute_schoenfeld_residuals",
    "compute_score_residuals",
    "compute_smooth",
    "compute_survival_at",
    "compute_survival_influence",
    "compute_survival_replicates",
    "derive_days",
    "derive_endpoint",
    "derive_wide",
    "prepare_causes",
    "prepare_cox",
    "prepare_times",
]
