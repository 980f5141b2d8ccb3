"""The server of the page: on this machine alone, or under a token; it keeps no log of its own."""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from probatio.protocol import UserError
from probatio.review.page.security import LOOPBACK, is_loopback

SHORTEST_TOKEN: Final = 16
"""Characters of a token that nobody guesses over a network."""
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _LETTERS = 4, 5
_PENDING = 64


@dataclass(frozen=True)
class Address:
    """Where the page is served, and to whom: `token` is "" where whoever reaches it may enter.

    `names` are further host names under which it is reached, such as that of a hospital's proxy.
    """

    host: str
    port: int
    token: str
    names: tuple[str, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host names that a request may carry."""
        own = () if is_loopback(self.host) else (socket.gethostname(), socket.getfqdn(), self.host)
        return (*LOOPBACK, *own, *self.names)

    @property
    def url(self) -> str:
        """What a reader on this machine, or beside it, types into the browser."""
        every = self.host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
        name = socket.gethostname() if every else self.host
        return f"http://{f'[{name}]' if ':' in name else name}:{self.port}/"


def choose_address(host: str, port: int, token: str, names: Sequence[str] = ()) -> Address:
    """Return where the page is served; beyond this machine always with a token, made here where none is given.

    Raises:
        UserError: the token is too short to protect anything.
    """
    if token and len(token) < SHORTEST_TOKEN:
        raise UserError(f"--token: {len(token)} characters can be guessed; give at least {SHORTEST_TOKEN}, or none.")
    if not token and not is_loopback(host):
        token = make_token()
    return Address(host, port, token, tuple(names))


def make_token() -> str:
    """Return a token that can be typed on a tablet: 20 letters and digits without look-alikes, 99 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS)) for _ in range(_GROUPS))


def bind_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes any free one.

    Raises:
        UserError: the host is not one of this machine, or the port is taken.
    """
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    except ValueError:
        family = socket.AF_INET
    # Named TCP: asyncio sends small packets at once (TCP_NODELAY) only then, and a page is two of them.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_PENDING)
    except (OSError, OverflowError) as error:
        listening.close()
        why = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{host}, port {port}: cannot be served ({why}); name another --port or --host.") from None
    return listening


def serve(application: ASGIApp, listening: socket.socket) -> None:
    """Answer requests until the process is stopped. Nothing is written but by the application itself."""
    config = uvicorn.Config(
        application,
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
    )
    uvicorn.Server(config).run(sockets=[listening])
