"""Compare a crate of confidential data with a run made anew by who holds them: by digests, and by what is released."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probatio.digest import compute_file_digest
from probatio.provenance.crate.contents import RELEASE
from probatio.provenance.crate.digests import derive_data_digests, derive_row_digests, hide_digest
from probatio.provenance.layout import RunFolder
from probatio.provenance.manifest import Manifest


@dataclass(frozen=True)
class Likeness:
    """What comparing a run with a crate has shown: names of tables that are the same bytes, and that are not.

    `inputs`: sentences on what was not the same to begin with. `released`: whether the run's own release was compared;
    its numbers are rounded, so that it is the same where the last digits of the rows moved with the machine.
    """

    inputs: list[str]
    same: list[str]
    other: list[str]
    released: bool

    @property
    def is_same(self) -> bool:
        """Are the rows, or where their last digits moved the released ones, those of the crate?"""
        wrong = [name for name in self.other if name.startswith(f"{RELEASE}/")]
        rows = len(self.other) == len(wrong)
        return not self.inputs and (rows or (self.released and not wrong))


def compare_run(folder: Path, digests: Mapping[str, Any], run: Path, manifest: Manifest, *, key: str) -> Likeness:
    """Compare the tables of a run with the digests of a crate, and its release, if it has one, with the crate's.

    Args:
        folder: the unpacked crate.
        digests: its `digests.json`.
        run: the folder of the run made anew.
        manifest: of that run.
        key: the secret of the study's pseudonyms; "" for open data.
    """
    own = RunFolder(run).release
    wanted, found = _list_tables(digests["rows"]), _list_tables(derive_row_digests(manifest, key))
    if own.is_dir():
        wanted |= _list_files(folder / RELEASE)
        found |= _list_files(own)
    names = sorted({*wanted, *found})
    return Likeness(
        inputs=list(_find_other_inputs(digests, manifest, key)),
        same=[name for name in names if wanted.get(name) == found.get(name)],
        other=[name for name in names if wanted.get(name) != found.get(name)],
        released=own.is_dir(),
    )


def _find_other_inputs(digests: Mapping[str, Any], manifest: Manifest, key: str) -> Iterator[str]:
    if digests["key"] != (hide_digest(digests["protocol"], key) if key else ""):
        yield "another key of pseudonyms than the crate's: copy confidential/release_key.json of its run, then again"
    if digests["protocol"] != manifest.protocol.digest:
        yield "another protocol than the crate's"
    if sorted(digests["data"].values()) != sorted(derive_data_digests(manifest, key).values()):
        yield "other data than the crate's"
    if digests["environment"].get("package") != manifest.environment.get("package"):
        yield "another program than the crate's"


def _list_tables(rows: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {f"{task}/{name}": digest for task, files in rows.items() for name, digest in files.items()}


def _list_files(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {f"{RELEASE}/{path.relative_to(folder).as_posix()}": compute_file_digest(path) for path in paths}
