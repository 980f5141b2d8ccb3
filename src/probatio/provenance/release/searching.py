"""Looks for names in every byte of a folder, and says where one is.

A file is read as text in UTF-8, in UTF-16 where it begins so, else in Western European, with what it hides unpacked:
zip archives (Word, Excel), gzip, PNG text, compressed streams of PDF, base64 within HTML. Texts are compared without
accents, capitals, percent and HTML escapes. Names of six letters and more are found anywhere, whatever stands between
their letters; shorter ones where they stand as a word; codes of up to three letters where they stand so to the letter.

A name made of ordinary words (a centre called "AI", "rate" or "3") cannot be told from the words of every table: it is
looked for as a whole cell of the tables, where names stand, and nowhere else. Ordinary are the words of the package's
own tables and labels, single letters and numbers.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import html
import io
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Collection, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final
from urllib.parse import unquote_plus

from probatio.provenance.release.catalogue import read_measures
from probatio.results import COLUMNS

_LONG: Final = 6
CODE: Final = 3
_GAP: Final = r"[\W_]*"
_DEPTH: Final = 4
_STREAM: Final = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
_DATA: Final = re.compile(rb"base64,([A-Za-z0-9+/=\s]{16,})")
_ESCAPE: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_ACCENT: Final = re.compile("[\u0300-\u036f]")
_NUMBERED: Final = re.compile(r"(?<=^run)\d+$|(?<=^v)\d+$")
_OWN: Final = (
    "ai ia llm run runs v version reviewed relue second deuxieme passage reading reader manual manuel reference"
)


def find_names(folder: Path, names: Collection[str]) -> list[tuple[str, str]]:
    """Return (file, name) for each name found in a folder's files or in their names, sorted.

    Raises:
        OSError: a file cannot be read.
    """
    wanted = {name for name in names if not is_ordinary(name)}
    found: set[tuple[str, str]] = set()
    for path in sorted(folder.rglob("*")):
        shown = path.relative_to(folder).as_posix()
        found |= {(shown, name) for name in search_bytes(shown.encode(), wanted)}
        if path.is_file():
            found |= {(shown, name) for name in search_bytes(path.read_bytes(), wanted)}
    return sorted(found)


def search_bytes(content: bytes, names: Collection[str]) -> set[str]:
    """Return the names that occur in a file's bytes, unpacked as far as they can be; ordinary ones aside."""
    keys = {name: _squeeze(name) for name in names if not is_ordinary(name)}
    found: set[str] = set()
    for part in _unpack(content, _DEPTH):
        for text in _decode(part):
            squeezed, folded = _squeeze(text), _fold(text)
            found |= {name for name, key in keys.items() if _occurs(name, key, squeezed, folded, text)}
    return found


def is_ordinary(name: str) -> bool:
    """Say whether a name is made of words that every package holds, and so names nobody."""
    words = re.findall(r"[^\W_]+", _fold(name))
    return all(len(word) == 1 or word.isdigit() or _NUMBERED.sub("", word) in _read_vocabulary() for word in words)


@cache
def _read_vocabulary() -> frozenset[str]:
    words = files("probatio.wording").joinpath("words.csv").read_text(encoding="utf-8")
    metrics = " ".join(metric for _, metric in read_measures())
    return frozenset(re.findall(r"[a-z]+", _fold(f"{words} {metrics} {' '.join(COLUMNS)} {_OWN}")))


def _occurs(name: str, key: str, squeezed: str, folded: str, text: str) -> bool:
    if len(key) >= _LONG:
        return key in squeezed
    if len(key) <= CODE:
        return name in text and re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", text) is not None
    parts = [re.escape(part) for part in re.findall(r"[^\W_]+", _fold(name))]
    return (
        all(part in folded for part in parts)
        and re.search(rf"(?<![^\W_]){_GAP.join(parts)}(?![^\W_])", folded) is not None
    )


def _fold(text: str) -> str:
    """Return a text in small letters without accents."""
    if text.isascii():
        return text.lower()
    return _ACCENT.sub("", unicodedata.normalize("NFKD", text.casefold()))


def _squeeze(text: str) -> str:
    return re.sub(r"[\W_]+", "", _fold(text))


def _decode(content: bytes) -> Iterator[str]:
    """Return what bytes may say: as they stand, and with escapes read."""
    text = _decode_text(content)
    plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    yield from sorted({plain, unquote_plus(plain), html.unescape(plain)})


def _decode_text(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _unpack(content: bytes, depth: int) -> Iterator[bytes]:
    """Return bytes, and those that they hold compressed or encoded."""
    yield content
    if depth == 0:
        return
    for part in _list_inner(content):
        yield from _unpack(part, depth - 1)


def _list_inner(content: bytes) -> Iterator[bytes]:
    if content[:2] == b"PK" and zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield archive.comment
            for item in archive.infolist():
                yield item.filename.encode()
                yield archive.read(item)
    elif content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content)
    elif content[:8] == b"\x89PNG\r\n\x1a\n":
        yield from _list_png_texts(content)
    elif content[:5] == b"%PDF-":
        yield from (_inflate(found[1]) for found in _STREAM.finditer(content))
    else:
        for found in _DATA.finditer(content):
            try:
                yield base64.b64decode(found[1], validate=False)
            except binascii.Error:
                continue


def _list_png_texts(content: bytes) -> Iterator[bytes]:
    at = 8
    while at + 8 <= len(content):
        size, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        body = content[at + 8 : at + 8 + size]
        if kind in (b"zTXt", b"iTXt"):
            yield from (
                _inflate(body[place + 1 :]) for place in range(len(body)) if body[place : place + 2] == b"\x00x"
            )
        at += size + 12


def _inflate(content: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(content.lstrip(b"\r\n\x00"))
    except zlib.error:
        return b""
