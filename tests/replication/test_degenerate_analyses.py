"""Degenerate data through the whole replication: a status with its reason, and the rest goes on."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from probatio.results import select_rows
from probatio.survival import compute_cox, compute_kaplan_meier, compute_log_rank, prepare_cox
from survival_data import SIX_MP
from survival_study import BY_STAGE, OS, build_patients, build_protocol, build_records, run, simulate

Values = dict[tuple[str, str], object]
AGE = {"variable": "age", "per": 10}
SECOND = BY_STAGE | {"name": "second", "terms": [{"variable": "sex", "groups": {"F": ["F"], "M": ["M"]}}]}


def no_event(patients: pd.DataFrame, values: Values) -> None:
    """Nobody dies."""
    patients["status"] = "alive"


def one_event(patients: pd.DataFrame, values: Values) -> None:
    """One patient dies, among the late stages."""
    patients["status"] = "alive"
    patients.loc[patients.index[int(np.argmax(values["registry", "stage"] == "III"))], "status"] = "dead"


def monotone(patients: pd.DataFrame, values: Values) -> None:
    """All late stages die at once, before anybody else."""
    late = values["registry", "stage"] == "III"
    patients["days"] = np.where(late, 0.5, 1 + patients["days"])
    patients["status"] = np.where(late, "dead", patients["status"])
    values["ai", "stage"] = values["registry", "stage"]


def censored_before_tau(patients: pd.DataFrame, values: Values) -> None:
    """Everybody is lost before the horizon of 10 days, after some deaths."""
    patients["status"] = np.where(patients["days"] > 4, "alive", patients["status"])
    patients["days"] = np.minimum(patients["days"], 4 + patients["days"] % 1)


def zero_follow_up(patients: pd.DataFrame, values: Values) -> None:
    """A fifth of the patients, deaths among them, have no follow-up."""
    patients["days"] = np.where(np.arange(len(patients)) % 5 == 0, 0.0, patients["days"])


def all_zero(patients: pd.DataFrame, values: Values) -> None:
    """Nobody has any follow-up."""
    patients["days"] = 0.0


def negative_time(patients: pd.DataFrame, values: Values) -> None:
    """Every tenth time lies before the origin."""
    patients["days"] = np.where(np.arange(len(patients)) % 10 == 0, -3.0, patients["days"])


def constant_confounder(patients: pd.DataFrame, values: Values) -> None:
    """The second term does not vary."""
    patients["age"] = 60.0


CASES = {
    no_event: {("median_survival", ""): "not_reached", ("rmst", "10"): "no_events"} | {
        (metric, ""): "no_events" for metric in ("hazard_ratio", "log_rank_p", "conclusion", "concordance",
                                                 "proportional_hazards_p")},
    one_event: {("median_survival", ""): "not_reached", ("hazard_ratio", ""): "separation"},
    monotone: {("hazard_ratio", ""): "separation", ("conclusion", ""): "separation",
               ("delta_log_hazard_ratio", ""): "separation", ("patients_needed", "0.8"): "separation"},
    censored_before_tau: {("rmst", "10"): "beyond_follow_up", ("rmst_difference", "10"): "beyond_follow_up",
                          ("delta_rmst_difference", "10"): "beyond_follow_up"},
    zero_follow_up: {},
    all_zero: {("rmst", "10"): "beyond_follow_up", ("survival", "5"): "beyond_follow_up"},
    negative_time: {},
    constant_confounder: {("hazard_ratio", ""): "one_class_only", ("weighted_hazard_ratio", ""): "one_class_only"},
}  # fmt: skip


@pytest.mark.parametrize("spoil", CASES, ids=[case.__name__ for case in CASES])
@pytest.mark.parametrize("weighting", ["none", "ate"])
def test_degenerate_data_have_a_status(spoil: Callable[[pd.DataFrame, Values], None], weighting: str) -> None:
    """Each number that cannot be made has the reason; rows are whole; the second analysis is as it would be alone."""
    patients, values = simulate(3, 90)
    patients["age"] = np.random.default_rng(1).normal(60, 10, 90).round(1)
    patients["sex"] = np.where(np.arange(90) % 2, "F", "M")
    spoil(patients, values)
    records = build_records(patients, values)
    first = BY_STAGE | {"terms": [*BY_STAGE["terms"], AGE], "weighting": weighting, "rmst_margin": 1.0}
    rows, series = run(records, build_protocol(first, SECOND), replicates=60)
    check_whole(rows)
    assert not series["y"].isna().any()
    for (metric, at), reason in CASES[spoil].items():
        if metric.startswith("weighted") and weighting == "none":
            continue
        found = select_rows(rows, metric=metric, analysis="by_stage", stratum_by="")
        found = found[found["at"].eq(at) | (at == "")]
        assert reason in set(found["reason"]), found
        assert found.loc[found["reason"] == reason, "estimate"].isna().all() or reason in ("no_events", "not_reached")
    alone = run(records, build_protocol(SECOND), replicates=60).rows
    pd.testing.assert_frame_equal(select_rows(rows, analysis="second").reset_index(drop=True), alone)


def check_whole(rows: pd.DataFrame) -> None:
    """Assert that every row has an estimate or a reason, and that bounds are in order where there are any."""
    known = rows["status"] == "ok"
    assert np.isfinite(rows.loc[known, "estimate"]).all()
    assert (rows.loc[~known, "reason"] != "").all()
    bounded = rows[known].dropna(subset=["lower", "upper"])
    assert (bounded["lower"] <= bounded["upper"]).all()


def test_negative_times_are_counted_and_left_out() -> None:
    """Nine times before the origin: counted, not analysed, in both sources."""
    patients, values = simulate(3, 90)
    negative_time(patients, values)
    rows, _ = run(build_records(patients, values), build_protocol(BY_STAGE), replicates=20)
    counted = select_rows(rows, metric="negative_time", stratum_by="")
    assert counted["k"].tolist() == [9, 9]
    assert set(select_rows(rows, metric="hazard_ratio", stratum_by="")["n"]) == {81}


def test_a_stratum_of_one_adds_nothing() -> None:
    """A patient alone in a stratum changes neither the stratified hazard ratio nor the stratified test."""
    patients, values = simulate(3, 90)
    patients["sex"] = np.where(np.arange(90) == 7, "other", np.where(np.arange(90) % 2, "F", "M"))
    protocol = build_protocol(BY_STAGE | {"strata": ["sex"]})
    with_one, _ = run(build_records(patients, values), protocol, replicates=20)
    kept = np.arange(90) != 7
    fewer = {key: texts[kept] for key, texts in values.items()}
    without, _ = run(build_records(patients[kept], fewer), protocol, replicates=20)
    for metric in ("hazard_ratio", "log_rank_chi2"):
        one, other = (
            select_rows(rows, metric=metric, source="ai", stratum_by="").iloc[0] for rows in (with_one, without)
        )
        assert one["estimate"] == pytest.approx(other["estimate"], rel=1e-9)
        assert one["n"] == other["n"] + 1
    assert set(select_rows(with_one, metric="log_rank_chi2")["method"]) == {"log_rank_stratified"}


def test_strata_are_those_of_the_model() -> None:
    """Strata and clusters reach the rows: 6-MP's pairs give ln 6; robust errors become the main interval."""
    patients, values = simulate(3, 120)
    patients["sex"] = np.where(np.arange(120) % 3 == 0, "F", "M")
    plain, _ = run(build_records(patients, values), build_protocol(BY_STAGE), replicates=20)
    clustered, _ = run(build_records(patients, values), build_protocol(BY_STAGE | {"cluster": "centre"}), replicates=20)
    main = select_rows(clustered, metric="hazard_ratio", source="ai", stratum_by="").iloc[0]
    robust = select_rows(plain, metric="log_hazard_ratio", source="ai", stratum_by="", method="wald_robust").iloc[0]
    assert (main["method"], main["cluster_unit"], main["reason"]) == ("wald_robust", "centre", "too_few_clusters")
    assert math.log(main["lower"]) == pytest.approx(robust["lower"])
    assert len(select_rows(clustered, metric="delta_log_hazard_ratio", stratum_by="")) == 3


def test_pairs_of_the_leukaemia_trial() -> None:
    """6-MP by pair strata: the coefficient is ln 6, SE 0.62360956, as in R's coxph with strata(pair)."""
    times = np.array([*SIX_MP["control"], *SIX_MP["treated"]], dtype=float)
    patients = build_patients(42, days=np.abs(times), status=np.where(times > 0, "dead", "alive"),
                              sex=[str(pair) for pair in (*range(21), *range(21))])  # fmt: skip
    values = {("registry", "stage"): ["III"] * 21 + ["I"] * 21}
    analysis = BY_STAGE | {"strata": ["sex"], "sources": ["registry"], "horizons": [], "landmarks": []}
    rows, _ = run(build_records(patients, values), build_protocol(analysis), replicates=20)
    row = select_rows(rows, metric="log_hazard_ratio", method="wald_efron", stratum_by="").iloc[0]
    assert row["estimate"] == pytest.approx(math.log(6), abs=1e-8)
    assert (row["upper"] - row["lower"]) / 2 / 1.959963985 == pytest.approx(0.62360956, abs=5e-8)


def test_competing_events_give_incidence() -> None:
    """With a competing event: no survival, but the share with each event by hand where nobody is censored before."""
    patients, values = simulate(3, 100)
    states = np.array(["dead", "moved", "alive"])[np.arange(100) % 3]
    patients["days"], patients["status"] = 1.0 + np.arange(100) % 7, states
    patients.loc[patients["status"] == "alive", "days"] = 20.0
    endpoint = OS | {"competing_values": ["moved"]}
    rows, series = run(build_records(patients, values), build_protocol(BY_STAGE, endpoints=(endpoint,)), replicates=50)
    whole = select_rows(rows, source="ai", term="", at="5", comparator="", stratum_by="").set_index("metric")
    early = patients["days"] <= 5
    for metric, state in (("cumulative_incidence", "dead"), ("cumulative_incidence_competing", "moved")):
        assert whole.loc[metric, "estimate"] == pytest.approx((early & (states == state)).mean())
        assert whole.loc[metric, "k"] == (states == state).sum()
    assert whole.loc["survival", ["status", "reason"]].tolist() == ["not_applicable", "competing_events"]
    assert "survival" not in set(series["metric"])
    found = select_rows(
        rows, metric="delta_cumulative_incidence", method="paired_t", level=0.9, term="late", stratum_by=""
    )
    one, other = (select_rows(rows, metric="cumulative_incidence", source=name, term="late", stratum_by="")
                  for name in ("ai", "registry"))  # fmt: skip
    assert found["estimate"].iloc[0] == pytest.approx(one["estimate"].iloc[0] - other["estimate"].iloc[0])
    assert (select_rows(rows, metric="hazard_ratio")["status"] == "ok").all()


def test_an_analysis_without_terms_has_the_whole_curve() -> None:
    """Without terms: one curve per source, no regression, and the conclusion is that of the overall restricted mean."""
    patients, values = simulate(7, 120, share_wrong=0.0)
    del values["ai", "stage"], values["registry", "stage"]
    days = np.ceil(10 * patients["days"].to_numpy())
    dead = (patients["status"] == "dead").to_numpy()
    start = pd.Timestamp("2024-01-01")
    for source, late in (("registry", 0), ("ai", 15)):
        shifted = [start + pd.Timedelta(days=int(day)) for day in days + late * dead]
        end = [date.strftime("%Y-%m-%d") for date in shifted]
        deaths = [date if died else None for date, died in zip(end, dead, strict=True)]
        values |= {(source, "start"): ["2024-01-01"] * 120, (source, "last_news"): end, (source, "death"): deaths}
    dates = {"name": "os", "label": OS["label"], "origin": "start", "events": ["death"], "censoring": ["last_news"]}
    analysis = BY_STAGE | {"terms": [], "horizons": [40, 150], "rmst_margin": 5.0}
    rows, series = run(build_records(patients, values), build_protocol(analysis, endpoints=(dates,)))
    assert set(series["term"]) == {""}
    assert select_rows(rows, metric=["hazard_ratio", "log_rank_p", "proportional_hazards_p", "concordance"]).empty
    conclusion = select_rows(rows, metric="conclusion", stratum_by="").iloc[0]
    delta = select_rows(rows, metric="delta_rmst", at="150", method="paired_t", level=0.9, stratum_by="").iloc[0]
    assert (conclusion["method"], conclusion["lower"]) == ("rmst", delta["lower"])
    assert (conclusion["unit"], delta["k"]) == ("not_equivalent" if delta["lower"] >= 5 else "inconclusive", dead.sum())


def test_late_entries_enter_late() -> None:
    """Delayed entry reaches curve, test and regression: rows equal the estimators given the entries."""
    patients, values = simulate(9, 150)
    entry = np.where(np.arange(150) % 2, 0.0, patients["days"] * 0.4).round(3)
    patients["age"] = entry
    patients["days"] = patients["days"].round(3) + 0.01
    endpoint = OS | {"entry_time": "age"}
    rows, _ = run(build_records(patients, values), build_protocol(BY_STAGE, endpoints=(endpoint,)), replicates=30)
    time, event = patients["days"].to_numpy(), (patients["status"] == "dead").to_numpy()
    late = values["registry", "stage"] == "III"
    fit = compute_cox(prepare_cox(time, event, late[:, None].astype(float), entry=entry))
    found = select_rows(rows, source="registry", stratum_by="", comparator="")
    ratio = select_rows(found, metric="log_hazard_ratio", method="wald_efron").iloc[0]
    assert ratio["estimate"] == pytest.approx(float(fit.coefficients[0]))
    curve = compute_kaplan_meier(time, event, entry=entry)
    at = int(np.searchsorted(curve.times, 5, side="right")) - 1
    assert select_rows(found, metric="survival", term="").iloc[0]["estimate"] == pytest.approx(curve.survival[at])
    test = compute_log_rank(time, event, late.astype(int), entry=entry)
    assert select_rows(found, metric="log_rank_chi2").iloc[0]["estimate"] == pytest.approx(test.statistic)
    assert ratio["estimate"] != pytest.approx(
        float(compute_cox(prepare_cox(time, event, late[:, None].astype(float))).coefficients[0])
    )  # fmt: skip
