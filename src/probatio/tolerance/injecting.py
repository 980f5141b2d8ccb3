"""Injection: each copy of a patient in a bootstrap sample is read right or wrong, and the regression is fitted again.

The data that a patient can come to have are few: as the comparator says, or one of a path's altered views. All of them
stand below one another in one regression, and an injection is a vector of case weights on these rows: a copy in error
moves its weight from the patient's own row to that of an altered view, or loses it where that view is incomplete (an
omission, a time below zero). A row of weight 0 changes nothing, so that every injection and sample of patients is one
replicate of the same presorted regression, exactly.

Copies are in error independently: were the error drawn once for a patient, one drawn twice would carry it twice, and
the variance of the estimate from extraction errors would come out twice too large. (A copy read right and one read
wrong are then two rows that tie. Efron's correction for that tie moves the log hazard ratio by 0.002 on average in
300 patients of whom 30 % are in error.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from probatio.replication import View
from probatio.resampling import Floats
from probatio.results import Reason
from probatio.survival import (
    CoxProblem,
    SortedTimes,
    compute_cox,
    compute_cox_replicates,
    compute_rmst_replicates,
    prepare_cox,
    prepare_times,
)

Mask = NDArray[np.bool_]
ENOUGH = 0.9
"""Share of draws in which the comparator's own numbers must be defined."""


@dataclass(frozen=True)
class Copies:
    """The patients of each bootstrap sample, a copy each time they are drawn.

    Attributes:
        draw, patient: of every copy, shape (copies,), sorted by draw and patient.
        error: a uniform number per copy: it is in error where its rate lies above, so that errors are nested.
        choice: a second one, which says which of the altered views it is given.
        draws: number of samples.
    """

    draw: NDArray[np.intp]
    patient: NDArray[np.intp]
    error: Floats
    choice: Floats
    draws: int


def derive_copies(weights: NDArray[Any], error: Floats, choice: Floats) -> Copies:
    """Return the copies of replicate weights.

    Args:
        weights: how often each patient is drawn, whole numbers, shape (draws, n).
        error: uniform numbers, shape (draws, at least the largest number of copies of a draw).
        choice: the same, others.
    """
    counts = weights.ravel()
    cell = np.repeat(np.arange(counts.size), counts)
    draw, patient = np.divmod(cell, weights.shape[1])
    place = np.arange(len(cell)) - np.searchsorted(draw, np.arange(len(weights)))[draw]
    return Copies(draw, patient, error[draw, place], choice[draw, place], len(weights))


class Arm(NamedTuple):
    """One group of the first term: its rows, their times, and the horizon of its restricted mean."""

    rows: NDArray[np.intp]
    table: SortedTimes
    horizon: float


@dataclass(frozen=True)
class Stack:
    """One regression on the comparator's rows and, below them, those of altered views.

    Attributes:
        problem: the regression.
        arms: the groups whose restricted means are compared; none where they decide nothing.
        rows: row of each patient, shape (1 + altered views, n); -1: not in it.
        size: number of rows.
    """

    problem: CoxProblem
    arms: tuple[Arm, ...]
    rows: NDArray[np.intp]
    size: int


def derive_stack(base: View, altered: list[View], *, horizon: float | None = None) -> Stack:
    """Stack the complete patients of the comparator's view and of altered ones; equal rows stand once.

    Args:
        base: the comparator's view.
        altered: views of altered texts.
        horizon: of the restricted means of the groups; None: they are not wanted.
    """
    rows = np.full((1 + len(altered), len(base.complete)), -1, dtype=np.intp)
    rows[0, base.complete] = np.arange(base.complete.sum())
    parts, size = [(base, base.complete)], int(base.complete.sum())
    for place, view in enumerate(altered, start=1):
        same = base.complete & view.complete & find_same(base, view)
        other = view.complete & ~same
        rows[place, same] = rows[0, same]
        rows[place, other] = size + np.arange(other.sum())
        parts.append((view, other))
        size += int(other.sum())
    arms = () if horizon is None else tuple(_derive_arms(parts, len(base.groups), horizon))
    time, event, entry = _join(parts, "time"), _join(parts, "event"), _join(parts, "entry")
    late = entry if entry.any() else None
    problem = prepare_cox(time, event, _join(parts, "covariates"), strata=_join(parts, "strata"), entry=late)
    return Stack(problem, arms, rows, size)


def _join(parts: list[tuple[View, Mask]], name: str) -> NDArray[Any]:
    return np.concatenate([getattr(view, name)[kept] for view, kept in parts])


def _derive_arms(parts: list[tuple[View, Mask]], number: int, horizon: float) -> Iterator[Arm]:
    time, event, entry, group = (_join(parts, name) for name in ("time", "event", "entry", "group"))
    for code in range(number):
        rows = np.flatnonzero(group == code)
        late = entry[rows] if entry.any() else None
        yield Arm(rows, prepare_times(time[rows], event[rows], entry=late), horizon)


def find_same(one: View, other: View) -> Mask:
    """Return the patients of whom two views say the same."""
    same = np.isclose(one.covariates, other.covariates, rtol=0, atol=1e-12, equal_nan=True).all(axis=1)
    alike = np.isclose(one.time, other.time, rtol=0, atol=1e-9, equal_nan=True) & (one.cause == other.cause)
    alike &= np.isclose(one.entry, other.entry, rtol=0, atol=1e-9, equal_nan=True)
    both: Mask = same & alike & (one.strata == other.strata)
    return both


def compute_weights(stack: Stack, copies: Copies, rates: Floats) -> Floats:
    """Return the case weights of an injection, shape (draws, rows).

    Args:
        stack: the regression.
        copies: patients drawn, and their uniform numbers.
        rates: probability of an error of each patient, shape (n,).
    """
    views = len(stack.rows) - 1
    wrong = copies.error < rates[copies.patient]
    view = np.where(wrong, 1 + np.minimum((copies.choice * views).astype(np.intp), views - 1), 0)
    row = stack.rows[view, copies.patient]
    kept = row >= 0
    cells = np.bincount(copies.draw[kept] * stack.size + row[kept], minlength=copies.draws * stack.size)
    return cells.reshape(copies.draws, stack.size).astype(float)


def compute_numbers(stack: Stack, weights: Floats, start: Floats) -> Floats:
    """Return every replicate's coefficients, then each group's restricted mean minus the first one's, in days.

    Args:
        stack: the regression and its groups.
        weights: shape (draws, rows).
        start: coefficients to start from, shape (p,).

    Returns:
        Shape (draws, p + groups - 1), NaN where a replicate has no such number.
    """
    coefficients = compute_cox_replicates(stack.problem, weights, start)
    means = [compute_rmst_replicates(arm.table, weights[:, arm.rows], arm.horizon) for arm in stack.arms]
    return np.column_stack([coefficients, *(mean - means[0] for mean in means[1:])])


@dataclass(frozen=True)
class Base:
    """The comparator's own fit, and its numbers in every bootstrap sample.

    Attributes:
        view: the comparator's.
        coefficients: of its fit.
        replicates: as `compute_numbers` returns them, shape (draws, numbers).
        usable: draws in which all of them are defined, shape (draws,): only there can an error move them.
        reason: why there is no fit, or too few such draws; "" otherwise.
    """

    view: View
    coefficients: Floats
    replicates: Floats
    usable: Mask
    reason: Reason = Reason.NONE


def compute_base(view: View, copies: Copies, *, horizon: float | None = None) -> Base:
    """Fit the comparator's data, whole and in every draw."""
    nothing = np.empty((copies.draws, 0)), np.zeros(copies.draws, dtype=bool)
    if not view.complete.any():
        return Base(view, np.empty(0), *nothing, Reason.EMPTY_DENOMINATOR)
    fit = compute_cox(derive_stack(view, []).problem)
    if fit.reason:
        return Base(view, fit.coefficients, *nothing, fit.reason)
    stack = derive_stack(view, [view], horizon=horizon)
    weights = compute_weights(stack, copies, np.zeros(len(view.complete)))
    numbers = compute_numbers(stack, weights, fit.coefficients)
    usable = np.asarray(np.isfinite(numbers).all(axis=1))
    lost = np.isnan(numbers[:, len(fit.coefficients) :]).any(axis=1).mean() > 1 - ENOUGH
    few = Reason.BEYOND_FOLLOW_UP if lost else Reason.NOT_CONVERGED
    return Base(view, fit.coefficients, numbers, usable, Reason.NONE if usable.mean() >= ENOUGH else few)
