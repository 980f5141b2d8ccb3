"""`probatio audit`: verify, list and anchor the log of a review."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from probatio.cli.showing import derive_shown, make_console, show_table
from probatio.compendium.anchoring import anchor_run, find_log, list_anchors
from probatio.compendium.opening import find_data_root
from probatio.protocol import Protocol, UserError, read_protocol
from probatio.provenance import Manifest, RunFolder, read_manifest
from probatio.review.anchors import keep_anchor, parse_anchor
from probatio.review.entries import KINDS, Anchor
from probatio.review.index import LogIndex
from probatio.review.log import read_entries
from probatio.review.verifying import Finding, verify_log
from probatio.wording import read_word

_SHOWN = 20
_SHORT = 12


def verify_audit_log(target: Path, run: Path | None, anchors: Sequence[str]) -> int:
    """Print what is wrong with a log, or that it is sound; return 1 or 0.

    Args:
        target: a protocol with a review, or the log itself.
        run: whose anchors count too; None: that of `runs/<study>`, where there is one.
        anchors: further ones, as `entries:hash`.

    Raises:
        UserError: there is no log, no such run, or an anchor is none.
    """
    given = [_parse_anchor(text) for text in anchors]
    if target.suffix == ".jsonl":
        log, study, root = target, "", target.resolve().parent.parent
        known = read_manifest(run) if run else None
    else:
        protocol = read_protocol(target)
        root = find_data_root(target, protocol)
        log, study, known = _find_log(target, protocol, root), protocol.study, _find_manifest(run, protocol)
    kept = [*list_anchors(log.resolve(), root, known), *given]
    return _show(log, verify_log(log, kept, study=study), kept)


def anchor_audit_log(path: Path, run: Path | None) -> None:
    """Keep a log's head beside it and in a run's manifest, and print it.

    Raises:
        UserError: there is no log, it is damaged or cut, or there is no such run.
    """
    protocol = read_protocol(path)
    root = find_data_root(path, protocol)
    log, folder = _find_log(path, protocol, root), _find_run(run, protocol)
    head = keep_anchor(log, study=protocol.study)
    if folder is not None:
        anchor_run(folder, protocol, root)
    make_console().print(f"{derive_shown(log)}: {head.count} entries; keep this where the log's keeper cannot write:")
    make_console().print(f"{head.count}:{head.hash}")


def list_audit_log(path: Path, *, who: str, kind: str, case: str) -> None:
    """Print the entries of a log that have all that is asked for, without their content.

    Raises:
        UserError: there is no log, an entry is damaged, or there is no such kind.
    """
    protocol = read_protocol(path)
    if kind and kind not in KINDS:
        raise UserError(f"--kind {kind}: no such kind; there are {', '.join(KINDS)}.")
    index = LogIndex(_find_log(path, protocol, find_data_root(path, protocol)))
    shown = [
        (entry.number, entry.at, entry.who, entry.kind, entry.case, entry.protocol[:_SHORT], entry.shown[:_SHORT])
        for entry in index.find(who=who, kind=kind, case=case)
    ]
    show_table(make_console(), ["number", "at", "who", "kind", "case", "protocol", "shown"], shown)


def _show(log: Path, found: Sequence[Finding], anchors: Sequence[Anchor]) -> int:
    console, name = make_console(), derive_shown(log)
    for finding in found[:_SHOWN]:
        console.print(f"{name}: entry {finding.number}: {read_word('log_fault', finding.fault, 'en')}")
    if len(found) > _SHOWN:
        console.print(f"{name}: and {len(found) - _SHOWN} more findings")
    if not found:
        last = max((anchor.count for anchor in anchors), default=0)
        held = f"anchored up to entry {last}" if last else "without an anchor: entries cut from its end would not show"
        console.print(f"{name}: sound, {len(read_entries(log))} entries, {held}")
    return int(bool(found))


def _find_log(path: Path, protocol: Protocol, root: Path) -> Path:
    if protocol.review is None:
        raise UserError(f"{path}: the study declares no review, so that it has no audit log; declare `review`.")
    log = find_log(protocol, root)
    if log is None:
        raise UserError(f"{path}: its review has no audit log yet; open one with `probatio review`.")
    return log


def _find_run(run: Path | None, protocol: Protocol) -> Path | None:
    usual = Path("runs") / protocol.study
    return run or (usual if RunFolder(usual).manifest.is_file() else None)


def _find_manifest(run: Path | None, protocol: Protocol) -> Manifest | None:
    folder = _find_run(run, protocol)
    known = read_manifest(folder) if folder else None
    if known is not None and known.study != protocol.study:
        raise UserError(f"{folder}: a run of the study {known.study}, not {protocol.study}; name another --run.")
    return known


def _parse_anchor(text: str) -> Anchor:
    try:
        return parse_anchor(text)
    except (ValueError, KeyError, TypeError):
        raise UserError(f"--anchor {text}: write the number of entries, a colon and the hash (64 digits).") from None
