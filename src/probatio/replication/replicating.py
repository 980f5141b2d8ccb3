"""Does a survival analysis come out the same from each source, on the same patients?

Each source's numbers stand in rows of their own (table in `estimates`), paired differences in rows with a
`comparator` (table in `agreement`). Patients are drawn once for all: one matrix of replicate weights
over the evaluated patients serves every source and analysis, or the differences would not be paired.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from probatio.protocol import Analysis, PartialRule, Protocol
from probatio.records import Records
from probatio.replication.agreement import derive_agreement_rows
from probatio.replication.cohorts import derive_asked, derive_cohort_rows, derive_flow_rows
from probatio.replication.conclusion import RATIOS, caution_row, derive_conclusion_rows, find_rejected
from probatio.replication.differences import DELTAS, Row, derive_delta_rows
from probatio.replication.estimate import OVERALL, Estimate, Mask, Sample
from probatio.replication.estimates import (
    compute_sample,
    derive_further_curves,
    derive_main_curves,
    derive_paired_curves,
)
from probatio.replication.feasibility import check_analyses
from probatio.replication.views import View, derive_view, is_shared
from probatio.resampling import Draws
from probatio.results import Status, build_row, derive_series, derive_table

PatientRule = Literal["same", "own"]
_STRATA: dict[PatientRule, Row] = {"same": {}, "own": {"stratum_by": "patients", "stratum": "own"}}


class Replication(NamedTuple):
    """Result rows and curves of the analyses."""

    rows: pd.DataFrame
    series: pd.DataFrame


class _Reading(NamedTuple):
    """One source in one analysis: its patients and its numbers."""

    sample: Sample
    found: list[Estimate]

    @property
    def view(self) -> View:
        return self.sample.view

    @property
    def kept(self) -> Mask:
        return self.sample.kept


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
        Rows: those of `estimates`, `differences`, `agreement`, `conclusion` and `cohorts` (the flow between cohorts
        with each source's own patients). Series: those of `curves`, `competing`, `proportionality` and `weighted`; of
        own patients the first two alone.

    Raises:
        UserError: an analysis needs a variable and names no source, no declared event value occurs, or
            the comparator's data leave it without patients or without a contrast.
    """
    check_analyses(records, protocol)
    cohort = records.patients[~records.patients["development"].astype(bool)].sort_index()
    centre = np.asarray(cohort["centre"].fillna("").astype(str), dtype=np.str_)
    weights = draws.weights(cohort) if any(map(_needs_replicates, protocol.analyses)) else None
    rows: list[Row] = []
    points: list[Row] = []
    for analysis in protocol.analyses:
        used = weights if _needs_replicates(analysis) else None
        views = [derive_view(records, protocol, analysis, name, partial=partial) for name in analysis.sources or [""]]
        samples = [Sample(view, view.complete, centre, used, protocol.level) for view in views]
        asked = {view.source: derive_asked(records, protocol, analysis, view.source) for view in views}
        known: dict[bytes, _Reading] = {}
        for rule in patients if analysis.sources else ("same",):
            key: Row = {"analysis": analysis.name} | _STRATA[rule]
            readings = [_read(sample, analysis, protocol, known) for sample in _derive_kept(samples, rule)]
            rows += [row | key for row in _derive_rows(readings, analysis, protocol)]
            rows += [row | key for row in _derive_cohorts(readings, analysis, protocol, rule, asked)]
            points += [key | point for point in _derive_points(readings, analysis, protocol, rule)]
    return Replication(derive_table(rows), derive_series(points))


def _needs_replicates(analysis: Analysis) -> bool:
    return bool(analysis.sources) or analysis.weighting != "none"


def _derive_kept(samples: list[Sample], rule: PatientRule) -> list[Sample]:
    if rule == "own":
        return samples
    common: Mask = np.logical_and.reduce([sample.kept for sample in samples])
    return [sample.select(common) for sample in samples]


def _read(sample: Sample, analysis: Analysis, protocol: Protocol, known: dict[bytes, _Reading]) -> _Reading:
    """Return a source's numbers; the same patients are not computed twice."""
    key = sample.view.source.encode() + b"/" + sample.kept.tobytes()
    if key not in known:
        competing = protocol.get_endpoint(analysis.endpoint).has_competing
        known[key] = _Reading(sample, compute_sample(sample, analysis, competing=competing))
    return known[key]


def _find_base(readings: list[_Reading], analysis: Analysis) -> _Reading:
    """Return the comparator's reading, or the only one."""
    return next((one for one in readings if one.view.source == analysis.comparator), readings[0])


def _derive_rows(readings: list[_Reading], analysis: Analysis, protocol: Protocol) -> Iterator[Row]:
    base = _find_base(readings, analysis)
    rejected = find_rejected(base.found, protocol.level)
    for reading in readings:
        for row in _state(reading):
            yield caution_row(row, rejected=rejected)
        if reading is not base:
            for row in _compare(reading, base, analysis, protocol, rejected=rejected):
                yield caution_row(row, rejected=rejected)


def _derive_cohorts(
    readings: list[_Reading], analysis: Analysis, protocol: Protocol, rule: PatientRule, asked: Mapping[str, Mask]
) -> Iterator[Row]:
    """Yield each source's counts; with their own patients, also the flow between the comparator's cohort and others."""
    base, endpoint = _find_base(readings, analysis).view, protocol.get_endpoint(analysis.endpoint)
    for reading in readings:
        view = reading.view
        yield from derive_cohort_rows(view, reading.kept, endpoint, asked[view.source])
        if view is not base and rule == "own":
            yield from derive_flow_rows(view, base, asked[view.source], asked[base.source])


def _state(reading: _Reading) -> Iterator[Row]:
    for one in reading.found:
        value = None if np.isnan(one.value) else one.value
        names = {"source": reading.view.source, "variable": one.label.variable, "term": one.label.term}
        yield build_row(one.metric, value, **names, **one.fields)


def _derive_points(
    readings: list[_Reading], analysis: Analysis, protocol: Protocol, rule: PatientRule
) -> Iterator[Row]:
    base, competing = _find_base(readings, analysis), protocol.get_endpoint(analysis.endpoint).has_competing
    for reading in readings:
        yield from derive_main_curves(reading.sample, competing=competing)
        if rule == "own":
            continue
        yield from derive_further_curves(reading.sample, analysis, competing=competing)
        if reading is not base:
            yield from derive_paired_curves(reading.sample, base.sample, competing=competing)


def _compare(one: _Reading, base: _Reading, analysis: Analysis, protocol: Protocol, *, rejected: bool) -> Iterator[Row]:
    differing = (_find_differing(one.view, base.view) & one.kept & base.kept) | (one.kept ^ base.kept)
    key = {"source": one.view.source, "comparator": base.view.source,
           "n": int((one.kept | base.kept).sum()), "k": int(differing.sum())}  # fmt: skip
    independent = protocol.is_judged(one.view.source, base.view.source)
    pairs = list(_pair(one, base, analysis, protocol))
    for mine, theirs in pairs:
        yield from derive_delta_rows(mine, theirs, protocol.level, **key)
        if mine.metric in RATIOS:
            yield from derive_agreement_rows(mine, theirs, protocol.level, independent=independent, **key)
    yield from derive_conclusion_rows(
        pairs, analysis, protocol.level, rejected=rejected, independent=independent, **key
    )


def _pair(one: _Reading, base: _Reading, analysis: Analysis, protocol: Protocol) -> Iterator[tuple[Estimate, Estimate]]:
    """Yield each number that is compared with the comparator's; not those of all patients where none can differ."""
    moved = not is_shared(protocol.get_endpoint(analysis.endpoint), protocol) or bool((one.kept ^ base.kept).any())
    others = {other.key: other for other in base.found}
    for mine in one.found:
        applies = mine.fields.get("status") != Status.NOT_APPLICABLE
        if mine.metric in DELTAS and mine.primary and applies and (mine.label != OVERALL or moved):
            yield mine, others[mine.key]


def _find_differing(one: View, other: View) -> Mask:
    same = np.isclose(one.covariates, other.covariates, rtol=0, atol=1e-12, equal_nan=True).all(axis=1)
    same &= np.isclose(one.time, other.time, rtol=0, atol=1e-9, equal_nan=True) & (one.cause == other.cause)
    same &= np.isclose(one.entry, other.entry, rtol=0, atol=1e-9, equal_nan=True) & (one.strata == other.strata)
    differing: Mask = ~same | (one.group != other.group)
    return differing
