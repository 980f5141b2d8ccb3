"""`probatio verify`: run again elsewhere, compare, say so."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from rich.console import Console

from probatio.cli.showing import RunProgress, make_console, show_table
from probatio.compendium.opening import find_project
from probatio.compendium.repeating import repeat_run
from probatio.provenance import Outcome, Verification, verify_run

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
    console = make_console()
    if as_json:
        console.print(derive_json(run, found))
    else:
        _show(console, run, found)
    return int(found.outcome == Outcome.DIFFERENT)


def derive_json(run: Path, found: Verification) -> str:
    """Return a verification as JSON: outcome, counts, differences, inputs, notes."""
    value = {
        "run": run.as_posix(),
        "outcome": found.outcome,
        "counts": found.counts.to_dict("records"),
        "differences": found.differences.to_dict("records"),
        "inputs": found.inputs,
        "notes": found.notes,
    }
    return json.dumps(value, indent=1, ensure_ascii=False)


def _show(console: Console, run: Path, found: Verification) -> None:
    show_table(console, list(found.counts.columns), found.counts.itertuples(index=False, name=None))
    if len(found.differences):
        console.print("")
        shown = found.differences.head(_SHOWN)
        columns = ["task", "table", "outcome", "column", "stored", "again", "key"]
        show_table(console, columns, shown[columns].itertuples(index=False, name=None))
        if len(found.differences) > _SHOWN:
            console.print(f"and {len(found.differences) - _SHOWN} more (--json lists all)")
    for sentence in (*found.inputs, *found.notes):
        console.print(sentence)
    console.print(f"{run}: {found.outcome}")
