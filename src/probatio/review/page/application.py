"""The page as an ASGI application: its addresses, of which a case's name is the only part that varies."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from probatio.protocol import UserError
from probatio.review.page import deciding, door, surveys
from probatio.review.page.security import LOOPBACK, Guard
from probatio.review.page.visit import Handler, Office, Visit, begin_visit, receive
from probatio.wording import has_word

_STATIC = Path(__file__).parent / "static"
_PLACES: tuple[tuple[str, str, Handler], ...] = (
    ("/next", "GET", deciding.send_to_next),
    ("/case/{case_id:str}", "GET", deciding.show),
    ("/case/{case_id:str}", "POST", deciding.decide),
    ("/skip", "POST", deciding.skip),
    ("/withdraw", "POST", deciding.withdraw),
    ("/overview", "GET", surveys.show_overview),
    ("/adjudication", "GET", surveys.show_adjudication),
    ("/task", "POST", door.change_task),
    ("/leave", "POST", door.leave),
)
_DOORS: tuple[tuple[str, str, Handler], ...] = (
    ("/door", "GET", door.show_door),
    ("/door", "POST", door.receive_reader),
    ("/settings", "POST", door.change_settings),
)


def build_application(
    office: Office, *, hosts: Iterable[str] = LOOPBACK, addresses: bool = False, debug: bool = False
) -> ASGIApp:
    """Return the page of one review.

    Args:
        office: the review, its signer and sessions.
        hosts: the names under which it is reached; any other is refused.
        addresses: accept every IP address as a host: with one no name can be rebound.
        debug: write where in the code a fault arose to the terminal.
    """
    routes = [Route(path, receive(office, handler), methods=[method]) for path, method, handler in _PLACES]
    routes += [Route(path, receive(office, handler, door=True), methods=[method]) for path, method, handler in _DOORS]
    routes += [
        Route("/token", _receive_token(office), methods=["POST"]),
        Route("/", _send_to_next, methods=["GET"]),
    ]
    static = Mount("/static", StaticFiles(directory=_STATIC))
    faults = {HTTPException: _explain(office), UserError: _explain(office), Exception: _confess}
    return Guard(
        Starlette(routes=[*routes, static], exception_handlers=faults), hosts=hosts, addresses=addresses, debug=debug
    )


async def _send_to_next(_: Request) -> Response:
    return RedirectResponse("/next", status_code=303)


def _receive_token(office: Office) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return await door.receive_token(await begin_visit(office, request))

    return answer


def _explain(office: Office) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Return what answers a request that cannot be met: a sentence that repeats nothing of it."""

    async def answer(request: Request, fault: Exception) -> Response:
        status = fault.status_code if isinstance(fault, HTTPException) else 503
        if isinstance(fault, UserError):  # of whoever runs the server, such as a full disk
            sys.stderr.write(f"probatio: {fault}\n")
        session = office.sessions.read(request)
        if not office.sessions.is_admitted(session) and status == 404:
            status = 403
        key = f"fault_{status}" if has_word("page", f"fault_{status}") else "fault_400"
        visit = Visit(office, request, session, FormData())
        return visit.render("fault.html", status=status, sentence=visit.word(key), study="", here="/next")

    return answer


async def _confess(_: Request, __: Exception) -> Response:
    return PlainTextResponse("A fault of the program; what was saved is safe. Go back.", 500)
