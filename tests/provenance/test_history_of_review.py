"""What the page and the workbook write into the log is what the story, the proof and the rows read from it."""

from __future__ import annotations

from pathlib import Path

from circuit_study import make_queue, make_study
from probatio.cli import run_command
from probatio.provenance.trace.history import derive_history
from probatio.provenance.trace.telling import tell_history
from probatio.review.circuit import Submission
from probatio.review.lending import lend_cases
from probatio.review.log import derive_log_path
from probatio.review.log_rows import estimate_audit
from probatio.review.opening import open_review, read_review
from probatio.review.recording import record_decision
from probatio.review.verifying import verify_log


def test_decisions_of_the_circuit_are_told_verified_and_counted(tmp_path: Path) -> None:
    """A value and a whole line of events, decided on the page, another case handed out: told, sound, counted."""
    study = make_study(tmp_path)
    open_review(study.protocol, study.root, make_queue(), who="keeper")
    review = read_review(study.protocol, study.root, study.records, study.texts)
    for name, answer, value in (("stage", "corrected", "III"), ("toxicity", "corrected", "term: rash; grade: 3")):
        case = next(each for each in review.circuit.cases.values() if (each.patient_id, each.variable) == ("P1", name))
        asked = Submission(case.case_id, case.digest, "first", 0, answer, value=value, comment="seen")
        record_decision(review.log, review.circuit, asked, "ann", language="en", via="page")
    lend_cases(review, "bob", language="en")
    told = {}
    for name in ("stage", "toxicity", "sex"):
        history = derive_history(study.protocol, study.root, patient_id="P1", variable=name)
        told[name] = "\n".join(tell_history(history, study.protocol, "en"))
    assert "ann: typed another value: III as first reader" in told["stage"]
    assert "comment: “seen”" in told["stage"]
    assert "ann: typed another value: term: rash; grade: 3 as first reader" in told["toxicity"]
    assert "bob: was handed the case in a workbook" in told["sex"]
    log = derive_log_path(study.root, "first")
    assert verify_log(log, [review.log.head], study="circuit") == []
    rows = estimate_audit(study.protocol, study.root).set_index("metric")
    assert rows.loc["audit_decided", ["k", "n"]].tolist() == [2, 12]
    assert rows.loc["audit_stale_decisions", "estimate"] == 0


def test_trace_needs_no_run_nor_decisions(tmp_path: Path) -> None:
    """Before anything is reviewed the story ends with what analyses read; exit code 0."""
    study = make_study(tmp_path)
    assert run_command(["trace", "P2", "stage", "--protocol", str(study.path)]) == 0
