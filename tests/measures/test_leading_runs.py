"""Further runs of a technology move no number but those of repeatability, which has them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from demo_study import read_demo
from probatio.acceptance import estimate_acceptance
from probatio.checks import derive_violations, estimate_checks
from probatio.comparison import Comparison, compare
from probatio.compendium.discordances import derive_discordances, list_compared
from probatio.measures.cohort import estimate_cohort
from probatio.measures.completeness import estimate_completeness
from probatio.measures.latent_class import estimate_latent_class
from probatio.measures.prevalence import estimate_prevalence
from probatio.measures.readers import estimate_readers
from probatio.measures.repeatability import estimate_repeatability
from probatio.measures.repeated import estimate_windows
from probatio.measures.timeliness import estimate_timeliness
from probatio.protocol import Protocol
from probatio.records import Records
from probatio.resampling import Draws
from probatio.results import derive_table

RUNS = {"ai_a_run2", "ai_a_v1"}
FEW = ("sex", "brain_mets", "ecog", "pdl1", "progression_date", "adverse_events")
Study = tuple[Records, Protocol]
NO_FLOW = pd.DataFrame(columns=["kind"])
DRAWS = Draws(seed=1, frame="all", unit="patient", replicates=100)

MEASURES: dict[str, Callable[[Records, Protocol, Comparison], Any]] = {
    "characteristics": lambda records, protocol, _: [
        row for row in estimate_cohort(records, protocol, comparison_flow=NO_FLOW) if row["analysis"] != "flow"
    ],
    "completeness": lambda records, protocol, _: estimate_completeness(records, protocol),
    "checks": lambda records, protocol, _: estimate_checks(records, protocol),
    "timeliness": estimate_timeliness,
    "windows": lambda records, protocol, _: estimate_windows(records, protocol),
    "readers": lambda records, protocol, _: estimate_readers(records, protocol, draws=DRAWS),
    "latent classes": lambda records, protocol, _: estimate_latent_class(records, protocol, draws=DRAWS),
    "prevalence": lambda records, protocol, comparison: estimate_prevalence(comparison, records, protocol),
}


def _select(records: Records, protocol: Protocol, sources: set[str]) -> Study:
    """What some sources say of a few variables, as if the study had no others."""
    variables = [variable for variable in protocol.variables if variable.name in FEW]
    chosen = [source for source in protocol.sources if source.name in sources]
    tables = {
        name: table[table["source"].isin(sources) & table["variable"].str.partition(".")[0].isin(FEW)]
        for name, table in (("records", records.records), ("assessments", records.assessments))
    }
    flow = records.flow[records.flow["source"].isin({*sources, ""})]
    kept = replace(records, flow=flow, **{name: table.reset_index(drop=True) for name, table in tables.items()})
    return kept, protocol.model_copy(update={"sources": chosen, "variables": variables, "rules": []})


@pytest.fixture(scope="module")
def studies() -> tuple[Study, Study]:
    """A few variables of the bundled study with its further runs, and without them."""
    protocol, records = read_demo()
    every = {source.name for source in protocol.sources}
    return _select(records, protocol, every), _select(records, protocol, every - RUNS)


@pytest.fixture(scope="module")
def compared(studies: tuple[Study, Study]) -> tuple[Comparison, Comparison]:
    """Their main comparisons."""
    return compare(*studies[0]), compare(*studies[1])


@pytest.mark.parametrize("name", MEASURES)
def test_a_run_that_does_not_lead_moves_no_number(
    studies: tuple[Study, Study], compared: tuple[Comparison, Comparison], name: str
) -> None:
    """The rows of a study with further runs are those of the same study without them."""
    both = zip(studies, compared, strict=True)
    having, lacking = (derive_table(MEASURES[name](*study, comparison)) for study, comparison in both)
    pd.testing.assert_frame_equal(having, lacking)
    assert len(having)
    assert not RUNS & {*having["source"], *having["comparator"]}


def test_nor_does_it_enter_the_comparison_or_the_workbook(
    studies: tuple[Study, Study], compared: tuple[Comparison, Comparison]
) -> None:
    """Pairs, flow, violations and discordant values are the same, so all that is counted from them is."""
    pd.testing.assert_frame_equal(compared[0].pairs, compared[1].pairs)
    pd.testing.assert_frame_equal(compared[0].flow, compared[1].flow)
    assert derive_violations(*studies[0]) == derive_violations(*studies[1])
    assert list_compared(studies[0][1])[1] == ["manual", "ai_a", "ai_b", "second_reader", "ai_a_reviewed"]
    tables = [derive_discordances(r, c, p) for (r, p), c in zip(studies, compared, strict=True)]
    pd.testing.assert_frame_equal(*tables)


def test_the_flow_accounts_for_runs_too(studies: tuple[Study, Study]) -> None:
    """What was read of the runs is counted like any other source's: nothing is dropped silently."""
    flow = [
        row
        for row in estimate_cohort(*studies[0], comparison_flow=NO_FLOW)
        if row["analysis"] == "flow" and row.get("source") in RUNS and row["term"] == "delivered"
    ]
    assert {row["source"] for row in flow} == RUNS
    assert all(row["n"] > 0 for row in flow if row["variable"] == "ecog")


def test_repeatability_has_every_run_beside_the_leading_one(studies: tuple[Study, Study]) -> None:
    """Agreement and change of error of both runs, per variable; nothing where there is no further run."""
    (records, protocol), without = studies
    rows = estimate_repeatability(compare(records, protocol, runs=True), records, protocol)
    assert {*rows["source"]} == RUNS
    assert {*rows["comparator"]} == {"ai_a"}
    agreement = rows[rows["metric"] == "repeat_agreement_rate"].set_index(["source", "variable"])["estimate"]
    single = [name for name in FEW if name != "adverse_events"]
    assert {*agreement.index} == {(source, name) for source in RUNS for name in single}
    assert (agreement["ai_a_run2"] > agreement["ai_a_v1"]).sum() >= len(single) - 1
    change = rows[(rows["metric"] == "error_change") & (rows["variable"] == "brain_mets")].groupby("source")
    assert change["lower"].max()["ai_a_v1"] > 0, "the version before reads brain metastases worse"
    assert change["lower"].max()["ai_a_run2"] < 0 < change["upper"].min()["ai_a_run2"]
    assert estimate_repeatability(compare(*without, runs=True), *without).empty


def test_without_a_reference_only_leading_runs_await_a_verdict(studies: tuple[Study, Study]) -> None:
    """The verdicts that are not applicable are those of sources that lead."""
    protocol = studies[0][1]
    left = [source for source in protocol.sources if source.role != "reference"]
    rows = estimate_acceptance(pd.DataFrame(), protocol.model_copy(update={"sources": left}))
    assert {row["source"] for row in rows} == {"manual", "ai_a", "ai_b", "second_reader", "ai_a_reviewed"}
