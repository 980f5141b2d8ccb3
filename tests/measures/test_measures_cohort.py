"""Who is in the study: counts of the bundled study's patients that the files themselves confirm."""

from __future__ import annotations

import pandas as pd
import pytest

from demo_study import PROJECT, read_demo
from probatio.measures.cohort import estimate_cohort
from probatio.protocol import Protocol
from probatio.records import Records
from probatio.results import derive_table


@pytest.fixture(scope="module")
def study() -> tuple[Records, Protocol]:
    """The bundled study as read."""
    protocol, records = read_demo()
    return records, protocol


@pytest.fixture(scope="module")
def rows(study: tuple[Records, Protocol]) -> pd.DataFrame:
    """Its rows of the cohort, without the comparison's flow."""
    records, protocol = study
    return derive_table(estimate_cohort(records, protocol, comparison_flow=pd.DataFrame(columns=["kind"])))


def test_shares_of_one_or_two_patients_say_so(rows: pd.DataFrame) -> None:
    """A class of one or two patients, or of all but as many, has a caution; no other class has."""
    shares = rows[(rows["metric"] == "share") & (rows["status"] == "ok")]
    rarer = shares["k"].where(shares["k"] * 2 <= shares["n"], shares["n"] - shares["k"])
    assert (rarer.isin([1, 2]) == (shares["reason"] == "few_events_caution")).all()
    assert rarer.isin([1, 2]).any()


def test_periods_of_inclusion_are_described_like_any_class(rows: pd.DataFrame) -> None:
    """The shares of the eight quarters come in order of time and count every evaluated patient once."""
    own = rows[(rows["variable"] == "inclusion_period") & (rows["metric"] == "share")]
    quarters = [f"{year}-Q{quarter}" for year in (2022, 2023) for quarter in (1, 2, 3, 4)]
    patients = pd.read_csv(PROJECT / "data" / "demo" / "patients.csv").query("development == 'no'")
    expected = pd.PeriodIndex(patients["inclusion"], freq="Q").astype(str).value_counts().sort_index()
    assert own["term"].tolist() == quarters
    assert own["k"].tolist() == expected.tolist()
    assert own["k"].sum() == len(patients) == 280
    assert own["k"].min() >= 20, "a batch is worth a point on a chart"
