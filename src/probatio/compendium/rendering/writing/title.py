"""The title page's data as pandoc's metadata."""

from __future__ import annotations

import datetime
import os
from typing import Any

from probatio.compendium.rendering.numbering.typography import derive_typeset
from probatio.compendium.rendering.pandoc import READER, read_markdown
from probatio.compendium.rendering.reading.book import Book
from probatio.compendium.rendering.reading.constructs import build_words
from probatio.compendium.rendering.tree import Node, build_str, read_text

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
    if book.keywords:
        meta["keywords"] = {"t": "MetaList", "c": [_build_inlines(word, book) for word in book.keywords]}
        meta["keywords-title"] = {"t": "MetaString", "c": book.words["keywords"]}
    if book.kind == "article":
        meta["article"] = {"t": "MetaBool", "c": True}
    return meta | _derive_people(book)


def _derive_people(book: Book) -> dict[str, Any]:
    """Return authors and institutions; an article writes its authors on one line and marks who is where."""
    if not book.authors:
        return {}
    affiliations = list(dict.fromkeys(author.affiliation for author in book.authors if author.affiliation))
    names = [_build_inlines(author.name, book) for author in book.authors]
    places = [_build_inlines(text, book) for text in affiliations]
    if book.kind != "book":
        if len(places) > 1:
            marks = [affiliations.index(author.affiliation) + 1 if author.affiliation else 0 for author in book.authors]
            names = [_mark(name, mark, after=True) for name, mark in zip(names, marks, strict=True)]
            places = [_mark(place, number) for number, place in enumerate(places, start=1)]
        joined = [item for name in names for item in (build_str(","), {"t": "Space"}, *name["c"])][2:]
        names = [{"t": "MetaInlines", "c": joined}]
    people = {"author": {"t": "MetaList", "c": names}}
    people["author-meta"] = {"t": "MetaString", "c": ", ".join(author.name for author in book.authors)}
    return people | ({"institute": {"t": "MetaList", "c": places}} if places else {})


def _mark(value: dict[str, Any], number: int, *, after: bool = False) -> dict[str, Any]:
    sign = [{"t": "Superscript", "c": [build_str(str(number))]}] if number else []
    return {"t": "MetaInlines", "c": [*value["c"], *sign] if after else [*sign, *value["c"]]}


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
