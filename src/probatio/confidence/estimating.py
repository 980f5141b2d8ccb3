"""Result rows and curves of confidence: is it calibrated, does recalibration help, what does selection bring, what cost?

| analysis | values | `term` | metrics |
|---|---|---|---|
| reliability | delivered, conformant, all patients with a reference | what scores: confidence, agreement | confidence_gap, ece, ece_plugin, ece_equal_width, brier and its parts, auroc, calibration_intercept, calibration_slope |
| risk_coverage | delivered, all patients with a reference | the same | aurc, e_aurc, augrc, accepted_error_rate |
| recalibration | delivered, conformant, evaluation patients | raw, isotonic, logistic, pooled | those of both, and `brier_difference`, `aurc_difference` |
| costs | every cell asked, evaluation patients | raw, and the protocol's recalibration | cost_review_none, cost_review_all, cheapest_share, cheapest_cost, cost_saving |

`reliability` is by variable, document type and centre; `confidence_gap` by all their crossings too. What a source says needs no fit,
so all patients judge it. What is recalibrated was fitted on tuning patients and is judged on evaluation patients alone,
beside the raw score of the same values. Values that do not conform are wrong without any reference: they count in
`risk_coverage`, last, and say nothing of a confidence. n values, k of them wrong.

| series | x, y | |
|---|---|---|
| reliability | mean score of a bin, share right | groups of the rows without crossings |
| score_mass | middle of twenty classes of the score, share of the values | the same |
| risk_coverage | coverage, error among the accepted | `analysis` risk_coverage and recalibration |
| cost | share reviewed, euros per cell | |

Sources without a score (no confidence, nobody else who answered) have rows that are not applicable.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from probatio.confidence.calibration import derive_calibrated
from probatio.confidence.costs import SHARES, CostCurve, compute_cost_curve
from probatio.confidence.curves import list_coverage_points, list_mass_points, list_reliability_points
from probatio.confidence.forecasts import CROSSES, MARGINS, OVERALL, Frame, derive_forecasts, derive_frame
from probatio.confidence.measuring import (
    BOOTSTRAP,
    Measured,
    derive_area_rows,
    derive_calibration_rows,
    derive_change_rows,
    derive_gap_rows,
)
from probatio.confidence.others import list_scored
from probatio.confidence.splits import EVALUATION
from probatio.confidence.terms import AGREEMENT, CONFIDENCE, METHODS, RAW
from probatio.protocol import Protocol
from probatio.resampling import Draws, compute_percentiles
from probatio.results import Reason, Status, build_row, derive_series, derive_table

RELIABILITY, RISK_COVERAGE, RECALIBRATION, COSTS = "reliability", "risk_coverage", "recalibration", "costs"
_MAIN: Final = ("ece", "brier", "auroc", "calibration_intercept", "calibration_slope", "aurc")
_BINS: Final = 10
Row = dict[str, Any]
Chances = Mapping[str, pd.Series]


def estimate_confidence(scored: pd.DataFrame, protocol: Protocol, *, draws: Draws) -> pd.DataFrame:
    """Return all rows of the module's first table.

    Args:
        scored: the table of `derive_scored`.
        protocol: bins, recalibration, costs, level; without `confidence` only what is delivered is judged.
        draws: the study's draws; all rows share them.

    Raises:
        UserError: parts share a patient.
    """
    frames = [*_derive_silent_rows(scored, protocol)]
    if (scored["score"].notna() & scored["error"].notna()).any():
        frame = derive_frame(scored, draws)
        frames += _estimate_reliability(scored, protocol, frame)
        if _is_split(scored, protocol):
            chances = derive_chances(scored, protocol)
            frames += _estimate_recalibration(scored, chances, protocol, frame)
            frames += _estimate_costs(scored, chances, protocol, frame)
    return derive_table(pd.concat(frames, ignore_index=True)) if frames else derive_table([])


def estimate_confidence_series(scored: pd.DataFrame, protocol: Protocol, *, draws: Draws) -> pd.DataFrame:
    """Return all curves of the module's second table; arguments as for `estimate_confidence`."""
    points: list[pd.DataFrame] = []
    if (scored["score"].notna() & scored["error"].notna()).any():
        frame = derive_frame(scored, draws)
        reliability = _measure(select_sound(scored), protocol, frame, RELIABILITY, MARGINS)
        coverage = _measure(select_delivered(scored), protocol, frame, RISK_COVERAGE, (OVERALL,))
        points += [list_reliability_points(reliability), list_mass_points(reliability), list_coverage_points(coverage)]
        if _is_split(scored, protocol):
            chances = derive_chances(scored, protocol)
            values = derive_recalibrated(scored, chances)
            measured = _measure(values[values["conformant"]], protocol, frame, RECALIBRATION, (OVERALL,))
            accepted = _measure(values, protocol, frame, RECALIBRATION, (OVERALL,))
            points += [list_reliability_points(measured), list_coverage_points(accepted)]
            points += [*_list_cost_points(scored, chances, protocol, frame)]
    return derive_series(pd.concat(points, ignore_index=True) if points else [])


def select_delivered(scored: pd.DataFrame) -> pd.DataFrame:
    """Return the delivered values with a score, with `term`: whether the source's own confidence scores them."""
    own = scored[scored["delivered"]]
    told = own.groupby("source")["confidence"].transform(lambda confidence: confidence.notna().any())
    return own.assign(term=np.where(told.astype(bool), CONFIDENCE, AGREEMENT))


def select_sound(scored: pd.DataFrame) -> pd.DataFrame:
    """Return the delivered values that conform, with `term`."""
    values = select_delivered(scored)
    return values[values["conformant"]]


def derive_chances(scored: pd.DataFrame, protocol: Protocol) -> Chances:
    """Return per term the probability of being right of every row: raw, then each recalibration."""
    fitted = {method: derive_calibrated(scored, protocol, method=method) for method in METHODS}
    return {RAW: scored["score"]} | fitted


def derive_recalibrated(scored: pd.DataFrame, chances: Chances) -> pd.DataFrame:
    """Return the delivered values of evaluation patients, once per `term`, with its score."""
    judged = (scored["delivered"] & (scored["split"] == EVALUATION)).to_numpy(dtype=bool)
    tables = [scored[judged].assign(term=term, score=chance[judged]) for term, chance in chances.items()]
    values = pd.concat(tables, ignore_index=True)
    return values[values["score"].notna()]


def _is_split(scored: pd.DataFrame, protocol: Protocol) -> bool:
    return protocol.confidence is not None and bool((scored["split"] == EVALUATION).any())


def _measure(
    values: pd.DataFrame, protocol: Protocol, frame: Frame, analysis: str, groupings: tuple[tuple[str, ...], ...]
) -> Measured:
    bins = protocol.confidence.bins if protocol.confidence else _BINS
    forecasts = derive_forecasts(values, frame, groupings)
    return Measured(forecasts, frame, analysis, protocol.level, protocol.min_stratum, bins)


def _estimate_reliability(scored: pd.DataFrame, protocol: Protocol, frame: Frame) -> list[pd.DataFrame]:
    margins = _measure(select_sound(scored), protocol, frame, RELIABILITY, MARGINS)
    crosses = _measure(select_sound(scored), protocol, frame, RELIABILITY, CROSSES)
    accepted = _measure(select_delivered(scored), protocol, frame, RISK_COVERAGE, (OVERALL, ("variable",)))
    rows = [*derive_calibration_rows(margins), *derive_gap_rows(margins), *derive_area_rows(accepted)]
    return rows + (derive_gap_rows(crosses) if crosses.forecasts.size else [])


def _estimate_recalibration(
    scored: pd.DataFrame, chances: Chances, protocol: Protocol, frame: Frame
) -> list[pd.DataFrame]:
    values = derive_recalibrated(scored, chances)
    sound = values[values["conformant"]]
    judged = _measure(sound, protocol, frame, RECALIBRATION, (OVERALL,))
    accepted = _measure(values, protocol, frame, RECALIBRATION, (OVERALL,))
    strata = _measure(sound, protocol, frame, RECALIBRATION, (("document_type",), ("centre",)))
    rows = [*derive_calibration_rows(judged), *derive_gap_rows(judged), *derive_area_rows(accepted)]
    rows += derive_gap_rows(strata) if strata.forecasts.size else []
    rows += derive_change_rows(judged, "brier", judged.brier.brier, judged.brier_replicates.brier)
    return rows + derive_change_rows(accepted, "aurc", accepted.areas.aurc, accepted.area_replicates.aurc)


def _list_curves(
    scored: pd.DataFrame, chances: Chances, protocol: Protocol, frame: Frame
) -> Iterator[tuple[str, str, int, CostCurve]]:
    """Yield source, term, cells and curve of the evaluation patients."""
    if protocol.confidence is None or protocol.confidence.costs is None:
        return
    judged = (scored["split"] == EVALUATION) & scored["error"].notna()
    for term in (RAW, protocol.confidence.recalibration):
        for source in dict.fromkeys(scored.loc[judged, "source"]):
            rows = (judged & (scored["source"] == source)).to_numpy(dtype=bool)
            curve = compute_cost_curve(scored[rows], frame, chances[term].to_numpy(dtype=float)[rows], protocol)
            yield str(source), term, int(rows.sum()), curve


def _estimate_costs(scored: pd.DataFrame, chances: Chances, protocol: Protocol, frame: Frame) -> list[pd.DataFrame]:
    rows: list[Row] = []
    for source, term, n, curve in _list_curves(scored, chances, protocol, frame):
        at, drawn = curve.find_cheapest()
        order = np.arange(len(drawn))
        cheapest, none = curve.replicates[order, drawn], curve.replicates[:, 0]
        found = {
            "cost_review_none": (curve.cost[0], none, "euros"),
            "cost_review_all": (curve.cost[-1], curve.replicates[:, -1], "euros"),
            "cheapest_share": (SHARES[at], SHARES[drawn], "proportion"),
            "cheapest_cost": (curve.cost[at], cheapest, "euros"),
            "cost_saving": (curve.cost[0] - curve.cost[at], none - cheapest, "euros"),
        }
        for metric, (estimate, replicates, unit) in found.items():
            interval: Row = {}
            if metric != "cost_review_all":
                lower, upper = (float(bound) for bound in compute_percentiles(replicates, protocol.level))
                interval = {"lower": lower, "upper": upper, "level": protocol.level, "method": BOOTSTRAP}
            rows.append(build_row(metric, float(estimate), **interval, n=n, unit=unit, analysis=COSTS, source=source,
                                  term=term, cluster_unit=frame.unit, replicates=len(replicates)))  # fmt: skip
    return [derive_table(rows)] if rows else []


def _list_cost_points(
    scored: pd.DataFrame, chances: Chances, protocol: Protocol, frame: Frame
) -> Iterator[pd.DataFrame]:
    for source, term, _, curve in _list_curves(scored, chances, protocol, frame):
        lower, upper = compute_percentiles(curve.replicates, protocol.level)
        yield pd.DataFrame({"analysis": COSTS, "source": source, "term": term, "metric": "cost", "x": SHARES,
                            "y": curve.cost, "lower": lower, "upper": upper})  # fmt: skip


def _derive_silent_rows(scored: pd.DataFrame, protocol: Protocol) -> Iterator[pd.DataFrame]:
    """Yield why a source has no row, or no recalibration."""
    rows: list[Row] = []
    for source in list_scored(protocol):
        own = scored[(scored["source"] == source.name) & scored["delivered"]]
        if (own["score"].notna() & own["error"].notna() & own["conformant"]).any():
            continue
        reason = Reason.NO_REFERENCE if own["error"].isna().all() else Reason.NO_CONFIDENCE
        rows += [build_row(metric, analysis=RISK_COVERAGE if metric == "aurc" else RELIABILITY, source=source.name,
                           status=Status.NOT_APPLICABLE, reason=reason) for metric in _MAIN]  # fmt: skip
    if rows:
        yield derive_table(rows)
