"""The entry of the audit log: its one form as a line of bytes, its hash, and what can be wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

from probatio.digest import compute_digest, derive_canonical_json

FORMAT: Final = "probatio-audit-1"
FIRST_PREVIOUS: Final = "0" * 64
"""What stands for the previous hash in the first entry."""

EntryKind = Literal["log", "opened", "shown", "decision", "withdrawn", "exported", "imported", "torn"]
"""`log`: the first entry, names format and study. `torn`: a line that a killed process left unfinished was set aside.
`opened`: a queue. `shown`: a case to a person. `exported`, `imported`: a workbook."""
KINDS: Final = get_args(EntryKind)

Fault = Literal[
    "unreadable", "format", "number", "time", "chain", "hash", "unfinished", "truncated", "rewritten", "foreign"
]
"""`unreadable`: not the canonical JSON of an entry. `format`: the first entry is not that of a log, or a later one is.
`chain`: the previous hash is not that of the entry before. `unfinished`: the last line has no end. `truncated`,
`rewritten`: not what an anchor knew. `foreign`: the log of another study."""

_TYPES: Final[dict[str, type]] = {
    "number": int, "at": str, "who": str, "kind": str, "protocol": str, "case": str, "shown": str, "content": dict,
    "previous": str, "hash": str,
}  # fmt: skip


@dataclass(frozen=True)
class Anchor:
    """The head of a log at one moment: the number of its entries and the hash of the last one (64 digits).

    Kept elsewhere, it proves later that the log still begins with the same entries.
    """

    count: int
    hash: str


@dataclass(frozen=True)
class Entry:
    """One line of the log.

    `number` from 1; `at` in UTC, such as `2026-11-26T08:30:00.000Z`; `who` as the person signed in (a pseudonym);
    `protocol`: digest of the protocol in force; `case`: name of the case, "" where none; `shown`: digest of what was
    shown; `content`: what else the kind needs; `previous` and `hash`: SHA-256, 64 hexadecimal digits.
    """

    number: int
    at: str
    who: str
    kind: str
    protocol: str
    case: str
    shown: str
    content: Mapping[str, Any]
    previous: str
    hash: str

    @property
    def anchor(self) -> Anchor:
        """The head of a log that ends here."""
        return Anchor(self.number, self.hash)


def build_entry(
    kind: EntryKind, before: Entry | None, *, now: datetime, content: Mapping[str, Any], **named: str
) -> Entry:
    """Return the entry that follows another one.

    Time never runs backwards in a log: where the clock was set back, the entry takes the time of the one before, and
    its content says in `clock` what the clock said.

    Args:
        kind: one of `KINDS`.
        before: the last entry; None: this is the first.
        now: with its time zone.
        content: what canonical JSON can hold.
        named: who, protocol, case, shown; those not given are empty.

    Raises:
        ValueError, TypeError: JSON has no form for the content.
    """
    clock = derive_time(now)
    late = before is not None and clock < before.at
    fields: dict[str, Any] = {
        "number": 1 if before is None else before.number + 1,
        "at": before.at if before is not None and late else clock,
        "kind": kind,
        "content": dict(content) | ({"clock": clock} if late else {}),
        "previous": FIRST_PREVIOUS if before is None else before.hash,
    }
    fields |= {name: named.get(name, "") for name in ("who", "protocol", "case", "shown")}
    kept = derive_canonical_json(fields)
    return Entry(**json.loads(kept), hash=compute_digest(kept))


def derive_time(now: datetime) -> str:
    """Return a moment as the log writes it: UTC, milliseconds, of one length, so that text sorts as time does."""
    return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def derive_line(entry: Entry) -> bytes:
    """Return the one line of an entry, its end included."""
    return derive_canonical_json(vars(entry)) + b"\n"


def read_line(line: bytes) -> Entry | None:
    """Return the entry of a line without its end; None where it is not the canonical JSON of one."""
    try:
        value = json.loads(line)
        if derive_canonical_json(value) != line or not isinstance(value, dict):
            return None
    except (ValueError, TypeError, RecursionError):
        return None
    if set(value) != set(_TYPES) or any(type(value[name]) is not kind for name, kind in _TYPES.items()):
        return None
    return Entry(**value)


def find_faults(entry: Entry, before: Entry | None, number: int) -> Iterator[Fault]:
    """Yield what is wrong with an entry at its place.

    Args:
        entry: as read.
        before: the entry on the line before; None where there is none, or it is unreadable.
        number: the place in the log, from 1.
    """
    fields = {name: value for name, value in vars(entry).items() if name != "hash"}
    if compute_digest(derive_canonical_json(fields)) != entry.hash:
        yield "hash"
    if entry.number != number:
        yield "number"
    if (entry.kind == "log") != (number == 1) or (number == 1 and entry.content.get("format") != FORMAT):
        yield "format"
    if (number == 1 and entry.previous != FIRST_PREVIOUS) or (before is not None and entry.previous != before.hash):
        yield "chain"
    if not _is_time(entry.at) or (before is not None and entry.at < before.at):
        yield "time"


def _is_time(text: str) -> bool:
    try:
        return derive_time(datetime.fromisoformat(text)) == text
    except ValueError:
        return False


def split_lines(content: bytes) -> tuple[Sequence[bytes], bytes]:
    """Return the lines that have an end, without it, and what follows the last end (empty in a whole log)."""
    *lines, rest = content.split(b"\n")
    return lines, rest
