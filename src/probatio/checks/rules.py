"""Evaluate clinicians' rules over all patients at once, in three-valued logic.

A condition is true, false or unknown (Kleene 1952, section 64): unknown when a value is missing, or when a
partial date leaves it open. A rule is judged only where it is decided; `A => B` only where A holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from probatio.checks.cells import Mask, SourceCells, Verdict
from probatio.protocol.binding import BoundRule
from probatio.protocol.expression import (
    Arrow,
    Compare,
    Constant,
    Contains,
    Count,
    Empty,
    Expression,
    Joined,
    Not,
    Quantified,
    Reference,
    Sum,
    Value,
)
from probatio.resampling import Bounds

HOLDS: Final = 1
NOT_APPLICABLE: Final = 0
VIOLATED: Final = -1


def compute_verdicts(rule: BoundRule, cells: SourceCells) -> Verdict:
    """Return per patient HOLDS, VIOLATED or NOT_APPLICABLE.

    A rule about attributes of events must hold for each event of the patient: one event breaks it,
    and events for which it is unknown, or to which it does not apply, are passed over.
    """
    verdicts = _judge(rule.expression, cells, rule.event)
    if not rule.event:
        return verdicts
    owner = cells.find_events(rule.event).owner
    broken, kept = (np.zeros(cells.size, dtype=bool) for _ in range(2))
    broken[owner[verdicts == VIOLATED]] = True
    kept[owner[verdicts == HOLDS]] = True
    return np.where(broken, VIOLATED, np.where(kept, HOLDS, NOT_APPLICABLE)).astype(np.int8)


def _judge(node: Expression, cells: SourceCells, scope: str) -> Verdict:
    if isinstance(node, Arrow) and node.sign == "=>":
        applies = _evaluate(node.left, cells, scope) == 1
        return np.where(applies, _judge(node.right, cells, scope), NOT_APPLICABLE).astype(np.int8)
    return _evaluate(node, cells, scope)


def _evaluate(node: Expression, cells: SourceCells, scope: str) -> Verdict:
    """Return a condition per patient, or per event of the scope."""
    if isinstance(node, Compare):
        return _compare(node, cells, scope)
    if isinstance(node, Empty):
        return _spread(cells.compute_emptiness(node.reference), node.reference, cells, scope)
    if isinstance(node, Contains):
        return _spread(cells.find_members(node.reference, node.level), node.reference, cells, scope)
    if isinstance(node, Quantified):
        return _quantify(node, cells, scope)
    return _connect(node, cells, scope)


def _connect(node: Not | Joined | Arrow, cells: SourceCells, scope: str) -> Verdict:
    if isinstance(node, Not):
        return -_evaluate(node.item, cells, scope)
    if isinstance(node, Joined):
        combine = np.minimum if node.word == "and" else np.maximum
        joined: Verdict = combine.reduce([_evaluate(item, cells, scope) for item in node.items])
        return joined
    left, right = _evaluate(node.left, cells, scope), _evaluate(node.right, cells, scope)
    return left * right if node.sign == "<=>" else np.maximum(-left, right)


def _quantify(node: Quantified, cells: SourceCells, scope: str) -> Verdict:
    """Return any, or all, over a patient's events; without events: false, or true, if the source says so."""
    inner = _evaluate(node.item, cells, node.event)
    sign = 1 if node.word == "any" else -1
    events = cells.find_events(node.event)
    best = np.full(cells.size, -1, dtype=np.int8)
    np.maximum.at(best, events.owner, (sign * inner).astype(np.int8))
    silent = (events.count == 0) & ~events.explicit_none
    verdicts = np.where(silent, 0, sign * best).astype(np.int8)
    return verdicts[cells.find_events(scope).owner] if scope else verdicts


def _spread(verdicts: Verdict, reference: Reference, cells: SourceCells, scope: str) -> Verdict:
    """Return a fact of the patient for each event of the scope; a fact of the event as it is."""
    return verdicts[cells.find_events(scope).owner] if scope and not reference.attribute else verdicts


_CERTAIN: dict[str, Callable[[Bounds, Bounds], Mask]] = {
    "=": lambda a, b: (a[0] == b[1]) & (a[1] == b[0]),
    "!=": lambda a, b: (a[1] < b[0]) | (b[1] < a[0]),
    "<": lambda a, b: a[1] < b[0],
    "<=": lambda a, b: a[1] <= b[0],
    ">": lambda a, b: a[0] > b[1],
    ">=": lambda a, b: a[0] >= b[1],
}
_CONTRARY = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def _compare(node: Compare, cells: SourceCells, scope: str) -> Verdict:
    """Return a comparison: true or false only when it is so for every day that a partial date may stand for."""
    left, right = (_compute_value(value, cells, scope) for value in (node.left, node.right))
    holds = _CERTAIN[node.operator](left, right)
    fails = _CERTAIN[_CONTRARY[node.operator]](left, right)
    return np.where(holds, 1, np.where(fails, -1, 0)).astype(np.int8)


def _compute_value(value: Value, cells: SourceCells, scope: str) -> Bounds:
    if isinstance(value, Constant):
        size = len(cells.find_events(scope).owner) if scope else cells.size
        return np.full(size, float(value.low)), np.full(size, float(value.high))
    if isinstance(value, Sum):
        return _compute_sum(value, cells, scope)
    reference = value.reference if isinstance(value, Count) else value
    if not isinstance(reference, Reference):
        raise TypeError("a text that was not bound to a level")
    bounds = cells.compute_count(reference.name) if isinstance(value, Count) else cells.compute_bounds(reference)
    if not scope or reference.attribute:
        return bounds
    owner = cells.find_events(scope).owner
    return bounds[0][owner], bounds[1][owner]


def _compute_sum(node: Sum, cells: SourceCells, scope: str) -> Bounds:
    low, high = _compute_value(Constant(0, 0, node.at), cells, scope)
    for sign, item in node.items:
        least, most = _compute_value(item, cells, scope)
        low, high = (low + least, high + most) if sign > 0 else (low - most, high - least)
    return low, high
