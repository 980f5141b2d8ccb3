"""Queries on result rows that every figure and table shares."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from probatio.measures import ACCEPTANCE_METHODS
from probatio.protocol import Language, Protocol, Variable
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, format_interval, format_number, format_percent, has_word, read_word

COLON: Mapping[Language, str] = {"en": ": ", "fr": "\u00a0: "}
"""What stands between a name and what is said of it."""


def select_reporting(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the overall rows that are reported: no stratum, and not the interval made for acceptance only."""
    overall = select_rows(rows, stratum_by="")
    return overall[~overall["method"].isin(ACCEPTANCE_METHODS)]


def drop_attributes(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows without those of the attributes of events (`adverse_events.grade`)."""
    return rows[~rows["variable"].str.contains(".", regex=False)]


def label_of(protocol: Protocol, variable: str, language: Language) -> str:
    """Return the wording of a variable, an attribute of an event (`events.grade`) or of the patients; "" is all."""
    if not variable:
        return read_word("figure", "all_variables", language)
    name, _, attribute = variable.partition(".")
    if name in protocol.patients.attributes:
        return protocol.patients.attributes[name].label.read(language)
    found = protocol.get_variable(name)
    label = found.label.read(language)
    return f"{label} · {found.attributes[attribute].label.read(language)}" if attribute else label


def criterion_label(name: str, metric: str, language: Language) -> str:
    """Return the wording of a criterion: of its name where that is a usual one, else of its metric, else its name."""
    for kind, key in (("criterion", name), ("metric", metric)):
        if has_word(kind, key):
            return read_word(kind, key, language)
    return name


def level_label(protocol: Protocol, variable: str, level: str, language: Language) -> str:
    """Return the wording of a level, also of an attribute of events; the level itself where none is worded."""
    attribute = protocol.patients.attributes.get(variable)
    name, _, inner = variable.partition(".")
    declared = [attribute] if attribute else [v for v in protocol.variables if v.name == name]
    for owner in declared:
        labels = owner.attributes[inner].level_labels if inner and isinstance(owner, Variable) else owner.level_labels
        if level in labels:
            return labels[level].read(language)
    return level


def source_label(protocol: Protocol, source: str, language: Language) -> str:
    """Return the wording of a source; a dash where the row belongs to none."""
    return protocol.get_source(source).label.read(language) if source else EMPTY


def stack_names(rows: pd.DataFrame, protocol: Protocol) -> list[str]:
    """Return the variables of some rows in the protocol's order, event attributes after their event."""
    order = {variable.name: index for index, variable in enumerate(protocol.variables)}
    return sorted(set(rows["variable"]), key=lambda name: (order.get(name.partition(".")[0], len(order)), name))


def order_verdicts(rows: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Return rows by source, then use, both in the protocol's order."""
    sources = {source.name: rank for rank, source in enumerate(protocol.sources)}
    uses = {use: rank for rank, use in enumerate(protocol.uses)}
    ranked = rows.assign(s=rows["source"].map(sources), u=rows["use"].map(uses))
    return ranked.sort_values(["s", "u"], kind="stable").drop(columns=["s", "u"])


def list_pairs(rows: pd.DataFrame, metric: str, protocol: Protocol) -> list[tuple[str, str, str]]:
    """Return source, comparator and variable of a metric's rows, in the protocol's order of variables and sources."""
    found = select_rows(rows, metric=metric)[["source", "comparator", "variable"]].drop_duplicates()
    names = {name: rank for rank, name in enumerate(stack_names(found, protocol))}
    sources = {source.name: rank for rank, source in enumerate(protocol.sources)}
    pairs = [(s, c, v) for s, c, v in found.itertuples(index=False, name=None)]
    return sorted(pairs, key=lambda pair: (names[pair[2]], sources[pair[0]], sources[pair[1]]))


def read_n(rows: pd.DataFrame, metric: str) -> str:
    """Return a metric's number of values as text; a dash where there is none."""
    found = select_rows(rows, metric=metric)["n"]
    return EMPTY if found.empty or pd.isna(found.iloc[0]) else str(found.iloc[0])


def read_estimate(rows: pd.DataFrame, metric: str) -> str:
    """Return a whole number such as a count, as text; a dash where there is none."""
    found = select_rows(rows, metric=metric)
    if found.empty or not math.isfinite(found["estimate"].iloc[0]):
        return EMPTY
    return str(int(found["estimate"].iloc[0]))


def read_interval(rows: pd.DataFrame, metric: str, language: Language, *, digits: int | None = None,
                  percent: bool = False, sign: bool = False) -> str:  # fmt: skip
    """Return `estimate [lower; upper]`, or the reason why there is no estimate."""
    places = np.flatnonzero(rows["metric"].to_numpy() == metric)
    if not len(places):
        return EMPTY
    row = {name: rows[name].array[places[0]] for name in ("status", "reason", "estimate", "lower", "upper")}
    if row["status"] != Status.OK:
        return read_word("reason", row["reason"], language)
    shown = digits if digits is not None else 1 if percent else 2
    if percent:
        text = format_percent(row["estimate"], language, digits=shown, sign=sign)
    else:
        text = format_number(row["estimate"], language, digits=shown, sign=sign)
    interval = format_interval(row["lower"], row["upper"], language, digits=shown, percent=percent)
    return text if interval == EMPTY else f"{text} {interval}"


def read_outcome_shares(rows: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Return variable, source, outcome, share of assessed values, in the protocol's order.

    The comparator is the reference standard, or the first reading where there is none.
    """
    counts = select_rows(rows, metric="count", stratum_by="", status="ok")
    comparator = protocol.reference.name if protocol.reference else counts["comparator"].iloc[0]
    counts = counts[(counts["comparator"] == comparator) & counts["term"].isin(list("CWOUB"))]
    total = counts.groupby(["source", "variable"])["estimate"].transform("sum")
    shares = counts.assign(share=counts["estimate"] / total, outcome=counts["term"])
    order = {name: index for index, name in enumerate(stack_names(shares, protocol))}
    ranks = {source.name: index for index, source in enumerate(protocol.sources)}
    shares = shares.assign(at=shares["variable"].map(order), rank=shares["source"].map(ranks))
    return shares.sort_values(["at", "rank", "outcome"], kind="stable")[["variable", "source", "outcome", "share"]]
