"""Paired differences to manual collection as an abstract says them, each with its place to the margin."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from probatio.display.agreement import find_margin
from probatio.display.phrases import join_names, quote_margin, quote_points, tell
from probatio.display.rows import drop_attributes, select_reporting
from probatio.protocol import Language, Protocol, Source, Use
from probatio.results import Status, select_rows
from probatio.wording import read_word


def find_judged_use(protocol: Protocol) -> Use:
    """Return the use whose margin and limit prose quotes: research, or the last of a study without it."""
    return "research" if "research" in protocol.uses else protocol.uses[-1]


def describe_differences(rows: pd.DataFrame, protocol: Protocol, language: Language) -> Iterator[str]:
    """Say, per manual collection, each technology's paired difference of error, and where it lies to the margin.

    Args:
        rows: result rows of the agreement.
        protocol: sources and margins.
        language: of the sentences.
    """
    found = drop_attributes(select_rows(rows, metric="error_difference", stratum_by=""))
    use = find_judged_use(protocol)
    margin = find_margin(protocol, "error_difference", use)
    for manual in protocol.select_sources("manual"):
        parts, silent = [], []
        for source in protocol.technologies:
            own = select_rows(found, source=source.name, comparator=manual.name)
            pooled = own[own["variable"].eq("")] if len(protocol.variables) > 1 else own
            name = source.label.read(language)
            if len(select_rows(select_reporting(pooled), status=Status.OK)):
                parts.append(_tell_difference(pooled, name, margin, language))
            elif reason := _find_reason(pooled, own):
                said = read_word("reason", reason, language)
                silent.append(tell("difference_none", language, source=name, reason=said))
        yield from _tell_differences(parts, manual, margin, use, language)
        yield from silent


def _find_reason(pooled: pd.DataFrame, own: pd.DataFrame) -> str:
    """Return why there is no difference over all variables, or else on one; "" where all have one."""
    every = pd.concat([pooled, own])
    return str(next(iter(every.loc[every["status"] != Status.OK, "reason"]), ""))


def _tell_differences(
    parts: list[str], manual: Source, margin: float | None, use: Use, language: Language
) -> Iterator[str]:
    if not parts:
        return
    named = read_word("use", use, language).lower()
    announced = "" if margin is None else tell("margin", language, margin=quote_margin(margin, language), use=named)
    yield tell("difference", language, comparator=manual.label.read(language), margin=announced,
               parts=join_names(parts, language))  # fmt: skip


def _tell_difference(pooled: pd.DataFrame, name: str, margin: float | None, language: Language) -> str:
    row = select_rows(select_reporting(pooled), status=Status.OK).iloc[0].to_dict()
    text = tell("of_source", language, value=quote_points(row, language), source=name)
    return text if margin is None else f"{text} {tell(f'{place_interval(pooled, margin)}_margin', language)}"


def place_interval(rows: pd.DataFrame, margin: float) -> str:
    """Return where a difference lies to its margin: `below`, `above`, or `across`.

    Both intervals, that to report and that to accept by, have to lie below; one that is unknown leaves it open.
    """
    if rows["status"].ne(Status.OK).any() or rows[["lower", "upper"]].isna().any(axis=None):
        return "across"
    if rows["upper"].max() < margin:
        return "below"
    return "above" if rows["lower"].min() >= margin else "across"
