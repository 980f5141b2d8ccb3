"""The discordant values side by side: the first thing a researcher opens. Confidential."""

from __future__ import annotations

import pandas as pd

from probatio.comparison import Comparison, list_sides
from probatio.protocol import Protocol
from probatio.records import Records

CELL = ["patient_id", "centre", "variable", "visit", "event"]
"""What identifies a row of the side-by-side table."""
FIELDS = ("value", "outcome", "confidence", "document_id", "snippet")
"""What each source has in it, in columns named `source:field`."""
_DISCORDANT = ("W", "O", "U")
_DOCUMENTED = ("C", "W", "O")
_PLACE = ["patient_id", "source", "visit", "variable", "value"]
_SPURIOUS = "+"


def list_compared(protocol: Protocol) -> tuple[str, list[str]]:
    """Return the source in the first column (the reference, else the primary reading), and the others."""
    chosen = [side for side in list_sides(protocol) if side.kind == "error" or protocol.reference is None]
    first = chosen[0].comparator if chosen else ""
    return first, [side.source for side in chosen if side.comparator == first]


def derive_discordances(records: Records, comparison: Comparison, protocol: Protocol) -> pd.DataFrame:
    """Return one row per cell in which a source is wrong, omits, or has a value without support.

    Without a reference, a row per cell in which readings differ. An event that only one source has
    takes a row of its own, since sources number their events apart.

    Args:
        records: the study's tables, for document and snippet of each value.
        comparison: the pairs of the same study.
        protocol: the study.

    Returns:
        `patient_id, centre, variable, visit, event, reference, documented` (the reference has a value),
        `wrong` (discordant sources), then for each source `source:field` for every one of `FIELDS`;
        an outcome is "" where the source was not compared. Sorted by patient, then as in the protocol.
    """
    first, sources = list_compared(protocol)
    pairs = comparison.pairs
    pairs = pairs[(pairs["comparator"] == first) & pairs["source"].isin(sources)]
    # What one source made up stands alone: another's "+1" is another event.
    pairs = pairs.assign(
        alone=pairs["source"].where(pairs["event"].str.startswith(_SPURIOUS), ""),
        documented=pairs["outcome"].isin(_DOCUMENTED),
        wrong=pairs["outcome"].isin(_DISCORDANT).astype(int),
    )
    cells = pairs.groupby([*CELL, "alone"])
    table = cells.agg(reference=("reference", "first"), documented=("documented", "any"), wrong=("wrong", "sum"))
    table = table[table["wrong"] > 0]
    found = _find_records(pairs, records.records, protocol).set_index([*CELL, "alone"])
    for source in sources:
        own = found[found["source"] == source].reindex(table.index)
        for field in FIELDS:
            table[f"{source}:{field}"] = own[field] if field == "confidence" else own[field].fillna("")
    return _sort(table.reset_index().drop(columns="alone"), protocol)


def _find_records(pairs: pd.DataFrame, records: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Add document and snippet of each value: that of the record with the same value in the same place.

    Pairs name a matched event as the reference does, records as their source does. Where several
    events of a patient share a value but not the snippet, none is shown rather than a wrong one.
    """
    events = {v.name: f"{v.name}.{(v.match.on or [v.match.date])[0]}" for v in protocol.variables if v.match}
    named = pairs["variable"].isin(list(events))
    looked_up = pairs.assign(
        shown=pairs["value"],
        named=pairs["variable"],
        variable=pairs["variable"].replace(events),
        value=pairs["value"].where(~named, pairs["value"].str.partition("|")[0]),
    )
    found = looked_up.merge(_derive_common(records), on=_PLACE, how="left")
    return found.assign(variable=found["named"], value=found["shown"])


def _derive_common(records: pd.DataFrame) -> pd.DataFrame:
    """Return document and snippet of each value, empty where records with the value differ."""
    groups = records.groupby(_PLACE, sort=False)[["document_id", "snippet"]]
    return groups.first().where(groups.nunique().eq(1), "").reset_index()


def _sort(table: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    order = {variable.name: place for place, variable in enumerate(protocol.variables)}
    visits = {
        (variable.name, visit): place for variable in protocol.variables for place, visit in enumerate(variable.visits)
    }
    ranks = table[["patient_id", "event"]].assign(
        attribute=table["variable"],
        variable=table["variable"].str.partition(".")[0].map(order) if len(table) else 0,
        visit=[visits.get(cell, 0) for cell in zip(table["variable"], table["visit"], strict=True)],
        length=table["event"].str.len(),  # so that event 10 follows event 9
        spurious=table["event"].str.startswith(_SPURIOUS),
    )
    by = ["patient_id", "variable", "visit", "spurious", "length", "event", "attribute"]
    return table.loc[ranks.sort_values(by, kind="stable").index].reset_index(drop=True)
