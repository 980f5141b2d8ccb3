"""Where proofs stand: beside the protocol, in `<study>.proofs/`, named by the digest that they are of.

`<digest>.json` is the protocol's canonical form, whose SHA-256 is its digest; `.tsq` the request to a time-stamping
authority, `.tsr` its answer, `.pem` the authority's root certificate, `.deposit.yaml` a deposit in a registry. A
protocol that is amended gets new files; those of the earlier one stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from probatio.protocol import Protocol, UserError, compute_protocol_digest, derive_protocol_bytes
from probatio.provenance.proofs.deposit import parse_deposit
from probatio.provenance.proofs.stamp import build_request, parse_roots, parse_stamp, verify_stamp
from probatio.results import write_bytes

SHORT = 12
_MOST = 1 << 20


@dataclass(frozen=True)
class ProofFolder:
    """The folder of a protocol's proofs."""

    path: Path

    @classmethod
    def of(cls, protocol: Path) -> ProofFolder:
        """Return the folder beside a protocol's file."""
        return cls(protocol.with_name(f"{protocol.stem}.proofs"))

    def get_file(self, digest: str, suffix: str) -> Path:
        """Return where the file of a digest stands, such as `.tsr`."""
        return self.path / f"{digest[:SHORT]}{suffix}"


def write_request(path: Path, protocol: Protocol) -> tuple[Path, Path]:
    """Write the canonical form and the request for a stamp over it; return both paths.

    Raises:
        OSError: the folder cannot be written.
    """
    folder, digest = ProofFolder.of(path), compute_protocol_digest(protocol)
    content = derive_protocol_bytes(protocol)
    files = folder.get_file(digest, ".json"), folder.get_file(digest, ".tsq")
    folder.path.mkdir(exist_ok=True)
    for file, written in zip(files, (content, build_request(content)), strict=True):
        write_bytes(file, written)
    return files


def keep_stamp(path: Path, protocol: Protocol, stamp: Path, root: Path | None) -> Path:
    """Check an authority's answer and keep it beside the protocol, with the root certificate; return its place.

    Raises:
        UserError: the answer is none, is altered, is of another protocol, or does not lead to the root.
    """
    digest, content = compute_protocol_digest(protocol), read_proof_file(stamp)
    _check_digest(str(stamp), parse_stamp(content, str(stamp)).digest, digest)
    folder = ProofFolder.of(path)
    if root is not None:
        certificates = read_proof_file(root)
        verify_stamp(content, parse_roots(certificates, str(root)), str(stamp))
    write_request(path, protocol)
    write_bytes(folder.get_file(digest, ".tsr"), content)
    if root is not None:
        write_bytes(folder.get_file(digest, ".pem"), certificates)
    return folder.get_file(digest, ".tsr")


def keep_deposit(path: Path, protocol: Protocol, deposit: Path) -> Path:
    """Check what is declared of a deposit and keep it beside the protocol; return its place.

    Raises:
        UserError: it is not as it should be, or of another protocol.
    """
    digest, content = compute_protocol_digest(protocol), read_proof_file(deposit)
    _check_digest(str(deposit), parse_deposit(content, str(deposit)).digest, digest)
    write_request(path, protocol)
    kept = ProofFolder.of(path).get_file(digest, ".deposit.yaml")
    write_bytes(kept, content)
    return kept


def _check_digest(name: str, found: str, wanted: str) -> None:
    if found != wanted:
        raise UserError(
            f"{name}: is of the digest {found[:SHORT]}…, and the protocol's is {wanted[:SHORT]}…: of another file, "
            f"or of the protocol before a change; have the protocol as it is now stamped."
        )


def read_proof_file(path: Path) -> bytes:
    """Return a file's bytes: no stamp, certificate or deposit is larger than a mebibyte.

    Raises:
        UserError: it cannot be read, or is larger.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST + 1)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({type(error).__name__}); name the file you received.") from None
    if len(content) > _MOST:
        raise UserError(f"{path}: larger than a mebibyte, and so no stamp, certificate or deposit; name another file.")
    return content
