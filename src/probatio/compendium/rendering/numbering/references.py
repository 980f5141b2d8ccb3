"""Resolve cross-references, links between chapters, and check that every citation has its entry."""

from __future__ import annotations

import re
from typing import Any

from probatio.compendium.rendering.errors import RenderingError
from probatio.compendium.rendering.numbering.counting import Chapter, Target
from probatio.compendium.rendering.reading.source import derive_path
from probatio.compendium.rendering.tree import (
    NO_BREAK,
    Node,
    build_link,
    build_str,
    derive_changed,
    get_attributes,
    iterate_nodes,
)

_KINDS = ("sec", "fig", "tbl", "eq")
# Quarto reserves these for listings, callouts and theorems, which the subset does not hold.
_OTHERS = "lst|tip|nte|wrn|imp|cau|thm|lem|cor|prp|cnj|def|exm|exr|sol|rem|alg"
_LABEL = re.compile(rf"({'|'.join(_KINDS)}|{_OTHERS})-.+", re.IGNORECASE)


def resolve_references(chapters: list[Chapter], targets: dict[str, Target], citations: set[str]) -> list[Node]:
    """Return the book's blocks with every reference written out as a link.

    Args:
        chapters: numbered chapters.
        targets: what each label points to.
        citations: the keys of the bibliography.

    Raises:
        RenderingError: an undefined label, an undefined citation, or a link to nowhere; with file and line.
    """
    anchors = {chapter.name: _find_anchors(chapter) for chapter in chapters}
    blocks: list[Node] = []
    for chapter in chapters:

        def change(node: Node, chapter: Chapter = chapter) -> list[Node] | None:
            if node["t"] == "Cite":
                return _resolve_cite(node, chapter, targets, citations)
            if node["t"] == "Link":
                return _resolve_link(node, chapter, anchors)
            return None

        blocks += derive_changed(chapter.blocks, change)
    return blocks


def _resolve_cite(node: Node, chapter: Chapter, targets: dict[str, Target], citations: set[str]) -> list[Node] | None:
    given = node["c"][0]
    if not any(_LABEL.fullmatch(item["citationId"]) for item in given):
        for item in given:
            if item["citationId"] not in citations:
                what = f"@{item['citationId']} is neither in the bibliography nor a label; add the entry or correct it."
                raise _refuse_reference(chapter, item, what)
        return None
    inlines: list[Node] = []
    for item in given:
        if inlines:
            inlines += [build_str(","), {"t": "Space"}]
        inlines.append(_resolve_item(item, chapter, targets))
    return inlines


def _resolve_item(item: dict[str, Any], chapter: Chapter, targets: dict[str, Target]) -> Node:
    label = item["citationId"][:1].lower() + item["citationId"][1:]
    if item["citationSuffix"]:
        raise _refuse_reference(chapter, item, "nothing follows the label inside [...]; write it after the bracket.")
    if label.partition("-")[0] not in _KINDS:
        raise _refuse_reference(chapter, item, f"references are to {', '.join(f'@{kind}-' for kind in _KINDS)} only.")
    if label not in targets:
        what = f"@{label} points to no numbered section, figure, table or equation; define or correct the label."
        raise _refuse_reference(chapter, item, what)
    target = targets[label]
    number = build_str(target.number)
    if item["citationPrefix"]:
        return build_link([*item["citationPrefix"], build_str(NO_BREAK), number], f"#{label}", ["cross-reference"])
    bare = item["citationMode"]["t"] == "SuppressAuthor"
    word = target.word if item["citationId"][:1].islower() else target.word[:1].upper() + target.word[1:]
    shown = number if bare else build_str(f"{word}{NO_BREAK}{target.number}")
    return build_link([shown], f"#{label}", ["cross-reference"])


def _refuse_reference(chapter: Chapter, item: dict[str, Any], what: str) -> RenderingError:
    return chapter.source.refuse(f"@{item['citationId']}", what)


def _find_anchors(chapter: Chapter) -> dict[str, str]:
    nodes = list(iterate_nodes(chapter.blocks))
    anchors = {identifier: identifier for node in nodes if (identifier := get_attributes(node)[0])}
    local = {name.removeprefix(f"{chapter.stem}-"): name for name in anchors}
    title = next((node["c"][1][0] for node in chapter.blocks if node["t"] == "Header"), "")
    return anchors | local | {"": title}


def _resolve_link(node: Node, chapter: Chapter, anchors: dict[str, dict[str, str]]) -> list[Node] | None:
    target = node["c"][2][0]
    name, _, anchor = target.partition("#")
    if "://" in target or target.startswith("mailto:"):
        return None
    known = anchors.get(derive_path(name.removeprefix("./"), chapter.name) if name else chapter.name, {})
    if anchor not in known:
        raise chapter.source.refuse(target, f"the link {target} leads nowhere; correct the file or the label.")
    node["c"][2][0] = f"#{known[anchor]}"
    return None
