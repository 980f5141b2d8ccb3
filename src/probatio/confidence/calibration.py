"""Recalibration: from what a source says to the probability that its value is right, fitted on tuning patients.

| method | probability of being right |
|---|---|
| isotonic | non-decreasing in the score (Zadrozny and Elkan 2002; pool adjacent violators), between steps linear |
| logistic | logit = a + b logit(confidence) + c disagreement + d alone + e rules broken (Platt 1999; Cox 1958) |
| pooled | the same with random intercepts of centre, document type, both crossed, and variable |

Disagreement is 1 - agreement; alone is a value with which none of those who answered agrees. Where nobody else
answered both are 0 and an indicator says so, likewise where a source with confidences gives none. A column that
does not vary among the tuning values is left out: a source without confidence is judged by agreement and rules
alone. `pooled` is what small strata need: an intercept of their own would rest on a handful of values, none at all
would miss that confidence errs in opposite directions from one centre or document type to the next; the random
intercept lies between, by how much strata differ and how much each one tells (`mixed_logistic`).

Missing values have no confidence. Their chance of being rightly missing has its own model, whatever the method:
agreement (others silent too), rules broken, random intercepts of variable and centre. A value that does not conform
is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import logit

from probatio.confidence.mixed_logistic import Codes, fit_mixed_logistic
from probatio.confidence.splits import TUNING, check_disjoint
from probatio.confidence.terms import Method
from probatio.protocol import Protocol
from probatio.resampling import Floats

FLOOR: Final = 0.001
_FEWEST: Final = 20
_STRATA: Final = {
    "isotonic": (),
    "logistic": (),
    "pooled": (("centre",), ("document_type",), ("centre", "document_type"), ("variable",)),
    "silent": (("variable",), ("centre",)),
}  # fmt: skip
_MOST_BROKEN: Final = 2


def derive_calibrated(scored: pd.DataFrame, protocol: Protocol, *, method: Method | None = None) -> pd.Series:
    """Return the probability of being right of every scored value, fitted on the tuning patients alone.

    Where a source has fewer than 20 judged tuning values (delivered, or missing) its score stays as it is.

    Args:
        scored: the table of `derive_scored`.
        protocol: names the method, unless one is given.
        method: another one.

    Returns:
        per row in [0, 1], by the table's index; NaN where the score is unknown and nothing could be fitted.

    Raises:
        UserError: two parts share a patient.
    """
    check_disjoint(scored["patient_id"], scored["split"])
    chosen = method or (protocol.confidence.recalibration if protocol.confidence else "pooled")
    found = scored["score"].to_numpy(dtype=float, copy=True)
    sound = scored["conformant"].to_numpy(dtype=bool)
    delivered = scored["delivered"].to_numpy(dtype=bool)
    for name in dict.fromkeys(scored["source"]):
        own = (scored["source"] == name).to_numpy(dtype=bool)
        for rows, how in ((own & delivered & sound, chosen), (own & ~delivered, "silent")):
            found[rows] = _recalibrate(scored[rows], how)
    return pd.Series(np.where(sound, found, 0.0), index=scored.index, name="calibrated")


def _recalibrate(table: pd.DataFrame, how: str) -> Floats:
    """Return the probability of being right of one source's values, all delivered or all missing."""
    fitted = ((table["split"] == TUNING) & table["error"].notna()).to_numpy(dtype=bool)
    score = table["score"].to_numpy(dtype=float)
    if fitted.sum() < _FEWEST:
        return score
    right = 1 - table["error"].to_numpy(dtype=float)[fitted]
    weight = table["weight"].to_numpy(dtype=float)[fitted]
    if how == "isotonic":
        return compute_isotonic(score[fitted], right, weight, score)
    x = _derive_columns(table, fitted)
    levels, sizes = _derive_levels(table, fitted, _STRATA[how])
    inside = tuple(level[fitted] for level in levels)
    model = fit_mixed_logistic(x[fitted], right, inside, sizes=sizes, weight=weight)
    return model.compute_probability(x, levels)


def compute_isotonic(score: Floats, right: Floats, weight: Floats, at: Floats) -> Floats:
    """Return the isotonic fit of right on score (equal scores pooled first) at other scores; NaN at NaN.

    Between fitted scores it is linear, beyond them constant.
    """
    known = ~np.isnan(score)
    if not known.any():
        return np.full(len(at), np.nan)
    unique, place = np.unique(score[known], return_inverse=True)
    mass = np.bincount(place, weight[known])
    mean = np.bincount(place, weight[known] * right[known]) / mass
    fit = isotonic_regression(mean, weights=mass).x
    return np.where(np.isnan(at), np.nan, np.interp(np.nan_to_num(at), unique, fit))


def compute_logit(score: Floats) -> Floats:
    """Return the logit of scores held within [0.001, 0.999]: nothing is certain."""
    return np.asarray(logit(np.clip(score, FLOOR, 1 - FLOOR)))


def _derive_columns(table: pd.DataFrame, fitted: NDArray[np.bool_]) -> Floats:
    """Return the constant and the columns that vary among the values fitted on, shape (n, columns)."""
    confidence, agreement = (table[name].to_numpy(dtype=float) for name in ("confidence", "agreement"))
    known = ~np.isnan(confidence)
    centre = compute_logit(confidence[fitted & known]).mean() if (fitted & known).any() else 0.0
    columns = [
        np.where(known, compute_logit(np.nan_to_num(confidence, nan=0.5)), centre),
        np.where(known, 0.0, 1.0),
        np.where(np.isnan(agreement), 0.0, 1 - agreement),
        np.where(np.isnan(agreement), 1.0, 0.0),
        np.where(agreement == 0, 1.0, 0.0),
        np.minimum(table["violated"].to_numpy(dtype=float), _MOST_BROKEN),
    ]
    varying = [column for column in columns if np.ptp(column[fitted]) > 0]
    return np.column_stack([np.ones(len(table)), *varying])


def _derive_levels(
    table: pd.DataFrame, fitted: NDArray[np.bool_], strata: tuple[tuple[str, ...], ...]
) -> tuple[tuple[Codes, ...], tuple[int, ...]]:
    """Return per factor the level of each value (-1: none of those fitted on) and the number of levels."""
    levels, sizes = [], []
    for names in strata:
        text = np.array(["|".join(parts) for parts in zip(*(table[name] for name in names), strict=True)], dtype=object)
        known: Mapping[str, int] = {name: place for place, name in enumerate(sorted(set(text[fitted])))}
        levels.append(np.array([known.get(name, -1) for name in text], dtype=np.int64))
        sizes.append(len(known))
    return tuple(levels), tuple(sizes)
