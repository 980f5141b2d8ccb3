"""What a task wrote: the digests of its files, and the rows and curves of a whole run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from probatio.digest import compute_file_digest
from probatio.provenance.layout import RunFolder, TaskFolder
from probatio.provenance.manifest import Manifest, read_manifest
from probatio.results import derive_series, derive_table, read_rows, read_series


def derive_output_digests(task: TaskFolder) -> dict[str, str]:
    """Return the SHA-256 of a task's rows, series and figures, by relative name."""
    files = [task.rows, *task.series.glob("*.csv"), *task.figures.glob("*")]
    found = {path.relative_to(task.path).as_posix(): path for path in files if path.is_file()}
    return {name: compute_file_digest(found[name]) for name in sorted(found)}


def derive_confidential_digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of the files of a confidential folder, by name."""
    files = [path for path in folder.glob("*") if path.is_file()]
    return {path.name: compute_file_digest(path) for path in sorted(files)}


def find_altered(run: Path, manifest: Manifest) -> list[str]:
    """Return the rows, series and figures that are no longer those of the manifest, as `task/file`."""
    found = []
    for task, record in sorted(manifest.tasks.items()):
        now = derive_output_digests(RunFolder(run).get_task(task))
        found += [
            f"{task}/{name}" for name in sorted({*record.outputs, *now}) if record.outputs.get(name) != now.get(name)
        ]
    return found


def read_run_rows(run: Path) -> pd.DataFrame:
    """Return the result rows of every task of a complete run, as one sorted table.

    Raises:
        UserError: the folder holds no complete run.
        ResultError: a file of rows breaks its contract.
    """
    tables = _read_tasks(run, lambda task: [read_rows(task.rows)])
    return derive_table(pd.concat(tables, ignore_index=True) if tables else [])


def read_run_series(run: Path) -> pd.DataFrame:
    """Return the curves of every task of a complete run, as one sorted table.

    Raises:
        UserError: the folder holds no complete run.
        ResultError: a file of curves breaks its contract.
    """
    tables = _read_tasks(run, read_task_series)
    return derive_series(pd.concat(tables, ignore_index=True) if tables else [])


def read_task_series(task: TaskFolder) -> list[pd.DataFrame]:
    """Return each table of curves of one task, by name of file."""
    return [read_series(path) for path in sorted(task.series.glob("*.csv"))]


def _read_tasks(run: Path, read: Callable[[TaskFolder], list[pd.DataFrame]]) -> list[pd.DataFrame]:
    names = sorted(read_manifest(run).tasks)
    return [table for name in names for table in read(RunFolder(run).get_task(name)) if len(table)]
