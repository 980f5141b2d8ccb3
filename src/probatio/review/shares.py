"""Proportions of decided cases, by variable and together, clustered by patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.measures.rates import compute_reporting_interval, derive_rate_rows
from probatio.resampling import compute_clustered_mean


@dataclass(frozen=True)
class Shares:
    """How proportions of cases are counted.

    Attributes:
        centres: the centre of each evaluated patient, by patient_id.
        unit: what is independent: "patient" or "centre".
        level: two-sided confidence.
        key: columns that name every row, such as source and comparator.
    """

    centres: pd.Series
    unit: str
    level: float
    key: dict[str, Any]

    def derive_rows(
        self, cases: pd.DataFrame, metric: str, event: pd.Series, *, among: pd.Series | None = None,
        weight: pd.Series | None = None, by: str = "", variables: bool = True,
        analysis: str = "",
    ) -> pd.DataFrame:  # fmt: skip
        """Return the share of events among cases, of all variables together and of each; or of each class of `by`.

        Args:
            cases: `patient_id, variable` and the column `by`.
            metric: name of the share.
            event: which cases count.
            among: which cases are looked at; None: all. A variable without any has a row that says so.
            weight: of each case; None: 1.
            by: a column; its classes are strata of all variables together.
            variables: also a row per variable.
            analysis: of the rows.
        """
        looked = np.ones(len(cases), dtype=bool) if among is None else among.to_numpy(dtype=bool)
        mass = np.ones(len(cases)) if weight is None else weight.to_numpy(dtype=float)
        parts = [cases[by].astype(str)] if by else [pd.Series("", index=cases.index)]
        if variables and not by:
            parts.append(cases["variable"].astype(str))
        frames = [self._derive(cases, metric, event.to_numpy(dtype=bool), looked, mass, names=part, by=by)
                  for part in parts]  # fmt: skip
        return pd.concat(frames, ignore_index=True).assign(**self.key, analysis=analysis)

    def _derive(
        self, cases: pd.DataFrame, metric: str, event: NDArray[np.bool_], looked: NDArray[np.bool_],
        mass: NDArray[np.float64], *, names: pd.Series, by: str,
    ) -> pd.DataFrame:  # fmt: skip
        groups, place = np.unique(names.to_numpy(dtype=str), return_inverse=True)
        who = cases["patient_id"].map(self.centres) if self.unit == "centre" else cases["patient_id"]
        cluster = np.unique(who.to_numpy(dtype=str), return_inverse=True)[1]
        mean = compute_clustered_mean(event[looked].astype(np.int8), place[looked].astype(np.int64),
                                      cluster[looked].astype(np.int64), mass[looked], len(groups))  # fmt: skip
        column = "stratum" if by else "variable"
        identity = pd.DataFrame({"stratum_by": by, column: groups})
        interval = compute_reporting_interval(mean, self.level)
        return derive_rate_rows(identity, metric, mean, interval, level=self.level, unit=self.unit)
