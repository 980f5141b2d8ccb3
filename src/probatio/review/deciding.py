"""From the log to the table of decisions, which the source after review is made of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from probatio.records.decisions import CASE, DECISION_COLUMNS, SELECTION
from probatio.records.harmless import derive_harmless
from probatio.results import derive_csv, write_bytes
from probatio.review.circuit import Reading
from probatio.review.opening import OpenReview
from probatio.review.tables import Case


def derive_decisions_path(root: Path, source: str) -> Path:
    """Return where the table of decisions stands, beside the study's data."""
    return root / "review" / f"{source}.decisions.csv"


def derive_decisions(review: OpenReview) -> pd.DataFrame:
    """Return the decisions that count, adjudications included: `DECISION_COLUMNS`, and the case's probability.

    One row per reading, by the order of the queue and of the readings. Decisions taken back are left out: the log
    keeps them.
    """
    drawn = dict(zip(review.queue["case_id"], review.queue[SELECTION], strict=True))
    rows = [
        (*_derive_row(case, reading), drawn[name])
        for name, case in review.circuit.cases.items()
        for reading in review.circuit.states[name].readings
    ]
    return pd.DataFrame(rows, columns=[*DECISION_COLUMNS, SELECTION])


def write_decisions(review: OpenReview) -> Path:
    """Write the table of decisions beside the data (confidential), whole or not at all, and return its path.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    path = derive_decisions_path(review.root, review.source)
    table = derive_decisions(review)
    texts = [name for name in DECISION_COLUMNS if name != "seconds"]
    write_bytes(path, derive_csv(table.assign(**{name: table[name].map(derive_harmless) for name in texts})))
    return path


def _derive_row(case: Case, reading: Reading) -> Iterator[object]:
    yield from (getattr(case, name) for name in CASE)
    yield from (reading.settled.decision, reading.settled.value, reading.reader, reading.role, reading.at)
    yield reading.seconds
