"""In small: corrected intervals hold the design's truth at their level, and are narrower where the source is useful.

The large simulation is `tests/benchmarks/bench_correction.py`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from correction_study import generate_studies, label, read_demo
from probatio.correction.predicting import derive_readings, list_results
from probatio.synthetic import HAZARD_RATIOS

STUDIES, SHARE = 60, 0.4


@pytest.fixture(scope="module")
def intervals() -> pd.DataFrame:
    """Log hazard ratios of 60 studies, two AIs, 40 % labelled."""
    rows = []
    for study, made in enumerate(generate_studies(77, STUDIES)):
        for source in made.proxies:
            sample = label(made, source, SHARE, np.random.default_rng([77, study]))
            for result, found in list_results(derive_readings(sample, read_demo()[1]), 0.95):
                if result.number.metric == "log_hazard_ratio":
                    rows.append({"source": source, "variable": result.number.label.variable, "method": result.method,
                                 "lower": result.interval.lower, "upper": result.interval.upper,
                                 "correlation": found.correlation if found else np.nan,
                                 "relative": found.relative_width if found else np.nan})  # fmt: skip
    table = pd.DataFrame(rows)
    truth = np.log(table["variable"].map(HAZARD_RATIOS))
    return table.assign(held=(table["lower"] <= truth) & (truth <= table["upper"]))


def test_corrected_intervals_hold_the_truth(intervals: pd.DataFrame) -> None:
    """Of 240 corrected intervals no fewer hold the truth than chance allows at 95 % (two sources share a study)."""
    held = intervals.loc[intervals["method"] == "predict_then_debias", "held"]
    assert len(held) == 4 * STUDIES
    assert held.sum() / 2 >= stats.binom.ppf(1e-3, len(held) // 2, 0.95)


def test_naive_intervals_do_not(intervals: pd.DataFrame) -> None:
    """Technology A misreads brain metastases: its own interval misses the truth far more often than 5 %."""
    own = intervals[(intervals["source"] == "ai_a") & (intervals["variable"] == "brain_mets")]
    assert own.loc[own["method"] == "naive", "held"].mean() < 0.6
    assert own.loc[own["method"] == "predict_then_debias", "held"].mean() > 0.85


def test_a_useful_source_narrows_the_interval(intervals: pd.DataFrame) -> None:
    """Where influences correlate above 0.7 the corrected interval is narrower than the labelled sample's."""
    corrected = intervals[intervals["method"] == "predict_then_debias"]
    useful = corrected[corrected["correlation"] > 0.7]
    assert len(useful) > STUDIES
    assert (useful["relative"] < 1).all()
    assert useful["relative"].mean() < 0.85
