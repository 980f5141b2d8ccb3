"""What a reader answers, in the words of the decisions table: a candidate's letter, or a value typed and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from probatio.protocol import EventAttribute, Language, Protocol, Variable
from probatio.protocol.base import DateOrder
from probatio.records.canonical import ValueRule, derive_canonical
from probatio.records.decisions import Decision
from probatio.records.event_text import derive_line_text, parse_line_text
from probatio.review.refusals import RefusalError
from probatio.review.tables import Candidate, Case
from probatio.review.typed import read_date, read_number

Answer = Literal["corrected", "absent", "unreadable"]
ANSWERS: Final[tuple[Answer, ...]] = ("corrected", "absent", "unreadable")
LONGEST: Final = 2000
"""Characters of a typed value or comment."""

_ORDERS: Final[dict[str, DateOrder | None]] = {"fr": "DMY", "en": None}
_MARKS: Final = {"fr": ",.", "en": "."}


@dataclass(frozen=True)
class Settled:
    """An answer in the words of the decisions table.

    `value` is canonical, "" where there is none; `letter` is that of the candidate it equals, "" without one.
    """

    decision: Decision
    value: str
    letter: str

    @property
    def says(self) -> tuple[str, str]:
        """What two readings must have in common to agree: the value, or that there is none to be read."""
        if self.decision == "unreadable":
            return "unreadable", ""
        return ("value", self.value) if self.value else ("absent", "")


def settle(case: Case, answer: str, value: str, protocol: Protocol, *, language: Language) -> Settled:
    """Return what an answer decides.

    A typed value that equals a candidate's is that candidate: confirmed where the reviewed source delivered it,
    chosen otherwise. A competing candidate that says "none" is absent.

    Args:
        case: as shown.
        answer: a candidate's letter, or one of `ANSWERS`.
        value: as typed, with `corrected`.
        protocol: declares what the variable may be.
        language: of the form: French writes 03/05/2023 and a decimal comma.

    Raises:
        RefusalError: no such answer or candidate; a value that is missing, superfluous or does not conform.
    """
    typed = value.strip()
    if answer != "corrected" and typed:
        raise RefusalError("value_unneeded")
    if answer in ("absent", "unreadable"):
        return Settled("absent" if answer == "absent" else "unreadable", "", "")
    if answer == "corrected":
        return _settle_typed(case, derive_typed(case.variable, typed, protocol, language=language))
    for candidate in case.candidates:
        if candidate.letter == answer:
            return _settle_candidate(case, candidate)
    raise RefusalError("answer_unknown" if len(answer) > 1 or not answer.isalpha() else "no_candidate")


def _settle_candidate(case: Case, candidate: Candidate) -> Settled:
    if not candidate.conformant:
        raise RefusalError("candidate_conforms_not")
    if case.source in candidate.sources:
        return Settled("confirmed", candidate.value, candidate.letter)
    return Settled("chosen" if candidate.value else "absent", candidate.value, candidate.letter)


def _settle_typed(case: Case, value: str) -> Settled:
    for candidate in case.candidates:
        if candidate.conformant and candidate.value == value:
            return _settle_candidate(case, candidate)
    return Settled("corrected", value, "")


def derive_typed(variable: str, text: str, protocol: Protocol, *, language: Language) -> str:
    """Return the canonical value of a typed text.

    Levels may be written by their label in either language, members of a set between bars. An event's line is
    written as `term: fatigue; grade: 2`.

    Raises:
        RefusalError: the text is blank, too long, a code for missing, or does not conform.
    """
    if not text:
        raise RefusalError("value_missing")
    if len(text) > LONGEST:
        raise RefusalError("too_long")
    name, _, attribute = variable.partition(".")
    declared = protocol.get_variable(name)
    if attribute:
        return _derive_one(text, declared.attributes[attribute], language)
    return (
        _derive_line(text, declared, language) if declared.type == "events" else _derive_one(text, declared, language)
    )


def _derive_line(text: str, declared: Variable, language: Language) -> str:
    values = parse_line_text(text)
    if values is None or set(values) - set(declared.attributes):
        raise RefusalError("value_conforms_not")
    return derive_line_text(
        {
            name: _derive_one(values[name], attribute, language)
            for name, attribute in declared.attributes.items()
            if name in values
        }
    )


def _derive_one(text: str, declared: Variable | EventAttribute, language: Language) -> str:
    rule = ValueRule(
        type=declared.type,
        levels=tuple(declared.levels),
        missing=frozenset(declared.missing),
        recode=declared.recode,
        decimal_marks=_MARKS[language],
        date_order=_ORDERS[language],
    )
    said = derive_canonical(_derive_levels(_read_typed(text, declared, language), declared), rule)
    if said.state == "ambiguous":
        raise RefusalError("value_is_date")
    if said.state != "value":
        raise RefusalError("value_is_missing_code")
    if not said.conformant:
        raise RefusalError("value_is_date" if declared.type == "date" else "value_conforms_not")
    return said.value


def _read_typed(text: str, declared: Variable | EventAttribute, language: Language) -> str:
    """Return a number or a date as the data have it, where it is typed as people write: `1 234,5 kg`, `3 mai 2024`.

    What may mean two things stays as it is, to be refused: in English 1,234 and 03/05/2024.
    """
    if declared.type == "number" and (language == "fr" or "," not in text):
        return read_number(text, declared.unit)
    if declared.type == "date" and (language == "fr" or any(sign.isalpha() for sign in text)):
        return read_date(text)
    return text


def _derive_levels(text: str, declared: Variable | EventAttribute) -> str:
    """Return a text with labels of levels, in either language, replaced by the levels."""
    labels = {
        wording.casefold(): level
        for level, label in declared.level_labels.items()
        for wording in (label.en, label.fr)
        if wording.casefold() not in {level.casefold() for level in declared.levels}
    }
    parts = text.split("|") if declared.type == "set" else [text]
    return "|".join(labels.get(part.strip().casefold(), part) for part in parts)
