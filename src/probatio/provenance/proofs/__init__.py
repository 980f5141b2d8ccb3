"""Proofs in time: what shows from outside that a protocol existed, word for word, at some moment."""

from probatio.provenance.proofs.extraction import find_first_extraction
from probatio.provenance.proofs.folder import ProofFolder, keep_deposit, keep_stamp, write_request
from probatio.provenance.proofs.proof import Proof
from probatio.provenance.proofs.reading import find_proof_files, read_proof_folder, read_proofs
from probatio.provenance.proofs.telling import Moments, describe_proofs

__all__ = [
    "Moments",
    "Proof",
    "ProofFolder",
    "describe_proofs",
    "find_first_extraction",
    "find_proof_files",
    "keep_deposit",
    "keep_stamp",
    "read_proof_folder",
    "read_proofs",
    "write_request",
]
