"""Where a review stands, in counts: no patient, no value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from probatio.review.circuit import CaseState, Circuit, derive_reader_key


@dataclass(frozen=True)
class Standing:
    """Counts of cases, and the minutes that readers say they took.

    `awaiting_second` and `to_adjudicate` are under way; `read` are done; `double` are read by two people or will be;
    of those `agreed` and `disagreed` were read by both, `adjudicated` settled. `withdrawn` counts decisions. `timed`
    decisions tell how long they took.
    """

    cases: int
    open: int
    awaiting_second: int
    to_adjudicate: int
    read: int
    double: int
    agreed: int
    disagreed: int
    adjudicated: int
    withdrawn: int
    decisions: int
    timed: int
    minutes: float


def derive_standing(circuit: Circuit) -> Standing:
    """Return where a review stands."""
    states, stages = list(circuit.states.values()), circuit.count_stages()
    twice = [state for state in states if len(state.readings) > 1]
    seconds = [reading.seconds for state in states for reading in state.readings if reading.seconds is not None]
    return Standing(
        cases=len(states),
        open=stages["open"],
        awaiting_second=stages["second"],
        to_adjudicate=stages["adjudication"],
        read=stages["done"],
        double=sum(state.double for state in states),
        agreed=sum(state.agree for state in twice),
        disagreed=sum(not state.agree for state in twice),
        adjudicated=sum(len(state.readings) > 2 for state in states),
        withdrawn=sum(state.withdrawn for state in states),
        decisions=sum(len(state.readings) for state in states),
        timed=len(seconds),
        minutes=sum(seconds) / 60,
    )


def list_readers(circuit: Circuit) -> Iterator[tuple[str, int, int, float]]:
    """Yield each reader with his decisions, of which adjudications, and the minutes he says they took."""
    states: list[CaseState] = list(circuit.states.values())
    readings = sorted((each for state in states for each in state.readings), key=lambda each: each.number)
    for key in sorted({derive_reader_key(each.reader) for each in readings}):
        own = [each for each in readings if derive_reader_key(each.reader) == key]
        third = sum(each.role == "adjudicator" for each in own)
        yield own[0].reader, len(own), third, sum(each.seconds or 0.0 for each in own) / 60
