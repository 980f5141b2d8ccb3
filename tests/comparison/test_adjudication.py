"""Adjudicated values weigh what they stand for: discordances looked up one and all do not inflate the error."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from paired_study import Said, make_protocol, make_records
from probatio.comparison import compare
from probatio.protocol import Adjudication, Protocol, UserError

T = {"name": "t", "type": "nominal", "levels": ["a", "b"]}
SOURCES = ("reference", "ai", "manual")


def make_adjudicated(**changes: Any) -> Protocol:
    protocol = make_protocol([T | changes], SOURCES)
    return protocol.model_copy(update={"adjudication": Adjudication(between=["ai", "manual"])})


def make_cells(cells: list[tuple[Said, Said, Said | str]]) -> list[tuple[str, str, str, Said]]:
    """One patient per (AI, manual, reference); reference "?" was not looked up."""
    said: list[tuple[str, str, str, Said]] = []
    for place, (ai, manual, reference) in enumerate(cells):
        patient = f"P{place:04d}"
        said += [("ai", "t", patient, ai), ("manual", "t", patient, manual)]
        said += [] if reference == "?" else [("reference", "t", patient, reference)]
    return said


def compute_error(pairs: pd.DataFrame, source: str) -> float:
    own = pairs[(pairs["kind"] == "error") & (pairs["source"] == source)]
    return float(np.average(own["outcome"].isin(list("WOU")), weights=own["weight"]))


def test_each_value_stands_for_its_kind() -> None:
    """Four concordant cells of which one was looked up weigh 4; both discordant ones were and weigh 1."""
    cells = [("a", "a", "a"), *[("a", "a", "?")] * 3, ("a", "b", "a"), ("b", "a", "a")]
    pairs = compare(make_records(make_cells(cells)), make_adjudicated()).pairs
    own = pairs[(pairs["kind"] == "error") & (pairs["source"] == "ai")]
    assert own["weight"].tolist() == [4, 1, 1]
    assert compute_error(pairs, "ai") == pytest.approx(1 / 6)
    assert (pairs.loc[pairs["kind"] == "agreement", "weight"] == 1).all()


def test_silence_on_both_sides_agrees_and_on_one_side_differs() -> None:
    """Neither delivered: concordant; one delivered, or a value does not conform: discordant."""
    cells = [(None, None, "a"), (None, None, "?"), ("a", None, "a"), ("!x", "a", "a"), ("a", None, "?")]
    pairs = compare(make_records(make_cells(cells)), make_adjudicated()).pairs
    own = pairs[(pairs["kind"] == "error") & (pairs["source"] == "ai")]
    assert own["weight"].tolist() == [2, 1.5, 1.5]


def test_patients_and_values_sampled_multiply() -> None:
    """A patient drawn with probability one half and a value that stands for two weigh four."""
    said = make_cells([("a", "a", "a"), ("a", "a", "?"), ("a", "b", "a")])
    records = make_records(said, probability={"P0000": 0.5, "P0001": 0.5, "P0002": 0.5})
    pairs = compare(records, make_adjudicated()).pairs
    assert pairs.loc[pairs["kind"] == "error", "weight"].tolist() == [4, 2, 4, 2]


def test_without_a_declaration_nothing_changes() -> None:
    """The same cells weigh 1 each when no adjudication is declared."""
    said = make_cells([("a", "a", "a"), ("a", "a", "?"), ("a", "b", "a")])
    pairs = compare(make_records(said), make_protocol([T], SOURCES)).pairs
    assert (pairs["weight"] == 1).all()


def test_adjudicating_discordances_first_does_not_inflate_the_error() -> None:
    """Over 100 seeded studies the weighted error meets the truth; unweighted, over 20 of them, it is far too high."""
    rng, weighted, plain = np.random.default_rng(20261125), [], []
    for study in range(100):
        truth = rng.integers(0, 2, 200)
        shared = rng.random(200) < 0.04
        wrong = [shared | (rng.random(200) < p) for p in (0.06, 0.08)]
        ai, manual = (np.where(w, 1 - truth, truth) for w in wrong)
        known = (ai != manual) | (rng.random(200) < 0.3)
        cells = [("ab"[a], "ab"[m], "ab"[t] if k else "?") for a, m, t, k in zip(ai, manual, truth, known, strict=True)]
        records = make_records(make_cells(cells))
        weighted.append(compute_error(compare(records, make_adjudicated()).pairs, "ai") - wrong[0].mean())
        if study < 20:
            plain.append(compute_error(compare(records, make_protocol([T], SOURCES)).pairs, "ai") - wrong[0].mean())
    error = np.std(weighted) / np.sqrt(len(weighted))
    assert abs(np.mean(weighted)) < 4 * error
    assert np.mean(plain) > 0.05


def test_concordant_values_never_looked_up_are_refused() -> None:
    """Nothing can stand for values of which not one was adjudicated: shared errors would pass unseen."""
    said = make_cells([("a", "a", "?"), ("a", "a", "?"), ("a", "b", "a")])
    with pytest.raises(UserError, match="of the 2 values of t on which ai and manual agree none has a reference"):
        compare(make_records(said), make_adjudicated())


def test_values_that_still_wait_are_not_refused() -> None:
    """Before the freeze an empty part is pending, not forgotten; its weight stays 1."""
    said = make_cells([("a", "a", "?"), ("a", "b", "a")])
    waiting = pd.DataFrame([("reference", "t", "", "P0000")], columns=["source", "variable", "visit", "patient_id"])
    pairs = compare(replace(make_records(said), pending=waiting), make_adjudicated()).pairs
    assert (pairs.loc[pairs["kind"] == "error", "weight"] == 1).all()


@pytest.mark.parametrize(("between", "said"), [(["ai", "ai"], "twice"), (["ai"], "at least 2")])
def test_two_sources_decide(between: list[str], said: str) -> None:
    """One source, or the same twice, cannot agree with itself."""
    with pytest.raises(ValueError, match=said):
        Adjudication(between=between)


def test_the_reference_does_not_decide_what_is_looked_up() -> None:
    """Naming the reference, or a source that does not exist, is a mistake of the protocol."""
    given = make_protocol([T], SOURCES).model_dump(mode="json")
    with pytest.raises(ValueError, match="adjudication: between"):
        Protocol.model_validate(given | {"adjudication": {"between": ["ai", "reference"]}})
