"""`probatio anchor`: prepare, check and keep what proves from outside when a protocol existed."""

from __future__ import annotations

from pathlib import Path

from probatio.cli.showing import derive_shown, make_console
from probatio.protocol import UserError, compute_protocol_digest, read_protocol
from probatio.provenance.proofs import describe_proofs, keep_deposit, keep_stamp, read_proofs, write_request


def anchor_protocol(path: Path, *, stamp: Path | None, root: Path | None, deposit: Path | None) -> None:
    """Keep what is given, or else write the request for a stamp; say what there is and what to do.

    Raises:
        UserError: the protocol, or what is given, is not as it should be.
    """
    if root is not None and stamp is None:
        raise UserError("--root goes with --stamp; name the authority's answer too.")
    protocol, console = read_protocol(path), make_console()
    if stamp is not None:
        console.print(f"{derive_shown(keep_stamp(path, protocol, stamp, root))}: kept")
    if deposit is not None:
        console.print(f"{derive_shown(keep_deposit(path, protocol, deposit))}: kept")
    if stamp is None and deposit is None:
        content, request = (derive_shown(file) for file in write_request(path, protocol))
        for line in _describe_next(path, content, request, compute_protocol_digest(protocol)):
            console.print(line)
        return
    for line in describe_proofs(read_proofs(path, protocol)):
        console.print(line)


def _describe_next(path: Path, content: Path, request: Path, digest: str) -> list[str]:
    stamp = content.with_suffix(".tsr")
    return [
        f"{content}: the protocol in its canonical form; its SHA-256 is the protocol's digest {digest}",
        f"{request}: the request for a time stamp over that digest; nothing was sent",
        "Send the request to a time-stamping authority of your choice, and keep its answer and its root certificate:",
        f'  curl --header "Content-Type: application/timestamp-query" --data-binary @{request.as_posix()} '
        "--output answer.tsr ADDRESS",
        f"  probatio anchor {path.as_posix()} --stamp answer.tsr --root root.pem",
        "Anybody can verify it without Probatio:",
        f"  openssl ts -verify -data {content.as_posix()} -in {stamp.as_posix()} -CAfile root.pem",
        "Or deposit the canonical form in a registry, and declare it (registry, address, date, digest in a YAML file):",
        f"  probatio anchor {path.as_posix()} --deposit deposit.yaml",
    ]
