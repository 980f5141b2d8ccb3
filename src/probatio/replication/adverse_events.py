"""Adverse events of one source as the worst grade of each patient: overall and by term.

A patient with three diarrhoeas counts once, at the worst of their grades (CTCAE 5.0; CONSORT harms, Junqueira 2023,
BMJ 381:e073725, items on counting). Numbering and order of events do not matter, so that sources need not be matched.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.protocol import Descriptive, EventRule, EventWindow, Protocol, Variable
from probatio.records import Records
from probatio.survival.dates import derive_days
from probatio.survival.texts import derive_wide

Codes = NDArray[np.intp]
NO_EVENT, NO_GRADE, FIRST_GRADE = 0, 1, 2
"""Severity: no event, an event whose grade is not known, then the grades in order."""


class WorstGrades(NamedTuple):
    """What events come to, per patient (rows) and column: all terms first, then each term.

    Attributes:
        severity: `NO_EVENT`, `NO_GRADE`, or `FIRST_GRADE` plus the place of the worst grade, shape (n, 1 + terms).
        serious: has a serious event, the same shape.
    """

    severity: Codes
    serious: NDArray[np.bool_]


class EventTable(NamedTuple):
    """One source's events, one per row: `patient_id`, `term`, `grade`, `serious`, `date` as text, "" where unknown.

    `outside` are those that the window leaves out; `events` the others.
    """

    events: pd.DataFrame
    outside: pd.DataFrame


def derive_events(records: Records, protocol: Protocol, result: Descriptive, source: str) -> EventTable:
    """Return one source's events, those outside the window counted and left out.

    A value that does not conform is unknown; the event stays.
    """
    variable, rule = protocol.get_variable(str(result.variable)), _get_rule(result)
    names = {"term": rule.term, "grade": rule.grade}
    names |= {"serious": rule.serious} if rule.serious else {}
    names |= {"date": rule.window.date} if rule.window else {}
    events = _read_events(records.records, source, variable, names)
    if rule.window is None:
        return EventTable(events, events.iloc[:0])
    inside = _find_inside(events, records, protocol, rule.window, source)
    return EventTable(events[inside].reset_index(drop=True), events[~inside].reset_index(drop=True))


def list_terms(tables: list[EventTable], variable: Variable, rule: EventRule) -> list[str]:
    """Return the terms in order: the attribute's levels, or those that occur in any source where it has none."""
    levels = variable.attributes[rule.term].levels
    seen = {term for table in tables for term in table.events["term"]} - {""}
    return levels or sorted(seen)


def compute_worst_grades(events: pd.DataFrame, patients: pd.Index, terms: list[str], grades: list[str],
                         serious: str = "") -> WorstGrades:  # fmt: skip
    """Return each patient's worst grade and seriousness, overall and by term.

    Args:
        events: `patient_id`, `term`, `grade`, `serious`; "" where unknown. An event of an unlisted term counts
            overall only, one of another patient not at all.
        patients: identifiers, unique.
        terms: the columns after the first.
        grades: levels from the mildest to the worst.
        serious: the level of `serious` that means so.
    """
    severity = np.zeros((len(patients), 1 + len(terms)), dtype=np.intp)
    is_serious = np.zeros(severity.shape, dtype=bool)
    row = patients.get_indexer(pd.Index(events["patient_id"], dtype=object))
    column = 1 + pd.Index(terms, dtype=object).get_indexer(pd.Index(events["term"], dtype=object))
    place = pd.Index(grades, dtype=object).get_indexer(pd.Index(events["grade"], dtype=object))
    grade = np.where(place < 0, NO_GRADE, FIRST_GRADE + place)
    grave = (events["serious"] == serious).to_numpy() if serious else np.zeros(len(events), dtype=bool)
    known = row >= 0
    for columns in (np.zeros(len(events), dtype=np.intp), column):
        np.maximum.at(severity, (row[known], columns[known]), grade[known])
        np.logical_or.at(is_serious, (row[known], columns[known]), grave[known])
    return WorstGrades(severity, is_serious)


def _get_rule(result: Descriptive) -> EventRule:
    return result.events or EventRule()


def _read_events(records: pd.DataFrame, source: str, variable: Variable, names: dict[str, str]) -> pd.DataFrame:
    own = records[(records["source"] == source) & records["variable"].str.startswith(f"{variable.name}.")]
    own = own[own["state"] == "value"]
    known = own["conformant"].astype(bool)
    lines = own[["patient_id", "event"]].assign(
        attribute=own["variable"].str.removeprefix(f"{variable.name}."), text=own["value"].where(known, "").astype(str)
    )
    events = lines[["patient_id", "event"]].drop_duplicates().sort_values(["patient_id", "event"])
    for column in ("term", "grade", "serious", "date"):
        told = lines[lines["attribute"] == names.get(column, "")].drop_duplicates(["patient_id", "event"])
        events = events.merge(told[["patient_id", "event", "text"]], on=["patient_id", "event"], how="left")
        events = events.rename(columns={"text": column})
    return events.fillna("").reset_index(drop=True)


def _find_inside(
    events: pd.DataFrame, records: Records, protocol: Protocol, window: EventWindow, source: str
) -> NDArray[np.bool_]:
    """Say which events may lie in the window: all but those whose every possible date lies outside."""
    names = [name for name in (window.start, window.stop) if name]
    wide = derive_wide(records, protocol, source, [(name, "") for name in names])
    first, last = (derive_days(events["date"], rule)["days"].to_numpy() for rule in ("first", "last"))
    start = _read_days(events, wide[window.start], "first")
    inside: NDArray[np.bool_] = ~(last < start)
    if window.stop is not None:
        inside &= ~(first > _read_days(events, wide[window.stop], "last") + window.days)
    return inside


def _read_days(events: pd.DataFrame, dates: pd.Series, rule: str) -> NDArray[np.float64]:
    days = derive_days(dates, "first" if rule == "first" else "last")["days"]
    return events["patient_id"].map(days).to_numpy(dtype=float)
