"""Differential and dependent error: rates by outcome, exposure and stratum, tests, warnings."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from agreement_study import LABEL, build_pairs, build_patients, build_protocol
from scipy import stats

from probatio.comparison import compare
from probatio.display.differential import render_warning_table
from probatio.measures.differential import estimate_differential, select_warnings
from probatio.measures.homogeneity import Scores, compute_holm, compute_homogeneity, compute_phi
from probatio.protocol import read_protocol
from probatio.records import read_records
from probatio.results import build_row, derive_table, select_rows

ENDPOINT = {"name": "os", "label": LABEL, "time": "days", "event": "status", "event_values": ["dead"]}
ATTRIBUTES = {name: {"label": LABEL, "column": name} for name in ("days", "status", "sex")}
PATIENTS = {"file": {"path": "p.csv"}, "attributes": ATTRIBUTES}
ANALYSIS = {
    "name": "by_stage",
    "label": LABEL,
    "endpoint": "os",
    "terms": [{"variable": "stage", "groups": {"early": ["I", "II"], "late": ["III", "IV"]}}],
    "sources": ["registry", "ai"],
    "comparator": "registry",
}


def run(pairs: pd.DataFrame, *, records: pd.DataFrame | None = None, protocol: dict | None = None, **columns: object):
    """Differential rows of some pairs; patient attributes by keyword."""
    settings = {"patients": PATIENTS, "endpoints": [ENDPOINT], "stratify_by": ["sex"], "min_stratum": 3}
    patients = build_patients(pairs, days=1.0, **({"status": "alive"} | columns))
    empty = pd.DataFrame(columns=["patient_id", "source", "variable", "state", "value", "conformant"])
    tables = SimpleNamespace(records=empty if records is None else records)
    return estimate_differential(
        SimpleNamespace(pairs=pairs, patients=patients), tables, build_protocol(**(settings | (protocol or {})))
    )


def pick(rows: pd.DataFrame, metric: str, **key: object) -> pd.Series:
    """The one row of a metric."""
    found = select_rows(rows, metric=metric, **key)
    assert len(found) == 1, found[["term", "stratum", "method"]]
    return found.iloc[0]


def build_stage(dead: tuple[int, int], alive: tuple[int, int]) -> tuple[pd.DataFrame, list[str]]:
    """Stages of (n, wrong) dead and living patients, and their status."""
    wrong = [i < k for n, k in (dead, alive) for i in range(n)]
    values = [
        (f"P{at:04d}", ["I", "III"][at % 2], ["I", "III"][(at + w) % 2], "W" if w else "C")
        for at, w in enumerate(wrong)
    ]
    return build_pairs(values, variable="stage"), ["dead"] * dead[0] + ["alive"] * alive[0]


def test_liver_errors_depend_on_death() -> None:
    """TCGA liver: 26 of 96 T groups wrong in deaths (27 %), 32 of 218 in censored (15 %), with a warning."""
    mirror = os.environ.get("PROBATIO_MIRROR", "")
    if not mirror:
        pytest.skip("PROBATIO_MIRROR does not name a folder with the public files")
    protocol = read_protocol(Path(__file__).parents[2] / "protocol" / "tcga.yaml")
    records = read_records(protocol, Path(mirror))
    rows = estimate_differential(compare(records, protocol), records, protocol)
    liver = select_rows(rows, analysis="liver_t", source="gpt_oss", stratum_by=["os", ""])
    rates = select_rows(liver, metric="differential_error_rate").set_index("stratum")
    assert (rates.loc["event", "k"], rates.loc["event", "n"]) == (26, 96)
    assert (rates.loc["no_event", "k"], rates.loc["no_event", "n"]) == (32, 218)
    assert rates["estimate"].round(2).to_dict() == {"event": 0.27, "no_event": 0.15}
    assert pick(liver, "differential_error_p").estimate == pytest.approx(
        stats.fisher_exact([[26, 32], [70, 186]]).pvalue
    )
    assert pick(liver, "differential_error").estimate == 1


def test_error_by_outcome() -> None:
    """The rate in each outcome, Newcombe's unpaired interval of the difference, Fisher's p and the warning."""
    pairs, status = build_stage((70, 56), (80, 48))
    rows = run(pairs, status=status)
    key = {"analysis": "", "term": "outcome", "stratum_by": "os"}
    assert pick(rows, "differential_error_rate", stratum="event", **key).estimate == 0.8
    difference = pick(rows, "differential_error_difference", **key)
    # Newcombe 1998, Stat Med 17:873, table II, method 10: 56/70 - 48/80.
    assert (difference.estimate, difference.method) == (pytest.approx(0.2), "newcombe_unpaired")
    assert (difference.lower, difference.upper) == pytest.approx((0.0524, 0.3339), abs=5.1e-5)
    p = pick(rows, "differential_error_p", **key)
    assert (p.estimate, p.method) == (pytest.approx(stats.fisher_exact([[56, 48], [14, 32]]).pvalue), "fisher_exact")
    warning = pick(rows, "differential_error")
    assert (warning.estimate, warning.k) == (1, 1)


def test_no_dependence_no_warning() -> None:
    """Equal rates everywhere: p near 1 and a warning of 0."""
    pairs, status = build_stage((50, 10), (50, 10))
    warning = pick(run(pairs, status=status), "differential_error", analysis="")
    assert (warning.estimate, warning.k) == (0, 0)


def test_groups_of_an_analysis() -> None:
    """An error within a group of the analysis is none in its terms; a patient outside its groups is left out."""
    values = [("P0", "I", "II", "W"), ("P1", "I", "III", "W"), ("P2", "IV", "IV", "C"), ("P3", "II", "", "O")]
    values += [(f"P{at}", "III", "III", "C") for at in range(4, 12)]
    rows = run(build_pairs(values, variable="stage"), protocol={"analyses": [ANALYSIS], "min_stratum": 2})
    early = pick(rows, "differential_error_rate", analysis="by_stage", term="exposure", stratum="early")
    assert (early.n, early.k) == (2, 1)
    whole = pick(rows, "differential_error_rate", analysis="", term="stratum", stratum="F")
    assert (whole.n, whole.k) == (12, 3)


def test_event_from_dates_of_the_reference() -> None:
    """An endpoint of dates: the event is any of its dates in the reference, whatever other sources say."""
    pairs, _ = build_stage((6, 3), (6, 3))
    dead = [f"P{at:04d}" for at in range(6)]
    lines = [{"patient_id": p, "source": "registry", "value": "2024-05-03"} for p in dead]
    lines += [{"patient_id": "P0007", "source": "ai", "value": "2024-05-03"}]
    records = pd.DataFrame(lines).assign(variable="death", event="", state="value", conformant=True)
    dates = [{"name": n, "label": LABEL, "type": "date"} for n in ("start", "death", "news")]
    endpoint = {"name": "os", "label": LABEL, "origin": "start", "events": ["death"], "censoring": ["news"]}
    variables = [{"name": "stage", "label": LABEL, "type": "ordinal", "levels": ["I", "II", "III", "IV"]}, *dates]
    rows = run(pairs, records=records, protocol={"variables": variables, "endpoints": [endpoint]})
    assert pick(rows, "differential_error_rate", term="outcome", stratum="event").n == 6
    assert pick(rows, "differential_error_rate", term="outcome", stratum="no_event").n == 6


def test_event_counts_where_its_rule_does() -> None:
    """A rule with a condition makes an event of its date only where the condition holds, event by event."""
    pairs, _ = build_stage((6, 3), (6, 3))
    told = [("P0000", "1", "date", "2024-05-03"), ("P0000", "1", "type", "reduction"),
            ("P0001", "1", "date", "2024-05-03"), ("P0001", "1", "type", "interruption"),
            ("P0001", "2", "date", "2024-06-03"), ("P0002", "1", "type", "reduction")]  # fmt: skip
    lines = [{"patient_id": p, "event": e, "variable": f"changes.{a}", "value": v} for p, e, a, v in told]
    records = pd.DataFrame(lines).assign(source="registry", state="value", conformant=True)
    dates = [{"name": n, "label": LABEL, "type": "date"} for n in ("start", "news")]
    kinds = {"date": {"label": LABEL, "type": "date"},
             "type": {"label": LABEL, "type": "nominal", "levels": ["reduction", "interruption"]}}  # fmt: skip
    matching = {"date": "date", "window": 7}
    changes = {"name": "changes", "label": LABEL, "type": "events", "match": matching, "attributes": kinds}
    rule = {"date": "changes.date", "reason": "reduction", "where": {"changes.type": ["reduction"]}}
    endpoint = {"name": "ttr", "label": LABEL, "origin": "start", "events": [rule], "censoring": ["news"]}
    stage = {"name": "stage", "label": LABEL, "type": "ordinal", "levels": ["I", "II", "III", "IV"]}
    barred = {"changes.type": ["interruption"]}
    for conditions, n in ((rule, 1), (rule | {"where": {}}, 2), (rule | {"where": {}, "unless": barred}, 2),
                          (rule | {"unless": {"changes.type": ["reduction"]}}, 0)):  # fmt: skip
        events = [conditions]
        protocol = {"variables": [stage, changes, *dates], "endpoints": [endpoint | {"events": events}]}
        rows = run(pairs, records=records, protocol=protocol)
        assert pick(rows, "differential_error_rate", term="outcome", stratum="no_event").n == 12 - n


def test_undefined_cases_say_why() -> None:
    """No error, nothing but errors, one level, a small level: not estimable or suppressed, never a number."""
    pairs, status = build_stage((20, 0), (20, 0))
    rows = run(pairs, status=status)
    assert set(select_rows(rows, metric="differential_error_p")["reason"]) == {"no_events"}
    assert pick(rows, "differential_error").reason == "no_events"
    pairs, status = build_stage((20, 20), (20, 20))
    assert pick(run(pairs, status=status), "differential_error").reason == "one_class_only"
    pairs, status = build_stage((2, 1), (20, 5))
    rows = select_rows(run(pairs, status=status), term="outcome")
    assert pick(rows, "differential_error_rate", stratum="event").status == "suppressed"
    assert pick(rows, "differential_error_difference").reason == "small_stratum"
    assert pick(rows, "differential_error_p").reason == "one_class_only"


def test_without_a_reference_there_is_no_error() -> None:
    """Readings of which none is the truth give no differential rows."""
    pairs, _ = build_stage((5, 1), (5, 1))
    assert run(pairs.assign(kind="agreement")).empty


def test_tests_are_adjusted_together() -> None:
    """Holm by hand: 0.01, 0.04, 0.03 become 0.03, 0.06, 0.06; monotone and never above 1."""
    assert compute_holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])
    assert compute_holm(np.array([0.9, 0.8])) == pytest.approx([1, 1])
    assert len(compute_holm(np.empty(0))) == 0


def test_more_than_two_levels_are_pearsons() -> None:
    """One value per patient and three levels: scipy's chi-squared."""
    rng = np.random.default_rng(3)
    level, score = rng.integers(3, size=200), rng.random(200) < 0.3
    found = compute_homogeneity(Scores(score, level, np.arange(200), np.ones(200)))
    expected = stats.chi2_contingency(pd.crosstab(score, level), correction=False).pvalue
    assert (found.p, found.method) == (pytest.approx(expected), "pearson_chi2")


def test_clustered_test_keeps_its_level() -> None:
    """Four correlated values per patient, three kinds of patients alike: 2 to 7 % of 1,000 tests reject at 5 %."""
    rng = np.random.default_rng(11)
    patient = np.repeat(np.arange(90), 4)
    naive = rejected = 0
    for _ in range(1000):
        risk = rng.beta(0.4, 1.6, 90)
        level = np.repeat(rng.integers(3, size=90), 4)
        score = rng.random(360) < risk[patient]
        rejected += compute_homogeneity(Scores(score, level, patient, np.ones(360))).p < 0.05
        naive += compute_homogeneity(Scores(score, level, np.arange(360), np.ones(360))).p < 0.05
    assert 20 <= rejected <= 70
    assert naive > 150


def test_phi_by_an_unrelated_implementation() -> None:
    """Phi is Pearson's correlation; its bounds are scipy's by Fisher's z."""
    rng = np.random.default_rng(5)
    first = rng.random(80) < 0.4
    second = np.where(rng.random(80) < 0.5, first, rng.random(80) < 0.4).astype(bool)
    expected = stats.pearsonr(first.astype(float), second.astype(float))
    found = compute_phi(first, second, 0.95)
    assert found.phi == pytest.approx(expected.statistic)
    assert (found.lower, found.upper) == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_errors_that_come_together() -> None:
    """Two variables wrong in the same patients have phi 1 without an interval, and both carry the warning."""
    wrong = "W" * 8 + "C" * 22
    frames = [
        build_pairs([(f"P{at:02d}", "", "", o) for at, o in enumerate(wrong)], variable=v) for v in ("weight", "stage")
    ]
    frames.append(build_pairs([(f"P{at:02d}", "", "", "C") for at in range(30)], variable="mutation"))
    rows = run(pd.concat(frames, ignore_index=True))
    phi = pick(rows, "error_phi", status="ok")
    assert (phi.variable, phi.term, phi.estimate, phi.reason) == ("stage", "weight", pytest.approx(1), "no_interval")
    warned = select_rows(rows, metric="dependent_error").set_index("variable")
    assert warned.loc[["stage", "weight"], "estimate"].tolist() == [1, 1]
    assert warned.loc["mutation", "reason"] == "no_events"


def test_order_of_rows_moves_nothing() -> None:
    """Shuffled pairs give the same rows."""
    pairs, status = build_stage((30, 9), (40, 5))
    shuffled = pairs.sample(frac=1, random_state=1).reset_index(drop=True)
    pd.testing.assert_frame_equal(run(pairs, status=status), run(shuffled, status=status))


def test_warnings_travel_with_their_analysis() -> None:
    """An analysis takes the warnings of its own terms and sources, differential error in its own groups."""
    protocol = build_protocol(**{"patients": PATIENTS, "endpoints": [ENDPOINT], "analyses": [ANALYSIS]})
    key = {"source": "ai", "comparator": "registry"}
    rows = derive_table([
        build_row("differential_error", 1, variable="stage", **key),
        build_row("differential_error", 0, variable="stage", analysis="by_stage", n=3, k=0, **key),
        build_row("dependent_error", 1, variable="stage", n=4, k=2, **key),
        build_row("dependent_error", 1, variable="histology", **key),
        build_row("error_rate", 0.1, variable="stage", **key),
    ])  # fmt: skip
    found = select_warnings(rows, protocol)
    assert found[["metric", "variable", "analysis", "estimate"]].to_numpy().tolist() == [
        ["differential_error", "stage", "by_stage", 0.0],
        ["dependent_error", "stage", "by_stage", 1.0],
    ]
    table = render_warning_table(found, protocol, language="en")
    assert [row[3:] for row in table.rows] == [["no (0/3)", "yes (2/4)"]]
