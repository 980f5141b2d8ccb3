"""What only slides hold, and what they do not: the closed subset of a presentation."""

from __future__ import annotations

from probatio.compendium.rendering.reading.book import Kind
from probatio.compendium.rendering.reading.constructs import COLUMN, COLUMNS, LANDSCAPE, NOTES
from probatio.compendium.rendering.reading.source import Source
from probatio.compendium.rendering.tree import Node, get_attributes, iterate_nodes, read_text

DIVIDER, SLIDE, HEADING = 1, 2, 3
"""Levels of headings: a part's title alone, a slide, a heading within a slide."""


def check_layouts(blocks: list[Node], source: Source, kind: Kind) -> None:
    """Refuse columns and notes outside slides, and in slides what a slide cannot show.

    Raises:
        RenderingError: file, line, the construct, and what to write instead.
    """
    if kind == "slides":
        _check_slides(blocks, source)
        return
    for node in iterate_nodes(blocks):
        classes = get_attributes(node)[1]
        if node["t"] == "Div" and classes and classes[0] in (COLUMNS, COLUMN, NOTES):
            raise source.refuse(f".{classes[0]}", f"a block .{classes[0]} stands in slides only.")
        if node["t"] == "Div" and classes == [LANDSCAPE] and not any(block is node for block in blocks):
            raise source.refuse(f".{LANDSCAPE}", "a block .landscape stands alone, in no other block.")


def _check_slides(blocks: list[Node], source: Source) -> None:
    level = 0
    for block in blocks:
        if block["t"] == "Header":
            level = block["c"][0]
            if level > HEADING:
                raise source.refuse(read_text(block["c"][2]), "slides have headings #, ## and ###.")
        elif level < SLIDE:
            where = "before the first slide" if not level else "between # and ##"
            raise source.refuse(_find_word(block), f"text {where}; a slide begins with ## Title.")
    for node in iterate_nodes(blocks):
        if reason := _find_reason(node):
            raise source.refuse(_find_word(node), reason)


def _find_reason(node: Node) -> str | None:
    if node["t"] == "Note":
        return "slides have no footnotes; write the source in the slide or in its notes."
    if node["t"] == "Para" and read_text(node["c"]).strip() == ". . .":
        return "a pause is not in the subset; write two slides."
    if get_attributes(node)[1] == [COLUMN] and any(
        block["t"] == "Header" and block["c"][0] != HEADING for block in node["c"][1]
    ):
        return "a heading in a column is ###."
    if node["t"] == "Div" and get_attributes(node)[1] == [LANDSCAPE]:
        return "a slide is wide already; remove ::: {.landscape}."
    return None


def _find_word(node: Node) -> str:
    words = read_text([node]).split()
    return f"{{.{get_attributes(node)[1][0]}" if get_attributes(node)[1] else " ".join(words[:3]) or "[^"
