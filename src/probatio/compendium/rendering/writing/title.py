"""The title page's data as pandoc's metadata."""

from __future__ import annotations

import datetime
import os
from typing import Any

from probatio.compendium.rendering.numbering.typography import derive_typeset
from probatio.compendium.rendering.pandoc import READER, read_markdown
from probatio.compendium.rendering.reading.book import Book
from probatio.compendium.rendering.reading.constructs import build_words
from probatio.compendium.rendering.tree import Node, read_text

_READER = f"{READER}-raw_html-raw_tex-raw_attribute-citations"  # on a title page these are letters


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


def find_moment(book: Book) -> datetime.datetime:
    """Return the moment that the files carry as their date, so that no rendering differs by its hour.

    It is the book's date; without one SOURCE_DATE_EPOCH (reproducible-builds.org), else the first of January 2000.
    """
    if book.date:
        return datetime.datetime.combine(book.date, datetime.time(), datetime.UTC)
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.datetime.fromtimestamp(int(given) if given.isdigit() else 946684800, datetime.UTC)


def _build_inlines(text: str, book: Book) -> dict[str, Any]:
    blocks = _read_blocks(text, book)
    plain = len(blocks) == 1 and blocks[0]["t"] == "Para"
    return {"t": "MetaInlines", "c": blocks[0]["c"] if plain else build_words(text)}


def _read_blocks(text: str, book: Book) -> list[Node]:
    blocks: list[Node] = derive_typeset(read_markdown(text, _READER), book.language)
    return blocks
