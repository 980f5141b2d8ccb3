"""The reference document of the DOCX: pandoc's own with the report's styles, A4 and a page number."""

from __future__ import annotations

import datetime
import io
import zipfile
from functools import cache
from xml.etree import ElementTree as ET

from probatio.compendium.rendering.pandoc import run_pandoc

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_INK = "1F3A5F"
_FACE = "Times New Roman"  # every Word has it, LibreOffice a face of the same measure; journals and schools ask for it
_SERIF = f'<w:rFonts w:ascii="{_FACE}" w:hAnsi="{_FACE}" w:cs="{_FACE}" w:eastAsia="{_FACE}"/>'
_TONES = {"Note": "2B5C8A", "Tip": "2F6F4F", "Warning": "9A6700", "Important": "9B2C2C"}
_FOOTER = (
    f'<w:ftr xmlns:w="{_W}"><w:p><w:pPr><w:jc w:val="center"/></w:pPr>'
    '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText xml:space="preserve"> PAGE </w:instrText></w:r>'
    '<w:r><w:fldChar w:fldCharType="end"/></w:r></w:p></w:ftr>'
)


def build_section(*, lying: bool = False, line_numbers: bool = False, title: bool = False) -> str:
    """Return what ends a section of the document: its page, upright or lying, with margins and footer."""
    size = 'w:w="16838" w:h="11906" w:orient="landscape"' if lying else 'w:w="11906" w:h="16838"'
    lines = '<w:lnNumType w:countBy="1" w:restart="continuous"/>' if line_numbers else ""
    return (
        f'<w:sectPr xmlns:w="{_W}" xmlns:r="{_R}"><w:footerReference w:type="default" r:id="rId99"/>'
        f'<w:pgSz {size}/><w:pgMar w:top="1588" w:right="1531" w:bottom="1531" w:left="1531" '
        f'w:header="709" w:footer="709" w:gutter="0"/>{lines}{"<w:titlePg/>" if title else ""}</w:sectPr>'
    )


def _build_heading(
    size: int, before: int, after: int, *, breaks: bool = False, italic: bool = False
) -> tuple[str, str]:
    page = "<w:pageBreakBefore/>" if breaks else ""
    slope = "<w:i/>" if italic else ""
    paragraph = f'<w:keepNext/><w:keepLines/>{page}<w:spacing w:before="{before}" w:after="{after}"/>'
    return paragraph, f'{_SERIF}<w:b/>{slope}<w:color w:val="{_INK}"/><w:sz w:val="{size}"/><w:szCs w:val="{size}"/>'


_STYLES: dict[str, tuple[str, str]] = {
    "Normal": (
        '<w:spacing w:after="120" w:line="276" w:lineRule="auto"/>',
        f'{_SERIF}<w:sz w:val="22"/><w:szCs w:val="22"/>',
    ),
    "BodyText": ('<w:spacing w:before="0" w:after="120"/><w:jc w:val="both"/>', ""),
    "Compact": (
        '<w:spacing w:before="20" w:after="60" w:line="264" w:lineRule="auto"/><w:jc w:val="left"/>',
        "",
    ),
    "Title": (
        '<w:spacing w:before="3600" w:after="240"/><w:jc w:val="center"/>',
        f'{_SERIF}<w:b/><w:color w:val="{_INK}"/><w:sz w:val="52"/>',
    ),
    "Subtitle": ('<w:spacing w:before="0" w:after="960"/><w:jc w:val="center"/>', f'{_SERIF}<w:sz w:val="28"/>'),
    "Author": ('<w:spacing w:before="0" w:after="60"/><w:jc w:val="center"/>', '<w:sz w:val="26"/>'),
    "Date": ('<w:spacing w:before="240" w:after="240"/><w:jc w:val="center"/>', '<w:sz w:val="24"/>'),
    "Heading1": _build_heading(36, 480, 240, breaks=True),
    "Heading2": _build_heading(28, 360, 140),
    "Heading3": _build_heading(24, 280, 100),
    "Heading4": _build_heading(22, 220, 80, italic=True),
    "TOCHeading": (
        '<w:keepNext/><w:pageBreakBefore/><w:spacing w:before="240" w:after="240"/><w:outlineLvl w:val="9"/>',
        f'<w:b/><w:color w:val="{_INK}"/><w:sz w:val="32"/>',
    ),
    "Caption": (
        '<w:spacing w:before="80" w:after="120" w:line="240" w:lineRule="auto"/>',
        '<w:sz w:val="19"/><w:szCs w:val="19"/>',
    ),
    "TableCaption": ('<w:keepNext/><w:spacing w:before="240" w:after="80"/>', ""),
    "ImageCaption": ('<w:spacing w:before="80" w:after="280"/>', ""),
    "CaptionedFigure": ('<w:keepNext/><w:spacing w:before="240" w:after="0"/><w:jc w:val="center"/>', ""),
    "FootnoteText": (
        '<w:spacing w:after="20" w:line="240" w:lineRule="auto"/>',
        '<w:sz w:val="18"/><w:szCs w:val="18"/>',
    ),
    "Bibliography": ('<w:spacing w:after="120"/><w:ind w:left="425" w:hanging="425"/>', ""),
    "BlockText": ('<w:spacing w:before="100" w:after="100"/><w:ind w:left="480" w:right="480"/>', ""),
}
CELL_STYLES = {18: "Table Text", 16: "Table Text Small", 15: "Table Text Fine"}
"""The styles of a table's cells by their size in half points: the more columns, the finer."""
_TABLE = (
    f'<w:style xmlns:w="{_W}" w:type="table" w:default="1" w:styleId="Table"><w:name w:val="Table"/>'
    '<w:basedOn w:val="TableNormal"/><w:qFormat/><w:tblPr><w:jc w:val="center"/><w:tblBorders>'
    f'<w:top w:val="single" w:sz="8" w:color="{_INK}"/><w:bottom w:val="single" w:sz="8" w:color="{_INK}"/>'
    '<w:insideH w:val="single" w:sz="2" w:color="D5DBE1"/></w:tblBorders><w:tblCellMar>'
    '<w:left w:w="70" w:type="dxa"/><w:right w:w="70" w:type="dxa"/></w:tblCellMar></w:tblPr>'
    "<w:trPr><w:cantSplit/></w:trPr>"
    '<w:tblStylePr w:type="firstRow"><w:rPr><w:b/></w:rPr><w:tcPr><w:tcBorders>'
    f'<w:bottom w:val="single" w:sz="6" w:color="{_INK}"/></w:tcBorders><w:vAlign w:val="bottom"/></w:tcPr>'
    "</w:tblStylePr></w:style>"
)
_PANEL = (
    f'<w:style xmlns:w="{_W}" w:type="table" w:customStyle="1" w:styleId="Panel"><w:name w:val="Panel"/>'
    '<w:basedOn w:val="TableNormal"/><w:qFormat/></w:style>'
)
_LINE_NUMBER = (
    f'<w:style xmlns:w="{_W}" w:type="character" w:styleId="LineNumber"><w:name w:val="line number"/>'
    f'<w:rPr>{_SERIF}<w:color w:val="808080"/><w:sz w:val="16"/></w:rPr></w:style>'
)


_ARTICLE: dict[str, tuple[str, str]] = {
    "BodyText": ('<w:suppressAutoHyphens/><w:spacing w:before="0" w:after="120"/><w:jc w:val="left"/>', ""),
    "Title": ('<w:spacing w:before="0" w:after="160"/>', f'{_SERIF}<w:b/><w:color w:val="{_INK}"/><w:sz w:val="38"/>'),
    "Subtitle": ('<w:spacing w:before="0" w:after="160"/>', f'{_SERIF}<w:sz w:val="26"/>'),
    "Author": ('<w:spacing w:before="0" w:after="80"/>', '<w:sz w:val="23"/>'),
    "Date": ('<w:spacing w:before="0" w:after="80"/>', '<w:sz w:val="20"/>'),
    "Abstract": ('<w:spacing w:before="0" w:after="100"/>', '<w:sz w:val="20"/>'),
    "AbstractTitle": (
        '<w:keepNext/><w:spacing w:before="200" w:after="60"/>',
        f'<w:b/><w:color w:val="{_INK}"/><w:sz w:val="20"/>',
    ),
    "Heading1": _build_heading(28, 360, 140),
    "Heading2": _build_heading(24, 280, 100),
    "Heading3": _build_heading(22, 220, 80, italic=True),
}
"""What an article has otherwise: its title stands above the text, sections begin no page, and no word is broken."""


@cache
def build_reference(epoch: int, *, article: bool = False, line_numbers: bool = False) -> bytes:
    """Return the reference document; the same bytes every time.

    Args:
        epoch: the moment, in seconds since 1970, that the file's parts carry.
        article: whether the styles are those of an article.
        line_numbers: whether the lines of the page are numbered.
    """
    original = zipfile.ZipFile(io.BytesIO(run_pandoc(["--print-default-data-file", "reference.docx"], "")))
    parts = {name: original.read(name) for name in original.namelist() if not name.endswith("/")}
    parts["word/styles.xml"] = _derive_styles(parts["word/styles.xml"], _STYLES | (_ARTICLE if article else {}))
    parts["word/document.xml"] = _derive_document(parts["word/document.xml"], line_numbers=line_numbers)
    parts["word/footer1.xml"] = _FOOTER.encode()
    parts["word/_rels/document.xml.rels"] = parts["word/_rels/document.xml.rels"].replace(
        b"</Relationships>",
        f'<Relationship Type="{_R}/footer" Id="rId99" Target="footer1.xml"/></Relationships>'.encode(),
    )
    tab = b'<w:defaultTabStop w:val="720" />'
    parts["word/settings.xml"] = parts["word/settings.xml"].replace(tab, tab + b"<w:autoHyphenation/>")
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.footer+xml"
    parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace(
        b"</Types>", f'<Override PartName="/word/footer1.xml" ContentType="{kind}"/></Types>'.encode()
    )
    return _pack(parts, epoch)


def _pack(parts: dict[str, bytes], epoch: int) -> bytes:
    moment = datetime.datetime.fromtimestamp(max(epoch, 315532800), datetime.UTC).timetuple()[:6]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(parts):
            archive.writestr(zipfile.ZipInfo(name, moment), parts[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _derive_styles(xml: bytes, styles: dict[str, tuple[str, str]]) -> bytes:
    ET.register_namespace("w", _W)
    root = ET.fromstring(xml)  # noqa: S314 - pandoc's own file
    for style in list(root.iter(f"{{{_W}}}style")):
        identifier = style.get(f"{{{_W}}}styleId", "")
        if identifier in styles:
            _replace_properties(style, *styles[identifier])
        elif identifier == "Table":
            root.remove(style)
    own = (("Subcaption", "Caption", '<w:jc w:val="center"/>'), ("Affiliation", "Date", ""))
    cells = (_build_cell_style(name, size) for size, name in CELL_STYLES.items())
    for text in (_TABLE, _PANEL, _LINE_NUMBER, *_build_callouts(), *(_build_style(*style) for style in own), *cells):
        root.append(ET.fromstring(text))  # noqa: S314 - written above
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _replace_properties(style: ET.Element, paragraph: str, run: str) -> None:
    level = style.find(f"{{{_W}}}pPr/{{{_W}}}outlineLvl")
    for name in ("pPr", "rPr"):
        for old in style.findall(f"{{{_W}}}{name}"):
            style.remove(old)
    for name, inner in (("pPr", paragraph), ("rPr", run)):
        style.append(ET.fromstring(f'<w:{name} xmlns:w="{_W}">{inner}</w:{name}>'))  # noqa: S314 - written above
    properties = style.find(f"{{{_W}}}pPr")
    if level is not None and properties is not None and properties.find(level.tag) is None:
        properties.append(level)


def _build_style(name: str, base: str, paragraph: str, run: str = "") -> str:
    return (
        f'<w:style xmlns:w="{_W}" w:type="paragraph" w:customStyle="1" w:styleId="{name.replace(" ", "")}">'
        f'<w:name w:val="{name}"/><w:basedOn w:val="{base}"/><w:qFormat/><w:pPr>{paragraph}</w:pPr>'
        f"<w:rPr>{run}</w:rPr></w:style>"
    )


def _build_cell_style(name: str, size: int) -> str:
    spacing = '<w:spacing w:before="20" w:after="20" w:line="240" w:lineRule="auto"/>'
    return _build_style(name, "Normal", spacing, f'<w:sz w:val="{size}"/><w:szCs w:val="{size}"/>')


def _build_callouts() -> list[str]:
    styles = []
    for name, tone in _TONES.items():
        border = f'<w:pBdr><w:left w:val="single" w:sz="24" w:space="8" w:color="{tone}"/></w:pBdr>'
        paragraph = f'{border}<w:shd w:val="clear" w:color="auto" w:fill="F4F6F8"/><w:ind w:left="240" w:right="120"/>'
        styles.append(_build_style(f"Callout {name}", "BodyText", paragraph))
    return styles


def _derive_document(xml: bytes, *, line_numbers: bool) -> bytes:
    text = xml.decode("utf-8")
    section = build_section(line_numbers=line_numbers, title=True)
    start, end = text.rindex("<w:sectPr"), text.rindex("</w:sectPr>") + len("</w:sectPr>")
    return (text[:start] + section + text[end:]).encode()
