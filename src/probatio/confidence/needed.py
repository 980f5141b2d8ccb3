"""How many labelled patients a guarantee would have needed, at the risk that was seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from probatio.confidence.bounds import STAKES
from probatio.confidence.selection import Method, Sample
from probatio.planning.proportions import find_exact_size
from probatio.resampling import Floats

POWER = 0.8


@dataclass(frozen=True)
class Bound:
    """What is to be guaranteed: at most a share `alpha` wrong, failing with probability `delta`."""

    alpha: float
    delta: float


def find_needed_patients(sample: Sample, threshold: float, bound: Bound, *, most: float, method: Method) -> int | None:
    """Return the selection patients with which the threshold passes with 80 % power, its risk being what was seen.

    One value per patient and equal weights: the exact binomial's size, for every larger number too (as `planning`).
    Otherwise the betting capital is taken to grow as on the patients seen, with the best constant stake: the smallest n
    with n g - 0.84 s sqrt(n) >= ln(1 / delta), g and s mean and standard deviation of a patient's log growth. The
    threshold was the best of several, so that the number is on the low side.

    Args:
        sample: values of the selection patients.
        threshold: the best one.
        bound: what is to be guaranteed.
        most: largest total weight of accepted values that a patient can have.
        method: the p-value.

    Returns:
        patients; None: the risk seen is not below alpha (or the capital does not grow), and no number suffices.
    """
    tally = sample.count(np.array([threshold]))
    if not tally.n[0] or tally.wrong[0] >= bound.alpha * tally.mass[0]:
        return None
    if method == "exact_binomial":
        size = find_exact_size(tally.k[0] / tally.n[0], bound.alpha, POWER, bound.delta)
        return None if size is None else math.ceil(size.lasting * sample.patients / tally.n[0])
    sums = sample.sum_patients(np.array([threshold]), bound.alpha)[0]
    return _find_growth_size(sums / (max(most, 1e-12) * (1 - bound.alpha)), bound.delta)


def _find_growth_size(gains: Floats, delta: float) -> int | None:
    logs = np.log1p(-STAKES[:, None] * gains)
    best = logs[np.argmax(logs.mean(axis=1))]
    growth, spread = float(best.mean()), float(best.std())
    if growth <= 0:
        return None
    # n g - z s sqrt(n) = ln(1 / delta), a quadratic in sqrt(n).
    half = float(ndtri(POWER)) * spread / (2 * growth)
    return math.ceil((half + math.sqrt(half**2 - math.log(delta) / growth)) ** 2)
