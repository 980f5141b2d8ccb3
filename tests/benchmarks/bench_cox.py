"""Time Cox and Kaplan-Meier replicates against lifelines, in the same process.

Run: OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python tests/benchmarks/bench_cox.py
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lifelines
import numpy as np
import pandas as pd
from lifelines.utils import restricted_mean_survival_time

sys.path.insert(0, str(Path(__file__).parents[1]))

from probatio.survival import (
    compute_cox,
    compute_cox_replicates,
    compute_median_replicates,
    compute_rmst_replicates,
    prepare_cox,
    prepare_times,
)
from survival_data import make_cohort

PEER_REPLICATES = 8
CASES = [(300, 1, 2000), (300, 3, 2000), (300, 5, 2000), (2000, 3, 400)]


def measure(run: Callable[[], Any], replicates: int) -> float:
    """Return milliseconds per replicate."""
    begin = time.perf_counter()
    run()
    return (time.perf_counter() - begin) / replicates * 1e3


def fit_peer(cohort: dict[str, Any], weights: np.ndarray) -> None:
    """Fit lifelines' Cox once per replicate."""
    frame = pd.DataFrame(cohort["covariates"]).assign(time=cohort["time"], event=cohort["event"])
    for drawn in weights:
        lifelines.CoxPHFitter().fit(frame.loc[np.repeat(frame.index, drawn)], "time", "event")


def draw_peer(cohort: dict[str, Any], weights: np.ndarray) -> None:
    """Fit lifelines' Kaplan-Meier, median and RMST once per replicate."""
    for drawn in weights:
        kept = drawn > 0
        curve = lifelines.KaplanMeierFitter().fit(cohort["time"][kept], cohort["event"][kept], weights=drawn[kept])
        _ = curve.median_survival_time_, restricted_mean_survival_time(curve, t=15)


def main() -> None:
    """Print one line per case."""
    rng = np.random.default_rng(1)
    for n, p, replicates in CASES:
        cohort = make_cohort(rng, n, p=p)
        weights = rng.multinomial(n, np.full(n, 1 / n), size=replicates)
        problem, table = prepare_cox(**cohort), prepare_times(cohort["time"], cohort["event"])
        start = compute_cox(problem).coefficients
        cox = measure(lambda: compute_cox_replicates(problem, weights, start), replicates)  # noqa: B023
        curve = measure(lambda: (compute_median_replicates(table, weights),  # noqa: B023
                                 compute_rmst_replicates(table, weights, 15.0)), replicates)  # noqa: B023  # fmt: skip
        few = weights[:PEER_REPLICATES]
        peer = measure(lambda: fit_peer(cohort, few), len(few))  # noqa: B023
        drawn = measure(lambda: draw_peer(cohort, few), len(few))  # noqa: B023
        print(f"n={n} p={p}: Cox {cox:.3f} ms, lifelines {peer:.1f} ms ({peer / cox:.0f}x); "  # noqa: T201
              f"Kaplan-Meier, median, RMST {curve:.4f} ms, lifelines {drawn:.1f} ms ({drawn / curve:.0f}x); "
              f"{replicates} replicates {(cox + curve) * replicates / 1e3:.2f} s")  # fmt: skip


if __name__ == "__main__":
    main()
