"""Figures, tables and sentences of confidence: worded in both languages, drawn from rows and curves alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from probatio.confidence.estimating import estimate_confidence, estimate_confidence_series
from probatio.display.confidence import (
    TERMS,
    describe_confidence,
    render_confidence_table,
    render_confidence_text,
    render_gap_figure,
    render_recalibration_table,
    render_reliability_figure,
    render_reliability_panels,
)
from probatio.display.coverage import (
    describe_costs,
    render_cost_figure,
    render_cost_table,
    render_risk_coverage_figure,
)
from probatio.protocol import Language
from probatio.resampling import Draws
from probatio.results import select_rows
from probatio.wording import has_word, read_word
from scored_study import Demo, make_protocol, make_scored

LANGUAGES: tuple[Language, ...] = ("en", "fr")
DRAWS = Draws(seed=1, frame="all", unit="patient", replicates=100)


def test_every_metric_and_term_is_worded(demo: Demo) -> None:
    """No bare code reaches a reader."""
    assert [name for name in sorted(set(demo.rows["metric"])) if not has_word("metric", name)] == []
    assert [name for name in TERMS if not has_word("recalibration", name)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_figure_is_drawn_and_speaks_the_language(demo: Demo, language: Language) -> None:
    """A panel per source, or per stratum; axes are labelled."""
    protocol, rows, series = demo.protocol, demo.rows, demo.series
    axis = read_word("figure", "stated_probability", language)
    reliability = render_reliability_figure(rows, series, protocol, language=language)
    assert reliability._supxlabel.get_text() == axis  # type: ignore[attr-defined]
    assert len(reliability.axes) == 4
    for by, panels in (("centre", 10), ("document_type", 9)):
        figure = render_reliability_panels(series, protocol, language=language, by=by)
        assert sum(ax.get_visible() for ax in figure.axes) == panels
    assert len(render_gap_figure(rows, protocol, language=language).axes) == 2
    assert len(render_risk_coverage_figure(rows, series, protocol, language=language).axes) == 2
    assert len(render_cost_figure(rows, series, protocol, language=language).axes) == 2


def test_a_cell_of_the_heat_table_is_the_gap_in_points(demo: Demo) -> None:
    """Bold where the interval excludes 0, nothing where there are too few patients."""
    figure = render_gap_figure(demo.rows, demo.protocol, language="en")
    gaps = select_rows(
        demo.rows, analysis="reliability", metric="confidence_gap", source="ai_a", variable="", status="ok"
    )
    gaps = gaps[gaps["stratum_by"].isin(["centre", "document_type", "centre_document_type", ""])]
    sure = int(((gaps["lower"] > 0) | (gaps["upper"] < 0)).sum())
    texts = figure.axes[0].texts
    assert len(texts) == len(gaps)
    assert sum(text.get_fontweight() == "bold" for text in texts) == sure > 0
    assert sorted(float(text.get_text().replace("−", "-")) for text in texts) == sorted(
        np.round(100 * gaps["estimate"]) + 0.0
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_tables_hold_what_rows_say(demo: Demo, language: Language) -> None:
    """Four scores per source; variables and all together; costs before and after."""
    recalibration = render_recalibration_table(demo.rows, demo.protocol, language=language)
    assert [row[1] for row in recalibration.rows] == 2 * [read_word("recalibration", t, language) for t in TERMS]
    table = render_confidence_table(demo.rows, demo.protocol, language=language)
    assert len(table.rows) == len(select_rows(demo.rows, analysis="reliability", metric="ece", stratum_by=""))
    assert len(render_cost_table(demo.rows, demo.protocol, language=language).rows) == 4


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_say_which_way_confidence_errs(demo: Demo, language: Language) -> None:
    """On the whole, by centre, after recalibration, and the cheapest share."""
    said = describe_confidence(demo.rows, demo.protocol, language=language)
    assert len(said) == 6
    assert ("under-confident" if language == "en" else "trop prudente") in said[0]
    assert all(sentence.endswith(".") for sentence in said)
    assert render_confidence_text(demo.rows, demo.protocol, language=language).rows == [[one] for one in said]
    assert len(describe_costs(demo.rows, demo.protocol, language=language)) == 2


@pytest.mark.parametrize("shift", [1.5, 0.0])
def test_an_over_confident_source_is_said_to_be_and_a_calibrated_one_is_not(shift: float) -> None:
    """The side is that of the interval."""
    protocol = make_protocol("reference", "ai")
    rows = estimate_confidence(make_scored(150, 6, shifts=(shift,)), protocol, draws=DRAWS)
    said = describe_confidence(rows, protocol, language="en")[0]
    assert ("is over-confident" if shift else "neither over- nor under-confident") in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_where_nothing_can_be_said_there_is_a_notice_and_a_reason(language: Language) -> None:
    """No confidence, no agreement: figures are notices, the sentence gives the reason, tables are empty."""
    protocol = make_protocol("reference", "ai")
    silent = make_scored(30, 3).assign(confidence=np.nan, score=np.nan)
    rows = estimate_confidence(silent, protocol, draws=DRAWS)
    series = estimate_confidence_series(silent, protocol, draws=DRAWS)
    notices = [
        render_reliability_figure(rows, series, protocol, language=language),
        render_reliability_panels(series, protocol, language=language),
        render_gap_figure(rows, protocol, language=language),
        render_risk_coverage_figure(rows, series, protocol, language=language),
        render_cost_figure(rows, series, protocol, language=language),
    ]
    assert {figure.get_size_inches()[1] for figure in notices} == {0.6}
    said = describe_confidence(rows, protocol, language=language)
    assert len(said) == 1
    assert read_word("reason", "no_confidence", language) in said[0]
    assert render_cost_table(rows, protocol, language=language).rows == []
    assert render_recalibration_table(rows, protocol, language=language).rows == []
    assert describe_costs(rows, protocol, language=language) == []
    assert isinstance(series, pd.DataFrame)
