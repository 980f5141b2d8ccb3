"""Coverage of the intervals of a proportion and of a paired difference, by enumeration where it is affordable.

Run: python tests/benchmarks/bench_proportions.py [simulated tables per design]

Exact: the chance that the number of events falls where the interval holds the truth is a binomial sum. Between two
neighbouring bounds the set of covering counts does not change and its chance has one maximum and no inner minimum,
so the lowest coverage over p is found at the bounds themselves, just to their left and right.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from itertools import combinations_with_replacement, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr
from scipy.stats import multinomial

from probatio.resampling import Bounds, Floats, compute_clopper_pearson, compute_newcombe, compute_tango, compute_wilson
from probatio.resampling.intervals import CAUTION_EVENTS

LEVEL, HAIR = 0.95, 1e-9
BANDS = ((16, 30), (31, 100), (101, 300), (301, 800))
GRID = np.geomspace(0.005, 0.3, 300)
EXPECTED = ((0.0, 0.2), (0.2, 0.6), (0.6, 1.0), (1.0, 2.0), (2.0, 5.0), (5.0, 10.0), (10.0, np.inf))
PAIRS, RATES, PHIS, EXACT = (16, 31, 60, 100, 232, 300, 800), (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3), (0.0, 0.3), 100
DISCORDANT = ((0.0, 1.0), (1.0, 2.0), (2.0, 5.0), (5.0, 10.0), (10.0, np.inf))
Compute = Callable[[NDArray[np.int64], int, float], Bounds]


class Tables(NamedTuple):
    """All tables of one n, or None where they are simulated, with the bounds of both intervals."""

    counts: NDArray[np.int64]
    newcombe: Bounds
    tango: Bounds


def compute_coverage(bounds: Bounds, n: int, p: Floats) -> Floats:
    """Chance that the interval holds p; both bounds rise with the number of events."""
    first, last = np.searchsorted(bounds[1], p, "left"), np.searchsorted(bounds[0], p, "right") - 1
    return bdtr(last, n, p) - np.where(first > 0, bdtr(np.maximum(first - 1, 0), n, p), 0.0)


def find_lowest(bounds: Bounds, n: int, low: float, high: float) -> tuple[float, float]:
    """Lowest coverage over [low, high], and the p just beside which it is."""
    ends = np.concatenate([*bounds])
    inside = ends[(ends > low) & (ends < high)]
    p = np.concatenate([[low, high], inside * (1 - HAIR), inside * (1 + HAIR)])
    covered = compute_coverage(bounds, n, p)
    place = int(np.argmin(covered))
    return float(covered[place]), float(p[place])


def describe_exact() -> Iterator[str]:
    """Lowest coverage of Clopper-Pearson over every n from 5 to 1000 and every p of (0, 1)."""
    found = []
    for n in range(5, 1001):
        found.append((*find_lowest(compute_clopper_pearson(np.arange(n + 1), n, LEVEL), n, 1e-6, 1 - 1e-6), n))
    covered, p, n = min(found)
    lowest = f"lowest {100 * covered:.4f} % (n = {n}, p = {p:.6f})"
    yield f"Clopper-Pearson, n = 5 to 1000, p from 0.000001 to 0.999999: {lowest}"


def describe_bands() -> Iterator[str]:
    """Mean coverage over p from .005 to .3 and the lowest, for bands of n."""
    yield "| n | Wilson, mean % | Wilson, lowest % | at n, p | Clopper-Pearson, mean % | lowest % |"
    yield "|---|---|---|---|---|---|"
    for low, high in BANDS:
        means: dict[str, list[float]] = {"w": [], "c": []}
        lowest: dict[str, list[tuple[float, float, int]]] = {"w": [], "c": []}
        for n in range(low, high + 1):
            for name, compute in (("w", compute_wilson), ("c", compute_clopper_pearson)):
                bounds = compute(np.arange(n + 1), n, LEVEL)
                means[name].append(float(compute_coverage(bounds, n, GRID).mean()))
                lowest[name].append((*find_lowest(bounds, n, GRID[0], GRID[-1]), n))
        (w, p, n), c = min(lowest["w"]), min(lowest["c"])[0]
        yield (f"| {low} to {high} | {100 * np.mean(means['w']):.2f} | {100 * w:.1f} | {n}, {p:.4f} "
               f"| {100 * np.mean(means['c']):.2f} | {100 * c:.2f} |")  # fmt: skip


def describe_expected() -> Iterator[str]:
    """Coverage of Wilson by the number of events expected, over the same n and p; truth below and above apart."""
    yield "| events expected | mean % | lowest % | truth below the interval % | truth above % |"
    yield "|---|---|---|---|---|"
    parts = [split_misses(n) for n in range(16, 801)]
    np_, below, above = (np.concatenate(column) for column in zip(*parts, strict=True))
    for low, high in EXPECTED:
        mask = (np_ >= low) & (np_ < high)
        held = 1 - below[mask] - above[mask]
        yield (f"| {describe_range(low, high)} | {100 * held.mean():.2f} | {100 * held.min():.1f} "
               f"| {100 * below[mask].mean():.2f} | {100 * above[mask].mean():.2f} |")  # fmt: skip


def split_misses(n: int) -> tuple[Floats, Floats, Floats]:
    """Events expected over the grid of p, and the chances that the truth lies below and above the interval."""
    lower, upper = compute_wilson(np.arange(n + 1), n, LEVEL)
    first, last = np.searchsorted(upper, GRID, "left"), np.searchsorted(lower, GRID, "right") - 1
    above = np.where(first > 0, bdtr(np.maximum(first - 1, 0), n, GRID), 0.0)
    return n * GRID, 1 - bdtr(last, n, GRID), above


def describe_dips() -> Iterator[str]:
    """How low coverage falls where the lower bound of k events just leaves the truth behind: p a hair below it."""
    yield "| events seen k | n p at the lower bound | coverage there %, n = 16 | 100 | 800 | caution |"
    yield "|---|---|---|---|---|---|"
    for k in range(1, 13):
        cells = []
        for n in (16, 100, 800):
            bounds = compute_wilson(np.arange(n + 1), n, LEVEL)
            cells.append(f"{100 * float(compute_coverage(bounds, n, bounds[0][k : k + 1] * (1 - HAIR))[0]):.1f}")
        yield f"| {k} | {800 * bounds[0][k]:.2f} | {' | '.join(cells)} | {'yes' if k < CAUTION_EVENTS else ''} |"


def list_tables(n: int) -> Tables:
    """Every table (both, first only, second only, neither) of n pairs with its bounds."""
    both, first, second = (axis.ravel() for axis in np.indices((n + 1,) * 3))
    kept = both + first + second <= n
    both, first, second = both[kept], first[kept], second[kept]
    return derive_tables(np.column_stack([both, first, second, n - both - first - second]), n)


def derive_tables(counts: NDArray[np.int64], n: int) -> Tables:
    """The bounds of both intervals per table; Tango's depend on the discordant cells alone."""
    both, first, second, neither = counts.T
    codes, place = np.unique(first * (n + 1) + second, return_inverse=True)
    tango = compute_tango(codes // (n + 1), codes % (n + 1), n, LEVEL)
    return Tables(counts, compute_newcombe(both, first, second, neither, LEVEL), (tango[0][place], tango[1][place]))


def derive_shares(one: float, two: float, phi: float) -> Floats:
    """Chances of the four cells for two error rates and their correlation, as strong as the rates allow."""
    both = min(one * two + phi * np.sqrt(one * (1 - one) * two * (1 - two)), one, two)
    return np.array([both, one - both, two - both, 1 - one - two + both])


def compute_paired(tables: Tables, shares: Floats, weight: Floats) -> list[float]:
    """Chance (or share of tables) that each interval holds the difference; that Tango's lies too near 0; too far."""
    truth, (low, high) = shares[1] - shares[2], tables.tango
    held = [float(weight @ ((lower <= truth) & (truth <= upper))) for lower, upper in (tables.newcombe, tables.tango)]
    return [*held, float(weight @ (truth < low)), float(weight @ (truth > high))]


def describe_pairs(sets: int) -> Iterator[str]:
    """Coverage of Newcombe's method 10 and of Tango over the protocols' rates, by n and by pairs expected to differ."""
    lines = [line for n in PAIRS for line in compute_designs(n, sets)]
    n, discordant, *covered = (np.array(column) for column in zip(*[line[:6] for line in lines], strict=True))
    designs = [line[6] for line in lines]
    named = [f"{size}: {design}" for size, design in zip(n, designs, strict=True)]
    tango = "Tango, mean % | lowest % | where | too near 0, at most % | too far, at most % |"
    head = f"mean % | lowest % | where p1, p2, phi | {tango}"
    yield f"| n | Newcombe, {head}\n|---|---|---|---|---|---|---|---|---|"
    for size in PAIRS:
        yield describe_line(f"{size}{'' if size <= EXACT else ' (simulated)'}", n == size, covered, designs)
    yield f"\n| discordant pairs expected | Newcombe, {head}\n|---|---|---|---|---|---|---|---|---|"
    for low, high in DISCORDANT:
        mask = (discordant >= low) & (discordant < high)
        yield describe_line(describe_range(low, high), mask, covered, named)


def compute_designs(n: int, sets: int) -> Iterator[tuple[int, float, float, float, float, float, str]]:
    """Yield n, discordant pairs expected, both coverages, misses and the design, for all rates and correlations."""
    every = list_tables(n) if n <= EXACT else None
    for (one, two), phi in product(combinations_with_replacement(RATES, 2), PHIS):
        shares = derive_shares(one, two, phi)
        if every is None:
            rng = np.random.default_rng([n, round(1e4 * one), round(1e4 * two), round(10 * phi)])
            tables = derive_tables(rng.multinomial(n, shares, size=sets), n)
            weight = np.full(sets, 1 / sets)
        else:
            tables, weight = every, multinomial.pmf(every.counts, n, shares)
        yield n, n * float(shares[1] + shares[2]), *compute_paired(tables, shares, weight), f"{one:g}, {two:g}, {phi:g}"


def describe_line(label: str, mask: NDArray[np.bool_], covered: list[Floats], designs: list[str]) -> str:
    """One line: mean and lowest coverage of both intervals with the design of the lowest."""
    places, cells = np.flatnonzero(mask), [label]
    for values in covered[:2]:
        place = places[np.argmin(values[places])]
        cells += [f"{100 * values[places].mean():.2f}", f"{100 * values[place]:.1f}", designs[place]]
    return "| " + " | ".join([*cells, *(f"{100 * side[places].max():.1f}" for side in covered[2:])]) + " |"


def describe_range(low: float, high: float) -> str:
    """Return a range of expected events in words."""
    return f"{low:g} and more" if np.isinf(high) else f"{low:g} to {high:g}"


def main() -> None:
    """Print the tables and the seconds they took."""
    sets, start = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000, time.perf_counter()
    for part in (describe_exact(), describe_bands(), describe_expected(), describe_dips(), describe_pairs(sets)):
        for line in part:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        sys.stdout.write("\n")
    sys.stdout.write(f"{sets} tables a simulated design, {time.perf_counter() - start:.0f} s\n")


if __name__ == "__main__":
    main()
