"""The demonstration study as read, once for all tests of one process; nobody changes its tables in place."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd

from probatio.comparison import Comparison, compare
from probatio.confidence.calibration import derive_calibrated
from probatio.confidence.scored import derive_scored
from probatio.protocol import Protocol, read_protocol
from probatio.records import Records, read_records

PROJECT = Path(__file__).parents[1]


@cache
def read_demo() -> tuple[Protocol, Records]:
    """Return the protocol and the tables of every source."""
    protocol = read_protocol(PROJECT / "protocol" / "demo.yaml")
    return protocol, read_records(protocol, PROJECT / "data" / "demo")


@cache
def compare_demo() -> Comparison:
    """Return its main comparison."""
    protocol, records = read_demo()
    return compare(records, protocol)


@cache
def score_demo() -> pd.DataFrame:
    """Return its values that bear a score."""
    protocol, records = read_demo()
    return derive_scored(records, compare_demo(), protocol)


@cache
def calibrate_demo() -> pd.Series:
    """Return the calibrated score of each of them."""
    return derive_calibrated(score_demo(), read_demo()[0])
