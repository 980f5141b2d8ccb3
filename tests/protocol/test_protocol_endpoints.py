"""Endpoints, analyses and estimands in a protocol: what may be written, and the sentence that answers a mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from probatio.protocol import Endpoint, UserError, derive_json_schema, read_protocol
from probatio.protocol.estimands import Strategy
from probatio.wording import has_word

Write = Callable[..., Path]

OS = """\
endpoints:
  - name: os
    label: {en: Survival, fr: Survie}
    time: sex
    event: sex
    event_values: [F]
"""
DATED = """\
  - name: start
    label: {en: Start, fr: Début}
    type: date
  - name: stop
    label: {en: Stop, fr: Arrêt}
    type: date
  - name: lines
    label: {en: Lines, fr: Lignes}
    type: events
    attributes:
      start: {label: {en: Start, fr: Début}, type: date}
      kind: {label: {en: Kind, fr: Type}, type: nominal, levels: [a, b]}
    match: {date: start, window: 30}
endpoints:
  - name: os
    label: {en: Survival, fr: Survie}
    origin: start
    entry: start
    cut_off: 2024-12-31
    events:
      - stop
      - {date: lines.start, reason: line, where: {lines.kind: [a], stage: [IV]}, pick: next}
    competing: [{date: stop, reason: other, unless: {stage: [I]}}]
    censoring: [start]
"""


@pytest.fixture
def dated(valid: str) -> str:
    """A valid protocol with an endpoint from dates."""
    return valid.replace(OS, DATED)


MISTAKES = [
    ("origin: start", "origin: strat", "yaml:51: endpoints[0].origin", "strat is not declared; known: ecog, lines,"),
    ("origin: start", "origin: stage", "endpoints[0].origin", "stage is no date but of type ordinal"),
    ("origin: start", "origin: lines.kind", "endpoints[0].origin", "lines.kind is no date but of type nominal"),
    ("entry: start", "entry: sex", "yaml:52: endpoints[0].entry", "sex is no date but of type text"),
    ("cut_off: 2024-12-31", "cut_off: 2024-13-01", "yaml:53: endpoints[0].cut_off", "2024-13-01 is no date; write it"),
    ("cut_off: 2024-12-31", "cut_off: stage", "yaml:53: endpoints[0].cut_off", "of type ordinal"),
    ("      - stop\n", "      - stopp\n", "yaml:55: endpoints[0].events[0]", "stopp is not declared"),
    ("      - stop\n", "      - ecog\n", "endpoints[0].events[0]", "ecog is no date but of type binary"),
    ("lines.kind: [a]", "lines.kind: [c]", "yaml:56: endpoints[0].events[1].where", "c is not a level of lines.kind"),
    ("lines.kind: [a]", "lines.sort: [a]", "endpoints[0].events[1].where", "lines.sort is not declared"),
    ("lines.kind: [a]", "lines.kind: []", "yaml:56: endpoints[0].events[1]", "lines.kind has no level"),
    ("{date: stop, reason: other, unless: {stage", "{date: stop, reason: other, unless: {lines.kind",
     "competing[0].unless", "lines.kind belongs to other events than stop"),
    ("reason: other,", "reason: other, pick: last,", "competing[0]", "pick goes with an attribute of repeated events"),
    ("reason: other", "reason: line", "yaml:49: endpoints[0]", "the reason line stands in events and competing"),
    ("reason: other", "reason: cut_off", "endpoints[0]", "the reason cut_off is kept for the key cut_off"),
    ("reason: other", "raison: other", "yaml:57: endpoints[0].competing[0].raison", "unknown key"),
    ("    entry: start", "    entry_time: sex", "endpoints[0]", "entry_time does not go with an endpoint made"),
    ("    censoring: [start]\n", "", "endpoints[0]", "give time, event and event_values, or origin, events"),
    ("    censoring: [start]\n", "    censoring: [start]\n    partial: half\n", "endpoints[0].partial", "'half'"),
]  # fmt: skip


@pytest.mark.parametrize(("correct", "mistaken", "where", "what"), MISTAKES)
def test_a_mistake_in_an_endpoint_is_named(
    write: Write, dated: str, correct: str, mistaken: str, where: str, what: str
) -> None:
    """Each mistake gives one sentence that holds its place and what is wrong."""
    check(write, dated, correct, mistaken, where, what)


def check(write: Write, text: str, correct: str, mistaken: str, where: str, what: str) -> None:
    assert text.count(correct) >= 1
    read_protocol(write(text))
    with pytest.raises(UserError) as error:
        read_protocol(write(text.replace(correct, mistaken, 1)))
    message = str(error.value)
    assert where in message
    assert what in message
    assert "\n" not in message


TERM = "{variable: stage, groups: {early: [I, II], late: [III, IV]}"
SOURCES = "    sources: [registry, model]\n"


@pytest.mark.parametrize(
    ("correct", "mistaken", "where", "what"),
    [
        ("endpoint: os", "endpoint: oss", "yaml:44: analyses[0].endpoint", "oss is not declared; known: os"),
        (SOURCES, f"{SOURCES}    strata: [ecgo]\n", "analyses[0].strata", "ecgo is not declared"),
        (SOURCES, f"{SOURCES}    strata: [sex, sex]\n", "analyses[0]", "strata repeats sex"),
        (SOURCES, f"{SOURCES}    strata: [stage]\n", "analyses[0]", "stage is a term and a stratum"),
        (SOURCES, f"{SOURCES}    population_source: modle\n", "analyses[0].population_source", "modle is not declared"),
        (SOURCES, f"{SOURCES}    cluster: sex\n", "analyses[0].cluster", "'sex'"),
        (SOURCES, f"{SOURCES}    weighting: att\n", "analyses[0]", "weighting needs confounders"),
        (SOURCES, f"{SOURCES}    rmst_margin: 0\n", "analyses[0].rmst_margin", "greater than 0"),
        (TERM, TERM.replace("stage,", "stage, source: modle,"), "analyses[0].terms[0].source", "modle is not declared"),
        (TERM, "{variable: sex, source: model, groups: {f: [F], m: [M]}", "terms[0].source", "sex is a patient"),
        (SOURCES, f"{SOURCES}    estimand: {{en: x, fr: x}}\n", "analyses[0].estimand.en", "unknown key"),
        (SOURCES, f"{SOURCES}    estimand: {{intercurrent_events: [{{event: {{en: x, fr: x}}, strategy: none}}]}}\n",
         "estimand.intercurrent_events[0].strategy", "'none'"),
    ],
)  # fmt: skip
def test_a_mistake_in_an_analysis_is_named(
    write: Write, valid: str, correct: str, mistaken: str, where: str, what: str
) -> None:
    """Names that are not declared and keys that contradict each other are refused at their place."""
    check(write, valid, correct, mistaken, where, what)


def test_weighting_needs_two_groups(write: Write, valid: str) -> None:
    """Propensity weights compare two groups, not three nor a number."""
    three = TERM.replace("late: [III, IV]", "late: [III], last: [IV]")
    more = f"      - {three}}}\n      - {{variable: sex, groups: {{f: [F], m: [M]}}}}\n"
    text = valid.replace(f"      - {TERM}}}\n", more).replace(SOURCES, f"{SOURCES}    weighting: ate\n")
    with pytest.raises(UserError, match="weighting compares two groups"):
        read_protocol(write(text))


def test_a_bare_name_is_a_rule_of_its_own_name(write: Write, dated: str) -> None:
    """What is written in one word reads as the rule that it stands for."""
    endpoint = read_protocol(write(dated)).get_endpoint("os")
    assert (endpoint.events[0].date, endpoint.events[0].reason) == ("stop", "stop")
    assert endpoint.reasons == ["stop", "line", "other", "cut_off", "start"]
    assert endpoint.list_fields() == ["start", "stop", "lines.start", "lines.kind", "stage"]
    assert (endpoint.has_competing, endpoint.has_entry, endpoint.is_dated) == (True, True, True)


def test_time_form_reads_entry_and_competing_values() -> None:
    """An indicator may name a competing event, and a value cannot be both."""
    form = {"name": "e", "label": {"en": "e", "fr": "e"}, "time": "t", "event": "s", "event_values": ["1"]}
    endpoint = Endpoint.model_validate(form | {"competing_values": ["2"], "entry_time": "v"})
    assert endpoint.reasons == ["event", "competing", "censored"]
    assert Endpoint.model_validate(form).reasons == ["event", "censored"]
    with pytest.raises(ValueError, match="1 stands among event_values and competing_values"):
        Endpoint.model_validate(form | {"competing_values": ["1"]})
    with pytest.raises(ValueError, match="cut_off does not go with an endpoint made of a time and an indicator"):
        Endpoint.model_validate(form | {"cut_off": "2024-01-01"})


def test_an_analysis_may_have_no_terms(write: Write, valid: str) -> None:
    """The whole cohort's curve needs no group."""
    text = valid.replace(f"    terms:\n      - {TERM}}}\n", "")
    assert read_protocol(write(text)).analyses[0].terms == []


def test_editors_accept_a_bare_name_and_a_rule() -> None:
    """The schema lets a rule be one word or an object that names date and reason."""
    definitions = derive_json_schema()["study.schema.json"]["$defs"]
    words, rule = definitions["EndpointRule"]["anyOf"]
    assert words == {"type": "string"}
    assert rule["required"] == ["date", "reason"]
    assert not rule["additionalProperties"]


def test_every_strategy_is_worded() -> None:
    """The five strategies of ICH E9(R1) have their words in both languages."""
    assert len(get_args(Strategy)) == 5
    assert all(has_word("strategy", name) for name in get_args(Strategy))
