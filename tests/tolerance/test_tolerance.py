"""The rows of the tolerance: seeds, order of errors, degenerate data, and that no extracted data are read."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from probatio.compendium import run_study
from probatio.protocol import Analysis, Variable
from probatio.provenance import RunFolder
from probatio.results import select_rows
from probatio.tolerance import list_tolerance_sources, list_tolerance_variables
from survival_study import BY_STAGE, LABEL, OS, build_records, simulate
from tolerance_study import DATED, build_dated, build_study, build_tolerant, tolerate

PROJECT = Path(__file__).parents[2]
USES = {"uses": ["research", "steering"]}
MARGINS = {"margins": {"research": 1.15, "steering": 1.3}}


@pytest.fixture(scope="module")
def found() -> tuple[pd.DataFrame, pd.DataFrame]:
    return tuple(tolerate(build_study(), build_tolerant(tolerance=MARGINS, **USES)))  # type: ignore[return-value]


def test_a_wider_margin_bears_more(found: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """On the same draws, whatever stays within the stricter margin stays within the wider one."""
    rows = select_rows(found[0], metric="tolerable_error").set_index(["term", "at"])
    strict, wide = (rows[rows["use"] == use]["lower"] for use in ("research", "steering"))
    assert (wide.sort_index() >= strict.sort_index()).all()
    assert (wide.sort_index() > strict.sort_index()).any()


def test_the_worst_mechanism_is_reported(found: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """The row `worst` holds the smallest lower bound over the mechanisms of its path and use."""
    rows = select_rows(found[0], metric="tolerable_error", use="research")
    for _, own in rows.groupby("term"):
        named = own[own["at"] != "worst"]
        assert own.loc[own["at"] == "worst", "lower"].item() == named["lower"].min()
        assert {"non_differential", "events", "others"} <= set(named["at"])


def test_what_criteria_cite_is_the_smallest_share(found: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """By variable and use, the smallest over paths that count as errors; a level's neighbour is not among them."""
    shares = select_rows(found[0], metric="tolerable_share", use="research")
    deciding = shares[(shares["at"] != "worst") & (shares["term"] != "neighbour")]
    cited = select_rows(found[0], metric="tolerable_error_rate", use="research").iloc[0]
    assert cited["lower"] == deciding["lower"].min()
    omitted = select_rows(found[0], metric="tolerable_omission_rate", use="research").iloc[0]
    assert omitted["lower"] == select_rows(deciding, term="omission")["lower"].min()


def test_a_share_counts_all_values(found: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """A false negative rate becomes a share of values by the prevalence of the class in the registry."""
    late = np.asarray(simulate(3, 120)[1]["registry", "stage"]) == "III"
    own = select_rows(found[0], term="false_negative", at="non_differential", use="research").set_index("metric")
    assert own.loc["tolerable_share", "lower"] == pytest.approx(own.loc["tolerable_error", "lower"] * late.mean())


def test_the_probability_falls_as_errors_grow(found: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """Along a path and over the surface the curve falls, but for what the nested draws leave to chance."""
    points = select_rows(found[1], metric="probability_within", use="research")
    for _, curve in points.groupby(["term", "at", "stratum_by", "stratum"]):
        steps = np.diff(curve.sort_values("x")["y"]) * (-1 if curve["term"].iloc[0] == "sensitivity" else 1)
        assert (steps <= 0.1).all()
    corner = points[(points["stratum"] == "1") & (points["x"] == 1.0)]
    assert corner["y"].item() == 1.0


def test_another_analysis_moves_no_number(found: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """Rows and curves of an analysis are the same, bit by bit, beside a second analysis and a further variable."""
    second = BY_STAGE | {"name": "second", "terms": [*BY_STAGE["terms"], {"variable": "age", "per": 10}]}
    protocol = build_tolerant(BY_STAGE, second, tolerance=MARGINS, **USES)
    again = tolerate(build_study(), protocol)
    for before, after in zip(found, again, strict=True):
        own = after[(after["analysis"] == "by_stage") & ~after.get("metric", "").isin(
            ["tolerable_error_rate", "tolerable_omission_rate"])].reset_index(drop=True)  # fmt: skip
        kept = before[~before["metric"].isin(["tolerable_error_rate", "tolerable_omission_rate"])]
        pd.testing.assert_frame_equal(own, kept.reset_index(drop=True), check_exact=True)


def test_the_order_of_patients_and_the_ai_move_no_number(found: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """What the AI says, and how the file is sorted, changes nothing."""
    records = build_study(share_wrong=0.9)
    other = replace(records, patients=records.patients[::-1], records=records.records[::-1])
    pd.testing.assert_frame_equal(tolerate(other, build_tolerant(tolerance=MARGINS, **USES)).rows, found[0])


def test_another_seed_gives_other_draws(found: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """The draws hang on the protocol's seed."""
    again = tolerate(build_study(), build_tolerant(tolerance=MARGINS, **USES), seed=2)
    assert not again.series["y"].equals(found[1]["y"])


def test_no_event_is_a_status_and_the_rest_goes_on() -> None:
    """Without an event nothing is borne or not: each row says why, and another analysis keeps its numbers."""
    patients, stages = simulate(3, 60)
    records = build_records(patients.assign(never="alive"), stages)
    attributes = {name: {"label": LABEL, "column": name} for name in ("status", "never")}
    attributes["days"] = {"label": LABEL, "column": "days", "type": "number"}
    endless = OS | {"name": "endless", "event": "never", "event_values": ["dead", "gone"]}
    protocol = build_tolerant(BY_STAGE, BY_STAGE | {"name": "none", "endpoint": "endless"},
                              endpoints=(OS, endless), patients={"file": {"path": "p"}, "attributes": attributes},
                              uses=["research"])  # fmt: skip
    rows = tolerate(records, protocol).rows
    silent = select_rows(rows, analysis="none", metric="tolerable_error")
    assert set(silent["status"]) == {"not_estimable"}
    assert set(silent["reason"]) == {"no_events"}
    assert "ok" in set(select_rows(rows, analysis="by_stage", metric="tolerable_error")["status"])
    cited = select_rows(rows, metric="tolerable_error_rate").iloc[0]
    assert (cited["status"], cited["reason"]) == ("not_estimable", "no_events")


def test_one_group_is_a_status() -> None:
    """A comparator whose patients all stand in one group has no hazard ratio to move."""
    patients, _ = simulate(3, 60)
    rows = tolerate(build_records(patients, {("registry", "stage"): ["I"] * 60}), build_tolerant()).rows
    assert set(rows["reason"]) == {"one_class_only"}
    assert set(rows["status"]) == {"not_estimable"}


def test_nobody_is_a_status() -> None:
    """A comparator that says nothing of the variable leaves nobody to analyse."""
    patients, _ = simulate(3, 60)
    rows = tolerate(build_records(patients, {("ai", "stage"): ["I"] * 60}), build_tolerant()).rows
    assert set(rows["reason"]) == {"empty_denominator"}


def test_a_weighted_analysis_is_not_judged() -> None:
    """Errors would move the weights themselves: no number is given rather than a wrong one."""
    confounded = BY_STAGE | {"terms": [*BY_STAGE["terms"], {"variable": "age", "per": 10}], "weighting": "ate"}
    rows = tolerate(build_study(), build_tolerant(confounded)).rows
    assert set(rows["reason"]) == {"weighted_analysis"}


def test_dates_of_the_endpoint_are_carriers() -> None:
    """Origin, event and last news each bear errors of their own kinds; only the event can be made up."""
    by_dates = BY_STAGE | {"horizons": [365], "landmarks": []}
    protocol = build_tolerant(by_dates, endpoints=(DATED,), uses=["research"])
    rows = tolerate(build_dated(80), protocol).rows
    assert list_tolerance_variables(protocol) == {"stage", "start", "death", "last_news"}
    kinds = rows[rows["metric"] == "tolerable_error"].groupby("variable")["term"].agg(set)
    assert kinds["start"] == {"wrong", "omission", "late", "early", "spread"}
    assert kinds["death"] - kinds["start"] == {"unsupported"}
    lagged = select_rows(rows, metric="tolerable_error", term="late", at="worst")
    assert set(lagged["unit"]) == {"days"}


def test_eligibility_bears_errors_too() -> None:
    """A variable of the population lets patients in or keeps them out: those outside can be wrong too."""
    patients, stages = simulate(3, 160)
    rng = np.random.default_rng(1)
    eligible = np.where(rng.random(160) < 0.7, "yes", "no")
    more = {("registry", "eligible"): eligible}
    analysis = BY_STAGE | {"population": {"eligible": ["yes"]}}
    plain = build_tolerant(BY_STAGE, uses=["research"])
    declared = Variable(name="eligible", label=LABEL, type="binary", levels=["no", "yes"])
    known = {"variables": [*plain.variables, declared], "analyses": [Analysis.model_validate(analysis)]}
    rows, series = tolerate(build_records(patients, stages | more), plain.model_copy(update=known))
    own = select_rows(rows, variable="eligible", metric="tolerable_error", at="worst")
    assert set(own["term"]) == {"wrong", "false_negative", "false_positive", "omission"}
    assert set(own["status"]) == {"ok"}
    assert set(own["n"]) == {int((eligible == "yes").sum())}
    lost = select_rows(series, variable="eligible", metric="lost_share", at="non_differential")
    assert (select_rows(lost, term="false_positive")["y"] < 0).all()
    assert (select_rows(lost, term="false_negative")["y"] > 0).all()


def test_only_comparators_are_read() -> None:
    """The sources that the notebook opens are those that nobody judges; without a tolerance, the reference alone."""
    without = build_tolerant(BY_STAGE, tolerance=None).model_copy(update={"tolerance": None})
    assert list_tolerance_sources(build_tolerant()) == list_tolerance_sources(without) == ["registry"]


PROTOCOL = """
study: small
title: {en: Small, fr: Petite}
data: ../data
resampling: {seed: 1, replicates: 100}
patients:
  file: {path: patients.csv}
  attributes:
    days: {label: {en: Days, fr: Jours}, column: days, type: number}
    status: {label: {en: Status, fr: Statut}, column: status}
sources:
  - {name: registry, label: {en: R, fr: R}, role: reference, files: [{path: registry.csv, columns: {stage: stage}}]}
  - {name: model, label: {en: M, fr: M}, role: ai, files: [{path: model.csv, columns: {stage: stage}}]}
variables:
  - {name: stage, label: {en: Stage, fr: Stade}, type: nominal, levels: [I, III]}
endpoints:
  - {name: os, label: {en: OS, fr: SG}, time: days, event: status, event_values: [dead]}
analyses:
  - name: by_stage
    label: {en: By stage, fr: Par stade}
    endpoint: os
    terms: [{variable: stage, groups: {early: [I], late: [III]}}]
    sources: [registry, model]
    comparator: registry
tolerance:
  draws: 50
  errors: [0.05, 0.2]
  omissions: [0.2]
  source: x
  justification: {en: x, fr: x}
"""


def write_project(folder: Path) -> Path:
    """Write a project whose one notebook is the bundled one on tolerance."""
    patients, stages = simulate(4, 80)
    for name in ("protocol", "data", "notebooks"):
        (folder / name).mkdir()
    (folder / "protocol" / "small.yaml").write_text(PROTOCOL, encoding="utf-8")
    patients[["days", "status"]].to_csv(folder / "data" / "patients.csv")
    for source, file in (("registry", "registry.csv"), ("ai", "model.csv")):
        values = pd.Series(stages[source, "stage"], index=patients.index, name="stage").replace("II", "I")
        values.to_csv(folder / "data" / file)
    shutil.copy(PROJECT / "notebooks" / "06_tolerance.ipynb", folder / "notebooks")
    return folder


def run_tolerance(folder: Path, run: str) -> tuple[bytes, dict[str, object], dict[str, str]]:
    """Return the rows, the inputs of the stamp, and what was executed."""
    place = folder / "runs" / run
    summary = run_study(folder / "protocol" / "small.yaml", place, notebooks=folder / "notebooks")
    task = RunFolder(place).get_task("06_tolerance")
    return task.rows.read_bytes(), json.loads(task.stamp.read_text())["inputs"], dict(summary.executed)


def test_extracted_data_are_not_read(tmp_path: Path) -> None:
    """Other AI data change neither rows nor stamp, and nothing runs again; without AI data it runs all the same."""
    folder = write_project(tmp_path)
    rows, inputs, executed = run_tolerance(folder, "a")
    assert set(executed) == {"06_tolerance"}
    assert set(inputs["data"]) == {"patients.csv", "registry.csv"}  # type: ignore[arg-type]
    model = folder / "data" / "model.csv"
    model.write_text(model.read_text().replace(",I\n", ",III\n"))
    assert run_tolerance(folder, "a") == (rows, inputs, {})
    model.unlink()
    assert run_tolerance(folder, "b")[:2] == (rows, inputs)
    registry = folder / "data" / "registry.csv"
    registry.write_text(registry.read_text().replace(",I\n", ",III\n", 5))
    assert run_tolerance(folder, "b")[0] != rows
