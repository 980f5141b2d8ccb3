"""Data-quality checks: Kahn's catalogue as data, and the rules a clinician writes in the protocol."""

from probatio.checks.catalogue import CatalogueCheck, read_catalogue
from probatio.checks.running import RULE, derive_violations, estimate_checks, list_violations

__all__ = ["RULE", "CatalogueCheck", "derive_violations", "estimate_checks", "list_violations", "read_catalogue"]
