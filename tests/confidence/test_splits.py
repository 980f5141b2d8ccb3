"""Parts of patients: tuning, selection, evaluation."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy.stats import binomtest

from probatio.confidence.splits import SPLITS, check_disjoint, derive_splits
from probatio.protocol import Protocol, UserError
from probatio.records import read_records
from scored_study import LABEL, make_protocol

SIZES = {"A": 60, "B": 23, "C": 7, "D": 1}


def make_patients(sizes: dict[str, int] = SIZES, **columns: Any) -> pd.DataFrame:
    centre = [name for name, size in sizes.items() for _ in range(size)]
    table = pd.DataFrame({"centre": centre, "development": False, "reference_sampled": True})
    return table.assign(**columns).set_index(pd.Index([f"P{i:03d}" for i in range(len(centre))], name="patient_id"))


def make_seeded(seed: int, **confidence: Any) -> Protocol:
    protocol = _make(tuple(sorted(confidence.items())))
    return protocol.model_copy(update={"resampling": protocol.resampling.model_copy(update={"seed": seed})})


@cache
def _make(confidence: tuple[tuple[str, Any], ...]) -> Protocol:
    return make_protocol(confidence=dict(confidence))


def test_every_labelled_patient_has_one_part_and_no_other_patient_has_any() -> None:
    """Development patients and patients without reference stay outside; the rest is divided."""
    development = np.arange(91) % 7 == 0
    sampled = np.arange(91) % 5 != 0
    patients = make_patients(development=development, reference_sampled=sampled)
    parts = derive_splits(patients, make_protocol())
    assert parts.index.equals(patients.index)
    assert ((parts != "") == (sampled & ~development)).all()
    assert set(parts) - {""} == set(SPLITS)


def test_within_each_centre_the_numbers_stay_close_to_the_shares() -> None:
    """Within two patients in every centre, at whatever seed."""
    for seed in range(20):
        patients = make_patients()
        parts = derive_splits(patients, make_seeded(seed, tuning=0.3, selection=0.4))
        for centre, size in SIZES.items():
            own = parts[patients["centre"] == centre]
            for part, share in zip(SPLITS, (0.3, 0.4, 0.3), strict=True):
                assert abs((own == part).sum() - share * size) <= 2


def test_each_patient_has_the_declared_probability_of_each_part() -> None:
    """Over 500 seeds, the only patient of a centre and one of sixty are in tuning as often as declared."""
    patients = make_patients()
    drawn = [derive_splits(patients, make_seeded(seed, tuning=0.2, selection=0.5)) for seed in range(500)]
    for patient in ("P000", "P090"):
        for part, share in (("tuning", 0.2), ("selection", 0.5)):
            k = sum(parts[patient] == part for parts in drawn)
            assert binomtest(k, len(drawn), share).pvalue > 1e-4


def test_two_patients_of_a_centre_are_not_tied_together() -> None:
    """The order within a centre is drawn: neighbours in the file share a part about as often as any two."""
    patients = make_patients({"A": 40})
    drawn = [derive_splits(patients, make_seeded(seed)) for seed in range(400)]
    k = sum(parts["P000"] == parts["P001"] for parts in drawn)
    expected = 0.25**2 + 0.5**2 + 0.25**2
    assert abs(k / 400 - expected) < 4 * np.sqrt(expected * (1 - expected) / 400)


def test_the_order_of_the_file_moves_no_patient() -> None:
    """The same patients in another order get the same parts; another seed gives others."""
    patients = make_patients()
    shuffled = patients.sample(frac=1, random_state=3)
    first, again = (derive_splits(table, make_protocol()) for table in (patients, shuffled))
    assert again.index.equals(shuffled.index)
    assert first.equals(again.sort_index())
    assert not first.equals(derive_splits(patients, make_seeded(2)))


def test_without_reference_or_declaration_nobody_has_a_part() -> None:
    """There is nothing to fit on, nothing to judge on."""
    patients = make_patients()
    assert set(derive_splits(patients, make_protocol("ai", "manual"))) == {""}
    bare = make_protocol().model_copy(update={"confidence": None})
    assert set(derive_splits(patients, bare)) == {""}


ATTRIBUTES = {"file": {"path": "p.csv"}, "attributes": {"part": {"label": LABEL, "column": "part"}}}


def test_a_given_split_is_followed_and_a_patient_without_one_part_is_refused() -> None:
    """The attribute says it all; blank (no part, or two files that differ) or another word is refused."""
    protocol = make_protocol(confidence={"split": "part"}, patients=ATTRIBUTES)
    patients = make_patients({"A": 6}, part=["tuning", "selection", "evaluation"] * 2)
    assert derive_splits(patients, protocol).tolist() == patients["part"].tolist()
    for wrong in ("", "test"):
        with pytest.raises(UserError, match=r"split: 1 of 6 patients .* none of tuning, selection, evaluation in part"):
            derive_splits(patients.assign(part=[wrong, *patients["part"][1:]]), protocol)


def test_a_split_that_is_no_attribute_is_refused_by_the_protocol() -> None:
    """The sentence names the key and what is known."""
    with pytest.raises(ValidationError, match=r"confidence: split: \['parts'\] is not declared; known: \['part'\]"):
        make_protocol(confidence={"split": "parts"}, patients=ATTRIBUTES)


def test_parts_that_share_a_patient_are_refused_without_naming_the_patient() -> None:
    """One sentence with the number and the parts."""
    patient, split = pd.Series(["P1", "P1", "P2", "P3", "P3"]), pd.Series(["tuning", "tuning", "", "tuning", ""])
    check_disjoint(patient, split)
    split = pd.Series(["tuning", "evaluation", "", "tuning", ""])
    with pytest.raises(UserError, match="split: 1 patients stand in more than one of evaluation, tuning; give") as told:
        check_disjoint(patient, split)
    assert "P1" not in str(told.value)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            "P1,tuning\nP1,evaluation\nP2,selection\n",
            r"parts\.csv: lines 2 and 3 are about the same patient and differ",
        ),
        ("P1,tuning\n", "split: 1 of 2 patients with a reference have none of tuning, selection, evaluation in part"),
    ],
)
def test_a_split_file_that_shares_a_patient_or_forgets_one_is_refused(tmp_path: Path, lines: str, said: str) -> None:
    """From files on disk: the part stands in a file of its own."""
    (tmp_path / "p.csv").write_text("patient_id\nP1\nP2\n", encoding="utf-8")
    (tmp_path / "x.csv").write_text("patient_id,variable,value\nP1,stage,I\nP2,stage,II\n", encoding="utf-8")
    (tmp_path / "parts.csv").write_text(f"patient_id,part\n{lines}", encoding="utf-8")
    part = {"label": LABEL, "column": "part", "file": {"path": "parts.csv"}}
    patients = {"file": {"path": "p.csv"}, "attributes": {"part": part}}
    protocol = make_protocol(confidence={"split": "part"}, patients=patients)
    with pytest.raises(UserError, match=said):
        derive_splits(read_records(protocol, tmp_path).patients, protocol)
