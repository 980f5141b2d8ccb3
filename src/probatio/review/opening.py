"""Open a review: its queue is frozen beside the data, so that no new run moves a case under a reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from probatio.digest import compute_digest
from probatio.protocol import Protocol, Review, UserError, compute_protocol_digest
from probatio.records import Records
from probatio.results import write_bytes
from probatio.review.cases import derive_cases
from probatio.review.circuit import Circuit
from probatio.review.entries import Entry
from probatio.review.log import AuditLog, derive_log_path, derive_queue_path
from probatio.review.queue import derive_queue_csv, read_queue


@dataclass(frozen=True)
class OpenReview:
    """A review at work: its frozen queue, the circuit of its cases, its log.

    `queue_digest` is the SHA-256 of the frozen queue's file; `documents` and `texts` are the study's.
    """

    root: Path
    queue: pd.DataFrame
    queue_digest: str
    circuit: Circuit
    log: AuditLog
    documents: pd.DataFrame
    texts: Mapping[str, str]

    @property
    def source(self) -> str:
        """The source under review."""
        return self.log.path.stem


def get_declared_review(protocol: Protocol) -> Review:
    """Return the review that a protocol declares.

    Raises:
        UserError: it declares none.
    """
    if protocol.review is None:
        raise UserError(f"study {protocol.study}: the protocol declares no review; add the key review.")
    return protocol.review


def read_run_queue(confidential: Path, source: str) -> pd.DataFrame:
    """Return the queue that a run wrote among its confidential files.

    Raises:
        UserError: there is none.
    """
    path = confidential / f"queue_{source}.csv"
    if not path.is_file():
        raise UserError(f"{path}: there is no queue of {source}; run the study, 08_review writes it.")
    return _read(path)


def open_review(protocol: Protocol, root: Path, queue: pd.DataFrame, *, who: str = "", add: bool = False) -> int:
    """Freeze a queue as the one under review; return how many cases it has that the frozen one lacks.

    A review that is already open keeps its queue. With `add`, cases that it lacks are put behind the last one, and
    no other is moved.

    Args:
        protocol: the study.
        root: the data folder.
        queue: that of a run.
        who: opens it.
        add: take new cases up.

    Raises:
        UserError: the queue is empty or that of another source, or the frozen one is damaged.
    """
    source = get_declared_review(protocol).source
    if queue.empty or set(queue["source"]) != {source}:
        raise UserError(f"queue of {source}: it holds no case of this source; run the study again.")
    log = AuditLog(derive_log_path(root, source), study=protocol.study)
    with log.hold() as entries:
        known = _read_frozen(derive_queue_path(root, source), _find_opened(entries))
        new = queue if known is None else queue[~queue["case_id"].isin(known["case_id"])]
        if known is not None and (new.empty or not add):
            return len(new)
        whole = new if known is None else pd.concat([known, new], ignore_index=True)
        content = derive_queue_csv(whole.assign(position=range(1, len(whole) + 1)))
        write_bytes(derive_queue_path(root, source), content)
        log.append("opened", who=who, protocol=compute_protocol_digest(protocol), queue=compute_digest(content),
                   cases=len(whole), added=len(new))  # fmt: skip
    return 0


def read_review(protocol: Protocol, root: Path, records: Records, texts: Mapping[str, str]) -> OpenReview:
    """Return the review of a study as it stands.

    Args:
        protocol: the study.
        root: its data folder.
        records: its tables.
        texts: its documents' texts.

    Raises:
        UserError: it was not opened, or the frozen queue is not the one that was opened.
    """
    source = get_declared_review(protocol).source
    log = AuditLog(derive_log_path(root, source))
    opened = _find_opened(log.entries)
    queue = _read_frozen(derive_queue_path(root, source), opened)
    if queue is None or opened is None:
        raise UserError(f"{log.path}: this review is not open; export or serve it with --run.")
    circuit = Circuit(derive_cases(queue, records, texts, protocol), protocol, log.entries)
    return OpenReview(root, queue, str(opened.content["queue"]), circuit, log, records.documents, texts)


def _find_opened(entries: Sequence[Entry]) -> Entry | None:
    return next((entry for entry in reversed(entries) if entry.kind == "opened"), None)


def _read_frozen(path: Path, opened: Entry | None) -> pd.DataFrame | None:
    """Return the frozen queue as it was opened last; None before.

    Where adding cases was interrupted the file has some that no entry of the log tells of: they are left out.
    """
    if opened is None:
        return None
    if not path.is_file():
        raise UserError(f"{path}: the queue under review is gone; bring it back from a copy.")
    queue = _read(path).head(int(opened.content["cases"]))
    if compute_digest(derive_queue_csv(queue)) != opened.content["queue"]:
        raise UserError(f"{path}: changed since the review was opened; bring it back from a copy.")
    return queue


def _read(path: Path) -> pd.DataFrame:
    try:
        return read_queue(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable queue ({type(error).__name__}); run the study again.") from None
