"""The title page's data as pandoc's metadata."""

from __future__ import annotations

from typing import Any

from probatio.compendium.rendering.numbering.typography import derive_typeset
from probatio.compendium.rendering.pandoc import read_markdown
from probatio.compendium.rendering.reading.book import Book
from probatio.compendium.rendering.tree import Node, read_text


def derive_title(book: Book) -> dict[str, Any]:
    """Return title, subtitle, authors, date and abstract; texts are read as Markdown."""
    meta: dict[str, Any] = {"lang": {"t": "MetaString", "c": book.language}}
    meta["pagetitle"] = {"t": "MetaString", "c": read_text(_read_blocks(book.title, book))}
    for key, text in (("title", book.title), ("subtitle", book.subtitle), ("date", book.date_text)):
        if text:
            meta[key] = _build_inlines(text, book)
    if book.abstract:
        meta["abstract"] = {"t": "MetaBlocks", "c": _read_blocks(book.abstract, book)}
        meta["abstract-title"] = {"t": "MetaString", "c": book.words["abstract"]}
    if book.authors:
        meta["author"] = {"t": "MetaList", "c": [_build_inlines(author.name, book) for author in book.authors]}
        meta["author-meta"] = {"t": "MetaString", "c": ", ".join(author.name for author in book.authors)}
    affiliations = list(dict.fromkeys(author.affiliation for author in book.authors if author.affiliation))
    if affiliations:
        meta["institute"] = {"t": "MetaList", "c": [_build_inlines(text, book) for text in affiliations]}
    return meta


def _build_inlines(text: str, book: Book) -> dict[str, Any]:
    blocks = _read_blocks(text, book)
    return {"t": "MetaInlines", "c": blocks[0]["c"] if blocks else []}


def _read_blocks(text: str, book: Book) -> list[Node]:
    blocks: list[Node] = derive_typeset(read_markdown(text), book.language)
    return blocks
