"""Routine use: rows of known batches by hand, by another implementation, by simulation; and what is undefined."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom

from monitored_study import build_protocol, build_values, draw_batches, get_row, watch
from probatio.measures.cells import derive_cells
from probatio.measures.homogeneity import Scores
from probatio.measures.monitoring import derive_monitoring_series
from probatio.measures.monitoring.batches import compute_skewed_effect
from probatio.measures.monitoring.stability import compute_trend
from probatio.measures.outcomes import estimate_outcomes_by
from probatio.results import COLUMNS, KEY, SERIES_COLUMNS, Reason, Status, select_rows

CALM = ["C" * 18 + "WW", "C" * 19 + "O"] * 3
"""Six batches of 20 with 2, 1, 2, 1, 2, 1 errors: 7.5 % in every two."""


def test_batches_of_a_study_without_monitoring_give_no_rows() -> None:
    """No declaration, no rows; the table keeps its columns."""
    rows = watch(CALM, build_protocol({"monitoring": None}))
    assert rows.empty
    assert tuple(rows.columns) == COLUMNS


def test_rates_by_window_are_those_of_the_strata() -> None:
    """Estimate, bounds, method and counts equal those of `estimate_outcomes_by` for the same attribute."""
    protocol = build_protocol(metrics=["error_rate", "omission_rate", "unsupported_share"])
    pairs, patients = build_values(["CCCCCWWOUB" * 3, "CCCCCCCCCU" * 2, "CCCCCCCCCO" * 2], values=2)
    rows = watch([], protocol, pairs=pairs, patients=patients)
    cells = derive_cells(pairs, patients, protocol, unit="patient")
    usual = estimate_outcomes_by(cells, patients, "period", level=0.95, unit="patient", min_stratum=10)
    columns = ["stratum", "estimate", "lower", "upper", "method", "n", "k", "clusters", "status", "reason"]
    for metric in ("error_rate", "omission_rate", "unsupported_share"):
        mine = select_rows(rows, metric="period_rate", term=metric, variable="stage")[columns]
        theirs = select_rows(pd.concat(usual), metric=metric)[columns]
        pd.testing.assert_frame_equal(
            mine.reset_index(drop=True), theirs.sort_values("stratum").reset_index(drop=True), check_dtype=False
        )


def test_cochran_armitage_is_the_score_test_of_a_logistic_regression() -> None:
    """With one value per patient the p-value is statsmodels' score test of time in a logistic regression."""
    rng = np.random.default_rng(3)
    time = rng.integers(0, 6, 300)
    wrong = rng.random(300) < 0.05 + 0.03 * time
    scores = Scores(wrong, time, np.arange(300), np.ones(300))
    model = sm.GLM(wrong.astype(float), np.ones((300, 1)), family=sm.families.Binomial())
    stated = model.score_test(model.fit(scale=1.0).params, exog_extra=time[:, None].astype(float))
    found = compute_trend(scores, 0.95)
    assert found.method == "cochran_armitage"
    assert found.p == pytest.approx(float(np.ravel(stated[1])[0]), rel=1e-6)
    assert found.slope == pytest.approx(np.polyfit(time, wrong, 1)[0], rel=1e-10)


def test_slope_and_interval_are_those_of_clustered_least_squares() -> None:
    """Several values per patient: slope and standard error are statsmodels' with patients as clusters."""
    rng = np.random.default_rng(4)
    patient = np.repeat(np.arange(60), rng.integers(1, 6, 60))
    time, wrong = (patient % 5).astype(np.int64), rng.random(len(patient)) < 0.2
    found = compute_trend(Scores(wrong, time, patient, np.ones(len(patient))), 0.95)
    fitted = sm.OLS(wrong.astype(float), sm.add_constant(time.astype(float))).fit(
        cov_type="cluster", cov_kwds={"groups": patient, "use_correction": False}
    )
    error = fitted.bse[1] * math.sqrt(60 / 58)
    assert found.method == "score_trend_clustered"
    assert found.slope == pytest.approx(fitted.params[1], rel=1e-9)
    assert (found.upper - found.lower) / 2 == pytest.approx(error * 2.0017174830120923, rel=1e-6)


def test_repeating_every_value_moves_no_test() -> None:
    """Each patient's value written three times says nothing more: trend and homogeneity keep their p-values."""
    text = ["C" * 17 + "WWW", "C" * 15 + "W" * 5, "C" * 12 + "W" * 8]
    once, thrice = watch(text), watch(["".join(x * 3 for x in each) for each in text], values=3)
    for metric, usual in (("period_trend_p", "cochran_armitage"), ("period_homogeneity_p", "pearson_chi2")):
        plain, repeated = get_row(once, metric), get_row(thrice, metric)
        assert plain["method"] == usual
        assert repeated["method"].startswith("score")
        # The clustered variance is the sample's (n - 1), the textbook's the binomial one.
        assert repeated["estimate"] == pytest.approx(plain["estimate"], rel=0.15)


def test_the_clustered_test_of_trend_holds_its_level() -> None:
    """400 studies without a trend, up to six correlated values a patient: 5 % significant, within 3 standard errors."""
    rng, hits = np.random.default_rng(5), 0
    for _ in range(400):
        patient = np.repeat(np.arange(150), rng.integers(1, 7, 150))
        wrong = rng.random(len(patient)) < rng.beta(0.4, 3.6, 150)[patient]
        hits += compute_trend(Scores(wrong, patient % 5, patient, np.ones(len(patient))), 0.95).p < 0.05
    assert abs(hits / 400 - 0.05) < 3 * math.sqrt(0.05 * 0.95 / 400)


def test_change_is_last_window_minus_baseline() -> None:
    """2 of 40 in the baseline, 6 of 20 last: 25 points, bounds by MOVER from the exact bounds of both."""
    rows = watch(["C" * 19 + "W"] * 3 + ["C" * 14 + "W" * 6])
    change, base = get_row(rows, "period_change"), get_row(rows, "baseline_rate")
    assert change["estimate"] == pytest.approx(0.25)
    assert (base["k"], base["n"], base["method"]) == (2, 40, "clopper_pearson")
    lower, upper = 0.1189, 0.5428  # Clopper-Pearson of 6 / 20
    down = math.hypot(0.3 - lower, base["upper"] - 0.05)
    up = math.hypot(upper - 0.3, 0.05 - base["lower"])
    assert change["lower"] == pytest.approx(0.25 - down, abs=2e-4)
    assert change["upper"] == pytest.approx(0.25 + up, abs=2e-4)


def test_a_declared_rate_has_no_width_and_no_baseline() -> None:
    """`in_control`: every batch is monitored, the change keeps the window's own bounds, run lengths have none."""
    rows = watch(CALM, build_protocol(baseline=None, in_control={"error_rate": 0.075}))
    assert not (rows["reason"] == Reason.BASELINE_BATCH).any()
    assert get_row(rows, "monitoring_signal")["n"] == 6
    change = get_row(rows, "period_change")
    assert (change["method"], change["estimate"]) == ("declared", pytest.approx(0.05 - 0.075))
    assert change["upper"] - change["lower"] == pytest.approx(0.2487 - 0.0013, abs=2e-4)  # Clopper-Pearson of 1 / 20
    assert math.isnan(get_row(rows, "arl_in_control")["lower"])
    assert get_row(rows, "arl_in_control")["estimate"] >= 50


def test_limits_and_signals_of_batches_by_hand() -> None:
    """Baseline 7.5 % of 40; a batch of 20 may have up to 5 errors (P(X > 5) = 0.3 %, P(X > 4) = 1.4 % > 1 %)."""
    rows = watch([*CALM[:2], "C" * 15 + "W" * 5, "C" * 14 + "W" * 6, "C" * 20])
    per_batch = {row["stratum"]: row for row in select_rows(rows, metric="control_limit_upper",
                                                            variable="stage").to_dict("records")}  # fmt: skip
    assert {row["estimate"] for row in per_batch.values()} == {0.25}
    assert {row["method"] for row in per_batch.values()} == {"p_chart"}
    assert set(select_rows(rows, metric="control_limit_lower", variable="stage")["estimate"]) == {0.0}
    signals = select_rows(rows, metric="control_signal", variable="stage")
    assert signals["status"].tolist() == ["not_applicable"] * 2 + ["ok"] * 3
    assert signals["estimate"].tolist()[2:] == [0.0, 1.0, 0.0]
    assert get_row(rows, "false_alarm_rate", at="above")["estimate"] == pytest.approx(0.0027, abs=5e-4)


def test_cusum_rows_by_hand() -> None:
    """7.5 %, R = 2, 20 values: each error adds 0.693, each batch takes 20 ln 1.075 = 1.446; 4 then 3 then 0 errors."""
    rows = watch([*CALM[:2], "C" * 16 + "W" * 4, "C" * 17 + "W" * 3, "C" * 20])
    values = select_rows(rows, metric="cusum", variable="stage")
    limit = get_row(rows, "cusum_limit")["estimate"]
    assert values["estimate"].tolist()[2:] == pytest.approx([1.326, 1.960, 0.513], abs=0.05)
    expected = [float(value >= limit) for value in values["estimate"].tolist()[2:]]
    assert select_rows(rows, metric="cusum_signal", variable="stage")["estimate"].tolist()[2:] == expected


def test_a_rise_of_error_raises_the_alarm_and_steady_error_does_not() -> None:
    """5 % in ten batches of 40; then 5 % again, or 25 %."""
    calm = ["C" * 38 + "WW"] * 10
    steady, risen = (watch(calm + more, build_protocol(baseline=10)) for more in (calm[:4], ["C" * 30 + "W" * 10] * 4))
    quiet, loud = get_row(steady, "monitoring_signal"), get_row(risen, "monitoring_signal")
    assert (quiet["estimate"], quiet["k"], quiet["n"]) == (0.0, 0, 4)
    assert (loud["estimate"], loud["k"], loud["n"]) == (1.0, 4, 4)
    assert (loud["stratum_by"], loud["term"], loud["comparator"]) == ("", "", "registry")
    assert get_row(risen, "period_trend_p")["estimate"] < 0.001 < 0.5 < get_row(steady, "period_trend_p")["estimate"]


def test_fewer_errors_are_a_signal_of_the_p_chart_and_no_alarm() -> None:
    """A batch below its lower limit is marked -1; what counts is rising error."""
    rows = watch(["C" * 60 + "W" * 40] * 3 + ["C" * 95 + "W" * 5], build_protocol(baseline=3))
    assert get_row(rows, "control_signal", stratum="w0003")["estimate"] == -1.0
    assert get_row(rows, "monitoring_signal")["estimate"] == 0.0


@pytest.mark.parametrize(("sizes", "ratio"), [([25], 2.0), ([12, 25, 40], 2.0), ([30], 1.5)])
def test_alarms_in_control_come_at_the_stated_run_length(sizes: list[int], ratio: float) -> None:
    """1000 batches in control: alarms number batches / run length, within 4 standard errors of a renewal process."""
    rng = np.random.default_rng(6)
    texts = draw_batches(rng, rng.choice(sizes, 1000), 0.06)
    protocol = build_protocol({"min_stratum": 2}, baseline=None, in_control={"error_rate": 0.06}, out_of_control=ratio)
    rows = watch(texts, protocol)
    stated, seen = get_row(rows, "arl_in_control")["estimate"], get_row(rows, "monitoring_signal")
    assert seen["n"] == 1000
    assert stated >= 50
    assert abs(seen["k"] - 1000 / stated) < 4 * math.sqrt(1000 / stated)


def test_an_assured_design_takes_the_upper_bound_of_the_baseline() -> None:
    """With assurance 0.9 the charts hold the one-sided 90 % bound for normal: later alarms, in control and out."""
    plain, sure = watch(CALM), watch(CALM, build_protocol(assurance=0.9))
    assert get_row(plain, "in_control_rate")["estimate"] == get_row(plain, "baseline_rate")["estimate"] == 0.075
    bound = get_row(sure, "in_control_rate")["estimate"]
    assert sum(math.comb(40, k) * bound**k * (1 - bound) ** (40 - k) for k in range(4)) == pytest.approx(0.1, abs=1e-9)
    for metric in ("arl_in_control", "arl_out_of_control"):
        assert get_row(sure, metric)["estimate"] > get_row(plain, metric)["estimate"]


def test_lower_limits_with_assurance_are_drawn_from_the_lower_bound() -> None:
    """6 of 60: below the one-sided 90 % bound no batch of 20 can alarm for being good, and the chance says so."""
    calm = ["C" * 18 + "WW"] * 5
    plain, sure = (watch(calm, build_protocol(baseline=3, assurance=each, run_length=2)) for each in (None, 0.9))
    lowest = [
        set(select_rows(each, metric="control_limit_lower", variable="stage")["estimate"]) for each in (plain, sure)
    ]
    assert lowest == [{0.05}, {0.0}]
    below = [get_row(each, "false_alarm_rate", at="below")["estimate"] for each in (plain, sure)]
    assert below == [pytest.approx(0.9**20), 0.0]


def test_only_sources_in_use_are_watched() -> None:
    """A second reader is compared with the reference, and is no source in routine use."""
    reader = {
        "name": "reader",
        "label": {"en": "x", "fr": "x"},
        "role": "reading",
        "files": [{"path": "x.csv", "layout": "long"}],
    }
    declared = build_protocol().model_dump()["sources"]
    pairs, patients = build_values(CALM)
    protocol = build_protocol({"sources": [*declared, reader]})
    rows = watch([], protocol, pairs=pd.concat([pairs, pairs.assign(source="reader")]), patients=patients)
    assert set(rows["source"]) == {"ai"}
    assert watch([], protocol, pairs=pairs.assign(source="reader"), patients=patients).empty


def test_assurance_is_kept_over_baselines() -> None:
    """All baselines of 60 values at a true 10 %: the rate held for normal reaches it in 90 % of them or more."""
    kept = 0.0
    protocol = build_protocol(baseline=1, assurance=0.9, run_length=5)
    for errors in range(12):
        rows = watch(["C" * (60 - errors) + "W" * errors, "C" * 20], protocol)
        if get_row(rows, "in_control_rate")["estimate"] < 0.1:
            kept += math.comb(60, errors) * 0.1**errors * 0.9 ** (60 - errors)
    assert kept <= 0.1


def test_run_lengths_carry_the_interval_of_the_baseline() -> None:
    """The bounds are the lengths of the same chart at the upper and the lower end of the baseline's interval."""
    rows = watch(CALM)
    for method in ("p_chart", "cusum", "cusum_p_chart"):
        for metric in ("arl_in_control", "arl_out_of_control"):
            row = get_row(rows, metric, method=method)
            assert row["lower"] < row["estimate"] < row["upper"]
    assert get_row(rows, "arl_in_control")["estimate"] >= 50 > get_row(rows, "arl_in_control")["lower"]
    assert get_row(rows, "arl_out_of_control")["at"] == "2"


def test_a_baseline_without_an_error_has_no_chart_but_a_bound() -> None:
    """0 of 40: charts are `no_events`, the upper bound is stated, and assurance or a declared rate gives charts."""
    calm = ["C" * 20] * 4
    rows = watch(calm)
    base = get_row(rows, "baseline_rate")
    assert (base["estimate"], base["status"], base["upper"]) == (0.0, "ok", pytest.approx(0.0881, abs=1e-4))
    for metric in ("cusum_limit", "false_alarm_rate", "arl_in_control", "arl_out_of_control", "monitoring_signal"):
        row = select_rows(rows, metric=metric, variable="stage").iloc[0]
        assert (row["status"], row["reason"]) == ("not_estimable", "no_events")
    assert set(select_rows(rows, metric="control_limit_upper", variable="stage")["reason"]) == {"no_events"}
    assert get_row(watch(calm, build_protocol(assurance=0.9)), "monitoring_signal")["estimate"] == 0.0
    declared = build_protocol(baseline=None, in_control={"error_rate": 0.02})
    assert get_row(watch(calm, declared), "monitoring_signal")["estimate"] == 0.0


def test_a_baseline_of_errors_only_has_no_chart() -> None:
    """Nothing can rise above 100 %."""
    row = get_row(watch(["W" * 20] * 4), "monitoring_signal")
    assert (row["status"], row["reason"]) == ("not_estimable", "one_class_only")


@pytest.mark.parametrize(("batches", "baseline"), [(1, 1), (2, 2), (3, 5)])
def test_without_a_batch_after_the_baseline_there_is_no_signal(batches: int, baseline: int) -> None:
    """One batch, or none after the baseline: limits are stated, the signal is `too_few_batches`."""
    rows = watch(CALM[:batches], build_protocol(baseline=baseline))
    assert get_row(rows, "monitoring_signal")["reason"] == "too_few_batches"
    assert get_row(rows, "period_change")["reason"] == "too_few_batches"
    assert (select_rows(rows, metric="control_limit_upper")["status"] == "ok").all()
    if batches == 1:
        assert get_row(rows, "period_trend_p")["reason"] == "too_few_batches"


def test_a_small_batch_is_suppressed_and_skipped() -> None:
    """Under the smallest stratum a batch shows no number, no chart counts it, and its errors raise no alarm."""
    rows = watch([*CALM[:2], "W" * 9, *CALM[:2]])
    small = select_rows(rows, stratum="w0002", variable="stage")
    assert len(small) == 6
    assert set(small["status"]) == {"suppressed"}
    assert set(small["reason"]) == {"small_stratum"}
    assert small["estimate"].isna().all()
    signal = get_row(rows, "monitoring_signal")
    assert (signal["estimate"], signal["n"]) == (0.0, 2)
    only = get_row(watch([*CALM[:2], "W" * 9]), "monitoring_signal")
    assert (only["status"], only["reason"]) == ("suppressed", "small_stratum")
    first = get_row(watch(["W" * 9, *CALM[:2]], build_protocol(baseline=1)), "monitoring_signal")
    assert (first["status"], first["reason"]) == ("not_estimable", "small_stratum")


def test_a_window_without_a_value_of_a_variable_has_rows_that_say_so() -> None:
    """A variable not assessed in one window: `empty_denominator` there, charts in the others."""
    one, patients = build_values([*CALM[:2], "C" * 20, "C" * 20])
    two = one[~one["patient_id"].isin(patients.index[patients["period"] == "w0002"])].assign(variable="weight")
    rows = watch([], pairs=pd.concat([one, two]), patients=patients)
    gap = select_rows(rows, stratum="w0002", variable="weight")
    assert len(gap) == 6
    assert set(gap["reason"]) == {"empty_denominator"}
    assert get_row(rows, "monitoring_signal", variable="weight")["n"] == 1


def test_patients_without_a_window_are_shown_and_in_no_chart() -> None:
    """They form the stratum "missing" of the rates; windows, tests and charts are as without them."""
    pairs, patients = build_values([*CALM, "W" * 30])
    patients = patients.assign(period=patients["period"].where(patients["period"] != "w0006", ""))
    rows, without = watch([], pairs=pairs, patients=patients), watch(CALM)
    unknown = select_rows(rows, stratum="missing")
    assert set(unknown["metric"]) == {"period_rate"}
    assert set(unknown["n"]) == {30}
    pd.testing.assert_frame_equal(rows[rows["stratum"] != "missing"].reset_index(drop=True), without)


def test_metrics_share_the_run_length() -> None:
    """Two metrics: each has charts of twice the length, so that the alarms of both keep to it."""
    rows = watch(CALM, build_protocol(metrics=["error_rate", "omission_rate"]))
    lengths = select_rows(rows, metric="arl_in_control", variable="stage", method="cusum_p_chart")
    assert len(lengths) == 2
    assert (lengths["estimate"] >= 100).all()
    assert len(select_rows(rows, metric="monitoring_signal", variable="stage")) == 1


def test_a_metric_without_a_chart_leaves_a_quiet_signal_open() -> None:
    """Errors but no unsupported value in the baseline: an alarm of error counts, silence does not."""
    protocol = build_protocol(metrics=["error_rate", "unsupported_share"])
    quiet, loud = watch(CALM, protocol), watch([*CALM[:2], "C" * 8 + "W" * 12], protocol)
    assert get_row(quiet, "monitoring_signal")["reason"] == "no_events"
    assert get_row(loud, "monitoring_signal")["estimate"] == 1.0


def test_the_pooled_chart_holds_single_valued_variables_with_patients_as_clusters() -> None:
    """Stage and weight are pooled, lines of treatment are not; each patient counts once as a cluster."""
    stage, patients = build_values(CALM)
    weight, lines = stage.assign(variable="weight"), stage.assign(variable="lines")
    attribute = stage.assign(variable="lines.start")
    rows = watch([], pairs=pd.concat([stage, weight, lines, attribute]), patients=patients)
    assert set(rows["variable"]) == {"", "stage", "weight", "lines"}
    pooled = get_row(rows, "period_rate", variable="", stratum="w0000")
    assert (pooled["n"], pooled["k"], pooled["clusters"]) == (40, 4, 20)
    limits = select_rows(rows, metric="control_limit_upper", variable="")
    assert set(limits["method"]) == {"p_chart_clustered"}
    assert limits["n"].between(12, 20).all()
    assert set(select_rows(rows, metric="control_limit_upper", variable="stage")["method"]) == {"p_chart"}


def test_run_lengths_on_effective_sizes_say_that_they_are_approximate() -> None:
    """With several values per patient the run lengths carry a caution; with one they do not."""
    for values, reason in ((1, ""), (2, "effective_size_caution")):
        rows = watch(["C" * 36 + "W" * 4] * 4, values=values)
        assert get_row(rows, "arl_in_control")["reason"] == reason
        assert get_row(rows, "arl_in_control")["status"] == "ok"


def test_skewed_design_effect_is_that_of_a_beta_binomial() -> None:
    """Its square is the ratio of third cumulants to the binomial ones, by scipy; 1 and m at the ends."""
    p, many, r = 0.07, 4, 0.3
    more = 1 / r - 1
    law = betabinom(many, p * more, (1 - p) * more)
    third = float(law.stats("s")) * float(law.var()) ** 1.5
    ratio = third / (many * p * (1 - p) * (1 - 2 * p))
    effect = compute_skewed_effect(np.array([1 + (many - 1) * r, 1.0, 4.0]), np.full(3, 4.0))
    assert effect.tolist() == pytest.approx([math.sqrt(ratio), 1.0, 4.0], rel=1e-9)


def test_false_alarms_expected_sum_over_variables() -> None:
    """Two variables with four monitored batches each: twice four over the run length, and none raised one."""
    stage, patients = build_values(CALM)
    rows = watch([], pairs=pd.concat([stage, stage.assign(variable="weight")]), patients=patients)
    length = get_row(rows, "arl_in_control")
    expected = select_rows(rows, metric="false_alarms_expected").iloc[0]
    assert (expected["n"], expected["k"]) == (2, 0)
    assert expected["estimate"] == pytest.approx(2 * 4 / length["estimate"])
    assert expected["upper"] == pytest.approx(2 * 4 / length["lower"])


def test_weights_are_taken_into_rate_size_and_method() -> None:
    """A sampled patient counts by 1 / probability; the chart's size is smaller and says so."""
    pairs, patients = build_values(CALM)
    weight = np.where(np.arange(len(pairs)) % 2 == 0, 1.0, 3.0)
    rows = watch([], pairs=pairs.assign(weight=weight), patients=patients)
    row = get_row(rows, "control_limit_upper", stratum="w0000")
    assert row["method"] == "p_chart_weighted"
    assert row["n"] < 20
    rate = get_row(rows, "period_rate", stratum="w0000")["estimate"]
    assert rate == pytest.approx(weight[18:20].sum() / weight[:20].sum())


def test_series_are_the_points_of_both_charts() -> None:
    """The p-chart has every batch with its limits, the CUSUM the monitored ones with its own; x counts batches."""
    rows, protocol = watch(CALM), build_protocol()
    series = derive_monitoring_series(rows, protocol)
    assert tuple(series.columns) == SERIES_COLUMNS
    rates, sums = (select_rows(series, metric=name, variable="stage") for name in ("p_chart", "cusum"))
    assert rates["x"].tolist() == [1, 2, 3, 4, 5, 6]
    assert rates["y"].tolist() == pytest.approx([0.1, 0.05] * 3)
    assert set(rates["upper"]) == {0.25}
    assert sums["x"].tolist() == [3, 4, 5, 6]
    assert set(sums["upper"]) == {get_row(rows, "cusum_limit")["estimate"]}
    assert derive_monitoring_series(rows, build_protocol({"monitoring": None})).empty


def test_the_order_of_lines_moves_no_number() -> None:
    """Pairs and patients shuffled give the same table."""
    pairs, patients = build_values(CALM, values=2)
    mixed = watch([], pairs=pairs.sample(frac=1, random_state=1), patients=patients.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(mixed, watch([], pairs=pairs, patients=patients))


@given(
    st.lists(st.text("CCCCCWOUB", min_size=0, max_size=40), min_size=1, max_size=6),
    st.integers(1, 3),
    st.integers(1, 4),
    st.sampled_from([None, 0.8]),
    st.sampled_from([["error_rate"], ["omission_rate", "unsupported_share"]]),
)
@settings(max_examples=20, deadline=None)
def test_wild_batches_give_numbers_or_reasons(
    texts: list[str], values: int, baseline: int, assurance: float | None, metrics: list[str]
) -> None:
    """Whatever the outcomes: keys are unique, rows are ok with a number or silent with a reason, bounds hold it."""
    if not "".join(texts):
        return
    protocol = build_protocol({"min_stratum": 3}, baseline=baseline, assurance=assurance, metrics=metrics)
    rows = watch(texts, protocol, values=values)
    ok = rows["status"] == Status.OK
    assert np.isfinite(rows.loc[ok, "estimate"]).all()
    assert rows.loc[~ok, "estimate"].isna().all()
    assert (rows.loc[~ok, "reason"] != "").all()
    bounded = rows[ok & rows["lower"].notna() & rows["upper"].notna()]
    assert (bounded["lower"] <= bounded["estimate"] + 1e-9).all()
    assert (bounded["estimate"] <= bounded["upper"] + 1e-9).all()
    assert not rows.duplicated(list(KEY)).any()
    assert len(select_rows(rows, metric="monitoring_signal")) == 2
