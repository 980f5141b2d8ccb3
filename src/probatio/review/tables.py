"""What the review circuit passes on: the queue, and cases as they are shown. Confidential: they name patients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from probatio.digest import compute_json_digest

Kind = Literal["doubtful", "concordant", "random"]
"""`doubtful`: brought up by expected gain. `concordant`: drawn by chance among the values left on which technologies
agree. `random`: drawn by chance among the other values left."""

QUEUE_COLUMNS: Final = (
    "position", "case_id", "source", "patient_id", "variable", "visit", "event", "kind", "probability", "consequence",
    "gain", "minutes", "selection_probability", "double", "reasons",
)  # fmt: skip
"""`position` from 1; `probability` of error; `gain` is probability x consequence per minute; `selection_probability`:
1 for doubtful values, that of the draw for the others; `double`: read by two; `reasons`: closed codes, by "|"."""


@dataclass(frozen=True)
class Candidate:
    """One of the values that compete in a case, shown under a letter; whose it is stays hidden from the reader.

    `value` is "" where a source says that there is none. An event's line is one text, as in
    `term: fatigue; grade: 2`. `sources` say who delivered it. `start` and `end` are offsets in the document's text,
    None where unknown; `mark` is where the span stands in the snippet. `unit` is the stated one. A candidate that
    does not conform cannot be decided for.
    """

    letter: str
    value: str
    sources: tuple[str, ...]
    document_id: str = ""
    start: int | None = None
    end: int | None = None
    snippet: str = ""
    unit: str = ""
    conformant: bool = True
    mark: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Case:
    """One value to review, as it is shown.

    `candidates` stand in an order drawn by chance from the case's name; `rules` are the rules of the protocol that
    the value breaks; `reasons` say why it was routed here. `digest` is that of all that is shown: a decision made on
    another digest is stale.
    """

    case_id: str
    position: int
    source: str
    patient_id: str
    variable: str
    visit: str
    event: str
    candidates: tuple[Candidate, ...]
    rules: tuple[str, ...]
    reasons: tuple[str, ...]
    double: bool
    digest: str


def derive_case_id(study: str, source: str, *, patient_id: str, variable: str, visit: str, event: str) -> str:
    """Return the name of a case: 16 hexadecimal digits that tell nothing of the patient, fit for an address."""
    return compute_json_digest([study, source, patient_id, variable, visit, event])[:16]
