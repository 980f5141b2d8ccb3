"""Quarto: a stand-in shows what it is given and what its words lead to; where the real one is, it agrees."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from probatio.compendium.rendering import RenderingError, find_quarto, render_with_quarto

NEEDS_SHELL = pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
NEEDS_QUARTO = pytest.mark.skipif(find_quarto() is None, reason="Quarto is not installed")
THESIS = Path(__file__).parents[2] / "reports" / "thesis"
AUTHOR = "  author: Camille Exemple\n"
CONFIGURATION = f"""project:
  type: book
lang: fr
book:
  title: "Essai"
{AUTHOR}  chapters: [index.qmd, chapitre.qmd]
bibliography: references.bib
"""
CHAPTER = """# Chapitre {#sec-chapitre}

Voir @fig-a et [@dupont2020].

![Une figure](/figures/a.svg){#fig-a fig-alt="Un rectangle"}

![Une autre](figures/b.svg){#fig-b fig-alt="Un rectangle"}
"""
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="15"><rect width="30" height="15"/></svg>'
FILES = {
    "_quarto.yml": CONFIGURATION,
    "_variables.yml": 'n: "1"\n',
    "index.qmd": "# Avant-propos {.unnumbered}\n\nUn.\n",
    "chapitre.qmd": CHAPTER,
    "references.bib": "@article{dupont2020, author={Dupont, Anne}, title={Un cadre}, journal={Revue}, year={2020}}\n",
    "figures/a.svg": SVG,
    "figures/b.svg": SVG,
}


def make_book(project: Path) -> Path:
    for name, text in FILES.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text, encoding="utf-8")
    return project


def write_stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a shell script in Quarto's place; `$4` is the format, the folder is the copied book."""
    program = folder / "quarto"
    program.write_text(f"#!/bin/sh\nmkdir -p _book\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("QUARTO_PATH", str(program))


def read_pages(pdf: Path) -> list[str]:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    done = subprocess.run(["pdftotext", str(pdf), "-"], capture_output=True, check=True)
    return [" ".join(page.split()) for page in done.stdout.decode().split("\f")]


def test_quarto_is_found_by_variable_or_path(tmp_path, monkeypatch):
    """Quarto is the program that QUARTO_PATH names, else the one on the PATH, else absent."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("QUARTO_PATH", raising=False)
    assert find_quarto() is None
    with pytest.raises(RenderingError, match="Quarto is not on the PATH"):
        render_with_quarto(make_book(tmp_path / "these"), tmp_path / "out", ["html"])
    program = tmp_path / "programme"
    program.write_text("", encoding="utf-8")
    monkeypatch.setenv("QUARTO_PATH", str(program))
    assert find_quarto() == program


@NEEDS_SHELL
def test_quartos_files_take_the_same_names(tmp_path, monkeypatch):
    """What Quarto makes from a copy with the run laid over it is collected under the book's name."""
    write_stand_in(
        tmp_path,
        monkeypatch,
        'case "$4" in html) cp _variables.yml _book/index.html;; typst) echo "$@" > _book/Titre.pdf;; esac',
    )
    project, run, out = make_book(tmp_path / "these"), tmp_path / "run", tmp_path / "out"
    run.mkdir()
    (run / "_variables.yml").write_text("a: b\n", encoding="utf-8")
    made = render_with_quarto(project, out, ["html", "pdf"], run_folder=run)
    assert made == {"html": out / "these" / "index.html", "pdf": out / "these.pdf"}
    assert made["html"].read_text(encoding="utf-8") == "a: b\n"
    assert "--to typst --no-execute" in made["pdf"].read_text(encoding="utf-8")
    assert sorted(path.name for path in out.iterdir()) == ["these", "these.pdf"]


@NEEDS_SHELL
def test_quartos_failure_is_told_from_its_first_error(tmp_path, monkeypatch):
    """A failure is told by Quarto's error, without colours, or by its last lines where it names none."""
    project = make_book(tmp_path / "these")
    write_stand_in(tmp_path, monkeypatch, "printf 'un\\n\\033[91mERROR: refus\\033[39m\\ncar\\n' >&2; exit 1")
    with pytest.raises(RenderingError, match=r"^Quarto failed on docx: ERROR: refus car$"):
        render_with_quarto(project, tmp_path / "out", ["docx"])
    write_stand_in(tmp_path, monkeypatch, "printf '1\\n2\\n3\\n4\\n' >&2; exit 1")
    with pytest.raises(RenderingError, match=r"^Quarto failed on html: 2 3 4$"):
        render_with_quarto(project, tmp_path / "out", ["html"])
    assert list((tmp_path / "out").iterdir()) == []


def test_an_unknown_format_is_refused_before_quarto_runs(tmp_path, monkeypatch):
    """A format that is not html, pdf or docx is refused and nothing is written."""
    program = tmp_path / "quarto"
    program.write_text("", encoding="utf-8")
    monkeypatch.setenv("QUARTO_PATH", str(program))
    with pytest.raises(RenderingError, match="format 'odt' is unknown"):
        render_with_quarto(make_book(tmp_path / "these"), tmp_path / "out", ["html", "odt"])
    assert not (tmp_path / "out").exists()


@NEEDS_SHELL
def test_quartos_document_for_word_takes_pictures(tmp_path, monkeypatch):
    """For DOCX every drawing becomes a PNG, the one that stands beside it or one made, in the copy only."""
    write_stand_in(tmp_path, monkeypatch, "cat chapitre.qmd figures/*.png > _book/x.docx")
    project = make_book(tmp_path / "these")
    (project / "figures" / "b.png").write_bytes(b"beside")
    written = render_with_quarto(project, tmp_path / "out", ["docx"])["docx"].read_bytes()
    assert written.startswith(CHAPTER.replace(".svg", ".png").encode() + b"\x89PNG")
    assert written.endswith(b"beside")
    assert (project / "chapitre.qmd").read_text(encoding="utf-8") == CHAPTER
    assert not (project / "figures" / "a.png").exists()


@NEEDS_SHELL
@pytest.mark.parametrize(
    ("author", "form", "expected"),
    [
        (AUTHOR, "pdf", {}),
        ("", "pdf", {"book": {"author": "\u200b"}}),
        ("", "docx", {}),
        (AUTHOR, "html", {"csl": "_style.csl"}),
    ],
)
def test_quarto_is_given_what_it_lacks(tmp_path, monkeypatch, author, form, expected):
    """A PDF without an author gets an empty one, an HTML list of references the book's language, by a profile."""
    script = 'case "$*" in *"--profile probatio") ;; *) exit 1;; esac; [ $4 = html ] && cp _style.csl _book\n'
    script += "for f in index.html x.pdf x.docx; do cp _quarto-probatio.yml _book/$f; done"
    write_stand_in(tmp_path, monkeypatch, script)
    project = make_book(tmp_path / "these")
    (project / "_quarto.yml").write_text(CONFIGURATION.replace(AUTHOR, author), encoding="utf-8")
    made = render_with_quarto(project, tmp_path / "out", [form])[form]
    assert json.loads(made.read_text(encoding="utf-8")) == expected
    if form == "html":
        assert '<style default-locale="fr-FR" ' in (made.parent / "_style.csl").read_text(encoding="utf-8")


@NEEDS_SHELL
@pytest.mark.parametrize(
    "said",
    [
        "WARN: index.html: Unable to resolve crossref @fig-nulle",
        "[WARNING] Citeproc: citation nulle2020 not found",
        "WARNING (shortcodes-handlers.lua:302) Unknown var etude.nulle specified in a var shortcode.",
        "[WARNING] Could not fetch resource nulle.png: replacing image with description",
    ],
)
def test_quartos_question_marks_are_errors(tmp_path, monkeypatch, said):
    """What Quarto could not resolve stops the rendering, and nothing is put in place."""
    write_stand_in(tmp_path, monkeypatch, f"echo '{said}' >&2; touch _book/index.html")
    with pytest.raises(RenderingError, match=r"left a gap in the html: .*nulle.*; correct the source"):
        render_with_quarto(make_book(tmp_path / "these"), tmp_path / "out", ["html"])
    assert list((tmp_path / "out").iterdir()) == []


@NEEDS_QUARTO
def test_quartos_own_warnings_are_understood(tmp_path):
    """A label, a key or a variable that does not exist is refused with Quarto's own words."""
    for text, gap in (("@fig-nulle", "@fig-nulle"), ("[@nulle2020]", "nulle2020"), ("{{< var nulle >}}", "nulle")):
        project = make_book(tmp_path / "these")
        (project / "index.qmd").write_text(f"# Avant-propos\n\nVoir {text}.\n", encoding="utf-8")
        with pytest.raises(RenderingError, match=f"left a gap in the docx: .*{gap}"):
            render_with_quarto(project, tmp_path / "out", ["docx"])


@NEEDS_QUARTO
def test_quartos_word_document_holds_the_drawings(tmp_path):
    """Quarto's DOCX has the captions with their numbers and every drawing as a picture."""
    made = render_with_quarto(make_book(tmp_path / "these"), tmp_path / "out", ["docx"])["docx"]
    with zipfile.ZipFile(made) as word:
        root = ET.fromstring(word.read("word/document.xml"))
        pictures = [name for name in word.namelist() if name.startswith("word/media/")]
    text = "".join(node.text or "" for node in root.iter() if node.tag.endswith("}t"))
    assert {"Figure 1.1", "Figure 1.2"} <= set(re.findall(r"Figure \d\.\d", text.replace("\u00a0", " ")))
    assert [Path(name).suffix for name in pictures] == [".png", ".png"]


@NEEDS_QUARTO
def test_the_thesis_makes_quartos_pdf_break_its_tables(tmp_path):
    """Under the thesis's own settings a long table goes on over the pages, with its numbered French caption."""
    project = make_book(tmp_path / "these")
    shutil.copytree(THESIS.parent / "_shared", tmp_path / "_shared")
    settings = yaml.safe_load((THESIS / "_quarto.yml").read_text(encoding="utf-8"))
    settings["book"] |= {"chapters": ["index.qmd", "chapitre.qmd"], "appendices": ["annexe.qmd"]}
    settings["bibliography"] = "references.bib"
    (project / "_quarto.yml").write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    rows = "".join(f"| ligne{number:03d} | 1 |\n" for number in range(150))
    annex = (
        f"# Annexe {{#sec-x}}\n\nDans le @sec-chapitre ; @tbl-x.\n\n| A | B |\n|:--|--:|\n{rows}\n: Longue {{#tbl-x}}\n"
    )
    (project / "annexe.qmd").write_text(annex, encoding="utf-8")
    pages = read_pages(render_with_quarto(project, tmp_path / "out", ["pdf"])["pdf"])
    shown = [re.findall(r"ligne\d{3}", page) for page in pages]
    assert [name for page in shown for name in page] == [f"ligne{number:03d}" for number in range(150)]
    assert max(len(page) for page in shown) < 60
    text = " ".join(pages).replace("\u00a0", " ")
    assert "Tableau A.1 : Longue" in text
    assert "Dans le Chapitre 1 ; Tableau A.1." in text
    assert "(Dupont 2020)" in text
