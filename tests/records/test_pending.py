"""The reference's cells that await adjudication are read from the assessments file."""

from __future__ import annotations

import pytest
from small_study import Study, list_cells

from probatio.protocol import UserError

HEAD = "source,variable,visit,patient_id,reason\n"


def read_pending(study: Study, lines: str) -> list[tuple[str, str]]:
    study.write("assessments.csv", HEAD + lines)
    study.more = {"assessments": {"path": "assessments.csv"}}
    pending = study.read().pending
    return [*pending[["variable", "patient_id"]].itertuples(index=False, name=None)]


def empty_cells(study: Study) -> None:
    study.write("registry.csv", "patient_id,stage,hb\nP1,I,12\nP2,,11.5\nP3,III,\nP4,IV,8\n")


def test_pending_cells_are_not_assessed_and_wait(study: Study) -> None:
    """A pending cell leaves every denominator, and is known to be due."""
    empty_cells(study)
    assert read_pending(study, "registry,stage,,P2,pending\nregistry,hb,,P3,Pending\n") == [
        ("hb", "P3"), ("stage", "P2")]  # fmt: skip
    assert ("", "P2") not in list_cells(study.read(), "registry", "stage")


def test_a_cell_filled_all_the_same_no_longer_waits(study: Study) -> None:
    """The adjudicator's value counts, though the list was not updated."""
    assert read_pending(study, "registry,stage,,P2,pending\n") == []
    assert ("", "P2") in list_cells(study.read(), "registry", "stage")


def test_other_reasons_are_the_readers_own(study: Study) -> None:
    """Only the word pending makes a cell wait."""
    empty_cells(study)
    assert read_pending(study, "registry,stage,,P2,out_of_sample\n") == []


def test_what_the_reference_never_holds_does_not_wait(study: Study) -> None:
    """A variable that no file of the reference declares is not due."""
    assert read_pending(study, "registry,sites,,P2,pending\n") == []


def test_only_the_reference_awaits_adjudication(study: Study) -> None:
    """A technology pending is a mistake: one sentence with file and line."""
    with pytest.raises(UserError, match=r"assessments\.csv:2: reason: only the reference awaits adjudication"):
        read_pending(study, "model,stage,,P2,pending\n")
