"""Who sits at the page: a reader's name and settings, kept in a signed cookie and nowhere else."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import asdict, dataclass, replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from probatio.review.page.counting import Task
from probatio.review.page.signing import Signer, is_same
from probatio.wording import Language

LIFETIME: Final = 12 * 3600
"""Seconds without a request after which a reader is asked again who it is: a working day."""
_NAME = re.compile(r"[^\W_](?:[\w .'’@-]{0,38}[\w.])?")
_COOKIE = "probatio"


@dataclass(frozen=True)
class Session:
    """One browser's visit.

    `reader` is "" at the door. `gate` is the signature of the token that was shown, `place` the case to return to
    after the door, `shortcuts` whether single keys decide, `begun` the second of the last request.
    """

    id: str
    language: Language
    reader: str = ""
    task: Task = "reading"
    gate: str = ""
    place: str = ""
    shortcuts: bool = True
    begun: int = 0


def make_session(language: Language) -> Session:
    """Return a session of somebody not known yet."""
    return Session(id=secrets.token_hex(16), language=language, begun=int(time.time()))


def read_reader(text: str) -> str:
    """Return a reader's name with single blanks, "" when it is none: letters, digits, blanks, `.`, `-`, `'`, `@`."""
    name = " ".join(text.split())
    return name if _NAME.fullmatch(name) else ""


class Sessions:
    """Reads and writes the cookie; its name tells servers on one machine apart, as browsers ignore ports."""

    def __init__(self, signer: Signer, *, language: Language, token: str = "", secure: bool = False) -> None:
        self._signer = signer
        self._language: Language = language
        self._token = token
        self._secure = secure
        self._name = f"{_COOKIE}_{signer.compute_mac('cookie', b'')[:8]}"

    def read(self, request: Request) -> Session:
        """Return the visitor's session, a new one when the cookie is missing, forged or a working day old."""
        content = self._signer.read("session", request.cookies.get(self._name, ""))
        if not isinstance(content, dict):
            return make_session(self._language)
        try:
            session = Session(**content)
        except TypeError:  # signed by another version of the program
            return make_session(self._language)
        return session if time.time() - session.begun < LIFETIME else make_session(self._language)

    def write(self, session: Session, response: Response) -> None:
        """Set the cookie: no script reads it, no other site sends it, it ends with the browser."""
        text = self._signer.sign("session", asdict(replace(session, begun=int(time.time()))))
        response.set_cookie(self._name, text, httponly=True, samesite="strict", secure=self._secure, path="/")

    def derive_form_token(self, session: Session) -> str:
        """Return what every form of this visit carries, so that no other site can post one."""
        return self._signer.compute_mac("form", session.id.encode())

    def is_own_form(self, session: Session, text: str) -> bool:
        """Say whether a form was made for this visit."""
        return is_same(text, self.derive_form_token(session))

    def is_admitted(self, session: Session) -> bool:
        """Say whether this visit has shown the token, where one is asked for."""
        return not self._token or is_same(session.gate, self._derive_gate())

    def admit(self, session: Session, token: str) -> Session | None:
        """Return the session let in by a token, None for a wrong one."""
        return replace(session, gate=self._derive_gate()) if is_same(token.strip(), self._token) else None

    def _derive_gate(self) -> str:
        return self._signer.compute_mac("gate", self._token.encode())
