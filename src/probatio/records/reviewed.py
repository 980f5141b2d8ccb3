"""A source after review: the values of the one it comes from, with the reviewers' decisions applied.

| readings of a case | what stands | resolution |
|---|---|---|
| one | it | single |
| two that give the same value, or both none | it | agreed |
| two that differ, and a third person's | the third person's | adjudicated |
| two that differ | the source's own value | unresolved |

What was not reviewed stands as the source delivered it. `confirmed` keeps the source's value, `chosen` and `corrected`
set another one, read like any cell of a file; `absent` takes it away, `unreadable` makes the cell a failed one. A
decision about a whole line of repeated events is about all its attributes (`event_text`). A value that a person
decided on has no confidence any more, and is available from the day of the decision.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from probatio.protocol import Protocol, Source
from probatio.records.decisions import CASE
from probatio.records.event_text import parse_line_text
from probatio.records.resolving import derive_readings, is_whole
from probatio.records.tables import READING_COLUMNS, Ledger

EXTRACTOR: Final = "review"
_KEY = ["patient_id", "full_variable", "visit", "event"]


class ReviewedTables(NamedTuple):
    """The values of a source after review, in the columns of what it comes from, and its decisions for `Records`."""

    records: pd.DataFrame
    decisions: pd.DataFrame


def derive_reviewed(
    protocol: Protocol,
    source: Source,
    told: pd.DataFrame,
    asked: pd.DataFrame,
    *,
    decisions: pd.DataFrame,
    ledger: Ledger,
) -> ReviewedTables:
    """Return the values of a source after review; values and decisions are counted in the flow.

    Args:
        protocol: variables.
        source: with `reviewed`.
        told: what the source that it comes from delivered, one row per cell.
        asked: the cells which that source was to fill.
        decisions: of `read_decisions`.
        ledger: counts values, and lists decisions about cells that the source was never asked for.

    Raises:
        UserError: a value that cannot be read, or one that is confirmed and no longer the source's.
    """
    decisions = _select_known(source, told, asked, decisions, ledger)
    readings = derive_readings(protocol, source, told, decisions)
    values = _apply(protocol, source, told, readings[readings["stands"]])
    _count(source, values, asked, readings, ledger)
    listed = readings.assign(source=source.name)[list(READING_COLUMNS)]
    return ReviewedTables(values, listed.sort_values([*CASE, "role"], kind="stable", ignore_index=True))


def _select_known(
    source: Source, told: pd.DataFrame, asked: pd.DataFrame, decisions: pd.DataFrame, ledger: Ledger
) -> pd.DataFrame:
    """Set aside decisions about cells that were not asked for, and about lines of events that were not delivered."""
    cells = {*asked[["patient_id", "variable", "visit"]].itertuples(index=False, name=None)}
    delivered = told[told["attribute"] != ""]
    lines = {*delivered[["patient_id", "variable", "visit", "event"]].itertuples(index=False, name=None)}
    known = [
        (patient, name.partition(".")[0], visit, event) in lines if event else (patient, name, visit) in cells
        for patient, name, visit, event in decisions[CASE].itertuples(index=False, name=None)
    ]
    mask = np.array(known, dtype=bool)
    ledger.count("kept", int(mask.sum()), source=source.name, unit="decisions")
    ledger.reject(decisions[~mask], "unknown_cell", source=source.name, variables={"": 1}, unit="decisions")
    return decisions[mask].reset_index(drop=True)


def _apply(protocol: Protocol, source: Source, told: pd.DataFrame, standing: pd.DataFrame) -> pd.DataFrame:
    """Return the values with every standing decision applied."""
    values = told.assign(source=source.name)
    values["place"] = list(values[_KEY].itertuples(index=False, name=None))
    dated = {tuple(key): text[:10] for *key, text in standing[[*CASE, "decided_at"]].itertuples(index=False, name=None)}
    kept = standing[~standing["changed"]]
    touched = values["place"].isin({*kept[CASE].itertuples(index=False, name=None)})
    values.loc[touched, "extracted_at"] = values.loc[touched, "place"].map(dated)
    of_line = _find_lines(values, kept)
    owners = pd.Series([*values[CASE].itertuples(index=False, name=None)], index=values.index, dtype=object)
    values.loc[of_line, "extracted_at"] = owners[of_line].map(dated)
    values.loc[touched | of_line, "confidence"] = np.nan
    changed = standing[standing["changed"] | (standing["state"] == "failed")]
    gone = values["place"].isin({*changed[CASE].itertuples(index=False, name=None)}) | _find_lines(values, changed)
    new = _derive_attributes(changed[changed["state"].isin(["value", "negative", "failed"])])
    parts = [values[~gone].drop(columns="place"), _derive_new(protocol, source, new, told)]
    return pd.concat([part for part in parts if len(part)]).sort_values(_KEY, kind="stable", ignore_index=True)


def _find_lines(values: pd.DataFrame, decided: pd.DataFrame) -> pd.Series:
    """Flag the attributes of lines of events that were decided on as a whole."""
    lines = {tuple(row[name] for name in CASE) for row in decided.to_dict("records") if is_whole(row)}
    keys = values[CASE].itertuples(index=False, name=None)
    return pd.Series([key in lines for key in keys], index=values.index, dtype=bool)


def _derive_attributes(changed: pd.DataFrame) -> pd.DataFrame:
    """Return decisions with one row per attribute in the place of a whole line; an unreadable line has none."""
    rows: list[dict[Any, Any]] = []
    for row in changed.to_dict("records"):
        if not is_whole(row):
            rows.append(row)
        elif row["state"] == "value":
            parts = parse_line_text(row["after"]) or {}
            rows += [row | {"variable": f"{row['variable']}.{name}", "value": text, "after": text}
                     for name, text in parts.items()]  # fmt: skip
    return pd.DataFrame(rows, columns=changed.columns)


def _derive_new(protocol: Protocol, source: Source, new: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of values that people set, in the columns of the others; they cite no document."""
    parted = [name.partition(".") for name in new["variable"]]
    rows = pd.DataFrame(dict.fromkeys(told.columns, ""), index=new.index).astype(object)
    for name in ("file", "line", "patient_id", "visit", "event", "state", "conformant"):
        rows[name] = new[name]
    units = {full: _get_unit(protocol, full) for full in set(new["variable"])}
    return rows.assign(
        source=source.name, variable=[base for base, _, _ in parted], attribute=[name for _, _, name in parted],
        full_variable=new["variable"], raw=new["value"], value=new["after"],
        unit=np.where(new["state"] == "value", new["variable"].map(units), ""), confidence=np.nan,
        start=pd.array([pd.NA] * len(new), dtype="Int64"), end=pd.array([pd.NA] * len(new), dtype="Int64"),
        extractor=EXTRACTOR, extracted_at=new["decided_at"].str[:10], recoded=new["value"] != new["after"],
    )  # fmt: skip


def _get_unit(protocol: Protocol, name: str) -> str:
    base, _, attribute = name.partition(".")
    variable = protocol.get_variable(base)
    return variable.attributes[attribute].unit if attribute else variable.unit


def _count(source: Source, values: pd.DataFrame, asked: pd.DataFrame, readings: pd.DataFrame, ledger: Ledger) -> None:
    """Count cells and values per variable; and cases: reviewed, changed and unresolved.

    What the source said is not documented was counted when it was read, and is not counted again.
    """
    readings = readings.assign(full=readings["variable"], variable=[n.partition(".")[0] for n in readings["variable"]])
    cases = readings.drop_duplicates(["full", *CASE])
    standing = readings[readings["stands"] & readings["changed"]]
    state = values["state"]
    failed, delivered = values[state == "failed"], values[state.isin(["value", "negative"])]
    steps = {
        "read": pd.concat([failed, delivered]), "failed": failed, "delivered": delivered,
        "recoded": values[values["recoded"].astype(bool)], "non_conformant": values[~values["conformant"].astype(bool)],
        "assessed": asked, "reviewed": cases, "changed": standing,
        "unresolved": cases[cases["resolution"] == "unresolved"],
    }  # fmt: skip
    for name in dict.fromkeys([*asked["variable"], *values["variable"]]):
        for step, rows in steps.items():
            ledger.count(step, int((rows["variable"] == name).sum()), source=source.name, variable=str(name))
