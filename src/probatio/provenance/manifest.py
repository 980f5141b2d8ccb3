"""The manifest: what a run read, what it wrote, and in which environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from probatio.protocol import UserError
from probatio.provenance.layout import RunFolder
from probatio.results import write_bytes


class TaskRecord(BaseModel):
    """The digests of one task: its notebook and every file it wrote, by relative name."""

    model_config = ConfigDict(extra="forbid")

    notebook: str
    needs: list[str]
    outputs: dict[str, str]
    confidential: dict[str, str]


class ProtocolRecord(BaseModel):
    """The protocol: its path relative to the project, and the digest of its canonical form."""

    model_config = ConfigDict(extra="forbid")

    path: str
    digest: str


class AnchorRecord(BaseModel):
    """The head of an audit log when a run ended: number of entries, hash of the last one, time (UTC)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int
    hash: str
    at: str


class Manifest(BaseModel):
    """What a run read, what it wrote, and in which environment.

    Everything but `recorded` (time, machine, seconds) and `audit` is the same when the run is repeated with the
    same inputs in the same environment. `audit`: by name of the audit log, each of its heads that this run knew,
    the oldest first.
    """

    model_config = ConfigDict(extra="forbid")

    study: str
    protocol: ProtocolRecord
    data: dict[str, str]
    parameters: dict[str, str]
    tasks: dict[str, TaskRecord]
    environment: dict[str, Any]
    audit: dict[str, list[AnchorRecord]] = {}
    recorded: dict[str, Any]


def write_manifest(run: Path, manifest: Manifest) -> None:
    """Write the manifest of a run: sorted keys, whole or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    text = json.dumps(manifest.model_dump(), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_bytes(RunFolder(run).manifest, (text + "\n").encode("utf-8"))


def read_manifest(run: Path) -> Manifest:
    """Read the manifest of a run.

    Raises:
        UserError: the folder holds no complete run, or its manifest was altered.
    """
    path = RunFolder(run).manifest
    try:
        content = path.read_bytes()
    except OSError:
        raise UserError(f"{run}: no complete run in this folder; make one with `probatio run`.") from None
    try:
        return Manifest.model_validate_json(content)
    except ValidationError:
        raise UserError(f"{path}: not a manifest of this version; run `probatio run` again.") from None


def derive_relative_path(path: Path, start: Path) -> str:
    """Return a path relative to a folder, with forward slashes; the bare name when no such way exists."""
    try:
        return Path(os.path.relpath(path.resolve(), start.resolve())).as_posix()
    except ValueError:  # another drive, on Windows
        return path.name


def derive_seconds(seconds: Mapping[str, float]) -> dict[str, float]:
    """Return durations rounded to a hundredth, sorted by task."""
    return {name: round(value, 2) for name, value in sorted(seconds.items())}
