"""What ends follow-up, and why: small tables that a clinician can read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probatio.protocol import Endpoint
from probatio.survival import derive_endpoint, derive_wide
from survival_study import LABEL, build_patients, build_protocol, build_records

DAYS = ("start", "progression", "next", "news", "death")


def endpoint(**keys):
    return Endpoint.model_validate({"name": "e", "label": LABEL} | keys)


OS = endpoint(origin="start", events=[{"date": "death", "reason": "death"}], censoring=["news"])
PFS = endpoint(origin="start", events=["progression", "death"], censor_at=["next"], censoring=["news"])
TTNT = endpoint(origin="start", events=["next"], competing=["death"], censoring=["news"])
CLOSED = endpoint(origin="start", events=["progression", "death"], competing=["next"], censoring=["news"],
                  cut_off="2024-03-01")  # fmt: skip


def read(definition, table):
    """Return the endpoint of patients written as rows of days of 2024 (month-day), - for none."""
    rows = [line.split() for line in table.strip().splitlines()]
    texts = [[None if day == "-" else f"2024-{day}" if len(day) == 5 else day for day in row] for row in rows]
    return derive_endpoint(pd.DataFrame(texts, columns=list(DAYS), dtype=object), definition)


def tell(found):
    """Return each patient's time, cause and reason; the problem instead where there is no endpoint."""
    said = []
    for _, row in found.iterrows():
        problems = [name for name in ("missing_endpoint", "negative_time", "late_entry") if row[name]]
        said.append(problems[0] if problems else (int(row["time"]), row["cause"], row["ended_by"]))
    return said


@pytest.mark.parametrize(
    ("definition", "dates", "expected"),
    [
        #           start progression next  news  death
        (OS,  "01-01   -     -    01-31   -  ", (30, 0, "news")),
        (OS,  "01-01   -     -    01-31 01-21", (20, 1, "death")),  # news after death takes nothing from it
        (OS,  "01-01   -     -    01-11 01-31", (30, 1, "death")),  # nor news long before
        (OS,  "01-01   -     -    01-31 01-31", (30, 1, "death")),  # the same day: an event comes before censoring
        (OS,  "01-01   -     -      -   01-01", (0, 1, "death")),
        (OS,  "01-01   -     -    01-01   -  ", (0, 0, "news")),
        (OS,  "01-02   -     -    01-01   -  ", "negative_time"),
        (OS,  "01-02   -     -    01-31 01-01", "negative_time"),
        (OS,  "01-01   -     -      -     -  ", "missing_endpoint"),
        (OS,  "  -     -     -    01-31 01-21", "missing_endpoint"),
        (PFS, "01-01 01-11   -    01-31 01-21", (10, 1, "progression")),
        (PFS, "01-01 01-21   -    01-31 01-11", (10, 1, "death")),  # a progression after death is not looked for
        (PFS, "01-01 01-11   -      -   01-11", (10, 1, "progression")),  # the same day: the rule written first
        (PFS, "01-01 01-21 01-11  01-31   -  ", (10, 0, "next")),  # a new treatment ends what is observed
        (PFS, "01-01 01-11 01-11  01-31   -  ", (10, 1, "progression")),  # on its day an event comes before it
        (PFS, "01-01   -   01-21  01-11   -  ", (10, 0, "news")),  # free of the event until the last news only
        (PFS, "01-01   -   01-11  01-11   -  ", (10, 0, "next")),
        (PFS, "01-01   -   01-11    -     -  ", (10, 0, "next")),  # which needs no news to confirm it
        (PFS, "01-01   -   01-11    -   01-31", (10, 0, "next")),  # the later death proves survival until then
        (PFS, "01-11   -   01-01  01-31   -  ", "negative_time"),
        (TTNT, "01-01  -   01-11  01-31 01-21", (10, 1, "next")),
        (TTNT, "01-01  -     -    01-11 01-21", (20, 2, "death")),
        (TTNT, "01-01  -   01-21    -   01-21", (20, 1, "next")),  # the same day: the event before its competitor
        (TTNT, "01-01  -     -    01-31   -  ", (30, 0, "news")),
        (TTNT, "01-11  -     -      -   01-01", "negative_time"),
        (CLOSED, "01-01 03-01  -    -     -  ", (60, 1, "progression")),  # on the day of the cut-off it counts
        (CLOSED, "01-01 03-02  -    -     -  ", (60, 0, "cut_off")),  # the later event proves survival until then
        (CLOSED, "01-01  -     -  05-01   -  ", (60, 0, "cut_off")),
        (CLOSED, "01-01  -     -  02-01   -  ", (31, 0, "news")),
        (CLOSED, "01-01  -     -  03-01   -  ", (60, 0, "cut_off")),
        (CLOSED, "01-01  -     -    -     -  ", "missing_endpoint"),  # a cut-off is no evidence of being free
        (CLOSED, "01-01 04-01 02-01 -     -  ", (31, 2, "next")),
        (CLOSED, "03-02  -     -  05-01   -  ", "negative_time"),  # begun after the cut-off
    ],
)  # fmt: skip
def test_what_ends_follow_up(definition, dates, expected):
    """Each patient's follow-up ends by the rule that the endpoint's definition gives precedence."""
    assert tell(read(definition, dates)) == [expected]


def test_events_after_the_cut_off_are_counted():
    """An event later than the cut-off is flagged, whatever ended follow-up before it; last news later is not."""
    found = read(CLOSED, """
        01-01 03-02   -     -     -
        01-01 03-01   -   04-01   -
        01-01   -     -   04-01   -
        01-01   -     -   02-01 04-01
        01-01 02-01   -     -   04-01
    """)  # fmt: skip
    assert found["after_cut_off"].tolist() == [True, False, False, True, False]


ENTERED = endpoint(origin="start", entry="next", events=["death"], censoring=["news"])


@pytest.mark.parametrize(
    ("dates", "expected", "entry"),
    [
        #start  -   entry   news  death
        ("01-01 -   01-11  01-31    -  ", (30, 0, "news"), 10),
        ("01-11 -   01-01  01-31    -  ", (20, 0, "news"), 0),  # observed since the origin: no time at risk before it
        ("01-01 -   01-01  01-01    -  ", (0, 0, "news"), 0),
        ("01-01 -   01-31  01-31    -  ", "late_entry", np.nan),  # entered on the day it ends: never at risk
        ("01-01 -   02-10  01-31    -  ", "late_entry", np.nan),
        ("01-01 -     -    01-31    -  ", "missing_endpoint", np.nan),  # not known when observation began
    ],
)  # fmt: skip
def test_delayed_entry(dates, expected, entry):
    """Time at risk begins at entry; who enters at the end or later, or nobody knows when, is left out and counted."""
    found = read(ENTERED, dates)
    assert tell(found) == [expected]
    np.testing.assert_array_equal(found["entry"], [entry])


STOPPED = endpoint(
    origin="start", censoring=["news"],
    events=[{"date": "stop", "reason": "toxicity", "where": {"why": ["tox"]}},
            {"date": "stop", "reason": "stop", "unless": {"why": ["death"]}}],
    competing=[{"date": "stop", "reason": "death", "where": {"why": ["death"]}}])  # fmt: skip


@pytest.mark.parametrize(
    ("why", "expected"),
    [("tox", (1, "toxicity")), ("pd", (1, "stop")), (None, (1, "stop")), ("", (1, "stop")), ("death", (2, "death"))],
)
def test_a_rule_counts_where_another_variable_says_so(why, expected):
    """`where` keeps a date at the levels named, `unless` drops it there; an unknown level is none of them."""
    row = {"start": "2024-01-01", "stop": "2024-01-11", "why": why, "news": "2024-02-01"}
    found = derive_endpoint(pd.DataFrame([row], dtype=object), STOPPED).iloc[0]
    assert (found["cause"], found["ended_by"]) == expected
    assert found["time"] == 10


def events(pick="first", **conditions):
    rule = {"date": "lines.start", "reason": "line", "pick": pick} | conditions
    return endpoint(origin="start", events=[rule], censoring=["news"])


@pytest.mark.parametrize(
    ("definition", "dates", "kinds", "expected"),
    [
        (events(), "2024-03-01 2024-01-11 2024-02-01", "a b c", (10, "line")),
        (events("last"), "2024-03-01 2024-01-11 2024-02-01", "a b c", (60, "line")),
        (events("next"), "2023-12-01 2024-01-01 2024-01-03 2024-01-11", "a a a a", (2, "line")),  # not the origin's own
        (events("next"), "2023-12-01 2024-01-01", "a a", (31, "news")),
        (events(where={"lines.kind": ["a"]}), "2024-01-11 2024-01-21", "b a", (20, "line")),
        (events(unless={"lines.kind": ["b"]}), "2024-01-11 2024-01-21", "b a", (20, "line")),
        (events(where={"lines.kind": ["x", "c"]}), "2024-01-11 2024-01-21", "a|c b", (10, "line")),  # a set of two
        (events(), "", "", (31, "news")),
    ],
)  # fmt: skip
def test_dates_of_repeated_events(definition, dates, kinds, expected):
    """The first, last or next event counts, among those that meet the conditions, each with its own attributes."""
    row = {"start": "2024-01-01", "news": "2024-02-01", "lines.start": "\n".join(dates.split()) or None,
           "lines.kind": "\n".join(kinds.split()) or None}  # fmt: skip
    found = derive_endpoint(pd.DataFrame([row], dtype=object), definition).iloc[0]
    assert (found["time"], found["ended_by"]) == expected


def test_events_before_the_origin_are_counted_not_skipped():
    """Unless the next one is asked for, an event before the origin gives a negative time."""
    row = {"start": "2024-01-01", "news": "2024-02-01", "lines.start": "2023-12-01\n2024-01-11"}
    assert tell(derive_endpoint(pd.DataFrame([row], dtype=object), events())) == ["negative_time"]


def test_partial_and_unreadable_dates_of_events():
    """The picked event's precision is flagged, and any unreadable date among those that count."""
    lines = ["2024-02\n2024-05-01", "2024-05-01\n2024-06", "soon\n2024-05-01"]
    wide = pd.DataFrame({"start": "2024-01-01", "news": "2024-06-01", "lines.start": lines})
    found = derive_endpoint(wide.astype(object), events())
    assert found["time"].tolist() == [45, 121, 121]
    assert found["partial_date"].tolist() == [True, False, False]
    assert found["unreadable_date"].tolist() == [False, False, True]


def test_the_endpoint_names_its_rule_for_partial_dates():
    """`partial` of the endpoint holds unless another rule is asked for."""
    wide = pd.DataFrame({"start": ["2024-01-01"], "death": ["2024-02"], "news": [None]}, dtype=object)
    late = endpoint(origin="start", events=["death"], censoring=["news"], partial="last")
    assert derive_endpoint(wide, late)["time"].tolist() == [59]
    assert derive_endpoint(wide, late, partial="first")["time"].tolist() == [31]


def test_a_cut_off_may_be_each_patients_own():
    """Named, the cut-off is read per patient; without one nothing is cut."""
    wide = pd.DataFrame({"start": "2024-01-01", "death": "2024-03-01", "news": None,
                         "closing": ["2024-02-01", None]}, dtype=object)  # fmt: skip
    found = derive_endpoint(wide, endpoint(origin="start", events=["death"], censoring=["news"], cut_off="closing"))
    assert tell(found) == [(31, 0, "cut_off"), (60, 1, "death")]


def test_time_and_indicator_with_competing_values_and_entry():
    """The indicator's values name event and competing event; entry is in days, and too late it is left out."""
    timed = endpoint(time="t", event="e", event_values=["1"], competing_values=["2"], entry_time="v")
    wide = pd.DataFrame({"t": ["5", "6", "7", "8", "9"], "e": ["1", "2", "0", "1", "1"],
                         "v": ["0", "-2", "3", "8", None]}, dtype=object)  # fmt: skip
    found = derive_endpoint(wide, timed)
    assert tell(found) == [(5, 1, "event"), (6, 2, "competing"), (7, 0, "censored"), "late_entry", "missing_endpoint"]
    np.testing.assert_array_equal(found["entry"], [0, 0, 3, np.nan, np.nan])


def test_nobody_has_no_endpoint():
    """A cohort without patients gives an empty table of the same columns."""
    for definition in (PFS, CLOSED, ENTERED):
        empty = derive_endpoint(pd.DataFrame({name: pd.Series(dtype=object) for name in DAYS}), definition)
        assert len(empty) == 0
        assert list(empty) == list(read(OS, "01-01 - - 01-31 -"))


def test_wide_holds_one_event_a_line():
    """Attributes of the same events stand on the same lines, those a source did not give empty; labels may differ."""
    kinds = {"start": {"label": LABEL, "type": "date"}, "kind": {"label": LABEL, "type": "text"}}
    lines = {"name": "lines", "label": LABEL, "type": "events", "match": {"date": "start", "window": 7},
             "attributes": kinds}  # fmt: skip
    told = [("P0000", "2", "start", "2024-01-11"), ("P0000", "1", "kind", "a"), ("P0000", "2", "kind", "b"),
            ("P0001", "1", "start", "2024-01-01")]  # fmt: skip
    protocol = build_protocol()
    protocol = type(protocol).model_validate(protocol.model_dump() | {"variables": [lines]})
    records = build_records(build_patients(3), {})
    rows = [{"patient_id": p, "source": "ai", "variable": f"lines.{a}", "visit": "", "event": e, "value": v,
             "state": "value", "conformant": True} for p, e, a, v in told]  # fmt: skip
    records = replace(records, records=pd.DataFrame(rows))
    wide = derive_wide(records, protocol, "ai", [("lines.start", ""), ("lines.kind", "")])
    assert wide["lines.start"].tolist()[:2] == ["\n2024-01-11", "2024-01-01"]
    assert wide["lines.kind"].tolist()[:2] == ["a\nb", ""]
    assert wide.iloc[2].isna().all()


DATES = st.one_of(st.none(), st.just(""), st.sampled_from(["2024", "2024-02", "soon"]),
                  st.dates(pd.Timestamp("2023-12-01").date(), pd.Timestamp("2024-04-01").date()).map(str))  # fmt: skip
NAMES = ("start", "progression", "next", "news", "death", "closing")


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(*[DATES] * len(NAMES)), min_size=1, max_size=6), st.sampled_from(["middle", "first", "missing"])
)
def test_an_endpoint_agrees_with_the_rules_read_aloud(rows, partial):
    """Whatever the dates, time, cause and reason are those of the definition applied to one patient at a time."""
    definition = endpoint(origin="start", events=["progression", "death"], competing=["closing"], censor_at=["next"],
                          censoring=["news"], cut_off="2024-03-01", partial=partial)  # fmt: skip
    wide = pd.DataFrame(rows, columns=list(NAMES), dtype=object)
    found = derive_endpoint(wide, definition)
    for (_, row), (_, texts) in zip(found.iterrows(), wide.iterrows(), strict=True):
        end, cause, reason = _read_aloud(texts, partial)
        origin = _day(texts["start"], partial)
        if origin is None or end is None:
            assert row["missing_endpoint"]
        elif end < origin:
            assert row["negative_time"]
        else:
            assert (row["time"], row["cause"], row["ended_by"]) == ((end - origin).days, cause, reason)
        assert row["missing_endpoint"] + row["negative_time"] == np.isnan(row["time"])


def _day(text, partial):
    """Return a date completed by the rule, from the calendar."""
    if not text or text == "soon" or (len(text) < 10 and partial == "missing"):
        return None
    filled = {"2024": {"middle": "2024-07-01", "first": "2024-01-01"}, "2024-02": {"middle": "2024-02-15",
              "first": "2024-02-01"}}  # fmt: skip
    return pd.Timestamp(filled[text][partial] if len(text) < 10 else text)


def _read_aloud(texts, partial):
    """Return when follow-up ends, cause and reason: candidates in order of precedence, the earliest first."""
    day = {name: _day(texts[name], partial) for name in NAMES}
    happening = [(day[name], 2 if name == "closing" else 1, name) for name in ("progression", "death", "closing")]
    first = min((one for one in happening if one[0] is not None), key=lambda one: one[0], default=None)
    stops = [(day["next"], 0, "next"), (pd.Timestamp("2024-03-01"), 0, "cut_off")]
    stop = min((one for one in stops if one[0] is not None), key=lambda one: one[0])
    if first is not None and first[0] <= stop[0]:
        return first
    evidence = [when for when in (day["news"], first and first[0]) if when is not None]
    if not evidence:
        return (
            stop if stop[2] == "next" else (min(day["next"], stop[0]), 0, "cut_off") if day["next"] else (None, 0, "")
        )
    return stop if stop[0] <= max(evidence) else (day["news"], 0, "news")
