"""A task's outputs replace the earlier ones whole, and nobody's notes are lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from probatio.compendium.stamps import Inputs, read_stamp
from probatio.compendium.tasks import begin_task, drop_partials, find_interrupted, install_task, keep_failed
from probatio.provenance import RunFolder

INPUTS = Inputs("n", "s", "l", "p", {}, {}, {})


def make_task(run: RunFolder, rows: str, **confidential: str) -> None:
    partial = begin_task(run, "01_a")
    partial.rows.write_text(rows, encoding="utf-8")
    for name, text in confidential.items():
        partial.confidential.mkdir(exist_ok=True)
        (partial.confidential / f"{name}.csv").write_text(text, encoding="utf-8")
    install_task(run, "01_a", INPUTS, 1.5)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Return the folder of a run."""
    return RunFolder(tmp_path)


def test_installs_whole_and_moves_row_level_files(run: RunFolder) -> None:
    """After install the task has rows and stamp; row-level files are in the run's confidential folder only."""
    make_task(run, "one", cases="P1")
    task, stamp = run.get_task("01_a"), read_stamp(run.get_task("01_a"))
    assert sorted(path.name for path in task.path.iterdir()) == ["rows.csv", "stamp.json"]
    assert (run.confidential / "cases.csv").read_text(encoding="utf-8") == "P1"
    assert stamp is not None
    assert (list(stamp.outputs), list(stamp.confidential), stamp.seconds) == (["rows.csv"], ["cases.csv"], 1.5)


def test_later_outputs_leave_nothing_of_the_earlier(run: RunFolder) -> None:
    """A row-level file that the notebook no longer writes is removed; an unchanged name is replaced."""
    make_task(run, "one", cases="P1", more="P2")
    make_task(run, "two", cases="P3")
    assert run.get_task("01_a").rows.read_text(encoding="utf-8") == "two"
    assert {path.name: path.read_text(encoding="utf-8") for path in run.confidential.iterdir()} == {"cases.csv": "P3"}


def test_edited_row_level_file_is_set_aside(run: RunFolder) -> None:
    """Notes that somebody made in a row-level file survive the next run beside the new file."""
    make_task(run, "one", cases="P1")
    for note in ("first note", "second note"):
        (run.confidential / "cases.csv").write_text(note, encoding="utf-8")
        make_task(run, "two", cases="P1")
    kept = {path.name: path.read_text(encoding="utf-8") for path in run.confidential.iterdir()}
    assert kept == {"cases.csv": "P1", "cases.edited-1.csv": "first note", "cases.edited-2.csv": "second note"}


def test_failure_keeps_the_notebook_alone(run: RunFolder) -> None:
    """Of a failed task the executed notebook stays, half-written rows do not; the earlier outputs stay in place."""
    make_task(run, "one")
    partial = begin_task(run, "01_a")
    partial.notebook.write_text('{"cells": []}', encoding="utf-8")
    partial.rows.write_text("half", encoding="utf-8")
    kept = keep_failed(run, "01_a")
    assert [path.name for path in kept.parent.iterdir()] == ["notebook.ipynb"]
    assert run.get_task("01_a").rows.read_text(encoding="utf-8") == "one"
    begin_task(run, "01_a")
    assert not kept.exists()


def test_half_written_notebook_is_not_kept(run: RunFolder) -> None:
    """A notebook that a full disk cut short is removed."""
    begin_task(run, "01_a").notebook.write_text('{"cells": [', encoding="utf-8")
    assert not keep_failed(run, "01_a").exists()


def test_interrupted_tasks_are_found_and_removed(run: RunFolder) -> None:
    """What a killed run left at work is named, then removed."""
    begin_task(run, "01_a")
    assert find_interrupted(run) == {"01_a"}
    drop_partials(run)
    assert find_interrupted(run) == set()
    assert list(run.tasks.iterdir()) == []
