"""Tables of a change of definition and of errors within case mix: complete, worded, from rows only."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from probatio.display.centres import render_case_mix_table
from probatio.display.definitions import render_definition_table
from probatio.measures.heterogeneity import estimate_heterogeneity

sys.path.insert(0, str(Path(__file__).parents[1] / "measures"))

from agreement_study import LABEL, build_outcomes, build_patients, build_protocol, estimate
from test_definitions import ATTRIBUTES, DEFINITION, GROUPS, run

PROTOCOL = build_protocol(
    patients={"file": {"path": "p.csv"}, "attributes": ATTRIBUTES}, definitions=[DEFINITION], min_stratum=5
)


def test_every_quantity_has_its_line() -> None:
    """Five relations, the departure, four shares and two changes, in the order to read them, with n and k."""
    table = render_definition_table(run(GROUPS), PROTOCOL, language="en")
    assert len(table.rows) == 12
    first, second = table.rows[:2]
    assert list(first[1:]) == ["20", "5", "25.0% (11.2 to 46.9)", "–"]
    assert list(second[1:]) == ["10", "5", "50.0% (23.7 to 76.3)", "+25.0% (−9.2 to 54.7)"]
    assert table.rows[-2][0] == "II → I · x"
    assert table.rows[-2][1:3] == ["44", "12"]


@pytest.mark.parametrize(("language", "said"), [("en", "no value in the denominator"), ("fr", "aucune valeur au")])
def test_what_is_undefined_says_why(language: str, said: str) -> None:
    """An empty relation shows its reason in the language, not a number."""
    empty = run(GROUPS | {"not_as_stated": ("7", "8", 0, 0, 0)})
    table = render_definition_table(empty, PROTOCOL, language=language)  # type: ignore[arg-type]
    assert table.rows[1][3].startswith(said)
    assert table.rows[1][4].startswith(said)


def test_suppressed_counts_are_not_shown() -> None:
    """A relation under the minimum shows its n and no count of wrong values."""
    table = render_definition_table(run(GROUPS, least=15), PROTOCOL, language="en")
    assert table.rows[1][1:4] == ["10", "–", "stratum below the protocol's minimum"]


def test_two_definitions_are_told_apart() -> None:
    """With one definition its name is the caption's; with two each line says whose it is."""
    second = DEFINITION | {"name": "other", "label": {"en": "Other", "fr": "Autre"}}
    both = PROTOCOL.model_validate(PROTOCOL.model_dump(by_alias=True) | {"definitions": [DEFINITION, second]})
    rows = pd.concat([run(GROUPS), run(GROUPS, **second)])
    assert {row[0].partition(" · ")[0] for row in render_definition_table(rows, both, language="en").rows} == {
        "x", "Other",
    }  # fmt: skip


def test_a_study_without_definitions_has_an_empty_table() -> None:
    """No definition declared, no line."""
    assert render_definition_table(run(GROUPS), build_protocol(), language="fr").rows == []


@pytest.mark.parametrize("nested", [True, False])
def test_rates_within_case_mix_are_shown_where_centres_are_nested(nested: bool) -> None:
    """Each level of the attribute that nests the centres has a line; without nesting the table is empty."""
    attributes = {"tumour": {"label": LABEL, "column": "tumour"}}
    protocol = build_protocol(
        patients={"file": {"path": "p.csv"}, "attributes": attributes}, stratify_by=["tumour", "centre"]
    )
    pairs = build_outcomes("W" * 6 + "C" * 34 + "C" * 30, variable="stage")
    centre = np.repeat(list("ABCDEFG"), 10)
    tumour = np.where(centre < "E", "liver", "lung") if nested else np.resize(["liver", "lung"], 70)
    patients = build_patients(pairs, centre=centre, tumour=tumour)
    rows = pd.concat(
        [
            estimate(pairs, protocol, patients=patients),
            estimate_heterogeneity(SimpleNamespace(pairs=pairs, patients=patients), protocol),
        ]
    )
    table = render_case_mix_table(rows, protocol, language="en")
    assert [row[2:5] for row in table.rows] == (
        [["liver", "40", "15.0% (7.1 to 29.1)"], ["lung", "30", "0.0% (0.0 to 11.4)"]] if nested else []
    )
