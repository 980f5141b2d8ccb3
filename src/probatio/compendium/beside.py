"""A second process that draws beside this one: it is started first, and loads what draws while this one reads the run.

It never outlives this one. Nothing heavy is imported here, so that it starts before the rest is loaded.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

_WORTH = 40
"""From this many pieces on, a second process gains more than its start costs."""
_INCLUDE = re.compile(r"\{\{< include /?_run/")
_OTHER: ContextVar[ProcessPoolExecutor | None] = ContextVar("other", default=None)
_kept: list[Any] = []


@contextmanager
def open_other(document: Path) -> Iterator[ProcessPoolExecutor | None]:
    """Start the process for a document whose folder includes pieces enough; within another call, that one's.

    Args:
        document: the folder of its sources; one that does not exist has none.
    """
    if (already := _OTHER.get()) is not None or not _is_worth(document):
        yield already
        return
    other = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _begin)
    other.submit(_load)
    token = _OTHER.set(other)
    try:
        yield other
    finally:
        _OTHER.reset(token)
        other.shutdown(cancel_futures=True)


def _is_worth(document: Path) -> bool:
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in document.rglob("*.qmd"))
    return sum(len(_INCLUDE.findall(text)) for text in texts) >= _WORTH


def _begin() -> None:
    """Let the first process alone hear Ctrl-C, and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()
    threading.Thread(target=_end_with_first, daemon=True).start()


def _end_with_first() -> None:
    if first := multiprocessing.parent_process():
        first.join()
        os._exit(1)


def _load() -> None:
    from probatio.compendium import making  # noqa: F401, PLC0415 - all that draws


def keep(given: Any, folder: Path, suffixes: Sequence[str]) -> None:
    """Keep what the pieces of this process are made from."""
    from probatio.results import index_rows  # noqa: PLC0415

    for frame in given.rows.values():
        index_rows(frame)  # an index does not travel
    _kept[:] = given, folder, suffixes


def write_kept(name: str) -> None:
    """Write the piece of this name from what was kept."""
    from probatio.compendium.making import write_piece  # noqa: PLC0415
    from probatio.compendium.pieces import PIECES  # noqa: PLC0415

    given, folder, suffixes = _kept
    write_piece(given, folder, suffixes, next(piece for piece in PIECES if piece.name == name))
    gc.freeze()  # the end of this process need not look for what was drawn
