"""Anchor a study's audit log in the manifest of its run, so that a cut or a rewritten log shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from probatio.protocol import Protocol, UserError
from probatio.provenance import AnchorRecord, Manifest, read_manifest, write_manifest
from probatio.review.anchors import find_head, keep_anchor, read_anchors
from probatio.review.entries import Anchor, derive_time
from probatio.review.log import derive_log_path

Anchors = Mapping[str, list[AnchorRecord]]


def find_log(protocol: Protocol, root: Path) -> Path | None:
    """Return the audit log of a study: where it is, or was once anchored; None where there never was one."""
    if protocol.review is None:
        return None
    log = derive_log_path(root, protocol.review.source)
    return log if log.is_file() or read_anchors(log) else None


def derive_anchors(protocol: Protocol, root: Path, known: Manifest | None) -> dict[str, list[AnchorRecord]]:
    """Return the anchors of a run that ends now: those its manifest has, and the log's head.

    The head is kept beside the log too, where that can be written. A log that is damaged or cut gets no new anchor;
    the old ones stay, and `probatio audit verify` shows it.

    Raises:
        UserError: the log or its anchors cannot be read.
    """
    kept = {name: list(anchors) for name, anchors in (known.audit if known else {}).items()}
    log = find_log(protocol, root)
    if log is None or not log.is_file():
        return kept
    name = log.relative_to(root).as_posix()
    before = [Anchor(anchor.count, anchor.hash) for anchor in kept.get(name, [])]
    head = find_head(log, study=protocol.study, anchors=before)
    if head is not None:
        _keep_beside(log, protocol.study)
    if head is not None and head not in before:
        kept.setdefault(name, []).append(
            AnchorRecord(count=head.count, hash=head.hash, at=derive_time(datetime.now(UTC)))
        )
    return kept


def anchor_run(run: Path, protocol: Protocol, root: Path) -> None:
    """Add the log's head to the manifest of a complete run.

    Raises:
        UserError: there is no complete run of this study, or as `derive_anchors`.
    """
    manifest = read_manifest(run)
    if manifest.study != protocol.study:
        raise UserError(f"{run}: a run of the study {manifest.study}, not {protocol.study}; name another --run.")
    write_manifest(run, manifest.model_copy(update={"audit": derive_anchors(protocol, root, manifest)}))


def list_anchors(log: Path, root: Path, known: Manifest | None) -> list[Anchor]:
    """Return every anchor of a log: those beside it and those of a run's manifest.

    Raises:
        UserError: the anchors beside the log cannot be read.
    """
    name = log.relative_to(root).as_posix() if log.is_relative_to(root) else log.name
    recorded = known.audit.get(name, []) if known else []
    return [*read_anchors(log), *(Anchor(anchor.count, anchor.hash) for anchor in recorded)]


def _keep_beside(log: Path, study: str) -> None:
    try:
        keep_anchor(log, study=study)
    except UserError:
        return  # a folder that is read-only: the manifest has the anchor
