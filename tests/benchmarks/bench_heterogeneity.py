"""Coverage of the intervals between centres: binomial-normal profile, REML with Hartung-Knapp, prediction.

Run: python tests/benchmarks/bench_heterogeneity.py [data sets per line]
"""

from __future__ import annotations

import sys
import time
from itertools import product

import numpy as np
from scipy.special import expit, logit
from scipy.stats import chi2, norm

from probatio.measures.heterogeneity.binomial_normal import (
    Fit,
    compute_mean_variance,
    fit,
    maximise_mu,
    maximise_tau,
)
from probatio.measures.heterogeneity.models import CAUTION_EVENTS, FEWEST_EVENTS
from probatio.measures.heterogeneity.pooling import (
    compute_hartung_knapp,
    compute_pooled,
    compute_prediction,
    compute_t_limits,
)
from probatio.measures.heterogeneity.prediction import compute_integrated_prediction
from probatio.measures.heterogeneity.profiles import compute_cut, compute_tau_profile
from probatio.resampling import Floats, compute_t_quantile

CENTRES, SIZES, RATES, SPREADS = (6, 15), (31, 100), (0.02, 0.066), (0.0, 0.5, 1.0)
# Where REML with Hartung-Knapp is allowed: ten errors in every centre.
MANY = [(6, 500, 0.066), (15, 500, 0.066)]
LEVEL, CHUNK = 0.95, 500


def compute_likelihood(k: Floats, n: Floats, mu: float, tau: float) -> dict[str, Floats]:
    """Whether the profile intervals hold the truth (by inverting their test), and the prediction's mass."""
    found = fit(k, n)
    known = np.isfinite(found.tau)
    k, n, found = k[known], n[known], Fit(found.mu[known], found.tau[known], found.value[known])
    size = len(k)
    fall = 2 * (found.value - maximise_tau(k, n, np.full(size, mu))[1].value)
    spread = 2 * (found.value - maximise_mu(k, n, np.full(size, tau))[1].value)
    error = np.sqrt(compute_mean_variance(k, n, found))
    quantile = compute_t_quantile(np.full(size, k.shape[1] - 1), LEVEL)
    plain = compute_prediction(found.mu, error, found.tau**2, quantile)
    limits = compute_integrated_prediction(k, n, compute_tau_profile(k, n, found, LEVEL), LEVEL)
    out = {
        "t": fall <= compute_cut(n, LEVEL),
        "chi": fall <= chi2.ppf(LEVEL, 1),
        "tau": spread <= compute_cut(n, LEVEL),
        "tau_chi": spread <= chi2.ppf(LEVEL, 1),
        "prediction": compute_mass(limits, mu, tau),
        "plain": compute_mass(plain, mu, tau),
    }
    kept = {name: np.full(len(known), np.nan) for name in out}
    for name, values in out.items():
        kept[name][known] = values
    return kept


def compute_mass(limits: tuple[Floats, Floats], mu: float, tau: float) -> Floats:
    """Chance that a new centre's log odds lies between the limits."""
    if tau == 0:
        return ((limits[0] <= mu) & (mu <= limits[1])).astype(float)
    return norm.cdf((limits[1] - mu) / tau) - norm.cdf((limits[0] - mu) / tau)


def compute_secondary(k: Floats, n: Floats, mu: float) -> tuple[Floats, Floats]:
    """Whether REML with Hartung-Knapp (half an event added where a cell is empty) covers; where it is allowed."""
    half = np.where((k == 0) | (k == n), 0.5, 0.0)
    one, two = k + half, n - k + half
    y, v = np.log(one / two), 1 / one + 1 / two
    pooled = compute_pooled(y, v, "REML")
    lower, upper = compute_t_limits(pooled.mean, compute_hartung_knapp(pooled, y, v), k.shape[1], LEVEL)
    allowed = (np.minimum(k, n - k) >= FEWEST_EVENTS).all(axis=1)
    return np.where(np.isnan(lower), np.nan, (lower <= mu) & (mu <= upper)), allowed


def describe(values: Floats) -> str:
    """Mean in percent with its Monte Carlo error."""
    values = values[np.isfinite(values)]
    if len(values) < 50:
        return "–"
    return f"{100 * values.mean():.1f} ({100 * values.std() / np.sqrt(len(values)):.1f})"


def simulate(centres: int, size: int, rate: float, tau: float, sets: int) -> str:
    """Return one line of the table."""
    rng = np.random.default_rng([centres, size, round(1e4 * rate), round(10 * tau)])
    mu = float(logit(rate))
    k = rng.binomial(size, expit(mu + tau * rng.standard_normal((sets, centres)))).astype(float)
    k, n = k[k.sum(axis=1) > 0], np.full((int((k.sum(axis=1) > 0).sum()), centres), float(size))
    parts = [compute_likelihood(k[i : i + CHUNK], n[i : i + CHUNK], mu, tau) for i in range(0, len(k), CHUNK)]
    held = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    secondary, allowed = compute_secondary(k, n, mu)
    enough = k.sum(axis=1) >= CAUTION_EVENTS
    shown = [describe(held[name]) for name in ("t", "chi", "tau", "tau_chi", "prediction", "plain")]
    few = [describe(np.where(mask, held["t"], np.nan)) for mask in (enough, ~enough)]
    beside = [describe(secondary), describe(np.where(allowed, secondary, np.nan)), f"{100 * allowed.mean():.0f}"]
    empty = f"{100 * (1 - len(k) / sets):.1f}"
    cells = [str(centres), str(size), f"{rate:g}", f"{tau:g}", empty, *shown[:1], *few, *shown[1:], *beside]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table and the seconds it took."""
    sets, start = int(sys.argv[1]) if len(sys.argv) > 1 else 2000, time.perf_counter()
    head = (
        "centres", "patients", "p", "tau", "no event %", "mean", "mean, 10 events or more", "mean, fewer",
        "mean, chi-square", "tau interval", "tau, chi-square", "prediction", "prediction, tau put in",
        "REML+HK", "REML+HK where allowed", "allowed %",
    )  # fmt: skip
    sys.stdout.write("| " + " | ".join(head) + " |\n|" + " --- |" * len(head) + "\n")
    for (centres, size, rate), tau in product([*product(CENTRES, SIZES, RATES), *MANY], SPREADS):
        sys.stdout.write(simulate(centres, size, rate, tau, sets) + "\n")
        sys.stdout.flush()
    sys.stdout.write(f"{sets} data sets a line, {time.perf_counter() - start:.0f} s\n")


if __name__ == "__main__":
    main()
