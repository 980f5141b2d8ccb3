"""Figures, tables and sentences on the tolerance say what their rows say, in both languages."""

from __future__ import annotations

import pandas as pd
import pytest

from probatio.display import tolerance
from probatio.protocol import Language, Protocol
from probatio.results import build_row, derive_table, select_rows
from tolerance_study import build_study, build_tolerant, tolerate

Made = tuple[Protocol, pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def made() -> Made:
    protocol = build_tolerant(tolerance={"margins": {"research": 1.15, "regulatory": 1.05}},
                              uses=["research", "regulatory"])  # fmt: skip
    rows, series = tolerate(build_study(), protocol)
    return protocol, rows, series


def test_the_table_holds_the_worst_mechanism(made: Made) -> None:
    """One line per kind of error, one column per use, numbers of the rows named `worst`."""
    protocol, rows, _ = made
    table = tolerance.render_tolerable_table(rows, protocol, language="en")
    worst = select_rows(rows, metric="tolerable_error", at="worst", use="research")
    assert len(table.rows) == worst["term"].nunique()
    line = next(line for line in table.rows if line[1] == "Omission")
    row = select_rows(worst, term="omission").iloc[0]
    assert f"{100 * row['estimate']:.1f}%" in line[2]


def test_an_open_limit_is_marked() -> None:
    """Where the largest error tested is borne, the cell says at least so much."""
    row = build_row("tolerable_error_rate", 0.3, lower=0.3, reason="beyond_grid")
    assert tolerance.read_bound(row, "fr") == "≥ 30,0\u202f%"
    silent = build_row("tolerable_error_rate", status="not_estimable", reason="no_events")
    assert tolerance.read_bound(silent, "en") == "no events"


@pytest.mark.parametrize("language", ["fr", "en"])
def test_figures_draw_every_variable(made: Made, language: Language) -> None:
    """A panel per variable of two groups, a curve per variable, the declared probability among the contours."""
    protocol, rows, series = made
    surface = tolerance.render_tolerance_surface(rows, series, protocol, language=language)
    assert len([ax for ax in surface.axes if ax.axison]) == 1
    curves = tolerance.render_tolerance_curves(rows, series, protocol, language=language)
    assert len(curves.axes) == 3
    assert curves.axes[0].lines[0].get_ydata()[0] == 1.0


def test_a_worst_curve_is_the_lowest_of_its_mechanisms() -> None:
    """At each error the lowest probability, as far as every mechanism was tested."""
    points = pd.DataFrame({"at": ["a", "a", "b", "b", "b"], "stratum": "", "x": [0.1, 0.2, 0.1, 0.2, 0.3],
                           "y": [0.9, 0.4, 0.8, 0.6, 0.5]})  # fmt: skip
    assert tolerance.derive_worst_curve(points).to_numpy().tolist() == [[0.1, 0.8], [0.2, 0.4]]


def test_observed_errors_stand_beside_what_is_borne(made: Made) -> None:
    """The one figure that reads extracted data marks each source's error and a bound per use."""
    protocol, rows, _ = made
    error = build_row("error_rate", 0.1, lower=0.05, upper=0.2, source="ai", comparator="registry", variable="stage",
                      method="wilson", level=0.95, n=100)  # fmt: skip
    figure = tolerance.render_observed_figure(rows, derive_table([error]), protocol, language="en")
    (ax,) = figure.axes
    assert ax.lines[0].get_xdata().tolist() == [0.1]
    bounds = select_rows(rows, metric="tolerable_error_rate", use="research")["lower"].tolist()
    assert ax.collections[1].get_segments()[0][0][0] == pytest.approx(bounds[0])


@pytest.mark.parametrize("language", ["fr", "en"])
def test_sentences_name_the_variable_that_bears_least(made: Made, language: Language) -> None:
    """A sentence on what was asked, one per use, with the numbers of the rows."""
    protocol, rows, _ = made
    said = tolerance.describe_tolerance(rows, protocol, language=language)
    assert len(said) == 1 + len(protocol.uses)
    cited = select_rows(rows, metric="tolerable_error_rate", use="research").iloc[0].to_dict()
    assert tolerance.read_bound(cited, language) in said[1]


def test_a_study_without_tolerance_shows_nothing() -> None:
    """No table, no sentence, and figures that say so."""
    protocol = build_tolerant().model_copy(update={"tolerance": None})
    rows, series = tolerate(build_study(20), protocol)
    assert rows.empty
    assert not tolerance.render_tolerable_table(rows, protocol, language="fr").rows
    assert not tolerance.render_cited_table(rows, protocol, language="fr").rows
    assert tolerance.describe_tolerance(rows, protocol, language="fr") == []
    assert tolerance.render_tolerance_surface(rows, series, protocol, language="fr").axes
