"""Write the book as PDF: pandoc writes Typst, the typst wheel sets it with the fonts inside the wheel."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import typst

from probatio.compendium.rendering.errors import RenderingError
from probatio.compendium.rendering.numbering.counting import CAPTION_LABEL, SECTION_NUMBER
from probatio.compendium.rendering.numbering.lists import derive_list
from probatio.compendium.rendering.pandoc import run_pandoc, write_json
from probatio.compendium.rendering.reading.book import Book, Kind
from probatio.compendium.rendering.reading.constructs import COLUMNS, EQUATION, LANDSCAPE, NOTES, PANEL
from probatio.compendium.rendering.reading.source import PAGE_BREAK
from probatio.compendium.rendering.tree import Node, build_plain, build_raw, derive_changed, get_attributes, read_text
from probatio.compendium.rendering.writing.slides import DIVIDER, SLIDE, derive_slides
from probatio.compendium.rendering.writing.tables import derive_sized
from probatio.compendium.rendering.writing.title import derive_title, find_moment

_ASSETS = Path(__file__).parent / "assets"


def write_pdf(blocks: list[Node], book: Book) -> bytes:
    """Return the book's PDF.

    Raises:
        RenderingError: typst refuses the text (an image it cannot read, a formula it cannot set).
    """
    with tempfile.TemporaryDirectory(prefix="probatio-pdf-") as name:
        folder = Path(name)
        images: dict[str, str] = {}

        def change(node: Node) -> list[Node] | None:
            return _lower_node(node, images, book.kind)

        shown = derive_slides(blocks) if book.kind == "slides" else blocks
        lowered, meta = derive_changed(shown, change), derive_changed(_derive_meta(blocks, book), change)
        for original, copy in images.items():
            shutil.copyfile(book.find_file(original) or Path(original), folder / copy)
        arguments = [
            "-f",
            "json",
            "-t",
            "typst-smart-citations",
            "--standalone",
            f"--template={_ASSETS / ('slides.typ' if book.kind == 'slides' else 'book.typ')}",
            "--wrap=none",
        ]
        text = run_pandoc([*arguments, *_derive_variables(book)], write_json(lowered, meta))
        (folder / "book.typ").write_bytes(text)
        return _compile(folder / "book.typ", book)


def _compile(path: Path, book: Book) -> bytes:
    try:
        made = typst.compile(
            path,
            root=path.parent,
            format="pdf",
            ignore_system_fonts=True,
            timestamp=find_moment(book),
            pdf_standards=["a-2a", "ua-1"],  # archivable, tagged, accessible: fonts and alternative texts are inside
        )
    except typst.TypstError as error:
        raise RenderingError(f"{book.project.as_posix()}: the PDF cannot be set: {error.message}.") from None
    return bytes(made)


def _derive_variables(book: Book) -> list[str]:
    variables = {"toc-depth": str(book.toc_depth), "toc-title": book.words["toc-title"]}
    return [f"--variable={key}:{value}" for key, value in variables.items()]


def _derive_meta(blocks: list[Node], book: Book) -> dict[str, object]:
    meta = derive_title(book)
    strings = {"document-title": meta["pagetitle"]["c"], "document-author": [author.name for author in book.authors]}
    for key, value in strings.items():
        text = _quote(value) if isinstance(value, str) else "(" + "".join(f"{_quote(item)}, " for item in value) + ")"
        meta[key] = {"t": "MetaInlines", "c": [build_raw("typst", text, block=False)]}
    if book.line_numbers:
        meta["line-numbers"] = {"t": "MetaBool", "c": True}
    meta["lists"] = {"t": "MetaBlocks", "c": _build_lists(blocks, book) if book.kind == "book" else []}
    return meta


def _build_lists(blocks: list[Node], book: Book) -> list[Node]:
    lists: list[Node] = []
    for kind, title in (("Figure", "lof-title"), ("Table", "lot-title")):
        entries = derive_list(blocks, kind)
        if entries:
            lists.append(build_raw("typst", f"#heading(level: 1, outlined: false)[{book.words[title]}]"))
        for entry in entries:
            start = build_raw("typst", f"#list-entry({_label(entry.label)})[", block=False)
            lists.append({"t": "Para", "c": [start, *entry.inlines, build_raw("typst", "]", block=False)]})
    return lists


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _label(identifier: str) -> str:
    return f"label({_quote(identifier)})"


def _lower_node(node: Node, images: dict[str, str], kind: Kind) -> list[Node] | None:
    if node["t"] == "Image":
        return [_lower_image(node, images, fitted=kind == "slides")]
    if node["t"] == "Table":
        return [derive_sized(node, fitted=True)]
    if node["t"] == "Span":
        return _lower_span(node)
    if node["t"] == "Math":
        start = build_raw("typst", f"#formula({_quote(node['c'][1].strip())})[", block=False)
        return [start, node, build_raw("typst", "]", block=False)]
    return _lower_div(node) if node["t"] == "Div" else None


def _lower_span(node: Node) -> list[Node] | None:
    classes, inlines = node["c"][0][1], node["c"][1]
    if classes == [SECTION_NUMBER]:
        return [build_raw("typst", f"#section-number[{read_text(inlines)}]", block=False)]
    return [{"t": "Strong", "c": inlines}] if classes == [CAPTION_LABEL] else None


def _lower_image(node: Node, images: dict[str, str], *, fitted: bool) -> Node:
    (_, _, pairs), caption, (name, _) = node["c"]
    given = dict(pairs)
    copy = images.setdefault(name, f"image-{len(images) + 1}{Path(name).suffix.lower()}")
    sizes = "".join(f", {key}: {given[key]}" for key in ("width", "height") if key in given)
    alt = _quote(given.get("fig-alt") or read_text(caption))
    call = "picture" if fitted and not sizes else "image"
    return build_raw("typst", f'#{call}("{copy}"{sizes}, alt: {alt})', block=False)


def _lower_div(node: Node) -> list[Node] | None:
    identifier, classes, pairs = get_attributes(node)
    blocks = node["c"][1]
    if classes == [EQUATION]:
        start = build_raw("typst", f"#numbered({_quote(pairs['number'])})[", block=False)
        end = build_raw("typst", f"] #{_label(identifier)}", block=False)
        return [{"t": "Para", "c": [start, *blocks[0]["c"], end]}]
    if classes == [PANEL]:
        return _wrap(f"#panel({pairs['columns']})", [[part] for part in blocks])
    if classes[:1] == ["callout"]:
        return _wrap(f"#callout({_quote(classes[1])})", [blocks[0]["c"][1], blocks[1:]])
    if identifier == "refs":
        return [item for entry in blocks for item in _wrap("#reference", [[entry]])]
    return _lower_page(identifier, classes, blocks)


def _lower_page(identifier: str, classes: list[str], blocks: list[Node]) -> list[Node] | None:
    if classes == [PAGE_BREAK]:
        return [build_raw("typst", "#pagebreak(weak: true)")]
    if classes == [LANDSCAPE]:
        return _wrap("#page(flipped: true)", [blocks])
    if classes == [NOTES]:
        return []
    if classes == [COLUMNS]:
        widths = ", ".join(f"{get_attributes(block)[2].get('width', '50%').rstrip('%')}fr" for block in blocks)
        return _wrap(f"#beside(({widths},))", [block["c"][1] for block in blocks])
    if classes not in ([DIVIDER], [SLIDE]):
        return None
    title, *content = blocks
    call = f"#{classes[0]}({_quote(read_text(title['c'][2]))}, {_quote(identifier)})"
    return _wrap(call, [[build_plain(title["c"][2])], content])


def _wrap(call: str, parts: list[list[Node]]) -> list[Node]:
    wrapped = [build_raw("typst", f"{call}[")]
    for index, part in enumerate(parts):
        wrapped += [*([build_raw("typst", "][")] if index else []), *part]
    return [*wrapped, build_raw("typst", "]")]
