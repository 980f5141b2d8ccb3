"""What is drawn and said of guaranteed acceptance, in both languages, from rows alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from guaranteed_study import make_scored
from probatio.confidence.guarantee import estimate_guarantee
from probatio.confidence.rules import derive_rules
from probatio.display.guarantee import (
    describe_guarantee,
    read_review,
    render_guarantee_figure,
    render_guarantee_summary_table,
    render_guarantee_table,
    render_undelivered_table,
)
from probatio.display.sheets import render_sheets
from probatio.display.verdicts import render_deciding_table, render_verdict_table
from probatio.protocol import Language, Protocol, read_protocol
from probatio.results import build_row, derive_table

PROJECT = Path(__file__).parents[2]
KEY = {"source": "ai_a", "variable": "sex", "use": "research"}


@pytest.fixture(scope="module")
def demo() -> Protocol:
    return read_protocol(PROJECT / "protocol" / "demo.yaml")


@pytest.fixture(scope="module")
def rows(demo: Protocol) -> pd.DataFrame:
    """Sex without an error, stage with errors at low scores, histology as bad as can be; an event line."""
    laws = {"sex": lambda _: False, "stage": lambda score: score < 0.3, "histology": lambda score: score > 0.5,
            "adverse_events": lambda _: False}  # fmt: skip
    scored = pd.concat([make_scored(wrong=law, variable=name, source="ai_a") for name, law in laws.items()])
    return derive_table(estimate_guarantee(derive_rules(scored, demo), scored, demo))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_figure_is_drawn(rows: pd.DataFrame, demo: Protocol, language: Language) -> None:
    """A panel per use, all variables and their sum; without rows a notice."""
    figure = render_guarantee_figure(rows, demo, language=language)
    assert [len(ax.get_yticks()) for ax in figure.axes] == [4, 4, 4]  # an event has no bound, hence no share
    texts = [text.get_text() for text in figure.axes[1].texts]
    assert texts == (["≤\u00a07,7\u202f%"] * 2 if language == "fr" else ["≤\u00a07.7%"] * 2)
    assert len(render_guarantee_figure(derive_table([]), demo, language=language).axes) == 1


def test_table_says_rule_bound_and_reason(rows: pd.DataFrame, demo: Protocol) -> None:
    """A variable with a guarantee, one without and why, and one that no bound was declared for."""
    body = render_guarantee_table(rows, demo, language="fr").rows
    named = {row[0]: row for row in body}
    assert named["Sexe"][2] == "tout"
    assert named["Sexe"][3].startswith("100,0\u202f% [")
    assert named["Sexe"][4] == "7,7\u202f%"
    assert named["Histologie"][4].startswith("l'erreur observée n'est pas sous la borne")
    assert named["Histologie"][3] == "0,0\u202f%"
    assert named["Événements indésirables"][4] == "non prévu par le protocole"


def test_summary_counts_variables_with_a_guarantee(rows: pd.DataFrame, demo: Protocol) -> None:
    """Two of three for research; minutes of the accepted values of the cohort."""
    body = render_guarantee_summary_table(rows, demo, language="en").rows
    assert [row[1] for row in body] == ["Steering", "Research", "Regulatory support"]
    assert body[1][2] == "2/3"
    assert render_undelivered_table(rows, demo, language="en").rows[-1][0] == "All variables"


@pytest.mark.parametrize("language", ["fr", "en"])
def test_sentences_say_what_is_promised_and_to_whom(rows: pd.DataFrame, demo: Protocol, language: Language) -> None:
    """The family of delta, the patients it holds for, and per use how many variables; nothing without `confidence`."""
    said = describe_guarantee(rows, demo, language=language)
    assert ("each variable" if language == "en" else "Pour chaque variable") in said[0].replace("For each", "each")
    assert ("these centres" if language == "en" else "ces centres") in said[0]
    assert "2" in said[2]
    assert describe_guarantee(rows, demo.model_copy(update={"confidence": None}), language=language) == []


def build_accepted(*more: dict[str, Any]) -> pd.DataFrame:
    """Rows of the acceptance notebook with one verdict accepted with review."""
    own = {**KEY, "term": "error", "at": "< 0.0772 (review < 0.1)"}
    number = build_row("criterion", 0.05, lower=0.02, upper=0.09, n=232, k=12, unit="error_rate", **own)
    decision = build_row("decision", 2, unit="passed_with_review", **own)
    verdict = build_row("verdict", 2, unit="accepted_with_review", term="error", **KEY)
    return derive_table([number, decision, verdict, *more])


PART = [build_row("review_share", 0.23, lower=0.14, upper=0.35, n=57, k=13, level=0.95, **KEY),
        build_row("guaranteed_error", 0.0772, level=0.95, n=92, k=1, **KEY)]  # fmt: skip
ALL = [build_row("review_share", 1, n=57, k=57, reason="review_all", **KEY),
       build_row("guaranteed_error", status="not_estimable", reason="none_guaranteed", **KEY)]  # fmt: skip


def test_sheet_and_tables_say_how_much_to_review(demo: Protocol) -> None:
    """The share with its interval, the error guaranteed with its confidence; in short in the tables."""
    accepted = build_accepted(*PART)
    said = render_sheets(accepted, demo, language="fr").sheets[0].sentences[1]
    expected = "IA A : 23,0\u202f% [14,0\u00a0; 35,0] des valeurs à relire"
    assert said.startswith(expected)
    assert "au plus 7,7\u202f% sont fausses, avec une confiance de 95 %" in said
    assert render_deciding_table(accepted, demo, language="fr").rows[0][-1] == "23\u202f% · ≤\u00a07,7\u202f%"
    assert read_review(accepted, KEY, "en") == "23% · ≤\u00a07.7%"


def test_review_all_is_said_with_its_reason(demo: Protocol) -> None:
    """No share and no error that nobody guarantees."""
    accepted = build_accepted(*ALL)
    assert render_sheets(accepted, demo, language="en").sheets[0].sentences[1] == (
        "AI A: review all values (no threshold passes)."
    )
    assert read_review(accepted, KEY, "en") == "review all"


def test_studies_without_confidence_keep_their_tables(demo: Protocol) -> None:
    """No column and no sentence more."""
    accepted = build_accepted()
    assert len(render_deciding_table(accepted, demo, language="en").columns) == 7
    assert len(render_sheets(accepted, demo, language="en").sheets[0].sentences) == 1
    whole = build_row("verdict", 2, unit="accepted_with_review", term="sex", n=1, k=1, source="ai_a", use="research")
    assert len(render_verdict_table(derive_table([whole]), demo, language="en").columns) == 5


def test_verdict_over_all_variables_says_it_too(demo: Protocol) -> None:
    """The share over all variables; where each variable has its own promise no common error is named."""
    key = {"source": "ai_a", "use": "research"}
    more = [
        build_row("verdict", 2, unit="accepted_with_review", term="sex", n=1, k=1, **key),
        build_row("review_share", 0.4, n=100, k=40, **key),
        build_row("guaranteed_error", status="not_applicable", reason="each_variable", **key),
    ]
    table = render_verdict_table(derive_table(more), demo, language="fr")
    assert table.rows[0][-1] == "40\u202f%"
