"""Cut a presentation into its slides: a part's title, or a title and what stands below it."""

from __future__ import annotations

from probatio.compendium.rendering.reading import deck
from probatio.compendium.rendering.tree import Node, build_div

DIVIDER, SLIDE = "divider", "slide"
_CLASSES = {deck.DIVIDER: DIVIDER, deck.SLIDE: SLIDE}


def derive_slides(blocks: list[Node]) -> list[Node]:
    """Return one group for each slide: its heading first; the heading's label becomes the group's."""
    slides: list[Node] = []
    for block in blocks:
        if block["t"] == "Header" and block["c"][0] in _CLASSES:
            level, (identifier, _, _), inlines = block["c"]
            heading = {"t": "Header", "c": [level, ["", [], []], inlines]}
            slides.append(build_div(identifier, [_CLASSES[level]], {}, [heading]))
        else:
            slides[-1]["c"][1].append(block)
    return slides
