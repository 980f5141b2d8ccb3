"""Pair repeated events one to one: equal on the declared attributes, dates within the window."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from probatio.protocol import EventMatching


@dataclass(frozen=True)
class Event:
    """One event of one source.

    Attributes:
        label: the source's own name of the event.
        texts: the text of each attribute that has one.
        wrong: the attributes whose text does not conform; matching takes them for unknown.
        confidences: the confidence of each attribute, NaN when there is none.
    """

    label: str
    texts: dict[str, str] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)
    confidences: dict[str, float] = field(default_factory=dict)

    def read_known(self, name: str) -> str:
        """Return an attribute's canonical text, "" when there is none or it does not conform."""
        return "" if name in self.wrong else self.texts.get(name, "")


def match_events(
    reference: Sequence[Event], delivered: Sequence[Event], matching: EventMatching
) -> list[tuple[int, int]]:
    """Return the pairs (index in `reference`, index in `delivered`) of one patient's matched events.

    Two events are candidates when all attributes of `matching.on` are known and equal and their dates
    lie within `matching.window` days. A partial date stands for the interval it covers; an unknown
    date is a candidate only if attributes are matched on, and behind every known one. Among all
    one-to-one assignments (Kuhn 1955, Nav Res Logist Q 2:83, by scipy) the most events are matched,
    then the sum of days is least, then dates of equal precision and the order of labels decide.
    """
    if not reference or not delivered:
        return []
    # Events are aligned in the order of their labels, so that the order of rows changes nothing.
    rows = sorted(range(len(reference)), key=lambda at: derive_label_order(reference[at].label))
    columns = sorted(range(len(delivered)), key=lambda at: derive_label_order(delivered[at].label))
    costs = np.array([[_compute_cost(reference[i], delivered[j], matching) for j in columns] for i in rows])
    possible = np.isfinite(costs)
    unit = 2 * (len(rows) + len(columns)) ** 2 + 1
    order = np.abs(np.subtract.outer(np.arange(len(rows)), np.arange(len(columns))))
    unequal = np.array([[_is_unequal(reference[i], delivered[j], matching.date) for j in columns] for i in rows])
    total = np.where(possible, costs, 0) * unit + unequal * (len(rows) + len(columns)) + order
    total = np.where(possible, total, (matching.window + 3) * unit * (len(rows) + len(columns)))
    return sorted((rows[i], columns[j]) for i, j in zip(*linear_sum_assignment(total), strict=True) if possible[i, j])


def compute_distance(first: str, second: str) -> int:
    """Return the days between two ISO dates, partial ones taken as intervals: 0 when they overlap."""
    (low, high), (lower, upper) = _derive_interval(first), _derive_interval(second)
    return max(0, (lower - high).days, (low - upper).days)


def derive_label_order(label: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts labels as people number them: 2 before 10, E2 before E10."""
    parts = re.split(r"([0-9]+)", label)
    return [(0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part) for part in parts if part]


def _compute_cost(reference: Event, delivered: Event, matching: EventMatching) -> float:
    """Return the days between two events, or infinity when they are no candidates."""
    for name in matching.on:
        known = reference.read_known(name)
        if known == "" or known != delivered.read_known(name):
            return np.inf
    first, second = reference.read_known(matching.date), delivered.read_known(matching.date)
    if first == "" or second == "":
        return matching.window + 1 if matching.on else np.inf
    days = compute_distance(first, second)
    return days if days <= matching.window else np.inf


def _is_unequal(reference: Event, delivered: Event, name: str) -> bool:
    return len(reference.read_known(name)) != len(delivered.read_known(name))


def _derive_interval(date: str) -> tuple[dt.date, dt.date]:
    year, *rest = (int(part) for part in date.split("-"))
    if not rest:
        return dt.date(year, 1, 1), dt.date(year, 12, 31)
    month = rest[0]
    if len(rest) == 1:
        return dt.date(year, month, 1), dt.date(year, month, calendar.monthrange(year, month)[1])
    return (day := dt.date(year, month, rest[1])), day
