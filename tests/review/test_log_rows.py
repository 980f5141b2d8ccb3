"""Rows of the audit log: counted by hand, and never those of a sound log for a damaged one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from probatio.protocol import Protocol, read_protocol
from probatio.review.anchors import keep_anchor
from probatio.review.log import derive_log_path
from probatio.review.log_rows import AUDIT_METRICS, estimate_audit
from probatio.wording import has_word
from traced_study import write_study


@pytest.fixture
def study(tmp_path: Path) -> tuple[Protocol, Path]:
    return read_protocol(write_study(tmp_path)), tmp_path / "data"


def read(rows: pd.DataFrame, column: str = "estimate") -> dict[str, object]:
    return dict(zip(rows["metric"], rows[column], strict=True))


def test_rows_count_the_log(study: tuple[Protocol, Path]) -> None:
    """Seven entries: of two cases shown or handed out one is decided; one of two decisions is taken back, one stale."""
    rows = estimate_audit(*study)
    assert read(rows) == {
        "audit_entries": 7, "audit_verified": 1, "audit_anchored": 7, "audit_decided": 0.5, "audit_withdrawn": 0.5,
        "audit_stale_decisions": 0.5, "audit_torn": 0,
    }  # fmt: skip
    assert read(rows, "n")["audit_stale_decisions"] == 2
    assert set(rows["source"]) == {"ai"}


@pytest.mark.parametrize("harm", ["changed", "cut", "gone"])
def test_damaged_log_is_not_verified_and_covers_nothing(study: tuple[Protocol, Path], harm: str) -> None:
    """A changed byte, a cut below the anchor, or a log that is gone: 0 verified, 0 anchored."""
    log = derive_log_path(study[1], "ai")
    keep_anchor(log, study="traced")
    content = log.read_bytes()
    if harm == "gone":
        log.unlink()
    else:
        cut = b"".join(content.splitlines(keepends=True)[:-1])
        log.write_bytes(cut if harm == "cut" else content.replace(b"reader-b", b"reader-c", 1))
    found = read(estimate_audit(*study))
    assert (found["audit_verified"], found["audit_anchored"]) == (0, 0)


def test_study_without_log_or_review_has_no_answer(study: tuple[Protocol, Path]) -> None:
    """Before the review begins, and without one declared, every metric is not applicable; each is worded."""
    protocol, root = study
    derive_log_path(root, "ai").unlink()
    for given in (protocol, protocol.model_copy(update={"review": None})):
        rows = estimate_audit(given, root)
        assert set(rows["metric"]) == set(AUDIT_METRICS)
        assert set(rows["status"]) == {"not_applicable"}
    assert all(has_word("metric", metric) for metric in AUDIT_METRICS)


def test_share_of_nothing_is_not_estimable(study: tuple[Protocol, Path]) -> None:
    """A log without a decision has no share of decisions."""
    log = derive_log_path(study[1], "ai")
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:2]))
    rows = estimate_audit(*study)
    assert read(rows, "status")["audit_stale_decisions"] == "not_estimable"
    assert read(rows, "reason")["audit_decided"] == "empty_denominator"
