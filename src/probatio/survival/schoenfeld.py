"""The course of a hazard ratio over time: scaled Schoenfeld residuals and their smooth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from probatio.resampling import Floats
from probatio.survival.event_steps import check_cox_data, derive_event_steps
from probatio.survival.hazards import Transform, derive_scale, derive_transformed, is_singular


@dataclass(frozen=True)
class ScaledResiduals:
    """Schoenfeld residuals scaled to coefficients: their smooth over time is the coefficient's course.

    Attributes:
        time, transformed: time of each event and g(time), by stratum, then time, shape (d,).
        coefficient: residual plus fitted coefficient, shape (d, p).
        variance: of one residual of each covariate, shape (p,).
    """

    time: Floats
    transformed: Floats
    coefficient: Floats
    variance: Floats


class Smooth(NamedTuple):
    """A natural cubic spline with pointwise bounds at given places, shape (k,)."""

    value: Floats
    lower: Floats
    upper: Floats


def compute_schoenfeld_residuals(
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
) -> ScaledResiduals:
    """Return a point per event whose smooth over time shows how each coefficient changes.

    Arguments as in `compute_hazard_test`. The residual of an event is its covariates less their mean among
    those at risk (averaged over tied steps), times events x covariance of the coefficients. Points without
    information (a singular fit) are NaN. Source: Grambsch and Therneau 1994.
    """
    data = check_cox_data(time, event, covariates, strata=strata, entry=entry, weights=weights, ties=ties)
    beta = np.asarray(coefficients, dtype=float)
    steps = derive_event_steps(data, beta)
    times = steps.times[steps.group]
    transformed = derive_transformed(data, steps, transform)
    information = np.einsum("k,kab->ab", steps.weight, steps.variance)
    if is_singular(information, derive_scale(data, steps)):
        return ScaledResiduals(times, transformed, np.full((len(times), len(beta)), np.nan), np.full(len(beta), np.nan))
    sizes = np.bincount(steps.group)[:, None]
    mean = np.zeros((len(steps.times), len(beta)))
    np.add.at(mean, steps.group, steps.mean)
    covariance = len(times) * np.linalg.inv(information)
    residuals = (data.x[steps.rows] - (mean / sizes)[steps.group]) @ covariance
    return ScaledResiduals(times, transformed, beta + residuals, np.diag(covariance))


def compute_smooth(
    residuals: ScaledResiduals, column: int, at: ArrayLike, *, degrees: int = 4, level: float = 0.95
) -> Smooth:
    """Smooth the residuals of one covariate by a natural cubic spline in g(time), knots at its quantiles.

    Args:
        residuals: from `compute_schoenfeld_residuals`.
        column: the covariate.
        at: values of g(time), shape (k,).
        degrees: functions of the spline, 2 (a line) or more.
        level: two-sided confidence of the pointwise bounds, from the residuals' model variance.

    Returns:
        NaN where the events are too few for the spline.
    """
    x, places = residuals.transformed, np.asarray(at, dtype=float)
    knots = np.unique(np.quantile(x, np.linspace(0, 1, degrees))) if len(x) else np.zeros(0)
    if len(knots) < degrees or np.isnan(residuals.variance).any():
        return Smooth(*(np.full(len(places), np.nan) for _ in range(3)))
    basis, shown = _derive_spline(x, knots), _derive_spline(places, knots)
    inverse = np.linalg.pinv(basis.T @ basis)
    value = shown @ (inverse @ (basis.T @ residuals.coefficient[:, column]))
    error = np.sqrt(residuals.variance[column] * np.einsum("ka,ab,kb->k", shown, inverse, shown))
    half = float(stats.norm.ppf(0.5 + level / 2)) * error
    return Smooth(value, value - half, value + half)


def _derive_spline(x: Floats, knots: Floats) -> Floats:
    """Return the natural cubic spline's basis (Hastie, Tibshirani and Friedman 2009, section 5.2.1), (k, knots)."""
    z, at = (x - knots[0]) / (knots[-1] - knots[0]), (knots - knots[0]) / (knots[-1] - knots[0])
    cubes = np.maximum(z[:, None] - at, 0) ** 3
    slopes = (cubes[:, :-1] - cubes[:, -1:]) / (at[-1] - at[:-1])
    return np.column_stack([np.ones(len(z)), z, slopes[:, :-1] - slopes[:, -1:]])
