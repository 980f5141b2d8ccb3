"""How far a review is, kept up to date decision by decision: cases due, and counts by variable."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from typing import Final, Literal

from probatio.review.circuit import CaseState, Circuit, Stage

Task = Literal["reading", "adjudication"]

COUNTS: Final = ("cases", "open", "decided", "doubled", "disagreeing", "unreadable", "minutes")
"""Of a variable: its cases; those without a decision yet; those done; read by two; of these, how many disagreed; those
left unreadable; minutes of reading that were measured."""
_TASKS: Final[Mapping[Stage, Task]] = {"open": "reading", "second": "reading", "adjudication": "adjudication"}


class Tally:
    """Counts of a circuit's cases; told of each case that moves."""

    def __init__(self, circuit: Circuit) -> None:
        self._order = list(circuit.cases)
        self._places = {name: place for place, name in enumerate(self._order)}
        self._variables = {name: case.variable for name, case in circuit.cases.items()}
        self._due: dict[Task, list[int]] = {"reading": [], "adjudication": []}
        self._counts = {name: dict.fromkeys(COUNTS, 0.0) for name in dict.fromkeys(self._variables.values())}
        self._counted = dict(circuit.states)
        for state in self._counted.values():
            self._add(state, 1)

    def update(self, state: CaseState) -> None:
        """Count a case where it stands now, and no longer where it stood."""
        self._add(self._counted[state.case_id], -1)
        self._add(state, 1)
        self._counted[state.case_id] = state

    def iterate_due(self, task: Task) -> Iterator[str]:
        """Yield the names of the cases that await a reader, or an adjudicator, in the order of the queue."""
        return (self._order[place] for place in self._due[task])

    def is_due(self, case_id: str, task: Task) -> bool:
        """Say whether a case awaits a reader, or an adjudicator."""
        due, place = self._due[task], self._places[case_id]
        at = bisect_left(due, place)
        return at < len(due) and due[at] == place

    def count_due(self, task: Task) -> int:
        """Return how many cases await a reader, or an adjudicator."""
        return len(self._due[task])

    @property
    def by_variable(self) -> Mapping[str, Mapping[str, float]]:
        """The `COUNTS` of each variable, in the order in which the queue names them."""
        return self._counts

    @property
    def total(self) -> Mapping[str, float]:
        """The `COUNTS` of all cases."""
        return {name: sum(counts[name] for counts in self._counts.values()) for name in COUNTS}

    def _add(self, state: CaseState, sign: int) -> None:
        counts = self._counts[self._variables[state.case_id]]
        for name, number in _count(state).items():
            counts[name] += sign * number
        if (task := _TASKS.get(state.stage)) is None:
            return
        due, place = self._due[task], self._places[state.case_id]
        if sign > 0:
            insort(due, place)
        else:
            del due[bisect_left(due, place)]


def _count(state: CaseState) -> dict[str, float]:
    """Return what a case adds to the counts of its variable."""
    doubled = len(state.readings) > 1
    return {
        "cases": 1,
        "open": not state.readings,
        "decided": state.stage == "done",
        "doubled": doubled,
        "disagreeing": doubled and not state.agree,
        "unreadable": state.final is not None and state.final.settled.decision == "unreadable",
        "minutes": sum(reading.seconds or 0 for reading in state.readings) / 60,
    }
