"""A small study whose AI errs in stage and dates, for the tests of attribution and carriers."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from probatio.protocol import Protocol
from probatio.records import Records
from probatio.replication import estimate_attribution
from probatio.resampling import Draws
from probatio.results import select_rows
from survival_study import BY_STAGE, LABEL, build_records, simulate

DATED = {"name": "os", "label": LABEL, "origin": "start", "events": ["death"], "censoring": ["last_news"]}
ANALYSIS = BY_STAGE | {"horizons": [200], "landmarks": []}
HAZARD = "log_hazard_ratio:stage=late"


def attribute(records: Records, protocol: Protocol, replicates: int = 60) -> pd.DataFrame:
    """Attribute with few replicates."""
    return estimate_attribution(records, protocol, draws=Draws(1, "all", "patient", replicates))


def simulate_dated(seed: int, n: int = 120, *, wrong: tuple[str, ...] = ("stage", "start", "death", "last_news"),
                   missing: int = 0) -> Records:  # fmt: skip
    """Return a study whose AI errs in the variables named: stage one in seven, dates by up to 60 days; some missing."""
    patients, stages = simulate(seed, n, share_wrong=1 / 7 if "stage" in wrong else 0)
    rng = np.random.default_rng(seed + 1000)
    days, dead = 10 * patients["days"].to_numpy() + 61, (patients["status"] == "dead").to_numpy()
    exact = {"start": np.zeros(n), "last_news": days, "death": days}
    values = dict(stages)
    for source, (name, day) in itertools.product(("registry", "ai"), exact.items()):
        moved = rng.integers(-60, 61, n) * (rng.random(n) < 0.15) if source == "ai" and name in wrong else 0
        texts = write_dates(day + moved)
        values[source, name] = [text if name != "death" or is_dead else None
                                for text, is_dead in zip(texts, dead, strict=True)]  # fmt: skip
    for source, start in (("registry", 3), ("ai", 40)):
        column = np.array(values[source, "stage"], dtype=object)
        column[start : start + missing] = None
        values[source, "stage"] = column
    return build_records(patients, values)


def write_dates(days: np.ndarray) -> list[str]:
    """Return days since the beginning of 2024 as ISO dates."""
    return [(pd.Timestamp("2024-01-01") + pd.Timedelta(days=float(d))).strftime("%Y-%m-%d") for d in np.round(days)]


def pick(rows: pd.DataFrame, metric: str, term: str = HAZARD, **values: object) -> pd.Series:
    """Return the one row asked for."""
    found = select_rows(rows, **({"metric": metric, "term": term, "stratum_by": ""} | values))
    assert len(found) == 1, found
    return found.iloc[0]
