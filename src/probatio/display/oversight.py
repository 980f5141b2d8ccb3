"""The human-oversight dossier: the rule of takeover, what was reviewed, alarms; from rows only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from probatio.display.rows import label_of, read_interval, source_label, stack_names
from probatio.display.table import Table, leave_repeated
from probatio.protocol import Language, Protocol
from probatio.results import Status, derive_table, select_rows
from probatio.wording import EMPTY, format_number, format_percent, read_word

Rows = Mapping[str, pd.DataFrame]
_RATES = {"override_rate": "decisions", "confirmed_errors": "reviewer_error"}
_COUNTS = {"unresolved": "decisions", "review_minutes": "effort"}
_WARNINGS = ("differential_error", "dependent_error", "monitoring_signal")


def render_takeover_table(rows: Rows, protocol: Protocol, *, language: Language) -> Table:
    """Return, per variable and use of the reviewed source: the rule of takeover, its guarantee, who may decide."""
    found = select_rows(_read(rows, "07_confidence"), metric="accept_threshold")
    source = _find_source(found, protocol)
    found = found[found["source"] == source]
    body = []
    for variable in stack_names(found[found["variable"] != ""], protocol):
        for use in protocol.uses:
            own = select_rows(found, variable=variable, use=use)
            if len(own):
                rule = _word_rule(own.iloc[0].to_dict(), language)
                key = {"source": source, "variable": variable, "use": use}
                body.append([label_of(protocol, variable, language), read_word("use", use, language), rule,
                             *_read_promises(rows["07_confidence"], key, language),
                             _word_deciders(protocol, use, language)])  # fmt: skip
    titles = ("variable", "use", "takeover", "review_share", "guaranteed_error", "may_decide")
    head = [read_word("column", title, language) for title in titles]
    return Table(head, leave_repeated(body), "llllll", widths=(19, 12, 25, 14, 12, 18))


def _word_rule(row: Mapping[Any, Any], language: Language) -> str:
    if row["status"] != Status.OK:
        return read_word("takeover", "review_all", language).format(reason=read_word("reason", row["reason"], language))
    if row["estimate"] <= 0:
        return read_word("takeover", "any", language)
    threshold = format_percent(row["estimate"], language)
    return read_word("takeover", "below", language).format(threshold=threshold)


def _read_promises(rows: pd.DataFrame, key: Mapping[str, str], language: Language) -> Iterator[str]:
    """Yield the share to review with its interval, and the error guaranteed among values accepted unseen."""
    own = select_rows(rows, **key)
    yield read_interval(own, "review_share", language, percent=True, digits=0)
    found = select_rows(own, metric="guaranteed_error", status="ok")
    yield EMPTY if found.empty else "≤ " + format_percent(found["estimate"].iloc[0], language)


def _word_deciders(protocol: Protocol, use: Any, language: Language) -> str:
    declared = protocol.review.may_decide if protocol.review else {}
    return declared[use].read(language) if use in declared else EMPTY


def render_reviewed_table(rows: Rows, protocol: Protocol, *, language: Language) -> Table:
    """Return, per variable: values reviewed, override rate, errors that reviewers confirmed; then over all of them.

    Unresolved values and minutes are counted over all variables.
    """
    found = select_rows(_read(rows, "08_review"), stratum_by="", term="")
    shares = select_rows(found, metric="reviewed_share", analysis="decisions")
    body = []
    for variable in [*stack_names(shares[shares["variable"] != ""], protocol), ""]:
        own = select_rows(found, variable=variable)
        for row in select_rows(shares, variable=variable).to_dict("records"):
            rates = [
                read_interval(select_rows(own, analysis=analysis), metric, language, percent=True)
                for metric, analysis in _RATES.items()
            ]
            counts = [_read_count(select_rows(own, analysis=part), name, language) for name, part in _COUNTS.items()]
            body.append([label_of(protocol, variable, language), f"{row['k']}/{row['n']}", *rates, *counts])
    titles = ("variable", "reviewed", "override_rate", "confirmed_errors", "unresolved", "minutes")
    return Table([read_word("column", title, language) for title in titles], body, "lrllrr",
                 widths=(24, 13, 21, 21, 11, 10))  # fmt: skip


def _read_count(rows: pd.DataFrame, metric: str, language: Language) -> str:
    found = select_rows(rows, metric=metric, status="ok")
    return EMPTY if found.empty else format_number(found["estimate"].iloc[0], language, digits=0)


def render_oversight_alarm_table(rows: Rows, protocol: Protocol, *, language: Language) -> Table:
    """Return what suspends unseen acceptance: control charts, errors that depend, a log that does not hold."""
    body = [*_list_warnings(rows, protocol, language), *_list_log_alarms(rows, language)]
    head = [read_word("column", title, language) for title in ("alarm", "source", "variables")]
    return Table(head, leave_repeated(body), "lll", widths=(30, 18, 52))


def _list_warnings(rows: Rows, protocol: Protocol, language: Language) -> Iterator[list[str]]:
    agreement = _read(rows, "03_agreement")
    for metric in _WARNINGS:
        found = select_rows(agreement, metric=metric, analysis="", status="ok")
        found = found[(found["estimate"] > 0) & (found["variable"] != "")]
        for source in protocol.technologies:
            names = stack_names(found[found["source"] == source.name], protocol)
            if names:
                listed = ", ".join(label_of(protocol, name, language) for name in names)
                yield [read_word("alarm", metric, language), source_label(protocol, source.name, language), listed]


def _list_log_alarms(rows: Rows, language: Language) -> Iterator[list[str]]:
    for metric, alarming in (("audit_verified", 0.0), ("audit_stale_decisions", None)):
        for row in select_rows(_read(rows, "08_review"), metric=metric, status="ok").to_dict("records"):
            if row["estimate"] == alarming or (alarming is None and row["estimate"] > 0):
                yield [read_word("alarm", metric, language), EMPTY, format_number(row["estimate"], language, digits=0)]


def _read(rows: Rows, notebook: str) -> pd.DataFrame:
    """Return a notebook's rows; none where it did not run."""
    return rows[notebook] if notebook in rows else derive_table([])


def _find_source(found: pd.DataFrame, protocol: Protocol) -> str:
    """Return the source under review, else the first technology with a rule."""
    if protocol.review is not None:
        return protocol.review.source
    return next((source.name for source in protocol.technologies if source.name in set(found["source"])), "")
