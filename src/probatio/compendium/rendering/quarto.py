"""Render the same book with Quarto itself, when it is installed.

Quarto works on a copy in which four things are put right that it does not do alone: its PDF fails
for a book without an author; its DOCX takes no SVG unless librsvg is installed; the list of
references of its HTML ignores the book's language; and a reference, citation or value that does not
exist is a warning and a question mark in print.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from probatio.compendium.rendering.errors import RenderingError
from probatio.compendium.rendering.pandoc import run_pandoc
from probatio.compendium.rendering.reading.book import SHARED, Book
from probatio.compendium.rendering.reading.project import read_book
from probatio.compendium.rendering.writing.docx import render_png

_TARGETS = {"html": "html", "pdf": "typst", "docx": "docx"}
_IGNORED = shutil.ignore_patterns("_book", ".quarto", ".git", "*.partial")
_LOCALES = {"fr": "fr-FR", "en": "en-US"}
_PROFILE = "probatio"
NO_AUTHOR = "\u200b"  # a name that prints nothing
STAGED = "PROBATIO_STAGED"
"""Set for Quarto when the sources it is given hold the run's pieces already."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_SVG = re.compile(r"(?<=\]\()([^()\s]+)\.svg(?=[)\s])")
_GAP = re.compile(
    r"Unable to resolve crossref \S+|citation \S+ not found|Unknown var \S+"
    r"|Could not (?:fetch resource|convert image) \S+"
)


def find_quarto() -> Path | None:
    """Return Quarto's program: `QUARTO_PATH` if it is set, else the one on the PATH, else None."""
    given = os.environ.get("QUARTO_PATH")
    found = given if given and Path(given).is_file() else shutil.which("quarto")
    return Path(found) if found else None


def render_with_quarto(
    project: Path, output: Path, formats: Sequence[str], *, run_folder: Path | None = None
) -> dict[str, Path]:
    """Render the book in `project` with Quarto; no cell is executed (the sources hold none).

    The project is copied first, with `run_folder` laid over it, so that Quarto writes nothing into
    the sources. The PDF is made by Quarto's typst format. Quarto makes the HTML of a book as a site
    of several pages: it is put at `<output>/<stem>/` and its `index.html` is returned.

    Raises:
        RenderingError: Quarto is not installed, it failed, or it left a gap: a reference, a citation,
            a variable or an image that does not exist.
    """
    program = find_quarto()
    if program is None:
        raise RenderingError("Quarto is not on the PATH; install it, or use --renderer embedded.")
    if stray := [form for form in formats if form not in _TARGETS]:
        raise RenderingError(f"format '{stray[0]}' is unknown; choose among {', '.join(_TARGETS)}.")
    book = read_book(project, run_folder)
    if book.kind == "slides" and set(formats) != {"html"}:
        raise RenderingError("Quarto makes slides as html; print the deck, or use --renderer embedded for its PDF.")
    output.mkdir(parents=True, exist_ok=True)
    made = {}
    for form in formats:
        with tempfile.TemporaryDirectory(prefix="probatio-quarto-", dir=output) as name:
            copy = _copy_project(project, run_folder, Path(name).resolve() / "book")
            _run_quarto(program, copy, form, book)
            made[form] = _put(copy / "_book", form, output / book.stem)
    return made


def _copy_project(project: Path, run_folder: Path | None, copy: Path) -> Path:
    shutil.copytree(project, copy, ignore=_IGNORED)
    if (project.parent / SHARED).is_dir():
        shutil.copytree(project.parent / SHARED, copy.parent / SHARED)
    if run_folder is not None:
        shutil.copytree(run_folder, copy, dirs_exist_ok=True, ignore=_IGNORED)
    return copy


def _run_quarto(program: Path, copy: Path, form: str, book: Book) -> None:
    (copy / f"_quarto-{_PROFILE}.yml").write_text(json.dumps(_derive_profile(copy, form, book)), encoding="utf-8")
    if form == "docx":
        _replace_drawings(copy)
    target = "revealjs" if book.kind == "slides" else _TARGETS[form]
    command = [str(program), "render", str(copy), "--to", target, "--no-execute", "--output-dir", "_book"]
    command += ["--profile", _PROFILE]
    environment = {**os.environ, STAGED: "1"}
    done = subprocess.run(command, capture_output=True, check=False, cwd=copy, env=environment)  # noqa: S603 - a list
    said = _COLOUR.sub("", done.stderr.decode("utf-8", "replace"))
    if done.returncode:
        raise RenderingError(f"Quarto failed on {form}: {_find_reason(said)}")
    if gap := _GAP.search(said):
        raise RenderingError(f"Quarto left a gap in the {form}: {gap[0]}; correct the source.")


def _derive_profile(copy: Path, form: str, book: Book) -> dict[str, Any]:
    """Return what is laid over `_quarto.yml` for one format, as one of Quarto's profiles."""
    if form == "pdf" and not book.authors:
        return {"book": {"author": NO_AUTHOR}}
    if form == "html" and book.bibliography and not book.style:
        return {"csl": write_style(copy, book.language).name}
    return {}


def _find_reason(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    start = next((number for number, line in enumerate(lines) if line.startswith("ERROR")), len(lines) - 3)
    return " ".join(lines[max(start, 0) :][:3])


def write_style(folder: Path, language: str) -> Path:
    """Write pandoc's own citation style into a folder, with the book's language as its locale."""
    style = run_pandoc(["--print-default-data-file", "default.csl"], "").decode()
    path = folder / "_style.csl"
    path.write_text(style.replace("<style ", f'<style default-locale="{_LOCALES[language]}" ', 1), encoding="utf-8")
    return path


def _replace_drawings(copy: Path) -> None:
    """Put a PNG beside every SVG that has none, and name the PNG in the texts."""
    for drawing in sorted(copy.rglob("*.svg")):
        picture = drawing.with_suffix(".png")
        if not picture.exists():
            with tempfile.TemporaryDirectory(dir=copy.parent) as folder:
                picture.write_bytes(render_png(drawing, Path(folder)))
    for path in sorted([*copy.rglob("*.qmd"), *copy.rglob("*.md")]):
        path.write_text(_SVG.sub(r"\1.png", path.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")


def _put(made: Path, form: str, target: Path) -> Path:
    """Move what Quarto wrote to its place; return the file to open."""
    if form == "html":
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)
        pages = sorted(target.glob("*.html"))
        return target / "index.html" if len(pages) != 1 else pages[0]
    found = sorted(made.glob(f"*.{form}"))
    if not found:
        raise RenderingError(f"Quarto wrote no {form}; see `format:` in _quarto.yml.")
    return found[0].replace(target.with_name(f"{target.name}.{form}"))
