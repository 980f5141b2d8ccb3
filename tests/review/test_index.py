"""The index answers as the log would, and never outlives what it was made from."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from probatio.protocol import UserError
from probatio.review.entries import Entry
from probatio.review.index import LogIndex, derive_index_path
from probatio.review.log import AuditLog, read_entries


def make_log(path: Path, entries: int = 30) -> AuditLog:
    log = AuditLog(path, study="demo")
    with log.hold():
        for number in range(entries):
            kind = "decision" if number % 3 == 0 else "shown"
            log.append(kind, who=f"r{number % 4}", case=f"c{number % 7}", value="é\n", seconds=number / 7)  # type: ignore[arg-type]
    return log


def check(index: LogIndex, entries: list[Entry]) -> None:
    for case in {entry.case for entry in entries} - {""}:
        assert index.find(case=case) == [entry for entry in entries if entry.case == case]
    for who in {entry.who for entry in entries} - {""}:
        assert index.find(who=who) == [entry for entry in entries if entry.who == who]
    for kind, n in index.count_kinds().items():
        found = index.find(kind=kind)
        assert found == [entry for entry in entries if entry.kind == kind]
        assert len(found) == n
    assert index.find() == entries
    both = [entry for entry in entries if (entry.who, entry.kind) == ("r1", "shown")]
    assert index.find(who="r1", kind="shown") == both != []
    assert index.head == entries[-1].anchor


def test_answers_are_those_of_the_log(tmp_path: Path) -> None:
    """By case, reader and kind the index gives the log's own entries, those written since included."""
    log = make_log(tmp_path / "ai.jsonl")
    index = LogIndex(log.path)
    check(index, read_entries(log.path))
    log.append("shown", who="new", case="c0")
    assert index.find(who="new") == []
    index.update(log.refresh())
    check(index, read_entries(log.path))


@pytest.mark.parametrize("harm", ["gone", "text", "older form", "other log", "longer", "row dropped", "cut"])
def test_index_that_does_not_fit_is_made_anew(tmp_path: Path, harm: str) -> None:
    """Missing, damaged, of another form, of another or longer log, or with a row gone: answers are the log's again."""
    log = make_log(tmp_path / "ai.jsonl")
    LogIndex(log.path)
    place = derive_index_path(log.path)
    if harm == "gone":
        place.unlink()
    elif harm == "text":
        place.write_bytes(b"no database " * 100)
    elif harm == "cut":
        place.write_bytes(place.read_bytes()[:5000])
    elif harm in ("other log", "longer"):
        other = make_log(tmp_path / "other.jsonl", 30 if harm == "other log" else 60)
        LogIndex(other.path)
        shutil.copy(derive_index_path(other.path), place)
    else:
        base = sqlite3.connect(place)
        base.execute("PRAGMA user_version = 0" if harm == "older form" else "DELETE FROM entries WHERE number = 5")
        base.commit()
        base.close()
    check(LogIndex(log.path), read_entries(log.path))


def test_log_stays_the_truth(tmp_path: Path) -> None:
    """A damaged log is refused whatever the index still knows."""
    log = make_log(tmp_path / "ai.jsonl")
    LogIndex(log.path)
    log.path.write_bytes(log.path.read_bytes().replace(b'"who":"r1"', b'"who":"r2"', 1))
    with pytest.raises(UserError, match="damaged"):
        LogIndex(log.path)
