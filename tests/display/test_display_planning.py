"""The plan's table and curves show what the rows say."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from probatio.display.export import write_figure
from probatio.display.planning import describe_plan, render_needed_table, render_plan_table, render_power_curve
from probatio.planning import derive_power_curves, estimate_planning
from probatio.protocol import Protocol, read_protocol
from probatio.results import derive_series, derive_table

Plan = tuple[Protocol, pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def plan() -> Plan:
    protocol = read_protocol(Path(__file__).parents[2] / "protocol" / "demo.yaml")
    return protocol, derive_table(estimate_planning(protocol)), derive_series(derive_power_curves(protocol))


def test_variables_with_the_same_numbers_share_a_line(plan: Plan) -> None:
    """Every variable, use and criterion is on exactly one line, and every use x variable has one binding mark."""
    protocol, rows, _ = plan
    table = render_plan_table(rows, protocol, language="en")
    steering = [row for row in table.rows if row[0] == "Steering"]
    stage = [row[5:8] for row in steering if row[1] == "Stage"]  # completeness, error, omission
    assert stage == [
        ["206", "229", ""],
        ["316", "352", "●"],
        ["206", "229", ""],
    ]
    assert len({(row[0], row[1], row[2], row[6]) for row in table.rows}) == len(table.rows)
    groups = {(row[0], row[1], row[7]) for row in table.rows if row[7]}
    planned = [row for row in table.rows if row[5] != "–"]  # what has no size may be shared by other variables
    assert {group[:2] for group in groups} == {(row[0], row[1]) for row in planned}


def test_the_most_demanding_criterion_stands_for_its_variables(plan: Plan) -> None:
    """The short table holds the marked lines of the long one, each number of patients once per use."""
    protocol, rows, _ = plan
    long = render_plan_table(rows, protocol, language="en").rows
    marked = {(row[0], row[2], row[6], row[8]) for row in long if row[7]}
    use, short = "", set()
    for row in render_needed_table(rows, protocol, language="en").rows:
        use = row[0] or use
        short.add((use, row[2], row[5], row[6]))
    assert short == marked
    assert len(short) == len(render_needed_table(rows, protocol, language="en").rows)


def test_what_cannot_be_planned_is_worded(plan: Plan) -> None:
    """A row without a size shows its reason where the number would stand, in the reader's language."""
    protocol, *_ = plan
    planning = protocol.planning
    assert planning is not None
    kept = [a for a in planning.alternatives if "events" not in a.types]
    fewer = protocol.model_copy(update={"planning": planning.model_copy(update={"alternatives": kept})})
    table = render_plan_table(derive_table(estimate_planning(fewer)), fewer, language="fr")
    said = [row[6] for row in table.rows if row[1].startswith("événements")]
    assert set(said) == {"pas d'hypothèse de planification pour cette mesure"}


def test_sentences_carry_the_numbers(plan: Plan) -> None:
    """One sentence per use and one on centres, with numbers of the rows, in both languages."""
    protocol, rows, _ = plan
    english = list(describe_plan(rows, protocol, language="en"))
    assert len(english) == 4
    assert "648 patients would give 90%" in english[0]
    assert "2.1% – 11.4%; 9 are needed" in english[-1]
    assert all("{" not in text for text in [*english, *describe_plan(rows, protocol, language="fr")])


def test_curves_are_drawn_the_same_every_time(plan: Plan, tmp_path: Path) -> None:
    """A panel per use, equal curves once, the same bytes twice."""
    protocol, _, series = plan
    figures = [render_power_curve(series, protocol, language="fr") for _ in range(2)]
    assert [ax.get_title(loc="left") or ax.get_title() for ax in figures[0].axes] == [
        "Pilotage", "Recherche", "Appui réglementaire",
    ]  # fmt: skip
    assert all(len(ax.lines) < 20 for ax in figures[0].axes)
    one, two = (write_figure(f, tmp_path / name)[0].read_bytes() for f, name in zip(figures, "ab", strict=True))
    assert one == two


def test_no_curve_is_a_notice(plan: Plan) -> None:
    """A study without a plan gets a small figure that says so."""
    protocol, _, series = plan
    figure = render_power_curve(series.iloc[:0], protocol, language="en")
    assert figure.get_size_inches()[1] < 1
