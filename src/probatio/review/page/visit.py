"""One request as the page's handlers see it: who asks, in which language, with which form; and how it is answered."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from probatio.protocol import Protocol
from probatio.review.page.desk import Desk
from probatio.review.page.sessions import Session, Sessions
from probatio.review.page.showing import Shelf
from probatio.review.page.signing import Signer
from probatio.wording import Language, format_number, read_word

FORM: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS = 500
_PLACE = re.compile(r"/(?:case/[0-9a-f]{16}|next|overview|adjudication|door)")
_OTHER: Final[dict[Language, Language]] = {"fr": "en", "en": "fr"}


@dataclass(frozen=True)
class Office:
    """What all visits share. `readers` is the closed list of those who may read; empty: whoever gives a name."""

    protocol: Protocol
    desk: Desk
    shelf: Shelf
    signer: Signer
    sessions: Sessions
    readers: tuple[str, ...] = ()


@cache
def read_templates() -> Environment:
    """Return the templates; whatever is put into them is text, never HTML."""
    return Environment(
        loader=PackageLoader("probatio.review.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@dataclass
class Visit:
    """One request. `session` is that of the visitor; replaced, it is handed out with the answer."""

    office: Office
    request: Request
    session: Session
    form: FormData

    @property
    def language(self) -> Language:
        """The language of this visitor."""
        return self.session.language

    @property
    def reader(self) -> str:
        """The visitor's name."""
        return self.session.reader

    def read_form(self, name: str) -> str:
        """Return a field of the form, "" where it is missing."""
        return str(self.form.get(name, ""))

    def word(self, key: str) -> str:
        """Return one of the page's wordings."""
        return read_word("page", key, self.language)

    def redirect(self, place: str) -> Response:
        """Send the visitor to another place of the page, after a form or instead of one."""
        return self._hand_out(RedirectResponse(place, status_code=303))

    def render(self, template: str, *, status: int = 200, **context: Any) -> Response:
        """Answer with a template."""
        office, language = self.office, self.language
        token = Markup('<input type="hidden" name="form_token" value="{}">').format(
            office.sessions.derive_form_token(self.session)
        )
        shared: dict[str, Any] = {
            "w": self.word,
            "language": language,
            "other_language": _OTHER[language],
            "study": office.protocol.title.read(language),
            "study_language": office.protocol.language,
            "session": self.session,
            "here": derive_place(self.request.url.path),
            "token": lambda: token,
            "number": partial(_format, language=language),
            "disputed": office.desk.tally.count_due("adjudication") if self.reader else 0,
            "place": "",
        }
        page = read_templates().get_template(template).render(shared | context)
        return self._hand_out(HTMLResponse(page, status))

    def _hand_out(self, response: Response) -> Response:
        self.office.sessions.write(self.session, response)
        return response


Handler = Callable[[Visit], Awaitable[Response]]


def receive(office: Office, handler: Handler, *, door: bool = False) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers a request with a handler, once the visitor may come in.

    A form without this visit's own token is refused, whoever posts it. Without the server's token, where one is asked
    for, nothing is shown. Without a name the visitor is sent to the door, and comes back to where he wanted to go.

    Args:
        office: what is visited.
        handler: makes the answer.
        door: the handler is the door itself.
    """
    from probatio.review.page.door import send_to_door, show_gate  # noqa: PLC0415 - they answer visits, too

    async def answer(request: Request) -> Response:
        visit = await begin_visit(office, request)
        if not office.sessions.is_admitted(visit.session):
            return show_gate(visit)
        return await handler(visit) if door or visit.reader else send_to_door(visit)

    return answer


async def begin_visit(office: Office, request: Request) -> Visit:
    """Return a request with its session, and its form if it has one.

    Raises:
        HTTPException: the form is none (415), or not one of this visit's (403).
    """
    session = office.sessions.read(request)
    if request.method != "POST":
        return Visit(office, request, session, FormData())
    if request.headers.get("content-type", "").partition(";")[0].strip() != FORM:
        raise HTTPException(415)
    form = await request.form(max_fields=_MOST_FIELDS, max_files=0)
    if not office.sessions.is_own_form(session, str(form.get("form_token", ""))):
        raise HTTPException(403)
    return Visit(office, request, session, form)


def derive_place(path: str) -> str:
    """Return a path where it is one of the page's own places to return to, else that of the next case."""
    return path if _PLACE.fullmatch(path) else "/next"


def _format(value: float, digits: int = 0, *, language: Language) -> str:
    return format_number(float(value), language, digits=digits)
