"""Two runs never write into one folder."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from probatio.compendium.locking import hold_run
from probatio.protocol import UserError
from probatio.provenance import RunFolder

HOLD = """
import sys, time
from pathlib import Path
from probatio.compendium.locking import hold_run
from probatio.provenance import RunFolder
with hold_run(RunFolder(Path(sys.argv[1]))):
    print('held', flush=True)
    time.sleep(60)
"""


def test_second_run_is_refused_and_a_dead_one_frees_the_folder(tmp_path: Path) -> None:
    """While another process holds the folder it is refused in one sentence; once that process is killed it is free."""
    run = RunFolder(tmp_path / "run")
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(run.path)], stdout=subprocess.PIPE, text=True)
    with other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="another run writes into this folder"), hold_run(run):
            pass
        other.kill()
    with hold_run(run):
        assert run.path.is_dir()


def test_waiting_run_follows_the_other(tmp_path: Path) -> None:
    """With `wait`, the second run starts when the first has ended."""
    run, order = RunFolder(tmp_path / "run"), []

    def follow() -> None:
        with hold_run(run, wait=True):
            order.append("second")

    with hold_run(run):
        thread = threading.Thread(target=follow)
        thread.start()
        order.append("first")
    thread.join(timeout=10)
    assert order == ["first", "second"]


def test_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    """A run folder that is a file is the user's mistake."""
    (tmp_path / "run").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="cannot be written"), hold_run(RunFolder(tmp_path / "run")):
        pass
