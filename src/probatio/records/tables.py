"""The tables of a study as read, the ledger of what was set aside, and how it is written."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.protocol import Protocol

RECORD_COLUMNS = (
    "patient_id", "source", "variable", "visit", "event", "value", "unit", "state", "confidence",
    "document_id", "start", "end", "snippet", "extractor", "extracted_at", "conformant",
)  # fmt: skip
READING_COLUMNS = (
    "source", "patient_id", "variable", "visit", "event", "decision", "reviewer", "role", "decided_at", "seconds",
    "selection_probability", "before", "after", "conformant", "changed", "resolution", "stands",
)  # fmt: skip
DOCUMENT_COLUMNS = ("document_id", "patient_id", "type", "date", "path")
CELL = ("source", "variable", "visit", "patient_id")
REJECTED_COLUMNS = ("file", "line", "rule", "source", "variable", "patient_id")
FLOW_COLUMNS = ("step", "source", "variable", "unit", "n")

_NOWHERE: NDArray[np.intp] = np.empty(0, dtype=np.intp)
# A text that a spreadsheet would take for a formula when it opens rejected.csv.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Records:
    """What a study's files hold, in the tables of the data contract.

    Attributes:
        patients: the cohort, indexed by `patient_id` (sorted): `centre`, `development`,
            `reference_sampled`, `sampling_stratum`, `sampling_probability`, then the attributes.
            A missing text is "", a missing number NaN.
        documents: the kept documents: `document_id, patient_id, type, date, path`.
        assessments: the cells a source was asked and able to fill: `source, variable, visit, patient_id`.
        records: one row per delivered value (columns of the contract, and `conformant`). A value that
            does not conform keeps its raw text.
        rejected: every line or file set aside: `file, line, rule, source, variable, patient_id`.
        flow: `step, source, variable, unit, n`; for each source and variable
            read = rejected + not assessed + not documented + failed + delivered. Of a source after review also the
            values reviewed, changed and unresolved, and (unit `decisions`) the lines read and set aside.
        pending: the reference's cells that await adjudication, in the columns of assessments; they are not
            among the assessed ones.
        decisions: one row per reading of a reviewed case, by the source after review (`READING_COLUMNS`). `before`
            is what the source reviewed delivered, `after` what this reader made of it, "" where there is nothing;
            `changed`: the two differ; `conformant` is that of `after`. `resolution` is the case's: single, agreed,
            adjudicated or unresolved; `stands`: `after` is what the source after review holds.
    """

    patients: pd.DataFrame
    documents: pd.DataFrame
    assessments: pd.DataFrame
    records: pd.DataFrame
    rejected: pd.DataFrame
    flow: pd.DataFrame
    pending: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(CELL), dtype=object))
    decisions: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(READING_COLUMNS), dtype=object))

    def select_values(self, source: str, variable: str, visit: str) -> pd.DataFrame:
        """Return what one source delivered of one variable at a visit ("": it has none), in the order of `records`."""
        return self.records.take(self._places.get((source, variable, visit), _NOWHERE))

    @cached_property
    def _places(self) -> Mapping[Any, NDArray[np.intp]]:
        """Where the values of each source, variable and visit stand: analyses ask for them hundreds of times."""
        places = self.records.groupby(list(CELL[:3]), sort=False).indices
        return {cell: np.asarray(at, dtype=np.intp) for cell, at in places.items()}


def select_leading(table: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Return the rows of assessments or records whose source leads: all but further runs of a technology."""
    return table[table["source"].isin([source.name for source in protocol.leading])]


class Ledger:
    """Counts every patient and value read, and lists every line set aside."""

    def __init__(self) -> None:
        self._flow: Counter[tuple[str, str, str, str]] = Counter()
        self._rejected: list[pd.DataFrame] = []

    def count(self, step: str, n: int, *, source: str = "", variable: str = "", unit: str = "values") -> None:
        """Add `n` to a step of the flow; a step counted 0 is still shown."""
        self._flow[unit, source, variable, step] += n

    def reject(
        self, lines: pd.DataFrame, rule: str, *, source: str = "", variables: Mapping[str, int], unit: str = "values"
    ) -> None:
        """List lines (`file, line, patient_id`) under a rule; `variables` says how many values a line holds of each."""
        if lines.empty:
            return
        variable = next(iter(variables)) if len(variables) == 1 else ""
        listed = lines[["file", "line", "patient_id"]].assign(rule=rule, source=source, variable=variable)
        self._rejected.append(listed[list(REJECTED_COLUMNS)])
        for name, cells in variables.items():
            self.count(f"rejected_{rule}", len(lines) * cells, source=source, variable=name, unit=unit)

    def sum(self, step: str, *, source: str) -> int:
        """Return the number of a source's values at a step."""
        return sum(n for (_, name, _, at), n in self._flow.items() if (name, at) == (source, step))

    def describe_rejections(self, source: str) -> str:
        """Return the rules that set values of a source aside with their counts, as a clause of a sentence."""
        steps = dict.fromkeys(
            step for _, name, _, step in self._flow if name == source and step.startswith("rejected_")
        )
        return "".join(f", {self.sum(step, source=source)} {step.removeprefix('rejected_')}" for step in steps)

    def derive_rejected(self) -> pd.DataFrame:
        """Return every line set aside, by file and line."""
        if not self._rejected:
            return pd.DataFrame(columns=list(REJECTED_COLUMNS))
        return pd.concat(self._rejected).sort_values(list(REJECTED_COLUMNS), kind="stable", ignore_index=True)

    def derive_flow(self) -> pd.DataFrame:
        """Return the flow: patients, documents, then values by source and variable, in reading order."""
        ranks = [{name: at for at, name in enumerate(dict.fromkeys(names))} for names in zip(*self._flow, strict=True)]
        ranks[0] = {"patients": 0, "documents": 1, "exceptions": 2, "values": 3, "decisions": 4}
        keys = sorted(self._flow, key=lambda key: [rank[name] for rank, name in zip(ranks, key, strict=True)])
        rows = [
            (step, source, variable, unit, self._flow[unit, source, variable, step])
            for unit, source, variable, step in keys
        ]
        return pd.DataFrame(rows, columns=list(FLOW_COLUMNS))


def write_rejected(records: Records, path: Path) -> None:
    """Write rejected.csv (confidential: it names patients); a text like a formula gets a leading apostrophe."""
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(REJECTED_COLUMNS)
        for row in records.rejected[list(REJECTED_COLUMNS)].itertuples(index=False):
            writer.writerow([_derive_harmless(str(cell)) for cell in row])
    partial.replace(path)


def _derive_harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
