"""Who is compared with whom, on which cells, with which weight; events and their attributes as rows."""

from __future__ import annotations

from itertools import chain

import pandas as pd
import pytest

from paired_study import Said, make_protocol, make_records
from probatio.comparison import PAIR_COLUMNS, Side, compare, list_sides
from probatio.comparison.tables import PAIR_KEY
from probatio.protocol import UserError

STAGE = {"name": "stage", "type": "ordinal", "levels": ["I", "II"]}
ECOG = {"name": "ecog", "type": "ordinal", "levels": ["0", "1"], "visits": ["access", "m1"]}
AE = {
    "name": "ae",
    "type": "events",
    "attributes": {
        "term": {"type": "nominal", "levels": ["rash", "nausea"]},
        "start": {"type": "date", "tolerance": 3},
        "grade": {"type": "ordinal", "levels": ["1", "2", "3"]},
    },
    "match": {"on": ["term"], "date": "start", "window": 30},
}


def list_pairs(pairs: pd.DataFrame, *columns: str) -> list[tuple[object, ...]]:
    return [*pairs[[*columns]].itertuples(index=False, name=None)]


def test_sides_with_and_without_a_reference() -> None:
    """All against the reference; technologies against manual collections; readings against the first."""
    sources = ["manual", "reference", "ai", "ai2"]
    assert list_sides(make_protocol([STAGE], sources)) == [
        Side("manual", "reference", "error"), Side("ai", "reference", "error"), Side("ai2", "reference", "error"),
        Side("ai", "manual", "agreement"), Side("ai2", "manual", "agreement"),
    ]  # fmt: skip
    assert list_sides(make_protocol([STAGE], ["second", "first"])) == [Side("first", "second", "agreement")]
    assert list_sides(make_protocol([STAGE], ["ai", "manual"])) == [Side("ai", "manual", "agreement")]


def test_a_further_run_is_compared_for_repeatability_alone() -> None:
    """Of one technology the primary run leads: the other meets the reference only where runs are asked for."""
    protocol = make_protocol([STAGE], ["reference", "manual", "ai", "ai2"], technology="lector")
    assert list_sides(protocol) == [
        Side("manual", "reference", "error"), Side("ai2", "reference", "error"), Side("ai2", "manual", "agreement"),
    ]  # fmt: skip
    assert list_sides(protocol, runs=True) == [Side("ai", "reference", "error"), Side("ai2", "reference", "error")]
    assert list_sides(make_protocol([STAGE], ["reference", "ai", "ai2"]), runs=True) == []
    assert list_sides(make_protocol([STAGE], ["manual", "ai", "ai2"], technology="lector"), runs=True) == []


def test_the_values_of_runs_are_paired_when_asked_for() -> None:
    """`runs` pairs every run of the technology, the leading one included, and nobody else."""
    said: list[tuple[str, str, str, Said]] = [
        ("reference", "stage", "P1", "I"), ("manual", "stage", "P1", "II"), ("ai", "stage", "P1", "II"),
        ("ai2", "stage", "P1", "I"),
    ]  # fmt: skip
    protocol = make_protocol([STAGE], ["reference", "manual", "ai", "ai2"], technology="lector")
    columns = ("source", "comparator", "kind", "outcome")
    assert list_pairs(compare(make_records(said), protocol, runs=True).pairs, *columns) == [
        ("ai", "reference", "error", "W"), ("ai2", "reference", "error", "C"),
    ]  # fmt: skip
    assert list_pairs(compare(make_records(said), protocol).pairs, *columns) == [
        ("ai2", "manual", "agreement", "W"), ("ai2", "reference", "error", "C"), ("manual", "reference", "error", "W"),
    ]  # fmt: skip
    without = compare(make_records(said), make_protocol([STAGE], ["reference", "ai"]), runs=True)
    assert without.pairs.empty
    assert without.flow.empty


def test_only_cells_assessed_by_both_are_compared() -> None:
    """A cell that one side was not asked to fill leaves the comparison, and is counted."""
    said: list[tuple[str, str, str, Said]] = [
        ("reference", "stage", "P1", "I"), ("ai", "stage", "P1", "I"),
        ("reference", "stage", "P2", "I"), ("ai", "stage", "P3", "II"),
        ("reference", "ecog@access", "P1", "0"), ("reference", "ecog@m1", "P1", "1"), ("ai", "ecog@m1", "P1", "1"),
    ]  # fmt: skip
    comparison = compare(make_records(said), make_protocol([STAGE, ECOG]))
    assert list_pairs(comparison.pairs, "variable", "visit", "patient_id", "outcome") == [
        ("ecog", "m1", "P1", "C"), ("stage", "", "P1", "C"),
    ]  # fmt: skip
    flow = comparison.flow[comparison.flow["variable"] == "stage"].set_index("step")["n"]
    assert flow["assessed"] == 2
    assert flow["not_assessed_by_comparator"] == 1
    assert [*comparison.pairs.columns] == [*PAIR_COLUMNS]


def test_a_technology_is_also_compared_with_the_manual_collection() -> None:
    """Where AI and manual share an error against the reference, they agree: both rows are there."""
    said = [("reference", "stage", "P1", "I"), ("ai", "stage", "P1", "II"), ("manual", "stage", "P1", "II")]
    pairs = compare(make_records(said), make_protocol([STAGE], ["reference", "ai", "manual"])).pairs
    assert list_pairs(pairs, "source", "comparator", "kind", "outcome") == [
        ("ai", "manual", "agreement", "C"), ("ai", "reference", "error", "W"), ("manual", "reference", "error", "W"),
    ]  # fmt: skip


def test_a_comparator_that_does_not_conform_is_no_reference_either() -> None:
    """A manual value that does not conform judges no technology, while it is itself an error."""
    said = [("reference", "stage", "P1", "I"), ("ai", "stage", "P1", "I"), ("manual", "stage", "P1", "!one"),
            ("reference", "stage", "P2", "I"), ("ai", "stage", "P2", "I"), ("manual", "stage", "P2", "I")]  # fmt: skip
    pairs = compare(make_records(said), make_protocol([STAGE], ["reference", "ai", "manual"])).pairs
    agreement = pairs[pairs["kind"] == "agreement"]
    assert list_pairs(agreement, "patient_id", "outcome") == [("P2", "C")]
    manual = pairs[pairs["source"] == "manual"]
    assert list_pairs(manual, "patient_id", "outcome", "conformant", "value") == [
        ("P1", "W", False, "one"), ("P2", "C", True, "I"),
    ]  # fmt: skip


def test_patients_weigh_the_inverse_of_their_sampling_probability() -> None:
    """Weights undo the sampling of the reference, and are 1 where the reference plays no part."""
    said = [(s, "stage", p, "I") for s in ("reference", "ai", "manual") for p in ("P1", "P2")]
    records = make_records(said, probability={"P1": 0.25})
    comparison = compare(records, make_protocol([STAGE], ["reference", "ai", "manual"]))
    weights = comparison.pairs.set_index(["kind", "source", "patient_id"])["weight"]
    assert weights["error", "ai", "P1"] == 4.0
    assert weights["error", "ai", "P2"] == 1.0
    assert weights["agreement", "ai", "P1"] == 1.0
    assert [*comparison.patients.columns] == ["centre", "sampling_probability", "sex"]
    assert [*comparison.pairs["centre"].unique()] == ["C1", "C2"]


def test_development_patients_are_not_among_the_patients() -> None:
    """The comparison knows only evaluated patients."""
    records = make_records([(s, "stage", "P1", "I") for s in ("reference", "ai")], development=["P2"],
                           assessed=[("ai", "stage", "P2")])  # fmt: skip
    assert [*compare(records, make_protocol([STAGE])).patients.index] == ["P1"]


@pytest.mark.parametrize("sources", [["reference", "ai"], ["first", "second"]])
def test_two_sources_without_a_common_cell_are_refused(sources: list[str]) -> None:
    """Nothing in common is a mistake in keys or columns, and is said with both names."""
    said = [(sources[0], "stage", "P1", "I"), (sources[1], "stage", "P2", "I")]
    with pytest.raises(UserError, match="have no assessed patient and variable in common") as error:
        compare(make_records(said), make_protocol([STAGE], sources))
    assert all(name in str(error.value) for name in sources)


def test_an_agreement_without_a_common_cell_is_merely_empty() -> None:
    """With a reference, a manual sample of other patients than the AI's leaves that side empty."""
    said = [("reference", "stage", "P1", "I"), ("reference", "stage", "P2", "I"), ("ai", "stage", "P1", "I"), ("manual", "stage", "P2", "I")]  # fmt: skip  # noqa: E501
    comparison = compare(make_records(said), make_protocol([STAGE], ["reference", "ai", "manual"]))
    assert set(comparison.pairs["kind"]) == {"error"}
    agreement = comparison.flow[comparison.flow["kind"] == "agreement"]
    assert agreement.set_index("step")["n"].to_dict() == {
        "assessed": 1, "not_assessed_by_comparator": 1, "unlabelled": 0, "compared": 0,
    }  # fmt: skip


def event(
    source: str, patient: str, label: str, term: str, start: Said, grade: Said
) -> list[tuple[str, str, str, Said]]:
    """Return the attributes of one adverse event."""
    texts = {"term": term, "start": start, "grade": grade}
    return [(source, f"ae.{name}#{label}", patient, text) for name, text in texts.items()]


def compare_events(*said: list[tuple[str, str, str, Said]]) -> pd.DataFrame:
    """Return the pairs of events of a study in which everybody was assessed by both."""
    cells = [(source, "ae", patient) for source in ("reference", "ai") for patient in ("P1", "P2", "P3")]
    return compare(make_records(chain(*said), assessed=cells), make_protocol([AE])).pairs


def test_events_become_rows() -> None:
    """A matched event is C, a missed one O, an unsupported one U, and a patient without events one B."""
    pairs = compare_events(
        event("reference", "P1", "1", "rash", "2024-05-01", "2"),
        event("reference", "P1", "2", "nausea", "2024-07-01", "1"),
        event("ai", "P1", "2", "rash", "2024-05-05", "3"),
        event("ai", "P1", "1", "nausea", "2024-01-01", "1"),
        [("reference", "ae", "P2", "negative"), ("ai", "ae", "P2", "failed")],
    )
    events = pairs[pairs["variable"] == "ae"]
    assert list_pairs(events, "patient_id", "event", "reference", "value", "outcome") == [
        ("P1", "+1", "", "nausea", "U"), ("P1", "1", "rash", "rash", "C"), ("P1", "2", "nausea", "", "O"),
        ("P2", "", "", "", "B"), ("P3", "", "", "", "B"),
    ]  # fmt: skip
    attributes = pairs[pairs["variable"] != "ae"]
    assert list_pairs(attributes, "variable", "event", "reference", "value", "outcome") == [
        ("ae.grade", "1", "2", "3", "W"), ("ae.start", "1", "2024-05-01", "2024-05-05", "W"),
    ]  # fmt: skip
    assert attributes.set_index("variable")["difference"]["ae.start"] == 4.0
    assert not pairs.duplicated(PAIR_KEY).any()


def test_a_missed_patient_s_events_are_omissions_and_an_invented_one_s_are_unsupported() -> None:
    """Events on one side only: each is an omission, or an unsupported event."""
    pairs = compare_events(
        event("reference", "P1", "1", "rash", "2024-05-01", "2"),
        event("reference", "P1", "2", "rash", "2024-06-01", "2"),
        event("ai", "P2", "1", "rash", "2024-06-01", "2"),
    )
    assert list_pairs(pairs, "patient_id", "event", "outcome") == [
        ("P1", "1", "O"), ("P1", "2", "O"), ("P2", "+1", "U"), ("P3", "", "B"),
    ]  # fmt: skip


def test_attributes_of_matched_events_may_be_missing_or_wrong() -> None:
    """On a matched event each attribute has its own outcome; one that the reference lacks judges nobody."""
    pairs = compare_events(
        event("reference", "P1", "1", "rash", "2024-05-01", "2"),
        event("ai", "P1", "1", "rash", "!soon %80", "!severe %60"),
        event("reference", "P2", "1", "rash", "2024-05", "!mild"),
        event("ai", "P2", "1", "rash", "2024-05-09", "1"),
        event("reference", "P3", "1", "rash", "2024-05-01", None),
        event("ai", "P3", "1", "rash %90", None, "2"),
    )
    assert list_pairs(pairs, "variable", "patient_id", "outcome", "conformant") == [
        ("ae", "P1", "C", True), ("ae", "P2", "C", True), ("ae", "P3", "C", True),
        ("ae.grade", "P1", "W", False), ("ae.grade", "P3", "U", True),
        ("ae.start", "P1", "W", False), ("ae.start", "P2", "C", True), ("ae.start", "P3", "O", True),
    ]  # fmt: skip
    confidence = pairs.set_index(["variable", "patient_id"])["confidence"]
    assert confidence["ae", "P1"] == 0.8
    assert confidence["ae", "P3"] == 0.9
    assert confidence["ae.grade", "P1"] == 0.6


def test_a_reference_event_that_cannot_be_named_leaves_its_patient_unlabelled() -> None:
    """A reference event whose term does not conform might be any of the delivered ones."""
    said = [
        *event("reference", "P1", "1", "!eruption", "2024-05-01", "2"),
        *event("ai", "P1", "1", "rash", "2024-05-01", "2"),
        *event("reference", "P2", "1", "rash", "2024-05-01", "2"),
        *event("ai", "P2", "1", "!eruption", "2024-05-01", "2"),
    ]
    comparison = compare(make_records(said), make_protocol([AE]))
    assert list_pairs(comparison.pairs, "patient_id", "event", "outcome", "conformant") == [
        ("P2", "+1", "U", False), ("P2", "1", "O", True),
    ]  # fmt: skip
    flow = comparison.flow.set_index(["step", "variable"])["n"]
    assert flow["unlabelled", "ae"] == 1
    assert flow["compared", "ae"] == 1


def test_events_are_matched_within_their_visit() -> None:
    """When events are due at visits, an event of one visit does not answer for another's."""
    protocol = make_protocol([{**AE, "visits": ["m1", "m2"]}])
    said = [("reference", "ae.term@m1#1", "P1", "rash"), ("ai", "ae.term@m2#1", "P1", "rash")]
    cells = [(source, f"ae@{visit}", "P1") for source in ("reference", "ai") for visit in ("m1", "m2")]
    pairs = compare(make_records(said, assessed=cells), protocol).pairs
    assert list_pairs(pairs, "visit", "outcome") == [("m1", "O"), ("m2", "U")]


def test_a_single_source_has_nobody_to_be_compared_with() -> None:
    """A study of one technology alone gives an empty comparison, in the usual columns."""
    comparison = compare(make_records([("ai", "stage", "P1", "I")]), make_protocol([STAGE], ["ai"]))
    assert comparison.pairs.empty
    assert [*comparison.pairs.columns] == [*PAIR_COLUMNS]
    assert [*comparison.patients.index] == ["P1"]


def test_outcomes_add_up_to_the_compared_cells() -> None:
    """For single values, cells assessed = not assessed by the comparator + unlabelled + C + W + O + U + B."""
    said = [
        (s, "stage", f"P{n}", v)
        for s, vs in {"reference": ["I", "II", None, "!x", None, "I"], "ai": ["I", "I", "I", "I", None, None]}.items()
        for n, v in enumerate(vs)
    ]
    flow = compare(make_records(said, assessed=[("ai", "stage", "P9")]), make_protocol([STAGE])).flow
    steps = flow.set_index("step")["n"]
    assert steps["assessed"] == 7
    assert steps["assessed"] == steps["not_assessed_by_comparator"] + steps["unlabelled"] + steps[[*"CWOUB"]].sum()
    assert [*steps[[*"CWOUB"]]] == [1, 1, 1, 1, 1]
