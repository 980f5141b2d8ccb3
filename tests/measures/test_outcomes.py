"""Rates and counts from outcomes: formulas, designs, strata, what is undefined."""

import numpy as np
import pandas as pd
import pytest
from agreement_study import build_outcomes, build_pairs, build_patients, build_protocol, estimate, get_row
from hypothesis import given, settings
from hypothesis import strategies as st

from probatio.measures.outcomes import ERROR_RATES
from probatio.resampling import compute_clopper_pearson, compute_wilson
from probatio.results import select_rows

RATES = {
    "error_rate": ("WOU", "CWOU"),
    "error_rate_all": ("WOU", "CWOUB"),
    "omission_rate": ("O", "CWO"),
    "unsupported_rate": ("U", "UB"),
    "unsupported_share": ("U", "CWU"),
    "wrong_rate": ("W", "CW"),
    "accuracy_documented": ("C", "CW"),
}
# C, W, O, U, B of a language model against the TCGA registry, and the published error count.
TCGA = [("T", 425, 136, 10, 2, 1, 148, 573), ("N", 349, 17, 50, 72, 86, 139, 488), ("M", 202, 2, 259, 25, 86, 286, 488)]


@pytest.mark.parametrize(("name", "c", "w", "o", "u", "b", "k", "n"), TCGA)
def test_rates_of_a_published_comparison(name: str, c: int, w: int, o: int, u: int, b: int, k: int, n: int) -> None:
    """The published error counts come out, with Wilson to report and Clopper-Pearson to accept."""
    rows = estimate(build_outcomes("C" * c + "W" * w + "O" * o + "U" * u + "B" * b))
    for method, compute in (("wilson", compute_wilson), ("clopper_pearson", compute_clopper_pearson)):
        row = get_row(rows, "error_rate", method=method)
        assert (row.k, row.n, row.clusters) == (k, n, n)
        assert row.estimate == pytest.approx(k / n, abs=1e-15)
        assert (row.lower, row.upper) == pytest.approx([float(x) for x in compute(k, n, 0.95)], abs=1e-15)
    assert get_row(rows, "omission_rate").estimate == pytest.approx(o / (c + w + o))
    counts = {term: get_row(rows, "count", term=term).k for term in "CWOUB"}
    assert counts == {"C": c, "W": w, "O": o, "U": u, "B": b}


@settings(max_examples=25, deadline=None)
@given(st.text("CWOUB", min_size=1, max_size=40))
def test_any_counts_give_numbers_or_reasons(text: str) -> None:
    """Wild counts: every rate is its formula, or not estimable with a reason; bounds hold the estimate."""
    rows = estimate(build_outcomes(text, variable="weight"))
    for metric, (above, below) in RATES.items():
        k, n = (sum(text.count(letter) for letter in letters) for letters in (above, below))
        for row in select_rows(rows, metric=metric).itertuples():
            assert (row.k, row.n) == (k, n)
            if n == 0:
                assert (row.status, row.reason) == ("not_estimable", "empty_denominator")
                assert np.isnan([row.estimate, row.lower, row.upper]).all()
            else:
                assert row.status == "ok"
                assert row.estimate == pytest.approx(k / n)
                assert 0 <= row.lower <= row.estimate <= row.upper <= 1


@settings(max_examples=25, deadline=None)
@given(st.text("CW", min_size=1, max_size=30))
def test_accuracy_and_wrong_rate_are_complements(text: str) -> None:
    """Accuracy among documented values and the wrong rate add up to 1, and so do their bounds."""
    rows = estimate(build_outcomes(text, variable="weight"))
    right, wrong = get_row(rows, "accuracy_documented"), get_row(rows, "wrong_rate")
    assert right.estimate + wrong.estimate == pytest.approx(1)
    assert (right.lower + wrong.upper, right.upper + wrong.lower) == pytest.approx((1, 1))


def test_non_conformant_values_stay_in_the_denominator() -> None:
    """Two odd values of six delivered: a third is non-conformant, and the wrong one counts as an error."""
    pairs = build_outcomes("CCCWWUOB", variable="weight").assign(
        conformant=[True, True, True, False, True, False, True, True]
    )
    rows = estimate(pairs)
    row = get_row(rows, "non_conformant_rate")
    assert (row.k, row.n) == (2, 6)
    assert get_row(rows, "count", term="non_conformant").k == 2
    assert get_row(rows, "error_rate", method="wilson").k == 4


@pytest.mark.parametrize(("wrong", "said"), [(0, ""), (1, "few_events_caution"), (2, "few_events_caution"), (3, "")])
def test_wilson_around_one_or_two_events_says_so(wrong: int, said: str) -> None:
    """The interval to report stays ok with a caution, for a rate and its complement; the one to accept by has none."""
    rows = estimate(build_outcomes("W" * wrong + "C" * (40 - wrong), variable="weight"))
    for metric in ("error_rate", "accuracy_documented"):
        report, accept = get_row(rows, metric, method="wilson"), get_row(rows, metric, method="clopper_pearson")
        assert (report.status, report.reason, accept.reason) == ("ok", said, "")
        assert report.lower <= report.estimate <= report.upper


def test_events_of_one_patient_are_one_event() -> None:
    """Six wrong values of two patients are as good as two: the caution stands; of six patients it does not."""
    pairs = build_outcomes("W" * 6 + "C" * 154, variable="weight")
    number = pairs["patient_id"].str[1:].astype(int)
    for patient, said in ((number // 4, "few_events_caution"), (number % 40, "")):
        own = pairs.assign(patient_id=[f"P{i:04d}" for i in patient], visit=number.astype(str))
        row = get_row(estimate(own), "error_rate", method="wilson_clustered")
        assert (row.status, row.reason, row.k, row.clusters) == ("ok", said, 6, 40)


def test_two_readings_never_err() -> None:
    """Readings of which neither is the truth have agreement, and no error, omission or unsupported rate."""
    rows = estimate(build_outcomes("CCCCCCWWOUUB", kind="agreement", variable="weight"))
    rates = {"agreement_rate", "presence_disagreement_rate", "non_conformant_rate", "count"}
    numbers = {"bias", "sd_difference", "loa_lower", "loa_upper", "difference_slope", "ccc"}
    numbers |= {"median_absolute_difference", "within_tolerance"}
    assert set(rows["metric"]) == rates | numbers
    assert {rate.metric for rate in ERROR_RATES} & set(rows["metric"]) == {"non_conformant_rate"}
    assert (get_row(rows, "agreement_rate").k, get_row(rows, "agreement_rate").n) == (6, 8)
    row = get_row(rows, "presence_disagreement_rate")
    assert (row.k, row.n) == (3, 11)


def test_events_are_never_wrong() -> None:
    """Repeated events have errors, omissions and a share of unsupported; rates that need W or B do not apply."""
    rows = estimate(build_outcomes("CCCCOOU", variable="adverse_events"))
    assert get_row(rows, "omission_rate").k == 2
    assert (get_row(rows, "unsupported_share").k, get_row(rows, "unsupported_share").n) == (1, 5)
    for metric in ("unsupported_rate", "wrong_rate", "accuracy_documented"):
        row = get_row(rows, metric)
        assert (row.status, row.reason) == ("not_applicable", "type_without_metric")


def test_several_values_per_patient_widen_the_interval() -> None:
    """The same counts from a quarter of the patients have a wider interval, and the method says why."""
    single = build_outcomes("C" * 80 + "W" * 20, variable="weight")
    shared = single.assign(patient_id=[f"P{i // 4:04d}" for i in range(100)], visit=[str(i % 4) for i in range(100)])
    one, many = (get_row(estimate(pairs), "wrong_rate") for pairs in (single, shared))
    assert (one.method, many.method) == ("wilson", "wilson_clustered")
    assert (many.clusters, many.n, many.k) == (25, 100, 20)
    assert many.lower < one.lower < one.upper < many.upper
    methods = set(select_rows(estimate(shared), metric="error_rate")["method"])
    assert methods == {"wilson_clustered", "clopper_pearson_clustered"}


@pytest.mark.parametrize(("letter", "estimate_"), [("C", 0.0), ("W", 1.0)])
def test_none_or_all_wrong_is_exact_on_patients(letter: str, estimate_: float) -> None:
    """At 0 and 100 % of clustered values the interval is Clopper-Pearson's with patients as values."""
    pairs = build_outcomes(letter * 100, variable="weight")
    pairs = pairs.assign(patient_id=[f"P{i // 5:04d}" for i in range(100)], visit=[str(i % 5) for i in range(100)])
    row = get_row(estimate(pairs), "wrong_rate")
    assert (row.method, row.estimate) == ("exact_clustered", estimate_)
    width = float(compute_clopper_pearson(0, 20, 0.95)[1])
    assert row.upper - row.lower == pytest.approx(width)


def test_sampled_references_are_weighted_back() -> None:
    """Hajek: 4 errors of weight 1 and 6 right values of weight 3 are 4/22, from 10 values, and the method says so."""
    pairs = build_outcomes("WWWWCCCCCC", variable="weight").assign(weight=[1.0] * 4 + [3.0] * 6)
    rows = estimate(pairs)
    row = get_row(rows, "wrong_rate")
    assert row.estimate == pytest.approx(4 / 22)
    assert (row.n, row.k, row.method) == (10, 4, "wilson_weighted")
    assert row.lower < 4 / 22 < row.upper
    same = get_row(estimate(pairs.assign(weight=2.5)), "wrong_rate")
    assert (same.estimate, same.method) == (pytest.approx(0.4), "wilson")


def test_centres_may_be_the_units() -> None:
    """For a new centre the values of a centre hang together: centres are counted, and the interval is wider."""
    pairs = build_outcomes(("C" * 9 + "W") * 12 + "W" * 30, variable="weight")
    centres = [f"K{i // 10:02d}" for i in range(150)]
    patients = build_patients(pairs, centre=centres)
    these, new = (estimate(pairs, patients=patients, unit=unit) for unit in ("patient", "centre"))
    one, two = get_row(these, "wrong_rate"), get_row(new, "wrong_rate")
    assert (one.cluster_unit, one.clusters) == ("patient", 150)
    assert (two.cluster_unit, two.clusters, two.method) == ("centre", 15, "wilson_clustered")
    assert two.upper - two.lower > 1.5 * (one.upper - one.lower)


def test_strata_partition_the_values() -> None:
    """Counts of the strata add up to the overall counts; patients without the attribute are a stratum."""
    pairs = build_outcomes("CCCWOUB" * 10, variable="weight")
    patients = build_patients(pairs, sex=["F", "M", ""] * 23 + [None])
    rows = estimate(pairs, build_protocol(stratify_by=["sex"], min_stratum=2), patients=patients)
    parts = select_rows(rows, metric="error_rate_all", stratum_by="sex")
    whole = get_row(rows, "error_rate_all")
    assert set(parts["stratum"]) == {"F", "M", "missing"}
    assert (parts["n"].sum(), parts["k"].sum()) == (whole.n, whole.k)


def test_small_strata_are_suppressed() -> None:
    """A stratum of fewer patients than the minimum shows how many values it holds, and nothing else."""
    pairs = build_outcomes("CCCCCCCCCCCCWWW", variable="weight")
    patients = build_patients(pairs, centre=["A"] * 10 + ["B"] * 5)
    rows = estimate(pairs, build_protocol(stratify_by=["centre"], min_stratum=10), patients=patients)
    small = select_rows(rows, stratum="B")
    assert set(small["status"]) == {"suppressed"}
    assert set(small["reason"]) == {"small_stratum"}
    assert small[["estimate", "lower", "upper", "k"]].isna().all(axis=None)
    assert set(select_rows(small, metric="wrong_rate")["n"]) == {5}
    assert get_row(rows, "wrong_rate", stratum_by="centre", stratum="A").status == "ok"


def test_visits_of_few_patients_are_a_small_stratum() -> None:
    """Ten values of two patients are two patients."""
    pairs = build_outcomes("CCCCCCCCCW", variable="weight")
    pairs = pairs.assign(patient_id=["P1", "P2"] * 5, visit=[str(i // 2) for i in range(10)])
    rows = estimate(pairs, build_protocol(stratify_by=["centre"], min_stratum=3))
    assert set(select_rows(rows, stratum_by="centre")["status"]) == {"suppressed"}


def test_broken_pairs_are_refused_without_naming_anyone() -> None:
    """A patient unknown to the table, or a weight of 0, is an error that names no patient."""
    pairs = build_pairs([("P77", "adeno", "adeno", "C")])
    with pytest.raises(ValueError, match="patient is missing") as error:
        estimate(pairs, patients=build_patients(pairs.assign(patient_id="P1")))
    assert "P77" not in str(error.value)
    with pytest.raises(ValueError, match="weights"):
        estimate(pairs.assign(weight=0.0))


def test_no_pair_gives_an_empty_table() -> None:
    """Without pairs there is a table of result rows without rows."""
    empty = build_pairs([]).astype({"weight": float})
    rows = estimate(empty, patients=pd.DataFrame({"centre": [], "sex": []}))
    assert rows.empty
    assert "metric" in rows
