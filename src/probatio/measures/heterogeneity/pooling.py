"""Normal-normal pooling of estimates with known variances: tau2, the mean, heterogeneity, prediction.

Model: y_i ~ N(theta_i, v_i), theta_i ~ N(mu, tau2). Arrays `y, v` have the centres in their last axis;
leading axes are independent data sets, which the benchmarks use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2

from probatio.resampling import Bounds, Floats, compute_t_quantile

Estimator = Literal["EE", "HE", "HS", "DL", "SJ", "PM", "EB", "ML", "REML"]
_STEPS, _TOLERANCE = 500, 1e-11
_LEAST_SHARE = 1 / 8


@dataclass(frozen=True)
class Pooled:
    """A pooled mean.

    Attributes:
        mean: inverse-variance weighted mean with weights 1 / (v + tau2).
        error: its standard error.
        tau2: variance between centres.
    """

    mean: Floats
    error: Floats
    tau2: Floats


@dataclass(frozen=True)
class Heterogeneity:
    """Cochran's Q with its degrees of freedom; H2; I2 and tau2 with Q-profile bounds (lower, upper)."""

    q: float
    freedom: int
    h2: float
    i2: float
    i2_bounds: tuple[float, float]
    tau2_bounds: tuple[float, float]


def compute_pooled(y: Floats, v: Floats, estimator: Estimator = "REML") -> Pooled:
    """Return the pooled mean, shape of the leading axes.

    Args:
        y: estimates, shape (..., centres).
        v: their variances, positive, same shape.
        estimator: of tau2; "EE" sets it to 0.

    Source: Hedges and Olkin 1985 (HE); Hunter and Schmidt 1990 (HS); DerSimonian and Laird 1986 (DL); Sidik
    and Jonkman 2005 (SJ); Paule and Mandel 1982 (PM), whose root is that of the empirical Bayes equation of Morris
    1983 (EB); Viechtbauer 2005, equations for ML and REML by Fisher scoring. Rows are made with REML; the
    others are for comparison with published analyses.
    """
    tau2 = compute_tau2(y, v, estimator)
    weight = 1 / (v + tau2[..., None])
    total = weight.sum(axis=-1)
    return Pooled((weight * y).sum(axis=-1) / total, 1 / np.sqrt(total), tau2)


def compute_tau2(y: Floats, v: Floats, estimator: Estimator) -> Floats:
    """Return the variance between centres, never below 0; NaN where the iteration does not settle."""
    if estimator == "EE":
        return np.zeros(np.shape(y)[:-1])
    closed = {"HE": _compute_hedges, "HS": _compute_hunter_schmidt, "DL": _compute_moment, "SJ": _compute_sidik_jonkman}
    if estimator in closed:
        return closed[estimator](y, v)
    step = {"ML": _step_ml, "REML": _step_reml, "PM": _step_pm, "EB": _step_pm}[estimator]
    return _iterate(step, y, v)


def compute_tau2_error(v: Floats, tau2: Floats) -> Floats:
    """Return the standard error of the REML tau2 from its expected information, sqrt(2 / tr(PP)) (Viechtbauer 2005)."""
    return np.asarray(np.sqrt(2 / _compute_information(1 / (v + tau2[..., None]))))


def compute_hartung_knapp(pooled: Pooled, y: Floats, v: Floats) -> Floats:
    """Return the standard error of Hartung and Knapp 2001 (Stat Med 20:3875); use it with t(k - 1).

    q = sum w (y - mu)^2 / (k - 1) scales the variance, as published: it may narrow the interval.
    """
    weight = 1 / (v + pooled.tau2[..., None])
    scale = (weight * (y - pooled.mean[..., None]) ** 2).sum(axis=-1) / (y.shape[-1] - 1)
    return np.asarray(np.sqrt(scale / weight.sum(axis=-1)))


def compute_prediction(mean: Floats, error: Floats, tau2: Floats, quantile: float | Floats) -> Bounds:
    """Return mean -+ quantile x sqrt(tau2 + error^2): a prediction interval for a new centre.

    The convention lies in `quantile` and `error`: Higgins, Thompson and Spiegelhalter 2009 take
    t(k - 2) with the plain REML error; here the protocol's is t(k - 1) with Hartung and Knapp's.
    """
    half = quantile * np.sqrt(tau2 + error**2)
    return mean - half, mean + half


def compute_t_limits(mean: Floats, error: Floats, centres: int, level: float) -> Bounds:
    """Return mean -+ t(centres - 1) x error."""
    half = compute_t_quantile(centres - 1, level) * error
    return mean - half, mean + half


def compute_heterogeneity(y: Floats, v: Floats, level: float, estimator: Estimator = "REML") -> Heterogeneity:
    """Return Q, H2, I2 and the Q-profile interval of tau2 and I2 of one data set.

    I2 = tau2 / (tau2 + s2) and H2 = tau2 / s2 + 1 with the estimator's tau2 and the typical variance s2
    (Higgins and Thompson 2002, equation 9). Q-profile: the tau2 at which the generalised Q equals chi-square quantiles
    (Viechtbauer 2007, Stat Med 26:37); a bound is 0 where even tau2 = 0 lies below the quantile.
    """
    freedom, tail = len(y) - 1, (1 - level) / 2
    typical = _compute_typical(v)
    tau2 = float(compute_tau2(y, v, estimator))
    low, high = (_find_tau2(y, v, float(chi2.ppf(share, freedom))) for share in (1 - tail, tail))
    return Heterogeneity(
        q=float(_compute_q(y, v, np.zeros(()))),
        freedom=freedom,
        h2=tau2 / typical + 1,
        i2=tau2 / (tau2 + typical),
        i2_bounds=(low / (low + typical), high / (high + typical)),
        tau2_bounds=(low, high),
    )


def _compute_typical(v: Floats) -> float:
    weight = 1 / v
    return float((len(v) - 1) * weight.sum() / (weight.sum() ** 2 - (weight**2).sum()))


def _compute_q(y: Floats, v: Floats, tau2: Floats) -> Floats:
    weight = 1 / (v + tau2[..., None])
    mean = (weight * y).sum(axis=-1, keepdims=True) / weight.sum(axis=-1, keepdims=True)
    return np.asarray((weight * (y - mean) ** 2).sum(axis=-1))


def _find_tau2(y: Floats, v: Floats, quantile: float) -> float:
    def exceed(tau2: float) -> float:
        return float(_compute_q(y, v, np.asarray(tau2))) - quantile

    if exceed(0.0) <= 0:
        return 0.0
    upper = float(np.ptp(y) ** 2 / max(quantile, 1e-12) * len(y) + v.max())
    while exceed(upper) > 0:
        upper *= 2
    return float(brentq(exceed, 0.0, upper, xtol=1e-14, rtol=1e-13))


def _compute_moment(y: Floats, v: Floats) -> Floats:
    weight = 1 / v
    total = weight.sum(axis=-1)
    excess = _compute_q(y, v, np.zeros(y.shape[:-1])) - (y.shape[-1] - 1)
    return np.asarray(np.maximum(excess / (total - (weight**2).sum(axis=-1) / total), 0.0))


def _compute_hedges(y: Floats, v: Floats) -> Floats:
    """Variance of the estimates less the mean of their own variances."""
    return np.asarray(np.maximum(y.var(axis=-1, ddof=1) - v.mean(axis=-1), 0.0))


def _compute_hunter_schmidt(y: Floats, v: Floats) -> Floats:
    excess = _compute_q(y, v, np.zeros(y.shape[:-1])) - y.shape[-1]
    return np.asarray(np.maximum(excess / (1 / v).sum(axis=-1), 0.0))


def _compute_sidik_jonkman(y: Floats, v: Floats) -> Floats:
    """Start from the variance of the estimates, n in its denominator, and correct it once; never 0 if they differ."""
    first = y.var(axis=-1)
    return np.asarray(first * _compute_q(y, v, first) / (y.shape[-1] - 1))


_Step = Callable[[Floats, Floats], Floats]


def _iterate(step: _Step, y: Floats, v: Floats) -> Floats:
    """Follow a step to its fixed point from the moment estimate; a step that turns back is halved from then on.

    Plain scoring may swing around the root for hundreds of steps where one variance is far below the others.
    """
    tau2 = _compute_moment(y, v)
    share, last = np.ones_like(tau2), np.zeros_like(tau2)
    for _ in range(_STEPS):
        weight = 1 / (v + tau2[..., None])
        mean = (weight * y).sum(axis=-1, keepdims=True) / weight.sum(axis=-1, keepdims=True)
        wanted = step(y - mean, weight)
        share = np.where(wanted * last < 0, np.maximum(share / 2, _LEAST_SHARE), share)
        moved = np.maximum(tau2 + share * wanted, 0.0)
        settled = np.abs(moved - tau2) <= _TOLERANCE * (1 + tau2)
        tau2, last = moved, wanted
        if settled.all():
            return np.asarray(tau2)
    return np.where(settled, tau2, np.nan)


def _step_ml(residual: Floats, weight: Floats) -> Floats:
    square = (weight**2).sum(axis=-1)
    return np.asarray((((weight * residual) ** 2).sum(axis=-1) - weight.sum(axis=-1)) / square)


def _step_reml(residual: Floats, weight: Floats) -> Floats:
    """Fisher scoring: (y'PPy - tr P) / tr PP with P = W - W11'W / 1'W1."""
    one, two = weight.sum(axis=-1), (weight**2).sum(axis=-1)
    return np.asarray((((weight * residual) ** 2).sum(axis=-1) - (one - two / one)) / _compute_information(weight))


def _compute_information(weight: Floats) -> Floats:
    """Return tr PP, twice the expected information of tau2 under REML."""
    one, two, three = (np.asarray((weight**power).sum(axis=-1)) for power in (1, 2, 3))
    return np.asarray(two - 2 * three / one + (two / one) ** 2)


def _step_pm(residual: Floats, weight: Floats) -> Floats:
    """Newton on Q(tau2) = k - 1 (DerSimonian and Kacker 2007)."""
    excess = (weight * residual**2).sum(axis=-1) - (residual.shape[-1] - 1)
    slope = ((weight * residual) ** 2).sum(axis=-1)
    # Without a residual Q is 0 at any tau2: below its degrees of freedom, so tau2 falls to 0.
    return np.asarray(excess / np.where(slope > 0, slope, 1.0))
