"""Pair the repeated events of two sources, and on matched events their attributes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from probatio.comparison.judging import derive_judged
from probatio.comparison.matching import Event, derive_label_order, match_events
from probatio.protocol import EventMatching, Variable

_CELL = ["visit", "patient_id"]
Events = Mapping[tuple[str, str], list[Event]]
"""The events of each visit and patient."""


class _Row(NamedTuple):
    """One row of the pairs before it is judged; `attribute` "" is the event itself."""

    visit: str
    patient_id: str
    attribute: str
    event: str = ""
    reference: str = ""
    value: str = ""
    has_reference: bool = False
    has_value: bool = False
    conformant: bool = True
    confidence: float = np.nan


def derive_event_pairs(
    cells: pd.DataFrame, source: pd.DataFrame, comparator: pd.DataFrame, variable: Variable
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the judged pairs of one variable of repeated events, and the cells left unlabelled.

    Args:
        cells: `visit, patient_id` assessed by both sides.
        source: the records of the source.
        comparator: the records of the reference, or of the other source.
        variable: the variable, with its attributes and rule of matching.

    A matched event is C, a missed one O, an unsupported one U; a cell without any event on either
    side is one B. Matched events give a row per attribute, save those that events are matched on.
    A reference event whose matched attributes do not conform leaves its cell unlabelled; another
    attribute of the reference that does not conform leaves out that attribute's row.

    Raises:
        ValueError: the variable has no rule of matching.
    """
    return pair_events(cells, derive_events(source, variable), derive_events(comparator, variable), variable)


def pair_events(
    cells: pd.DataFrame, ours: Events, theirs: Events, variable: Variable
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what `derive_event_pairs` does, from the source's and the comparator's events.

    Raises:
        ValueError: the variable has no rule of matching.
    """
    if variable.match is None:
        raise ValueError(f"{variable.name} is not a variable of repeated events")
    rows: list[_Row] = []
    unlabelled = []
    for visit, patient_id in cells[_CELL].itertuples(index=False, name=None):
        reference, delivered = theirs.get((visit, patient_id), []), ours.get((visit, patient_id), [])
        if any(event.wrong & {*variable.match.on} for event in reference):
            unlabelled.append((visit, patient_id))
            continue
        found = _pair_events(reference, delivered, variable, variable.match)
        rows += [row._replace(visit=visit, patient_id=patient_id) for row in found]
    return _derive_judged_rows(rows, variable), pd.DataFrame(unlabelled, columns=_CELL, dtype=object)


def derive_events(records: pd.DataFrame, variable: Variable) -> Events:
    """Return the events that a source's records hold, by (visit, patient), in the order of their labels."""
    attributes = {f"{variable.name}.{attribute}": attribute for attribute in variable.attributes}
    mine = records[records["variable"].isin(attributes) & (records["state"] == "value")]
    columns = ["visit", "patient_id", "event", "variable", "value", "conformant", "confidence"]
    events: dict[tuple[str, str], dict[str, Event]] = {}
    for visit, patient_id, label, name, value, conformant, confidence in mine[columns].itertuples(index=False):
        event = events.setdefault((visit, patient_id), {}).setdefault(label, Event(label))
        attribute = attributes[name]
        event.texts[attribute] = value
        event.confidences[attribute] = confidence
        if not conformant:
            event.wrong.add(attribute)
    return {
        cell: sorted(found.values(), key=lambda event: derive_label_order(event.label))
        for cell, found in events.items()
    }


def _pair_events(
    reference: Sequence[Event], delivered: Sequence[Event], variable: Variable, matching: EventMatching
) -> Iterator[_Row]:
    if not reference and not delivered:
        yield _Row("", "", "")
    matched = dict(match_events(reference, delivered, matching))
    for i, event in enumerate(reference):
        if i not in matched:
            text = _derive_event_text(event, matching)
            yield _Row("", "", "", event.label, reference=text, has_reference=True)
            continue
        other = delivered[matched[i]]
        text = _derive_event_text(event, matching)
        yield _Row("", "", "", event.label, text, text, True, True, True, derive_event_confidence(other, matching))
        yield from _pair_attributes(event, other, variable, matching)
    for j in sorted(set(range(len(delivered))) - set(matched.values())):
        event = delivered[j]
        text = _derive_event_text(event, matching)
        conformant = not event.wrong & {*matching.on, matching.date}
        yield _Row("", "", "", f"+{event.label}", value=text, has_value=True, conformant=conformant,
                   confidence=derive_event_confidence(event, matching))  # fmt: skip


def _pair_attributes(event: Event, other: Event, variable: Variable, matching: EventMatching) -> Iterator[_Row]:
    for name in variable.attributes:
        if name in matching.on or name in event.wrong:
            continue
        reference, value = event.texts.get(name, ""), other.texts.get(name, "")
        confidence = other.confidences.get(name, np.nan)
        yield _Row("", "", name, event.label, reference, value, reference != "", value != "",
                   name not in other.wrong, confidence)  # fmt: skip


def _derive_event_text(event: Event, matching: EventMatching) -> str:
    """Return what names an event: the attributes it is matched on, else its date."""
    return "|".join(event.texts.get(name, "") for name in matching.on or [matching.date])


def derive_event_confidence(event: Event, matching: EventMatching) -> float:
    """Return the lowest confidence among what events are matched by, NaN when there is none."""
    given = (event.confidences.get(name, math.nan) for name in (*matching.on, matching.date))
    return min((float(number) for number in given if not math.isnan(number)), default=math.nan)


def _derive_judged_rows(rows: list[_Row], variable: Variable) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(_Row._fields))
    parts = []
    for attribute in dict.fromkeys(row.attribute for row in rows):
        group = table[table["attribute"] == attribute]
        declared = variable.attributes.get(attribute)
        kind, tolerance = (declared.type, declared.tolerance) if declared else ("nominal", 0.0)
        name = f"{variable.name}.{attribute}" if attribute else variable.name
        parts.append(derive_judged(group, kind, tolerance).assign(variable=name))
    return pd.concat(parts) if parts else table.assign(outcome="", difference=np.nan, variable="")
