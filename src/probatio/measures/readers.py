"""Agreement of any number of readers, with missing values: human against human, AI against human.

A unit is one cell (patient, visit) of a variable; a rating is the value that one source read in it.
Absent values are missing, not a category. A value that does not conform is a category of its own for the
nominal coefficients and missing for the others, as it has no place on their scale.

| metric | formula | ratings used | reference |
|---|---|---|---|
| krippendorff_alpha | 1 - observed / expected disagreement | units with two or more | Krippendorff 2011 |
| fleiss_kappa | (pa - pe) / (1 - pe), pe = sum pi_k^2 | pa: two or more; pi: all | Fleiss 1971, Gwet 2014 |
| multi_ac1 | the same, pe = sum pi_k (1 - pi_k) / (q - 1) | as above | Gwet 2008 |
| brennan_prediger | the same, pe = 1 / q | as above | Brennan and Prediger 1981 |
| agreement_difference | mean alpha(AI, human) - alpha(human, human) | cells that all three read | |

`at` names alpha's level of measurement. All are at most 1, and 0 for agreement by chance;
`agreement_difference` is positive where the AI agrees with two readers better than they with each other.
Intervals are percentiles of the shared replicate weights over patients. `term` says who is read together:
`human`, `all`, or for a pair `human_human`, `ai_human`, `ai_ai`. A pair of an AI and a human who saw its
work is `not_applicable`: their agreement is optimistic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from probatio.measures.multi_rater import (
    ROUNDING,
    Replicates,
    Scale,
    compute_chance_corrected,
    compute_krippendorff_alpha,
)
from probatio.measures.ratings import Ratings, derive_ratings
from probatio.records import select_leading
from probatio.resampling import FEWEST_CENTRES, Draws, Floats, compute_percentiles
from probatio.results import Reason, Status, build_row, derive_table

if TYPE_CHECKING:
    from probatio.protocol import Protocol, Source
    from probatio.records import Records

_SCALES: dict[str, tuple[Scale, ...]] = {
    "binary": ("nominal",),
    "nominal": ("nominal",),
    "ordinal": ("nominal", "ordinal"),
    "number": ("interval", "ratio"),
    "date": ("interval",),
}
_CHANCE = ("fleiss_kappa", "multi_ac1", "brennan_prediger")


class _Coefficient(NamedTuple):
    """One coefficient of one group of readers: its value and its replicates (empty: not resampled)."""

    metric: str
    at: str
    value: float
    replicates: Floats


@dataclass(frozen=True)
class _Design:
    """What every row of a study shares."""

    weights: Floats | None
    level: float
    unit: str

    def derive_replicates(self, ratings: Ratings) -> Replicates | None:
        """Return the replicate weights of some cells; None where nothing is resampled."""
        return None if self.weights is None else Replicates(self.weights, ratings.patient)


def estimate_readers(records: Records, protocol: Protocol, *, draws: Draws) -> pd.DataFrame:
    """Return the agreement of all human readers, of all sources, and of each pair of sources.

    Every source that leads counts as a reader, the reference too; human are those that are not an AI. Rows for all
    single-valued categorical variables, numbers and full dates; sets and repeated events have none.

    Args:
        records: the study's tables; values of patients used for development are left out.
        protocol: sources, variables, level.
        draws: replicate design; whole centres are not resampled below `FEWEST_CENTRES`.

    Returns:
        The sorted table of result rows; empty below two sources.
    """
    patients = records.patients[~records.patients["development"].astype(bool)].sort_index()
    few = draws.unit == "centre" and patients["centre"].nunique() < FEWEST_CENTRES
    weights = None if few else draws.weights(patients).astype(float)
    design = _Design(weights, float(protocol.level), draws.unit)
    rows: list[dict[str, Any]] = []
    told = select_leading(records.records, protocol)
    for variable in protocol.variables:
        if variable.type in _SCALES:
            ratings = derive_ratings(told, patients.index, variable)
            for team in _list_teams([source for source in protocol.leading if source.reviewed is None]):
                rows += _estimate_team(ratings, team, protocol, design)
            rows += _estimate_individual(ratings, protocol, design)
    return derive_table(rows)


class _Team(NamedTuple):
    """Sources read together, and what the row calls them."""

    members: tuple[Source, ...]
    term: str


def _list_teams(sources: list[Source]) -> Iterator[_Team]:
    human = tuple(source for source in sources if source.role != "ai")
    if len(human) > 2:
        yield _Team(human, "human")
    if len(sources) > 2 and len(human) < len(sources):
        yield _Team(tuple(sources), "all")
    for pair in combinations(sorted(sources, key=lambda source: source.role != "ai"), 2):
        kinds = sorted("ai" if source.role == "ai" else "human" for source in pair)
        yield _Team(pair, "_".join(kinds))


def _estimate_team(ratings: Ratings, team: _Team, protocol: Protocol, design: _Design) -> list[dict[str, Any]]:
    names = [source.name for source in team.members]
    pair = dict(zip(("source", "comparator"), names, strict=True)) if len(names) == 2 else {}
    fields: dict[str, Any] = {**pair, "variable": ratings.variable, "term": team.term, "level": design.level}
    if not _is_independent(team.members, protocol):
        fields |= {"status": Status.NOT_APPLICABLE, "reason": Reason.NOT_INDEPENDENT}
        return [build_row("krippendorff_alpha", at=scale, **fields) for scale in _SCALES[ratings.type]]
    chosen = ratings.select(names)
    fields |= _count(chosen, design)
    return [_build(each, chosen, fields, design) for each in _compute_coefficients(chosen, design)]


def _is_independent(members: tuple[Source, ...], protocol: Protocol) -> bool:
    mixed = [pair for pair in combinations(members, 2) if (pair[0].role == "ai") != (pair[1].role == "ai")]
    return all(protocol.is_independent(one.name, two.name) for one, two in mixed)


def _count(chosen: Ratings, design: _Design) -> dict[str, Any]:
    paired = chosen.paired
    clusters = len(np.unique(chosen.patient[paired])) if design.unit == "patient" else None
    return {"n": int(paired.sum()), "clusters": clusters, "cluster_unit": design.unit}


def _compute_coefficients(chosen: Ratings, design: _Design) -> Iterator[_Coefficient]:
    replicates = design.derive_replicates(chosen)
    for scale in _SCALES[chosen.type]:
        yield _Coefficient("krippendorff_alpha", scale, *_compute_pair(chosen, scale, replicates))
    if "nominal" in _SCALES[chosen.type]:
        counts = chosen.count(nominal=True)
        seen = compute_chance_corrected(counts)
        drawn = {} if replicates is None else compute_chance_corrected(counts, replicates)
        for metric in _CHANCE:
            yield _Coefficient(metric, "nominal", float(seen[metric][0]), drawn.get(metric, np.empty(0)))


def _compute_pair(chosen: Ratings, scale: Scale, replicates: Replicates | None) -> tuple[float, Floats]:
    counts = chosen.count(nominal=scale == "nominal")
    if scale == "ratio" and (chosen.numbers < 0).any():
        return np.nan, np.empty(0)
    seen = compute_krippendorff_alpha(counts, chosen.numbers, scale)
    drawn = np.empty(0) if replicates is None else compute_krippendorff_alpha(counts, chosen.numbers, scale, replicates)
    return float(seen[0]), drawn


def _build(each: _Coefficient, chosen: Ratings, fields: dict[str, Any], design: _Design) -> dict[str, Any]:
    """Return the row of one coefficient, or why there is none."""
    fields = fields | {"at": each.at}
    if each.at == "ratio" and (chosen.numbers < 0).any():
        return build_row(each.metric, status=Status.NOT_APPLICABLE, reason=Reason.TYPE_WITHOUT_METRIC, **fields)
    kinds = int((chosen.count(nominal=each.at == "nominal")[chosen.paired].sum(axis=0) > 0).sum())
    if not chosen.paired.any() or kinds < 2 or np.isnan(each.value):
        reason = Reason.ONE_CLASS_ONLY if chosen.paired.any() else Reason.NO_PAIRS
        return build_row(each.metric, status=Status.NOT_ESTIMABLE, reason=reason, **fields)
    if not each.replicates.size:
        return build_row(each.metric, each.value, reason=Reason.TOO_FEW_CLUSTERS, **fields)
    lower, upper = (float(bound) for bound in compute_percentiles(each.replicates, design.level))
    fields |= {"method": "bootstrap_percentile", "replicates": int(np.isfinite(each.replicates).sum())}
    if not upper - lower > ROUNDING:
        return build_row(each.metric, each.value, reason=Reason.NO_INTERVAL, **fields)
    return build_row(each.metric, each.value, lower=lower, upper=upper, **fields)


def _estimate_individual(ratings: Ratings, protocol: Protocol, design: _Design) -> Iterator[dict[str, Any]]:
    """Yield, for each AI and two humans, how much better it agrees with them than they with each other."""
    human = [source for source in protocol.leading if source.role != "ai"]
    scale = _SCALES[ratings.type][-1 if ratings.type == "ordinal" else 0]
    for ai in protocol.technologies:
        for one, two in combinations(human, 2):
            fields: dict[str, Any] = {
                "source": ai.name,
                "comparator": one.name,
                "variable": ratings.variable,
                "term": two.name,
            }
            fields |= {"level": design.level, "at": scale}
            if not _is_independent((ai, one, two), protocol):
                fields |= {"status": Status.NOT_APPLICABLE, "reason": Reason.NOT_INDEPENDENT}
                yield build_row("agreement_difference", **fields)
                continue
            three = ratings.select([ai.name, one.name, two.name]).complete(3)
            yield _build(_compute_difference(three, scale, design), three, fields | _count(three, design), design)


def _compute_difference(three: Ratings, scale: Scale, design: _Design) -> _Coefficient:
    """Return the difference of alphas over cells that all three read."""
    replicates = design.derive_replicates(three)
    names = three.sources
    pairs = [_compute_pair(three.select([names[i], names[j]]), scale, replicates) for i, j in ((0, 1), (0, 2), (1, 2))]
    values, drawn = [value for value, _ in pairs], [drawn for _, drawn in pairs]
    return _Coefficient(
        "agreement_difference",
        scale,
        (values[0] + values[1]) / 2 - values[2],
        (drawn[0] + drawn[1]) / 2 - drawn[2],
    )
