"""Cells that a source left empty: nothing can be accepted there; some go to people, the rest stay empty."""

from __future__ import annotations

import numpy as np
import pandas as pd

from probatio.measures.rates import compute_reporting_interval, derive_rate_rows, derive_silent
from probatio.protocol import Protocol
from probatio.resampling import compute_clustered_mean
from probatio.results import Reason, Status

_KEY = ["source", "variable"]


def estimate_undelivered(scored: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Return the rows of cells without a value, per source and variable, and for all variables (`variable` empty).

    A cell goes to people when the variable is required, or when another technology has a value there. The shares are
    of all cells asked of the source in the cohort; the omission rate of the cells that stay empty reads those with a
    reference, weighted. Repeated events have no cells: a missing line is not seen from the source alone.

    Args:
        scored: from `derive_scored`; `agreement` of an undelivered cell is the share of others without a value too.
        protocol: tells which variables are required.
    """
    events = {variable.name for variable in protocol.variables if variable.type == "events"}
    required = {variable.name for variable in protocol.variables if variable.required}
    cells = scored[~scored["variable"].isin(events)]
    missing = ~cells["delivered"]
    asked = missing & (cells["variable"].isin(required) | (cells["agreement"] < 1))
    cells = cells.assign(asked=asked, empty=missing & ~asked)
    values = pd.concat([cells, cells.assign(variable="")], ignore_index=True)
    identity = pd.concat([scored[_KEY], scored[["source"]].assign(variable="")]).drop_duplicates(ignore_index=True)
    labelled = values[values["empty"] & values["error"].notna()].assign(hit=lambda part: part["error"] > 0)
    level = protocol.level
    rows = [
        _derive_rates(values.assign(hit=values["asked"], weight=1.0), identity, "undelivered_reviewed_share", level),
        _derive_rates(values.assign(hit=values["empty"], weight=1.0), identity, "undelivered_empty_share", level),
        _derive_rates(labelled, identity, "empty_omission_rate", level),
    ]
    out = pd.concat(rows, ignore_index=True)
    lines = out["variable"].isin(events).to_numpy()
    return derive_silent(out, lines, Status.NOT_APPLICABLE, Reason.TYPE_WITHOUT_METRIC)


def _derive_rates(values: pd.DataFrame, identity: pd.DataFrame, metric: str, level: float) -> pd.DataFrame:
    """Return the rows of the share of `hit`, with the column `weight`."""
    group = pd.MultiIndex.from_frame(identity[_KEY]).get_indexer(pd.MultiIndex.from_frame(values[_KEY]))
    patient = np.unique(values["patient_id"].to_numpy(str), return_inverse=True)[1].astype(np.int64)
    scores, weight = values["hit"].to_numpy().astype(np.int8), values["weight"].to_numpy(dtype=float)
    mean = compute_clustered_mean(scores, group.astype(np.int64), patient, weight, len(identity))
    return derive_rate_rows(
        identity, metric, mean, compute_reporting_interval(mean, level), level=level, unit="patient"
    )
