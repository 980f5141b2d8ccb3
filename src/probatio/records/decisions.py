"""The table of what reviewers decided: its columns, its words, and how it is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final, Literal, get_args

import numpy as np
import pandas as pd

from probatio.protocol import Protocol, Source, TableFile, UserError
from probatio.records.canonical import derive_number
from probatio.records.cohort import Cohort
from probatio.records.harmless import derive_written
from probatio.records.sheets import Sheet, SheetReader
from probatio.records.tables import Ledger

Decision = Literal["confirmed", "chosen", "corrected", "absent", "unreadable"]
"""`confirmed`: the reviewed source's own value stands. `chosen`: a competing value. `corrected`: another value, typed.
`absent`: the documents do not hold it. `unreadable`: they do not allow to decide."""
Role = Literal["first", "second", "adjudicator"]

DECISIONS: Final = get_args(Decision)
ROLES: Final = get_args(Role)
DECISION_COLUMNS: Final = (
    "patient_id", "variable", "visit", "event", "decision", "value", "reviewer", "role", "decided_at", "seconds",
)  # fmt: skip
SELECTION: Final = "selection_probability"
"""An optional last column: the probability with which the case was drawn for review; blank or no column: 1."""
CASE: Final = ["patient_id", "variable", "visit", "event"]
_VALUED = ("chosen", "corrected")
_VALUELESS = ("absent", "unreadable")


def read_decisions(
    protocol: Protocol, source: Source, reader: SheetReader, cohort: Cohort, ledger: Ledger
) -> pd.DataFrame:
    """Return the decisions of a source after review, in the order of the file, as text but for two numbers.

    Decisions about unknown patients, variables or visits, and about patients used for development, are set aside.

    Args:
        protocol: variables and their visits.
        source: with `reviewed`.
        reader: reads the table.
        cohort: the patients.
        ledger: where what is set aside is listed; unit `decisions`.

    Returns:
        `file, line` and `DECISION_COLUMNS`, `seconds` a number (NaN where blank), `selection_probability` in (0, 1].

    Raises:
        UserError: a word, number, date or reviewer that cannot be, a value missing or too many, one case decided
            twice by one reader or in one role, or settled before two have read it.
    """
    path = source.reviewed.path if source.reviewed else ""
    table = _read_columns(reader.read_sheet(TableFile(path=path)))
    ledger.count("read", len(table), source=source.name, unit="decisions")
    rules = cohort.derive_rules(table.assign(document_id="", by_document=False), sampled_only=False)
    known = pd.Series(list(_iterate_rules(protocol, table)), index=table.index, dtype=object)
    rules = rules.where(rules != "", known)
    for rule in sorted(set(rules) - {""}):
        ledger.reject(table[rules == rule], rule, source=source.name, variables={"": 1}, unit="decisions")
    kept = table[rules == ""].reset_index(drop=True)
    _check_circuit(kept)
    return kept


def _read_columns(sheet: Sheet) -> pd.DataFrame:
    table = pd.DataFrame({"file": sheet.files, "line": sheet.lines})
    for name in DECISION_COLUMNS:
        texts = [derive_written(text.strip()) for text in sheet.read_column(name)]
        table[name] = pd.Series(texts, index=table.index, dtype=object)
    table[SELECTION] = [text.strip() for text in sheet.columns.get(SELECTION, [""] * len(table))]
    _check_words(table, "decision", DECISIONS)
    _check_words(table, "role", ROLES)
    _refuse(table, table["reviewer"] == "", "column reviewer is blank; say who decided")
    valued = table["decision"].isin(_VALUED)
    _refuse(table, valued & (table["value"] == ""), "a value is chosen or corrected, and none is given; write it")
    idle = table["decision"].isin(_VALUELESS) & (table["value"] != "")
    _refuse(table, idle, "the value is absent or unreadable, and one is given; leave it blank, or write corrected")
    _refuse(table, ~table["decided_at"].map(_is_moment), "column decided_at is no date; write it as 2025-03-31T09:05")
    said = "is no number of seconds; correct it, or leave it blank"
    table["seconds"] = _parse(table, "seconds", (0.0, np.inf), np.nan, said)
    said = "is no probability above 0 and up to 1; correct it, or leave it blank for 1"
    table[SELECTION] = _parse(table, SELECTION, (np.nextafter(0, 1), 1.0), 1.0, said)
    return table


def _check_words(table: pd.DataFrame, column: str, words: tuple[str, ...]) -> None:
    _refuse(table, ~table[column].isin(words), f"column {column} holds none of {', '.join(words)}; write one of them")


def _refuse(table: pd.DataFrame, wrong: pd.Series, said: str) -> None:
    if wrong.any():
        first = table[wrong.to_numpy(dtype=bool)].iloc[0]
        raise UserError(f"{first['file']}:{first['line']}: {said} ({int(wrong.sum())} such decisions).")


def _is_moment(text: str) -> bool:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _parse(table: pd.DataFrame, column: str, limits: tuple[float, float], blank: float, said: str) -> pd.Series:
    numbers = [derive_number(text) for text in table[column]]
    held = (table[column] != "").to_numpy(dtype=bool)
    bad = np.array([number is None or not limits[0] <= number <= limits[1] for number in numbers], dtype=bool)
    _refuse(table, pd.Series(bad & held, index=table.index), f"column {column} {said}")
    return pd.Series([blank if number is None else number for number in numbers], index=table.index, dtype=float)


def _iterate_rules(protocol: Protocol, table: pd.DataFrame) -> Iterator[str]:
    variables = {variable.name: variable for variable in protocol.variables}
    for name, visit, event in table[["variable", "visit", "event"]].itertuples(index=False, name=None):
        base, _, attribute = name.partition(".")
        variable = variables.get(base)
        if variable is None or (attribute and attribute not in variable.attributes):
            yield "unknown_variable"
        elif visit not in (variable.visits or [""]):
            yield "unknown_visit"
        else:
            yield "unknown_cell" if (event != "") != (variable.type == "events") else ""


def _check_circuit(table: pd.DataFrame) -> None:
    """Refuse what two readers and a third cannot have done."""
    twice = "has decided this case already: one reads first, another second, a third settles; keep one line"
    _refuse(table, table.duplicated([*CASE, "reviewer"]), f"the reviewer {twice}")
    _refuse(table, table.duplicated([*CASE, "role"]), "somebody else has this role in this case; keep one line")
    roles = table.assign(place=table["role"].map({role: 1 << at for at, role in enumerate(ROLES)}))
    found = roles.groupby(CASE, sort=False)["place"].transform("sum") if len(roles) else roles["place"]
    _refuse(table, ~found.isin([1, 3, 7]), "a case is read first, then second, then settled; a line is missing before")
