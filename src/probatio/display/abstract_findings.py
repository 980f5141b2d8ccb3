"""Findings that an abstract names: centres, replication, review; from result rows only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from probatio.display.analyses import word_term
from probatio.display.centres import find_most_varied, select_primary
from probatio.display.phrases import count_noun, join_names, quote_number, quote_points, tell
from probatio.display.rows import label_of, level_label, select_reporting, source_label
from probatio.protocol import Language, Protocol, Source
from probatio.results import Status, select_rows
from probatio.wording import format_number, format_percent, read_word

_CONCLUSIONS = ("equivalent", "not_equivalent", "inconclusive")


def list_judged(protocol: Protocol) -> list[Source]:
    """Return the sources an abstract speaks of: manual collections and technologies; of readings alone, these."""
    chosen = [*protocol.select_sources("manual"), *protocol.technologies]
    return chosen if protocol.reference and chosen else protocol.select_sources("manual", "ai", "reading")


def describe_centres(rows: pd.DataFrame, protocol: Protocol, language: Language) -> Iterator[str]:
    """Say, for the primary technology, what a new centre's error may be on the variable whose centres differ most."""
    for source in protocol.technologies[:1]:
        own = select_primary(select_rows(rows, metric="prediction_error_rate", source=source.name))
        if own.empty:
            continue
        known = own[own["status"].eq(Status.OK)]
        if known.empty:
            reason = read_word("reason", str(own["reason"].iloc[0]), language)
            yield tell("centres_none", language, source=source.label.read(language), reason=reason)
            continue
        yield _describe_new_centre(rows, known, source, protocol, language)


def _describe_new_centre(
    rows: pd.DataFrame, known: pd.DataFrame, source: Source, protocol: Protocol, language: Language
) -> str:
    stratum = str(known.sort_values(["clusters", "stratum"], ascending=[False, True])["stratum"].iloc[0])
    here = select_rows(known, stratum=stratum)
    own = select_rows(rows, source=source.name)
    chosen = find_most_varied(own, "error_rate", stratum, within=set(here["variable"]))
    row = select_rows(here, variable=chosen).iloc[0]
    name = label_of(protocol, chosen, language)
    if stratum:
        name += f" ({level_label(protocol, str(row['stratum_by']), stratum, language)})"
    ends = {name: format_percent(float(row[name]), language) for name in ("lower", "upper")}
    level = format_percent(float(row["level"]), language, digits=0)
    return tell("centres", language, variable=name, source=source.label.read(language), level=level, **ends,
                centres=count_noun(int(row["clusters"]), "centre", language))  # fmt: skip


def select_asked(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the conclusions on the same patients: those judged, and those of an effect that could not be.

    What has no margin and no term, such as a curve, was not asked for a conclusion.
    """
    found = select_rows(rows, metric="conclusion", stratum_by="")
    return found[found["term"].ne("") | found["status"].eq(Status.OK)]


def describe_replicated(rows: pd.DataFrame, protocol: Protocol, language: Language) -> Iterator[str]:
    """Say how many comparisons of hazard ratios were equivalent, and the largest change of a log hazard ratio."""
    compared = {source.name for source in (protocol.technologies or list_judged(protocol))}
    found = select_rows(rows, metric="conclusion", stratum_by="")
    found = found[found["source"].isin(compared) & found["term"].ne("")]
    if found.empty:
        return
    changes = select_rows(rows, metric="delta_log_hazard_ratio", stratum_by="", method="paired_t", status=Status.OK)
    changes = changes[changes["source"].isin(compared) & changes["level"].eq(changes["level"].min())]
    largest = _describe_largest(changes, protocol, language)
    decided, open_ones = found[found["status"].eq(Status.OK)], found[found["status"].ne(Status.OK)]
    reasons = [read_word("reason", str(reason), language) for reason in dict.fromkeys(open_ones["reason"])]
    if decided.empty:
        yield tell("replication_none", language, reason=join_names(reasons, language), largest=largest)
        return
    if len(found) == 1:
        yield tell(f"replication_{decided['unit'].iloc[0]}", language, largest=largest)
        return
    if len(open_ones):
        number = count_noun(len(open_ones), "comparison", language)
        largest += tell("replication_unjudged", language, number=number, reason=join_names(reasons, language))
    counts = {name: _count_or_none(int(decided["unit"].eq(name).sum()), language) for name in _CONCLUSIONS}
    number = count_noun(len(decided), "comparison", language)
    yield tell("replication", language, number=number, largest=largest, **counts)


def _count_or_none(n: int, language: Language) -> str:
    return format_number(n, language, digits=0) if n else read_word("article", "none", language)


def _describe_largest(changes: pd.DataFrame, protocol: Protocol, language: Language) -> str:
    if changes.empty:
        return ""
    row = changes.loc[changes["estimate"].abs().sort_values(ascending=False, kind="stable").index[0]].to_dict()
    return tell("largest_change", language, value=quote_number(row, language, of="patient", sign=True),
                term=word_term(protocol, str(row["variable"]), str(row["term"]), language),
                source=source_label(protocol, str(row["source"]), language))  # fmt: skip


def describe_reviewed(rows: pd.DataFrame, protocol: Protocol, language: Language) -> Iterator[str]:
    """Say what review changed: as it took place, else as it is expected at the declared share."""
    done = select_reporting(select_rows(rows, metric="error_difference", variable="", stratum_by=""))
    for row in done[done["status"].eq(Status.OK)].to_dict("records"):
        part = select_rows(rows, metric="reviewed_share", source=row["source"], variable="", stratum_by="",
                           status=Status.OK)  # fmt: skip
        read = [_quote_whole(value, language) for value in part["estimate"][:1]]
        share = "".join(tell("reviewed_share", language, share=value) for value in read)
        yield tell("reviewed", language, share=share, value=quote_points(row, language),
                   source=source_label(protocol, str(row["comparator"]), language))  # fmt: skip
    if done.empty:
        yield from _describe_expected(rows, protocol, language)


def _describe_expected(rows: pd.DataFrame, protocol: Protocol, language: Language) -> Iterator[str]:
    expected = select_rows(rows, metric="error_after_review_difference", term="doubtful_none", status=Status.OK)
    for row in expected.to_dict("records")[:1]:
        share = _quote_whole(row["at"], language)
        yield tell("review_expected", language, share=share, value=quote_points(row, language),
                   source=source_label(protocol, str(row["source"]), language))  # fmt: skip


def _quote_whole(share: Any, language: Language) -> str:
    return format_percent(float(share), language, digits=0)
