"""Rows of the bundled studies, computed once for the tests of figures and tables, whatever number of processes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from demo_study import calibrate_demo, compare_demo, read_demo, score_demo
from probatio.acceptance import estimate_acceptance
from probatio.comparison import Comparison, compare
from probatio.compendium.locking import hold_run
from probatio.confidence.calibration import derive_calibrated
from probatio.confidence.estimating import estimate_confidence, estimate_confidence_series
from probatio.confidence.guarantee import derive_selection_series, estimate_guarantee
from probatio.confidence.rules import derive_rules
from probatio.confidence.scored import derive_scored
from probatio.correction import estimate_correction
from probatio.measures import estimate_agreement, estimate_value_series, estimate_windows
from probatio.measures.cohort import estimate_cohort
from probatio.measures.completeness import estimate_completeness
from probatio.measures.design import estimate_design
from probatio.measures.differential import select_warnings
from probatio.measures.latent_class import estimate_latent_class
from probatio.measures.monitoring import derive_monitoring_series, estimate_monitoring
from probatio.measures.omissions import estimate_omissions
from probatio.measures.prevalence import estimate_prevalence
from probatio.measures.readers import estimate_readers
from probatio.measures.signatures import estimate_signatures
from probatio.measures.timeliness import estimate_timeliness
from probatio.measures.two_phase import estimate_two_phase
from probatio.protocol import Protocol, read_protocol
from probatio.provenance import RunFolder
from probatio.records import Records, read_records, read_texts
from probatio.replication import estimate_attribution, estimate_descriptive, estimate_replication
from probatio.resampling import Draws
from probatio.results import derive_csv, derive_series, derive_table, read_rows, read_series, write_bytes
from probatio.review.reviewed_rows import estimate_review
from probatio.review.targeting import estimate_routing, select_decided

PROJECT = Path(__file__).parents[2]
CURVES = "curves.csv"
Study = tuple[Protocol, dict[str, pd.DataFrame], dict[str, pd.DataFrame]]


@pytest.fixture(scope="session", params=["demo", "lung"])
def bundled(request: pytest.FixtureRequest, common: Path) -> Study:
    """Protocol, rows and series by notebook, with few replicates: drawing does not need many."""
    return read_bundled(request.param, common)


@pytest.fixture(scope="session")
def demo(common: Path) -> Study:
    """The demonstration study alone."""
    return read_bundled("demo", common)


@cache
def read_bundled(name: str, common: Path) -> Study:
    """Read them as from a run; the first process that asks writes them, another one waits for it."""
    run = RunFolder(common / "bundled" / name)
    with hold_run(run, wait=True):
        if not run.manifest.exists():
            _write_bundled(name, run)
    protocol = read_protocol(PROJECT / "protocol" / f"{name}.yaml")
    tasks = [run.get_task(path.name) for path in sorted(run.tasks.iterdir())]
    rows = {task.path.name: read_rows(task.rows) for task in tasks}
    series = {task.path.name: read_series(task.series / CURVES) for task in tasks if task.series.exists()}
    return protocol, rows, series


def _write_bundled(name: str, run: RunFolder) -> None:
    """Write the rows of each notebook, then the mark that they are complete."""
    _, rows, series = estimate_bundled(name)
    for task, table in rows.items():
        write_bytes(run.get_task(task).rows, derive_csv(derive_table(table)))
    for task, table in series.items():
        write_bytes(run.get_task(task).series / CURVES, derive_csv(derive_series(table)))
    write_bytes(run.manifest, b"")


def estimate_bundled(name: str) -> Study:
    """Compute them."""
    protocol, records, comparison = _read_compared(name)
    draws = Draws(seed=1, frame="all", unit="patient", replicates=100)
    watched = estimate_monitoring(comparison, protocol)
    agreement = derive_table(pd.concat([estimate_agreement(comparison, protocol, draws=draws), watched]))
    root = PROJECT / "protocol" / protocol.data
    others = [
        estimate_omissions(comparison, records, read_texts(protocol, root), protocol),
        estimate_windows(records, protocol),
        estimate_signatures(comparison, protocol),
        estimate_readers(records, protocol, draws=draws),
        estimate_two_phase(comparison, protocol),
        estimate_latent_class(records, protocol, draws=draws),
        estimate_prevalence(comparison, records, protocol),
    ]
    quality = [estimate_completeness(records, protocol), estimate_timeliness(records, protocol, comparison)]
    replication = estimate_replication(records, protocol, draws=draws)
    first = protocol.model_copy(update={"analyses": protocol.analyses[:1]})  # attribution takes seconds an analysis
    more = [
        estimate_attribution(records, first, draws=draws, replicates=20),
        estimate_descriptive(records, protocol, draws=draws),
    ]
    warnings = select_warnings(agreement, protocol)
    rows = {
        "00_protocol": derive_table(estimate_design(protocol)),
        "01_cohort": derive_table(estimate_cohort(records, protocol, comparison_flow=comparison.flow)),
        "02_data_quality": derive_table(pd.concat(quality)),
        "03_agreement": derive_table(pd.concat([agreement, *(rows for rows in others if len(rows))])),
        "04_replication": derive_table(pd.concat([replication.rows, *more])),
        "05_correction": derive_table(
            pd.concat([estimate_correction(records, protocol, draws=draws, warnings=warnings), warnings])
        ),
        "09_acceptance": derive_table(estimate_acceptance(agreement, protocol)),
    }
    series = {
        "03_agreement": pd.concat(
            [derive_monitoring_series(agreement, protocol), estimate_value_series(comparison, protocol)]
        ),
        "04_replication": derive_series(replication.series),
    }
    _add_confidence_and_review(protocol, records, comparison, rows, series)
    return protocol, rows, series


def _read_compared(name: str) -> tuple[Protocol, Records, Comparison]:
    if name == "demo":
        return *read_demo(), compare_demo()
    path = PROJECT / "protocol" / f"{name}.yaml"
    protocol = read_protocol(path)
    records = read_records(protocol, path.parent / protocol.data)
    return protocol, records, compare(records, protocol)


def _add_confidence_and_review(
    protocol: Protocol,
    records: Records,
    comparison: Comparison,
    rows: dict[str, pd.DataFrame],
    series: dict[str, pd.DataFrame],
) -> None:
    """Add what the notebooks of confidence and review give; the queue knows of no consequence."""
    draws = Draws(seed=1, frame="all", unit="patient", replicates=100)
    known = protocol.study == "demo"
    scored = score_demo() if known else derive_scored(records, comparison, protocol)
    right = calibrate_demo() if known else derive_calibrated(scored, protocol)
    rules = derive_rules(calibrated := scored.assign(score=right), protocol)
    guaranteed = derive_table(estimate_guarantee(rules, calibrated, protocol))
    rows["07_confidence"] = derive_table(
        pd.concat([estimate_confidence(scored, protocol, draws=draws), guaranteed], ignore_index=True)
    )
    curves = [estimate_confidence_series(scored, protocol, draws=draws), derive_selection_series(rules)]
    series["07_confidence"] = derive_series(pd.concat(curves, ignore_index=True))
    found, effort = estimate_routing(
        scored, right, protocol, comparison, rows=derive_table([]), draws=draws,
        decided=select_decided(records, protocol),
    )  # fmt: skip
    reviewed = estimate_review(records, comparison, protocol, draws=draws)
    rows["08_review"] = derive_table(pd.concat([found, reviewed], ignore_index=True))
    series["08_review"] = derive_series(effort)
