"""Endpoints from times and from dates: nothing moved silently, everything counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probatio.protocol import Endpoint, UserError
from probatio.replication import derive_view
from probatio.survival import derive_days, derive_endpoint, derive_wide
from survival_study import BY_STAGE, LABEL, build_patients, build_protocol, build_records

DATED = Endpoint.model_validate({"name": "os", "label": LABEL, "origin": "start", "events": ["death", "relapse"],
                                 "censoring": ["last_news", "scan"]})  # fmt: skip
TIMED = Endpoint.model_validate({"name": "os", "label": LABEL, "time": "t", "event": "e", "event_values": ["1", "yes"]})


def dated(start="2024-01-01", death=None, relapse=None, last_news=None, scan=None, **options):
    row = {"start": start, "death": death, "relapse": relapse, "last_news": last_news, "scan": scan}
    return derive_endpoint(pd.DataFrame([row], dtype=object), DATED, **options).iloc[0]


def test_first_event_counts():
    """The event happens at the earliest of its dates."""
    found = dated(death="2024-02-01", relapse="2024-01-11", last_news="2024-03-01")
    assert (found["time"], found["cause"]) == (10, True)


def test_censored_at_last_contact():
    """Without an event the patient is censored at the latest contact; an explicit negative is no event."""
    for death in (None, ""):
        found = dated(death=death, last_news="2024-02-01", scan="2024-01-20")
        assert (found["time"], found["cause"], found["missing_endpoint"]) == (31, False, False)


def test_time_zero_is_kept():
    """An event on the day of origin is an event at time 0."""
    found = dated(death="2024-01-01")
    assert (found["time"], found["cause"], found["negative_time"]) == (0, True, False)


def test_negative_time_is_flagged_not_moved():
    """An event before the origin leaves no time and no event, and is flagged."""
    found = dated(death="2023-12-31", last_news="2024-05-01")
    assert np.isnan(found["time"])
    assert (found["cause"], found["negative_time"], found["missing_endpoint"]) == (False, True, False)


def test_undated_patients_are_missing():
    """No origin, or neither event nor contact, is a missing endpoint, not a time of 0."""
    for found in (dated(start=None, death="2024-02-01"), dated(), dated(start="")):
        assert (np.isnan(found["time"]), found["cause"], found["missing_endpoint"]) == (True, False, True)


@pytest.mark.parametrize(
    ("rule", "month", "year"),
    [
        ("middle", "2024-02-15", "2024-07-01"),
        ("first", "2024-02-01", "2024-01-01"),
        ("last", "2024-02-29", "2024-12-31"),
    ],
)
def test_partial_dates_follow_the_rule(rule, month, year):
    """A month or a year becomes the day the rule names, and is flagged."""
    found = derive_days(pd.Series(["2024-02", "2024", month, year]), rule)
    assert found["days"].tolist()[:2] == found["days"].tolist()[2:]
    assert found["partial_date"].tolist() == [True, True, False, False]
    assert not found["unreadable_date"].any()


def test_partial_dates_may_be_refused():
    """Under the rule "missing" a partial date is no date, but readable."""
    found = derive_days(pd.Series(["2024-02", "2024-02-01"]), "missing")
    assert found["days"].isna().tolist() == [True, False]
    assert not found["unreadable_date"].any()


def test_unreadable_dates_are_flagged():
    """A text that is no date, 31 February included, is missing and counted."""
    found = derive_days(pd.Series(["2024-02-31", "soon", "03/05/2024", "", None, "2024-13"]))
    assert found["days"].isna().all()
    assert found["unreadable_date"].tolist() == [True, True, True, False, False, True]


@settings(max_examples=60, deadline=None)
@given(st.dates(min_value=pd.Timestamp("1900-01-01").date(), max_value=pd.Timestamp("2100-12-31").date()),
       st.integers(-20000, 20000))  # fmt: skip
def test_days_are_calendar_days(day, shift):
    """The time between two full dates is their difference in days, across leap years."""
    later = pd.Timestamp(day) + pd.Timedelta(days=shift)
    found = derive_days(pd.Series([day.isoformat(), later.strftime("%Y-%m-%d")]))["days"]
    assert found[1] - found[0] == shift


def test_indicator_and_time():
    """Only the declared values are events; a missing indicator or time is a missing endpoint."""
    wide = pd.DataFrame(
        {"t": ["5", "6.5", "7", None, "x", "-1"], "e": ["1", "no", None, "1", "1", "yes"]}, dtype=object
    )
    found = derive_endpoint(wide, TIMED)
    assert found["time"].tolist()[:2] == [5, 6.5]
    assert found["cause"].tolist() == [1, 0, 0, 0, 0, 0]
    assert found["missing_endpoint"].tolist() == [False, False, True, True, True, False]
    assert found["negative_time"].tolist() == [False] * 5 + [True]


def test_wide_reads_one_source():
    """Values come from the source and visit asked; non-conformant and failed ones are missing, negatives empty."""
    patients = build_patients(5, age=[61.0, 62.5, np.nan, 64.0, 65.0])
    values = {("ai", "stage"): ["I", "II", "IX", "III", None], ("registry", "stage"): ["III"] * 5}
    records = build_records(patients, values | {("ai", "weight@m3"): ["80", "81", "82", "83", "84"]})
    table = records.records
    table.loc[table["value"] == "IX", "conformant"] = False
    table.loc[table["value"] == "III", "state"] = "negative"
    table.loc[table["value"] == "81", "state"] = "failed"
    cells = [("stage", ""), ("weight", "m3"), ("weight", ""), ("age", "")]
    wide = derive_wide(records, build_protocol(), "ai", cells)
    assert [None if pd.isna(text) else text for text in wide["stage"]] == ["I", "II", None, "", None]
    assert wide["weight@m3"].isna().tolist() == [False, True, False, False, False]
    assert wide["weight"].isna().all()
    assert [None if pd.isna(text) else text for text in wide["age"]] == ["61", "62.5", None, "64", "65"]


def test_development_patients_are_left_out():
    """A patient used to tune an extractor is not evaluated."""
    patients = build_patients(4, development=[True, False, False, False])
    assert len(derive_wide(build_records(patients, {}), build_protocol(), "", [("age", "")])) == 3


def test_variables_need_a_source():
    """An analysis of the cohort's attributes that names a variable is the user's mistake."""
    patients = build_patients(3)
    alone = BY_STAGE | {"sources": [], "comparator": None}
    protocol = build_protocol(alone)
    with pytest.raises(UserError, match="stage is collected by sources"):
        derive_view(build_records(patients, {}), protocol, protocol.analyses[0], "")


def test_event_values_that_never_occur_are_refused():
    """An indicator coded otherwise than declared would censor everyone: the levels and their counts are named."""
    patients = build_patients(4, status=["1", "2", "2", ""])
    protocol = build_protocol(BY_STAGE)
    with pytest.raises(UserError, match=r"never occurs in status, which holds '1' \(1\), '2' \(2\)"):
        derive_view(build_records(patients, {}), protocol, protocol.analyses[0], "ai")


def test_a_cohort_without_events_is_not_a_mistake():
    """Where all are alive the endpoint stands, without events."""
    patients = build_patients(3)
    protocol = build_protocol(BY_STAGE)
    view = derive_view(
        build_records(patients, {("ai", "stage"): ["I", "II", "III"]}), protocol, protocol.analyses[0], "ai"
    )
    assert view.complete.all()
    assert not view.event.any()


def test_view_groups_and_covariates():
    """Groups become indicators against the first, numbers are divided by `per`, unlisted levels are incomplete."""
    patients = build_patients(5, status=["dead"] * 5, sex=["F", "M", "F", "F", ""])
    records = build_records(patients, {("ai", "stage"): ["I", "III", "IV", "II", "I"],
                                       ("ai", "weight"): ["80", "90", "70", "", "60"]})  # fmt: skip
    terms = [*BY_STAGE["terms"], {"variable": "weight", "per": 10}]
    protocol = build_protocol(BY_STAGE | {"terms": terms, "population": {"sex": ["F", "M"]}})
    view = derive_view(records, protocol, protocol.analyses[0], "ai")
    assert view.group.tolist() == [0, 1, -1, 0, 0]
    np.testing.assert_array_equal(view.covariates, [[0, 8], [1, 9], [np.nan, 7], [0, np.nan], [0, 6]])
    assert [label.term for label in view.coefficients] == ["late", "per 10"]
    assert view.inside.tolist() == [True] * 4 + [False]
    assert view.complete.tolist() == [True, True, False, False, False]


def test_endpoint_from_one_named_source():
    """With `source` every source's analysis reads the endpoint there; otherwise each reads its own."""
    patients = build_patients(2)
    values = {("registry", name): ["2024-01-01", "2024-01-01"] for name in ("start",)}
    values |= {("registry", "death"): ["2024-01-31", None], ("registry", "last_news"): [None, "2024-02-10"],
               ("ai", "start"): ["2024-01-11", "2024-01-01"], ("ai", "last_news"): ["2024-01-31", "2024-02-10"],
               ("ai", "stage"): ["I", "II"]}  # fmt: skip
    records = build_records(patients, values)
    dates = {"name": "os", "label": LABEL, "origin": "start", "events": ["death"], "censoring": ["last_news"]}
    for source, expected in (("registry", [30, 40]), (None, [20, 40])):
        protocol = build_protocol(BY_STAGE, endpoints=(dates | {"source": source},))
        view = derive_view(records, protocol, protocol.analyses[0], "ai")
        assert view.time.tolist() == expected
        assert view.event.tolist() == [source == "registry", False]
