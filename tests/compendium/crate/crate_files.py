"""A crate of the miniature, unpacked without the program where tests need not write it out."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

from miniature import Miniature
from probatio.compendium.crate import open_finished
from probatio.provenance.crate.archive import derive_sums
from probatio.provenance.crate.study import Study

SYNTHETIC = """
nature: synthetic
redistributed: true
origins:
  - {name: Made up for the tests, licence: CC0-1.0}
"""
PUBLIC = """
nature: public
redistributed: false
origins:
  - {name: A registry, licence: CC-BY-4.0, address: "https://registry.example/data"}
"""
KEY = bytes(range(32))
MAIN = "from probatio.cli import main; main()"


def open_study(project: Path, statement: str = "") -> Study:
    """Return the finished miniature as its crate sees it, with every file tracked, and a release of one file."""
    made = Miniature(project)
    (made.run / "release").mkdir(exist_ok=True)
    (made.run / "release" / "rows.csv").write_text("metric,estimate\nfirst,1.0\n", encoding="utf-8")
    (made.run / "confidential" / "release_key.json").write_text(json.dumps({"key": KEY.hex()}), encoding="utf-8")
    if statement:
        folder = made.data / "mini"
        folder.mkdir(exist_ok=True)
        (folder / "source.yaml").write_text(statement, encoding="utf-8")
    study = open_finished(made.run, made.path)
    return dataclasses.replace(study, tracked=frozenset(path.resolve() for path in made.path.rglob("*")))


def unpack(files: dict[str, bytes], folder: Path) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def drop_program(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return a crate without the program's files, which most tests need not write out again."""
    kept = {name: content for name, content in files.items() if not name.startswith("src/") and name != "MANIFEST"}
    return {**kept, "MANIFEST": derive_sums(kept)}


def read_commands(readme: bytes) -> list[str]:
    """Return the commands of a README's first block."""
    block = re.search(r"```\n(.*?)```", readme.decode(), re.DOTALL)
    assert block
    return block[1].splitlines()
