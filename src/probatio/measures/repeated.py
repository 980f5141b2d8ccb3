"""Repeated events: precision, recall and F1 of events, and what the window of matching changes.

Matched events are true positives (C), missed ones false negatives (O), unsupported ones false positives (U).

| metric | formula | range | best |
|---|---|---|---|
| event_precision | C / (C + U) | [0, 1] | 1 |
| event_recall | C / (C + O) | [0, 1] | 1 |
| event_f1 | 2 C / (2 C + O + U) | [0, 1] | 1 |
| event_omission_rate | O / (C + O); `at` the window in days | [0, 1] | 0 |
| event_unsupported_share | U / (C + U); `at` the window | [0, 1] | 0 |

`event_f1` with a window in `at` belongs to that window; with none, to the protocol's own. Events of one patient
are clustered; F1's interval is that of `overlap`. The attributes of matched events are values like any other.
The window decides who is matched with whom, never whether an attribute is right (optimal one-to-one matching:
Kuhn 1955); a result that hangs on the window says so in these rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from probatio.comparison import Side, list_sides
from probatio.comparison.events import derive_events, pair_events
from probatio.measures.cells import Cells, Mask, derive_cells
from probatio.measures.overlap import Found, estimate_f1_rows, estimate_overlap
from probatio.measures.rates import compute_reporting_interval, derive_rate_rows
from probatio.resampling import compute_clustered_mean
from probatio.results import derive_table

if TYPE_CHECKING:
    from probatio.protocol import Protocol, Variable
    from probatio.records import Records

WINDOWS = (0, 7, 15, 30, 60, 90)
_CELL = ["variable", "visit", "patient_id"]
_NAMES = ("event_precision", "event_recall", "event_f1")


def estimate_events(cells: Cells, *, level: float, unit: str) -> list[pd.DataFrame]:
    """Return precision, recall and F1 of repeated events against the reference standard, for each source."""
    chosen = ((cells.groups["type"] == "events") & (cells.groups["kind"] == "error")).to_numpy()
    return estimate_overlap(_derive_found(cells, chosen), _NAMES, level=level, unit=unit) if chosen.any() else []


def estimate_windows(records: Records, protocol: Protocol) -> pd.DataFrame:
    """Return omission, unsupported share and F1 of repeated events at windows of 0 to 90 days.

    Events are matched again at each window, by the protocol's other rules. Patients are the independent units.

    Args:
        records: the study's tables.
        protocol: the study.

    Returns:
        The sorted table of result rows, `at` the window in days; empty without repeated events or reference.
    """
    patients = records.patients[~records.patients["development"]]
    parts: dict[int, list[pd.DataFrame]] = {days: [] for days in WINDOWS}
    for side, variable in product(list_sides(protocol), protocol.variables):
        if side.kind == "error" and variable.type == "events":
            for days, found in _match_again(records, side, variable):
                pairs = found[(found["variable"] == variable.name) & found["patient_id"].isin(patients.index)]
                weight = 1 / pairs["patient_id"].map(patients["sampling_probability"])
                if len(pairs):
                    parts[days].append(pairs.assign(**side._asdict(), weight=weight))
    frames = []
    for days, of_window in parts.items():
        if of_window:
            cells = derive_cells(pd.concat(of_window), patients, protocol, unit="patient")
            frames += _estimate_window(cells, str(days), level=float(protocol.level))
    return derive_table(pd.concat(frames, ignore_index=True) if frames else [])


def _match_again(records: Records, side: Side, variable: Variable) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield each window with the pairs of one source's events, matched within it."""
    asked = records.assessments[records.assessments["variable"] == variable.name]
    ours, theirs = (asked.loc[asked["source"] == name, _CELL] for name in (side.source, side.comparator))
    told = records.records[records.records["variable"].str.startswith(f"{variable.name}.")]
    of_source, of_reference = (
        derive_events(told[told["source"] == name], variable) for name in (side.source, side.comparator)
    )
    cells = ours.merge(theirs, on=_CELL)
    for days in WINDOWS:
        matching = variable.match.model_copy(update={"window": days}) if variable.match else None
        changed = variable.model_copy(update={"match": matching, "attributes": {}})  # the events alone are counted
        yield days, pair_events(cells, of_source, of_reference, changed)[0]


def _estimate_window(cells: Cells, at: str, *, level: float) -> list[pd.DataFrame]:
    size = len(cells.groups)
    identity = cells.groups.assign(at=at)
    frames = []
    for metric, event, base in (("event_omission_rate", "O", "CO"), ("event_unsupported_share", "U", "CU")):
        rows = cells.select(base)
        score = (cells.outcome == event)[rows].astype(np.int8)
        mean = compute_clustered_mean(score, cells.group[rows], cells.cluster[rows], cells.weight[rows], size)
        interval = compute_reporting_interval(mean, level)
        frames.append(derive_rate_rows(identity, metric, mean, interval, level=level, unit="patient"))
    found = _derive_found(cells, np.full(size, True), at)
    return [*frames, estimate_f1_rows(found, "event_f1", level=level, unit="patient")]


def _derive_found(cells: Cells, chosen: Mask, at: str = "") -> Found:
    value = np.flatnonzero(chosen[cells.group] & cells.select("COU"))
    place = np.asarray((np.cumsum(chosen) - 1)[cells.group[value]], dtype=np.int64)
    outcome = cells.outcome[value]
    identity = cells.groups[chosen].reset_index(drop=True).assign(at=at)
    return Found(cells, value, place, outcome != "U", outcome != "O", identity)
