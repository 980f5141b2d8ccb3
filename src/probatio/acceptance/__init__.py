"""Result rows x criteria -> verdicts, by the rule written in the protocol before the data are seen."""

from probatio.acceptance.deciding import Decision, compute_decisions, compute_failure_p
from probatio.acceptance.estimating import Verdict, estimate_acceptance
from probatio.acceptance.exploratory import estimate_exploratory
from probatio.acceptance.judging import derive_evidence, find_judged_row

__all__ = [
    "Decision",
    "Verdict",
    "compute_decisions",
    "compute_failure_p",
    "derive_evidence",
    "estimate_acceptance",
    "estimate_exploratory",
    "find_judged_row",
]
