"""Injection: each copy of a patient in a bootstrap sample is read right or wrong, and the regression is fitted again.

The data that a patient can come to have are few: as the comparator says, or one of a path's altered views. All of them
stand below one another in one regression, and an injection is a vector of case weights on these rows: a copy in error
moves its weight from the patient's own row to that of an altered view, or loses it where that view is incomplete (an
omission, a time below zero). A row of weight 0 changes nothing, so that every injection and sample of patients is one
replicate of the same presorted regression, exactly.

Copies are in error independently: were the error drawn once for a patient, one drawn twice would carry it twice, and
the variance of the estimate from extraction errors would come out twice too large. (A copy read right and one read
wrong are then two rows that tie; Efron's correction for that tie is of the order of one in the number at risk.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probatio.replication import View
from probatio.resampling import Floats
from probatio.survival import CoxProblem, compute_cox, compute_cox_replicates, prepare_cox

Mask = NDArray[np.bool_]
_CHUNK = 1 << 22


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


@dataclass(frozen=True)
class Stack:
    """One regression on the comparator's rows and, below them, those of altered views.

    Attributes:
        problem: the regression.
        rows: row of each patient, shape (1 + altered views, n); -1: not in it.
        size: number of rows.
    """

    problem: CoxProblem
    rows: NDArray[np.intp]
    size: int


def derive_stack(base: View, altered: list[View]) -> Stack:
    """Stack the complete patients of the comparator's view and of altered ones; equal rows stand once."""
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
    return Stack(_prepare(parts), rows, size)


def _prepare(parts: list[tuple[View, Mask]]) -> CoxProblem:
    time = np.concatenate([view.time[kept] for view, kept in parts])
    event = np.concatenate([view.event[kept] for view, kept in parts])
    covariates = np.concatenate([view.covariates[kept] for view, kept in parts])
    strata = np.concatenate([view.strata[kept] for view, kept in parts])
    entry = np.concatenate([view.entry[kept] for view, kept in parts])
    return prepare_cox(time, event, covariates, strata=strata, entry=entry if entry.any() else None)


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


def compute_coefficients(stack: Stack, weights: Floats, start: Floats) -> Floats:
    """Return the coefficients of every replicate, NaN where there are none, shape (draws, p)."""
    return compute_cox_replicates(stack.problem, weights, start)


@dataclass(frozen=True)
class Base:
    """The comparator's own fit, and that of every bootstrap sample."""

    view: View
    coefficients: Floats
    replicates: Floats
    reason: str


def compute_base(view: View, copies: Copies) -> Base:
    """Fit the comparator's data; `reason` says why there is no fit."""
    if not view.complete.any():
        return Base(view, np.empty(0), np.empty((0, 0)), "empty_denominator")
    stack = derive_stack(view, [view])
    fit = compute_cox(stack.problem)
    if fit.reason:
        return Base(view, fit.coefficients, np.empty((0, 0)), str(fit.reason))
    weights = compute_weights(stack, copies, np.zeros(len(view.complete)))
    return Base(view, fit.coefficients, compute_coefficients(stack, weights, fit.coefficients), "")
