"""The binomial-normal model: k_i ~ Binomial(n_i, p_i), logit p_i = mu + tau z_i, z_i ~ N(0, 1).

A logistic regression with a random intercept per centre (Stijnen, Hamza and Ozdemir 2010, Stat Med
29:3046, section 3). The marginal likelihood is integrated by adaptive Gauss-Hermite quadrature (Liu
and Pierce 1994, Biometrika 81:624). Counts need not be whole: several values per patient and sampling
weights enter as effective counts. A centre with n = 0 adds nothing.

Every function takes many data sets at once: `k, n` of shape (sets, centres), `mu, tau` of shape (sets,).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import elementwise
from scipy.special import expit, logit

from probatio.resampling import Floats

NODES = 25
LEAST, MOST = 1e-4, 8.0
"""tau below `LEAST` counts as 0; no maximum is looked for above `MOST` (log odds)."""
_X, _W = np.polynomial.hermite_e.hermegauss(NODES)
_MODE_STEPS, _MEAN_STEPS = 6, 60
_NEAR_ONE, _BLOCK = 1 - 1e-16, 64
_TOLERANCES = {"xatol": 1e-10, "xrtol": 1e-10, "fatol": 1e-12, "frtol": 0.0}


@dataclass(frozen=True)
class Marginal:
    """Log likelihood (binomial coefficients left out) and its derivatives, each of shape (sets,)."""

    value: Floats
    by_mu: Floats
    by_tau: Floats
    mu_mu: Floats


@dataclass(frozen=True)
class Fit:
    """Maximum likelihood: mean log odds, its standard deviation between centres, the maximum.

    Attributes:
        mu: mean log odds.
        tau: standard deviation between centres; 0 on the boundary; NaN where no maximum below `MOST`.
        value: log likelihood there.
    """

    mu: Floats
    tau: Floats
    value: Floats


def compute_marginal(k: Floats, n: Floats, mu: Floats, tau: Floats) -> Marginal:
    """Return the marginal log likelihood and derivatives, each set at its own mu and tau."""
    blocks = [slice(i, i + _BLOCK) for i in range(0, max(len(k), 1), _BLOCK)]
    parts = [np.stack(_integrate(k[at], n[at], mu[at], tau[at])) for at in blocks]
    return Marginal(*np.concatenate(parts, axis=1))


def _integrate(k: Floats, n: Floats, mu: Floats, tau: Floats) -> tuple[Floats, ...]:
    """Return value, slopes in mu and tau, curvature in mu, of sets few enough to stay in the processor's cache."""
    place, scale = compute_modes(k, n, mu, tau)
    z = place[..., None] + scale[..., None] * _X
    theta = mu[:, None, None] + tau[:, None, None] * z
    p = expit(theta)
    log = k[..., None] * theta + n[..., None] * np.log1p(-np.minimum(p, _NEAR_ONE)) - z**2 / 2 + _X**2 / 2
    peak = log.max(axis=-1, keepdims=True)
    mass = np.exp(log - peak) * _W
    total = mass.sum(axis=-1)
    share = mass / total[..., None]
    score = k[..., None] - n[..., None] * p
    mean = (share * score).sum(axis=-1)
    curve = (share * (score**2 - n[..., None] * p * (1 - p))).sum(axis=-1) - mean**2
    value = np.log(total * scale / np.sqrt(2 * np.pi)) + peak[..., 0]
    by_tau = (share * score * z).sum(axis=(-2, -1))
    return value.sum(axis=-1), mean.sum(axis=-1), by_tau, curve.sum(axis=-1)


def compute_modes(k: Floats, n: Floats, mu: Floats, tau: Floats) -> tuple[Floats, Floats]:
    """Return each centre's posterior mode of z and its scale (inverse root of the curvature)."""
    mean, spread = mu[:, None], tau[:, None]
    seen = logit((k + 0.5) / (n + 1))
    held = spread * n * expit(seen) * expit(-seen)
    z = held * (seen - mean) / (1 + spread * held)
    for _ in range(_MODE_STEPS):
        p = expit(mean + spread * z)
        slope = spread * (k - n * p) - z
        z = z + np.clip(slope / (1 + spread**2 * n * p * (1 - p)), -1.5, 1.5)
    p = expit(mean + spread * z)
    return z, 1 / np.sqrt(1 + spread**2 * n * p * (1 - p))


def maximise_mu(k: Floats, n: Floats, tau: Floats) -> tuple[Floats, Marginal]:
    """Return the best mu for each tau and the likelihood there (Newton; the logarithm is concave in mu)."""
    mu = logit((k.sum(axis=-1) + 0.5) / (n.sum(axis=-1) + 1))
    found = np.empty((4, len(mu)))
    moving = np.arange(len(mu))
    for _ in range(_MEAN_STEPS):
        at = compute_marginal(k[moving], n[moving], mu[moving], tau[moving])
        found[:, moving] = at.value, at.by_mu, at.by_tau, at.mu_mu
        step = np.clip(-at.by_mu / np.minimum(at.mu_mu, -1e-12), -1.0, 1.0)
        mu[moving] += step
        moving = moving[np.abs(step) > 1e-7]
        if not len(moving):
            break
    return mu, Marginal(*found)


def maximise_tau(k: Floats, n: Floats, mu: Floats) -> tuple[Floats, Marginal]:
    """Return the best tau for each mu (0 on the boundary, at most `MOST`) and the likelihood there."""

    def slope(tau: Floats, index: Floats) -> Floats:
        at = index.astype(np.int64)
        return compute_marginal(k[at], n[at], mu[at], tau).by_tau / tau

    tau = _solve_slope(slope, len(mu))
    return tau, compute_marginal(k, n, mu, tau)


def fit(k: Floats, n: Floats) -> Fit:
    """Return the maximum likelihood fit of each data set; each needs an event and a non-event."""

    def slope(tau: Floats, index: Floats) -> Floats:
        at = index.astype(np.int64)
        return maximise_mu(k[at], n[at], tau)[1].by_tau / tau

    tau = _solve_slope(slope, len(k))
    mu, best = maximise_mu(k, n, tau)
    return Fit(mu, np.where(tau < MOST, tau, np.nan), best.value)


def compute_mean_variance(k: Floats, n: Floats, found: Fit) -> Floats:
    """Return the variance of mu from the observed information at the fitted tau."""
    tau = np.nan_to_num(found.tau, nan=MOST)
    return np.asarray(-1 / compute_marginal(k, n, found.mu, tau).mu_mu)


def _solve_slope(slope: Callable[[Floats, Floats], Floats], size: int) -> Floats:
    """Return the root of the slope in tau between `LEAST` and `MOST`; 0 or `MOST` where there is none."""
    index = np.arange(size, dtype=float)
    low, high = (slope(np.full(size, end), index) for end in (LEAST, MOST))
    tau = np.where(low <= 0, 0.0, MOST)
    inner = (low > 0) & (high < 0)
    if inner.any():
        ends = (np.full(int(inner.sum()), LEAST), np.full(int(inner.sum()), MOST))
        tau[inner] = elementwise.find_root(slope, ends, args=(index[inner],), tolerances=_TOLERANCES).x
    return tau
