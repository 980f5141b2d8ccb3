"""Find a study's files, and read their bytes as text."""

from __future__ import annotations

import codecs
import os
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path

from probatio.protocol import Protocol, UserError

_PACKAGE = "package:"
_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def find_data_files(protocol: Protocol, root: Path, *, sources: Collection[str] | None = None) -> dict[str, Path]:
    """Return every file the study reads, by the name to show (relative to the data folder), sorted.

    Args:
        protocol: the study.
        root: its data folder.
        sources: without the files of other sources than these; None: all.

    Raises:
        UserError: a declared file does not exist, or a pattern matches none.
    """
    declared = list_declared_paths(protocol, sources=sources)
    return dict(sorted(found for name in set(declared) for found in locate_files(root, name)))


def list_declared_paths(protocol: Protocol, *, sources: Collection[str] | None = None) -> list[str]:
    """Return the paths and patterns under which the protocol names files of data.

    Args:
        protocol: the study.
        sources: without those of other sources than these; None: all.
    """
    wanted = list_read(protocol, sources)
    read = [source for source in protocol.sources if source.name in wanted]
    tables = [protocol.patients.file, *(file for source in read for file in source.files)]
    documents = protocol.documents
    tables += [table for table in (documents and documents.file, documents and documents.text_table) if table]
    tables += [protocol.assessments] if protocol.assessments else []
    facts = [*protocol.patients.attributes.values(), protocol.patients.centre]
    tables += [fact.file for fact in facts if fact is not None and fact.file is not None]
    declared = [table.path for table in tables] + ([documents.texts] if documents and documents.texts else [])
    return declared + [source.reviewed.path for source in read if source.reviewed]


def list_read(protocol: Protocol, sources: Collection[str] | None) -> set[str]:
    """Return the sources whose files are opened: those wanted, and what those after review come from."""
    wanted = {source.name for source in protocol.sources} if sources is None else set(sources)
    return wanted | {each.reviewed.of for each in protocol.sources if each.reviewed and each.name in wanted}


def locate_files(root: Path, declared: str) -> list[tuple[str, Path]]:
    """Return the files that a declared path or pattern names: the name to show, and where it is.

    Raises:
        UserError: there is none.
    """
    if declared.startswith(_PACKAGE):
        return [(declared, _locate_in_package(declared))]
    if "*" in declared or "?" in declared:
        return _locate_pattern(root, declared)
    path = root / declared
    if path.is_dir():
        raise UserError(f"{declared}: this is a folder; name a file, or a pattern such as {declared}/*.json.")
    if not path.is_file():
        raise UserError(
            f"{declared}: no such file in the data folder {root}; "
            f"put it there, correct the path, or fetch the study's data."
        )
    return [(declared, path)]


def read_text(name: str, path: Path, encoding: str) -> str:
    """Return a file's text; a byte-order mark of the declared encoding is dropped.

    Raises:
        UserError: the file is empty, cannot be opened, or is not in that encoding.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{name}: cannot be opened ({type(error).__name__}); check the file and its rights.") from None
    if not content.strip():
        raise UserError(f"{name}: the file is empty; export it again or remove it from the protocol.")
    try:
        codec = codecs.lookup(encoding)
        _check_encoding(name, content, codec.name)
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        other = "cp1252" if codec.name.startswith("utf") else "utf-8"
        raise UserError(f"{name}:{line}: not {encoding} text; declare encoding: {other} or save it again.") from None
    except (LookupError, UnicodeError):
        raise UserError(f"{name}: the encoding {encoding} is not known; use utf-8, cp1252 or utf-16.") from None


def _check_encoding(name: str, content: bytes, codec: str) -> None:
    """Refuse what would decode into nonsense without an error."""
    marked = next((wanted for bom, wanted in _BOMS.items() if content.startswith(bom)), None)
    if marked == "utf-16" and not codec.startswith("utf-16"):
        raise UserError(f"{name}: this is UTF-16 text, not {codec}; declare encoding: utf-16.")
    if codec.startswith("utf") or content.isascii():
        return
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return
    raise UserError(f"{name}: this is UTF-8 text, not {codec}; declare encoding: utf-8.")


def _locate_pattern(root: Path, pattern: str) -> list[tuple[str, Path]]:
    if Path(pattern).is_absolute():
        raise UserError(f"{pattern}: a pattern must be relative to the data folder; set data in the protocol.")
    paths = [path for path in root.glob(pattern) if path.is_file()]
    found = sorted((Path(os.path.relpath(path, root)).as_posix(), path) for path in paths)
    if not found:
        raise UserError(
            f"{pattern}: no file matches in the data folder {root}; correct the pattern, or fetch the study's data."
        )
    return found


def _locate_in_package(declared: str) -> Path:
    package, _, inside = declared.removeprefix(_PACKAGE).partition("/")
    # find_spec does not import the package: lifelines alone would cost more than reading the study.
    spec = find_spec(package) if package.isidentifier() else None
    for folder in (spec and spec.submodule_search_locations) or []:
        path = Path(folder, inside)
        if path.is_file():
            return path
    raise UserError(f"{declared}: no such file in an installed package; correct the path or install {package}.")
