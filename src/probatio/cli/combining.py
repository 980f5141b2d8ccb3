"""`probatio combine`: pool the rows of several hospitals' runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from probatio.compendium.combining import combine_runs
from probatio.protocol import UserError
from probatio.results import derive_csv, write_bytes


def show_combined(runs: Sequence[Path], csv: Path) -> None:
    """Write the pooled rows and say in a sentence what became of the runs' rows.

    Raises:
        UserError: the runs cannot be pooled, or the file not written.
    """
    combined = combine_runs(runs)
    try:
        write_bytes(csv, derive_csv(combined.rows))
    except (NotADirectoryError, IsADirectoryError, PermissionError, FileExistsError) as error:
        raise UserError(f"{csv}: cannot be written ({error.strerror}); name another file.") from None
    known = int((combined.rows["status"] == "ok").sum())
    sys.stdout.write(
        f"{csv}: {len(combined.rows)} rows pooled from {combined.runs} runs, {known} of them with a number; "
        f"{combined.left_out} rows of measures that need more than counts are left out\n"
    )
