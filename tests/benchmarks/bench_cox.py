"""Time Cox and Kaplan-Meier replicates against lifelines, and against R's compiled fitter where R is, in one run.

Run: OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python tests/benchmarks/bench_cox.py

Every fit is the same estimator, case-weighted Efron, and its coefficients are compared. Times are of the processor, one
thread, so that other work on the machine counts for neither: the best of three runs here, the mean of each peer's fits.
"""

from __future__ import annotations

import datetime
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import lifelines
import numba
import numpy as np
import pandas as pd
from lifelines.utils import restricted_mean_survival_time

sys.path.insert(0, str(Path(__file__).parents[1]))

from probatio.survival import (
    compute_cox,
    compute_cox_replicates,
    compute_curve_numbers,
    compute_median_replicates,
    prepare_cox,
    prepare_times,
)
from survival_data import make_cohort

TAU = 15.0
START = """
import time; begin = time.process_time()
import numpy as np
from probatio.survival import *
time_, event, x = np.arange(1.0, 41.0), np.arange(40) % 3 > 0, np.sin(np.arange(80.0)).reshape(40, 2)
begun = time.process_time()
problem, table = prepare_cox(time_, event, x), prepare_times(time_, event)
compute_cox_replicates(problem, np.ones((2, 40)), compute_cox(problem).coefficients)
cox = time.process_time()
compute_curve_numbers(table, np.ones((2, 40)), taus=(9.0,))
print(begun - begin, cox - begun, time.process_time() - cox)
"""


class Case(NamedTuple):
    """A benchmark: patients, covariates, whether times tie, replicates, and fits by lifelines and by R."""

    n: int
    p: int
    ties: bool
    replicates: int
    lifelines: int
    r: int


CASES = [Case(300, 1, True, 1000, 8, 300), Case(300, 5, True, 1000, 8, 300), Case(2000, 5, True, 1000, 8, 200),
         Case(2000, 5, False, 1000, 6, 200), Case(20000, 5, False, 100, 3, 10)]  # fmt: skip


def measure(run: Callable[[], Any], fits: int, *, times: int = 1) -> tuple[Any, float]:
    """Return the result and milliseconds of processor time per fit, the best of some runs."""
    best, found = np.inf, None
    for _ in range(times):
        begin = time.process_time()
        found = run()
        best = min(best, (time.process_time() - begin) / fits * 1e3)
    return found, best


def fit_lifelines(cohort: dict[str, Any], weights: np.ndarray) -> list[np.ndarray]:
    """Fit lifelines' Cox with case weights once per replicate."""
    frame = pd.DataFrame(cohort["covariates"]).assign(time=cohort["time"], event=cohort["event"])
    found = []
    for drawn in weights:
        kept = frame.assign(w=drawn)[drawn > 0]
        found.append(lifelines.CoxPHFitter().fit(kept, "time", "event", weights_col="w").params_.to_numpy())
    return found


@cache
def find_r() -> str:
    """Return the version of R's survival package, empty where there is none."""
    if not shutil.which("Rscript"):
        return ""
    command = ["Rscript", "-e", "cat(as.character(packageVersion('survival')))"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def fit_r(cohort: dict[str, Any], weights: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, float]:
    """Fit R's survival:::coxph.fit once per replicate; return coefficients and milliseconds per fit."""
    with tempfile.TemporaryDirectory() as folder:
        tables = {"patients": np.c_[cohort["time"], cohort["event"], cohort["covariates"]], "weights": weights,
                  "start": start[None]}  # fmt: skip
        for name, table in tables.items():
            np.savetxt(Path(folder) / f"{name}.csv", table, delimiter=",", fmt="%.17g")
        script = Path(__file__).with_name("coxph_fit.R")
        done = subprocess.run(["Rscript", str(script), folder], capture_output=True, text=True, check=True)
    first, *rest = done.stdout.splitlines()
    return np.array([[float(cell) for cell in line.split(",")] for line in rest]), float(first)


def draw_lifelines(cohort: dict[str, Any], weights: np.ndarray) -> list[tuple[float, float]]:
    """Return lifelines' median and restricted mean once per replicate."""
    found = []
    for drawn in weights:
        kept = drawn > 0
        curve = lifelines.KaplanMeierFitter().fit(cohort["time"][kept], cohort["event"][kept], weights=drawn[kept])
        found.append((curve.median_survival_time_, restricted_mean_survival_time(curve, t=TAU)))
    return found


def compare_cox(rng: np.random.Generator, case: Case) -> str:
    """Return a line of the table of regressions."""
    cohort = make_cohort(rng, case.n, p=case.p, ties=case.ties)
    weights = rng.multinomial(case.n, np.full(case.n, 1 / case.n), size=case.replicates).astype(np.uint16)
    problem = prepare_cox(**cohort)
    start = compute_cox(problem).coefficients
    found, own = measure(lambda: compute_cox_replicates(problem, weights, start), case.replicates, times=3)
    others, peer = measure(lambda: fit_lifelines(cohort, weights[: case.lifelines]), case.lifelines)
    gap = np.abs(np.array(others) - found[: case.lifelines]).max()
    cells = [f"{case.n}", f"{case.p}", "yes" if case.ties else "no", f"{own:.3f}", f"{peer:.1f}", f"{peer / own:.0f}"]
    if find_r():
        others, fast = fit_r(cohort, weights[: case.r], start)
        cells += [f"{fast:.2f}", f"{fast / own:.1f}", f"{gap:.0e}", f"{np.abs(others - found[: case.r]).max():.0e}"]
    else:
        cells += ["", "", f"{gap:.0e}", ""]
    return f"| {' | '.join(cells)} |"


def compare_curves(rng: np.random.Generator, case: Case) -> str:
    """Return a line of the table of curves."""
    cohort = make_cohort(rng, case.n, ties=case.ties)
    weights = rng.multinomial(case.n, np.full(case.n, 1 / case.n), size=case.replicates).astype(np.uint16)
    table = prepare_times(cohort["time"], cohort["event"])
    found, own = measure(lambda: compute_curve_numbers(table, weights, taus=(TAU,)), case.replicates, times=3)
    others, peer = measure(lambda: draw_lifelines(cohort, weights[:8]), 8)
    gap = np.abs(np.array(others) - np.c_[found.median, found.rmst][:8]).max()
    cells = [f"{case.n}", "yes" if case.ties else "no", f"{own:.4f}", f"{peer:.1f}", f"{peer / own:.0f}", f"{gap:.0e}"]
    return f"| {' | '.join(cells)} |"


def measure_start() -> str:
    """Return a sentence on compilation: in a first process, and in the next with the machine code kept."""
    with tempfile.TemporaryDirectory() as folder:
        command, environment = [sys.executable, "-c", START], os.environ | {"NUMBA_CACHE_DIR": folder}
        runs = [subprocess.run(command, env=environment, capture_output=True, text=True, check=True) for _ in range(2)]
    first, kept = ([float(cell) for cell in run.stdout.split()] for run in runs)
    return (
        f"Compilation, seconds of processor time: Cox {first[1]:.1f} and curves {first[2]:.1f} in the first process "
        f"(numba's import included); {kept[1]:.2f} and {kept[2]:.2f} in the next, with the machine code kept. "
        f"Import of `probatio.survival` {kept[0]:.2f}, without numba.\n"
    )


def main() -> None:
    """Print the tables."""
    rng = np.random.default_rng(1)
    compute_median_replicates(prepare_times([1.0], [True]), np.ones((1, 1)))  # compiled before it is timed
    lines = [f"{datetime.datetime.now(tz=datetime.UTC).date()}, {platform.processor() or platform.machine()}, "
             f"Python {platform.python_version()}, numpy {np.__version__}, numba {numba.__version__}, "
             f"lifelines {lifelines.__version__}, R's survival {find_r() or 'absent: its columns are empty'}.",
             measure_start(),
             "| n | covariates | ties | Cox | lifelines | ratio | R | ratio | gap to lifelines | gap to R |",
             "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for line in lines:
        print(line)  # noqa: T201
    for case in CASES:
        print(compare_cox(rng, case), flush=True)  # noqa: T201
    print("\n| n | ties | Kaplan-Meier, median, RMST | lifelines | ratio | gap |")  # noqa: T201
    print("| --- | --- | --- | --- | --- | --- |")  # noqa: T201
    for case in CASES[1:]:
        print(compare_curves(rng, case), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
