"""Tables and the figure of checks say what the rows say, in both languages."""

from __future__ import annotations

from typing import get_args

import pandas as pd
import pytest

from demo_study import read_demo
from probatio.checks import estimate_checks
from probatio.display.checks import render_check_matrix, render_check_overview, render_check_table
from probatio.protocol import Language, Protocol
from probatio.results import derive_table, select_rows


@pytest.fixture(scope="module")
def checked() -> tuple[Protocol, pd.DataFrame]:
    protocol, records = read_demo()
    return protocol, derive_table(estimate_checks(records, protocol))


@pytest.mark.parametrize("language", get_args(Language))
def test_the_table_of_rules_shows_every_rule_for_every_source(
    checked: tuple[Protocol, pd.DataFrame], language: Language
) -> None:
    """One line per rule and source, in the protocol's order, with counts, threshold and answer."""
    protocol, rows = checked
    table = render_check_table(rows, protocol, language=language)
    assert [(line[0], line[2]) for line in table.rows] == [
        (rule.label.read(language), source.label.read(language))
        for rule in protocol.rules
        for source in protocol.leading
    ]
    (row,) = select_rows(rows, term="brain_mets_in_sites", source="ai_a", stratum_by="").to_dict("records")
    (line,) = [line for line in table.rows if line[3] == f"{row['k']}/{row['n']}" and "IA A" in line[2] + "IA A"][:1]
    assert line[6] == {"en": "Failed", "fr": "Échoué"}[language]


def test_the_table_of_failures_holds_failures_only(checked: tuple[Protocol, pd.DataFrame]) -> None:
    """As many lines as rows that failed, each with its variable."""
    protocol, rows = checked
    table = render_check_table(rows, protocol, language="en", only="failed")
    assert len(table.rows) == len(select_rows(rows, stratum_by="", unit="failed")) > 10
    assert {line[6] for line in table.rows} == {"Failed"}


def test_the_overview_counts_every_row_once(checked: tuple[Protocol, pd.DataFrame]) -> None:
    """The four answers of all categories and sources add up to the overall rows."""
    protocol, rows = checked
    table = render_check_overview(rows, protocol, language="fr")
    assert sum(int(cell) for line in table.rows for cell in line[2:]) == len(select_rows(rows, stratum_by=""))


def test_the_matrix_shows_each_check_against_each_source(checked: tuple[Protocol, pd.DataFrame]) -> None:
    """A cell per check and source: a rule's share, or failing of examined variables; failures are framed."""
    protocol, rows = checked
    figure = render_check_matrix(rows, protocol, language="en")
    (ax,) = figure.axes
    assert len(ax.get_yticks()) == select_rows(rows, stratum_by="")["term"].nunique()
    assert len(ax.texts) == len(ax.get_yticks()) * len(protocol.leading)
    texts = [text.get_text() for text in ax.texts]
    place = [label.get_text() for label in ax.get_yticklabels()].index("A grade 5 adverse event has a date of death")
    n = len(protocol.leading)
    assert texts[n * place : n * (place + 1)] == ["0.0%", "66.7%", "0.0%", "100.0%", "–", "0.0%"]
    assert texts[n : n + 2] == ["–", "–"]


def test_a_study_without_checks_gets_a_notice(checked: tuple[Protocol, pd.DataFrame]) -> None:
    """Rows without checks give an empty table and a figure that says so."""
    protocol, rows = checked
    assert render_check_table(rows.iloc[:0], protocol, language="en").rows == []
    assert render_check_matrix(rows.iloc[:0], protocol, language="en").axes[0].texts
