"""Delay from event to available value, and effort per patient and per correct value."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from agreement_study import LABEL, build_outcomes, build_patients, build_protocol
from pydantic import ValidationError
from scipy import stats

from probatio.measures.timeliness import compute_quantile_bounds, estimate_timeliness
from probatio.results import select_rows

DATES = [{"name": "seen", "label": LABEL, "type": "date"}, {"name": "weight", "label": LABEL, "type": "number"}]


def build_study(**effort: float):
    """A protocol with a reference and an AI that declares its effort."""
    file = [{"path": "x.csv", "layout": "long"}]
    sources = [{"name": "registry", "label": LABEL, "role": "reference", "files": file}]
    sources.append({"name": "ai", "label": LABEL, "role": "ai", "files": file} | effort)
    return build_protocol(sources=sources, variables=DATES)


def build_records(lines: list[tuple[str, str, str, str, str]], development: tuple[str, ...] = ()) -> SimpleNamespace:
    """Values of the AI: patient, variable, value, document, extraction; documents D1 and D2 are of 1 May and 1 June."""
    frame = pd.DataFrame(lines, columns=["patient_id", "variable", "value", "document_id", "extracted_at"])
    frame = frame.assign(source="ai", visit="", state="value")
    index = pd.Index(sorted(set(frame["patient_id"])), name="patient_id")
    documents = pd.DataFrame({"document_id": ["D1", "D2", "D3"], "date": ["2024-05-01", "2024-06-01", "2024"]})
    return SimpleNamespace(
        records=frame,
        documents=documents,
        assessments=frame[["source", "variable", "visit", "patient_id"]],
        patients=pd.DataFrame({"development": index.isin(development)}, index=index),
    )


def build_days(days: list[int]) -> SimpleNamespace:
    """One weight per patient, read so many days after its document of 1 May."""
    start = pd.Timestamp("2024-05-01")
    return build_records(
        [(f"P{at:03d}", "weight", "70", "D1", str((start + pd.Timedelta(days=d)).date())) for at, d in enumerate(days)]
    )


def run(records: SimpleNamespace, outcomes: list[pd.DataFrame] | None = None, **effort: float) -> pd.DataFrame:
    """Timeliness rows of the AI."""
    comparison = None
    if outcomes is not None:
        pairs = pd.concat(outcomes, ignore_index=True)
        comparison = SimpleNamespace(pairs=pairs, patients=build_patients(pairs))
    return select_rows(estimate_timeliness(records, build_study(**effort), comparison), source="ai")


def pick(rows: pd.DataFrame, metric: str) -> pd.Series:
    """The one row of a metric."""
    found = select_rows(rows, metric=metric)
    assert len(found) == 1
    return found.iloc[0]


def test_event_is_the_date_itself_or_its_document() -> None:
    """A date counts from itself, a weight from its document, a moment counts as its day; the rest is unknown."""
    lines = [
        ("P1", "seen", "2024-04-21", "D1", "2024-05-11"),
        ("P2", "weight", "70", "D2", "2024-06-11T09:30:00"),
        ("P3", "seen", "2024-05", "D1", "2024-05-31"),
        ("P4", "weight", "70", "D3", "2024-06-11"),
        ("P5", "weight", "70", "", "2024-06-11"),
        ("P6", "weight", "70", "D1", ""),
    ]
    rows = run(build_records(lines))
    assert (pick(rows, "delay_known_rate").n, pick(rows, "delay_known_rate").k) == (6, 3)
    assert (pick(rows, "delay_median").estimate, pick(rows, "delay_median").n) == (20, 3)
    within = pick(rows, "delay_within")
    assert (within["at"], within.n, within.k) == ("30", 3, 3)


def test_quantiles_of_patients() -> None:
    """Quartiles are numpy's over the patients' own medians: a patient with many values counts once."""
    lines = [("P0", "weight", "70", "D1", f"2024-05-{day:02d}") for day in (2, 3, 29)]
    lines += [(f"P{at}", "weight", "70", "D1", f"2024-05-{11 + at:02d}") for at in range(1, 6)]
    rows = run(build_records(lines))
    delays = [2, 11, 12, 13, 14, 15]
    for metric, share in (("delay_quartile_1", 0.25), ("delay_median", 0.5), ("delay_quartile_3", 0.75)):
        assert pick(rows, metric).estimate == pytest.approx(np.quantile(delays, share))
    assert pick(rows, "delay_within").n == 8


def test_a_negative_delay_is_kept() -> None:
    """A value extracted before its event is counted with its sign."""
    assert pick(run(build_days([-3, -3, 5])), "delay_median").estimate == -3


def test_median_bounds_are_order_statistics() -> None:
    """Twenty patients: the 6th and 15th, as scipy's quantile test says; too few patients have no interval."""
    row = pick(run(build_days(list(range(1, 21)))), "delay_median")
    expected = stats.quantile_test(np.arange(1.0, 21.0), q=10.5, p=0.5).confidence_interval(0.95)
    assert (row.lower, row.upper) == (expected.low, expected.high) == (6, 15)
    few = pick(run(build_days([1, 2, 3])), "delay_median")
    assert (few.estimate, few.reason) == (2, "no_interval")


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("n", [10, 37, 150])
def test_quantile_bounds_cover(share: float, n: int) -> None:
    """By enumeration of the binomial, the order statistics hold the quantile with at least 95 %, where they exist."""
    lower, upper = compute_quantile_bounds(np.arange(1.0, n + 1), share, 0.95)
    missed_low = stats.binom.cdf(lower - 1, n, share) if np.isfinite(lower) else 0.0
    missed_high = stats.binom.sf(upper - 1, n, share) if np.isfinite(upper) else 0.0
    assert missed_low <= 0.025
    assert missed_high <= 0.025
    assert missed_low + missed_high > 0.005


def test_without_extraction_dates_delays_are_undefined() -> None:
    """No delay known: not estimable with its reason, and the share of known delays is 0."""
    rows = run(build_records([("P1", "weight", "70", "D1", "")]))
    for metric in ("delay_median", "delay_quartile_1", "delay_quartile_3", "delay_within"):
        assert (pick(rows, metric).status, pick(rows, metric).reason) == ("not_estimable", "no_values")
    assert pick(rows, "delay_known_rate").estimate == 0


def test_development_patients_are_left_out() -> None:
    """Patients used to tune the extractor have no part in its delays."""
    records = build_records(
        [("P1", "weight", "70", "D1", "2024-05-03"), ("P2", "weight", "70", "D1", "2024-05-09")], ("P2",)
    )
    assert pick(run(records), "delay_median").estimate == 2


def test_effort_per_correct_value() -> None:
    """12 minutes a patient and 1, 2, 3 correct values of 3: 6 minutes per correct value, bounds of 2 inverted."""
    outcomes = [build_outcomes(text, variable=name) for name, text in (("a", "CCC"), ("b", "WCC"), ("c", "OWC"))]
    rows = run(build_days([1, 2, 3]), outcomes, minutes_per_patient=12, euros_per_patient=3)
    assert (pick(rows, "minutes_per_patient").estimate, pick(rows, "minutes_per_patient").n) == (12, 3)
    found = pick(rows, "minutes_per_correct_value")
    assert (found.estimate, found.n, found.k) == (6, 9, 6)
    assert pick(rows, "euros_per_correct_value").estimate == 1.5
    assert found.reason == "no_interval"  # the interval of the mean, 2 -+ 2.48, reaches 0


def test_effort_bounds_are_the_inverted_mean() -> None:
    """With twenty patients the bounds are scipy's t interval of the mean, inverted."""
    outcomes = [build_outcomes("C" * 20, variable="a"), build_outcomes("CW" * 10, variable="b")]
    found = pick(run(build_days([1]), outcomes, minutes_per_patient=12), "minutes_per_correct_value")
    counts = [2, 1] * 10
    low, high = stats.t.interval(0.95, 19, np.mean(counts), stats.sem(counts))
    assert (found.lower, found.upper) == pytest.approx((12 / high, 12 / low))


def test_effort_without_a_correct_value_or_declaration() -> None:
    """No correct value: undefined; nothing declared, or nothing compared: no row."""
    rows = run(build_days([1]), [build_outcomes("WO")], minutes_per_patient=12)
    assert pick(rows, "minutes_per_correct_value").reason == "no_values"
    assert select_rows(rows, metric="euros_per_patient").empty
    assert select_rows(run(build_days([1]), minutes_per_patient=12), metric="minutes_per_correct_value").empty


@pytest.mark.parametrize("effort", [{"minutes_per_patient": 0}, {"euros_per_patient": -1}])
def test_effort_is_positive(effort: dict[str, float]) -> None:
    """An effort of zero or less is refused, its key named."""
    with pytest.raises(ValidationError, match=next(iter(effort))):
        build_study(**effort)
