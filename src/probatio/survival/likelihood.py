"""The partial likelihood of Cox's model: sums over risk sets, for one weight vector or a chunk of them.

Arrays of replicates have shape (R, ...); covariates are standardised by the caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from probatio.resampling import Floats

Ties = Literal["efron", "breslow"]


@dataclass(frozen=True)
class Stratum:
    """Patients of one stratum still at risk at its first event, in order of time.

    `products` holds 1, x_a and x_a x_b (a <= b) per patient, shape (q, m): a weighted sum of it over a
    risk set gives all that Newton's step needs.
    """

    rows: NDArray[np.intp]
    products: Floats
    starts: NDArray[np.intp]
    event_rows: NDArray[np.intp]
    event_starts: NDArray[np.intp]
    group: NDArray[np.intp]


class Terms(NamedTuple):
    """Log-likelihood, score and information of each replicate: (R,), (R, p), (R, p, p)."""

    value: Floats
    score: Floats
    information: Floats


def derive_strata(times: Floats, events: Floats, x: Floats, labels: NDArray[np.intp]) -> Iterator[Stratum]:
    """Yield the presorted block of every stratum (codes from 0) that has an event."""
    for label in range(int(labels.max()) + 1):
        members = np.flatnonzero(labels == label)
        if events[members].any():
            yield _derive_stratum(times, events, x, members[np.argsort(times[members], kind="stable")])


def _derive_stratum(times: Floats, events: Floats, x: Floats, order: NDArray[np.intp]) -> Stratum:
    event_times = np.unique(times[order][events[order] > 0])
    rows = order[times[order] >= event_times[0]]
    group = np.searchsorted(event_times, times[rows], side="right") - 1
    event_rows = np.flatnonzero(events[rows] > 0)
    a, b = np.triu_indices(x.shape[1])
    products = np.vstack([np.ones(len(rows)), x[rows].T, (x[rows][:, a] * x[rows][:, b]).T])
    starts = np.searchsorted(group, np.arange(len(event_times)))
    event_starts = np.searchsorted(group[event_rows], np.arange(len(event_times)))
    return Stratum(rows, products, starts, event_rows, event_starts, group)


def compute_terms(strata: Sequence[Stratum], weights: Floats, beta: Floats, ties: Ties) -> Terms:
    """Return log partial likelihood, score and information under case weights.

    Args:
        strata: presorted blocks.
        weights: shape (R, n).
        beta: coefficients of each replicate, shape (R, p).
        ties: "efron" or "breslow".
    """
    p = beta.shape[1]
    total, crossed = np.zeros((len(beta), 1 + p + p * (p + 1) // 2)), np.zeros((len(beta), p, p))
    for block in strata:
        part, products = _compute_stratum(block, weights[:, block.rows], beta, ties)
        total += part
        crossed += products
    information = np.empty_like(crossed)
    a, b = np.triu_indices(p)
    information[:, a, b] = information[:, b, a] = total[:, 1 + p :]
    return Terms(total[:, 0], total[:, 1 : 1 + p], information - crossed)


def _compute_stratum(block: Stratum, weights: Floats, beta: Floats, ties: Ties) -> tuple[Floats, Floats]:
    """Return log-likelihood, score and second moments side by side, (R, q), and products of means, (R, p, p)."""
    p = beta.shape[1]
    x = block.products[1 : 1 + p]
    predictor = beta @ x
    event_weights = weights[:, block.event_rows]
    total, crossed = np.zeros((len(beta), len(block.products))), np.zeros((len(beta), p, p))
    total[:, 0] = (event_weights * predictor[:, block.event_rows]).sum(axis=1)
    total[:, 1 : 1 + p] = event_weights @ x[:, block.event_rows].T
    for at_risk, step in _derive_steps(block, weights * np.exp(predictor), event_weights, ties):
        inverse = 1 / at_risk[:, 0]
        moments = at_risk[:, 1:] * (step * inverse)[:, None]
        total[:, 0] -= (step * np.log(at_risk[:, 0])).sum(axis=1)
        total[:, 1 : 1 + p] -= moments[:, :p].sum(axis=2)
        total[:, 1 + p :] += moments[:, p:].sum(axis=2)
        crossed += moments[:, :p] @ (at_risk[:, 1 : 1 + p] * inverse[:, None]).transpose(0, 2, 1)
    return total, crossed


def _derive_steps(block: Stratum, risk: Floats, event_weights: Floats, ties: Ties) -> Iterator[tuple[Floats, Floats]]:
    """Yield sums over risk sets, shape (R, q, g), with the weight of each in the likelihood, shape (R, g).

    Efron: the k-th of d tied events leaves k/d of their risk out. Breslow: one step of the whole weight.
    Sums without weight (no event drawn at that time) are set to 1, which has no effect.
    """
    sums = np.add.reduceat(risk[:, None] * block.products, block.starts, axis=2)
    sums = np.cumsum(sums[:, :, ::-1], axis=2)[:, :, ::-1]
    weight = np.add.reduceat(event_weights, block.event_starts, axis=1)
    sizes = np.diff(np.r_[block.event_starts, len(block.event_rows)])
    if ties == "breslow" or sizes.max() == 1:
        yield _derive_safe(sums, weight), weight
        return
    count = np.add.reduceat((event_weights > 0).astype(float), block.event_starts, axis=1)
    mean = weight / np.maximum(count, 1)
    yield _derive_safe(sums, mean), mean
    tied = risk[:, None, block.event_rows] * block.products[:, block.event_rows]
    tied = np.add.reduceat(tied, block.event_starts, axis=2)
    at, k = _list_later_steps(sizes)
    step = np.where(count[:, at] > k, mean[:, at], 0.0)
    share = k / np.maximum(count[:, at], k + 1)
    yield _derive_safe(sums[:, :, at] - share[:, None] * tied[:, :, at], step), step


def _list_later_steps(sizes: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return event time and k of every step but each time's first: k = 1 to d - 1 of d tied events."""
    at = np.repeat(np.arange(len(sizes)), sizes - 1)
    return at, np.arange(len(at)) - np.repeat(np.cumsum(sizes - 1) - (sizes - 1), sizes - 1) + 1


def _derive_safe(sums: Floats, step: Floats) -> Floats:
    return np.where((step > 0)[:, None], sums, 1.0)


def compute_score_residuals(block: Stratum, beta: Floats, ties: Ties) -> Floats:
    """Return each patient's contribution to the score, unweighted, shape (m, p), in the order of `block.rows`.

    Source: Therneau and Grambsch 2000, section 4.6; a tied event under Efron's ties is at risk for
    1 - k/d of the k-th step of its own time.
    """
    p, groups = len(beta), len(block.starts)
    x = block.products[1 : 1 + p].T
    risk = np.exp(x @ beta)
    sizes = np.diff(np.r_[block.event_starts, len(block.event_rows)])
    # Columns: hazard, hazard x mean covariate; then the part of both that an event of that time is spared; mean.
    rates, spared, mean = np.zeros((groups, 1 + p)), np.zeros((groups, 1 + p)), np.zeros((groups, p))
    later = (np.arange(groups), np.zeros(groups, dtype=np.intp)), _list_later_steps(sizes)
    steps = _derive_steps(block, risk[None], np.ones((1, len(block.event_rows))), ties)
    for (sums, step), (at, k) in zip(steps, later, strict=False):
        ratios = (sums[0, : 1 + p] / sums[0, 0]).T
        rate = ratios * (step[0] / sums[0, 0])[:, None]
        np.add.at(rates, at, rate)
        np.add.at(spared, at, rate * (k / sizes[at])[:, None])
        np.add.at(mean, at, ratios[:, 1:] * (step[0] / sizes[at])[:, None])
    is_event = np.zeros((len(x), 1))
    is_event[block.event_rows] = 1
    past = np.cumsum(rates, axis=0)[block.group] - is_event * spared[block.group]
    return is_event * (x - mean[block.group]) - risk[:, None] * (x * past[:, :1] - past[:, 1:])
