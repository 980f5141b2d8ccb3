"""Omissions, shared errors, latent classes, prevalence, subgroups and Bland-Altman: drawn from rows, whole, worded."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from test_display_pieces import Study, find_cut_labels

from probatio.display.bland_altman import render_bland_altman
from probatio.display.completeness import render_omission_table
from probatio.display.export import write_figure
from probatio.display.reference import render_latent_table, render_prevalence_table, render_two_phase_table
from probatio.display.subgroups import render_subgroup_forest, render_worst_stratum_table
from probatio.display.table import Table
from probatio.display.values import render_event_table
from probatio.protocol import Protocol
from probatio.results import build_row, derive_table, select_rows

Languages = pytest.mark.parametrize("language", ["fr", "en"])
TABLES = [
    render_omission_table, render_two_phase_table, render_latent_table, render_prevalence_table, render_event_table,
]  # fmt: skip


def get_rows(bundled: Study) -> tuple[Protocol, pd.DataFrame]:
    """Protocol and agreement rows of a bundled study."""
    return bundled[0], bundled[1]["03_agreement"]


def is_reading(protocol: Protocol) -> bool:
    """Say whether a study has readings without a truth."""
    return protocol.reference is None


@pytest.mark.parametrize("render", TABLES)
@Languages
def test_tables_are_whole(render: Any, language: Any, bundled: Study) -> None:
    """Every cell is a worded text; a study of readings without a truth has no line, one with a reference has."""
    protocol, rows = get_rows(bundled)
    table: Table = render(rows, protocol, language=language)
    assert bool(table.rows) is not is_reading(protocol)
    texts = [text for row in table.rows for text in row]
    assert not {"nan", "None", "<NA>", "", "two_phase_wilson", "omission_absent_share"} & set(texts)
    assert not {source.name for source in protocol.sources if "_" in source.name} & set(texts)


def test_pooled_rows_do_not_break_a_table(bundled: Study) -> None:
    """Rows over all variables, whose variable is empty, are no line of a table by variable and stop none."""
    protocol, rows = get_rows(bundled)
    pooled = select_rows(rows, metric=["error_rate", "error_difference", "error_rate_all"], stratum_by="")
    pooled = pooled.drop_duplicates(["metric", "source", "comparator", "method"]).assign(variable="")
    more = pd.concat([rows, pooled])
    for render in (*TABLES, render_worst_stratum_table):
        assert render(more, protocol, language="en").rows == render(rows, protocol, language="en").rows
    figures = [render_subgroup_forest(each, protocol, language="en") for each in (rows, more)]
    assert len(figures[0].axes) == len(figures[1].axes)


def test_shared_errors_are_those_of_the_rows(bundled: Study) -> None:
    """A line has the shared error and the two-phase error to report, neither the interval made for acceptance."""
    protocol, rows = get_rows(bundled)
    if is_reading(protocol):
        pytest.skip("no reference")
    table = render_two_phase_table(rows, protocol, language="en")
    row = select_rows(rows, metric="two_phase_error_rate", variable="stage", source="ai_a", method="two_phase_wilson")
    line = next(each for each in table.rows if each[0] == "Stage" and each[1] == "AI A")
    found = row.iloc[0]
    shown = f"{100 * found['estimate']:.1f}% ({100 * found['lower']:.1f} to {100 * found['upper']:.1f})"
    assert line[5] == shown
    technologies = [source.name for source in protocol.select_sources("ai")]
    lines = select_rows(rows, metric="two_phase_error_rate", source=technologies, status="ok")
    assert len(table.rows) == len(lines.drop_duplicates(["variable", "source", "term"]))


def test_omissions_of_which_nothing_is_known_are_left_out(bundled: Study) -> None:
    """A variable without pattern or citation has rows and no line; each line's three shares are its rows'."""
    protocol, rows = get_rows(bundled)
    if is_reading(protocol):
        pytest.skip("no reference")
    unknown = select_rows(rows, metric="omission_unknown_share", status="ok")
    shown = render_omission_table(rows, protocol, language="en").rows
    assert len(shown) == int((unknown["estimate"] < 1).sum()) > 0
    assert (unknown["estimate"] == 1).any()


@Languages
def test_figures_are_whole_and_reproducible(language: Any, bundled: Study, tmp_path: Path) -> None:
    """No label is cut, and each figure drawn twice has the same bytes; without rows a notice says so."""
    protocol, rows = get_rows(bundled)
    series = bundled[2]["03_agreement"]
    for name in ("subgroups", "bland_altman"):
        digests = []
        for turn in ("first", "second"):
            figure = (render_subgroup_forest(rows, protocol, language=language) if name == "subgroups"
                      else render_bland_altman(rows, series, protocol, language=language))  # fmt: skip
            assert find_cut_labels(figure) == []
            paths = write_figure(figure, tmp_path / f"{name}-{turn}")
            digests.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in paths])
        assert digests[0] == digests[1]


def test_subgroups_show_the_primary_technology_and_the_rows(bundled: Study) -> None:
    """A panel per attribute, strata in the protocol's order, points at the rows' estimates; no stratum of centres."""
    protocol, rows = get_rows(bundled)
    figure = render_subgroup_forest(rows, protocol, language="en")
    if is_reading(protocol):
        assert "Nothing to show" in figure.axes[0].texts[0].get_text()
        return
    attributes = [name for name in protocol.stratify_by if name != "centre"]
    assert len(figure.axes) == len(attributes)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    worded = protocol.patients.attributes[attributes[0]].level_labels
    assert labels == [label.read("en") for label in worded.values()]
    first = select_rows(
        rows, metric="error_rate", source="ai_a", stratum_by=attributes[0], stratum=next(iter(worded)), variable="stage"
    )
    drawn = handles[0].get_xdata()
    assert any(abs(x - first["estimate"].iloc[0]) < 1e-12 for x in drawn)


def test_bland_altman_draws_bins_only(bundled: Study) -> None:
    """Each panel has the points of its series and no other; a source without the number says so."""
    protocol, rows = get_rows(bundled)
    series = bundled[2]["03_agreement"]
    figure = render_bland_altman(rows, series, protocol, language="en")
    bins = select_rows(series, metric="difference_by_size")
    if protocol.reference is not None:
        bins = select_rows(bins, comparator=protocol.reference.name)
    drawn = sum(len(line.get_xdata()) for ax in figure.axes for line in ax.lines if line.get_marker() == "o")
    assert drawn == len(bins)
    empty = len(figure.axes) - len(bins.drop_duplicates(["source", "variable"])) if len(bins) else 0
    assert sum(any(text.get_text() == "–" for text in ax.texts) for ax in figure.axes) == empty


def test_the_worst_stratum_is_named(bundled: Study) -> None:
    """One column per attribute but the centre; the cell names the stratum and gives its simultaneous bounds."""
    protocol, _ = get_rows(bundled)
    if is_reading(protocol):
        pytest.skip("no strata")
    key = {"source": "ai_a", "comparator": "reference", "variable": "stage", "level": 0.95}
    made = derive_table([
        build_row("worst_stratum_error_rate", 0.2, lower=0.1, upper=0.3, stratum_by="document_quality", term="scanned",
                  **key),
        build_row("worst_stratum_error_rate", 0.4, lower=0.1, upper=0.7, stratum_by="centre", term="C01", **key),
    ])  # fmt: skip
    table = render_worst_stratum_table(made, protocol, language="en")
    assert table.rows == [["Stage", "AI A", "–", "Scanned · 20.0% (10.0 to 30.0)"]]
