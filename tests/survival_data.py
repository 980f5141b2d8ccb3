"""Data behind the golden values: published tables, lifelines' bundled data, and R's data sets where they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import lifelines.datasets
import numpy as np
import pandas as pd
import pytest

SIX_MP = {  # Freireich 1963, as in Gehan 1965: remission in weeks, pairs in order; a minus sign is a censored time
    "control": [1, 22, 3, 12, 8, 17, 2, 11, 8, 12, 2, 5, 4, 15, 8, 23, 5, 11, 4, 1, 8],
    "treated": [10, 7, -32, 23, -22, 6, 16, -34, -32, -25, -11, -20, -19, 6, -17, -35, 6, 13, -9, -6, -10],
}
TREATED = [6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35]
CONTROL = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


def split(times: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return times and events of a table that marks censored times with a minus sign."""
    signed = np.array(times, dtype=float)
    return np.abs(signed), signed > 0


def read_lung() -> pd.DataFrame:
    """Return NCCTG lung as lifelines bundles it, with R's names and a boolean event."""
    lung = lifelines.datasets.load_lung()
    lung.columns = [name.replace(".", "_") for name in lung.columns]
    return lung.assign(event=lung["status"] == lung["status"].max())


def read_oracle(name: str) -> pd.DataFrame:
    """Return a data set of R's packages; skip the test where it is not at hand."""
    folder = os.environ.get("PROBATIO_ORACLE")
    if folder is None and "PROBATIO_MIRROR" in os.environ:
        folder = str(Path(os.environ["PROBATIO_MIRROR"]).parent / "oracle")
    path = Path(folder or "nowhere") / f"{name}.csv"
    if not path.is_file():
        pytest.skip(f"{name}.csv of R's packages is not at hand; name its folder in PROBATIO_ORACLE")
    return pd.read_csv(path)


def make_cohort(rng: np.random.Generator, n: int, *, ties: bool = True, p: int = 2) -> dict[str, Any]:
    """Return a random cohort with a binary and normal covariates, some censoring, times on a grid with ties."""
    x = np.column_stack([rng.integers(0, 2, n), *rng.normal(size=(p - 1, n))]).astype(float)
    time = rng.exponential(20 * np.exp(-0.5 * x[:, 0]))
    time = np.ceil(time) if ties else time
    return {"time": time, "event": rng.random(n) < 0.7, "covariates": x}
