"""What one source delivered, as arrays over patients and over their events: what rules are evaluated on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.checks.dates import compute_date_bounds
from probatio.protocol import Protocol
from probatio.protocol.expression import Reference
from probatio.records import Records, select_leading
from probatio.resampling import Bounds

Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]
Verdict = NDArray[np.int8]
"""1 true, -1 false, 0 unknown."""

_NONE = np.zeros(0, dtype=np.int64)


class Delivered:
    """Every source's values about the evaluated patients, indexed once by source, variable and visit.

    Attributes:
        patients: the evaluated patients, sorted.
        centre: their centres; "" where there is none.
        records: their records from sources that lead, with columns `patient` (place among them), `told` (a value),
            `known` (one that conforms).
        asked: the cells each source was to fill, with the same `patient`.
        documents: the documents table.
        citing: the sources that cite documents.
    """

    def __init__(self, records: Records, protocol: Protocol) -> None:
        members = records.patients[~records.patients["development"].astype(bool)].sort_index()
        self.protocol = protocol
        self.patients = members.index
        self.centre = members["centre"].fillna("").astype(str).to_numpy(dtype=object)
        self.records = self._place(select_leading(records.records, protocol))
        self.asked = self._place(select_leading(records.assessments, protocol))
        self.documents = records.documents
        self.citing = frozenset(self.records.loc[self.records["document_id"].fillna("").ne(""), "source"])
        is_value = self.records["state"].eq("value")
        self.records["told"] = is_value
        self.records["known"] = is_value & self.records["conformant"].astype(bool)
        self.records["event_code"] = pd.factorize(self.records["event"].fillna("").astype(str), sort=True)[0]
        by = ["source", "variable", "visit"]
        self._rows = self.records.groupby(by, sort=False).indices
        self._asked = self.asked.groupby(by, sort=False).indices

    def _place(self, table: pd.DataFrame) -> pd.DataFrame:
        placed = table.assign(patient=self.patients.get_indexer(pd.Index(table["patient_id"])))
        return placed[placed["patient"] >= 0].reset_index(drop=True)

    @cached_property
    def columns(self) -> dict[str, NDArray[Any]]:
        """The columns that evaluation reads, as arrays."""
        names = ("patient", "value", "state", "told", "known", "event_code")
        return {name: self.records[name].to_numpy() for name in names}

    def find_rows(self, source: str, variable: str, visit: str) -> Codes:
        """Return the places of a source's records of one variable at one visit."""
        return np.asarray(self._rows.get((source, variable, visit), _NONE), dtype=np.int64)

    def find_asked(self, source: str, variable: str, visit: str) -> Mask:
        """Return which patients the source was asked, and able, to fill."""
        asked = np.zeros(len(self.patients), dtype=bool)
        rows = self._asked.get((source, variable, visit), _NONE)
        asked[self.asked["patient"].to_numpy()[rows]] = True
        return asked


@dataclass(frozen=True)
class Events:
    """The events of one kind that one source delivered: `key` identifies, `owner` is the patient's place."""

    key: Codes
    owner: Codes
    explicit_none: Mask
    count: Codes


class SourceCells:
    """One source's values, by reference."""

    def __init__(self, delivered: Delivered, source: str) -> None:
        self._all = delivered
        self._source = source
        self._events: dict[str, Events] = {}
        self._span = int(delivered.records["event_code"].max() if len(delivered.records) else 0) + 1

    @property
    def size(self) -> int:
        """How many patients there are."""
        return len(self._all.patients)

    def was_asked(self, references: tuple[Reference, ...]) -> bool:
        """Say whether the source was asked for any of the variables."""
        return any(self._all.find_asked(self._source, ref.name, ref.visit).any() for ref in references)

    def find_events(self, name: str) -> Events:
        """Return the events of a kind: those of which any attribute was delivered."""
        if name not in self._events:
            self._events[name] = self._collect_events(name)
        return self._events[name]

    def _collect_events(self, name: str) -> Events:
        attributes = self._all.protocol.get_variable(name).attributes
        rows = [self._all.find_rows(self._source, f"{name}.{attribute}", "") for attribute in attributes]
        key = np.unique(np.concatenate([self._compute_keys(own[self._read("told", own)]) for own in rows]))
        owner = key // self._span
        own = self._all.find_rows(self._source, name, "")
        none = np.zeros(self.size, dtype=bool)
        none[self._read("patient", own[self._read("state", own) == "negative"])] = True
        count = np.bincount(owner, minlength=self.size)
        return Events(key, owner, none & (count == 0), count)

    def _compute_keys(self, rows: Codes) -> Codes:
        keys: Codes = self._read("patient", rows) * self._span + self._read("event_code", rows)
        return keys

    def _read(self, column: str, rows: Codes) -> NDArray[Any]:
        return self._all.columns[column][rows]

    def _locate(self, reference: Reference, flag: str) -> tuple[Codes, Codes, int]:
        """Return the records of a reference that bear a flag, the place of each, and how many places there are."""
        rows = self._all.find_rows(self._source, reference.variable, reference.visit)
        rows = rows[self._read(flag, rows).astype(bool)]
        if not reference.attribute:
            return rows, np.asarray(self._read("patient", rows), dtype=np.int64), self.size
        key = self.find_events(reference.name).key
        return rows, np.searchsorted(key, self._compute_keys(rows)), len(key)

    def read_texts(self, reference: Reference) -> NDArray[np.object_]:
        """Return the conformant value per patient, or per event for an attribute; "" where there is none."""
        rows, place, size = self._locate(reference, "known")
        texts = np.full(size, "", dtype=object)
        texts[place] = self._read("value", rows)
        return texts

    def find_known(self, reference: Reference) -> Mask:
        """Return where there is a conformant value (a set may be known and empty)."""
        return self._mark(reference, "known")

    def _mark(self, reference: Reference, flag: str) -> Mask:
        _, place, size = self._locate(reference, flag)
        marked = np.zeros(size, dtype=bool)
        marked[place] = True
        return marked

    def compute_bounds(self, reference: Reference) -> Bounds:
        """Return what a value may be, from and to: a number, days since 1970 or the place of a level; NaN: missing."""
        texts = self.read_texts(reference)
        variable = self._all.protocol.get_variable(reference.name)
        declared = variable.attributes[reference.attribute] if reference.attribute else variable
        if declared.type == "date":
            return compute_date_bounds(texts)
        if declared.type == "number":
            numbers = np.array([float(text) if text else np.nan for text in texts])
        else:
            codes = {level: float(place) for place, level in enumerate(declared.levels)}
            numbers = np.array([codes.get(text, np.nan) for text in texts])
        return numbers, numbers

    def compute_count(self, name: str) -> Bounds:
        """Return the number of events per patient; 0 only when the source says that there is none."""
        events = self.find_events(name)
        counts = np.where((events.count > 0) | events.explicit_none, events.count, np.nan)
        return counts, counts

    def compute_emptiness(self, reference: Reference) -> Verdict:
        """Return whether a cell is empty: 1 nothing or an explicit none, -1 a value, 0 the source was not asked."""
        if reference.attribute:
            return np.where(self._mark(reference, "told"), -1, 1).astype(np.int8)
        if self._all.protocol.get_variable(reference.name).type == "events":
            filled = self.find_events(reference.name).count > 0
        else:
            filled = self._mark(reference, "told") & ~self._find_empty_sets(reference)
        asked = self._all.find_asked(self._source, reference.name, reference.visit)
        return np.where(filled, -1, np.where(asked, 1, 0)).astype(np.int8)

    def _find_empty_sets(self, reference: Reference) -> Mask:
        empty: Mask = self.find_known(reference) & (self.read_texts(reference) == "")
        return empty

    def find_members(self, reference: Reference, level: str) -> Verdict:
        """Return whether a set holds a level: 1 yes, -1 no (an explicitly empty set too), 0 unknown."""
        has = np.array([level in text.split("|") for text in self.read_texts(reference)], dtype=bool)
        known = self.find_known(reference)
        if not reference.attribute:
            rows = self._all.find_rows(self._source, reference.variable, reference.visit)
            known[self._read("patient", rows[self._read("state", rows) == "negative"])] = True
        return np.where(has, 1, np.where(known, -1, 0)).astype(np.int8)
