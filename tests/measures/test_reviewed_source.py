"""A source after review is one more arm, and no technology: what takes it, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from test_leading_runs import DRAWS, NO_FLOW, RUNS, Study, _select

from demo_study import read_demo
from probatio.comparison import Comparison, compare, list_sides
from probatio.measures.cells import derive_cells
from probatio.measures.cohort import OVERLAP_JOIN, estimate_cohort
from probatio.measures.heterogeneity import estimate_heterogeneity
from probatio.measures.latent_class import estimate_latent_class
from probatio.measures.monitoring import estimate_monitoring
from probatio.measures.paired import METRICS, estimate_differences
from probatio.measures.readers import estimate_readers
from probatio.protocol import Protocol
from probatio.records import Records

REVIEWED = "ai_a_reviewed"
MEASURES: dict[str, Callable[[Records, Protocol, Comparison], pd.DataFrame]] = {
    "readers": lambda records, protocol, _: estimate_readers(records, protocol, draws=DRAWS),
    "latent classes": lambda records, protocol, _: estimate_latent_class(records, protocol, draws=DRAWS),
}
TWO = ("sex", "brain_mets")


@pytest.fixture(scope="module")
def studies() -> tuple[Study, Study]:
    """A few variables of the bundled study with the source after review, and without it."""
    protocol, records = read_demo()
    every = {source.name for source in protocol.sources} - RUNS
    few = protocol.model_copy(update={"variables": [v for v in protocol.variables if v.name in TWO]})
    tables = {name: getattr(records, name) for name in ("records", "assessments")}
    kept = replace(records, **{name: table[table["variable"].isin(TWO)] for name, table in tables.items()})
    return _select(kept, few, every), _select(kept, few, every - {REVIEWED})


@pytest.fixture(scope="module")
def compared(studies: tuple[Study, Study]) -> tuple[Comparison, Comparison]:
    """Their main comparisons."""
    return compare(*studies[0]), compare(*studies[1])


@pytest.mark.parametrize("name", MEASURES)
def test_what_takes_sources_for_a_vote_leaves_it_out(
    studies: tuple[Study, Study], compared: tuple[Comparison, Comparison], name: str
) -> None:
    """The rows of a study with reviewed data are those of the same study without them."""
    both = zip(studies, compared, strict=True)
    having, lacking = (MEASURES[name](*study, comparison) for study, comparison in both)
    pd.testing.assert_frame_equal(having, lacking)
    assert len(having)


def test_it_is_watched_in_routine_like_any_other(
    studies: tuple[Study, Study], compared: tuple[Comparison, Comparison]
) -> None:
    """Batch after batch its error is charted, without which no use that asks for stability could accept it."""
    having, lacking = (estimate_monitoring(each, study[1]) for each, study in zip(compared, studies, strict=True))
    signals = having[(having["metric"] == "monitoring_signal") & (having["source"] == REVIEWED)]
    assert set(TWO) <= set(signals["variable"])
    others = having[having["source"] != REVIEWED].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, lacking.reset_index(drop=True))


def test_it_is_no_competing_technology(studies: tuple[Study, Study], compared: tuple[Comparison, Comparison]) -> None:
    """Its error varies between centres like any other's; no difference between technologies is about it."""
    rows = estimate_heterogeneity(compared[0], studies[0][1])
    assert (rows["source"] == REVIEWED).any()
    between = rows[rows["comparator"].isin(["ai_a", "ai_b", "manual", REVIEWED])]
    assert len(between)
    assert REVIEWED not in {*between["source"], *between["comparator"]}


def test_it_delivers_where_what_it_comes_from_does(studies: tuple[Study, Study]) -> None:
    """The overlap of sources is that of those that looked into the documents."""
    rows: list[dict[str, Any]] = estimate_cohort(*studies[0], comparison_flow=NO_FLOW)
    terms = {row["term"] for row in rows if row["analysis"] == "overlap"}
    assert terms
    assert not any(REVIEWED in term.split(OVERLAP_JOIN) for term in terms)


def test_it_is_compared_with_the_reference_and_with_manual_collection(
    studies: tuple[Study, Study], compared: tuple[Comparison, Comparison]
) -> None:
    """Two sides of its own, and a paired difference with the manual collection that is judged."""
    protocol = studies[0][1]
    sides = {(side.comparator, side.kind) for side in list_sides(protocol) if side.source == REVIEWED}
    assert sides == {("reference", "error"), ("manual", "agreement")}
    cells = derive_cells(compared[0].pairs, compared[0].patients, protocol, unit="patient")
    rows = pd.concat(estimate_differences(cells, protocol, level=0.95, unit="patient"))
    own = rows[(rows["source"] == REVIEWED) & (rows["metric"].isin(METRICS)) & (rows["variable"] == "brain_mets")]
    assert set(own.loc[own["metric"] == "error_difference", "status"]) == {"ok"}
    assert set(own["comparator"]) == {"manual"}


def test_it_moves_no_other_source(compared: tuple[Comparison, Comparison]) -> None:
    """Pairs of the other sources are the same, with the same weights."""
    others = compared[0].pairs[compared[0].pairs["source"] != REVIEWED].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, compared[1].pairs)
