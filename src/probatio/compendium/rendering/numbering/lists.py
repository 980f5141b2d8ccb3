"""The lists of figures and of tables: each entry is the label and the first sentence of its caption."""

from __future__ import annotations

from dataclasses import dataclass, field

from probatio.compendium.rendering.numbering.counting import CAPTION_LABEL
from probatio.compendium.rendering.tree import (
    Node,
    build_str,
    derive_changed,
    get_attributes,
    get_caption,
    iterate_nodes,
    read_text,
)


@dataclass(frozen=True)
class Entry:
    """One line of a list: where it leads and what it says."""

    label: str
    inlines: list[Node] = field(repr=False)


def derive_list(blocks: list[Node], kind: str) -> list[Entry]:
    """Return the entries of all numbered `Figure` or `Table` nodes, in order."""
    entries = []
    for node in iterate_nodes(blocks):
        if node["t"] == kind and get_attributes(node)[0]:
            number, *caption = get_caption(node)
            if get_attributes(number)[1] == [CAPTION_LABEL]:
                entries.append(Entry(get_attributes(node)[0], [*number["c"][1], *_derive_sentence(caption)]))
    return entries


def _derive_sentence(inlines: list[Node]) -> list[Node]:
    plain = derive_changed(inlines, _derive_plain)
    sentence: list[Node] = []
    for index, item in enumerate(plain):
        sentence.append(item)
        following = read_text(plain[index + 1 :]).strip()
        if read_text([item]).endswith(".") and following[:1].isupper():
            break
    if sentence and sentence[-1]["t"] == "Str":
        sentence[-1] = build_str(str(sentence[-1]["c"]).removesuffix("."))
    return sentence


def _derive_plain(node: Node) -> list[Node] | None:
    if node["t"] == "Note":
        return []
    if node["t"] in ("Link", "Cite"):
        inlines: list[Node] = node["c"][1]
        return inlines
    return None
