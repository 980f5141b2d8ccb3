"""Coverage of the intervals of calibration, and what is left of the bias of the expected calibration error.

Run: python tests/benchmarks/bench_confidence.py [studies per line]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit

from probatio.confidence.bins import (
    compute_debiased_ece,
    compute_ece,
    compute_gap_variances,
    compute_gaps,
    compute_replicate_gaps,
    derive_equal_mass_bins,
)
from probatio.confidence.brier import compute_brier, compute_replicate_squares, compute_squares
from probatio.confidence.calibration import FLOOR
from probatio.confidence.calibration_line import compute_line
from probatio.confidence.discrimination import compute_auroc, compute_auroc_bounds
from probatio.confidence.forecasts import Forecasts
from probatio.confidence.measuring import compute_gap_interval
from probatio.confidence.risk_coverage import compute_areas, compute_replicate_areas, derive_merged_ties
from probatio.resampling import Draws, Floats, compute_percentiles, compute_t_quantile

LEVEL, REPLICATES, BINS, LARGE = 0.95, 200, 10, 1_000_000
CENTRE, SPREAD = 2.2, 1.2
IDENTITY = pd.DataFrame({"source": ["ai"], "term": "", "variable": "", "stratum_by": "", "stratum": ""})
METRICS = ("ece", "confidence_gap", "brier", "auroc", "calibration_intercept", "calibration_slope", "aurc")


@dataclass(frozen=True)
class Scenario:
    """Stated logit = 2.2 + slope (true logit - 2.2) + shift; `between`: standard deviation between patients."""

    name: str
    patients: int
    each: int
    shift: float
    slope: float
    between: float

    def draw(self, rng: np.random.Generator, patients: int = 0) -> Forecasts:
        """One study's values."""
        count = patients or self.patients
        patient = np.repeat(np.arange(count), self.each)
        truth = rng.normal(CENTRE, SPREAD, len(patient)) + np.repeat(rng.normal(0, self.between, count), self.each)
        score = expit(CENTRE + self.slope * (truth - CENTRE) + self.shift)
        right = (rng.random(len(patient)) < expit(truth)).astype(float)
        group = np.zeros(len(patient), dtype=np.int64)
        return Forecasts(IDENTITY, group, patient, patient, score, right, np.ones(len(patient)), count)

    def compute_truth(self) -> dict[str, float]:
        """What the metrics are in the population."""
        rng = np.random.default_rng(0)
        truth = rng.normal(CENTRE, np.hypot(SPREAD, self.between), LARGE)
        p, stated = expit(truth), CENTRE + self.slope * (truth - CENTRE) + self.shift
        score = expit(stated)
        large = Scenario(self.name, LARGE // 10, 1, self.shift, self.slope, self.between).draw(rng)
        held = logit(np.clip(score, FLOOR, 1 - FLOOR))
        return {
            "ece": float(np.abs(score - p).mean()),
            "confidence_gap": float((score - p).mean()),
            "brier": float(((score - p) ** 2 + p * (1 - p)).mean()),
            "auroc": float(compute_auroc(large)[0][0]),
            "calibration_intercept": brentq(lambda a: float((p - expit(held + a)).mean()), -5, 5),
            "calibration_slope": float(compute_line(large).slope[0]),
            "aurc": float(compute_areas(large, derive_merged_ties(large)).aurc[0]),
        }


_ERRORS = {"calibrated": (0.0, 1.0), "timid": (-0.5, 1.0), "bold": (0.5, 1.0), "extreme": (0.0, 1.5)}
_DESIGNS = {
    "60 patients x 30 values": (60, 30, 1.0, tuple(_ERRORS)),
    "200 patients x 3 values": (200, 3, 0.3, ("calibrated", "bold")),
}
SCENARIOS = tuple(
    Scenario(f"{name}, {design}", patients, each, *_ERRORS[name], between)
    for design, (patients, each, between, names) in _DESIGNS.items()
    for name in names
)


def list_intervals(drawn: Forecasts, weights: NDArray[np.uint16]) -> Iterator[tuple[str, float, float, float]]:
    """Yield metric, estimate and bounds, as the rows have them."""
    bins = derive_equal_mass_bins(drawn, BINS)
    gaps, again = compute_gaps(drawn, bins), compute_replicate_gaps(drawn, bins, weights)
    variance = compute_gap_variances(drawn, bins, gaps)
    replicates = compute_debiased_ece(again, 2 * variance, bins, 1)
    yield ("ece", float(compute_debiased_ece(gaps, variance, bins, 1)[0]), *_bound(replicates))
    gap, interval = compute_gap_interval(drawn, LEVEL)
    yield "confidence_gap", float(gap[0]), float(interval.bounds[0][0]), float(interval.bounds[1][0])
    brier = compute_brier(compute_squares(drawn), gaps, variance, bins, 1).brier
    squares = compute_brier(compute_replicate_squares(drawn, weights), again, variance, bins, 1).brier
    yield ("brier", float(brier[0]), *_bound(squares))
    area, error, clusters = compute_auroc(drawn)
    low, high = compute_auroc_bounds(area, error, clusters, LEVEL)
    yield "auroc", float(area[0]), float(low[0]), float(high[0])
    line = compute_line(drawn)
    t = float(compute_t_quantile(line.clusters - 1, LEVEL)[0])
    for name, estimate, spread in (
        ("calibration_intercept", line.intercept[0], line.intercept_error[0]),
        ("calibration_slope", line.slope[0], line.slope_error[0]),
    ):
        yield name, float(estimate), float(estimate - t * spread), float(estimate + t * spread)
    ties = derive_merged_ties(drawn)
    areas = compute_replicate_areas(drawn, ties, weights).aurc
    yield ("aurc", float(compute_areas(drawn, ties).aurc[0]), *_bound(areas))


def _bound(replicates: Floats) -> tuple[float, float]:
    low, high = compute_percentiles(replicates, LEVEL)
    return float(low[0]), float(high[0])


def run(scenario: Scenario, studies: int, place: int) -> list[str]:
    """Return a line per metric."""
    rng, truth = np.random.default_rng([7, place]), scenario.compute_truth()
    names = [f"P{i:04d}" for i in range(scenario.patients)]
    patients = pd.DataFrame({"centre": ""}, index=pd.Index(names, name="patient_id"))
    weights = Draws(seed=place, frame="bench", unit="patient", replicates=REPLICATES).weights(patients)
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in METRICS}
    plain = []
    for _ in range(studies):
        drawn = scenario.draw(rng)
        bins = derive_equal_mass_bins(drawn, BINS)
        plain.append(compute_ece(compute_gaps(drawn, bins), bins, 1)[0])
        for name, *numbers in list_intervals(drawn, weights):
            found[name].append((numbers[0], numbers[1], numbers[2]))
    lines = []
    for name, held in found.items():
        estimate, low, high = np.array(held).T
        above, below = float(np.mean(truth[name] > high)), float(np.mean(truth[name] < low - 1e-12))
        bias = f"{estimate.mean() - truth[name]:+.4f}"
        bias += f" (plain {np.mean(plain) - truth[name]:+.4f})" if name == "ece" else ""
        lines.append(f"| {scenario.name} | {name} | {truth[name]:.4f} | {bias} | {100 * (1 - above - below):.1f} | "
                     f"{100 * above:.1f} | {100 * below:.1f} |")  # fmt: skip
    return lines


def main(studies: int) -> None:
    """Write the table."""
    start = time.perf_counter()
    head = ("scenario", "metric", "truth", "bias", "coverage %", "truth above %", "truth below %")
    sys.stdout.write(f"| {' | '.join(head)} |\n|{' --- |' * len(head)}\n")
    for place, scenario in enumerate(SCENARIOS):
        sys.stdout.write("\n".join(run(scenario, studies, place)) + "\n")
        sys.stdout.flush()
    sys.stdout.write(f"{studies} studies a line, {time.perf_counter() - start:.0f} s\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
