"""Temporary runs: what a notebook opened by hand needs from those before it."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from probatio.compendium.locking import hold_run
from probatio.compendium.notebooks import Notebook, read_notebook
from probatio.compendium.pipeline import run_study
from probatio.compendium.stamps import Inputs, derive_ground, derive_inputs
from probatio.compendium.tasks import begin_task, install_task
from probatio.digest import compute_json_digest
from probatio.protocol import Protocol, UserError
from probatio.provenance import RunFolder, TaskFolder

WHOLE = "PROBATIO_WHOLE"
"""Set by whoever executes notebooks whole, as they stand in their files."""


def provide_upstream(protocol: Path, notebook: Notebook) -> RunFolder:
    """Return a run in which all that a notebook needs is fresh.

    The run lives in a folder of the user's own among the temporary files, one per protocol and folder
    of notebooks, so that the next notebook, in this process or another, finds it done.

    Raises:
        UserError: as `run_study` does, or the folder belongs to somebody else.
        TaskError: a needed notebook fails.
    """
    place = _provide_folder() / _derive_name(protocol, notebook)
    run_study(protocol, place, notebooks=notebook.path.parent.resolve(), only=notebook.needs, wait=True)
    return RunFolder(place)


def provide_folder(protocol: Path, notebook: Notebook) -> TaskFolder:
    """Return an empty folder for what a notebook writes when it is run by hand; the last one's is removed.

    A kernel seldom gets to tidy up when it ends: one known place keeps patients' data from piling up.

    Raises:
        UserError: the folder belongs to somebody else.
    """
    task = provide_by_hand(protocol, notebook)
    shutil.rmtree(task.path, ignore_errors=True)
    task.path.mkdir(parents=True, exist_ok=True)
    return task


def provide_by_hand(protocol: Path, notebook: Notebook) -> TaskFolder:
    """Return the folder of what a notebook writes when it is run by hand.

    Raises:
        UserError: the folder belongs to somebody else.
    """
    return TaskFolder(_provide_folder() / f"{_derive_name(protocol, notebook)}-by-hand" / notebook.name)


def derive_temporary_inputs(path: Path, protocol: Protocol, notebook: Notebook, root: Path) -> Inputs:
    """Return what a notebook reads when it is run by hand, as digests: data, program, rows of those before it."""
    folder = notebook.path.parent.resolve()
    ground = derive_ground(protocol, root, folder.parent, notebooks=[notebook])
    return derive_inputs(notebook, ground, RunFolder(_provide_folder() / _derive_name(path, notebook)), {})


def adopt_task(path: Path, notebook: Notebook, inputs: Inputs, begin: float) -> None:
    """Take what a notebook run by hand has written as its task in the temporary run: the next one finds it done.

    Only for a notebook whose cells were executed as they stand in its file, each once and in order.

    Args:
        path: the protocol.
        notebook: as it was when it was opened.
        inputs: what it has read.
        begin: when it was opened, on the clock of `time.perf_counter`.

    Raises:
        OSError: the disk is full.
    """
    place = _provide_folder() / _derive_name(path, notebook)
    run, made = RunFolder(place), provide_by_hand(path, notebook)
    with hold_run(run, wait=True):
        partial = begin_task(run, notebook.name)
        shutil.copytree(made.path, partial.path, dirs_exist_ok=True)
        shutil.copyfile(notebook.path, partial.notebook)
        install_task(run, notebook.name, inputs, time.perf_counter() - begin)


def is_executed_as_written(notebook: Notebook, executed: Sequence[str]) -> bool:
    """Say whether these are the notebook's cells of code from the first on, none left out, changed or added.

    A kernel that keeps no history of its cells is believed where `PROBATIO_WHOLE` is set, as `make test` does.
    """
    if WHOLE in os.environ:
        return True
    with contextlib.suppress(OSError, ValueError, KeyError, UserError):
        if read_notebook(notebook.path).digest != notebook.digest:
            return False
        cells = json.loads(notebook.path.read_text(encoding="utf-8"))["cells"]
        written = ["".join(cell["source"]).strip() for cell in cells if cell["cell_type"] == "code"]
        return bool(executed) and [text.strip() for text in executed] == written[: len(executed)]
    return False


def _derive_name(protocol: Path, notebook: Notebook) -> str:
    return compute_json_digest([str(protocol.resolve()), str(notebook.path.parent.resolve())])[:16]


def _provide_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"probatio-{getpass.getuser()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if sys.platform != "win32" and (folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o077):
        raise UserError(f"{folder}: others can read or own it, and runs hold patients' data; remove it or set TMPDIR.")
    return folder
