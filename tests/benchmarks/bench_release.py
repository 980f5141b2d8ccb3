"""What is released, attacked by linear programming on many random studies; and how long a release takes.

Run: python tests/benchmarks/bench_release.py 400 [runs/demo]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "provenance"))

from release_attack import Attack
from test_release_attack import MINIMUM, SOURCES, STRATA, Cells, derive_rows, list_small

from probatio.compendium.opening import find_project
from probatio.provenance import read_manifest, read_run_rows
from probatio.provenance.release import release_run, suppress_rows


def draw_cells(random: np.random.Generator) -> Cells:
    """Return outcomes of two sources in two strata, about the minimum."""
    cells = {}
    for stratum in STRATA:
        present, absent = int(random.integers(0, 121)), int(random.choice([0, random.integers(0, 61)]))
        for source in SOURCES:
            counts = [random.choice([0, random.integers(0, 15), random.integers(5, 41)]) for _ in range(3)]
            wrong, omitted, extra = (
                int(min(x, most)) for x, most in zip(counts, (present, present, absent), strict=True)
            )
            omitted = min(omitted, present - wrong)
            correct = present - wrong - omitted
            cells[source, stratum] = {"C": correct, "W": wrong, "O": omitted, "U": extra, "B": absent - extra}
    return cells


def attack_studies(number: int, seed: int = 2) -> tuple[int, int]:
    """Return how many small counts were attacked, and how many were found to less than the minimum."""
    random = np.random.default_rng(seed)
    studies = [draw_cells(random) for _ in range(number)]
    released = suppress_rows(derive_rows(studies), MINIMUM).rows
    attacked = found = 0
    for place, cells in enumerate(studies):
        attack = Attack(released[released["variable"] == f"v{place}"], SOURCES, STRATA)
        for target in list_small(cells):
            low, high = attack.find_range(attack.sum(*target), most=500)
            attacked, found = attacked + 1, found + (high - low < MINIMUM - 1e-6)
    return attacked, found


def time_release(run: Path) -> None:
    """Print the processor's seconds of the rules alone, and of a whole release."""
    rows = read_run_rows(run)
    start = time.process_time()
    suppress_rows(rows, MINIMUM)
    middle = time.process_time()
    out = run.parent / f"{read_manifest(run).study}-released"
    release_run(run, out, project=find_project(run), overwrite=True)
    sys.stdout.write(f"| {len(rows):,} | {middle - start:.1f} | {time.process_time() - middle:.1f} |" + "\n")


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    sys.stdout.write("| studies | small counts attacked | found to less than the minimum |\n| --- | --- | --- |" + "\n")
    attacked, found = attack_studies(number)
    sys.stdout.write(f"| {number} | {attacked:,} | {found} |" + "\n")
    if len(sys.argv) > 2:
        sys.stdout.write("\n| rows | the rules, s | the release, s |\n| --- | --- | --- |" + "\n")
        time_release(Path(sys.argv[2]))
