"""Repeated events are paired one to one as a reader of both lists would, and optimally."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probatio.comparison import Event, match_events
from probatio.comparison.matching import compute_distance, derive_label_order
from probatio.protocol import EventMatching

BY_TERM = EventMatching(on=["term"], date="start", window=30)
BY_DATE = EventMatching(on=[], date="start", window=30)


def events(*described: str) -> list[Event]:
    """Return events written as `label term date`; `-` is unknown, `!x` does not conform."""
    made = []
    for label, term, date in (text.split() for text in described):
        texts = {"term": term, "start": date}
        wrong = {name for name, text in texts.items() if text.startswith("!")}
        made.append(Event(label, {name: text for name, text in texts.items() if text != "-"}, wrong))
    return made


# what the table shows, reference, delivered, (reference label, delivered label) of each pair
MATCHED = [
    ("one event each", ["1 rash 2024-05-01"], ["1 rash 2024-05-04"], ["1-1"]),
    ("numbering need not agree", ["1 rash 2024-05-01", "2 nausea 2024-06-01"],
     ["1 nausea 2024-06-01", "2 rash 2024-05-01"], ["1-2", "2-1"]),
    ("another term is another event", ["1 rash 2024-05-01"], ["1 nausea 2024-05-01"], []),
    ("outside the window", ["1 rash 2024-05-01"], ["1 rash 2024-06-01"], []),
    ("at the window's edge", ["1 rash 2024-05-01"], ["1 rash 2024-05-31"], ["1-1"]),
    ("each event pairs once", ["1 rash 2024-05-01"], ["1 rash 2024-05-04", "2 rash 2024-05-02"], ["1-2"]),
    ("most pairs, before the nearest pair", ["1 rash 2024-05-10", "2 rash 2024-05-20"],
     ["1 rash 2024-05-20", "2 rash 2024-06-10"], ["1-1", "2-2"]),
    ("least days in total", ["1 rash 2024-05-01", "2 rash 2024-05-11"],
     ["1 rash 2024-05-10", "2 rash 2024-05-02"], ["1-2", "2-1"]),
    ("ties follow the labels", ["1 rash 2024-05-01", "2 rash 2024-05-01"],
     ["a rash 2024-05-01", "b rash 2024-05-01"], ["1-a", "2-b"]),
    ("labels count as people do", ["2 rash 2024-05-01", "10 rash 2024-05-01"],
     ["10 rash 2024-05-01", "2 rash 2024-05-01"], ["10-10", "2-2"]),
    ("a month holds its days", ["1 rash 2024-05"], ["1 rash 2024-05-31"], ["1-1"]),
    ("a month from its last day", ["1 rash 2024-05"], ["1 rash 2024-06-30"], ["1-1"]),
    ("a month too early", ["1 rash 2024-05"], ["1 rash 2024-07-01"], []),
    ("a year holds its months", ["1 rash 2024"], ["1 rash 2024-07"], ["1-1"]),
    ("the precise date comes first", ["1 rash 2024-05-17"], ["1 rash 2024-05", "2 rash 2024-05-17"], ["1-2"]),
    ("an unknown date still finds its term", ["1 rash 2024-05-17"], ["1 rash -"], ["1-1"]),
    ("a known date goes first", ["1 rash 2024-05-17"], ["1 rash -", "2 rash 2024-06-16"], ["1-2"]),
    ("a date that does not conform is unknown", ["1 rash 2024-05-17"], ["1 rash !17/05"], ["1-1"]),
    ("unknown terms equal nothing", ["1 - 2024-05-17"], ["1 - 2024-05-17"], []),
    ("a term that does not conform equals nothing", ["1 rash 2024-05-17"], ["1 !rash 2024-05-17"], []),
    ("nothing to match", [], ["1 rash 2024-05-17"], []),
]  # fmt: skip


@pytest.mark.parametrize(("shown", "reference", "delivered", "pairs"), MATCHED, ids=[row[0] for row in MATCHED])
def test_events_are_paired(shown: str, reference: list[str], delivered: list[str], pairs: list[str]) -> None:
    """Two lists of events of one patient are paired as the table says."""
    first, second = events(*reference), events(*delivered)
    found = match_events(first, second, BY_TERM)
    assert sorted(f"{first[i].label}-{second[j].label}" for i, j in found) == pairs, shown


def test_without_attributes_only_dates_match() -> None:
    """Matched on dates alone, terms do not matter and an unknown date matches nothing."""
    first, second = events("1 rash 2024-05-01", "2 rash -"), events("1 nausea 2024-05-02", "2 rash -")
    assert match_events(first, second, BY_DATE) == [(0, 0)]


DAYS = [dt.date(2024, 1, 1), dt.date(2024, 1, 2), dt.date(2024, 1, 3), dt.date(2024, 1, 20), dt.date(2024, 3, 1)]
DATES = st.one_of(st.sampled_from(DAYS), st.dates(DAYS[0], dt.date(2024, 4, 30))).map(dt.date.isoformat)
EVENTS = st.lists(st.tuples(st.sampled_from(["rash", "nausea"]), DATES), max_size=5)


def _list_events(described: list[tuple[str, str]]) -> list[Event]:
    return [Event(str(at), {"term": term, "start": date}) for at, (term, date) in enumerate(described)]


def _score(one: list[Event], two: list[Event], pairs: Iterable[tuple[int, int]]) -> tuple[int, int, int]:
    """Return what is to be as large as possible: pairs, then fewer days, then fewer crossings of labels."""
    days = [(compute_distance(one[i].texts["start"], two[j].texts["start"]), abs(i - j)) for i, j in pairs]
    return len(days), -sum(day for day, _ in days), -sum(shift for _, shift in days)


def _find_best(one: list[Event], two: list[Event], matching: EventMatching) -> tuple[int, int, int]:
    """Return the best score of all assignments, by trying each."""

    def may_pair(i: int, j: int) -> bool:
        near = compute_distance(one[i].texts["start"], two[j].texts["start"]) <= matching.window
        return near and all(one[i].texts[name] == two[j].texts[name] for name in matching.on)

    swapped = len(one) > len(two)
    small, large = (range(len(two)), range(len(one))) if swapped else (range(len(one)), range(len(two)))
    best = (0, 0, 0)
    for chosen in permutations(large, len(small)):
        pairs = [(j, i) if swapped else (i, j) for i, j in zip(small, chosen, strict=True)]
        best = max(best, _score(one, two, [pair for pair in pairs if may_pair(*pair)]))
    return best


@given(first=EVENTS, second=EVENTS, window=st.integers(1, 60), on=st.sampled_from([[], ["term"]]))
@settings(deadline=None)
def test_no_assignment_is_better(
    first: list[tuple[str, str]], second: list[tuple[str, str]], window: int, on: list[str]
) -> None:
    """Trying every assignment finds neither more pairs, nor fewer days in total, nor labels more in order."""
    matching = EventMatching(on=on, date="start", window=window)
    one, two = _list_events(first), _list_events(second)
    pairs = match_events(one, two, matching)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    assert _score(one, two, pairs) == _find_best(one, two, matching)


@given(first=EVENTS, second=EVENTS, data=st.data())
def test_the_order_of_rows_does_not_matter(
    first: list[tuple[str, str]], second: list[tuple[str, str]], data: st.DataObject
) -> None:
    """Shuffled rows give the same pairs of labels."""
    one, two = _list_events(first), _list_events(second)
    shuffled = data.draw(st.permutations(one)), data.draw(st.permutations(two))
    expected = {(one[i].label, two[j].label) for i, j in match_events(one, two, BY_TERM)}
    assert {(shuffled[0][i].label, shuffled[1][j].label) for i, j in match_events(*shuffled, BY_TERM)} == expected


@given(first=EVENTS, second=EVENTS)
def test_matching_is_symmetric_in_number_and_days(first: list[tuple[str, str]], second: list[tuple[str, str]]) -> None:
    """Exchanging both sides changes neither the number of pairs nor their days."""
    one, two = _list_events(first), _list_events(second)

    def sum_days(a: list[Event], b: list[Event]) -> tuple[int, int]:
        pairs = match_events(a, b, BY_TERM)
        return len(pairs), sum(compute_distance(a[i].texts["start"], b[j].texts["start"]) for i, j in pairs)

    assert sum_days(one, two) == sum_days(two, one)


@pytest.mark.parametrize(
    ("first", "second", "days"),
    [("2024-02-28", "2024-03-01", 2), ("2024-02", "2024-03-01", 1), ("2024", "2025", 1), ("2024", "2024-06", 0),
     ("2023-12-31", "2024", 1), ("2024-05-03", "2024-05-03", 0)],
)  # fmt: skip
def test_days_between_dates_of_any_precision(first: str, second: str, days: int) -> None:
    """Partial dates are intervals, and the distance is the gap between them."""
    assert compute_distance(first, second) == compute_distance(second, first) == days


def test_labels_sort_as_people_number() -> None:
    """2 comes before 10, and any text can be a label."""
    labels = ["E10", "E2", "10", "2", "", "²", "a"]
    assert sorted(labels, key=derive_label_order) == ["", "2", "10", "E2", "E10", "a", "²"]
