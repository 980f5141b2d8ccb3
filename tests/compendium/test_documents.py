"""All documents: each is made or says why not, whatever became of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from probatio.cli import run_command
from probatio.compendium import documents
from probatio.compendium.documents import Document, list_formats, make_documents
from probatio.compendium.faults import TaskError
from probatio.compendium.report import list_documents
from probatio.protocol import UserError

PROJECT = Path(__file__).parents[2]
BOOK = "project:\n  type: book\nlang: fr\nbook:\n  title: A\n  chapters: [index.qmd]\n"
ALONE = "project:\n  type: default\nlang: fr\ntitle: A\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compendium of three studies and four documents, in which `article` cannot be rendered."""
    texts = {"thesis": BOOK, "article": ALONE, "slides": ALONE + "format: revealjs\n", "dashboard": "x: y\n"}
    for name, text in texts.items():
        folder = tmp_path / "reports" / name
        folder.mkdir(parents=True)
        (folder / "_quarto.yml").write_text(text, encoding="utf-8")
        (folder / "index.qmd").write_text("# A\n", encoding="utf-8")
    for folder in ("notebooks", "protocol", "reports/_shared"):
        (tmp_path / folder).mkdir()
    for study in ("demo", "lung", "tcga"):
        (tmp_path / "protocol" / f"{study}.yaml").write_text("", encoding="utf-8")

    def render(run: Path, formats: Any, *, document: str, **_: Any) -> dict[str, Path]:
        if document == "article" and run.name == "demo":
            raise UserError("article.qmd:3: a rule")
        if document == "slides":
            raise KeyError("P0042")
        return {form: run / "report" / f"{document}.{form}" for form in formats}

    monkeypatch.setattr(documents, "render_report", render)
    monkeypatch.setattr(documents, "find_reason_to_leave", lambda path: "not here" if path.stem == "tcga" else "")
    monkeypatch.setattr(documents, "run_study", lambda *_, **__: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(project: Path, **given: Any) -> list[Document]:
    return list(make_documents(project, workers=1, listen=lambda _: None, **{"fresh": True, **given}))


def test_every_folder_with_a_project_is_a_document(project: Path) -> None:
    """A document's formats follow from what it is; the shipped ones can all be told."""
    assert list_documents(project) == ["article", "dashboard", "slides", "thesis"]
    assert [list_formats(project, name) for name in list_documents(project)] == [
        ("html", "pdf", "docx"), ("html",), ("html", "pdf"), ("html", "pdf", "docx"),
    ]  # fmt: skip
    assert {"thesis", "oversight", "sheets"} <= set(list_documents(PROJECT))
    assert all(list_formats(PROJECT, name)[0] == "html" for name in list_documents(PROJECT))


def test_a_fault_hides_no_other_document(project: Path) -> None:
    """A refused source, a fault of the program and a study without data are told; the rest is made."""
    made = make(project)
    assert [(one.study, one.name, sorted(one.files)) for one in made] == [
        ("demo", "article", []), ("demo", "dashboard", ["html"]), ("demo", "slides", []),
        ("demo", "thesis", ["docx", "html", "pdf"]), ("lung", "article", ["docx", "html", "pdf"]),
        ("lung", "thesis", ["docx", "html", "pdf"]), ("tcga", "", []),
    ]  # fmt: skip
    assert made[0].fault == "article.qmd:3: a rule"
    assert made[2].fault.startswith("unforeseen KeyError; `probatio report runs/demo --document slides")
    assert "P0042" not in made[2].fault
    assert (made[-1].fault, made[-1].left_out) == ("", "not here")


def test_a_study_that_fails_keeps_the_others(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook's failure costs its study's documents only; without running, no study is looked at."""

    def fail(path: Path, *_: Any, **__: Any) -> None:
        if path.stem == "demo":
            raise TaskError("03_agreement failed")

    monkeypatch.setattr(documents, "run_study", fail)
    made = make(project, names=["thesis"])
    assert [(one.study, bool(one.files), bool(one.fault)) for one in made] == [
        ("demo", False, True), ("lung", True, False), ("tcga", False, False),
    ]  # fmt: skip
    assert [(one.study, bool(one.files)) for one in make(project, names=["thesis"], fresh=False)] == [
        ("demo", True), ("lung", True), ("tcga", True),
    ]  # fmt: skip


def test_the_command_prints_a_line_a_file(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each file with its document's seconds, one for each fault; the exit code says that one failed."""
    (project / "runs" / "lung" / "report").mkdir(parents=True)
    (project / "runs" / "lung" / "report" / "article_tables.xlsx").touch()
    assert run_command(["documents", "lung", "tcga"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("lung article html: ")
    assert said[0].endswith(" s)")
    assert said[3].startswith("lung article xlsx: ")
    assert said[-1] == "tcga: left out: not here"
    assert run_command(["documents", "demo", "--no-run"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert "demo article: failed: article.qmd:3: a rule" in said
    assert said[-1] == "2 of these failed; the others are made."
    assert run_command(["documents", "absent"]) == 2
    assert run_command(["documents", "--document", "absent"]) == 2
