"""A source after review: the values of the one it comes from, with the reviewers' decisions applied.

| readings of a case | what stands | resolution |
|---|---|---|
| one | it | single |
| two that give the same value, or both none | it | agreed |
| two that differ, and a third person's | the third person's | adjudicated |
| two that differ | the source's own value | unresolved |

What was not reviewed stands as the source delivered it. `confirmed` keeps the source's value, `chosen` and `corrected`
set another one, read like any cell of a file; `absent` takes it away, `unreadable` makes the cell a failed one. A line
of repeated events that is absent or unreadable leaves with all its attributes. A value that a person decided on has no
confidence any more, and is available from the day of the decision.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from probatio.protocol import Protocol, Recode, Source, TableFile, UserError
from probatio.records.canonical import Canonical, ValueRule, derive_canonical
from probatio.records.decisions import CASE
from probatio.records.sheets import Sheet
from probatio.records.tables import READING_COLUMNS, Ledger

EXTRACTOR: Final = "review"
_KEY = ["patient_id", "full_variable", "visit", "event"]
_LINE: Final = Canonical("value", "*")
_NOTHING: Final = Canonical("not_documented")
_FAILED: Final = Canonical("failed")


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
        UserError: a value that cannot be read, one that is confirmed and no longer the source's, or one given for
            a whole line of events.
    """
    decisions = _select_known(source, told, asked, decisions, ledger)
    readings = _derive_resolutions(_derive_readings(protocol, source, told, decisions))
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


def _derive_readings(protocol: Protocol, source: Source, told: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """Return decisions with what the source delivered (`before`), and what each reader made of it (`after`)."""
    said = told[["state", "value", "conformant"]].itertuples(index=False, name=None)
    keys = told[_KEY].itertuples(index=False, name=None)
    own = dict(zip(keys, (Canonical(state, value, bool(good)) for state, value, good in said), strict=True))

    @cache
    def find_rule(name: str) -> ValueRule:
        return _derive_rule(protocol, source, name)

    before, after = [], []
    for row in decisions.to_dict("records"):
        whole = row["event"] != "" and "." not in row["variable"]
        mine = _LINE if whole else own.get(tuple(row[name] for name in CASE), _NOTHING)
        before.append(mine)
        after.append(_derive_after(row, mine, None if whole else find_rule(row["variable"])))
    differs = [_get_said(one) != _get_said(two) for one, two in zip(before, after, strict=True)]
    return decisions.assign(
        before=pd.Series([each.value for each in before], dtype=object),
        after=pd.Series([each.value for each in after], dtype=object),
        state=pd.Series([each.state for each in after], dtype=object),
        conformant=pd.Series([each.conformant for each in after], dtype=bool),
        changed=pd.Series(differs, dtype=bool),
    )


def _get_said(said: Canonical) -> tuple[str, str]:
    """Return what is delivered: nothing, whether absent or failed, an explicit none, or a text."""
    return ("", "") if said.state not in ("value", "negative") else (said.state, said.value)


def _derive_rule(protocol: Protocol, source: Source, name: str) -> ValueRule:
    base, _, attribute = name.partition(".")
    table = Sheet(TableFile(path=source.reviewed.path if source.reviewed else name), {})
    return ValueRule.from_protocol(protocol.get_variable(base), attribute, source.name, table)


def _derive_after(row: Mapping[Hashable, Any], mine: Canonical, rule: ValueRule | None) -> Canonical:
    """Return what one reading makes of a cell."""
    where = f"{row['file']}:{row['line']}"
    if row["decision"] == "absent":
        return _NOTHING
    if row["decision"] == "unreadable":
        return _FAILED
    if rule is None and row["value"]:
        raise UserError(f"{where}: a line of {row['variable']} takes no value; decide on its attributes one by one.")
    if row["decision"] == "confirmed" and (rule is None or not row["value"]):
        return mine
    given = _read_value(row["value"], rule, where) if rule else mine
    if row["decision"] == "confirmed" and _get_said(given) != _get_said(mine):
        raise UserError(
            f"{where}: the value of {row['variable']} that is confirmed is not the one that the source delivers; the "
            f"source has changed since: review the case again, or drop the line."
        )
    return given


def _read_value(text: str, rule: ValueRule, where: str) -> Canonical:
    """Read a typed value; one that conforms as it stands is canonical already, and is not recoded."""
    try:
        plain = derive_canonical(text, replace(rule, recode=Recode()))
        given = plain if plain.conformant else derive_canonical(text, rule)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    if given.state == "ambiguous":
        raise UserError(f"{where}: the order of day and month of a date is not declared; write it as 2025-03-31.")
    if given.state not in ("value", "negative"):
        raise UserError(f"{where}: the value given means that there is none; write the decision absent instead.")
    return given


def _derive_resolutions(readings: pd.DataFrame) -> pd.DataFrame:
    """Return readings with the `resolution` of their case, and whether theirs is what `stands`."""
    if readings.empty:
        return readings.assign(resolution="", stands=pd.Series(dtype=bool))
    said = [("", "") if state not in ("value", "negative") else (state, text)
            for state, text in zip(readings["state"], readings["after"], strict=True)]  # fmt: skip
    codes = pd.factorize(pd.Series(said, index=readings.index, dtype=object))[0]
    cases = readings.assign(
        said=np.where(readings["role"] == "adjudicator", -1, codes), third=readings["role"] == "adjudicator"
    ).groupby(CASE, sort=False)
    size, third = cases["role"].transform("size"), cases["third"].transform("any")
    kinds = cases["said"].transform(lambda codes: len({*codes} - {-1}))
    resolution = np.select([third, size == 1, kinds == 1], ["adjudicated", "single", "agreed"], "unresolved")
    first = (readings["role"] == "first") & (resolution != "unresolved")
    stands = np.where(third, readings["role"] == "adjudicator", first)
    return readings.assign(resolution=resolution, stands=stands.astype(bool))


def _apply(protocol: Protocol, source: Source, told: pd.DataFrame, standing: pd.DataFrame) -> pd.DataFrame:
    """Return the values with every standing decision applied."""
    values = told.assign(source=source.name)
    values["place"] = list(values[_KEY].itertuples(index=False, name=None))
    dated = {tuple(key): text[:10] for *key, text in standing[[*CASE, "decided_at"]].itertuples(index=False, name=None)}
    kept = standing[~standing["changed"]]
    touched = values["place"].isin({*kept[CASE].itertuples(index=False, name=None)})
    values.loc[touched, "confidence"] = np.nan
    values.loc[touched, "extracted_at"] = values.loc[touched, "place"].map(dated)
    changed = standing[standing["changed"] | (standing["state"] == "failed")]
    gone = values["place"].isin({*changed[CASE].itertuples(index=False, name=None)})
    gone |= _find_lines(values, changed)
    whole = (changed["event"] != "") & ~changed["variable"].str.contains(".", regex=False)
    new = changed[~whole & changed["state"].isin(["value", "negative", "failed"])]
    parts = [values[~gone].drop(columns="place"), _derive_new(protocol, source, new, told)]
    return pd.concat([part for part in parts if len(part)]).sort_values(_KEY, kind="stable", ignore_index=True)


def _find_lines(values: pd.DataFrame, changed: pd.DataFrame) -> pd.Series:
    """Flag the attributes of lines of events that are absent or unreadable as a whole."""
    whole = changed[(changed["event"] != "") & ~changed["variable"].str.contains(".", regex=False)]
    lines = {*whole[CASE].itertuples(index=False, name=None)}
    keys = values[CASE].itertuples(index=False, name=None)
    return pd.Series([key in lines for key in keys], index=values.index, dtype=bool)


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
    """Count cells and values per variable; and cases: reviewed, changed and unresolved."""
    readings = readings.assign(full=readings["variable"], variable=[n.partition(".")[0] for n in readings["variable"]])
    cases = readings.drop_duplicates(["full", *CASE])
    standing = readings[readings["stands"] & readings["changed"]]
    state = values["state"]
    delivered = values[state.isin(["value", "negative"])]
    steps = {
        "read": values, "not_assessed": values[:0], "not_documented": values[state == "not_documented"],
        "failed": values[state == "failed"], "delivered": delivered, "recoded": values[values["recoded"].astype(bool)],
        "non_conformant": values[~values["conformant"].astype(bool)], "assessed": asked, "reviewed": cases,
        "changed": standing, "unresolved": cases[cases["resolution"] == "unresolved"],
    }  # fmt: skip
    for name in dict.fromkeys([*asked["variable"], *values["variable"]]):
        for step, rows in steps.items():
            ledger.count(step, int((rows["variable"] == name).sum()), source=source.name, variable=str(name))
