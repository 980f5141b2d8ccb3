"""What stands between the network and the page: host, size, headers, and faults that tell nothing of a patient."""

from __future__ import annotations

import ipaddress
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY: Final = 64 * 1024
"""Bytes of the largest form that is read."""
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """Refuses what was not meant for this server and marks every answer; the outermost layer of the application.

    A request whose Host names another machine comes through a rebound name (Jackson et al. 2007, "Protecting browsers
    from DNS rebinding attacks") and is refused, as is a form above `LARGEST_BODY`. A fault of the program is answered
    without a word of what was asked; with `debug` its places in the code, and nothing else, go to the terminal.
    """

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str] = LOOPBACK, addresses: bool = False, debug: bool = False):
        self._app = app
        self._hosts = frozenset(host.casefold() for host in hosts)
        self._addresses = addresses
        self._debug = debug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        headers = Headers(scope=scope)
        if not self._is_own(headers.get("host", "")):
            await PlainTextResponse("This address is not served here.", 421)(scope, receive, answer.send)
            return
        try:
            await self._app(scope, _Body(receive, headers).receive, answer.send)
        except Exception as fault:
            self._tell(fault)
            await _say(scope, receive, answer, "A fault of the program; what was saved is safe. Go back.", 500)

    def _is_own(self, host: str) -> bool:
        name = derive_host_name(host)
        return name in self._hosts or (self._addresses and _is_address(name))

    def _tell(self, fault: Exception) -> None:
        sys.stderr.write(f"probatio: a fault of the program ({type(fault).__name__}) while a page was made.\n")
        if self._debug:
            sys.stderr.write(describe_places(fault))


def derive_host_name(host: str) -> str:
    """Return the name in a Host header, without port and brackets, in small letters."""
    if host.startswith("["):
        return host[1:].partition("]")[0].casefold()
    return host.rpartition(":")[0].casefold() if host.count(":") == 1 else host.casefold()


def is_loopback(host: str) -> bool:
    """Say whether a name or address can only be reached from this machine."""
    if _is_address(host.strip("[]")):
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    return host.casefold() == "localhost"


def describe_places(fault: BaseException) -> str:
    """Return where in the code a fault arose: file, line and function; never its text, which may hold a value."""
    frames = traceback.extract_tb(fault.__traceback__)
    places = [f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}\n" for frame in frames]
    return f"{''.join(places)}  {type(fault).__name__}\n"


class _Body:
    """Counts the bytes of a request as they come."""

    def __init__(self, receive: Receive, headers: Headers) -> None:
        self._receive = receive
        declared = headers.get("content-length", "0")
        self._count = 0
        self._refused = not declared.isdecimal() or int(declared[:12]) > LARGEST_BODY

    async def receive(self) -> Message:
        message = await self._receive()
        self._count += len(message.get("body", b""))
        if self._refused or self._count > LARGEST_BODY:
            raise HTTPException(413)
        return message


class _Answer:
    """Adds the headers of security to an answer, and remembers whether it has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            MutableHeaders(scope=message).update(HEADERS)
        await self._send(message)


async def _say(scope: Scope, receive: Receive, answer: _Answer, sentence: str, status: int) -> None:
    if not answer.begun:
        await PlainTextResponse(sentence, status, headers={"Connection": "close"})(scope, receive, answer.send)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
