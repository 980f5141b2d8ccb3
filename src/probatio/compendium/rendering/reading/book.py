"""Read `_quarto.yml`: what the book is called, its chapters in order, and its words."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from probatio.compendium.rendering.errors import RenderingError
from probatio.compendium.rendering.reading.configuration import (
    UNREAD,
    Configuration,
    merge_configurations,
    read_configuration,
)
from probatio.compendium.rendering.reading.words import CROSSREF_KEYS, WORDS, render_date

_TOP = (
    "project", "metadata-files", "lang", "book", "bibliography", "csl", "crossref", "number-sections", "number-depth",
    "toc", "toc-depth", "link-citations", *UNREAD,
)  # fmt: skip
SHARED = "_shared"
"""The folder beside the documents that holds what they share."""
_BOOK = ("title", "subtitle", "author", "date", "abstract", "chapters", "appendices", "output-file")
_MOVING_DATES = ("today", "now", "last-modified")


@dataclass(frozen=True)
class Author:
    """One author with the institution named on the title page."""

    name: str
    affiliation: str = ""


@dataclass(frozen=True)
class Book:
    """A Quarto book project: metadata, chapters and where its files are sought.

    `overlay` is a folder laid over the project: a file is taken from it when it is there.
    """

    project: Path
    overlay: Path | None
    language: str
    title: str
    subtitle: str
    authors: tuple[Author, ...]
    date: datetime.date | None
    date_text: str
    abstract: str
    chapters: tuple[str, ...]
    appendices: tuple[str, ...]
    bibliography: str
    style: str
    number_depth: int
    toc_depth: int
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


def read_book(project: Path, overlay: Path | None = None) -> Book:
    """Read the book project in the folder `project`.

    Raises:
        RenderingError: no `_quarto.yml`, not a book, an unknown key, a missing chapter; with line.
    """
    path = project / "_quarto.yml"
    if not path.is_file():
        raise RenderingError(f"{path.as_posix()}: no such file; name the folder of a Quarto book.")
    found = _read_metadata(read_configuration(path.read_text(encoding="utf-8"), path.as_posix()), project)
    _check_configuration(found)
    language = found.read_text(("lang",), "fr").split("-")[0]
    date, date_text = _read_date(found, language)
    book = Book(
        project=project,
        overlay=overlay,
        language=language,
        title=found.read_text(("book", "title")),
        subtitle=found.read_text(("book", "subtitle")),
        authors=_read_authors(found),
        date=date,
        date_text=date_text,
        abstract=found.read_text(("book", "abstract")),
        chapters=_read_names(found, "chapters"),
        appendices=_read_names(found, "appendices"),
        bibliography=found.read_text(("bibliography",)),
        style=found.read_text(("csl",)),
        number_depth=_read_depth(found, "number-depth", 6),
        toc_depth=_read_depth(found, "toc-depth", 3),
        stem=found.read_text(("book", "output-file"), project.resolve().name),
        words=WORDS[language] | {key: found.read_text(("crossref", key)) for key in found.value.get("crossref", {})},
    )
    _check_files(found, book)
    return book


def _read_metadata(found: Configuration, project: Path) -> Configuration:
    """Return the configuration with what its `metadata-files` hold."""
    names = found.get_value(("metadata-files",), [])
    for index, name in enumerate(names if isinstance(names, list) else [None]):
        path = project / name if isinstance(name, str) and name.startswith(f"../{SHARED}/") else None
        if path is None or ".." in PurePosixPath(name).parts[1:] or not path.is_file():
            raise found.refuse(("metadata-files", index), f"no such file; name one of ../{SHARED}/, in a list.")
        found = merge_configurations(found, read_configuration(path.read_text(encoding="utf-8"), path.as_posix()))
    return found


def _check_configuration(found: Configuration) -> None:
    found.check_keys((), _TOP)
    for key, allowed in (("project", ("type", "output-dir", "render")), ("book", _BOOK)):
        if key not in found.value:
            raise found.refuse((key,), "missing; a book has `project: type: book` and `book:`.")
        found.check_keys((key,), allowed)
    if "crossref" in found.value:
        found.check_keys(("crossref",), CROSSREF_KEYS)
    if found.get_value(("project", "type")) != "book":
        raise found.refuse(("project", "type"), "only books are rendered; write `type: book`.")
    if found.read_text(("lang",), "fr").split("-")[0] not in WORDS:
        raise found.refuse(("lang",), "the renderer writes French and English; write fr or en.")
    for key in ("toc", "number-sections", "link-citations"):
        if found.read_text((key,), "true") != "true":
            raise found.refuse((key,), "this cannot be switched off; write true or remove the key.")
    for key in ("title", "chapters"):
        if not found.get_value(("book", key)):
            raise found.refuse(("book", key), "missing; a book has a title and chapters.")


def _check_files(found: Configuration, book: Book) -> None:
    for key, names in (("chapters", book.chapters), ("appendices", book.appendices)):
        for index, name in enumerate(names):
            if book.find_file(name) is None:
                raise found.refuse(("book", key, index), f"no file {name} in the project; correct the name.")
    for key, name in (("bibliography", book.bibliography), ("csl", book.style)):
        if name and book.find_file(name) is None:
            raise found.refuse((key,), f"no file {name} in the project; correct the name.")
    if book.chapters[0] != "index.qmd":
        raise found.refuse(("book", "chapters", 0), "the first chapter of a Quarto book is index.qmd; put it first.")
    if len({*book.chapters, *book.appendices}) < len(book.chapters) + len(book.appendices):
        raise found.refuse(("book", "chapters"), "a chapter stands twice; keep one.")


def _read_names(found: Configuration, key: str) -> tuple[str, ...]:
    names = found.get_value(("book", key), [])
    for index, name in enumerate(names if isinstance(names, list) else [None]):
        if not isinstance(name, str) or not name.endswith(".qmd"):
            raise found.refuse(("book", key, index), "expected the name of a .qmd file; parts are not rendered.")
    return tuple(names)


def _read_authors(found: Configuration) -> tuple[Author, ...]:
    given = found.get_value(("book", "author"), [])
    authors = []
    for index, item in enumerate(given if isinstance(given, list) else [given]):
        where = ("book", "author", index) if isinstance(given, list) else ("book", "author")
        if isinstance(item, dict):
            found_keys = set(item) - {"name", "affiliation"}
            if found_keys or "name" not in item or not all(isinstance(value, str) for value in item.values()):
                raise found.refuse(where, "an author is a name, or the keys `name` and `affiliation`.")
            authors.append(Author(**item))
        else:
            authors.append(Author(item))
    return tuple(authors)


def _read_date(found: Configuration, language: str) -> tuple[datetime.date | None, str]:
    text = found.read_text(("book", "date"))
    if text.lower() in _MOVING_DATES:
        what = "a date that moves makes every rendering different; write it as 2026-05-31."
        raise found.refuse(("book", "date"), what)
    try:
        date = datetime.date.fromisoformat(text)
    except ValueError:
        return None, text
    return date, render_date(date.year, date.month, date.day, language)


def _read_depth(found: Configuration, key: str, default: int) -> int:
    text = found.read_text((key,), str(default))
    if text not in ("1", "2", "3", "4", "5", "6"):
        raise found.refuse((key,), "expected a number from 1 to 6.")
    return int(text)
