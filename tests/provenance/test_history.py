"""A value's story: nothing that happened to it is left out, and it names nobody in a mistake."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from probatio.cli import run_command
from probatio.protocol import Language, Protocol, UserError, compute_protocol_digest, read_protocol
from probatio.provenance import (
    Manifest,
    ProtocolRecord,
    RunFolder,
    TaskRecord,
    derive_data_digests,
    derive_review_digests,
    write_manifest,
)
from probatio.provenance.trace.history import History, derive_history
from probatio.provenance.trace.telling import tell_history
from probatio.provenance.w3c.document import derive_prov_json
from probatio.provenance.w3c.value import derive_value_document
from probatio.results import derive_csv, derive_series
from traced_study import write_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("traced"))


@pytest.fixture(scope="module")
def protocol(study: Path) -> Protocol:
    return read_protocol(study)


def derive(study: Path, protocol: Protocol, patient: str = "P 1", **options: str) -> History:
    root = study.parent.parent / "data"
    return derive_history(protocol, root, patient_id=patient, **{"variable": "ps", **options})


@cache
def derive_once(study: Path, patient: str, **options: str) -> History:
    return derive(study, read_protocol(study), patient, **options)


def tell(study: Path, protocol: Protocol, patient: str = "P 1", language: Language = "en", **options: str) -> str:
    return "\n".join(tell_history(derive_once(study, patient, **options), protocol, language))


def test_raw_and_canonical_values_stand_side_by_side(study: Path, protocol: Protocol) -> None:
    """A recoded cell shows its text, its place in the file and what it became; one that does not conform says so."""
    said = tell(study, protocol)
    assert "Reader (ai) [t0]: “OMS 3” in ai.csv, line 2, column value; recoded to 3" in said
    assert "by reader-1.0, on 2025-01-02, confidence 0.610" in said
    said = tell(study, protocol, "P 3")
    assert "“VII” in ai.csv, line 4, column value; not a value that the protocol allows" in said
    assert "Other (other): nothing on it in its files" in said


def test_span_is_looked_up_in_the_document(study: Path, protocol: Protocol) -> None:
    """A snippet that is not what the document reads at the span is shown with what it does read."""
    assert "characters 12 to 17: “OMS 2”; the document reads “OMS 3” there" in tell(study, protocol)
    assert "le document y porte « OMS 3 »" in tell(study, protocol, language="fr")


def test_rules_outcomes_and_queue_are_told(study: Path, protocol: Protocol) -> None:
    """The broken rule by its label, the outcome beside the reference, the rank in the queue, the reasons in words."""
    said = tell(study, protocol)
    assert "Reader (ai): Not above 2 at t0 (convention; it reads ps@t0)" in said
    assert "Reader (ai) 3, Base (base) 1: Wrong value [t0]" in said
    assert "number 1 of 1 in the queue, for its expected gain: low confidence, breaks a rule" in said
    assert "not in the queue" in tell(study, protocol, "P 2")


def test_what_reviewers_saw_and_decided_is_told_in_order(study: Path, protocol: Protocol) -> None:
    """Shown, decided under another protocol, withdrawn, decided again; then what the source after review holds."""
    said = tell(study, protocol)
    steps = [
        "entry 3 of the log, reader-b: was shown the case (digest 555555555555)",
        "entry 4 of the log, reader-b: typed another value: 2 as first reader",
        "under another protocol than today's (ffffffffffff)",
        "entry 5 of the log, reader-b: took the decision back",
        "entry 6 of the log, reader-b: chose a competing value: 1 as first reader, on what was shown under",
        "555555555555; on the page",
        "entry 7 of the log, reader-c: was handed the case in a workbook (digest 888888888888)",
        "Hybrid (hybrid), 2025-03-04, reader-b, first reader: chose a competing value: 1, so that 3 became 1",
        "Hybrid (hybrid): 1 [t0]",
    ]
    places = [said.index(step) for step in steps]
    assert places == sorted(places)
    assert "entry 2" not in said
    assert "nobody has reviewed it" in tell(study, protocol, "P 2")


def test_nothing_said_can_steer_a_terminal(study: Path, protocol: Protocol) -> None:
    """An escape sequence in a comment is printed as blanks: every character of the story is printable."""
    said = tell(study, protocol)
    assert "comment: “line [2J one”" in said
    assert all(letter.isprintable() or letter == "\n" for letter in said)


def test_one_visit_alone_is_told_when_asked_for(study: Path, protocol: Protocol) -> None:
    """With a visit, cells, outcomes and cases of another one are left out."""
    history = derive_once(study, "P 1", visit="t1")
    assert history.delivered.empty
    assert history.analysed.empty
    assert history.entries == ()
    assert "no source has a value" in tell(study, protocol, visit="t1")


def test_run_gives_reliability_digests_and_what_has_changed_since(
    study: Path, protocol: Protocol, tmp_path: Path
) -> None:
    """With a run: the bin of reliability nearest to the confidence, each notebook's rows, and a file changed since."""
    run = write_run(tmp_path / "run", protocol, study.parent.parent / "data")
    history = derive_history(protocol, study.parent.parent / "data", patient_id="P 1", variable="ps", run=run)
    said = "\n".join(tell_history(history, protocol, "en"))
    assert "confidence near 0.60, 50.0% are right (40.0 to 60.0)" in said
    assert f"07_confidence: rows {'7' * 64}" in said
    assert "base.csv is no longer the file that the run has read" in said
    assert "ai.csv is no longer" not in said
    content = derive_prov_json(derive_value_document(history, protocol)).decode()
    assert '"prov:activity": "study:run/07_confidence",\n   "prov:entity": "study:value/ai/P%201/ps/t0/-"' in content


def write_run(run: Path, protocol: Protocol, root: Path) -> Path:
    """Write a run's manifest, the stamp of one notebook and its curve of reliability in two bins."""
    task = RunFolder(run).get_task("07_confidence")
    task.series.mkdir(parents=True)
    key = {"metric": "reliability", "analysis": "reliability", "source": "ai", "variable": "ps", "term": "confidence"}
    points = [{**key, "x": x, "y": y, "lower": y - 0.1, "upper": y + 0.1} for x, y in ((0.6, 0.5), (0.9, 0.8))]
    (task.series / "reliability.csv").write_bytes(derive_csv(derive_series(points, study="traced", section="07")))
    task.stamp.write_text(json.dumps({"inputs": {"data": {"ai.csv": "", "base.csv": ""}}}), encoding="utf-8")
    record = {"notebook": "6" * 64, "needs": [], "outputs": {"rows.csv": "7" * 64}, "confidential": {}}
    write_manifest(run, Manifest(
        study="traced", protocol=ProtocolRecord(path="traced.yaml", digest=compute_protocol_digest(protocol)),
        data={**derive_data_digests(protocol, root), **derive_review_digests(protocol, root), "base.csv": "0" * 64},
        parameters={}, tasks={"07_confidence": TaskRecord(**record)}, environment={}, recorded={"time": "2025-03-05"},
    ))  # fmt: skip
    return run


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["P 9", "ps"], "no such patient in the cohort"),
        (["P 1", "pss"], "pss: no such variable in the protocol; there are, among others, ps"),
        (["P 1", "ps.grade"], "no such variable"),
        (["P 1", "ps", "--visit", "t9"], "no such visit of ps; its visits are t0, t1"),
        (["P 1", "born", "--visit", "t0"], "it has no visits"),
        (["P 1", "ps", "--language", "de"], "write fr or en"),
        (["P 1", "ps", "--run", "none"], "no complete run"),
    ],
)
def test_mistakes_are_one_sentence_that_names_no_patient(
    study: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    """Unknown patient, variable, visit, language or run: exit code 2, one line, without the pseudonym."""
    code = run_command(["trace", *words, "--protocol", str(study)])
    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert sentence in err
    assert words[0] not in err


def test_trace_prints_in_the_protocol_s_language(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --language the story is in the protocol's; it goes to standard output, and nothing is written."""
    before = sorted(study.parent.parent.rglob("*"))
    assert run_command(["trace", "P 1", "ps", "--protocol", str(study)]) == 0
    assert "Indice de performance (ps), patient P 1, centre C1" in capsys.readouterr().out
    assert sorted(study.parent.parent.rglob("*")) == before


def test_value_is_told_before_any_decision(tmp_path: Path) -> None:
    """A source after review whose table of decisions is not there yet is passed over; the log is told all the same."""
    study = write_study(tmp_path)
    (tmp_path / "data" / "decisions.csv").unlink()
    said = tell(study, read_protocol(study))
    assert "Hybrid" not in said
    assert "entry 6 of the log, reader-b: chose a competing value: 1" in said


def test_queue_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    """A frozen queue that somebody has edited into something else is refused."""
    study = write_study(tmp_path)
    (tmp_path / "data" / "review" / "ai.queue.csv").write_text("a,b\n", encoding="utf-8")
    with pytest.raises(UserError, match="not a queue of values to review"):
        derive(study, read_protocol(study))
