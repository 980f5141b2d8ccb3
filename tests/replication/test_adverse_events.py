"""Adverse events at worst grade: counted once per patient, whatever the numbering, order and number of events."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descriptive_study import EVENTS, GRADES, build_protocol, build_records, pick, run
from probatio.measures.chance import compute_agreement_weights
from probatio.replication.adverse_events import FIRST_GRADE, NO_EVENT, NO_GRADE, compute_worst_grades
from probatio.results import select_rows

TERMS = ["nausea", "rash"]
# P0 three nauseas, P1 a rash of unknown grade, P2 an unlisted term, P3 none, P4 two terms, P5 nothing said.
REFERENCE = [(0, "1", "nausea", "1", "no"), (0, "2", "nausea", "3", "yes"), (0, "3", "nausea", "2", "no"),
             (1, "1", "rash", None, "no"), (2, "1", "?", "4", "no"),
             (4, "1", "nausea", "1", "no"), (4, "2", "rash", "2", "no")]  # fmt: skip
AI = [(0, "a", "nausea", "3", "yes"), (1, "a", "rash", "1", "no"), (4, "x", "rash", "3", "no")]
NEGATIVE = {("reference", "adverse_events"): [None, None, None, "", None, None],
            ("ai", "adverse_events"): [None, None, "", "", None, None]}  # fmt: skip


def tell(**result: Any) -> pd.DataFrame:
    """Return the rows of the six patients."""
    records = build_records(6, NEGATIVE, {"reference": REFERENCE, "ai": AI})
    return run(records, build_protocol(EVENTS | result))


def count(rows: pd.DataFrame, metric: str, source: str = "reference", **key: Any) -> tuple[int, int]:
    """Return k and n of a proportion on the same patients."""
    row = pick(rows, metric, source=source, variable="adverse_events", **key)
    return row["k"], row["n"]


def test_each_patient_counts_once_at_the_worst_grade() -> None:
    """Three nauseas are one patient, at grade 3; an event without grade counts for any grade and no threshold."""
    rows = tell()
    assert count(rows, "incidence") == (4, 6)
    assert count(rows, "incidence", at="3") == (2, 6)
    assert count(rows, "incidence", term="nausea") == (2, 6)
    assert count(rows, "incidence", term="nausea", at="3") == (1, 6)
    assert count(rows, "incidence", term="rash") == (2, 6)
    assert count(rows, "incidence", term="rash", at="3") == (0, 6)
    assert count(rows, "serious_incidence") == (1, 6)
    assert count(rows, "serious_incidence", term="rash") == (0, 6)
    assert count(rows, "incidence", "ai") == (3, 6)
    assert count(rows, "incidence", "ai", at="3") == (2, 6)


def test_worst_grades_make_a_whole() -> None:
    """The shares by worst grade sum to 1, over the patients whose worst grade every source knows."""
    rows = select_rows(tell(), metric="worst_grade_share", comparator="", stratum_by="")
    for _, part in rows.groupby("source"):
        assert part["estimate"].sum() == pytest.approx(1)
        assert set(part["n"]) == {5}
    assert set(rows["at"]) == {"none", *GRADES}


def test_what_is_taken_for_granted_is_counted() -> None:
    """Events without grade, patients of whom nothing is said, terms not shown: in rows of their own."""
    counts = select_rows(tell(), metric="count", source="reference").set_index("term")
    assert counts["k"].to_dict() == {
        "treated": 6,
        "not_documented": 1,
        "events": 7,
        "without_grade": 1,
        "terms_below": 0,
    }
    assert counts.loc["without_grade", "n"] == 7


def test_silence_counts_as_no_event_or_leaves() -> None:
    """P5, of whom nothing is said, is in the denominator of `all` and not in that of `documented`."""
    assert count(tell(), "incidence", stratum_by="patients") == (4, 6)
    assert count(tell(denominator="documented"), "incidence", stratum_by="patients") == (4, 5)


def test_rare_terms_are_counted_together() -> None:
    """Below the least share in every source a term has no row of its own; overall it still counts."""
    rows = tell(events=EVENTS["events"] | {"min_share": 0.5})
    assert set(select_rows(rows, metric="incidence")["term"]) == {""}
    assert count(rows, "incidence") == (4, 6)
    assert select_rows(rows, metric="count", term="terms_below")["k"].tolist() == [2, 2]


def test_denominator_is_the_treated() -> None:
    """Patients without a start date in the source are not treated; without any, nothing can be said."""
    dates = ["2024-01-01"] * 4 + [None, ""]
    values = NEGATIVE | {("reference", "start"): dates, ("ai", "start"): dates}
    protocol = build_protocol(EVENTS | {"treated": "start"})
    told = {"reference": REFERENCE, "ai": AI}
    assert count(run(build_records(6, values, told), protocol), "incidence") == (3, 4)
    nobody = run(build_records(6, NEGATIVE, told), protocol)
    numbers = nobody[nobody["metric"] != "count"]
    assert set(numbers["status"]) == {"not_estimable"}
    assert set(select_rows(nobody, metric="incidence")["reason"]) == {"empty_denominator"}


def test_no_event_at_all_is_a_rate_of_zero() -> None:
    """0 of 6 is a rate, with its exact upper bound; the agreement of one class is none."""
    rows = run(build_records(6, NEGATIVE), build_protocol(EVENTS))
    row = pick(rows, "incidence", source="ai")
    assert (row["estimate"], row["lower"]) == (0, 0)
    assert row["upper"] == pytest.approx(1 - 0.025 ** (1 / 6))
    kappa = pick(rows, "kappa_linear", comparator="reference", term="worst_grade")
    assert (kappa["status"], kappa["reason"]) == ("not_estimable", "one_class_only")
    assert select_rows(rows, metric="count", term="terms_below")["k"].tolist() == [2, 2]


WINDOW = {"date": "date", "start": "start", "stop": "stop", "days": 30}
DATED = [  # date of the event, whether it may have begun between 10 January and 31 March (1 March + 30 days)
    ("2024-01-09", False), ("2024-01-10", True), ("2024-03-31", True), ("2024-04-01", False), (None, True),
    ("2024-01", True), ("2023", False), ("2024", True), ("2024-04", False), ("2023-12", False),
]  # fmt: skip


def test_treatment_emergent_window() -> None:
    """From the first dose to 30 days after the last; a partial or missing date is inside unless it cannot be."""
    n = len(DATED)
    values = {(source, name): [day] * n for source in ("reference", "ai")
              for name, day in (("start", "2024-01-10"), ("stop", "2024-03-01"))}  # fmt: skip
    told = [(row, "1", "rash", "2", "no", date) for row, (date, _) in enumerate(DATED)]
    rule = EVENTS["events"] | {"window": WINDOW}
    records = build_records(n, values, {"reference": told, "ai": told})
    rows = run(records, build_protocol(EVENTS | {"events": rule}))
    inside = sum(kept for _, kept in DATED)
    assert count(rows, "incidence") == (inside, n)
    counts = select_rows(rows, metric="count", source="ai").set_index("term")["k"]
    assert (counts["outside_window"], counts["events"], counts["undated"]) == (n - inside, inside, 1)


def test_a_patient_still_treated_has_no_end() -> None:
    """Without a stop date the window stays open; without a start date it has no beginning."""
    told = [(0, "1", "rash", "2", "no", "2030-01-01"), (1, "1", "rash", "2", "no", "1999-01-01")]
    values = {("reference", "start"): ["2024-01-10", None], ("ai", "start"): ["2024-01-10", None]}
    rule = EVENTS["events"] | {"window": WINDOW}
    rows = run(build_records(2, values, {"reference": told, "ai": told}), build_protocol(EVENTS | {"events": rule}))
    assert count(rows, "incidence") == (2, 2)


def test_worst_grade_changes_are_counted_by_direction() -> None:
    """P2 loses its grade 4, P4 goes from 2 to 3; P1's reference grade is unknown and leaves the comparison."""
    rows = tell()
    key = {"comparator": "reference", "term": "worst_grade"}
    changed = {metric: pick(rows, metric, **key) for metric in ("changed_rate", "higher_rate", "lower_rate")}
    assert {metric: (row["k"], row["n"]) for metric, row in changed.items()} == {
        "changed_rate": (2, 5), "higher_rate": (1, 5), "lower_rate": (1, 5)}  # fmt: skip


def test_weighted_kappa_by_hand() -> None:
    """Weighted kappa of the worst grade is 1 - observed over expected disagreement, and has an interval."""
    rows = tell()
    ours, theirs = np.array([3, 0, 0, 3, 0]), np.array([3, 4, 0, 2, 0])
    for metric, power in (("kappa_linear", 1), ("kappa_quadratic", 2)):
        distance = 1 - compute_agreement_weights(6, power)
        observed = distance[theirs, ours].mean()
        expected = distance[np.ix_(theirs, ours)].mean()
        row = pick(rows, metric, comparator="reference", term="worst_grade")
        assert row["estimate"] == pytest.approx(1 - observed / expected)
        assert row["lower"] < row["estimate"] < row["upper"] <= 1


def draw_events(rng: np.random.Generator, patients: int, events: int) -> list[tuple[Any, ...]]:
    """Return random events, some without grade or term."""
    return [(int(rng.integers(patients)), str(place), rng.choice([*TERMS, "?"]),
             None if rng.random() < 0.1 else str(rng.integers(1, 6)), str(rng.choice(["no", "yes"])))
            for place in range(events)]  # fmt: skip


def test_incidence_against_pandas() -> None:
    """Every incidence of 80 patients with 200 events equals that of grouping the events' table by patient."""
    rng = np.random.default_rng(7)
    told = {"reference": draw_events(rng, 80, 200), "ai": draw_events(rng, 80, 200)}
    rows = run(build_records(80, {}, told), build_protocol(EVENTS), replicates=100)
    for source, events in told.items():
        table = pd.DataFrame(events, columns=["patient", "event", "term", "grade", "serious"])
        table["grade"] = pd.to_numeric(table["grade"])
        for term in ("", *TERMS):
            part = table if not term else table[table["term"] == term]
            worst = part.groupby("patient")["grade"].max()
            assert count(rows, "incidence", source, term=term) == (part["patient"].nunique(), 80)
            assert count(rows, "incidence", source, term=term, at="3") == (int((worst >= 3).sum()), 80)
            grave = part.loc[part["serious"] == "yes", "patient"].nunique()
            assert count(rows, "serious_incidence", source, term=term) == (grave, 80)


def test_paired_difference_is_that_of_the_discordant_patients() -> None:
    """Source minus comparator, carried by the patients of whom one alone tells an event."""
    rng = np.random.default_rng(8)
    told = {"reference": draw_events(rng, 60, 50), "ai": draw_events(rng, 60, 50)}
    rows = run(build_records(60, {}, told), build_protocol(EVENTS), replicates=100)
    have = {source: {event[0] for event in events} for source, events in told.items()}
    row = pick(rows, "delta_incidence", comparator="reference", method="tango", level=0.9)
    gained, lost = len(have["ai"] - have["reference"]), len(have["reference"] - have["ai"])
    assert (row["estimate"], row["k"]) == (pytest.approx((gained - lost) / 60), gained + lost)
    assert row["lower"] < row["estimate"] < row["upper"]


EVENT = st.tuples(st.sampled_from(["P1", "P2", "P3", "P9"]), st.sampled_from([*TERMS, "", "other"]),
                  st.sampled_from([*GRADES, ""]), st.sampled_from(["no", "yes", ""]))  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.lists(EVENT, max_size=12), st.randoms(use_true_random=False), st.integers(0, 3))
def test_worst_grade_is_blind_to_order_and_duplicates(events: list[tuple[str, ...]], random: Any, copies: int) -> None:
    """Events in any order, some told several times, give the same worst grades and seriousness."""
    patients = pd.Index(["P1", "P2", "P3"], dtype=object)
    told = [*events, *(random.choice(events) for _ in range(copies if events else 0))]
    random.shuffle(told)
    first, second = (
        compute_worst_grades(pd.DataFrame(each, columns=["patient_id", "term", "grade", "serious"], dtype=object),
                             patients, TERMS, GRADES, "yes") for each in (events, told)
    )  # fmt: skip
    assert (first.severity == second.severity).all()
    assert (first.serious == second.serious).all()
    assert (first.severity[:, 0] >= first.severity[:, 1:].max(axis=1)).all()
    assert not (first.serious & (first.severity == NO_EVENT)).any()


def test_severity_codes() -> None:
    """No event, an event without grade, then the grades: an unknown grade never hides a known one."""
    events = pd.DataFrame([["P1", "rash", "", ""], ["P1", "rash", "1", ""], ["P2", "rash", "", ""]],
                          columns=["patient_id", "term", "grade", "serious"])  # fmt: skip
    found = compute_worst_grades(events, pd.Index(["P1", "P2", "P3"], dtype=object), TERMS, GRADES)
    assert found.severity[:, 2].tolist() == [FIRST_GRADE, NO_GRADE, NO_EVENT]
    assert found.severity[:, 0].tolist() == found.severity[:, 2].tolist()
    assert not found.serious.any()
