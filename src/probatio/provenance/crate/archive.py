"""The crate as one zip: the same files give the same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from probatio.digest import compute_digest
from probatio.results import write_bytes

MANIFEST = "MANIFEST"
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644 << 16
_UNIX = 3


def derive_sums(files: Mapping[str, bytes]) -> bytes:
    """Return the SHA-256 of every file, one a line, as `sha256sum --check` reads them."""
    return "".join(f"{compute_digest(files[name])}  {name}\n" for name in sorted(files)).encode("utf-8")


def write_archive(path: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a zip, sorted, all at one fixed time and with the same rights: whole or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, _MODE, _UNIX
            archive.writestr(entry, files[name])
    write_bytes(path, stream.getvalue())
