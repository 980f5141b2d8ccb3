"""AI minus manual on the same cells of the same patients.

A cell is one value (variable, patient, visit, event) assessed by both sources against the reference.

| metric | cells | score of a source |
|---|---|---|
| error_difference | those that are not B for both | 1 if its outcome is W, O or U |
| omission_difference | those where the reference has a value | 1 if O |
| unsupported_difference | those where the reference has none | 1 if U |

Each is the mean of score(AI) - score(manual), in [-1, 1]; negative favours the AI. `k` counts the
cells where the two scores differ.

| method | when | for |
|---|---|---|
| newcombe | one cell per patient, equal weights (Newcombe 1998, method 10) | reporting |
| tango | the same (Tango 1998) | acceptance |
| clustered_t, weighted_t | else: linearised over patients, t(patients - 1) (Durkalski 2003, Yang 2012) | reporting |
| discordance_clustered, discordance_weighted | these where no cell differs: see below | reporting |
| tango_clustered, tango_weighted | else: Tango on the effective size, which holds its level near 0 | acceptance |

Where fewer than 15 patients differ, `clustered_t` and `weighted_t` may fall short: `few_events_caution`.

Where no cell differs the linearised variance is 0. The difference cannot exceed the share of cells that
differ, so that share's Clopper-Pearson upper bound on the effective size bounds it on both sides. Where
every patient differs alike (variance 0, difference not 0) there is no interval: `no_interval`.

Spurious events of two sources cannot be told to be the same event: repeated events have an
omission_difference, over the reference's events, and nothing else. Attributes of events are compared on
events that both sources found.

Pooled rows (`variable` empty) take the cells of all variables of single values together, patients as clusters: by how
much the AI errs more than manual collection on a value drawn at random from a patient's form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from probatio.measures.cells import POOLED, Cells, Codes, Mask
from probatio.measures.rates import Interval, derive_methods, derive_rate_rows, derive_silent
from probatio.resampling import (
    ClusteredMean,
    Floats,
    compute_clopper_pearson,
    compute_clustered_mean,
    compute_effective_size,
    compute_newcombe,
    compute_t_bounds,
    compute_tango,
    find_few_touched,
)
from probatio.results import Reason, Status

if TYPE_CHECKING:
    from probatio.protocol import Protocol

METRICS = ("error_difference", "omission_difference", "unsupported_difference")
_CELL = ["variable", "patient_id", "visit", "event"]
_EVENTS = "events"


@dataclass(frozen=True)
class _Matched:
    """Cells assessed by both sources: places in `cells` of the AI's and of the manual value."""

    cells: Cells
    identity: pd.DataFrame
    group: Codes
    ai: Codes
    manual: Codes

    def score(self, metric: str) -> tuple[Mask, Mask, Mask]:
        """Return which cells count for a metric, and where the AI and the manual source score."""
        one, two = self.cells.outcome[self.ai], self.cells.outcome[self.manual]
        if metric == "error_difference":
            return (one != "B") | (two != "B"), np.isin(one, list("WOU")), np.isin(two, list("WOU"))
        event = "O" if metric == "omission_difference" else "U"
        counted = np.isin(one, list("CWO")) == (event == "O")
        return counted, one == event, two == event


def estimate_differences(cells: Cells, protocol: Protocol, *, level: float, unit: str) -> list[pd.DataFrame]:
    """Return the three differences of every AI source, manual source and variable.

    A manual source that is not independent of the AI gives `not_applicable`; without a manual source
    or a reference there are no rows.
    """
    if protocol.reference is None:
        return []
    frames = []
    for ai in protocol.select_sources("ai"):
        for manual in protocol.select_sources("manual"):
            rows = estimate_difference(cells, ai.name, manual.name, protocol.reference.name, level=level, unit=unit)
            independent = protocol.is_independent(ai.name, manual.name)
            frames += rows if independent else [_derive_dependent(each) for each in rows]
    return frames


def estimate_difference(
    cells: Cells, first: str, second: str, reference: str, *, level: float, unit: str
) -> list[pd.DataFrame]:
    """Return the three differences of any two sources on the same cells: score of the first minus the second's."""
    matched = _derive_matched(cells, first, second, reference)
    return [pd.concat(list(_estimate(matched, m, level=level, unit=unit)), ignore_index=True) for m in METRICS]


def _derive_matched(cells: Cells, ai: str, manual: str, reference: str) -> _Matched:
    """Pair the values of two sources cell by cell; spurious events have no counterpart and are left out."""
    of_events = (cells.groups["type"] == _EVENTS).to_numpy()[cells.group]
    usable = (cells.pairs["kind"] == "error").to_numpy() & (cells.pairs["comparator"] == reference).to_numpy()
    usable &= ~of_events | cells.select("CO")
    sides = []
    for source in (ai, manual):
        places = np.flatnonzero(usable & (cells.pairs["source"] == source).to_numpy())
        sides.append(cells.pairs.loc[places, _CELL].assign(place=places))
    if any(side.duplicated(_CELL).any() for side in sides):
        raise ValueError(f"pairs: a source ({ai} or {manual}) has two values for one cell")
    types = dict(zip(cells.groups["variable"], cells.groups["type"], strict=True)) | {"": POOLED}
    both = _add_pooled(sides[0].merge(sides[1], on=_CELL, suffixes=("_ai", "_manual")), types)
    shared = set(sides[0]["variable"]) & set(sides[1]["variable"])
    variables = sorted(shared | set(both["variable"]))
    identity = pd.DataFrame({"variable": variables, "type": [types[name] for name in variables]}, dtype=object)
    return _Matched(
        cells=cells,
        identity=identity.assign(source=ai, comparator=manual),
        group=pd.Index(variables, dtype=object).get_indexer(pd.Index(both["variable"], dtype=object)).astype(np.int64),
        ai=both["place_ai"].to_numpy(dtype=np.int64),
        manual=both["place_manual"].to_numpy(dtype=np.int64),
    )


def _add_pooled(both: pd.DataFrame, types: Mapping[str, str]) -> pd.DataFrame:
    """Return the cells twice where there is something to pool: by variable, and all single values as variable ""."""
    kept = [types[name] != _EVENTS and "." not in name for name in both["variable"]]
    single = both[np.array(kept, dtype=bool)]
    several = len(set(single["variable"])) > 1
    return pd.concat([both, single.assign(variable="")]) if several else both


def _estimate(matched: _Matched, metric: str, *, level: float, unit: str) -> Iterator[pd.DataFrame]:
    counted, one, two = matched.score(metric)
    place, group = matched.ai[counted], matched.group[counted]
    score = one[counted].astype(np.int8) - two[counted].astype(np.int8)
    size = len(matched.identity)
    mean = compute_clustered_mean(score, group, matched.cells.cluster[place], matched.cells.weight[place], size)
    share = _compute_share(score != 0, group, matched.cells.weight[place], size)
    both = np.bincount(group[(one & two)[counted]], minlength=size)
    unmatched = np.bincount(matched.group, minlength=size) == 0
    beside = (matched.identity["type"] == _EVENTS).to_numpy() & (metric != "omission_difference")
    for interval in (_compute_reporting(mean, share, both, level), _compute_acceptance(mean, share, level)):
        rows = derive_rate_rows(matched.identity, metric, mean, interval, level=level, unit=unit)
        rows["k"] = pd.array(mean.positive + mean.negative, dtype="Int64")
        rows = _derive_reasons(rows, mean)
        rows = derive_silent(rows, unmatched, Status.NOT_ESTIMABLE, Reason.NO_PAIRS)
        yield derive_silent(rows, beside, Status.NOT_APPLICABLE, Reason.TYPE_WITHOUT_METRIC)


def _derive_reasons(rows: pd.DataFrame, mean: ClusteredMean) -> pd.DataFrame:
    """Tell a variance of 0 with a difference, which has no interval, from a single patient."""
    lacking = (rows["reason"] == Reason.TOO_FEW_CLUSTERS).to_numpy() & (mean.clusters > 1)
    return rows.assign(reason=np.where(lacking, str(Reason.NO_INTERVAL), rows["reason"]))


def _compute_reporting(mean: ClusteredMean, share: Floats, both: Codes, level: float) -> Interval:
    first, second = mean.positive, mean.negative
    newcombe = compute_newcombe(both, first, second, mean.n - both - first - second, level)
    size = _compute_size(mean, level)
    widest = compute_clopper_pearson(np.zeros(len(size)), size, level)[1]
    alike = ~mean.simple & (share == 0)
    clustered = compute_t_bounds(mean, level)
    lower = np.where(mean.simple, newcombe[0], np.where(alike, -widest, clustered[0]))
    upper = np.where(mean.simple, newcombe[1], np.where(alike, widest, clustered[1]))
    method = np.where(mean.equal, "clustered_t", "weighted_t")
    method = np.where(alike, derive_methods(mean, np.full(len(size), "discordance")), method)
    caution = ~mean.simple & find_few_touched(mean)
    return Interval((lower, upper), np.where(mean.simple, "newcombe", method), caution)


def _compute_acceptance(mean: ClusteredMean, share: Floats, level: float) -> Interval:
    size = _compute_size(mean, level)
    first, second = (share + mean.mean) / 2, (share - mean.mean) / 2
    bounds = compute_tango(np.maximum(first, 0) * size, np.maximum(second, 0) * size, size, level)
    return Interval(bounds, derive_methods(mean, np.full(len(size), "tango")))


def _compute_size(mean: ClusteredMean, level: float) -> Floats:
    return compute_effective_size(mean, level)


def _compute_share(differs: Mask, group: Codes, weight: Floats, size: int) -> Floats:
    """Return the weighted share of cells where the two scores differ; 0 without a cell."""
    total = np.bincount(group, weight, size)
    return np.bincount(group[differs], weight[differs], size) / np.where(total > 0, total, 1.0)


def _derive_dependent(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one silent row per variable: the comparator saw the AI's work, or the AI its."""
    silent = derive_silent(rows, np.full(len(rows), True), Status.NOT_APPLICABLE, Reason.NOT_INDEPENDENT)
    return silent.assign(method="").drop_duplicates("variable")
