"""Dates: windows, precision, early against late, events found with their date, what is undefined, coverage."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from agreement_study import LABEL, build_pairs, build_patients, build_protocol, estimate, get_row
from hypothesis import given
from hypothesis import strategies as st

from probatio.measures.dates import compute_lag
from probatio.resampling import compute_newcombe, compute_wilson
from probatio.results import select_rows

PROTOCOL = build_protocol(variables=[{"name": "progression", "label": LABEL, "type": "date"}])


def build_dates(texts: list[tuple[str, str]], **columns: Any) -> pd.DataFrame:
    """One patient per (reference, value); empty where a side has none."""
    rows = []
    for index, (reference, value) in enumerate(texts):
        both = "C" if value.startswith(reference) else "W"
        outcome = both if reference and value else "O" if reference else "U" if value else "B"
        rows.append((f"P{index:03d}", reference, value, outcome))
    return build_pairs(rows, variable="progression").assign(**columns)


def shift(days: int) -> tuple[str, str]:
    """A full date, and the one so many days later."""
    return "2024-03-01", str(np.datetime64("2024-03-01") + days)


@pytest.mark.parametrize(
    ("reference", "value", "lag"),
    [
        ("2024-05-17", "2024-05-20", 3),
        ("2024-05", "2024-05-31", 0),
        ("2024-05", "2024-04-30", -30),
        ("2024", "2025-01", 366),
        ("2024-05", "2024", None),
        ("2024-05-17", "2024-05", None),
    ],
)
def test_lags_are_counted_at_the_references_precision(reference: str, value: str, lag: float | None) -> None:
    """A finer value is cut to the reference's precision; a coarser one has no lag."""
    assert compute_lag(reference, value) == lag if lag is not None else np.isnan(compute_lag(reference, value))


@given(st.dates(), st.dates(), st.sampled_from([4, 7, 10]))
def test_lag_changes_sign_with_its_sides(first, second, length: int) -> None:
    """At equal precision the lag of two dates is the opposite of the other way round, and 0 only when equal."""
    one, two = first.isoformat()[:length], second.isoformat()[:length]
    assert compute_lag(one, two) == -compute_lag(two, one)
    assert (compute_lag(one, two) == 0) == (one == two)


def test_windows_lags_and_balance_by_hand() -> None:
    """Lags 0 0 0 -3 -7 8 20 60 100 and one year-only value: every rate as counted by hand, out of ten."""
    texts = [shift(days) for days in (0, 0, 0, -3, -7, 8, 20, 60, 100)] + [("2024-03-01", "2024")]
    rows = estimate(build_dates(texts), PROTOCOL)
    assert get_row(rows, "exact_rate")["estimate"] == pytest.approx(0.3)
    within = select_rows(rows, metric="within_days").set_index("at")
    assert within["k"].to_dict() == {"7": 5, "15": 6, "30": 7, "90": 8}
    assert (within["lower"]["7"], within["upper"]["7"]) == pytest.approx(tuple(map(float, compute_wilson(5, 10, 0.95))))
    assert get_row(rows, "imprecise_rate")["k"] == 1
    quantiles = [get_row(rows, f"lag_{name}")["estimate"] for name in ("quartile_lower", "median", "quartile_upper")]
    assert quantiles == [0, 0, 20]
    assert [get_row(rows, name)["k"] for name in ("early_rate", "late_rate")] == [2, 4]
    balance = get_row(rows, "early_balance")
    assert (balance["estimate"], balance["k"], balance["n"]) == (pytest.approx(-2 / 9), 6, 9)
    assert (balance["lower"], balance["upper"]) == pytest.approx(tuple(map(float, compute_newcombe(0, 2, 4, 3, 0.95))))


def test_a_date_outside_the_window_is_missed_and_spurious() -> None:
    """4 found, 2 a month off, 3 omitted, 1 unsupported, 2 absent: sensitivity 4/9, PPV 4/7, F1 1/2; 6 found at 90."""
    texts = [shift(0)] * 4 + [shift(40)] * 2 + [("2024-03-01", "")] * 3 + [("", "2024-03-01")] + [("", "")] * 2
    rows = select_rows(estimate(build_dates(texts), PROTOCOL), at=["30", "90"]).set_index(["metric", "at"])
    assert rows["estimate"]["event_date_sensitivity", "30"] == pytest.approx(4 / 9)
    assert rows["estimate"]["event_date_ppv", "30"] == pytest.approx(4 / 7)
    assert rows["estimate"]["event_date_f1", "30"] == pytest.approx(8 / 16)
    assert rows["estimate"]["event_date_f1", "90"] == pytest.approx(12 / 16)
    assert rows["lower"]["event_date_f1", "30"] < 0.5 < rows["upper"]["event_date_f1", "30"]


def test_year_only_does_not_win() -> None:
    """A source that gives the year only is never exact, within a window or found, however right the year."""
    rows = estimate(build_dates([("2024-03-01", "2024")] * 5 + [("2024-03", "2024")] * 5), PROTOCOL)
    assert get_row(rows, "imprecise_rate")["estimate"] == 1
    assert get_row(rows, "exact_rate")["estimate"] == 0
    assert (select_rows(rows, metric=["within_days", "event_date_f1"])["estimate"] == 0).all()
    for metric in ("lag_median", "early_rate", "early_balance"):
        assert (get_row(rows, metric)["status"], get_row(rows, metric)["reason"]) == (
            "not_estimable",
            "empty_denominator",
        )


def test_non_conformant_dates_stay_in_the_denominator() -> None:
    """A date that cannot be read counts as documented, not exact, missed and spurious, and has no lag."""
    pairs = build_dates([shift(0), shift(0), ("2024-03-01", "spring")])
    rows = estimate(pairs.assign(conformant=[True, True, False]), PROTOCOL)
    assert (get_row(rows, "exact_rate")["k"], get_row(rows, "exact_rate")["n"]) == (2, 3)
    assert get_row(rows, "imprecise_rate")["k"] == 0
    assert get_row(rows, "event_date_f1", at="7")["estimate"] == pytest.approx(4 / 6)


def test_no_pair_is_not_estimable() -> None:
    """Omissions alone have sensitivity 0, and neither PPV nor any rate of pairs."""
    rows = estimate(build_dates([("2024-03-01", "")] * 4), PROTOCOL)
    assert get_row(rows, "event_date_sensitivity", at="30")["estimate"] == 0
    for metric, at in (("event_date_ppv", "30"), ("exact_rate", ""), ("within_days", "7"), ("lag_median", "")):
        row = get_row(rows, metric, at=at)
        assert (row["status"], row["reason"]) == ("not_estimable", "empty_denominator")


def test_equal_dates_have_a_balance_of_zero_with_an_interval() -> None:
    """No early or late date among 3 visits of 10 patients: balance 0, between plus and minus an exact bound."""
    pairs = build_dates([shift(0)] * 30)
    pairs = pairs.assign(patient_id=[f"P{i // 3}" for i in range(30)], visit=[str(i % 3) for i in range(30)])
    row = get_row(estimate(pairs, PROTOCOL), "early_balance")
    assert row["method"] == "discordance_clustered"
    assert row["estimate"] == 0
    assert -0.35 < row["lower"] == -row["upper"] < -0.2


def test_agreement_of_two_readings_has_no_sensitivity() -> None:
    """Between two readings there are lags and windows, but nobody's dates are the ones to be found."""
    metrics = set(estimate(build_dates([shift(1)] * 3, kind="agreement", comparator="manual"), PROTOCOL)["metric"])
    assert {"within_days", "lag_median", "early_balance"} <= metrics
    assert not {"event_date_f1", "event_date_ppv", "event_date_sensitivity"} & metrics


@pytest.mark.parametrize("visits", [1, 3])
def test_f1_and_balance_are_covered(visits: int) -> None:
    """60 patients, 200 studies: F1 of event and date and the balance are covered 91 to 99 % of the time."""
    rng, studies, patients = np.random.default_rng(5), 200, 60
    frames = []
    for study in range(studies):
        habit = np.repeat(rng.beta(8, 2, patients) if visits > 1 else np.full(patients, 0.8), visits)
        size = patients * visits
        found = rng.random(size) < habit
        days = np.where(found, rng.integers(-6, 8, size), rng.choice([-60, 60], size))
        absent = rng.random(size) < 0.1
        texts = [shift(int(day)) if not gone else ("2024-03-01", "") for day, gone in zip(days, absent, strict=True)]
        names = [f"P{i // visits:03d}" for i in range(size)]
        frame = build_dates(texts, patient_id=names, visit=[str(i % visits) for i in range(size)])
        frames.append(frame.assign(variable=f"v{study}"))
    pairs = pd.concat(frames)
    variables = [{"name": f"v{i}", "label": LABEL, "type": "date"} for i in range(studies)]
    rows = estimate(pairs, build_protocol(variables=variables), patients=build_patients(pairs))
    hit = 0.9 * 0.8
    truth = {("event_date_f1", "7"): 2 * hit / (0.9 + 1), ("early_balance", ""): 0.8 * (6 - 7) / 14}
    for (metric, at), value in truth.items():
        own = select_rows(rows, metric=metric, at=at)
        share = float(((own["lower"] <= value) & (value <= own["upper"])).mean())
        assert 0.91 <= share <= 0.99, (metric, share)
