"""One writer at a time: a lock on a file that the operating system frees when its owner dies."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from probatio.protocol import UserError

_PAUSE = 0.005
_PATIENCE = 60.0


@contextlib.contextmanager
def hold_lock(path: Path, *, patience: float = _PATIENCE) -> Iterator[None]:
    """Hold the lock of a file, which is made if need be and stays: removing it would let two in.

    Args:
        path: the file that is locked, beside the one it protects. On Windows a locked file cannot even be read.
        patience: seconds to wait for another process or thread.

    Raises:
        UserError: another one holds it for longer than that, or the disk cannot be written or cannot lock.
    """
    with _open_lock(path) as stream:
        _wait_for(path, stream, patience)
        try:
            yield
        finally:
            unlock(stream)


def _open_lock(path: Path) -> IO[bytes]:
    try:
        return path.open("ab")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({type(error).__name__}); check the folder's rights.") from None


def _wait_for(path: Path, stream: IO[bytes], patience: float) -> None:
    end = time.monotonic() + patience
    try:
        while not try_lock(stream):
            if time.monotonic() > end:
                raise UserError(f"{path}: held by another process for more than {patience:g} s; close that one first.")
            time.sleep(_PAUSE)
    except OSError as error:
        raise UserError(f"{path}: this disk cannot lock files ({error.strerror}); keep the data elsewhere.") from None


if sys.platform == "win32":
    import msvcrt

    def try_lock(stream: IO[bytes]) -> bool:
        """Lock an open file if nobody else has it, and say whether it is now ours."""
        try:
            stream.seek(0)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def unlock(stream: IO[bytes]) -> None:
        """Give an open file's lock back."""
        stream.seek(0)
        msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def try_lock(stream: IO[bytes]) -> bool:
        """Lock an open file if nobody else has it, and say whether it is now ours."""
        try:
            fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(stream: IO[bytes]) -> None:
        """Give an open file's lock back."""
        fcntl.flock(stream.fileno(), fcntl.LOCK_UN)
