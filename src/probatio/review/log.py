"""The audit log: who saw and decided what, when, under which protocol; each entry chained by hash to the one before.

One entry a line, canonical JSON, on the disk before `append` returns. Nothing in it is ever changed. The chain shows
any change within it; only an anchor kept elsewhere shows that its end is missing, or that all was written again.
Confidential: it holds patients' values.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from probatio.digest import compute_digest
from probatio.protocol import UserError
from probatio.review.disk import append_bytes, make_folder, set_aside
from probatio.review.entries import (
    FORMAT,
    Anchor,
    Entry,
    EntryKind,
    build_entry,
    derive_line,
    find_faults,
    read_line,
    split_lines,
)
from probatio.review.locking import hold_lock

Clock = Callable[[], datetime]


def derive_log_path(root: Path, source: str) -> Path:
    """Return where the log of the review of a source stands, beside the study's data."""
    return root / "review" / f"{source}.jsonl"


def derive_queue_path(root: Path, source: str) -> Path:
    """Return where the queue that is being reviewed stands, frozen when the review was opened."""
    return root / "review" / f"{source}.queue.csv"


def derive_lock_path(log: Path) -> Path:
    """Return the file whose lock keeps others from writing into a log."""
    return log.with_name(f"{log.name}.lock")


def read_entries(path: Path) -> list[Entry]:
    """Return the entries of a log without touching it; a last line without end (being written, or torn) is left out.

    Raises:
        UserError: there is no log, or an entry is damaged.
    """
    lines, _ = split_lines(_read(path, 0))
    return _derive_entries(path, lines, None)


class AuditLog:
    """A log open for writing; several processes and threads may write into one.

    `torn`: the files to which unfinished last lines were moved when this log was opened or written to.
    """

    def __init__(self, path: Path, *, study: str = "", clock: Clock = lambda: datetime.now(UTC)) -> None:
        """Open a log, or begin it.

        A last line that a killed process left unfinished is moved to `<log>.torn-<n>`, and an entry says so. One that
        is whole but for its end gets it.

        Args:
            path: such as `data/demo/review/ai_a.jsonl`.
            study: its name; begins a log where there is none, and refuses that of another study.
            clock: gives the present, with its time zone.

        Raises:
            UserError: there is no log and no study is given; an entry is damaged; it is that of another study; the
                folder cannot be written.
        """
        self.path, self.torn = path, list[Path]()
        self._clock, self._entries, self._size = clock, list[Entry](), 0
        self._pending, self._depth, self._thread = list[bytes](), 0, threading.RLock()
        if not study and not path.is_file():
            raise UserError(f"{path}: {_ABSENT}")
        make_folder(path.parent)
        with self.hold():
            self._begin(study)

    @property
    def entries(self) -> Sequence[Entry]:
        """The entries as of the last `hold`, `append` or `refresh`."""
        return self._entries

    @property
    def head(self) -> Anchor:
        """The number of entries and the hash of the last one."""
        return self._entries[-1].anchor

    def refresh(self) -> Sequence[Entry]:
        """Return the entries, those that others have written since included.

        Raises:
            UserError: as when opening.
        """
        with self.hold():
            return self._entries

    def append(
        self, kind: EntryKind, *, who: str = "", protocol: str = "", case: str = "", shown: str = "", **content: Any
    ) -> Entry:
        """Write one entry, and return it once it is on the disk (within `hold`: at the end of the block).

        Args:
            kind: one of `entries.KINDS`.
            who: as the person signed in.
            protocol: digest of the protocol in force.
            case: name of the case.
            shown: digest of what was shown.
            content: what else there is to say; anything JSON has a form for.

        Raises:
            UserError: JSON has no form for the content, the disk is full, or as when opening.
        """
        with self.hold():
            before, named = (
                self._last,
                {"who": who, "protocol": protocol, "case": case, "shown": shown},
            )
            try:
                entry = build_entry(kind, before, now=self._clock(), content=content, **named)
            except (ValueError, TypeError):
                raise UserError(f"{self.path}: an entry holds what cannot be written as JSON; give text.") from None
            self._entries.append(entry)
            self._pending.append(derive_line(entry))
            return entry

    @contextlib.contextmanager
    def hold(self) -> Iterator[Sequence[Entry]]:
        """Keep others from writing during a block: what is read in it still holds when it writes.

        All that the block appends is written at its end, at once; nothing, when it raises.

        Raises:
            UserError: another process keeps the log, or as when opening and appending.
        """
        with self._thread:
            if self._depth:
                yield self._entries
                return
            with hold_lock(derive_lock_path(self.path)), self._go_deeper():
                self._read_others()
                yield self._entries
                self._write()

    @contextlib.contextmanager
    def _go_deeper(self) -> Iterator[None]:
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._pending:  # the block or the disk failed
                del self._entries[-len(self._pending) :], self._pending[:]

    def _read_others(self) -> None:
        """Read what was written since, from the last known entry on, and set an unfinished line aside."""
        known = derive_line(self._last) if self._last else b""
        content = _read(self.path, self._size - len(known)) if self.path.is_file() else b""
        if not content.startswith(known):
            raise UserError(f"{self.path}: altered since it was opened; nothing was written. {_ADVICE}")
        lines, rest = split_lines(content[len(known) :])
        self._entries += _derive_entries(self.path, lines, self._last)
        self._size += sum(len(line) + 1 for line in lines)
        if rest:
            self._mend(rest)

    def _mend(self, rest: bytes) -> None:
        before = self._last
        entry = read_line(rest)
        if entry is not None and not any(find_faults(entry, before, len(self._entries) + 1)):
            append_bytes(self.path, b"\n", self._size + len(rest))
            self._entries.append(entry)
            self._size += len(rest) + 1
            return
        if any(read_line(rest[: end + 1]) for end, byte in enumerate(rest) if byte == ord("}")):
            raise _build_refusal(self.path, len(self._entries) + 1)  # a whole entry with more behind it: not torn
        kept = set_aside(self.path, rest, self._size)
        self.torn.append(kept)
        if self._entries:
            self.append("torn", bytes=len(rest), digest=compute_digest(rest), kept=kept.name)
            self._write()

    def _write(self) -> None:
        if not self._pending:
            return
        content = b"".join(self._pending)
        append_bytes(self.path, content, self._size)
        self._size += len(content)
        self._pending.clear()

    @property
    def _last(self) -> Entry | None:
        return self._entries[-1] if self._entries else None

    def _begin(self, study: str) -> None:
        if not self._entries and not study:
            raise UserError(f"{self.path}: {_ABSENT}")
        if not self._entries:
            self.append("log", format=FORMAT, study=study)
        known = self._entries[0].content.get("study")
        if study and known != study:
            raise UserError(
                f"{self.path}: the log of the study {known}, not {study}; give each study its own data folder."
            )


_ABSENT = "there is no audit log here; open the review first."
_ADVICE = "`probatio audit verify` says where; bring the log back from a copy."


def _build_refusal(path: Path, number: int) -> UserError:
    return UserError(f"{path}: entry {number} is damaged; the log is left as it is. {_ADVICE}")


def _read(path: Path, start: int) -> bytes:
    try:
        with path.open("rb") as stream:
            stream.seek(start)
            return stream.read()
    except FileNotFoundError:
        raise UserError(f"{path}: {_ABSENT}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({type(error).__name__}); check the file and its rights.") from None


def _derive_entries(path: Path, lines: Sequence[bytes], before: Entry | None) -> list[Entry]:
    found: list[Entry] = []
    start = before.number if before else 0
    for number, line in enumerate(lines, start=start + 1):
        entry = read_line(line)
        if entry is None or any(find_faults(entry, before, number)):
            raise _build_refusal(path, number)
        found.append(entry)
        before = entry
    return found
