"""Read a chapter's text: includes, variables, page breaks; each line remembers where it stands.

What a line alone shows to be outside the closed subset is refused here; what only the parsed
document shows is refused by `subset`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from probatio.compendium.rendering.errors import RenderingError
from probatio.compendium.rendering.reading.book import Book
from probatio.compendium.rendering.reading.configuration import Configuration, read_configuration, read_front_matter

PAGE_BREAK = "page-break"
_INCLUDE = re.compile(r"^\s*\{\{<\s*include\s+(\S+)\s*>\}\}\s*$")
_BREAK = re.compile(r"^\s*\{\{<\s*pagebreak\s*>\}\}\s*$")
_VARIABLE = re.compile(r"\{\{<\s*var\s+([^\s>]+)\s*>\}\}")
_SHORTCODE = re.compile(r"\{\{\{*[<%]\s*(/?[\w-]*)")
_FENCE = re.compile(r"^\s*(`{3,}(?=[^`]*$)|~{3,})(.*)$")
_KEY = re.compile(r"[\w-]+(\.[\w-]+)*")
_REFUSED = (
    (re.compile(r"^\s*(?:`{3,}|~{3,})\s*\{=\w+\}"), "a raw block belongs to one format; write it in Markdown."),
    (
        re.compile(r"^\s*(?:`{3,}|~{3,})\s*\{(?![.#])"),
        "an executable cell; the notebooks compute, include what they wrote.",
    ),
    (re.compile(r"`(?:\{\w+\}|r) [^`]*`"), "inline code that is executed; write {{< var ... >}}."),
    (re.compile(r"^\s*\+(?:[-=:]+\+)+\s*$"), "a grid table; write a pipe table (| a | b |)."),
    (re.compile(r"^ {0,3}=+\s*$"), "a heading underlined; write it with # signs."),
    (
        re.compile(r"^ {0,3}(?:-{2,}(?: +-{2,})* *|(?:[-*_] *){3,})$"),
        "a rule, an underlined heading or a table drawn with dashes; write headings with #, tables with |.",
    ),
)


@dataclass(frozen=True)
class Line:
    """One line of text and where it stands."""

    text: str
    name: str
    number: int
    code: bool = False


@dataclass(frozen=True)
class Source:
    """A chapter's text after includes and variables, line by line, and its title from the front matter."""

    name: str
    lines: tuple[Line, ...] = field(repr=False)
    title: str = ""

    @property
    def text(self) -> str:
        """The text that pandoc reads."""
        return "\n".join(line.text for line in self.lines) + "\n"

    def refuse(self, token: str, what: str, *, last: bool = False) -> RenderingError:
        """Return the error for the first (or last) line that holds `token`, code blocks aside."""
        wanted = token.strip().partition("\n")[0]
        held = [line for line in self.lines if wanted and wanted in line.text and not line.code]
        held = held or [line for line in self.lines if wanted and wanted in line.text]
        if not held:
            return RenderingError(f"{self.name}:1: {what}")
        line = held[-1 if last else 0]
        return RenderingError(f"{line.name}:{line.number}: {what}")


def read_source(book: Book, name: str, variables: Configuration) -> Source:
    """Read a chapter with what it includes.

    Raises:
        RenderingError: a missing include or variable, an unknown shortcode, or a line outside the
            closed subset; with file and line.
    """
    shown = book.name_file(name)
    rows = _read_rows(book, name, shown)
    title, rows = _split_front_matter(rows, book, shown)
    lines = tuple(_replace_variables(line, variables) for line in _derive_lines(rows, book, (name,)))
    return Source(shown, lines, title)


def read_variables(book: Book) -> Configuration:
    """Read `_variables.yml`, from the overlay when it is there; without the file there are no variables."""
    path = book.find_file("_variables.yml")
    if path is None:
        return Configuration((book.project / "_variables.yml").as_posix(), {}, {}, {})
    return read_configuration(path.read_text(encoding="utf-8"), path.as_posix())


def derive_filled(book: Book, variables: Configuration) -> Book:
    """Return the book with the values of its title, subtitle and abstract written in.

    Raises:
        RenderingError: a variable that does not exist; with file and line.
    """
    name = "_quarto.yml" if book.kind == "book" else book.chapters[0]
    rows = _read_rows(book, name, book.name_file(name))

    def fill(text: str) -> str:
        first = _SHORTCODE.search(text)
        held = [row.number for row in rows if first and first[0] in row.text]
        line = Line(text, book.name_file(name), held[0] if held else 1)
        return _replace_variables(line, variables).text

    return replace(book, title=fill(book.title), subtitle=fill(book.subtitle), abstract=fill(book.abstract))


def _read_rows(book: Book, name: str, shown: str) -> list[Line]:
    path: Path | None = book.find_file(name)
    if path is None:
        raise RenderingError(f"{shown}: no such file; correct the name.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise RenderingError(f"{shown}: not UTF-8 text; save it as UTF-8.") from None
    return [Line(row, shown, number) for number, row in enumerate(text.splitlines(), start=1)]


def _split_front_matter(rows: list[Line], book: Book, shown: str) -> tuple[str, list[Line]]:
    """Return a chapter's title from its front matter, and the rows below; a single document's was read already."""
    found, count = read_front_matter("\n".join(row.text for row in rows), shown)
    if book.kind == "book":
        found.check_keys((), ("title",))
    return found.read_text(("title",)) if book.kind == "book" else "", rows[count:]


def _derive_lines(rows: list[Line], book: Book, stack: tuple[str, ...]) -> Iterator[Line]:
    fence = ""
    for row in rows:
        opened = _FENCE.match(row.text)
        if fence and opened and opened[1].startswith(fence) and not opened[2].strip():
            fence = ""
            yield replace(row, code=True)
        elif fence:
            yield replace(row, code=True)
        else:
            yield from _derive_row(row, rows, book, stack)
            fence = opened[1] if opened else ""


def _derive_row(row: Line, rows: list[Line], book: Book, stack: tuple[str, ...]) -> Iterator[Line]:
    include = _INCLUDE.match(row.text)
    if include:
        yield from _read_included(row, include[1], rows, book, stack)
    elif _BREAK.match(row.text):
        yield from (replace(row, text=text) for text in (f"::: {{.{PAGE_BREAK}}}", ":::"))
    else:
        for pattern, what in _REFUSED:
            if pattern.search(row.text):
                raise RenderingError(f"{row.name}:{row.number}: {what}")
        yield row


def _read_included(row: Line, name: str, rows: list[Line], book: Book, stack: tuple[str, ...]) -> Iterator[Line]:
    where = f"{row.name}:{row.number}: {{{{< include {name} >}}}}"
    beside = [other.text for other in rows if abs(other.number - row.number) == 1]
    if any(text.strip() for text in beside):
        raise RenderingError(f"{where}: an include stands alone; leave an empty line before and after it.")
    target = derive_path(name, stack[0])
    if book.find_file(target) is None:
        raise RenderingError(f"{where}: no such file in the project; correct the name.")
    if target in stack:
        raise RenderingError(f"{where}: the file includes itself; remove one of the includes.")
    included = _read_rows(book, target, book.name_file(target))
    if included and included[0].text.rstrip() == "---":
        raise RenderingError(f"{included[0].name}:1: an included file has no front matter; remove it.")
    yield from _derive_lines(included, book, (*stack, target))


def derive_path(name: str, chapter: str) -> str:
    """Return the project's path of a file named in a chapter: `/...` from the project, else beside the chapter."""
    if name.startswith("/"):
        return name.lstrip("/")
    folder = chapter.rpartition("/")[0]
    return f"{folder}/{name}" if folder else name


def _replace_variables(line: Line, variables: Configuration) -> Line:
    if "{{{<" in line.text:
        raise RenderingError(
            f"{line.name}:{line.number}: an escaped shortcode is not in the subset; show it otherwise."
        )
    text = _VARIABLE.sub(lambda match: _read_variable(line, match[1], variables), line.text)
    left = _SHORTCODE.search(text)
    if left:
        what = (
            f"unknown shortcode {left[1]}"
            if left[1] not in ("include", "pagebreak", "var")
            else (f"the shortcode {left[1]} is written on a line of its own, as {{{{< {left[1]} ... >}}}}")
        )
        raise RenderingError(f"{line.name}:{line.number}: {what}; the renderer knows include, var and pagebreak.")
    return replace(line, text=text)


def _read_variable(line: Line, key: str, variables: Configuration) -> str:
    where = tuple(key.split("."))
    value = variables.get_value(where)
    start = f"{line.name}:{line.number}: {{{{< var {key} >}}}}"
    if not _KEY.fullmatch(key) or value is None:
        raise RenderingError(f"{start}: no such key in {variables.name}; correct the key or write the variable.")
    if not isinstance(value, str) or variables.types.get(where) not in ("str", "int"):
        raise RenderingError(f"{start}: {variables.name} holds no text or integer there; write the value in quotes.")
    if "\n" in value.strip():
        raise RenderingError(f"{start}: the value has several lines; include a file instead.")
    return value.strip()
