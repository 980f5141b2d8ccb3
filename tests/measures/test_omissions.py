"""Omissions absent from the supplied documents, missed in them, or unknown: each rule by hand, and what never leaks."""

from types import SimpleNamespace

import pandas as pd
import pytest
from agreement_study import TYPES, build_outcomes, build_pairs, build_protocol
from hypothesis import given, settings
from hypothesis import strategies as st

from probatio.measures.omissions import SHARES, estimate_omissions
from probatio.resampling import compute_wilson
from probatio.results import Reason, Status, select_rows

SECRET = "patient known to have squamous carcinoma"


def build_study(texts: dict[str, list[str | None]], cited: list[tuple[str, str, str, str]] = ()):
    """Records and texts: a document per text of each patient (None: its text is not there); values with their source.

    `cited` holds (source, variable, patient, document).
    """
    named = [(f"{patient}-{at}", patient, text) for patient, own in texts.items() for at, text in enumerate(own)]
    documents = pd.DataFrame(
        [{"document_id": name, "patient_id": patient} for name, patient, _ in named],
        columns=["document_id", "patient_id"],
    )
    columns = ["source", "variable", "patient_id", "document_id"]
    values = pd.DataFrame(list(cited), columns=columns).assign(visit="", event="", state="value")
    held = {name: text for name, _, text in named if text is not None}
    return SimpleNamespace(documents=documents, records=values), held


def declare(pattern: str | None = "squamous|adeno", **changes: object):
    """The small protocol, the pattern on histology, other fields of it by keyword."""
    variables = [{"name": name, "label": {"en": "x", "fr": "x"}, **kind} for name, kind in TYPES.items()]
    chosen = next(each for each in variables if each["name"] == "histology")
    chosen.update({"mentioned": pattern} if pattern else {}, **changes)
    return build_protocol(variables=variables)


def run(pairs: pd.DataFrame, texts: dict[str, list[str | None]], *, cited=(), protocol=None) -> pd.DataFrame:
    """Rows of some pairs whose patients have these documents."""
    records, held = build_study(texts, cited)
    return estimate_omissions(SimpleNamespace(pairs=pairs), records, held, protocol or declare())


def read_counts(rows: pd.DataFrame, **key: str) -> tuple[int, ...]:
    """How many omissions are absent, missed, unknown."""
    return tuple(int(select_rows(rows, metric=metric, **key)["k"].iloc[0]) for metric in SHARES)


def test_documents_decide() -> None:
    """No document matches: absent. One does: missed. No document, or one whose text is not there: unknown."""
    texts = {
        "P0000": ["a letter", "another letter"],
        "P0001": ["a letter", "SQUAMOUS cell carcinoma"],
        "P0002": [],
        "P0003": ["a letter", None],
        "P0004": [None, "adenocarcinoma"],
    }
    rows = run(build_outcomes("OOOOOC"), texts)
    assert read_counts(rows) == (1, 2, 2)
    absent = select_rows(rows, metric="omission_absent_share").iloc[0]
    assert (absent["estimate"], absent["n"]) == (0.2, 5)
    assert (absent["lower"], absent["upper"]) == pytest.approx(tuple(float(x) for x in compute_wilson(1, 5, 0.95)))


def test_only_omissions_count() -> None:
    """Correct, wrong, unsupported and absent values are in no denominator."""
    rows = run(build_outcomes("CWUBO"), {f"P{at:04d}": ["squamous"] for at in range(5)})
    assert set(rows["n"]) == {1}
    assert read_counts(rows) == (0, 1, 0)


def test_without_a_pattern_only_a_citation_tells() -> None:
    """The reference, or a source that is right, cites one of the patient's own documents; else unknown."""
    pairs = pd.concat([build_outcomes("OOOO"), build_outcomes("CWCO", source="manual")])
    texts = {f"P{at:04d}": ["no word of it"] for at in range(4)}
    cited = [
        ("manual", "histology", "P0000", "P0000-0"),
        ("manual", "histology", "P0001", "P0001-0"),
        ("manual", "histology", "P0002", "P0000-0"),
        ("registry", "histology", "P0003", "P0003-0"),
    ]
    rows = run(pairs, texts, cited=cited, protocol=declare(None))
    assert read_counts(rows, source="ai") == (0, 2, 2)
    assert read_counts(rows, source="manual") == (0, 1, 0)


def test_a_guess_is_no_evidence_against_the_texts() -> None:
    """Where no text states the value, a source that gives it and cites the document has inferred it: absent."""
    pairs = pd.concat([build_outcomes("O"), build_outcomes("C", source="manual")])
    cited = [("manual", "histology", "P0000", "P0000-0")]
    assert read_counts(run(pairs, {"P0000": ["a letter"]}, cited=cited), source="ai") == (1, 0, 0)


def test_a_match_does_not_tell_its_visit() -> None:
    """With visits a match decides nothing, a citation of that visit does; no match at all is absent still."""
    pairs = build_outcomes("OO", visit="m1")
    protocol = declare(visits=["access", "m1"])
    texts = {"P0000": ["squamous at access"], "P0001": ["a letter"]}
    assert read_counts(run(pairs, texts, protocol=protocol)) == (1, 0, 1)
    records, held = build_study(texts, [("registry", "histology", "P0000", "P0000-0")])
    records.records["visit"] = "m1"
    assert read_counts(estimate_omissions(SimpleNamespace(pairs=pairs), records, held, protocol)) == (1, 1, 0)
    records.records["visit"] = "access"
    assert read_counts(estimate_omissions(SimpleNamespace(pairs=pairs), records, held, protocol)) == (1, 0, 1)


def test_events_count_without_their_attributes() -> None:
    """A missed event is an omission; its attributes, compared on matched events only, are left out."""
    whole = build_outcomes("OC", variable="adverse_events")
    grade = build_outcomes("OC", variable="adverse_events.grade")
    rows = run(pd.concat([whole, grade]), {"P0000": ["a letter"]})
    assert set(rows["variable"]) == {"adverse_events"}
    assert read_counts(rows) == (0, 0, 1)


def test_a_source_without_omission_is_not_estimable() -> None:
    """0 of 0 is no share."""
    rows = run(build_outcomes("CC"), {})
    assert set(rows["status"]) == {Status.NOT_ESTIMABLE}
    assert set(rows["reason"]) == {Reason.EMPTY_DENOMINATOR}
    assert rows["estimate"].isna().all()


def test_readings_without_a_reference_have_no_omission() -> None:
    """Of two readings neither is the truth: no rows."""
    assert run(build_pairs([("P0", "x", "", "O")], kind="agreement"), {}).empty


def test_weights_count() -> None:
    """A patient who stands for three weighs three times."""
    pairs = build_outcomes("OO").assign(weight=[3.0, 1.0])
    rows = run(pairs, {"P0000": ["a letter"], "P0001": ["adenocarcinoma"]})
    shares = [select_rows(rows, metric=metric)["estimate"].iloc[0] for metric in SHARES]
    assert shares == pytest.approx([0.75, 0.25, 0.0])


def test_no_text_in_the_rows() -> None:
    """Rows hold counts; neither a text nor a patient."""
    rows = run(build_outcomes("O"), {"P0000": [SECRET]})
    written = rows.astype(str).to_csv()
    assert SECRET not in written
    assert "P0000" not in written


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("CWOUB"), st.sampled_from(["", "squamous", "letter", None])), max_size=12))
def test_the_three_shares_add_up(cells: list[tuple[str, str | None]]) -> None:
    """Whatever is supplied, absent + missed + unknown are all omissions, and the rows keep their contract."""
    pairs = build_outcomes("".join(outcome for outcome, _ in cells) or "C")
    texts = {f"P{at:04d}": [] if text == "" else [text] for at, (_, text) in enumerate(cells)}
    rows = run(pairs, texts)
    omitted = sum(outcome == "O" for outcome, _ in cells)
    assert set(rows["n"]) == {omitted}
    if omitted:
        assert sum(read_counts(rows)) == omitted
        assert rows["estimate"].sum() == pytest.approx(1.0)


def test_the_pattern_is_checked_when_the_protocol_is_read() -> None:
    """A pattern that is no regular expression is refused, by the name of its key."""
    with pytest.raises(ValueError, match=r"mentioned\n.*not a regular expression"):
        declare("squamous(")
