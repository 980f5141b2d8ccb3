"""The JSON Schemas under `protocol/`."""

from __future__ import annotations

import json
from pathlib import Path

from probatio.compendium.opening import find_project
from probatio.protocol import derive_json_schema
from probatio.results import write_bytes


def derive_schema_files() -> dict[str, bytes]:
    """Return the content of every schema file, by its name under `protocol/`."""
    return {
        name: (json.dumps(schema, indent=2, ensure_ascii=False) + "\n").encode("utf-8")
        for name, schema in derive_json_schema().items()
    }


def write_schemas() -> list[Path]:
    """Write the schemas into the project's `protocol/` and return their paths.

    Raises:
        UserError: the command was not called within a project.
    """
    folder = find_project(Path.cwd()) / "protocol"
    for name, content in derive_schema_files().items():
        write_bytes(folder / name, content)
    return [folder / name for name in derive_schema_files()]
