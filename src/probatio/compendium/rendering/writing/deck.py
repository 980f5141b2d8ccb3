"""Write slides as one HTML file that asks for nothing: arrows turn the slides, printing gives one a page."""

from __future__ import annotations

from typing import Any

from probatio.compendium.rendering.numbering.typography import derive_typeset
from probatio.compendium.rendering.pandoc import run_pandoc, write_json
from probatio.compendium.rendering.reading.book import Book
from probatio.compendium.rendering.reading.constructs import COLUMNS
from probatio.compendium.rendering.tree import Node, build_div, derive_changed, get_attributes
from probatio.compendium.rendering.writing.html import ASSETS, Images, build_verbatim, fill_images, lower_node
from probatio.compendium.rendering.writing.slides import DIVIDER, derive_slides
from probatio.compendium.rendering.writing.title import derive_title

_OPTIONS = ("--mathml", "--syntax-highlighting=none", "--wrap=none")


def write_deck(blocks: list[Node], book: Book) -> bytes:
    """Return the presentation's self-contained HTML."""
    images: Images = {}

    def change(node: Node) -> list[Node] | None:
        return _lower_columns(node) or lower_node(node, book, images)

    meta: dict[str, Any] = derive_title(book)
    for key, name in (("styles", "deck.css"), ("script", "deck.js")):
        meta[key] = build_verbatim((ASSETS / name).read_text(encoding="utf-8"))
    for key in ("slide", "keys"):
        meta[key] = {"t": "MetaString", "c": derive_typeset(book.words[key], book.language)}
    arguments = ["-f", "json", "-t", "html5", "--standalone", f"--template={ASSETS / 'deck.html'}", *_OPTIONS]
    slides = derive_slides(derive_changed(blocks, change))
    numbered = [_build_slide(slide, f"{number} / {len(slides) + 1}") for number, slide in enumerate(slides, start=2)]
    return fill_images(run_pandoc(arguments, write_json(numbered, meta)), images)


def _build_slide(slide: Node, number: str) -> Node:
    """Return a slide with its text in a group of its own, which the script sets smaller when it is too long."""
    identifier, classes, _ = get_attributes(slide)
    heading, *content = slide["c"][1]
    body = [build_div("", ["content"], {}, content)] if classes != [DIVIDER] else []
    return build_div(identifier, [*classes, "page"], {"number": number}, [heading, *body])


def _lower_columns(node: Node) -> list[Node] | None:
    if get_attributes(node)[1] != [COLUMNS]:
        return None
    widths = " ".join(f"{get_attributes(block)[2].get('width', '50%').rstrip('%')}fr" for block in node["c"][1])
    columns = [build_div("", ["column"], {}, block["c"][1]) for block in node["c"][1]]
    return [build_div("", [COLUMNS], {"style": f"grid-template-columns: {widths}"}, columns)]
