"""The bundled study's scored values, rows and curves, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from probatio.comparison import compare
from probatio.confidence.estimating import estimate_confidence, estimate_confidence_series
from probatio.confidence.scored import derive_scored
from probatio.protocol import read_protocol
from probatio.records import read_records
from probatio.resampling import Draws
from scored_study import Demo

PROTOCOL = Path(__file__).parents[2] / "protocol" / "demo.yaml"


@pytest.fixture(scope="session")
def demo() -> Demo:
    """The demonstration study with few replicates."""
    protocol = read_protocol(PROTOCOL)
    records = read_records(protocol, PROTOCOL.parent / protocol.data)
    scored = derive_scored(records, compare(records, protocol), protocol)
    draws = Draws(seed=1, frame="all", unit="patient", replicates=100)
    rows, series = (make(scored, protocol, draws=draws) for make in (estimate_confidence, estimate_confidence_series))
    return Demo(protocol, scored, rows, series)
