"""Time to event from what a source delivered: a time and an indicator, or dates, in days.

Nothing is moved silently. A time below zero (an event or last contact before the origin) and an
undated patient have no endpoint and are counted; a partial date is completed by the rule named and
counted; a text that is no date counts as missing and as unreadable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from probatio.protocol import Endpoint, Protocol, UserError
from probatio.records import Records
from probatio.records.canonical import derive_number_text

PartialRule = Literal["middle", "first", "last", "missing"]
"""What completes a partial date: the middle of its month or year (the 15th; 1 July), its first or last day, nothing."""

PROBLEMS = ("missing_endpoint", "negative_time", "partial_date", "unreadable_date")
_EPOCH = pd.Timestamp("1970-01-01")
_FILL = {"middle": ("07", "01", "15"), "first": ("01", "01", "01"), "last": ("12", "01", "01"), "missing": ("", "", "")}


def derive_endpoint(wide: pd.DataFrame, endpoint: Endpoint, *, partial: PartialRule = "middle") -> pd.DataFrame:
    """Return each patient's time to event or censoring.

    From dates: the event happens at the earliest of `events`; without one the patient is censored at
    the latest of `censoring`. An explicit negative is no event.

    Args:
        wide: texts by patient, a column per name the endpoint uses; "" an explicit negative, NA missing.
        endpoint: its definition.
        partial: the rule for partial dates.

    Returns:
        Indexed as `wide`: `time` in days (NaN where unknown), `entry` (days at which the patient comes under
        observation), `cause` (0 censored, 1 the event, 2 a competing one), `ended_by` (the rule that ended follow-up),
        and a flag per problem of `PROBLEMS`.
    """
    if endpoint.time is not None and endpoint.event is not None:
        table = _derive_from_indicator(wide[endpoint.time], wide[endpoint.event], endpoint.event_values)
    else:
        table = _derive_from_dates(wide, endpoint, partial)
    table["negative_time"] = table["time"] < 0
    table["time"] = table["time"].where(table["time"] >= 0)
    table["missing_endpoint"] = table["time"].isna() & ~table["negative_time"]
    cause = (table.pop("event") & table["time"].notna()).astype(int)
    return table.assign(entry=0.0, cause=cause, ended_by="")[["time", "entry", "cause", "ended_by", *PROBLEMS]]


def derive_days(texts: pd.Series, partial: PartialRule = "middle") -> pd.DataFrame:
    """Return ISO dates, possibly partial, as days since 1970.

    Returns:
        Indexed as `texts`: `days` (NaN where there is none), flags `partial_date` and `unreadable_date`.
    """
    written = texts.fillna("").astype(str)
    parts = written.str.extract(r"^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$")
    no_month, no_day = parts[1].isna(), parts[2].isna()
    month, first, day = _FILL[partial]
    filled_day = parts[2].fillna(day).mask(no_month, first)
    dates = pd.to_datetime(
        parts[0] + "-" + parts[1].fillna(month) + "-" + filled_day, format="%Y-%m-%d", errors="coerce"
    )
    if partial == "last":
        dates = dates.where(~no_day, dates + pd.offsets.MonthEnd(0))
    is_partial = parts[0].notna() & no_day
    days = (dates - _EPOCH).dt.days.astype(float)
    unreadable = written.ne("") & dates.isna() & ~(is_partial & (partial == "missing"))
    return pd.DataFrame({"days": days, "partial_date": is_partial, "unreadable_date": unreadable})


def derive_wide(records: Records, protocol: Protocol, source: str, cells: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Return the texts of variables (from one source) and of patient attributes, a row per evaluated patient.

    Args:
        records: the study's tables.
        protocol: tells variables from attributes.
        source: whose values; "" where only attributes are wanted.
        cells: pairs of name and visit ("" where there is none).

    Returns:
        Index `patient_id`, sorted; a column per name, `name@visit` with a visit. NA where the source delivered no
        conformant value; "" for an explicit negative.

    Raises:
        UserError: a variable is wanted and no source is named.
    """
    patients = records.patients[~records.patients["development"].astype(bool)].sort_index()
    columns = {}
    for name, visit in dict.fromkeys(cells):
        if name in protocol.patients.attributes:
            texts = patients[name].map(_derive_text).replace("", None)
        elif source:
            texts = _derive_delivered(records.records, source, name, visit).reindex(patients.index)
        else:
            raise UserError(
                f"analyses: {name} is collected by sources and none is named; name sources and a comparator."
            )
        columns[f"{name}@{visit}" if visit else name] = texts.astype(object)
    return pd.DataFrame(columns, index=patients.index)


def list_endpoint_cells(endpoint: Endpoint) -> list[tuple[str, str]]:
    """Return the cells an endpoint reads, for `derive_wide`."""
    names = [endpoint.time, endpoint.event, endpoint.origin, *endpoint.events, *endpoint.censoring]
    return [(name, "") for name in names if name]


def _derive_delivered(records: pd.DataFrame, source: str, variable: str, visit: str) -> pd.Series:
    chosen = records[(records["source"] == source) & (records["variable"] == variable) & (records["visit"] == visit)]
    told = chosen[(chosen["state"] == "value") & chosen["conformant"].astype(bool) | (chosen["state"] == "negative")]
    texts = told["value"].where(told["state"] == "value", "").set_axis(told["patient_id"])
    return texts[~texts.index.duplicated()]


def _derive_text(value: object) -> str:
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else derive_number_text(float(value))
    return "" if value is None or value is pd.NA else str(value)


def _derive_from_indicator(time: pd.Series, event: pd.Series, happened: list[str]) -> pd.DataFrame:
    days = pd.to_numeric(time.replace("", None), errors="coerce").astype(float).where(event.notna())
    table = pd.DataFrame({"time": days, "event": event.isin(happened)})
    return table.assign(partial_date=False, unreadable_date=False)


def _derive_from_dates(wide: pd.DataFrame, endpoint: Endpoint, partial: PartialRule) -> pd.DataFrame:
    names = dict.fromkeys([str(endpoint.origin), *endpoint.events, *endpoint.censoring])
    read = {name: derive_days(wide[name], partial) for name in names}
    days = pd.DataFrame({name: table["days"] for name, table in read.items()})
    first, last = days[endpoint.events].min(axis=1), days[endpoint.censoring].max(axis=1)
    table = pd.DataFrame({"time": first.fillna(last) - days[str(endpoint.origin)], "event": first.notna()})
    for flag in ("partial_date", "unreadable_date"):
        table[flag] = np.logical_or.reduce([column[flag].to_numpy() for column in read.values()])
    return table
