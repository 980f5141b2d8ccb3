"""Canonical bytes and SHA-256 digests of data, models and notebooks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20


def compute_digest(content: bytes) -> str:
    """Return the SHA-256 of bytes as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def compute_file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, read in chunks.

    Raises:
        OSError: the file cannot be read.
    """
    sha = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            sha.update(chunk)
    return sha.hexdigest()


def derive_canonical_json(value: Any) -> bytes:
    """Return the one JSON text of a value: sorted keys, no spaces, UTF-8, no NaN.

    Raises:
        ValueError: the value holds NaN or an infinity.
        TypeError: the value holds something JSON has no form for.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def compute_json_digest(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON."""
    return compute_digest(derive_canonical_json(value))


def compute_notebook_digest(notebook: Mapping[str, Any], *, outputs: bool = False) -> str:
    """Return the SHA-256 of what a notebook says: cell types and sources, tags, `needs`.

    Execution counts, timings, identifiers and other metadata change at every run and are left out.
    With `outputs`, text outputs count too (images and tracebacks do not).
    """
    cells = [_derive_cell(cell, outputs=outputs) for cell in notebook["cells"]]
    meta = notebook.get("metadata", {}).get("probatio", {})
    return compute_json_digest({"cells": cells, "probatio": meta})


def _derive_cell(cell: Mapping[str, Any], *, outputs: bool) -> dict[str, Any]:
    kept: dict[str, Any] = {
        "type": cell["cell_type"],
        "source": "".join(cell["source"]),
        "tags": cell.get("metadata", {}).get("tags", []),
    }
    if outputs and cell["cell_type"] == "code":
        kept["outputs"] = [
            "".join(output.get("data", {}).get("text/plain", output.get("text", "")))
            for output in cell.get("outputs", [])
        ]
    return kept
