"""Quarto's constructs as plain document parts: equations, panels of subfigures, callouts, visibility.

Quarto writes them with Markdown's own marks; here each becomes one kind of node that the
formats know, so that numbering and writing need no further look at the marks.
"""

from __future__ import annotations

import json
import re

from probatio.compendium.rendering.tree import (
    Node,
    build_div,
    build_plain,
    build_str,
    derive_changed,
    get_attributes,
    get_caption,
)

CALLOUTS = ("callout-note", "callout-warning", "callout-important", "callout-tip")
VISIBILITY = ("content-visible", "content-hidden")
EQUATION, PANEL, SUBFIGURE, SUBCAPTION = "embedded-equation", "panel", "subfigure", "subcaption"
LANDSCAPE, COLUMNS, COLUMN, NOTES = "landscape", "columns", "column", "notes"
_LABEL = re.compile(r"\{#(eq-[^\s{}]+)\}")


def derive_equations(blocks: list[Node]) -> list[Node]:
    """Return the blocks with every paragraph `$$...$$ {#eq-x}` turned into a group labelled `eq-x`."""

    def change(node: Node) -> list[Node] | None:
        if node["t"] not in ("Para", "Plain"):
            return None
        inlines = [item for item in node["c"] if item["t"] not in ("Space", "SoftBreak")]
        if len(inlines) != 2 or inlines[0]["t"] != "Math" or inlines[0]["c"][0]["t"] != "DisplayMath":
            return None
        label = _LABEL.fullmatch(inlines[1]["c"]) if inlines[1]["t"] == "Str" else None
        return [build_div(label[1], [EQUATION], {}, [{"t": "Para", "c": inlines[:1]}])] if label else None

    changed: list[Node] = derive_changed(blocks, change)
    return changed


def derive_visible(blocks: list[Node], form: str) -> list[Node]:
    """Return the blocks without what `when-format` and `unless-format` keep out of `form` (html, typst, docx)."""

    def change(node: Node) -> list[Node] | None:
        _, classes, pairs = get_attributes(node)
        if node["t"] not in ("Div", "Span") or not set(classes) & set(VISIBILITY):
            return None
        holds = pairs.get("when-format", form) == form and pairs.get("unless-format") != form
        shown: list[Node] = node["c"][1]
        return shown if holds == ("content-visible" in classes) else []

    changed: list[Node] = derive_changed(blocks, change)
    return changed


def derive_parts(blocks: list[Node], words: dict[str, str]) -> list[Node]:
    """Return the blocks with callouts given a title and panels of subfigures made figures."""

    def change(node: Node) -> list[Node] | None:
        identifier, classes, pairs = get_attributes(node)
        if node["t"] != "Div":
            return None
        if classes and classes[0] in CALLOUTS:
            return [_build_callout(classes[0], pairs.get("title", ""), node["c"][1], words)]
        if identifier.startswith("fig-"):
            return [_build_panel(identifier, pairs.get("layout-ncol", "1"), node["c"][1])]
        if classes == [LANDSCAPE]:
            return [build_div("", classes, {}, [_mark_table(block) for block in node["c"][1]])]
        return None

    changed: list[Node] = derive_changed(blocks, change)
    return changed


def _mark_table(block: Node) -> Node:
    """Return a table that says how wide its page is; any other block as it stands."""
    if block["t"] == "Table":
        block["c"][0][2].append([LANDSCAPE, "true"])
    return block


def _build_callout(kind: str, title: str, blocks: list[Node], words: dict[str, str]) -> Node:
    if blocks and blocks[0]["t"] == "Header":
        inlines, blocks = blocks[0]["c"][2], blocks[1:]
    else:
        inlines = build_words(title or words[kind])
    heading = build_div("", ["callout-title"], {}, [build_plain(inlines)])
    return build_div("", ["callout", kind], {}, [heading, *blocks])


def _build_panel(identifier: str, columns: str, blocks: list[Node]) -> Node:
    parts = []
    for figure in (block for block in blocks if block["t"] == "Figure"):
        caption = build_div("", [SUBCAPTION], {}, [build_plain(get_caption(figure))])
        parts.append(build_div(get_attributes(figure)[0], [SUBFIGURE], {}, [*figure["c"][2], caption]))
    panel = build_div("", [PANEL], {"columns": columns}, parts)
    return {"t": "Figure", "c": [[identifier, [], []], [None, [build_plain(blocks[-1]["c"])]], [panel]]}


def build_words(text: str) -> list[Node]:
    """Return a plain text as words and spaces."""
    words = [build_str(word) for word in text.split()]
    return [item for word in words for item in (word, {"t": "Space"})][:-1]


def read_widths(text: str) -> list[float]:
    """Return the column widths of `tbl-colwidths`, in percent; empty when it is not a list of numbers."""
    try:
        return [float(width) for width in json.loads(text) if float(width) > 0]
    except (TypeError, ValueError):
        return []
