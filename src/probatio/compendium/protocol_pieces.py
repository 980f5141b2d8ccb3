"""The pieces that the protocol gives before any data exist: what is planned, what is open, what was amended."""

from __future__ import annotations

from functools import partial

from probatio.compendium.piece import Made, Piece, Sources, from_protocol, from_rows
from probatio.display import amendments, design_diagram, planning, plans, written

_NOTEBOOK = "00_protocol"
_from_plan = partial(from_rows, _NOTEBOOK, metric="planned_power")
_STATEMENTS = ("background", "question", "objectives", "setting", "data_management", "human_subjects", "adverse_events")


def _make_amendments(given: Sources) -> Made | None:
    table = amendments.render_amendment_table(given.revisions, given.protocol, language=given.language)
    return table if table.rows else None


def _make_amended(given: Sources) -> Made | None:
    return amendments.describe_amended(given.rows, given.protocol, language=given.language) or None


def _make_plan_text(given: Sources) -> Made | None:
    rows = given.rows.get(_NOTEBOOK)
    return None if rows is None else [*planning.describe_plan(rows, given.protocol, language=given.language)] or None


PROTOCOL_PIECES = (
    Piece("responsible", "tbl", _NOTEBOOK, from_protocol(written.render_responsible_table)),
    Piece("protocol_abstract", "txt", _NOTEBOOK, from_protocol(written.describe_abstract)),
    Piece("amendments", "tbl", _NOTEBOOK, _make_amendments),
    Piece("amended_text", "txt", _NOTEBOOK, _make_amended),
    Piece("milestones", "tbl", _NOTEBOOK, from_protocol(written.render_milestone_table)),
    *(Piece(name, "txt", _NOTEBOOK, from_protocol(partial(written.render_statement, part=name)))
      for name in _STATEMENTS),
    Piece("eligibility", "txt", _NOTEBOOK, from_protocol(written.render_eligibility)),
    Piece("study_design", "fig", _NOTEBOOK, from_protocol(design_diagram.render_design_diagram)),
    Piece("file_plan", "tbl", _NOTEBOOK, from_protocol(plans.render_file_plan_table)),
    Piece("rule_plan", "tbl", _NOTEBOOK, from_protocol(plans.render_rule_plan_table)),
    Piece("resampling_plan", "tbl", _NOTEBOOK, from_protocol(plans.render_resampling_plan_table)),
    Piece("plan", "tbl", _NOTEBOOK, _from_plan(partial(planning.render_plan_table, sized=True))),
    Piece("plan_unsized", "tbl", _NOTEBOOK, _from_plan(planning.render_unsized_table)),
    Piece("plan_text", "txt", _NOTEBOOK, _make_plan_text),
    Piece("review_plan", "tbl", _NOTEBOOK, from_protocol(plans.render_review_plan_table)),
    Piece("confidence_plan", "tbl", _NOTEBOOK, from_protocol(plans.render_confidence_plan_table)),
    Piece("monitoring_plan", "tbl", _NOTEBOOK, from_protocol(plans.render_monitoring_plan_table)),
    Piece("correction_plan", "tbl", _NOTEBOOK, from_protocol(plans.render_correction_plan_table)),
    Piece("tolerance_plan", "tbl", _NOTEBOOK, from_protocol(plans.render_tolerance_plan_table)),
    Piece("declared_limits", "txt", _NOTEBOOK, from_protocol(written.describe_limits)),
    Piece("signatures", "txt", _NOTEBOOK, from_protocol(written.render_signatures)),
)  # fmt: skip
