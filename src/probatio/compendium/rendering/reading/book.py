"""A document's project as the renderer knows it: metadata, chapters, and where its files are sought."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

Kind = Literal["book", "article", "slides"]
SHARED = "_shared"
"""The folder beside the documents that holds what they share."""


@dataclass(frozen=True)
class Author:
    """One author with the institution named on the title page."""

    name: str
    affiliation: str = ""


@dataclass(frozen=True)
class Book:
    """A Quarto project: a book of chapters, an article (one document), or slides (one document).

    `overlay` is a folder laid over the project: a file is taken from it when it is there.
    """

    project: Path
    overlay: Path | None
    kind: Kind
    language: str
    title: str
    subtitle: str
    authors: tuple[Author, ...]
    date: datetime.date | None
    date_text: str
    abstract: str
    keywords: tuple[str, ...]
    chapters: tuple[str, ...]
    appendices: tuple[str, ...]
    bibliography: str
    style: str
    number_depth: int
    toc_depth: int
    line_numbers: bool
    stem: str
    words: dict[str, str]

    def find_file(self, name: str) -> Path | None:
        """Return the file of the project (or of the overlay) with this path, or None.

        A path that leaves the project is never found, except into the folder `../_shared`.
        """
        shared = name.startswith(f"../{SHARED}/")
        parts = PurePosixPath(name.removeprefix("../") if shared else name.lstrip("/")).parts
        if ".." in parts or not parts or ":" in name or "\\" in name:
            return None
        for folder in (self.project.parent,) if shared else (self.overlay, self.project):
            if folder is not None and (folder / Path(*parts)).is_file():
                return folder / Path(*parts)
        return None

    def name_file(self, name: str) -> str:
        """Return the path that an error names."""
        return (self.find_file(name) or self.project / name.lstrip("/")).as_posix()
