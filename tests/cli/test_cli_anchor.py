"""`probatio anchor`: the request, the answer, and what `check` and `verify` say of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from miniature import Miniature
from probatio.cli import run_command
from probatio.compendium.proving import describe_study_proofs
from probatio.protocol import compute_protocol_digest, derive_protocol_bytes, read_protocol
from probatio.provenance import read_manifest
from stamping_authority import Authority


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = run_command([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def test_request_and_what_to_do(
    miniature: Miniature, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It writes the canonical form and the request, and names the commands that send, keep and verify."""
    monkeypatch.chdir(miniature.path)
    code, out, err = call(capsys, "anchor", "protocol/mini.yaml")
    assert (code, err) == (0, "")
    digest = compute_protocol_digest(read_protocol(miniature.protocol))
    assert digest in out
    named = f"protocol/mini.proofs/{digest[:12]}"
    commands = [
        f"--data-binary @{named}.tsq",
        "probatio anchor protocol/mini.yaml --stamp answer.tsr --root root.pem",
        f"openssl ts -verify -data {named}.json -in {named}.tsr -CAfile root.pem",
    ]
    assert [command for command in commands if command not in out] == []
    assert {path.suffix for path in (miniature.path / "protocol" / "mini.proofs").iterdir()} == {".json", ".tsq"}


def test_a_kept_stamp_shows(copied: Miniature, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A kept stamp is told by `anchor` and by `check`, and beside a run, as `verify` shows it."""
    authority, protocol = Authority(), read_protocol(copied.protocol)
    (tmp_path / "answer.tsr").write_bytes(authority.stamp(derive_protocol_bytes(protocol)))
    (tmp_path / "root.pem").write_bytes(authority.pem)
    words = ("anchor", copied.protocol, "--stamp", tmp_path / "answer.tsr", "--root", tmp_path / "root.pem")
    code, out, err = call(capsys, *words)
    assert (code, err) == (0, "")
    said = "Time stamp (RFC 3161) of January 15, 2025, 12:00:00 UTC by Authority of the tests, Probatio tests"
    assert f"{said}: signature verified" in out
    assert f"{said}: signature verified" in call(capsys, "check", copied.protocol)[1]
    (line,) = describe_study_proofs(copied.protocol, protocol, read_manifest(copied.run))
    assert line.startswith(said)
    assert "It precedes the run (" in line


def test_without_a_stamp(miniature: Miniature, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` says that nothing from outside shows when the protocol existed."""
    assert "No external proof shows when this protocol existed" in call(capsys, "check", miniature.protocol)[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--stamp", "none.tsr"], "none.tsr: cannot be read (FileNotFoundError)"),
        (["--stamp", "protocol/mini.yaml"], "not the answer of a time-stamping authority"),
        (["--root", "root.pem"], "--root goes with --stamp"),
        (["--deposit", "data/model.csv"], "data/model.csv: the file: "),
    ],
)
def test_mistakes_are_one_sentence(
    miniature: Miniature, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: list[str], sentence: str,
) -> None:  # fmt: skip
    """A wrong file is one sentence and exit code 2."""
    monkeypatch.chdir(miniature.path)
    code, out, err = call(capsys, "anchor", "protocol/mini.yaml", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert sentence in err


def test_an_altered_proof_stops_check(miniature: Miniature, capsys: pytest.CaptureFixture[str]) -> None:
    """A damaged stamp beside the protocol is a mistake to mend, not something to pass over."""
    folder = miniature.path / "protocol" / "mini.proofs"
    folder.mkdir()
    (folder / "0123456789ab.tsr").write_bytes(b"damaged")
    code, _, err = call(capsys, "check", miniature.protocol)
    assert code == 2
    assert "0123456789ab.tsr: not the answer" in err
