"""Write the book as one HTML file: style, images and formulas (MathML) inside it, no request outside."""

from __future__ import annotations

import base64
from pathlib import Path

from probatio.compendium.rendering.numbering.lists import Entry, derive_list
from probatio.compendium.rendering.pandoc import run_pandoc, write_json
from probatio.compendium.rendering.reading.book import Book
from probatio.compendium.rendering.reading.constructs import EQUATION, build_words
from probatio.compendium.rendering.reading.source import PAGE_BREAK
from probatio.compendium.rendering.tree import (
    Node,
    build_div,
    build_link,
    build_plain,
    build_raw,
    build_span,
    build_str,
    derive_changed,
    get_attributes,
    get_caption,
    set_caption,
)
from probatio.compendium.rendering.writing.tables import derive_sized
from probatio.compendium.rendering.writing.title import derive_title

ASSETS = Path(__file__).parent / "assets"
_TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
_WIDE = 6  # a table with more columns is set smaller and may leave the text column
_OPTIONS = ("--mathml", "--section-divs", "--reference-location=section", "--syntax-highlighting=none", "--wrap=none")


def write_html(blocks: list[Node], book: Book) -> bytes:
    """Return the book's self-contained HTML."""

    def change(node: Node) -> list[Node] | None:
        return lower_node(node, book)

    meta = derive_title(book)
    meta["styles"] = build_verbatim((ASSETS / "book.css").read_text(encoding="utf-8"))
    meta["lists"] = {"t": "MetaBlocks", "c": _build_lists(blocks, book) if book.kind == "book" else []}
    meta["skip"] = {"t": "MetaString", "c": book.words["contents"]}
    template = ASSETS / "book.html"
    arguments = ["-f", "json", "-t", "html5", "--standalone", f"--template={template}", *_OPTIONS]
    arguments += ["--toc", f"--toc-depth={book.toc_depth}", f"--variable=toc-title:{book.words['toc-title']}"]
    return run_pandoc(arguments, write_json(derive_changed(blocks, change), meta))


def build_verbatim(text: str) -> dict[str, object]:
    """Return a text that the template takes as it stands."""
    return {"t": "MetaInlines", "c": [build_raw("html", text, block=False)]}


def _build_lists(blocks: list[Node], book: Book) -> list[Node]:
    lists = []
    for kind, title in (("Figure", "lof-title"), ("Table", "lot-title")):
        entries = derive_list(blocks, kind)
        if entries:
            heading = build_div("", ["list-title"], {}, [build_plain(build_words(book.words[title]))])
            lists.append(build_div("", ["list-of"], {}, [heading, _build_list(entries)]))
    return lists


def _build_list(entries: list[Entry]) -> Node:
    items = [[build_plain([build_link(entry.inlines, f"#{entry.label}")])] for entry in entries]
    return {"t": "BulletList", "c": items}


def lower_node(node: Node, book: Book) -> list[Node] | None:
    """Return what HTML has in a node's place: images inside the file, tables in a frame, formulas with their number."""
    kind = node["t"]
    if kind == "Image":
        return [_embed_image(node, book)]
    if kind == "Table":
        return [_frame_table(derive_sized(node))]
    if kind != "Div":
        return None
    identifier, classes, pairs = get_attributes(node)
    if classes == [EQUATION]:
        number = build_span(["equation-number"], [build_str(pairs["number"])])
        return [build_div(identifier, ["equation"], {}, [build_plain([*node["c"][1][0]["c"], number])])]
    if classes == [PAGE_BREAK]:
        return [build_div("", [PAGE_BREAK], {}, [])]
    return None


def _embed_image(node: Node, book: Book) -> Node:
    (_, _, pairs), caption, (name, _) = node["c"]
    path = book.find_file(name)
    data = base64.b64encode(path.read_bytes() if path else b"").decode()
    alt = dict(pairs).get("fig-alt")
    kept = [pair for pair in pairs if pair[0] != "fig-alt"]
    suffix = Path(name).suffix.lower()
    text = [build_str(alt)] if alt else caption
    return {"t": "Image", "c": [["", [], kept], text, [f"data:{_TYPES[suffix]};base64,{data}", ""]]}


def _frame_table(table: Node) -> Node:
    """Return the table with its caption above it, as wide as the text, and a frame that scrolls by keyboard."""
    identifier, caption = get_attributes(table)[0], get_caption(table)
    set_caption(table, [])
    classes = ["table-frame", "wide"] if len(table["c"][2]) > _WIDE else ["table-frame"]
    scroll = {"tabindex": "0", "role": "region"}
    blocks = []
    if caption:
        named = f"{identifier}-caption" if identifier else ""
        blocks = [build_div(named, ["caption"], {}, [build_plain(caption)])]
        scroll |= {"aria-labelledby": named} if named else {}
    table["c"][0] = ["", [], []]
    return build_div(identifier, classes, {}, [*blocks, build_div("", ["table-scroll"], scroll, [table])])
