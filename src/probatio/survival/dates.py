"""Dates as text, possibly partial, to days; and which date a rule of an endpoint chooses."""

from __future__ import annotations

import calendar
import datetime
import re
from functools import lru_cache

import numpy as np
import pandas as pd

from probatio.protocol import EndpointRule, PartialRule
from probatio.protocol.endpoints import is_iso_date
from probatio.survival.texts import EVENT_SEPARATOR

DATE_FLAGS = ["partial_date", "unreadable_date"]
_EPOCH = datetime.date(1970, 1, 1).toordinal()
_ISO = re.compile(r"^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$")
_YEARS = (1678, 2261)
"""Years that pandas' timestamps hold."""
_FILL = {"middle": ("07", "01", "15"), "first": ("01", "01", "01"), "last": ("12", "01", "01"), "missing": ("", "", "")}


def derive_days(texts: pd.Series, partial: PartialRule = "middle") -> pd.DataFrame:
    """Return ISO dates, possibly partial, as days since 1970.

    Returns:
        Indexed as `texts`: `days` (NaN where there is none), flags `partial_date` and `unreadable_date`.
    """
    read = [_read_day(text, partial) for text in texts.fillna("").astype(str)]
    days, is_partial, unreadable = zip(*read, strict=True) if read else ((), (), ())
    columns = {"partial_date": np.array(is_partial, dtype=bool), "unreadable_date": np.array(unreadable, dtype=bool)}
    return pd.DataFrame({"days": np.array(days, dtype=float)} | columns, index=texts.index)


@lru_cache(maxsize=1 << 16)
def _read_day(text: str, partial: PartialRule) -> tuple[float, bool, bool]:
    """Return days since 1970, and whether the date is partial or unreadable; one text stands in many mixtures."""
    found = _ISO.match(text)
    if found is None:
        return np.nan, False, bool(text)
    year, month, day = found.groups()
    if day is None and partial == "missing":
        return np.nan, True, False
    middle, first, fill = _FILL[partial]
    try:
        date = datetime.date(int(year), int(month or middle), int(day or (fill if month else first)))
    except ValueError:
        return np.nan, day is None, True
    if day is None and partial == "last":
        date = date.replace(day=calendar.monthrange(date.year, date.month)[1])
    if not _YEARS[0] <= date.year <= _YEARS[1]:
        return np.nan, day is None, True
    return float(date.toordinal() - _EPOCH), day is None, False


def derive_rule_days(
    wide: pd.DataFrame, rule: EndpointRule, partial: PartialRule = "middle", origin: pd.Series | None = None
) -> pd.DataFrame:
    """Return the date that a rule gives each patient.

    Args:
        wide: texts by patient, a column per name of the rule; one event a line.
        rule: the date, the conditions at which it counts, and which event is picked.
        partial: the rule for partial dates.
        origin: days since 1970, for the pick `next`: the first event after it; a patient without origin has none.

    Returns:
        Indexed as `wide`, as `derive_days` returns it: NaN where there is no date or the rule does not count, and
        then no partial date either. Where any of a patient's events that count is unreadable, the patient is.
    """
    if not rule.events:
        return _keep(derive_days(wide[rule.date], partial), _find_met(wide, rule))
    names = [rule.date, *(name for name in rule.conditions if "." in name and name != rule.date)]
    rows = wide[[*names, *(name for name in rule.conditions if "." not in name)]].reset_index(drop=True)
    rows[names] = rows[names].fillna("").map(lambda text: text.split(EVENT_SEPARATOR))
    events = rows.explode(names)
    table = _keep(derive_days(events[rule.date], partial), _find_met(events, rule))
    unreadable = table["unreadable_date"].groupby(level=0).any()
    if rule.pick == "next" and origin is not None:
        table = _keep(table, table["days"].to_numpy() > origin.to_numpy()[events.index])
    ordered = table.sort_values("days", ascending=rule.pick != "last", kind="stable", na_position="last")
    picked = ordered[~ordered.index.duplicated()].sort_index()
    return picked.assign(unreadable_date=unreadable).set_axis(wide.index)


def derive_cut_off(wide: pd.DataFrame, text: str, partial: PartialRule = "middle") -> pd.DataFrame:
    """Return a cut-off as `derive_days` does: one date for all, or that which a name gives each patient."""
    if is_iso_date(text):
        return derive_days(pd.Series(text, index=wide.index))
    return derive_days(wide[text], partial)


def _find_met(texts: pd.DataFrame, rule: EndpointRule) -> np.ndarray:
    """Return where a rule's conditions hold; a set meets one by any of its levels."""
    met = np.ones(len(texts), dtype=bool)
    for asked, expected in ((rule.where, True), (rule.unless, False)):
        for name, levels in asked.items():
            wanted = set(levels)
            held = [not wanted.isdisjoint((text, *text.split("|"))) for text in texts[name].fillna("")]
            met &= np.array(held, dtype=bool) == expected
    return met


def _keep(table: pd.DataFrame, kept: np.ndarray) -> pd.DataFrame:
    """Take away the dates that do not count, with their flags."""
    return table.assign(days=table["days"].where(kept), **{flag: table[flag] & kept for flag in DATE_FLAGS})
