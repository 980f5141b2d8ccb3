"""Charts and tables of routine use: whole, worded, and an alarm seen without colour."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from matplotlib.figure import Figure
from test_display_pieces import find_cut_labels

from monitored_study import build_protocol, build_values, get_row, watch
from probatio.display.monitoring import (
    describe_monitoring,
    render_alarm_table,
    render_cusum,
    render_p_chart,
    render_run_length_table,
)
from probatio.measures.monitoring import derive_monitoring_series
from probatio.protocol import Protocol
from probatio.results import select_rows

Made = tuple[pd.DataFrame, pd.DataFrame, Protocol]


@pytest.fixture(scope="module")
def risen() -> Made:
    """5 % in six batches of forty, of which four are the baseline; then 25 % twice, then none; weight stays calm."""
    calm = ["C" * 38 + "WW"] * 6
    stage, patients = build_values([*calm, "C" * 30 + "W" * 10, "C" * 30 + "W" * 10, "C" * 40])
    steady = build_values(["C" * 38 + "WW"] * 9)[0].assign(variable="weight")
    protocol = build_protocol(baseline=4)
    rows = watch([], protocol, pairs=pd.concat([stage, steady]), patients=patients)
    return rows, derive_monitoring_series(rows, protocol), protocol


def find_marks(figure: Figure) -> dict[str, int]:
    """Return how many points are drawn with each marker, hollow circles apart."""
    found: dict[str, int] = {}
    for line in (line for ax in figure.axes for line in ax.get_lines()):
        hollow = line.get_markerfacecolor() == "white"
        if line.get_marker() not in ("None", None, ""):
            name = f"{line.get_marker()} hollow" if hollow else str(line.get_marker())
            found[name] = found.get(name, 0) + len(line.get_xdata())
    return found


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("render", [render_p_chart, render_cusum])
@pytest.mark.parametrize("variable", ["", "stage"])
def test_figures_cut_no_label(risen: Made, render: object, language: str, variable: str) -> None:
    """Ticks, titles, axis and legend lie within the figure in both languages."""
    rows, series, protocol = risen
    assert find_cut_labels(render(rows, series, protocol, language=language, variable=variable)) == []


def test_batches_of_the_p_chart_are_told_apart_by_shape(risen: Made) -> None:
    """Four hollow circles of the baseline, three batches within limits, two triangles above."""
    rows, series, protocol = risen
    assert find_marks(render_p_chart(rows, series, protocol, language="en", variable="stage")) == {
        "o hollow": 4, "o": 3, "^": 2,
    }  # fmt: skip


def test_the_cusum_shows_alarms_and_its_limit(risen: Made) -> None:
    """Monitored batches only; as many triangles as signals; the limit at the row's height."""
    rows, series, protocol = risen
    figure = render_cusum(rows, series, protocol, language="en", variable="stage")
    signals = select_rows(rows, metric="cusum_signal", variable="stage", status="ok")["estimate"]
    marks = find_marks(figure)
    assert (marks["^"], marks["o"]) == (int(signals.sum()), int((signals == 0).sum()))
    limit = get_row(rows, "cusum_limit")["estimate"]
    assert any(list(line.get_ydata()) == [limit, limit] for line in figure.axes[0].get_lines())


def test_axes_name_batches_and_metric(risen: Made) -> None:
    """Ticks are the windows in order, the axis the attribute, each panel its source, in the language."""
    rows, series, protocol = risen
    for language, period, source in (("en", "Period", "The AI"), ("fr", "Période", "L'IA")):
        (ax,) = render_p_chart(rows, series, protocol, language=language, variable="stage").axes
        assert [text.get_text() for text in ax.get_xticklabels()] == [f"w{place:04d}" for place in range(9)]
        assert ax.get_xlabel() == period
        assert ax.get_title(loc="left") == source


def test_the_baseline_is_shaded_whole_though_a_batch_of_it_is_suppressed() -> None:
    """Two batches of the baseline, the first too small to be shown: the shade still ends after the second."""
    protocol = build_protocol()
    rows = watch(["W" * 5, "C" * 18 + "WW", "C" * 20], protocol)
    (ax,) = render_p_chart(rows, derive_monitoring_series(rows, protocol), protocol, language="en").axes
    (shade,) = ax.patches
    assert (shade.get_x(), shade.get_x() + shade.get_width()) == (0.5, 2.5)


def test_a_study_without_monitoring_says_so() -> None:
    """Figures are a notice, tables and sentences are empty."""
    protocol = build_protocol({"monitoring": None})
    rows = watch(["C" * 20], protocol)
    series = derive_monitoring_series(rows, protocol)
    figure = render_p_chart(rows, series, protocol, language="en")
    assert "Nothing to show" in figure.axes[0].texts[0].get_text()
    assert not render_run_length_table(rows, protocol, language="en").rows
    assert not render_alarm_table(rows, protocol, language="fr").rows
    assert describe_monitoring(rows, protocol, language="fr") == []


def test_run_lengths_stand_for_each_chart_with_their_interval(risen: Made) -> None:
    """Three lines, p-chart, CUSUM and both, with the numbers of the rows of all variables together."""
    rows, _, protocol = risen
    table = render_run_length_table(rows, protocol, language="en")
    assert [line[3] for line in table.rows] == ["p-chart", "CUSUM", "both"]
    row = select_rows(rows, metric="arl_in_control", variable="", method="cusum_p_chart_clustered").iloc[0]
    assert table.rows[2][4].startswith(f"{row['estimate']:,.1f} ({row['lower']:,.1f} to ")


def test_only_variables_with_an_alarm_or_without_a_chart_are_listed(risen: Made) -> None:
    """Stage raised alarms, weight did not; a variable without an error in its baseline is listed with the reason."""
    rows, _, protocol = risen
    (line,) = render_alarm_table(rows, protocol, language="en").rows
    signal = get_row(rows, "monitoring_signal")
    assert line[:4] == ["Stage", "The AI", "Error", f"{signal['k']} / {signal['n']}"]
    silent = watch(["C" * 20] * 4)
    assert render_alarm_table(silent, build_protocol(), language="en").rows[0][3] == "no events"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_sentences_read_their_numbers_from_rows(risen: Made, language: str) -> None:
    """One sentence for all variables together, one for the variables; a declared rate has no worst case."""
    rows, _, protocol = risen
    pooled, single = describe_monitoring(rows, protocol, language=language)
    signal = select_rows(rows, metric="monitoring_signal", variable="").iloc[0]
    assert str(signal["k"]) in pooled
    assert ("1 of 2" if language == "en" else "1 sur 2") in single
    assert "nan" not in pooled + single
    declared = build_protocol(baseline=None, in_control={"error_rate": 0.05})
    told = describe_monitoring(watch(["C" * 38 + "WW"] * 3, declared), declared, language=language)
    assert "(" not in told[0]
    assert math.isnan(select_rows(watch(["C" * 38 + "WW"] * 3, declared), metric="arl_in_control")["lower"].iloc[0])
