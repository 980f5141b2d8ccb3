"""Rules in a protocol: what is no rule is refused with file, line, key and place, and nothing else can happen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from probatio.protocol import Protocol, UserError, read_protocol
from probatio.protocol.binding import bind_rule, compute_date_bounds
from probatio.protocol.expression import Arrow, Joined, Not, RuleError
from probatio.protocol.grammar import DEEPEST, LONGEST, parse_rule

Write = Callable[..., Path]

RULE = """\
rules:
  - name: late
    label: {{en: Late, fr: Tardif}}
    expression: {expression}
    threshold: {threshold}
    source: judgement
    justification: {{en: why, fr: pourquoi}}
"""


def _declare(kind: str, **more: Any) -> Any:
    return SimpleNamespace(type=kind, **{"levels": [], "visits": [], "attributes": {}, **more})


VARIABLES: dict[str, Any] = {
    "stage": _declare("ordinal", levels=["I", "II", "IV"]),
    "grade": _declare("ordinal", levels=["1", "2"]),
    "histology": _declare("nominal", levels=["adeno", "stage"]),
    "sites": _declare("set", levels=["bone", "brain"]),
    "start": _declare("date"),
    "death": _declare("date"),
    "hb": _declare("number", visits=["access", "m1"]),
    "lines": _declare("number"),
    "ae": _declare("events", attributes={"grade": _declare("ordinal", levels=["1", "5"]), "note": _declare("text"),
                                         "date": _declare("date")}),
    "dose": _declare("events", attributes={"date": _declare("date")}),
}  # fmt: skip

# (what is written, the character at which it is wrong, from 1, what the sentence says)
REFUSED = [
    ("", 1, "expected a variable"),
    ("start", 6, "expected one of = !="),
    ("start >=", 9, "found the end"),
    ("start >= death )", 16, "expected 'and'"),
    ("(start >= death", 16, "expected ')'"),
    ("start == death", 8, "expected a variable"),
    ("start ≥ death", 7, "'≥' is not understood"),
    ("histology = 'adeno", 13, "a quote is not closed"),
    ("stage = I <=> stage = II <=> stage = IV", 26, "put brackets"),
    ("lines = 1 lines = 2", 11, "expected 'and'"),
    ("1 empty", 3, "only a variable can be empty"),
    ("deth >= start", 1, "deth is not a variable"),
    ("start >= deth", 10, "deth is not a variable"),
    ("stage = V", 9, "'V' is not a level of stage; levels: I, II, IV"),
    ("grade >= 7", 10, "'7' is not a level of grade"),
    ("contains(sites, liver)", 1, "'liver' is not a level of sites"),
    ("contains(stage, I)", 1, "contains takes a set"),
    ("start > lines", 7, "a date cannot be compared with a number"),
    ("start > 2024-02-30", 9, "2024-02-30 is no date of the calendar"),
    ("start > 2024-00", 9, "2024-00 is no date of the calendar"),
    ("start > 2024-13", 9, "2024-13 is no date of the calendar"),
    ("start + death > start", 1, "dates can be moved"),
    ("stage = lines", 9, "lines is a variable"),
    ("histology = stage", 11, "the two variables have different levels"),
    ("stage = 1 + 1", 9, "compare it with one of them"),
    ("stage = grade", 7, "different levels"),
    ("histology > adeno", 11, "histology has no order"),
    ("lines = 'two'", 9, "take the quotes away"),
    ("hb > 3", 1, "write hb@access"),
    ("hb@m2 > 3", 1, "write hb@access"),
    ("start@m1 > 2024", 1, "drop the visit"),
    ("sites = bone", 1, "use contains"),
    ("ae = 1", 1, "use count"),
    ("ae.note = 1", 1, "use empty"),
    ("ae.term = 1", 1, "has no such attribute"),
    ("count(lines) = 1", 1, "count takes repeated events"),
    ("any(lines = 1)", 1, "needs an attribute of events"),
    ("any(all(ae.grade = 5))", 5, "cannot stand within each other"),
    ("ae.date > dose.date", 11, "use any(...)"),
    ("not " * 40 + "lines = 1", 4 * DEEPEST - 7, "nested more than"),
    ("(" * 5000, LONGEST + 1, "at most"),
]


@pytest.mark.parametrize(("text", "at", "what"), REFUSED)
def test_a_mistake_in_a_rule_is_named_with_its_character(text: str, at: int, what: str) -> None:
    """Each mistake gives one sentence with the place in the rule and what is wrong."""
    with pytest.raises(RuleError) as error:
        bind_rule(text, VARIABLES)
    message = str(error.value)
    assert what in message
    assert message.startswith("at character ")
    assert abs(int(message.split()[2].rstrip(":")) - at) <= (12 if at > 100 else 1)


@pytest.mark.parametrize(
    "text",
    [
        "death >= start",
        "stage = IV <=> sites not empty",
        "ae.grade = 5 => not empty(death)",
        "hb@access >= 4 and hb@m1 - hb@access < 10",
        "any(ae.date >= start) or all(dose.date >= start)",
        "lines = count(ae) and count(ae) >= -1",
        "death <= start + 30 days - 2",
        "start<2024-05 and death=2024-05-03",
        'histology = "stage"',
        "contains(sites,'bone') and not not (lines = 1.50)",
        "ae.date > start and empty(dose)",
    ],
)
def test_what_a_clinician_writes_is_read(text: str) -> None:
    """Rules in the forms that the documentation shows have a meaning."""
    assert bind_rule(text, VARIABLES).references


def test_precedence_is_not_and_or_implies_iff() -> None:
    """`not` binds closest, then and, or, =>, <=>; `=>` groups to the right; brackets rule."""
    rule = parse_rule("a = 1 <=> not b = 1 and c = 1 or d = 1 => e = 1 => f = 1")
    assert isinstance(rule, Arrow)
    assert rule.sign == "<=>"
    arm = rule.right
    assert isinstance(arm, Arrow)
    assert arm.sign == "=>"
    assert isinstance(arm.left, Joined)
    assert arm.left.word == "or"
    both = arm.left.items[0]
    assert isinstance(both, Joined)
    assert both.word == "and"
    assert isinstance(both.items[0], Not)
    assert isinstance(arm.right, Arrow)
    grouped = parse_rule("(a = 1 or b = 1) and c = 1")
    assert isinstance(grouped, Joined)
    assert grouped.word == "and"


def test_references_are_listed_once() -> None:
    """A rule knows the variables it reads, each once, in order, levels left out."""
    bound = bind_rule("stage = IV => hb@m1 > hb@access and stage != I", VARIABLES)
    assert [reference.text for reference in bound.references] == ["stage", "hb@m1", "hb@access"]
    assert bind_rule("ae.grade = 5 => empty(death)", VARIABLES).event == "ae"
    assert bind_rule("any(ae.grade = 5) => empty(death)", VARIABLES).event == ""


def _read(text: str) -> None:
    try:
        bind_rule(text, VARIABLES)
    except RuleError as error:
        message = str(error)
        assert message.startswith("at character ")
        assert 1 <= int(message.split()[2].rstrip(":")) <= min(len(text), LONGEST) + 1


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
@example("9" * 400)
@example("²³ > ١")
@example("0000-00 < start")
@example("start > 9999-12")
def test_any_text_is_a_rule_or_one_clear_error(text: str) -> None:
    """Whatever is written is read, or refused by one sentence with a place within the text; nothing else is raised."""
    _read(text)


PIECES = st.sampled_from(
    ["stage", "start", "death", "hb@m1", "sites", "ae", "ae.grade", "ae.date", "dose.date", "lines", "IV", "5", "1.5",
     "2024-05", "2024-05-03", "'bone'", "=", "!=", "<", "<=", ">", ">=", "=>", "<=>", "and", "or", "not", "empty", "(",
     ")", "contains(", "count(", "any(", "all(", ",", "+", "-", "days", "@", "."]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=14))
def test_any_heap_of_words_of_the_grammar_is_a_rule_or_one_clear_error(words: list[str]) -> None:
    """Words of the grammar in any order never raise anything but the one error."""
    _read(" ".join(words))


CONDITIONS = st.recursive(
    st.sampled_from(["stage >= II", "sites empty", "start < death", "lines = count(ae)", "any(ae.grade = 5)"]),
    lambda inner: st.one_of(
        st.builds("({})".format, inner),
        st.builds("not ({})".format, inner),
        st.builds("({}) {} ({})".format, inner, st.sampled_from(["and", "or", "=>", "<=>"]), inner),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(CONDITIONS)
def test_every_rule_built_by_the_grammar_is_read(text: str) -> None:
    """What the grammar can build is accepted."""
    assert bind_rule(text, VARIABLES).references


def test_bounds_of_a_date_are_its_first_and_last_day() -> None:
    """A month ends on its last day, a year on 31 December, leap years and the last year included."""
    assert compute_date_bounds("1970-01-01") == (0, 0)
    assert compute_date_bounds("1972-02") == (365 * 2 + 31, 365 * 2 + 31 + 28)
    assert compute_date_bounds("1970") == (0, 364)
    with pytest.raises(ValueError, match=r"month|day"):
        compute_date_bounds("2023-02-29")


@pytest.mark.parametrize(
    ("expression", "threshold", "where", "what"),
    [
        ("stadium = I", 0, "rules[0].expression: at character 1", "stadium is not a variable"),
        ("stage = V", 0, "rules[0].expression: at character 9", "'V' is not a level of stage"),
        ("stage >", 0, "rules[0].expression: at character 8", "found the end"),
        ("stage = I", 1, "rules[0].threshold", "less than 1"),
        ("stage = I", -0.1, "rules[0].threshold", "greater than or equal to 0"),
    ],
)
def test_a_wrong_rule_is_named_by_file_line_key_and_place(
    write: Write, valid: str, expression: str, threshold: float, where: str, what: str
) -> None:
    """The sentence leads to the line of the rule in the file, and into the rule."""
    text = valid + RULE.format(expression=expression, threshold=threshold)
    line = len(valid.splitlines()) + (4 if "expression" in where else 5)
    with pytest.raises(UserError) as error:
        read_protocol(write(text))
    message = str(error.value)
    assert f"study.yaml:{line}: {where}" in message
    assert what in message
    assert "\n" not in message


def test_two_rules_of_one_name_are_refused(write: Write, valid: str) -> None:
    """A name stands for one rule."""
    twice = RULE.format(expression="stage = I", threshold=0)
    twice += twice.removeprefix("rules:\n")
    with pytest.raises(UserError, match=r"rules\[1\]\.name: the name late is used twice"):
        read_protocol(write(valid + twice))


@pytest.mark.parametrize(
    ("name", "variables", "where", "what"),
    [
        ("value_presnt", "[stage]", "checks[0].name", "value_present"),
        ("value_present", "[stadium]", "checks[0].variables", "['stadium'] is not a variable"),
    ],
)
def test_a_threshold_of_no_check_or_variable_is_refused(
    write: Write, valid: str, name: str, variables: str, where: str, what: str
) -> None:
    """Thresholds name checks of the catalogue and variables of the study."""
    entry = (
        f"checks:\n  - name: {name}\n    variables: {variables}\n    threshold: 0.2\n    source: x\n"
        "    justification: {en: a, fr: b}\n"
    )
    with pytest.raises(UserError) as error:
        read_protocol(write(valid + entry))
    assert where in str(error.value)
    assert what in str(error.value)


def test_a_valid_rule_is_kept(write: Write, valid: str) -> None:
    """A protocol keeps its rules as written, in order."""
    protocol: Protocol = read_protocol(
        write(valid + RULE.format(expression="stage = I => ecog@access = no", threshold=0.1))
    )
    assert [(rule.name, rule.expression, rule.threshold) for rule in protocol.rules] == [
        ("late", "stage = I => ecog@access = no", 0.1)
    ]
