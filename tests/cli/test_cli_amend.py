"""`probatio amend` keeps what is about to change; `check` says what was changed after data were seen."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from miniature import Miniature
from probatio.cli import run_command
from probatio.protocol import compute_protocol_digest, read_protocol


def amend(miniature: Miniature, capsys: pytest.CaptureFixture[str], seen: str = "[]") -> str:
    """Amend as the command says: keep, paste the entry, fill it in; return what the command printed."""
    assert run_command(["amend", str(miniature.protocol)]) == 0
    said = capsys.readouterr().out
    entry = said[said.index("  - number:") :].replace("seen: []", f"seen: {seen}").replace('""', "words")
    head = "" if "amendments:" in miniature.protocol.read_text("utf-8") else "amendments:\n"
    with miniature.protocol.open("a", encoding="utf-8") as stream:
        stream.write(head + entry)
    return said


def test_the_printed_entry_is_an_amendment(miniature: Miniature, capsys: pytest.CaptureFixture[str]) -> None:
    """The version is kept under its digest, and the entry that is printed can be pasted as it stands."""
    before = compute_protocol_digest(read_protocol(miniature.protocol))
    said = amend(miniature, capsys)
    kept = miniature.protocol.with_name("mini.proofs") / f"{before[:12]}.json"
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == before
    assert before in said
    (amendment,) = read_protocol(miniature.protocol).amendments
    assert (amendment.number, amendment.previous, amendment.seen) == (1, before, [])


def test_check_says_what_was_changed_after_data_were_seen(
    miniature: Miniature, capsys: pytest.CaptureFixture[str]
) -> None:
    """An amendment that changes nothing, and one after AI data were seen, are both told."""
    amend(miniature, capsys)
    amend(miniature, capsys, seen="[ai]")
    miniature.edit(miniature.protocol, "seed: 1,", "seed: 2,")
    assert run_command(["check", str(miniature.protocol)]) == 0
    said = capsys.readouterr().out
    assert "warning: amendment 1 changes no key of the version it names; delete it or make its change" in said
    assert "warning: amendment 2 came after data were seen (ai); keys changed: 1" in said


def test_check_refuses_a_changed_version(miniature: Miniature, capsys: pytest.CaptureFixture[str]) -> None:
    """A kept version with another threshold is one sentence with file, line and key, and exit code 2."""
    amend(miniature, capsys)
    (kept,) = miniature.protocol.with_name("mini.proofs").glob("*.json")
    kept.write_bytes(kept.read_bytes().replace(b'"seed":1', b'"seed":9'))
    assert run_command(["check", str(miniature.protocol)]) == 2
    assert "mini.yaml:" in (said := capsys.readouterr().err)
    assert "amendments[0].previous: mini.proofs/" in said


def test_a_folder_in_the_way_is_one_sentence(miniature: Miniature, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be written is told."""
    Path(miniature.protocol.with_name("mini.proofs")).write_text("", encoding="utf-8")
    assert run_command(["amend", str(miniature.protocol)]) == 2
    assert "cannot be written" in capsys.readouterr().err
