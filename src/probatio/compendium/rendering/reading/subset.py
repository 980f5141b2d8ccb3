"""The closed subset: what a parsed chapter may hold. Anything else is refused with file and line."""

from __future__ import annotations

import re
from collections.abc import Callable

from probatio.compendium.rendering.errors import RenderingError
from probatio.compendium.rendering.pandoc import run_pandoc, write_json
from probatio.compendium.rendering.reading.constructs import (
    CALLOUTS,
    COLUMN,
    COLUMNS,
    EQUATION,
    LANDSCAPE,
    NOTES,
    VISIBILITY,
    read_widths,
)
from probatio.compendium.rendering.reading.source import PAGE_BREAK, Source
from probatio.compendium.rendering.tree import Node, get_attributes, get_caption, iterate_nodes, read_text

FORMATS = ("html", "typst", "docx")
_BLOCKS = ("Plain", "Para", "CodeBlock", "BlockQuote", "OrderedList", "BulletList", "DefinitionList", "Header", "Table")
_INLINES = (
    "Str",
    "Emph",
    "Strong",
    "Superscript",
    "Subscript",
    "Quoted",
    "Cite",
    "Code",
    "Math",
    "Link",
    "Image",
    "Note",
)
_KINDS = (*_BLOCKS, "Figure", "Div", *_INLINES, "Span")
_REASONS = {
    "HorizontalRule": "a rule is not in the subset; use a heading.",
    "LineBlock": "a line block is not in the subset; a table row ends with | and has a header.",
    "RawBlock": "raw code of one format is not in the subset; write it in Markdown.",
    "RawInline": "raw code of one format is not in the subset; write it in Markdown.",
}
_STRAY = re.compile(r"\{[#.]\w|^\{=|^:::|\[\^[^\]]+\]|^\{\w+\}$")
_LENGTH = re.compile(r"\d+(\.\d+)?(%|cm|mm|in)")
_LINK = re.compile(r"(https?://|mailto:)\S+|#\S+|[\w./-]+\.qmd(#\S+)?")
_IMAGE = re.compile(r"[^:\\?#]+\.(svg|png|jpg|jpeg)")
_Check = Callable[[Node], str | None]


def check_subset(blocks: list[Node], source: Source) -> None:
    """Refuse what the closed subset does not hold in a chapter's blocks.

    Raises:
        RenderingError: file, line, the construct, and what to write instead.
    """
    placed = _find_placed(blocks)
    for node in _iterate_known(blocks):
        reason = _find_reason(node)
        if reason is None and node["t"] == "Header" and id(node) not in placed:
            reason = "a heading inside another block; only a callout has one, as its title."
        if reason is None and node["t"] == "Image" and id(node) not in placed:
            reason = "an image stands alone in its paragraph and has a caption: ![caption](file.svg){#fig-x}."
        if reason is not None:
            raise source.refuse(_find_token(node, source), reason)


def check_formulas(blocks: list[Node], source: Source) -> None:
    """Refuse a formula that pandoc cannot convert.

    Raises:
        RenderingError: file, line and pandoc's reason.
    """
    formulas = [node for node in iterate_nodes(blocks) if node["t"] == "Math"]
    if not formulas or _find_fault(formulas) is None:
        return
    for formula in formulas:
        fault = _find_fault([formula])
        if fault is not None:
            raise source.refuse(formula["c"][1], f"a formula that cannot be converted: {fault}")


def _find_fault(formulas: list[Node]) -> str | None:
    try:
        run_pandoc(["-f", "json", "-t", "html", "--mathml"], write_json([{"t": "Para", "c": formulas}]))
    except RenderingError as error:
        return str(error)
    return None


def _find_reason(node: Node) -> str | None:
    kind = node["t"]
    if kind in ("RawBlock", "RawInline") and node["c"][0] == "html" and node["c"][1].lstrip().startswith("<!--"):
        return None
    if kind not in _KINDS:
        return _REASONS.get(kind, f"{kind} is not in the subset; see the README of the report.")
    check = _CHECKS.get(kind)
    return check(node) if check else None


def _iterate_known(blocks: list[Node]) -> list[Node]:
    # Nodes without content are spaces, breaks and the names of styles; a rule is the one to refuse.
    return [
        node
        for node in iterate_nodes(blocks)
        if ("c" in node and node["t"] != "ColWidth") or node["t"] == "HorizontalRule"
    ]


def _find_placed(blocks: list[Node]) -> set[int]:
    placed = {id(block) for block in blocks}
    for node in iterate_nodes(blocks):
        _, classes, _ = get_attributes(node)
        if node["t"] == "Div" and set(classes) & {*VISIBILITY, COLUMNS, COLUMN} and id(node) in placed:
            placed |= {id(block) for block in node["c"][1]}
        elif node["t"] == "Div" and set(classes) & set(CALLOUTS):
            placed |= {id(block) for block in node["c"][1][:1]}
        elif node["t"] == "Figure" and len(node["c"][2]) == 1 and len(node["c"][2][0]["c"]) == 1:
            placed.add(id(node["c"][2][0]["c"][0]))
    return placed


def _find_token(node: Node, source: Source) -> str:
    """Return what the source holds of the node: its attributes, its target, else its first words."""
    identifier, classes, pairs = get_attributes(node)
    tokens = [f"#{identifier}", *(f".{name}" for name in classes), *(f"{key}=" for key in pairs)]
    if node["t"] in ("Image", "Link"):
        tokens.append(str(node["c"][2][0]))
    elif node["t"] in ("RawBlock", "RawInline", "Code", "CodeBlock"):
        tokens.append(str(node["c"][1]).strip().partition("\n")[0])
    tokens += [str(item["c"]) for item in iterate_nodes(node) if item["t"] == "Str"]
    return next((token for token in tokens if len(token) > 1 and token in source.text), tokens[-1])


def _check_attributes(node: Node, classes: tuple[str, ...], keys: tuple[str, ...]) -> str | None:
    _, found, pairs = get_attributes(node)
    unknown = [f".{name}" for name in found if name not in classes] + [name for name in pairs if name not in keys]
    known = ", ".join((*(f".{name}" for name in classes), *keys)) or "none"
    return f"unknown attribute {unknown[0]}; known here: {known}." if unknown else None


def _check_div(node: Node) -> str | None:
    identifier, classes, pairs = get_attributes(node)
    if identifier.startswith("fig-"):
        return _check_attributes(node, (), ("layout-ncol",)) or _check_panel(node, pairs.get("layout-ncol", "1"))
    if identifier == "refs" and not classes and not pairs:
        return "the bibliography's place is empty: ::: {#refs} and :::." if node["c"][1] else None
    if classes in ([EQUATION], [PAGE_BREAK]):
        return None
    if classes in ([LANDSCAPE], [NOTES], [COLUMNS], [COLUMN]) and not identifier:
        return _check_layout(node, classes[0])
    if len(classes) != 1 or identifier:
        return "a block with ::: is a callout, a panel {#fig-x layout-ncol=2}, {#refs} or conditional content."
    return _check_class(node, classes[0])


def _check_layout(node: Node, name: str) -> str | None:
    blocks = node["c"][1]
    if name == COLUMNS and not (blocks and all(get_attributes(block)[1] == [COLUMN] for block in blocks)):
        return 'columns hold columns and nothing else: ::: {.column width="50%"}.'
    if name == COLUMN and not re.fullmatch(r"\d{1,2}%", get_attributes(node)[2].get("width", "50%")):
        return "the width of a column is a share of the slide: 50%."
    return _check_attributes(node, (name,), ("width",) if name == COLUMN else ())


def _check_class(node: Node, name: str) -> str | None:
    if name in VISIBILITY:
        return _check_visibility(node)
    if name not in CALLOUTS:
        return f"unknown block .{name}; known: {', '.join((*CALLOUTS, *VISIBILITY, LANDSCAPE))}."
    return _check_attributes(node, CALLOUTS, ("title",))


def _check_panel(node: Node, columns: str) -> str | None:
    blocks = node["c"][1]
    figures, last = blocks[:-1], blocks[-1] if blocks else {"t": ""}
    if not figures or any(block["t"] != "Figure" for block in figures) or last["t"] != "Para":
        return "a panel holds figures, each in its paragraph with a caption, then one paragraph: its own caption."
    return None if columns in ("1", "2", "3", "4") else "layout-ncol is a number from 1 to 4."


def _check_visibility(node: Node) -> str | None:
    identifier, classes, pairs = get_attributes(node)
    if identifier or len(classes) != 1 or not pairs or set(pairs) - {"when-format", "unless-format"}:
        return "conditional content has when-format or unless-format and nothing else."
    if set(pairs.values()) - set(FORMATS):
        return f"the format of conditional content is one of {', '.join(FORMATS)} (typst makes the PDF)."
    return None


def _check_span(node: Node) -> str | None:
    if set(get_attributes(node)[1]) & set(VISIBILITY):
        return _check_visibility(node)
    return "a span [text]{...} is not in the subset, except conditional content."


def _check_figure(node: Node) -> str | None:
    identifier, _, _ = get_attributes(node)
    return None if identifier.startswith("fig-") or not identifier else "a figure's label begins with fig-: {#fig-x}."


def _check_image(node: Node) -> str | None:
    _, _, pairs = get_attributes(node)
    if not _IMAGE.fullmatch(node["c"][2][0]):
        return "an image is a file of the project: .svg, .png or .jpg."
    for key in ("width", "height"):
        if key in pairs and not _LENGTH.fullmatch(pairs[key]):
            return f"{key} is a number with %, cm, mm or in."
    return _check_attributes(node, (), ("width", "height", "fig-alt"))


def _check_table(node: Node) -> str | None:
    identifier, _, pairs = get_attributes(node)
    if identifier and not identifier.startswith("tbl-"):
        return "a table's label begins with tbl-: {#tbl-x}."
    if identifier and not get_caption(node):
        return "a table with a label has a caption."
    if "tbl-colwidths" in pairs and len(read_widths(pairs["tbl-colwidths"])) != len(node["c"][2]):
        return 'tbl-colwidths gives one number for each column, as in tbl-colwidths="[60,20,20]".'
    return _check_attributes(node, (), ("tbl-colwidths",))


def _check_code(node: Node) -> str | None:
    identifier, classes, pairs = get_attributes(node)
    if identifier or pairs or len(classes) > 1 or (node["t"] == "Code" and classes):
        return "code has no attributes; a block may name its language."
    return None


def _check_str(node: Node) -> str | None:
    if not _STRAY.search(node["c"]):
        return None
    return f"'{node['c']}' marks nothing: an attribute, a footnote or ::: without its block; check the syntax."


def _check_link(node: Node) -> str | None:
    if not _LINK.fullmatch(node["c"][2][0]):
        return "a link goes to https://..., mailto:..., #label or a chapter's .qmd file."
    return _check_attributes(node, ("uri", "email"), ())


def _check_header(node: Node) -> str | None:
    if not read_text(node["c"][2]).strip():
        return "a heading without words."
    return _check_attributes(node, ("unnumbered",), ())


def _check_list(node: Node) -> str | None:
    return "a numbered example list is not in the subset." if node["c"][0][1]["t"] == "Example" else None


_CHECKS: dict[str, _Check] = {
    "Div": _check_div,
    "Span": _check_span,
    "Figure": _check_figure,
    "Image": _check_image,
    "Table": _check_table,
    "Code": _check_code,
    "CodeBlock": _check_code,
    "Str": _check_str,
    "Link": _check_link,
    "Header": _check_header,
    "OrderedList": _check_list,
}
