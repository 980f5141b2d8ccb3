"""Temporary runs: what a notebook opened by hand needs from those before it."""

from __future__ import annotations

import getpass
import os
import sys
import tempfile
from pathlib import Path

from probatio.compendium.notebooks import Notebook
from probatio.compendium.pipeline import run_study
from probatio.digest import compute_json_digest
from probatio.protocol import UserError
from probatio.provenance import RunFolder


def provide_upstream(protocol: Path, notebook: Notebook) -> RunFolder:
    """Return a run in which all that a notebook needs is fresh.

    The run lives in a folder of the user's own among the temporary files, one per protocol and folder
    of notebooks, so that the next notebook, in this process or another, finds it done.

    Raises:
        UserError: as `run_study` does, or the folder belongs to somebody else.
        TaskError: a needed notebook fails.
    """
    folder = notebook.path.parent.resolve()
    place = _provide_folder() / compute_json_digest([str(protocol.resolve()), str(folder)])[:16]
    run_study(protocol, place, notebooks=folder, only=notebook.needs, wait=True)
    return RunFolder(place)


def _provide_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"probatio-{getpass.getuser()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if sys.platform != "win32" and (folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o077):
        raise UserError(f"{folder}: others can read or own it, and runs hold patients' data; remove it or set TMPDIR.")
    return folder
