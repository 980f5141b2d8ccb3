"""The provenance of one value as W3C PROV: from document to what analyses read. Confidential: it names a patient.

| PROV | is |
|---|---|
| entity | documents, cells of files, values as read, cases as shown, decisions, results, notebooks, protocol (a plan) |
| activity | extractions, the reading of the files, showing a case, deciding, withdrawing, the notebooks of the run |
| agent | extractors and this program (software), those who fill in a source, reviewers as the log names them |

Things are named by their identifiers, so that documents about several values can be put together.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd
from prov.model import ProvDocument

from probatio.protocol import Protocol, Source
from probatio.provenance.trace.history import History
from probatio.provenance.w3c.document import (
    PERSON,
    SOFTWARE,
    add_program,
    add_protocol,
    build_attributes,
    build_document,
    derive_id,
)
from probatio.provenance.w3c.run import add_tasks
from probatio.review.entries import Entry

Row = dict[Any, Any]


def derive_value_document(history: History, protocol: Protocol) -> ProvDocument:
    """Return the provenance of the values of one history."""
    writer = _ValueWriter(history, protocol)
    writer.add_documents()
    writer.add_cells()
    writer.add_values()
    writer.add_review()
    writer.add_decided()
    writer.add_analyses()
    return writer.document


class _ValueWriter:
    def __init__(self, history: History, protocol: Protocol) -> None:
        self.history, self.protocol = history, protocol
        self.document = build_document(history.study)
        self.plan = add_protocol(self.document, protocol, history.digest)
        self.program = add_program(self.document)
        self.sources = {source.name: source for source in protocol.sources}

    def add_documents(self) -> None:
        """Add the documents that values cite."""
        for each in self.history.documents.values():
            said = build_attributes("Document", id=each.document_id, type=each.type, date=each.date, sha256=each.digest)
            self.document.entity(derive_id("document", each.document_id), said)

    def add_cells(self) -> None:
        """Add the cells of the files, each from its document, by its extractor."""
        for cell in self.history.delivered.to_dict("records"):
            name = _name_cell(cell)
            said = {key: cell[key] for key in ("raw", "column", "line", "snippet", "extracted_at")}
            span = {key: int(cell[key]) for key in ("start", "end") if not pd.isna(cell[key])}
            confidence = {} if pd.isna(cell["confidence"]) else {"confidence": float(cell["confidence"])}
            self.document.entity(name, build_attributes("Cell", **said, **span, **confidence))
            self._add_file(str(cell["file"]), name)
            activity = self._add_extraction(cell)
            self.document.wasGeneratedBy(name, activity)
            if cell["document_id"]:
                self.document.wasDerivedFrom(name, derive_id("document", cell["document_id"]), activity)

    def _add_file(self, file: str, cell: str) -> None:
        name = derive_id("file", file)
        if not self.document.get_record(name):
            said = build_attributes("File", path=file, sha256=self.history.data.get(file, ""))
            self.document.collection(name, said)
        self.document.hadMember(name, cell)

    def _add_extraction(self, cell: Row) -> str:
        source = self.sources[str(cell["source"])]
        name = derive_id("extraction", source.name, cell["document_id"] or self.history.patient_id)
        if not self.document.get_record(name):
            self.document.activity(name, other_attributes=build_attributes("Extraction", source=source.name))
            self.document.wasAssociatedWith(name, self._add_extractor(source, str(cell["extractor"])))
            if cell["document_id"]:
                self.document.used(name, derive_id("document", cell["document_id"]))
        return name

    def _add_extractor(self, source: Source, version: str) -> str:
        software = source.role == "ai"
        name = derive_id("agent", "software" if software else "source", version or source.name)
        if not self.document.get_record(name):
            kind = SOFTWARE if software else "Collector"
            said = {"source": source.name, "version": version or source.version or "", "role": source.role}
            self.document.agent(name, build_attributes(kind, **said))
        return name

    def add_values(self) -> None:
        """Add the values as read under the protocol, each from its cells."""
        reading = derive_id("reading", self.history.digest)
        self.document.activity(reading, other_attributes=build_attributes("Reading"))
        self.document.wasAssociatedWith(reading, self.program, self.plan)
        cells = self.history.delivered.to_dict("records")
        for row in self.history.analysed.to_dict("records"):
            name = _name_value(row)
            said = {key: row[key] for key in ("source", "variable", "visit", "event", "state", "value", "unit")}
            self.document.entity(name, build_attributes("Value", conformant=bool(row["conformant"]), **said))
            self.document.wasGeneratedBy(name, reading)
            for cell in (cell for cell in cells if _name_value(cell) == name):
                self.document.wasDerivedFrom(name, _name_cell(cell), reading)

    def add_review(self) -> None:
        """Add what the audit log says: cases shown, decisions taken and withdrawn."""
        for entry in self.history.entries:
            self._add_entry(entry)

    def _add_entry(self, entry: Entry) -> None:
        name, at = derive_id("log", entry.number), datetime.fromisoformat(entry.at)
        if not self.document.get_record(name):
            via = entry.content.get("via", "")
            said = build_attributes(entry.kind.capitalize(), number=entry.number, sha256=entry.hash, via=via)
            self.document.activity(name, at, at, said)
            plan = add_protocol(self.document, self.protocol, entry.protocol) if entry.protocol else None
            self.document.wasAssociatedWith(name, self._add_person(entry.who), plan)
        if entry.shown:
            self.document.used(name, self._add_case(entry.case, entry.shown))
        if entry.kind == "decision":
            told = {key: entry.content.get(key, "") for key in ("role", "decision", "value", "comment", "seconds")}
            decision = derive_id("decision", entry.number)
            self.document.entity(decision, build_attributes("Decision", **told))
            self.document.wasGeneratedBy(decision, name, at)
        if entry.kind == "withdrawn" and "decision_entry" in entry.content:
            self.document.wasInvalidatedBy(derive_id("decision", entry.content["decision_entry"]), name, at)

    def _add_person(self, who: str) -> str:
        name = derive_id("agent", "person", who)
        if not self.document.get_record(name):
            self.document.agent(name, build_attributes(PERSON, name=who))
        return name

    def _add_case(self, case: str, shown: str) -> str:
        """Add a case as it was shown, drawn from the values of the source under review and its competitors."""
        name = derive_id("case", case, shown)
        if not self.document.get_record(name):
            self.document.entity(name, build_attributes("Case", id=case, sha256=shown))
            review = self.protocol.review
            competing = {review.source, *review.competing} if review else set()
            for row in self.history.analysed.to_dict("records"):
                if row["source"] in competing:
                    self.document.wasDerivedFrom(name, _name_value(row))
        return name

    def add_decided(self) -> None:
        """Add the decisions that a source after review was made with; its values are drawn from them."""
        for row in self.history.readings.to_dict("records"):
            decision = derive_id("decision", row["source"], *(row[key] for key in _CASE), row["reviewer"], row["role"])
            told = {key: row[key] for key in ("role", "decision", "before", "after", "resolution", "decided_at")}
            self.document.entity(decision, build_attributes("Decision", **told))
            self.document.wasAttributedTo(decision, self._add_person(str(row["reviewer"])))
            for value in self._list_decided(row) if row["stands"] else []:
                self.document.wasDerivedFrom(value, decision)
        for row in self.history.analysed.to_dict("records"):
            source = self.sources[str(row["source"])]
            origin = _name_value({**row, "source": source.reviewed.of}) if source.reviewed else ""
            if origin and self.document.get_record(origin):
                self.document.wasDerivedFrom(_name_value(row), origin)

    def _list_decided(self, row: Row) -> list[str]:
        """Return the values that a decision is about: one, or the attributes of a line of events."""
        return [
            _name_value(value)
            for value in self.history.analysed.to_dict("records")
            if value["source"] == row["source"]
            and (value["visit"], value["event"]) == (row["visit"], row["event"])
            and row["variable"] in (value["variable"], str(value["variable"]).partition(".")[0])
        ]

    def add_analyses(self) -> None:
        """Add the notebooks of the run, which used the values whose files they read, and wrote the result rows."""
        if self.history.run is None:
            return
        add_tasks(self.document, self.history.run, self.plan)
        for task, files in self.history.reads.items():
            for row in self.history.analysed.to_dict("records"):
                if self._list_files(str(row["source"])) & set(files):
                    self.document.used(derive_id("run", task), _name_value(row))

    def _list_files(self, source: str) -> set[str]:
        reviewed = self.sources[source].reviewed
        if reviewed is not None:
            return {reviewed.path, *self._list_files(reviewed.of)}
        table = self.history.delivered
        return set(table.loc[table["source"] == source, "file"])


_CASE = ("patient_id", "variable", "visit", "event")


def _name_cell(cell: Row) -> str:
    return derive_id("cell", cell["file"], cell["line"], cell["column"])


def _name_value(row: Row) -> str:
    return derive_id("value", *(row[key] for key in ("source", "patient_id", "variable", "visit", "event")))
