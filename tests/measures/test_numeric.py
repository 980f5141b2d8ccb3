"""Numbers: published limits of agreement, concordance, scipy, errors of unit, what is undefined, coverage."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from agreement_study import LABEL, TYPES, build_pairs, build_patients, build_protocol, estimate, get_row
from scipy import stats

from probatio.measures.numeric import compute_ccc, compute_repeatability, find_unit_errors
from probatio.measures.quantities import compute_quantile
from probatio.measures.value_series import derive_bins, estimate_value_series

WRIGHT = np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427.0])
WRIGHT_2 = np.array([490, 397, 512, 401, 470, 611, 415, 431, 638, 429, 420, 633, 275, 492, 165, 372, 421.0])
MINI = np.array([512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451.0])
MINI_2 = np.array([525, 415, 508, 444, 500, 625, 460, 390, 642, 432, 420, 605, 227, 467, 268, 370, 443.0])


def build_numbers(reference: Any, value: Any, *, tolerance: float = 0.0, **columns: Any) -> pd.DataFrame:
    """Pairs of numbers of the variable weight, one patient each unless `patient_id` says otherwise."""
    reference, value = np.asarray(reference, dtype=float), np.asarray(value, dtype=float)
    outcome = np.where(np.abs(value - reference) <= tolerance + 1e-9, "C", "W")
    names = [f"P{i:04d}" for i in range(len(value))]
    texts = [[f"{x:.12g}" for x in side] for side in (reference, value)]
    pairs = build_pairs(list(zip(names, *texts, outcome, strict=True)), variable="weight", difference=value - reference)
    return pairs.assign(**columns)


def build_creatinine(**settings: Any):
    """A protocol whose variable weight has the given settings."""
    variables = [{"name": name, "label": LABEL, **declared} for name, declared in TYPES.items()]
    variables[3] |= settings
    return build_protocol(variables=variables)


def test_published_limits_of_agreement() -> None:
    """Bland and Altman 1986, Wright minus mini meter: bias, SD, limits at 1.96 SD and their intervals."""
    rows = estimate(build_numbers(MINI, WRIGHT))
    bias, lower, upper = (get_row(rows, name) for name in ("bias", "loa_lower", "loa_upper"))
    assert bias["estimate"] == pytest.approx(-2.117647, abs=5.1e-7)
    assert (bias["lower"], bias["upper"]) == pytest.approx((-22.0488, 17.8135), abs=5.1e-5)
    assert get_row(rows, "sd_difference")["estimate"] == pytest.approx(38.765130, abs=5.1e-7)
    assert (lower["estimate"], upper["estimate"]) == pytest.approx((-78.0973, 73.8620), abs=5.1e-5)
    assert (lower["lower"], lower["upper"]) == pytest.approx((-112.619, -43.575), abs=5.1e-4)
    assert upper["upper"] - upper["lower"] == pytest.approx(lower["upper"] - lower["lower"], abs=1e-9)
    assert (bias["method"], lower["method"], bias["n"], bias["unit"]) == ("student", "bland_altman", 17, "kg")


def test_published_limits_at_two_deviations() -> None:
    """The paper's own limits at 2 SD, their standard error 16.2846 and interval, out of the same rows."""
    rows = estimate(build_numbers(MINI, WRIGHT))
    bias, spread = (get_row(rows, name)["estimate"] for name in ("bias", "sd_difference"))
    assert (bias - 2 * spread, bias + 2 * spread) == pytest.approx((-79.6479, 75.4126), abs=5.1e-5)
    lower = get_row(rows, "loa_lower")
    half = (lower["upper"] - lower["lower"]) / 2
    assert half / stats.t.ppf(0.975, 16) == pytest.approx(16.2846, abs=5.1e-5)
    assert (bias - 2 * spread - half, bias - 2 * spread + half) == pytest.approx((-114.170, -45.126), abs=5.1e-4)


def test_published_repeatability() -> None:
    """Twice the root mean square difference of the repeated readings: 43.2938 and 56.3163 l/min."""
    assert compute_repeatability(WRIGHT_2 - WRIGHT) == pytest.approx(43.2938, abs=5.1e-5)
    assert compute_repeatability(MINI_2 - MINI) == pytest.approx(56.3163, abs=5.1e-5)
    assert np.isnan(compute_repeatability(np.array([])))


def test_published_parts_of_the_concordance() -> None:
    """Correlation 0.943279, bias correction 0.999431; with variances 1/(n - 1), which are not ours, 0.942752."""
    ccc, r = compute_ccc(MINI, WRIGHT)[0], float(np.corrcoef(MINI, WRIGHT)[0, 1])
    assert (r, ccc / r) == pytest.approx((0.943279, 0.999431), abs=5.1e-7)
    cov = np.cov(MINI, WRIGHT, ddof=1)
    other = 2 * cov[0, 1] / (cov[0, 0] + cov[1, 1] + (MINI.mean() - WRIGHT.mean()) ** 2)
    assert other == pytest.approx(0.942752, abs=5.1e-7)


def test_published_concordance() -> None:
    """The same data: Lin's coefficient with variances 1/n and its z-interval; the repeated readings too."""
    row = get_row(estimate(build_numbers(MINI, WRIGHT)), "ccc")
    assert row["estimate"] == pytest.approx(0.942742, abs=5.1e-7)
    assert (row["lower"], row["upper"]) == pytest.approx((0.850492, 0.978726), abs=5.1e-7)
    assert compute_ccc(WRIGHT, WRIGHT_2)[0] == pytest.approx(0.982131, abs=5.1e-7)
    assert compute_ccc(MINI, MINI_2)[0] == pytest.approx(0.966566, abs=5.1e-7)


def test_scipy_agrees_on_slope_and_spread() -> None:
    """Slope of the difference on the mean and its interval are scipy's regression; the SD's is the chi-square one."""
    rows = estimate(build_numbers(MINI, WRIGHT))
    fit = stats.linregress((MINI + WRIGHT) / 2, WRIGHT - MINI)
    half = stats.t.ppf(0.975, 15) * fit.stderr
    slope, spread = get_row(rows, "difference_slope"), get_row(rows, "sd_difference")
    assert (slope["estimate"], slope["lower"]) == pytest.approx((fit.slope, fit.slope - half), rel=1e-9)
    assert slope["reason"] == ""
    known = np.std(WRIGHT - MINI, ddof=1) * np.sqrt(16 / stats.chi2.ppf([0.975, 0.025], 16))
    assert (spread["lower"], spread["upper"]) == pytest.approx(tuple(known), rel=1e-9)


def test_concordance_influence_is_the_derivative() -> None:
    """A grain of weight on a pair moves the coefficient by the pair's influence (central difference)."""
    influence, grain = compute_ccc(MINI, WRIGHT)[1], 1e-5
    for place in (0, 5, 14):
        moved = [np.ones(17), np.ones(17)]
        moved[0][place] += grain * 17
        moved[1][place] -= grain * 17
        up, down = (compute_ccc(MINI, WRIGHT, weight)[0] for weight in moved)
        assert (up - down) / (2 * grain) == pytest.approx(influence[place], abs=1e-6)


def test_a_difference_that_grows_is_said() -> None:
    """Values ten per cent too high have a slope near 0.095 that leaves 0 out: the row warns."""
    rng = np.random.default_rng(2)
    reference = rng.uniform(50, 100, 60)
    row = get_row(estimate(build_numbers(reference, 1.1 * reference + rng.normal(0, 1, 60))), "difference_slope")
    assert (row["status"], row["reason"]) == ("ok", "proportional_bias")
    assert row["lower"] < 2 * 0.1 / 2.1 < row["upper"]


def test_errors_of_unit_are_powers_of_ten_and_declared_factors() -> None:
    """x10, x1000, 1/10 within 2 %, and 88.4 and its inverse when declared; not x2, not 3 % off, not zero."""
    reference = np.array([1, 1, 50, 70, 70, 88.4, 1, 1, 0, 5.0])
    value = np.array([10, 1000, 5, 713, 722, 1, 88.4, 2, 0, 0.0])
    assert find_unit_errors(reference, value, []).tolist() == [True, True, True, True, *[False] * 6]
    assert find_unit_errors(reference, value, [88.4]).tolist() == [
        True,
        True,
        True,
        True,
        False,
        True,
        True,
        *[False] * 3,
    ]


def test_rates_count_documented_pairs() -> None:
    """Of ten pairs, non-conformant included, seven lie within 1 kg and two are errors of unit."""
    reference = np.full(10, 80.0)
    value = np.array([80, 80.5, 79, 81, 80, 80, 80, 800, 8, 80])
    pairs = build_numbers(reference, value, tolerance=1.0)
    pairs.loc[9, ["value", "outcome", "conformant", "difference"]] = ["eighty", "W", False, np.nan]
    rows = estimate(pairs, build_creatinine(tolerance=1.0))
    within, wrong = get_row(rows, "within_tolerance"), get_row(rows, "unit_error_rate")
    assert (within["estimate"], within["k"], within["n"], within["at"]) == (0.7, 7, 10, "1")
    assert (wrong["estimate"], wrong["k"]) == (0.2, 2)
    assert (wrong["lower"], wrong["upper"]) == pytest.approx((0.056682, 0.509838), abs=1e-6)
    assert get_row(rows, "bias")["n"] == 9


def test_two_sides_without_truth_are_compared_too() -> None:
    """Agreement of two readings has the same measures, and sources keep apart."""
    pairs = build_numbers(MINI, WRIGHT, kind="agreement", comparator="manual")
    rows = estimate(pd.concat([pairs, build_numbers(MINI, MINI_2)]))
    assert get_row(rows, "ccc", comparator="manual")["estimate"] == pytest.approx(0.942742, abs=5.1e-7)
    assert get_row(rows, "ccc", comparator="registry")["estimate"] == pytest.approx(0.966566, abs=5.1e-7)


METRICS = ("bias", "sd_difference", "loa_lower", "loa_upper", "difference_slope", "ccc", "median_absolute_difference")
UNDEFINED = [
    ([], [], dict.fromkeys(METRICS, "empty_denominator")),
    ([5], [6], dict.fromkeys(METRICS[1:6], "one_value")),
    ([5, 5, 5], [5, 5, 5], {"ccc": "zero_variance", "difference_slope": "zero_variance"}),
    ([5, 5, 5], [5, 6, 7], {"ccc": "zero_variance"}),
]


@pytest.mark.parametrize(("reference", "value", "silent"), UNDEFINED)
def test_undefined_stays_undefined(reference, value, silent) -> None:
    """No pair, one value, nothing that varies: not estimable with its reason; the rest is a number or says why not."""
    blank = build_pairs([("Q1", "7", "", "O")], variable="weight")
    rows = estimate(pd.concat([build_numbers(reference, value), blank]) if reference else blank)
    for metric in METRICS:
        row = get_row(rows, metric)
        expected = ("not_estimable", silent[metric]) if metric in silent else ("ok",)
        assert (row["status"], row["reason"])[: len(expected)] == expected
    if not reference:
        assert get_row(rows, "within_tolerance")["reason"] == "empty_denominator"


def test_equal_values_have_no_interval_and_say_so() -> None:
    """All differences equal: the limits are that difference, without an interval of width zero."""
    rows = estimate(build_numbers([1, 2, 3, 4], [3, 4, 5, 6]))
    for metric in ("bias", "loa_lower", "loa_upper", "median_absolute_difference"):
        row = get_row(rows, metric)
        assert (row["estimate"], row["reason"]) == (2.0, "no_interval")
        assert np.isnan(row["lower"])


def test_copied_values_narrow_nothing() -> None:
    """Every value of a patient written twice, at two visits: clustered intervals stay as wide as with one."""
    pairs = build_numbers(MINI, WRIGHT)
    twice = pd.concat([pairs.assign(visit="1"), pairs.assign(visit="2")])
    one, two = estimate(pairs), estimate(twice)
    for metric in ("bias", "median_absolute_difference"):
        first, second = get_row(one, metric), get_row(two, metric)
        assert second["method"] == {"bias": "clustered_t"}.get(metric, "woodruff_clustered")
        assert (second["lower"], second["upper"]) == pytest.approx((first["lower"], first["upper"]), rel=0.35)
        assert second["clusters"] == 17


def test_the_median_is_numpys() -> None:
    """With equal weights the quantile is the usual median, of odd and even numbers of values."""
    for values in ([3, 1, 2], [4, 1, 3, 2], [7.0], [1, 1, 5, 9]):
        assert compute_quantile(np.array(values, dtype=float), np.ones(len(values)), 0.5) == np.median(values)


@pytest.mark.parametrize(("visits", "weighted"), [(1, False), (3, True)])
def test_intervals_cover(visits: int, weighted: bool) -> None:
    """80 patients, 250 studies: bias, limits, SD, median and concordance are covered 90 to 99 % of the time."""
    rng, hits = np.random.default_rng(11), {}
    truth = {"bias": 0.5, "loa_upper": 0.5 + 1.96 * np.sqrt(2), "loa_lower": 0.5 - 1.96 * np.sqrt(2)}
    truth |= {"sd_difference": np.sqrt(2), "median_absolute_difference": compute_folded_median(0.5, np.sqrt(2))}
    truth |= {"ccc": 2 * 9 / (9 + 11 + 0.25)}
    studies, patients = 250, 80
    frames = []
    for study in range(studies):
        own = np.repeat(rng.normal(0, 1 if visits > 1 else 0, patients), visits)
        reference = rng.normal(70, 3, patients * visits)
        noise = rng.normal(0, 1 if visits > 1 else np.sqrt(2), patients * visits)
        frame = build_numbers(reference, reference + 0.5 + own + noise, variable=f"v{study}")
        index = np.arange(patients * visits)
        frame["patient_id"] = [f"P{i:03d}" for i in index // visits]
        frames.append(frame.assign(visit=(index % visits).astype(str)))
    pairs = pd.concat(frames)
    if weighted:
        pairs["weight"] = pairs["patient_id"].map(lambda name: 1 + int(name[1:]) % 2).astype(float)
    variables = [{"name": f"v{i}", "label": LABEL, "type": "number", "unit": "kg"} for i in range(studies)]
    rows = estimate(pairs, build_protocol(variables=variables), patients=build_patients(pairs))
    for metric, value in truth.items():
        own = rows[rows["metric"] == metric]
        hits[metric] = float(((own["lower"] <= value) & (value <= own["upper"])).mean())
        assert len(own) == studies
    assert all(0.90 <= share <= 0.99 for share in hits.values()), sorted(hits.items())


def compute_folded_median(mean: float, deviation: float) -> float:
    """The median of the absolute value of a normal variable, by scipy's folded normal."""
    return float(stats.foldnorm.median(mean / deviation, scale=deviation))


def test_series_hold_bins_and_limits_only() -> None:
    """200 patients, bins of 20 each: ten points of equal share and the two ends of the limits."""
    rng = np.random.default_rng(4)
    reference = rng.uniform(50, 100, 200)
    pairs = build_numbers(reference, reference + rng.normal(1, 2, 200))
    series = estimate_value_series(SimpleNamespace(pairs=pairs, patients=build_patients(pairs)), build_protocol())
    bins, lines = (series[series["metric"] == name] for name in ("difference_by_size", "agreement_limits"))
    assert (len(bins), len(lines), set(series["variable"])) == (10, 2, {"weight"})
    rows = estimate(pairs)
    for _, line in lines.iterrows():
        assert (line["y"], line["lower"], line["upper"]) == pytest.approx(
            tuple(get_row(rows, name)["estimate"] for name in ("bias", "loa_lower", "loa_upper"))
        )
    assert bins["y"].mean() == pytest.approx(get_row(rows, "bias")["estimate"])
    assert ((bins["lower"] <= 1) & (bins["upper"] >= 1)).sum() >= 8
    assert set(bins["x"]).isdisjoint((reference + pairs["value"].astype(float)) / 2)


def test_a_bin_holds_the_smallest_stratum_or_is_left_out() -> None:
    """29 patients in bins of ten make two bins; nine patients, or ten values of three patients, make none."""
    middle = np.arange(29.0)
    assert [len(rows) for rows in derive_bins(middle, np.arange(29), 10)] == [14, 15]
    assert derive_bins(middle[:9], np.arange(9), 10) == []
    assert derive_bins(middle[:10], np.arange(10) % 3, 10) == []
    assert len(derive_bins(np.ones(40), np.arange(40), 10)) == 1


def test_series_of_a_study_without_numbers_are_empty() -> None:
    """No number, no curve."""
    pairs = build_pairs([("P1", "adeno", "adeno", "C")])
    study = SimpleNamespace(pairs=pairs, patients=build_patients(pairs))
    assert estimate_value_series(study, build_protocol()).empty


@pytest.mark.parametrize("settings", [{"unit_factors": [0.0]}, {"unit_factors": [1.0]}, {"unit_factors": [-88.4]}])
def test_a_factor_of_unit_that_is_none_is_refused(settings) -> None:
    """Factors of zero, one or below are mistakes; and only numbers have any."""
    with pytest.raises(ValueError, match="unit_factors"):
        build_creatinine(**settings)
    with pytest.raises(ValueError, match="unit_factors go with a number"):
        build_creatinine(type="date", unit="", unit_factors=[10.0])
