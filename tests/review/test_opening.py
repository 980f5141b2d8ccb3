"""A review's queue is frozen when it is opened; new cases are added behind, and no case moves."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from circuit_study import CELLS, CircuitStudy, copy_study, make_queue, open_circuit, read_circuit
from probatio.protocol import UserError
from probatio.review.opening import open_review, read_review, read_run_queue
from probatio.review.queue import derive_queue_csv


@pytest.fixture
def study(circuit_study: CircuitStudy, tmp_path: Path) -> CircuitStudy:
    return copy_study(circuit_study, tmp_path)


def test_the_queue_is_frozen_beside_the_data(study: CircuitStudy) -> None:
    """A later run with another queue moves no case; the log tells which queue was opened."""
    review = open_circuit(study)
    other = make_queue(CELLS[::-1])
    assert open_review(study.protocol, study.root, other) == 0
    again = read_circuit(study)
    assert list(again.circuit.cases) == list(review.circuit.cases) == list(make_queue()["case_id"])
    assert [entry.kind for entry in again.log.entries] == ["log", "opened"]
    assert again.queue_digest == review.queue_digest
    assert again.source == "first"


def test_new_cases_are_added_behind(study: CircuitStudy) -> None:
    """Only with `add`; those under review keep their place, and an addition is told in the log."""
    few, more = make_queue(CELLS[:3]), make_queue(CELLS[5:] + CELLS[:4])
    open_review(study.protocol, study.root, few)
    assert open_review(study.protocol, study.root, more) == 8
    assert len(read_circuit(study).queue) == 3
    assert open_review(study.protocol, study.root, more, add=True) == 0
    review = read_circuit(study)
    assert list(review.queue["case_id"][:3]) == list(few["case_id"])
    assert list(review.queue["position"]) == [*range(1, 12)]
    assert [dict(entry.content).get("added") for entry in review.log.entries] == [None, 3, 8]


def test_an_interrupted_addition_is_as_if_it_had_not_been(study: CircuitStudy) -> None:
    """The file was written, the log was not: the review stands as before, and may be added to again."""
    open_review(study.protocol, study.root, make_queue(CELLS[:3]))
    path = study.root / "review" / "first.queue.csv"
    path.write_bytes(derive_queue_csv(make_queue(CELLS[:6])))
    assert len(read_circuit(study).queue) == 3
    open_review(study.protocol, study.root, make_queue(), add=True)
    assert len(read_circuit(study).queue) == len(CELLS)


def test_an_interrupted_opening_is_begun_again(study: CircuitStudy) -> None:
    """A queue of which the log knows nothing was never opened."""
    path = study.root / "review" / "first.queue.csv"
    path.parent.mkdir()
    path.write_bytes(derive_queue_csv(make_queue(CELLS[:1])))
    assert len(open_circuit(study).queue) == len(CELLS)


def test_a_frozen_queue_that_changed_is_refused(study: CircuitStudy) -> None:
    """Neither a case taken away nor another patient's name goes unnoticed, nor a file that is gone."""
    open_circuit(study)
    path = study.root / "review" / "first.queue.csv"
    for content in (derive_queue_csv(make_queue(CELLS[1:])), path.read_bytes().replace(b"P1", b"P2")):
        path.write_bytes(content)
        with pytest.raises(UserError, match="changed since the review was opened"):
            read_circuit(study)
    path.unlink()
    with pytest.raises(UserError, match="is gone"):
        read_circuit(study)


def test_what_cannot_be_opened(study: CircuitStudy) -> None:
    """No run, no cases, another source's queue, no declared review: each is a sentence."""
    with pytest.raises(UserError, match="run the study, 08_review writes it"):
        read_run_queue(study.root, "first")
    for queue in (make_queue().iloc[:0], make_queue().assign(source="other")):
        with pytest.raises(UserError, match="no case of this source"):
            open_review(study.protocol, study.root, queue)
    with pytest.raises(UserError, match="open the review first"):
        read_circuit(study)
    silent = study.protocol.model_copy(update={"review": None})
    with pytest.raises(UserError, match="declares no review"):
        read_review(silent, study.root, study.records, {})


def test_a_run_s_queue_is_read_as_it_was(study: CircuitStudy) -> None:
    """What a notebook wrote among the confidential files comes back equal."""
    queue = make_queue(double=(2,))
    (study.root / "queue_first.csv").write_bytes(derive_queue_csv(queue))
    pd.testing.assert_frame_equal(read_run_queue(study.root, "first"), queue, check_dtype=False)
    (study.root / "queue_first.csv").write_text("nonsense", encoding="utf-8")
    with pytest.raises(UserError, match="not a readable queue"):
        read_run_queue(study.root, "first")
