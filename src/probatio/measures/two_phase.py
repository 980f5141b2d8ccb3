"""Error when every discordance but only a sample of the concordant values was adjudicated.

Two sources either agree on a cell (the same value, or nothing in both) or not. The reference is known for a part of
each: often all discordant cells, and a random sample of the concordant ones. Adjudicating discordances only hides
the errors that both sources share.

| metric | what | range |
|---|---|---|
| shared_error_rate | error among concordant cells (both sources are wrong alike) | [0, 1] |
| two_phase_error_rate | W_c p_c + W_d p_d: p the error in concordant and discordant cells, W their shares | [0, 1] |

Errors are W, O and U over all assessed cells: whether the reference holds a value is unknown where it was
not looked up, so the rate is that of `error_rate_all`. Shares W come from all cells, errors from the
adjudicated ones, weighted by 1 / sampling probability (Hajek). Sampling must be random within the concordant
and within the discordant cells.

Variance in two phases: Cochran 1977, section 12.2 (double sampling for stratification). Bounds combine those
of the parts by the method of variance estimates recovery (Zou and Donner 2008, Stat Med 27:1693):
Wilson's for reporting, Clopper-Pearson's for acceptance, so that no error among the sampled concordant
values still leaves their exact upper bound (Hanley and Lippman-Hand 1983).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtri

from probatio.measures.cells import find_type
from probatio.measures.rates import (
    Interval,
    compute_acceptance_interval,
    compute_reporting_interval,
    derive_rate_rows,
    derive_silent,
)
from probatio.resampling import ClusteredMean, compute_clustered_mean
from probatio.results import Reason, Status, build_row, derive_table

if TYPE_CHECKING:
    from probatio.comparison import Comparison
    from probatio.protocol import Protocol

_CELL = ["variable", "patient_id", "visit", "event"]
_CONCORDANT, _DISCORDANT = 0, 1
_INTERVALS: tuple[tuple[str, Callable[[ClusteredMean, float], Interval]], ...] = (
    ("two_phase_wilson", compute_reporting_interval),
    ("two_phase_clopper_pearson", compute_acceptance_interval),
)


class TwoPhase(NamedTuple):
    """A rate with its bounds; NaN where a part is unknown."""

    estimate: float
    lower: float
    upper: float


def compute_two_phase(share: ClusteredMean, error: ClusteredMean, interval: Interval, level: float) -> TwoPhase:
    """Return the error over both parts with bounds.

    Args:
        share: of discordant cells among all, one group.
        error: in concordant and discordant adjudicated cells, two groups in this order.
        interval: of `error`.
        level: two-sided confidence.

    Returns:
        The rate; NaN where cells exist in a part and none of them was adjudicated.
    """
    weight = np.array([1 - share.mean[0], share.mean[0]])
    needed = weight > 0
    rate, (lower, upper) = error.mean[needed], (bound[needed] for bound in interval.bounds)
    estimate = float(weight[needed] @ rate)
    between = 0.0
    if needed.all():
        variance = share.variance[0] if np.isfinite(share.variance[0]) else share.plain[0]
        between = float((ndtri((1 + level) / 2) * (rate[1] - rate[0])) ** 2 * variance)
    down = np.sqrt(((weight[needed] * (rate - lower)) ** 2).sum() + between)
    up = np.sqrt(((weight[needed] * (upper - rate)) ** 2).sum() + between)
    return TwoPhase(estimate, max(estimate - float(down), 0.0), min(estimate + float(up), 1.0))


def estimate_two_phase(comparison: Comparison, protocol: Protocol) -> pd.DataFrame:
    """Return shared errors and two-phase error rates of each AI beside each independent manual source.

    `shared_error_rate`: source the AI, comparator the manual source. `two_phase_error_rate`: source either of
    them, comparator the reference, `term` the other. Repeated events have none.

    Args:
        comparison: pairs of kind "agreement" (all cells) and "error" (adjudicated cells).
        protocol: sources, variables, level.

    Returns:
        The sorted table of result rows; empty without a reference.
    """
    rows: list[dict[str, Any]] = []
    if protocol.reference is None:
        return derive_table(rows)
    for ai in protocol.select_sources("ai"):
        for manual in protocol.select_sources("manual"):
            cells = _derive_cells(comparison.pairs, ai.name, manual.name, protocol)
            independent = protocol.is_independent(ai.name, manual.name)
            for variable, mine in cells.groupby("variable", sort=True):
                fields = {"variable": str(variable), "level": float(protocol.level), "cluster_unit": "patient"}
                names = (ai.name, manual.name, protocol.reference.name)
                rows += _estimate(mine, names, fields) if independent else _derive_dependent(names, fields)
    return derive_table(rows)


def _derive_cells(pairs: pd.DataFrame, ai: str, manual: str, protocol: Protocol) -> pd.DataFrame:
    """Return the single-valued cells of both sources: concordant or not, and each source's error where known."""
    both = pairs[(pairs["kind"] == "agreement") & (pairs["source"] == ai) & (pairs["comparator"] == manual)]
    single = [
        name for name in sorted(set(both["variable"])) if "." not in name and find_type(protocol, name) != "events"
    ]
    cells = both.loc[both["variable"].isin(single), [*_CELL, "outcome"]]
    cells = cells.assign(part=np.where(cells["outcome"].isin(["C", "B"]), _CONCORDANT, _DISCORDANT))
    for source in (ai, manual):
        judged = pairs[(pairs["kind"] == "error") & (pairs["source"] == source)]
        judged = judged.assign(error=judged["outcome"].isin(list("WOU")).astype(float))
        named = {"error": f"error_{source}", "weight": f"weight_{source}"}
        cells = cells.merge(judged[[*_CELL, *named]].rename(columns=named), on=_CELL, how="left", validate="1:1")
    return cells.sort_values(_CELL, kind="stable", ignore_index=True)


def _estimate(cells: pd.DataFrame, names: tuple[str, str, str], fields: dict[str, Any]) -> Iterator[dict[str, Any]]:
    ai, manual, reference = names
    share = _compute_mean(cells, (cells["part"] == _DISCORDANT).to_numpy(), np.zeros(len(cells), dtype=np.int64), 1)
    for source, other in ((ai, manual), (manual, ai)):
        known = cells[cells[f"error_{source}"].notna()]
        part = known["part"].to_numpy(dtype=np.int64)
        weight = known[f"weight_{source}"].to_numpy(dtype=float)
        error = _compute_mean(known, known[f"error_{source}"].to_numpy() > 0, part, 2, weight)
        if source == ai:
            yield from _derive_shared(error, fields | {"source": ai, "comparator": manual})
        named = fields | {"source": source, "comparator": reference, "term": other, "n": int(error.n.sum())}
        named |= {"k": int(error.positive.sum()), "clusters": int(known["patient_id"].nunique())}
        yield from _derive_total(cells, share, error, named)


def _compute_mean(cells: pd.DataFrame, score: Any, group: Any, groups: int, weight: Any | None = None) -> ClusteredMean:
    patient = np.unique(cells["patient_id"].to_numpy(dtype=str), return_inverse=True)[1].astype(np.int64)
    weights = np.ones(len(cells)) if weight is None else weight
    return compute_clustered_mean(np.asarray(score, dtype=np.int8), group, patient, weights, groups)


def _derive_shared(error: ClusteredMean, fields: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the error among concordant cells; none adjudicated: no reference."""
    identity = pd.DataFrame([{name: fields[name] for name in ("source", "comparator", "variable")}] * 2)
    for compute in (compute_reporting_interval, compute_acceptance_interval):
        interval = compute(error, fields["level"])
        rows = derive_rate_rows(
            identity, "shared_error_rate", error, interval, level=fields["level"], unit=fields["cluster_unit"]
        )
        rows = derive_silent(rows, error.n == 0, Status.NOT_ESTIMABLE, Reason.NO_REFERENCE)
        yield {str(name): value for name, value in rows.iloc[_CONCORDANT].items()}


def _derive_total(
    cells: pd.DataFrame, share: ClusteredMean, error: ClusteredMean, fields: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the error over both parts, once to report and once to accept."""
    held = np.bincount(cells["part"], minlength=2)
    if ((held > 0) & (error.n == 0)).any():
        fields = fields | {"status": Status.NOT_ESTIMABLE, "reason": Reason.NO_REFERENCE}
        yield build_row("two_phase_error_rate", unit="proportion", **fields)
        return
    for method, compute in _INTERVALS:
        found = compute_two_phase(share, error, compute(error, fields["level"]), fields["level"])
        named = fields | {"unit": "proportion", "method": method}
        if np.isnan(found.lower + found.upper):
            yield build_row("two_phase_error_rate", found.estimate, reason=Reason.TOO_FEW_CLUSTERS, **named)
            continue
        yield build_row("two_phase_error_rate", found.estimate, lower=found.lower, upper=found.upper, **named)


def _derive_dependent(names: tuple[str, str, str], fields: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield silent rows: where the manual source saw the AI's work, that they agree says nothing."""
    ai, manual, reference = names
    silent: dict[str, Any] = {"status": Status.NOT_APPLICABLE, "reason": Reason.NOT_INDEPENDENT, "unit": "proportion"}
    yield build_row("shared_error_rate", source=ai, comparator=manual, **fields, **silent)
    for source, other in ((ai, manual), (manual, ai)):
        yield build_row("two_phase_error_rate", source=source, comparator=reference, term=other, **fields, **silent)
