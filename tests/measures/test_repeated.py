"""Repeated events: F1 by hand, and the same events matched at other windows."""

import numpy as np
import pandas as pd
import pytest
from agreement_study import LABEL, build_outcomes, build_pairs, build_protocol, estimate, get_row
from hypothesis import given, settings
from hypothesis import strategies as st
from test_agreement import check_contract

from probatio.comparison import compare
from probatio.measures.repeated import WINDOWS, estimate_windows
from probatio.records import Records
from probatio.results import derive_csv, select_rows

EVENTS = {
    "name": "adverse_events",
    "label": LABEL,
    "type": "events",
    "attributes": {
        "onset": {"label": LABEL, "type": "date"},
        "term": {"label": LABEL, "type": "nominal", "levels": ["rash", "nausea"]},
    },
    "match": {"on": ["term"], "date": "onset", "window": 30},
}
# patient, term, date in the reference, date in the source: 0, 5, 20, 50 days apart, one missed, one spurious
SAID = [
    ("P1", "rash", "2024-03-01", "2024-03-01"),
    ("P1", "nausea", "2024-03-01", "2024-03-06"),
    ("P2", "rash", "2024-03-01", "2024-03-21"),
    ("P3", "rash", "2024-03-01", "2024-04-20"),
    ("P4", "nausea", "2024-03-01", ""),
    ("P5", "nausea", "", "2024-03-01"),
]


def build_records(*, development: bool = False) -> Records:
    """The events above as records of a reference and an AI; patient P4 is for development if asked."""
    rows = []
    for event, (patient, term, *dates) in enumerate(SAID):
        for source, date in zip(("registry", "ai"), dates, strict=True):
            for name, value in (("onset", date), ("term", term)) if date else ():
                rows.append((patient, source, f"adverse_events.{name}", str(event), value))
    records = pd.DataFrame(rows, columns=["patient_id", "source", "variable", "event", "value"])
    records = records.assign(visit="", state="value", conformant=True, confidence=float("nan"))
    names = sorted({row[0] for row in SAID})
    cells = [(source, "adverse_events", "", name) for source in ("registry", "ai") for name in names]
    patients = pd.DataFrame(index=pd.Index(names, name="patient_id"))
    patients = patients.assign(centre="A", development=[development and name == "P4" for name in names])
    patients = patients.assign(reference_sampled=True, sampling_stratum="", sampling_probability=1.0, sex="F")
    assessments = pd.DataFrame(cells, columns=["source", "variable", "visit", "patient_id"])
    kept = assessments[~assessments["patient_id"].isin(patients.index[patients["development"]])]
    return Records(patients, pd.DataFrame(), kept, records, pd.DataFrame(), pd.DataFrame())


PROTOCOL = build_protocol(manual=False, variables=[EVENTS])


def test_event_f1_by_hand() -> None:
    """12 found, 3 missed, 5 spurious: precision 12/17, recall 12/15, F1 24/32."""
    rows = estimate(build_outcomes("C" * 12 + "OOO" + "UUUUU" + "BB", variable="adverse_events"))
    assert get_row(rows, "event_precision")["estimate"] == pytest.approx(12 / 17)
    assert get_row(rows, "event_recall")["estimate"] == pytest.approx(12 / 15)
    f1 = get_row(rows, "event_f1")
    assert (f1["estimate"], f1["k"], f1["n"]) == (pytest.approx(24 / 32), 12, 20)
    assert f1["lower"] < 24 / 32 < f1["upper"]


@pytest.mark.parametrize(("outcomes", "reason"), [("BBB", "empty_denominator"), ("OOO", "")])
def test_no_event_is_not_estimable(outcomes: str, reason: str) -> None:
    """Without an event on either side F1 is undefined; with missed ones alone it is 0, and precision undefined."""
    rows = estimate(build_outcomes(outcomes, variable="adverse_events"))
    assert get_row(rows, "event_f1")["reason"] == reason
    assert get_row(rows, "event_precision")["reason"] == "empty_denominator"


def test_windows_match_by_hand() -> None:
    """Events 0, 5, 20 and 50 days apart: 1, 2, 3, 4 of five are found at 0, 7, 30 and 60 days."""
    rows = estimate_windows(build_records(), PROTOCOL)
    assert set(rows["at"]) == {str(days) for days in WINDOWS}
    for at, found in {"0": 1, "7": 2, "15": 2, "30": 3, "60": 4, "90": 4}.items():
        own = select_rows(rows, at=at).set_index("metric")
        assert own["estimate"]["event_omission_rate"] == pytest.approx((5 - found) / 5)
        assert own["estimate"]["event_unsupported_share"] == pytest.approx((5 - found) / 5)
        assert own["estimate"]["event_f1"] == pytest.approx(found / 5)


def test_the_protocols_own_window_gives_the_comparisons_numbers() -> None:
    """At 30 days, which the protocol declares, the rows equal those of the comparison."""
    records = build_records()
    windows = select_rows(estimate_windows(records, PROTOCOL), at="30").set_index("metric")
    comparison = compare(records, PROTOCOL)
    rows = estimate(comparison.pairs, PROTOCOL, patients=comparison.patients)
    for metric, same in (("event_omission_rate", "omission_rate"), ("event_unsupported_share", "unsupported_share"),
                         ("event_f1", "event_f1")):  # fmt: skip
        row = get_row(rows, same, variable="adverse_events")
        for name in ("estimate", "lower", "upper", "n", "k", "clusters", "method"):
            assert windows[name][metric] == row[name]


def test_no_reference_or_no_events_gives_no_row() -> None:
    """A study without repeated events has an empty table."""
    plain = build_protocol(manual=False, variables=[{"name": "weight", "label": LABEL, "type": "number"}])
    assert estimate_windows(build_records(), plain).empty


def test_patients_for_development_are_left_out() -> None:
    """The missed event of a patient used to tune the extractor counts at no window."""
    rows = estimate_windows(build_records(development=True), PROTOCOL)
    assert set(select_rows(rows, metric="event_omission_rate")["n"]) == {4}


WILD = [
    {"name": "weight", "label": LABEL, "type": "number", "unit": "kg", "tolerance": 1},
    {"name": "progression", "label": LABEL, "type": "date"},
    {"name": "sites", "label": LABEL, "type": "set", "levels": ["a", "b", "c"]},
    EVENTS,
]
TEXTS = {
    "weight": ["0", "1", "2.5", "10", "-3", "1000"],
    "progression": ["2024", "2024-05", "2024-05-17", "2024-06-01", "2023-12-31"],
    "sites": ["", "a", "a|b", "b|c"],
    "adverse_events": ["rash"],
}


def build_wild(seed: int, patients: int, *, weighted: bool) -> pd.DataFrame:
    """Random pairs of every type of value, two visits each, of any outcome and with values that do not conform."""
    rng = np.random.default_rng(seed)
    frames = []
    for variable, texts in TEXTS.items():
        for visit in ("1", "2"):
            sides = [rng.choice(texts, patients) for _ in range(2)]
            outcome = rng.choice(list("COUB" if variable == "adverse_events" else "CWOUB"), patients)
            odd = (outcome == "W") & (rng.random(patients) < 0.3)
            rows = list(zip([f"P{i}" for i in range(patients)], *sides, outcome, strict=True))
            frame = build_pairs(rows, variable=variable, visit=visit).assign(conformant=~odd)
            frame.loc[frame["outcome"].isin(list("UB")), "reference"] = ""
            frame.loc[frame["outcome"].isin(list("OB")), "value"] = ""
            if variable == "weight":
                both = frame["outcome"].isin(list("CW")) & ~odd
                frame.loc[both, "difference"] = frame["value"][both].astype(float) - frame["reference"][both].astype(
                    float
                )
            frames.append(frame.assign(weight=rng.uniform(1, 3, patients) if weighted else 1.0))
    return pd.concat(frames, ignore_index=True)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9), st.booleans(), st.sampled_from(["error", "agreement"]))
def test_wild_values_keep_the_contract(seed: int, patients: int, weighted: bool, kind: str) -> None:
    """Few patients, any values: no exception, every row complete, bounds around the estimate, rates within 0 and 1."""
    pairs = build_wild(seed, patients, weighted=weighted).assign(kind=kind)
    rows = estimate(pairs, build_protocol(variables=WILD), replicates=100)
    check_contract(rows)
    bounded = rows[rows["lower"].notna()]
    assert (bounded["lower"] <= bounded["estimate"] + 1e-9).all()
    assert (bounded["estimate"] <= bounded["upper"] + 1e-9).all()
    rates = rows[(rows["unit"] == "proportion") & (rows["status"] == "ok") & ~rows["metric"].str.contains("balance")]
    assert rates["estimate"].between(0, 1).all()
    shuffled = estimate(pairs.sample(frac=1, random_state=seed), build_protocol(variables=WILD), replicates=100)
    assert derive_csv(shuffled) == derive_csv(rows)
