"""Verify an audit log: every entry's form, hash, chain, number and time, and what anchors kept elsewhere knew of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from probatio.protocol import UserError
from probatio.review.entries import Anchor, Entry, Fault, find_faults, read_line, split_lines


@dataclass(frozen=True)
class Finding:
    """What is wrong with a log, and at which entry (its place in the file, from 1); never what it holds."""

    number: int
    fault: Fault


def verify_log(path: Path, anchors: Sequence[Anchor] = (), *, study: str = "") -> list[Finding]:
    """Return all that is wrong with a log, by entry; empty when it is sound.

    A change of any byte breaks an entry's form, its hash or the chain. That entries are missing at the end, or that
    the whole was written again, shows only against an anchor. A log that is gone is one cut to nothing.

    Args:
        path: the log.
        anchors: earlier heads of it, kept elsewhere.
        study: whose log it should be; "" for any.

    Raises:
        UserError: there is no log and no anchor says that there was one, or it cannot be read.
    """
    lines, rest = split_lines(_read(path, anchors))
    entries = [read_line(line) for line in lines]
    found = [*_find_broken(entries), *_find_unanchored(entries, anchors)]
    if rest or not lines:
        found.append(Finding(len(lines) + 1, "unfinished"))
    first = entries[0] if entries else None
    if study and first is not None and first.content.get("study") != study:
        found.append(Finding(1, "foreign"))
    return sorted(set(found), key=lambda finding: (finding.number, finding.fault))


def _find_broken(entries: Sequence[Entry | None]) -> Iterator[Finding]:
    before = None
    for number, entry in enumerate(entries, start=1):
        if entry is None:
            yield Finding(number, "unreadable")
        else:
            yield from (Finding(number, fault) for fault in find_faults(entry, before, number))
        before = entry


def _find_unanchored(entries: Sequence[Entry | None], anchors: Sequence[Anchor]) -> Iterator[Finding]:
    for anchor in anchors:
        if not 0 < anchor.count <= len(entries):
            yield Finding(len(entries) + 1, "truncated")
            continue
        entry = entries[anchor.count - 1]
        if entry is not None and entry.hash != anchor.hash:
            yield Finding(anchor.count, "rewritten")


def _read(path: Path, anchors: Sequence[Anchor]) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        if anchors:
            return b""
        raise UserError(f"{path}: there is no audit log here; name a protocol with a review, or a log.") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({type(error).__name__}); check the file and its rights.") from None
