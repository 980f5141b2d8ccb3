"""Every undefined case, family by family, is not estimable and says why: never 0, 1 or a bare NaN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
import test_centres as centres
import test_dates as dates
import test_definitions as definitions
import test_differences as differences
import test_differential as differential
import test_latent_class as latent
import test_numeric as numeric
import test_prevalence as prevalence
import test_readers as readers
import test_repeatability as repeatability
import test_repeated as repeated
import test_sets as sets
import test_timeliness as timeliness
import test_two_phase as two_phase
from agreement_study import LABEL, build_outcomes, build_pairs, build_protocol, estimate

from probatio.measures.chance import compute_ac1, compute_kappa, compute_scott_pi
from probatio.measures.completeness import estimate_completeness
from probatio.measures.multi_rater import compute_chance_corrected, compute_krippendorff_alpha
from probatio.measures.numeric import compute_repeatability
from probatio.measures.repeated import estimate_windows
from probatio.resampling import compute_clopper_pearson, compute_newcombe, compute_tango, compute_wilson
from probatio.results import select_rows

EMPTY, ONE, NONE, NO_PAIRS = "empty_denominator", "one_class_only", "no_values", "no_pairs"
ORDINAL = [
    "kappa", "ac1", "kappa_linear", "kappa_quadratic", "kappa_weighted", "ac2_linear", "ac2_quadratic", "ac2_weighted",
]  # fmt: skip
DOCUMENTED = ["wrong_rate", "accuracy_documented"]
DELIVERED = ["unsupported_share", "non_conformant_rate"]
LIMITS = ["sd_difference", "loa_lower", "loa_upper", "difference_slope", "ccc"]
LAGS = ["lag_median", "lag_quartile_lower", "lag_quartile_upper", "early_balance"]
READ = ["exact_rate", "imprecise_rate", "within_days", "early_rate", "late_rate"]
BETWEEN = [f"{name}_{metric}" for metric in ("error_rate", "omission_rate")
           for name in ("centre_logit", "centre_median", "centre_sd", "centre_q", "centre_i2", "centre_variance",
                        "prediction")]  # fmt: skip
WORST = ["worst_stratum_error_rate", "worst_stratum_omission_rate"]
READERS = ["krippendorff_alpha", "fleiss_kappa", "multi_ac1", "brennan_prediger", "agreement_difference"]
LATENT = ["latent_prevalence", "latent_sensitivity", "latent_specificity"]
DELAYS = ["delay_median", "delay_quartile_1", "delay_quartile_3", "delay_within"]
SHARES = ["definition_wrong_rate", "definition_wrong_difference", "definition_departure", "definition_share",
          "definition_change"]  # fmt: skip
DEPENDENCE = ["differential_error", "differential_error_p", "dependent_error"]
STAGE = {"name": "stage", "label": LABEL, "type": "ordinal", "levels": ["I", "II", "III", "IV"], "weights": "linear"}
WEIGHTED = build_protocol(variables=[STAGE])
SAME = [(f"P{i}", "I", "I", "C") for i in range(9)]


WEIGHT = {"name": "weight", "label": LABEL, "type": "number", "unit": "kg", "range": [30, 200]}
RANGED = build_protocol(manual=False, variables=[WEIGHT])
_ASKED = repeated.build_records()
NOTHING_SAID = replace(
    _ASKED,
    records=_ASKED.records.iloc[:0],
    assessments=pd.concat([_ASKED.assessments, _ASKED.assessments.assign(variable="weight")]),
)


def stage(outcomes: str) -> pd.DataFrame:
    """Rows of an ordinal variable with weights of its own, one patient per outcome."""
    return estimate(build_outcomes(outcomes, variable="stage"), WEIGHTED)


def by_outcome(dead: tuple[int, int], alive: tuple[int, int]) -> pd.DataFrame:
    pairs, status = differential.build_stage(dead, alive)
    return differential.run(pairs, status=status)


def several_errors(wrong: dict[str, str]) -> pd.DataFrame:
    """Differential rows of two variables, one letter per patient."""
    frames = [build_pairs([(f"P{i}", "", "", c) for i, c in enumerate(text)], variable=name)
              for name, text in wrong.items()]  # fmt: skip
    return differential.run(pd.concat(frames))


# Case: how the rows are made, then per metric the reason that every one of its rows must give.
CASES: dict[str, tuple[Callable[[], pd.DataFrame], dict[str, str]]] = {
    "outcomes: nothing on either side": (
        lambda: stage("BBB"),
        dict.fromkeys(["error_rate", "omission_rate", *DOCUMENTED, *DELIVERED], EMPTY)),
    "outcomes: no patient without a reference value": (lambda: stage("CCW"), {"unsupported_rate": EMPTY}),
    "outcomes: everything omitted": (lambda: stage("OOO"), dict.fromkeys([*DOCUMENTED, *DELIVERED], EMPTY)),
    "agreement: no pair of readings": (
        lambda: estimate(build_outcomes("BB", variable="stage", kind="agreement"), WEIGHTED),
        dict.fromkeys(["agreement_rate", "presence_disagreement_rate", "non_conformant_rate"], EMPTY)),
    "classes: none occurs": (
        lambda: stage("BBB"), dict.fromkeys(["sensitivity", "ppv", "f1", "macro_f1"], EMPTY)),
    "classes: one only": (lambda: estimate(build_pairs(SAME, variable="stage"), WEIGHTED), {"macro_f1": ONE}),
    "chance: one class": (
        lambda: estimate(build_pairs(SAME, variable="stage"), WEIGHTED), dict.fromkeys(ORDINAL, ONE)),
    "chance: no documented pair": (lambda: stage("OUB"), dict.fromkeys(ORDINAL, EMPTY)),
    "numbers: no pair": (
        lambda: estimate(build_outcomes("OUB", variable="weight")),
        dict.fromkeys(["bias", "median_absolute_difference", "within_tolerance", "unit_error_rate", *LIMITS], EMPTY)),
    "numbers: one pair": (
        lambda: numeric.estimate(numeric.build_numbers([5], [6])), dict.fromkeys(LIMITS, "one_value")),
    "numbers: all equal": (
        lambda: numeric.estimate(numeric.build_numbers([5, 5, 5], [5, 5, 5])),
        dict.fromkeys(["ccc", "difference_slope"], "zero_variance")),
    "numbers: a constant reference": (
        lambda: numeric.estimate(numeric.build_numbers([5, 5, 5], [4, 5, 6])), {"ccc": "zero_variance"}),
    "dates: none on both sides": (
        lambda: dates.estimate(dates.build_dates([("2024-03-01", ""), ("", "2024-03-01")]), dates.PROTOCOL),
        dict.fromkeys([*READ, *LAGS], EMPTY)),
    "dates: none at all": (
        lambda: dates.estimate(dates.build_dates([("", "")] * 3), dates.PROTOCOL),
        dict.fromkeys(["event_date_f1", "event_date_sensitivity", "event_date_ppv"], EMPTY)),
    "sets: no element": (
        lambda: sets.estimate(sets.build_sets([("", "", "C")] * 3), sets.PROTOCOL),
        dict.fromkeys(["element_precision", "element_recall", "element_f1", "element_macro_f1"], EMPTY)),
    "events: none": (
        lambda: estimate(build_outcomes("BBB", variable="adverse_events")),
        dict.fromkeys(["event_precision", "event_recall", "event_f1", "error_rate", "omission_rate"], EMPTY)),
    "differences: nothing on either side": (
        lambda: estimate(differences.build_both("BBB", "BBB")),
        dict.fromkeys(["error_difference", "omission_difference"], EMPTY)),
    "differences: no value without a reference value": (
        lambda: estimate(differences.build_both("CCC", "CCW")), {"unsupported_difference": EMPTY}),
    "differences: other patients": (
        lambda: estimate(differences.build_both("CC--", "--CC")),
        dict.fromkeys(["error_difference", "omission_difference", "unsupported_difference"], NO_PAIRS)),
    "centres: one": (
        lambda: centres.estimate(centres.build_centres([3], [20])), dict.fromkeys(BETWEEN, "too_few_clusters")),
    "centres: no value": (
        lambda: centres.estimate(build_outcomes("B" * 40, variable="weight").assign(centre=["A", "B"] * 20)),
        dict.fromkeys([*BETWEEN, *WORST], EMPTY)),
    "centres: no error in any": (
        lambda: select_rows(centres.estimate(centres.build_centres([0, 0, 0], [20, 20, 20])), status="not_estimable"),
        dict.fromkeys(["centre_logit_error_rate", "centre_sd_error_rate", "prediction_error_rate"], "no_events")),
    "two sources: one centre": (
        lambda: select_rows(
            centres.estimate(pd.concat([centres.build_centres([3], [20], source=name) for name in ("ai", "manual")])),
            metric="design_confounded"),
        {"design_confounded": "too_few_clusters"}),
    "nesting: one level": (
        lambda: centres.estimate(centres.build_centres([3, 2], [20, 20]), build_protocol(stratify_by=["sex"])),
        {"design_nested": ONE}),
    "readers: one class": (
        lambda: select_rows(readers.read(dict.fromkeys(("registry", "manual", "ai"), "1111")), variable="stage"),
        dict.fromkeys(READERS, ONE)),
    "readers: no cell in common": (
        lambda: readers.read({"registry": "1100", "manual": "0011", "ai": "0000"}), dict.fromkeys(READERS, NO_PAIRS)),
    "two phases: nothing adjudicated": (
        lambda: two_phase.run(two_phase.build_cells("CCWW", "----", "----")),
        dict.fromkeys(["shared_error_rate", "two_phase_error_rate"], "no_reference")),
    "two phases: nothing concordant": (
        lambda: two_phase.run(two_phase.build_cells("WW", "CC", "WW")), {"shared_error_rate": "no_reference"}),
    "latent classes: one class": (
        lambda: latent.run(dict.fromkeys(latent.SOURCES, "a" * 9)), dict.fromkeys(LATENT, ONE)),
    "latent classes: no cell of three": (
        lambda: latent.run({"registry": "ap..", "manual": "..ap", "ai": "apap"}), dict.fromkeys(LATENT, NO_PAIRS)),
    "delays: no date of extraction": (
        lambda: timeliness.run(timeliness.build_records([("P1", "weight", "70", "D1", "")])),
        dict.fromkeys(DELAYS, NONE)),
    "effort: no correct value": (
        lambda: timeliness.run(timeliness.build_days([1, 2]), [build_outcomes("OO", variable="weight")],
                               minutes_per_patient=3, euros_per_patient=2),
        dict.fromkeys(["minutes_per_correct_value", "euros_per_correct_value"], NONE)),
    "differential: no error": (lambda: by_outcome((10, 0), (10, 0)), dict.fromkeys(DEPENDENCE, "no_events")),
    "differential: nothing but errors": (lambda: by_outcome((10, 10), (10, 10)), dict.fromkeys(DEPENDENCE, ONE)),
    "differential: one outcome": (
        lambda: select_rows(by_outcome((10, 3), (0, 0)), term="outcome", status="not_estimable"),
        dict.fromkeys(["differential_error_p", "differential_error_difference"], ONE)),
    "dependent: one variable without error": (
        lambda: several_errors({"stage": "CCCWWW", "weight": "CCCCCC"}), {"error_phi": ONE}),
    "prevalence: nothing read": (
        lambda: prevalence.run([]), dict.fromkeys(["apparent_prevalence", "corrected_prevalence"], NONE)),
    "prevalence: the reference shows one class": (
        lambda: prevalence.run([("aa", 5)]), {"corrected_prevalence": ONE}),
    "runs: nothing delivered": (
        lambda: repeatability.run(dict.fromkeys(("run_1", "run_2"), ".."), dict.fromkeys(("run_1", "run_2"), "BB")),
        {"repeat_agreement_rate": NONE, "repeat_presence_rate": NONE, "error_change": EMPTY, "omission_change": EMPTY}),
    "runs: every patient has a reference value": (
        lambda: repeatability.run(dict.fromkeys(("run_1", "run_2"), "aa"), dict.fromkeys(("run_1", "run_2"), "CC")),
        {"unsupported_change": EMPTY}),
    "windows: no event": (
        lambda: estimate_windows(NOTHING_SAID, repeated.PROTOCOL),
        dict.fromkeys(["event_omission_rate", "event_unsupported_share", "event_f1"], EMPTY)),
    "completeness: nothing delivered": (
        lambda: estimate_completeness(NOTHING_SAID, RANGED),
        dict.fromkeys(["non_conformant_rate", "out_of_range_rate"], EMPTY)),
    "odds ratio of two sources: too few centres": (
        lambda: centres.estimate(differences.build_both("W" * 20 + "C" * 20, "C" * 40).assign(centre=["A", "B"] * 40)),
        {"source_odds_ratio_error_rate": "too_few_clusters"}),
    "definitions: nobody in the population": (
        lambda: definitions.run(definitions.GROUPS, sex="X"), dict.fromkeys(SHARES, EMPTY)),
}  # fmt: skip

# What exists whenever its row does: counts of what was found, and rates over the assessed cells of a group.
ALWAYS_DEFINED = {
    "count", "error_rate_all", "missing_rate", "differential_error_rate", "delay_known_rate", "minutes_per_patient",
    "euros_per_patient", "shrunken_error_rate", "leave_one_out_error_rate", "centre_difference_error_rate",
}  # fmt: skip


@cache
def make(case: str) -> pd.DataFrame:
    return CASES[case][0]()


@pytest.mark.parametrize("case", CASES)
def test_the_undefined_says_why(case: str) -> None:
    """Each named metric has rows, all of them not estimable, without a number or bounds, for the reason named."""
    rows = make(case)
    for metric, reason in CASES[case][1].items():
        found = select_rows(rows, metric=metric)
        assert len(found), metric
        wrong = found[(found["status"] != "not_estimable") | (found["reason"] != reason)]
        assert wrong.empty, wrong[["metric", "term", "at", "method", "n", "status", "reason"]].to_string()
        assert found[["estimate", "lower", "upper"]].isna().all(axis=None)


@pytest.mark.parametrize("case", CASES)
def test_no_number_stands_on_nothing(case: str) -> None:
    """In the same rows nothing else is a number either unless it has values; every silence has its reason."""
    rows = make(case)
    known = rows["status"] == "ok"
    assert np.isfinite(rows.loc[known, "estimate"]).all()
    counted = known & ~rows["metric"].isin(["count"]) & rows["n"].notna()
    assert (rows.loc[counted, "n"] > 0).all(), rows.loc[counted & (rows["n"] == 0), "metric"].tolist()
    assert rows.loc[~known, "estimate"].isna().all()
    assert (rows.loc[~known, "reason"] != "").all()


def test_every_metric_of_these_families_has_an_undefined_case() -> None:
    """No metric that any case produces escapes the table, but those that exist whenever their row does."""
    produced = {metric for case in CASES for metric in make(case)["metric"]}
    silent = {metric for _, expected in CASES.values() for metric in expected}
    assert produced - silent - ALWAYS_DEFINED == set()
    assert silent <= produced


@pytest.mark.parametrize("compute", [compute_kappa, compute_ac1, compute_scott_pi])
def test_a_coefficient_of_an_empty_or_constant_table(compute) -> None:  # type: ignore[no-untyped-def]
    """All in one cell: kappa and pi are undefined (AC1, whose chance is 0, is 1)."""
    table = np.array([[9.0, 0.0], [0.0, 0.0]])
    found = compute(table).estimate
    assert found == 1 if compute is compute_ac1 else np.isnan(found)


def test_kernels_of_nothing_are_not_a_number() -> None:
    """No trial, no pair, no unit with two ratings: NaN, not 0 and not 1."""
    for found in (compute_wilson(0, 0, 0.95), compute_clopper_pearson(0, 0, 0.95), compute_tango(0, 0, 0, 0.95),
                  compute_newcombe(0, 0, 0, 0, 0.95)):  # fmt: skip
        assert np.isnan(found).all()
    lonely = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert np.isnan(compute_krippendorff_alpha(lonely, np.arange(2.0), "nominal")).all()
    assert all(np.isnan(value).all() for value in compute_chance_corrected(lonely).values())
    assert np.isnan(compute_repeatability(np.array([])))
