"""Signatures of errors: each rule by hand, a partition of the errors, and the generator's own mechanisms recognised."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from agreement_study import LABEL, TYPES, build_outcomes, build_pairs, build_protocol
from hypothesis import given
from hypothesis import strategies as st

from probatio.measures.signatures import SHARE, SIGNATURES, derive_signature, estimate_signatures, find_kind
from probatio.protocol import Protocol, read_protocol
from probatio.resampling import compute_wilson
from probatio.results import Status, select_rows
from probatio.synthetic.design import CELLS
from probatio.synthetic.pairs import derive_comparison
from probatio.synthetic.study import generate_study

MORE: dict[str, dict[str, Any]] = {
    "start": {"type": "date"},
    "sites": {"type": "set", "levels": ["bone", "liver", "lung"]},
    "lines": {"type": "number"},
    "creatinine": {"type": "number", "unit": "µmol/L", "unit_factors": [88.4]},
    "ct": {"type": "date", "visits": ["m0", "m3", "m6"]},
    "ecog": {"type": "ordinal", "levels": ["0", "1", "2", "3"], "visits": ["m0", "m1", "m2"]},
}


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    """The small protocol of agreement, with dates, sets, counts, units and visits."""
    return build_protocol(variables=[{"name": n, "label": LABEL, **kind} for n, kind in (TYPES | MORE).items()])


def sign(protocol: Protocol, variable: str, reference: str, value: str, **more: Any) -> str:
    """The signature of one wrong value; outcome, conformity, visit, the reference elsewhere by keyword."""
    error = {"outcome": "W", "conformant": True, "reference": reference, "value": value, "visit": ""} | {
        name: more[name] for name in ("outcome", "conformant", "visit") if name in more
    }
    return derive_signature(error, find_kind(protocol, variable), more.get("visits", {}), more.get("dates", set()))


@pytest.mark.parametrize(("variable", "reference", "value", "more", "expected"), [
    ("start", "2024-03-04", "2024-04-03", {}, "swapped"),
    ("start", "2024-03-04", "2024-03-14", {}, "lag"),
    ("start", "2024-03-04", "2024-08-04", {}, "other_time"),
    ("start", "2024-03-04", "2024-03-14", {"dates": {"2024-03-14"}}, "other_time"),
    ("start", "2024-03-04", "2024", {}, "form"),
    ("start", "2024-03", "2024-05", {}, "lag"),
    ("ct", "2024-06-02", "2024-03-01", {"visit": "m3", "visits": {"m0": "2024-03-01", "m3": "2024-06-02"}}, "copied"),
    ("ct", "2024-06-02", "2024-07-04", {"visit": "m3", "visits": {"m6": "2024-07-04"}}, "other_time"),
    ("ct", "2024-03-04", "2024-04-03", {"visit": "m3", "visits": {"m0": "2024-04-03"}}, "swapped"),
    ("sites", "bone|liver", "bone", {}, "item_omitted"),
    ("sites", "bone", "bone|liver", {}, "item_added"),
    ("sites", "bone", "liver", {}, "other"),
    ("lines", "2", "3", {}, "neighbour"),
    ("lines", "2", "4", {}, "other"),
    ("lines", "0.5", "1.5", {}, "other"),
    ("weight", "70", "71", {}, "other"),
    ("creatinine", "88.4", "1", {}, "unit"),
    ("creatinine", "80", "8", {}, "unit"),
    ("creatinine", "80", "9", {}, "other"),
    ("mutation", "absent", "present", {}, "affirmed"),
    ("mutation", "present", "absent", {}, "denied"),
    ("histology", "adeno", "squamous", {}, "other_level"),
    ("stage", "I", "II", {}, "neighbour"),
    ("stage", "I", "III", {}, "other_level"),
    ("adverse_events.grade", "1", "2", {}, "neighbour"),
    ("ecog", "2", "1", {"visit": "m1", "visits": {"m0": "1", "m1": "2"}}, "copied"),
    ("ecog", "2", "1", {"visit": "m1", "visits": {"m1": "2", "m2": "1"}}, "other_time"),
    ("ecog", "2", "1", {"visit": "m1", "visits": {"m0": "0", "m1": "2"}}, "neighbour"),
    ("ecog", "2", "1-2", {"conformant": False}, "form"),
    ("ecog", "", "1-2", {"conformant": False, "outcome": "U"}, "form"),
    ("ecog", "", "1", {"outcome": "U"}, "unsupported"),
    ("ecog", "1", "", {"outcome": "O", "conformant": False}, "omission"),
])  # fmt: skip
def test_each_rule(protocol: Protocol, variable: str, reference: str, value: str, more: Any, expected: str) -> None:
    """One error per rule, and the neighbour that it must not be taken for."""
    assert sign(protocol, variable, reference, value, **more) == expected


@given(reference=st.dates(), value=st.dates(), others=st.sets(st.dates().map(str), max_size=3))
def test_two_dates_that_differ_always_have_a_signature(reference: date, value: date, others: set[str]) -> None:
    """Whatever the dates, the answer is one of three, and what is called a shift is one of three months at most."""
    kind = find_kind(build_protocol(variables=[{"name": "start", "label": LABEL, "type": "date"}]), "start")
    error = {"outcome": "W", "conformant": True, "reference": str(reference), "value": str(value), "visit": ""}
    found = derive_signature(error, kind, {}, others)
    assert found in ("swapped", "other_time", "lag")
    assert found != "lag" or abs((value - reference).days) <= 90


def test_events_omitted_and_invented_in_one_patient_are_restructured(protocol: Protocol) -> None:
    """Both in one patient: merged, split or misdated; either alone is an omission, or without support."""
    pairs = pd.concat([
        build_outcomes("OOU", variable="adverse_events"),
        build_outcomes("U", variable="adverse_events", event="+1"),
    ])  # fmt: skip
    rows = select_rows(estimate_signatures(SimpleNamespace(pairs=pairs), protocol), variable="adverse_events")
    assert {row["term"]: row["k"] for row in rows.to_dict("records")} == {
        "omission": 1, "unsupported": 1, "restructured": 2,
    }  # fmt: skip


def test_shares_are_a_partition_with_wilsons_interval(protocol: Protocol) -> None:
    """Over all variables each error is counted once; a share of one in four has Wilson's bounds."""
    pairs = build_pairs([("P1", "adeno", "other", "W"), ("P2", "adeno", "", "O"), ("P3", "", "adeno", "U"),
                         ("P4", "adeno", "", "O"), ("P5", "adeno", "adeno", "C")])  # fmt: skip
    rows = select_rows(estimate_signatures(SimpleNamespace(pairs=pairs), protocol), metric=SHARE, variable="")
    assert set(rows["term"]) == set(SIGNATURES)
    assert (rows["k"].sum(), set(rows["n"])) == (4, {4})
    wrong = select_rows(rows, term="other_level").iloc[0]
    assert (wrong["lower"], wrong["upper"]) == pytest.approx(tuple(float(x) for x in compute_wilson(1, 4, 0.95)))


def test_without_error_nothing_is_estimable_and_without_reference_there_are_no_rows(protocol: Protocol) -> None:
    """0/0 is not estimable; readings without a reference have no error to sign."""
    right = build_pairs([("P1", "adeno", "adeno", "C")])
    assert set(estimate_signatures(SimpleNamespace(pairs=right), protocol)["status"]) == {Status.NOT_ESTIMABLE}
    assert estimate_signatures(SimpleNamespace(pairs=right.assign(kind="agreement")), protocol).empty


# Mechanism of the generator and the signatures that may show it; chance may hide a cause behind another signature.
EXPECTED = {
    ("F",): {"form"},
    ("O",): {"omission", "item_omitted"},
    ("L",): {"lag", "other_time"},
    ("U",): {"unsupported", "item_added", "other_level", "neighbour"},
    ("X",): {"unit", "other"},
    ("G",): {"affirmed", "item_added", "other_level", "unsupported", "denied"},
}


def test_the_generators_mechanisms_are_recognised() -> None:
    """Nine errors in ten of a known mechanism bear a signature that it may have; of the form, all."""
    project = Path(__file__).parents[2]
    declared = read_protocol(project / "protocol" / "demo.yaml")
    study = generate_study(11, patients=400, sources=("reference", "manual", "ai_a"))
    pairs = derive_comparison(study).pairs
    place = {patient: at for at, patient in enumerate(study.patients["patient_id"])}
    keys = {(cell.variable.name, cell.visit): cell.key for cell in CELLS}
    seen: dict[str, list[str]] = {}
    for row in pairs[pairs["outcome"].isin(["W", "O", "U"])].to_dict("records"):
        code = study.readings[row["source"]].causes[keys[row["variable"], row["visit"]]][place[row["patient_id"]]]
        seen.setdefault(code, []).append(derive_signature(row, find_kind(declared, row["variable"]), {}, set()))
    for codes, allowed in EXPECTED.items():
        found = [signature for code in codes for signature in seen.get(code, [])]
        assert len(found) > 5, codes
        share = sum(signature in allowed for signature in found) / len(found)
        assert share >= (1 if codes == ("F",) else 0.9), (codes, share)
