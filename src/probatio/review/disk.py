"""Bytes at the end of a file: all of them down to the disk, or none."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO

from probatio.protocol import UserError


def make_folder(folder: Path) -> None:
    """Make a folder with those above it, if need be.

    Raises:
        UserError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({type(error).__name__}); check the folder's rights.") from None


def append_bytes(path: Path, content: bytes, size: int) -> None:
    """Write at the end of a file and wait until the disk has it; take all back when that fails.

    Args:
        path: the file, made if need be.
        content: what to write.
        size: the file's size before, in bytes.

    Raises:
        UserError: the disk is full or cannot be written.
    """
    begun = not path.exists()
    try:
        with path.open("ab", buffering=0) as stream:
            try:
                _write_all(stream, content)
            except OSError:
                stream.truncate(size)
                raise
        if begun:
            _sync_folder(path.parent)
    except OSError as error:
        raise UserError(f"{path}: nothing was written ({error.strerror}); check the disk and its rights.") from None


def _write_all(stream: IO[bytes], content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[stream.write(left) :]
    os.fsync(stream.fileno())


def set_aside(path: Path, rest: bytes, size: int) -> Path:
    """Move the end of a file into a file of its own, `<name>.torn-<n>`, which is kept before anything is cut off.

    Args:
        path: the file.
        rest: its end.
        size: what is left of it, in bytes.
    """
    number = 1
    while (kept := path.with_name(f"{path.name}.torn-{number}")).exists():
        number += 1
    append_bytes(kept, rest, 0)
    with path.open("r+b") as stream:
        stream.truncate(size)
        os.fsync(stream.fileno())
    return kept


def _sync_folder(folder: Path) -> None:
    """Write a folder's list of names down to the disk; Windows does so by itself and has no call for it."""
    if sys.platform == "win32":
        return
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)
