"""Which files of data each notebook of a run has read, by its stamp."""

from __future__ import annotations

import json
from collections.abc import Mapping

from probatio.provenance.layout import RunFolder

Reads = Mapping[str, list[str]]


def read_task_reads(run: RunFolder, tasks: list[str]) -> Reads:
    """Return the names of the files of data that each notebook has read; none where its stamp is gone."""
    found: dict[str, list[str]] = {}
    for task in tasks:
        try:
            stamp = json.loads(run.get_task(task).stamp.read_text(encoding="utf-8"))
            found[task] = sorted(stamp["inputs"]["data"])
        except (OSError, ValueError, KeyError, TypeError):
            found[task] = []
    return found
