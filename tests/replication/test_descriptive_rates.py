"""Response rates by source: both conventions of the denominator, paired differences, what is not comparable."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from descriptive_study import (
    PATIENTS,
    RESPONSE,
    SHARED,
    build_protocol,
    build_records,
    expand,
    pick,
    run,
    simulate_pairs,
)
from probatio.replication.accounts import Account, Answer, Question
from probatio.replication.paired_proportions import Setting
from probatio.replication.proportions import estimate_proportions
from probatio.resampling import Draws, compute_tango
from probatio.results import derive_csv, select_rows

DOCUMENTED = RESPONSE | {"name": "evaluable", "denominator": "documented"}
# Ten patients as a clinician would write them down; None: nothing documented.
REFERENCE = ["CR", "PR", "PR", "PR", "SD", "SD", "PD", "PD", "NE", None]
AI = ["PR", "PR", "PR", "SD", "SD", "PR", "PD", None, "NE", "PR"]


@pytest.fixture(scope="module")
def ten() -> pd.DataFrame:
    """Rows of the ten patients under both conventions."""
    values = {("reference", "response"): REFERENCE, ("ai", "response"): AI}
    return run(build_records(10, values), build_protocol(RESPONSE, DOCUMENTED))


def test_missing_and_not_evaluable_are_failures_or_leave(ten: pd.DataFrame) -> None:
    """Among all, 4 and 5 of 10 respond; among evaluable ones 4 of 8 (reference) and 5 of 8 (AI)."""
    for name, stratum, expected in (
        ("response_rate", "", {"reference": (4, 10), "ai": (5, 10)}),
        ("evaluable", "patients", {"reference": (4, 8), "ai": (5, 8)}),
        ("evaluable", "", {"reference": (4, 7), "ai": (4, 7)}),
    ):
        for source, (k, n) in expected.items():
            row = pick(ten, "proportion", analysis=name, source=source, variable="response", stratum_by=stratum)
            assert (row["k"], row["n"], row["estimate"]) == (k, n, k / n)
            exact = stats.binomtest(k, n).proportion_ci(method="exact")
            assert (row["lower"], row["upper"]) == pytest.approx((exact.low, exact.high), abs=1e-12)


def test_the_patients_who_changed_are_counted(ten: pd.DataFrame) -> None:
    """One responder lost, two gained (one undocumented in the reference): 3 differ; 3 of 8 levels changed."""
    delta = pick(
        ten, "delta_proportion", analysis="response_rate", source="ai", comparator="reference", method="newcombe"
    )
    assert (delta["estimate"], delta["n"], delta["k"]) == (pytest.approx(0.1), 10, 3)
    changed = pick(ten, "changed_rate", analysis="response_rate", source="ai", comparator="reference")
    assert (changed["k"], changed["n"]) == (3, 8)
    counts = select_rows(ten, analysis="response_rate", metric="count", source="reference").set_index("term")["k"]
    assert counts.to_dict() == {"asked": 10, "not_documented": 1, "not_evaluable": 1}


def test_tango_published() -> None:
    """Tango 1998, 44 pairs of which 1 is discordant: the row holds the published interval (-0.118077, 0.059393)."""
    texts = expand({("PR", "PR"): 43, ("PR", "PD"): 1})
    values = dict(zip((("reference", "response"), ("ai", "response")), texts, strict=True))
    rows = run(build_records(44, values), build_protocol(RESPONSE))
    row = pick(rows, "delta_proportion", comparator="reference", method="tango", level=0.95)
    assert (row["lower"], row["upper"]) == pytest.approx((-0.118077, 0.059393), abs=5.1e-7)
    assert (row["n"], row["k"]) == (44, 1)


def test_newcombe_published() -> None:
    """Agresti's approval ratings, 1600 pairs: method 10 of Newcombe 1998 on counts 794, 150, 86, 570."""
    counts = {("PR", "PR"): 794, ("PD", "PR"): 86, ("PR", "PD"): 150, ("PD", "PD"): 570}
    values = dict(zip((("ai", "response"), ("reference", "response")), expand(counts), strict=True))
    rows = run(build_records(1600, values), build_protocol(RESPONSE), replicates=100)
    row = pick(rows, "delta_proportion", comparator="reference", method="newcombe")
    assert row["estimate"] == pytest.approx(0.04)
    assert (row["lower"], row["upper"]) == pytest.approx((0.0209, 0.0590), abs=5e-4)


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ({("PR", "PR"): 100, ("PD", "PD"): 100}, "equivalent"),
        ({("PR", "PR"): 90, ("PR", "PD"): 30, ("PD", "PD"): 80}, "not_equivalent"),
        ({("PR", "PR"): 95, ("PR", "PD"): 10, ("PD", "PD"): 95}, "inconclusive"),
    ],
)
def test_equivalence_is_the_narrow_interval_within_the_margin(counts: dict[tuple[str, str], int], verdict: str) -> None:
    """Within +-5 points: equivalent; wholly outside: not; else inconclusive. The bounds are Tango's at 90 %."""
    values = dict(zip((("reference", "response"), ("ai", "response")), expand(counts), strict=True))
    rows = run(build_records(200, values), build_protocol(RESPONSE))
    row = pick(rows, "equivalence_proportion", comparator="reference")
    assert row["unit"] == verdict
    lost = counts.get(("PR", "PD"), 0)
    bounds = compute_tango(0, lost, 200, 0.90)
    assert (row["lower"], row["upper"]) == pytest.approx(tuple(map(float, bounds)), abs=1e-12)


def test_a_source_never_asked_is_not_applicable() -> None:
    """Nobody asked the AI for the response: its rows say so, and the others keep all their patients."""
    values = {("reference", "response"): REFERENCE, ("manual", "response"): REFERENCE}
    three = RESPONSE | {"sources": ["reference", "manual", "ai"]}
    rows = run(build_records(10, values, not_assessed=[("ai", "response")]), build_protocol(three))
    for metric, comparator in (("proportion", ""), ("delta_proportion", "reference")):
        row = pick(rows, metric, source="ai", comparator=comparator)
        assert (row["status"], row["reason"]) == ("not_applicable", "not_assessed")
    assert pick(rows, "proportion", source="manual")["n"] == 10
    assert select_rows(rows, metric="changed_rate", source="ai")["reason"].tolist() == ["not_assessed"]


def test_nobody_in_the_denominator_is_not_estimable() -> None:
    """Nothing documented: 0 of 0 is no rate, and no difference, whatever the patients."""
    values = {("reference", "response"): [None] * 10, ("ai", "response"): AI}
    rows = run(build_records(10, values), build_protocol(DOCUMENTED))
    assert set(select_rows(rows, metric="proportion", stratum_by="")["reason"]) == {"empty_denominator"}
    own = select_rows(rows, metric="proportion", stratum_by="patients").set_index("source")["status"].to_dict()
    assert own == {"ai": "ok", "reference": "not_estimable"}
    assert set(select_rows(rows, metric=["delta_proportion", "equivalence_proportion"])["status"]) == {"not_estimable"}


def test_a_comparator_that_saw_the_source_judges_nothing() -> None:
    """A manual comparator not declared independent: the difference stands, equivalence and changes are withheld."""
    values = {("manual", "response"): REFERENCE, ("ai", "response"): AI}
    seen = RESPONSE | {"sources": ["manual", "ai"], "comparator": "manual"}
    rows = run(build_records(10, values), build_protocol(seen))
    for metric in ("equivalence_proportion", "changed_rate"):
        row = pick(rows, metric, comparator="manual")
        assert (row["status"], row["reason"]) == ("not_applicable", "not_independent")
    assert pick(rows, "delta_proportion", comparator="manual", method="newcombe")["status"] == "ok"


def test_own_patients_weigh_zero_where_a_source_lacks_them() -> None:
    """The interval on own patients is that of replicates drawn over all patients, each rate on those it counts."""
    rng = np.random.default_rng(5)
    first, second = simulate_pairs(rng, 120, 0.4, 0.1)
    gaps: list[str | None] = [None if rng.random() < 0.2 else text for text in first]
    values = {("reference", "response"): gaps, ("ai", "response"): second}
    records, protocol = build_records(120, values), build_protocol(DOCUMENTED)
    rows = run(records, protocol)
    weights = Draws(1, "all", "patient", 200).weights(records.patients).astype(float)
    known = np.array([text is not None for text in gaps])
    hits = {"reference": np.array([text == "PR" for text in gaps]), "ai": np.array([text == "PR" for text in second])}
    drawn = weights @ hits["ai"] / weights.sum(axis=1) - weights @ hits["reference"] / (weights @ known)
    row = pick(rows, "delta_proportion", comparator="reference", stratum_by="patients", method="paired_t", level=0.95)
    assert row["estimate"] == pytest.approx(hits["ai"].mean() - hits["reference"].sum() / known.sum())
    differing = int((~known | (hits["ai"] != hits["reference"])).sum())
    half = stats.t.ppf(0.975, differing) * np.std(drawn, ddof=1)
    assert (row["k"], (row["upper"] - row["lower"]) / 2) == (differing, pytest.approx(half))


def test_another_result_moves_no_number(ten: pd.DataFrame) -> None:
    """A result added to the protocol, or patients in another order, leave every number of the others as it was."""
    values = {("reference", "response"): REFERENCE, ("ai", "response"): AI}
    records = build_records(10, values)
    more = run(records, build_protocol(PATIENTS, RESPONSE, DOCUMENTED))
    kept = select_rows(more, analysis=["response_rate", "evaluable"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, ten)
    shuffled = records.records.sample(frac=1, random_state=3)
    again = run(type(records)(records.patients.iloc[::-1], *[records.documents, records.assessments, shuffled,
                records.rejected, records.flow]), build_protocol(RESPONSE, DOCUMENTED))  # fmt: skip
    assert derive_csv(again) == derive_csv(ten)


def test_a_population_is_each_sources_own() -> None:
    """Women only: each source's own women; the same patients are women in both."""
    sexes = {("reference", "sex"): ["F"] * 6 + ["M"] * 4, ("ai", "sex"): ["F"] * 5 + ["M"] * 2 + ["F"] * 3}
    values = {("reference", "response"): REFERENCE, ("ai", "response"): AI} | sexes
    women = RESPONSE | {"population": {"sex": ["F"]}}
    rows = run(build_records(10, values), build_protocol(women))
    sizes = {(row["source"], row["stratum"]): row["n"] for _, row in select_rows(rows, metric="proportion").iterrows()}
    assert sizes == {("reference", ""): 5, ("ai", ""): 5, ("reference", "own"): 6, ("ai", "own"): 8}


def simulate_coverage(n: int, error: float, repeats: int) -> tuple[int, int]:
    """Return how often Newcombe's and Tango's rows hold the true difference, 30 % responding.

    A misread response is a loss with 3 times the probability of a gain, so that the true difference is not 0.
    """
    rng = np.random.default_rng(20261123 + n)
    setting = Setting("same", 0.95, "reference", None, frozenset())
    question = Question("proportion", "response")
    gain, loss = error / 3, error
    truth = gain * 0.7 - loss * 0.3
    held = {"newcombe": 0, "tango": 0}
    everyone = np.ones(n, dtype=bool)
    for _ in range(repeats):
        true = rng.random(n) < 0.3
        read = np.where(true, rng.random(n) >= loss, rng.random(n) < gain)
        accounts = [Account(name, {question: Answer(everyone, hit, asked=True)}) for name, hit in
                    (("reference", true), ("ai", read))]  # fmt: skip
        for row in estimate_proportions(accounts, setting, None):
            if row["method"] in held and row["level"] == 0.95:
                held[row["method"]] += int(row["lower"] <= truth <= row["upper"])
    return held["newcombe"], held["tango"]


@pytest.mark.parametrize(("n", "error"), [(100, 0.05), (230, 0.05), (230, 0.15)])
def test_paired_intervals_cover(n: int, error: float) -> None:
    """Both intervals of the paired difference hold the truth at no less than 95 %, by a binomial bound at 1 in 1000."""
    repeats = 1000
    least = stats.binom.ppf(0.001, repeats, 0.95)
    newcombe, tango = simulate_coverage(n, error, repeats)
    assert newcombe >= least
    assert tango >= least


def test_own_intervals_cover_where_the_percentiles_do_not() -> None:
    """Each source's own patients, one in ten undocumented, 5 % misread: paired t holds its levels."""
    rng, repeats, n = np.random.default_rng(20261124), 400, 100
    setting, question = Setting("own", 0.95, "reference", None, frozenset()), Question("proportion", "response")
    held = {0.95: 0, 0.9: 0}
    for _ in range(repeats):
        true = rng.random(n) < 0.3
        read = np.where(true, rng.random(n) >= 0.05, rng.random(n) < 0.05 / 3)
        known, told = rng.random(n) >= 0.1, rng.random(n) >= 0.05
        accounts = [Account("reference", {question: Answer(known, true & known, asked=True)}),
                    Account("ai", {question: Answer(told, read & told, asked=True)})]  # fmt: skip
        weights = rng.multinomial(n, np.full(n, 1 / n), size=200).astype(np.uint16)
        for row in estimate_proportions(accounts, setting, weights):
            if row["method"] == "paired_t":
                held[row["level"]] += int(row["lower"] <= 0.7 * 0.05 / 3 - 0.3 * 0.05 <= row["upper"])
    for level, hits in held.items():
        assert hits >= stats.binom.ppf(0.001, repeats, level)


def test_shares_without_sources_are_the_cohorts() -> None:
    """A table of the patients' attributes alone names no source and compares nothing."""
    alone = {"name": "who", "label": SHARED["label"], "kind": "characteristics", "variables": ["country", "age"]}
    rows = run(build_records(4, country=["FR", "FR", "BE", ""], age=[50.0, 60.0, np.nan, 70.0]), build_protocol(alone))
    assert set(rows["comparator"]) == {""} == set(rows["source"])
    assert pick(rows, "share", variable="country", term="FR")["estimate"] == pytest.approx(2 / 3)
    assert pick(rows, "missing_share", variable="country")["k"] == 1
    assert pick(rows, "median", variable="age")["estimate"] == 60
