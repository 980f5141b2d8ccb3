"""The parts of one source's shift from its comparator: totals, selection, swaps and Shapley shares, as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from probatio.replication.carriers import find_carriers
from probatio.replication.shapley import compute_sampled_shapley, compute_shapley, draw_orders, list_steps
from probatio.replication.swaps import Number, Quantity, Swaps
from probatio.resampling import Floats
from probatio.results import Reason

EXACT = 8
"""Variables up to which every mixture is estimated (2^8); above, orders are sampled."""
BLOCKS = 10
"""Independent blocks of sampled orders."""


class Part(NamedTuple):
    """One part of a shift.

    Attributes:
        drawn: its value, then that of every replicate, shape (1 + replicates,); NaN where undefined.
        n: patients analysed.
        k: patients who carry it.
        reason: why it is undefined.
        error: Monte Carlo standard error of its value.
    """

    drawn: Floats
    n: int
    k: int
    reason: Reason = Reason.NONE
    error: float = 0.0


class Totals(NamedTuple):
    """The comparator's estimate and the shift of own patients; the shift of those complete in both; the rest."""

    start: Part
    own: Part
    same: Part
    selection: Part


class Shares(NamedTuple):
    """Shapley shares of live variables, shape (variables, quantities, 1 + replicates), and who carries each.

    `reasons`: by quantity, why a mixture has no value. `errors`: Monte Carlo, None where all mixtures were estimated.
    """

    drawn: Floats
    errors: Floats | None
    carriers: tuple[int, ...]
    reasons: tuple[Reason, ...]


def compute_totals(swaps: Swaps, quantity: Quantity) -> Totals:
    """Return what is to be shared out, and what stays apart: the patients complete in one source only."""
    views, sets = (swaps.reference, swaps.other), ((), swaps.variables)
    own = [swaps.get_numbers_of(s, v.complete)[quantity] for s, v in zip(sets, views, strict=True)]
    same = [swaps.get_numbers(s)[quantity] for s in sets]
    n, either = int(swaps.common.sum()), int((views[0].complete | views[1].complete).sum())
    start = Part(own[0].drawn, int(views[0].complete.sum()), int(views[0].event[views[0].complete].sum()),
                 own[0].reason)  # fmt: skip
    total = _derive_gap(own[0], own[1], either, int(find_carriers(*views).sum()))
    shared = _derive_gap(same[0], same[1], n, int(swaps.find_changed(*sets).sum()))
    reason = total.reason or shared.reason
    rest = Part(total.drawn - shared.drawn, either, int(swaps.selected.sum()), reason)
    return Totals(start, total, shared, rest)


def compute_swaps(swaps: Swaps, quantity: Quantity, variable: str) -> tuple[Part, Part]:
    """Return what one variable's errors do alone, and what mending it alone would take away."""
    without = tuple(name for name in swaps.variables if name != variable)
    out = []
    for before, after in (((), (variable,)), (without, swaps.variables)):
        numbers = [swaps.get_numbers(s)[quantity] for s in (before, after)]
        kept = swaps.get_kept(before) | swaps.get_kept(after)
        out.append(_derive_gap(numbers[0], numbers[1], int(kept.sum()), int(swaps.find_changed(before, after).sum())))
    return out[0], out[1]


def compute_shares(swaps: Swaps, quantities: Sequence[Quantity], generator: np.random.Generator) -> Shares:
    """Return the share of each live variable: exact up to `EXACT` of them, else over sampled orders."""
    p = len(swaps.live)
    if p <= EXACT:
        values = np.stack([_get_values(swaps, quantities, code) for code in range(1 << p)])
        edges = {(at, code) for code in range(1 << p) for at in range(p) if not code >> at & 1}
        return Shares(compute_shapley(values), None, *_describe(swaps, quantities, edges))
    orders = draw_orders(p, BLOCKS, generator)
    found = compute_sampled_shapley(orders, lambda code: _get_values(swaps, quantities, code))
    edges = {step for order in orders.reshape(-1, p) for step in list_steps(order)}
    return Shares(found.shares, found.errors[:, :, 0], *_describe(swaps, quantities, edges))


def get_share(swaps: Swaps, shares: Shares, variable: str, at: int) -> Part:
    """Return a variable's share of one quantity; exactly 0 for one that moves nothing."""
    n = int(swaps.common.sum())
    if variable not in swaps.live:
        values = np.zeros(1 + len(swaps.setting.weights))
        return Part(np.where(shares.reasons[at], np.nan, values), n, 0, shares.reasons[at])
    row = swaps.live.index(variable)
    error = 0.0 if shares.errors is None else float(shares.errors[row, at])
    return Part(shares.drawn[row, at], n, shares.carriers[row], shares.reasons[at], error)


def _get_values(swaps: Swaps, quantities: Sequence[Quantity], code: int) -> Floats:
    numbers = swaps.get_numbers(_list_members(swaps, code))
    return np.stack([numbers[quantity].drawn for quantity in quantities])


def _list_members(swaps: Swaps, code: int) -> tuple[str, ...]:
    return tuple(name for at, name in enumerate(swaps.live) if code >> at & 1)


def _describe(
    swaps: Swaps, quantities: Sequence[Quantity], edges: set[tuple[int, int]]
) -> tuple[tuple[int, ...], tuple[Reason, ...]]:
    """Return how many patients differ in each live variable in any mixture, and why a quantity is undefined in one."""
    changed = np.zeros((len(swaps.live), len(swaps.common)), dtype=bool)
    for at, code in edges:
        changed[at] |= swaps.find_changed(_list_members(swaps, code), _list_members(swaps, code | 1 << at))
    codes = sorted({code for _, code in edges} | {code | 1 << at for at, code in edges} | {0})
    reasons = tuple(_find_reason(swaps, quantity, codes) for quantity in quantities)
    return tuple(int(row.sum()) for row in changed), reasons


def _find_reason(swaps: Swaps, quantity: Quantity, codes: Sequence[int]) -> Reason:
    found: Iterator[Number] = (swaps.get_numbers(_list_members(swaps, code))[quantity] for code in codes)
    return next((number.reason for number in found if number.reason), Reason.NONE)


def _derive_gap(before: Number, after: Number, n: int, k: int) -> Part:
    return Part(after.drawn - before.drawn, n, k, before.reason or after.reason)
