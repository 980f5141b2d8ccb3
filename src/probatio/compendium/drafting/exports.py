"""Read an export as it is: encoding and delimiter are those that make a table of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from probatio.compendium.drafting.longs import find_long
from probatio.protocol import TableFile, UserError
from probatio.records.sheets import SheetReader

_FORMATS = {".csv": "csv", ".txt": "csv", ".tsv": "csv", ".xlsx": "excel", ".xls": "excel", ".parquet": "parquet"}
_ENCODINGS = ("utf-8", "cp1252")
_DELIMITERS = (";", ",", "\t", "|")


@dataclass(frozen=True)
class Export:
    """One file: how it is to be declared, its columns as texts, and what they hold where a row is a value."""

    declared: TableFile
    columns: dict[str, list[str]]

    @cached_property
    def long(self) -> dict[str, str]:
        """The columns by what they hold (`variable`, `value`, ...) of a file with a row per value; else empty."""
        return find_long({derive_name(header): header for header in reversed(self.columns)})

    def derive_values(self, key: str) -> dict[str, dict[str, str]]:
        """Return, for each column or, with a row per value, each variable, the first text by patient."""
        patients = self.columns[key]
        if not self.long:
            return {
                name: dict(zip(patients, cells, strict=True)) for name, cells in self.columns.items() if name != key
            }
        out: dict[str, dict[str, str]] = {}
        for name, text, patient in zip(
            *(self.columns[self.long[kind]] for kind in ("variable", "value")), patients, strict=True
        ):
            if name.strip():
                out.setdefault(name.strip(), {}).setdefault(patient, text)
        return out


def read_export(path: Path) -> Export:
    """Read a CSV, Excel or Parquet file with a row per patient, or per value.

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
    """Return the column with the patient's pseudonym in each export: filled, and shared by all.

    Where a row is a patient it is unlike in every row. It may have another header in each file.

    Raises:
        UserError: no file has the named column, every file has a row per value, or no column will do.
    """
    if named is not None and not any(named in export.columns for export in exports):
        raise UserError(f"no file has the column {named}; correct --patient.")
    first = next((at for at, export in enumerate(exports) if not export.long), None)
    if first is None:
        raise UserError("every file has a row per value; give one with a row per patient, such as the reference.")
    candidates = [_list_candidates(export, named) for export in exports]
    best, share = {}, 0.0
    for name in candidates[first]:
        chosen, shared = _choose(exports, candidates, {first: name})
        if shared > share:
            best, share = chosen, shared
    if share < 0.1:
        raise UserError("no column holds the same patients in every file, each once; name it by --patient COLUMN.")
    return best


def _list_candidates(export: Export, named: str | None) -> list[str]:
    if named in export.columns:
        return [named]
    taken = set(export.long.values())
    return [name for name, cells in export.columns.items()
            if name not in taken and all(cells) and (export.long or len(set(cells)) == len(cells))]  # fmt: skip


def _choose(
    exports: Sequence[Export], candidates: Sequence[Sequence[str]], anchor: Mapping[int, str]
) -> tuple[dict[int, str], float]:
    """Return the column of each export that shares most patients with the anchor, and the least share."""
    ((first, name),) = anchor.items()
    chosen, least = dict(anchor), 1.0
    for at in set(range(len(exports))) - {first}:
        shares = [(_compute_overlap(exports[first].columns[name], exports[at].columns[other]), -rank, other)
                  for rank, other in enumerate(candidates[at])]  # fmt: skip
        share, _, other = max(shares, default=(0.0, 0, ""))
        chosen[at], least = other, min(least, share)
    return dict(sorted(chosen.items())), least


def _compute_overlap(first: Sequence[str], second: Sequence[str]) -> float:
    both = set(first) & set(second)
    return len(both) / max(1, min(len(set(first)), len(set(second))))
