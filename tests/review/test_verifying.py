"""No change of the log goes unseen: bytes, lines, and its end once anchored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from probatio.protocol import UserError
from probatio.review.anchors import derive_anchors_path, find_head, keep_anchor, parse_anchor, read_anchors
from probatio.review.entries import Anchor, build_entry, derive_line
from probatio.review.log import AuditLog
from probatio.review.verifying import Finding, verify_log

START = datetime(2025, 3, 4, 8, 30, tzinfo=UTC)


def make_log(path: Path, entries: int, *, value: str = "II") -> AuditLog:
    ticks = count()
    log = AuditLog(path, study="demo", clock=lambda: START + timedelta(seconds=next(ticks)))
    with log.hold():
        for number in range(entries - 1):
            case = f"{number:016x}"
            log.append("shown", who="r1", protocol="a" * 64, case=case, shown="b" * 64)
            log.append("decision", who="r1", case=case, decision="chosen", value=f"{value} é\n\u2028", seconds=3.25)
    return log


def test_sound_log_has_no_finding(tmp_path: Path) -> None:
    """A log as it was written, with any earlier head as anchor, has no finding."""
    log = make_log(tmp_path / "ai.jsonl", 20)
    assert verify_log(log.path, [entry.anchor for entry in log.entries], study="demo") == []


def test_every_change_of_one_byte_is_found(tmp_path: Path) -> None:
    """1,000 random places, each byte changed into a random other one: all found, at that entry, without any anchor."""
    log = make_log(tmp_path / "ai.jsonl", 11)
    content, random = log.path.read_bytes(), np.random.default_rng(20261126)
    missed = []
    for _ in range(1000):
        place, other = int(random.integers(len(content))), int(random.integers(1, 256))
        changed = bytearray(content)
        changed[place] = (changed[place] + other) % 256
        log.path.write_bytes(changed)
        found = verify_log(log.path)
        if not found or found[0].number != content[:place].count(b"\n") + 1:
            missed.append((place, other))
    assert missed == []


@pytest.mark.parametrize("place", [0, 1, 10, -2, -1])
def test_ends_of_lines_count_as_bytes(tmp_path: Path, place: int) -> None:
    """A changed or missing newline is found at its line, the last one's included."""
    log = make_log(tmp_path / "ai.jsonl", 10)
    content = log.path.read_bytes()
    ends = [at for at, byte in enumerate(content) if byte == ord("\n")]
    for other in (b"", b" ", b"\r", b"\r\n", b"\n\n"):
        log.path.write_bytes(content[: ends[place]] + other + content[ends[place] + 1 :])
        found = verify_log(log.path)
        assert found
        assert found[0].number in (place % len(ends) + 1, place % len(ends) + 2)


def test_lines_moved_dropped_or_repeated_are_found(tmp_path: Path) -> None:
    """Every swap of two lines, every line dropped but the last, every line repeated: found at the first one touched."""
    log = make_log(tmp_path / "ai.jsonl", 7)
    lines = log.path.read_bytes().splitlines(keepends=True)
    for one in range(len(lines)):
        altered = {place: [*lines] for place in range(one + 1, len(lines))}
        for other, moved in altered.items():
            moved[one], moved[other] = moved[other], moved[one]
        attempts = [*altered.values(), [*lines[: one + 1], *lines[one:]]]
        attempts += [[*lines[:one], *lines[one + 1 :]]] if one + 1 < len(lines) else []
        for attempt in attempts:
            log.path.write_bytes(b"".join(attempt))
            found = verify_log(log.path)
            assert found
            assert found[0].number in (one + 1, one + 2)


def test_truncation_below_an_anchor_is_found_and_above_it_is_not(tmp_path: Path) -> None:
    """A log cut to any number of lines, down to none or gone altogether, shows exactly below the anchor."""
    log = make_log(tmp_path / "ai.jsonl", 8)
    lines, anchor = log.path.read_bytes().splitlines(keepends=True), log.entries[9].anchor
    for kept in range(len(lines) + 1):
        log.path.write_bytes(b"".join(lines[:kept]))
        assert (Finding(kept + 1, "truncated") in verify_log(log.path, [anchor])) == (kept < 10)
    log.path.unlink()
    assert Finding(1, "truncated") in verify_log(log.path, [anchor])
    with pytest.raises(UserError, match="no audit log here"):
        verify_log(log.path)


def test_log_written_again_as_a_whole_is_found_by_its_anchor(tmp_path: Path) -> None:
    """A consistent chain with other decisions has no fault of its own; the anchor knows another hash at its place."""
    log = make_log(tmp_path / "ai.jsonl", 8)
    other = make_log(tmp_path / "other.jsonl", 12, value="III")
    assert verify_log(other.path) == []
    assert verify_log(other.path, [log.head]) == [Finding(log.head.count, "rewritten")]


def test_entry_with_right_hash_in_the_wrong_place_or_time_is_found(tmp_path: Path) -> None:
    """Whoever computes hashes anew still has to keep number, order of time, form of the first entry, and study."""
    log = make_log(tmp_path / "ai.jsonl", 2)
    content, last = log.path.read_bytes(), log.entries[-1]
    earlier = build_entry("shown", None, now=START - timedelta(days=1), content={})
    log.path.write_bytes(content + derive_line(earlier))
    assert {finding.fault for finding in verify_log(log.path)} == {"number", "chain", "time"}
    log.path.write_bytes(content + derive_line(build_entry("log", last, now=START + timedelta(days=1), content={})))
    assert verify_log(log.path) == [Finding(4, "format")]
    log.path.write_bytes(content)
    assert verify_log(log.path, study="lung") == [Finding(1, "foreign")]


def test_anchor_is_kept_once_and_never_for_a_damaged_log(tmp_path: Path) -> None:
    """An anchor is added when the head has moved; a log cut below it gets no new one, which would hide the cut."""
    log = make_log(tmp_path / "ai.jsonl", 4)
    first = keep_anchor(log.path, study="demo")
    assert keep_anchor(log.path, study="demo") == first == log.head
    log.append("shown")
    second = keep_anchor(log.path, study="demo")
    assert read_anchors(log.path) == [first, second]
    log.path.write_bytes(b"".join(log.path.read_bytes().splitlines(keepends=True)[:3]))
    assert verify_log(log.path) == []
    assert find_head(log.path, study="demo") is None
    with pytest.raises(UserError, match="gets no anchor"):
        keep_anchor(log.path, study="demo")
    assert read_anchors(log.path) == [first, second]


@pytest.mark.parametrize("text", ["", "3", "3:abc", "0:" + "a" * 64, "x:" + "a" * 64, '{"count":3}', "{"])
def test_what_is_no_anchor_is_refused(tmp_path: Path, text: str) -> None:
    """A line that is no anchor is refused, in the file as a sentence."""
    with pytest.raises((ValueError, KeyError)):
        parse_anchor(text)
    derive_anchors_path(tmp_path / "ai.jsonl").write_text(text + "\n", encoding="utf-8")
    with pytest.raises(UserError, match="no anchor of a log"):
        read_anchors(tmp_path / "ai.jsonl")
    assert parse_anchor("3:" + "a" * 64) == Anchor(3, "a" * 64)
