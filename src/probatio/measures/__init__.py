"""Measures of agreement: how far each source can be trusted, variable by variable."""

from probatio.measures.agreement import estimate_agreement
from probatio.measures.repeated import estimate_windows
from probatio.measures.value_series import estimate_value_series

REPORTING_METHODS = (
    "wilson", "wilson_clustered", "wilson_weighted", "exact_clustered", "exact_weighted",
    "bootstrap_percentile", "exact_jaccard", "fleiss_cohen_everitt", "gwet", "clustered_log_t",
    "weighted_log_t", "clustered_t", "weighted_t", "newcombe", "discordance_clustered", "discordance_weighted",
    "student", "chi_square", "bland_altman", "least_squares", "lin_z",
    "two_phase_wilson", "woodruff", "woodruff_clustered", "woodruff_weighted",
    "jaccard_wilson", "jaccard_wilson_clustered", "jaccard_wilson_weighted",
    "jaccard_exact_clustered", "jaccard_exact_weighted",
)  # fmt: skip
ACCEPTANCE_METHODS = (
    "clopper_pearson", "clopper_pearson_clustered", "clopper_pearson_weighted",
    "tango", "tango_clustered", "tango_weighted", "two_phase_clopper_pearson",
)  # fmt: skip

__all__ = [
    "ACCEPTANCE_METHODS",
    "REPORTING_METHODS",
    "estimate_agreement",
    "estimate_value_series",
    "estimate_windows",
]
