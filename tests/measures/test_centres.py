"""Rows between centres: what a study of a known kind gives, what is undefined, what nesting forbids."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from agreement_study import LABEL, build_outcomes, build_patients, build_protocol
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from probatio.measures.heterogeneity import estimate_heterogeneity
from probatio.measures.heterogeneity.binomial_normal import fit
from probatio.measures.heterogeneity.strata import compute_nesting
from probatio.resampling import compute_clopper_pearson
from probatio.results import Status, select_rows


def build_centres(events: list[int], sizes: list[int], *, letter: str = "W", **constants: Any) -> pd.DataFrame:
    """One value per patient; in each centre that many errors, the rest correct."""
    text = "".join(letter * k + "C" * (n - k) for k, n in zip(events, sizes, strict=True))
    centre = np.repeat([f"K{i:02d}" for i in range(len(sizes))], sizes)
    return build_outcomes(text, variable="weight", **constants).assign(centre=centre)


def estimate(pairs: pd.DataFrame, protocol: Any = None, **columns: Any) -> pd.DataFrame:
    """Rows of some pairs, patients in the centres of the pairs."""
    centre = pairs.drop_duplicates("patient_id").sort_values("patient_id")["centre"].to_numpy()
    patients = build_patients(pairs, **({"centre": centre} | columns))
    comparison = SimpleNamespace(pairs=pairs, patients=patients)
    return estimate_heterogeneity(comparison, protocol or build_protocol(stratify_by=["centre"]))


def get(rows: pd.DataFrame, metric: str, **key: Any) -> Any:
    """The only row of a metric and key."""
    found = select_rows(rows, metric=metric, **key)
    assert len(found) == 1, found[["metric", "method", "term", "stratum", "status", "reason"]]
    return found.iloc[0]


EVENTS, SIZES = [12, 20, 31, 15, 44, 18], [200, 210, 190, 220, 230, 200]


@pytest.fixture(scope="module")
def study() -> pd.DataFrame:
    """Rows of six centres with enough errors for both models."""
    return estimate(build_centres(EVENTS, SIZES))


def test_both_models_speak_where_events_suffice(study: pd.DataFrame) -> None:
    """Mean, spread and prediction of the primary model lie in order; the secondary's logit mean is nearby."""
    primary = get(study, "centre_logit_error_rate", method="binomial_normal")
    found = fit(np.array([EVENTS], dtype=float), np.array([SIZES], dtype=float))
    assert primary.estimate == pytest.approx(found.mu[0], abs=1e-9)
    assert (primary.n, primary.k, primary.clusters, primary.cluster_unit) == (1250, 140, 6, "centre")
    median = get(study, "centre_median_error_rate", method="binomial_normal")
    assert (median.lower, median.estimate, median.upper) == pytest.approx(
        tuple(expit([primary.lower, primary.estimate, primary.upper]))
    )
    new = get(study, "prediction_error_rate", method="binomial_normal_integrated")
    assert 0 < new.lower < median.lower < median.upper < new.upper < 1
    sd = get(study, "centre_sd_error_rate", method="binomial_normal")
    assert (sd.estimate, sd.lower >= 0, sd.upper > sd.estimate) == (pytest.approx(found.tau[0]), True, True)
    beside = get(study, "centre_logit_error_rate", method="reml_hartung_knapp")
    assert beside.estimate == pytest.approx(primary.estimate, abs=0.1)
    assert set(select_rows(study, metric="centre_q_error_rate")["status"]) == {"ok"}


def test_shrunken_rates_lie_between_the_observed_and_the_median(study: pd.DataFrame) -> None:
    """Each centre is drawn towards the median centre, and none beyond it; intervals hold the shrunken rate."""
    median = get(study, "centre_median_error_rate", method="binomial_normal").estimate
    rows = select_rows(study, metric="shrunken_error_rate", stratum_by="centre")
    assert list(rows["stratum"]) == [f"K{i:02d}" for i in range(6)]
    observed = np.array(EVENTS) / np.array(SIZES)
    low, high = np.minimum(observed, median), np.maximum(observed, median)
    assert ((low <= rows["estimate"]) & (rows["estimate"] <= high)).all()
    assert ((rows["lower"] < rows["estimate"]) & (rows["estimate"] < rows["upper"])).all()


def test_leaving_out_the_worst_centre_lowers_the_rate(study: pd.DataFrame) -> None:
    """Without the centre of most errors the median falls, without that of fewest it rises; no counts are shown."""
    median = get(study, "centre_median_error_rate", method="binomial_normal").estimate
    assert get(study, "leave_one_out_error_rate", term="K04").estimate < median
    assert get(study, "leave_one_out_error_rate", term="K00").estimate > median
    assert select_rows(study, metric="leave_one_out_error_rate")[["n", "k"]].isna().all(axis=None)
    rest = fit(np.array([EVENTS[1:]], dtype=float), np.array([SIZES[1:]], dtype=float))
    assert get(study, "leave_one_out_error_rate", term="K00").estimate == pytest.approx(expit(rest.mu[0]), abs=1e-9)


def test_worst_stratum_carries_a_simultaneous_exact_bound(study: pd.DataFrame) -> None:
    """The worst centre is named; the bound is the highest of six exact bounds at level 1 - 0.05 / 6."""
    row = get(study, "worst_stratum_error_rate")
    assert (row.term, row.k, row.n, row.method) == ("K04", 44, 230, "clopper_pearson_bonferroni")
    bounds = compute_clopper_pearson(EVENTS, SIZES, 1 - 0.05 / 6)
    assert (row.lower, row.upper) == pytest.approx((bounds[0].max(), bounds[1].max()))


def test_a_small_stratum_without_errors_still_raises_the_bound() -> None:
    """Ten patients without an error may hide a worse stratum than 300 patients with 3: the bound says so."""
    row = get(estimate(build_centres([3, 0], [300, 10])), "worst_stratum_error_rate")
    assert row.term == "K00"
    assert row.upper == pytest.approx(float(compute_clopper_pearson(0, 10, 0.975)[1]))


@pytest.mark.parametrize(
    ("events", "sizes", "letter", "reason"),
    [
        ([3], [50], "W", "too_few_clusters"),
        ([0, 0, 0], [30, 30, 30], "W", "no_events"),
        ([30, 30, 30], [30, 30, 30], "W", "one_class_only"),
        ([5, 5, 5], [30, 30, 30], "B", ""),
    ],
)
def test_undefined_studies_say_why(events: list[int], sizes: list[int], letter: str, reason: str) -> None:
    """One centre, no error, only errors: not estimable with its reason, never a number."""
    rows = estimate(build_centres(events, sizes, letter=letter))
    for metric in ("centre_logit", "centre_median", "centre_sd", "prediction"):
        for row in select_rows(rows, metric=f"{metric}_error_rate").itertuples():
            assert row.status != "ok"
            if row.method.startswith("binomial"):
                assert (row.status, row.reason) == ("not_estimable", reason or "no_events")
    assert select_rows(rows, metric="shrunken_error_rate").empty


def test_few_events_silence_the_secondary_model() -> None:
    """A centre with fewer than ten errors: REML does not apply, and below ten in all the primary says caution."""
    rows = estimate(build_centres([1, 0, 2, 1, 0, 3], [40] * 6))
    for metric in ("centre_logit", "centre_variance", "centre_i2", "centre_q", "prediction"):
        row = get(rows, f"{metric}_error_rate", method="reml_hartung_knapp")
        assert (row.status, row.reason) == ("not_applicable", "too_few_events")
    row = get(rows, "centre_median_error_rate", method="binomial_normal")
    assert (row.status, row.reason) == ("ok", "few_events_caution")


def test_prediction_needs_five_centres() -> None:
    """With four centres there is a mean and no prediction."""
    rows = estimate(build_centres(EVENTS[:4], SIZES[:4]))
    assert set(select_rows(rows, metric="prediction_error_rate")["reason"]) == {"too_few_clusters"}
    assert set(select_rows(rows, metric="centre_median_error_rate")["status"]) == {"ok"}


def test_equal_centres_have_a_spread_of_zero_with_its_bound() -> None:
    """The boundary is an estimate of 0 with an upper bound, not an undefined number."""
    row = get(estimate(build_centres([6] * 5, [60] * 5)), "centre_sd_error_rate", method="binomial_normal")
    assert (row.status, row.estimate, row.lower) == ("ok", 0, 0)
    assert 0.1 < row.upper < 3


def test_several_values_per_patient_widen_the_interval() -> None:
    """The same counts from a quarter of the patients: a wider interval, and the method says why."""
    one = build_centres([4 * k for k in (4, 4, 5, 4, 4)], [80] * 5)
    group = np.arange(len(one)) // 4
    many = one.assign(patient_id=[f"P{i:04d}" for i in group], visit=[str(i % 4) for i in range(len(one))])
    single, shared = (get(estimate(x), "centre_logit_error_rate", method=method) for x, method in
                      ((one, "binomial_normal"), (many, "binomial_normal_clustered")))  # fmt: skip
    assert shared.upper - shared.lower > 1.3 * (single.upper - single.lower)
    assert (shared.n, shared.k) == (single.n, single.k)


def build_nested_protocol() -> Any:
    attributes = {"tumour": {"label": LABEL, "column": "tumour"}}
    patients = {"file": {"path": "p.csv"}, "attributes": attributes}
    return build_protocol(patients=patients, stratify_by=["tumour", "centre"])


def test_nested_centres_are_judged_within_their_stratum_only() -> None:
    """Sites that each treat one tumour type: said, no verdict over all sites, models within each type."""
    pairs = build_centres([2, 4, 3, 20, 25, 22, 1], [40] * 6 + [5])
    tumour = ["LIHC"] * 120 + ["PAAD"] * 120 + ["PAAD"] * 5
    rows = estimate(pairs, build_nested_protocol(), tumour=tumour)
    design = get(rows, "design_nested")
    assert (design.stratum_by, design.estimate, design.reason) == ("tumour", 1.0, "nested_centres")
    for metric in ("centre_median", "prediction", "centre_sd"):
        row = get(rows, f"{metric}_error_rate", stratum_by="")
        assert (row.status, row.reason) == ("not_applicable", "nested_centres")
    within = select_rows(rows, metric="centre_median_error_rate", stratum_by="tumour", method="binomial_normal")
    assert dict(zip(within["stratum"], within["clusters"], strict=True)) == {"LIHC": 3, "PAAD": 3}
    assert within["estimate"].to_list() == pytest.approx([0.075, 0.56], abs=0.01)
    assert get(rows, "worst_stratum_error_rate", stratum_by="centre").reason == "nested_centres"
    assert get(rows, "worst_stratum_error_rate", stratum_by="tumour").term == "PAAD"


def test_nesting_is_lambda_and_chance_is_not_nesting() -> None:
    """A fully determined attribute gives 1, an attribute alike in all centres 0, one level nothing."""
    centre = np.repeat(["A", "B", "C", "D"], 10)
    assert compute_nesting(centre, np.repeat(["x", "x", "y", "y"], 10)) == 1
    assert compute_nesting(centre, np.array(["x"] * 6 + ["y"] * 4).repeat(1).tolist() * 4) == 0
    assert np.isnan(compute_nesting(centre, np.full(40, "x")))
    # By hand: modal 9 + 9 of 20, the commonest level 10 of 20: (18 - 10) / (20 - 10).
    table = ["x"] * 9 + ["y"] + ["y"] * 9 + ["x"]
    assert compute_nesting(np.repeat(["A", "B"], 10), np.array(table)) == pytest.approx(0.8)


def build_two_sources(centres: int, *, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frames = []
    for source, rate in (("ai", 0.3), ("manual", 0.15)):
        events = [int(x) for x in rng.binomial(30, expit(logit(rate) + 0.3 * rng.standard_normal(centres)))]
        frames.append(build_centres(events, [30] * centres, source=source))
    return pd.concat(frames, ignore_index=True)


def test_technologies_are_compared_centre_by_centre() -> None:
    """Each centre's difference is its two rates' difference; with equal centres the odds ratio is the crude one."""
    pairs = build_two_sources(12)
    rows = estimate(pairs)
    wrong = pairs.assign(wrong=pairs["outcome"] == "W").pivot_table(index="centre", columns="source", values="wrong")
    found = select_rows(rows, metric="centre_difference_error_rate").set_index("stratum")["estimate"]
    assert found.to_numpy() == pytest.approx((wrong["ai"] - wrong["manual"]).to_numpy())
    row = get(rows, "source_odds_ratio_error_rate")
    p, q = wrong["ai"].mean(), wrong["manual"].mean()
    assert (row.term, row.clusters, row.status) == ("appendix", 12, "ok")
    assert row.estimate == pytest.approx(p * (1 - q) / (q * (1 - p)), rel=1e-6)
    assert row.lower < row.estimate < row.upper


def test_odds_ratio_needs_ten_centres_and_independence() -> None:
    """Nine centres are too few; a manual reading that saw the AI's is not compared at all."""
    pairs = build_two_sources(9)
    assert get(estimate(pairs), "source_odds_ratio_error_rate").reason == "too_few_clusters"
    rows = estimate(pairs, build_protocol(independent=False, stratify_by=["centre"]))
    assert get(rows, "source_odds_ratio_error_rate").reason == "not_independent"
    assert select_rows(rows, metric="centre_difference_error_rate").empty


def test_small_centres_are_suppressed() -> None:
    """A centre under the minimum shows neither its shrunken rate nor its difference."""
    rows = estimate(build_centres([4, 5, 1], [40, 40, 5]))
    small = select_rows(rows, metric="shrunken_error_rate", stratum="K02").iloc[0]
    assert (small.status, small.reason, small.n) == ("suppressed", "small_stratum", 5)
    assert np.isnan(small.estimate)


def test_order_of_pairs_moves_nothing() -> None:
    """Shuffled rows give the very same table."""
    pairs = build_two_sources(6)
    pd.testing.assert_frame_equal(estimate(pairs), estimate(pairs.sample(frac=1, random_state=1)), check_exact=True)


def test_readings_and_empty_studies_have_no_rows() -> None:
    """Agreement between readings is not error; without pairs there is an empty table."""
    assert estimate(build_centres([3, 4], [30, 30], kind="agreement")).empty
    assert set(estimate(build_centres([3, 4], [30, 30]))["status"]) <= set(Status)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), min_size=1, max_size=8))
def test_any_counts_give_numbers_or_reasons(counts: list[tuple[int, int]]) -> None:
    """Wild counts, lone patients and centres at 0 or 100 %: finite ordered numbers, or a status with its reason."""
    rows = estimate(build_centres([min(k, n) for k, n in counts], [n for _, n in counts]))
    sure, shut = rows[rows["status"] == "ok"], rows[rows["status"] != "ok"]
    assert (shut["reason"] != "").all()
    assert shut[["estimate", "lower", "upper"]].isna().all(axis=None)
    bounded = sure[sure["lower"].notna() & ~sure["metric"].str.contains("variance|i2|leave")]
    assert ((bounded["lower"] <= bounded["estimate"] + 1e-9) & (bounded["estimate"] <= bounded["upper"] + 1e-9)).all()
    rates = sure[sure["unit"] == "proportion"]
    assert rates["estimate"].between(0, 1).all()


def build_readings(manual: list[int]) -> pd.DataFrame:
    """AI and manual values, 20 patients a centre; manual in the centres numbered, the AI in centres 0 to 3."""
    ai = build_centres([2] * 4, [20] * 4)
    other = build_centres([2] * 8, [20] * 8, source="manual")
    return pd.concat([ai, other[other["centre"].isin([f"K{i:02d}" for i in manual])]], ignore_index=True)


@pytest.mark.parametrize(
    ("manual", "share", "reason"),
    [([0, 1, 2, 3], 0.0, ""), ([4, 5, 6, 7], 1.0, "confounded_centres"), ([3, 4, 5, 6, 7], 0.75, "")],
)
def test_sources_read_in_other_centres_are_confounded(manual: list[int], share: float, reason: str) -> None:
    """Crossed sources have lambda 0, sources in centres of their own 1; one shared centre of eight lies between."""
    row = get(estimate(build_readings(manual)), "design_confounded")
    assert (row.source, row.comparator, row.reason) == ("ai", "manual", reason)
    assert row.estimate == pytest.approx(share)


def test_one_centre_cannot_be_confounded() -> None:
    """With one centre nothing tells centres from sources: not estimable."""
    pairs = pd.concat([build_centres([2], [20]), build_centres([2], [20], source="manual")], ignore_index=True)
    row = get(estimate(pairs), "design_confounded")
    assert (row.status, row.reason) == ("not_estimable", "too_few_clusters")
