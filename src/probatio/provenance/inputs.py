"""The files of data that a protocol names, and their digests."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from probatio.digest import compute_file_digest
from probatio.protocol import Protocol, UserError
from probatio.records.files import find_data_files
from probatio.review.log import derive_log_path, derive_queue_path


def derive_data_digests(protocol: Protocol, root: Path, *, sources: Collection[str] | None = None) -> dict[str, str]:
    """Return the SHA-256 of every file of data the protocol names, by its name relative to the data folder.

    Args:
        protocol: the study.
        root: its data folder.
        sources: without the files of other sources than these, which are not opened; None: all.

    Raises:
        UserError: a named file does not exist, a pattern matches none, or a file cannot be read.
    """
    return {
        name: _compute_digest(name, path) for name, path in find_data_files(protocol, root, sources=sources).items()
    }


def derive_review_digests(protocol: Protocol, root: Path) -> dict[str, str]:
    """Return the SHA-256 of the audit log and of its frozen queue, as `review/ai.jsonl`; none before a review.

    Raises:
        UserError: one of them cannot be read.
    """
    if protocol.review is None:
        return {}
    paths = [derive(root, protocol.review.source) for derive in (derive_log_path, derive_queue_path)]
    names = {path.relative_to(root).as_posix(): path for path in paths if path.is_file()}
    return {name: _compute_digest(name, path) for name, path in names.items()}


def _compute_digest(name: str, path: Path) -> str:
    try:
        return compute_file_digest(path)
    except OSError as error:
        raise UserError(f"{name}: cannot be read ({type(error).__name__}); check the file and its rights.") from None
