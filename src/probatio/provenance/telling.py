"""A value's history in words, French or English: lines for the terminal of whoever may see the patient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from probatio.checks import read_catalogue
from probatio.display.rows import COLON, label_of
from probatio.protocol import Language, Protocol
from probatio.provenance.history import History
from probatio.review.entries import Entry
from probatio.wording import format_interval, format_number, format_percent, has_word, read_word

_SHORT = 12
"""Digits of a digest that are shown."""
_INDENT = "  "
_AND: Mapping[Language, str] = {"en": "; ", "fr": " ; "}


def tell_history(history: History, protocol: Protocol, language: Language) -> list[str]:
    """Return the story of a value, section by section; confidential.

    Args:
        history: what is known.
        protocol: words for sources, variables and rules.
        language: of the story.
    """
    teller = _Teller(history, protocol, language)
    label = label_of(protocol, history.variable, language)
    lines = [
        teller.say("title", label=label, variable=history.variable, patient=history.patient_id, centre=history.centre),
        teller.say("confidential"),
    ]
    for heading, told in (
        ("delivered", teller.tell_delivered()),
        ("broken", teller.tell_broken()),
        ("pairs", teller.tell_pairs()),
        ("queue", teller.tell_queue()),
        ("review", teller.tell_review()),
        ("values", teller.tell_values()),
        ("digests", teller.tell_digests()),
    ):
        lines += ["", teller.say(heading), *(f"{_INDENT}{line}" for line in told)]
    return lines


class _Teller:
    """Words the parts of one history."""

    def __init__(self, history: History, protocol: Protocol, language: Language) -> None:
        self.history, self.protocol, self.language = history, protocol, language

    def say(self, key: str, **values: object) -> str:
        """Return a worded piece with its values filled in."""
        return read_word("trace", key, self.language).format(**values)

    def tell_delivered(self) -> Iterator[str]:
        """Yield each source's cells, raw and as read, with extractor, confidence, document and span."""
        for source in self.protocol.sources:
            own = self.history.delivered[self.history.delivered["source"] == source.name]
            if own.empty and source.reviewed is None:
                yield f"{self._name(source.name)}{COLON[self.language]}{self.say('nothing')}"
            for cell in own.to_dict("records"):
                yield f"{self._name(source.name)}{self._where(cell)}{COLON[self.language]}{self._tell_cell(cell)}"
                yield from (f"{_INDENT}{line}" for line in self._tell_source(cell))

    def _tell_cell(self, cell: dict[Any, Any]) -> str:
        place = {name: cell[name] for name in ("file", "line", "column")}
        raw = _flatten(cell["raw"]).strip()
        at = self.say("cell", raw=raw, **place) if raw else self.say("cell_blank", **place)
        return f"{at}{_AND[self.language]}{self._tell_reading(cell)}"

    def _tell_reading(self, cell: dict[Any, Any]) -> str:
        if cell["state"] != "value":
            return self.say(str(cell["state"]))
        if not cell["conformant"]:
            return self.say("not_conformant")
        return self.say("recoded" if cell["recoded"] else "read", value=_join(cell["value"], cell["unit"]))

    def _tell_source(self, cell: dict[Any, Any]) -> Iterator[str]:
        said = [self.say("by", extractor=cell["extractor"])] if cell["extractor"] else []
        said += [self.say("on", date=cell["extracted_at"])] if cell["extracted_at"] else []
        if not pd.isna(cell["confidence"]):
            said.append(self.say("confidence", confidence=self._number(cell["confidence"], 3)))
            said += self._tell_reliability(str(cell["source"]), float(cell["confidence"]))
        if said:
            yield ", ".join(said)
        if cell["document_id"]:
            yield self._tell_document(cell)

    def _tell_reliability(self, source: str, confidence: float) -> list[str]:
        table = self.history.reliability
        table = table[(table["source"] == source) & (table["term"] == "confidence")]
        if table.empty:
            return []
        nearest = table.iloc[int((table["x"] - confidence).abs().argmin())]
        near, right, lower, upper = (float(nearest[name]) for name in ("x", "y", "lower", "upper"))
        interval = format_interval(lower, upper, self.language, digits=1, percent=True)
        shown = format_percent(right, self.language)
        return [self.say("reliability", near=self._number(near, 2), right=shown, interval=interval)]

    def _tell_document(self, cell: dict[Any, Any]) -> str:
        document = self.history.documents[str(cell["document_id"])]
        said = self.say("document", document=document.document_id, type=document.type or "–", date=document.date or "–")
        snippet = _flatten(cell["snippet"])
        if not pd.isna(cell["start"]) and not pd.isna(cell["end"]):
            span = self.say("span", start=cell["start"], end=cell["end"], snippet=snippet)
            other = cell["found"] and cell["found"] != cell["snippet"]
            read = f"{_AND[self.language]}{self.say('other_text', found=_flatten(cell['found']))}" if other else ""
            return f"{said}, {span}{read}"
        return f"{said}, {self.say('snippet', snippet=snippet)}" if snippet else said

    def tell_broken(self) -> Iterator[str]:
        """Yield the rules that the patient's values break."""
        if self.history.broken.empty:
            yield self.say("no_broken")
        labels = {name: check.read_label(self.language) for name, check in read_catalogue().items()}
        labels |= {rule.name: rule.label.read(self.language) for rule in self.protocol.rules}
        for row in self.history.broken.to_dict("records"):
            said = {"rule": labels[str(row["rule"])], "severity": row["severity"], "variable": row["variable"]}
            yield f"{self.say('broken_rule', source=self._name(row['source']), **said)}{self._where(row)}"

    def tell_pairs(self) -> Iterator[str]:
        """Yield each value beside its comparator's, with the outcome."""
        if self.history.pairs.empty:
            yield self.say("no_pairs")
        for row in self.history.pairs.to_dict("records"):
            value, reference = (self._value(row[name]) for name in ("value", "reference"))
            outcome = read_word("outcome", str(row["outcome"]), self.language)
            source, comparator = self._name(row["source"]), self._name(row["comparator"])
            said = self.say(
                "pair", source=source, value=value, comparator=comparator, reference=reference, outcome=outcome
            )
            yield f"{said}{self._where(row)}"

    def tell_queue(self) -> Iterator[str]:
        """Yield where the values stand in the queue, and why."""
        if self.history.queue.empty:
            yield self.say("not_queued" if self.history.queued else "no_queue")
        for row in self.history.queue.to_dict("records"):
            reasons = ", ".join(self._reason(code) for code in str(row["reasons"]).split("|") if code)
            said = [
                self.say("queued", source=self._name(row["source"]), position=row["position"],
                         total=self.history.queued, kind=self.say(str(row["kind"])), reasons=reasons),
                self.say("expected", probability=self._number(row["probability"], 3),
                         consequence=self._number(row["consequence"], 3)),
            ]  # fmt: skip
            if float(row["selection_probability"]) < 1:
                said.append(self.say("drawn", probability=self._number(row["selection_probability"], 3)))
            said += [self.say("double")] if row["double"] else []
            yield f"{_AND[self.language].join(said)}{self._where(row)}"

    def tell_review(self) -> Iterator[str]:
        """Yield what reviewers were shown and decided: by the log, and by the table of decisions."""
        if not self.history.entries and self.history.readings.empty:
            yield self.say("no_review")
        for entry in self.history.entries:
            what = self._tell_entry(entry)
            yield self.say("entry", at=entry.at, number=entry.number, who=entry.who or "–", what=what)
            if entry.protocol and entry.protocol != self.history.digest:
                yield f"{_INDENT}{self.say('other_protocol', digest=entry.protocol[:_SHORT])}"
            if comment := entry.content.get("comment"):
                yield f"{_INDENT}{self.say('comment', comment=_flatten(comment))}"
        for row in self.history.readings.to_dict("records"):
            yield self._tell_decision(row)

    def _tell_entry(self, entry: Entry) -> str:
        if entry.kind == "decision":
            decision = self._decision(str(entry.content.get("decision", "")), str(entry.content.get("value", "")))
            role = self.say(str(entry.content["role"]))
            return self.say("decided", decision=decision, role=role, shown=entry.shown[:_SHORT])
        if entry.kind == "shown":
            return self.say("shown", shown=entry.shown[:_SHORT])
        return self.say("withdrawn") if entry.kind == "withdrawn" else entry.kind

    def _tell_decision(self, row: dict[Any, Any]) -> str:
        before, after = (self._value(row[name]) for name in ("before", "after"))
        return self.say(
            "reading" if row["changed"] else "reading_same",
            source=self._name(str(row["source"])),
            at=row["decided_at"],
            who=row["reviewer"],
            role=self.say(str(row["role"])),
            decision=self._decision(str(row["decision"]), after),
            before=before,
            after=after,
            resolution=self.say(str(row["resolution"])),
        )

    def _decision(self, decision: str, value: str) -> str:
        return self.say("absent_decided" if decision == "absent" else decision, value=_flatten(value))

    def tell_values(self) -> Iterator[str]:
        """Yield the value that analyses read from each source, and which analyses do."""
        if self.history.analysed.empty:
            yield self.say("none_read")
        for row in self.history.analysed.to_dict("records"):
            has = row["state"] == "value"
            value = _join(row["value"], row["unit"]) if has else self.say("unread", state=self.say(str(row["state"])))
            yield f"{self.say('value', source=self._name(row['source']), value=_flatten(value))}{self._where(row)}"
        names = {analysis.name: analysis.label.read(self.language) for analysis in self.protocol.analyses}
        visits = set(self.history.analysed["visit"].fillna("")) | {""}
        read = [name for visit, found in self.history.analyses.items() if visit in visits for name in found]
        labels = _AND[self.language].join(names[name] for name in dict.fromkeys(read))
        yield self.say("analyses", analyses=labels) if read else self.say("no_analyses")

    def tell_digests(self) -> Iterator[str]:
        """Yield the digests of protocol, files and results, and what is no longer what the run has read."""
        history = self.history
        yield self.say("protocol", digest=history.digest)
        files = dict.fromkeys([*history.delivered["file"], *history.review])
        yield from (self.say("file", file=name, digest=history.data.get(name, "–")) for name in files)
        if history.run is None:
            yield self.say("no_run")
            return
        environment = history.run.environment
        yield self.say(
            "run",
            time=history.run.recorded.get("time", "–"),
            program=str(environment.get("package", ""))[:_SHORT],
            commit=str(environment.get("commit", ""))[:_SHORT] or "–",
        )
        if history.run.protocol.digest != history.digest:
            yield self.say("changed_protocol", digest=history.run.protocol.digest[:_SHORT])
        for name in (name for name in files if history.run.data.get(name) != history.data.get(name)):
            yield self.say("changed", file=name)
        for name, task in history.run.tasks.items():
            yield self.say("task", task=name, digest=task.outputs.get("rows.csv", "–"))

    def _name(self, source: str) -> str:
        found = next((each for each in self.protocol.sources if each.name == source), None)
        return f"{found.label.read(self.language)} ({source})" if found else source

    def _where(self, row: dict[Any, Any]) -> str:
        """Return the visit, event and attribute of a row between brackets, "" for a plain value."""
        attribute = str(row["variable"]).partition(".")[2]
        event = "" if pd.isna(row["event"]) else str(row["event"])
        parts = [part for part in (str(row["visit"] or ""), event, attribute) if part]
        return f" [{' · '.join(parts)}]" if parts else ""

    def _value(self, value: Any) -> str:
        return _flatten(value) if not pd.isna(value) and str(value) else self.say("absent")

    def _reason(self, code: str) -> str:
        return read_word("queue_reason", code, self.language) if has_word("queue_reason", code) else code

    def _number(self, value: object, digits: int) -> str:
        return format_number(float(str(value)), self.language, digits=digits)


def _flatten(text: object) -> str:
    """Return a text on one line, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text))


def _join(value: Any, unit: Any) -> str:
    return " ".join(_flatten(part) for part in (value, unit) if not pd.isna(part) and part)
