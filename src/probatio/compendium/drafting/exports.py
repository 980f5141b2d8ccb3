"""Read an export as it is: encoding and delimiter are those that make a table of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from probatio.protocol import TableFile, UserError
from probatio.records.sheets import SheetReader

_FORMATS = {".csv": "csv", ".txt": "csv", ".tsv": "csv", ".xlsx": "excel", ".xls": "excel", ".parquet": "parquet"}
_ENCODINGS = ("utf-8", "cp1252")
_DELIMITERS = (";", ",", "\t", "|")


@dataclass(frozen=True)
class Export:
    """One file: how it is to be declared, and its columns as texts."""

    declared: TableFile
    columns: dict[str, list[str]]


def read_export(path: Path) -> Export:
    """Read a CSV, Excel or Parquet file with a row per patient.

    Raises:
        UserError: the file is missing, empty, of another kind, or its header names a column twice or not at all.
    """
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        raise UserError(f"{path}: neither CSV, Excel nor Parquet; export the table as one of these.")
    if not path.is_file():
        raise UserError(f"{path}: no such file; correct the name.")
    export = _read_csv(path) if kind == "csv" else _read_as(path, TableFile(path=path.name, format=kind))
    if "" in export.columns or any(name == "" for name in export.columns):
        raise UserError(f"{path}: a column has no name; name every column in the first line.")
    return export


def _read_as(path: Path, declared: TableFile) -> Export:
    sheet = SheetReader(path.parent).read_sheet(declared)
    if sheet.doubled:
        raise UserError(f"{path}: the column {sorted(sheet.doubled)[0]} stands twice in the header; rename one.")
    return Export(declared, sheet.columns)


def _read_csv(path: Path) -> Export:
    encoding = _find_encoding(path)
    head = path.read_bytes()[:1_000_000].decode(encoding, "replace").splitlines()[:1]
    delimiter = max(_DELIMITERS, key=lambda mark: (head[0].count(mark) if head else 0, -_DELIMITERS.index(mark)))
    return _read_as(path, TableFile(path=path.name, delimiter=delimiter, encoding=encoding))


def _find_encoding(path: Path) -> str:
    content = path.read_bytes()
    for encoding in _ENCODINGS:
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    raise UserError(f"{path}: neither UTF-8 nor Windows text (cp1252); save it again as UTF-8.")


def derive_name(header: str) -> str:
    """Return a header as a name: lower case, ASCII letters, digits and underscores, at most forty."""
    plain = unicodedata.normalize("NFKD", header).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    return (name if name[:1].isalpha() else f"v_{name}")[:40].rstrip("_")


def find_key(exports: Sequence[Export], named: str | None) -> dict[int, str]:
    """Return the column with the patient's pseudonym in each export: filled, unlike in every row, and shared by all.

    Raises:
        UserError: the named column is not there, or none will do.
    """
    if named is not None:
        for export in exports:
            if named not in export.columns:
                raise UserError(f"{export.declared.path}: the column {named} is not in the header; correct --patient.")
        return dict.fromkeys(range(len(exports)), named)
    candidates = [[name for name, cells in export.columns.items() if _is_key(cells)] for export in exports]
    best, share = {}, 0.0
    for first in candidates[0]:
        chosen = {0: first}
        for at, export in enumerate(exports[1:], start=1):
            near = [(_compute_overlap(exports[0].columns[first], export.columns[name]), -i, name)
                    for i, name in enumerate(candidates[at])]  # fmt: skip
            if near:
                chosen[at] = max(near)[2]
        shared = [_compute_overlap(exports[0].columns[first], exports[at].columns[name]) for at, name in chosen.items()]
        if len(chosen) == len(exports) and min(shared) > share:
            best, share = chosen, min(shared)
    if not best or share < 0.1:
        raise UserError("no column holds the same patients in every file, each once; name it by --patient COLUMN.")
    return best


def _is_key(cells: Sequence[str]) -> bool:
    return all(cells) and len(set(cells)) == len(cells)


def _compute_overlap(first: Sequence[str], second: Sequence[str]) -> float:
    both = set(first) & set(second)
    return len(both) / max(1, min(len(set(first)), len(set(second))))
