"""What one source says of adverse events: the questions that its worst grades answer.

Treated patients are the denominator. An event without a grade is an event of any grade and of no threshold; terms
below the least share are counted overall only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from probatio.protocol import EventRule
from probatio.replication.accounts import Account, Answer, Mask, Question, Scale
from probatio.replication.adverse_events import (
    FIRST_GRADE,
    NO_EVENT,
    NO_GRADE,
    Codes,
    EventTable,
    WorstGrades,
    compute_worst_grades,
    derive_events,
    list_terms,
)
from probatio.replication.sides import Side

NONE = "none"
"""`at` of the patients without an event among the worst grades."""


class _Events(NamedTuple):
    """One source's events: the table, the worst grades they come to, and the patients who count."""

    side: Side
    table: EventTable
    worst: WorstGrades
    counted: Mask


def derive_incidences(sides: list[Side]) -> list[Account]:
    """Return the account of every source: incidence overall and by term, seriousness, worst grades.

    The terms are the same for all: those that some source reports in at least `min_share` of its own patients.

    Args:
        sides: the texts of each source.
    """
    result, protocol = sides[0].result, sides[0].protocol
    variable, rule = protocol.get_variable(str(result.variable)), result.events or EventRule()
    tables = [derive_events(side.records, protocol, result, side.source) for side in sides]
    terms = list_terms(tables, variable, rule)
    grades = variable.attributes[rule.grade].levels
    grave = variable.attributes[rule.serious].levels[1] if rule.serious else ""
    found = []
    for side, table in zip(sides, tables, strict=True):
        worst = compute_worst_grades(table.events, side.wide.index, terms, grades, grave)
        found.append(_Events(side, table, worst, _find_counted(side, table)))
    columns = {"": 0} | {terms[place]: 1 + place for place in _find_shown(found, rule.min_share)}
    return [_derive_account(events, columns, grades) for events in found]


def _find_counted(side: Side, table: EventTable) -> Mask:
    """Return the patients treated of whom the source was asked, with `documented` those only of whom it tells."""
    name = str(side.result.variable)
    asked = side.find_asked(name, "") & side.inside
    if side.result.denominator == "all":
        return asked
    documented: Mask = asked & (side.read(name, "").notna().to_numpy() | _find_patients(side, table))
    return documented


def _find_patients(side: Side, table: EventTable) -> Mask:
    found: Mask = side.wide.index.isin([*table.events["patient_id"], *table.outside["patient_id"]])
    return found


def _find_shown(found: list[_Events], min_share: float) -> list[int]:
    """Return the places of the terms that some source reports in at least `min_share` of its patients."""
    shares = [
        (each.worst.severity[each.counted, 1:] > NO_EVENT).sum(axis=0) / max(int(each.counted.sum()), 1)
        for each in found
    ]
    highest = np.max(shares, axis=0)
    return [int(place) for place in np.flatnonzero((highest > 0) & (highest >= min_share))]


def _derive_account(events: _Events, columns: dict[str, int], grades: list[str]) -> Account:
    side, counted, severity = events.side, events.counted, events.worst.severity
    name, rule = str(side.result.variable), side.result.events or EventRule()
    asked = bool(side.find_asked(name, "").any())
    floors = {"": NO_GRADE} | {grade: FIRST_GRADE + grades.index(grade) for grade in rule.grades}
    answers = {}
    for term, column in columns.items():
        for grade, floor in floors.items():
            positive = counted & (severity[:, column] >= floor)
            answers[Question("incidence", name, term, grade)] = Answer(counted, positive, asked)
        if rule.serious:
            positive = counted & events.worst.serious[:, column]
            answers[Question("serious_incidence", name, term)] = Answer(counted, positive, asked)
    codes = _derive_codes(severity[:, 0], counted)
    for code, grade in enumerate((NONE, *grades)):
        answers[Question("worst_grade_share", name, "", grade)] = Answer(codes >= 0, codes == code, asked)
    scales = {Question("worst_grade", name): Scale(codes, 1 + len(grades), ordered=True)} if asked else {}
    return Account(side.source, answers, scales=scales, counts=_count_events(events, len(columns) - 1))


def _derive_codes(severity: Codes, counted: Mask) -> Codes:
    """Return 0 for no event, then 1 for the mildest grade and so on; -1 where the worst grade is not known."""
    codes: Codes = np.where(severity == NO_EVENT, 0, severity - NO_GRADE)
    return np.where(counted & (severity != NO_GRADE), codes, -1)


def _count_events(events: _Events, shown: int) -> dict[str, tuple[int, int]]:
    """Return what the incidence leaves out or takes for granted, as (k, n)."""
    side, table, counted = events.side, events.table, events.counted
    mine = table.events[table.events["patient_id"].isin(side.wide.index[counted])]
    silent = side.read(str(side.result.variable), "").isna().to_numpy() & ~_find_patients(side, table)
    terms, total = events.worst.severity.shape[1] - 1, len(table.events) + len(table.outside)
    found = {
        "treated": (int(counted.sum()), len(counted)),
        "not_documented": (int((silent & counted).sum()), int(counted.sum())),
        "events": (len(mine), total),
        "without_grade": (int((mine["grade"] == "").sum()), len(mine)),
        "terms_below": (terms - shown, terms),
    }
    if side.result.events and side.result.events.window:
        found |= {
            "outside_window": (len(table.outside), total),
            "undated": (int((mine["date"] == "").sum()), len(mine)),
        }
    return found
