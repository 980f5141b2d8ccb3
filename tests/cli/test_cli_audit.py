"""`probatio audit`: what it says of a sound, a damaged and a cut log, and what a run keeps of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from miniature import Miniature
from probatio.cli import run_command
from probatio.compendium import run_study
from probatio.compendium.anchoring import derive_anchors
from probatio.compendium.notebooks import read_notebook
from probatio.compendium.stamps import derive_ground, derive_inputs, describe_staleness
from probatio.protocol import read_protocol
from probatio.provenance import RunFolder, read_manifest
from probatio.review.anchors import derive_anchors_path, read_anchors
from probatio.review.log import AuditLog, derive_log_path

REVIEW = """
review: {source: model, budget: {share: 0.5}, justification: {en: Why, fr: Pourquoi}}
"""
COUNT = """
from probatio.results import build_row
from probatio.review.log import derive_log_path, read_entries
found = read_entries(derive_log_path(s.root, s.protocol.review.source))
s.write([build_row('entries', len(found))])
"""


@pytest.fixture
def reviewed(miniature: Miniature, monkeypatch: pytest.MonkeyPatch) -> Miniature:
    """A project under review whose log has five entries; the current folder is the project's."""
    miniature.protocol.write_text(miniature.protocol.read_text("utf-8") + REVIEW, encoding="utf-8")
    log = AuditLog(derive_log_path(miniature.data, "model"), study="mini")
    for number in range(4):
        log.append("decision", who="reader-1", case=f"{number:016x}", decision="chosen", value="SECRET")
    monkeypatch.chdir(miniature.path)
    return miniature


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    code = run_command([str(word) for word in words])
    return code, "".join(capsys.readouterr())


def find_log(project: Miniature) -> Path:
    return derive_log_path(project.data, "model")


def cut(log: Path, kept: int) -> None:
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:kept]))


def test_sound_log_is_said_to_be_so(reviewed: Miniature, capsys: pytest.CaptureFixture[str]) -> None:
    """By protocol or by file, exit code 0; without an anchor it says what that leaves open."""
    for target in (reviewed.protocol, find_log(reviewed)):
        code, said = call(capsys, "audit", "verify", target)
        assert (code, "sound, 5 entries, without an anchor" in said) == (0, True)
    code, said = call(capsys, "audit", "anchor", reviewed.protocol)
    assert code == 0
    head = said.splitlines()[-1]
    code, said = call(capsys, "audit", "verify", reviewed.protocol, "--anchor", head)
    assert (code, "anchored up to entry 5" in said) == (0, True)


def test_damage_is_said_by_number_and_never_by_content(reviewed: Miniature, capsys: pytest.CaptureFixture[str]) -> None:
    """One changed letter: exit code 1 and the entry's number, without its reader or value."""
    log = find_log(reviewed)
    log.write_bytes(log.read_bytes().replace(b"SECRET", b"SECRES", 1))
    code, said = call(capsys, "audit", "verify", reviewed.protocol)
    assert code == 1
    assert said == f"{log.relative_to(reviewed.path)}: entry 2: its content does not have the hash it states\n"
    assert call(capsys, "audit", "anchor", reviewed.protocol)[0] == 2


def test_list_shows_who_did_what_and_no_value(reviewed: Miniature, capsys: pytest.CaptureFixture[str]) -> None:
    """Entries by person, kind and case, one a line, without the value that was decided; an unknown kind is refused."""
    code, said = call(capsys, "audit", "list", reviewed.protocol, "--who", "reader-1", "--kind", "decision")
    assert (code, said.count("reader-1"), "SECRET" in said) == (0, 4, False)
    code, said = call(capsys, "audit", "list", reviewed.protocol, "--case", f"{2:016x}")
    assert (code, len(said.splitlines())) == (0, 2)
    code, said = call(capsys, "audit", "list", reviewed.protocol, "--kind", "opinion")
    assert (code, "no such kind" in said) == (2, True)


@pytest.mark.parametrize("by", ["beside", "given", "gone"])
def test_truncation_shows_by_any_anchor(reviewed: Miniature, capsys: pytest.CaptureFixture[str], by: str) -> None:
    """An anchor beside the log, or one written down elsewhere, shows the first entry that is missing."""
    log = find_log(reviewed)
    _, said = call(capsys, "audit", "anchor", reviewed.protocol)
    words: list[str] = []
    if by == "given":
        words = ["--anchor", said.splitlines()[-1]]
        derive_anchors_path(log).unlink()
    cut(log, 0 if by == "gone" else 3)
    if by == "gone":
        log.unlink()
    code, said = call(capsys, "audit", "verify", reviewed.protocol, *words)
    assert (code, f"entry {1 if by == 'gone' else 4}: missing" in said) == (1, True)


def test_mistakes_are_one_sentence(reviewed: Miniature, capsys: pytest.CaptureFixture[str]) -> None:
    """No log, no run, no anchor: exit code 2."""
    find_log(reviewed).rename(reviewed.data / "other.jsonl")
    plain = reviewed.protocol.read_text("utf-8").replace(REVIEW, "")
    (reviewed.protocol.parent / "plain.yaml").write_text(plain, encoding="utf-8")
    for words, sentence in (
        (["verify", reviewed.protocol], "has no audit log yet"),
        (["anchor", reviewed.protocol], "has no audit log yet"),
        (["verify", reviewed.path / "protocol" / "plain.yaml"], "declares no review"),
        (["verify", "none.jsonl"], "no audit log here"),
        (["verify", reviewed.data / "other.jsonl", "--run", "none"], "no complete run"),
        (["verify", reviewed.data / "other.jsonl", "--anchor", "3"], "number of entries, a colon and the hash"),
    ):
        code, said = call(capsys, "audit", *words)
        assert (code, said.count("\n"), sentence in said) == (2, 1, True)


def test_run_anchors_the_log_and_a_later_cut_gets_no_new_anchor(
    reviewed: Miniature, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run keeps the head in its manifest and beside the log; what is cut since shows, and gets no new anchor.

    The notebook that reads the log must run again when the log has changed.
    """
    log = find_log(reviewed)
    reviewed.write_notebook("04_review", COUNT, reads=("protocol", "review"))
    run_study(reviewed.protocol, reviewed.run, notebooks=reviewed.notebooks, only=["04_review"])
    kept = read_manifest(reviewed.run)
    assert [anchor.count for anchor in kept.audit["review/model.jsonl"]] == [5]
    assert [anchor.count for anchor in read_anchors(log)] == [5]
    assert "review/model.jsonl" in kept.data
    derive_anchors_path(log).unlink()
    cut(log, 3)
    assert call(capsys, "audit", "verify", reviewed.protocol)[0] == 1
    protocol = read_protocol(reviewed.protocol)
    assert derive_anchors(protocol, reviewed.data, kept) == kept.audit
    notebook = read_notebook(reviewed.notebooks / "04_review.ipynb")
    ground, run = derive_ground(protocol, reviewed.data, reviewed.path), RunFolder(reviewed.run)
    why = describe_staleness(run, "04_review", derive_inputs(notebook, ground, run, {}))
    assert why == "data: review/model.jsonl changed"
