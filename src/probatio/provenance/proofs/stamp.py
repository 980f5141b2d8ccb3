"""RFC 3161: the request to a time-stamping authority, and its answer, read and verified without network.

Source: Adams, Cain, Pinkas, Zuccherato, RFC 3161: Time-Stamp Protocol (2001), updated by RFC 5816 (2010). The
library rfc3161-client reads the answer and verifies signature, certificate chain at the time stamped, and purpose (a
critical extended key usage, time stamping). It does not compare the signing-certificate attribute (ESSCertID) with the
certificate; issuer and serial number, which are signed too, name the certificate.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import rfc3161_client as rfc3161
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from probatio.protocol import UserError

_SHA256 = "2.16.840.1.101.3.4.2.1"
_GRANTED = 0
_UNREADABLE = (ValueError, KeyError, TypeError, OverflowError, StopIteration, x509.InvalidVersion)
"""What the libraries raise on certificates that are none."""


@dataclass(frozen=True)
class Stamp:
    """What an authority has stamped: a SHA-256, at a time (UTC), under its name."""

    digest: str
    at: datetime
    authority: str


def build_request(content: bytes) -> bytes:
    """Return the request (DER) for a stamp over the SHA-256 of some bytes; the same for the same bytes.

    No nonce: an older answer to the same question would be an earlier proof of the same bytes, and no fraud. The
    authority is asked for its certificate, without which nobody could verify the stamp later.
    """
    builder = rfc3161.TimestampRequestBuilder(
        data=content, hash_algorithm=rfc3161.HashAlgorithm.SHA256, nonce=False, cert_req=True
    )
    return builder.build().as_bytes()


def parse_stamp(content: bytes, name: str) -> Stamp:
    """Return what an authority's answer (DER) says; nothing is verified yet.

    Raises:
        UserError: it is no answer of an authority, a refusal, or a stamp over another kind of digest.
    """
    response = _decode(content, name)
    with _reading(name):
        info, signed = response.tst_info, response.signed_data
        imprint, algorithm = info.message_imprint, info.message_imprint.hash_algorithm.dotted_string
        found = Stamp(imprint.message.hex(), info.gen_time.astimezone(UTC), _derive_name(_find_holder(signed)))
    if algorithm != _SHA256:
        raise UserError(
            f"{name}: stamps another digest than SHA-256; send the .tsq file as it is, and keep its answer."
        )
    return found


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Turn what the libraries raise, and warn of, on a spoilt answer into one sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except _UNREADABLE:
        raise UserError(f"{name}: an answer without a time stamp that can be read; ask the authority again.") from None


def _find_holder(signed: rfc3161.SignedData) -> x509.Name:
    """Return whose certificate signed; its issuer where the answer does not hold it."""
    signer = next(iter(signed.signer_infos))
    certificates = [x509.load_der_x509_certificate(each) for each in signed.certificates]
    own = (signer.issuer, signer.serial_number)  # both are signed: a certificate put in beside has not this pair
    return next((each.subject for each in certificates if (each.issuer, each.serial_number) == own), signer.issuer)


def parse_roots(content: bytes, name: str) -> list[x509.Certificate]:
    """Return the certificates of a file, PEM (one or more) or DER.

    Raises:
        UserError: it holds none.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if b"-----BEGIN" in content:
                return x509.load_pem_x509_certificates(content)
            return [x509.load_der_x509_certificate(content)]
    except _UNREADABLE:
        raise UserError(f"{name}: holds no certificate (PEM or DER); name the authority's root certificate.") from None


def verify_stamp(content: bytes, roots: Sequence[x509.Certificate], name: str) -> x509.Certificate:
    """Verify a stamp's signature, its chain up to one of the roots at the time stamped, and its purpose.

    Each root is tried by itself, with what a file of several holds beside it: the root returned is the one that the
    stamp leads to, and no other one of the file.

    Raises:
        UserError: the stamp was altered, or does not lead to these roots.
    """
    response = _decode(content, name)
    own = [root for root in roots if root.issuer == root.subject]
    between = [root for root in roots if root.issuer != root.subject]
    for root in own:
        if _leads_to(response, root, between):
            return root
    raise UserError(
        f"{name}: its signature does not lead to the root certificate given: the stamp was altered, or another "
        f"authority made it; name the root that this authority publishes."
    )


def _leads_to(response: rfc3161.TimeStampResponse, root: x509.Certificate, between: list[x509.Certificate]) -> bool:
    try:
        digest = response.tst_info.message_imprint.message
        rfc3161.VerifierBuilder(roots=[root], intermediates=between).build().verify(response, digest)
    except (rfc3161.VerificationError, *_UNREADABLE):
        return False
    return True


def compute_fingerprint(certificate: x509.Certificate) -> str:
    """Return a certificate's SHA-256 as its authority publishes it (`openssl x509 -fingerprint -sha256`)."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def _decode(content: bytes, name: str) -> rfc3161.TimeStampResponse:
    try:
        response = rfc3161.decode_timestamp_response(content)
    except ValueError:
        raise UserError(
            f"{name}: not the answer of a time-stamping authority (RFC 3161); keep the .tsr file."
        ) from None
    if response.status != _GRANTED:
        raise UserError(f"{name}: the authority refused the request (status {response.status}); ask another one.")
    return response


def _derive_name(name: x509.Name) -> str:
    """Return the common name and the organisation of a certificate's holder."""
    kinds = (x509.NameOID.COMMON_NAME, x509.NameOID.ORGANIZATION_NAME)
    texts = [str(each.value) for kind in kinds for each in name.get_attributes_for_oid(kind)]
    shown = ", ".join(dict.fromkeys(texts)) or name.rfc4514_string()
    return "".join(letter if letter.isprintable() else " " for letter in shown)
