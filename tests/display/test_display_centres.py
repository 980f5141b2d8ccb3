"""The forest by centre and its table: whole, worded, reproducible, and honest about what is missing."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from test_display_pieces import find_cut_labels

from probatio.display.centre_tables import (
    render_leave_one_out_table,
    render_secondary_table,
    render_technology_table,
)
from probatio.display.centres import render_centre_forest, render_heterogeneity_table
from probatio.display.export import write_figure
from probatio.measures.heterogeneity import estimate_heterogeneity
from probatio.protocol import Protocol
from probatio.results import select_rows

sys.path.insert(0, str(Path(__file__).parents[1] / "measures"))

from agreement_study import LABEL, build_outcomes, build_patients, build_protocol


def build(events: dict[str, list[int]], sizes: list[int], *, nested: bool = False) -> tuple[pd.DataFrame, Protocol]:
    """Rows of sources with those errors in each centre."""
    attributes = {"tumour": {"label": LABEL, "column": "tumour"}}
    strata = ["tumour", "centre"] if nested else ["centre"]
    protocol = build_protocol(patients={"file": {"path": "p.csv"}, "attributes": attributes}, stratify_by=strata)
    centre = np.repeat([f"K{i:02d}" for i in range(len(sizes))], sizes)
    texts = {s: "".join("W" * k + "C" * (n - k) for k, n in zip(ks, sizes, strict=True)) for s, ks in events.items()}
    pairs = pd.concat([build_outcomes(t, source=s, variable="weight").assign(centre=centre) for s, t in texts.items()])
    pairs = pairs.reset_index(drop=True)
    tumour = np.where(centre < "K03", "LIHC", "PAAD") if nested else "x"
    patients = build_patients(pairs, centre=centre, tumour=tumour)
    return estimate_heterogeneity(SimpleNamespace(pairs=pairs, patients=patients), protocol), protocol


@pytest.fixture(scope="module")
def made() -> tuple[pd.DataFrame, Protocol]:
    return build({"ai": [2, 9, 4, 12, 3, 2], "manual": [1, 2, 0, 2, 0, 1]}, [40, 60, 35, 50, 30, 5])


@pytest.mark.parametrize("language", ["en", "fr"])
def test_forest_is_whole(made: tuple[pd.DataFrame, Protocol], language: str) -> None:
    """No label is cut; each shown centre has its line, suppressed ones none, then the median and the new centre."""
    figure = render_centre_forest(*made, language=language)  # type: ignore[arg-type]
    assert find_cut_labels(figure) == []
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels[:5] == ["K00", "K01", "K02", "K03", "K04"]
    assert len(labels) == 7
    assert len(figure.axes) == 2


def test_forest_shows_the_rows_numbers(made: tuple[pd.DataFrame, Protocol]) -> None:
    """Filled points are the shrunken rates of the rows, hollow ones the observed rates."""
    rows, protocol = made
    figure = render_centre_forest(rows, protocol, language="en", variable="weight")
    shrunken = select_rows(rows, metric="shrunken_error_rate", source="ai", status="ok")
    drawn = [np.asarray(line.get_xdata(), dtype=float) for ax in figure.axes for line in ax.lines]
    assert any(len(x) == 5 and np.allclose(x, shrunken["estimate"]) for x in drawn)
    assert any(len(x) == 5 and np.allclose(x, (shrunken["k"] / shrunken["n"]).astype(float)) for x in drawn)


def test_table_names_the_worst_centre_and_few_events(made: tuple[pd.DataFrame, Protocol]) -> None:
    """One line per source; the worst centre by name; a dagger where the errors are few."""
    table = render_heterogeneity_table(*made, language="en")
    assert len(table.rows) == 2
    few, enough = ([row for row in table.rows if ("†" in row[4]) is flag] for flag in (True, False))
    assert (len(few), len(enough)) == (1, 1)
    assert enough[0][7].startswith("K03 · 24.0%")
    assert not any(text in ("nan", "<NA>", "None") for row in table.rows for text in row)


def test_nested_centres_have_a_line_per_stratum() -> None:
    """Overall the reason, then each tumour type; the forest is drawn within one of them."""
    rows, protocol = build({"ai": [4, 6, 9, 15, 12, 20]}, [40] * 6, nested=True)
    table = render_heterogeneity_table(rows, protocol, language="en")
    assert [row[2] for row in table.rows] == ["–", "LIHC", "PAAD"]
    assert table.rows[0][4] == "centres nested in case mix"
    labels = [t.get_text() for t in render_centre_forest(rows, protocol, language="en", stratum="PAAD").axes[0].get_yticklabels()]  # noqa: E501  # fmt: skip
    assert labels[:3] == ["K03", "K04", "K05"]


def test_nothing_to_draw_is_said() -> None:
    """A study of one centre has a notice instead of a forest, and its table says why."""
    rows, protocol = build({"ai": [3]}, [40])
    assert render_centre_forest(rows, protocol, language="fr").get_size_inches()[1] == pytest.approx(0.6)
    assert render_heterogeneity_table(rows, protocol, language="en").rows[0][4] == "too few clusters"


def test_forest_bytes_are_reproducible(made: tuple[pd.DataFrame, Protocol], tmp_path: Path) -> None:
    """Drawn twice, the forest has the same bytes."""
    digests = [
        [hashlib.sha256(path.read_bytes()).hexdigest() for path in write_figure(figure, tmp_path / turn)]
        for turn in ("first", "second")
        if (figure := render_centre_forest(*made, language="fr"))
    ]
    assert digests[0] == digests[1]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_leaving_a_centre_out_names_it(made: tuple[pd.DataFrame, Protocol], language: str) -> None:
    """The lowest and highest median centre are those of the rows, with the centre that was left out."""
    rows, protocol = made
    table = render_leave_one_out_table(rows, protocol, language=language)  # type: ignore[arg-type]
    assert len(table.rows) == 2
    left = select_rows(rows, metric="leave_one_out_error_rate", source="ai", status="ok").sort_values("estimate")
    assert table.rows[-1][5].endswith(f"({left['term'].iloc[0]})")
    assert table.rows[-1][6].endswith(f"({left['term'].iloc[-1]})")
    assert table.rows[-1][3] == str(len(left))


def test_the_secondary_model_is_shown_where_it_holds() -> None:
    """With 10 errors in each centre it has a line with I2 and Q, without them none."""
    many, protocol = build({"ai": [12, 19, 14, 22, 13]}, [40, 60, 45, 50, 40])
    line = render_secondary_table(many, protocol, language="en").rows
    assert len(line) == 1
    q = select_rows(many, metric="centre_q_error_rate", status="ok")["estimate"].iloc[0]
    assert line[0][6] == f"{q:.2f}"
    few, protocol = build({"ai": [2, 9, 4, 12, 3]}, [40, 60, 35, 50, 30])
    assert render_secondary_table(few, protocol, language="en").rows == []


def test_two_sources_centre_by_centre(made: tuple[pd.DataFrame, Protocol]) -> None:
    """The extreme differences name their centre; with fewer than ten centres the odds ratio says why it is missing."""
    rows, protocol = made
    (line,) = render_technology_table(rows, protocol, language="en").rows
    by_centre = select_rows(rows, metric="centre_difference_error_rate", status="ok").sort_values("estimate")
    assert line[3] == str(len(by_centre)) == "5"
    assert line[5].endswith(f"({by_centre['stratum'].iloc[0]})")
    assert line[6].endswith(f"({by_centre['stratum'].iloc[-1]})")
    assert not line[4][0].isdigit()
