"""Runs, prompts and versions of one technology: do they say the same, and has error changed?

Sources with the same `technology` are compared with its leading one, the one declared `primary`, else the
first. `source` is the other run or version, `comparator` the leading one.

| metric | formula | cells |
|---|---|---|
| repeat_agreement_rate | same value or explicit negative / all | asked of both, delivered by one or both |
| repeat_presence_rate | delivered by one only / all | the same |
| error_change | mean of error(source) - error(leading) | those not empty for both, against the reference |
| omission_change, unsupported_change | the same of omissions, unsupported values | as in `paired` |

Agreement lies in [0, 1]: Wilson's interval, clustered by patient. Changes lie in [-1, 1], negative where the
source errs less than the leading one: Newcombe's interval to report, Tango's to accept, as in `paired`.
Agreement is on the text as delivered: two runs that are wrong in the same way agree. Repeated events cannot be
told apart between runs: they have an omission_change only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from probatio.measures.cells import Cells, derive_cells
from probatio.measures.paired import estimate_difference
from probatio.measures.rates import compute_reporting_interval, derive_rate_rows, derive_silent
from probatio.resampling import compute_clustered_mean
from probatio.results import Reason, Status, derive_table

if TYPE_CHECKING:
    from probatio.comparison import Comparison
    from probatio.protocol import Protocol, Source
    from probatio.records import Records

_CELL = ["variable", "visit", "patient_id"]
_CHANGES = {
    "error_difference": "error_change",
    "omission_difference": "omission_change",
    "unsupported_difference": "unsupported_change",
}
_NOTHING = ""


def estimate_repeatability(
    comparison: Comparison, records: Records, protocol: Protocol, *, unit: str = "patient"
) -> pd.DataFrame:
    """Return agreement with the leading run, and change of error, of every other run of each technology.

    Args:
        comparison: of runs (`compare(records, protocol, runs=True)`); without a reference there are no changes.
        records: what every run delivered.
        protocol: sources with their technology, variables, level.
        unit: what the intervals take as independent: "patient" or "centre".

    Returns:
        The sorted table of result rows; empty where no technology has two runs.
    """
    level = float(protocol.level)
    frames: list[pd.DataFrame] = []
    cells = derive_cells(comparison.pairs, comparison.patients, protocol, unit=unit) if len(comparison.pairs) else None
    for other, lead in list_runs(protocol):
        frames += _estimate_agreement(records, protocol, other.name, lead.name, unit=unit)
        if protocol.reference is not None and cells is not None:
            frames += _estimate_changes(cells, other.name, lead.name, protocol.reference.name, level=level, unit=unit)
    filled = [frame for frame in frames if len(frame)]
    return derive_table(pd.concat(filled, ignore_index=True) if filled else [])


def list_runs(protocol: Protocol) -> Iterator[tuple[Source, Source]]:
    """Yield every further run or version of a technology with its leading one."""
    for source in protocol.select_sources("ai", runs=True):
        if not protocol.is_leading(source.name):
            yield source, protocol.find_lead(source.name)


def _estimate_changes(
    cells: Cells, other: str, lead: str, reference: str, *, level: float, unit: str
) -> list[pd.DataFrame]:
    frames = estimate_difference(cells, other, lead, reference, level=level, unit=unit)
    return [frame.assign(metric=frame["metric"].map(_CHANGES)) for frame in frames]


def _estimate_agreement(
    records: Records, protocol: Protocol, other: str, lead: str, *, unit: str
) -> Iterator[pd.DataFrame]:
    both = _derive_both(records, protocol, other, lead)
    if both.empty:
        return
    variables = sorted(set(both["variable"]))
    identity = pd.DataFrame({"variable": variables, "source": other, "comparator": lead})
    group = pd.Index(variables, dtype=object).get_indexer(pd.Index(both["variable"], dtype=object)).astype(np.int64)
    owner = both["patient_id"] if unit == "patient" else both["patient_id"].map(records.patients["centre"])
    cluster = np.unique(owner.to_numpy(dtype=str), return_inverse=True)[1].astype(np.int64)
    delivered = ~(both[["one", "two"]] == _NOTHING).all(axis=1).to_numpy()
    scores = {
        "repeat_agreement_rate": (both["one"] == both["two"]).to_numpy(),
        "repeat_presence_rate": ((both["one"] == _NOTHING) != (both["two"] == _NOTHING)).to_numpy(),
    }
    for metric, score in scores.items():
        mean = compute_clustered_mean(
            score[delivered].astype(np.int8), group[delivered], cluster[delivered],
            np.ones(int(delivered.sum())), len(variables),
        )  # fmt: skip
        interval = compute_reporting_interval(mean, float(protocol.level))
        rows = derive_rate_rows(identity, metric, mean, interval, level=float(protocol.level), unit=unit)
        yield derive_silent(rows, mean.n == 0, Status.NOT_ESTIMABLE, Reason.NO_VALUES)


def _derive_both(records: Records, protocol: Protocol, other: str, lead: str) -> pd.DataFrame:
    """Return the single-valued cells asked of both runs with what each delivered."""
    single = [variable.name for variable in protocol.variables if variable.type != "events"]
    evaluated = records.patients.index[~records.patients["development"].astype(bool)]
    due = records.assessments[records.assessments["variable"].isin(single)]
    due = due[due["patient_id"].isin(evaluated)]
    cells = due[due["source"] == other][_CELL].merge(due[due["source"] == lead][_CELL], on=_CELL)
    for side, source in (("one", other), ("two", lead)):
        mine = records.records[(records.records["source"] == source) & records.records["variable"].isin(single)]
        mine = mine[mine["state"].isin(["value", "negative"])].drop_duplicates(_CELL)
        text = mine["state"] + ":" + mine["value"].astype(str)
        cells = cells.merge(mine[_CELL].assign(**{side: text}), on=_CELL, how="left")
    return cells.fillna({"one": _NOTHING, "two": _NOTHING}).sort_values(_CELL, ignore_index=True)
