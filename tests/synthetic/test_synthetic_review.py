"""AI A after review: who read what, when, with which errors, and the source that results."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from probatio.protocol import read_protocol
from probatio.records.decisions import DECISION_COLUMNS, SELECTION
from probatio.synthetic import BUNDLED_SEED, EVERY_SOURCE, SOURCES, derive_files, generate_study
from probatio.synthetic.answers import count_review
from probatio.synthetic.design import AI, CELLS, EXTRACTED_AT, REVIEWED, VARIABLES
from probatio.synthetic.reviewers import ANCHORED, UNAIDED, derive_near
from probatio.synthetic.routing import BUDGET, CONCORDANT, DOUBLE, REVIEWED_OF, SHOWN

ROOT = Path(__file__).parents[2]
KEY = json.loads((ROOT / "data" / "demo" / "answer_key.json").read_text(encoding="utf-8"))
METRICS = ("override_rate", "reviewer_error_rate", "confirmed_errors", "introduced_errors")


@pytest.fixture(scope="module")
def study():
    """The bundled study."""
    return generate_study(BUNDLED_SEED, sources=EVERY_SOURCE)


@pytest.fixture(scope="module")
def table():
    """The committed table of decisions, as text."""
    text = (ROOT / "data" / "demo" / "ai_a_decisions.csv").read_bytes()
    assert len(text) < 350_000
    return pd.DataFrame(list(csv.DictReader(io.StringIO(text.decode(), newline=""))))


def test_the_review_moves_no_other_source(study):
    """Asked for alone, without review, or with it, every other source delivers the same values."""
    without = generate_study(BUNDLED_SEED, sources=SOURCES)
    alone = generate_study(BUNDLED_SEED, sources=[REVIEWED])
    for source in SOURCES:
        pd.testing.assert_frame_equal(study.derive_wide(source), without.derive_wide(source))
    pd.testing.assert_frame_equal(study.derive_wide(REVIEWED), alone.derive_wide(REVIEWED))
    assert list(alone.readings) == [REVIEWED]
    assert without.review is None
    with pytest.raises(ValueError, match="generate the study with the source ai_a_reviewed"):
        count_review(without)


def test_three_in_ten_values_are_reviewed_and_one_case_in_ten_is_drawn_by_chance(study):
    """The doubtful ones are omitted, non-conformant or less sure than any left; concordant ones agree with AI B, and
    most of those drawn are; all have the probability of the draw.
    """
    own, other = (study.readings[name] for name in AI)
    cases = study.review.cases
    size = sum(int(((own.barred[c.key] == "") & ((own.cells[c.key] != "") | (other.cells[c.key] != ""))).sum())
               for c in CELLS)  # fmt: skip
    assert len(cases) == round(BUDGET * size)
    assert (cases["kind"] != "doubtful").sum() == round(CONCORDANT * len(cases))
    assert (cases["kind"] == "concordant").sum() > 2 * (cases["kind"] == "random").sum() > 0
    assert not cases.duplicated(["cell", "row"]).any()
    drawn = cases[cases["kind"] != "doubtful"]
    assert ((drawn["told"] == drawn["shown"]) == (drawn["kind"] == "concordant")).all()
    sure = [study.readings["ai_a"].confidence[CELLS[cell].key][row] for cell, row in drawn[["cell", "row"]].to_numpy()]
    doubtful = cases[(cases["kind"] == "doubtful") & (cases["told"] != "")]
    places = [(CELLS[cell].key, row) for cell, row in doubtful[["cell", "row"]].to_numpy()]
    known = [own.confidence[key][row] for key, row in places if own.causes[key][row] != "F"]
    assert max(known) <= min(sure)
    share = drawn[SELECTION].unique()
    assert len(share) == 1
    assert len(drawn) / share[0] == pytest.approx(size - (cases["kind"] == "doubtful").sum(), rel=1e-4)


def test_readers_are_anchored_by_the_value_they_are_shown():
    """Automation bias: of the errors they are shown they let stand more than twice what they would misread unaided."""
    found = {(entry["metric"], entry["population"]): entry for entry in KEY["review"]}
    for population in ("all", "labelled"):
        anchored, unaided = (found[name, population]["estimate"] for name in ("anchored_error", "unaided_error"))
        assert anchored > 2 * unaided
        assert ANCHORED > 3 * UNAIDED
        assert found["introduced_errors", population]["estimate"] < 0.04


def test_the_key_of_the_review_agrees_with_fresh_studies():
    """Over two studies that the key has not seen, each rate lies within sampling error of the key."""
    totals = {}
    for seed in (880_001, 880_002):
        for name, found in count_review(generate_study(seed, patients=1500, sources=[REVIEWED])).items():
            totals[name] = totals.get(name, 0) + found
    assert len(KEY["review"]) == len(totals)
    for entry in KEY["review"]:
        k, n = totals[entry["metric"], entry["population"]]
        noise = np.sqrt(3 * entry["estimate"] * (1 - entry["estimate"]) / n + (entry["estimate_se"] or 0) ** 2)
        assert abs(k / n - entry["estimate"]) < 4.5 * noise, entry


def test_review_lowers_the_error_of_ai_a_by_a_third_at_least():
    """In expectation, of all patients and of the labelled ones, for all single values together."""
    rates = {(e["source"], e["population"]): e["error_rate"] for e in KEY["rates"] if e["variable"] == "*"}
    for population in ("all", "labelled"):
        assert rates[REVIEWED, population] < 2 / 3 * rates["ai_a", population]


def test_two_read_one_case_in_ten_and_a_third_settles_most_of_what_they_differ_on(table):
    """Roles come in order, no person has two in a case, and some cases still wait."""
    cases = table.groupby(["patient_id", "variable", "visit"])
    roles = cases["role"].apply(lambda roles: "|".join(sorted(roles)))
    assert set(roles) == {"first", "first|second", "adjudicator|first|second"}
    assert not table.duplicated(["patient_id", "variable", "visit", "reviewer"]).any()
    assert 0.08 < (roles != "first").mean() < 0.12
    assert set(table.loc[table["role"] == "adjudicator", "reviewer"]) == {"A1"}
    assert set(table.loc[table["role"] != "adjudicator", "reviewer"]) == {"R1", "R2"}


def test_decisions_are_made_on_working_days_after_the_extraction(table):
    """The second reading follows the first, the third the second; seconds are positive, with a long tail."""
    days = table["decided_at"].str[:10].map(date.fromisoformat)
    assert days.min() > date.fromisoformat(max(EXTRACTED_AT.values()))
    assert days.map(date.weekday).max() <= 4
    spans = days.groupby(table["role"]).agg(["min", "max"])
    assert spans.loc["first", "max"] < spans.loc["second", "min"] <= spans.loc["second", "max"]
    assert spans.loc["second", "max"] < spans.loc["adjudicator", "min"]
    seconds = table["seconds"].astype(int)
    assert seconds.min() > 0
    assert seconds.mean() > 1.1 * seconds.median()


def test_the_protocol_says_what_the_decisions_took(table):
    """Minutes per patient are AI A's and those of the table, to half a minute; euros follow at 36 an hour."""
    protocol = read_protocol(ROOT / "protocol" / "demo.yaml")
    own, reviewed = protocol.get_source("ai_a"), protocol.get_source(REVIEWED)
    taken = table["seconds"].astype(int).sum() / 60 / 300
    assert reviewed.minutes_per_patient == pytest.approx(own.minutes_per_patient + taken, abs=0.5)
    assert reviewed.euros_per_patient == pytest.approx(own.euros_per_patient + 0.6 * taken, abs=0.1)


def test_the_generator_reviews_as_the_protocol_declares():
    """Budget, random part, double readings and who is shown are those of the key `review`."""
    review = read_protocol(ROOT / "protocol" / "demo.yaml").review
    assert (review.source, review.competing) == (REVIEWED_OF, [SHOWN])
    assert (review.budget.share, review.concordant, review.double) == (BUDGET, CONCORDANT, DOUBLE)


def test_the_table_has_the_contracts_columns_and_words_that_fit_the_values(table, study):
    """A confirmed value is not written again; absent and unreadable have none; chosen is AI B's."""
    assert [*table] == [*DECISION_COLUMNS, SELECTION]
    assert ((table["value"] != "") == table["decision"].isin(["chosen", "corrected"])).all()
    other = study.derive_wide("ai_b")
    chosen = table[table["decision"] == "chosen"]
    keys = chosen["variable"] + chosen["visit"].map(lambda visit: f"@{visit}" if visit else "")
    shown = [other.loc[patient, key] for patient, key in zip(chosen["patient_id"], keys, strict=True)]
    assert shown == [*chosen["value"]]


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_a_near_value_is_another_one_in_the_variables_form(variable):
    """Whatever the chance, a misread value differs from the true one and conforms; nothing stays nothing."""
    true = {"set": "bone|liver", "date": "2024-03-31", "number": "12"}.get(variable.type) or variable.levels[0]
    for chance in np.linspace(0, 0.999, 29):
        near = derive_near(true, chance, variable)
        assert near != true
        if variable.levels and variable.type != "set":
            assert near in variable.levels
    assert derive_near("", 0.5, variable) == ""
    if variable.type == "date":
        assert len(derive_near("2024-03", 0.5, variable)) == 7
    if variable.type == "number":
        assert all(abs(float(derive_near("0", chance, variable))) > variable.tolerance for chance in (0.1, 0.9))


def test_files_without_a_review_hold_no_decisions():
    """A study generated without the source after review has no such table."""
    small = generate_study(3, patients=60, sources=[name for name in EVERY_SOURCE if name != REVIEWED])
    assert "ai_a_decisions.csv" not in derive_files(small)
