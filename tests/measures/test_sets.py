"""Sets: elements counted by hand, the linearised error of macro F1, what is undefined, coverage."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from agreement_study import LABEL, build_pairs, build_patients, build_protocol, estimate, get_row

from probatio.measures.sets import compute_macro_f1, split_elements
from probatio.results import select_rows

SITES = {"name": "sites", "label": LABEL, "type": "set", "levels": ["bone", "brain", "liver", "lung"]}
PROTOCOL = build_protocol(variables=[SITES])


def build_sets(texts: list[tuple[str, str, str]], **columns: Any) -> pd.DataFrame:
    """One patient per (reference, value, outcome)."""
    rows = [(f"P{index:03d}", *given) for index, given in enumerate(texts)]
    return build_pairs(rows, variable="sites").assign(**columns)


BY_HAND = [
    ("bone|liver", "bone|liver", "C"),
    ("bone|liver", "bone|lung", "W"),
    ("brain", "", "O"),
    ("", "", "C"),
    ("", "lung", "W"),
    ("", "bone", "U"),
    ("liver", "somewhere", "W"),
]


def test_elements_by_hand() -> None:
    """Seven sets: 3 elements found, 3 missed, 3 spurious; a set that does not conform names none, an empty one too."""
    rows = estimate(build_sets(BY_HAND, conformant=[True] * 6 + [False]), PROTOCOL)
    precision, recall, f1 = (get_row(rows, f"element_{name}") for name in ("precision", "recall", "f1"))
    assert (precision["k"], precision["n"], recall["k"], recall["n"]) == (3, 6, 3, 6)
    assert f1["estimate"] == pytest.approx(6 / 12)
    by_term = select_rows(rows, metric="element_f1").set_index("term")["estimate"]
    assert by_term.drop("").round(12).to_dict() == {"bone": 0.8, "brain": 0.0, "liver": 0.5, "lung": 0.0}
    assert get_row(rows, "element_macro_f1")["estimate"] == pytest.approx((0.8 + 0.5) / 4)
    assert get_row(rows, "element_precision", term="brain")["status"] == "not_estimable"
    assert get_row(rows, "element_recall", term="lung")["reason"] == "empty_denominator"


def test_empty_sets_split_into_nothing() -> None:
    """The explicitly empty set has no element."""
    assert split_elements("") == set()
    assert split_elements("bone|lung") == {"bone", "lung"}


@pytest.mark.parametrize(
    ("texts", "reasons"),
    [
        ([("", "", "C")] * 3, ("empty_denominator", "empty_denominator")),
        ([("bone", "bone", "C")] * 4, ("", "one_class_only")),
        ([("", "", "B")] * 3, ("empty_denominator", "empty_denominator")),
    ],
)
def test_undefined_stays_undefined(texts, reasons) -> None:
    """No element at all, or one element only: the mean over elements is not estimable, with its reason."""
    rows = estimate(build_sets(texts), PROTOCOL)
    assert (get_row(rows, "element_f1")["reason"], get_row(rows, "element_macro_f1")["reason"]) == reasons
    assert np.isnan(get_row(rows, "element_macro_f1")["estimate"])


def test_elements_of_a_patient_are_no_more_than_the_patient() -> None:
    """Sets of four right or four wrong elements: the interval is that of patients, twice as wide as of elements."""
    every = "bone|brain|liver|lung"
    rows = estimate(build_sets([(every, every, "C")] * 30 + [(every, "", "O")] * 30), PROTOCOL)
    recall = get_row(rows, "element_recall")
    assert (recall["method"], recall["n"], recall["clusters"]) == ("wilson_clustered", 240, 60)
    assert recall["upper"] - recall["lower"] == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(60), rel=0.05)


def test_linearised_macro_f1_is_the_derivative() -> None:
    """A grain of weight on one element moves macro F1 by what it adds to the linearised error."""
    place, hit = np.array([0, 0, 0, 1, 1, 2, 2, 2]), np.array([1, 1, 0, 1, 0, 1, 1, 1], dtype=bool)
    weight, grain = np.array([1, 2, 1, 1, 3, 1, 1, 2.0]), 1e-6
    share = compute_macro_f1(place, hit, weight)[1]
    for index in range(8):
        step = np.eye(8)[index] * grain * weight
        up, down = (compute_macro_f1(place, hit, moved)[0] for moved in (weight + step, weight - step))
        assert (up - down) / (2 * grain) == pytest.approx(share[index], abs=1e-8)


def test_micro_and_macro_f1_are_covered() -> None:
    """80 patients, 200 studies, errors that hang together within patients: 91 to 99 % of intervals cover."""
    rng, studies, patients = np.random.default_rng(3), 200, 80
    names = np.array(SITES["levels"])
    occurs, kept, added = np.array([0.5, 0.3, 0.4, 0.6]), 0.85, 0.08
    frames = []
    for study in range(studies):
        skill = rng.beta(8.5, 1.5, (patients, 1))
        true = rng.random((patients, 4)) < occurs
        given = np.where(true, rng.random((patients, 4)) < skill, rng.random((patients, 4)) < added)
        texts = [["|".join(names[row]) for row in side] for side in (true, given)]
        outcome = ["C" if one == two else "W" for one, two in zip(*texts, strict=True)]
        frames.append(build_sets(list(zip(*texts, outcome, strict=True)), variable=f"v{study}"))
    pairs = pd.concat(frames)
    variables = [SITES | {"name": f"v{i}"} for i in range(studies)]
    rows = estimate(pairs, build_protocol(variables=variables), patients=build_patients(pairs))
    hit, spurious = occurs * kept, (1 - occurs) * added
    truth = {"element_f1": 2 * hit.sum() / (hit + occurs + spurious).sum()}
    truth["element_macro_f1"] = float((2 * hit / (hit + occurs + spurious)).mean())
    for metric, value in truth.items():
        own = select_rows(rows, metric=metric, term="")
        share = float(((own["lower"] <= value) & (value <= own["upper"])).mean())
        assert 0.91 <= share <= 0.99, (metric, share)
