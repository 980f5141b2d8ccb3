"""Write the book as one HTML file: style, images and formulas (MathML) inside it, no request outside."""

from __future__ import annotations

import base64
import re
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
from probatio.digest import compute_digest

Images = dict[bytes, bytes]
"""Images by what stands in their place while pandoc writes the page: their digest."""

ASSETS = Path(__file__).parent / "assets"
_TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
_PLACE = re.compile(rb'(?<=;base64,)[0-9a-f]{64}(?=")')
_WIDE = 6  # a table with more columns is set smaller and may leave the text column
_OPTIONS = ("--mathml", "--section-divs", "--reference-location=section", "--syntax-highlighting=none", "--wrap=none")


def write_html(blocks: list[Node], book: Book) -> bytes:
    """Return the book's self-contained HTML."""
    images: Images = {}

    def change(node: Node) -> list[Node] | None:
        return lower_node(node, book, images)

    meta = derive_title(book)
    meta["styles"] = build_verbatim((ASSETS / "book.css").read_text(encoding="utf-8"))
    meta["lists"] = {"t": "MetaBlocks", "c": _build_lists(blocks, book) if book.kind == "book" else []}
    meta["skip"] = {"t": "MetaString", "c": book.words["contents"]}
    template = ASSETS / "book.html"
    arguments = ["-f", "json", "-t", "html5", "--standalone", f"--template={template}", *_OPTIONS]
    arguments += ["--toc", f"--toc-depth={book.toc_depth}", f"--variable=toc-title:{book.words['toc-title']}"]
    return fill_images(run_pandoc(arguments, write_json(derive_changed(blocks, change), meta)), images)


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


def fill_images(page: bytes, images: Images) -> bytes:
    """Return the page with the images in their places: pandoc would take its time over megabytes of letters."""
    return _PLACE.sub(lambda found: base64.b64encode(images[found[0]]) if found[0] in images else found[0], page)


def lower_node(node: Node, book: Book, images: Images) -> list[Node] | None:
    """Return what HTML has in a node's place: images inside the file, tables in a frame, formulas with their number."""
    kind = node["t"]
    if kind == "Image":
        return [_embed_image(node, book, images)]
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


def _embed_image(node: Node, book: Book, images: Images) -> Node:
    (_, _, pairs), caption, (name, _) = node["c"]
    path = book.find_file(name)
    data = path.read_bytes() if path else b""
    place = compute_digest(data)
    images[place.encode()] = data
    alt = dict(pairs).get("fig-alt")
    kept = [pair for pair in pairs if pair[0] != "fig-alt"]
    suffix = Path(name).suffix.lower()
    text = [build_str(alt)] if alt else caption
    return {"t": "Image", "c": [["", [], kept], text, [f"data:{_TYPES[suffix]};base64,{place}", ""]]}


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
