"""The bundled study's scored values, rows and curves, made once."""

from __future__ import annotations

import pytest

from demo_study import read_demo, score_demo
from probatio.confidence.estimating import estimate_confidence, estimate_confidence_series
from probatio.resampling import Draws
from scored_study import Demo


@pytest.fixture(scope="session")
def demo() -> Demo:
    """The demonstration study with few replicates."""
    protocol, scored = read_demo()[0], score_demo()
    draws = Draws(seed=1, frame="all", unit="patient", replicates=100)
    rows, series = (make(scored, protocol, draws=draws) for make in (estimate_confidence, estimate_confidence_series))
    return Demo(protocol, scored, rows, series)
