"""The protocol as result rows, so that reports quote its numbers instead of typing them."""

from __future__ import annotations

import math
from typing import Any

from probatio.protocol import Protocol
from probatio.results import build_row


def estimate_design(protocol: Protocol) -> list[dict[str, Any]]:
    """Return the protocol's counts and settings as rows of metric `setting`, `term` naming each.

    Counts (sources with all their runs, variables, analyses, criteria), confidence level, replicates, seed, minimum
    stratum, limit of missing values, and each analysis' margin as a hazard ratio and a log.
    """
    matrix = protocol.acceptance
    settings: dict[str, float] = {
        "sources": len(protocol.sources),
        "variables": len(protocol.variables),
        "analyses": len(protocol.analyses),
        "criteria": sum(len(group.criteria) for group in matrix.sets) if matrix else 0,
        "level": protocol.level,
        "replicates": protocol.resampling.replicates,
        "seed": protocol.resampling.seed,
        "min_stratum": protocol.min_stratum,
        "missing_limit": protocol.missing_limit,
    }
    rows = [build_row("setting", value, term=name) for name, value in settings.items()]
    for analysis in protocol.analyses:
        if analysis.sources:
            rows.append(build_row("setting", analysis.margin, term="margin", analysis=analysis.name))
            rows.append(build_row("setting", math.log(analysis.margin), term="log_margin", analysis=analysis.name))
    return rows
