"""Figures, tables and sentences on targeted review say what their rows say, in both languages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from probatio.display import review, review_queue
from probatio.display.table import Table
from probatio.protocol import Language, Protocol
from probatio.results import build_row, derive_series, derive_table, select_rows
from probatio.review.reasons import QueueReason
from survival_study import LABEL, build_protocol

KEY: dict[str, Any] = {"source": "ai", "use": "research", "unit": "proportion"}
TABLES = (review.render_effort_table, review.render_comparison_table, review.render_best_table,
          review.render_reviewer_table, review_queue.render_queue_table, review_queue.render_hits_table)  # fmt: skip
Made = tuple[Protocol, pd.DataFrame, pd.DataFrame]


def bound(metric: str, estimate: float, **more: Any) -> dict[str, Any]:
    """A row with an interval of two points to each side."""
    given = KEY | {"lower": estimate - 0.02, "upper": estimate + 0.02, "n": 1200, "k": 34} | more
    return build_row(metric, estimate, **given)


def build_rows(difference: float = -0.04) -> pd.DataFrame:
    """Rows of a queue and of the effort, written by hand."""
    rows = [bound("error_after_review", 0.08 - 0.01 * at, term=order, at=f"{at / 10:g}")
            for order in ("doubtful", "gain", "stated", "random", "oracle") for at in (0, 3, 10)]  # fmt: skip
    rows += [
        build_row("review_minutes_per_patient", 4.0 * at, **KEY | {"at": f"{at / 10:g}", "unit": "minutes"})
        for at in (0, 3, 10)
    ]
    rows += [bound("error_after_review_difference", difference, term="doubtful_random", at="0.3"),
             bound("error_after_review_difference", -0.03, term="doubtful", comparator="manual", at="0.3"),
             bound("best_share", 0.2, term="doubtful"), bound("lowest_error", 0.039, term="doubtful"),
             build_row("share_matching", 0.1, lower=0.05, upper=np.inf, term="doubtful", comparator="manual", **KEY),
             build_row("share_matching", term="random", comparator="manual", status="not_estimable",
                       reason="not_reached", **KEY),
             bound("best_share", 1.0, term="random"), bound("lowest_error", 0.07, term="random"),
             bound("error_without_review", 0.09, **{"source": "manual"}),
             bound("reviewer_error", 0.05, term="absent", comparator="manual"),
             bound("reviewer_error", 0.05, term="right", comparator="manual")]  # fmt: skip
    for variable in ("", "stage", "weight"):
        rows += [build_row("queued_share", 0.3, n=12000, k=3600, **KEY | {"variable": variable}),
                 build_row("expected_errors", 12.34, **KEY | {"variable": variable, "unit": "errors"}),
                 build_row("expected_errors_share", 0.9, **KEY | {"variable": variable}),
                 *(build_row("queue_reason_share", 0.25, n=3600, k=900,
                             **KEY | {"variable": variable, "term": str(code)}) for code in QueueReason)]  # fmt: skip
    rows += [bound(name, 0.4, at="0.5") for name in ("queue_precision", "queue_lift", "queue_recall")]
    rows += [build_row("review_minutes", 7200.0, **KEY | {"unit": "minutes"}),
             build_row("error_consequence", 0.05, **KEY | {"variable": "stage", "at": "m1"}),
             build_row("error_consequence", 0.5, **KEY | {"variable": "stage", "at": "access"})]  # fmt: skip
    return derive_table(rows)


@pytest.fixture(scope="module")
def made() -> Made:
    declared = {"source": "ai", "budget": {"share": 0.3}, "justification": LABEL}
    x = np.linspace(0, 1, 11)
    curves = [pd.DataFrame({"x": x, "y": 0.08 - 0.01 * x, "lower": 0.05, "upper": 0.1}).assign(
        metric="error_after_review", term=order, source="ai", use="research")
        for order in ("doubtful", "gain", "stated", "random", "oracle")]  # fmt: skip
    return build_protocol(review=declared), build_rows(), derive_series(pd.concat(curves))


def read_texts(figure: Any) -> set[str]:
    """Every text of a figure's axes and legends."""
    found = {text.get_text() for ax in figure.axes for text in ax.texts}
    return found | {text.get_text() for legend in figure.legends for text in legend.get_texts()}


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_curve_shows_all_orders_minutes_and_manual(made: Made, language: Language) -> None:
    """Five orders and the manual collection in the legend, minutes on an axis above, the difference at its arrow."""
    protocol, rows, series = made
    figure = review.render_effort_figure(rows, series, protocol, language=language)
    ax = figure.axes[0]
    upper = ax.child_axes[0]
    assert upper.get_xlabel()
    figure._repr_png_()
    assert upper.get_xlim()[1] == pytest.approx(40), "40 minutes for all values"
    texts = read_texts(figure)
    assert {read for read in texts if "4" in read and "−" in read}
    assert len(figure.legends[0].get_texts()) == 6
    lines = [line for line in ax.get_lines() if len(line.get_xdata()) == 11]
    assert len(lines) == 5


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_queue_shows_every_reason_in_words(made: Made, language: Language) -> None:
    """No bare code on an axis; one column per reason, one line per variable."""
    protocol, rows, _ = made
    figure = review_queue.render_queue_figure(rows, protocol, language=language)
    left, right = figure.axes
    assert len(left.get_yticks()) == 2
    labels = [label.get_text() for label in right.get_xticklabels()]
    assert len(labels) == len(QueueReason)
    assert not any("_" in label for label in labels)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_tables_hold_the_numbers_of_the_rows(made: Made, language: Language) -> None:
    """Errors by share, differences, best shares, reviewers, queue and hits: one line per row, no code shown."""
    protocol, rows, _ = made
    tables = [render(rows, protocol, language=language) for render in TABLES]
    assert [len(table.rows) for table in tables] == [3, 2, 2, 2, 3, 1]
    assert all(isinstance(table, Table) and "_" not in repr(table) for table in tables)
    mark = "," if language == "fr" else "."
    assert f"5{mark}0" in tables[0].rows[1][2]
    assert "∞" in tables[2].rows[0][3]
    assert tables[2].rows[1][3] in ("non atteint", "not reached")
    assert tables[4].rows[1][-1].startswith("5")
    assert "–50" in tables[4].rows[1][-1], "consequence differs between visits"


@pytest.mark.parametrize(
    ("difference", "word"),
    [(-0.04, "plus faible, au-delà du hasard"), (0.04, "plus forte, au-delà du hasard"), (0.01, "non tranché")],
)
def test_the_sentence_says_what_the_interval_allows(made: Made, difference: float, word: str) -> None:
    """Lower or higher only where the whole interval is; else not settled."""
    said = review.describe_review(build_rows(difference), made[0], language="fr")
    assert word in said[1]
    assert "3\u202f600" in said[0]
    assert "120 heures" in said[0]
    assert len(said) == 4
    assert not any("{" in sentence for sentence in said)


def test_without_review_a_notice_stands_in(made: Made) -> None:
    """A study without review, or without curve, says so; tables are empty, sentences none."""
    _, _, series = made
    protocol, nothing = build_protocol(), derive_table([])
    assert review.render_effort_figure(nothing, series[:0], protocol, language="fr").axes[0].texts
    assert review_queue.render_queue_figure(nothing, protocol, language="fr").axes[0].texts
    for render in TABLES:
        assert render(nothing, protocol, language="en").rows == []
    assert review.describe_review(nothing, protocol, language="en") == []
    assert select_rows(nothing, metric="x").empty
