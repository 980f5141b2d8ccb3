"""A task runs again exactly when what it reads or wrote differs, and the reason names the difference."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from probatio.compendium.notebooks import Notebook
from probatio.compendium.stamps import Ground, derive_inputs, describe_staleness, read_stamp, write_stamp
from probatio.provenance import RunFolder

GROUND = Ground(protocol="p", data={"a.csv": "1", "b.csv": "2"}, comparators={"a.csv": "1"}, package="s", lock="l")
NOTEBOOK = Notebook("02_b", Path("02_b.ipynb"), "n", ("01_a",), ("protocol", "data"), {"word": ""})


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Return a run with two stamped tasks."""
    run = RunFolder(tmp_path)
    for name, notebook in (("01_a", replace(NOTEBOOK, name="01_a", needs=())), ("02_b", NOTEBOOK)):
        task = run.get_task(name)
        task.path.mkdir(parents=True)
        task.rows.write_text(f"rows of {name}", encoding="utf-8")
        write_stamp(task, derive_inputs(notebook, GROUND, run, {"word": "x"}), 1.0)
    return run


def describe(run: RunFolder, *, notebook: Notebook = NOTEBOOK, parameters: str = "x", **ground: Any) -> str:
    inputs = derive_inputs(notebook, replace(GROUND, **ground), run, {"word": parameters})
    return describe_staleness(run, "02_b", inputs)


def test_fresh_task_has_no_reason(run: RunFolder) -> None:
    """Nothing changed: nothing to run, also after the stamp went through the disk."""
    assert describe(run) == ""


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"notebook": replace(NOTEBOOK, digest="m")}, "notebook changed"),
        ({"protocol": "q"}, "protocol changed"),
        ({"package": "t"}, "program changed"),
        ({"lock": "k"}, "locked packages changed"),
        ({"parameters": "y"}, "parameter word changed"),
        ({"data": {"a.csv": "1", "b.csv": "3"}}, "data: b.csv changed"),
        ({"data": {"a.csv": "1"}}, "data: b.csv is gone"),
        ({"data": {"a.csv": "1", "b.csv": "2", "c.csv": "3"}}, "data: c.csv is new"),
    ],
)
def test_reason_names_what_changed(run: RunFolder, changed: dict[str, Any], reason: str) -> None:
    """Each input that changed is the reason, alone."""
    assert describe(run, **changed) == reason


def test_reasons_add_up_and_many_files_are_counted(run: RunFolder) -> None:
    """Several changes are all named; of many files, three, and the number of the others."""
    data = {f"{n}.csv": "x" for n in range(5)} | GROUND.data
    assert describe(run, protocol="q", data=data) == (
        "protocol changed; data: 0.csv is new; data: 1.csv is new; data: 2.csv is new; data: 2 more files changed"
    )


def test_reads_restrict_what_counts(run: RunFolder) -> None:
    """A notebook that reads neither protocol nor data does not run again when they change."""
    closed = replace(NOTEBOOK, reads=())
    write_stamp(run.get_task("02_b"), derive_inputs(closed, GROUND, run, {"word": "x"}), 1.0)
    assert describe(run, notebook=closed, protocol="q", data={}) == ""


def test_upstream_rows_count_not_its_figures(run: RunFolder) -> None:
    """Changed rows upstream are a reason; a changed figure or notebook upstream with the same rows is none."""
    upstream = run.get_task("01_a")
    stamp = read_stamp(upstream)
    assert stamp is not None
    upstream.figures.mkdir()
    (upstream.figures / "a.svg").write_text("<svg/>", encoding="utf-8")
    write_stamp(upstream, replace(stamp.inputs, notebook="other"), 2.0)
    assert describe(run) == ""
    upstream.rows.write_text("other rows", encoding="utf-8")
    write_stamp(upstream, stamp.inputs, 2.0)
    assert describe(run) == "rows of 01_a changed"


def test_altered_or_missing_outputs_are_a_reason(run: RunFolder) -> None:
    """Rows changed by hand, a stamp that cannot be read, and a task that never ran are told apart."""
    task = run.get_task("02_b")
    task.rows.write_text("changed by hand", encoding="utf-8")
    assert describe(run) == "what it wrote was altered"
    task.stamp.write_text("{", encoding="utf-8")
    assert describe(run) == "never run"


def test_missing_confidential_file_is_a_reason(run: RunFolder) -> None:
    """A row-level file that was deleted is made again; one that somebody edited is not."""
    task = run.get_task("02_b")
    task.confidential.mkdir()
    (task.confidential / "cases.csv").write_text("P1", encoding="utf-8")
    stamp = read_stamp(task)
    assert stamp is not None
    write_stamp(task, stamp.inputs, 1.0)
    assert describe(run) == "confidential/cases.csv is gone"
    run.confidential.mkdir()
    (run.confidential / "cases.csv").write_text("P1, seen", encoding="utf-8")
    assert describe(run) == ""
