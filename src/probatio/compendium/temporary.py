"""Temporary runs: what a notebook opened by hand needs from those before it."""

from __future__ import annotations

import getpass
import os
import shutil
import sys
import tempfile
from pathlib import Path

from probatio.compendium.notebooks import Notebook
from probatio.compendium.pipeline import run_study
from probatio.digest import compute_json_digest
from probatio.protocol import UserError
from probatio.provenance import RunFolder, TaskFolder


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
    path = _provide_folder() / f"{_derive_name(protocol, notebook)}-by-hand" / notebook.name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True, exist_ok=True)
    return TaskFolder(path)


def _derive_name(protocol: Path, notebook: Notebook) -> str:
    return compute_json_digest([str(protocol.resolve()), str(notebook.path.parent.resolve())])[:16]


def _provide_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"probatio-{getpass.getuser()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if sys.platform != "win32" and (folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o077):
        raise UserError(f"{folder}: others can read or own it, and runs hold patients' data; remove it or set TMPDIR.")
    return folder
