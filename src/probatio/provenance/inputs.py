"""The files of data that a protocol names, and their digests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from probatio.digest import compute_file_digest
from probatio.protocol import Protocol, UserError
from probatio.records.files import locate_files


def derive_data_digests(protocol: Protocol, root: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of data the protocol names, by its name relative to the data folder.

    Raises:
        UserError: a named file does not exist, a pattern matches none, or a file cannot be read.
    """
    found = {name: path for declared in set(_find_names(protocol)) for name, path in locate_files(root, declared)}
    return {name: _compute_digest(name, path) for name, path in sorted(found.items())}


def _compute_digest(name: str, path: Path) -> str:
    try:
        return compute_file_digest(path)
    except OSError as error:
        raise UserError(f"{name}: cannot be read ({type(error).__name__}); check the file and its rights.") from None


def _find_names(protocol: Protocol) -> Iterator[str]:
    yield protocol.patients.file.path
    if protocol.assessments is not None:
        yield protocol.assessments.path
    if (documents := protocol.documents) is not None:
        yield from (table.path for table in (documents.file, documents.text_table) if table is not None)
        yield from (documents.texts,) if documents.texts else ()
    for source in protocol.sources:
        yield from (file.path for file in source.files)
