"""Progress of review on the page: what is queued, what is decided, what people changed and what they missed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from probatio.display.dashboard.cells import Both, Row, both, derive_cell, index_by
from probatio.display.dashboard.errors import derive_scale
from probatio.display.dashboard.names import Names
from probatio.display.dashboard.panel import Column, Panel
from probatio.results import select_rows

_QUEUE = {"queued_share": "percent", "queued_patients": "percent", "expected_errors_share": "percent"}
_DONE = {
    "reviewed_share": ("decisions", "percent"),
    "override_rate": ("decisions", "percent"),
    "unresolved": ("decisions", "count"),
    "reading_agreement": ("double_reading", "percent"),
    "adjudicated_share": ("double_reading", "percent"),
    "mended_errors": ("reviewer_error", "percent"),
    "introduced_errors": ("reviewer_error", "percent"),
    "confirmed_errors": ("reviewer_error", "percent"),
}
_BY_VARIABLE = ("reviewed_share", "override_rate", "mended_errors", "introduced_errors")
_AUDIT = ("audit_verified", "audit_decided", "audit_withdrawn", "audit_stale_decisions")


def derive_review(rows: pd.DataFrame, names: Names, standing: Mapping[str, float] | None) -> Panel:
    """Return a row per variable: share queued, then of the values reviewed how many were changed, mended, spoilt.

    Args:
        rows: of the review notebook.
        names: of the page.
        standing: counts of a review that is open (`derive_standing`); None where none is.
    """
    queued = _select_queue(rows, names)
    done = select_rows(rows, stratum_by="", term="", analysis=["decisions", "double_reading", "reviewer_error"])
    found = index_by(done[done["use"] == ""], "variable", "metric")
    plans = index_by(queued, "variable", "metric")
    order = sorted({key[0] for key in (*plans, *found) if key[0]}, key=names.number_variable)
    metrics = ("queued_share", *_BY_VARIABLE)
    body: list[list[Any]] = []
    for variable in ["", *order]:
        cells = [derive_cell(plans.get((variable, metrics[0])))]
        cells += [derive_cell(found.get((variable, metric))) for metric in _BY_VARIABLE]
        if any(cell is not None for cell in cells):
            body.append([names.number_variable(variable), *cells])
    columns = [Column("variable", "variable", both("column", "variable"))]
    for at, metric in enumerate(metrics, start=1):
        columns.append(Column(metric, "estimate", _word(metric), {"scale": derive_scale([row[at] for row in body])}))
    extra = {
        "tiles": [*_list_queue(plans, names), *_list_done(found)],
        "standing": _list_standing(standing),
        "audit": _list_audit(rows),
        "source": names.sources.get(names.protocol.review.source) if names.protocol.review else None,
        "use": names.uses.get(names.protocol.review.use) if names.protocol.review else None,
        "readers": _list_readers(rows),
    }
    listed = [*_QUEUE, "expected_errors", "review_minutes", *_DONE, "reader_override_rate", *_AUDIT]
    return Panel("review", "08_review", listed, columns, body, both("dashboard", "no_review"), extra)


def _select_queue(rows: pd.DataFrame, names: Names) -> pd.DataFrame:
    """Return the overall rows of the queue, for the use that is reviewed for."""
    review = names.protocol.review
    return select_rows(rows, use=review.use if review else "-", term="", at="", stratum_by="")


def _list_queue(plans: Mapping[tuple[str, ...], Row], names: Names) -> Iterator[list[Any]]:
    """Yield the queue's numbers: wording, cell, how it is written."""
    for metric, written in _QUEUE.items():
        if ("", metric) in plans:
            yield [_word(metric), derive_cell(plans["", metric]), written]
    for metric in ("expected_errors", "review_minutes"):
        if ("", metric) in plans:
            word = both("dashboard", "minutes_planned") if metric == "review_minutes" else _word(metric)
            yield [word, derive_cell(plans["", metric], percent=False, digits=0), "count"]


def _list_done(found: Mapping[tuple[str, ...], Row]) -> Iterator[list[Any]]:
    for metric, (_, written) in _DONE.items():
        if ("", metric) in found:
            cell = derive_cell(found["", metric], percent=written == "percent", digits=1 if written == "percent" else 0)
            yield [_word(metric), cell, written]


def _word(metric: str) -> Both:
    return both("metric", metric)


def _list_standing(standing: Mapping[str, float] | None) -> list[list[Any]]:
    """Return where an open review stands, in counts."""
    return [[both("dashboard", f"standing_{name}"), round(value)] for name, value in (standing or {}).items()]


def _list_readers(rows: pd.DataFrame) -> list[list[Any]]:
    """Return each reader by number, and how often he changed a value."""
    found = select_rows(rows, metric="reader_override_rate", variable="", stratum_by="")
    return [[str(row["term"]), derive_cell(row)] for row in found.to_dict("records")]


def _list_audit(rows: pd.DataFrame) -> list[list[Any]]:
    """Return what the audit log says of itself: wording, cell, how it is written."""
    found = index_by(select_rows(rows, analysis="audit"), "metric")
    written = {metric: "yes" if metric == "audit_verified" else "percent" for metric in _AUDIT if (metric,) in found}
    return [[_word(metric), derive_cell(found[(metric,)], percent=how == "percent", digits=1), how]
            for metric, how in written.items()]  # fmt: skip
