"""Read a source's file, wide or long, into cells of text; lines that cannot count are set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from probatio.protocol import Protocol, Source, SourceFile, UserError, Variable
from probatio.records.attributes import parse_dates, read_lines
from probatio.records.cohort import Cohort
from probatio.records.lines import derive_lines, find_doubles
from probatio.records.sheets import Sheet
from probatio.records.tables import Ledger

# The columns of a long file that may be absent.
_OPTIONAL = ("visit", "event", "unit", "state", "confidence", "document_id", "start", "end", "snippet",
             "extractor", "extracted_at")  # fmt: skip


@dataclass(frozen=True)
class FileReading:
    """One file of a source, and what is needed to read it."""

    protocol: Protocol
    source: Source
    file: SourceFile
    sheet: Sheet
    cohort: Cohort
    ledger: Ledger

    def derive_lines(self) -> pd.DataFrame:
        """Return the file's lines with the rule that sets each aside, "" for those that count."""
        lines = derive_lines(self.sheet, self.file.patient, self.cohort.documents)
        return lines.assign(rule=self.cohort.derive_rules(lines, sampled_only=self.source.role == "reference"))

    def count(self, step: str, n: int, variable: str) -> None:
        """Count values of the source in the flow."""
        self.ledger.count(step, n, source=self.source.name, variable=variable)

    def reject(self, lines: pd.DataFrame, rule: str, variables: Mapping[str, int]) -> None:
        """Set lines of the source aside."""
        self.ledger.reject(lines, rule, source=self.source.name, variables=variables)


@dataclass(frozen=True)
class FileCells:
    """What one file of a source says, as text.

    Attributes:
        cells: one row per cell: `file, line, patient_id, variable, attribute, visit, event, column, raw`
            and the optional columns of a long file.
        declared: the (variable, visit) that a wide file was to fill; None for a long file.
        patients: the patients with a line that counts.
    """

    cells: pd.DataFrame
    declared: list[tuple[str, str]] | None
    patients: set[str]


def read_cells(reading: FileReading) -> FileCells:
    """Read one file of a source; lines set aside are listed, and counted per variable.

    Raises:
        UserError: a column is absent, a key names no visit, a row's date cannot be read, or two rows about
            one patient differ.
    """
    lines = reading.derive_lines()
    patients = set(lines.loc[lines["rule"] == "", "patient_id"])
    if reading.file.layout == "long":
        return FileCells(_read_long(reading, lines), None, patients)
    keys = {key: _check_key(reading, key) for key in reading.file.columns}
    lines = _select_wide_lines(reading, lines, Counter(variable for variable, _ in keys.values()))
    lines = lines.assign(extracted_at=_read_extracted_at(reading, lines))
    parts = [_read_wide_column(reading, key, *where, lines) for key, where in keys.items()]
    return FileCells(pd.concat(parts, ignore_index=True), [*keys.values()], patients)


def _check_key(reading: FileReading, key: str) -> tuple[str, str]:
    """Return the variable and visit that a key of `columns` names."""
    name, _, visit = key.partition("@")
    variable = reading.protocol.get_variable(name)
    where = f"sources: {reading.source.name}: columns: {key}"
    if variable.type == "events":
        raise UserError(f"{where}: repeated events are read from files in the long layout; declare layout: long.")
    if visit not in (variable.visits or [""]):
        known = ", ".join(f"{name}@{visit}" for visit in variable.visits) or name
        raise UserError(f"{where}: {name} has no such visit; write {known}.")
    return name, visit


def _select_wide_lines(reading: FileReading, lines: pd.DataFrame, per_line: Counter[str]) -> pd.DataFrame:
    for variable, cells in per_line.items():
        reading.count("read", len(lines) * cells, variable)
    for rule in sorted(set(lines["rule"]) - {""}):
        reading.reject(lines[lines["rule"] == rule], rule, per_line)
    lines = lines[lines["rule"] == ""]
    if reading.file.format == "json":
        return lines
    columns = [*reading.file.columns.values(), *reading.file.confidence.values()]
    columns += [reading.file.extracted_at] if reading.file.extracted_at else []
    for column in columns:
        reading.sheet.read_column(column)
    doubled = find_doubles(reading.sheet, lines, columns)
    reading.reject(lines[doubled], "duplicate_row", per_line)
    return lines[~doubled]


def _read_wide_column(reading: FileReading, key: str, variable: str, visit: str, lines: pd.DataFrame) -> pd.DataFrame:
    column = reading.file.columns[key]
    confidence = reading.file.confidence.get(key)
    cells = lines[["file", "line", "patient_id", "document_id", "extracted_at"]].copy()
    cells["variable"], cells["attribute"], cells["visit"], cells["column"] = variable, "", visit, column
    cells["raw"] = _select_rows(reading.sheet.read_column(column), lines)
    for name in _OPTIONAL:
        if name not in cells:
            cells[name] = ""
    if confidence is not None:
        cells["confidence"] = _select_rows(reading.sheet.read_column(confidence), lines)
    return cells


def _read_extracted_at(reading: FileReading, lines: pd.DataFrame) -> pd.Series:
    """Return the ISO date on which each row's values became available, "" where the file does not say."""
    column = reading.file.extracted_at
    if column is None:
        return pd.Series("", index=lines.index, dtype=object)
    texts = pd.Series(read_lines(reading.sheet, column, lines), index=lines.index, dtype=object)
    where = f"{reading.sheet.name}: column {column} (extracted_at of {reading.source.name})"
    return parse_dates(texts, lines, reading.sheet, where, advice="write a full date, or leave the cell blank")


def _select_rows(texts: list[str], lines: pd.DataFrame) -> list[str]:
    return [texts[row] for row in lines.index]


def _read_long(reading: FileReading, lines: pd.DataFrame) -> pd.DataFrame:
    cells = _read_long_columns(reading, lines)
    variables = {variable.name: variable for variable in reading.protocol.variables}
    rules = _derive_long_rules(variables, cells)
    cells["rule"] = cells["rule"].where(cells["rule"] != "", pd.Series(rules, index=cells.index, dtype=object))
    cells.loc[~cells["variable"].isin(variables), "variable"] = ""
    for variable, n in sorted(cells["variable"].value_counts().items()):
        reading.count("read", int(n), str(variable))
    for (rule, variable), group in cells[cells["rule"] != ""].groupby(["rule", "variable"]):
        reading.reject(group, str(rule), {str(variable): 1})
    kept = cells[cells["rule"] == ""].reset_index(drop=True)
    plain = [name for name, variable in variables.items() if not variable.visits]
    kept["visit"] = kept["visit"].mask(kept["variable"].isin(plain), "")
    return kept


def _read_long_columns(reading: FileReading, lines: pd.DataFrame) -> pd.DataFrame:
    names, sheet = reading.file.long.model_dump(), reading.sheet
    parted = _part_names(reading, sheet.read_column(names["variable"]))
    cells = lines.assign(
        variable=[variable for variable, _, _ in parted],
        attribute=[attribute for _, _, attribute in parted],
        column=names["value"],
        raw=sheet.read_column(names["value"]),
    )
    for name in _OPTIONAL:
        # A renamed column must exist; one under the contract's own name may be absent.
        if names[name] in sheet.columns or names[name] != name:
            cells[name] = [text.strip() for text in sheet.read_column(names[name])]
        elif name not in cells:
            cells[name] = ""
    return cells


def _part_names(reading: FileReading, texts: Iterable[str]) -> list[tuple[str, str, str]]:
    """Return variable, point and attribute of each line; what the file calls a variable may hold a point itself."""
    own = {called: name for name, called in reading.file.columns.items()}
    out = []
    for text in map(str.strip, texts):
        variable, point, attribute = (text, "", "") if text in own else text.partition(".")
        out.append((own.get(variable, variable), point, attribute))
    return out


def _derive_long_rules(variables: Mapping[str, Variable], cells: pd.DataFrame) -> list[str]:
    columns: Iterable[tuple[str, ...]] = zip(
        *(cells[name] for name in ("variable", "attribute", "visit", "state", "raw")), strict=True
    )
    return [_derive_long_rule(variables.get(variable), *rest) for variable, *rest in columns]


def _derive_long_rule(variable: Variable | None, attribute: str, visit: str, state: str, raw: str) -> str:
    if variable is None or (attribute and attribute not in variable.attributes):
        return "unknown_variable"
    if variable.visits and visit not in variable.visits:
        return "unknown_visit"
    if variable.type != "events" or attribute or state not in ("", "value"):
        return ""
    codes = {"", *variable.negative, *variable.missing, *variable.not_assessed}
    return "" if raw.strip() in codes else "event_without_attribute"
