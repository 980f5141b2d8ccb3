"""A row of the review workbook: what its cells say, what may be chosen in it, how its columns stand."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from probatio.protocol import Protocol
from probatio.records.decisions import Role
from probatio.records.harmless import derive_harmless
from probatio.review.answers import ANSWERS
from probatio.review.circuit import CaseState
from probatio.review.shown import (
    describe_candidate,
    describe_reading,
    describe_reasons,
    describe_rules,
    describe_value,
    describe_variable,
    get_declared,
)
from probatio.review.tables import Case
from probatio.wording import Language, read_word

ANSWERED: Final = ("decision", "value", "comment", "minutes")
"""The columns that the reader fills in."""

_NAMED: Final = {"case_id": 8.0, "patient": 10.0, "variable": 18.0, "visit": 8.0}
_CANDIDATE: Final = 36.0
_REASONED: Final = {"readings": 26.0, "rules": 18.0, "reasons": 18.0}
_ASKED: Final = {"decision": 15.0, "value": 18.0, "comment": 24.0, "minutes": 9.0}
_LONGEST: Final = 8_000
"""Characters of one cell; Excel takes 32,767 and shows 1,024 of a line."""
_QUOTES: Final = {"fr": ("«\u00a0", "\u00a0»"), "en": ("“", "”")}
_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_UNWRITABLE = re.compile("[^\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Loan:
    """A case as it is handed out: what its reader is asked for, on which version of it.

    `readings` are what two readers who disagree said, in words, where he is to settle it.
    """

    case: Case
    role: Role
    version: int
    readings: tuple[str, ...] = ()


def derive_loan(case: Case, state: CaseState, role: Role, protocol: Protocol, *, language: Language) -> Loan:
    """Return a case as it is handed out now; only an adjudicator is told what others have said."""
    if role != "adjudicator":
        return Loan(case, role, state.version)
    declared = get_declared(protocol, case.variable)
    said = (describe_reading(each.settled, declared, language) for each in state.readings)
    return Loan(case, role, state.version, tuple(said))


def list_columns(loans: Sequence[Loan]) -> dict[str, float]:
    """Return the columns of the sheet of cases with their widths in characters: a letter for each candidate."""
    letters = string.ascii_uppercase[: max((len(loan.case.candidates) for loan in loans), default=0)]
    settling = any(loan.readings for loan in loans)
    reasoned = {key: width for key, width in _REASONED.items() if key != "readings" or settling}
    return _NAMED | dict.fromkeys(letters, _CANDIDATE) | reasoned | _ASKED


def derive_cells(loan: Loan, protocol: Protocol, language: Language) -> dict[str, str]:
    """Return the texts of a row by column, those that the reader fills in aside; "" is left out."""
    case = loan.case
    cells = {
        "case_id": case.case_id,
        "patient": case.patient_id,
        "variable": describe_variable(protocol, case, language),
        "visit": case.visit,
        **{each.letter: "".join(list_parts(loan, each.letter, protocol, language)) for each in case.candidates},
        "readings": "\n".join(f"{number}. {said}" for number, said in enumerate(loan.readings, start=1)),
        "rules": describe_rules(case, protocol, language),
        "reasons": describe_reasons(case, language),
    }
    return {key: text if len(key) == 1 else clean(text) for key, text in cells.items() if text}


def list_parts(loan: Loan, letter: str, protocol: Protocol, language: Language) -> list[str]:
    """Return a candidate's value, then its snippet between quotation marks if it has one, parted at its span."""
    candidate = next(each for each in loan.case.candidates if each.letter == letter)
    value = describe_candidate(candidate, protocol, loan.case.variable, language)
    if not candidate.conformant:
        value = read_word("circuit", "not_conformant", language).format(value=value)
    if not candidate.snippet:
        return [clean(value)]
    (start, end), (opening, closing) = candidate.mark, _QUOTES[language]
    text = _derive_writable(candidate.snippet)
    return [clean(value), f"\n{opening}{text[:start]}", text[start:end], f"{text[end:]}{closing}"]


def clean(text: str) -> str:
    """Return a text for a cell: no formula, nothing that the file format cannot hold or takes for markup of its own."""
    plain = derive_harmless(_derive_writable(text))
    return f" {plain}" if plain.startswith("<r>") else plain


def _derive_writable(text: str) -> str:
    """Return a text without signs that a workbook cannot hold, nor its way to write them, `_x0041_`; sign for sign."""
    return _ESCAPED.sub("＿", _UNWRITABLE.sub(" ", text))[:_LONGEST]


def derive_compared(text: str) -> str:
    """Return a cell's text without regard to blanks and ends of lines, which programs change when they save."""
    return " ".join(text.split())


def list_choices(case: Case, language: Language) -> list[str]:
    """Return what may be chosen as decision: letters of candidates that conform, then the words of other answers."""
    letters = [each.letter for each in case.candidates if each.conformant]
    return [*letters, *(read_word("circuit", answer, language) for answer in ANSWERS)]


def read_answer(text: str) -> str:
    """Return the answer that a cell holds, a letter or one of `ANSWERS`, in either language; else the text itself."""
    word = derive_compared(text)
    known = {read_word("circuit", answer, language): answer for answer in ANSWERS for language in ("en", "fr")}
    found = {name.casefold(): answer for name, answer in known.items()} | {answer: answer for answer in ANSWERS}
    return found.get(word.casefold(), word.upper() if len(word) == 1 else word)


def list_levels(protocol: Protocol, case: Case, language: Language) -> list[str]:
    """Return the levels that may be chosen as a value, by label; none for sets, numbers, dates and lines."""
    declared = get_declared(protocol, case.variable)
    if declared.type in ("set", "events"):
        return []
    labels = [describe_value(level, declared, language) for level in declared.levels]
    return labels if len(set(labels)) == len(labels) else declared.levels


def describe_form(protocol: Protocol, case: Case, language: Language) -> str:
    """Return how a value of the case's variable is typed, in at most 255 characters."""
    declared = get_declared(protocol, case.variable)
    names: Mapping[str, str] = {
        "unit": declared.unit,
        "levels": " | ".join(declared.levels),
        "line": "; ".join(f"{name}: …" for name in getattr(declared, "attributes", {})),
    }
    key = f"type_{declared.type}" if declared.type in ("number", "date", "set", "events", "text") else "type_level"
    return read_word("circuit", key, language).format(**names)[:255]
