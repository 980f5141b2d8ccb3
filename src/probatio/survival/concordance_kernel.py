"""The compiled sweep over event times that counts a cohort's concordant, discordant and tied pairs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from probatio.resampling import Floats
from probatio.survival.compiled import compile_loop

Integers = NDArray[np.int64]


class Sweep(NamedTuple):
    """Patients of one stratum placed among its m distinct event times.

    Attributes:
        code: rank of the predictor from 0, equal ones share it, shape (n,).
        weights: case weights, shape (n,).
        group: event time of each event, -1 for censoring, shape (n,).
        since, until: may outlive the events of times since to until - 1, shape (n,).
        by_group, by_since, by_until: patients in the order of each, shape (n,).
    """

    code: Integers
    weights: Floats
    group: Integers
    since: Integers
    until: Integers
    by_group: Integers
    by_since: Integers
    by_until: Integers


@compile_loop
def count_pairs(sweep: Sweep, times: int) -> Floats:
    """Return the weight of each patient's concordant, discordant and tied pairs, shape (n, 3).

    One walk through the event times with two cumulative tables (Fenwick 1994): who may outlive the
    events of this time, and the events so far. It takes n log n steps.
    """
    n = len(sweep.code)
    out, tables = np.zeros((n, 3)), np.zeros((2, n + 1))
    waiting, dead = tables
    a = b = c = 0
    while c < n and sweep.group[sweep.by_group[c]] < 0:
        c += 1
    for g in range(times + 1):
        while a < n and sweep.since[sweep.by_since[a]] == g:
            _move(sweep, sweep.by_since[a], 1.0, tables, out)
            a += 1
        while b < n and sweep.until[sweep.by_until[b]] == g:
            _move(sweep, sweep.by_until[b], -1.0, tables, out)
            b += 1
        first = c
        while c < n and sweep.group[sweep.by_group[c]] == g:
            i = sweep.by_group[c]
            below, tied, above = _split(waiting, sweep.code[i])
            out[i] += np.array([below, above, tied])
            c += 1
        for k in range(first, c):
            _add(dead, sweep.code[sweep.by_group[k]], sweep.weights[sweep.by_group[k]])
    return out


@compile_loop
def _move(sweep: Sweep, j: int, sign: float, tables: Floats, out: Floats) -> None:
    """Let a patient begin or cease to outlive events, and count the events so far out of or into its pairs."""
    _add(tables[0], sweep.code[j], sign * sweep.weights[j])
    below, tied, above = _split(tables[1], sweep.code[j])
    out[j] -= sign * np.array([above, below, tied])


@compile_loop
def _add(table: Floats, code: int, weight: float) -> None:
    at = code + 1
    while at < len(table):
        table[at] += weight
        at += at & -at


@compile_loop
def _sum_to(table: Floats, at: int) -> float:
    total = 0.0
    while at > 0:
        total += table[at]
        at -= at & -at
    return total


@compile_loop
def _split(table: Floats, code: int) -> tuple[float, float, float]:
    """Return the weight in a table below, at and above a code."""
    below, until = _sum_to(table, code), _sum_to(table, code + 1)
    return below, until - below, _sum_to(table, len(table) - 1) - until
