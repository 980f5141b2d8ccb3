"""Sensitivity analysis without a reference: latent classes of three readings, with declared priors.

The true state of a yes/no question is not observed; three readings are taken as independent given it
(Hui and Walter 1980, Biometrics 36:167; EM by Dawid and Skene 1979, Appl Stat 28:20). The estimate is the posterior
mode under beta priors on prevalence, and on each reading's sensitivity and specificity.

With three readings the model fits seven counts with seven parameters: nothing is left to test it. Readings
that share errors (all from the same document) look better than they are, by an amount that the data
cannot show. Its rows therefore carry `analysis = sensitivity_analysis` and their method's name starts with
`latent_class`; they are neither reported as error nor used by a criterion.

| metric | what | range |
|---|---|---|
| latent_prevalence | share of true events | [0, 1] |
| latent_sensitivity, latent_specificity | per reading (`source`) | [0, 1] |

Events are the second level of a binary variable. `at` says which prior was used: `weak` and `strong` below,
so that their difference shows how much the priors speak.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from probatio.measures.multi_rater import Replicates
from probatio.measures.ratings import Ratings, derive_ratings
from probatio.records import select_leading
from probatio.resampling import FEWEST_CENTRES, Draws, Floats, compute_percentiles
from probatio.results import Reason, Status, build_row, derive_table

if TYPE_CHECKING:
    import pandas as pd

    from probatio.protocol import Protocol
    from probatio.records import Records

ANALYSIS = "sensitivity_analysis"
_STEPS, _TOLERANCE, _TINY = 2000, 1e-10, 1e-300
_PATTERNS = np.array([[(code >> place) & 1 for place in range(3)] for code in range(8)], dtype=float)


class Prior(NamedTuple):
    """Beta priors, each as (events + 1, non-events + 1): of prevalence, and of sensitivity and specificity alike."""

    prevalence: tuple[float, float]
    accuracy: tuple[float, float]


# A weak prior says that readings are right more often than not; a strong one that 9 of 10 are right.
PRIORS = {"weak": Prior((1.0, 1.0), (2.0, 1.25)), "strong": Prior((1.0, 1.0), (19.0, 3.0))}


class Latent(NamedTuple):
    """Posterior modes: prevalence shape (r,), sensitivity and specificity shape (r, 3); NaN where not converged."""

    prevalence: Floats
    sensitivity: Floats
    specificity: Floats


def compute_latent_class(counts: Floats, prior: Prior) -> Latent:
    """Return the posterior mode of the two-class model of three readings, for many tables at once.

    EM, started where readings are 85 % right and the prevalence is that of the majority; labels are
    kept from swapping by the start and by priors above one half.

    Args:
        counts: shape (tables, 8): how often each pattern was seen; bit r of a pattern is reading r.
        prior: see `Prior`.
    """
    n = counts.sum(axis=1)
    majority = counts @ (_PATTERNS.sum(axis=1) >= 2) / np.maximum(n, 1.0)
    prevalence = np.clip(majority, 0.02, 0.98)
    se = np.full((len(counts), 3), 0.85)
    sp = se.copy()
    change = np.full(len(counts), np.inf)
    for _ in range(_STEPS):
        share = _compute_posterior(prevalence, se, sp)
        new = _maximise(counts * share, counts * (1 - share), prior)
        change = np.max(np.abs(np.column_stack([new[0] - prevalence, new[1] - se, new[2] - sp])), axis=1)
        prevalence, se, sp = new
        if (change < _TOLERANCE).all():
            break
    settled = (change < 1e-5) & (n > 0)
    return Latent(
        np.where(settled, prevalence, np.nan),
        np.where(settled[:, None], se, np.nan),
        np.where(settled[:, None], sp, np.nan),
    )


def _compute_posterior(prevalence: Floats, se: Floats, sp: Floats) -> Floats:
    """Return the probability of a true event for each pattern, shape (tables, 8)."""
    given = _PATTERNS[None, :, :]
    event = np.prod(np.where(given == 1, se[:, None, :], 1 - se[:, None, :]), axis=2) * prevalence[:, None]
    none = np.prod(np.where(given == 1, 1 - sp[:, None, :], sp[:, None, :]), axis=2) * (1 - prevalence[:, None])
    return np.asarray(event / np.maximum(event + none, _TINY))


def _maximise(events: Floats, others: Floats, prior: Prior) -> tuple[Floats, Floats, Floats]:
    a, b = prior.prevalence
    c, d = prior.accuracy
    n1, n0 = events.sum(axis=1), others.sum(axis=1)
    prevalence = (n1 + a - 1) / np.maximum(n1 + n0 + a + b - 2, _TINY)
    se = (events @ _PATTERNS + c - 1) / np.maximum(n1[:, None] + c + d - 2, _TINY)
    sp = (others @ (1 - _PATTERNS) + c - 1) / np.maximum(n0[:, None] + c + d - 2, _TINY)
    return prevalence, se, sp


def estimate_latent_class(records: Records, protocol: Protocol, *, draws: Draws) -> pd.DataFrame:
    """Return latent prevalence, sensitivity and specificity of every three independent sources, per binary variable.

    Intervals are percentiles of the posterior mode over the shared replicate weights. `comparator` names the two
    other readings, joined by a plus sign. Sources must be declared independent pairwise; further runs of a
    technology, and sources after review, take no part.

    Args:
        records: the study's tables.
        protocol: sources, variables, level.
        draws: replicate design; whole centres are not resampled below `FEWEST_CENTRES`.

    Returns:
        The sorted table of result rows, all of analysis `sensitivity_analysis`; empty below three sources.
    """
    patients = records.patients[~records.patients["development"].astype(bool)].sort_index()
    few = draws.unit == "centre" and patients["centre"].nunique() < FEWEST_CENTRES
    weights = None if few else draws.weights(patients).astype(float)
    rows: list[dict[str, Any]] = []
    told = select_leading(records.records, protocol)
    for variable in protocol.variables:
        if variable.type != "binary":
            continue
        ratings = derive_ratings(told, patients.index, variable)
        for three in combinations([source.name for source in protocol.leading if source.reviewed is None], 3):
            independent = all(protocol.is_independent(one, two) for one, two in combinations(three, 2))
            fields: dict[str, Any] = {
                "variable": variable.name,
                "level": float(protocol.level),
                "cluster_unit": draws.unit,
            }
            if independent:
                rows += _estimate(ratings.select(list(three)), weights, fields)
            else:
                silent: dict[str, Any] = {"status": Status.NOT_APPLICABLE, "reason": Reason.NOT_INDEPENDENT}
                rows.append(build_row("latent_prevalence", comparator="+".join(three), **fields, **silent))
    return derive_table(rows, analysis=ANALYSIS)


def _estimate(ratings: Ratings, weights: Floats | None, fields: dict[str, Any]) -> Iterator[dict[str, Any]]:
    complete = ratings.complete(3)
    kept = (complete.codes <= 1).all(axis=1)
    pattern = complete.codes[kept] @ np.array([1, 2, 4])
    seen = np.bincount(pattern, minlength=8).astype(float)[None, :]
    drawn = None if weights is None else Replicates(weights, complete.patient[kept]).total(np.eye(8)[pattern])
    fields = fields | {"n": len(pattern), "clusters": len(np.unique(complete.patient[kept]))}
    single = len(pattern) > 0 and any(len(np.unique(column)) < 2 for column in complete.codes[kept].T)
    for at, prior in PRIORS.items():
        value = compute_latent_class(seen, prior)
        replicates = None if drawn is None or not len(pattern) else compute_latent_class(drawn, prior)
        reason = Reason.NO_PAIRS if not len(pattern) else Reason.ONE_CLASS_ONLY if single else Reason.NONE
        named = fields | {"at": at, "unit": "proportion"}
        yield from _derive_rows(ratings.sources, value, replicates, reason, named)


def _derive_rows(
    sources: tuple[str, ...], value: Latent, drawn: Latent | None, reason: Reason, fields: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    replicates = None if drawn is None else drawn.prevalence
    yield _build(
        "latent_prevalence", float(value.prevalence[0]), replicates, reason, fields | {"comparator": "+".join(sources)}
    )
    for place, source in enumerate(sources):
        others = "+".join(name for name in sources if name != source)
        for metric in ("sensitivity", "specificity"):
            replicates = None if drawn is None else getattr(drawn, metric)[:, place]
            named = fields | {"source": source, "comparator": others}
            yield _build(f"latent_{metric}", float(getattr(value, metric)[0, place]), replicates, reason, named)


def _build(
    metric: str, value: float, replicates: Floats | None, reason: Reason, fields: dict[str, Any]
) -> dict[str, Any]:
    if reason != Reason.NONE or np.isnan(value):
        found = reason if reason != Reason.NONE else Reason.NOT_CONVERGED
        return build_row(metric, status=Status.NOT_ESTIMABLE, reason=found, **fields)
    fields = fields | {"method": "latent_class_mode"}
    if replicates is None:
        return build_row(metric, value, reason=Reason.TOO_FEW_CLUSTERS, **fields)
    lower, upper = (float(bound) for bound in compute_percentiles(replicates, fields["level"]))
    fields |= {"method": "latent_class_bootstrap", "replicates": int(np.isfinite(replicates).sum())}
    if not upper - lower > _TOLERANCE:
        return build_row(metric, value, reason=Reason.NO_INTERVAL, **fields)
    return build_row(metric, value, lower=lower, upper=upper, **fields)
