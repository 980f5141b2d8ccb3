"""Read CSV, Excel, Parquet and JSON into columns of text, with the file and line of every row.

Everything is text first: nothing is guessed, evaluated or converted before the protocol says how.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from probatio.protocol import TableFile, UserError
from probatio.records.files import locate_files, read_text

_DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
_CELL_LIMIT = 1 << 30


@dataclass(frozen=True)
class Sheet:
    """One declared table as text, column by column.

    Attributes:
        declared: how the protocol declares it.
        columns: texts by column name, or by dotted path for JSON; an absent value is "".
        doubled: names that stand twice in a header.
        files: the file of each row, relative to the data folder.
        lines: the physical line of each row (row number in Excel and Parquet, 1 in JSON).
    """

    declared: TableFile
    columns: dict[str, list[str]]
    doubled: frozenset[str] = frozenset()
    files: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The path as declared."""
        return self.declared.path

    @property
    def decimal_marks(self) -> str:
        """The marks that part decimals: typed cells of Excel, Parquet and JSON always have a point."""
        if self.declared.decimal == ".":
            return "."
        return "," if self.declared.format == "csv" else ",."

    def read_column(self, column: str) -> list[str]:
        """Return the texts of a column.

        Raises:
            UserError: the column is absent, or stands twice.
        """
        if column in self.doubled:
            raise UserError(f"{self.name}: the column {column} stands twice in the header; rename one.")
        if column not in self.columns:
            raise UserError(self._describe_absence(column))
        return self.columns[column]

    def _describe_absence(self, column: str) -> str:
        if self.declared.format == "json":
            deeper = any(path.startswith(f"{column}.") for path in self.columns)
            what = f"{column} holds no single value" if deeper else f"the path {column} exists in no file"
            return f"{self.name}: {what}; {self._suggest(column)}"
        only = next(iter(self.columns), "")
        for delimiter, wording in _DELIMITERS.items():
            if self.declared.format == "csv" and len(self.columns) == 1 and delimiter in only:
                return f'{self.name}: the cells seem to be separated by {wording}; declare delimiter: "{delimiter}".'
        return f"{self.name}: the column {column} is not in the header; {self._suggest(column)}"

    def _suggest(self, column: str) -> str:
        # Only near names are shown: the first line of a file without header holds a patient's values.
        by_case = {name.casefold(): name for name in self.columns}
        near = [by_case[match] for match in get_close_matches(column.casefold(), by_case, n=3, cutoff=0.6)]
        listed = f"nearest: {', '.join(near)}; " if near else ""
        return f"{listed}correct the protocol, or give the file a header with this name."


class SheetReader:
    """Reads each declared table once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._read: dict[tuple[str, ...], Sheet] = {}

    def read_sheet(self, declared: TableFile) -> Sheet:
        """Return a declared table; several files of one pattern follow each other.

        Raises:
            UserError: a file is missing, empty, in another encoding or format, or has no such sheet.
        """
        key = (declared.path, declared.format, declared.delimiter, declared.encoding, declared.sheet or "")
        if key not in self._read:
            files = locate_files(self.root, declared.path)
            read = _read_json if declared.format == "json" else _read_tables
            self._read[key] = read(declared, files)
        known = self._read[key]
        return Sheet(declared, known.columns, known.doubled, known.files, known.lines)


def _read_tables(declared: TableFile, files: list[tuple[str, Path]]) -> Sheet:
    header: list[str] = []
    rows: list[list[str]] = []
    names: list[str] = []
    lines: list[int] = []
    for name, path in files:
        numbered = list(_ROWS[declared.format](declared, name, path))
        if not numbered:
            raise UserError(f"{name}: the file is empty; export it again or remove it from the protocol.")
        found = [cell.strip() for cell in numbered[0][1]]
        if header and found != header:
            raise UserError(f"{name}: its header differs from that of {files[0][0]}; declare the files one by one.")
        header = found
        body = _check_widths(name, header, numbered[1:])
        rows += [cells for _, cells in body]
        lines += [line for line, _ in body]
        names += [name] * len(body)
    columns = {name: [cells[index] for cells in rows] for index, name in enumerate(header)}
    doubled = frozenset(name for name in header if name and header.count(name) > 1)
    return Sheet(declared, columns, doubled, names, lines)


def _check_widths(name: str, header: list[str], rows: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    width = len(header)
    for line, cells in rows:
        if len(cells) < width or any(cell.strip() for cell in cells[width:]):
            raise UserError(
                f"{name}:{line}: {len(cells)} cells where the header has {width}; "
                f"quote the text that holds the delimiter."
            )
    return rows


def _iterate_csv(declared: TableFile, name: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(_CELL_LIMIT)
    text = read_text(name, path, declared.encoding)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=declared.delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"{name}:{line}: a quotation mark is not closed or not doubled ({error}); mend it.") from None


def _iterate_excel(declared: TableFile, name: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    import python_calamine  # noqa: PLC0415 -- only studies with Excel files pay for it

    try:
        book = python_calamine.CalamineWorkbook.from_path(str(path))
        sheet = declared.sheet or book.sheet_names[0]
        if sheet not in book.sheet_names:
            raise UserError(f"{name}: it has no sheet {sheet}, only {', '.join(book.sheet_names)}; correct sheet.")
        rows = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    except (python_calamine.CalamineError, OSError, IndexError) as error:
        raise UserError(f"{name}: not a readable Excel file ({type(error).__name__}); save it again as xlsx.") from None
    return _number_rows(rows)


def _iterate_parquet(_: TableFile, name: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    import pyarrow  # noqa: PLC0415 -- only studies with Parquet files pay for it
    import pyarrow.parquet  # noqa: PLC0415

    try:
        table = pyarrow.parquet.ParquetFile(path).read()
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{name}: not a readable Parquet file ({type(error).__name__}); write it again.") from None
    columns = [column.to_pylist() for column in table.columns]
    return _number_rows([table.column_names, *zip(*columns, strict=True)])


def _number_rows(rows: Iterable[Iterable[Any]]) -> Iterator[tuple[int, list[str]]]:
    for line, row in enumerate(rows, start=1):
        cells = [derive_cell_text(cell) for cell in row]
        if any(cell.strip() for cell in cells):
            yield line, cells


_ROWS = {"csv": _iterate_csv, "excel": _iterate_excel, "parquet": _iterate_parquet}


def derive_cell_text(cell: Any) -> str:
    """Return the text of a typed cell: 2.0 is "2", a date is ISO, nothing is "", a list joins by "|"."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e16 else repr(cell)
    if isinstance(cell, dt.datetime):
        return cell.isoformat(sep=" ").removesuffix(" 00:00:00")
    if isinstance(cell, list):
        return "|".join(derive_cell_text(item) for item in cell)
    return str(cell)


def _read_json(declared: TableFile, files: list[tuple[str, Path]]) -> Sheet:
    rows: list[dict[str, str]] = []
    names: list[str] = []
    for name, path in files:
        found = _parse_json(name, read_text(name, path, declared.encoding))
        rows += found
        names += [name] * len(found)
    paths = dict.fromkeys(path for row in rows for path in row)
    columns = {path: [row.get(path, "") for row in rows] for path in paths}
    return Sheet(declared, columns, frozenset(), names, [1] * len(rows))


def _parse_json(name: str, text: str) -> list[dict[str, str]]:
    try:
        content = json.loads(text, parse_float=lambda digits: derive_cell_text(float(digits)), parse_int=str,
                             parse_constant=str)  # fmt: skip
        objects = content if isinstance(content, list) else [content]
        if not all(isinstance(item, dict) for item in objects):
            raise UserError(f"{name}: expected one object, or a list of objects; correct the file or its format.")
        return [dict(_flatten(item, "")) for item in objects]
    except json.JSONDecodeError as error:
        raise UserError(f"{name}:{error.lineno}: not valid JSON ({error.msg}); extract this file again.") from None
    except RecursionError:
        raise UserError(f"{name}: nested too deeply to be read; extract this file again.") from None


def _flatten(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            name = _derive_whole(key)
            yield from _flatten(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for index, inner in enumerate(value):
            yield from _flatten(inner, f"{path}.{index}")
    else:
        yield path, _derive_whole(derive_cell_text(value))


def _derive_whole(text: str) -> str:
    """Return a text that can be written: half a surrogate pair, from a text cut within a sign, becomes U+FFFD."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
