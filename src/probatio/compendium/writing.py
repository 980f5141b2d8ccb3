"""Write what a notebook has found: rows, curves, figures, and row-level files apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from probatio.provenance import TaskFolder
from probatio.results import Reason, ResultError, Status, derive_csv, derive_table, write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = pd.DataFrame | Iterable[Mapping[str, Any]]

_NAME = re.compile(r"^[a-z0-9][a-z0-9_]*$")
_FILE = re.compile(r"^[a-z0-9][a-z0-9_]*\.[a-z0-9]+$")


def derive_rows(rows: Rows, *, study: str, section: str, protocol_digest: str) -> pd.DataFrame:
    """Return the one table of a notebook's rows, checked and sorted.

    Raises:
        ResultError: a row breaks the contract of `results`: an `ok` row needs a finite estimate, any
            other status needs a reason and takes none, keys are unique.
    """
    table = derive_table(rows, study=study, section=section, protocol_digest=protocol_digest)
    ok = table["status"] == Status.OK
    for wrong, what in (
        (~table["status"].isin(list(Status)), "an unknown status"),
        (~table["reason"].isin(list(Reason)), "an unknown reason"),
        (ok & ~np.isfinite(table["estimate"]), "status ok without a number"),
        (~ok & table["estimate"].notna(), "a number in spite of its status"),
        (~ok & (table["reason"] == ""), "no reason for its status"),
    ):
        if wrong.any():
            first = table[wrong].iloc[0]
            raise ResultError(f"{int(wrong.sum())} rows have {what}, first: {first['metric']} of {first['variable']}")
    return table


def write_task(
    task: TaskFolder,
    table: pd.DataFrame,
    *,
    series: Mapping[str, pd.DataFrame],
    figures: Mapping[str, Figure],
    confidential: Mapping[str, bytes],
) -> None:
    """Write a notebook's outputs into its folder, the rows last.

    Raises:
        ResultError: a name is not in lower case, digits and underscores.
        OSError: the disk is full.
    """
    for name in (*series, *figures):
        _check_name(name, _NAME)
    for name, content in confidential.items():
        _check_name(name, _FILE)
        write_bytes(task.confidential / name, content)
    for name, frame in series.items():
        write_bytes(task.series / f"{name}.csv", derive_csv(frame))
    if figures:
        from probatio.display.export import write_figure  # noqa: PLC0415 - matplotlib only where a figure is
    for name, figure in figures.items():
        write_figure(figure, task.figures / name)
    write_bytes(task.rows, derive_csv(table))


def _check_name(name: str, pattern: re.Pattern[str]) -> None:
    if not pattern.match(name):
        raise ResultError(f"{name}: a file's name has lower-case letters, digits and underscores only")
