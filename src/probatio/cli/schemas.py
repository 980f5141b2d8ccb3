"""The JSON Schemas under `protocol/`, and the reference part of its README."""

from __future__ import annotations

import json
from pathlib import Path

from probatio.compendium.opening import find_project
from probatio.protocol import derive_json_schema
from probatio.protocol.readme import put_reference
from probatio.results import write_bytes


def derive_schema_files() -> dict[str, bytes]:
    """Return the content of every schema file, by its name under `protocol/`."""
    return {
        name: (json.dumps(schema, indent=2, ensure_ascii=False) + "\n").encode("utf-8")
        for name, schema in derive_json_schema().items()
    }


def write_schemas() -> list[Path]:
    """Write the schemas, and the README's reference where there is one, into `protocol/`; return their paths.

    Raises:
        UserError: the command was not called within a project.
    """
    folder = find_project(Path.cwd()) / "protocol"
    for name, content in derive_schema_files().items():
        write_bytes(folder / name, content)
    readme = folder / "README.md"
    if not readme.is_file():
        return [folder / name for name in derive_schema_files()]
    write_bytes(readme, put_reference(readme.read_text(encoding="utf-8")).encode("utf-8"))
    return [*(folder / name for name in derive_schema_files()), readme]
