"""Result rows of the audit log: how much it holds, whether it is sound, which decisions fell under another protocol.

| metric | estimate | n, k |
|---|---|---|
| audit_entries | entries of the log | |
| audit_verified | 1 where every entry and anchor holds, else 0 | |
| audit_anchored | entries that the anchor of this run covers: all of a sound log, none of another | n entries |
| audit_decided | share of the cases shown, handed out or decided that have a decision | n cases, k with one |
| audit_withdrawn | share of the decisions that were taken back | n decisions, k taken back |
| audit_stale_decisions | share of the decisions under another protocol than today's | n decisions, k of them |
| audit_torn | lines that a stopped process left unfinished, set aside | |

Without a review, or before it begins, all are not applicable.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pandas as pd

from probatio.protocol import Protocol, compute_protocol_digest
from probatio.results import Reason, Status, build_row, derive_table
from probatio.review.anchors import read_anchors
from probatio.review.entries import Entry, read_line, split_lines
from probatio.review.log import derive_log_path
from probatio.review.verifying import verify_log

AUDIT: Final = "audit"
AUDIT_METRICS: Final = (
    "audit_entries", "audit_verified", "audit_anchored", "audit_decided", "audit_withdrawn", "audit_stale_decisions",
    "audit_torn",
)  # fmt: skip


def estimate_audit(protocol: Protocol, root: Path) -> pd.DataFrame:
    """Return the rows of the module's table for the log of a study's review.

    They are the same for the same log and protocol, whoever asks: a damaged log has rows too, and is not read as a
    sound one would be.

    Args:
        protocol: the study.
        root: its data folder.

    Raises:
        UserError: the log or its anchors cannot be read.
    """
    if protocol.review is None:
        return derive_table(_list_silent("", Reason.NOT_DECLARED))
    source = protocol.review.source
    log = derive_log_path(root, source)
    if not log.is_file() and not read_anchors(log):
        return derive_table(_list_silent(source, Reason.NO_VALUES))
    sound = not verify_log(log, read_anchors(log), study=protocol.study)
    lines, _ = split_lines(log.read_bytes() if log.is_file() else b"")
    entries = [entry for entry in map(read_line, lines) if entry is not None]
    rows = _list_rows(entries, sound, compute_protocol_digest(protocol))
    return derive_table([{**row, "analysis": AUDIT, "source": source} for row in rows])


def _list_silent(source: str, reason: Reason) -> list[dict[str, Any]]:
    key: dict[str, Any] = {"analysis": AUDIT, "source": source, "status": Status.NOT_APPLICABLE, "reason": reason}
    return [build_row(metric, **key) for metric in AUDIT_METRICS]


def _list_rows(entries: list[Entry], sound: bool, digest: str) -> Iterator[dict[str, Any]]:
    yield build_row("audit_entries", len(entries), unit="entries")
    yield build_row("audit_verified", float(sound), unit="log", n=1, k=int(sound))
    yield build_row("audit_anchored", len(entries) if sound else 0, unit="entries", n=len(entries))
    decisions = [entry for entry in entries if entry.kind == "decision"]
    taken_back = {entry.content.get("decision_entry") for entry in entries if entry.kind == "withdrawn"}
    standing = {entry.case for entry in decisions if entry.number not in taken_back}
    handed = {case for entry in entries if entry.kind == "exported" for case in entry.content.get("cases", {})}
    cases = {entry.case for entry in entries if entry.case} | handed
    yield _derive_share("audit_decided", len(standing), len(cases))
    yield _derive_share("audit_withdrawn", sum(entry.number in taken_back for entry in decisions), len(decisions))
    stale = sum(entry.protocol != digest for entry in decisions)
    yield _derive_share("audit_stale_decisions", stale, len(decisions))
    yield build_row("audit_torn", sum(entry.kind == "torn" for entry in entries), unit="lines")


def _derive_share(metric: str, k: int, n: int) -> dict[str, Any]:
    """Return a share of all there is: no sample, so no interval."""
    if n:
        return build_row(metric, k / n, unit="proportion", n=n, k=k)
    return build_row(metric, unit="proportion", n=0, k=0, status=Status.NOT_ESTIMABLE, reason=Reason.EMPTY_DENOMINATOR)
