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
from probatio.tolerance.injecting import Base, Copies, Stack, compute_coefficients, compute_weights


class Cell(NamedTuple):
    """One error of a path under one mechanism.

    Attributes:
        error: on the path's grid.
        shifts: change of every coefficient in every draw, NaN where there is no estimate, shape (draws, p).
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
    shifts = compute_coefficients(stack, weights, base.coefficients) - base.replicates
    analysed = int(base.view.complete[copies.patient].sum())
    return Cell(error, shifts, 1 - float(weights.sum()) / analysed)


def find_judged(view: View, *, first_only: bool) -> list[int]:
    """Return the coefficients on which the conclusion rests: all, or the first term's."""
    number = max(1, len(view.groups) - 1) if first_only else len(view.coefficients)
    return list(range(number))


def compute_probability(shifts: Floats, judged: Sequence[int], margin: float, level: float) -> Probability:
    """Return the share of draws in which every judged coefficient moves by at most log margin.

    Args:
        shifts: shape (draws, p).
        judged: columns of it.
        margin: a hazard ratio above 1.
        level: two-sided confidence of the Monte Carlo interval.
    """
    size = np.abs(shifts[:, list(judged)]).max(axis=1)
    within = int(np.sum(np.where(np.isnan(size), np.inf, size) <= math.log(margin)))
    lower, upper = compute_clopper_pearson(within, len(size), level=level)
    return Probability(within / len(size), float(lower), float(upper))


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
