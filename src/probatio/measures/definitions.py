"""How much of a source's disagreement with the reference can a change of definition explain?

Over the values documented on both sides (C, W) of each `definitions` entry's variable, source and
population. Two facts are kept apart: the definition that the document names, and the one that the source
says it used. Five relations part the values (`term`):

| term | the document names | the source says it used |
|---|---|---|
| as_stated | a definition | the same |
| not_as_stated | a definition | another |
| followed | none | one that the reference follows |
| not_followed | none | one that the reference does not follow |
| unread | any or none | none |

| metric | what |
|---|---|
| definition_wrong_rate | W / (C + W) within a relation |
| definition_wrong_difference | that rate minus the rate of `as_stated` |
| definition_departure | values read not as stated, of those with both definitions named |
| definition_share, `not_as_stated` | the same of the wrong values only |
| definition_share, `not_followed` | of the wrong values whose source names a definition: not the reference's |
| definition_share, `explained` | of the wrong values: a declared change turns the one level into the other |
| definition_share, `explained_not_followed` | the same, the source naming a definition not the reference's |
| definition_change | of the wrong values: this one change (`at`) |

A source may name a definition that it did not use, and a level that a change can explain may be wrong for
another reason: `explained` is an upper bound of the share that the change explains, not an estimate of it.
Rates: Wilson; differences: Newcombe; shares: Clopper-Pearson, on the effective size where patients have
several values. Rows over fewer patients than the protocol's smallest stratum are suppressed; a share is
judged by the patients among whom the wrong values are sought.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.measures.cells import Codes, Mask
from probatio.measures.rates import (
    build_difference,
    compute_acceptance_interval,
    compute_reporting_interval,
    derive_rate_rows,
    derive_silent,
)
from probatio.resampling import Floats, compute_clustered_mean
from probatio.results import Reason, Status, build_row, derive_table

if TYPE_CHECKING:
    from probatio.comparison import Comparison
    from probatio.protocol import Definition, DefinitionChange, Protocol

RELATIONS = ("as_stated", "not_as_stated", "followed", "not_followed", "unread")


@dataclass(frozen=True)
class _Values:
    """Documented values of one definition's variable, source and population.

    Attributes:
        identity: the columns of a result row that name them.
        wrong: per value, whether it is W.
        relation: per value, its place in `RELATIONS`.
        stated: per value, whether the document names a definition.
        used: per value, whether the source names one.
        outside: per value, whether the source names one that the reference does not follow.
        change: per value, the declared change that its levels are, -1 for none.
        patient: per value, place of its patient.
        weight: per value, 1 / sampling probability.
    """

    identity: dict[str, Any]
    wrong: Mask
    relation: Codes
    stated: Mask
    used: Mask
    outside: Mask
    change: Codes
    patient: Codes
    weight: Floats


def estimate_definitions(comparison: Comparison, protocol: Protocol) -> pd.DataFrame:
    """Return the rows of every declared definition; empty where a study declares none.

    Args:
        comparison: values beside the reference's.
        protocol: definitions, smallest stratum, level.

    Returns:
        The sorted table of result rows.
    """
    frames = [frame for each in protocol.definitions for frame in _estimate(_select(each, comparison), each, protocol)]
    return derive_table(pd.concat(frames, ignore_index=True)) if frames else derive_table([])


def _select(definition: Definition, comparison: Comparison) -> _Values:
    pairs, members = comparison.pairs, comparison.patients.sort_index()
    inside = pd.Series(True, index=members.index)
    for name, kept in definition.population.items():
        inside &= members[name].astype(str).isin(kept)
    mine = pairs[(pairs["kind"] == "error") & (pairs["source"] == definition.source)]
    mine = mine[(mine["variable"] == definition.variable) & mine["outcome"].isin(["C", "W"])]
    mine = mine[mine["patient_id"].isin(inside.index[inside])].sort_values(["patient_id", "visit"], kind="stable")
    stated, used = (_read_texts(members, name, mine) for name in (definition.stated, definition.used))
    return _Values(
        identity={"analysis": definition.name, "source": definition.source, "variable": definition.variable,
                  "comparator": str(mine["comparator"].iloc[0]) if len(mine) else ""},
        wrong=(mine["outcome"] == "W").to_numpy(dtype=bool),
        relation=_derive_relations(stated, used, definition.reference),
        stated=stated != "",
        used=used != "",
        outside=(used != "") & ~np.isin(used, definition.reference),
        change=_find_changes(mine, definition.changes),
        patient=members.index.get_indexer(pd.Index(mine["patient_id"])).astype(np.int64),
        weight=mine["weight"].to_numpy(dtype=float),
    )  # fmt: skip


def _read_texts(members: pd.DataFrame, name: str, values: pd.DataFrame) -> NDArray[np.str_]:
    texts = members[name].astype(object).where(members[name].notna(), "").astype(str)
    return texts.reindex(values["patient_id"]).to_numpy(dtype=np.str_)


def _derive_relations(stated: NDArray[np.str_], used: NDArray[np.str_], followed: list[str]) -> Codes:
    cases = [used == "", (stated != "") & (stated == used), stated != "", np.isin(used, followed)]
    names = ("unread", "as_stated", "not_as_stated", "followed")
    return np.select(cases, [RELATIONS.index(name) for name in names], RELATIONS.index("not_followed")).astype(np.int64)


def _find_changes(values: pd.DataFrame, changes: list[DefinitionChange]) -> Codes:
    found = np.full(len(values), -1, dtype=np.int64)
    reference, value = (values[name].to_numpy(dtype=object) for name in ("reference", "value"))
    conformant = values["conformant"].to_numpy(dtype=bool)
    for place, change in enumerate(changes):
        found[conformant & (reference == change.reference) & (value == change.source)] = place
    return found


class _Share(NamedTuple):
    """A share of the wrong values, or of all: `hit` in `base`, sought among the patients of `among`."""

    metric: str
    term: str
    at: str
    among: Mask
    base: Mask
    hit: Mask


def _estimate(values: _Values, definition: Definition, protocol: Protocol) -> Iterator[pd.DataFrame]:
    level, least = float(protocol.level), protocol.min_stratum
    rates = _estimate_rates(values, level, least)
    yield rates
    yield derive_table(_derive_differences(values, rates, level))
    for share in _list_shares(values, definition.changes):
        yield _estimate_share(values, share, level, least)


def _list_shares(values: _Values, changes: list[DefinitionChange]) -> Iterator[_Share]:
    both, every = values.stated & values.used, np.ones(len(values.used), dtype=bool)
    departs = values.relation == RELATIONS.index("not_as_stated")
    yield _Share("definition_departure", "", "", both, both, departs)
    yield _Share("definition_share", "not_as_stated", "", both, both & values.wrong, departs)
    yield _Share("definition_share", "not_followed", "", values.used, values.used & values.wrong, values.outside)
    if not changes:
        return
    moved = values.change >= 0
    yield _Share("definition_share", "explained", "", every, values.wrong, moved)
    yield _Share("definition_share", "explained_not_followed", "", every, values.wrong, moved & values.outside)
    for place, change in enumerate(changes):
        at = f"{change.reference} > {change.source}"
        yield _Share("definition_change", "", at, every, values.wrong, values.change == place)


def _estimate_rates(values: _Values, level: float, least: int) -> pd.DataFrame:
    size = len(RELATIONS)
    mean = compute_clustered_mean(values.wrong.astype(np.int8), values.relation, values.patient, values.weight, size)
    identity = pd.DataFrame({"term": list(RELATIONS)}).assign(**values.identity)
    interval = compute_reporting_interval(mean, level)
    rows = derive_rate_rows(identity, "definition_wrong_rate", mean, interval, level=level, unit="patient")
    small = (mean.clusters > 0) & (mean.clusters < least)
    return derive_silent(rows, small, Status.SUPPRESSED, Reason.SMALL_STRATUM)


def _derive_differences(values: _Values, rates: pd.DataFrame, level: float) -> Iterator[dict[str, Any]]:
    """Yield the rate of every other relation minus that of `as_stated`."""
    base, *others = (row for _, row in rates.iterrows())
    for other in others:
        fields = values.identity | {"term": other["term"], "unit": "proportion", "level": level}
        lacking = next((rate for rate in (other, base) if rate["status"] != Status.OK), None)
        if lacking is None:
            yield build_difference("definition_wrong_difference", base, other, **fields)
        else:
            fields |= {"status": Status.NOT_ESTIMABLE, "reason": lacking["reason"]}
            yield build_row("definition_wrong_difference", **fields)


def _estimate_share(values: _Values, share: _Share, level: float, least: int) -> pd.DataFrame:
    """Return one share; suppressed where fewer patients than `least` are those among whom it is sought."""
    base, group = share.base, np.zeros(int(share.base.sum()), dtype=np.int64)
    mean = compute_clustered_mean(share.hit[base].astype(np.int8), group, values.patient[base], values.weight[base], 1)
    identity = pd.DataFrame([values.identity | {"term": share.term, "at": share.at}])
    interval = compute_acceptance_interval(mean, level)
    rows = derive_rate_rows(identity, share.metric, mean, interval, level=level, unit="patient")
    patients = len(np.unique(values.patient[share.among]))
    return derive_silent(rows, np.array([0 < patients < least]), Status.SUPPRESSED, Reason.SMALL_STRATUM)
