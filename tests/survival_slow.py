"""Survival estimators written for reading: loops over event times, sums over whoever is at risk, plain Newton steps."""

from __future__ import annotations

import numpy as np


def list_steps(time, event, x, weights, strata, entry, ties, beta):
    """Yield weight, risks of those at risk and their covariates, for every step of every tied event.

    Someone is at risk at t when entry < t <= time, and dies in the k-th of d steps with k/d of their risk left out.
    """
    risk = weights * np.exp(x @ beta)
    for stratum in np.unique(strata):
        for t in np.unique(time[event & (weights > 0) & (strata == stratum)]):
            inside = (strata == stratum) & (time >= t) & ((entry < t) | (entry <= 0)) & (weights > 0)
            dying = inside & (time == t) & event
            d, mass = dying.sum(), weights[dying].sum()
            for k in range(d if ties == "efron" else 1):
                left = risk * (1 - (k / d if ties == "efron" else 0) * dying)
                yield (mass / d if ties == "efron" else mass), left[inside], x[inside], dying[inside], weights[inside]


def compute_slow_terms(beta, time, event, x, *, weights, strata, entry, ties):
    """Return log partial likelihood, score and information under case weights."""
    p = x.shape[1]
    value, score, information = 0.0, np.zeros(p), np.zeros((p, p))
    dying = event & (weights > 0)
    value += (weights * (x @ beta))[dying].sum()
    score += (weights[:, None] * x)[dying].sum(axis=0)
    for mass, risk, covariates, _, _ in list_steps(time, event, x, weights, strata, entry, ties, beta):
        mean = risk @ covariates / risk.sum()
        spread = covariates - mean
        value -= mass * np.log(risk.sum())
        score -= mass * mean
        information += mass * (spread * risk[:, None]).T @ spread / risk.sum()
    return value, score, information


def fit_slowly(time, event, covariates, *, weights=None, strata=None, entry=None, ties="efron"):
    """Return coefficients and covariance by Newton's method with halved steps, from 0, to machine precision."""
    n = len(time)
    given = {"weights": np.ones(n) if weights is None else np.asarray(weights, dtype=float),
             "strata": np.zeros(n) if strata is None else np.asarray(strata),
             "entry": np.zeros(n) if entry is None else np.asarray(entry, dtype=float), "ties": ties}  # fmt: skip
    data = (np.asarray(time, dtype=float), np.asarray(event, dtype=bool), np.asarray(covariates, dtype=float))
    beta = np.zeros(data[2].shape[1])
    value, score, information = compute_slow_terms(beta, *data, **given)
    for _ in range(60):
        step = np.linalg.solve(information, score)
        with np.errstate(all="ignore"):  # a step too long overflows, or leaves nobody any risk
            while not value - 1e-12 * abs(value) <= compute_slow_terms(beta + step, *data, **given)[0] < np.inf:
                step /= 2
        beta = beta + step
        value, score, information = compute_slow_terms(beta, *data, **given)
        if np.abs(step).max() < 1e-13:
            break
    return beta, np.linalg.inv(information)


def count_slowly(time, event, *, weights=None, entry=None):
    """Return distinct times, and weighted numbers at risk and of events at each, by a loop."""
    time, event = np.asarray(time, dtype=float), np.asarray(event, dtype=bool)
    w = np.ones(len(time)) if weights is None else np.asarray(weights, dtype=float)
    start = np.zeros(len(time)) if entry is None else np.asarray(entry, dtype=float)
    distinct = np.unique(time)
    at_risk = [w[(time >= t) & ((start < t) | (start <= 0))].sum() for t in distinct]
    return distinct, np.array(at_risk), np.array([w[(time == t) & event].sum() for t in distinct])


def read_slowly(time, event, *, weights, taus, landmarks, entry=None):
    """Return median, restricted means and survival at landmarks of one weighted curve, by walking along it."""
    w = np.asarray(weights, dtype=float)
    times, at_risk, events = count_slowly(time, event, weights=w, entry=entry)
    survival, steps = 1.0, [(0.0, 1.0)]
    for t, n, d in zip(times, at_risk, events, strict=True):
        if d > 0:
            survival = 0.0 if np.isclose(d, n, rtol=1e-12, atol=0) else survival * (1 - d / n)
        steps.append((t, survival))
    last = np.inf if survival == 0 else np.asarray(time)[w > 0].max()

    def follow(t):
        return [s for start, s in steps if start <= t][-1]

    def integrate(tau):
        ends = [min(start, tau) for start, _ in steps[1:]] + [tau]
        return sum(s * (end - min(start, tau)) for (start, s), end in zip(steps, ends, strict=True))

    half = [t for t, s in steps if s < 0.5 + 1.5e-8]
    below = [t for t, s in steps if s < 0.5 - 1.5e-8]
    median = np.nan if not half else (half[0] + (below[0] if below else half[0])) / 2
    means = [integrate(tau) if tau <= last else np.nan for tau in taus]
    return median, means, [follow(t) if t <= last else np.nan for t in landmarks]
