"""Write the book as DOCX: pandoc's writer with a reference document made here (styles, A4, page number)."""

from __future__ import annotations

import shutil
import struct
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any
from xml.sax.saxutils import escape

import typst

from probatio.compendium.rendering.numbering.counting import CAPTION_LABEL, SECTION_NUMBER
from probatio.compendium.rendering.numbering.lists import derive_list
from probatio.compendium.rendering.pandoc import run_pandoc, write_json
from probatio.compendium.rendering.reading.book import Book
from probatio.compendium.rendering.reading.constructs import EQUATION, LANDSCAPE, PANEL, SUBCAPTION, build_words
from probatio.compendium.rendering.reading.source import PAGE_BREAK
from probatio.compendium.rendering.tree import (
    Node,
    build_div,
    build_raw,
    build_str,
    derive_changed,
    get_attributes,
    get_caption,
    iterate_nodes,
)
from probatio.compendium.rendering.writing.docx_styles import CELL_STYLES, build_reference, build_section
from probatio.compendium.rendering.writing.tables import derive_sized, find_size
from probatio.compendium.rendering.writing.title import derive_title, find_moment

_PIXELS_PER_INCH = 300
_TEXT_WIDTH = 6.1  # inches between the margins of the page
_SECTION_ENDS = tuple(f"<w:p><w:pPr>{build_section(lying=lying)}</w:pPr></w:p>" for lying in (False, True))
_BREAK = '<w:p><w:r><w:br w:type="page"/></w:r></w:p>'


def write_docx(blocks: list[Node], book: Book) -> bytes:
    """Return the book's DOCX."""
    with tempfile.TemporaryDirectory(prefix="probatio-docx-") as name:
        folder = Path(name)
        lowered = derive_changed(blocks, lambda node: _lower_node(node, book, folder))
        epoch = int(find_moment(book).timestamp())
        reference = build_reference(epoch, article=book.kind == "article", line_numbers=book.line_numbers)
        (folder / "reference.docx").write_bytes(reference)
        arguments = ["-f", "json", "-t", "docx", "--standalone", "--reference-doc=reference.docx", "-o", "-"]
        arguments += ["--syntax-highlighting=none"]
        meta: dict[str, Any] = derive_title(book)
        if book.kind == "book":
            arguments += ["--toc", f"--toc-depth={book.toc_depth}"]
            meta["toc-title"] = {"t": "MetaString", "c": book.words["toc-title"]}
            opening = _build_lists(blocks, book)
        else:
            opening = _build_opening(meta)
        return run_pandoc(arguments, write_json([*opening, *lowered], meta), epoch=epoch, folder=folder)


def _build_opening(meta: dict[str, Any]) -> list[Node]:
    """Return what stands between an article's title and its text: institutions, abstract, keywords."""
    opening = [_style("Affiliation", place["c"]) for place in meta.get("institute", {"c": []})["c"]]
    if "abstract" in meta:
        opening += [_style("Abstract Title", build_words(meta["abstract-title"]["c"]))]
        opening += [build_div("", [], {"custom-style": "Abstract"}, meta.pop("abstract")["c"])]
    if "keywords" in meta:
        words = [item for word in meta["keywords"]["c"] for item in (build_str(";"), {"t": "Space"}, *word["c"])][2:]
        title = {"t": "Strong", "c": build_words(f"{meta['keywords-title']['c']}:")}
        opening += [_style("Abstract", [title, {"t": "Space"}, *words])]
    return opening


def _style(name: str, inlines: list[Node]) -> Node:
    return build_div("", [], {"custom-style": name}, [{"t": "Para", "c": inlines}])


def _build_lists(blocks: list[Node], book: Book) -> list[Node]:
    """Return Word's own lists: fields that Word fills from the styles of the captions."""
    lists = []
    for kind, style, title in (("Figure", "Image Caption", "lof-title"), ("Table", "Table Caption", "lot-title")):
        if derive_list(blocks, kind):
            field = escape(f'TOC \\h \\z \\t "{style},1"', {'"': "&quot;"})
            lists.append(
                build_raw(
                    "openxml",
                    '<w:p><w:pPr><w:pStyle w:val="TOCHeading"/></w:pPr>'
                    f"<w:r><w:t>{escape(book.words[title])}</w:t></w:r></w:p>"
                    '<w:p><w:r><w:fldChar w:fldCharType="begin" w:dirty="true"/></w:r>'
                    f'<w:r><w:instrText xml:space="preserve">{field}</w:instrText></w:r>'
                    '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>',
                )
            )
    return lists


def _lower_node(node: Node, book: Book, folder: Path) -> list[Node] | None:
    kind = node["t"]
    if kind == "Image":
        return [_lower_image(node, book, folder)]
    if kind == "Figure" and node["c"][2][0]["t"] == "Table":
        caption = build_div("", [], {"custom-style": "Image Caption"}, [{"t": "Para", "c": get_caption(node)}])
        return [build_div(get_attributes(node)[0], [], {}, [node["c"][2][0], caption])]
    if kind == "Table":
        return [_style_cells(derive_sized(node, whole=True))]
    if kind == "Span" and node["c"][0][1] == [SECTION_NUMBER]:
        return list(node["c"][1])
    if kind == "Span" and node["c"][0][1] == [CAPTION_LABEL]:
        return [{"t": "Strong", "c": node["c"][1]}]
    return _lower_div(node) if kind == "Div" else None


def _style_cells(table: Node) -> Node:
    """Return the table with the text of its cells in the style of a table of so many columns."""
    _, _, columns, head, bodies, _ = table["c"]
    style = {"custom-style": CELL_STYLES[int(2 * find_size(len(columns)))]}
    for row in (*head[1], *(row for body in bodies for row in body[3])):
        for cell in row[1]:
            cell[4] = [build_div("", [], style, [_build_paragraph(block) for block in cell[4]])] if cell[4] else []
    return table


def _build_paragraph(block: Node) -> Node:
    return {"t": "Para", "c": block["c"]} if block["t"] == "Plain" else block


def _lower_div(node: Node) -> list[Node] | None:
    identifier, classes, pairs = get_attributes(node)
    blocks = node["c"][1]
    if classes == [EQUATION]:
        math = blocks[0]["c"][0]["c"]
        numbered = {"t": "Math", "c": [math[0], f"{math[1].strip()} \\qquad {pairs['number']}"]}
        return [build_div(identifier, [], {}, [{"t": "Para", "c": [numbered]}])]
    if classes == [PAGE_BREAK]:
        return [build_raw("openxml", _BREAK)]
    if classes == [LANDSCAPE]:
        return [build_raw("openxml", _SECTION_ENDS[0]), *blocks, build_raw("openxml", _SECTION_ENDS[1])]
    if classes[:1] == ["callout"]:
        title = {"t": "Para", "c": [{"t": "Strong", "c": blocks[0]["c"][1][0]["c"]}]}
        style = " ".join(part.capitalize() for part in classes[1].split("-"))
        return [build_div("", [], {"custom-style": style}, [title, *blocks[1:]])]
    if classes == [SUBCAPTION]:
        return [build_div("", [], {"custom-style": "Subcaption"}, [{"t": "Para", "c": blocks[0]["c"]}])]
    return [_build_grid(blocks, int(pairs["columns"]))] if classes == [PANEL] else None


def _build_grid(parts: list[Node], columns: int) -> Node:
    width = f"{_TEXT_WIDTH / columns - 0.15:.2f}in"
    for node in iterate_nodes(parts):
        if node["t"] == "Image":
            node["c"][0][2] = [["width", width]]
    empty: list[list[Node]] = [[] for _ in range(-len(parts) % columns)]
    cells = [[["", [], []], {"t": "AlignDefault"}, 1, 1, blocks] for blocks in [*([part] for part in parts), *empty]]
    rows = [[["", [], []], cells[start : start + columns]] for start in range(0, len(cells), columns)]
    sized = [[{"t": "AlignDefault"}, {"t": "ColWidth", "c": 1 / columns}] for _ in range(columns)]
    attributes = ["", [], [["custom-style", "Panel"]]]
    return {
        "t": "Table",
        "c": [attributes, [None, []], sized, [["", [], []], []], [[["", [], []], 0, [], rows]], [["", [], []], []]],
    }


def _lower_image(node: Node, book: Book, folder: Path) -> Node:
    (_, _, pairs), caption, (name, _) = node["c"]
    kept = {key: value for key, value in pairs if key != "fig-alt"}
    copy, inches = _copy_image(name, book, folder)
    if inches and not {"width", "height"} & set(kept):
        kept["width"] = f"{min(inches, _TEXT_WIDTH):.2f}in"
    alt = dict(pairs).get("fig-alt")
    text = [build_str(alt)] if alt else caption
    return {"t": "Image", "c": [["", [], [list(pair) for pair in kept.items()]], text, [copy, ""]]}


def _copy_image(name: str, book: Book, folder: Path) -> tuple[str, float]:
    """Put a PNG or JPEG of the image into `folder`; return its name there and, if made here, its width in inches."""
    count = len(list(folder.glob("image-*"))) + 1
    path = book.find_file(name)
    beside = book.find_file(PurePosixPath(name).with_suffix(".png").as_posix())
    if path is not None and path.suffix.lower() == ".svg" and beside is None:
        data = render_png(path, folder)
        (folder / f"image-{count}.png").write_bytes(data)
        return f"image-{count}.png", struct.unpack(">I", data[16:20])[0] / _PIXELS_PER_INCH
    chosen = beside if beside is not None and name.lower().endswith(".svg") else path
    copy = f"image-{count}{PurePosixPath(name).suffix.lower() if chosen is path else '.png'}"
    shutil.copyfile(chosen or Path(name), folder / copy)
    return copy, 0.0


def render_png(path: Path, folder: Path) -> bytes:
    """Return a PNG of an SVG (300 pixels an inch), drawn by typst in `folder`."""
    shutil.copyfile(path, folder / "drawing.svg")
    (folder / "drawing.typ").write_text(
        '#set page(width: auto, height: auto, margin: 0pt)\n#image("drawing.svg")\n', encoding="utf-8"
    )
    made = typst.compile(
        folder / "drawing.typ", root=folder, format="png", ppi=_PIXELS_PER_INCH, ignore_system_fonts=True
    )
    return bytes(made)
