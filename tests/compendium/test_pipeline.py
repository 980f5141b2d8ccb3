"""A run executes what its inputs ask for, whole or not at all, and says why."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from miniature import THIRD, Miniature
from probatio.compendium import RunSummary, TaskError, TaskEvent, run_study
from probatio.protocol import UserError
from probatio.provenance import RunFolder, read_manifest

RUN = """
import sys
from pathlib import Path
from probatio.compendium import run_study
project = Path(sys.argv[1])
run_study(project / 'protocol' / 'mini.yaml', project / 'runs' / 'mini', notebooks=project / 'notebooks')
"""


def run(made: Miniature, **settings: object) -> RunSummary:
    return run_study(made.protocol, made.run, notebooks=made.notebooks, **settings)  # type: ignore[arg-type]


def read_outputs(folder: Path) -> dict[str, bytes]:
    tasks = RunFolder(folder).tasks
    kinds = (".csv", ".svg", ".png")
    return {str(path.relative_to(tasks)): path.read_bytes() for path in tasks.rglob("*") if path.suffix in kinds}


def test_workers_move_no_byte(finished: Miniature, tmp_path: Path) -> None:
    """Rows, curves and figures of one worker are those of two, byte for byte; so is the manifest but `recorded`."""
    run_study(finished.protocol, tmp_path / "alone", notebooks=finished.notebooks, workers=1)
    alone, both = read_outputs(tmp_path / "alone"), read_outputs(finished.run)
    assert alone == both
    assert {name.split("/")[-1] for name in both} == {"rows.csv", "curve.csv", "line.svg", "line.png"}
    first, second = (read_manifest(folder).model_dump() for folder in (tmp_path / "alone", finished.run))
    assert first.pop("recorded") != second.pop("recorded")
    assert first == second


def test_fresh_run_executes_nothing(copied: Miniature) -> None:
    """With nothing changed no notebook runs and the manifest stays as it is."""
    before = RunFolder(copied.run).manifest.read_bytes()
    events: list[TaskEvent] = []
    summary = run(copied, listen=events.append)
    assert (summary.executed, summary.fresh) == ({}, ["01_first", "02_second", "03_third"])
    assert [event.kind for event in events] == ["planned"] * 3 + ["fresh"] * 3
    assert RunFolder(copied.run).manifest.read_bytes() == before
    assert all(seconds > 0 for seconds in summary.seconds.values())


def test_changed_notebook_with_the_same_rows_stops_there(copied: Miniature) -> None:
    """A notebook whose code changed runs; those that need it do not, since its rows are the same."""
    copied.edit(copied.notebooks / "01_first.ipynb", "len(lines) / 3", "len(lines) / (2 + 1)")
    assert run(copied).executed == {"01_first": "notebook changed"}


def test_changed_data_run_what_reads_them_and_what_follows(copied: Miniature) -> None:
    """A changed file runs the notebook that reads data, and the one that reads its changed rows, not the third."""
    copied.edit(copied.data / "model.csv", "P3,I\n", "")
    assert run(copied).executed == {"01_first": "data: model.csv changed", "02_second": "rows of 01_first changed"}
    assert read_manifest(copied.run).tasks.keys() == {"01_first", "02_second", "03_third"}


def test_changed_protocol_runs_all_that_read_it(copied: Miniature) -> None:
    """A protocol that says something else runs every notebook that reads it; a comment runs none."""
    copied.edit(copied.protocol, "study: mini", "# the same\nstudy: mini")
    assert run(copied).executed == {}
    copied.edit(copied.protocol, "seed: 1", "seed: 2")
    executed = run(copied).executed
    assert executed == {
        "01_first": "protocol changed",
        "02_second": "protocol changed; rows of 01_first changed",
        "03_third": "protocol changed",
    }


def test_parameter_reaches_its_notebook_alone(copied: Miniature) -> None:
    """A parameter runs the notebook that declares it, arrives as text, and is recorded."""
    assert run(copied, parameters={"word": "0.01"}).executed == {"03_third": "parameter word changed"}
    assert ",0.01," in RunFolder(copied.run).get_task("03_third").rows.read_text(encoding="utf-8")
    assert read_manifest(copied.run).parameters == {"word": "0.01"}
    with pytest.raises(UserError, match="parameter wrod"):
        run(copied, parameters={"wrod": "x"})


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]"])
def test_a_damaged_manifest_is_mended_by_the_next_run(copied: Miniature, content: bytes) -> None:
    """What a reader of the manifest is told to do, to run again, mends it without executing anything."""
    good = read_manifest(copied.run)
    RunFolder(copied.run).manifest.write_bytes(content)
    assert run(copied).executed == {}
    assert read_manifest(copied.run).tasks == good.tasks


def test_killed_run_is_completed_by_the_next(copied: Miniature) -> None:
    """After SIGKILL in the middle nothing half-written counts, no kernel survives, and the next run completes it."""
    pid = copied.path / "kernel.pid"
    slow = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid()))\ntime.sleep(0 if word == 'go' else 60)"
    copied.write_notebook("03_third", slow + THIRD, reads=("protocol",), parameters="word = 'none'")
    with subprocess.Popen([sys.executable, "-c", RUN, str(copied.path)]) as process:
        wait_until(lambda: pid.exists() and pid.read_text(encoding="utf-8"))
        process.kill()
    folder = RunFolder(copied.run)
    assert folder.get_partial("03_third").path.is_dir()
    assert not folder.manifest.exists()
    wait_until(lambda: not is_alive(int(pid.read_text(encoding="utf-8"))))
    summary = run(copied, parameters={"word": "go"})
    assert (summary.executed, summary.fresh) == ({"03_third": "interrupted"}, ["01_first", "02_second"])
    assert not folder.get_partial("03_third").path.exists()
    assert read_manifest(copied.run).tasks.keys() == {"01_first", "02_second", "03_third"}


def test_stopped_run_ends_its_processes(copied: Miniature) -> None:
    """Ctrl-C ends notebook and kernel, leaves no partial folder, and the next run starts the notebook again."""
    pid = copied.path / "kernel.pid"
    slow = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"
    copied.write_notebook("03_third", slow, reads=("protocol",))
    with subprocess.Popen([sys.executable, "-c", RUN, str(copied.path)], stderr=subprocess.PIPE) as process:
        wait_until(lambda: pid.exists() and pid.read_text(encoding="utf-8"))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    wait_until(lambda: not is_alive(int(pid.read_text(encoding="utf-8"))))
    assert not RunFolder(copied.run).get_partial("03_third").path.exists()


def test_failed_notebook_is_kept_and_the_earlier_rows_too(copied: Miniature) -> None:
    """A fault of ours names its type and where the notebook is kept, never the patient in its text."""
    copied.write_notebook("03_third", "patient = 'P7'\n{}[patient]", reads=("protocol",))
    before = read_outputs(copied.run)
    with pytest.raises(TaskError, match="03_third failed: it raised KeyError; the notebook is kept in") as caught:
        run(copied)
    kept = RunFolder(copied.run).get_failed("03_third").notebook
    assert "P7" not in str(caught.value)
    assert "KeyError: 'P7'" in caught.value.details
    assert '"ename": "KeyError"' in json.dumps(json.loads(kept.read_text(encoding="utf-8")))
    assert read_outputs(copied.run) == before
    assert not RunFolder(copied.run).manifest.exists()


def test_mistake_of_the_user_is_its_sentence(copied: Miniature) -> None:
    """A UserError raised inside a notebook surfaces as its sentence."""
    copied.write_notebook(
        "03_third",
        "from probatio.protocol import UserError\nraise UserError('model.csv:3: no such level; recode it.')",
        reads=("protocol",),
    )
    with pytest.raises(UserError, match=r"^03_third: model.csv:3: no such level; recode it\.$"):
        run(copied)


def test_notebook_that_writes_nothing_is_a_fault(copied: Miniature) -> None:
    """A notebook that ends without its rows fails instead of passing for complete."""
    copied.write_notebook("03_third", "pass", reads=("protocol",))
    with pytest.raises(TaskError, match="never wrote its rows"):
        run(copied)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_full_disk_is_a_sentence_and_leaves_no_rows(copied: Miniature) -> None:
    """A disk that fills up while rows are written is one sentence; no half-written rows stay."""
    fill = (
        f"import os; os.symlink('/dev/full', {str(RunFolder(copied.run).get_partial('03_third').rows)!r} + '.partial')"
    )
    copied.write_notebook("03_third", fill + THIRD, reads=("protocol",), parameters="word = 'none'")
    with pytest.raises(UserError, match="the disk is full"):
        run(copied)
    failed = RunFolder(copied.run).get_failed("03_third").path
    assert [path.name for path in failed.iterdir()] == ["notebook.ipynb"]


def test_foreign_folders_are_refused(copied: Miniature, tmp_path: Path) -> None:
    """A folder with other files, and the run of another study, are left alone."""
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(UserError, match="something else than a run"):
        run_study(copied.protocol, tmp_path / "letters", notebooks=copied.notebooks)
    copied.edit(copied.protocol, "study: mini", "study: other")
    with pytest.raises(UserError, match="holds the study mini, not other"):
        run(copied)


def wait_until(condition: object, *, seconds: float = 120) -> None:
    """Wait for what happens within two seconds, or much later on a machine with other work."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z")
