"""Which patients carry the shift: what each one's data alone do to the estimate.

The change of a patient is the estimate with that patient's data from the source and everybody else's from the
comparator, minus the comparator's estimate, refitted exactly; a patient whom one of the two lacks leaves or enters.
All refits are one set of case weights on both readings stacked: a patient's own reading of weight 0, the other of 1.

Rows, per number (`term`, `at` as in `attribution`; n: patients analysed in either source; k: those who differ):

| metric | estimate |
|---|---|
| carried | sum of the single changes: how far they add up to the shift |
| carriers (method `half`, `nine_tenths`) | fewest patients who make up half, nine tenths of the absolute change |
| largest_share | the largest single patient's part of the absolute change |
| carrier_gini | Gini's coefficient of the absolute changes: 0 where all are alike, towards 1 where a few carry all |
| consequence (variable) | mean absolute change per value that differs, one at a time (`MOST` of them) |

They are suppressed where fewer patients move the number than the protocol's smallest stratum holds. Changes of single
patients are confidential: `carrier_tables`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.protocol import Analysis, Protocol
from probatio.records import Records
from probatio.replication.estimate import Mask, Sample
from probatio.replication.swaps import (
    Quantity,
    Setting,
    Swaps,
    compute_numbers,
    derive_cohort,
    derive_setting,
    find_differing,
    list_quantities,
)
from probatio.replication.views import View
from probatio.resampling import Floats
from probatio.results import Reason, Status, build_row

Row = dict[str, Any]
PARTS = {"half": 0.5, "nine_tenths": 0.9}
MOST = 1000
"""Values of one variable that a consequence is the mean of, where more differ."""
_CHUNK = 1 << 21
_NONE = 1e-12


class Changes(NamedTuple):
    """What each differing patient alone does to each number.

    Attributes:
        patients: their places among the evaluated patients, shape (d,).
        moves: change of each quantity, shape (d,), NaN where the estimate is undefined with that patient changed.
    """

    patients: NDArray[np.intp]
    moves: dict[Quantity, Floats]


def compute_changes(setting: Setting, base: View, other: View, *, most: int | None = None) -> Changes:
    """Return the change of every number when one patient at a time has the other view's data.

    Args:
        setting: the analysis.
        base: everybody else's data; its complete patients are analysed.
        other: the data that one patient takes over, or leaves with where incomplete.
        most: of more patients than this, as many are taken evenly over the cohort.
    """
    patients = np.flatnonzero(find_carriers(base, other))
    if most is not None and len(patients) > most:
        patients = patients[np.arange(most) * len(patients) // most]
    step = max(1, _CHUNK // max(len(base.time), 1))
    parts = [_compute_part(setting, base, other, patients[at : at + step]) for at in range(0, len(patients), step)]
    names = list(parts[0]) if parts else []
    return Changes(patients, {name: np.concatenate([part[name] for part in parts]) for name in names})


def find_carriers(base: View, other: View) -> Mask:
    """Return the patients who differ in what an analysis reads, or whom one of two views only has complete."""
    both = base.complete & other.complete
    carriers: Mask = (find_differing(base, other) & both) | (base.complete ^ other.complete)
    return carriers


def _compute_part(setting: Setting, base: View, other: View, patients: NDArray[np.intp]) -> dict[Quantity, Floats]:
    n, d = len(base.time), len(patients)
    stacked = stack_views(base, other, patients)
    weights = np.zeros((1 + d, n + d), dtype=np.uint8)
    weights[:, :n] = 1
    weights[1 + np.arange(d), patients] = 0
    weights[1 + np.arange(d), n + np.arange(d)] = 1
    centre = np.concatenate([setting.centre, setting.centre[patients]])
    sample = Sample(stacked, stacked.complete, centre, weights, setting.protocol.level)
    numbers = compute_numbers(sample, setting)
    return {name: number.drawn[2:] - number.drawn[1] for name, number in numbers.items()}


def stack_views(base: View, other: View, patients: NDArray[np.intp]) -> View:
    """Return a view of every patient of one, then of some patients of the other."""
    n, stacked = len(base.time), dict[str, Any]()
    for name in (each.name for each in fields(base)):
        mine, theirs = getattr(base, name), getattr(other, name)
        if isinstance(mine, pd.DataFrame):
            stacked[name] = pd.concat([mine, theirs.iloc[patients]], ignore_index=True)
        elif isinstance(mine, np.ndarray) and len(mine) == n:
            stacked[name] = np.concatenate([mine, theirs[patients]])
    return replace(base, **stacked)


def list_swaps(records: Records, protocol: Protocol) -> Iterator[Swaps]:
    """Yield the mixtures of each analysis and source, without replicates."""
    cohort = derive_cohort(records)
    for analysis in protocol.analyses:
        setting = derive_setting(records, protocol, analysis, np.empty((0, len(cohort))))
        for source in analysis.sources:
            if source != analysis.comparator:
                yield Swaps(setting, source)


def compute_consequence(
    records: Records, protocol: Protocol, analysis: Analysis, source: str
) -> dict[tuple[str, Quantity], tuple[int, float]]:
    """Return, per variable and number, how many values differ and the mean absolute change that one makes.

    What one wrong value of a variable costs the analysis: a weight for the order of review.

    Args:
        records: the study's tables.
        protocol: the study.
        analysis: one of its analyses, with sources.
        source: the source whose values replace the comparator's, one patient and variable at a time.
    """
    cohort = derive_cohort(records)
    swaps = Swaps(derive_setting(records, protocol, analysis, np.empty((0, len(cohort)))), source)
    return {(name, quantity): found for name, quantity, *found in _list_consequences(swaps)}  # type: ignore[misc]


def _list_consequences(swaps: Swaps) -> Iterator[tuple[str, Quantity, int, float]]:
    for variable in swaps.variables:
        view = swaps.get_view((variable,))
        changes = compute_changes(swaps.setting, swaps.reference, view, most=MOST)
        differing = int(find_carriers(swaps.reference, view).sum())
        for quantity in list_quantities(swaps):
            moved = np.abs(changes.moves.get(quantity, np.empty(0)))
            yield variable, quantity, differing, float(moved.mean()) if len(moved) else np.nan


def derive_carrier_rows(swaps: Swaps) -> Iterator[Row]:
    """Yield how few patients carry the shift of each number, and what a differing value of each variable does to it."""
    key: Row = {"n": int((swaps.reference.complete | swaps.other.complete).sum())}
    least = swaps.setting.protocol.min_stratum
    changes = compute_changes(swaps.setting, swaps.reference, swaps.other)
    for quantity in list_quantities(swaps):
        name = key | {"term": quantity.term, "at": quantity.at, "k": len(changes.patients)}
        yield from _derive_rows(changes.moves.get(quantity, np.empty(0)), quantity, least, name)
    for variable, quantity, k, mean in _list_consequences(swaps):
        name = key | {"term": quantity.term, "at": quantity.at, "unit": quantity.unit, "variable": variable, "k": k}
        yield _derive_row("consequence", mean, _find_obstacle(np.full(k, mean), k, least), name)


def _derive_rows(values: Floats, quantity: Quantity, least: int, key: Row) -> Iterator[Row]:
    sizes = np.sort(np.abs(values))[::-1]
    total = float(sizes.sum())
    reason = _find_obstacle(values, int((sizes > _NONE).sum()), least)
    yield _derive_row("carried", float(values.sum()), reason, key | {"unit": quantity.unit})
    for method, part in PARTS.items():
        yield _derive_row("carriers", count_carriers(sizes, part), reason, key | {"method": method, "unit": "patients"})
    yield _derive_row("largest_share", sizes[0] / total if total > 0 else np.nan, reason, key)
    yield _derive_row("carrier_gini", compute_gini(sizes), reason, key)


def count_carriers(sizes: Floats, part: float) -> int:
    """Return the fewest numbers, largest first, whose sum reaches a part of the whole; 0 of nothing."""
    total = float(sizes.sum())
    ordered = np.cumsum(np.sort(sizes)[::-1])
    return int(np.searchsorted(ordered, part * total * (1 - 1e-12))) + 1 if total > 0 else 0


def compute_gini(sizes: Floats) -> float:
    """Return Gini's coefficient of numbers that are not negative: mean absolute difference over twice the mean."""
    n, total = len(sizes), float(sizes.sum())
    if total <= 0:
        return float("nan")
    return float((2 * np.arange(1, n + 1) - n - 1) @ np.sort(sizes) / (n * total))


def _find_obstacle(values: Floats, moving: int, least: int) -> Reason:
    """Return why nothing is said: undefined changes, none at all, or of too few patients."""
    if np.isnan(values).any():
        return Reason.NOT_CONVERGED
    if moving == 0:
        return Reason.NO_SHIFT
    return Reason.SMALL_COUNT if moving < least else Reason.NONE


def _derive_row(metric: str, value: float, reason: Reason, key: Row) -> Row:
    if not reason:
        return build_row(metric, value, **key)
    status = Status.SUPPRESSED if reason == Reason.SMALL_COUNT else Status.NOT_ESTIMABLE
    return build_row(metric, status=status, reason=reason, **key)
