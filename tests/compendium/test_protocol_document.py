"""The written protocol is made before any data exist, from the protocol alone; what nobody wrote stays visibly open."""

from __future__ import annotations

import hashlib
import re
import shutil
import zipfile
from pathlib import Path

import pytest
import yaml

from probatio.cli import run_command
from probatio.compendium.making import write_pieces
from probatio.compendium.protocol_document import DOCUMENTS, derive_sources
from probatio.compendium.report import list_included
from probatio.protocol import Language, compute_protocol_digest, read_protocol

PROJECT = Path(__file__).parents[2]
HARPER = (
    "Title page", "Abstract", "Amendments and updates", "Milestones", "Rationale and background",
    "Research question and objectives", "Research methods", "Limitations of the methods",
    "Protection of human subjects", "Reporting of adverse events", "References",
)  # fmt: skip
"""Wang et al. 2022: the sections, in their order; appendices follow."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project without its data: protocols and documents alone."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(PROJECT / "protocol", folder / "protocol")
    for name in ("_shared", *DOCUMENTS.values()):
        shutil.copytree(PROJECT / "reports" / name, folder / "reports" / name)
    (folder / "notebooks").mkdir()
    return folder


@pytest.fixture(scope="module")
def made(project: Path) -> dict[str, Path]:
    """What the command writes for the demonstration study."""
    output = project / "out"
    words = ["--to", "html,docx", "--out", str(output), "--renderer", "embedded", "--language", "en"]
    assert run_command(["protocol", str(project / "protocol" / "demo.yaml"), *words]) == 0
    return {path.suffix[1:]: path for path in output.iterdir() if path.is_file()}


def read_text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"<style.*?</style>", "", html, flags=re.DOTALL)))


def test_it_is_rendered_where_no_data_exist(project: Path, made: dict[str, Path]) -> None:
    """There is no data folder, and no run: the document can be signed before anything is read."""
    assert not (project / "data").exists()
    assert not (project / "runs").exists()
    assert {kind for kind in made if made[kind].stat().st_size > 10_000} == {"html", "docx", "json"}


def test_sections_are_harpers(made: dict[str, Path]) -> None:
    """The sections stand in HARPER's order."""
    headings = re.findall(r"<h[12][^>]*>(.*?)</h[12]>", made["html"].read_text("utf-8"), flags=re.DOTALL)
    titles = [re.sub(r"^[\d.\s]+", "", read_text(heading).strip()) for heading in headings]
    assert [title for title in titles if title in HARPER] == list(HARPER)


def test_paper_and_file_are_tied_by_the_digest(project: Path, made: dict[str, Path]) -> None:
    """Every signature has the digest beside it, in the Word file too, and it is the SHA-256 of the file beside."""
    digest = compute_protocol_digest(read_protocol(project / "protocol" / "demo.yaml"))
    assert hashlib.sha256(made["json"].read_bytes()).hexdigest() == digest
    with zipfile.ZipFile(made["docx"]) as parts:
        word = re.sub(r"<[^>]+>", "", parts.read("word/document.xml").decode("utf-8"))
    for text in (word, read_text(made["html"].read_text("utf-8"))):
        assert len(re.findall(rf"Digest signed:\s*{digest}", text)) == len(
            ("sponsor", "investigator", "method", "data")
        )


def test_what_nobody_wrote_is_open_and_what_was_written_is_not(made: dict[str, Path]) -> None:
    """Milestones of the demonstration are open, in a box; its question is shown, and no box asks for it."""
    text = read_text(made["html"].read_text("utf-8"))
    assert "To be completed Steps and planned dates" in text
    assert "key written.question" not in text
    assert "None" not in text


def test_the_amendment_is_shown_with_its_keys(made: dict[str, Path]) -> None:
    """What changed is read off the kept version: the assurance, from nothing to 0.9, after the reference was seen."""
    text = read_text(made["html"].read_text("utf-8"))
    assert re.search(r"monitoring\.assurance: – → 0\.9", text)
    assert "decided after data had been seen: 1; after AI data: 0" in text


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("study", ["lung", "tcga"])
def test_every_piece_of_the_document_is_made_for_other_studies(
    project: Path, tmp_path: Path, study: str, language: Language
) -> None:
    """Studies without plan, review or matrix have every piece, as content, as a box or as a sentence."""
    path = project / "protocol" / f"{study}.yaml"
    given = derive_sources(path, read_protocol(path), language)
    pieces = list_included(PROJECT / "reports" / DOCUMENTS[language])
    write_pieces(given, tmp_path, [piece for piece in pieces if piece.kind != "fig"], pictures=False)
    texts = {file.stem: file.read_text("utf-8") for file in tmp_path.glob("*.qmd")}
    assert len(texts) == len(pieces) - 1
    assert not [name for name, text in texts.items() if not text.strip()]


def test_both_languages_say_the_same_in_the_same_order() -> None:
    """One text per language, with the same pieces, values and sections."""

    def find(language: Language) -> list[str]:
        text = (PROJECT / "reports" / DOCUMENTS[language] / "protocol.qmd").read_text("utf-8")
        return re.findall(r"\{\{<.*?>\}\}|^#+ |\{#sec-\w+\}", text, flags=re.MULTILINE)

    assert find("fr") == find("en")
    shared = [
        yaml.safe_load((PROJECT / "reports" / name / "_quarto.yml").read_text("utf-8")) for name in DOCUMENTS.values()
    ]
    assert [configuration["lang"] for configuration in shared] == [*DOCUMENTS]


def test_another_language_is_one_sentence(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The document is written in French and English; what else is asked for is refused with exit code 2."""
    assert run_command(["protocol", str(project / "protocol" / "lung.yaml"), "--language", "de"]) == 2
    assert "--language de: write fr or en." in capsys.readouterr().err
