"""The committed JSON Schemas are those of the models."""

from __future__ import annotations

from pathlib import Path

import pytest

import probatio
from miniature import Miniature
from probatio.cli import run_command
from probatio.cli.schemas import derive_schema_files

PROTOCOLS = Path(probatio.__file__).parents[2] / "protocol"


@pytest.mark.parametrize("name", ["study.schema.json", "acceptance.schema.json"])
def test_committed_schemas_are_current(name: str) -> None:
    """A changed model needs `probatio schema`: editors must not complete yesterday's keys."""
    committed = (PROTOCOLS / name).read_text(encoding="utf-8")
    assert committed == derive_schema_files()[name].decode("utf-8"), "run `probatio schema` and commit protocol/"


def test_schema_writes_into_the_project(miniature: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    """`probatio schema`, called anywhere in the project, writes both files under protocol/."""
    monkeypatch.chdir(miniature.notebooks)
    assert run_command(["schema"]) == 0
    for name, content in derive_schema_files().items():
        assert (miniature.protocol.parent / name).read_bytes() == content
