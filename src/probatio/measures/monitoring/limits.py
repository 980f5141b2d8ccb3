"""The p-chart: exact binomial limits of a batch's rate, and how often they are crossed by chance.

A limit is the widest number of errors that a batch in control exceeds with a probability no greater than
declared (probability limits, Montgomery 2013, section 7.3). Three standard deviations are no substitute where
errors are few: at a rate of 5 % and 20 values the normal lower limit is negative, and the upper one
(19.6 %, exceeded by 4 errors of 20) is crossed by chance once in 63 batches, not once in 741. Limits being whole
numbers, the true probability lies below the declared one; it is computed and stated.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

Sizes = NDArray[np.int64]


def compute_limits(sizes: Sizes, rate: float, tail: float) -> tuple[Sizes, Sizes]:
    """Return per batch the fewest and the most errors that raise no alarm.

    P(X < lower) and P(X > upper) are each at most `tail`, and no narrower limits have that.

    Args:
        sizes: values of each batch, at least 1.
        rate: in control, between 0 and 1.
        tail: largest probability of an alarm on each side.
    """
    return binom.ppf(tail, sizes, rate).astype(np.int64), binom.isf(tail, sizes, rate).astype(np.int64)


def compute_tails(sizes: Sizes, rate: float, limits: tuple[Sizes, Sizes]) -> tuple[float, float]:
    """Return the true probabilities of a batch below and above its limits, at any rate.

    Averaged over the sizes: the next batch is as likely to have the size of any of them.
    """
    below, above = binom.cdf(limits[0] - 1, sizes, rate), binom.sf(limits[1], sizes, rate)
    return float(np.mean(below)), float(np.mean(above))


def compute_geometric_length(alarm: float) -> float:
    """Return the mean number of batches up to an alarm that each raises with this probability."""
    return 1 / alarm if alarm > 0 else math.inf
