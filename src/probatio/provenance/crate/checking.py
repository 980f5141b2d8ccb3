"""Check an unpacked crate by itself: every file as its MANIFEST says, and its descriptions agree."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probatio.digest import compute_file_digest
from probatio.protocol import UserError
from probatio.provenance.crate.archive import MANIFEST
from probatio.provenance.crate.contents import DIGESTS, RELEASE, RUN

_METADATA = "ro-crate-metadata.json"
_STUDY = re.compile(r"[a-z][a-z0-9_]*")
_LINE = re.compile(r"([0-9a-f]{64})  ([^\\\x00-\x1f]+)")


@dataclass(frozen=True)
class CrateCheck:
    """What checking a crate has shown.

    `files`: how many were compared. `faults`: one sentence each. `digests`: of protocol, data and rows, as it declares
    them. `run`: the run in it that can be repeated; None where the data are confidential.
    """

    files: int
    faults: list[str]
    digests: dict[str, Any]
    run: Path | None


def is_crate(folder: Path) -> bool:
    """Say whether a folder is an unpacked crate."""
    return (folder / MANIFEST).is_file() and (folder / _METADATA).is_file()


def check_crate(folder: Path) -> CrateCheck:
    """Check every file of a crate against its MANIFEST, and its metadata against both.

    Raises:
        UserError: the MANIFEST, the digests or the metadata cannot be read.
    """
    sums = _read_sums(folder / MANIFEST)
    faults = [_compare(folder, name, digest) for name, digest in sums.items()]
    faults += [f"{name}: not in the MANIFEST; added since" for name in _find_added(folder, sums)]
    faults += [f"{_METADATA}: {said}" for said in _check_metadata(folder, sums)]
    run = folder / RUN if f"{RUN}/manifest.json" in sums else None
    return CrateCheck(len(sums), [fault for fault in faults if fault], _read_digests(folder / DIGESTS), run)


def _read_sums(path: Path) -> dict[str, str]:
    sums = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        found = _LINE.fullmatch(line)
        if not found or ".." in found[2].split("/") or found[2].startswith("/"):
            raise UserError(f"{path}:{number}: expected a SHA-256 and a file's name; unpack the crate again.")
        sums[found[2]] = found[1]
    return sums


def _compare(folder: Path, name: str, digest: str) -> str:
    path = folder / name
    if not path.is_file():
        return f"{name}: missing"
    return "" if compute_file_digest(path) == digest else f"{name}: altered (another SHA-256 than the MANIFEST's)"


def _find_added(folder: Path, sums: dict[str, str]) -> list[str]:
    """Return files that stand where results do, and were not there when the crate was made."""
    found = (path for place in (RELEASE, RUN) for path in (folder / place).rglob("*") if path.is_file())
    names = (path.relative_to(folder).as_posix() for path in found)
    return sorted(name for name in names if name not in sums)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        value = None
    if not isinstance(value, dict):
        raise UserError(f"{path}: missing or not JSON; unpack the crate again.")
    return value


def _read_digests(path: Path) -> dict[str, Any]:
    """Return a crate's digests, whose every part is as a crate has it: somebody else wrote them."""
    value = _read_json(path)
    texts = all(isinstance(value.get(name), str) for name in ("study", "protocol", "key"))
    tables = all(isinstance(value.get(name), dict) for name in ("data", "environment", "rows"))
    if not (texts and tables and _hold(value["rows"], dict) and _hold(value["data"], str)):
        raise UserError(f"{path}: without study, protocol, key, data, environment or rows; unpack the crate again.")
    if not _STUDY.fullmatch(value["study"]):
        raise UserError(f"{path}: study: no name of a study; unpack the crate again.")
    return value


def _hold(table: dict[str, Any], kind: type) -> bool:
    return all(isinstance(each, kind) for each in table.values())


def _check_metadata(folder: Path, sums: dict[str, str]) -> list[str]:
    """Return what the metadata say of files otherwise than the MANIFEST; the library rocrate reads them."""
    from rocrate.rocrate import ROCrate  # noqa: PLC0415 - it takes a tenth of a second to load

    value = _read_json(folder / _METADATA)
    try:
        crate = ROCrate({"@graph": [], **value})
    except (ValueError, KeyError, TypeError, AssertionError, AttributeError):
        raise UserError(f"{folder / _METADATA}: no RO-Crate metadata; unpack the crate again.") from None
    said = {entity.id: str(entity.get("sha256")) for entity in crate.get_by_type("File") if entity.get("sha256")}
    return [f"another SHA-256 for {name} than the MANIFEST" for name, sha in said.items() if sums.get(name) != sha]
