"""Pandoc's document tree as JSON: build nodes, walk them, read their text.

A node is a mapping `{"t": type, "c": content}` (pandoc-types 1.23). Attributes are
`[identifier, classes, [[key, value], ...]]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Node = dict[str, Any]
Change = Callable[[Node], "list[Node] | None"]
NO_BREAK = "\u00a0"
_ATTRIBUTES_AT = {"Header": 1, "Div": 0, "Span": 0, "Link": 0, "Image": 0, "Code": 0, "CodeBlock": 0, "Figure": 0}
_ATTRIBUTES_AT |= {"Table": 0}


def build_str(text: str) -> Node:
    """Return one word; spaces in it stay as they are written."""
    return {"t": "Str", "c": text}


def build_raw(kind: str, text: str, *, block: bool = True) -> Node:
    """Return text that the writer named by `kind` copies as it stands."""
    return {"t": "RawBlock" if block else "RawInline", "c": [kind, text]}


def build_span(classes: list[str], inlines: list[Node]) -> Node:
    """Return a run of inlines with classes."""
    return {"t": "Span", "c": [["", classes, []], inlines]}


def build_div(identifier: str, classes: list[str], pairs: dict[str, str], blocks: list[Node]) -> Node:
    """Return a group of blocks with identifier, classes and attributes."""
    return {"t": "Div", "c": [[identifier, classes, [list(pair) for pair in pairs.items()]], blocks]}


def build_link(inlines: list[Node], target: str, classes: list[str] | None = None) -> Node:
    """Return a link to `target`."""
    return {"t": "Link", "c": [["", classes or [], []], inlines, [target, ""]]}


def build_plain(inlines: list[Node]) -> Node:
    """Return inlines as a block without a paragraph's space."""
    return {"t": "Plain", "c": inlines}


def get_attributes(node: Node) -> tuple[str, list[str], dict[str, str]]:
    """Return identifier, classes and key-value pairs of a node that has them, else empty ones."""
    at = _ATTRIBUTES_AT.get(node["t"])
    if at is None:
        return "", [], {}
    identifier, classes, pairs = node["c"][at]
    return identifier, classes, dict(pairs)


def get_caption(node: Node) -> list[Node]:
    """Return the inlines of a figure's or table's caption."""
    blocks = node["c"][1][1]
    return blocks[0]["c"] if blocks else []


def set_caption(node: Node, inlines: list[Node]) -> None:
    """Replace the caption of a figure or table; no inlines means no caption."""
    node["c"][1] = [None, [build_plain(inlines)] if inlines else []]


def iterate_nodes(value: Any) -> Iterator[Node]:
    """Yield every node below `value`, in the order of the document, parents first."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if "t" in item:
                yield item
            waiting += reversed(item.values())
        elif isinstance(item, list):
            waiting += reversed(item)


def derive_changed(value: Any, change: Change) -> Any:
    """Return a copy of the tree in which `change` has replaced nodes, children first.

    `change` returns the nodes to put in place of the one it is given, or None to keep it.
    """
    if isinstance(value, list):
        return _derive_items(value, change)
    if isinstance(value, dict):
        return {
            key: derive_changed(item, change) if isinstance(item, _BRANCHES) else item for key, item in value.items()
        }
    return value


_BRANCHES = (dict, list)


def _derive_items(items: list[Any], change: Change) -> list[Any]:
    out = []
    for item in items:
        new = derive_changed(item, change) if isinstance(item, _BRANCHES) else item
        replaced = change(new) if isinstance(new, dict) and "t" in new else None
        if replaced is None:
            out.append(new)
        else:
            out += replaced
    return out


def read_text(value: Any) -> str:
    """Return the words of a tree, without notes, as one line."""
    if isinstance(value, list):
        return "".join(read_text(item) for item in value)
    if not isinstance(value, dict):
        return ""
    match value.get("t"):
        case "Str":
            text = str(value["c"])
        case "Space" | "SoftBreak" | "LineBreak":
            text = " "
        case "Code" | "Math":
            text = str(value["c"][1])
        case "Note":
            text = ""
        case _:
            text = read_text(value.get("c"))
    return text
