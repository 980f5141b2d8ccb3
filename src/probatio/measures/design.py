"""The protocol as result rows, so that reports quote its numbers instead of typing them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from probatio.protocol import Protocol, Revision
from probatio.results import build_row


def estimate_design(protocol: Protocol, revisions: Sequence[Revision] = ()) -> list[dict[str, Any]]:
    """Return the protocol's counts and settings as rows of metric `setting`, `term` naming each.

    Counts (sources with all their runs, variables, analyses, criteria; amendments, those decided after data were seen
    and after AI data were seen), confidence level, replicates, seed, minimum stratum, limit of missing values, and each
    analysis' margin as a hazard ratio and a log. Per amendment (`term` its number) `amended_keys`: how many keys of the
    protocol it changed.
    """
    matrix = protocol.acceptance
    settings: dict[str, float] = {
        "sources": len(protocol.sources),
        "variables": len(protocol.variables),
        "analyses": len(protocol.analyses),
        "criteria": sum(len(group.criteria) for group in matrix.sets) if matrix else 0,
        "amendments": len(protocol.amendments),
        "amendments_after_data": sum(bool(each.seen) for each in protocol.amendments),
        "amendments_after_ai": sum("ai" in each.seen for each in protocol.amendments),
        "level": protocol.level,
        "replicates": protocol.resampling.replicates,
        "seed": protocol.resampling.seed,
        "min_stratum": protocol.min_stratum,
        "missing_limit": protocol.missing_limit,
    }
    rows = [build_row("setting", value, term=name) for name, value in settings.items()]
    for revision in revisions:
        rows.append(build_row("amended_keys", len(revision.changes), term=str(revision.amendment.number), unit="keys"))
    for analysis in protocol.analyses:
        if analysis.sources:
            rows.append(build_row("setting", analysis.margin, term="margin", analysis=analysis.name))
            rows.append(build_row("setting", math.log(analysis.margin), term="log_margin", analysis=analysis.name))
    return rows
