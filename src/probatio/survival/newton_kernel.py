"""Compiled algebra of Newton's method on small symmetric matrices."""

from __future__ import annotations

import math

import numpy as np

from probatio.resampling import Floats
from probatio.survival.compiled import compile_loop

_SINGULAR = 1e-10


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
