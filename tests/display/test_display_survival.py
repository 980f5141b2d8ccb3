"""Tables, figures and sentences of replication: plain, weighted, with competing events, with crossing hazards."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from test_display_pieces import assert_texts, find_cut_labels

from probatio.display import curves, proportionality, survival, weighting
from probatio.display.table import Table
from probatio.protocol import Language, Protocol
from probatio.replication import Replication
from probatio.results import select_rows
from probatio.wording import read_word
from survival_study import BY_STAGE, OS, build_protocol, build_records, run, simulate

NAMES = {"plain": ("Survival by stage", "Survie selon le stade"),
         "weighted": ("Survival by stage, weighted for age", "Survie selon le stade, pondérée sur l'âge"),
         "whole": ("Time to next treatment in the whole cohort", "Délai jusqu'au traitement suivant, toute la cohorte"),
         "stay": ("Time on treatment in the whole cohort", "Durée de traitement, toute la cohorte")}  # fmt: skip
Study = tuple[Protocol, pd.DataFrame, pd.DataFrame]


def name(analysis: str) -> dict[str, object]:
    """Return the name and label of an analysis."""
    return {"name": analysis, "label": dict(zip(("en", "fr"), NAMES[analysis], strict=True))}


@pytest.fixture(scope="module")
def study() -> Study:
    """Two compared sources: two analyses by group, one weighted, and two of the whole cohort with competing events."""
    patients, values = simulate(5, 160)
    rng = np.random.default_rng(5)
    patients["age"] = (60 + 5 * (values["registry", "stage"] == "III") + 8 * rng.normal(size=160)).round(1)
    patients["status"] = np.where(
        (patients["status"] == "alive") & (rng.random(160) < 0.5), "moved", patients["status"]
    )
    competing = OS | {"name": "competing", "competing_values": ["moved"]}
    whole = {"endpoint": "competing", "terms": [], "landmarks": [5, 10]}
    age = [*BY_STAGE["terms"], {"variable": "age", "per": 10}]
    protocol = build_protocol(
        BY_STAGE | name("plain"), BY_STAGE | name("weighted") | {"terms": age, "weighting": "overlap"},
        BY_STAGE | name("whole") | whole, BY_STAGE | name("stay") | whole, endpoints=(OS, competing),
    )  # fmt: skip
    made: Replication = run(build_records(patients, values), protocol, replicates=60)
    return protocol, made.rows, made.series


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_figure_is_whole(study: Study, language: Language) -> None:
    """No figure cuts a label, in either language, for all analyses or a single one."""
    protocol, rows, series = study
    made = [
        curves.render_survival_curves(rows, series, protocol, language=language),
        curves.render_survival_curves(rows, series, protocol, language=language, analysis="plain"),
        curves.render_difference_curves(rows, series, protocol, language=language),
        proportionality.render_hazard_courses(rows, series, protocol, language=language),
        survival.render_hazard_forest(rows, protocol, language=language),
        weighting.render_balance(rows, protocol, language=language),
    ]
    for figure in made:
        assert isinstance(figure, Figure)
        assert find_cut_labels(figure) == []


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_table_is_whole(study: Study, language: Language) -> None:
    """Every table has texts only, and a line per source of every analysis that it is of."""
    protocol, rows, _ = study
    lines = {
        survival.render_survival_table: 2 * 2 * 3,
        survival.render_incidence_table: 2 * 2 * 2,
        survival.render_hazard_table: 2 * (1 + 2),
        survival.render_replication_table: 1 + 1,
        proportionality.render_proportionality_table: 2 * (2 + 3),
        weighting.render_weighted_table: 2,
        weighting.render_weights_table: 2 * 2,
    }
    for render, number in lines.items():
        table = render(rows, protocol, language=language)
        assert isinstance(table, Table)
        assert_texts(table)
        assert len(table.rows) == number, render


def test_a_single_analysis_shows_its_differences(study: Study) -> None:
    """Drawn alone, an analysis has curves, numbers at risk and differences, per group; with others no differences."""
    protocol, rows, series = study
    alone = curves.render_survival_curves(rows, series, protocol, language="en", analysis="plain")
    assert len(alone.axes) == 6
    together = curves.render_survival_curves(rows, series, protocol, language="en")
    assert len(together.axes) == 2 * 6  # three rows of two panels, each with its numbers at risk
    differences = curves.render_difference_curves(rows, series, protocol, language="en")
    assert len(differences.axes) == 3 * 2


def test_numbers_at_risk_are_those_of_the_series(study: Study) -> None:
    """The first number of each line is the group's size, per source."""
    protocol, rows, series = study
    figure = curves.render_survival_curves(rows, series, protocol, language="en", analysis="plain")
    shown = [text.get_text() for text in figure.axes[2].texts]
    own = select_rows(rows, metric="events", analysis="plain", term="early", stratum_by="")
    sizes = [select_rows(own, source=source)["n"].iloc[0] for source in ("registry", "ai")]
    per_line = len(shown) // 2
    assert [shown[0], shown[per_line]] == [str(size) for size in sizes]


def test_an_open_comparison_names_the_patients(study: Study) -> None:
    """The conclusion table holds the numbers of the rows: difference, margin, patients for either power."""
    protocol, rows, _ = study
    table = survival.render_replication_table(rows, protocol, language="en")
    line = next(row for row in table.rows if row[0] == NAMES["plain"][0])
    needed = select_rows(rows, analysis="plain", metric="patients_needed", stratum_by="").set_index("at")["estimate"]
    conclusion = select_rows(rows, analysis="plain", metric="conclusion", stratum_by="").iloc[0]
    assert line[4] == "Log hazard ratio, ± 0.140"
    if conclusion["unit"] == "inconclusive":
        assert line[-1] == f"{needed['0.8']:,.0f}; {needed['0.9']:,.0f}"
    text = " ".join(survival.describe_replication(rows, protocol, language="en"))
    assert "If the two sources truly agreed" in text
    assert "not proportional" not in text


def test_hazards_not_proportional_are_told() -> None:
    """Where the check rejects, the table says that the restricted mean decides, and the sentence why."""
    patients, values = simulate(2, 300, share_wrong=0.04)
    late = values["registry", "stage"] == "III"
    rng = np.random.default_rng(3)
    patients["days"] = np.where(late, rng.weibull(0.6, 300) * 8, rng.weibull(3.0, 300) * 10)  # hazards cross
    patients["status"] = "dead"
    protocol = build_protocol(BY_STAGE | {"rmst_margin": 2.0})
    rows, _ = run(build_records(patients, values), protocol, replicates=60)
    (line,) = survival.render_replication_table(rows, protocol, language="fr").rows
    assert line[3] == "Différence de moyenne restreinte à 10 jours, ± 2"
    ratios = survival.render_hazard_table(rows, protocol, language="fr").rows
    assert all(line[2].endswith("risques non proportionnels") for line in ratios)
    assert "ne sont pas proportionnels" in survival.describe_replication(rows, protocol, language="fr")[1]


def test_nothing_to_draw_is_said() -> None:
    """A study without curves, courses or weights gets a notice, not an empty figure or an error."""
    protocol = build_protocol(BY_STAGE)
    empty, series = select_rows(run_one(), analysis="none"), pd.DataFrame()
    made = {
        "curves": curves.render_survival_curves(empty, series, protocol, language="fr"),
        "difference_curves": curves.render_difference_curves(empty, series, protocol, language="fr"),
        "hazard_courses": proportionality.render_hazard_courses(empty, series, protocol, language="fr"),
        "balance": weighting.render_balance(empty, protocol, language="fr"),
    }
    for caption, figure in made.items():
        assert read_word("caption", caption, "fr")[1:] in figure.axes[0].texts[0].get_text()


def run_one() -> pd.DataFrame:
    """Return the rows of a small study."""
    patients, values = simulate(1, 40)
    return run(build_records(patients, values), build_protocol(BY_STAGE), replicates=10).rows
