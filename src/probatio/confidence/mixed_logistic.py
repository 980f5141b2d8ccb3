"""Logistic regression with random intercepts: small strata are drawn towards the whole.

logit P(y = 1) = x' beta + sum over factors of u[level], u ~ N(0, sigma^2 of the factor), fitted by penalised
quasi-likelihood (Breslow and Clayton 1993, JASA 88:9, equation 6): for given variances a penalised maximum of the
likelihood by Newton's method; after each step each variance becomes the sum of its squared effects over its
effective degrees of freedom (Schall 1991, Biometrika 78:719, equation 5). For binary data this understates
variances (Breslow and Lin 1995, Biometrika 82:81): strata are drawn towards the whole a little more than the best.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from probatio.resampling import Floats

Codes = NDArray[np.int64]
_ROUNDS = 200
_CLOSE = 1e-6
# Standard deviations of effects that move less than this, on the logit, have settled.
_STILL = 2e-3
_LEAST = 1e-6
# Normal priors that only keep separated coefficients finite (a normal form of Gelman et al. 2008, AOAS 2:1360).
_FIXED_SPREAD = 5.0
_CONSTANT_SPREAD = 10.0


@dataclass(frozen=True)
class MixedLogistic:
    """A fitted model.

    Attributes:
        fixed: coefficients of the columns of x, the constant first.
        effects: per factor, the effect of each level.
        variances: per factor, the variance of its effects.
    """

    fixed: Floats
    effects: tuple[Floats, ...]
    variances: Floats

    def compute_probability(self, x: Floats, levels: tuple[Codes, ...]) -> Floats:
        """Return P(y = 1) per value; a level of -1 (not seen when fitted) has effect 0.

        Args:
            x: shape (n, columns), the first all ones.
            levels: per factor, the level of each value.
        """
        index = x @ self.fixed
        for effect, level in zip(self.effects, levels, strict=True):
            index = index + np.append(effect, 0.0)[level]
        return np.asarray(expit(index))


def fit_mixed_logistic(
    x: Floats, y: Floats, levels: tuple[Codes, ...] = (), *, sizes: tuple[int, ...] = (), weight: Floats | None = None
) -> MixedLogistic:
    """Return the fit; without factors, a plain logistic regression with a weak prior.

    Args:
        x: shape (n, columns), the first all ones.
        y: per value 0 or 1.
        levels: per factor, the level of each value, 0 .. size - 1.
        sizes: per factor, its number of levels.
        weight: per value; divided by their mean, so that they add no information.
    """
    weight = np.ones(len(y)) if weight is None else weight / weight.mean()
    design, owner = _derive_design(x, levels, sizes)
    priors = np.full(x.shape[1], _FIXED_SPREAD**2)
    priors[0] = _CONSTANT_SPREAD**2
    variances, found = np.full(len(sizes), 0.25), np.zeros(design.shape[1])
    fit = Penalised(design, y, weight)
    for _ in range(_ROUNDS):
        precision = 1 / np.concatenate([priors, variances[owner]])
        moved, spread = fit.step(found, precision)
        before, variances = variances, _update(moved[x.shape[1] :], spread[x.shape[1] :], owner, variances)
        still = np.abs(np.sqrt(variances) - np.sqrt(before)).max(initial=0.0) < _STILL
        settled, found = np.abs(moved - found).max() < _CLOSE, moved
        if still and settled:
            break
    effects = tuple(found[x.shape[1] :][owner == factor] for factor in range(len(sizes)))
    return MixedLogistic(found[: x.shape[1]], effects, variances)


def _derive_design(x: Floats, levels: tuple[Codes, ...], sizes: tuple[int, ...]) -> tuple[Floats, Codes]:
    """Return the columns of x and one per level, and the factor of each level."""
    blocks = [np.eye(size)[level] for level, size in zip(levels, sizes, strict=True)]
    owner = np.repeat(np.arange(len(sizes)), np.array(sizes, dtype=np.int64))
    return np.hstack([x, *blocks]), owner.astype(np.int64)


@dataclass(frozen=True)
class Penalised:
    """The penalised likelihood of a logistic regression; its penalty is sum(precision x coefficient^2) / 2."""

    design: Floats
    y: Floats
    weight: Floats

    def step(self, at: Floats, precision: Floats) -> tuple[Floats, Floats]:
        """Return the coefficients after one step of Newton's method, halved until it gains, and their variances.

        The variances are the diagonal of the inverse of the curvature before the step.
        """
        p = expit(self.design @ at)
        slope = self.design.T @ (self.weight * (self.y - p)) - precision * at
        curvature = (self.design * (self.weight * p * (1 - p))[:, None]).T @ self.design
        inverse = np.linalg.inv(curvature + np.diag(precision))
        step, reached = inverse @ slope, self.compute(at, precision)
        while self.compute(at + step, precision) < reached - 1e-9 and np.abs(step).max() > _CLOSE:
            step = step / 2
        return at + step, np.diag(inverse)

    def compute(self, at: Floats, precision: Floats) -> float:
        """Return the penalised log-likelihood."""
        index = self.design @ at
        likelihood = self.weight @ (self.y * index - np.logaddexp(0, index))
        return float(likelihood - (precision * at**2).sum() / 2)


def _update(effects: Floats, spread: Floats, owner: Codes, variances: Floats) -> Floats:
    """Return new variances: squared effects over effective degrees of freedom (Schall 1991)."""
    squares = np.bincount(owner, effects**2, len(variances))
    lost = np.bincount(owner, spread, len(variances)) / variances
    freedom = np.maximum(np.bincount(owner, minlength=len(variances)) - lost, 1e-3)
    return np.maximum(squares / freedom, _LEAST)
