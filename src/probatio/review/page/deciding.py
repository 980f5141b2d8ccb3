"""The case page: shows one case, takes its decision, puts it off, takes a decision back."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from probatio.protocol import UserError
from probatio.review.circuit import CaseState
from probatio.review.page.fields import Field
from probatio.review.page.forms import (
    Display,
    Draft,
    build_submission,
    find_implausible,
    make_display,
    read_display,
    read_draft,
    sign_display,
)
from probatio.review.page.showing import ShownCase, describe_reading, show_case
from probatio.review.page.visit import Visit
from probatio.review.refusals import RefusalError

_LATE: Final = {"stale_case", "same_reader", "decided", "read_meanwhile", "moved", "nothing_to_withdraw", "built_upon"}
"""Refusals because of what happened meanwhile; the others are because of what was typed."""


async def send_to_next(visit: Visit) -> Response:
    """Send the reader to his next case, or tell him that none is left."""
    desk, session = visit.office.desk, visit.session
    desk.catch_up()
    if found := desk.find_next(visit.reader, session.task):
        return visit.redirect(f"/case/{found}")
    desk.close_case(visit.reader)
    return visit.render(
        "done.html",
        elsewhere=desk.count_open_elsewhere(visit.reader, session.task),
        lent=desk.count_lent(visit.reader, session.task),
    )


async def show(visit: Visit) -> Response:
    """Show a case."""
    return _show(visit, Draft())


async def decide(visit: Visit) -> Response:
    """Take a decision; where it is refused, show the case again with the reason and with what was typed."""
    case_id, draft = _get_case(visit), read_draft(visit.form)
    display = None
    try:
        display = read_display(visit.read_form("shown"), case_id, visit.reader, visit.office.signer)
        case, office, language = visit.office.desk.circuit.cases[case_id], visit.office, visit.language
        shown = show_case(case, office.protocol, office.shelf, language)
        if not draft.decision:
            return _show(visit, draft, display, refusal=visit.word("nothing_chosen"), status=422)
        if outside := find_implausible(draft, case, shown.fields, office.protocol, language):
            return _show(visit, replace(draft, confirm=outside), display, refusal=visit.word("implausible"), status=422)
        visit.office.desk.decide(
            build_submission(draft, display, shown.fields, shown.prefilled), visit.reader, visit.language
        )
    except RefusalError as refusal:
        status = 409 if refusal.code in _LATE else 422
        return _show(visit, draft, display, refusal=_say(refusal, visit), status=status)
    except UserError as error:
        sys.stderr.write(f"probatio: {error}\n")
        return _show(visit, draft, display, refusal=visit.word("unsaved"), status=503)
    return visit.redirect("/next")


async def skip(visit: Visit) -> Response:
    """Put a case off."""
    case_id = visit.read_form("case")
    if case_id in visit.office.desk.circuit.cases:
        visit.office.desk.skip(case_id, visit.reader)
    return visit.redirect("/next")


async def withdraw(visit: Visit) -> Response:
    """Take one's own decision back, and show its case again."""
    desk, case_id = visit.office.desk, visit.read_form("case")
    version = visit.read_form("version")
    try:
        desk.withdraw(case_id, visit.reader, int(version) if version.isdecimal() else -1)
    except RefusalError as refusal:
        if refusal.code == "unknown_case":
            raise HTTPException(404) from None
        return visit.render("fault.html", status=409, sentence=_say(refusal, visit))
    return visit.redirect(f"/case/{case_id}")


def _get_case(visit: Visit) -> str:
    case_id = str(visit.request.path_params["case_id"])
    if case_id not in visit.office.desk.circuit.cases:
        raise HTTPException(404)
    return case_id


def _show(
    visit: Visit, draft: Draft, display: Display | None = None, *, refusal: str = "", status: int = 200
) -> Response:
    desk, case_id = visit.office.desk, _get_case(visit)
    desk.catch_up()
    case = desk.circuit.cases[case_id]
    documents = visit.office.shelf.compute_digest(case.patient_id, (each.document_id for each in case.candidates))
    busy = desk.open_case(case_id, visit.reader, documents)
    state = desk.circuit.states[case_id]
    role = desk.find_role(case_id, visit.reader)
    shown = show_case(case, visit.office.protocol, visit.office.shelf, visit.language)
    now = make_display(case, state, visit.reader, role or "first")
    return visit.render(
        "case.html",
        status=status,
        place="case",
        case=shown,
        shown=sign_display(replace(now, since=display.since) if display else now, visit.office.signer),
        draft=draft,
        refusal=refusal,
        notice=_find_notice(visit, state, busy=busy) if not refusal else "",
        closed=role is None,
        own=_describe_own(visit, state, shown.fields),
        version=state.version,
        readings=_list_readings(visit, state, shown) if role == "adjudicator" else [],
        before=desk.trail.find_before(visit.reader, case_id),
        last=_find_last(visit),
        progress=desk.tally.total,
    )


def _say(refusal: RefusalError, visit: Visit) -> str:
    """Return why something is refused as a sentence of its own."""
    sentence = refusal.read(visit.language)
    return f"{sentence[:1].upper()}{sentence[1:]}."


def _find_notice(visit: Visit, state: CaseState, *, busy: bool) -> str:
    """Return what the reader should know before he decides, "" for nothing."""
    if visit.office.desk.find_role(state.case_id, visit.reader) is None:
        return "" if state.get_own(visit.reader) else visit.word("closed")
    if busy:
        return visit.word("busy")
    return visit.word("withdrawn") if visit.office.desk.trail.has_withdrawn(visit.reader, state.case_id) else ""


def _describe_own(visit: Visit, state: CaseState, fields: Sequence[Field]) -> str:
    own = state.get_own(visit.reader)
    return describe_reading(own, fields, visit.language) if own else ""


def _list_readings(visit: Visit, state: CaseState, shown: ShownCase) -> list[dict[str, str]]:
    """Return the two readings that an adjudicator settles, by what they say, so that neither is the first."""
    listed = [
        {
            "text": describe_reading(reading, shown.fields, visit.language),
            "comment": reading.comment,
            "value": "" if reading.settled.letter else reading.settled.value,
        }
        for reading in state.readings
    ]
    return sorted(listed, key=lambda each: (each["text"], each["comment"]))


def _find_last(visit: Visit) -> dict[str, Any] | None:
    desk = visit.office.desk
    if (last := desk.find_last(visit.reader)) is None:
        return None
    return {"case": last, "version": desk.circuit.states[last].version, "position": desk.circuit.cases[last].position}
