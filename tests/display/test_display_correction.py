"""Corrections as drawn and said: methods side by side, what is assumed, and plain words where there is nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from probatio.display.correction import (
    ASSUMPTIONS,
    METHODS,
    describe_correction,
    render_assumption_table,
    render_corrected_numbers,
    render_correction_forest,
    render_correction_table,
    render_correction_text,
    render_split_table,
)
from probatio.protocol import Language, Protocol
from probatio.results import build_row, derive_table, select_rows
from probatio.wording import has_word, read_word
from survival_study import BY_STAGE, LABEL, build_protocol

Study = tuple[Protocol, dict[str, pd.DataFrame], dict[str, pd.DataFrame]]
PROTOCOL = build_protocol(
    BY_STAGE,
    corrections=[
        {"name": "parts", "label": LABEL, "analysis": "by_stage", "source": "ai", "labelled": {"share": 0.25}}
    ],
)
KEY = {"analysis": "by_stage", "source": "ai", "comparator": "registry", "stratum_by": "correction",
       "stratum": "parts", "variable": "stage", "term": "late"}  # fmt: skip


def build_rows(*, width: float = 0.9, assumed: float = 1.0) -> pd.DataFrame:
    """Return rows of one correction with round numbers."""
    methods = {"reference_all": 2.0, "labelled_only": 1.8, "naive": 1.5, "predict_then_debias": 1.9,
               "predict_then_debias_finite": 1.9}  # fmt: skip
    rows = [build_row("hazard_ratio", value, lower=value / 1.5, upper=value * 1.5, method=method, n=100, k=40, **KEY)
            for method, value in methods.items()]  # fmt: skip
    rows += [build_row("log_hazard_ratio", np.log(value), method=method, **KEY) for method, value in methods.items()]
    behind = {"relative_width": width, "influence_correlation": 0.75}
    reason = "no_gain" if width >= 1 else ""
    for name, value in behind.items():
        said = reason if name == "relative_width" else ""
        rows.append(build_row(f"log_hazard_ratio_{name}", value, method="predict_then_debias", reason=said, **KEY))
    for method, wide in (("labelled_only_finite", 1.5), ("predict_then_debias_finite", 1.2)):
        rows.append(
            build_row("log_hazard_ratio_coverage", 0.95, lower=0.9, upper=0.98, n=200, k=190, method=method, **KEY)
        )
        rows += [build_row(f"log_hazard_ratio_{name}", value, n=200, method=method, **KEY)
                 for name, value in (("mean", 0.6), ("spread", 0.3), ("width", wide))]  # fmt: skip
    named = {name: value for name, value in KEY.items() if name not in ("variable", "term")}
    rows.append(build_row("assumption", assumed, term="enough_events", k=3, n=40, **named))
    rows.append(build_row("assumption", term="same_extractor", status="not_estimable", reason="not_declared", **named))
    return derive_table(rows)


def test_every_method_and_assumption_is_worded() -> None:
    """No bare code reaches a reader, and the worst label still fits its column."""
    assert [name for name in METHODS if not has_word("correction", name)] == []
    assert [name for name in ASSUMPTIONS if not has_word("assumption", name)] == []


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_first_sentence_states_what_is_assumed(language: Language) -> None:
    """Assumptions come before any number; then the three ratios, the gain, and the known answer."""
    said = describe_correction(build_rows(), PROTOCOL, language=language)
    assert ("suppose" if language == "fr" else "assumes") in said[0]
    assert not any(character.isdigit() for character in said[0])
    ratios = ("1,80", "1,50", "1,90") if language == "fr" else ("1.80", "1.50", "1.90")
    assert all(ratio in said[2] for ratio in ratios)
    assert "10" in said[3]
    assert "200" in said[4]
    assert all(sentence.endswith(".") for sentence in said)


def test_no_gain_is_said() -> None:
    """A relative width of 1 or more: the source brings nothing, in words and not as a negative percentage."""
    said = describe_correction(build_rows(width=1.02), PROTOCOL, language="en")
    assert any("bring no gain" in sentence for sentence in said)
    assert not any("-2" in sentence or "−2" in sentence for sentence in said)


def test_an_assumption_spoken_against_is_named() -> None:
    """The sentence names it; the table says so beside its evidence."""
    rows = build_rows(assumed=0.0)
    assert "enough events" in describe_correction(rows, PROTOCOL, language="en")[1]
    table = {row[1]: row[2:] for row in render_assumption_table(rows, PROTOCOL, language="en").rows}
    assert table[read_word("assumption", "enough_events", "en")] == ["spoken against", "3/40"]
    assert table[read_word("assumption", "same_extractor", "en")][0].startswith("cannot be told")


def test_splits_are_told_beside_the_known_answer() -> None:
    """Log of the reference's ratio, mean, spread and width, and how often intervals hold it."""
    table = render_split_table(build_rows(), PROTOCOL, language="en")
    assert len(table.rows) == 2
    assert table.rows[0][2:6] == ["0.693", "0.600", "0.300", "1.500"]


def test_the_forest_has_a_line_per_method_and_a_panel_per_coefficient() -> None:
    """Methods in one order, from the reference on all down; hollow marks for these very patients."""
    figure = render_correction_forest(build_rows(), PROTOCOL, language="en")
    (ax,) = figure.axes
    labels = [tick.get_text() for tick in ax.get_yticklabels()]
    assert labels == [read_word("correction", name, "en") for name in METHODS if name in set(build_rows()["method"])
                      and name != "labelled_only_finite"]  # fmt: skip
    faces = [line.get_markerfacecolor() for line in ax.lines if line.get_marker() not in ("None", "")]
    assert faces.count("white") == 1


def test_readings_without_truth_are_told_so(bundled: Study) -> None:
    """The lung study says that a correction does not apply; the demonstration has both its technologies."""
    protocol, rows, _ = bundled
    own = rows["05_correction"]
    said = describe_correction(own, protocol, language="en")
    table = render_correction_table(own, protocol, language="en")
    if protocol.reference is None:
        assert said == [read_word("sentence", "no_correction_readings", "en")]
        assert not table.rows
        assert render_correction_text(own, protocol, language="en").rows == [said]
        return
    terms = select_rows(own, metric="hazard_ratio")[["stratum", "variable", "term", "method"]].drop_duplicates()
    assert len(table.rows) == len(terms)
    assert {row[0] for row in table.rows} - {""} == {
        protocol.get_source(each.source).label.en for each in protocol.corrections
    }
    assert len(render_corrected_numbers(own, protocol, language="en").rows) > 8
