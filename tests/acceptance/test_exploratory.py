"""Criteria that were changed after AI data had been seen are marked, by a rule that errs on the strict side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from probatio.acceptance import estimate_exploratory
from probatio.protocol import Amendment, Label, Protocol, Revision, derive_protocol_bytes, read_protocol

PROTOCOL = read_protocol(Path(__file__).parents[2] / "protocol" / "lung.yaml")
DEMO = read_protocol(Path(__file__).parents[2] / "protocol" / "demo.yaml")


def revise(protocol: Protocol, seen: list[Any], change: dict[str, Any], number: int = 1) -> Revision:
    """Return a revision whose version before has other values at some keys, written `a.b.0`."""
    after = json.loads(derive_protocol_bytes(protocol))
    before = json.loads(derive_protocol_bytes(protocol))
    for path, value in change.items():
        *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        node = before
        for part in way:
            node = node[part]
        if value is None:
            del node[last]
        else:
            node[last] = value
    label = Label(en="a", fr="a")
    amendment = Amendment(number=number, date="2026-11-01", previous="0" * 64, seen=seen, what=label, why=label)
    return Revision(amendment, before, after)


def list_marked(*revisions: Revision) -> set[tuple[str, str, str]]:
    rows = estimate_exploratory(DEMO, revisions)
    assert all(row["estimate"] == 1 and row["metric"] == "exploratory_criterion" for row in rows)
    return {(row["use"], row["term"], row["at"]) for row in rows}


def count_all() -> int:
    matrix = DEMO.acceptance
    assert matrix is not None
    return sum(len(matrix.select_criteria(variable.type, use)) for variable in DEMO.variables for use in DEMO.uses)


def test_a_moved_threshold_marks_its_criterion_alone() -> None:
    """The error of steering alone is exploratory once its threshold was moved after AI data were seen."""
    change = {"acceptance.sets.0.criteria.0.threshold": 0.05}
    assert list_marked(revise(DEMO, ["ai"], change)) == {("steering", "error", "1")}
    rows = estimate_exploratory(DEMO, [revise(DEMO, ["ai"], change)])
    assert {row["variable"] for row in rows} == {v.name for v in DEMO.variables if v.type != "events"}


@pytest.mark.parametrize("seen", [[], ["manual"], ["reference", "manual", "reading"]])
def test_other_data_do_not_mark(seen: list[Any]) -> None:
    """Who has seen the reference or the manual collection has not seen what is judged."""
    assert not list_marked(revise(DEMO, seen, {"acceptance.sets.0.criteria.0.threshold": 0.05}))


def test_words_do_not_mark() -> None:
    """A justification, a title or a limit reworded after AI data were seen moves no verdict."""
    change = {"acceptance.sets.0.criteria.0.justification.en": "x", "acceptance.sets.0.criteria.0.source": "x",
              "title.fr": "x", "limits.0.en": "x", "variables.0.label.fr": "x", "version": "0"}  # fmt: skip
    assert not list_marked(revise(DEMO, ["ai"], change))


@pytest.mark.parametrize(
    "change",
    [
        {"variables.13.tolerance": 5.0},
        {"resampling.seed": 1},
        {"data": "elsewhere"},
        {"variables.5.recode": {"values": {"fr": "yes"}}},
        {"variables.5.level_labels": {"fr": {"en": "x", "fr": "x"}}, "variables.5.missing": ["fr"]},
        {"endpoints.0.source": "manual"},
        {"written.inclusion": [{"en": "x", "fr": "x"}]},
    ],
)
def test_what_every_criterion_may_depend_on_marks_them_all(change: dict[str, Any]) -> None:
    """A tolerance, a recoding, a source or the eligibility changed after AI data were seen may move any verdict."""
    assert len(estimate_exploratory(DEMO, [revise(DEMO, ["ai"], change)])) == count_all()


def test_a_recoding_of_a_language_is_no_translation() -> None:
    """A text `fr` recoded otherwise ends like a French wording, and moves numbers all the same."""
    revision = revise(DEMO, ["ai"], {})
    for version, level in ((revision.before, "yes"), (revision.after, "no")):
        version["variables"][5]["recode"] = {"values": {"fr": level}}
    assert len(estimate_exploratory(DEMO, [revision])) == count_all()


def test_a_criterion_taken_away_marks_those_that_stay() -> None:
    """Without the criterion that failed, the others pass: they are marked for its types and use."""
    revision = revise(DEMO, ["ai"], {})
    criteria = revision.before["acceptance"]["sets"][0]["criteria"]
    criteria.append({**criteria[0], "name": "gone"})
    assert {use for use, _, _ in list_marked(revision)} == {"steering"}
    assert {term for _, term, _ in list_marked(revision)} == {"error", "omission", "completeness", "stability"}


def test_the_first_amendment_that_touched_it_is_named() -> None:
    """A criterion changed twice keeps the number of the first change; a criterion that is new counts as changed."""
    change = {"acceptance.sets.0.criteria.0.threshold": 0.05}
    one, two = revise(DEMO, ["ai"], change), revise(DEMO, ["ai", "manual"], change, number=2)
    assert list_marked(one, two) == {("steering", "error", "1")}
    added = revise(DEMO, ["ai"], {"acceptance.sets.0.criteria.0": None}, number=3)
    assert ("steering", "error", "3") in list_marked(added)


def test_a_study_without_matrix_has_nothing_to_mark() -> None:
    """No criterion, no row."""
    bare = PROTOCOL.model_copy(update={"acceptance": None})
    assert estimate_exploratory(bare, [revise(bare, ["ai"], {"resampling.seed": 1})]) == []
