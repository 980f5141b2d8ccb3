"""One task on disk: begun in `.partial`, then installed whole, or kept as `.failed`."""

from __future__ import annotations

import errno
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from probatio.compendium.stamps import Inputs, read_stamp, write_stamp
from probatio.digest import compute_file_digest
from probatio.provenance import RunFolder, TaskFolder

_TRIES = 20
_PAUSE = 0.1


def begin_task(run: RunFolder, name: str) -> TaskFolder:
    """Make the empty folder of a task at work; what an earlier failure left is removed."""
    partial = run.get_partial(name)
    _remove(partial.path)
    _remove(run.get_failed(name).path)
    partial.path.mkdir(parents=True)
    return partial


def install_task(run: RunFolder, name: str, inputs: Inputs, seconds: float) -> None:
    """Stamp a task at work and put it in the place of its predecessor, row-level files apart.

    Raises:
        OSError: the disk is full, or a file is held open by another program.
    """
    partial, task = run.get_partial(name), run.get_task(name)
    before, stamp = read_stamp(task), write_stamp(partial, inputs, seconds)
    old = before.confidential if before else {}
    for file in {*old, *stamp.confidential}:
        _keep_edited(run.confidential / file, old.get(file, ""))
    _move_confidential(partial, run)
    for file in set(old) - set(stamp.confidential):
        (run.confidential / file).unlink(missing_ok=True)
    _remove(task.path)
    _rename(partial.path, task.path)


def keep_failed(run: RunFolder, name: str) -> Path:
    """Keep the executed notebook of a failed task, and nothing else of it; return where."""
    partial, failed = run.get_partial(name), run.get_failed(name)
    for path in partial.path.iterdir():
        if path != partial.notebook or not _is_whole(path):
            _remove(path)
    _remove(failed.path)
    _rename(partial.path, failed.path)
    return failed.notebook


def drop_partials(run: RunFolder) -> None:
    """Remove what tasks that were stopped had begun."""
    for name in sorted(find_interrupted(run)):
        _remove(run.get_partial(name).path)


def find_interrupted(run: RunFolder) -> set[str]:
    """Return the names of the tasks that were at work when an earlier run was stopped."""
    return {path.name.removesuffix(".partial") for path in run.tasks.glob("*.partial")}


def _keep_edited(path: Path, digest: str) -> None:
    """Set aside a row-level file that somebody has worked on since the run: his notes must not be lost."""
    if not digest or not path.is_file() or compute_file_digest(path) == digest:
        return
    number = 1
    while (aside := path.with_name(f"{path.stem}.edited-{number}{path.suffix}")).exists():
        number += 1
    path.rename(aside)


def _move_confidential(partial: TaskFolder, run: RunFolder) -> None:
    files = sorted(partial.confidential.glob("*"))
    if files:
        run.confidential.mkdir(mode=0o700, exist_ok=True)
    for file in files:
        file.replace(run.confidential / file.name)
    _remove(partial.confidential)


def _is_whole(notebook: Path) -> bool:
    try:
        return bool(json.loads(notebook.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        _retry(lambda: shutil.rmtree(path))
    else:
        path.unlink(missing_ok=True)


def _rename(path: Path, target: Path) -> None:
    _retry(lambda: path.rename(target))


def _retry(action: Callable[[], object]) -> None:
    """Try for two seconds: Windows refuses while a virus scanner or a dying process holds a file."""
    for _ in range(_TRIES):
        try:
            action()
        except OSError as error:
            if not isinstance(error, PermissionError) and error.errno != errno.ENOTEMPTY:
                raise
            time.sleep(_PAUSE)
        else:
            return
    action()
