"""Runs and versions of one technology: who leads, agreement of what was delivered, change of error."""

from types import SimpleNamespace

import pandas as pd
import pytest
from agreement_study import LABEL, build_pairs, build_patients, build_protocol
from pydantic import ValidationError

from probatio.measures.repeatability import estimate_repeatability, list_runs
from probatio.protocol import Protocol
from probatio.resampling import compute_newcombe, compute_tango, compute_wilson
from probatio.results import select_rows


def build_runs(*, primary: str = "run_1", runs: int = 2, technology: str | None = "lector", **settings) -> Protocol:
    """A protocol with a reference and runs of one technology."""
    file = [{"path": "x.csv", "layout": "long"}]
    sources = [{"name": "registry", "label": LABEL, "role": "reference", "files": file}]
    for at in range(1, runs + 1):
        name = f"run_{at}"
        own = {"technology": technology, "primary": name == primary}
        sources.append({"name": name, "label": LABEL, "role": "ai", "files": file} | own)
    return build_protocol(sources=sources, **settings)


def build_records(texts: dict[str, str], variable: str = "stage") -> SimpleNamespace:
    """One patient per letter: a delivered text, `.` nothing, `0` an explicit negative, `-` not asked."""
    lines = [
        {"source": s, "variable": variable, "visit": "", "patient_id": f"P{at:04d}", "value": "" if c == "0" else c,
         "state": {".": "not_documented", "0": "negative"}.get(c, "value"), "conformant": True}
        for s, text in texts.items() for at, c in enumerate(text) if c != "-"
    ]  # fmt: skip
    frame = pd.DataFrame(lines)
    index = pd.Index(sorted(set(frame["patient_id"])), name="patient_id")
    patients = pd.DataFrame({"centre": [str(at % 3) for at in range(len(index))], "development": False}, index=index)
    return SimpleNamespace(
        records=frame, assessments=frame[["source", "variable", "visit", "patient_id"]], patients=patients
    )


def run(texts: dict[str, str], outcomes: dict[str, str], protocol: Protocol | None = None, **options) -> pd.DataFrame:
    """Repeatability rows of delivered texts and of outcomes against the reference."""
    names = [f"P{at:04d}" for at in range(len(next(iter(outcomes.values()))))]
    frames = [
        build_pairs([(n, "", "", o) for n, o in zip(names, text, strict=True)], variable="stage", source=source)
        for source, text in outcomes.items()
    ]
    pairs = pd.concat(frames, ignore_index=True)
    comparison = SimpleNamespace(pairs=pairs, patients=build_patients(pairs))
    return estimate_repeatability(comparison, build_records(texts), protocol or build_runs(), **options)


def pick(rows: pd.DataFrame, metric: str, **key: object) -> pd.Series:
    """The one row of a metric."""
    found = select_rows(rows, metric=metric, **key)
    assert len(found) == 1, found[["source", "variable", "method"]]
    return found.iloc[0]


def test_agreement_by_hand() -> None:
    """Same 5, differing 2, one side only 2, both empty 1 (left out), not asked 1 (left out): 5 of 9 agree."""
    rows = run({"run_1": "abcd0abcd.a", "run_2": "abcd0ba..." + "-"}, {"run_1": "CC", "run_2": "CC"})
    found = pick(rows, "repeat_agreement_rate")
    assert (found.source, found.comparator, found.n, found.k) == ("run_2", "run_1", 9, 5)
    assert (found.lower, found.upper) == pytest.approx(tuple(float(x) for x in compute_wilson(5, 9, 0.95)))
    assert (pick(rows, "repeat_presence_rate").n, pick(rows, "repeat_presence_rate").k) == (9, 2)


def test_change_of_error_is_newcombe_and_tango() -> None:
    """36 errors of both runs, 12 of the new one alone, 2 of the leading one alone: the published intervals."""
    outcomes = {"run_2": "W" * 48 + "C" * 2, "run_1": "W" * 36 + "C" * 12 + "W" * 2}
    rows = run({"run_1": "a", "run_2": "a"}, outcomes)
    report = pick(rows, "error_change", method="newcombe")
    assert (report.source, report.comparator, report.estimate) == ("run_2", "run_1", pytest.approx(0.2))
    assert (report.lower, report.upper) == pytest.approx((0.056930, 0.340428), abs=5.1e-7)
    expected = tuple(float(x) for x in compute_newcombe(36, 12, 2, 0, 0.95))
    assert (report.lower, report.upper) == pytest.approx(expected)
    accept = pick(rows, "error_change", method="tango")
    assert (accept.lower, accept.upper) == pytest.approx(tuple(float(x) for x in compute_tango(12, 2, 50, 0.95)))


def test_the_primary_version_leads() -> None:
    """Whichever run is declared primary is what the others are compared with; without one, the first."""
    for primary, expected in (("run_2", [("run_1", "run_2"), ("run_3", "run_2")]),
                              ("none", [("run_2", "run_1"), ("run_3", "run_1")])):  # fmt: skip
        runs = list_runs(build_runs(primary=primary, runs=3))
        assert [(other.name, lead.name) for other, lead in runs] == expected


def test_a_technology_has_one_primary_run() -> None:
    """Two runs that both claim to lead are refused, as is an analysis of a run that does not."""
    file = [{"path": "x.csv", "layout": "long"}]
    runs = [
        {"name": name, "label": LABEL, "role": "ai", "technology": "lector", "primary": True, "files": file}
        for name in ("one", "two")
    ]
    with pytest.raises(ValidationError, match="technology lector has two primary runs; keep primary on the one"):
        build_protocol(sources=runs)
    runs[0]["primary"] = False
    reference = {"name": "registry", "label": LABEL, "role": "reference", "files": file}
    analysis = {"name": "cox", "label": LABEL, "endpoint": "os", "terms": [{"variable": "sex", "per": 1}]}
    endpoint = {"name": "os", "label": LABEL, "time": "sex", "event": "sex", "event_values": ["1"]}
    study = {"sources": [reference, *runs], "endpoints": [endpoint]}
    for named in ("one", "two"):
        compared = {"sources": ["registry", named], "comparator": "registry"}
        if named == "two":
            assert build_protocol(**study, analyses=[analysis | compared]).is_leading("two")
            continue
        with pytest.raises(ValidationError, match="cox: sources: one is a further run of lector; name its leading"):
            build_protocol(**study, analyses=[analysis | compared])
        with pytest.raises(
            ValidationError, match="os: source: one is a further run of lector; name its leading run two"
        ):
            build_protocol(**study | {"endpoints": [endpoint | {"source": "one"}]})


def test_who_leads() -> None:
    """The primary run, else the first, leads its technology; a source without one leads itself."""
    protocol = build_runs(primary="run_2", runs=3)
    assert [source.name for source in protocol.leading] == ["registry", "run_2"]
    assert [source.name for source in protocol.select_sources("ai")] == ["run_2"]
    assert [source.name for source in protocol.select_sources("ai", runs=True)] == ["run_2", "run_1", "run_3"]
    assert {protocol.find_lead(name).name for name in ("run_1", "run_2", "run_3")} == {"run_2"}
    assert protocol.find_lead("registry").name == "registry"
    assert [source.name for source in build_runs(primary="").leading] == ["registry", "run_1"]
    assert len(build_runs(technology=None, runs=3).leading) == 4


def test_different_technologies_are_not_compared() -> None:
    """Sources without a technology, or alone in theirs, give no rows."""
    for protocol in (build_runs(technology=None), build_runs(runs=1)):
        assert run({"run_1": "a", "run_2": "a"}, {"run_1": "C", "run_2": "C"}, protocol).empty


def test_a_technology_belongs_to_an_ai() -> None:
    """A manual source with a technology is refused with a sentence."""
    file = [{"path": "x.csv", "layout": "long"}]
    manual = {"name": "manual", "label": LABEL, "role": "manual", "technology": "lector", "files": file}
    with pytest.raises(ValidationError, match="technology goes with role ai; drop it"):
        build_protocol(sources=[manual])


def test_identical_runs() -> None:
    """Two equal runs agree on everything, with a bound below 1, and a change of 0 with bounds around it."""
    rows = run({"run_1": "abcd", "run_2": "abcd"}, {"run_1": "CWCC", "run_2": "CWCC"})
    agreement = pick(rows, "repeat_agreement_rate")
    assert (agreement.estimate, agreement.upper) == (1, 1)
    assert agreement.lower < 1
    change = pick(rows, "error_change", method="newcombe")
    assert (change.estimate, change.k) == (0, 0)
    assert change.lower < 0 < change.upper


def test_nothing_delivered_is_undefined() -> None:
    """Cells that both runs leave empty say nothing of their agreement."""
    rows = run({"run_1": "..", "run_2": ".."}, {"run_1": "OO", "run_2": "OO"})
    found = pick(rows, "repeat_agreement_rate")
    assert (found.status, found.reason) == ("not_estimable", "no_values")


def test_two_runs_without_a_cell_in_common() -> None:
    """Runs on different patients have no agreement row and a change that is not estimable."""
    outcomes = build_pairs([("P0000", "", "", "C")], variable="stage", source="run_1")
    other = build_pairs([("P0001", "", "", "C")], variable="stage", source="run_2")
    pairs = pd.concat([outcomes, other], ignore_index=True)
    comparison = SimpleNamespace(pairs=pairs, patients=build_patients(pairs))
    rows = estimate_repeatability(comparison, build_records({"run_1": "a-", "run_2": "-a"}), build_runs())
    assert set(rows["reason"]) == {"no_pairs"}


def test_centres_as_units_widen_nothing_silently() -> None:
    """With whole centres as units the row says so and counts them."""
    rows = run({"run_1": "abcdef", "run_2": "abcdee"}, {"run_1": "CC", "run_2": "CC"}, unit="centre")
    found = pick(rows, "repeat_agreement_rate")
    assert (found.cluster_unit, found.clusters, found.method) == ("centre", 3, "wilson_clustered")
