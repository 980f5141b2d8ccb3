"""Which values are wrong, and what the patient's outcome, exposure and strata are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from probatio.measures.cells import Codes, Mask, find_levels
from probatio.resampling import Floats

if TYPE_CHECKING:
    from probatio.comparison import Comparison
    from probatio.protocol import Analysis, Endpoint, EndpointRule, Protocol
    from probatio.records import Records

OUTCOME_LEVELS = ("no_event", "event")


class Factor(NamedTuple):
    """What error may depend on: `outcome`, `exposure` or `stratum`; per value a level's place, -1 unknown."""

    kind: str
    name: str
    levels: tuple[str, ...]
    codes: Codes


@dataclass(frozen=True)
class Flags:
    """The values of one source and variable (or of one analysis' groups of it) and which are wrong.

    Attributes:
        source: whose values.
        comparator: the reference.
        variable: its name.
        analysis: whose groups are compared; "" for the values themselves.
        error: per value.
        patient: per value, place of its patient.
        weight: per value, 1 / sampling probability.
        factors: what error is tested against.
    """

    source: str
    comparator: str
    variable: str
    analysis: str
    error: Mask
    patient: Codes
    weight: Floats
    factors: tuple[Factor, ...]

    @property
    def identity(self) -> dict[str, Any]:
        """The columns of a result row that name these values."""
        return {
            "source": self.source, "comparator": self.comparator, "variable": self.variable, "analysis": self.analysis,
        }  # fmt: skip

    def derive_by_patient(self) -> pd.Series:
        """Return per patient whether any of the values is wrong."""
        return pd.Series(self.error).groupby(self.patient).any()


def derive_flags(comparison: Comparison, records: Records, protocol: Protocol) -> Iterator[Flags]:
    """Yield the errors against the reference of each source and variable, then of each analysis' terms."""
    if protocol.reference is None or comparison.pairs.empty:
        return
    pairs = comparison.pairs[(comparison.pairs["kind"] == "error") & (comparison.pairs["outcome"] != "B")]
    pairs = pairs.assign(place=comparison.patients.sort_index().index.get_indexer(pd.Index(pairs["patient_id"])))
    patients = _derive_patient_factors(comparison, records, protocol)
    for (_, variable), values in pairs.groupby(["source", "variable"], sort=True):
        error = values["outcome"].to_numpy() != "C"
        levels = tuple(find_levels(protocol, str(variable)))
        exposure = _derive_exposure(values["reference"], levels, str(variable)) if levels else ()
        yield _build(values, error, (*exposure, *_derive_strata(values, patients)))
    for analysis in protocol.analyses:
        if analysis.comparator == protocol.reference.name:
            yield from _derive_groups(analysis, pairs, comparison.patients, patients)


def _build(values: pd.DataFrame, error: Mask, factors: tuple[Factor, ...], analysis: str = "") -> Flags:
    first = values.iloc[0]
    return Flags(
        source=str(first["source"]),
        comparator=str(first["comparator"]),
        variable=str(first["variable"]),
        analysis=analysis,
        error=np.asarray(error, dtype=bool),
        patient=values["place"].to_numpy(dtype=np.int64),
        weight=values["weight"].to_numpy(dtype=float),
        factors=factors,
    )


def _derive_exposure(reference: pd.Series, levels: tuple[str, ...], name: str) -> tuple[Factor, ...]:
    return (Factor("exposure", name, levels, _derive_codes(reference, levels)),)


def _derive_codes(texts: pd.Series, levels: tuple[str, ...]) -> Codes:
    codes = pd.Index(levels, dtype=object).get_indexer(pd.Index(texts, dtype=object))
    return codes.astype(np.int64)


def _derive_groups(
    analysis: Analysis, pairs: pd.DataFrame, members: pd.DataFrame, patients: dict[tuple[str, str], pd.Series]
) -> Iterator[Flags]:
    """Yield which patients of an analysis' population a source puts into another group than the reference does."""
    inside = _find_population(analysis, pairs, members)
    for term in analysis.terms:
        group = {level: name for name, levels in term.groups.items() for level in levels}
        mine = pairs[
            (pairs["variable"] == term.variable) & (pairs["visit"] == term.visit) & pairs["outcome"].isin(list("CW"))
        ]
        mine = mine[mine["patient_id"].isin(inside) & mine["conformant"].astype(bool)]
        true, given = mine["reference"].map(group), mine["value"].map(group)
        known = (true.notna() & given.notna()).to_numpy(dtype=bool)
        for source, values in mine[known].groupby("source", sort=True):
            if source not in analysis.sources:
                continue
            levels = tuple(term.groups)
            exposure = _derive_exposure(true[values.index], levels, term.variable)
            error = (true[values.index] != given[values.index]).to_numpy()
            factors = (*exposure, *_derive_strata(values, patients))
            yield _build(values, error, factors, analysis.name)


def _find_population(analysis: Analysis, pairs: pd.DataFrame, members: pd.DataFrame) -> pd.Index:
    """Return the patients of an analysis, by their attributes and the reference's values."""
    inside = pd.Series(True, index=members.index)
    for name, kept in analysis.population.items():
        if name in members.columns:
            inside &= members[name].astype(str).isin(kept)
        else:
            mine = pairs[(pairs["variable"] == name) & pairs["reference"].isin(kept)]
            inside &= members.index.isin(mine["patient_id"])
    return inside.index[inside]


def _derive_patient_factors(
    comparison: Comparison, records: Records, protocol: Protocol
) -> dict[tuple[str, str], pd.Series]:
    """Return, by (kind, name), the level of every patient; missing where it is not known."""
    factors: dict[tuple[str, str], pd.Series] = {}
    for endpoint in protocol.endpoints:
        factors["outcome", endpoint.name] = _derive_event(endpoint, comparison.patients, records, protocol)
    for name in protocol.stratify_by:
        texts = comparison.patients[name].astype(object)
        factors["stratum", name] = texts.where(texts.notna() & (texts != ""))
    return factors


def _derive_event(endpoint: Endpoint, members: pd.DataFrame, records: Records, protocol: Protocol) -> pd.Series:
    """Return who had the endpoint's event, from attributes or from the reference's (or the named source's) values.

    From dates: any of them delivered means the event, where its rule counts. From an indicator: a declared value.
    """
    source = endpoint.source or (protocol.reference.name if protocol.reference else "")
    if endpoint.event:
        told = _select_told(endpoint.event, source, members, records)
        known = members.index.isin(told["patient_id"])
        happened = members.index.isin(told.loc[told["value"].isin(endpoint.event_values), "patient_id"])
    else:
        known = np.ones(len(members), dtype=bool)
        happened = np.zeros(len(members), dtype=bool)
        for rule in endpoint.events:
            happened |= members.index.isin(_select_dated(rule, source, members, records)["patient_id"])
    levels = pd.Series(happened, index=members.index).map({False: OUTCOME_LEVELS[0], True: OUTCOME_LEVELS[1]})
    return levels.astype(object).where(known)


def _select_dated(rule: EndpointRule, source: str, members: pd.DataFrame, records: Records) -> pd.DataFrame:
    """Return the dates of a rule whose conditions hold: of the patient, or of the same event."""
    dated = _select_told(rule.date, source, members, records)
    for asked, expected in ((rule.where, True), (rule.unless, False)):
        for name, levels in asked.items():
            told = _select_told(name, source, members, records)
            held = [not {text, *text.split("|")}.isdisjoint(levels) for text in told["value"]]
            on = ["patient_id", "event"] if "." in name else ["patient_id"]
            found = pd.MultiIndex.from_frame(dated[on]).isin(pd.MultiIndex.from_frame(told.loc[held, on]))
            dated = dated[found == expected]
    return dated


def _select_told(name: str, source: str, members: pd.DataFrame, records: Records) -> pd.DataFrame:
    """Return `patient_id, event, value` of an attribute of the patients, or of what one source delivered."""
    if name in members.columns:
        texts = members[name].fillna("").astype(str)
        texts = texts[texts != ""]
        return pd.DataFrame({"patient_id": texts.index, "event": "", "value": texts.to_numpy()})
    table = records.records
    mine = table[(table["source"] == source) & (table["variable"] == name) & (table["state"] == "value")]
    mine = mine[mine["conformant"].astype(bool) & mine["value"].ne("")]
    told: pd.DataFrame = mine[["patient_id", "event", "value"]]
    return told.drop_duplicates(["patient_id", "event"])


def _derive_strata(values: pd.DataFrame, patients: dict[tuple[str, str], pd.Series]) -> tuple[Factor, ...]:
    factors = []
    for (kind, name), column in patients.items():
        texts = column.reindex(values["patient_id"])
        levels = OUTCOME_LEVELS if kind == "outcome" else tuple(sorted({str(text) for text in texts.dropna()}))
        factors.append(Factor(kind, name, levels, _derive_codes(texts.astype(object), levels)))
    return tuple(factors)
