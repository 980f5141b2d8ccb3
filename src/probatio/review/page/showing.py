"""A case in the words of its reader: values by their labels, documents with their spans, rules and reasons."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from probatio.digest import compute_json_digest
from probatio.protocol import Protocol
from probatio.records.canonical import derive_number
from probatio.records.event_text import parse_line_text
from probatio.review.circuit import Reading
from probatio.review.page.fields import Field, derive_fields
from probatio.review.page.passages import Excerpt, Piece, cut_excerpt, cut_text
from probatio.review.tables import Candidate, Case
from probatio.wording import Language, has_word, read_word

Parts = Sequence[tuple[str, str]]
"""A value as labels and texts: one pair without label, or a pair per attribute of an event's line."""

MANY: Final = 8
"""Levels above which a list opens instead of lying open."""
_ISO = re.compile(r"[0-9]{4}(?:-[0-9]{2}){0,2}")
_COLON: Final = {"fr": "\u00a0:", "en": ":"}


@dataclass(frozen=True)
class ShownCandidate:
    """A candidate as shown: its letter, its value in words, the passage it stands in."""

    letter: str
    value: Parts
    excerpt: Excerpt | None
    located: bool
    decidable: bool


@dataclass(frozen=True)
class ShownDocument:
    """A document of the patient, cut at the spans of the candidates that cite it."""

    title: str
    pieces: Sequence[Piece]


@dataclass(frozen=True)
class ShownCase:
    """A case as shown.

    `documents` are those that candidates cite, or else those that speak of the variable; `others` the patient's other
    ones. `rules` pairs the label of a rule with its justification. `levels` are those that no candidate
    has, where one click is enough to choose one. `prefilled` holds what stands in the fields of an event's line: the
    first candidate, as mostly one attribute alone is wrong.
    """

    id: str
    position: int
    patient: str
    label: str
    visit: str
    event: str
    candidates: Sequence[ShownCandidate]
    documents: Sequence[ShownDocument]
    others: Sequence[ShownDocument]
    fields: Sequence[Field]
    prefilled: Mapping[str, str]
    levels: Sequence[tuple[str, str]]
    rules: Sequence[tuple[str, str]]
    reasons: Sequence[str]
    double: bool


class Shelf:
    """The documents of each patient: what they are, their texts."""

    def __init__(self, documents: pd.DataFrame, texts: Mapping[str, str]) -> None:
        self._texts = texts
        columns = ["patient_id", "document_id", "type", "date"]
        self._known: dict[str, dict[str, tuple[str, str]]] = {}
        for patient, document, kind, date in documents[columns].astype(str).itertuples(index=False, name=None):
            self._known.setdefault(patient, {})[document] = (kind, date)

    def read_text(self, document: str) -> str:
        """Return the text of a document, "" where there is none."""
        return self._texts.get(document, "")

    def compute_digest(self, patient: str, cited: Iterable[str]) -> str:
        """Return the digest of all texts that a case of a patient puts before a reader."""
        names = sorted({*self._known.get(patient, {}), *cited})
        return compute_json_digest({name: self.read_text(name) for name in names})

    def list_titles(self, patient: str, language: Language) -> dict[str, str]:
        """Return what each document of a patient is, with its date."""
        own = self._known.get(patient, {})
        return {name: _describe_document(kind, date, language) for name, (kind, date) in own.items()}


def show_case(case: Case, protocol: Protocol, shelf: Shelf, language: Language) -> ShownCase:
    """Return a case in one language."""
    fields = derive_fields(protocol, case.variable, language)
    titles = shelf.list_titles(case.patient_id, language)
    cited = _list_cited(case) or _list_mentioning(case, protocol, shelf, titles)
    taken = {each.value for each in case.candidates}
    single = len(fields) == 1 and fields[0].kind == "level" and len(fields[0].levels) <= MANY
    return ShownCase(
        id=case.case_id,
        position=case.position,
        patient=case.patient_id,
        label=describe_variable(protocol, case.variable, language),
        visit=case.visit,
        event=case.event,
        candidates=[_show_candidate(each, fields, shelf, language) for each in case.candidates],
        documents=_show_documents(case, titles, shelf, cited),
        others=_show_documents(case, titles, shelf, [name for name in titles if name not in cited]),
        fields=fields,
        prefilled=prefill(case, fields, language),
        levels=[pair for pair in fields[0].levels if pair[0] not in taken] if single else [],
        rules=[
            (rule.label.read(language), rule.justification.read(language))
            for rule in protocol.rules
            if rule.name in case.rules
        ],
        reasons=[_word_or_code("queue_sentence", reason, language) for reason in case.reasons],
        double=case.double,
    )


def describe_variable(protocol: Protocol, variable: str, language: Language) -> str:
    """Return a variable's label; that of an event's attribute after the event's."""
    name, _, attribute = variable.partition(".")
    declared = protocol.get_variable(name)
    label = declared.label.read(language)
    return f"{label}{_COLON[language]} {declared.attributes[attribute].label.read(language)}" if attribute else label


def describe_value(value: str, fields: Sequence[Field], language: Language, *, unit: str = "") -> Parts:
    """Return a value in words.

    Args:
        value: canonical, or raw where it does not conform; "" where a source says that there is none.
        fields: of its variable.
        language: of the words.
        unit: as the source stated it; the field's where not given.
    """
    if not value:
        return [("", read_word("page", "none_said", language))]
    if len(fields) == 1:
        return [("", _describe_one(value, fields[0], language, unit))]
    parts = parse_line_text(value) or {}
    known = [
        (field.label, _describe_one(parts[field.name], field, language, "")) for field in fields if field.name in parts
    ]
    return known or [("", value)]


def prefill(case: Case, fields: Sequence[Field], language: Language) -> dict[str, str]:
    """Return what stands in the fields of an event's line before anything is typed: the first candidate, as written."""
    first = next((each for each in case.candidates if each.conformant), None)
    if len(fields) == 1 or first is None:
        return {}
    parts = parse_line_text(first.value) or {}
    written = {field.name: field for field in fields if field.name in parts}
    return {
        name: _write_date(parts[name], language) if field.kind == "date" else parts[name]
        for name, field in written.items()
    }


def describe_reading(reading: Reading, fields: Sequence[Field], language: Language) -> str:
    """Return a decision in words, without saying whose it is: the value, or that there is none to be read."""
    settled = reading.settled
    if not settled.value:
        return read_word("page", "unreadable" if settled.decision == "unreadable" else "absent", language)
    texts = [f"{label} {text}".strip() for label, text in describe_value(settled.value, fields, language)]
    return " · ".join(texts)


def _show_candidate(candidate: Candidate, fields: Sequence[Field], shelf: Shelf, language: Language) -> ShownCandidate:
    text = shelf.read_text(candidate.document_id)
    return ShownCandidate(
        letter=candidate.letter,
        value=describe_value(candidate.value, fields, language, unit=candidate.unit),
        excerpt=cut_excerpt(candidate, text),
        located=bool(text) and candidate.start is not None,
        decidable=candidate.conformant,
    )


def _list_cited(case: Case) -> list[str]:
    return list(dict.fromkeys(each.document_id for each in case.candidates if each.document_id))


def _list_mentioning(case: Case, protocol: Protocol, shelf: Shelf, names: Iterable[str]) -> list[str]:
    """Return the documents that match the variable's `mentioned`, where the protocol declares it."""
    pattern = protocol.get_variable(case.variable.partition(".")[0]).mentioned
    return [name for name in names if pattern and re.search(pattern, shelf.read_text(name), re.IGNORECASE)]


def _show_documents(case: Case, titles: Mapping[str, str], shelf: Shelf, names: Sequence[str]) -> list[ShownDocument]:
    """Return those of some documents that have a text."""
    citing = {name: [each for each in case.candidates if each.document_id == name] for name in names}
    cut = {name: cut_text(shelf.read_text(name), citing[name]) for name in names}
    return [ShownDocument(titles.get(name, name), pieces) for name, pieces in cut.items() if pieces]


def _describe_one(value: str, field: Field, language: Language, unit: str) -> str:
    labels = dict(field.levels)
    if field.kind == "date":
        return _write_date(value, language)
    if field.kind == "number" and derive_number(value) is not None:
        written = value.replace(".", ",") if language == "fr" else value
        return f"{written}\u00a0{unit or field.unit}".rstrip()
    if field.kind == "levels":
        return ", ".join(labels.get(part, part) for part in value.split("|"))
    return labels.get(value, f"{value} {unit}".rstrip())


def _write_date(value: str, language: Language) -> str:
    """Return an ISO date as the language writes it; what is no date stays as it is."""
    return "/".join(reversed(value.split("-"))) if language == "fr" and _ISO.fullmatch(value) else value


def _describe_document(kind: str, date: str, language: Language) -> str:
    name = _word_or_code("document", kind, language)
    when = _write_date(date, language)
    return f"{name[:1].upper()}{name[1:]}{', ' if when else ''}{when}"


def _word_or_code(kind: str, code: str, language: Language) -> str:
    return read_word(kind, code, language) if has_word(kind, code) else code.replace("_", " ")
