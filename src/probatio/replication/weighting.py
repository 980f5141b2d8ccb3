"""Propensity weights of the two groups of a first term, with the remaining terms as confounders.

The score e(x) is the probability of the second group given the confounders, by logistic regression on their main effects.

| weighting | second group | first group | compared in |
|---|---|---|---|
| ate | 1 / e | 1 / (1 - e) | all patients |
| att | 1 | e / (1 - e) | patients like the second group |
| overlap | 1 - e | e | patients who might be in either group |

Weights are made again from each replicate's own score: they are estimates, and an interval that takes them for known is
too wide (Austin 2016, Stat Med 35:5642).

Source: Rosenbaum and Rubin 1983; Austin and Stuart 2015, Stat Med 34:3661; Li, Morgan and Zaslavsky 2018, JASA 113:390.
"""  # noqa: E501

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from probatio.resampling import Floats
from probatio.results import Reason
from probatio.survival import compute_logistic, compute_logistic_replicates, compute_probabilities

Weighting = Literal["ate", "att", "overlap"]
LIMITS = (0.05, 0.95)
"""Scores beyond these are of patients who have hardly a counterpart in the other group."""
_EDGE = 1e-12


class Propensity(NamedTuple):
    """Score and weight of each patient; in every replicate the weight, times how often the patient was drawn.

    `reason` says why there is no score; then arrays are NaN and `drawn` is None.
    """

    score: Floats
    weight: Floats
    drawn: Floats | None
    reason: Reason = Reason.NONE


def compute_propensity(
    second: NDArray[np.bool_], confounders: Floats, weighting: Weighting, weights: NDArray[Any] | None
) -> Propensity:
    """Return the propensity weights of some patients, and those of every replicate.

    Args:
        second: who belongs to the second group, shape (n,).
        confounders: shape (n, p).
        weighting: the patients that the comparison is of.
        weights: replicate weights, shape (replicates, n); None: no replicates.

    Returns:
        Undefined with `one_class_only` (a group is empty, or a confounder is constant), `separation` (a confounder
        tells the groups apart: some patients have no counterpart at all) or `not_converged`.
    """
    fit = compute_logistic(confounders, second)
    if fit.reason:
        empty = np.full(len(second), np.nan)
        return Propensity(empty, empty, None, fit.reason)
    score = compute_probabilities(confounders, fit.coefficients)
    drawn = None
    if weights is not None:
        found = compute_logistic_replicates(confounders, second, weights, fit.coefficients)
        drawn = weights * derive_weights(compute_probabilities(confounders, found), second, weighting)
    return Propensity(score, derive_weights(score, second, weighting), drawn)


def derive_weights(score: Floats, second: NDArray[np.bool_], weighting: Weighting) -> Floats:
    """Return each patient's weight from the score, of the score's shape (..., n)."""
    inside = np.clip(score, _EDGE, 1 - _EDGE)
    if weighting == "ate":
        return np.where(second, 1 / inside, 1 / (1 - inside))
    if weighting == "att":
        return np.where(second, np.where(np.isnan(inside), np.nan, 1.0), inside / (1 - inside))
    return np.where(second, 1 - inside, inside)


def compute_balance(second: NDArray[np.bool_], confounders: Floats, weight: Floats) -> Floats:
    """Return the standardised difference of each confounder, second group minus first, shape (p,).

    The mean difference under the weights, over the root of the mean of the two groups' unweighted variances; NaN where
    a confounder does not vary. Source: Austin 2009, Stat Med 28:3083; the unweighted scale as in Stuart 2010.
    """
    means = [np.average(confounders[mask], axis=0, weights=weight[mask]) for mask in (~second, second)]
    spread = np.sqrt((confounders[~second].var(axis=0, ddof=1) + confounders[second].var(axis=0, ddof=1)) / 2)
    gap: Floats = (means[1] - means[0]) / np.where(spread > 0, spread, np.nan)
    return gap


def compute_effective_patients(weight: Floats) -> float:
    """Return how many unweighted patients so many weighted ones are worth: (sum w)^2 / sum w^2 (Kish 1965)."""
    return float(weight.sum() ** 2 / (weight**2).sum())


def compute_c_statistic(score: Floats, second: NDArray[np.bool_]) -> float:
    """Return the probability that a patient of the second group has the higher score, ties counting half.

    A high value is no merit: it says that the groups differ.
    """
    ranks = stats.rankdata(score)
    ones = int(second.sum())
    return float((ranks[second].sum() - ones * (ones + 1) / 2) / (ones * (len(second) - ones)))
