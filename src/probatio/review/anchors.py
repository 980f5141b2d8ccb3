"""Anchors beside the log: its head at several moments, so that a cut or a rewritten log shows.

Whoever cuts the log can cut this file too: the run's manifest keeps the anchors as well, and `probatio audit anchor`
prints them, to be kept where the log's keeper cannot write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from probatio.digest import derive_canonical_json
from probatio.protocol import UserError
from probatio.review.disk import append_bytes
from probatio.review.entries import Anchor, derive_time
from probatio.review.locking import hold_lock
from probatio.review.log import Clock, derive_lock_path, read_entries
from probatio.review.verifying import verify_log

_HASH = re.compile(r"[0-9a-f]{64}")


def derive_anchors_path(log: Path) -> Path:
    """Return where the anchors of a log stand, beside it."""
    return log.with_name(f"{log.stem}.anchors.jsonl")


def read_anchors(log: Path) -> list[Anchor]:
    """Return the anchors kept beside a log, the oldest first; none where there is no such file.

    Raises:
        UserError: a line of it is no anchor.
    """
    path = derive_anchors_path(log)
    if not path.is_file():
        return []
    try:
        return [parse_anchor(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path}: a line is no anchor of a log; bring the file back from a copy.") from None


def parse_anchor(text: str) -> Anchor:
    """Return an anchor from its line, or from `count:hash` as the command line takes it.

    Raises:
        ValueError, KeyError, TypeError: it is none.
    """
    count, _, head = text.partition(":") if not text.startswith("{") else _read_line(text)
    if not _HASH.fullmatch(head) or int(count) < 1:
        raise ValueError(text)
    return Anchor(int(count), head)


def _read_line(text: str) -> tuple[str, str, str]:
    value = json.loads(text)
    return str(value["count"]), "", str(value["hash"])


def find_head(log: Path, *, study: str, anchors: Sequence[Anchor] = ()) -> Anchor | None:
    """Return the head of a log that is sound and fits the anchors beside it and the given ones; None for any other.

    Raises:
        UserError: there is no log, or the anchors cannot be read.
    """
    if verify_log(log, [*read_anchors(log), *anchors], study=study):
        return None
    return read_entries(log)[-1].anchor


def keep_anchor(log: Path, *, study: str, clock: Clock = lambda: datetime.now(UTC)) -> Anchor:
    """Add a log's head to the anchors beside it, unless it is there; return it.

    Raises:
        UserError: the log is damaged or cut (it gets no anchor: that would hide it), or the folder cannot be written.
    """
    with hold_lock(derive_lock_path(log)):
        head = find_head(log, study=study)
        if head is None:
            raise UserError(f"{log}: damaged, so that it gets no anchor; `probatio audit verify` says where.")
        if head not in read_anchors(log):
            path = derive_anchors_path(log)
            line = derive_canonical_json({"at": derive_time(clock()), "count": head.count, "hash": head.hash})
            append_bytes(path, line + b"\n", path.stat().st_size if path.is_file() else 0)
    return head
