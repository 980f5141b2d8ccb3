"""Tolerance: how much extraction error the conclusions could bear, from the reference alone."""

from probatio.protocol.tolerance import list_tolerance_sources, select_analyses
from probatio.tolerance.citing import read_cited
from probatio.tolerance.estimating import (
    ToleranceRows,
    estimate_tolerance,
    list_tolerance_variables,
)
from probatio.tolerance.paths import list_paths

__all__ = [
    "ToleranceRows",
    "estimate_tolerance",
    "list_paths",
    "list_tolerance_sources",
    "list_tolerance_variables",
    "read_cited",
    "select_analyses",
]
