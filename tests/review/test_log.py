"""The audit log: what is on the disk, who may write at once, what a killed process leaves, what is refused."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probatio.digest import compute_digest
from probatio.protocol import UserError
from probatio.review import disk
from probatio.review.entries import FORMAT, build_entry, derive_line, find_faults, read_line
from probatio.review.log import AuditLog, derive_log_path, read_entries
from probatio.review.verifying import verify_log

START = datetime(2025, 3, 4, 8, 30, tzinfo=UTC)
WRITE = """
import sys
from pathlib import Path
from probatio.review.log import AuditLog
log = AuditLog(Path(sys.argv[1]), study='demo')
for number in range(int(sys.argv[3])):
    log.append('decision', who=sys.argv[2], case=str(number))
"""
TELL = """
import sys
from pathlib import Path
from probatio.review.log import AuditLog
log = AuditLog(Path(sys.argv[1]), study='demo')
while True:
    print(log.append('decision', who=sys.argv[2], value='x' * 3000).hash, flush=True)
"""
DIE = """
import os, sys
from pathlib import Path
from probatio.review.log import AuditLog
log = AuditLog(Path(sys.argv[1]), study='demo')
with log.hold():
    print('held', flush=True)
    sys.stdin.read()
"""

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(st.none() | st.booleans() | NUMBERS | TEXTS, lambda inner: st.lists(inner, max_size=3))


class Clock:
    """A clock that goes a second further at each look."""

    def __init__(self, start: datetime = START, step: float = 1.0) -> None:
        self.now, self.step = start, timedelta(seconds=step)

    def __call__(self) -> datetime:
        self.now += self.step
        return self.now


def make_log(folder: Path, count: int = 3, *, clock: Clock | None = None) -> AuditLog:
    log = AuditLog(derive_log_path(folder, "ai"), study="demo", clock=clock or Clock())
    for number in range(count):
        log.append("decision", who="r1", protocol="p" * 64, case=f"{number:016x}", shown="s", value=f"é{number}\n")
    return log


def test_entries_are_canonical_lines_chained_by_their_own_hash(tmp_path: Path) -> None:
    """The first entry names format and study; each hash is the SHA-256 of the line without it, and names the last."""
    log = make_log(tmp_path)
    lines = log.path.read_bytes().splitlines(keepends=True)
    first = read_line(lines[0].strip())
    assert first is not None
    assert (first.kind, first.content) == ("log", {"format": FORMAT, "study": "demo"})
    for place, line in enumerate(lines):
        entry = read_line(line.strip(b"\n"))
        assert entry is not None
        without = line.strip(b"\n").replace(b'"hash":"' + entry.hash.encode() + b'",', b"")
        assert compute_digest(without) == entry.hash
        assert entry.number == place + 1
        assert entry.previous == (log.entries[place - 1].hash if place else "0" * 64)
    assert log.entries[1].at == "2025-03-04T08:30:02.000Z"
    assert read_entries(log.path) == list(log.entries)
    assert (log.head.count, log.head.hash) == (4, log.entries[-1].hash)


def test_log_opened_again_goes_on_and_another_study_is_refused(tmp_path: Path) -> None:
    """Opening changes no byte; the log of another study, or none at all, is refused in one sentence."""
    log = make_log(tmp_path)
    before = log.path.read_bytes()
    again = AuditLog(log.path)
    assert log.path.read_bytes() == before
    again.append("withdrawn", who="r1")
    assert log.path.read_bytes().startswith(before)
    with pytest.raises(UserError, match="the log of the study demo, not lung"):
        AuditLog(log.path, study="lung")
    with pytest.raises(UserError, match="no audit log here"):
        AuditLog(tmp_path / "none.jsonl")
    assert not (tmp_path / "none.jsonl").exists()


def test_two_processes_and_threads_write_one_chain(tmp_path: Path) -> None:
    """Three processes and two threads write at once: every entry is there, in one sound chain."""
    log = make_log(tmp_path, 0)
    processes = [subprocess.Popen([sys.executable, "-c", WRITE, str(log.path), name, "40"]) for name in ("a", "b", "c")]
    ours = AuditLog(log.path)
    threads = [threading.Thread(target=lambda: [ours.append("shown", who="d") for _ in range(40)]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait() for process in processes] == [0, 0, 0]
    found = read_entries(log.path)
    assert len(found) == 1 + 3 * 40 + 2 * 40
    assert {who: sum(entry.who == who for entry in found) for who in "abcd"} == {"a": 40, "b": 40, "c": 40, "d": 80}
    assert list(ours.refresh()) == found


def test_block_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """What a block appends is there at its end; when it raises, neither disk nor memory has any of it."""
    log = make_log(tmp_path)
    before, head = log.path.read_bytes(), log.head
    with pytest.raises(UserError, match="JSON"), log.hold():
        log.append("decision", who=log.append("shown").at, value=object())
    assert (log.path.read_bytes(), log.head) == (before, head)
    with log.hold() as entries:
        log.append("shown", who="r1")
        log.append("decision", who="r1")
        assert len(entries) == head.count + 2
        assert log.path.read_bytes() == before
    assert read_entries(log.path) == list(log.entries)


def test_killed_holder_frees_the_log(tmp_path: Path) -> None:
    """A process that is killed while it holds the log keeps nobody out."""
    log = make_log(tmp_path)
    other = subprocess.Popen(
        [sys.executable, "-c", DIE, str(log.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        other.kill()
    assert log.append("shown").number == log.head.count


def test_killed_writer_loses_nothing_that_it_was_told_is_written(tmp_path: Path) -> None:
    """A writer killed at any moment, five times: every entry it had acknowledged is in the log, which opens again."""
    path = derive_log_path(tmp_path, "ai")
    told: list[str] = []
    for turn in range(5):
        words = [sys.executable, "-c", TELL, str(path), f"t{turn}"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            told += [other.stdout.readline().strip() for _ in range(5 + 7 * turn)]
            other.kill()
            told += other.stdout.read().splitlines()[:-1]
    AuditLog(path)
    assert set(told) <= {entry.hash for entry in read_entries(path)}
    assert verify_log(path) == []


@given(content=st.dictionaries(TEXTS, VALUES, max_size=4), who=TEXTS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_content_reads_back_as_written(tmp_path: Path, content: dict[str, Any], who: str) -> None:
    """Whatever JSON has a form for, in any script, with newlines or quotes, is one line and comes back the same."""
    before = build_entry("log", None, now=START, content={"format": FORMAT, "study": "demo"})
    entry = build_entry("decision", before, now=START, content=content, who=who)
    line = derive_line(entry)
    assert line.count(b"\n") == 1
    assert read_line(line[:-1]) == entry
    assert entry.content == content
    path = tmp_path / "any.jsonl"
    path.write_bytes(derive_line(before) + line)
    assert read_entries(path) == [before, entry]


@given(place=st.integers(min_value=0), other=st.integers(min_value=1, max_value=255))
def test_no_byte_of_a_line_can_change(place: int, other: int) -> None:
    """A line with any byte changed is no entry, or one with a fault: nothing reads it as another decision."""
    before = build_entry("log", None, now=START, content={"format": FORMAT, "study": "demo"})
    entry = build_entry("decision", before, now=START, content={"value": "été", "seconds": 1.5}, who="r1")
    changed = bytearray(derive_line(entry)[:-1])
    changed[place % len(changed)] = (changed[place % len(changed)] + other) % 256
    found = read_line(bytes(changed))
    assert found is None or any(find_faults(found, before, 2))


def test_tail_of_zeros_is_torn_too(tmp_path: Path) -> None:
    """What a power cut leaves on some disks, a length without its bytes, is set aside like any unfinished line."""
    log = make_log(tmp_path)
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + bytes(500))
    assert AuditLog(log.path).torn[0].read_bytes() == bytes(500)
    assert log.path.read_bytes().startswith(whole)
    assert verify_log(log.path) == []


@pytest.mark.parametrize("cut", [1, 20, -1])
def test_torn_last_line_is_set_aside_with_its_bytes(tmp_path: Path, cut: int) -> None:
    """A line cut anywhere but at its end moves to a file of its own, an entry says so, and all before it stays."""
    log = make_log(tmp_path)
    whole, torn = log.path.read_bytes(), derive_line(log.entries[-1])[:-1][:cut]
    log.path.write_bytes(whole + torn)
    assert read_entries(log.path) == list(log.entries)
    again = AuditLog(log.path)
    assert [path.name for path in again.torn] == ["ai.jsonl.torn-1"]
    assert again.torn[0].read_bytes() == torn
    assert again.path.read_bytes() == whole + derive_line(again.entries[-1])
    assert again.entries[-1].content == {"bytes": len(torn), "digest": compute_digest(torn), "kept": "ai.jsonl.torn-1"}
    with again.path.open("ab") as stream:
        stream.write(torn)
    again.append("shown")
    assert [path.name for path in again.torn] == ["ai.jsonl.torn-1", "ai.jsonl.torn-2"]


def test_whole_last_line_only_gets_its_end(tmp_path: Path) -> None:
    """Where only the last line's end is missing no decision is lost: opening brings the same bytes back."""
    log = make_log(tmp_path)
    whole = log.path.read_bytes()
    log.path.write_bytes(whole[:-1])
    assert AuditLog(log.path).torn == []
    assert log.path.read_bytes() == whole


@pytest.mark.parametrize("kind", ["middle", "end", "cut below", "emptied"])
def test_damage_is_refused_and_left_as_it_is(tmp_path: Path, kind: str) -> None:
    """Any other damage is a sentence with the entry's number; no byte is touched, also by a log already open."""
    log = make_log(tmp_path)
    whole = log.path.read_bytes()
    hurt = {
        "middle": whole.replace(b'"who":"r1"', b'"who":"r2"', 1),
        "end": whole[:-1] + b"x",
        "cut below": b"".join(whole.splitlines(keepends=True)[:-1]),
        "emptied": b"",
    }[kind]
    log.path.write_bytes(hurt)
    if kind in ("middle", "end"):
        place = {"middle": 2, "end": 4}[kind]
        with pytest.raises(UserError, match=f"entry {place} is damaged"):
            AuditLog(log.path)
    if kind != "middle":
        with pytest.raises(UserError, match="altered since it was opened"):
            log.append("shown")
    assert log.path.read_bytes() == hurt


def test_disk_that_fails_leaves_the_log_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills in the middle of a line takes it back; the next entry is written as if nothing had been."""
    log = make_log(tmp_path)
    before = log.path.read_bytes()

    def fail(place: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(disk.os, "fsync", fail)
        with pytest.raises(UserError, match="nothing was written"):
            log.append("shown")
    assert (log.path.read_bytes(), log.head.count) == (before, 4)
    assert log.append("shown").number == 5
    assert len(read_entries(log.path)) == 5


def test_time_never_runs_backwards_and_says_when_the_clock_did(tmp_path: Path) -> None:
    """A clock set back gives the last entry's time, and its own beside it."""
    log = make_log(tmp_path, 1, clock=Clock(step=-60.0))
    first, second = log.entries
    assert second.at == first.at
    assert second.content["clock"] == "2025-03-04T08:28:00.000Z"


@pytest.mark.parametrize("value", [float("nan"), object(), "\ud800"])
def test_what_json_cannot_hold_is_a_sentence(tmp_path: Path, value: object) -> None:
    """NaN, an object and half a character are refused without showing them, and nothing is written."""
    log = make_log(tmp_path)
    before = log.path.read_bytes()
    with pytest.raises(UserError, match="cannot be written as JSON"):
        log.append("decision", value=value)
    assert (log.path.read_bytes(), log.head.count) == (before, 4)
