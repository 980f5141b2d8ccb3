"""Time to event from what a source delivered: a time and an indicator, or dates and rules, in days.

Nothing is moved silently. Whoever has no endpoint is counted, with the reason: a time below zero (an event or last
contact before the origin), no date, an entry under observation not before the end. A partial date is completed by
the endpoint's rule and counted; a text that is no date counts as missing and as unreadable.

What ends follow-up, from dates:

1. the first of `events` and `competing`, if it comes no later than every `censor_at` and the cut-off;
2. else the first `censor_at` or cut-off, if the patient is known to be free of the event up to then: by last news
   at that date or later, or by the event itself, dated later;
3. else the latest of `censoring`; without any, the first `censor_at`, which nothing else needs to confirm.

Last news before the event takes nothing from it: the event is its own evidence. After death nothing is looked for:
a progression dated later does not count, whichever of the two is the event.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.protocol import Endpoint, EndpointRule, PartialRule
from probatio.protocol.endpoints import CUT_OFF, INDICATOR_REASONS
from probatio.resampling import Floats
from probatio.survival.dates import DATE_FLAGS, derive_cut_off, derive_rule_days

PROBLEMS = (
    "missing_endpoint", "negative_time", "late_entry", "after_cut_off", "partial_date", "unreadable_date",
)  # fmt: skip
"""What is counted: the first three leave no endpoint; `after_cut_off` is an event not counted for its late date."""


def derive_endpoint(wide: pd.DataFrame, endpoint: Endpoint, *, partial: PartialRule | None = None) -> pd.DataFrame:
    """Return each patient's time to event or censoring.

    Args:
        wide: texts by patient, a column per name the endpoint uses (`Endpoint.list_fields`); "" an explicit
            negative, NA missing; one event a line for an attribute of repeated events.
        endpoint: its definition; the module says how its rules combine.
        partial: the rule for partial dates; None: the endpoint's.

    Returns:
        Indexed as `wide`: `time` in days (NaN where there is none), `entry` (days at which the patient comes under
        observation, 0 without delayed entry, NaN without time), `cause` (0 censored, 1 the event, 2 a competing
        one), `ended_by` (reason of the rule that ended follow-up, "" without time), and a flag per problem of
        `PROBLEMS`.
    """
    found = _derive_from_dates(wide, endpoint, partial or endpoint.partial) if endpoint.is_dated else (
        _derive_from_indicator(wide, endpoint))  # fmt: skip
    time, entry = found["time"], found["entry"]
    found["negative_time"] = time < 0
    found["late_entry"] = (time >= 0) & (entry > 0) & (entry >= time)
    found["missing_endpoint"] = (time.isna() | entry.isna()) & ~found["negative_time"]
    known = ~(found["negative_time"] | found["late_entry"] | found["missing_endpoint"])
    found["time"], found["entry"] = time.where(known), entry.where(known)
    found["cause"], found["ended_by"] = found["cause"].where(known, 0), found["ended_by"].where(known, "")
    return found[["time", "entry", "cause", "ended_by", *PROBLEMS]]


def list_endpoint_cells(endpoint: Endpoint) -> list[tuple[str, str]]:
    """Return the cells an endpoint reads, for `derive_wide`."""
    return [(name, "") for name in endpoint.list_fields()]


def _derive_from_indicator(wide: pd.DataFrame, endpoint: Endpoint) -> pd.DataFrame:
    event = wide[str(endpoint.event)]
    days = _derive_numbers(wide[str(endpoint.time)]).where(event.notna())
    entry = _derive_numbers(wide[endpoint.entry_time]).clip(lower=0) if endpoint.entry_time else 0.0
    cause = np.where(event.isin(endpoint.event_values), 1, np.where(event.isin(endpoint.competing_values), 2, 0))
    happened, competing, censored = INDICATOR_REASONS
    table = pd.DataFrame({"time": days, "entry": entry, "cause": cause}, index=wide.index)
    table["ended_by"] = pd.Series(cause, index=wide.index).map({0: censored, 1: happened, 2: competing}).astype(object)
    return table.assign(partial_date=False, unreadable_date=False, after_cut_off=False)


def _derive_numbers(texts: pd.Series) -> pd.Series:
    return pd.to_numeric(texts.replace("", None), errors="coerce").astype(float)


class _Dated(NamedTuple):
    """A rule's dates, a row per patient, as `derive_rule_days` gives them, and the reason it ends follow-up for."""

    reason: str
    table: pd.DataFrame


class _Rules(NamedTuple):
    """An endpoint's dates: those of events (competing ones after), of `censor_at`, of last news, of the cut-off."""

    events: list[_Dated]
    stops: list[_Dated]
    news: list[_Dated]
    limit: list[_Dated]


class _Chosen(NamedTuple):
    """The earliest or the latest of several rules' dates: `days` (infinite without any), and the rule's reason."""

    days: Floats
    reason: NDArray[np.object_]


def _derive_from_dates(wide: pd.DataFrame, endpoint: Endpoint, partial: PartialRule) -> pd.DataFrame:
    origin = derive_rule_days(wide, EndpointRule(date=str(endpoint.origin), reason="origin"), partial)
    rules = _read_rules(wide, endpoint, partial, origin["days"])
    entry = derive_rule_days(wide, EndpointRule(date=endpoint.entry or str(endpoint.origin), reason="entry"), partial)
    table = _derive_end(rules, len(wide)).set_axis(wide.index)
    competing = [rule.reason for rule in endpoint.competing]
    table["cause"] = table["happened"] * np.where(table["ended_by"].isin(competing), 2, 1)
    table["time"] = table["end"] - origin["days"]
    table["entry"] = (entry["days"] - origin["days"]).clip(lower=0) if endpoint.entry else 0.0
    read = [origin, entry, *(one.table for dated in rules for one in dated)]
    for flag in DATE_FLAGS:
        table[flag] = np.logical_or.reduce([one[flag].to_numpy() for one in read])
    return table


def _read_rules(wide: pd.DataFrame, endpoint: Endpoint, partial: PartialRule, origin: pd.Series) -> _Rules:
    events, stops, news = (
        [_Dated(rule.reason, derive_rule_days(wide, rule, partial, origin)) for rule in rules]
        for rules in ([*endpoint.events, *endpoint.competing], endpoint.censor_at, endpoint.censoring)
    )
    cut_off = endpoint.cut_off
    return _Rules(events, stops, news, [_Dated(CUT_OFF, derive_cut_off(wide, cut_off, partial))] if cut_off else [])


def _derive_end(rules: _Rules, n: int) -> pd.DataFrame:
    """Return when and why each patient's follow-up ends (`end` NaN where nothing says), by the module's rules."""
    first, last, limit = _choose(rules.events, n), _choose(rules.news, n, latest=True), _choose(rules.limit, n)
    own = _choose(rules.stops, n)
    stop = _choose([*rules.stops, *rules.limit], n)
    happened = np.isfinite(first.days) & (first.days <= stop.days)
    free_until = np.maximum(last.days, np.where(np.isfinite(first.days), first.days, -np.inf))
    free_until = np.where(np.isfinite(free_until), free_until, np.where(np.isfinite(own.days), own.days, -np.inf))
    stopped = ~happened & (stop.days <= free_until)
    end = np.where(happened, first.days, np.where(stopped, stop.days, free_until))
    reason = np.where(happened, first.reason, np.where(stopped, stop.reason, last.reason))
    after = np.isfinite(first.days) & (first.days > limit.days)
    return pd.DataFrame({"end": np.where(np.isfinite(end), end, np.nan), "happened": happened, "ended_by": reason,
                         "after_cut_off": after})  # fmt: skip


def _choose(dated: list[_Dated], n: int, *, latest: bool = False) -> _Chosen:
    """Return the earliest date of each patient, or the latest; of equal ones the rule written first."""
    none = -np.inf if latest else np.inf
    days = np.full((n, len(dated) + 1), none)
    for column, one in enumerate(dated):
        days[:, column] = one.table["days"].fillna(none)
    at = days.argmax(axis=1) if latest else days.argmin(axis=1)
    reasons = np.array([*(one.reason for one in dated), ""], dtype=object)
    return _Chosen(days[np.arange(n), at], reasons[at])
