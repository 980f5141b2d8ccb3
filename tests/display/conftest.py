"""Rows of the bundled studies, computed once for the tests of figures and tables."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from probatio.acceptance import estimate_acceptance
from probatio.comparison import compare
from probatio.measures import estimate_agreement
from probatio.measures.cohort import estimate_cohort
from probatio.measures.completeness import estimate_completeness
from probatio.measures.design import estimate_design
from probatio.measures.monitoring import derive_monitoring_series, estimate_monitoring
from probatio.protocol import Protocol, read_protocol
from probatio.records import read_records
from probatio.resampling import Draws
from probatio.results import derive_series, derive_table
from probatio.survival import estimate_replication

PROJECT = Path(__file__).parents[2]
Study = tuple[Protocol, dict[str, pd.DataFrame], dict[str, pd.DataFrame]]


@pytest.fixture(scope="session", params=["demo", "lung"])
def bundled(request: pytest.FixtureRequest) -> Study:
    """Protocol, rows and series by notebook, with few replicates: drawing does not need many."""
    path = PROJECT / "protocol" / f"{request.param}.yaml"
    protocol = read_protocol(path)
    records = read_records(protocol, path.parent / protocol.data)
    comparison = compare(records, protocol)
    draws = Draws(seed=1, frame="all", unit="patient", replicates=100)
    watched = estimate_monitoring(comparison, protocol)
    agreement = derive_table(pd.concat([estimate_agreement(comparison, protocol, draws=draws), watched]))
    replication = estimate_replication(records, protocol, draws=draws)
    rows = {
        "00_protocol": derive_table(estimate_design(protocol)),
        "01_cohort": derive_table(estimate_cohort(records, protocol, comparison_flow=comparison.flow)),
        "02_data_quality": derive_table(estimate_completeness(records, protocol)),
        "03_agreement": agreement,
        "04_replication": derive_table(replication.rows),
        "09_acceptance": derive_table(estimate_acceptance(agreement, protocol)),
    }
    series = {
        "03_agreement": derive_monitoring_series(agreement, protocol),
        "04_replication": derive_series(replication.series),
    }
    return protocol, rows, series
