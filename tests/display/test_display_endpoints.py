"""Tables of estimands, endpoints and follow-up, and the flow between cohorts: complete, worded, from rows only."""

from __future__ import annotations

import pytest

from probatio.display.endpoints import (
    ATTRIBUTES,
    render_cohort_flow_figure,
    render_cohort_flow_table,
    render_ended_by_table,
    render_endpoint_table,
    render_estimand_table,
)
from probatio.replication import FLOW
from probatio.results import build_row, derive_table
from survival_study import BY_STAGE, LABEL, OS, build_patients, build_protocol, build_records, run

NEWS = {"date": "last_news", "reason": "news", "label": {"en": "News", "fr": "Nouvelles"}}
PFS = {"name": "pfs", "label": {"en": "PFS", "fr": "SSP"}, "origin": "start", "events": ["relapse", "death"],
       "censoring": [NEWS], "cut_off": "2024-06-30", "entry": "start",
       "competing": [{"date": "death", "reason": "other", "label": {"en": "Other", "fr": "Autre"}}]}  # fmt: skip
DECLARED = {"population": {"en": "All of them", "fr": "Tous"},
            "intercurrent_events": [{"event": {"en": "Stop", "fr": "Arrêt"}, "strategy": "composite",
                                     "how": {"en": "It counts", "fr": "Il compte"}}]}  # fmt: skip
SOURCES = {"sources": ["registry", "ai"], "comparator": "registry"}


def protocol():
    whole = {"name": "whole", "label": {"en": "Whole", "fr": "Entier"}, "endpoint": "pfs", **SOURCES}
    return build_protocol(BY_STAGE | {"estimand": DECLARED}, whole, endpoints=(OS, PFS))


def test_an_estimand_says_what_is_declared_and_what_is_not():
    """Declared attributes stand as they are; others are told from the analysis, or said not to be declared."""
    table = render_estimand_table(protocol(), language="en")
    assert len(table.rows) == 2 * len(ATTRIBUTES)
    first = {row[1]: row[2] for row in table.rows[:5]}
    assert first["Population"] == "All of them"
    assert first["Intercurrent events"] == "Stop (composite): it counts"
    assert first["Treatment or contrast"] == "x: late / early (from the analysis's declarations)"
    assert first["Summary measure"].startswith("hazard ratio; restricted mean survival (from")
    second = [row[2] for row in render_estimand_table(protocol(), language="fr", analysis="whole").rows]
    assert second == ["Cohorte (d'après les déclarations de l'analyse)", "non déclaré",
                      "SSP (d'après les déclarations de l'analyse)",
                      "Autre (sous traitement ou en vie) (d'après les déclarations de l'analyse)",
                      "incidence cumulée, les autres événements étant compétitifs "
                      "(d'après les déclarations de l'analyse)"]  # fmt: skip


def test_an_endpoint_says_how_it_is_made():
    """Time zero, events, competing events, censoring, entry and cut-off, from either form."""
    timed, dated = render_endpoint_table(protocol(), language="en").rows
    assert timed == ["x", "x", "x: dead", "–", "Censored", "–"]
    assert dated == ["PFS", "x", "x", "Other", "News", "from x, until 2024-06-30"]


@pytest.fixture(scope="module")
def rows():
    """Rows of one analysis in which the AI loses and gains patients."""
    patients = build_patients(8, days=[3.0, 4, 5, 6, 7, 8, 9, 10], status=["dead", "alive"] * 4)
    stages = {("registry", "stage"): ["I", "III", "I", "III", "I", "III", "I", None],
              ("ai", "stage"): ["I", "III", "I", "III", "I", None, None, "I"]}  # fmt: skip
    return run(build_records(patients, stages), build_protocol(BY_STAGE), replicates=100).rows


def test_the_flow_table_adds_up(rows):
    """Comparator's patients less the lost are the kept, and the kept with the gained are the source's."""
    (line,) = render_cohort_flow_table(rows, build_protocol(BY_STAGE), language="en").rows
    assert line == ["x", "x", "7", "2 (term or stratum unknown: 2)", "5", "1 (term or stratum unknown: 1)", "6"]


def test_follow_up_is_told_by_reason(rows):
    """Each reason has its line, each source its column, of its own complete patients."""
    table = render_ended_by_table(rows, build_protocol(BY_STAGE), language="fr")
    assert [row[1] for row in table.rows] == ["Événement", "Censure"]
    assert [row[2:] for row in table.rows] == [["4 (57\u202f%)", "3 (50\u202f%)"], ["3 (43\u202f%)", "3 (50\u202f%)"]]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_figure_draws_every_patient(rows, language):
    """Bars left of zero are the lost, right of it the kept and the gained."""
    figure = render_cohort_flow_figure(rows, build_protocol(BY_STAGE), language=language)
    (ax,) = figure.axes
    widths = [patch.get_width() for patch in ax.patches]
    assert sum(width for width in widths if width < 0) == -2
    assert sum(width for width in widths if width > 0) == 6
    assert {text.get_text() for text in ax.texts} == {"5", "2", "1"}


def test_nothing_to_draw_is_said():
    """A study without compared sources has a notice instead of a figure."""
    empty = derive_table([build_row("count", 1.0, analysis="by_stage")])
    figure = render_cohort_flow_figure(empty, build_protocol(BY_STAGE), language="en")
    assert "flow" in figure.axes[0].texts[0].get_text().lower()
    assert render_cohort_flow_table(empty, build_protocol(BY_STAGE), language="en").rows == []


def test_large_flows_keep_every_reason():
    """Every reason of the flow is drawn and named, none is left out of the legend."""
    lines = [build_row("cohort_flow", 10.0, analysis="by_stage", source="ai", comparator="registry", term=term, n=50,
                       k=10, stratum_by="patients", stratum="own") for term in FLOW]  # fmt: skip
    figure = render_cohort_flow_figure(derive_table(lines), build_protocol(BY_STAGE), language="en")
    assert len(figure.legends[0].get_texts()) == 1 + (len(FLOW) - 1) // 2
    assert LABEL["en"] in figure.axes[0].get_title(loc="left")
