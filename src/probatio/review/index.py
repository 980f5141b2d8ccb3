"""An index of the audit log in SQLite: questions by case, by reader, by kind answered without reading all of it.

Never the truth: it is made from the log, and made again when it is missing, of another form, or does not fit the log.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from probatio.review.entries import Anchor, Entry
from probatio.review.log import read_entries

_VERSION: Final = 1
_FIELDS: Final = ("number", "at", "who", "kind", "protocol", "case", "shown", "content", "previous", "hash")
_TABLE: Final = """
CREATE TABLE entries (
    number INTEGER PRIMARY KEY, at TEXT, who TEXT, kind TEXT, protocol TEXT, "case" TEXT, shown TEXT, content TEXT,
    previous TEXT, hash TEXT
) STRICT;
CREATE INDEX by_case ON entries ("case", number);
CREATE INDEX by_who ON entries (who, number);
CREATE INDEX by_kind ON entries (kind, number);
"""


def derive_index_path(log: Path) -> Path:
    """Return where the index of a log stands, beside it."""
    return log.with_name(f"{log.stem}.index.sqlite")


class LogIndex:
    """Answers questions on a log; brought up to date by `update`.

    Not to be shared between threads: each opens its own.
    """

    def __init__(self, log: Path) -> None:
        """Open the index of a log, made if need be, and bring it up to date.

        Raises:
            UserError: there is no log, or an entry of it is damaged.
        """
        self.log, self.path = log, derive_index_path(log)
        self.update(read_entries(log))

    def update(self, entries: Sequence[Entry]) -> None:
        """Take in the log's further entries; make the index anew when it does not fit what it knows.

        Args:
            entries: all of the log, as read from it.
        """
        try:
            if self._add(entries):
                return
        except sqlite3.DatabaseError:
            pass  # not a database, or damaged: it is made anew
        self.path.unlink(missing_ok=True)
        self._add(entries)

    def find(self, *, who: str = "", kind: str = "", case: str = "") -> list[Entry]:
        """Return the entries that a person made, of a kind, about a case, in order; "" asks for any."""
        asked = {name: value for name, value in (("who", who), ("kind", kind), ("case", case)) if value}
        condition = " AND ".join(f'"{name}" = ?' for name in asked) or "1"
        with self._open() as base:
            query = f"SELECT * FROM entries WHERE {condition} ORDER BY number"  # noqa: S608 - names of ours alone
            return [_derive_entry(row) for row in base.execute(query, [*asked.values()])]

    def count_kinds(self) -> dict[str, int]:
        """Return the number of entries of each kind."""
        with self._open() as base:
            return dict(base.execute("SELECT kind, count(*) FROM entries GROUP BY kind ORDER BY kind").fetchall())

    @property
    def head(self) -> Anchor:
        """The last entry that the index knows."""
        with self._open() as base:
            return _read_head(base)

    def _add(self, entries: Sequence[Entry]) -> bool:
        """Add what is new, and say whether the index now fits the log."""
        with self._open() as base:
            if base.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                if base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    return False
                base.executescript(_TABLE)
                base.execute(f"PRAGMA user_version = {_VERSION}")
            head = _read_head(base)
            if head.count > len(entries) or (head.count and entries[head.count - 1].hash != head.hash):
                return False
            base.executemany(f"INSERT INTO entries VALUES ({', '.join('?' * len(_FIELDS))})",  # noqa: S608 - no value in it
                             [_derive_row(entry) for entry in entries[head.count :]])  # fmt: skip
            return bool(base.execute("SELECT count(*) FROM entries").fetchone()[0] == len(entries))

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self.path, timeout=60)) as base, base:
            yield base


def _read_head(base: sqlite3.Connection) -> Anchor:
    row = base.execute("SELECT number, hash FROM entries ORDER BY number DESC LIMIT 1").fetchone()
    return Anchor(*row) if row else Anchor(0, "")


def _derive_row(entry: Entry) -> tuple[object, ...]:
    return tuple(
        json.dumps(value, ensure_ascii=False) if name == "content" else value
        for name, value in ((name, getattr(entry, name)) for name in _FIELDS)
    )


def _derive_entry(row: tuple[object, ...]) -> Entry:
    fields = dict(zip(_FIELDS, row, strict=True))
    return Entry(**{**fields, "content": json.loads(str(fields["content"]))})
