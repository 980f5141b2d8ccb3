"""Where covariates, eligibility and endpoint come from; strata; analyses without terms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from probatio.replication import derive_texts, derive_view, list_variables
from probatio.results import select_rows
from survival_study import BY_STAGE, LABEL, OS, build_patients, build_protocol, build_records, run

DATES = {"name": "os", "label": LABEL, "origin": "start", "events": ["death"], "censoring": ["last_news"]}
TERMS = [*BY_STAGE["terms"], {"variable": "weight", "per": 10}]
VALUES = {("registry", "stage"): ["I", "III", "II", None], ("ai", "stage"): ["III", "III", "I", "I"],
          ("registry", "weight"): ["70", "80", "90", "60"], ("ai", "weight"): ["71", "80", None, "60"]}  # fmt: skip


@pytest.fixture(scope="module")
def records():
    """Four patients, read by registry and AI."""
    return build_records(build_patients(4, sex=["F", "M", "F", ""]), VALUES)


def view(records, source="ai", **keys):
    protocol = build_protocol(BY_STAGE | {"terms": TERMS} | keys)
    return derive_view(records, protocol, protocol.analyses[0], source)


def test_each_source_is_read_for_itself_unless_one_is_named(records):
    """A term with a source is the same for all; the others are each source's own."""
    fixed = [{**TERMS[0], "source": "registry"}, TERMS[1]]
    own, shared = view(records), view(records, terms=fixed)
    assert own.group.tolist() == [1, 1, 0, 0]
    assert shared.group.tolist() == view(records, "registry").group.tolist() == [0, 1, 0, -1]
    np.testing.assert_array_equal(own.covariates[:, 1], shared.covariates[:, 1])
    assert shared.complete.tolist() == [True, True, False, False]


def test_eligibility_may_come_from_one_source(records):
    """With `population_source` all sources keep the same patients; a term of that variable stays each one's own."""
    keys = {"population": {"stage": ["I", "II"], "sex": ["F", "M"]}, "terms": BY_STAGE["terms"]}
    own, shared = view(records, **keys), view(records, **keys, population_source="registry")
    assert own.inside.tolist() == [False, False, True, False]
    assert shared.inside.tolist() == [True, False, True, False]
    assert shared.group.tolist() == [1, 1, 0, 0]


def test_what_one_source_gives_is_not_read_from_each(records):
    """Variables fixed to a source are no part of what sources are compared by; swapping them changes nothing."""
    fixed = [{**TERMS[0], "source": "registry"}, TERMS[1]]
    keys = {"terms": fixed, "population": {"stage": ["I"]}, "population_source": "registry"}
    protocol = build_protocol(BY_STAGE | keys, endpoints=(DATES,))
    analysis = protocol.analyses[0]
    assert list_variables(protocol, analysis) == ["start", "death", "last_news", "weight"]
    texts = derive_texts(records, protocol, analysis, "ai", read_from={"stage": "ai", "weight": "registry"})
    assert list(texts.covariates) == ["weight", "registry:stage"]
    assert texts.covariates["registry:stage"].tolist()[:3] == ["I", "III", "II"]
    assert texts.covariates["weight"].tolist() == ["70", "80", "90", "60"]
    shared = build_protocol(BY_STAGE, endpoints=(DATES | {"source": "registry"},))
    assert list_variables(shared, shared.analyses[0]) == ["stage"]


KINDS = {"start": {"label": LABEL, "type": "date"}, "kind": {"label": LABEL, "type": "text"}}
LINES = {
    "name": "lines",
    "label": LABEL,
    "type": "events",
    "match": {"date": "start", "window": 7},
    "attributes": KINDS,
}


def test_repeated_events_change_their_source_together():
    """Dates and attributes of events are one variable: read from another source, all of them are."""
    protocol = build_protocol()
    rule = {"date": "lines.start", "reason": "line", "where": {"lines.kind": ["a"]}, "pick": "next"}
    dates = DATES | {"events": [rule]}
    more = {"variables": [*protocol.model_dump()["variables"], LINES], "endpoints": [dates], "analyses": [BY_STAGE]}
    protocol = type(protocol).model_validate(protocol.model_dump() | more)
    told = [("registry", "1", "start", "2024-01-11"), ("registry", "1", "kind", "a"),
            ("ai", "1", "start", "2024-01-21"), ("ai", "1", "kind", "b"),
            ("ai", "2", "start", "2024-01-31"), ("ai", "2", "kind", "a")]  # fmt: skip
    base = build_records(build_patients(1), {(s, n): ["2024-01-01"] for s in ("registry", "ai") for n in ("start",)})
    lines = [{"patient_id": "P0000", "source": s, "variable": f"lines.{a}", "visit": "", "event": e, "value": v,
              "state": "value", "conformant": True} for s, e, a, v in told]  # fmt: skip
    records = replace(base, records=pd.concat([base.records, pd.DataFrame(lines)]))
    analysis = protocol.analyses[0]
    assert list_variables(protocol, analysis) == ["start", "lines", "last_news", "stage"]
    times = [derive_view(records, protocol, analysis, source, read_from=swapped).time.tolist() for source, swapped in
             (("registry", {}), ("ai", {}), ("ai", {"lines": "registry"}), ("registry", {"lines": "ai"}))]  # fmt: skip
    assert times == [[10], [30], [10], [30]]


def test_strata_are_named_and_known(records):
    """A stratum joins the levels of its variables; unknown, the patient is not complete."""
    named = view(records, strata=["centre", "sex"])
    assert named.strata.tolist() == ["A | F", "B | M", "A | F", ""]
    assert named.complete.tolist() == [True, True, False, False]
    assert view(records).strata.tolist() == [""] * 4


def test_strata_may_be_what_each_source_says(records):
    """A stratum of a collected variable is read from each source, and counts among its variables."""
    terms = [TERMS[1]]
    assert view(records, terms=terms, strata=["stage"]).strata.tolist() == ["III", "III", "I", "I"]
    assert view(records, "registry", terms=terms, strata=["stage"]).strata.tolist() == ["I", "III", "II", ""]
    protocol = build_protocol(BY_STAGE | {"terms": terms, "strata": ["stage"]})
    assert list_variables(protocol, protocol.analyses[0]) == ["weight", "stage"]


def test_an_analysis_without_terms_has_the_whole_cohort():
    """No column of covariates, no group: whoever has an endpoint is complete, and the curve is estimated."""
    patients = build_patients(6, days=[1.0, 2, 3, 4, 5, np.nan], status=["dead", "alive"] * 3)
    protocol = build_protocol({"name": "all", "label": LABEL, "endpoint": "os", "horizons": [4]}, endpoints=(OS,))
    records = build_records(patients, {})
    whole = derive_view(records, protocol, protocol.analyses[0], "")
    assert whole.covariates.shape == (6, 0)
    assert (whole.groups, whole.coefficients) == ((), ())
    assert whole.complete.tolist() == [True] * 5 + [False]
    rows = run(records, protocol).rows
    assert select_rows(rows, metric="rmst")["n"].tolist() == [5]
    assert select_rows(rows, metric="log_hazard_ratio").empty
    assert select_rows(rows, metric="ended_by", term="event")["k"].tolist() == [3]


def test_delayed_entry_counts_from_entry():
    """Who enters late is at risk only from then on: the curve has the numbers of the delayed risk sets."""
    start, news = "2024-01-01", "2024-01-31"
    told = {"start": [start] * 4, "relapse": [start, start, "2024-01-11", "2024-01-21"], "last_news": [news] * 4,
            "death": ["2024-01-06", "2024-01-16", None, "2024-01-26"]}  # fmt: skip
    values = {("ai", name): texts for name, texts in told.items()}
    late = DATES | {"entry": "relapse", "source": "ai"}
    protocol = build_protocol({"name": "all", "label": LABEL, "endpoint": "os", "landmarks": [10, 20, 28],
                               "sources": ["ai"], "comparator": "ai"}, endpoints=(late,))  # fmt: skip
    found = select_rows(run(build_records(build_patients(4), values), protocol).rows, metric="survival", stratum_by="")
    np.testing.assert_allclose(found.set_index("at")["estimate"][["10", "20", "28"]], [1 / 2, 1 / 4, 1 / 8])
