"""Read a workbook that came back, whatever program saved it: its hidden sheet, its rows as text, the reader's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from probatio.digest import compute_digest, compute_json_digest
from probatio.protocol import Language, UserError
from probatio.records.harmless import derive_written
from probatio.records.sheets import derive_cell_text
from probatio.review.forms import derive_compared
from probatio.review.workbook import FORMAT, META, META_COLUMNS, READER_CELL
from probatio.wording import read_word

_ADVICE: Final = "give the one that `probatio review export` wrote, saved as xlsx"
_LARGEST: Final = 200_000_000
Table = list[list[str]]


@dataclass(frozen=True)
class Row:
    """A row of the sheet of cases: its number in the sheet, from 1, and its texts by column."""

    number: int
    cells: Mapping[str, str]

    @property
    def case_id(self) -> str:
        """The name of the case that the row is about."""
        return self.read("case_id")

    def read(self, key: str) -> str:
        """Return the text of a column without blanks around it."""
        return self.cells.get(key, "").strip()


@dataclass(frozen=True)
class Returned:
    """A workbook as it came back.

    `meta` says what it was made of; `lent` gives digest, version and role of each case; `sheet` is the name of the
    sheet of cases and `header` its first row; `reader` is the name that stands on the sheet of instructions.
    """

    name: str
    digest: str
    meta: Mapping[str, str]
    lent: Mapping[str, Mapping[str, str]]
    sheet: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    reader: str

    @property
    def language(self) -> Language:
        """The language it was written in."""
        return "fr" if self.meta["language"] == "fr" else "en"

    def read_rows(self, columns: Sequence[str]) -> list[Row]:
        """Return the rows that hold anything, by column."""
        rows = (Row(number, dict(zip(columns, cells, strict=False))) for number, cells in enumerate(self.rows, start=2))
        return [row for row in rows if any(text.strip() for text in row.cells.values())]


def read_returned(path: Path) -> Returned:
    """Read a workbook that came back.

    Raises:
        UserError: it cannot be read, is not a review workbook, or its hidden sheet was changed.
    """
    tables, digest = _read_tables(path)
    if META not in tables:
        raise UserError(f"{path.name}: not a review workbook; {_ADVICE}.")
    meta, lent = _read_meta(path.name, tables[META])
    language: Language = "fr" if meta["language"] == "fr" else "en"
    names = [read_word("circuit", key, language) for key in ("cases", "instructions")]
    for name in names:
        if name not in tables:
            raise UserError(f"{path.name}: the sheet {name} is gone or was renamed; {_ADVICE}.")
    cases, instructions = (tables[name] for name in names)
    row, column = READER_CELL
    reader = instructions[row][column] if len(instructions) > row and len(instructions[row]) > column else ""
    return Returned(
        path.name,
        digest,
        meta,
        lent,
        names[0],
        cases[0] if cases else [],
        cases[1:],
        derive_compared(derive_written(reader)),
    )


def _read_tables(path: Path) -> tuple[dict[str, Table], str]:
    import python_calamine  # noqa: PLC0415 - only an import pays for it

    try:
        if path.stat().st_size > _LARGEST:
            raise UserError(f"{path.name}: larger than any review workbook; {_ADVICE}.")
        content = path.read_bytes()
        book = python_calamine.CalamineWorkbook.from_path(str(path))
        tables = {name: _read_sheet(book, name) for name in book.sheet_names}
    except FileNotFoundError:
        raise UserError(f"{path.name}: no such file; name the workbook that came back.") from None
    except (python_calamine.CalamineError, OSError, IndexError) as error:
        raise UserError(f"{path.name}: not a readable workbook ({type(error).__name__}); {_ADVICE}.") from None
    return tables, compute_digest(content)


def _read_sheet(book: Any, name: str) -> Table:
    rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    return [[derive_cell_text(cell) for cell in row] for row in rows]


def _read_meta(name: str, table: Table) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    lines = [tuple(_drop_blanks(line)) for line in table if any(line)]
    *said, (key, *checksum) = lines or [("",)]
    if key != "checksum" or checksum != [compute_json_digest(said)] or META_COLUMNS not in said:
        raise UserError(f"{name}: what says where this workbook comes from was changed; export it again.")
    at = said.index(META_COLUMNS)
    meta = {line[0]: line[1] if len(line) > 1 else "" for line in said[:at]}
    if meta.get("format") != FORMAT:
        raise UserError(f"{name}: made by another version of this program; export it again.")
    lent = {line[0]: dict(zip(META_COLUMNS, line, strict=True)) for line in said[at + 1 :]}
    return meta, lent


def _drop_blanks(line: list[str]) -> list[str]:
    """Return a line without the empty cells at its end, which programs add to make a table rectangular."""
    while line and not line[-1]:
        line = line[:-1]
    return line
