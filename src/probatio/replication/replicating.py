"""Does a survival analysis come out the same from each source, on the same patients?

Each source's numbers stand in rows of their own (table in `estimates`), paired differences in rows with a
`comparator` (table in `agreement`). Patients are drawn once for all: one matrix of replicate weights
over the evaluated patients serves every source and analysis, or the differences would not be paired.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from probatio.protocol import Analysis, PartialRule, Protocol
from probatio.records import Records
from probatio.replication.agreement import DELTAS, Row, derive_conclusion_rows, derive_delta_rows
from probatio.replication.estimates import OVERALL, Estimate, Mask, compute_estimates, derive_curves
from probatio.replication.feasibility import check_analyses
from probatio.replication.views import View, derive_view, is_shared
from probatio.resampling import Draws
from probatio.results import build_row, derive_series, derive_table
from probatio.survival.endpoints import PROBLEMS

PatientRule = Literal["same", "own"]
_STRATA: dict[PatientRule, Row] = {"same": {}, "own": {"stratum_by": "patients", "stratum": "own"}}


class Replication(NamedTuple):
    """Result rows and curves of the analyses."""

    rows: pd.DataFrame
    series: pd.DataFrame


class _Reading(NamedTuple):
    """One source in one analysis: its view, the patients kept, its numbers."""

    view: View
    kept: Mask
    found: list[Estimate]


def estimate_replication(
    records: Records,
    protocol: Protocol,
    *,
    draws: Draws,
    patients: Sequence[PatientRule] = ("same", "own"),
    partial: PartialRule | None = None,
) -> Replication:
    """Run every analysis of the protocol on each of its sources and compare them, patient by patient.

    Args:
        records: the study's tables.
        protocol: its analyses, endpoints and level.
        draws: replicate weights over all evaluated patients.
        patients: "same": those complete in every source of the analysis (no stratum); "own": each source's
            complete patients, as it would publish them, one whom the source lacks weighing 0 in it
            (stratum_by `patients`, stratum `own`). An analysis without sources has "same" only.
        partial: rule for partial dates; None: each endpoint's.

    Returns:
        Rows: those of `estimates` and `agreement`; `count` (term population, complete, analysed); and one
        per problem of the endpoint (`PROBLEMS`: k patients of n in the population). Series: `derive_curves`.

    Raises:
        UserError: an analysis needs a variable and names no source, no declared event value occurs, or
            the comparator's data leave it without patients or without a contrast.
    """
    check_analyses(records, protocol)
    cohort = records.patients[~records.patients["development"].astype(bool)].sort_index()
    centre = np.asarray(cohort["centre"].fillna("").astype(str), dtype=np.str_)
    weights = draws.weights(cohort) if any(analysis.sources for analysis in protocol.analyses) else None
    rows: list[Row] = []
    points: list[Row] = []
    for analysis in protocol.analyses:
        used = weights if analysis.sources else None
        views = [derive_view(records, protocol, analysis, name, partial=partial) for name in analysis.sources or [""]]
        for rule in patients if analysis.sources else ("same",):
            key: Row = {"analysis": analysis.name} | _STRATA[rule]
            readings = [
                _Reading(
                    view, kept, compute_estimates(view, kept, centre, analysis, weights=used, level=protocol.level)
                )
                for view, kept in zip(views, _derive_kept(views, rule), strict=True)
            ]
            rows += [row | key for row in (*_derive_rows(readings), *_compare(readings, analysis, protocol))]
            points += [key | point for one in readings for point in derive_curves(one.view, one.kept, protocol.level)]
    return Replication(derive_table(rows), derive_series(points))


def _derive_kept(views: list[View], rule: PatientRule) -> list[Mask]:
    common: Mask = np.logical_and.reduce([view.complete for view in views])
    return [common if rule == "same" else view.complete for view in views]


def _derive_rows(readings: list[_Reading]) -> Iterator[Row]:
    for view, kept, found in readings:
        for one in found:
            value = None if np.isnan(one.value) else one.value
            names = {"source": view.source, "variable": one.label.variable, "term": one.label.term}
            yield build_row(one.metric, value, **names, **one.fields)
        yield from _derive_counts(view, kept)


def _derive_counts(view: View, kept: Mask) -> Iterator[Row]:
    n = int(view.inside.sum())
    shared = {"source": view.source, "unit": "patients", "n": n}
    for term, mask in (("population", view.inside), ("complete", view.complete), ("analysed", kept)):
        yield build_row("count", int(mask.sum()), term=term, k=int(mask.sum()), **shared)
    for problem in PROBLEMS:
        k = int((view.outcome[problem].to_numpy(dtype=bool) & view.inside).sum())
        yield build_row(problem, k, k=k, **shared)


def _compare(readings: list[_Reading], analysis: Analysis, protocol: Protocol) -> Iterator[Row]:
    base = next((one for one in readings if one.view.source == analysis.comparator), None)
    for one in readings:
        if base is not None and one is not base:
            yield from _compare_readings(one, base, analysis, protocol)


def _compare_readings(one: _Reading, base: _Reading, analysis: Analysis, protocol: Protocol) -> Iterator[Row]:
    differing = (_find_differing(one.view, base.view) & one.kept & base.kept) | (one.kept ^ base.kept)
    key = {"source": one.view.source, "comparator": base.view.source,
           "n": int((one.kept | base.kept).sum()), "k": int(differing.sum())}  # fmt: skip
    judged = _is_judged(one.view.source, base.view.source, protocol)
    moved = not is_shared(protocol.get_endpoint(analysis.endpoint), protocol) or bool((one.kept ^ base.kept).any())
    others = {other.key: other for other in base.found}
    for mine in one.found:
        if mine.metric not in DELTAS or mine.fields["method"] == "wald_robust" or (mine.label == OVERALL and not moved):
            continue
        theirs = others[mine.key]
        yield from derive_delta_rows(mine, theirs, protocol.level, **key)
        if mine.metric == "log_hazard_ratio":
            yield from derive_conclusion_rows(
                mine, theirs, protocol.level, margin=analysis.margin, independent=judged, **key
            )


def _is_judged(source: str, comparator: str, protocol: Protocol) -> bool:
    """Say whether agreement means anything: with the reference standard, or a reading made unseen."""
    return protocol.get_source(comparator).role == "reference" or protocol.is_independent(source, comparator)


def _find_differing(one: View, other: View) -> Mask:
    same = np.isclose(one.covariates, other.covariates, rtol=0, atol=1e-12, equal_nan=True).all(axis=1)
    same &= np.isclose(one.time, other.time, rtol=0, atol=1e-9, equal_nan=True) & (one.event == other.event)
    differing: Mask = ~same | (one.group != other.group)
    return differing
