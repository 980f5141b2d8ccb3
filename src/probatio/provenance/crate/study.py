"""A finished run with all that its crate needs to know."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from probatio.protocol import Protocol
from probatio.provenance.crate.statement import DataStatement
from probatio.provenance.manifest import Manifest


@dataclass(frozen=True)
class Study:
    """A finished run, its protocol's file, its data folder and what may be done with the data.

    `tracked`: the project's files that git tracks; None outside a checkout. `statement`: None for confidential data;
    then `key` is the secret of the release's pseudonyms, and `secret` lists the names that must not leave.
    """

    project: Path
    path: Path
    protocol: Protocol
    root: Path | None
    run: Path
    manifest: Manifest
    statement: DataStatement | None
    tracked: Collection[Path] | None
    key: str = ""
    secret: Collection[str] = ()

    @property
    def is_open(self) -> bool:
        """May protocol, run and the rows before disclosure control be shown?"""
        return self.statement is not None
