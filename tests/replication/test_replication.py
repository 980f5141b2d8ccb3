"""Replication: rows per source on the same patients, paired differences, equivalence and agreement."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from probatio.compendium.opening import find_data_root
from probatio.protocol import UserError, read_protocol
from probatio.records import read_records
from probatio.replication import Difference, Estimate, Label, compute_difference, compute_verdict, derive_test_level
from probatio.replication.differences import compute_interval, derive_delta_rows
from probatio.resampling import Draws
from probatio.results import Reason, Status, derive_csv, select_rows
from probatio.survival import compute_cox, compute_cox_replicates, prepare_cox
from survival_data import read_lung
from survival_study import (
    BY_STAGE,
    LABEL,
    build_patients,
    build_protocol,
    build_records,
    run,
    simulate,
)

PROTOCOLS = Path(__file__).parents[2] / "protocol"


@pytest.fixture(scope="module")
def simulated():
    """One study of 120 patients whose AI misreads one stage in ten."""
    patients, values = simulate(3, 120)
    return build_records(patients, values)


@pytest.fixture(scope="module")
def replication(simulated):
    """Its replication."""
    return run(simulated, build_protocol(BY_STAGE))


def pick(rows: pd.DataFrame, metric: str, **values: object) -> pd.Series:
    """Return the one row asked for, on the same patients unless said otherwise."""
    found = select_rows(rows, **({"metric": metric, "stratum_by": ""} | values))
    assert len(found) == 1, found
    return found.iloc[0]


def test_liver_hazard_ratios():
    """TCGA liver: 314 patients, 96 deaths, the two published hazard ratios, their difference, no conclusion."""
    if "PROBATIO_MIRROR" not in os.environ:
        pytest.skip("the TCGA files are not at hand; name their folder in PROBATIO_MIRROR")
    path = PROTOCOLS / "tcga.yaml"
    protocol = read_protocol(path)
    records = read_records(protocol, find_data_root(path, protocol))
    rows, _ = run(records, protocol, replicates=1000)
    golds = {"registry": (2.168, 1.421, 3.309), "gpt_oss": (1.881, 1.246, 2.839)}
    for source, gold in golds.items():
        row = pick(rows, "hazard_ratio", source=source)
        assert (row["estimate"], row["lower"], row["upper"]) == pytest.approx(gold, abs=5e-4)
        assert (row["n"], row["k"]) == (314, 96)
    assert pick(rows, "delta_log_hazard_ratio", method="paired_t", level=0.9)["estimate"] == pytest.approx(
        -0.142, abs=5e-4
    )
    assert pick(rows, "paired_standard_error")["estimate"] == pytest.approx(0.25, abs=0.03)
    assert pick(rows, "equivalence")["unit"] == "inconclusive"
    narrow = pick(rows, "delta_log_hazard_ratio", method="paired_t", level=0.9)
    assert (narrow["lower"], narrow["upper"]) == pytest.approx((-0.55, 0.27), abs=0.05)
    assert narrow["k"] == 58
    conclusion = pick(rows, "conclusion")
    assert (conclusion["method"], conclusion["unit"]) == ("log_hazard_ratio", "inconclusive")
    for power, needed in (("0.8", 8400), ("0.9", 10600)):
        row = pick(rows, "patients_needed", at=power)
        assert row["estimate"] == pytest.approx(needed, rel=0.15)
        assert row["lower"] < row["estimate"] < row["upper"]


def test_lung_rows():
    """NCCTG from the cohort's attributes: R's coefficients and printed medians as rows, no source compared."""
    lung = read_lung()
    status = np.where(lung["event"], "dead", "alive")
    patients = build_patients(len(lung), days=lung["time"].to_numpy(float), status=status,
                              sex=np.where(lung["sex"] == 1, "M", "F"), age=lung["age"].to_numpy(float))  # fmt: skip
    terms = [{"variable": "sex", "groups": {"M": ["M"], "F": ["F"]}}]
    analysis = BY_STAGE | {"terms": terms, "sources": [], "comparator": None, "horizons": [365]}
    rows, series = run(build_records(patients, {}), build_protocol(analysis))
    assert pick(rows, "log_hazard_ratio", method="wald_efron")["estimate"] == pytest.approx(-0.531023538, abs=3e-9)
    medians = {
        t: pick(rows, "median_survival", term=t)[["estimate", "lower", "upper"]].tolist() for t in ("", "M", "F")
    }
    assert medians == {"": [310, 285, 363], "M": [270, 212, 310], "F": [426, 348, 550]}
    gap = pick(rows, "rmst_difference")
    assert gap["estimate"] == pytest.approx(55.970324, abs=5e-6)
    assert (gap["upper"] - gap["lower"]) / 2 / stats.norm.ppf(0.975) == pytest.approx(14.958126, abs=5e-6)
    assert pick(rows, "log_rank_chi2")["estimate"] == pytest.approx(10.326742, abs=5e-6)
    assert set(rows["comparator"]) == {""}
    assert set(series["term"]) == {"", "M", "F"}


def test_every_source_has_every_number(replication):
    """Each source has the same rows, each with its status, on the same patients."""
    rows = select_rows(replication.rows, comparator="", stratum_by="")
    columns = ["metric", "variable", "term", "at", "method"]
    keys = [set(map(tuple, part[columns].to_numpy())) for _, part in rows.groupby("source")]
    assert keys[0] == keys[1]
    regression = select_rows(rows, metric="hazard_ratio")
    assert regression["n"].tolist() == [120, 120]
    assert {"events", "median_survival", "rmst", "survival", "rmst_difference", "log_rank_p"} <= set(rows["metric"])


def test_difference_is_source_minus_comparator(replication):
    """A paired difference is the source's number minus the comparator's, for every number compared."""
    rows = replication.rows
    for own, delta in (("log_hazard_ratio", "delta_log_hazard_ratio"), ("rmst", "delta_rmst"),
                       ("median_survival", "delta_median"), ("survival", "delta_survival")):  # fmt: skip
        methods = {} if own != "log_hazard_ratio" else {"method": "wald_efron"}
        ai, registry = (pick(rows, own, source=name, term="late", **methods) for name in ("ai", "registry"))
        found = pick(rows, delta, term="late", method="paired_t", level=0.9)
        assert found["estimate"] == pytest.approx(ai["estimate"] - registry["estimate"], abs=1e-12)
        assert found["lower"] < found["estimate"] < found["upper"]


def test_differences_are_paired(simulated, replication):
    """The standard error is that of replicates that share weights, drawn within centre over the whole cohort."""
    weights = Draws(1, "all", "patient", 200).weights(simulated.patients)
    stage = simulated.records.pivot(index="patient_id", columns="source", values="value").sort_index()
    drawn = {}
    for source in ("ai", "registry"):
        x = (stage[source] == "III").to_numpy(float)[:, None]
        problem = prepare_cox(simulated.patients["days"], simulated.patients["status"] == "dead", x)
        drawn[source] = compute_cox_replicates(problem, weights, compute_cox(problem).coefficients)[:, 0]
    row = pick(replication.rows, "paired_standard_error")
    assert row["estimate"] == pytest.approx(np.std(drawn["ai"] - drawn["registry"], ddof=1), rel=1e-9)
    assert row["estimate"] < 0.8 * np.hypot(np.std(drawn["ai"]), np.std(drawn["registry"]))
    assert row["k"] == (stage["ai"].eq("III") != stage["registry"].eq("III")).sum()
    assert row["replicates"] == 200


def test_incomplete_patients_leave_every_source():
    """Who lacks a value in one source is left out of all; each source's own patients stand apart in a stratum."""
    patients, values = simulate(4, 100)
    ai, registry = values["ai", "stage"].astype(object), values["registry", "stage"].astype(object)
    ai[:10], registry[5:25] = None, None
    rows, _ = run(
        build_records(patients, {("ai", "stage"): ai, ("registry", "stage"): registry}), build_protocol(BY_STAGE)
    )
    for source, own in (("ai", 90), ("registry", 80)):
        assert pick(rows, "hazard_ratio", source=source)["n"] == 75
        assert pick(rows, "hazard_ratio", source=source, stratum_by="patients", stratum="own")["n"] == own
        counts = {
            row["term"]: row["k"]
            for _, row in select_rows(rows, metric="count", source=source, stratum_by="").iterrows()
        }
        assert counts == {"population": 100, "complete": own, "analysed": 75}
    same, apart = (pick(rows, "equivalence", stratum_by=by) for by in ("", "patients"))
    assert (same["n"], apart["n"]) == (75, 95)
    assert apart["k"] >= 20


def test_equal_sources():
    """Where no patient differs the difference is 0, no interval is claimed, and the two are equal on these patients."""
    patients, values = simulate(5, 80, share_wrong=0.0)
    rows, _ = run(build_records(patients, values), build_protocol(BY_STAGE))
    deltas = select_rows(rows, metric="delta_log_hazard_ratio")
    assert (deltas["estimate"] == 0).all()
    assert deltas["lower"].isna().all()
    assert set(deltas["reason"]) == {Reason.NO_INTERVAL}
    verdict = pick(rows, "equivalence")
    assert (verdict["estimate"], verdict["unit"], verdict["reason"]) == (1, "equivalent", Reason.NO_INTERVAL)
    assert pick(rows, "standardised_difference")["status"] == Status.NOT_ESTIMABLE


def test_swapped_groups_are_caught():
    """A source that exchanges the two groups of every patient is not equivalent and disagrees in every way."""
    patients, values = simulate(6, 300, log_ratio=1.2)
    values["ai", "stage"] = np.where(values["registry", "stage"] == "III", "I", "III")
    rows, _ = run(build_records(patients, values), build_protocol(BY_STAGE))
    assert pick(rows, "equivalence")["unit"] == "not_equivalent"
    for metric in ("regulatory_agreement", "estimate_agreement", "standardised_difference_agreement"):
        assert pick(rows, metric)["estimate"] == 0


def test_shifted_endpoint_is_caught():
    """A source that dates every death 20 days late shows in its restricted mean and in the overall difference."""
    patients, values = simulate(7, 120, share_wrong=0.0)
    day = pd.Timestamp("2024-01-01")
    dead = (patients["status"] == "dead").to_numpy()
    for source, late in (("registry", 0), ("ai", 20)):
        end = [(day + pd.Timedelta(days=round(10 * t) + late * d)).strftime("%Y-%m-%d")
               for t, d in zip(patients["days"], dead, strict=True)]  # fmt: skip
        values |= {(source, "start"): ["2024-01-01"] * 120, (source, "last_news"): end,
                   (source, "death"): [date if d else None for date, d in zip(end, dead, strict=True)]}  # fmt: skip
    dates = {"name": "os", "label": LABEL, "origin": "start", "events": ["death"], "censoring": ["last_news"]}
    protocol = build_protocol(BY_STAGE | {"horizons": [200]}, endpoints=(dates,))
    rows, _ = run(build_records(patients, values), protocol)
    found = pick(rows, "delta_rmst", term="", method="paired_t", level=0.9)
    assert found["lower"] > 0
    assert found["k"] == dead.sum()


def test_a_source_without_events_in_a_group():
    """Separation in one source leaves its rows, and every difference with it, undefined with the reason."""
    patients, values = simulate(8, 60)
    alive = np.flatnonzero(patients["status"] == "alive")
    values["ai", "stage"] = np.where(np.isin(np.arange(60), alive[:5]), "III", "I")
    rows, _ = run(build_records(patients, values), build_protocol(BY_STAGE))
    for metric in ("hazard_ratio", "delta_log_hazard_ratio", "equivalence", "estimate_agreement"):
        found = select_rows(rows, metric=metric, source="ai")
        assert set(zip(found["status"], found["reason"], strict=True)) == {("not_estimable", "separation")}
    assert pick(rows, "hazard_ratio", source="registry")["status"] == Status.OK


def test_readings_that_saw_each_other_are_not_judged():
    """Against a reading that is neither the reference nor independent there are differences but no verdict."""
    patients, values = simulate(9, 60)
    values["manual", "stage"] = values.pop(("registry", "stage"))
    protocol = build_protocol(BY_STAGE | {"sources": ["manual", "ai"], "comparator": "manual"})
    rows, _ = run(build_records(patients, values), protocol)
    assert pick(rows, "equivalence")["reason"] == Reason.NOT_INDEPENDENT
    assert pick(rows, "regulatory_agreement")["status"] == Status.NOT_APPLICABLE
    assert pick(rows, "delta_log_hazard_ratio", method="paired_t", level=0.9)["status"] == Status.OK


def test_nobody_complete():
    """A source without values leaves nobody: every number is undefined, none is 0 or an error."""
    patients, values = simulate(10, 40)
    values["ai", "stage"] = [None] * 40
    rows, series = run(build_records(patients, values), build_protocol(BY_STAGE))
    found = select_rows(
        rows, metric=["hazard_ratio", "median_survival", "rmst", "survival", "rmst_difference"], stratum_by=""
    )
    assert set(found["reason"]) == {Reason.EMPTY_DENOMINATOR}
    assert set(select_rows(series, stratum_by="")["y"]) == set()
    own = pick(rows, "hazard_ratio", source="registry", stratum_by="patients")
    assert (own["status"], own["n"]) == (Status.OK, 40)


def test_an_empty_group():
    """A group that a source never gives has no curve and no coefficient; the other group's curve stands."""
    patients, values = simulate(11, 40)
    values["ai", "stage"] = ["I"] * 40
    rows, _ = run(build_records(patients, values), build_protocol(BY_STAGE))
    assert pick(rows, "hazard_ratio", source="ai")["reason"] == Reason.ONE_CLASS_ONLY
    assert pick(rows, "rmst", source="ai", term="late")["reason"] == Reason.EMPTY_DENOMINATOR
    assert pick(rows, "rmst", source="ai", term="early")["status"] == Status.OK
    assert pick(rows, "log_rank_p", source="ai")["reason"] == Reason.ONE_CLASS_ONLY


def test_order_of_patients_and_records_is_nothing():
    """Shuffled tables give the same bytes."""
    patients, values = simulate(12, 60)
    records, protocol = build_records(patients, values), build_protocol(BY_STAGE)
    mixed = build_records(patients, values)
    object.__setattr__(mixed, "patients", patients.sample(frac=1, random_state=1))
    object.__setattr__(mixed, "records", mixed.records.sample(frac=1, random_state=2))
    one, other = run(records, protocol), run(mixed, protocol)
    assert derive_csv(one.rows) == derive_csv(other.rows)
    assert derive_csv(one.series) == derive_csv(other.series)


def test_another_analysis_moves_nothing():
    """Adding an analysis leaves every number of the first as it was."""
    patients, values = simulate(13, 60)
    records = build_records(patients, values)
    second = BY_STAGE | {"name": "second", "population": {"sex": ["F"]}, "terms": [{"variable": "age", "per": 1}]}
    patients["age"] = np.linspace(40, 80, 60)
    alone = run(records, build_protocol(BY_STAGE)).rows
    both = run(records, build_protocol(second, BY_STAGE)).rows
    assert derive_csv(select_rows(both, analysis="by_stage")) == derive_csv(alone)


def test_problems_are_counted():
    """Negative, partial, unreadable and missing endpoints are rows, counted within the population."""
    patients = build_patients(6, sex=["F"] * 5 + ["M"])
    starts = ["2024-01-01", "2024-02", "2024-03-01", "soon", "2024-01-01", "2024"]
    deaths = ["2024-06-01", "2024-06-01", "2024-02-01", None, None, None]
    values = {
        ("ai", "start"): starts,
        ("ai", "death"): deaths,
        ("ai", "last_news"): [None] * 6,
        ("ai", "stage"): ["I", "III", *["I"] * 4],
    }
    values |= {("registry", name): texts for (_, name), texts in list(values.items())}
    dates = {"name": "os", "label": LABEL, "origin": "start", "events": ["death"], "censoring": ["last_news"]}
    protocol = build_protocol(BY_STAGE | {"population": {"sex": ["F"]}}, endpoints=(dates,))
    rows, _ = run(build_records(patients, values), protocol)
    problems = ("negative_time", "partial_date", "unreadable_date", "missing_endpoint")
    found = {metric: pick(rows, metric, source="ai")[["k", "n"]].tolist() for metric in problems}
    assert found == {
        "negative_time": [1, 5],
        "partial_date": [1, 5],
        "unreadable_date": [1, 5],
        "missing_endpoint": [2, 5],
    }
    assert pick(rows, "count", source="ai", term="analysed")["k"] == 2


def test_development_patients_weigh_nothing():
    """Patients an extractor was tuned on are neither analysed nor drawn: rows are those of a cohort without them."""
    patients, values = simulate(16, 80)
    used = np.arange(80) % 4 == 0
    marked = run(build_records(patients.assign(development=used), values), build_protocol(BY_STAGE)).rows
    kept = {key: texts[~used] for key, texts in values.items()}
    assert derive_csv(marked) == derive_csv(run(build_records(patients[~used], kept), build_protocol(BY_STAGE)).rows)


def test_number_terms_and_visits():
    """A number has no groups but a coefficient per unit; a term at a visit carries the visit in its label."""
    patients, values = simulate(14, 80)
    values |= {(source, "weight@m3"): [str(50 + row % 30) for row in range(80)] for source in ("ai", "registry")}
    terms = [{"variable": "weight", "visit": "m3", "per": 5}, *BY_STAGE["terms"]]
    rows, series = run(build_records(patients, values), build_protocol(BY_STAGE | {"terms": terms}))
    found = select_rows(rows, metric="hazard_ratio", source="ai", stratum_by="")
    assert found[["variable", "term"]].to_numpy().tolist() == [["stage", "late"], ["weight", "per 5@m3"]]
    assert set(select_rows(series, metric="survival")["term"]) == {""}
    assert set(select_rows(series, metric="log_hazard_ratio_course")["term"]) == {"late", "per 5@m3"}
    assert select_rows(rows, metric="log_rank_p").empty


def test_curves_start_at_one_and_fall(replication):
    """Each curve starts at (0, 1), never rises, stays within its bounds; numbers at risk start at the group's size."""
    for _, curve in select_rows(replication.series, metric="survival").groupby(["source", "term", "stratum"]):
        assert curve.iloc[0][["x", "y"]].tolist() == [0, 1]
        assert (np.diff(curve["y"]) <= 0).all()
        inside = curve.dropna(subset=["lower", "upper"])
        assert ((inside["lower"] <= inside["y"]) & (inside["y"] <= inside["upper"])).all()
    at_risk = select_rows(replication.series, metric="at_risk", source="ai", term="", stratum="")
    assert at_risk["y"].iloc[0] == 120


def test_few_replicates_give_no_interval():
    """When fewer than nine replicates in ten have a value the difference stands without an interval."""
    label, values = Label("stage", "late"), np.linspace(-1, 1, 100)
    half = np.where(np.arange(100) < 15, np.nan, values)
    one = Estimate("log_hazard_ratio", label, 0.5, {}, half)
    other = Estimate("log_hazard_ratio", label, 0.4, {}, np.zeros(100))
    assert compute_difference(one, other, 5).reason == Reason.NO_INTERVAL
    assert np.isnan(compute_interval(compute_difference(one, other, 5), "paired_t", 0.9)).all()
    full = Estimate("log_hazard_ratio", label, 0.5, {}, values)
    assert compute_difference(full, other, 5).has_interval


@pytest.mark.parametrize(
    ("lower", "upper", "verdict"),
    [(-0.1, 0.1, 1), (-0.2, 0.1, 0), (0.1, 0.2, 0), (0.15, 0.3, -1), (-0.4, -0.14, -1), (-0.5, 0.5, 0)],
)
def test_verdict_at_fifteen_percent(lower, upper, verdict):
    """Within +-log 1.15 = 0.1398 equivalent, wholly outside not equivalent, else inconclusive."""
    assert compute_verdict(lower, upper, 1.15) == verdict


@pytest.mark.parametrize(("margin", "limit"), [(1.10, 0.09531), (1.15, 0.13976), (1.25, 0.22314)])
def test_margins_are_ratios(margin, limit):
    """A margin is a hazard ratio: its logarithm bounds the interval, the bound itself excluded."""
    assert math.log(margin) == pytest.approx(limit, abs=5e-6)
    assert compute_verdict(-limit + 1e-4, limit - 1e-4, margin) == 1
    assert compute_verdict(-math.log(margin), 0.0, margin) == compute_verdict(0.0, math.log(margin), margin) == 0


def test_equivalence_level():
    """The interval that tests equivalence has 90 % at a level of 95 %."""
    assert (derive_test_level(0.95), derive_test_level(0.975)) == (0.9, 0.95)


def test_variable_without_source_is_the_users_mistake():
    """An analysis of no source that needs a variable is refused in one sentence."""
    patients, values = simulate(15, 20)
    analysis = BY_STAGE | {"sources": [], "comparator": None}
    with pytest.raises(UserError, match="name sources"):
        run(build_records(patients, values), build_protocol(analysis))


def draw_delta(rng: np.random.Generator, n: int, share_wrong: float, replicates: int) -> Difference:
    """Return the paired difference of one simulated cohort."""
    late = rng.random(n) < 0.3
    life, follow_up = rng.exponential(1 / np.where(late, 2.0, 1.0)), rng.exponential(size=n)
    read = np.where(rng.random(n) < share_wrong, ~late, late)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=replicates)
    found = []
    for x in (read, late):
        problem = prepare_cox(np.minimum(life, follow_up), life <= follow_up, x[:, None])
        fit = compute_cox(problem)
        drawn = compute_cox_replicates(problem, weights, fit.coefficients)[:, 0] if replicates else None
        found.append(Estimate("log_hazard_ratio", Label(), float(fit.coefficients[0]), {"reason": fit.reason}, drawn))
    if not replicates:
        return Difference(found[0].value - found[1].value, np.empty(0), 0, has_interval=False, reason=Reason.NONE)
    return compute_difference(found[0], found[1], int((read != late).sum()))


def test_paired_interval_covers():
    """Over 160 cohorts of 150 with 5 % of exposures wrong, the 90 % paired interval holds the true difference.

    The truth is the difference in a cohort of 300,000.
    """
    rng = np.random.default_rng(21)
    truth, hits, missed = draw_delta(rng, 300_000, 0.05, 0).value, 0, 0
    for _ in range(160):
        found = draw_delta(rng, 150, 0.05, 200)
        lower, upper = compute_interval(found, "paired_t", 0.9)
        hits += lower <= truth <= upper
        missed += found.has_interval and abs(found.value - truth) > 1.645 * np.std(found.replicates)
    assert hits >= stats.binom.ppf(0.001, 160, 0.9)
    assert missed > 160 - hits  # the normal quantile, which ignores how few patients differ, misses more often


def test_percentiles_that_meet_are_no_interval():
    """A difference that most replicates leave at one value gets none from the percentiles, not one of width zero."""
    gaps = np.zeros(200)
    gaps[:3] = 50.0
    one = Estimate("median_survival", Label(), 400.0, {"unit": "days"}, 400.0 + gaps)
    other = Estimate("median_survival", Label(), 400.0, {"unit": "days"}, np.full(200, 400.0))
    rows = {(row["method"], row["level"]): row for row in derive_delta_rows(one, other, 0.95, n=100, k=3)}
    percentile, paired = rows["percentile_bootstrap", 0.95], rows["paired_t", 0.95]
    assert (percentile["status"], percentile["reason"]) == ("ok", "no_interval")
    assert math.isnan(percentile["lower"])
    assert math.isnan(percentile["upper"])
    assert paired["lower"] < 0 < paired["upper"]
    assert paired["reason"] == ""
