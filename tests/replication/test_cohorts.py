"""Who is analysed and why not, what ended follow-up, and the flow between the cohorts of two sources."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probatio.replication import EXCLUSIONS, FLOW, View, derive_exclusions, derive_view
from probatio.replication.cohorts import derive_asked, derive_cohort_rows, derive_flow_rows
from probatio.results import select_rows
from survival_study import BY_STAGE, LABEL, build_patients, build_protocol, build_records, run

DATES = {"name": "os", "label": LABEL, "origin": "start", "entry": "relapse", "censoring": ["last_news"],
         "events": [{"date": "death", "reason": "death"}]}  # fmt: skip
BY_WEIGHT = {"name": "by_weight", "label": LABEL, "endpoint": "os", "terms": [{"variable": "weight", "per": 1}],
             "population": {"stage": ["I", "II"]}, "sources": ["registry", "ai"], "comparator": "registry"}  # fmt: skip

# What each source says of five patients: stage (in the population unless III), start, entry, news, death, weight.
REGISTRY = """
    I   2024-01-01 2024-01-01 2024-03-01 -          70
    I   2024-01-01 2024-01-11 2024-03-01 2024-02-01 70
    II  2024-01-01 2024-01-01 2024-03-01 -          70
    III 2024-01-01 2024-01-01 2024-03-01 -          70
    I   2024-01-01 2024-01-01 -          -          70
    I   2024-01-01 2024-01-01 2024-03-01 -          70
    I   2024-01-01 2024-01-01 2024-03-01 -          -
"""
AI = """
    I   2024-01-01 2024-01-01 2024-03-05 -          71
    III 2024-01-01 2024-01-11 2024-03-01 2024-02-01 70
    II  2024-02-01 2024-02-01 2024-01-11 -          70
    I   2024-01-01 2024-01-01 2024-03-01 -          70
    I   2024-01-01 2024-01-01 2024-03-01 -          70
    I   2024-01-01 2024-04-01 2024-03-01 -          70
    I   2024-01-01 2024-01-01 2024-03-01 2024-02-01 70
"""
ALL = np.ones(7, dtype=bool)
NAMES = ("stage", "start", "relapse", "last_news", "death", "weight")


def read(table, source):
    rows = [[None if text == "-" else text for text in line.split()] for line in table.strip().splitlines()]
    return {(source, name): [row[at] for row in rows] for at, name in enumerate(NAMES)}


@pytest.fixture(scope="module")
def study():
    """Seven patients, their records and the protocol."""
    records = build_records(build_patients(7), read(REGISTRY, "registry") | read(AI, "ai"))
    return records, build_protocol(BY_WEIGHT, endpoints=(DATES,))


def count(rows, metric):
    return {row["term"]: (row["k"], row["n"]) for row in rows if row["metric"] == metric}


def test_each_patient_left_out_has_one_reason(study):
    """Of the reasons in their order the first counts; the complete have none."""
    records, protocol = study
    views = [derive_view(records, protocol, protocol.analyses[0], source) for source in ("registry", "ai")]
    assert derive_exclusions(views[0], ALL).tolist() == ["", "", "", "population", "endpoint", "", "covariate"]
    assert derive_exclusions(views[1], ALL).tolist() == ["", "population", "negative_time", "", "", "late_entry", ""]


def test_rows_of_one_source(study):
    """Population, complete, analysed and the reasons of the others; what ended follow-up among those analysed."""
    records, protocol = study
    view = derive_view(records, protocol, protocol.analyses[0], "registry")
    rows = list(derive_cohort_rows(view, view.complete, protocol.get_endpoint("os"), ALL))
    assert count(rows, "count") == {"population": (6, 6), "complete": (4, 6), "analysed": (4, 6)}
    excluded = {"endpoint": (1, 6), "covariate": (1, 6)}
    unmet = dict.fromkeys(("not_assessed", "negative_time", "late_entry"), (0, 6))
    assert count(rows, "excluded") == unmet | excluded
    assert count(rows, "ended_by") == {"death": (1, 4), "last_news": (3, 4)}
    assert count(rows, "missing_endpoint") == {"": (1, 6)}


def test_flow_between_two_cohorts(study):
    """Whom the comparator analyses and the source does not, and the reverse, each with the reason of who lacks them."""
    records, protocol = study
    base, view = (derive_view(records, protocol, protocol.analyses[0], source) for source in ("registry", "ai"))
    flow = count(derive_flow_rows(view, base, ALL, ALL), "cohort_flow")
    assert tuple(flow) == FLOW
    assert {term: counts for term, counts in flow.items() if counts[0]} == {
        "kept": (1, 4), "lost_population": (1, 4), "lost_negative_time": (1, 4), "lost_late_entry": (1, 4),
        "gained_population": (1, 4), "gained_endpoint": (1, 4), "gained_covariate": (1, 4)}  # fmt: skip


def test_replication_gives_the_flow_of_own_patients(study):
    """The flow stands once per source that is compared, in the stratum of each source's own patients."""
    records, protocol = study[0], build_protocol(BY_WEIGHT, endpoints=({**DATES, "entry": None},))
    rows = run(records, protocol, replicates=100).rows
    flow = select_rows(rows, metric="cohort_flow")
    assert set(flow["source"]) == {"ai"}
    assert set(flow["comparator"]) == {"registry"}
    assert set(flow["stratum"]) == {"own"}
    assert len(flow) == len(FLOW)
    analysed = select_rows(rows, metric="count", term="analysed", stratum="own").set_index("source")["estimate"]
    assert flow["estimate"][flow["term"].eq("kept") | flow["term"].str.startswith("lost")].sum() == analysed["registry"]
    assert flow["estimate"][~flow["term"].str.startswith("lost")].sum() == analysed["ai"]
    assert select_rows(rows, metric="ended_by", stratum_by="")["n"].eq(2).all()


def test_who_was_not_asked_is_no_loss_of_the_source(study):
    """Outside the sample of a source a patient is not assessed there, whatever else is unknown."""
    records, protocol = study
    cells = [("ai", "stage", "P0000"), ("ai", "age", "P0003"), ("registry", "stage", "P0001")]
    table = pd.DataFrame(cells, columns=["source", "variable", "patient_id"])
    analysis = protocol.analyses[0]
    asked = derive_asked(replace(records, assessments=table), protocol, analysis, "ai")
    assert asked.tolist() == [True, *[False] * 6]
    view = derive_view(records, protocol, analysis, "registry")
    why = derive_exclusions(view, ~ALL)
    assert why.tolist() == ["", "", "", "not_assessed", "not_assessed", "", "not_assessed"]
    assert derive_asked(records, protocol, analysis, "").all()


def make_view(source, seed, n):
    """Return a view whose every fate occurs, at random, and who was asked."""
    rng = np.random.default_rng(seed)
    fate = rng.choice(["", *EXCLUSIONS], n)
    time = np.where(np.isin(fate, ["endpoint", "negative_time", "late_entry"]), np.nan, rng.exponential(9, n))
    inside = fate != "population"
    outcome = pd.DataFrame({"time": time, "entry": np.where(np.isnan(time), np.nan, 0.0),
                            "cause": np.where(np.isnan(time), 0, rng.integers(0, 2, n)),
                            "ended_by": np.where(np.isnan(time), "", rng.choice(["death", "last_news"], n)),
                            "missing_endpoint": fate == "endpoint", "negative_time": fate == "negative_time",
                            "late_entry": fate == "late_entry", "after_cut_off": False, "partial_date": False,
                            "unreadable_date": False})  # fmt: skip
    covariates = np.where(fate == "covariate", np.nan, 1.0)[:, None]
    groups = np.zeros(n, dtype=np.intp), ()
    known = inside & (fate != "covariate")
    view = View(source, outcome, covariates, (), *groups, np.full(n, ""), inside, known, fate == "")
    return view, (fate != "endpoint") | (rng.random(n) < 0.5)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 40))
def test_flows_and_exclusions_add_up(one, other, n):
    """Kept and lost are the comparator's cohort, kept and gained the source's, complete and excluded the population."""
    (base, base_asked), (view, asked) = make_view("registry", one, n), make_view("ai", other, n)
    flow = {term: k for term, (k, _) in count(derive_flow_rows(view, base, asked, base_asked), "cohort_flow").items()}
    lost = sum(k for term, k in flow.items() if term.startswith("lost"))
    gained = sum(k for term, k in flow.items() if term.startswith("gained"))
    assert flow["kept"] + lost == base.complete.sum()
    assert flow["kept"] + gained == view.complete.sum()
    endpoint = build_protocol(BY_WEIGHT, endpoints=(DATES,)).get_endpoint("os")
    rows = list(derive_cohort_rows(view, view.complete, endpoint, asked))
    assert sum(k for k, _ in count(rows, "excluded").values()) + view.complete.sum() == view.inside.sum()
    assert sum(k for k, _ in count(rows, "ended_by").values()) == view.complete.sum()


def test_degenerate_cohorts_are_rows_not_crashes():
    """All censored, follow-up of zero, every time negative: numbers with their status and reason, the rest goes on."""
    n = 6
    told = {("registry", "stage"): ["I", "III"] * 3, ("ai", "stage"): ["I", "III"] * 3}
    cases = {"censored": ("2024-01-01", "2024-02-01"), "zero": ("2024-01-01", "2024-01-01")}
    for start, news in cases.values():
        values = told | {(source, name): [day] * n for source in ("registry", "ai")
                         for name, day in (("start", start), ("last_news", news), ("relapse", start))}  # fmt: skip
        protocol = build_protocol(BY_STAGE, endpoints=(DATES,))
        rows = run(build_records(build_patients(n), values), protocol, replicates=100).rows
        assert set(select_rows(rows, metric="log_hazard_ratio")["reason"]) == {"no_events"}
        assert select_rows(rows, metric="count", term="analysed", stratum_by="")["estimate"].tolist() == [n, n]
    values |= {("ai", "last_news"): ["2023-12-01"] * n}
    rows = run(build_records(build_patients(n), values), protocol, replicates=100).rows
    mine = select_rows(rows, source="ai", comparator="")
    assert select_rows(mine, metric="negative_time")["estimate"].tolist() == [n, n]
    assert set(select_rows(mine, metric="log_hazard_ratio")["status"]) == {"not_estimable"}
    flow = select_rows(rows, metric="cohort_flow", term="lost_negative_time")
    assert flow["estimate"].tolist() == [n]
