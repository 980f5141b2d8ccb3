"""Shapley value: the share of each of p parts in a total that they make together.

A coalition is a number whose bit j says that part j is in it: 0 is the empty one, 2^p - 1 that of all.

The shares add up to the total (efficiency), two parts that do the same get the same (symmetry), a part that changes
nothing gets 0 (null player), and the share of a sum is the sum of shares (linearity): no other rule has all four.

Source: Shapley 1953; sampling of orders: Castro, Gomez and Tejada 2009, Computers & Operations Research 36:1726;
in antithetic, stratified sets: Mitchell, Cooper, Frank and Holmes 2022, JMLR 23(43), section 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from probatio.resampling import Floats

Orders = NDArray[np.intp]


class SampledShapley(NamedTuple):
    """Shares from sampled orders, shape (p, ...), and their Monte Carlo standard errors, of the same shape."""

    shares: Floats
    errors: Floats


def compute_shapley(values: Floats) -> Floats:
    """Return the share of each part, exactly.

    Args:
        values: the value of every coalition, shape (2^p, ...), p >= 0.

    Returns:
        Shape (p, ...): sum over coalitions S without j of |S|! (p - |S| - 1)! / p! (v(S and j) - v(S)).
        NaN where the value of a coalition is.
    """
    p = len(values).bit_length() - 1
    codes = np.arange(len(values))
    sizes = np.array([code.bit_count() for code in range(len(values))])
    weights = np.array([1 / (p * math.comb(p - 1, size)) for size in range(p)])
    out = np.zeros((p, *values.shape[1:]))
    for part in range(p):
        without = codes[(codes >> part) & 1 == 0]
        gains = values[without | 1 << part] - values[without]
        out[part] = np.tensordot(weights[sizes[without]], gains, axes=1)
    return out


def draw_orders(p: int, blocks: int, generator: np.random.Generator) -> Orders:
    """Return orders of p parts in independent blocks, shape (blocks, 2p, p).

    A block holds the p rotations of a random order, so that each part stands once in each place, and their reverses:
    a part that gains most when it comes first comes last as often. Every order of a block is uniform.
    """
    starts = np.stack([generator.permutation(p) for _ in range(blocks)])
    turned = np.stack([np.roll(starts, shift, axis=1) for shift in range(p)], axis=1)
    return np.concatenate([turned, turned[:, :, ::-1]], axis=1)


def list_steps(order: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    """Yield each part of an order with the coalition of those before it."""
    before = 0
    for part in order.tolist():
        yield part, before
        before |= 1 << part


def compute_sampled_shapley(orders: Orders, compute_value: Callable[[int], Floats]) -> SampledShapley:
    """Return the mean gain of each part over sampled orders; in each order gains add up to the total.

    Args:
        orders: from `draw_orders`, at least two blocks.
        compute_value: value of a coalition, shape (...); called again for one seen before.
    """
    blocks, number, p = orders.shape
    out = np.zeros((blocks, p, *np.shape(compute_value(0))))
    for block in range(blocks):
        for order in orders[block]:
            for part, before in list_steps(order):
                out[block, part] += (compute_value(before | 1 << part) - compute_value(before)) / number
    return SampledShapley(out.mean(axis=0), out.std(axis=0, ddof=1) / math.sqrt(blocks))
