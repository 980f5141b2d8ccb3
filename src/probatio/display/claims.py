"""What a study allows to say, and no more: verdicts, paired differences, replications, guarantees; from rows only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from probatio.display.abstract import leaves_events
from probatio.display.abstract_findings import select_asked
from probatio.display.amendments import describe_exploratory
from probatio.display.limits_shown import read_notebook
from probatio.display.phrases import quote_points
from probatio.display.rows import drop_attributes, label_of, read_interval, select_reporting, stack_names
from probatio.display.sentences import say
from probatio.protocol import Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import read_word

Rows = Mapping[str, pd.DataFrame]
_JOINT: Mapping[Language, str] = {"en": "; ", "fr": "\u00a0; "}
_FEW = 8
"""Names listed in a sentence; more are counted."""


def describe_claims(rows: Rows, protocol: Protocol, *, language: Language) -> list[str]:
    """Say per technology: variables accepted by use, error against manual, replications, values accepted unseen.

    Args:
        rows: the rows of the run's notebooks by name; what a notebook did not give is not claimed.
        protocol: the study.
        language: of the words.
    """
    out = [*_claim_verdicts(rows, protocol, language), *_claim_differences(rows, protocol, language)]
    out += [*_claim_replications(rows, protocol, language), *_claim_guarantees(rows, protocol, language)]
    return out or [say("claim_none" if protocol.reference is None else "claim_nothing", language)]


def describe_summary(rows: Rows, protocol: Protocol, *, language: Language) -> list[str]:
    """Say the study's results in a few sentences: error of each source over all variables, differences, verdicts.

    Args:
        rows: the rows of the run's notebooks by name.
        protocol: the study.
        language: of the words.
    """
    out = [*_say_errors(rows, protocol, language), *_claim_differences(rows, protocol, language)]
    out += [*_claim_replications(rows, protocol, language), *_claim_verdicts(rows, protocol, language, named=False)]
    return out


def _say_errors(rows: Rows, protocol: Protocol, language: Language) -> Iterator[str]:
    found = select_rows(select_reporting(read_notebook(rows, "03_agreement")), metric="error_rate", variable="")
    found = select_rows(found, status=Status.OK)
    values = []
    for source in protocol.sources:
        own = select_rows(found, source=source.name)
        if len(own):
            value = read_interval(own, "error_rate", language, percent=True)
            values.append(f"{source.label.read(language)} {value}")
    if values:
        key = "summary_error_single" if leaves_events(protocol) else "summary_error"
        yield say(key, language, values=_JOINT[language].join(values))


def _claim_verdicts(rows: Rows, protocol: Protocol, language: Language, *, named: bool = True) -> Iterator[str]:
    verdicts = select_rows(read_notebook(rows, "09_acceptance"), metric="verdict", status=Status.OK)
    verdicts = verdicts[verdicts["variable"] != ""]
    for source in protocol.select_sources("ai"):
        own = [(use, select_rows(verdicts, source=source.name, use=use)) for use in protocol.uses]
        uses = [_word_verdicts(use, found, protocol, language, named) for use, found in own if len(found)]
        if uses:
            yield say("claim_verdict", language, source=source.label.read(language), uses=_JOINT[language].join(uses))
    if len(verdicts):
        yield from describe_exploratory(read_notebook(rows, "09_acceptance"), language=language)


def _word_verdicts(use: str, rows: pd.DataFrame, protocol: Protocol, language: Language, named: bool) -> str:
    names = stack_names(select_rows(rows, unit="accepted"), protocol)
    shown = named and 0 < len(names) <= _FEW
    listed = f" ({', '.join(label_of(protocol, name, language) for name in names)})" if shown else ""
    counts = {"accepted": len(names), "reviewed": len(select_rows(rows, unit="accepted_with_review")), "n": len(rows)}
    return say("claim_use", language, use=read_word("use", use, language).lower(), names=listed, **counts)


def _claim_differences(rows: Rows, protocol: Protocol, language: Language) -> Iterator[str]:
    found = select_reporting(read_notebook(rows, "03_agreement"))
    found = select_rows(found, metric="error_difference", variable="", status=Status.OK)
    for row in found.to_dict("records"):
        key = "fewer" if row["upper"] < 0 else "more" if row["lower"] > 0 else "open"
        words = {name: protocol.get_source(row[name]).label.read(language) for name in ("source", "comparator")}
        yield say(f"claim_{key}", language, **words, value=quote_points(row, language))


def _claim_replications(rows: Rows, protocol: Protocol, language: Language) -> Iterator[str]:
    every = select_asked(read_notebook(rows, "04_replication"))
    for source in protocol.sources:
        asked = select_rows(every, source=source.name)
        own = select_rows(asked, status=Status.OK)
        if own.empty:
            continue
        silent = len(asked) - len(own)
        unjudged = say("claim_unjudged", language, n=silent) if silent else ""
        counts = {name: int((own["estimate"] == value).sum())
                  for name, value in (("same", 1), ("open", 0), ("changed", -1))}  # fmt: skip
        yield say("claim_replication", language, source=source.label.read(language), n=len(asked), unjudged=unjudged,
                  **counts)  # fmt: skip


def _claim_guarantees(rows: Rows, protocol: Protocol, language: Language) -> Iterator[str]:
    every = drop_attributes(read_notebook(rows, "07_confidence"))
    for source in protocol.select_sources("ai"):
        own = [(use, select_rows(every, source=source.name, use=use)) for use in protocol.uses]
        asked = [(use, found) for use, found in own if len(select_rows(found, metric="guaranteed_error"))]
        if asked:
            uses = _JOINT[language].join(_word_guarantee(use, found, language) for use, found in asked)
            yield say("claim_guarantee", language, source=source.label.read(language), uses=uses)


def _word_guarantee(use: str, rows: pd.DataFrame, language: Language) -> str:
    each = select_rows(rows[rows["variable"] != ""], metric="guaranteed_error")
    counts = {"count": len(select_rows(each, status=Status.OK)), "n": len(each)}
    share = read_interval(select_rows(rows, variable=""), "accepted_share", language, percent=True)
    return say("claim_guaranteed_use", language, use=read_word("use", use, language).lower(), share=share, **counts)
