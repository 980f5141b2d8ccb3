"""Time replicates of accuracy, kappa and macro F1: joint product, patterns, plain row resampling, a scikit-learn loop.

Run: OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python tests/benchmarks/bench_resampling.py
scikit-learn is no dependency: without it on the path its column stays empty. Times are processor seconds of one thread;
peak memory is that of a fresh process on Linux (`getrusage` would count the parent's).
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.resampling import Draws, Readings, compute_joint_replicates, compute_pattern_replicates, derive_patterns

try:
    from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score
except ImportError:
    accuracy_score = None

RECORDS, VARIABLES, REPLICATES, CENTRES, ROUNDS = 10_000, 40, 2000, 15, 5
CLASSES = (2, 5, 5)
ROW_REPLICATES, LOOP_REPLICATES = 20, 2
PATIENTS = (10_000, 100_000, 1_000_000)
Metrics = NDArray[np.float64]


def build_patients(patients: int) -> pd.DataFrame:
    """Patients of 15 centres, at random."""
    centre = np.random.default_rng(patients).integers(CENTRES, size=patients).astype(str)
    return pd.DataFrame({"centre": centre}, index=pd.RangeIndex(patients))


def build_readings(patients: int, values: int, classes: int, seed: int) -> Readings:
    """Values read twice, one in ten at random the second time."""
    rng = np.random.default_rng([patients, values, seed])
    first = rng.integers(classes, size=patients * values)
    second = np.where(rng.random(len(first)) < 0.1, rng.integers(classes, size=len(first)), first)
    return Readings(np.repeat(np.arange(patients), values), first, second, classes)


def list_readings(values: int) -> list[Readings]:
    """The variables of the joint benchmark: 10,000 records of patients with so many values each."""
    return [build_readings(RECORDS // values, values, CLASSES[i % 3], i) for i in range(VARIABLES)]


def run_joint(readings: list[Readings], patients: pd.DataFrame) -> Metrics:
    """Draw the patients' weights and compute every replicate; shape (3, replicates, variables)."""
    found = compute_joint_replicates(readings, Draws(1, "all", "patient", REPLICATES).weights(patients))
    return np.array([found.accuracy, found.kappa, found.macro_f1])


def run_rows(readings: list[Readings], weights: NDArray[np.uint16]) -> Metrics:
    """Copy the rows drawn, count their confusion table, apply the formulas."""
    out = np.empty((3, len(weights), len(readings)))
    for replicate, weight in enumerate(weights):
        drawn = np.repeat(np.arange(RECORDS), weight[readings[0].patient])
        for place, each in enumerate(readings):
            q = each.classes
            table = np.bincount(each.first[drawn] * q + each.second[drawn], minlength=q * q).reshape(q, q)
            out[:, replicate, place] = compute_metrics(table)
    return out


def compute_metrics(table: NDArray[np.int64]) -> tuple[float, float, float]:
    """Accuracy, Cohen's kappa and macro F1 of one table."""
    n, hits, rows, columns = table.sum(), table.diagonal(), table.sum(axis=1), table.sum(axis=0)
    po, pe = hits.sum() / n, (rows * columns).sum() / n**2
    return po, (po - pe) / (1 - pe), (2 * hits / (rows + columns)).mean()


def run_loop(readings: list[Readings], weights: NDArray[np.uint16]) -> Metrics:
    """The same rows given to scikit-learn's three functions."""
    out = np.empty((3, len(weights), len(readings)))
    for replicate, weight in enumerate(weights):
        drawn = np.repeat(np.arange(RECORDS), weight[readings[0].patient])
        for place, each in enumerate(readings):
            one, two = each.first[drawn], each.second[drawn]
            out[:, replicate, place] = (
                accuracy_score(one, two), cohen_kappa_score(one, two), f1_score(one, two, average="macro")
            )  # fmt: skip
    return out


def measure(run: Callable[[], Metrics], replicates: int) -> float:
    """Processor seconds for all replicates, from those run."""
    start = time.process_time()
    run()
    return (time.process_time() - start) * REPLICATES / replicates


def compare(values: int) -> str:
    """One line: seconds for all replicates of the three ways, in alternating order, and their ratios."""
    readings, patients = list_readings(values), build_patients(RECORDS // values)
    weights = Draws(1, "all", "patient", REPLICATES).weights(patients)
    ways = {"joint": (lambda: run_joint(readings, patients), REPLICATES)}
    ways["rows"] = (lambda: run_rows(readings, weights[:ROW_REPLICATES]), ROW_REPLICATES)
    if accuracy_score is not None:
        ways["loop"] = (lambda: run_loop(readings, weights[:LOOP_REPLICATES]), LOOP_REPLICATES)
    check(run_joint(readings, patients), [run() for run, _ in list(ways.values())[1:]])
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS):
        for name in list(ways)[:: -1 if turn % 2 else 1]:
            seconds[name].append(measure(*ways[name]))
    own, rows, loop = (median(seconds[name]) if name in seconds else np.nan for name in ("joint", "rows", "loop"))
    cells = [f"{RECORDS // values:,} x {values}", f"{own:.2f}", f"{rows:.1f}", f"{rows / own:.0f}"]
    cells += [f"{loop:.0f}", f"{loop / own:.0f}"] if loop == loop else ["absent", ""]
    return "| " + " | ".join([*cells, f"{read_peak(f'joint {values}'):.0f}"]) + " |"


def check(ours: Metrics, others: list[Metrics]) -> None:
    """Stop if two ways disagree on a replicate they share."""
    for other in others:
        if not np.allclose(ours[:, : other.shape[1]], other, rtol=1e-10, equal_nan=True):
            raise SystemExit("two ways disagree")


def time_patterns() -> list[str]:
    """One line per number of patients: milliseconds to resample one variable and to collapse it to patterns before."""
    lines = []
    studies = {size: (build_readings(size, 1, 5, 0), build_patients(size)) for size in PATIENTS}
    draws = Draws(1, "all", "patient", REPLICATES)
    patterns, sizes, collapse = {}, {}, {}
    for size, (readings, patients) in studies.items():
        start = time.process_time()
        patterns[size] = derive_patterns(readings.count(size))
        middle = time.process_time()
        sizes[size] = patterns[size].count(draws.derive_strata(patients))
        collapse[size] = (middle - start, time.process_time() - middle)
    seconds: dict[int, list[float]] = {size: [] for size in PATIENTS}
    for turn in range(2 * ROUNDS + 1):
        for size in PATIENTS[:: -1 if turn % 2 else 1]:
            start = time.process_time()
            compute_pattern_replicates(patterns[size], draws.draw_patterns(sizes[size], "x"))
            seconds[size].append(time.process_time() - start)
    least = median(seconds[PATIENTS[0]])
    for size in PATIENTS:
        own, peak = median(seconds[size]), read_peak(f"patterns {size}")
        lines.append(f"| {size:,} | {len(patterns[size].table):,} | {1e3 * own:.0f} | {own / least:.2f} "
                     f"| {1e3 * collapse[size][0]:.0f} | {1e3 * collapse[size][1]:.0f} | {peak:.0f} |")  # fmt: skip
    return lines


def read_peak(what: str) -> float:
    """Peak memory in MiB of a fresh process that does one job."""
    found = subprocess.run([sys.executable, __file__, *what.split()], capture_output=True, text=True, check=True)
    return float(found.stdout)


def do_job(kind: str, size: int) -> None:
    """Do one job and print this process's peak memory in MiB."""
    if kind == "joint":
        run_joint(list_readings(size), build_patients(RECORDS // size))
    else:
        draws, found = (
            Draws(1, "all", "patient", REPLICATES),
            derive_patterns(build_readings(size, 1, 5, 0).count(size)),
        )
        drawn = draws.draw_patterns(found.count(draws.derive_strata(build_patients(size))), "x")
        compute_pattern_replicates(found, drawn)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    sys.stdout.write(f"{int(status.split('VmHWM:')[1].split()[0]) / 1024}\n")


def main() -> None:
    """Print both tables."""
    if accuracy_score is None:
        sys.stdout.write("scikit-learn is absent: no column for its loop\n")
    sys.stdout.write("| patients x values | joint, s | rows, s | ratio | scikit-learn, s | ratio | joint, peak MiB |\n")
    sys.stdout.write("| --- | --- | --- | --- | --- | --- | --- |\n")
    for values in (1, 4):
        sys.stdout.write(compare(values) + "\n")
        sys.stdout.flush()
    sys.stdout.write("\n| patients | patterns | ms | ratio | ms, collapse | ms, centres | peak MiB |\n")
    sys.stdout.write("| --- | --- | --- | --- | --- | --- | --- |\n")
    sys.stdout.write("\n".join(time_patterns()) + "\n")


if __name__ == "__main__":
    do_job(sys.argv[1], int(sys.argv[2])) if len(sys.argv) > 2 else main()
