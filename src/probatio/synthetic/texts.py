"""French documents of a study, and the exact place in them of what each AI read.

A document states the truth. Where an AI errs, the document also holds the sentence that misled it (an older
scan, a relative, another unit), so that a reviewer who reads the snippet understands the error. Offsets count
characters (Unicode code points) from 0, `end` excluded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from probatio.synthetic.design import AI, CELLS, EVENTS, Cell, Variable
from probatio.synthetic.french import (
    ABSENCES,
    EVENT_ABSENCES,
    EVENT_SENTENCES,
    NEGATED_EVENT,
    OPENINGS,
    SENTENCES,
    TRAP_BY_CODE,
    TRAPS,
    derive_french,
)
from probatio.synthetic.readings import Reading
from probatio.synthetic.study import Study

Place = tuple[str, str, int]
"""Who reads ("" for every AI), which cell or event line, of which patient row."""


@dataclass(frozen=True)
class Span:
    """A passage of a document."""

    document_id: str
    start: int
    end: int
    snippet: str


@dataclass
class _Page:
    """One document being written."""

    document_id: str
    text: str = ""
    places: dict[Place, Span] = field(default_factory=dict)

    def write(self, sentence: str, *places: Place) -> None:
        """Append a sentence; the passage between brackets supports the places given."""
        before, _, rest = sentence.partition("[")
        snippet, _, after = rest.partition("]")
        self.text += f"{' ' if self.text else ''}{before}"
        span = Span(self.document_id, len(self.text), len(self.text) + len(snippet), snippet)
        self.text += snippet + after
        self.places.update(dict.fromkeys(places, span))


@dataclass(frozen=True)
class Texts:
    """Texts by document, and the passage that supports what an AI read."""

    table: pd.DataFrame
    places: dict[Place, Span]

    def find_span(self, source: str, key: str, row: int) -> Span | None:
        """Return the passage an AI relies on for a cell or an event line; None when nothing supports it."""
        return self.places.get((source, key, row)) or self.places.get(("", key, row))


def derive_texts(study: Study) -> Texts:
    """Write every document of a study; the study needs the readings of both AIs for their traps."""
    readings: dict[str, Reading] = {source: study.readings[source] for source in AI if source in study.readings}
    cells: dict[str, list[Cell]] = defaultdict(list)
    for cell in CELLS:
        cells[cell.document].append(cell)
    lines = {variable.name: _index_lines(study, readings, variable) for variable in EVENTS}
    places: dict[Place, Span] = {}
    texts = []
    for document_id, row, key in study.documents[["document_id", "row", "key"]].itertuples(index=False):
        page = _Page(document_id)
        page.write(OPENINGS[key])
        for cell in cells[key]:
            _write_cell(page, study, readings, cell, row)
        for variable in EVENTS:
            if variable.document == key:
                _write_lines(page, variable, row, lines[variable.name])
        texts.append(page.text)
        places |= page.places
    return Texts(pd.DataFrame({"document_id": study.documents["document_id"], "text": texts}), places)


def _write_cell(page: _Page, study: Study, readings: dict[str, Reading], cell: Cell, row: int) -> None:
    name, kind = cell.variable.name, cell.variable.type
    truth = study.truth.cells[cell.key][row]
    if truth:
        page.write(SENTENCES[name].format(derive_french(name, kind, truth, spoken=True)), ("", cell.key, row))
    elif name in ABSENCES:
        page.write(ABSENCES[name], ("", cell.key, row))
    traps: dict[str, list[Place]] = defaultdict(list)
    for source, reading in readings.items():
        code, value = reading.causes[cell.key][row], reading.cells[cell.key][row]
        template = TRAPS.get((name, code), TRAP_BY_CODE.get(code, ""))
        if value and template:
            wrong = _select_new(truth, value) if kind == "set" else value
            traps[template.format(derive_french(name, kind, wrong, spoken=True))].append((source, cell.key, row))
    for sentence, found in traps.items():
        page.write(sentence, *found)


def _select_new(truth: str, value: str) -> str:
    return "|".join(item for item in value.split("|") if item not in truth.split("|"))


_Lines = dict[int, list[tuple[str, tuple[Place, ...]]]]


def _index_lines(study: Study, readings: dict[str, Reading], variable: Variable) -> _Lines:
    """Sentences of the event lines of each patient row: the true ones, then those ruled out yet told by an AI."""
    found: _Lines = defaultdict(list)
    tellers: dict[int, list[Place]] = defaultdict(list)
    for source, reading in readings.items():
        for line in _iterate(reading.events[variable.name]):
            place = (source, f"{variable.name}#{line['event']}", int(line["patient"]))
            if line["origin"] >= 0:
                tellers[line["origin"]].append(place)
            elif line["cause"] == "G":
                found[line["patient"]].append((NEGATED_EVENT.format(**_speak(variable, line)), (place,)))
    true: _Lines = defaultdict(list)
    for number, line in enumerate(_iterate(study.events[variable.name])):
        sentence = EVENT_SENTENCES[variable.name].format(**_speak(variable, line))
        true[line["patient"]].append((_capitalise(sentence), tuple(tellers[number])))
    return {row: true[row] + found[row] for row in {*true, *found}}


def _write_lines(page: _Page, variable: Variable, row: int, lines: _Lines) -> None:
    if row not in lines and variable.name in EVENT_ABSENCES:
        page.write(EVENT_ABSENCES[variable.name], ("", variable.name, row))
    for sentence, places in lines.get(row, []):
        page.write(sentence, *places)


def _iterate(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    names = [str(name) for name in frame.columns]
    for values in frame.itertuples(index=False, name=None):
        yield dict(zip(names, values, strict=True))


def _speak(variable: Variable, line: dict[str, Any]) -> dict[str, str]:
    return {
        name: derive_french(f"{variable.name}.{name}", kind, line[name], spoken=True) or "jour de ce courrier"
        for name, kind in variable.attributes.items()
    }


def _capitalise(sentence: str) -> str:
    return sentence[:1] + sentence[1:2].upper() + sentence[2:]
