"""What each source makes of the truth, cell by cell.

Order in a cell: the document is missing from the file (everyone omits), the extraction fails (one AI
omits), the document is ambiguous (everyone makes the same error), then the source's own mechanisms in the
order of the table. The first that strikes wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from probatio.synthetic.design import CELLS, EVENTS, VISITS, Array, Cell, open_stream
from probatio.synthetic.lines import derive_told, number_lines, read_lines
from probatio.synthetic.mechanisms import Mechanism, Rule, derive_errors, read_mechanisms
from probatio.synthetic.reader import Reader, select_when
from probatio.synthetic.truth import Truth

_VISIT_ORDER: Final = tuple(VISITS)


@dataclass(frozen=True)
class Reading:
    """One source's values.

    Attributes:
        source: its name.
        cells: by cell key, texts as delivered (recoded, yet perhaps non-conformant), empty where none.
        causes: by cell key, the code of the mechanism at work; `missing`, `failed`; empty when right.
        confidence: by cell key, NaN without a value; empty for people.
        barred: by cell key or variable of events, why the cell was not assessed; empty where assessed.
        events: by variable, one row per delivered line: `patient`, `event`, attributes, `origin`,
            `cause` of the whole line, `confidence`, and `<attribute>_cause`.
    """

    source: str
    cells: dict[str, Array]
    causes: dict[str, Array]
    confidence: dict[str, Array]
    barred: dict[str, Array]
    events: dict[str, pd.DataFrame]


def derive_reference(reader: Reader, events: dict[str, pd.DataFrame]) -> Reading:
    """Return the reference: the truth of the patients whose reference was collected, and only theirs."""
    truth, barred = reader.truth, reader.derive_barred()
    sampled = (truth.patients["reference_sampled"] == "yes").to_numpy()
    cells = {key: np.where(barred[key] == "", values, "").astype(object) for key, values in truth.cells.items()}
    lines = {name: derive_told(frame)[sampled[frame["patient"].to_numpy()]] for name, frame in events.items()}
    nothing = np.full(len(sampled), "", dtype=object)
    return Reading("reference", cells, dict.fromkeys(cells, nothing), {}, barred, number_lines(lines))


def derive_reading(reader: Reader, events: dict[str, pd.DataFrame]) -> Reading:
    """Return what manual collection or an AI delivers."""
    barred = reader.derive_barred()
    cells: dict[str, Array] = {}
    causes: dict[str, Array] = {}
    confidence: dict[str, Array] = {}
    for cell in CELLS:
        texts, codes = _read_cell(reader, cell)
        silent = barred[cell.key] != ""
        texts[silent], codes[silent] = "", ""
        cells[cell.key], causes[cell.key] = texts, codes
        if reader.is_ai:
            confidence[cell.key] = _draw_confidence(reader, cell, texts)
    lines = {v.name: read_lines(reader, v, events[v.name], barred[v.name] != "") for v in EVENTS}
    return Reading(reader.source, cells, causes, confidence, barred, number_lines(lines))


def _read_cell(reader: Reader, cell: Cell) -> tuple[Array, Array]:
    """Return the texts delivered and the codes of what went wrong, both of shape (n,)."""
    texts = reader.truth.cells[cell.key].copy()
    codes = np.full(len(texts), "", dtype=object)
    done = np.zeros(len(texts), dtype=bool)
    for code, struck in reader.list_losses(cell.document):
        codes[struck & (texts != "") & ~done] = code
        texts[struck] = ""
        done |= struck
    table = read_mechanisms(cell.variable.name)
    doubtful = reader.papers.ambiguous.get(cell.document, np.zeros(len(texts), dtype=bool))
    limits = [doubtful * mechanism.shared for mechanism in table] + [reader.compute_limit(m) for m in table]
    shape = (len(table), 2, len(texts))
    draws = [open_stream(reader.seed, "shared", cell.key).random(shape), reader.draw(shape, cell.key)]
    for mechanism, limit, (fate, chance) in zip((*table, *table), limits, np.concatenate(draws), strict=True):
        hit = (fate < limit) & ~done & select_when(mechanism.when, reader.truth)
        rows, wrong = _strike(reader.truth, cell, mechanism, texts, hit, chance=chance)
        texts[rows], codes[rows], done[rows] = wrong, mechanism.code, True
    return texts, codes


def _strike(
    truth: Truth, cell: Cell, mechanism: Mechanism, texts: Array, hit: Array, *, chance: Array
) -> tuple[Array, Array]:
    rule = Rule(mechanism.code, mechanism.detail, cell.variable.levels)
    return derive_errors(texts, hit, chance, _find_other(truth, cell, mechanism.detail), rule)


def _find_other(truth: Truth, cell: Cell, detail: str) -> Array | None:
    """Texts at another time: the visit before (an older letter before access), the visit after, an anchor date."""
    if "+" in detail:
        return truth.cells[detail.partition("+")[0]]
    if detail not in ("@previous", "@next"):
        return None
    name, place = cell.variable.name, _VISIT_ORDER.index(cell.visit)
    before = truth.cells[f"{name}@{_VISIT_ORDER[place - 1]}"] if place else truth.earlier[name]
    if detail == "@previous" or place + 1 == len(_VISIT_ORDER):
        return before
    after = truth.cells[f"{name}@{_VISIT_ORDER[place + 1]}"]
    return np.where(after == "", before, after).astype(object)


def _draw_confidence(reader: Reader, cell: Cell, texts: Array) -> Array:
    rng = open_stream(reader.seed, reader.source, "confidence", cell.key)
    right = texts == reader.truth.cells[cell.key]
    value = reader.compute_confidence(rng, np.arange(len(texts)), right)
    return np.where(texts != "", value, np.nan)
