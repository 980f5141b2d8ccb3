"""Render the same book with Quarto itself, when it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from probatio.compendium.rendering.errors import RenderingError
from probatio.compendium.rendering.reading.book import read_book

_TARGETS = {"html": "html", "pdf": "typst", "docx": "docx"}
_IGNORED = shutil.ignore_patterns("_book", ".quarto", ".git", "*.partial")


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
        RenderingError: Quarto is not installed, or it failed (its last lines are in the sentence).
    """
    program = find_quarto()
    if program is None:
        raise RenderingError("Quarto is not on the PATH; install it, or render without --quarto.")
    stem = read_book(project, run_folder).stem
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="probatio-quarto-", dir=output) as name:
        copy = Path(name) / "book"
        shutil.copytree(project, copy, ignore=_IGNORED)
        if run_folder is not None:
            shutil.copytree(run_folder, copy, dirs_exist_ok=True, ignore=_IGNORED)
        return {form: _render(program, copy, form, output, stem) for form in formats}


def _render(program: Path, copy: Path, form: str, output: Path, stem: str) -> Path:
    if form not in _TARGETS:
        raise RenderingError(f"format '{form}' is unknown; choose among {', '.join(_TARGETS)}.")
    command = [str(program), "render", str(copy), "--to", _TARGETS[form], "--no-execute", "--output-dir", "_book"]
    done = subprocess.run(command, capture_output=True, check=False, cwd=copy)  # noqa: S603 - an argument list
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise RenderingError(f"Quarto failed on {form}: {' '.join(lines[-3:])}")
    made = copy / "_book"
    if form == "html":
        shutil.rmtree(output / stem, ignore_errors=True)
        made.rename(output / stem)
        return output / stem / "index.html"
    found = sorted(made.glob(f"*.{form}"))
    if not found:
        raise RenderingError(f"Quarto wrote no {form}; see `format:` in _quarto.yml.")
    target = output / f"{stem}.{form}"
    found[0].replace(target)
    return target
