"""A clone: what a run computed stands beside the sources before Quarto reads them, or one sentence says why not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from probatio.compendium.in_clone import LOCAL, RUN, find_run, reserve_pieces, stage_sources
from probatio.compendium.rendering import find_quarto
from probatio.protocol import UserError, compute_protocol_digest, read_protocol
from probatio.provenance import Manifest, ProtocolRecord, RunFolder, TaskRecord, derive_output_digests, write_manifest
from probatio.results import build_row, derive_csv, derive_table, write_bytes

PROJECT = Path(__file__).parents[2]
CONFIGURATION = """project:
  type: book
  output-dir: _book
lang: fr
metadata-files: [../_shared/format.yml, ../_shared/french.yml, ../_shared/lists.yml]
book:
  title: Essai
  chapters: [index.qmd]
bibliography: ../_shared/references.bib
"""
CHAPTER = "# Un {#sec-un}\n\n{{< include _run/outcomes.qmd >}}\n\nGraine {{< var design.seed >}}.\n"


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of the compendium with one small document and no run."""
    monkeypatch.delenv(RUN, raising=False)
    for name in ("protocol", "reports/_shared"):
        shutil.copytree(PROJECT / name, tmp_path / "clone" / name)
    (tmp_path / "clone" / "notebooks").mkdir()
    document = tmp_path / "clone" / "reports" / "essai"
    document.mkdir()
    (document / "_quarto.yml").write_text(CONFIGURATION, encoding="utf-8")
    (document / "index.qmd").write_text(CHAPTER, encoding="utf-8")
    return tmp_path / "clone"


def make_run(folder: Path, seed: int = 1994) -> Path:
    """Write a complete run of one row, as the pipeline would leave it."""
    digest = compute_protocol_digest(read_protocol(PROJECT / "protocol" / "lung.yaml"))
    task = RunFolder(folder).get_task("00_protocol")
    table = derive_table([build_row("setting", seed, term="seed")], study="lung", section="00_protocol",
                         protocol_digest=digest)  # fmt: skip
    write_bytes(task.rows, derive_csv(table))
    record = TaskRecord(notebook="x", needs=[], outputs=derive_output_digests(task), confidential={})
    manifest = Manifest(
        study="lung", protocol=ProtocolRecord(path="protocol/lung.yaml", digest=digest), data={}, parameters={},
        tasks={"00_protocol": record}, recorded={}, environment={"probatio": "0", "python": "3"},
    )  # fmt: skip
    write_manifest(folder, manifest)
    return folder


def test_quarto_finds_every_included_file_before_a_run(clone: Path) -> None:
    """An empty file stands in each piece's place; one that is there already is left alone."""
    assert reserve_pieces(clone) == 1
    piece = clone / "reports" / "essai" / "_run" / "outcomes.qmd"
    assert piece.read_bytes() == b""
    piece.write_text("présent", encoding="utf-8")
    assert reserve_pieces(clone) == 0
    assert piece.read_text(encoding="utf-8") == "présent"


def test_a_document_takes_the_run_that_is_there(clone: Path) -> None:
    """Pieces, variables and what Quarto lacks are written once for a run, and again when the run differs."""
    document, run = clone / "reports" / "essai", make_run(clone / "runs" / "lung")
    assert stage_sources(document) == (run, True)
    assert "Sans objet" in (document / "_run" / "outcomes.qmd").read_text(encoding="utf-8")
    assert '"seed": "1994"' in (document / "_variables.yml").read_text(encoding="utf-8")
    local = json.loads((document / LOCAL).read_text(encoding="utf-8"))
    assert 'default-locale="fr-FR"' in (document / local["csl"]).read_text(encoding="utf-8")
    assert local["format"]["typst"]["author"].strip("\u200b") == ""
    assert stage_sources(document) == (run, False)
    make_run(run, seed=7)
    assert stage_sources(document) == (run, True)
    assert '"seed": "7"' in (document / "_variables.yml").read_text(encoding="utf-8")


def test_what_was_staged_goes_stale(clone: Path) -> None:
    """Sources that lie there are refused once rows or protocol have changed, and written anew once a text has."""
    document, run = clone / "reports" / "essai", make_run(clone / "runs" / "lung")
    stage_sources(document)
    chapter = next(document.glob("*.qmd"))
    chapter.write_text(chapter.read_text(encoding="utf-8") + "\n## Plus {#sec-plus}\n", encoding="utf-8")
    assert stage_sources(document) == (run, True)
    rows = RunFolder(run).get_task("00_protocol").rows
    kept = rows.read_bytes()
    rows.write_bytes(kept.replace(b"1994", b"1995"))
    with pytest.raises(UserError, match=r"rows\.csv changed after the run"):
        stage_sources(document)
    rows.write_bytes(kept)
    protocol = clone / "protocol" / "lung.yaml"
    protocol.write_text(protocol.read_text(encoding="utf-8").replace("seed: 1994", "seed: 1995"), encoding="utf-8")
    with pytest.raises(UserError, match="changed since this run"):
        stage_sources(document)


def test_a_deck_has_no_pdf_of_quartos(clone: Path) -> None:
    """The author who prints nothing is for a PDF; a deck that named that format would be made as PDF too."""
    document = clone / "reports" / "essai"
    (document / "_quarto.yml").write_text("project: {type: default}\nlang: fr\nformat: {revealjs: default}\n", "utf-8")
    for path in document.glob("*.qmd"):
        path.unlink()
    (document / "essai.qmd").write_text('---\ntitle: "Essai"\n---\n\n## Une diapositive\n\nTexte.\n', "utf-8")
    make_run(clone / "runs" / "lung")
    stage_sources(document)
    assert "format" not in json.loads((document / LOCAL).read_text(encoding="utf-8"))


def test_the_newest_run_is_taken_unless_one_is_named(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a run, or with a name that leads to none, one sentence says what to do."""
    with pytest.raises(UserError, match=r"no complete run, .* run `probatio run protocol/demo\.yaml` first"):
        find_run(clone)
    old, new = make_run(clone / "runs" / "z"), make_run(clone / "runs" / "a")
    os.utime(old / "manifest.json", (1, 1))
    assert find_run(clone) == new
    monkeypatch.setenv(RUN, str(old))
    assert find_run(clone) == old
    monkeypatch.setenv(RUN, str(clone))
    with pytest.raises(UserError, match=r"PROBATIO_RUN=.*: no complete run there"):
        find_run(clone)
    with pytest.raises(UserError, match=r"no document; name a folder of reports/"):
        stage_sources(clone / "reports")


def call_stage(document: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    script = PROJECT / "reports" / "_shared" / "stage.py"
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PROBATIO_STAGED")}
    command = [sys.executable, *options, str(script)]
    return subprocess.run(
        command, cwd=document, env={**kept, **environment}, capture_output=True, text=True, check=False
    )


def test_quartos_step_says_what_is_missing(clone: Path) -> None:
    """A Python without probatio says what to set up; sources that are staged already are left alone."""
    document = clone / "reports" / "essai"
    without = call_stage(document, "-S", "-E")
    assert (without.returncode, without.stderr[:31]) == (1, "probatio is not installed here:")
    assert call_stage(document, "-S", "-E", PROBATIO_STAGED="1").returncode == 0
    assert not (document / "_run").exists()


@pytest.mark.skipif(find_quarto() is None, reason="Quarto is not installed")
def test_quarto_renders_a_clone(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`quarto render` alone takes the run's numbers, and fails with the sentence while there is no run."""
    monkeypatch.setenv("QUARTO_PYTHON", sys.executable)
    document = clone / "reports" / "essai"
    reserve_pieces(clone)

    def render() -> subprocess.CompletedProcess[str]:
        command = [str(find_quarto()), "render", str(document), "--to", "html"]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=clone)

    failed = render()
    assert failed.returncode
    assert "no complete run" in failed.stderr
    make_run(clone / "runs" / "lung")
    assert render().returncode == 0
    page = (document / "_book" / "index.html").read_text(encoding="utf-8")
    assert "Graine 1994." in page
    assert "Sans objet" in page
