"""A time-stamping authority of the tests' own: keys made anew, answers written as RFC 3161 and RFC 5652 say.

DER is built by hand, as the library that the program verifies with has no builder: the two share no code. Its answers
were compared once with `openssl ts -verify`, which accepts them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_SEQUENCE, _SET, _OCTETS, _INTEGER, _TIME = 0x30, 0x31, 0x04, 0x02, 0x18
_SIGNED_DATA, _TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.47"
SHA256, SHA512, _ECDSA_SHA256 = "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.3", "1.2.840.10045.4.3.2"
NOON = datetime(2025, 1, 15, 12, 0, tzinfo=UTC)


def encode(tag: int, *parts: bytes) -> bytes:
    """Return one DER value: tag, length, content."""
    content = b"".join(parts)
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def encode_integer(value: int) -> bytes:
    return encode(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def encode_oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    content = bytes([40 * first + second])
    for arc in rest:
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        content += bytes(reversed(groups))
    return encode(0x06, content)


def encode_attribute(oid: str, value: bytes) -> bytes:
    return encode(_SEQUENCE, encode_oid(oid), encode(_SET, value))


@dataclass
class Authority:
    """An authority with its root and its own certificate.

    `purpose`: may its certificate stamp? `since`, `until`: its validity. `beside`: certificates put into its answers.
    """

    purpose: x509.ObjectIdentifier = x509.ExtendedKeyUsageOID.TIME_STAMPING
    since: datetime = NOON - timedelta(days=300)
    until: datetime = NOON + timedelta(days=300)
    beside: list[x509.Certificate] = field(default_factory=list)
    root_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        root, own = (self._name(text) for text in ("Root of the tests", "Authority of the tests"))
        self.root = self._certify(root, root, self.root_key, x509.BasicConstraints(ca=True, path_length=None))
        usage = x509.ExtendedKeyUsage([self.purpose])
        self.certificate = self._certify(own, root, self.key, x509.BasicConstraints(ca=False, path_length=None), usage)

    @property
    def pem(self) -> bytes:
        """The root certificate."""
        return self.root.public_bytes(serialization.Encoding.PEM)

    def _name(self, text: str) -> x509.Name:
        kinds = ((x509.NameOID.ORGANIZATION_NAME, "Probatio tests"), (x509.NameOID.COMMON_NAME, text))
        return x509.Name([x509.NameAttribute(kind, value) for kind, value in kinds])

    def _certify(
        self, holder: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder(issuer, holder, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(self.since).not_valid_after(self.until)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=True)
        return builder.sign(self.root_key, hashes.SHA256())

    def stamp(self, content: bytes, *, at: datetime = NOON, algorithm: str = SHA256) -> bytes:
        """Return the answer to a request for a stamp over the SHA-256 of some bytes."""
        digest = (hashlib.sha512 if algorithm == SHA512 else hashlib.sha256)(content).digest()
        imprint = encode(_SEQUENCE, encode(_SEQUENCE, encode_oid(algorithm)), encode(_OCTETS, digest))
        time = encode(_TIME, at.strftime("%Y%m%d%H%M%SZ").encode())
        info = encode(_SEQUENCE, encode_integer(1), encode_oid("1.2.3.4"), imprint, encode_integer(7), time)
        return encode(_SEQUENCE, encode(_SEQUENCE, encode_integer(0)), self._sign(info))

    def _sign(self, info: bytes) -> bytes:
        algorithm = encode(_SEQUENCE, encode_oid(SHA256))
        content = encode(_SEQUENCE, encode_oid(_TST_INFO), encode(0xA0, encode(_OCTETS, info)))
        certificates = [*self.beside, self.certificate]
        signed = encode(
            _SEQUENCE,
            encode_integer(3),
            encode(_SET, algorithm),
            content,
            encode(0xA0, *(each.public_bytes(serialization.Encoding.DER) for each in certificates)),
            encode(_SET, self._build_signer(info, algorithm)),
        )
        return encode(_SEQUENCE, encode_oid(_SIGNED_DATA), encode(0xA0, signed))

    def _build_signer(self, info: bytes, algorithm: bytes) -> bytes:
        own = encode(_OCTETS, self.certificate.fingerprint(hashes.SHA256()))
        attributes = sorted(
            (
                encode_attribute(_CONTENT_TYPE, encode_oid(_TST_INFO)),
                encode_attribute(_MESSAGE_DIGEST, encode(_OCTETS, hashlib.sha256(info).digest())),
                encode_attribute(_SIGNING_CERTIFICATE, encode(_SEQUENCE, encode(_SEQUENCE, encode(_SEQUENCE, own)))),
            )
        )
        signature = self.key.sign(encode(_SET, *attributes), ec.ECDSA(hashes.SHA256()))
        issuer = self.certificate.issuer.public_bytes()
        return encode(
            _SEQUENCE,
            encode_integer(1),
            encode(_SEQUENCE, issuer, encode_integer(self.certificate.serial_number)),
            algorithm,
            encode(0xA0, *attributes),
            encode(_SEQUENCE, encode_oid(_ECDSA_SHA256)),
            encode(_OCTETS, signature),
        )
