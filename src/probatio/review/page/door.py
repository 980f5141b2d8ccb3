"""The door: the server's token where one is asked for, the reader's name, the settings of a visit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from starlette.responses import Response

from probatio.review.circuit import derive_reader_key
from probatio.review.page.sessions import make_session, read_reader
from probatio.review.page.visit import Visit, derive_place


def show_gate(visit: Visit, *, wrong: bool = False) -> Response:
    """Ask for the server's token; nothing else is told."""
    visit.session = replace(visit.session, place=derive_place(visit.request.url.path))
    return visit.render("gate.html", status=403, wrong=wrong, study="")


async def receive_token(visit: Visit) -> Response:
    """Let in who shows the server's token."""
    admitted = visit.office.sessions.admit(visit.session, visit.read_form("token"))
    if admitted is None:
        return show_gate(visit, wrong=True)
    visit.session = admitted
    return visit.redirect(admitted.place or "/next")


def send_to_door(visit: Visit) -> Response:
    """Ask who it is, and remember where the visitor wanted to go."""
    visit.session = replace(visit.session, place=derive_place(visit.request.url.path))
    return visit.redirect("/door")


async def show_door(visit: Visit) -> Response:
    """Ask who it is."""
    return _show_door(visit)


async def receive_reader(visit: Visit) -> Response:
    """Take the name of who sits there: typed, or one of those that the page knows."""
    typed = visit.read_form("reader")
    name = _find_name(read_reader(typed or visit.read_form("known")), _list_known(visit))
    if not name or (visit.office.readers and name not in visit.office.readers):
        return _show_door(visit, wrong=True, typed=typed)
    place = visit.session.place
    visit.session = replace(visit.session, reader=name, place="")
    return visit.redirect(place if place and place != "/door" else "/next")


async def leave(visit: Visit) -> Response:
    """Forget who it was, and give back the case that was open."""
    visit.office.desk.close_case(visit.reader)
    kept = visit.session
    visit.session = replace(make_session(kept.language), gate=kept.gate, shortcuts=kept.shortcuts)
    return visit.redirect("/door")


async def change_settings(visit: Visit) -> Response:
    """Change the language, or whether single keys decide."""
    language, shortcuts = visit.read_form("language"), visit.read_form("shortcuts")
    if language in ("en", "fr"):
        visit.session = replace(visit.session, language="fr" if language == "fr" else "en")
    if shortcuts:
        visit.session = replace(visit.session, shortcuts=shortcuts == "on")
    return visit.redirect(derive_place(visit.read_form("place")))


async def change_task(visit: Visit) -> Response:
    """Go over from reading to adjudicating, or back."""
    task = visit.read_form("task")
    visit.session = replace(visit.session, task="adjudication" if task == "adjudication" else "reading")
    return visit.redirect("/next")


def _show_door(visit: Visit, *, wrong: bool = False, typed: str = "") -> Response:
    review, language = visit.office.protocol.review, visit.language
    entitled = review.may_decide.get(review.use) if review else None
    return visit.render(
        "door.html",
        status=422 if wrong else 200,
        known=_list_known(visit),
        closed=bool(visit.office.readers),
        may_decide=entitled.read(language) if entitled else "",
        wrong=wrong,
        typed=typed[:40],
    )


def _list_known(visit: Visit) -> list[str]:
    return list(visit.office.readers or visit.office.desk.trail.readers)


def _find_name(name: str, known: Iterable[str]) -> str:
    """Return a name as its reader wrote it the first time."""
    return next((other for other in known if derive_reader_key(other) == derive_reader_key(name)), name)
