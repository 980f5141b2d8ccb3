"""p-values of "more than a share alpha of the accepted values is wrong", and what they need.

One value per patient: the exact binomial. Several: errors of one patient hang together, and the binomial, which takes
every value for a patient, breaks its promise (9 to 13 % instead of 5 in tests/benchmarks). The patient is then the
unit: under the hypothesis the sum over a patient's accepted values of (error - alpha) has a mean of 0 or more, and it
is bounded. Two p-values for such a mean:

- *betting*: a gambler who stakes on that sum being negative cannot expect to grow rich under the hypothesis
  (Waudby-Smith and Ramdas 2024, J R Stat Soc B 86:1). The p-value is 1 / the highest capital on the way.
- *Hoeffding-Bentkus* (Bates et al. 2021, J ACM 68:43; Angelopoulos et al. 2021, Learn then Test).

Betting is the default, for it learns how much the sums vary (tests/benchmarks).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr

from probatio.resampling import Floats

STAKES = np.linspace(0, 0.95, 20)
"""Parts of the stake that the worst patient would wipe out: the gambler keeps something."""
IMAGINED = 10
"""Patients that the gambler imagines before the first."""


def compute_binomial_p(k: ArrayLike, n: ArrayLike, alpha: float) -> Floats:
    """Return P(Bin(n, alpha) <= k), for one value per patient; 1 without a value.

    Args:
        k: errors among the accepted values.
        n: accepted values.
        alpha: the largest share of errors.
    """
    errors, values = np.broadcast_arrays(np.asarray(k, dtype=float), np.asarray(n, dtype=np.int64))
    return np.where(values > 0, bdtr(errors, np.maximum(values, 1), alpha), 1.0)


def find_fewest(alpha: float, delta: float) -> int:
    """Return the fewest patients with which an errorless sample passes: ln delta / ln(1 - alpha), rounded up."""
    return math.ceil(math.log(delta) / math.log1p(-alpha) - 1e-12)


def compute_betting_p(sums: Floats, most: ArrayLike, alpha: float, *, before: Floats | None = None) -> Floats:
    """Return the betting p-value of "the mean of a patient's sum is 0 or more".

    Capital after a patient with sum x is multiplied by 1 - s x / (most (1 - alpha)). The stake s is the one of
    `STAKES` with which capital would have grown fastest so far (GRAPA). It reads earlier patients only, the tuning
    patients among them: they pay no bet, they teach the gambler. By Ville's inequality the capital exceeds 1 / p, at
    any time, with a probability of at most p. Stakes by the mean over the second moment (approximate
    GRAPA) bet too much where errors are rare, and lose it.

    Args:
        sums: shape (..., patients): sum of weight x (error - alpha) over a patient's accepted values, in the order
            in which patients are looked at.
        most: largest total weight of accepted values that a patient can have, shape (...).
        alpha: the largest share of errors.
        before: the same of other patients, shape (..., any number).

    Source: Waudby-Smith and Ramdas 2024, J R Stat Soc B 86:1 (betting, GRAPA).
    """
    scale = np.maximum(np.asarray(most, dtype=float), 1e-12)[..., None] * (1 - alpha)
    growth = _compute_growth(sums / scale)
    known = np.zeros((*sums.shape[:-1], 0)) if before is None else before / scale
    seen = _imagine(alpha) + _compute_growth(known).sum(axis=-2)
    earlier = np.cumsum(growth, axis=-2) - growth + seen[..., None, :]
    stake = np.argmax(earlier, axis=-1)
    capital = np.cumsum(np.take_along_axis(growth, stake[..., None], axis=-1)[..., 0], axis=-1)
    return np.asarray(np.exp(-capital.max(axis=-1, initial=0.0)))


def _compute_growth(gains: Floats) -> Floats:
    """Return the log growth of capital per patient and stake, shape (..., patients, stakes)."""
    return np.asarray(np.log1p(-gains[..., None] * STAKES))


def _imagine(alpha: float) -> Floats:
    """Return the growth over the patients that the gambler imagines, one value each, with risk alpha / 2."""
    wrong, right = np.log1p(-STAKES), np.log1p(STAKES * alpha / (1 - alpha))
    return np.asarray(IMAGINED * (alpha / 2 * wrong + (1 - alpha / 2) * right))


def compute_hoeffding_bentkus_p(sums: Floats, most: ArrayLike, alpha: float, n: NDArray[np.int64]) -> Floats:
    """Return the Hoeffding-Bentkus p-value of the same hypothesis; `n`: patients with an accepted value.

    The sum x becomes a loss alpha + x / most between 0 and 1, whose mean is held against alpha. The smaller of
    exp(-n KL(mean, alpha)) and e P(Bin(n, alpha) <= n mean).

    Source: Bates et al. 2021, J ACM 68:43, section 3.1; Angelopoulos et al. 2021, arXiv 2110.01052, section 2.
    """
    width = np.maximum(np.asarray(most, dtype=float), 1e-12)
    mean = np.clip(alpha + sums.sum(axis=-1) / width / np.maximum(n, 1), 0.0, 1.0)
    hoeffding = np.exp(-n * _compute_divergence(np.minimum(mean, alpha), alpha))
    bentkus = math.e * compute_binomial_p(np.ceil(n * mean - 1e-9), n, alpha)
    return np.where(n > 0, np.minimum(np.minimum(hoeffding, bentkus), 1.0), 1.0)


def _compute_divergence(a: Floats, b: float) -> Floats:
    """Return Kullback and Leibler's divergence of Bernoulli(a) from Bernoulli(b), a below 1."""
    first = np.where(a > 0, a * np.log(np.where(a > 0, a, 1.0) / b), 0.0)
    return first + (1 - a) * np.log((1 - a) / (1 - b))
