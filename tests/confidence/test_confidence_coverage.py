"""Intervals from patients drawn again hold the truth: in small here, with 2,000 studies a line in tests/benchmarks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import binomtest

from probatio.confidence.bins import (
    compute_debiased_ece,
    compute_gap_variances,
    compute_gaps,
    compute_replicate_gaps,
    derive_equal_mass_bins,
)
from probatio.confidence.brier import compute_brier, compute_replicate_squares
from probatio.confidence.forecasts import Forecasts
from probatio.confidence.measuring import compute_gap_interval
from probatio.confidence.risk_coverage import compute_areas, compute_replicate_areas, derive_merged_ties
from probatio.resampling import Draws, compute_percentiles
from scored_study import make_forecasts

PATIENTS, EACH, STUDIES = 80, 10, 150
Bounds = dict[str, tuple[float, float]]


def draw(rng: np.random.Generator, shift: float, patients: int) -> tuple[Forecasts, NDArray[np.float64]]:
    """Return values of patients who differ, stated probabilities off by `shift`, and the true ones."""
    patient = np.repeat(np.arange(patients), EACH)
    truth = rng.normal(2, 1, len(patient)) + np.repeat(rng.normal(0, 0.6, patients), EACH)
    right = rng.random(len(patient)) < expit(truth)
    return make_forecasts(expit(truth + shift), right, patient=patient), expit(truth)


def compute_bounds(drawn: Forecasts, weights: NDArray[np.uint16]) -> Bounds:
    bins = derive_equal_mass_bins(drawn, 10)
    gaps, again = compute_gaps(drawn, bins), compute_replicate_gaps(drawn, bins, weights)
    variance = compute_gap_variances(drawn, bins, gaps)
    brier = compute_brier(compute_replicate_squares(drawn, weights), again, 2 * variance, bins, 1).brier
    drawn_again = {
        "ece": compute_debiased_ece(again, 2 * variance, bins, 1),
        "brier": brier,
        "aurc": compute_replicate_areas(drawn, derive_merged_ties(drawn), weights).aurc,
    }
    found = {
        name: tuple(float(side[0]) for side in compute_percentiles(part, 0.95)) for name, part in drawn_again.items()
    }
    low, high = compute_gap_interval(drawn, 0.95)[1].bounds
    found["gap"] = (float(low[0]), float(high[0]))
    return found  # type: ignore[return-value]


@pytest.mark.parametrize("shift", [0.0, 0.6, -0.6])
def test_intervals_hold_the_truth_at_about_their_level(shift: float) -> None:
    """Calibrated, over- and under-confident: ECE, Brier score, area under risk-coverage, gap; never far below 95 %."""
    rng = np.random.default_rng(11)
    large, p = draw(rng, shift, 20_000)
    truth = {
        "ece": np.abs(large.score - p).mean(),
        "brier": ((large.score - p) ** 2 + p * (1 - p)).mean(),
        "aurc": compute_areas(large, derive_merged_ties(large)).aurc[0],
        "gap": (large.score - p).mean(),
    }
    names = pd.Index([f"P{i:03d}" for i in range(PATIENTS)], name="patient_id")
    draws = Draws(seed=1, frame="all", unit="patient", replicates=200)
    weights = draws.weights(pd.DataFrame({"centre": ""}, index=names))
    held = dict.fromkeys(truth, 0)
    for _ in range(STUDIES):
        bounds = compute_bounds(draw(rng, shift, PATIENTS)[0], weights)
        for name, (low, high) in bounds.items():
            held[name] += low - 1e-12 <= truth[name] <= high
    for name, k in held.items():
        assert binomtest(k, STUDIES, 0.95, alternative="less").pvalue > 0.001, name
