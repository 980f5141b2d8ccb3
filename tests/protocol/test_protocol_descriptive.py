"""A mistake in a descriptive result is answered by one sentence with the place of its key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from descriptive_study import EVENTS, PATIENTS, RESPONSE, build_protocol
from probatio.protocol import EventAttribute, UserError, read_protocol

Write = Callable[..., Path]
ALONE = {"sources": [], "comparator": None}
RULE = EVENTS["events"]
WINDOW = {"date": "date", "start": "start"}

# (result, where the sentence must point, what it must say)
MISTAKES = [
    (RESPONSE | {"levels": ["CR", "MR"]}, "levels", "MR is not a level of response; levels: CR, PR, SD, PD, NE"),
    (RESPONSE | {"levels": []}, "", "proportion needs levels; add it"),
    (RESPONSE | {"not_evaluable": ["CR"]}, "", "not_evaluable: CR is among levels too"),
    (RESPONSE | {"levels": ["CR", "CR"]}, "", "CR stands twice"),
    (RESPONSE | {"variable": "weight"}, "variable", "weight is not a binary, nominal or ordinal variable"),
    (RESPONSE | {"visit": "m3"}, "visit", "response has no such visit; visits: none"),
    (RESPONSE | {"events": RULE}, "", "events goes with incidence, not with proportion; drop it"),
    (RESPONSE | {"sources": ["reference", "robot"]}, "sources", "robot is not a source; known: reference, manual, ai"),
    (RESPONSE | {"comparator": "manual"}, "", "comparator manual is not among sources"),
    (RESPONSE | {"comparator": None}, "", "sources and comparator go together"),
    (RESPONSE | ALONE, "sources", "response is collected by sources and none is named"),
    (RESPONSE | {"margin": 5}, "margin", "less than 1"),
    (RESPONSE | {"population": {"weight": ["60"]}}, "population", "weight is not a categorical variable"),
    (RESPONSE | {"population": {"wieght": ["60"]}}, "population", "wieght is neither a variable nor an attribute"),
    (EVENTS | {"variable": "response"}, "variable", "response is not a variable of type events"),
    (EVENTS | {"events": RULE | {"grade": "term"}}, "events.grade", "term is not an attribute of adverse_events"),
    (EVENTS | {"events": RULE | {"grades": ["6"]}}, "events.grades", "6 is not a level of grade; levels: 1, 2,"),
    (EVENTS | {"events": RULE | {"serious": "severe"}}, "events.serious", "severe is not an attribute"),
    (EVENTS | {"events": RULE | {"window": WINDOW | {"start": "stage"}}}, "events.window.start", "stage is not a date"),
    (EVENTS | {"events": RULE | {"window": WINDOW | {"date": "grade"}}}, "events.window.date", "grade is not an attr"),
    (EVENTS | {"treated": "begun"}, "treated", "begun is not a date variable without visits"),
    (EVENTS | ALONE, "sources", "adverse_events is collected by sources"),
    (PATIENTS | {"variables": ["weight"]}, "variables.0", "weight has no such visit; write weight@access, weight@m3"),
    (PATIENTS | {"variables": ["start"]}, "variables.0", "start is not an attribute, a category, a number or a set"),
    (PATIENTS | {"variables": ["birth"]}, "variables.0", "birth is a date, which has no share and no mean"),
    (PATIENTS | {"variables": ["stage", "age@m3"]}, "variables.1", "age is an attribute of the patients"),
    (PATIENTS | {"margin": 0.05}, "", "margin goes with proportion and incidence"),
    (PATIENTS | ALONE, "variables.0", "stage is collected by sources and none is named"),
]  # fmt: skip


@pytest.mark.parametrize(("result", "where", "what"), MISTAKES)
def test_a_mistake_is_named_with_its_place(result: dict[str, object], where: str, what: str) -> None:
    """Each mistake gives one sentence at its key, that says what is wrong and what is known."""
    with pytest.raises(ValidationError) as error:
        build_protocol(result)
    first = error.value.errors()[0]
    assert what in first["msg"]
    assert ".".join(map(str, first["loc"])) == ".".join(filter(None, ["descriptive.0", where]))


def test_names_are_unique_among_results_and_analyses() -> None:
    """A result and an analysis of one name would write rows under one key."""
    with pytest.raises(ValidationError, match="the name response_rate is used twice; rename one"):
        build_protocol(RESPONSE, RESPONSE)


def test_the_sentence_says_file_and_line(write: Write, valid: str) -> None:
    """Read from a file, the mistake is one sentence with file, line, key path and remedy."""
    block = (
        "descriptive:\n"
        "  - name: late\n"
        "    label: {en: Late stages, fr: Stades avancés}\n"
        "    kind: proportion\n"
        "    variable: stage\n"
        "    levels: [III, V]\n"
        "    sources: [registry, model]\n"
        "    comparator: registry\n"
    )
    text = valid.rstrip("\n") + "\n" + block
    line = text[: text.index("    levels: [III, V]")].count("\n") + 1
    with pytest.raises(UserError) as error:
        read_protocol(write(text))
    assert f"study.yaml:{line}: descriptive[0].levels: V is not a level of stage; levels: I, II, III, IV." in str(
        error.value
    )
    assert "\n" not in str(error.value)


def test_development_patients_are_no_population() -> None:
    """The column that flags patients used for development can filter no result: evaluation leaves them out."""
    facts = {"file": {"path": "p.csv"}, "development": "dev", "attributes": {
        "tuned": {"label": {"en": "x", "fr": "x"}, "column": "dev"}}}  # fmt: skip
    with pytest.raises(ValidationError, match="tuned tells who was used for development"):
        build_protocol(RESPONSE | {"population": {"tuned": ["no"]}}, patients=facts)


def test_a_label_of_no_level_is_refused() -> None:
    """A wording for a level that an event's attribute does not have is a mistake, as for a variable."""
    label = {"en": "x", "fr": "x"}
    grade = {"label": label, "type": "ordinal", "levels": ["1", "2"], "level_labels": {"3": label}}
    with pytest.raises(ValidationError, match=r"level_labels names \['3'\], which is not a level"):
        EventAttribute.model_validate(grade)
