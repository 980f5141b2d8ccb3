"""Tables, figure and sentence of what people reviewed say what the rows say, in both languages."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "review"))

from reviewed_study import get_row, read_reviewed
from test_reviewed_rows import DRAWS, ROWS

from probatio.display.reviewed import (
    describe_review,
    render_override_table,
    render_reading_table,
    render_review_effect,
)
from probatio.display.style import darken, source_colours
from probatio.review.reviewed_rows import estimate_review
from probatio.wording import format_percent


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Protocol and rows of the study of sixteen values."""
    protocol, records, comparison = read_reviewed(tmp_path_factory.mktemp("shown"), ROWS)
    return protocol, estimate_review(records, comparison, protocol, draws=DRAWS)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_table_of_overrides_has_a_line_per_variable_and_one_for_all(study, language):
    """Reviewed of how many, changed, confirmed, introduced, wrong after: as in the rows."""
    protocol, rows = study
    table = render_override_table(rows, protocol, language=language)
    assert len(table.rows) == 3
    whole = table.rows[-1]
    assert whole[1].startswith("12 / 16")
    assert whole[2].startswith(format_percent(8 / 12, language))
    assert whole[3].startswith(format_percent(1 / 7, language))
    assert whole[4].startswith(format_percent(2 / 5, language))
    assert whole[5].startswith(format_percent(3 / 12, language))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_table_of_readings_says_each_number_once(study, language):
    """No two lines have the same name and class; kappa is no percentage, minutes are a whole number."""
    protocol, rows = study
    table = render_reading_table(rows, protocol, language=language)
    names = [tuple(row[:2]) for row in table.rows]
    assert len(names) == len(set(names))
    shown = {row[0]: row[3] for row in table.rows}
    kappa = next(text for name, text in shown.items() if "κ" in name)
    assert "%" not in kappa
    minutes = get_row(rows, "review_minutes")["estimate"]
    assert str(int(minutes)) in shown.values()
    assert not any("_" in text for row in table.rows for text in row)


def test_the_figure_shows_the_error_before_and_after(study):
    """Both sources have a point per variable and for all, at the rows' estimates, in related colours."""
    protocol, rows = study
    figure = render_review_effect(rows, protocol, language="en")
    before, after = (figure.axes[1].collections[place].get_offsets()[:, 0] for place in (1, 3))
    assert before.max() == pytest.approx(get_row(rows, "error_rate", source="model", variable="v")["estimate"])
    assert after[-1] == pytest.approx(get_row(rows, "error_rate", source="checked")["estimate"])
    colours = source_colours(protocol)
    assert colours["checked"] == darken(colours["model"])
    assert len({*colours.values()}) == len(colours)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_sentence_reads_the_rows(study, language):
    """One sentence per source after review, with the error before and after and no place left empty."""
    protocol, rows = study
    (said,) = describe_review(rows, protocol, language=language)
    assert "{" not in said
    assert format_percent(8 / 16, language) in said
    assert format_percent(4 / 15, language) in said


def test_a_study_without_review_has_nothing_to_show(study):
    """Empty tables, no sentence, and a figure that says so."""
    protocol, rows = study
    empty = rows[:0]
    assert render_override_table(empty, protocol, language="fr").rows == []
    assert render_reading_table(empty, protocol, language="fr").rows == []
    assert describe_review(empty, protocol, language="fr") == []
    assert len(render_review_effect(empty, protocol, language="fr").axes) == 1


def test_a_darkened_colour_has_half_the_light():
    """Each of red, green and blue is halved, rounded down."""
    assert darken("#D55E00") == "#6A2F00"
    assert darken("#FFFFFF") == "#7F7F7F"
