"""How far an injected error moves the conclusion: probability of staying within a margin, and the error that is borne.

The probability is a share of draws, with its Clopper-Pearson interval: the Monte Carlo error of the simulation, not
that of the study. A draw in which the regression finds no estimate counts as outside every margin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from probatio.replication import View
from probatio.resampling import Floats, compute_clopper_pearson
from probatio.tolerance.injecting import Base, Copies, Stack, compute_numbers, compute_weights


class Cell(NamedTuple):
    """One error of a path under one mechanism.

    Attributes:
        error: on the path's grid.
        shifts: change of every number in every draw, NaN where there is no estimate, shape (draws, p): of the
            log hazard ratios, then of the differences in restricted mean survival.
        lost: share of the analysed copies that the errors put out of the analysis.
    """

    error: float
    shifts: Floats
    lost: float


class Probability(NamedTuple):
    """Share of draws within the margin, and its interval."""

    estimate: float
    lower: float
    upper: float


class Borne(NamedTuple):
    """An error at which a probability crosses its limit; `beyond`: none on the grid does, this is its end."""

    error: float
    beyond: bool


def compute_cell(base: Base, stack: Stack, copies: Copies, rates: Floats, error: float) -> Cell:
    """Inject errors at these rates into every draw, and fit again."""
    weights = compute_weights(stack, copies, rates)
    shifts = (compute_numbers(stack, weights, base.coefficients) - base.replicates)[base.usable]
    analysed = int(base.view.complete[copies.patient].sum())
    return Cell(error, shifts, 1 - float(weights.sum()) / analysed)


def derive_limits(view: View, margin: float, rmst_margin: float | None, *, first_only: bool) -> Floats:
    """Return how far each number may move: infinite where the conclusion does not rest on it.

    Args:
        view: the comparator's.
        margin: a hazard ratio above 1.
        rmst_margin: days, of the differences in restricted mean survival; None: there are none.
        first_only: the conclusion rests on the first term's coefficients alone.
    """
    ratios = np.full(len(view.coefficients), math.log(margin))
    if first_only:
        ratios[max(1, len(view.groups) - 1) :] = math.inf
    means = [] if rmst_margin is None else [rmst_margin] * (len(view.groups) - 1)
    return np.concatenate([ratios, means])


def compute_probability(shifts: Floats, limits: Floats, level: float) -> Probability:
    """Return the share of draws in which every number moves by at most its limit.

    Args:
        shifts: shape (draws, p).
        limits: shape (p,), infinite for what may move freely.
        level: two-sided confidence of the Monte Carlo interval.
    """
    moved = np.where(np.isnan(shifts), np.inf, np.abs(shifts))
    within = int((moved <= limits).all(axis=1).sum())
    lower, upper = compute_clopper_pearson(within, len(shifts), level=level)
    return Probability(within / len(shifts), float(lower), float(upper))


def find_borne(errors: Sequence[float], probabilities: Sequence[float], limit: float) -> Borne:
    """Return the error up to which every probability is at least the limit, linear between two errors of the grid.

    Without error nothing moves: the probability at 0 is 1.
    """
    before, certain = 0.0, 1.0
    for error, probability in zip(errors, probabilities, strict=True):
        if probability < limit:
            return Borne(before + (error - before) * (certain - limit) / (certain - probability), beyond=False)
        before, certain = error, probability
    return Borne(before, beyond=True)
