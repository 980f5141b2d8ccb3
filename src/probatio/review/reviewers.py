"""How often people who review are wrong themselves, by what the technology said and by type of variable.

The rate comes from the study, the first at hand: decisions taken on the reviewed source, values of a second reader,
or the manual collection, each beside the reference, on cells that the technology was asked for too. A reviewer errs
more often where the technology is wrong, as ambiguous letters mislead both: four rates, by what the technology's
value is against the reference.

| `before` | the technology's value | error of the reviewer |
|---|---|---|
| right | correct | wrong or omitted |
| wrong | wrong or omitted | wrong or omitted |
| unsupported | unsupported | a value where the reference has none |
| absent | absent on both sides | a value where the reference has none |

A type of variable has a rate of its own where the reviewer has at least `FEWEST` values of it and `FEWEST_ERRORS`
errors, else that of all types; where there are fewer than `FEWEST` over all types, `unsupported` and `absent` share
one, and at last everything. Rates are weighted as the errors are. In a replicate they come from the patients drawn:
their uncertainty is part of whatever is computed from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.comparison import Comparison
from probatio.measures.cells import find_type
from probatio.measures.rates import compute_reporting_interval, derive_rate_rows
from probatio.protocol import Protocol, Source
from probatio.resampling import Floats, compute_clustered_mean, compute_totals
from probatio.results import derive_table

BEFORE: Final = ("right", "wrong", "unsupported", "absent")
CLASS: Final = {"C": 0, "W": 1, "O": 1, "U": 2, "B": 3}
FEWEST: Final = 30
FEWEST_ERRORS: Final = 3
Level = tuple[slice, slice]
_CELL: Final = ["variable", "visit", "patient_id", "event"]
_ERRORS: Final = ("W", "O", "U")


@dataclass(frozen=True)
class ReviewerError:
    """Rates of error of reviewers, shape (1 + replicates, 4, types): the estimate, then each replicate.

    Attributes:
        rates: by what the technology said (`BEFORE`) and type of variable.
        types: the types, in the order of the last axis.
        source: whose values or decisions the rates come from; "" where there is nobody.
        cells: what they were counted on: `before, type, error, weight, patient_id`.
    """

    rates: Floats
    types: tuple[str, ...]
    source: str
    cells: pd.DataFrame


def find_reviewer(comparison: Comparison, protocol: Protocol, source: str) -> str:
    """Return the source that tells how reviewers err: reviewed, a reading, or manual; "" without any.

    Of several the one with most values beside the reference.
    """
    judged = comparison.pairs[comparison.pairs["kind"] == "error"]["source"].value_counts()
    reviewed = [each.name for each in protocol.sources if is_review_of(each, source)]
    for names in (reviewed, *([s.name for s in protocol.select_sources(role)] for role in ("reading", "manual"))):
        known = [name for name in names if name in judged.index]
        if known:
            return max(known, key=lambda name: (int(judged[name]), name))
    return ""


def derive_reviewer_error(
    comparison: Comparison,
    protocol: Protocol,
    source: str,
    weights: NDArray[Any],
    *,
    decided: pd.DataFrame | None = None,
) -> ReviewerError:
    """Return the rates of error of the study's reviewers.

    Args:
        comparison: all sources beside the reference.
        protocol: sources and types.
        source: the technology whose values are reviewed.
        weights: how often each evaluated patient is drawn, shape (replicates, patients), patients sorted.
        decided: the values that reviewers decided; without it a source after review says nothing of them, as most
            of its values were not looked at.
    """
    reviewer = find_reviewer(comparison, protocol, source)
    if decided is None and any(each.name == reviewer and is_review_of(each, source) for each in protocol.sources):
        reviewer = find_reviewer(_without(comparison, reviewer), protocol, source)
    cells = _derive_cells(comparison, protocol, source, reviewer, decided)
    types = tuple(dict.fromkeys(variable.type for variable in protocol.variables))
    return ReviewerError(_compute_rates(cells, types, comparison.patients.index, weights), types, reviewer, cells)


def is_review_of(source: Source, name: str) -> bool:
    """Say whether a source is another one after review."""
    return source.reviewed is not None and source.reviewed.of == name


def _without(comparison: Comparison, source: str) -> Comparison:
    kept = comparison.pairs[comparison.pairs["source"] != source]
    return Comparison(kept, comparison.patients, comparison.flow)


def _derive_cells(
    comparison: Comparison, protocol: Protocol, source: str, reviewer: str, decided: pd.DataFrame | None
) -> pd.DataFrame:
    """Return the single values that technology and reviewer were asked for, judged against the reference."""
    pairs = comparison.pairs
    judged = pairs[(pairs["kind"] == "error") & (pairs["event"] == "")]
    types = {name: find_type(protocol, name) for name in judged["variable"].unique()}
    judged = judged[judged["variable"].map(types).ne("events")]
    theirs = judged.loc[judged["source"] == reviewer, [*_CELL, "outcome", "weight"]]
    if decided is not None and any(each.name == reviewer and is_review_of(each, source) for each in protocol.sources):
        theirs = theirs.merge(decided[_CELL].astype(str).drop_duplicates(), on=_CELL)
    both = judged.loc[judged["source"] == source, [*_CELL, "outcome"]].merge(theirs, on=_CELL, suffixes=("_ai", ""))
    return pd.DataFrame({
        "before": both["outcome_ai"].map(CLASS).to_numpy(dtype=np.intp),
        "type": both["variable"].map(types).to_numpy(dtype=object),
        "error": both["outcome"].isin(_ERRORS).to_numpy(dtype=float),
        "weight": both["weight"].to_numpy(dtype=float),
        "patient_id": both["patient_id"].to_numpy(dtype=object),
    })  # fmt: skip


def _compute_rates(cells: pd.DataFrame, types: tuple[str, ...], patients: pd.Index, weights: NDArray[Any]) -> Floats:
    """Return the rates, shape (1 + replicates, 4, types); NaN where there is no reviewer."""
    before, place = cells["before"].to_numpy(), cells["type"].map({name: at for at, name in enumerate(types)})
    code = before * len(types) + place.to_numpy(dtype=np.intp)
    columns = len(BEFORE) * len(types)
    patient = patients.sort_values().get_indexer(pd.Index(cells["patient_id"]))
    held, wrong = np.zeros((len(patients), columns)), np.zeros((len(patients), columns))
    np.add.at(held, (patient, code), cells["weight"].to_numpy())
    np.add.at(wrong, (patient, code), (cells["weight"] * cells["error"]).to_numpy())
    shape = (-1, len(BEFORE), len(types))
    totals, errors = (
        np.vstack([table.sum(axis=0), compute_totals(weights, table)]).reshape(shape) for table in (held, wrong)
    )
    counted = [
        np.bincount(code[kept], minlength=columns).reshape(shape[1:]) for kept in (slice(None), cells["error"] > 0)
    ]
    return _divide_by_level(totals, errors, counted)


def _divide_by_level(totals: Floats, errors: Floats, counted: list[NDArray[np.int64]]) -> Floats:
    """Return errors over totals, each at the finest level at which enough values were counted."""
    rates = np.empty_like(totals)
    for before in range(len(BEFORE)):
        for place in range(totals.shape[2]):
            levels = _list_levels(before, place, totals.shape[2])
            chosen = next((level for level in levels if _is_enough(counted, level)), levels[-1])
            total = totals[:, *chosen].reshape(len(totals), -1).sum(axis=1)
            error = errors[:, *chosen].reshape(len(totals), -1).sum(axis=1)
            rate = np.divide(error, total, out=np.full(len(total), np.nan), where=total > 0)
            rates[:, before, place] = np.where(np.isnan(rate), rate[0], rate)
    return rates


def _is_enough(counted: list[NDArray[np.int64]], level: Level) -> bool:
    is_of_one_type = level[1] != slice(None)
    return bool(counted[0][level].sum() >= FEWEST and (counted[1][level].sum() >= FEWEST_ERRORS or not is_of_one_type))


def _list_levels(before: int, place: int, types: int) -> list[Level]:
    everything = slice(None)
    alike = slice(2, 4) if before >= 2 else slice(0, 2)
    return [
        (slice(before, before + 1), slice(place, place + 1)),
        (slice(before, before + 1), everything),
        (alike, everything),
        (everything, everything),
    ]


def derive_reviewer_rows(error: ReviewerError, source: str, *, level: float) -> pd.DataFrame:
    """Return rows `reviewer_error` of all types together, by what the technology said (`term`), with Wilson's interval.

    Args:
        error: with the cells it was counted on.
        source: the technology whose values are reviewed; the reviewer is the comparator.
        level: two-sided confidence.
    """
    cells = error.cells
    if cells.empty:
        return derive_table([])
    identity = pd.DataFrame([{"source": source, "comparator": error.source, "term": name} for name in BEFORE])
    patient = np.unique(cells["patient_id"].to_numpy(dtype=str), return_inverse=True)[1].astype(np.int64)
    scores, group = cells["error"].to_numpy(dtype=np.int8), cells["before"].to_numpy(dtype=np.int64)
    mean = compute_clustered_mean(scores, group, patient, cells["weight"].to_numpy(), len(BEFORE))
    interval = compute_reporting_interval(mean, level)
    return derive_rate_rows(identity, "reviewer_error", mean, interval, level=level, unit="patient")


def list_rate_levels(error: ReviewerError) -> Iterator[tuple[str, str, float]]:
    """Yield the rate that is used for each kind of value and type: `before, type, rate`."""
    for before, name in enumerate(BEFORE):
        for place, kind in enumerate(error.types):
            yield name, kind, float(error.rates[0, before, place])
