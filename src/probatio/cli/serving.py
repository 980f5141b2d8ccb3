"""`probatio review serve`: the page of a review, on this machine, or under a token on the network."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from probatio.cli.reviewing import check_language, open_declared
from probatio.protocol import UserError
from probatio.review.opening import OpenReview
from probatio.review.page.application import build_application
from probatio.review.page.desk import Desk
from probatio.review.page.security import is_loopback
from probatio.review.page.serving import Address, bind_socket, serve
from probatio.review.page.sessions import Sessions, read_reader
from probatio.review.page.showing import Shelf
from probatio.review.page.signing import Signer, read_key
from probatio.review.page.visit import Office


def serve_page(
    path: Path,
    run: Path | None,
    address: Address,
    *,
    readers: Sequence[str] = (),
    language: str = "",
    add: bool = False,
    lent: bool = False,
    debug: bool = False,
) -> None:
    """Serve the page of the review that a protocol declares, until the process is stopped.

    Args:
        path: the protocol.
        run: the run whose queue is opened; None: the review is open already.
        address: where, and to whom.
        readers: the closed list of those who may read; empty: whoever gives a name.
        language: of the first page; "" for the study's.
        add: put the run's new cases behind those under review.
        lent: give out cases that are in somebody's workbook, too.
        debug: write where in the code a fault arose to the terminal.

    Raises:
        UserError: the review cannot be opened, a name is none, or the address cannot be served.
    """
    if strange := [name for name in readers if read_reader(name) != name]:
        raise UserError(f"--reader: {len(strange)} names are none; write letters, digits, blanks, '.' and '-'.")
    with bind_socket(address.host, address.port) as listening:
        review = open_declared(path, run, add=add)
        bound = Address(address.host, listening.getsockname()[1], address.token, address.names)
        office = open_office(review, bound, readers=readers, language=language, lent=lent)
        _tell(review, bound)
        everywhere = not is_loopback(bound.host)
        serve(build_application(office, hosts=bound.hosts, addresses=everywhere, debug=debug), listening)


def open_office(
    review: OpenReview, address: Address, *, readers: Sequence[str] = (), language: str = "", lent: bool = False
) -> Office:
    """Return what all visits of a review share; its key stays beside the log, so that a restart knows its readers."""
    protocol = review.circuit.protocol
    signer = Signer(read_key(review.log.path.with_suffix(".key")))
    spoken = check_language(language or protocol.language)
    return Office(
        protocol,
        Desk(review.circuit, review.log, lent=lent),
        Shelf(review.documents, review.texts),
        signer,
        Sessions(signer, language=spoken, token=address.token),
        tuple(readers),
    )


def _tell(review: OpenReview, address: Address) -> None:
    done = review.circuit.count_stages()["done"]
    say = sys.stdout.write
    say(f"review of {review.source}: {len(review.circuit.cases)} cases, {done} decided; log {review.log.path}\n")
    say(f"open {address.url} in a browser; stop with Ctrl + C\n")
    if address.token:
        say(f"token, asked once per browser: {address.token}\n")
    if not is_loopback(address.host):
        say("the connection is not encrypted: keep it inside a trusted network, or behind a proxy with HTTPS\n")
    sys.stdout.flush()
