"""From cells of text to values: state, canonical value, conformity; doubles within a source."""

from __future__ import annotations

import unicodedata

import numpy as np
import pandas as pd

from probatio.protocol import UserError
from probatio.records.canonical import Canonical, ValueRule, derive_canonical, derive_number
from probatio.records.cells import FileReading
from probatio.records.tables import Ledger

_STATES = {name: name for name in ("value", "negative", "not_documented", "not_assessed", "failed")} | {"": "value"}
_DELIVERED = ("value", "negative")
_KEY = ["patient_id", "full_variable", "visit", "event"]


def derive_values(cells: pd.DataFrame, reading: FileReading) -> pd.DataFrame:
    """Return the cells of one file with `state, value, conformant, recoded`, and typed confidence and span.

    A value stated in another unit than the variable's does not conform: nothing is converted silently.

    Raises:
        UserError: dates without a declared order; a state, confidence or position that cannot be read.
    """
    if cells.empty:
        empty = dict.fromkeys(("source", "stated", "value", "full_variable"), "")
        return cells.assign(**empty, conformant=True, recoded=False).astype({"raw": object})
    groups = cells.groupby(["variable", "attribute"], sort=False)
    values = pd.concat([_derive_group(group, str(v), str(a), reading) for (v, a), group in groups]).sort_index()
    _check_dates(values, reading)
    values = _derive_states(values, reading)
    values["source"] = reading.source.name
    values["extractor"] = values["extractor"].mask(values["extractor"] == "", reading.source.version or "")
    values["confidence"] = _parse_confidence(values, reading)
    for name in ("start", "end"):
        values[name] = _parse_position(values, name, reading)
    return values


def select_delivered(values: pd.DataFrame, source: str, ledger: Ledger) -> pd.DataFrame:
    """Return one row per cell that says something, and count every cell by what it says.

    The same value twice is set aside (`duplicate_value`), and so is a "none" beside events
    (`negative_with_events`). Codes for missing are kept when the cell has nothing better.

    Raises:
        UserError: one cell has two different values.
    """
    delivered = values[values["state"].isin([*_DELIVERED, "failed"])]
    later = delivered.duplicated(_KEY)
    _check_conflicts(delivered, later, source)
    delivered = _reject(delivered, later, "duplicate_value", source, ledger)
    with_events = delivered.loc[delivered["attribute"] != "", ["patient_id", "variable", "visit"]]
    contradicted = (delivered["state"] == "negative") & _find_members(delivered, with_events)
    delivered = _reject(delivered, contradicted, "negative_with_events", source, ledger)
    absent = values[values["state"] == "not_documented"]
    for step, rows in (
        ("not_assessed", values[values["state"] == "not_assessed"]),
        ("not_documented", absent),
        ("failed", delivered[delivered["state"] == "failed"]),
        ("delivered", delivered[delivered["state"].isin(_DELIVERED)]),
        ("recoded", delivered[delivered["recoded"]]),
        ("non_conformant", delivered[~delivered["conformant"]]),
    ):
        for variable in dict.fromkeys(values["variable"]):
            ledger.count(step, int((rows["variable"] == variable).sum()), source=source, variable=str(variable))
    coded = absent[(absent["raw"].map(str.strip) != "") | (absent["event"] != "")].drop_duplicates(_KEY)
    coded = coded[~_find_members(coded, delivered[_KEY])]
    return pd.concat([delivered, coded]).sort_values(_KEY, kind="stable", ignore_index=True)


def _derive_group(group: pd.DataFrame, variable: str, attribute: str, reading: FileReading) -> pd.DataFrame:
    rule = ValueRule.from_protocol(
        reading.protocol.get_variable(variable), attribute, reading.source.name, reading.sheet
    )
    full = f"{variable}.{attribute}" if attribute else variable
    try:
        known = {raw: derive_canonical(raw, rule) for raw in group["raw"].unique()}
    except UserError as error:
        raise UserError(f"variables: {full}: {error}") from None
    answers: list[Canonical] = [known[raw] for raw in group["raw"]]
    columns = zip(Canonical._fields, zip(*answers, strict=True), strict=True)
    group = group.rename(columns={"state": "stated"}).assign(full_variable=full, **{n: list(c) for n, c in columns})
    declared = reading.protocol.get_variable(variable)
    unit = declared.attributes[attribute].unit if attribute else declared.unit
    return _derive_units(group, unit)


def _derive_units(group: pd.DataFrame, unit: str) -> pd.DataFrame:
    if not unit:
        return group
    other = [text != "" and _derive_same_unit(text) != _derive_same_unit(unit) for text in group["unit"]]
    wrong = pd.Series(other, index=group.index) & (group["state"] == "value")
    group["conformant"] &= ~wrong
    group["value"] = group["value"].mask(wrong, group["raw"])
    group["unit"] = group["unit"].mask(group["unit"] == "", unit)
    return group


def _derive_same_unit(text: str) -> str:
    """Return a unit's text with the two Unicode signs for micro made one, case and blanks aside."""
    return unicodedata.normalize("NFKC", text).casefold().replace(" ", "")


def _check_dates(values: pd.DataFrame, reading: FileReading) -> None:
    wrong = values[(values["state"] == "ambiguous") & values["stated"].isin(["", "value"])]
    if not wrong.empty:
        first = wrong.iloc[0]
        n = int((wrong["column"] == first["column"]).sum())
        raise UserError(
            f"{first['file']}:{first['line']}: column {first['column']} ({first['full_variable']}): {n} dates from "
            f"this line on have day and month in an undeclared order; add date_order: DMY (or MDY) to the file in "
            f"the protocol."
        )


def _derive_states(values: pd.DataFrame, reading: FileReading) -> pd.DataFrame:
    """Let the stated state overrule what the text says; a state without value is none."""
    spelled = values["stated"].str.casefold().str.replace(r"[\s-]+", "_", regex=True)
    if strange := sorted(set(spelled) - set(_STATES)):
        wrong = values[spelled.isin(strange)]
        raise UserError(
            f"{wrong['file'].iloc[0]}:{wrong['line'].iloc[0]}: column {reading.file.long.state}: {len(wrong)} cells "
            f"are no state; write {', '.join(name for name in _STATES if name)}."
        )
    overruled = ~spelled.isin(["", "value"])
    values["state"] = values["state"].mask(overruled, spelled)
    values["value"] = values["value"].mask(overruled, "")
    values["conformant"] |= overruled
    values["recoded"] &= ~overruled
    return values


def _parse_confidence(values: pd.DataFrame, reading: FileReading) -> pd.Series:
    texts = values["confidence"].str.strip()
    known = {text: derive_number(text, reading.sheet.decimal_marks) for text in texts.unique() if text}
    wrong = {text for text, number in known.items() if number is None or not 0 <= number <= 1}
    if wrong:
        hit = values[texts.isin(wrong)]
        raise UserError(
            f"{hit['file'].iloc[0]}:{hit['line'].iloc[0]}: {len(hit)} confidences are no number between 0 and 1; "
            f"divide percentages by 100, or drop the confidence from the protocol."
        )
    return texts.map({**known, "": np.nan}).astype(float)


def _parse_position(values: pd.DataFrame, name: str, reading: FileReading) -> pd.Series:
    texts = values[name].str.strip()
    wrong = values[(texts != "") & ~texts.str.fullmatch(r"[0-9]{1,9}")]
    if not wrong.empty:
        raise UserError(
            f"{wrong['file'].iloc[0]}:{wrong['line'].iloc[0]}: column {getattr(reading.file.long, name)}: {len(wrong)} "
            f"cells are no position in a text; give a whole number of characters, from 0."
        )
    return texts.map(lambda text: int(text) if text else pd.NA).astype("Int64")


def _check_conflicts(delivered: pd.DataFrame, later: pd.Series, source: str) -> None:
    if not later.any():
        return
    said = delivered["state"] + "\n" + delivered["value"]
    first = delivered.assign(said=said).groupby(_KEY)[["said", "file", "line"]].transform("first")
    differ = said != first["said"]
    if differ.any():
        at = differ.idxmax()
        raise UserError(
            f"{delivered['file'][at]}:{delivered['line'][at]}: source {source} has another value of "
            f"{delivered['full_variable'][at]} for the same patient at {first['file'][at]}:{first['line'][at]} "
            f"({int(differ.sum())} such values); keep one, or declare visits or documents: keep: first."
        )


def _reject(rows: pd.DataFrame, mask: pd.Series, rule: str, source: str, ledger: Ledger) -> pd.DataFrame:
    for variable, group in rows[mask].groupby("variable"):
        ledger.reject(group, rule, source=source, variables={str(variable): 1})
    return rows[~mask]


def _find_members(rows: pd.DataFrame, others: pd.DataFrame) -> pd.Series:
    """Flag the rows whose key is among the others'."""
    key = list(others.columns)
    keys = set(others.itertuples(index=False, name=None))
    return pd.Series(
        [row in keys for row in rows[key].itertuples(index=False, name=None)], index=rows.index, dtype=bool
    )
