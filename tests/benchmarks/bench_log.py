"""The audit log at 10,000 entries: written one by one and at once, opened, verified, indexed. Run as a script."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from probatio.review.index import LogIndex
from probatio.review.log import AuditLog
from probatio.review.verifying import verify_log

N = 10_000


def append(log: AuditLog) -> None:
    for number in range(N):
        log.append("decision", who="reader-1", protocol="a" * 64, case=f"{number:016x}", shown="b" * 64,
                   role="first", decision="chosen", value="IVB", comment="", seconds=12.5)  # fmt: skip


def append_at_once(log: AuditLog) -> None:
    with log.hold():
        append(log)


def show(what: str, act: Callable[[], object]) -> None:
    begin = time.perf_counter()
    act()
    sys.stdout.write(f"{what}: {time.perf_counter() - begin:.2f} s\n")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        one, all_ = (AuditLog(Path(folder) / f"{name}.jsonl", study="demo") for name in ("one", "all"))
        show(f"{N} appends, each on the disk", lambda: append(one))
        show(f"{N} appends in one block", lambda: append_at_once(all_))
        show("open", lambda: AuditLog(one.path))
        show("verify", lambda: verify_log(one.path, [one.head]))
        show("index from nothing", lambda: LogIndex(one.path))
        show("index again", lambda: LogIndex(one.path))


if __name__ == "__main__":
    main()
