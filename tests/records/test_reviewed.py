"""A source after review holds the values of what it comes from, with the reviewers' decisions applied."""

# ruff: noqa: E501 -- a table is read by its lines

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_study import Study, assert_accounted, list_cells, list_rejected, read_flow

from probatio.protocol import UserError
from probatio.records import Records, find_data_files, read_records

HEAD = "patient_id,variable,visit,event,decision,value,reviewer,role,decided_at,seconds\n"
MODEL = """\
patient_id,variable,visit,event,value,confidence,state
P1,stage,,,I,0.9,
P2,stage,,,IV,0.4,
P3,stage,,,V,0.2,
P1,hb,,,12,0.8,
P2,dx,,,2024-02-03,0.7,
P1,ae.term,,1,nausea,0.6,
P1,ae.grade,,1,2,0.6,
P1,ae.term,,2,rash,0.5,
P2,ae,,,none,,
P4,dx,,,,,failed
"""


def decide(study: Study, *lines: str, head: str = HEAD) -> Study:
    """Declare a source after review, with these decisions."""
    study.write("model.csv", MODEL)
    study.write("decisions.csv", head + "".join(f"{line}\n" for line in lines))
    study.reviewed = {"of": "model", "path": "decisions.csv"}
    return study


def read_texts(records: Records, source: str = "checked") -> dict[tuple[str, str, str], tuple[str, str]]:
    """Return state and value by patient, variable and event."""
    own = records.records[records.records["source"] == source]
    keys = own[["patient_id", "variable", "event"]].itertuples(index=False, name=None)
    return dict(zip(keys, own[["state", "value"]].itertuples(index=False, name=None), strict=True))


def read_changes(study: Study) -> dict[tuple[str, str, str], tuple[tuple[str, str] | None, tuple[str, str] | None]]:
    """Return what differs between the source and itself after review."""
    records = study.read()
    assert_accounted(records)
    one, two = read_texts(records, "model"), read_texts(records)
    return {key: (one.get(key), two.get(key)) for key in {*one, *two} if one.get(key) != two.get(key)}


FIRST = "R1,first,2025-03-04T09:05,30"
SECOND = "R2,second,2025-03-05,20"
THIRD = "A,adjudicator,2025-03-06,60"

# decisions, and what differs after review: key -> (before, after)
CASES = [
    ([], {}),
    ([f"P1,stage,,,confirmed,,{FIRST}"], {}),
    ([f"P1,stage,,,confirmed,I,{FIRST}"], {}),
    ([f"P2,stage,,,chosen,II,{FIRST}"], {("P2", "stage", ""): (("value", "IV"), ("value", "II"))}),
    ([f"P2,stage,,,corrected,ii,{FIRST}"], {("P2", "stage", ""): (("value", "IV"), ("value", "II"))}),
    ([f"P2,stage,,,absent,,{FIRST}"], {("P2", "stage", ""): (("value", "IV"), None)}),
    ([f"P2,stage,,,unreadable,,{FIRST}"], {("P2", "stage", ""): (("value", "IV"), ("failed", ""))}),
    ([f"P4,hb,,,corrected,9.50,{FIRST}"], {("P4", "hb", ""): (None, ("value", "9.5"))}),
    ([f"P4,hb,,,absent,,{FIRST}"], {}),
    ([f"P4,hb,,,confirmed,,{FIRST}"], {}),
    ([f"P4,dx,,,corrected,2024-05-06,{FIRST}"], {("P4", "dx", ""): (("failed", ""), ("value", "2024-05-06"))}),
    ([f"P4,sites,,,corrected,none,{FIRST}"], {("P4", "sites", ""): (None, ("negative", ""))}),
    # two who give the same value agree, whatever words they use; both without a value agree too
    ([f"P2,stage,,,chosen,II,{FIRST}", f"P2,stage,,,corrected,ii,{SECOND}"], {("P2", "stage", ""): (("value", "IV"), ("value", "II"))}),
    ([f"P2,stage,,,absent,,{FIRST}", f"P2,stage,,,unreadable,,{SECOND}"], {("P2", "stage", ""): (("value", "IV"), None)}),
    # two who differ leave the source's own value, until a third settles
    ([f"P2,stage,,,chosen,II,{FIRST}", f"P2,stage,,,chosen,III,{SECOND}"], {}),
    ([f"P2,stage,,,chosen,II,{FIRST}", f"P2,stage,,,chosen,III,{SECOND}", f"P2,stage,,,chosen,I,{THIRD}"], {("P2", "stage", ""): (("value", "IV"), ("value", "I"))}),
    ([f"P2,stage,,,chosen,II,{FIRST}", f"P2,stage,,,chosen,II,{SECOND}", f"P2,stage,,,confirmed,,{THIRD}"], {}),
    # events: an attribute, and a whole line
    ([f"P1,ae.grade,,1,corrected,3,{FIRST}"], {("P1", "ae.grade", "1"): (("value", "2"), ("value", "3"))}),
    ([f"P1,ae.grade,,2,corrected,1,{FIRST}"], {("P1", "ae.grade", "2"): (None, ("value", "1"))}),
    ([f"P1,ae,,1,absent,,{FIRST}"], {("P1", "ae.term", "1"): (("value", "nausea"), None), ("P1", "ae.grade", "1"): (("value", "2"), None)}),
    ([f"P1,ae,,2,confirmed,,{FIRST}"], {}),
    ([f"P1,ae,,1,confirmed,term: nausea; grade: 2,{FIRST}"], {}),
    ([f"P1,ae,,1,corrected,grade: 3;term:nausea,{FIRST}"], {("P1", "ae.grade", "1"): (("value", "2"), ("value", "3"))}),
    ([f"P1,ae,,1,corrected,term: rash,{FIRST}"], {("P1", "ae.term", "1"): (("value", "nausea"), ("value", "rash")), ("P1", "ae.grade", "1"): (("value", "2"), None)}),
    ([f"P1,ae,,1,absent,,{FIRST}", f"P1,ae,,1,confirmed,,{SECOND}"], {}),
    # a text that a spreadsheet would take for a formula comes with an apostrophe
    ([f"P4,hb,,,corrected,'-2,{FIRST}"], {("P4", "hb", ""): (None, ("value", "-2"))}),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "changes"), CASES)
def test_decisions_are_applied_and_nothing_else_changes(study: Study, lines: list[str], changes: object) -> None:
    """Each decision changes its own cell as its word says; every other value stands as delivered."""
    assert read_changes(decide(study, *lines)) == changes


def test_what_does_not_conform_after_review_is_counted_as_usual(study: Study) -> None:
    """A typed value that is no level stays, non-conformant; one that was, and is corrected, no longer is."""
    study = decide(study, f"P1,stage,,,corrected,T5,{FIRST}", f"P3,stage,,,corrected,III,{FIRST}")
    own = study.read_values("checked", "stage").set_index("patient_id")
    assert own.loc["P1", ["value", "conformant"]].tolist() == ["T5", False]
    assert own["conformant"].sum() == 2
    assert read_flow(study.read(), "checked", "stage")["non_conformant"] == 1


def test_a_typed_value_is_read_like_a_cell_of_a_file(study: Study) -> None:
    """A raw word is recoded; a text that conforms as it stands is canonical already, and is not recoded again."""
    study.set("stage", recode={"values": {"four": "IV", "I": "II"}})
    study = decide(study, f"P2,stage,,,corrected,four,{FIRST}", f"P3,stage,,,corrected,I,{FIRST}")
    own = study.read_values("checked", "stage").set_index("patient_id")["value"]
    assert own.to_dict() == {"P1": "II", "P2": "IV", "P3": "I"}


def test_a_value_that_people_decided_on_has_no_confidence_and_the_day_of_the_decision(study: Study) -> None:
    """Confirmed and changed values lose the technology's confidence; the others keep it, and the technology's day."""
    study = decide(study, f"P1,stage,,,confirmed,,{FIRST}", f"P2,stage,,,chosen,II,{FIRST}")
    own = study.read_values("checked", "stage").set_index("patient_id")
    assert own["confidence"].isna().tolist() == [True, True, False]
    assert own["extracted_at"].tolist() == ["2025-03-04", "2025-03-04", ""]
    assert own["extractor"].tolist() == ["m-1", "review", "m-1"]
    events = decide(study, f"P1,ae,,1,confirmed,,{FIRST}").read_values("checked", "ae.term").set_index("event")
    assert events["extracted_at"].to_dict() == {"1": "2025-03-04", "2": ""}
    assert events["confidence"].isna().to_dict()["1"]
    assert not events["confidence"].isna().to_dict()["2"]


def test_the_flow_counts_reviewed_changed_and_unresolved_values(study: Study) -> None:
    """Cases are counted once, however many read them; cells asked for are those of the source reviewed."""
    study = decide(
        study, f"P1,stage,,,confirmed,,{FIRST}", f"P2,stage,,,chosen,II,{FIRST}", f"P2,stage,,,chosen,III,{SECOND}",
        f"P3,stage,,,corrected,III,{FIRST}", f"P3,stage,,,corrected,III,{SECOND}",
    )  # fmt: skip
    records = study.read()
    flow = read_flow(records, "checked", "stage")
    assert {name: flow[name] for name in ("reviewed", "changed", "unresolved")} == {
        "reviewed": 3,
        "changed": 1,
        "unresolved": 1,
    }
    assert list_cells(records, "checked", "stage") == list_cells(records, "model", "stage")
    assert read_flow(records, "checked", "", unit="decisions") == {"read": 5, "kept": 5}
    told = records.decisions.groupby("resolution").size().to_dict()
    assert told == {"single": 1, "agreed": 2, "unresolved": 2}
    assert records.decisions["stands"].sum() == 2


def test_decisions_about_what_is_not_there_are_set_aside_with_file_line_and_rule(study: Study) -> None:
    """A stray patient, variable, visit or cell is listed and counted; the rest is applied."""
    study.patients |= {"development": "tuned"}
    study.write("patients.csv", "patient_id,centre,tuned\nP1,A,no\nP2,A,no\nP3,B,no\nP4,B,yes\n")
    lines = [
        f"P9,stage,,,absent,,{FIRST}", f"P4,stage,,,absent,,{FIRST}", f"P1,T,,,absent,,{FIRST}",
        f"P1,ae.size,,1,absent,,{FIRST}", f"P1,ecog,m9,,absent,,{FIRST}", f"P1,stage,,1,absent,,{FIRST}",
        f"P1,ae,,7,absent,,{FIRST}", f"P1,ae.grade,,,absent,,{FIRST}", f"P1,stage,,,absent,,{FIRST}",
    ]  # fmt: skip
    records = decide(study, *lines).read()
    rules = [rule for file, _, rule, _ in list_rejected(records) if file == "decisions.csv"]
    assert [line for file, line, _, _ in list_rejected(records) if file == "decisions.csv"] == [2, 3, 4, 5, 6, 7, 8, 9]
    assert rules == ["unknown_patient", "development", "unknown_variable", "unknown_variable", "unknown_visit",
                     "unknown_cell", "unknown_cell", "unknown_cell"]  # fmt: skip
    flow = read_flow(records, "checked", "", unit="decisions")
    assert flow["read"] == 9
    assert sum(n for step, n in flow.items() if step.startswith("rejected_")) == 8
    assert ("P1", "stage", "") not in read_texts(records)


# a line or a head, and what the sentence says
SPOILED = [
    ([f"P1,stage,,,agreed,,{FIRST}"], r"decisions\.csv:2: column decision holds none of confirmed, chosen"),
    ([f"P1,stage,,,absent,,{FIRST}".replace("first", "1")], r"decisions\.csv:2: column role holds none of first, second"),
    ([f"P1,stage,,,absent,,{FIRST}".replace("R1", " ")], r"decisions\.csv:2: column reviewer is blank"),
    ([f"P1,stage,,,corrected,,{FIRST}"], r"decisions\.csv:2: a value is chosen or corrected, and none is given"),
    ([f"P1,stage,,,absent,I,{FIRST}"], r"decisions\.csv:2: the value is absent or unreadable, and one is given"),
    ([f"P1,stage,,,absent,,{FIRST}".replace("2025-03-04T09:05", "4 mars")], r"decisions\.csv:2: column decided_at is no date"),
    ([f"P1,stage,,,absent,,{FIRST}".replace(",30", ",soon")], r"decisions\.csv:2: column seconds is no number"),
    ([f"P1,stage,,,absent,,{FIRST}".replace(",30", ",-1")], r"decisions\.csv:2: column seconds is no number"),
    ([f"P1,stage,,,confirmed,II,{FIRST}"], r"decisions\.csv:2: the value of stage that is confirmed is not the one"),
    ([f"P1,stage,,,corrected,NA,{FIRST}"], r"decisions\.csv:2: the value given means that there is none"),
    ([f"P1,stage,,,corrected,ND,{FIRST}"], r"decisions\.csv:2: the value given means that there is none"),
    ([f"P2,dx,,,corrected,03/04/2024,{FIRST}"], r"decisions\.csv:2: the order of day and month of a date"),
    ([f"P1,ae,,1,corrected,rash,{FIRST}"], r"decisions\.csv:2: a line of ae is written as `name: value; name: value`, of term, start, grade"),
    ([f"P1,ae,,1,corrected,size: 2,{FIRST}"], r"decisions\.csv:2: a line of ae is written as"),
    ([f"P1,ae,,1,confirmed,term: rash,{FIRST}"], r"decisions\.csv:2: the value of ae that is confirmed is not the one"),
    ([f"P1,stage,,,absent,,{FIRST}"] * 2, r"decisions\.csv:3: the reviewer has decided this case already"),
    ([f"P1,stage,,,absent,,{FIRST}", f"P1,stage,,,absent,,{SECOND}".replace("R2", "R1")], r"decisions\.csv:3: the reviewer has decided"),
    ([f"P1,stage,,,absent,,{FIRST}", f"P1,stage,,,absent,,{SECOND}", f"P1,stage,,,absent,,{THIRD}".replace("A,", "R2,")], r"decisions\.csv:4: the reviewer has decided"),
    ([f"P1,stage,,,absent,,{FIRST}", f"P1,stage,,,absent,,{FIRST}".replace("R1", "R3")], r"decisions\.csv:3: somebody else has this role"),
    ([f"P1,stage,,,absent,,{SECOND}"], r"decisions\.csv:2: a case is read first, then second"),
    ([f"P1,stage,,,absent,,{FIRST}", f"P1,stage,,,absent,,{THIRD}"], r"decisions\.csv:2: a case is read first, then second"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "said"), SPOILED)
def test_a_decision_that_cannot_be_is_one_sentence_with_file_and_line(
    study: Study, lines: list[str], said: str
) -> None:
    """What is wrong, where, and what to do; no patient is named."""
    with pytest.raises(UserError, match=said) as caught:
        decide(study, *lines).read()
    assert str(caught.value).count("\n") == 0
    assert "P1" not in str(caught.value)


@pytest.mark.parametrize("cell", ["0", "1.5", "high", "-0.1"])
def test_a_selection_probability_that_is_none_is_refused(study: Study, cell: str) -> None:
    """What was drawn with probability 0 cannot be there."""
    head = HEAD.replace("seconds", "seconds,selection_probability")
    with pytest.raises(UserError, match=r"decisions\.csv:2: column selection_probability is no probability"):
        decide(study, f"P1,stage,,,absent,,{FIRST},{cell}", head=head).read()


def test_the_selection_probability_is_kept_and_blank_is_one(study: Study) -> None:
    """The optional last column; without it every case was chosen for certain."""
    head = HEAD.replace("seconds", "seconds,selection_probability")
    lines = [f"P1,stage,,,absent,,{FIRST},0.05", f"P2,stage,,,absent,,{FIRST},"]
    assert decide(study, *lines, head=head).read().decisions["selection_probability"].tolist() == [0.05, 1.0]
    assert decide(study, lines[0].rpartition(",")[0]).read().decisions["selection_probability"].tolist() == [1.0]


def test_a_missing_table_or_column_is_said(study: Study) -> None:
    """As for any file of the study."""
    decide(study)
    with pytest.raises(UserError, match=r"decisions\.csv: the column role is not in the header"):
        decide(study, head=HEAD.replace("role", "rolle")).read()
    (study.root / "decisions.csv").unlink()
    with pytest.raises(UserError, match=r"decisions\.csv: no such file in the data folder"):
        study.read()


def test_the_table_is_a_file_of_the_study_and_asking_for_the_source_opens_what_it_comes_from(study: Study) -> None:
    """Its digest is that of the data; without the source after review nobody opens the table."""
    decide(study, f"P2,stage,,,chosen,II,{FIRST}")
    protocol = study.derive_protocol()
    assert set(find_data_files(protocol, study.root)) == {"patients.csv", "registry.csv", "model.csv", "decisions.csv"}
    own = find_data_files(protocol, study.root, sources=["checked"])
    assert set(own) == {"patients.csv", "model.csv", "decisions.csv"}
    assert "decisions.csv" not in find_data_files(protocol, study.root, sources=["model"])
    records = read_records(protocol, study.root, sources=["checked"])
    assert read_texts(records)["P2", "stage", ""] == ("value", "II")


WORDS = st.sampled_from(
    ["confirmed", "absent", "unreadable", "corrected:II", "corrected:zz", "chosen:IV", "corrected: ii "]
)
READINGS = st.lists(st.tuples(st.sampled_from(["P1", "P2", "P3", "P4"]), st.lists(WORDS, min_size=1, max_size=3)),
                    unique_by=lambda case: case[0], max_size=4)  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(cases=READINGS)
def test_whatever_is_decided_every_value_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, cases: list[tuple[str, list[str]]]
) -> None:
    """For any readings the flow balances, cells outside the cases keep their value, and one row at most stands."""
    study = Study(Path(tmp_path_factory.mktemp("wild")))
    lines = []
    for patient, words in cases:
        for word, end in zip(words, (FIRST, SECOND, THIRD), strict=False):
            decision, _, value = word.partition(":")
            lines.append(f"{patient},stage,,,{decision},{value},{end}")
    records = decide(study, *lines).read()
    assert_accounted(records)
    one, two = read_texts(records, "model"), read_texts(records)
    touched = {(patient, "stage", "") for patient, _ in cases}
    assert all(one.get(key) == two.get(key) for key in {*one, *two} - touched)
    stands = records.decisions.groupby(["patient_id"])["stands"].sum() if len(records.decisions) else []
    assert all(n <= 1 for n in stands)
