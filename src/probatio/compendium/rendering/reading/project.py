"""Read `_quarto.yml` (and the front matter of a single document): what the project is called and made of."""

from __future__ import annotations

import datetime
from pathlib import Path, PurePosixPath

from probatio.compendium.rendering.errors import RenderingError
from probatio.compendium.rendering.reading.book import SHARED, Author, Book, Kind
from probatio.compendium.rendering.reading.configuration import (
    UNREAD,
    Configuration,
    Where,
    merge_configurations,
    read_configuration,
    read_front_matter,
)
from probatio.compendium.rendering.reading.words import CROSSREF_KEYS, WORDS, render_date

_TOP = (
    "project", "metadata-files", "lang", "bibliography", "csl", "crossref", "number-sections", "number-depth", "toc",
    "toc-depth", "link-citations", *UNREAD,
)  # fmt: skip
_HEAD = ("title", "subtitle", "author", "date", "abstract", "output-file")
_BOOK = (*_HEAD, "chapters", "appendices")
_ALONE = (*_HEAD, "keywords", "line-numbers")
_MOVING_DATES = ("today", "now", "last-modified")


def read_book(project: Path, overlay: Path | None = None) -> Book:
    """Read the project in the folder `project`.

    Raises:
        RenderingError: no `_quarto.yml`, neither a book nor one document, an unknown key, a missing chapter; with line.
    """
    path = project / "_quarto.yml"
    if not path.is_file():
        raise RenderingError(f"{path.as_posix()}: no such file; name the folder of a Quarto project.")
    found = _read_metadata(read_configuration(path.read_text(encoding="utf-8"), path.as_posix()), project)
    found.check_keys(("project",), ("type", "output-dir", "render", "pre-render"))
    if found.get_value(("project", "type"), "default") != "default":
        return _read_project(found, project, overlay, ())
    name = _find_document(found, project)
    front, _ = read_front_matter((project / name).read_text(encoding="utf-8-sig"), (project / name).as_posix())
    return _read_project(merge_configurations(found, front), project, overlay, (name,))


def _read_project(found: Configuration, project: Path, overlay: Path | None, alone: tuple[str, ...]) -> Book:
    at: Where = () if alone else ("book",)
    kind = _find_kind(found, at)
    _check_configuration(found, at)
    language = found.read_text(("lang",), "fr").split("-")[0]
    date, date_text = _read_date(found, at, language)
    book = Book(
        project=project,
        overlay=overlay,
        kind=kind,
        language=language,
        title=found.read_text((*at, "title")),
        subtitle=found.read_text((*at, "subtitle")),
        authors=_read_authors(found, at),
        date=date,
        date_text=date_text,
        abstract=found.read_text((*at, "abstract")),
        keywords=_read_keywords(found),
        chapters=alone or _read_names(found, "chapters"),
        appendices=_read_names(found, "appendices"),
        bibliography=found.read_text(("bibliography",)),
        style=found.read_text(("csl",)),
        number_depth=_read_depth(found, "number-depth", 6) if kind != "slides" else 0,
        toc_depth=_read_depth(found, "toc-depth", 3),
        line_numbers=found.read_text(("line-numbers",), "false") == "true",
        stem=found.read_text((*at, "output-file"), project.resolve().name),
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


def _find_document(found: Configuration, project: Path) -> str:
    """Return the name of the one document of a project without chapters."""
    given = found.get_value(("project", "render"))
    names = given if isinstance(given, list) else sorted(path.name for path in project.glob("[!_.]*.qmd"))
    if len(names) != 1 or not isinstance(names[0], str) or not (project / Path(names[0]).name).is_file():
        raise found.refuse(
            ("project",), "without chapters there is one document: one .qmd file, beside those that begin with _."
        )
    return Path(names[0]).name


def _find_kind(found: Configuration, at: Where) -> Kind:
    formats = found.get_value(("format",), {})
    if not at:
        return "slides" if formats == "revealjs" or "revealjs" in formats else "article"
    if found.get_value(("project", "type")) != "book":
        raise found.refuse(
            ("project", "type"), "only books and single documents are rendered; write `type: book` or `type: default`."
        )
    return "book"


def _check_configuration(found: Configuration, at: Where) -> None:
    found.check_keys((), (*_TOP, *(("book",) if at else _ALONE)))
    if at and "book" not in found.value:
        raise found.refuse(at, "missing; a book has `project: type: book` and `book:`.")
    if at:
        found.check_keys(at, _BOOK)
    if "crossref" in found.value:
        found.check_keys(("crossref",), CROSSREF_KEYS)
    if found.read_text(("lang",), "fr").split("-")[0] not in WORDS:
        raise found.refuse(("lang",), "the renderer writes French and English; write fr or en.")
    for key in ("toc", "number-sections", "link-citations"):
        if found.read_text((key,), "true") != "true":
            raise found.refuse((key,), "this cannot be switched off; write true or remove the key.")
    for key in ("title", "chapters") if at else ("title",):
        if not found.get_value((*at, key)):
            raise found.refuse((*at, key), "missing; a document has a title, and a book chapters.")


def _check_files(found: Configuration, book: Book) -> None:
    for key, names in (("chapters", book.chapters), ("appendices", book.appendices)):
        for index, name in enumerate(names):
            if book.find_file(name) is None:
                raise found.refuse(("book", key, index), f"no file {name} in the project; correct the name.")
    for key, name in (("bibliography", book.bibliography), ("csl", book.style)):
        if name and book.find_file(name) is None:
            raise found.refuse((key,), f"no file {name} in the project; correct the name.")
    if book.kind == "book" and book.chapters[0] != "index.qmd":
        raise found.refuse(("book", "chapters", 0), "the first chapter of a Quarto book is index.qmd; put it first.")
    if len({*book.chapters, *book.appendices}) < len(book.chapters) + len(book.appendices):
        raise found.refuse(("book", "chapters"), "a chapter stands twice; keep one.")


def _read_keywords(found: Configuration) -> tuple[str, ...]:
    words = found.get_value(("keywords",), [])
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise found.refuse(("keywords",), "expected a list of words: [agreement, validation].")
    return tuple(words)


def _read_names(found: Configuration, key: str) -> tuple[str, ...]:
    names = found.get_value(("book", key), [])
    for index, name in enumerate(names if isinstance(names, list) else [None]):
        if not isinstance(name, str) or not name.endswith(".qmd"):
            raise found.refuse(("book", key, index), "expected the name of a .qmd file; parts are not rendered.")
    return tuple(names)


def _read_authors(found: Configuration, at: Where) -> tuple[Author, ...]:
    given = found.get_value((*at, "author"), [])
    authors = []
    for index, item in enumerate(given if isinstance(given, list) else [given]):
        where = (*at, "author", index) if isinstance(given, list) else (*at, "author")
        if isinstance(item, dict):
            found_keys = set(item) - {"name", "affiliation"}
            if found_keys or "name" not in item or not all(isinstance(value, str) for value in item.values()):
                raise found.refuse(where, "an author is a name, or the keys `name` and `affiliation`.")
            authors.append(Author(**item))
        else:
            authors.append(Author(item))
    return tuple(authors)


def _read_date(found: Configuration, at: Where, language: str) -> tuple[datetime.date | None, str]:
    text = found.read_text((*at, "date"))
    if text.lower() in _MOVING_DATES:
        what = "a date that moves makes every rendering different; write it as 2026-05-31."
        raise found.refuse((*at, "date"), what)
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
