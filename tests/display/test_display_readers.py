"""Tables and figures of readers, runs, delays and differential error are whole, worded and drawn from rows."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
from matplotlib.figure import Figure
from test_display_pieces import find_cut_labels

from demo_study import compare_demo, read_demo
from probatio.comparison import compare
from probatio.display.differential import MOST_PAIRS, render_dependence_table, render_differential_table
from probatio.display.readers import (
    render_change_forest,
    render_readers_forest,
    render_readers_table,
    render_repeatability_table,
    render_timeliness_table,
)
from probatio.display.table import Table
from probatio.measures.differential import estimate_differential
from probatio.measures.readers import estimate_readers
from probatio.measures.repeatability import estimate_repeatability
from probatio.measures.timeliness import estimate_timeliness
from probatio.protocol import Protocol
from probatio.resampling import Draws
from probatio.results import select_rows

FEW = ("sex", "histology", "stage", "brain_mets", "ecog", "pdl1", "n_prior_lines", "start_date")


@pytest.fixture(scope="module")
def study() -> SimpleNamespace:
    """Rows of the demonstration study, of readers and runs for a few of its variables."""
    protocol, records = read_demo()
    few = protocol.model_copy(update={"variables": [v for v in protocol.variables if v.name in FEW]})
    whole, runs = compare_demo(), compare(records, protocol, runs=True)
    comparison, repeated = (replace(each, pairs=each.pairs[each.pairs["variable"].isin(FEW)]) for each in (whole, runs))
    return SimpleNamespace(
        protocol=protocol,
        readers=estimate_readers(records, few, draws=Draws(1, "all", "patient", 100)),
        differential=estimate_differential(comparison, records, protocol),
        repeatability=estimate_repeatability(repeated, records, few),
        timeliness=estimate_timeliness(records, protocol, comparison),
    )


def check_whole(table: Table, protocol: Protocol) -> None:
    """Rows, texts only, no bare code."""
    assert table.rows
    texts = [text for row in table.rows for text in row]
    assert all(isinstance(text, str) for text in texts)
    assert not {"nan", "None", "<NA>"} & set(texts)
    assert not {source.name for source in protocol.sources if "_" in source.name} & set(texts)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_tables_are_whole(study: SimpleNamespace, language: str) -> None:
    """Every table has rows of worded texts in both languages."""
    made = [
        render_readers_table(study.readers, study.protocol, language=language),
        render_repeatability_table(study.repeatability, study.protocol, language=language),
        render_timeliness_table(study.timeliness, study.protocol, language=language),
        render_differential_table(study.differential, study.protocol, language=language),
        render_dependence_table(study.differential, study.protocol, language=language),
    ]
    for table in made:
        check_whole(table, study.protocol)


def test_pairs_of_errors_are_ranked(study: SimpleNamespace) -> None:
    """The table of dependent errors shows the largest correlations, in falling order."""
    table = render_dependence_table(study.differential, study.protocol, language="en")
    shown = [abs(float(row[-1].split(" ")[0].replace("−", "-"))) for row in table.rows]
    assert len(shown) == MOST_PAIRS
    assert shown == sorted(shown, reverse=True)
    largest = select_rows(study.differential, metric="error_phi")["estimate"].abs().max()
    assert shown[0] == pytest.approx(largest, abs=0.0051)


def test_only_warned_variables_are_shown(study: SimpleNamespace) -> None:
    """The table of differential error has the tests of every warned source and variable, and of no other."""
    rows = study.differential
    warned = select_rows(rows, metric="differential_error", estimate=1.0)
    tests = select_rows(rows, metric="differential_error_p_holm")
    expected = tests.merge(warned[["source", "variable", "analysis"]], on=["source", "variable", "analysis"])
    table = render_differential_table(rows, study.protocol, language="en")
    assert len(table.rows) == len(expected) > 0


def test_human_beside_ai_is_drawn(study: SimpleNamespace) -> None:
    """The forest has one series of points per pair of human and human, and of AI and human."""
    figure = render_readers_forest(study.readers, study.protocol, language="en")
    labels = figure.axes[0].get_legend_handles_labels()[1]
    assert len(labels) == len(set(labels)) == 9, "three humans give three pairs, two AIs six"


def test_without_pairs_there_is_a_notice(study: SimpleNamespace) -> None:
    """A study without readers to compare says so instead of an empty frame."""
    empty: pd.DataFrame = study.readers.iloc[:0]
    figure = render_readers_forest(empty, study.protocol, language="fr")
    assert isinstance(figure, Figure)
    assert "objet" in figure.axes[0].texts[0].get_text()


@pytest.mark.parametrize("language", ["en", "fr"])
def test_changes_between_runs_are_drawn(study: SimpleNamespace, language: str) -> None:
    """A series of points per further run, named beside the leading one; the pooled row and attributes have no line."""
    figure = render_change_forest(study.repeatability, study.protocol, language=language)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    rows = select_rows(study.repeatability, metric="error_change", status="ok")
    whole = rows[(rows["variable"] != "") & ~rows["variable"].str.contains(".", regex=False)]
    assert len(labels) == len(set(labels)) == whole["source"].nunique() > 0
    leading = study.protocol.get_source(whole["comparator"].iloc[0]).label.read(language)
    assert all(label.endswith(f" − {leading}") for label in labels)
    drawn = {x for handle in handles for x in handle.get_xdata() if not pd.isna(x)}
    assert drawn == set(whole["estimate"])
    assert find_cut_labels(figure) == []


def test_without_runs_there_is_a_notice(study: SimpleNamespace) -> None:
    """A study of single runs says so."""
    figure = render_change_forest(study.repeatability.iloc[:0], study.protocol, language="en")
    assert "Nothing to show" in figure.axes[0].texts[0].get_text()
