"""Coverage of the intervals of numbers: 95 % nominal, 80 patients, one or three values each, weights or none.

Run: python tests/benchmarks/bench_values.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[1] / "measures"))

from agreement_study import LABEL, build_pairs, build_patients, build_protocol, estimate

BATCHES, STUDIES, PATIENTS = 10, 1000, 80
SPREAD = np.sqrt(2)
TRUTH = {
    "bias": 0.5,
    "sd_difference": SPREAD,
    "loa_lower": 0.5 - 1.96 * SPREAD,
    "loa_upper": 0.5 + 1.96 * SPREAD,
    "median_absolute_difference": float(stats.foldnorm.median(0.5 / SPREAD, scale=SPREAD)),
    "ccc": 2 * 9 / (9 + 11 + 0.25),
}


def build_studies(rng: np.random.Generator, visits: int, *, weighted: bool) -> pd.DataFrame:
    """Each study is one variable: differences of mean 0.5 and variance 2, half of it shared within the patient."""
    size = STUDIES * PATIENTS * visits
    study, patient, visit = np.indices((STUDIES, PATIENTS, visits)).reshape(3, size)
    shared = rng.normal(0, 1, (STUDIES, PATIENTS))[study, patient] if visits > 1 else 0.0
    reference = rng.normal(70, 3, size)
    difference = 0.5 + shared + rng.normal(0, 1 if visits > 1 else SPREAD, size)
    names = [f"P{index:03d}" for index in patient]
    values = zip(names, reference.astype(str), (reference + difference).astype(str), ["W"] * size, strict=True)
    pairs = build_pairs(list(values), difference=difference, variable=[f"v{index}" for index in study])
    return pairs.assign(visit=visit.astype(str), weight=1.0 + (patient % 2 if weighted else 0))


def compute_coverage(visits: int, *, weighted: bool) -> dict[str, float]:
    """Return the share of intervals that hold the truth, by metric."""
    variables = [{"name": f"v{index}", "label": LABEL, "type": "number", "unit": "kg"} for index in range(STUDIES)]
    protocol, hits = build_protocol(variables=variables), dict.fromkeys(TRUTH, 0)
    for batch in range(BATCHES):
        pairs = build_studies(np.random.default_rng([11, batch]), visits, weighted=weighted)
        rows = estimate(pairs, protocol, patients=build_patients(pairs))
        for metric, value in TRUTH.items():
            own = rows[rows["metric"] == metric]
            hits[metric] += int(((own["lower"] <= value) & (value <= own["upper"])).sum())
    return {metric: hit / (BATCHES * STUDIES) for metric, hit in hits.items()}


def run() -> None:
    """Print the table."""
    designs = [(1, False), (1, True), (3, False), (3, True)]
    table = pd.DataFrame({f"{v} {'weighted' if w else 'equal'}": compute_coverage(v, weighted=w) for v, w in designs})
    lines = ["| metric | " + " | ".join(table.columns) + " |", "|---" * (1 + len(table.columns)) + "|"]
    lines += [f"| {name} | " + " | ".join(f"{share:.3f}" for share in row) + " |" for name, row in table.iterrows()]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    run()
