"""An attacker with linear programming: everything that released rows say of the cells of a study, and their ranges.

It knows every published n, k and rounded share, that strata sum to the total, and that two sources read the same
patients, so that the reference has as many values for both. It does not use the program's own relations.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linprog

from probatio.measures.outcomes import ERROR_RATES

OUTCOMES = "CWOUB"
_SETS = {rate.metric: (rate.numerator, rate.denominator) for rate in ERROR_RATES}
Vector = NDArray[np.float64]


class Attack:
    """What follows from released rows for the cells (source, stratum, outcome) of one variable."""

    def __init__(self, rows: pd.DataFrame, sources: Sequence[str], strata: Sequence[str]) -> None:
        self.cells = {cell: place for place, cell in enumerate(product(sources, strata, OUTCOMES))}
        self.sources, self.strata = sources, strata
        self.equal: list[tuple[Vector, float]] = []
        self.below: list[tuple[Vector, float]] = []
        for row in rows[rows["status"] == "ok"].to_dict("records"):
            self._learn(row)
        self._share_the_reference()

    def sum(self, source: str, stratum: str, outcomes: str) -> Vector:
        """Return the coefficients of a sum of outcomes, in one stratum or ("") in all."""
        vector = np.zeros(len(self.cells))
        for name in [stratum] if stratum else self.strata:
            vector[[self.cells[source, name, outcome] for outcome in outcomes]] = 1
        return vector

    def _learn(self, row: dict[str, object]) -> None:
        source, stratum = str(row["source"]), str(row["stratum"])
        sets = _SETS.get(str(row["metric"]), (str(row["term"]), OUTCOMES))
        hit, base = (self.sum(source, stratum, outcomes) for outcomes in sets)
        if pd.notna(row["n"]):
            self.equal += [(base, float(row["n"])), (hit, float(row["k"]))]  # type: ignore[arg-type]
        else:
            share = float(row["estimate"])  # type: ignore[arg-type]
            self.below += [(hit - (share + 0.005) * base, 0.0), ((share - 0.005) * base - hit, 0.0)]

    def _share_the_reference(self) -> None:
        for source, stratum, outcomes in product(self.sources[1:], self.strata, ("CWO", "UB")):
            first = self.sum(self.sources[0], stratum, outcomes)
            self.equal.append((first - self.sum(source, stratum, outcomes), 0.0))

    def find_range(self, target: Vector, most: float) -> tuple[float, float]:
        """Return the least and greatest value of a sum of cells; no cell is above `most`."""
        kept = [(vector, value) for vector, value in self.equal if vector.any()]
        given = {
            "A_eq": np.array([vector for vector, _ in kept]) if kept else None,
            "b_eq": np.array([value for _, value in kept]) if kept else None,
            "A_ub": np.array([vector for vector, _ in self.below]) if self.below else None,
            "b_ub": np.array([value for _, value in self.below]) if self.below else None,
        }
        ends = [linprog(sign * target, bounds=(0, most), method="highs", **given) for sign in (1, -1)]
        assert all(end.status == 0 for end in ends), "what was released contradicts itself"
        return float(ends[0].fun), float(-ends[1].fun)
