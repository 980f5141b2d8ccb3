"""The outcome of one value, as a clinician would judge it: reference, value -> outcome."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paired_study import Said, make_protocol, make_records
from probatio.comparison import compare
from probatio.comparison.judging import compute_agreement

STAGE = {"type": "ordinal", "levels": ["I", "II", "III", "IV"]}
WEIGHT = {"type": "number", "unit": "kg", "tolerance": 2}
CREATININE = {"type": "number", "unit": "mg/dL", "tolerance": 0.1}
START = {"type": "date", "tolerance": 7}
DEATH = {"type": "date", "negative": ["alive"]}
SITES = {"type": "set", "levels": ["bone", "brain", "liver"], "negative": ["none"]}

# variable, reference, value of the source, outcome, difference
JUDGED = [
    # categories
    (STAGE, "II", "II", "C", None),
    (STAGE, "II", "III", "W", None),
    (STAGE, "II", None, "O", None),
    (STAGE, "II", "failed", "O", None),
    (STAGE, "II", "not_documented", "O", None),
    (STAGE, None, "II", "U", None),
    (STAGE, None, None, "B", None),
    (STAGE, None, "failed", "B", None),
    (STAGE, "not_documented", "II", "U", None),
    (STAGE, "II", "!Stage 2", "W", None),
    (STAGE, None, "!Stage 2", "U", None),
    # numbers: within 2 kg
    (WEIGHT, "70", "70", "C", 0.0),
    (WEIGHT, "70", "72", "C", 2.0),
    (WEIGHT, "70", "68", "C", -2.0),
    (WEIGHT, "70", "72.1", "W", 2.1),
    (WEIGHT, "70", "!70 kg", "W", None),
    (WEIGHT, None, "70", "U", None),
    # a tolerance in decimals means what it says: 1.1 - 1.0 is 0.1
    (CREATININE, "1", "1.1", "C", 0.1),
    (CREATININE, "0.7", "0.8", "C", 0.1),
    (CREATININE, "1", "1.1001", "W", 0.1001),
    # dates: within 7 days when both are full
    (START, "2024-05-10", "2024-05-10", "C", 0.0),
    (START, "2024-05-10", "2024-05-17", "C", 7.0),
    (START, "2024-05-10", "2024-05-02", "W", -8.0),
    (START, "2024-02-28", "2024-03-06", "C", 7.0),
    (START, "2024-05-10", "2024-10-05", "W", 148.0),
    # a date is judged at the reference's precision; a coarser value is imprecise, hence wrong
    (START, "2024-05", "2024-05-17", "C", None),
    (START, "2024-05", "2024-06-01", "W", None),
    (START, "2024", "2024-05", "C", None),
    (START, "2024", "2024-12-31", "C", None),
    (START, "2024-05", "2024-05", "C", None),
    (START, "2024-05-10", "2024-05", "W", None),
    (START, "2024-05-10", "2024", "W", None),
    (START, "2024-05", "2024", "W", None),
    (START, "2024-05-10", "!10/05/24", "W", None),
    (START, "2024-05-10", None, "O", None),
    # "alive" says that there is no date of death: nothing to find, and nothing found
    (DEATH, "negative", "negative", "B", None),
    (DEATH, "negative", None, "B", None),
    (DEATH, "negative", "2024-05-10", "U", None),
    (DEATH, "2024-05-10", "negative", "O", None),
    # sets: all members; "none" is an empty set, which is an answer
    (SITES, "bone|liver", "bone|liver", "C", None),
    (SITES, "bone|liver", "bone", "W", None),
    (SITES, "bone", "bone|liver", "W", None),
    (SITES, "negative", "negative", "C", None),
    (SITES, "negative", "bone", "W", None),
    (SITES, "bone", "negative", "W", None),
    (SITES, "negative", None, "O", None),
    (SITES, None, "negative", "U", None),
    (SITES, None, None, "B", None),
]


@pytest.mark.parametrize(("variable", "reference", "value", "outcome", "difference"), JUDGED)
def test_a_value_is_judged(
    variable: dict[str, Any], reference: Said, value: Said, outcome: str, difference: float | None
) -> None:
    """A value beside its reference has this outcome, and this difference when both can be subtracted."""
    protocol = make_protocol([{"name": "x", **variable}])
    pairs = compare(make_records([("reference", "x", "P1", reference), ("ai", "x", "P1", value)]), protocol).pairs
    assert [*pairs["outcome"]] == [outcome]
    row = pairs.iloc[0]
    assert row["difference"] == pytest.approx(np.nan if difference is None else difference, nan_ok=True)
    assert row["conformant"] == (not (value or "").startswith("!"))
    empty = (None, "failed", "negative", "not_documented")
    assert row["value"] == ("" if value in empty else str(value).removeprefix("!"))
    assert row["reference"] == ("" if reference in empty else reference)


def test_a_reference_that_does_not_conform_judges_nobody() -> None:
    """An unreadable reference value leaves its cell unlabelled, and the flow says so."""
    said = [
        ("reference", "x", "P1", "!Stage 2"),
        ("ai", "x", "P1", "II"),
        ("reference", "x", "P2", "I"),
        ("ai", "x", "P2", "I"),
    ]
    comparison = compare(make_records(said), make_protocol([{"name": "x", **STAGE}]))
    assert [*comparison.pairs["patient_id"]] == ["P2"]
    steps = comparison.flow.set_index("step")["n"].to_dict()
    assert steps == {"assessed": 2, "not_assessed_by_comparator": 0, "unlabelled": 1, "compared": 1,
                     "C": 1, "W": 0, "O": 0, "U": 0, "B": 0}  # fmt: skip


@given(st.dates(), st.dates(), st.integers(0, 60))
def test_full_dates_agree_within_days(first: Any, second: Any, tolerance: int) -> None:
    """Two full dates agree exactly when the calendar puts them no further apart than the tolerance."""
    texts = np.array([first.isoformat()], dtype=object), np.array([second.isoformat()], dtype=object)
    equal, difference = compute_agreement(*texts, "date", tolerance)
    assert difference[0] == (second - first).days
    assert equal[0] == (abs((second - first).days) <= tolerance)


@given(st.integers(-10_000, 10_000), st.integers(-10_000, 10_000), st.integers(0, 500))
def test_hundredths_agree_as_on_paper(first: int, second: int, tolerance: int) -> None:
    """Numbers with two decimals agree as they do in exact arithmetic on hundredths."""
    texts = [np.array([str(number / 100)], dtype=object) for number in (first, second)]
    equal, _ = compute_agreement(*texts, "number", tolerance / 100)
    assert equal[0] == (abs(second - first) <= tolerance)


def test_free_text_agrees_case_and_blanks_aside() -> None:
    """Text without levels is compared as people read it."""
    first, second = (np.array([text], dtype=object) for text in ("Carboplatin  AUC 5", "carboplatin auc 5 "))
    assert compute_agreement(first, second, "text", 0.0)[0][0]
