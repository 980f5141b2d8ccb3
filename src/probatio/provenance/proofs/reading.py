"""Read and check the proofs that stand beside a protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from probatio.protocol import Protocol, UserError, compute_protocol_digest
from probatio.provenance.proofs.deposit import parse_deposit
from probatio.provenance.proofs.folder import SHORT, ProofFolder, read_proof_file
from probatio.provenance.proofs.proof import Proof
from probatio.provenance.proofs.stamp import compute_fingerprint, parse_roots, parse_stamp, verify_stamp

_DEPOSIT = ".deposit.yaml"


def read_proofs(path: Path, protocol: Protocol) -> list[Proof]:
    """Return the proofs of a protocol and of its earlier states, the oldest first; each is checked again.

    Args:
        path: the protocol's file.
        protocol: what it says.

    Raises:
        UserError: a file beside the protocol is no proof, was altered, or is of another digest than its name says.
    """
    return read_proof_folder(ProofFolder.of(path).path, compute_protocol_digest(protocol))


def read_proof_folder(folder: Path, digest: str) -> list[Proof]:
    """Return the same of a folder of proofs, for who knows the protocol by its digest alone.

    Raises:
        UserError: as `read_proofs`.
    """
    found = [*_read_stamps(folder, digest), *_read_deposits(folder, digest)]
    return sorted(found, key=lambda proof: (proof.day, str(proof.at), proof.file.name))


def find_proof_files(path: Path) -> list[Path]:
    """Return every file of the proofs beside a protocol."""
    return sorted(file for file in ProofFolder.of(path).path.glob("*") if file.is_file())


def _read_stamps(folder: Path, own: str) -> Iterator[Proof]:
    for file in sorted(folder.glob("*.tsr")):
        content, root = read_proof_file(file), file.with_suffix(".pem")
        stamp = parse_stamp(content, str(file))
        _check_name(file, stamp.digest)
        vouched = None
        if root.exists():
            vouched = verify_stamp(content, parse_roots(read_proof_file(root), str(root)), str(file))
        yield Proof(
            digest=stamp.digest,
            at=stamp.at,
            authority=stamp.authority,
            status="verified" if vouched else "unverified",
            current=stamp.digest == own,
            file=file,
            root=compute_fingerprint(vouched) if vouched else "",
        )


def _read_deposits(folder: Path, own: str) -> Iterator[Proof]:
    for file in sorted(folder.glob(f"*{_DEPOSIT}")):
        deposit = parse_deposit(read_proof_file(file), str(file))
        _check_name(file, deposit.digest)
        yield Proof(
            digest=deposit.digest,
            at=deposit.date,
            authority=deposit.registry,
            status="declared",
            current=deposit.digest == own,
            file=file,
            place=deposit.address,
        )


def _check_name(file: Path, digest: str) -> None:
    if file.name.partition(".")[0] != digest[:SHORT]:
        raise UserError(f"{file}: is of the digest {digest}, not of the one in its name; bring it back from a copy.")
