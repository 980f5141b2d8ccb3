"""Stated run lengths of the charts of routine use against charts run batch by batch; prints its tables.

`python tests/benchmarks/bench_monitoring.py`. Four tables: independent values; batch sizes in a fixed
order; several correlated values per patient; an estimated baseline (exact, by enumeration).
"""

from __future__ import annotations

import itertools
import math
import sys
import time
from collections.abc import Callable

import numpy as np
from scipy.stats import binom

from probatio.measures.monitoring.batches import compute_skewed_effect
from probatio.measures.monitoring.charts import shift_odds
from probatio.measures.monitoring.cusum import BOTH, CUSUM, P_CHART, Charts, Scheme, compute_run_length, design_scheme
from probatio.measures.monitoring.limits import compute_limits
from probatio.resampling import compute_clopper_pearson

RUNS, TARGET, RATIO, LEVEL = 10_000, 100.0, 2.0, 0.95
DESIGNS = [(p, sizes) for p in (0.02, 0.05, 0.10) for sizes in ([10], [20], [50], [10, 20, 40, 50])]
SEEDS = itertools.count(20261125)
Draw = Callable[[np.random.Generator, np.ndarray], np.ndarray]


def simulate(scheme: Scheme, pick: Draw, draw: Draw, charts: Charts, *, seed: int) -> tuple[float, float]:
    """Mean run length and its standard error: `pick` gives the sizes of step t, `draw` the errors of such batches."""
    rng = np.random.default_rng(seed)
    known = np.arange(1, 1001)
    taken, highest = scheme.compute_penalties(known), compute_limits(known, scheme.rate, scheme.tail)[1]
    value, alive, lengths = np.zeros(RUNS), np.arange(RUNS), np.zeros(RUNS)
    step = 0
    while len(alive):
        sizes = pick(rng, np.full(len(alive), step))
        errors = draw(rng, sizes)
        gain = np.rint(scheme.steps * errors) - taken[sizes - 1]
        value = np.maximum(0, value + gain)
        alarm = np.zeros(len(alive), dtype=bool)
        if charts != P_CHART:
            alarm |= value >= scheme.limit
        if charts != CUSUM:
            alarm |= errors > highest[sizes - 1] + 1e-9
        step += 1
        lengths[alive[alarm]] = step
        value, alive = value[~alarm], alive[~alarm]
    return float(lengths.mean()), float(lengths.std() / math.sqrt(RUNS))


def independent(rate: float) -> Draw:
    return lambda rng, sizes: rng.binomial(sizes, rate).astype(float)


def at_random(sizes: np.ndarray) -> Draw:
    return lambda rng, steps: rng.choice(sizes, len(steps))


def in_order(sizes: np.ndarray) -> Draw:
    return lambda _, steps: sizes[steps % len(sizes)]


def show(title: str, names: list[str], lines: list[list[str]]) -> None:
    table = ["| " + " | ".join(line) + " |" for line in (names, ["---"] * len(names), *lines)]
    sys.stdout.write(f"### {title}\n\n" + "\n".join(table) + "\n\n")
    sys.stdout.flush()


def compare(scheme: Scheme, sizes: np.ndarray, pick: Draw, make: Callable[[float], Draw], charts: Charts) -> list[str]:
    """Stated and simulated run length, in and out of control, as texts."""
    cells = []
    for rate in (scheme.rate, shift_odds(scheme.rate, scheme.ratio)):
        stated = compute_run_length(scheme, sizes, rate, charts)
        mean, error = simulate(scheme, pick, make(rate), charts, seed=next(SEEDS))
        cells += [f"{stated:.1f}", f"{mean:.1f} ({error:.1f})"]
    return cells


def run_independent() -> None:
    lines = []
    for rate, sizes in DESIGNS:
        batches = np.array(sizes)
        scheme = design_scheme(rate, RATIO, batches, TARGET)
        for charts in (CUSUM, P_CHART, BOTH):
            cells = compare(scheme, batches, at_random(batches), independent, charts)
            named = [f"{rate:.2f}", " ".join(map(str, sizes)), charts]
            lines.append([*named, f"{scheme.limit * scheme.unit:.2f}" if charts == CUSUM else "", *cells])
    show(
        f"Independent values: {RUNS} runs, sizes at random, target {TARGET:g}, odds ratio {RATIO:g}",
        ["p", "n", "charts", "h", "in control, stated", "simulated (SE)", "out, stated", "simulated (SE)"],
        lines,
    )


def run_ordered() -> None:
    lines = []
    for rate, sizes in ((0.05, [10, 20, 40, 50]), (0.05, [50, 40, 20, 10]), (0.05, [10, 10, 10, 80]), (0.02, [15, 60])):
        batches = np.array(sizes)
        scheme = design_scheme(rate, RATIO, batches, TARGET)
        cells = compare(scheme, batches, in_order(batches), independent, BOTH)
        lines.append([f"{rate:.2f}", " ".join(map(str, sizes)), *cells])
    show(
        "Sizes in one order, again and again (both charts); the statement takes them at random",
        ["p", "n", "in control, stated", "simulated (SE)", "out, stated", "simulated (SE)"],
        lines,
    )


def run_clustered() -> None:
    lines = []
    for rate, patients, many, icc in ((0.05, 20, 4, 0.0), (0.05, 20, 4, 0.2), (0.05, 20, 4, 0.5), (0.05, 50, 4, 0.5),
                                      (0.10, 30, 25, 0.05)):  # fmt: skip
        values, effect = patients * many, np.array(1 + (many - 1) * icc)
        size = round(values / float(compute_skewed_effect(effect, np.array(float(many)))))
        batches = np.array([size])
        scheme = design_scheme(rate, RATIO, batches, TARGET)

        def clustered(
            true: float, patients: int = patients, many: int = many, icc: float = icc, size: int = size,
            values: int = values,
        ) -> Draw:  # fmt: skip
            def draw(rng: np.random.Generator, sizes: np.ndarray) -> np.ndarray:
                shape = (len(sizes), patients)
                more = 1 / icc - 1 if icc else 0.0
                own = rng.beta(true * more, (1 - true) * more, shape) if icc else np.full(shape, true)
                events = rng.binomial(many, own).sum(axis=1) / values * size
                return np.where(np.abs(events - np.rint(events)) < 1e-9, np.rint(events), events)

            return draw

        cells = compare(scheme, batches, at_random(batches), clustered, BOTH)
        lines.append([f"{rate:.2f}", str(patients), str(many), f"{icc:.2f}", str(size), *cells])
    show(
        "Several values per patient: beta-binomial, effective size with the true correlation (both charts)",
        [
            "p",
            "patients",
            "values each",
            "icc",
            "effective size",
            "in control, stated",
            "simulated (SE)",
            "out, stated",
            "simulated (SE)",
        ],
        lines,
    )


def run_estimated() -> None:
    lines = []
    for rate, size, values in ((0.05, 25, 100), (0.05, 25, 400), (0.05, 25, 2000), (0.10, 25, 100), (0.02, 50, 400)):
        batches, k = np.array([size]), np.arange(values + 1)
        k = k[binom.pmf(k, values, rate) > 1e-5]
        mass = binom.pmf(k, values, rate)
        for assurance in (None, 0.9):
            held = k / values if assurance is None else compute_clopper_pearson(k, values, 2 * assurance - 1)[1]
            true = [_find_length(float(p), batches, rate) for p in held]
            late = [_find_length(float(p), batches, shift_odds(rate, RATIO)) for p in held]
            known = [(m, a, b) for m, a, b in zip(mass, true, late, strict=True) if not math.isnan(a)]
            share, first, second = (np.array(column) for column in zip(*known, strict=True))
            lines.append([f"{rate:.2f}", str(size), str(values), "none" if assurance is None else f"{assurance:g}",
                          *(_show(find_quantile(first, share, q)) for q in (0.1, 0.5, 0.9)),
                          f"{100 * share[first < TARGET].sum() / share.sum():.0f}",
                          _show(find_quantile(second, share, 0.5)), f"{100 * (1 - share.sum()):.1f}"])  # fmt: skip
    title = f"An estimated baseline: true run length (both charts), exact over all baselines, target {TARGET:g}"
    head = ["true p", "n", "baseline values", "assurance", "10 % quantile", "median", "90 % quantile"]
    show(title, [*head, "below target %", "out of control, median", "no chart %"], lines)


def _find_length(held: float, batches: np.ndarray, rate: float) -> float:
    """True run length of charts designed at `held`; NaN without a chart."""
    if not 0 < held < 1:
        return math.nan
    return compute_run_length(design_scheme(held, RATIO, batches, TARGET), batches, rate, BOTH)


def find_quantile(values: np.ndarray, mass: np.ndarray, share: float) -> float:
    order = np.argsort(values)
    return float(values[order][np.searchsorted(np.cumsum(mass[order]) / mass.sum(), share)])


def _show(length: float) -> str:
    return "> 1,000,000" if math.isinf(length) else f"{length:,.0f}" if length >= 100 else f"{length:.1f}"


if __name__ == "__main__":
    begun = time.perf_counter()
    for run in (run_independent, run_ordered, run_clustered, run_estimated):
        run()
    said = f"{time.perf_counter() - begun:.0f} s, Python {sys.version.split()[0]}, numpy {np.__version__}"
    sys.stdout.write(said + "\n")
