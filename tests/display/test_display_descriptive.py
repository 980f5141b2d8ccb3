"""Response, adverse events and characteristics are drawn whole, worded, and say what the rows say."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.figure import Figure
from test_display_pieces import assert_texts, find_cut_labels

from demo_study import read_demo
from descriptive_study import EVENTS, PATIENTS, RESPONSE, build_protocol, build_records, run
from probatio.display.adverse_events import (
    describe_adverse_events,
    render_adverse_event_difference_table,
    render_adverse_event_figure,
    render_adverse_event_table,
    render_worst_grade_figure,
)
from probatio.display.descriptive import (
    describe_descriptive,
    render_characteristics_by_source_table,
    render_descriptive_plan_table,
    render_response_table,
)
from probatio.protocol import Language, Protocol
from probatio.replication import estimate_descriptive
from probatio.resampling import Draws

TABLES = (render_response_table, render_adverse_event_table, render_adverse_event_difference_table,
          render_characteristics_by_source_table)  # fmt: skip
Study = tuple[Protocol, pd.DataFrame]


@pytest.fixture(scope="module")
def demo() -> Study:
    """The bundled study's descriptive results, with few replicates."""
    protocol, records = read_demo()
    return protocol, estimate_descriptive(records, protocol, draws=Draws(1, "all", "patient", 100))


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("render", TABLES)
def test_tables_are_whole(demo: Study, render, language: Language) -> None:
    """Every cell is a text, none a bare NaN; every table has lines."""
    protocol, rows = demo
    assert_texts(render(rows, protocol, language=language))


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("render", [render_adverse_event_figure, render_worst_grade_figure])
def test_figures_cut_no_label(demo: Study, render, language: Language) -> None:
    """Every label of a figure stands inside it."""
    protocol, rows = demo
    made = render(rows, protocol, language=language)
    assert isinstance(made, Figure)
    assert find_cut_labels(made) == []


@pytest.mark.parametrize("language", ["fr", "en"])
def test_sentences_end(demo: Study, language: Language) -> None:
    """Prose is made of whole sentences without a code of ours."""
    protocol, rows = demo
    said = describe_descriptive(rows, protocol, language=language) + describe_adverse_events(
        rows, protocol, language=language
    )
    assert len(said) == 9 + 6 + 6 + 4 + 3
    assert all(sentence.endswith(".") and "_" not in sentence and "nan" not in sentence for sentence in said)


def test_the_tables_say_what_the_rows_say() -> None:
    """Ten patients, four and five responders: the line of the AI holds rate, three differing patients and verdict."""
    values = {("reference", "response"): ["CR", "PR", "PR", "PR", "SD", "SD", "PD", "PD", "NE", None],
              ("ai", "response"): ["PR", "PR", "PR", "SD", "SD", "PR", "PD", None, "NE", "PR"]}  # fmt: skip
    protocol = build_protocol(RESPONSE)
    table = render_response_table(run(build_records(10, values), protocol), protocol, language="en")
    base, line = table.rows
    assert base[1:4] == ["x", *["40.0% (12.2 to 73.8), n = 10"] * 2]
    assert list(base[4:]) == ["–"] * 4
    assert (line[3], line[4], line[6], line[7]) == ("50.0% (18.7 to 81.3), n = 10", "3", "± 5%", "Inconclusive")
    assert line[5].startswith("+10.0% (")


def test_events_are_drawn_from_the_most_frequent() -> None:
    """Lines go from all events to the rarest of the comparator, a threshold below each."""
    told = [(0, "1", "rash", "1", "no"), (1, "1", "rash", "3", "no"), (2, "1", "nausea", "2", "yes")]
    protocol = build_protocol(EVENTS)
    rows = run(build_records(4, {}, {"reference": told, "ai": told}), protocol)
    table = render_adverse_event_table(rows, protocol, language="en")
    assert [line[0].strip("\u2003") for line in table.rows] == [
        "Patients treated", "Any adverse event", "Grade 3 or worse", "Serious",
        "rash", "Grade 3 or worse", "Serious", "nausea", "Grade 3 or worse", "Serious",
    ]  # fmt: skip
    assert table.rows[1][1] == "3 (75.0%)"


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_study_without_results_has_nothing_to_show(language: Language) -> None:
    """Tables are empty, figures are a notice, and there is no sentence."""
    protocol = build_protocol()
    rows = run(build_records(3), protocol)
    assert all(not render(rows, protocol, language=language).rows for render in TABLES)
    assert describe_descriptive(rows, protocol, language=language) == []
    for render in (render_adverse_event_figure, render_worst_grade_figure):
        assert find_cut_labels(render(rows, protocol, language=language)) == []


def test_a_source_never_asked_shows_dashes() -> None:
    """A number that nobody asked of the AI is a dash in its column, not a zero."""
    values = {("reference", "weight@access"): ["60", "70", "80"]}
    protocol = build_protocol(PATIENTS)
    rows = run(build_records(3, values, not_assessed=[("ai", "weight")]), protocol)
    table = render_characteristics_by_source_table(rows, protocol, language="en")
    cells = {line[0].strip("\u2003"): list(line[1:]) for line in table.rows}
    assert cells["Median [quartiles]"] == ["70.0 [65.0–75.0]", "–"]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_plan_names_both_conventions(demo: Study, language: Language) -> None:
    """The table of what is declared says for each rate what becomes of missing and not evaluable values."""
    table = render_descriptive_plan_table(demo[0], language=language)
    assert_texts(table)
    denominators = [line[2] for line in table.rows]
    assert denominators[0] == denominators[2] != denominators[1]
    assert all("NE" in text for text in denominators[:3])
    assert [line[4] for line in table.rows][-1] == "–"


def test_terms_of_events_are_worded(demo: Study) -> None:
    """A level of an event's attribute is shown in the reader's language, as one of a variable is."""
    protocol, rows = demo
    words = {language: [line[0] for line in render_adverse_event_table(rows, protocol, language=language).rows]
             for language in ("fr", "en")}  # fmt: skip
    assert "Diarrhée" in words["fr"]
    assert "Diarrhoea" in words["en"]
