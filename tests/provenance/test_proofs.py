"""A protocol's proofs in time: what counts as one, what is refused, and what is said of it."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from miniature import Miniature
from probatio.protocol import Protocol, UserError, compute_protocol_digest, derive_protocol_bytes, read_protocol
from probatio.provenance.proofs import (
    Moments,
    Proof,
    ProofFolder,
    describe_proofs,
    find_first_extraction,
    keep_deposit,
    keep_stamp,
    read_proofs,
    write_request,
)
from probatio.provenance.proofs.stamp import build_request, compute_fingerprint, parse_roots, parse_stamp, verify_stamp
from probatio.records import read_records
from stamping_authority import NOON, SHA512, Authority

OPENSSL = Path(__file__).parent / "openssl_stamp"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def protocol(miniature: Miniature) -> Protocol:
    return read_protocol(miniature.protocol)


@pytest.fixture
def stamp(miniature: Miniature, protocol: Protocol, authority: Authority, tmp_path: Path) -> Path:
    """Return the authority's answer over the miniature's protocol."""
    path = tmp_path / "answer.tsr"
    path.write_bytes(authority.stamp(derive_protocol_bytes(protocol)))
    return path


@pytest.fixture
def root(authority: Authority, tmp_path: Path) -> Path:
    path = tmp_path / "root.pem"
    path.write_bytes(authority.pem)
    return path


def test_request_is_over_the_digest_and_repeats(miniature: Miniature, protocol: Protocol) -> None:
    """The canonical file's SHA-256 is the protocol's digest, the request holds it, and both are the same again."""
    content, request = write_request(miniature.protocol, protocol)
    digest = compute_protocol_digest(protocol)
    assert hashlib.sha256(content.read_bytes()).hexdigest() == digest
    assert bytes.fromhex(digest) in request.read_bytes()
    before = request.read_bytes()
    write_request(miniature.protocol, protocol)
    assert request.read_bytes() == before


def test_request_is_what_openssl_writes() -> None:
    """`openssl ts -query -sha256 -cert -no_nonce` makes the same bytes, which an authority therefore understands."""
    assert build_request((OPENSSL / "content").read_bytes()) == (OPENSSL / "request.tsq").read_bytes()


def test_answer_of_openssl() -> None:
    """An answer that `openssl ts -reply` made is read and verified; openssl printed this time and name."""
    content = (OPENSSL / "answer.tsr").read_bytes()
    found = parse_stamp(content, "answer.tsr")
    assert found.digest == hashlib.sha256((OPENSSL / "content").read_bytes()).hexdigest()
    assert (found.at, found.authority) == OPENSSL_SAID
    verify_stamp(content, parse_roots((OPENSSL / "root.pem").read_bytes(), "root.pem"), "answer.tsr")


OPENSSL_SAID = (datetime(2026, 11, 26, 3, 47, 53, tzinfo=UTC), "Time-stamping authority of the tests, Probatio tests")


def test_stamp_with_its_root_is_verified(
    miniature: Miniature, protocol: Protocol, stamp: Path, root: Path, authority: Authority
) -> None:  # fmt: skip
    """A stamp kept with the root is verified, with its time, its authority and the fingerprint that this publishes."""
    keep_stamp(miniature.protocol, protocol, stamp, root)
    (proof,) = read_proofs(miniature.protocol, protocol)
    assert (proof.status, proof.at, proof.current) == ("verified", NOON, True)
    assert proof.authority == "Authority of the tests, Probatio tests"
    assert proof.root == hashlib.sha256(authority.root.public_bytes(Encoding.DER)).hexdigest()


def test_the_root_told_is_the_one_that_the_stamp_leads_to(authority: Authority) -> None:
    """Of a file of several certificates a well-known one, put first, does not vouch for a stamp of another root."""
    other = Authority()
    found = verify_stamp(authority.stamp(b"content"), [other.root, authority.certificate, authority.root], "answer")
    assert found == authority.root
    (line,) = describe_proofs([dataclasses.replace(PROOF, root=compute_fingerprint(found))])
    assert compute_fingerprint(authority.root) in line


PROOF = Proof("0" * 64, NOON, "Authority", "verified", current=True, file=Path("0.tsr"))


def test_stamp_without_root_is_not_verified(
    miniature: Miniature, protocol: Protocol, stamp: Path, root: Path
) -> None:  # fmt: skip
    """Without a root anybody could have signed it: it says so, and is verified once the root is given."""
    keep_stamp(miniature.protocol, protocol, stamp, None)
    assert [proof.status for proof in read_proofs(miniature.protocol, protocol)] == ["unverified"]
    (line,) = describe_proofs(read_proofs(miniature.protocol, protocol))
    assert "not verified" in line
    keep_stamp(miniature.protocol, protocol, stamp, root)
    assert [proof.status for proof in read_proofs(miniature.protocol, protocol)] == ["verified"]


def test_stamp_outlives_its_certificate(miniature: Miniature, protocol: Protocol, tmp_path: Path) -> None:
    """A stamp made while the certificate was valid is good after it expired; one made after is not."""
    short = Authority(until=NOON + timedelta(days=1))
    assert short.until < datetime.now(UTC)
    (tmp_path / "root.pem").write_bytes(short.pem)
    for at, good in ((NOON, True), (NOON + timedelta(days=2), False)):
        (tmp_path / "answer.tsr").write_bytes(short.stamp(derive_protocol_bytes(protocol), at=at))
        if good:
            keep_stamp(miniature.protocol, protocol, tmp_path / "answer.tsr", tmp_path / "root.pem")
        else:
            with pytest.raises(UserError, match="does not lead to the root"):
                keep_stamp(miniature.protocol, protocol, tmp_path / "answer.tsr", tmp_path / "root.pem")


def stamp_other(authority: Authority, content: bytes) -> bytes:
    return authority.stamp(content + b" ")


def stamp_otherwise(authority: Authority, content: bytes) -> bytes:
    return authority.stamp(content, algorithm=SHA512)


def stamp_by_another(_: Authority, content: bytes) -> bytes:
    return Authority().stamp(content)


def stamp_without_right(authority: Authority, content: bytes) -> bytes:
    unfit = Authority(purpose=x509.ExtendedKeyUsageOID.CODE_SIGNING, root_key=authority.root_key)
    return unfit.stamp(content)


def refuse(_: Authority, __: bytes) -> bytes:
    return bytes.fromhex("30053003020102")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (stamp_other, "answer.tsr: is of the digest"),
        (stamp_otherwise, "another digest than SHA-256"),
        (stamp_by_another, "does not lead to the root certificate given"),
        (stamp_without_right, "does not lead to the root certificate given"),
        (refuse, r"the authority refused the request \(status 2\)"),
        (lambda authority, content: build_request(content), "not the answer of a time-stamping authority"),
        (lambda authority, content: content, "not the answer of a time-stamping authority"),
        (lambda authority, content: b"", "not the answer of a time-stamping authority"),
    ],
)
def test_wrong_answers_are_refused(
    miniature: Miniature, protocol: Protocol, authority: Authority, root: Path, tmp_path: Path,
    answer: Callable[[Authority, bytes], bytes], sentence: str,
) -> None:  # fmt: skip
    """Another file's stamp, an unknown signer, a certificate unfit, a refusal: one sentence, nothing kept."""
    path = tmp_path / "answer.tsr"
    path.write_bytes(answer(authority, derive_protocol_bytes(protocol)))
    with pytest.raises(UserError, match=sentence):
        keep_stamp(miniature.protocol, protocol, path, root)
    assert read_proofs(miniature.protocol, protocol) == []


def test_a_certificate_put_in_gives_no_name(authority: Authority) -> None:
    """The authority's name is that of the certificate that signed, not of another of the same number beside it."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "A well-known authority")])
    number, key = authority.certificate.serial_number, authority.root_key
    builder = x509.CertificateBuilder(name, name, key.public_key(), number, authority.since, authority.until)
    forged = dataclasses.replace(authority, beside=[builder.sign(key, hashes.SHA256())])
    forged.certificate = authority.certificate
    assert parse_stamp(forged.stamp(b"content"), "answer").authority == "Authority of the tests, Probatio tests"


FIXED = Authority()
ANSWER = FIXED.stamp(b"content")


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, len(ANSWER) - 1), flip=st.integers(1, 255))
def test_no_altered_byte_passes(place: int, flip: int) -> None:
    """Whatever byte of an answer is changed, it is refused or says the very same; never another digest or time."""
    altered = bytearray(ANSWER)
    altered[place] ^= flip
    try:
        verify_stamp(bytes(altered), [FIXED.root], "answer")
        found = parse_stamp(bytes(altered), "answer")
    except UserError:
        return
    assert (found.digest, found.at) == (hashlib.sha256(b"content").hexdigest(), NOON)


@settings(max_examples=150, deadline=None)
@given(
    cuts=st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=6), st.integers(0, 25)), min_size=1, max_size=4)
)
@pytest.mark.parametrize("answer", [ANSWER, (OPENSSL / "answer.tsr").read_bytes()], ids=["own", "openssl"])
def test_a_spoilt_answer_is_refused_in_one_sentence(answer: bytes, cuts: list[tuple[int, bytes, int]]) -> None:
    """Bytes put in, left out or written over anywhere, certificates included: only the user's mistake is raised."""
    spoilt = bytearray(answer)
    for place, put, gone in cuts:
        at = place % max(len(spoilt), 1)
        spoilt[at : at + gone] = put
    with contextlib.suppress(UserError):
        parse_stamp(bytes(spoilt), "answer")
    with contextlib.suppress(UserError):
        verify_stamp(bytes(spoilt), [FIXED.root], "answer")
        assert parse_stamp(bytes(spoilt), "answer").digest == hashlib.sha256(b"content").hexdigest()


@pytest.mark.parametrize("name", ["000000000000.tsr", "000000000000.deposit.yaml"])
def test_what_is_no_proof_beside_a_protocol(miniature: Miniature, protocol: Protocol, name: str) -> None:
    """A folder, a file of more than a mebibyte, lists without end, in a proof's place: one sentence."""
    place = ProofFolder.of(miniature.protocol).path / name
    place.mkdir(parents=True)
    with pytest.raises(UserError, match=r"cannot be read \(IsADirectoryError\)|cannot be read \(PermissionError\)"):
        read_proofs(miniature.protocol, protocol)
    place.rmdir()
    for content, said in ((b"0" * (1 << 20) + b"1", "larger than a mebibyte"), (b"[" * 1_000, "not ")):
        place.write_bytes(content)
        with pytest.raises(UserError, match=said):
            read_proofs(miniature.protocol, protocol)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_file_is_refused_in_one_sentence(content: bytes) -> None:
    """Whatever bytes are given for a stamp or for a root, only the user's mistake is raised."""
    for read in (parse_stamp, parse_roots):
        with pytest.raises(UserError):
            read(content, "file")


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"text"])
def test_a_root_must_be_a_certificate(
    miniature: Miniature, protocol: Protocol, stamp: Path, tmp_path: Path, content: bytes
) -> None:
    """A file that holds no certificate is refused, and the stamp is not kept."""
    (tmp_path / "root.pem").write_bytes(content)
    with pytest.raises(UserError, match="holds no certificate"):
        keep_stamp(miniature.protocol, protocol, stamp, tmp_path / "root.pem")
    assert read_proofs(miniature.protocol, protocol) == []


def test_a_kept_stamp_is_checked_at_each_reading(
    miniature: Miniature, protocol: Protocol, stamp: Path, root: Path
) -> None:
    """A stamp altered beside the protocol, or moved under another name, is refused when it is read."""
    kept = keep_stamp(miniature.protocol, protocol, stamp, root)
    content = kept.read_bytes()
    kept.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(UserError, match="does not lead to the root"):
        read_proofs(miniature.protocol, protocol)
    kept.unlink()
    kept.with_name("000000000000.tsr").write_bytes(content)
    with pytest.raises(UserError, match="not of the one in its name"):
        read_proofs(miniature.protocol, protocol)


def test_a_changed_protocol_has_no_proof(miniature: Miniature, protocol: Protocol, stamp: Path, root: Path) -> None:
    """After an amendment the stamp stands as that of an earlier state, and the new one is said to have none."""
    keep_stamp(miniature.protocol, protocol, stamp, root)
    miniature.edit(miniature.protocol, "replicates: 100", "replicates: 101")
    changed = read_protocol(miniature.protocol)
    (proof,) = read_proofs(miniature.protocol, changed)
    assert not proof.current
    lines = describe_proofs([proof], Moments(date(2025, 2, 3)))
    assert "earlier state of the protocol" in lines[0]
    assert "precedes" not in lines[0]
    assert "No external proof" in lines[1]
    with pytest.raises(UserError, match="of the protocol before a change"):
        keep_stamp(miniature.protocol, changed, stamp, root)


@pytest.mark.parametrize(
    ("extracted", "ran", "said"),
    [
        (date(2025, 1, 16), None, ["precedes the AI's first extraction (January 16, 2025)"]),
        (date(2025, 1, 15), None, ["does not show which came first"]),
        (date(2025, 1, 14), None, ["later than the AI's first extraction (January 14, 2025)"]),
        (None, NOON + timedelta(seconds=1), ["do not say when the AI extracted", "precedes the run"]),
        (date(2025, 1, 16), NOON, ["precedes the AI's first extraction", "does not precede the run"]),
    ],
)
def test_a_proof_is_put_beside_data_and_run(
    miniature: Miniature, protocol: Protocol, stamp: Path, extracted: date | None, ran: datetime | None, said: list[str]
) -> None:  # fmt: skip
    """A proof precedes the AI's data, is of the same day, or is later, and is said to be so; so with the run."""
    keep_stamp(miniature.protocol, protocol, stamp, None)
    (line,) = describe_proofs(read_proofs(miniature.protocol, protocol), Moments(extracted, ran))
    assert all(words in line for words in said)
    assert line.count("precede") == len([words for words in said if "precede" in words])


def test_french(miniature: Miniature, protocol: Protocol, stamp: Path, root: Path) -> None:
    """In French the day is written in words."""
    keep_stamp(miniature.protocol, protocol, stamp, root)
    (line,) = describe_proofs(read_proofs(miniature.protocol, protocol), Moments(date(2025, 2, 3)), language="fr")
    assert "Horodatage (RFC 3161) du 15 janvier 2025, 12:00:00 UTC par Authority of the tests" in line
    assert "Il précède la première extraction par l'IA (3 février 2025)." in line


def write_deposit(path: Path, protocol: Protocol, **changes: str) -> Path:
    keys = {"registry": "OSF", "address": "https://osf.example/abcde", "date": "2025-01-10"}
    keys |= {"digest": compute_protocol_digest(protocol)} | changes
    path.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()), encoding="utf-8")
    return path


def test_deposit_is_declared_only(miniature: Miniature, protocol: Protocol, tmp_path: Path) -> None:
    """A deposit is told with registry, day and address, as declared and not verified."""
    keep_deposit(miniature.protocol, protocol, write_deposit(tmp_path / "d.yaml", protocol))
    (proof,) = read_proofs(miniature.protocol, protocol)
    assert (proof.status, proof.at) == ("declared", date(2025, 1, 10))
    (line,) = describe_proofs([proof], Moments(date(2025, 2, 3), NOON))
    assert "Deposit of January 10, 2025, OSF, https://osf.example/abcde: declared by the study, not verified" in line
    assert "precedes the AI's first extraction" in line
    assert "precedes the run" in line


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"digest": "0" * 64}, "is of the digest 000000000000"),
        ({"digest": "abc"}, "d.yaml: digest"),
        ({"address": "ftp://osf.example/x"}, "d.yaml: address"),
        ({"date": "last week"}, "d.yaml: date"),
        ({"doi": "10.1234/x"}, "d.yaml: doi"),
        ({"registry": '"OSF\\nZenodo"'}, "d.yaml: registry"),
        ({"registry": "[OSF"}, "d.yaml: not YAML"),
    ],
)
def test_wrong_deposits_are_refused(
    miniature: Miniature, protocol: Protocol, tmp_path: Path, changes: dict[str, str], sentence: str
) -> None:
    """A key that is wrong, unknown or of another digest is named in one sentence, and nothing is kept."""
    path = write_deposit(tmp_path / "d.yaml", protocol, **changes)
    with pytest.raises(UserError, match=sentence) as error:
        keep_deposit(miniature.protocol, protocol, path)
    assert "\n" not in str(error.value)
    assert not ProofFolder.of(miniature.protocol).path.exists()


def test_first_extraction_is_the_ais_own(miniature: Miniature) -> None:
    """The first day among values of AI sources; a person's entries and undated values do not count."""
    dated = "patient_id,stage,day\nP1,I,2025-02-04\nP2,I,2025-02-03\nP3,I,\n"
    (miniature.data / "model.csv").write_text(dated, encoding="utf-8")
    miniature.edit(miniature.protocol, "{path: model.csv,", "{path: model.csv, extracted_at: day,")
    typed = "patient_id,stage,day\nP1,I,2024-02-04\nP2,I,2024-02-03\nP3,I,2024-02-03\n"
    (miniature.data / "registry.csv").write_text(typed, encoding="utf-8")
    miniature.edit(miniature.protocol, "{path: registry.csv,", "{path: registry.csv, extracted_at: day,")
    protocol = read_protocol(miniature.protocol)
    assert find_first_extraction(read_records(protocol, miniature.data), protocol) == date(2025, 2, 3)


def test_undated_data_have_no_first_extraction(miniature: Miniature, protocol: Protocol) -> None:
    """Without days the data do not say."""
    assert find_first_extraction(read_records(protocol, miniature.data), protocol) is None
