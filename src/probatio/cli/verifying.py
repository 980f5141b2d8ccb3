"""`probatio verify`: run again elsewhere, compare, say so."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from probatio.cli.showing import RunProgress, make_console, show_table
from probatio.compendium.opening import find_project
from probatio.compendium.proving import describe_study_proofs
from probatio.compendium.repeating import repeat_run
from probatio.protocol import read_protocol
from probatio.provenance import Outcome, Verification, read_manifest, verify_run

_SHOWN = 20


def verify_again(run: Path, *, workers: int, as_json: bool) -> int:
    """Repeat a run in a temporary folder and print the comparison; return 1 if something differs, else 0.

    Raises:
        UserError: there is no complete run, or as `run_study`.
        TaskError: a notebook fails.
    """
    project = find_project(run, Path.cwd())
    with tempfile.TemporaryDirectory(prefix="probatio-verify-", ignore_cleanup_errors=True) as folder:
        again = Path(folder) / "again"
        with RunProgress() as progress:
            repeat_run(run, again, project=project, workers=workers, listen=progress)
        found = verify_run(run, again)
    console, proofs = make_console(), _describe_proofs(run, project)
    if as_json:
        console.print(derive_json(run, found, proofs))
    else:
        _show(console, run, found, proofs)
    return int(found.outcome == Outcome.DIFFERENT)


def _describe_proofs(run: Path, project: Path) -> list[str]:
    manifest = read_manifest(run)
    path = project / manifest.protocol.path
    return describe_study_proofs(path, read_protocol(path), manifest)


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
