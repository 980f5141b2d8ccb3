"""One run at a time in a folder: a lock that the operating system frees when its owner dies."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import IO

from probatio.protocol import UserError
from probatio.provenance import RunFolder
from probatio.review.locking import try_lock, unlock

_PAUSE = 0.2


@contextlib.contextmanager
def hold_run(run: RunFolder, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a run's folder, which is made if need be.

    Args:
        run: the folder of the run.
        wait: wait until another process has finished, rather than raise.

    Raises:
        UserError: another process runs into this folder, or it cannot be written.
    """
    with _open_lock(run) as stream:
        while not _ask_lock(run, stream):
            if not wait:
                raise UserError(f"{run.path}: another run writes into this folder; wait for its end or name another.")
            time.sleep(_PAUSE)
        try:
            yield
        finally:
            unlock(stream)


def _open_lock(run: RunFolder) -> IO[bytes]:
    try:
        run.path.mkdir(parents=True, exist_ok=True)
        return run.lock.open("ab")
    except (PermissionError, FileExistsError, NotADirectoryError) as error:
        raise UserError(f"{run.path}: cannot be written ({type(error).__name__}); name another --run.") from None


def _ask_lock(run: RunFolder, stream: IO[bytes]) -> bool:
    try:
        return try_lock(stream)
    except OSError as error:
        raise UserError(f"{run.path}: this disk cannot lock files ({error.strerror}); name --run elsewhere.") from None
