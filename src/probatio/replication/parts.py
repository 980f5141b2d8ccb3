"""The parts of one source's shift from its comparator: totals, selection, swaps and Shapley shares, as arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from probatio.replication.carriers import find_carriers
from probatio.replication.shapley import compute_sampled_shapley, compute_shapley, draw_orders, list_steps
from probatio.replication.swaps import Number, PatientRule, Quantity, Swaps
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

    `carriers`: on own patients, those not complete in both. `reasons`: by quantity, why a mixture has no value.
    `errors`: Monte Carlo, None where all mixtures were estimated.
    """

    rule: PatientRule
    live: tuple[str, ...]
    drawn: Floats
    errors: Floats | None
    carriers: tuple[int, ...]
    reasons: tuple[Reason, ...]


def compute_totals(swaps: Swaps, quantity: Quantity) -> Totals:
    """Return what is to be shared out, and what stays apart: the patients complete in one source only."""
    views, sets = (swaps.reference, swaps.other), ((), swaps.variables)
    own = [swaps.get_numbers(s, "own")[quantity] for s in sets]
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


def compute_shares(
    swaps: Swaps, quantities: Sequence[Quantity], generator: np.random.Generator, rule: PatientRule
) -> Shares:
    """Return the share of each live variable: exact up to `EXACT` of them, else over sampled orders."""
    live = swaps.list_live(rule)
    game = _Game(swaps, quantities, live, rule)
    p = len(live)
    if p <= EXACT:
        drawn = compute_shapley(np.stack([game.compute_value(code) for code in range(1 << p)]))
        edges = {(at, code) for code in range(1 << p) for at in range(p) if not code >> at & 1}
        return Shares(rule, live, drawn, None, game.count_carriers(edges), game.find_reasons(edges))
    orders = draw_orders(p, BLOCKS, generator)
    found = compute_sampled_shapley(orders, game.compute_value)
    edges = {step for order in orders.reshape(-1, p) for step in list_steps(order)}
    return Shares(rule, live, found.shares, found.errors[:, :, 0], game.count_carriers(edges), game.find_reasons(edges))


class _Game(NamedTuple):
    """The variables as players; a coalition reads its members from the source."""

    swaps: Swaps
    quantities: Sequence[Quantity]
    live: tuple[str, ...]
    rule: PatientRule

    def compute_value(self, code: int) -> Floats:
        """Return a coalition's numbers, shape (quantities, 1 + replicates)."""
        numbers = self.swaps.get_numbers(self._list_members(code), self.rule)
        return (
            np.stack([numbers[quantity].drawn for quantity in self.quantities]) if self.quantities else np.zeros((0, 1))
        )

    def count_carriers(self, edges: set[tuple[int, int]]) -> tuple[int, ...]:
        """Return how many patients each variable changes in any mixture; by rule `own`, not those complete in both."""
        counted = self.swaps.common if self.rule == "same" else ~self.swaps.common
        changed = np.zeros((len(self.live), len(counted)), dtype=bool)
        for at, code in edges:
            members = self._list_members(code), self._list_members(code | 1 << at)
            changed[at] |= self.swaps.find_changed(*members, self.rule)
        return tuple(int(row.sum()) for row in changed & counted)

    def find_reasons(self, edges: set[tuple[int, int]]) -> tuple[Reason, ...]:
        """Return, per quantity, why a mixture has no value."""
        codes = sorted({0} | {code for _, code in edges} | {code | 1 << at for at, code in edges})
        numbers = [self.swaps.get_numbers(self._list_members(code), self.rule) for code in codes]
        return tuple(next((each[one].reason for each in numbers if each[one].reason), Reason.NONE)
                     for one in self.quantities)  # fmt: skip

    def _list_members(self, code: int) -> tuple[str, ...]:
        return tuple(name for at, name in enumerate(self.live) if code >> at & 1)


def get_share(swaps: Swaps, shares: Shares, variable: str, at: int) -> Part:
    """Return a variable's share of one quantity; exactly 0 for one that moves nothing."""
    n = int(swaps.common.sum())
    if variable not in shares.live:
        values = np.zeros(1 + len(swaps.setting.weights))
        return Part(np.where(shares.reasons[at], np.nan, values), n, 0, shares.reasons[at])
    row = shares.live.index(variable)
    error = 0.0 if shares.errors is None else float(shares.errors[row, at])
    return Part(shares.drawn[row, at], n, shares.carriers[row], shares.reasons[at], error)


def derive_selection(own: Part, same: Part, either: int) -> Part:
    """Return what a variable does through patients not complete in both: share on own patients minus that of values.

    Args:
        own: its share where each mixture takes its own complete patients.
        same: its share on the common patients.
        either: patients analysed in either source.
    """
    reason = own.reason or same.reason
    return Part(own.drawn - same.drawn, either, own.k, reason, math.hypot(own.error, same.error))


def _derive_gap(before: Number, after: Number, n: int, k: int) -> Part:
    return Part(after.drawn - before.drawn, n, k, before.reason or after.reason)
