"""Call pandoc, from its wheel: one process, an argument list, no shell, no network."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pypandoc

from probatio.compendium.rendering.errors import RenderingError
from probatio.compendium.rendering.tree import Node

# HTML's own div and span are raw HTML here, so that the check of the subset sees and refuses them.
READER = "markdown-native_divs-native_spans"
API_VERSION = [1, 23, 1]


@cache
def _find_pandoc() -> str:
    return str(pypandoc.get_pandoc_path())


def run_pandoc(arguments: Sequence[str], text: str | bytes, *, epoch: int = 0, folder: Path | None = None) -> bytes:
    """Run pandoc in `folder` with `text` on its standard input and return its standard output.

    Raises:
        RenderingError: pandoc failed or warned (a formula it cannot convert, an unclosed `:::`).
    """
    given = text.encode() if isinstance(text, str) else text
    done = subprocess.run(  # noqa: S603 - an argument list, no shell, and a path from the wheel
        [_find_pandoc(), *arguments],
        input=given,
        capture_output=True,
        check=False,
        cwd=folder,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)},
    )
    complaint = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode or complaint:
        raise RenderingError(" ".join(complaint.split()) or f"pandoc ended with {done.returncode}")
    return done.stdout


def read_markdown(text: str, reader: str = READER) -> list[Node]:
    """Return the blocks of a Markdown text."""
    blocks: list[Node] = json.loads(run_pandoc(["-f", reader, "-t", "json"], text))["blocks"]
    return blocks


def read_citation_keys(bibliography: Path) -> set[str]:
    """Return the keys of a BibTeX file.

    Raises:
        RenderingError: the file is missing or is not BibTeX.
    """
    try:
        entries = json.loads(run_pandoc(["-f", "biblatex", "-t", "csljson"], bibliography.read_bytes()))
    except FileNotFoundError:
        raise RenderingError(f"{bibliography}: no such bibliography; correct `bibliography` in _quarto.yml.") from None
    except RenderingError as error:
        raise RenderingError(f"{bibliography}: not a bibliography: {error}; correct the entry.") from None
    return {entry["id"] for entry in entries}


def derive_cited(blocks: list[Node], bibliography: Path, *, language: str, style: Path | None) -> list[Node]:
    """Return the blocks with citations written out and the bibliography in `::: {#refs}`."""
    arguments = [
        "-f",
        "json",
        "-t",
        "json",
        "--citeproc",
        f"--bibliography={bibliography}",
        f"--metadata=lang:{language}",
    ]
    arguments += ["--metadata=link-citations:true", *([f"--csl={style}"] if style else [])]
    cited: list[Node] = json.loads(run_pandoc(arguments, write_json(blocks)))["blocks"]
    return cited


def write_json(blocks: list[Node], meta: dict[str, Any] | None = None) -> str:
    """Return the document as pandoc reads it."""
    return json.dumps({"pandoc-api-version": API_VERSION, "meta": meta or {}, "blocks": blocks}, ensure_ascii=False)
