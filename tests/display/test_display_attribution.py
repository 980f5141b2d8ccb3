"""Figure, table and sentences of attribution say what the rows say, in French and English."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from test_display_pieces import assert_texts, find_cut_labels

from attributed_study import ANALYSIS, DATED, HAZARD, attribute, pick, simulate_dated
from probatio.display.attribution import (
    describe_attribution,
    render_attribution_figure,
    render_attribution_table,
    word_quantity,
)
from probatio.protocol import Protocol
from probatio.results import Reason, Status
from survival_study import BY_STAGE, build_patients, build_protocol, build_records, simulate

LANGUAGES = ("en", "fr")


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    """Survival by stage, from dates."""
    return build_protocol(ANALYSIS, endpoints=(DATED,))


@pytest.fixture(scope="module")
def rows(protocol: Protocol) -> pd.DataFrame:
    """Errors in stage and dates, patients missing in either source."""
    return attribute(simulate_dated(11, missing=6), protocol)


@pytest.fixture(scope="module")
def undefined(protocol: Protocol) -> pd.DataFrame:
    """An AI that dates no death at all."""
    records = simulate_dated(12)
    lines = records.records
    dated = (lines["source"] == "ai") & (lines["variable"] == "death")
    return attribute(replace(records, records=lines[~dated]), protocol)


def find_bars(figure: Figure) -> list[tuple[float, float]]:
    (ax,) = figure.axes
    return [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]


@pytest.mark.parametrize("language", LANGUAGES)
def test_waterfall_leads_from_one_estimate_to_the_other(rows: pd.DataFrame, protocol: Protocol, language: str) -> None:
    """Bars join end to end, from the comparator's hazard ratio to the source's, each as long as its share."""
    figure = render_attribution_figure(rows, protocol, language=language)
    bars = find_bars(figure)
    start = pick(rows, "attribution_start")["estimate"]
    shift = pick(rows, "shift", stratum_by="patients")["estimate"]
    assert bars[0][0] == pytest.approx(math.exp(start))
    assert bars[-1][1] == pytest.approx(math.exp(start + shift))
    assert [one[1] for one in bars[:-1]] == pytest.approx([two[0] for two in bars[1:]])
    names = ["", "stage", "start", "death", "last_news"]
    shares = [pick(rows, "shapley", variable=name)["estimate"] for name in names[1:]]
    lengths = [math.log(end / begin) for begin, end in bars]
    assert lengths == pytest.approx([pick(rows, "selection", variable="")["estimate"], *shares], abs=1e-9)
    assert find_cut_labels(figure) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_table_holds_every_part(rows: pd.DataFrame, protocol: Protocol, language: str) -> None:
    """A line per part and one for the whole; the percentages shown add up to a hundred."""
    table = render_attribution_table(rows, protocol, language=language)
    assert_texts(table)
    assert len(table.rows) == 6
    shown = [line[5].replace("\u202f", "").replace("−", "-").strip("%") for line in table.rows[:-1]]
    assert sum(int(text) for text in shown) == pytest.approx(100, abs=2)


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentence_names_the_largest_part(rows: pd.DataFrame, protocol: Protocol, language: str) -> None:
    """One sentence per source: the shift, the largest part with its share, how few patients carry it."""
    (text,) = describe_attribution(rows, protocol, language=language)
    largest = max(("stage", "start", "death", "last_news"),
                  key=lambda name: abs(pick(rows, "shapley", variable=name)["estimate"]))  # fmt: skip
    share = pick(rows, "shapley_share", variable=largest)["estimate"]
    assert f"{round(100 * share)}" in text
    assert str(int(pick(rows, "carriers", method="half")["estimate"])) in text
    assert text.endswith(".")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_cannot_be_attributed_is_said(undefined: pd.DataFrame, protocol: Protocol, language: str) -> None:
    """Without an estimate the figure holds the reason instead of bars, and the sentence too."""
    figure = render_attribution_figure(undefined, protocol, language=language)
    assert find_bars(figure) == []
    assert figure.axes[0].texts
    (text,) = describe_attribution(undefined, protocol, language=language)
    assert ("cannot be attributed" if language == "en" else "non attribuable") in text
    assert_texts(render_attribution_table(undefined, protocol, language=language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_shift_is_no_share(protocol: Protocol, language: str) -> None:
    """Equal sources: the sentence says that there is nothing to share out, and no percentage is shown."""
    rows = attribute(simulate_dated(13, wrong=()), protocol)
    (text,) = describe_attribution(rows, protocol, language=language)
    assert "%" not in text
    assert ("nothing to share out" if language == "en" else "rien à répartir") in text
    assert find_cut_labels(render_attribution_figure(rows, protocol, language=language)) == []


def test_cancelling_parts_give_no_percentage(rows: pd.DataFrame, protocol: Protocol) -> None:
    """Where parts cancel, the sentence names the largest and says so."""
    shares = rows["metric"].isin(["shapley_share", "selection_share"])
    none = {"estimate": np.nan, "status": str(Status.NOT_ESTIMABLE), "reason": str(Reason.NO_SHIFT)}
    cancelling = rows.assign(**{name: rows[name].where(~shares, value) for name, value in none.items()})
    (text,) = describe_attribution(cancelling, protocol, language="en")
    assert "cancel in part" in text
    assert "%" not in text


def test_several_analyses_share_no_scale() -> None:
    """A line of panels per analysis, a panel per source; a mean survival is drawn in days."""
    patients, values = simulate(14, 80)
    values["manual", "stage"] = values["ai", "stage"]
    by_weight = BY_STAGE | {"name": "two", "terms": [{"variable": "weight", "per": 10}]}
    for source in ("registry", "ai"):
        values[source, "weight"] = [str(50 + (7 * row) % 40) for row in range(80)]
    values["ai", "weight"][3] = "200"
    protocol = build_protocol(BY_STAGE | {"sources": ["registry", "manual", "ai"]}, by_weight)
    rows = attribute(build_records(patients, values), protocol)
    figure = render_attribution_figure(rows, protocol, language="fr")
    assert [bool(ax.patches) for ax in figure.axes] == [True, True, True, False]
    assert find_cut_labels(figure) == []
    assert len(describe_attribution(rows, protocol, language="fr")) == 3


def test_nothing_compared_is_a_notice() -> None:
    """A study without sources has a notice, no table and no sentence."""
    analysis = BY_STAGE | {"terms": [{"variable": "sex", "groups": {"M": ["M"], "F": ["F"]}}], "sources": [],
                           "comparator": None}  # fmt: skip
    protocol = build_protocol(analysis)
    rows = attribute(build_records(build_patients(20), {}), protocol)
    assert render_attribution_figure(rows, protocol, language="fr").axes[0].texts
    assert render_attribution_table(rows, protocol, language="fr").rows == []
    assert describe_attribution(rows, protocol, language="fr") == []


@pytest.mark.parametrize(("term", "words"), [
    (HAZARD, "Log hazard ratio, x: late"), ("log_hazard_ratio:weight=per 1", "Log hazard ratio, x"),
    ("rmst", "Restricted mean survival time (days)")])  # fmt: skip
def test_numbers_are_worded(protocol: Protocol, term: str, words: str) -> None:
    """The number that moves is named in words."""
    assert word_quantity(term, protocol, "en") == words
