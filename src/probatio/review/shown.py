"""Values, variables and reasons of a case in the words of its reader, as one text each."""

from __future__ import annotations

import re
from typing import Final

from probatio.protocol import EventAttribute, Protocol, Variable
from probatio.review.answers import Settled
from probatio.review.tables import Candidate, Case
from probatio.wording import Language, has_word, read_word

_COLON: Final = {"fr": "\u00a0:", "en": ":"}
_DATE = re.compile(r"[0-9]{4}(?:-[0-9]{2}){0,2}")


def get_declared(protocol: Protocol, variable: str) -> Variable | EventAttribute:
    """Return what declares a value: a variable, or an event's attribute as in `toxicity.grade`; raises KeyError."""
    name, _, attribute = variable.partition(".")
    declared = protocol.get_variable(name)
    return declared.attributes[attribute] if attribute else declared


def describe_variable(protocol: Protocol, case: Case, language: Language) -> str:
    """Return a variable's label, after the event's where it is an attribute, with the number of the event's line."""
    name, _, attribute = case.variable.partition(".")
    label = protocol.get_variable(name).label.read(language)
    if attribute:
        label += f"{_COLON[language]} {get_declared(protocol, case.variable).label.read(language)}"
    return f"{label} ({case.event})" if case.event else label


def describe_candidate(candidate: Candidate, protocol: Protocol, variable: str, language: Language) -> str:
    """Return a candidate's value in words; one that does not conform as its source wrote it."""
    declared = get_declared(protocol, variable)
    if not candidate.value:
        return read_word("circuit", "stated_none", language)
    unit = candidate.unit or declared.unit
    said = describe_value(candidate.value, declared, language) if candidate.conformant else candidate.value
    return f"{said}\u00a0{unit}" if unit and declared.type == "number" else said


def describe_value(value: str, declared: Variable | EventAttribute, language: Language) -> str:
    """Return a canonical value in words: labels of levels, dates and decimals as the language writes them.

    An event's line stays as it is typed, `term: fatigue; grade: 2`.
    """
    if declared.type == "date" and language == "fr" and _DATE.fullmatch(value):
        return "/".join(reversed(value.split("-")))
    if declared.type == "number":
        return value.replace(".", ",") if language == "fr" else value
    labels = declared.level_labels
    if declared.type == "set":
        return " | ".join(labels[level].read(language) if level in labels else level for level in value.split("|"))
    return labels[value].read(language) if value in labels else value


def describe_reading(settled: Settled, declared: Variable | EventAttribute, language: Language) -> str:
    """Return a decision in words, without whose it is: the value, or that there is none to be read."""
    kind, value = settled.says
    return describe_value(value, declared, language) if kind == "value" else read_word("circuit", kind, language)


def describe_rules(case: Case, protocol: Protocol, language: Language) -> str:
    """Return the labels of the rules that a case breaks, one a line."""
    return "\n".join(rule.label.read(language) for rule in protocol.rules if rule.name in case.rules)


def describe_reasons(case: Case, language: Language) -> str:
    """Return why a case was routed to review, in short."""
    words = [read_word("queue_reason", code, language) if has_word("queue_reason", code) else code.replace("_", " ")
             for code in case.reasons]  # fmt: skip
    return ", ".join(words)
