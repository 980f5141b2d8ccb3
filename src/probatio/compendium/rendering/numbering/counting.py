"""Number chapters, sections, figures, tables and equations as Quarto does.

In a book chapters count 1, 2, ...; appendices A, B, ...; figures, tables and equations count anew in
each chapter and carry its number. A single document has no chapters: sections count 1, 1.1, ..., and
figures 1, 2, ... to its end. No format numbers anything itself.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from probatio.compendium.rendering.reading.constructs import EQUATION, PANEL, SUBCAPTION, SUBFIGURE
from probatio.compendium.rendering.reading.source import Source
from probatio.compendium.rendering.tree import (
    NO_BREAK,
    Node,
    build_span,
    build_str,
    get_attributes,
    get_caption,
    iterate_nodes,
    read_text,
    set_caption,
)

SECTION_NUMBER, CAPTION_LABEL = "header-section-number", "caption-label"
_FLOATS = {"Figure": "fig", "Table": "tbl"}


@dataclass(frozen=True)
class Chapter:
    """A chapter's blocks, to be changed in place, and where they come from."""

    name: str
    source: Source
    blocks: list[Node] = field(repr=False)
    appendix: bool = False

    @property
    def stem(self) -> str:
        """The chapter's file name as part of an identifier."""
        return self.name.removesuffix(".qmd").replace("/", "-")


@dataclass(frozen=True)
class Target:
    """What a label points to: its number, and the word before it in a reference."""

    label: str
    kind: str
    number: str
    word: str


@dataclass
class _Count:
    """The state of counting in one chapter, or in a document `alone`, where `letter` stays empty."""

    chapter: Chapter
    words: dict[str, str]
    letter: str
    depth: int
    alone: bool = False
    section: list[int] = field(default_factory=lambda: [0] * 6)
    floats: Counter[str] = field(default_factory=Counter)
    targets: list[Target] = field(default_factory=list)


def number_book(chapters: list[Chapter], words: dict[str, str], depth: int) -> dict[str, Target]:
    """Write the numbers into headings, captions and equations; return what each label points to.

    Args:
        chapters: chapters in order; their blocks are changed in place.
        words: the book's words (`Figure`, `Tableau`, ...).
        depth: the deepest level of headings that shows its number.

    Raises:
        RenderingError: a chapter without title or with two, a skipped level, a label twice, or a
            label in a chapter that has no number.
    """
    counts = {False: 0, True: 0}
    targets: dict[str, Target] = {}
    for chapter in chapters:
        numbered = _is_numbered(_find_title(chapter))
        counts[chapter.appendix] += numbered
        letter = _derive_letter(counts[chapter.appendix], appendix=chapter.appendix) if numbered else ""
        _add_targets(targets, _Count(chapter, words, letter, depth))
    return targets


def number_document(chapter: Chapter, words: dict[str, str], depth: int) -> dict[str, Target]:
    """Write the numbers of a document without chapters; return what each label points to.

    Args:
        chapter: the document; its blocks are changed in place.
        words: the document's words (`Figure`, `Table`, ...).
        depth: the deepest level of headings that shows its number; 0: none does, and none is referred to.

    Raises:
        RenderingError: a skipped level, a label twice, or a numbered heading below one without number.
    """
    targets: dict[str, Target] = {}
    _add_targets(targets, _Count(chapter, words, "", depth, alone=True))
    return targets


def _add_targets(targets: dict[str, Target], count: _Count) -> None:
    for target in _number_chapter(count):
        if target.label in targets:
            what = f"the label {target.label} stands twice."
            raise count.chapter.source.refuse(f"#{target.label}", what, last=True)
        targets[target.label] = target


def _derive_letter(count: int, *, appendix: bool) -> str:
    return chr(ord("A") + count - 1) if appendix else str(count)


def _is_numbered(header: Node) -> bool:
    return "unnumbered" not in header["c"][1][1]


def _find_title(chapter: Chapter) -> Node:
    headers = [node for node in chapter.blocks if node["t"] == "Header" and node["c"][0] == 1]
    if not headers or chapter.blocks[0] is not headers[0]:
        raise chapter.source.refuse("", "a chapter begins with its title: # Title, or title: in the front matter.")
    if len(headers) > 1:
        token = read_text(headers[1]["c"][2])
        raise chapter.source.refuse(token, "a second title; write ## for a section.", last=True)
    return headers[0]


def _number_chapter(count: _Count) -> list[Target]:
    level = 0
    for node in list(iterate_nodes(count.chapter.blocks)):
        identifier, classes, _ = get_attributes(node)
        if node["t"] == "Header":
            if node["c"][0] > max(level, int(not count.depth)) + 1:  # slides may begin below a part
                token = read_text(node["c"][2])
                raise count.chapter.source.refuse(token, f"a heading of level {node['c'][0]} below level {level}.")
            level = node["c"][0]
            _number_header(node, count)
        elif node["t"] in _FLOATS and identifier:
            _number_float(node, _FLOATS[node["t"]], count)
        elif node["t"] == "Div" and EQUATION in classes:
            number = _count_next(identifier, "eq", count)
            node["c"][0][2] = [["number", f"({number})"]]
    return count.targets


def _number_header(node: Node, count: _Count) -> None:
    level, (identifier, classes, _), inlines = node["c"]
    if not identifier.startswith("sec-") and not count.alone:
        node["c"][1][0] = identifier = f"{count.chapter.stem}-{identifier}"
    if not count.letter and not count.alone and "unnumbered" not in classes:
        classes.append("unnumbered")
    if "unnumbered" in classes:
        count.section[level - 1 :] = [count.section[level - 1], *[-1] * (6 - level)]
        return
    number = _count_section(node, level, count)
    if identifier.startswith("sec-") and count.depth:
        count.targets.append(Target(identifier, "sec", number, _find_word(level, count)))
    shown = number
    if level == 1 and count.chapter.appendix:
        shown = f"{count.words['appendix-title']}{NO_BREAK}{number}{NO_BREAK}—"
    if level <= count.depth:
        node["c"][2] = [build_span([SECTION_NUMBER], [build_str(shown)]), {"t": "Space"}, *inlines]


def _count_section(node: Node, level: int, count: _Count) -> str:
    if count.section[level - 1] < 0:
        what = "a numbered heading below one without number; write {.unnumbered} here too."
        raise count.chapter.source.refuse(read_text(node["c"][2]), what)
    count.section[level - 1 :] = [count.section[level - 1] + 1, *[0] * (6 - level)]
    first = [] if count.alone else [count.letter]
    return ".".join([*first, *(str(part) for part in count.section[len(first) : level])])


def _find_word(level: int, count: _Count) -> str:
    if level > 1 or count.alone:
        return count.words["sec-prefix"]
    return count.words["apx-prefix" if count.chapter.appendix else "ch-prefix"]


def _number_float(node: Node, kind: str, count: _Count) -> None:
    identifier, caption = get_attributes(node)[0], get_caption(node)
    number = _count_next(identifier, kind, count)
    label = f"{count.words[f'{kind}-title']}{NO_BREAK}{number}{count.words['title-delim']}"
    set_caption(node, [build_span([CAPTION_LABEL], [build_str(label)]), {"t": "Space"}, *caption])
    if node["t"] == "Figure" and PANEL in get_attributes(node["c"][2][0])[1]:
        _number_panel(node["c"][2][0], number, count)


def _number_panel(panel: Node, number: str, count: _Count) -> None:
    parts = [part for part in panel["c"][1] if SUBFIGURE in get_attributes(part)[1]]
    for index, part in enumerate(parts):
        letter = chr(ord("a") + index)
        caption = next(block for block in part["c"][1] if SUBCAPTION in get_attributes(block)[1])["c"][1][0]
        caption["c"] = [build_str(f"({letter})"), {"t": "Space"}, *caption["c"]]
        if get_attributes(part)[0]:
            word = count.words["fig-prefix"]
            count.targets.append(Target(get_attributes(part)[0], "subfig", f"{number}{NO_BREAK}({letter})", word))


def _count_next(label: str, kind: str, count: _Count) -> str:
    if not count.letter and not count.alone:
        what = f"the label {label} stands in a chapter without number; number the chapter or move it."
        raise count.chapter.source.refuse(f"#{label}", what)
    count.floats[kind] += 1
    number = ".".join([*([] if count.alone else [count.letter]), str(count.floats[kind])])
    count.targets.append(Target(label, kind, number, count.words[f"{kind}-prefix"]))
    return number
