"""The pieces of a report: every figure, table and paragraph that is made from a run's rows.

A piece names the notebook whose rows it shows. Reports include pieces by name; a piece without
content in a study says so in one sentence instead.
"""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.figure import Figure

from probatio.compendium.piece import Made, Make, Piece, Sources, from_protocol, from_rows, from_series
from probatio.compendium.pieces_article import ARTICLE
from probatio.compendium.protocol_pieces import PROTOCOL_PIECES
from probatio.display import (
    adverse_events,
    agreement,
    attribution,
    bland_altman,
    causes,
    centre_tables,
    centres,
    checks,
    claims,
    cohort,
    completeness,
    confidence,
    correction,
    coverage,
    definitions,
    delays,
    descriptive,
    design,
    differential,
    endpoints,
    findings,
    guarantee,
    interim,
    limits,
    literature,
    monitoring,
    overlap,
    oversight,
    proportionality,
    qualification,
    readers,
    reference,
    review,
    review_queue,
    reviewed,
    sentences,
    subgroups,
    summary,
    survival,
    thresholds,
    tolerance,
    values,
    verdicts,
    weighting,
)
from probatio.display.articles import render_article_table
from probatio.display.planning import render_needed_table
from probatio.display.requirements import THEMES, Theme, render_requirements
from probatio.display.sheets import render_example_sheet, render_sheets
from probatio.display.table import Passage, Table
from probatio.protocol import Language, Use
from probatio.replication.views import list_variables
from probatio.results import select_rows


def _from_curves(render: Callable[..., Figure], *metrics: str) -> Make:
    def make(given: Sources) -> Figure | None:
        rows, series = given.rows.get(_D), given.series.get(_D)
        if rows is None or series is None or series.empty or select_rows(series, metric=metrics).empty:
            return None
        return render(rows, series, given.protocol, language=given.language)

    return make


def _make_observed(given: Sources) -> Figure | None:
    rows, agreement = given.rows.get(_T), given.rows.get(_C)
    if rows is None or agreement is None or select_rows(rows, metric="tolerable_error_rate", status="ok").empty:
        return None
    return tolerance.render_observed_figure(rows, agreement, given.protocol, language=given.language)


def _make_bland_altman(given: Sources) -> Figure | None:
    rows, series = given.rows.get(_C), given.series.get(_C)
    if rows is None or series is None or series.empty or select_rows(series, metric="difference_by_size").empty:
        return None
    return bland_altman.render_bland_altman(rows, series, given.protocol, language=given.language)


def _make_subgroups(given: Sources) -> Figure | None:
    rows = given.rows.get(_C)
    if rows is None or subgroups.select_strata(rows, given.protocol).empty:
        return None
    return subgroups.render_subgroup_forest(rows, given.protocol, language=given.language)


def _from_sheets(use: Use) -> Make:
    def make(given: Sources) -> Made | None:
        rows = given.rows.get(_E)
        if rows is None:
            return None
        made = render_sheets(rows, given.protocol, language=given.language, use=use, agreement=given.rows.get(_C))
        return made if made.sheets else None

    return make


def _from_example(verdict: str) -> Make:
    def make(given: Sources) -> Made | None:
        rows = given.rows.get(_E)
        if rows is None:
            return None
        made = render_example_sheet(
            rows, given.protocol, language=given.language, verdict=verdict, agreement=given.rows.get(_C)
        )
        return Passage(made.derive_markdown(3)) if made.sheets else None

    return make


def _from_read(notebook: str, render: Callable[..., Figure], metric: str) -> Make:
    """Return what draws only the variables that analyses read, beside all together: few enough for a slide."""

    def make(given: Sources) -> Figure | None:
        rows, protocol = given.rows.get(notebook), given.protocol
        if rows is None:
            return None
        read = {name for analysis in protocol.analyses for name in list_variables(protocol, analysis)}
        if select_rows(rows, metric=metric, variable=sorted(read), status="ok").empty:
            return None
        return render(rows[rows["variable"].isin({*read, ""})], protocol, language=given.language)

    return make


def _make_first_hazards(given: Sources) -> Figure | None:
    rows = given.rows.get(_D)
    if rows is None or (found := select_rows(rows, metric="hazard_ratio", status="ok")).empty:
        return None
    first = next(analysis.name for analysis in given.protocol.analyses if analysis.name in set(found["analysis"]))
    return survival.render_hazard_forest(select_rows(rows, analysis=first), given.protocol, language=given.language)


def _from_package(render: Callable[..., Table]) -> Make:
    """Return what makes a table of the program's own, which no study moves."""
    return lambda given: render(language=given.language)


def _from_requirements(theme: Theme) -> Make:
    return lambda given: render_requirements(theme, language=given.language)


def _from_panels(by: str) -> Make:
    def make(given: Sources) -> Made | None:
        series = given.series.get(_CONFIDENCE)
        if series is None or series.empty:
            return None
        return confidence.render_reliability_panels(series, given.protocol, language=given.language, by=by)

    return make


def _from_run(render: Callable[..., Table]) -> Make:
    """Return what makes a table from the rows of several notebooks."""

    def make(given: Sources) -> Made | None:
        table = render(given.rows, given.protocol, language=given.language)
        return table if table.rows else None

    return make


def _say_run(describe: Callable[..., list[str]]) -> Make:
    """Return what makes sentences from the rows of several notebooks."""
    return lambda given: describe(given.rows, given.protocol, language=given.language) or None


def _summarise(language: Language | None = None) -> Make:
    """Return what says the study in a few sentences, in the document's language or in another."""

    def make(given: Sources) -> Made | None:
        chosen, protocol = language or given.language, given.protocol
        if _A not in given.rows or given.rows[_A].empty:
            return None
        made = sentences.describe_cohort(given.rows[_A], protocol, language=chosen)
        return made + claims.describe_summary(given.rows, protocol, language=chosen)

    return make


def _make_literature(given: Sources) -> Figure | None:
    rows = given.rows.get(_C)
    if rows is None or literature.select_pooled_errors(rows, given.protocol).empty:
        return None
    return literature.render_literature_forest(rows, given.protocol, language=given.language)


def _make_summary(given: Sources) -> Table | None:
    rows, verdict = given.rows.get(_C), given.rows.get(_E)
    if rows is None or verdict is None or given.protocol.reference is None:
        return None
    table = summary.render_summary_table(rows, verdict, given.protocol, language=given.language)
    return table if table.rows else None


_PROTOCOL = "00_protocol"
_A, _B, _C, _D, _E = "01_cohort", "02_data_quality", "03_agreement", "04_replication", "09_acceptance"
_CORRECTION = "05_correction"
_T = "06_tolerance"
_CONFIDENCE, _REVIEW = "07_confidence", "08_review"

PIECES = (
    Piece("sources", "tbl", "00_protocol", from_protocol(design.render_source_table)),
    Piece("variables", "tbl", "00_protocol", from_protocol(design.render_variable_table)),
    Piece("thresholds", "tbl", "00_protocol", from_protocol(thresholds.render_threshold_table)),
    Piece("analyses", "tbl", "00_protocol", from_protocol(design.render_analysis_table)),
    Piece("estimands", "tbl", "00_protocol", from_protocol(endpoints.render_estimand_table)),
    Piece("endpoints", "tbl", "00_protocol", from_protocol(endpoints.render_endpoint_table)),
    Piece("descriptive_plan", "tbl", "00_protocol", from_protocol(descriptive.render_descriptive_plan_table)),
    Piece("matrix", "tbl", "00_protocol", from_protocol(verdicts.render_matrix_table)),
    Piece("plan_needed", "tbl", _PROTOCOL, from_rows(_PROTOCOL, render_needed_table, metric="planned_power")),
    *(Piece(f"requirements_{theme}", "txt", _PROTOCOL, _from_requirements(theme)) for theme in THEMES),
    *PROTOCOL_PIECES,
    Piece("cohort", "txt", _A, from_rows(_A, sentences.describe_cohort)),
    Piece("flow", "fig", _A, from_rows(_A, cohort.render_flow_figure)),
    Piece("flow_overlap", "fig", _A, from_rows(_A, overlap.render_flow_overlap_figure)),
    Piece("overlap", "tbl", _A, from_rows(_A, cohort.render_overlap_table)),
    Piece("characteristics", "tbl", _A, from_rows(_A, cohort.render_characteristics_table)),
    Piece("missing_text", "txt", _B, from_rows(_B, sentences.describe_missing)),
    Piece("missing", "fig", _B, from_rows(_B, completeness.render_missing_heatmap, metric="missing_rate")),
    Piece("completeness", "tbl", _B, from_rows(_B, completeness.render_completeness_table)),
    Piece("effort_text", "txt", _B, from_rows(_B, findings.describe_effort)),
    Piece("timeliness", "tbl", _B, from_rows(_B, readers.render_timeliness_table, metric="delay_median")),
    Piece("delays", "fig", _B, from_rows(_B, delays.render_delay_figure, metric="delay_median")),
    Piece("checks", "fig", _B, from_rows(_B, checks.render_check_matrix, metric="check")),
    Piece("rules", "tbl", _B, from_rows(_B, checks.render_check_table, metric="check")),
    Piece("agreement", "txt", _C, from_rows(_C, sentences.describe_agreement)),
    Piece("summary", "tbl", _E, _make_summary),
    Piece("outcomes", "tbl", _C, from_rows(_C, agreement.render_outcome_table)),
    Piece("profile", "fig", _C, from_rows(_C, agreement.render_error_profile)),
    Piece("errors", "fig", _C, from_rows(_C, agreement.render_error_forest)),
    Piece("causes", "fig", _C, from_rows(_C, causes.render_cause_figure, metric="error_signature_share")),
    Piece("cause_table", "tbl", _C, from_rows(_C, causes.render_cause_table, metric="error_signature_share")),
    Piece("summary_text", "txt", _E, _summarise()),
    Piece("abstract_text", "txt", _E, _summarise("en")),
    Piece("qualification", "tbl", "", _from_package(qualification.render_qualification_table)),
    Piece("qualification_rows", "tbl", _PROTOCOL, _from_run(qualification.render_evidence_table)),
    Piece("qualification_open", "tbl", "", _from_package(qualification.render_open_table)),
    Piece("qualification_text", "txt", _PROTOCOL, _say_run(qualification.describe_qualification)),
    Piece("literature", "tbl", "00_protocol", from_protocol(literature.render_literature_table)),
    Piece("literature_forest", "fig", _C, _make_literature),
    Piece("omission_text", "txt", _C, from_rows(_C, findings.describe_omissions)),
    Piece("omissions", "tbl", _C, from_rows(_C, completeness.render_omission_table)),
    Piece("subgroups", "fig", _C, _make_subgroups),
    Piece("worst_stratum", "tbl", _C, from_rows(_C, subgroups.render_worst_stratum_table)),
    Piece("difference_text", "txt", _C, from_rows(_C, sentences.describe_difference)),
    Piece("difference", "fig", _C, from_rows(_C, agreement.render_difference_forest, metric="error_difference")),
    Piece("difference_read", "fig", _C, _from_read(_C, agreement.render_difference_forest, "error_difference")),
    Piece("difference_table", "tbl", _C, from_rows(_C, agreement.render_difference_table, metric="error_difference")),
    Piece("date_lag", "fig", _C, from_rows(_C, values.render_date_lag_figure, metric="within_days")),
    Piece("bland_altman", "fig", _C, _make_bland_altman),
    Piece("events", "tbl", _C, from_rows(_C, values.render_event_table)),
    Piece("windows", "tbl", _C, from_rows(_C, values.render_window_table)),
    Piece("nesting_text", "txt", _C, from_rows(_C, findings.describe_nesting)),
    Piece("centre_forest", "fig", _C, from_rows(_C, centres.render_centre_forest, metric="shrunken_error_rate")),
    Piece("heterogeneity_table", "tbl", _C, from_rows(_C, centres.render_heterogeneity_table)),
    Piece("case_mix", "tbl", _C, from_rows(_C, centres.render_case_mix_table)),
    Piece("definitions", "tbl", _C, from_rows(_C, definitions.render_definition_table, metric="definition_wrong_rate")),
    Piece("leave_one_out", "tbl", _C, from_rows(_C, centre_tables.render_leave_one_out_table)),
    Piece("secondary", "tbl", _C, from_rows(_C, centre_tables.render_secondary_table)),
    Piece("technologies", "tbl", _C, from_rows(_C, centre_tables.render_technology_table)),
    Piece("dependence_text", "txt", _C, from_rows(_C, findings.describe_dependence)),
    Piece("differential", "tbl", _C, from_rows(_C, differential.render_differential_table)),
    Piece("monitoring", "txt", _C, from_rows(_C, monitoring.describe_monitoring)),
    Piece("p_chart", "fig", _C, from_series(_C, monitoring.render_p_chart, metric="p_chart")),
    Piece("cusum", "fig", _C, from_series(_C, monitoring.render_cusum, metric="cusum")),
    Piece("run_lengths", "tbl", _C, from_rows(_C, monitoring.render_run_length_table)),
    Piece("alarms", "tbl", _C, from_rows(_C, monitoring.render_alarm_table)),
    Piece("dependence", "tbl", _C, from_rows(_C, differential.render_dependence_table)),
    Piece("readers_text", "txt", _C, from_rows(_C, findings.describe_readers)),
    Piece("readers", "fig", _C, from_rows(_C, readers.render_readers_forest, metric="krippendorff_alpha")),
    Piece("readers_table", "tbl", _C, from_rows(_C, readers.render_readers_table)),
    Piece("shared_text", "txt", _C, from_rows(_C, findings.describe_shared)),
    Piece("two_phase", "tbl", _C, from_rows(_C, reference.render_two_phase_table)),
    Piece("latent", "tbl", _C, from_rows(_C, reference.render_latent_table)),
    Piece("prevalence", "tbl", _C, from_rows(_C, reference.render_prevalence_table)),
    Piece("runs_text", "txt", _C, from_rows(_C, findings.describe_runs)),
    Piece("changes", "fig", _C, from_rows(_C, readers.render_change_forest, metric="error_change")),
    Piece("repeatability", "tbl", _C, from_rows(_C, readers.render_repeatability_table)),
    Piece("numbers", "tbl", _C, from_rows(_C, values.render_number_table)),
    Piece("dates", "tbl", _C, from_rows(_C, values.render_date_table)),
    Piece("sets", "tbl", _C, from_rows(_C, values.render_set_table)),
    Piece("chance", "tbl", _C, from_rows(_C, agreement.render_chance_table)),
    Piece("classes", "tbl", _C, from_rows(_C, agreement.render_class_table)),
    Piece("cohort_flow", "fig", _D, from_rows(_D, endpoints.render_cohort_flow_figure, metric="cohort_flow")),
    Piece("cohort_flow_table", "tbl", _D, from_rows(_D, endpoints.render_cohort_flow_table)),
    Piece("ended_by", "tbl", _D, from_rows(_D, endpoints.render_ended_by_table)),
    Piece("replication_text", "txt", _D, from_rows(_D, survival.describe_replication)),
    Piece("curves", "fig", _D, _from_curves(survival.render_survival_curves, "survival", "cumulative_incidence")),
    Piece("survival", "tbl", _D, from_rows(_D, survival.render_survival_table)),
    Piece("incidence", "tbl", _D, from_rows(_D, survival.render_incidence_table)),
    Piece("difference_curves", "fig", _D, _from_curves(survival.render_difference_curves, "survival_difference_band")),
    Piece("proportionality", "tbl", _D, from_rows(_D, proportionality.render_proportionality_table)),
    Piece("hazard_courses", "fig", _D, _from_curves(proportionality.render_hazard_courses, "log_hazard_ratio_course")),
    Piece("hazards", "fig", _D, from_rows(_D, survival.render_hazard_forest, metric="hazard_ratio")),
    Piece("hazards_first", "fig", _D, _make_first_hazards),
    Piece("hazard_table", "tbl", _D, from_rows(_D, survival.render_hazard_table)),
    Piece("weighted", "tbl", _D, from_rows(_D, weighting.render_weighted_table)),
    Piece("weights", "tbl", _D, from_rows(_D, weighting.render_weights_table)),
    Piece("balance", "fig", _D, from_rows(_D, weighting.render_balance, metric="confounder_balance")),
    Piece("warnings", "tbl", _CORRECTION, from_rows(_CORRECTION, differential.render_warning_table)),
    Piece("replication", "tbl", _D, from_rows(_D, survival.render_replication_table)),
    Piece("attribution_text", "txt", _D, from_rows(_D, attribution.describe_attribution)),
    Piece("attribution", "fig", _D, from_rows(_D, attribution.render_attribution_figure, metric="attribution_start")),
    Piece("attribution_table", "tbl", _D, from_rows(_D, attribution.render_attribution_table)),
    Piece("descriptive_text", "txt", _D, from_rows(_D, descriptive.describe_descriptive)),
    Piece("response_table", "tbl", _D, from_rows(_D, descriptive.render_response_table)),
    Piece("adverse_event_text", "txt", _D, from_rows(_D, adverse_events.describe_adverse_events)),
    Piece(
        "adverse_event_figure",
        "fig",
        _D,
        from_rows(_D, adverse_events.render_adverse_event_figure, metric="incidence"),
    ),
    Piece("worst_grade_figure", "fig", _D, from_rows(_D, adverse_events.render_worst_grade_figure, metric="incidence")),
    Piece(
        "adverse_event_difference_table",
        "tbl",
        _D,
        from_rows(_D, adverse_events.render_adverse_event_difference_table),
    ),
    Piece("adverse_event_table", "tbl", _D, from_rows(_D, adverse_events.render_adverse_event_table)),
    Piece(
        "characteristics_by_source_table", "tbl", _D, from_rows(_D, descriptive.render_characteristics_by_source_table)
    ),
    Piece("correction_text", "txt", _CORRECTION, from_rows(_CORRECTION, correction.describe_correction)),
    Piece("assumptions", "tbl", _CORRECTION, from_rows(_CORRECTION, correction.render_assumption_table)),
    Piece(
        "correction",
        "fig",
        _CORRECTION,
        from_rows(_CORRECTION, correction.render_correction_forest, metric="hazard_ratio"),
    ),
    Piece("correction_table", "tbl", _CORRECTION, from_rows(_CORRECTION, correction.render_correction_table)),
    Piece("corrected_numbers", "tbl", _CORRECTION, from_rows(_CORRECTION, correction.render_corrected_numbers)),
    Piece("correction_splits", "tbl", _CORRECTION, from_rows(_CORRECTION, correction.render_split_table)),
    Piece("tolerance_text", "txt", _T, from_rows(_T, tolerance.describe_tolerance)),
    Piece("tolerance_surface", "fig", _T, from_series(_T, tolerance.render_tolerance_surface)),
    Piece("tolerance_curves", "fig", _T, from_series(_T, tolerance.render_tolerance_curves)),
    Piece("tolerable", "tbl", _T, from_rows(_T, tolerance.render_tolerable_table)),
    Piece("cited", "tbl", _T, from_rows(_T, tolerance.render_cited_table)),
    Piece("tolerance_observed", "fig", _T, _make_observed),
    Piece("confidence_text", "txt", _CONFIDENCE, from_rows(_CONFIDENCE, confidence.describe_confidence)),
    Piece("reliability", "fig", _CONFIDENCE, from_series(_CONFIDENCE, confidence.render_reliability_figure)),
    Piece("gaps", "fig", _CONFIDENCE, from_rows(_CONFIDENCE, confidence.render_gap_figure, metric="confidence_gap")),
    Piece("recalibration", "tbl", _CONFIDENCE, from_rows(_CONFIDENCE, confidence.render_recalibration_table)),
    Piece("risk_coverage", "fig", _CONFIDENCE, from_series(_CONFIDENCE, coverage.render_risk_coverage_figure)),
    Piece("costs_text", "txt", _CONFIDENCE, from_rows(_CONFIDENCE, coverage.describe_costs)),
    Piece("costs", "fig", _CONFIDENCE, from_series(_CONFIDENCE, coverage.render_cost_figure, metric="cost")),
    Piece("guarantee_text", "txt", _CONFIDENCE, from_rows(_CONFIDENCE, guarantee.describe_guarantee)),
    Piece("guarantee_summary", "tbl", _CONFIDENCE, from_rows(_CONFIDENCE, guarantee.render_guarantee_summary_table)),
    Piece(
        "guarantee_figure",
        "fig",
        _CONFIDENCE,
        from_rows(_CONFIDENCE, guarantee.render_guarantee_figure, metric="accepted_share"),
    ),
    Piece("confidence", "tbl", _CONFIDENCE, from_rows(_CONFIDENCE, confidence.render_confidence_table)),
    Piece("reliability_centres", "fig", _CONFIDENCE, _from_panels("centre")),
    Piece("reliability_documents", "fig", _CONFIDENCE, _from_panels("document_type")),
    Piece("cost_table", "tbl", _CONFIDENCE, from_rows(_CONFIDENCE, coverage.render_cost_table)),
    Piece("guarantee", "tbl", _CONFIDENCE, from_rows(_CONFIDENCE, guarantee.render_guarantee_table)),
    Piece("undelivered", "tbl", _CONFIDENCE, from_rows(_CONFIDENCE, guarantee.render_undelivered_table)),
    Piece("review_text", "txt", _REVIEW, from_rows(_REVIEW, review.describe_review)),
    Piece("queue", "fig", _REVIEW, from_rows(_REVIEW, review_queue.render_queue_figure, metric="queued_share")),
    Piece("queue_table", "tbl", _REVIEW, from_rows(_REVIEW, review_queue.render_queue_table)),
    Piece("hits", "tbl", _REVIEW, from_rows(_REVIEW, review_queue.render_hits_table)),
    Piece("effort", "fig", _REVIEW, from_series(_REVIEW, review.render_effort_figure, metric="error_after_review")),
    Piece("effort_differences", "tbl", _REVIEW, from_rows(_REVIEW, review.render_comparison_table)),
    Piece("reviewers", "tbl", _REVIEW, from_rows(_REVIEW, review.render_reviewer_table)),
    Piece("effort_best", "tbl", _REVIEW, from_rows(_REVIEW, review.render_best_table)),
    Piece("effort_table", "tbl", _REVIEW, from_rows(_REVIEW, review.render_effort_table)),
    Piece("review_effect_said", "txt", _REVIEW, from_rows(_REVIEW, reviewed.describe_review, metric="override_rate")),
    Piece("review_effect", "fig", _REVIEW, from_rows(_REVIEW, reviewed.render_review_effect, metric="override_rate")),
    Piece("overrides", "tbl", _REVIEW, from_rows(_REVIEW, reviewed.render_override_table, metric="override_rate")),
    Piece("review_readings", "tbl", _REVIEW, from_rows(_REVIEW, reviewed.render_reading_table, metric="override_rate")),
    Piece("oversight_rules", "tbl", _CONFIDENCE, _from_run(oversight.render_takeover_table)),
    Piece("oversight_reviewed", "tbl", _REVIEW, _from_run(oversight.render_reviewed_table)),
    Piece("oversight_alarms", "tbl", _C, _from_run(oversight.render_oversight_alarm_table)),
    Piece("oversight_articles", "tbl", _E, _from_run(render_article_table)),
    Piece("verdict_text", "txt", _E, from_rows(_E, sentences.describe_verdicts)),
    Piece("verdicts", "fig", _E, from_rows(_E, verdicts.render_verdict_matrix, metric="verdict")),
    Piece("verdicts_read", "fig", _E, _from_read(_E, verdicts.render_verdict_matrix, "verdict")),
    Piece("verdict_table", "tbl", _E, from_rows(_E, verdicts.render_verdict_table, metric="verdict")),
    Piece("limits", "tbl", _E, _from_run(limits.render_limit_table)),
    Piece("limits_text", "txt", _E, _say_run(limits.describe_limits)),
    Piece("limits_absent", "txt", _E, _say_run(limits.describe_absent_limits)),
    Piece("claims_text", "txt", _E, _say_run(claims.describe_claims)),
    Piece("interim", "tbl", _C, from_rows(_C, interim.render_interim_table, metric="pending_values")),
    Piece("sheets_steering", "txt", _E, _from_sheets("steering")),
    Piece("sheets_research", "txt", _E, _from_sheets("research")),
    Piece("sheets_regulatory", "txt", _E, _from_sheets("regulatory")),
    Piece("sheet_inconclusive", "txt", _E, _from_example("inconclusive")),
    Piece("sheet_refused", "txt", _E, _from_example("not_accepted")),
    Piece("deciding", "tbl", _E, from_rows(_E, verdicts.render_deciding_table, metric="verdict")),
    *ARTICLE,
)
