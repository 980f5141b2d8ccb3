"""Are hazards proportional? The score test of Grambsch and Therneau; `schoenfeld` shows how they are not.

The test is that of R's `cox.zph` since survival 3.0: the exact score test of adding covariate x g(time)
to the fitted regression, with the information of both, not the approximation of 1994.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from probatio.resampling import Floats
from probatio.results import Reason
from probatio.survival.aalen_johansen import count_causes, prepare_causes
from probatio.survival.event_steps import CoxData, EventSteps, check_cox_data, derive_event_steps

Transform = Literal["km", "rank", "identity", "log"]

_SINGULAR = 1e-9  # smallest eigenvalue, relative, below which the change over time has no information


class TermTest(NamedTuple):
    """A score test: chi-square statistic, degrees of freedom, p-value; NaN where the data say nothing."""

    statistic: float
    degrees: int
    p_value: float


@dataclass(frozen=True)
class HazardTest:
    """Tests of proportional hazards per term and of all together; `reason` says why they are undefined."""

    terms: tuple[TermTest, ...]
    overall: TermTest
    transform: Transform
    reason: Reason = Reason.NONE


def compute_hazard_test(
    time: ArrayLike,
    event: ArrayLike,
    covariates: ArrayLike,
    coefficients: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    ties: Literal["efron", "breslow"] = "efron",
    transform: Transform = "km",
    terms: Sequence[Sequence[int]] | None = None,
) -> HazardTest:
    """Test that the hazard ratios do not change with time.

    Args:
        time: as in `prepare_cox`.
        event: as in `prepare_cox`.
        covariates: as in `prepare_cox`, shape (n, p).
        coefficients: the fitted ones, shape (p,).
        strata: as in `prepare_cox`.
        entry: as in `prepare_cox`.
        weights: case weights; default 1.
        ties: as in `prepare_cox`.
        transform: g(time): "km" is 1 less the Kaplan-Meier estimate just before it (R's default), "rank" the
            rank among all times.
        terms: columns that belong to one term (levels of a factor); default each column its own.

    Returns:
        NaN with a reason: `no_events`, `not_converged` (undefined coefficients), `too_few_events` (no information
        on a change over time).

    Raises:
        ValueError: impossible data, or an event at time 0 under "log".

    Source: Grambsch and Therneau 1994; Therneau and Grambsch 2000, chapter 6.
    """
    data = check_cox_data(time, event, covariates, strata=strata, entry=entry, weights=weights, ties=ties)
    beta, p = np.asarray(coefficients, dtype=float), data.x.shape[1]
    columns = [[column] for column in range(p)] if terms is None else [list(term) for term in terms]
    if not np.isfinite(beta).all() or not data.event[data.weights > 0].any():
        reason = Reason.NOT_CONVERGED if data.event[data.weights > 0].any() else Reason.NO_EVENTS
        return _derive_undefined(columns, p, transform, reason)
    steps = derive_event_steps(data, beta)
    score, information = _compute_augmented(data, steps, derive_transformed(data, steps, transform))
    tests = tuple(_compute_test(score[term], information[:, term][:, :, term]) for term in columns)
    overall = _compute_test(score, information)
    reason = Reason.TOO_FEW_EVENTS if np.isnan(overall.statistic) else Reason.NONE
    return HazardTest(tests, overall, transform, reason)


def derive_transformed(data: CoxData, steps: EventSteps, transform: Transform) -> Floats:
    """Return g(time) of each event, shape (K,)."""
    at, present = steps.times[steps.group], data.weights > 0
    if transform == "identity":
        return at
    if transform == "log":
        if (at <= 0).any():
            raise ValueError("time has no logarithm at 0: choose another transform")
        return np.asarray(np.log(at))
    times = np.sort(data.time[present])
    if transform == "rank":
        return (np.searchsorted(times, at, side="left") + np.searchsorted(times, at, side="right") + 1) / 2
    table = prepare_causes(data.time, data.event, entry=np.maximum(data.entry, 0))
    survival = count_causes(table, present.astype(float), 1).survival
    return np.asarray(1 - np.r_[1.0, survival][np.searchsorted(table.times, at, side="left")])


def _compute_augmented(data: CoxData, steps: EventSteps, transformed: Floats) -> tuple[Floats, Floats]:
    """Return score, and information before and after the covariates themselves are taken out: (p,), (2, p, p)."""
    g = transformed - transformed.mean()
    gap = data.weights[steps.rows, None] * data.x[steps.rows] - steps.weight[:, None] * steps.mean
    plain, crossed, square = (np.einsum("k,kab->ab", steps.weight * g**power, steps.variance) for power in (0, 1, 2))
    if is_singular(plain, derive_scale(data, steps)):
        return g @ gap, np.full((2, *plain.shape), np.nan)
    return g @ gap, np.stack([square, square - crossed @ np.linalg.solve(plain, crossed)])


def derive_scale(data: CoxData, steps: EventSteps) -> Floats:
    """Return the information that events would give at the covariates' overall variance, shape (p,)."""
    return np.asarray(steps.weight.sum() * data.x.var(axis=0))


def _compute_test(score: Floats, information: Floats) -> TermTest:
    before, after = information
    if is_singular(after, np.diag(before)):
        return TermTest(np.nan, len(score), np.nan)
    statistic = float(score @ np.linalg.solve(after, score))
    return TermTest(statistic, len(score), float(stats.chi2.sf(statistic, len(score))))


def is_singular(matrix: Floats, scale: Floats) -> bool:
    """Say whether a direction has no information beside what the scale, shape (p,), would have."""
    if not np.isfinite(matrix).all() or not (np.diag(matrix) > _SINGULAR * scale).all():
        return True
    unit = np.sqrt(np.diag(matrix))
    return bool(np.linalg.eigvalsh(matrix / np.outer(unit, unit))[0] < _SINGULAR)


def _derive_undefined(columns: list[list[int]], p: int, transform: Transform, reason: Reason) -> HazardTest:
    terms = tuple(TermTest(np.nan, len(term), np.nan) for term in columns)
    return HazardTest(terms, TermTest(np.nan, p, np.nan), transform, reason)
