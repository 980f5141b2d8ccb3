"""Coefficients of agreement of any number of readers with missing ratings: counts to values.

Input is one table, shape (units, categories): how many readers gave each category to each unit. Every
coefficient is computed at once under many sets of weights, one per bootstrap replicate.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from probatio.measures.cells import Codes
from probatio.resampling import Floats

Scale = Literal["nominal", "ordinal", "interval", "ratio"]
ROUNDING = 1e-12


class Replicates(NamedTuple):
    """Weights of patients, shape (replicates, patients), and the patient of each unit."""

    weights: Floats
    patient: Codes

    def total(self, amounts: Floats) -> Floats:
        """Return the weighted sum over units of amounts, shape (units, m), as (replicates, m)."""
        by_patient = np.zeros((self.weights.shape[1], amounts.shape[1]))
        np.add.at(by_patient, self.patient, amounts)
        return np.asarray(self.weights @ by_patient)

    def keep(self, kept: np.ndarray) -> Replicates:
        """Return the weights of some units."""
        return Replicates(self.weights, self.patient[kept])


def compute_krippendorff_alpha(
    counts: Floats, numbers: Floats, scale: Scale, replicates: Replicates | None = None
) -> Floats:
    """Return Krippendorff's alpha, once or under each set of weights.

    Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section E:
    alpha = 1 - (n - 1) sum o_ck d_ck / sum n_c n_k d_ck, over units with at least two ratings.

    Args:
        counts: shape (units, categories): how many readers gave each category; categories in order.
        numbers: per category its number (interval, ratio); ignored otherwise.
        scale: nominal (c != k), ordinal (ranks between), interval (c - k), ratio ((c - k) / (c + k)).
        replicates: weights; None for every unit once.

    Returns:
        Shape (replicates,), or (1,); NaN where all ratings are one category or no unit has two.
    """
    paired = counts.sum(axis=1) >= 2
    occurs = counts[paired].any(axis=0)
    counts, numbers = counts[:, occurs], (numbers[occurs] if len(numbers) == len(occurs) else numbers)
    if counts.shape[1] < 2:
        return np.full(1 if replicates is None else len(replicates.weights), np.nan)
    if scale == "interval":  # alpha does not move with the unit: rounding is judged on one scale
        numbers = (numbers - numbers.mean()) / np.ptp(numbers)
    used, drawn = counts[paired], _derive_replicates(counts, replicates).keep(paired)
    margin = drawn.total(used)
    if scale == "ordinal":
        return _compute_ordinal(used, drawn, margin)
    distance = _compute_distance(numbers, scale, used.shape[1])
    apart = ((used @ distance) * used).sum(axis=1) / (used.sum(axis=1) - 1)
    if scale == "interval":  # the double sum over categories has a closed form, which spares a product
        expected = 2 * (margin.sum(axis=1) * (margin @ numbers**2) - (margin @ numbers) ** 2)
    else:
        expected = ((margin @ distance) * margin).sum(axis=1)
    return _compute_alpha(drawn.total(apart[:, None])[:, 0], expected, margin.sum(axis=1))


def _derive_replicates(counts: Floats, replicates: Replicates | None) -> Replicates:
    if replicates is not None:
        return replicates
    return Replicates(np.ones((1, 1)), np.zeros(len(counts), dtype=np.int64))


def _compute_distance(numbers: Floats, scale: Scale, size: int) -> Floats:
    if scale == "nominal":
        return 1.0 - np.eye(size)
    gap, total = numbers[:, None] - numbers[None, :], numbers[:, None] + numbers[None, :]
    if scale == "interval":
        return np.asarray(gap**2)
    return np.asarray(np.divide(gap, total, out=np.zeros_like(gap), where=total != 0) ** 2)


def _compute_ordinal(used: Floats, drawn: Replicates, margin: Floats) -> Floats:
    """Return alpha where the distances themselves, squared differences of mean ranks, move with the weights."""
    rank = np.cumsum(margin, axis=1) - margin / 2
    distance = (rank[:, :, None] - rank[:, None, :]) ** 2
    pairs = used[:, :, None] * used[:, None, :] / (used.sum(axis=1) - 1)[:, None, None]
    seen = drawn.total(pairs.reshape(len(used), -1)).reshape(distance.shape)
    expected = (margin[:, :, None] * margin[:, None, :] * distance).sum(axis=(1, 2))
    return _compute_alpha((seen * distance).sum(axis=(1, 2)), expected, margin.sum(axis=1))


def _compute_alpha(observed: Floats, expected: Floats, n: Floats) -> Floats:
    known = expected > ROUNDING * n**2
    return np.where(known, 1 - (n - 1) * observed / np.where(known, expected, 1.0), np.nan)


def compute_chance_corrected(counts: Floats, replicates: Replicates | None = None) -> dict[str, Floats]:
    """Return Fleiss' kappa, multi-rater AC1 and Brennan-Prediger, once or under each set of weights.

    Gwet 2014, "Handbook of inter-rater reliability", chapters 2 and 5, with missing ratings: agreement over
    units with at least two ratings, prevalence over all rated units, each unit counting once.

    Args:
        counts: shape (units, categories); every declared category has its column.
        replicates: weights; None for every unit once.

    Returns:
        Per metric an array of shape (replicates,), or (1,); NaN where undefined.
    """
    ratings, drawn = counts.sum(axis=1), _derive_replicates(counts, replicates)
    rated, paired, q = ratings > 0, ratings >= 2, counts.shape[1]
    r = ratings[paired]
    alike = (counts[paired] * (counts[paired] - 1)).sum(axis=1) / (r * (r - 1))
    agreement = _compute_mean(alike[:, None], drawn.keep(paired))[:, 0]
    share = _compute_mean(counts[rated] / ratings[rated, None], drawn.keep(rated))
    chance = {
        "fleiss_kappa": (share**2).sum(axis=1),
        "multi_ac1": (share * (1 - share)).sum(axis=1) / max(q - 1, 1),
        "brennan_prediger": np.full(len(share), 1 / q),
    }
    return {name: _divide(agreement - pe, np.where(1 - pe > ROUNDING, 1 - pe, 0.0)) for name, pe in chance.items()}


def _compute_mean(amounts: Floats, drawn: Replicates) -> Floats:
    return _divide(drawn.total(amounts), drawn.total(np.ones((len(amounts), 1))))


def _divide(above: Floats, below: Floats) -> Floats:
    known = below > 0
    return np.where(known, above / np.where(known, below, 1.0), np.nan)
