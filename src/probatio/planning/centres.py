"""How many centres: expected prediction interval of a new centre's error, expected interval of tau.

Errors of centres are normal on the logit scale with standard deviation tau; every centre has as many
patients. What is computed is the interval with tau and the mean at their expected values; one that
estimates tau from a dozen centres covers less than it says (89 % in the tests' design), so plan for more.
"""

from __future__ import annotations

import math

from scipy.special import chdtri, expit, logit, ndtri, stdtrit

FEWEST = 5
MOST = 2000


def compute_prediction(error: float, tau: float, *, centres: int, patients: float, level: float) -> tuple[float, float]:
    """Return the expected prediction interval of a new centre's error, as proportions.

    mean +- t(k - 1) sqrt(tau^2 + se^2), se^2 = (tau^2 + v)/k, v = 1/(m p (1 - p)).
    Source: Higgins, Thompson and Spiegelhalter 2009, J R Stat Soc A 172:137, equation 12, with k - 1
    degrees of freedom.

    Args:
        error: expected error, inside (0, 1).
        tau: standard deviation of the logits.
        centres: k, at least 2.
        patients: m per centre.
        level: two-sided.
    """
    spread = math.sqrt(tau**2 + (tau**2 + _compute_within(error, patients)) / centres)
    half = float(stdtrit(centres - 1, 0.5 + level / 2)) * spread
    return float(expit(logit(error) - half)), float(expit(logit(error) + half))


def compute_tau_interval(
    error: float, tau: float, *, centres: int, patients: float, level: float
) -> tuple[float, float]:
    """Return the expected Q-profile interval of tau in a balanced design.

    (k - 1)(tau^2 + v)/chi2 - v, closed at 0. Source: Viechtbauer 2007, Stat Med 26:37, for equal variances.
    """
    within = _compute_within(error, patients)
    total = (centres - 1) * (tau**2 + within)
    tail = (1 - level) / 2
    bounds = [total / float(chdtri(centres - 1, share)) - within for share in (tail, 1 - tail)]
    return math.sqrt(max(bounds[0], 0.0)), math.sqrt(max(bounds[1], 0.0))


def find_centres(error: float, tau: float, limit: float, *, patients: float, level: float) -> int | None:
    """Return the fewest centres (at least five) whose prediction interval ends below `limit`.

    None: none up to 2,000, or none at all because tau itself is too large.
    """
    if expit(logit(error) + float(ndtri(0.5 + level / 2)) * tau) >= limit:
        return None
    for centres in range(FEWEST, MOST + 1):
        if compute_prediction(error, tau, centres=centres, patients=patients, level=level)[1] < limit:
            return centres
    return None


def _compute_within(error: float, patients: float) -> float:
    return 1 / (patients * error * (1 - error))
