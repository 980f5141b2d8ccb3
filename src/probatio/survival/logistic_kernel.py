"""Compiled Newton's method for logistic regression, replicate after replicate, with its algebra.

One file: machine code kept on disk is made anew when the file of the function called changes, not another's.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from probatio.resampling import Floats
from probatio.survival.compiled import compile_loop

_SINGULAR = 1e-10
FITTED, SINGULAR, SEPARATED, LOST = 0, 1, 2, 3
_ITERATIONS = 100
_DECREMENT = 1e-18  # squared length of the last step in standard errors
_LOSS = 1e-9  # relative loss of log-likelihood beyond which a step is halved
_SPREAD = 5.0  # largest change of the linear predictor in one step
_FLAT = 1e4  # standard error of a log odds ratio across a covariate's range that only separation gives


class Penalty(NamedTuple):
    """What is taken off the log-likelihood, and whether half the information's log determinant is added."""

    ridge: float
    firth: bool


class Design(NamedTuple):
    """Intercept and standardised covariates, (n, 1 + p); ranges; the map to the covariates' own units; outcome."""

    x: Floats
    reach: Floats
    units: Floats
    y: Floats


@compile_loop
def factor_symmetric(matrix: Floats) -> bool:
    """Replace the lower triangle by Cholesky's factor, in place; false where the matrix is singular or indefinite."""
    q = matrix.shape[0]
    for j in range(q):
        diagonal = matrix[j, j]
        pivot = diagonal
        for k in range(j):
            pivot -= matrix[j, k] ** 2
        if not pivot > _SINGULAR * diagonal:
            return False
        matrix[j, j] = math.sqrt(pivot)
        for i in range(j + 1, q):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = total / matrix[j, j]
    return True


@compile_loop
def solve_factored(factor: Floats, right: Floats) -> Floats:
    """Return the solution of a system whose matrix `factor_symmetric` has factored, shape (q,)."""
    q = factor.shape[0]
    out = right.copy()
    for i in range(q):
        for k in range(i):
            out[i] -= factor[i, k] * out[k]
        out[i] /= factor[i, i]
    for i in range(q - 1, -1, -1):
        for k in range(i + 1, q):
            out[i] -= factor[k, i] * out[k]
        out[i] /= factor[i, i]
    return out


@compile_loop
def compute_inverse_diagonal(factor: Floats) -> Floats:
    """Return the diagonal of the inverse of a factored matrix, shape (q,): squared standard errors."""
    q = factor.shape[0]
    out = np.zeros(q)
    for j in range(q):
        unit = np.zeros(q)
        unit[j] = 1.0
        out[j] = solve_factored(factor, unit)[j]
    return out


@compile_loop
def maximise_each(design: Design, weights: Floats, start: Floats, penalty: Penalty, out: Floats) -> None:
    """Write the coefficients of every replicate that has them into `out`; a start too far away is given up for 0."""
    for row in range(len(weights)):
        beta = start.copy()
        state = maximise(design, weights[row], beta, penalty)[0]
        if state != FITTED:
            beta = np.zeros(len(start))
            state = maximise(design, weights[row], beta, penalty)[0]
        if state == FITTED:
            for a in range(len(beta)):  # one by one: to copy a whole row takes a second more to compile
                out[row, a] = beta[a]


@compile_loop
def maximise(design: Design, w: Floats, beta: Floats, penalty: Penalty) -> tuple[int, float]:
    """Move `beta` to the maximum by Newton's method with halved steps; return a state and the value there."""
    value, best, step = -np.inf, beta.copy(), np.zeros(len(beta))
    mass, one_class = _weigh(design.y, w)
    if one_class and not penalty.firth:
        return SINGULAR, np.nan
    for _ in range(_ITERATIONS):
        found, score, information = compute_terms(design, w, beta, penalty)
        if not factor_symmetric(information):
            return SINGULAR, np.nan
        if penalty.firth:
            found += _add_firth(design, w, beta, information, score)
        if found < value - _LOSS * abs(value):
            _advance(beta, best, step, 0.5)
            continue
        if _is_flat(information, design.reach, mass):
            return SEPARATED, np.nan
        best, value = beta.copy(), found
        step = solve_factored(information, score)
        decrement = _predict(step, score)
        _advance(beta, best, step, _derive_shrink(step, design.reach))
        if decrement < _DECREMENT:
            return FITTED, value
    return LOST, np.nan


@compile_loop
def _advance(beta: Floats, best: Floats, step: Floats, shrink: float) -> None:
    """Shrink a step and set `beta` that step from the best so far."""
    for a in range(len(beta)):
        step[a] *= shrink
        beta[a] = best[a] + step[a]


@compile_loop
def _derive_shrink(step: Floats, reach: Floats) -> float:
    spread = 0.0
    for a in range(len(step)):
        spread += abs(step[a]) * reach[a]
    return _SPREAD / max(spread, _SPREAD)


@compile_loop
def _is_flat(factor: Floats, reach: Floats, mass: float) -> bool:
    """Say whether a standard error, for weights of mean 1, is one that only separation gives."""
    variance, worst = compute_inverse_diagonal(factor), 0.0
    for a in range(len(reach)):
        worst = max(worst, math.sqrt(variance[a] * mass) * reach[a])
    return worst > _FLAT


@compile_loop
def _weigh(y: Floats, w: Floats) -> tuple[float, bool]:
    """Return the mean of the positive weights, and whether one outcome has none."""
    zeros, ones, count = 0.0, 0.0, 0
    for i in range(len(y)):
        if w[i] > 0:
            count += 1
            ones += w[i] * y[i]
            zeros += w[i] * (1 - y[i])
    return (ones + zeros) / max(count, 1), zeros == 0 or ones == 0


@compile_loop
def _predict(row: Floats, beta: Floats) -> float:
    total = 0.0
    for a in range(len(beta)):
        total += row[a] * beta[a]
    return total


@compile_loop
def compute_terms(design: Design, w: Floats, beta: Floats, penalty: Penalty) -> tuple[float, Floats, Floats]:
    """Return logarithm, score and information (lower triangle) of the ridge likelihood."""
    x, y, value = design.x, design.y, 0.0
    score, information = np.zeros(len(beta)), np.zeros((len(beta), len(beta)))
    for i in range(len(y)):
        if w[i] == 0:
            continue
        eta = _predict(x[i], beta)
        p = 1 / (1 + math.exp(-eta))
        value += w[i] * (y[i] * eta - max(eta, 0.0) - math.log1p(math.exp(-abs(eta))))
        for a in range(len(beta)):
            score[a] += w[i] * (y[i] - p) * x[i, a]
            part = w[i] * p * (1 - p) * x[i, a]
            for b in range(a + 1):
                information[a, b] += part * x[i, b]
    for a in range(1, len(beta)):
        value -= penalty.ridge * beta[a] ** 2 / 2
        score[a] -= penalty.ridge * beta[a]
        information[a, a] += penalty.ridge
    return value, score, information


@compile_loop
def _add_firth(design: Design, w: Floats, beta: Floats, factor: Floats, score: Floats) -> float:
    """Add to the score the derivative of half the log determinant of the information; return that half."""
    half = 0.0
    for a in range(len(beta)):
        half += math.log(factor[a, a])
    for i in range(len(w)):
        if w[i] > 0:
            x = design.x[i]
            p = 1 / (1 + math.exp(-_predict(x, beta)))
            leverage = w[i] * p * (1 - p) * _predict(x, solve_factored(factor, x))
            for a in range(len(beta)):
                score[a] += leverage * (0.5 - p) * x[a]
    return half
