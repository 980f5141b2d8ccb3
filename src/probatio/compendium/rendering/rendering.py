"""Render a book: read its chapters, check them, number them, write the formats, put them in place."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from probatio.compendium.rendering.errors import RenderingError
from probatio.compendium.rendering.numbering.counting import Chapter, number_book, number_document
from probatio.compendium.rendering.numbering.references import resolve_references
from probatio.compendium.rendering.numbering.typography import derive_typeset
from probatio.compendium.rendering.pandoc import derive_cited, read_citation_keys, read_markdown
from probatio.compendium.rendering.reading.book import Book
from probatio.compendium.rendering.reading.configuration import Configuration
from probatio.compendium.rendering.reading.constructs import (
    VISIBILITY,
    build_words,
    derive_equations,
    derive_parts,
    derive_visible,
)
from probatio.compendium.rendering.reading.deck import SLIDE, check_layouts
from probatio.compendium.rendering.reading.project import read_book
from probatio.compendium.rendering.reading.source import Source, derive_filled, derive_path, read_source, read_variables
from probatio.compendium.rendering.reading.subset import check_formulas, check_subset
from probatio.compendium.rendering.tree import Node, derive_changed, get_attributes, iterate_nodes
from probatio.compendium.rendering.writing.deck import write_deck
from probatio.compendium.rendering.writing.docx import write_docx
from probatio.compendium.rendering.writing.html import write_html
from probatio.compendium.rendering.writing.pdf import write_pdf

FORMATS = ("html", "pdf", "docx")
_WRITERS: dict[str, Callable[[list[Node], Book], bytes]] = {"html": write_html, "pdf": write_pdf, "docx": write_docx}
_DECK_WRITERS: dict[str, Callable[[list[Node], Book], bytes]] = {"html": write_deck, "pdf": write_pdf}
_READERS = 2
"""Chapters read at once: each takes a process of pandoc."""
_QUARTO_NAMES = {"html": "html", "pdf": "typst", "docx": "docx"}


def render_book(
    project: Path, output: Path, *, formats: Sequence[str], run_folder: Path | None = None
) -> dict[str, Path]:
    """Render the document in `project` to `<output>/<stem>.html`, `.pdf` and `.docx`.

    All formats are made before the first one is put in place; each is renamed from a neighbour, so
    that nothing half-written is ever seen. The same sources give the same bytes.

    Args:
        project: the folder with `_quarto.yml`.
        output: the folder to write to; made when missing.
        formats: any of html, pdf, docx.
        run_folder: a folder laid over the project: `_variables.yml`, included texts and figures that a
            run wrote are taken from it first.

    Returns:
        The file of each format.

    Raises:
        RenderingError: a source outside the closed subset, an undefined reference, a missing file.
    """
    for form in formats:
        if form not in _WRITERS:
            raise RenderingError(f"format '{form}' is unknown; choose among {', '.join(FORMATS)}.")
    book = read_book(project, run_folder)
    if book.kind == "slides" and "docx" in formats:
        raise RenderingError(f"{book.project.as_posix()}: slides are made as html and pdf; leave docx out.")
    variables = read_variables(book)
    book, chapters = derive_filled(book, variables), _read_chapters(book, variables)
    derive = _share_blocks(book, chapters)
    with ThreadPoolExecutor(max(1, len(formats))) as pool:  # pandoc and typst work while Python walks another tree
        made = dict(zip(formats, pool.map(lambda form: _write(form, book, derive(form)), formats), strict=True))
    output.mkdir(parents=True, exist_ok=True)
    return {form: _put(output / f"{book.stem}.{form}", data) for form, data in made.items()}


def _share_blocks(book: Book, chapters: list[Chapter]) -> Callable[[str], list[Node]]:
    """Return what numbers and resolves a document for a format: once for all where no part of it is for one format."""
    if any(set(get_attributes(node)[1]) & set(VISIBILITY) for item in chapters for node in iterate_nodes(item.blocks)):
        return lambda form: _derive_blocks(book, chapters, _QUARTO_NAMES[form])
    shared = _derive_blocks(book, chapters, "html")
    return lambda _: shared


def _write(form: str, book: Book, blocks: list[Node]) -> bytes:
    writers = _DECK_WRITERS if book.kind == "slides" else _WRITERS
    return writers[form](blocks, book)


def _read_chapters(book: Book, variables: Configuration) -> list[Chapter]:
    names = (*book.chapters, *book.appendices)
    sources = [read_source(book, name, variables) for name in names]
    with ThreadPoolExecutor(_READERS) as pool:
        return list(pool.map(lambda name, source: _read_chapter(name, source, book), names, sources))


def _read_chapter(name: str, source: Source, book: Book) -> Chapter:
    blocks = derive_equations(_read_blocks(source))
    check_subset(blocks, source)
    check_layouts(blocks, source, book.kind)
    blocks = derive_parts(_derive_images(blocks, name, source, book), book.words)
    return Chapter(name, source, blocks, appendix=name in book.appendices)


def _read_blocks(source: Source) -> list[Node]:
    try:
        blocks = read_markdown(source.text)
    except RenderingError as error:
        raise _locate(error, source) from None
    check_formulas(blocks, source)
    if source.title:
        title = {"t": "Header", "c": [1, ["title", [], []], build_words(source.title)]}
        return [title, *blocks]
    return blocks


def _locate(error: RenderingError, source: Source) -> RenderingError:
    """Return pandoc's complaint with the file and line it means; pandoc counts lines after includes."""
    found = re.search(r"line (\d+)", str(error))
    line = source.lines[min(int(found[1]), len(source.lines)) - 1] if found and source.lines else None
    where = f"{line.name}:{line.number}" if line else f"{source.name}:1"
    return RenderingError(f"{where}: pandoc cannot read this: {error}; a ::: block may not be closed.")


def _derive_images(blocks: list[Node], chapter: str, source: Source, book: Book) -> list[Node]:
    """Return the blocks with comments gone and the paths of images seen from the project."""

    def change(node: Node) -> list[Node] | None:
        if node["t"] in ("RawBlock", "RawInline"):
            return []
        if node["t"] == "Image":
            name = node["c"][2][0]
            node["c"][2][0] = derive_path(name, chapter)
            if book.find_file(node["c"][2][0]) is None:
                raise source.refuse(name, f"the image {name} is not in the project; run the notebooks or correct it.")
        return None

    changed: list[Node] = derive_changed(blocks, change)
    return changed


def _derive_blocks(book: Book, read: list[Chapter], form: str) -> list[Node]:
    chapters = [Chapter(item.name, item.source, derive_visible(item.blocks, form), item.appendix) for item in read]
    if book.kind == "book":
        targets = number_book(chapters, book.words, book.number_depth)
    else:
        targets = number_document(chapters[0], book.words, book.number_depth)
    bibliography = book.find_file(book.bibliography) if book.bibliography else None
    keys = read_citation_keys(bibliography) if bibliography else set()
    blocks = resolve_references(chapters, targets, keys)
    if bibliography and any(node["t"] == "Cite" for node in iterate_nodes(blocks)):
        style = book.find_file(book.style) if book.style else None
        blocks = derive_cited(_add_place(blocks, book), bibliography, language=book.language, style=style)
    typeset: list[Node] = derive_typeset(blocks, book.language)
    return typeset


def _add_place(blocks: list[Node], book: Book) -> list[Node]:
    if any(get_attributes(node)[0] == "refs" for node in iterate_nodes(blocks)):
        return blocks
    title = build_words(book.words["references"])
    place = {"t": "Div", "c": [["refs", [], []], []]}
    level = SLIDE if book.kind == "slides" else 1
    return [*blocks, {"t": "Header", "c": [level, ["references", ["unnumbered"], []], title]}, place]


def _put(path: Path, data: bytes) -> Path:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        partial.chmod(0o644)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path
