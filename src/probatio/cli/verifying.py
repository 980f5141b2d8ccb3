"""`probatio verify`: run again elsewhere, compare, say so."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from probatio.cli.showing import RunProgress, make_console, show_table
from probatio.compendium.opening import find_project
from probatio.compendium.proving import describe_study_proofs
from probatio.compendium.repeating import repeat_run
from probatio.protocol import UserError, read_protocol
from probatio.provenance import Outcome, Verification, read_manifest, verify_run
from probatio.provenance.crate import Likeness, check_crate, compare_run, is_crate
from probatio.provenance.crate.contents import derive_proof_folder
from probatio.provenance.proofs import describe_proofs, read_proof_folder
from probatio.provenance.release import read_key

_SHOWN = 20


def verify_folder(folder: Path, own: Path | None, *, workers: int, as_json: bool) -> int:
    """Verify a run or an unpacked crate; return 1 if something differs, else 0.

    Args:
        folder: of a run, or of a crate.
        own: a run of one's own to compare a crate with.
        workers: how many notebooks run at once.
        as_json: print the comparison of rows as JSON.

    Raises:
        UserError: there is neither, or as `verify_again`.
        TaskError: a notebook fails.
    """
    if is_crate(folder):
        return verify_crate(folder, own, workers=workers, as_json=as_json)
    if own is not None:
        raise UserError(f"{folder}: no unpacked crate; --run goes with one.")
    return verify_again(folder, workers=workers, as_json=as_json)


def verify_again(run: Path, *, workers: int, as_json: bool) -> int:
    """Repeat a run in a temporary folder and print the comparison; return 1 if something differs, else 0.

    A proof of the protocol's date that is spoilt counts as a difference.

    Raises:
        UserError: there is no complete run, or as `run_study`.
        TaskError: a notebook fails.
    """
    project = find_project(run, Path.cwd())
    proofs, sound = _describe_proofs(run, project)
    with tempfile.TemporaryDirectory(prefix="probatio-verify-", ignore_cleanup_errors=True) as folder:
        again = Path(folder) / "again"
        with RunProgress() as progress:
            repeat_run(run, again, project=project, workers=workers, listen=progress)
        found = verify_run(run, again)
    console = make_console()
    if as_json:
        console.print(derive_json(run, found, proofs))
    else:
        _show(console, run, found, proofs)
    return int(found.outcome == Outcome.DIFFERENT or not sound)


def verify_crate(folder: Path, own: Path | None, *, workers: int, as_json: bool) -> int:
    """Check an unpacked crate; then repeat the run in it, or compare it with a run of who holds its data.

    Raises:
        UserError: it cannot be read, or as `verify_again`.
        TaskError: a notebook fails.
    """
    found, console = check_crate(folder), make_console(error=as_json)
    console.print(f"{folder}: {found.files} files, {len(found.faults)} not as the MANIFEST says")
    for fault in found.faults[:_SHOWN]:
        console.print(fault)
    if found.faults:
        console.print(f"{folder}: altered; unpack the crate again before its rows are made again")
        return 1
    if own is not None:
        key = "" if found.run is not None else read_key(own)
        return _show_likeness(console, own, compare_run(folder, found.digests, own, read_manifest(own), key=key))
    if found.run is not None:
        return verify_again(found.run, workers=workers, as_json=as_json)
    place = folder / derive_proof_folder(found.digests["study"])
    lines, sound = _tell_proofs(lambda: describe_proofs(read_proof_folder(place, found.digests["protocol"])))
    for line in lines:
        console.print(line)
    console.print("Its data are confidential: who holds them makes the rows again and compares (README.md, --run).")
    return int(not sound)


def _show_likeness(console: Console, run: Path, found: Likeness) -> int:
    for sentence in (*found.inputs, *(f"{name}: other bytes than the crate's" for name in found.other[:_SHOWN])):
        console.print(sentence)
    if found.other and not found.released:
        console.print("Last digits move with the processor; released rows are rounded: `probatio release`, then again.")
    total = len(found.same) + len(found.other)
    verdict = "the crate's rows" if found.is_same else Outcome.DIFFERENT
    console.print(f"{run}: {len(found.same)} of {total} tables identical; {verdict}")
    return int(not found.is_same)


def _describe_proofs(run: Path, project: Path) -> tuple[list[str], bool]:
    manifest = read_manifest(run)
    path = project / manifest.protocol.path
    protocol = read_protocol(path)
    return _tell_proofs(lambda: describe_study_proofs(path, protocol, manifest))


def _tell_proofs(describe: Callable[[], list[str]]) -> tuple[list[str], bool]:
    """Return what proofs show, and whether they are sound; a spoilt one does not keep rows from being compared."""
    try:
        return describe(), True
    except UserError as error:
        return [f"Not proved: {error}"], False


def derive_json(run: Path, found: Verification, proofs: Sequence[str] = ()) -> str:
    """Return a verification as JSON: outcome, counts, differences, inputs, notes, proofs in time of the protocol."""
    value = {
        "run": run.as_posix(),
        "outcome": found.outcome,
        "counts": found.counts.to_dict("records"),
        "differences": found.differences.to_dict("records"),
        "inputs": found.inputs,
        "notes": found.notes,
        "proofs": list(proofs),
    }
    return json.dumps(value, indent=1, ensure_ascii=False)


def _show(console: Console, run: Path, found: Verification, proofs: Sequence[str]) -> None:
    show_table(console, list(found.counts.columns), found.counts.itertuples(index=False, name=None))
    if len(found.differences):
        console.print("")
        shown = found.differences.head(_SHOWN)
        columns = ["task", "table", "outcome", "column", "stored", "again", "key"]
        show_table(console, columns, shown[columns].itertuples(index=False, name=None))
        if len(found.differences) > _SHOWN:
            console.print(f"and {len(found.differences) - _SHOWN} more (--json lists all)")
    for sentence in (*found.inputs, *found.notes, *proofs):
        console.print(sentence)
    console.print(f"{run}: {found.outcome}")
