"""What the other technologies and further runs say of a value: the share of them that agree with it.

Asked and silent is an answer: of a delivered value it is a disagreement, of a missing one an agreement. An
extraction that failed, a cell not asked and a value that does not conform are no answer. Values agree as they
would if the other's were the reference (`comparison.judging`): within the tolerance, at its precision. A line of
repeated events agrees when one of the other's lines is matched with it one to one, attributes aside.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from probatio.comparison import derive_events, derive_single_pairs, match_events
from probatio.protocol import Protocol, Source, Variable
from probatio.records import Records

CELL = ["variable", "visit", "patient_id"]
KEY = [*CELL, "event"]


def list_scored(protocol: Protocol) -> list[Source]:
    """Return the sources whose values are scored: technologies that lead, as they delivered, before any review."""
    return protocol.technologies


def list_others(protocol: Protocol, name: str) -> list[Source]:
    """Return whom a source is compared with: all other technologies and runs that no human reviewed."""
    others = protocol.select_sources("ai", runs=True)
    return [source for source in others if source.name != name and source.reviewed is None]


def derive_agreement(records: Records, protocol: Protocol, name: str) -> pd.Series:
    """Return the share of the others that agree, by `variable, visit, patient_id, event`; absent: nobody answered.

    Args:
        records: the study's tables.
        protocol: the study.
        name: a source; its own labels name the lines of repeated events.
    """
    told = [_derive_answers(records, protocol, name, other.name) for other in list_others(protocol, name)]
    if not told:
        return pd.Series(dtype=float, index=pd.MultiIndex.from_arrays([[], [], [], []], names=KEY))
    return pd.concat(told).groupby(KEY)["agrees"].mean()


def derive_matched(
    cells: pd.DataFrame, source: pd.DataFrame, other: pd.DataFrame, variable: Variable
) -> Iterator[tuple[str, str, str, bool]]:
    """Yield visit, patient, label of each of a source's lines, and whether the other has a line matched with it.

    Cells in which a line of the other does not conform in what lines are matched on are passed over: nothing can
    be said of the source's lines.

    Args:
        cells: `visit, patient_id` asked of both.
        source: the source's records.
        other: the other's records, perhaps the reference's.
        variable: a variable of repeated events.
    """
    ours, theirs = derive_events(source, variable), derive_events(other, variable)
    matching = variable.match
    for visit, patient_id in cells[["visit", "patient_id"]].itertuples(index=False, name=None):
        delivered, known = ours.get((visit, patient_id), []), theirs.get((visit, patient_id), [])
        if matching is None or any(event.wrong & {*matching.on} for event in known):
            continue
        met = {place for _, place in match_events(known, delivered, matching)}
        for place, event in enumerate(delivered):
            yield visit, patient_id, event.label, place in met


def _derive_answers(records: Records, protocol: Protocol, name: str, other: str) -> pd.DataFrame:
    """Return `variable, visit, patient_id, event, agrees` of one other source."""
    variables = {variable.name: variable for variable in protocol.variables}
    cells = records.assessments.loc[records.assessments["source"] == name, CELL].merge(_find_answered(records, other))
    own, theirs = (records.records[records.records["source"] == source] for source in (name, other))
    plain = [variable.name for variable in protocol.variables if variable.type != "events"]
    judged, _ = derive_single_pairs(cells[cells["variable"].isin(plain)], own, theirs, variables)
    parts = [judged.assign(event="", agrees=judged["outcome"].isin(["C", "B"]).astype(float))[[*KEY, "agrees"]]]
    for variable in (each for each in protocol.variables if each.type == "events"):
        lines = derive_matched(cells[cells["variable"] == variable.name], own, theirs, variable)
        told = pd.DataFrame(lines, columns=["visit", "patient_id", "event", "agrees"])
        parts.append(told.assign(variable=variable.name, agrees=told["agrees"].astype(float)))
    return pd.concat([part for part in parts if len(part)] or parts[:1])


def _find_answered(records: Records, other: str) -> pd.DataFrame:
    """Return the cells that the other was asked and in which its extraction did not fail."""
    asked = records.assessments.loc[records.assessments["source"] == other, CELL]
    failed = records.records.loc[(records.records["source"] == other) & (records.records["state"] == "failed"), CELL]
    failed = failed.assign(variable=failed["variable"].str.split(".").str[0]).drop_duplicates()
    marked = asked.merge(failed, on=CELL, how="left", indicator=True)
    return marked.loc[marked["_merge"] == "left_only", CELL]
