"""Sentences whose every number is read from result rows, for the prose of reports."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from probatio.display.rows import (
    drop_attributes,
    label_of,
    order_verdicts,
    read_interval,
    select_reporting,
    source_label,
)
from probatio.protocol import Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import format_percent, read_word


def say(key: str, language: Language, **values: object) -> str:
    """Return a worded sentence with its values filled in."""
    return read_word("sentence", key, language).format(**values)


def describe_cohort(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say how many patients and centres there are, and for how many the reference is known."""
    overlap = select_rows(rows, analysis="overlap")
    patients = int(overlap["estimate"].sum())
    centres = len(select_rows(rows, analysis="centres"))
    if protocol.reference is None:
        return [say("cohort_readings", language, patients=patients, centres=centres)]
    name = protocol.reference.name
    labelled = int(
        overlap.loc[overlap["term"].str.split(" + ", regex=False).map(lambda s: name in s), "estimate"].sum()
    )
    return [say("cohort", language, patients=patients, centres=centres, labelled=labelled)]


def describe_missing(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say, per source, how many centre x form cells exceed the limit of missing values."""
    cells = select_rows(rows, metric="missing_rate", stratum_by="centre", variable="", status=Status.OK)
    limit = format_percent(protocol.missing_limit, language, digits=0)
    out = []
    for source in protocol.sources:
        own = select_rows(cells, source=source.name)
        if len(own):
            above = int((own["estimate"] > protocol.missing_limit).sum())
            label = source.label.read(language)
            out.append(say("missing", language, source=label, above=above, judged=len(own), limit=limit))
    return out


def describe_agreement(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say each source's range of error over variables; of two readings, their agreement."""
    overall = select_reporting(rows)
    if protocol.reference is None:
        return list(_describe_readings(overall, protocol, language))
    errors = select_rows(overall, metric="error_rate", status=Status.OK, comparator=protocol.reference.name)
    errors = drop_attributes(errors)
    out = []
    for source in protocol.sources:
        mine = select_rows(errors, source=source.name).sort_values("estimate", kind="stable")
        own = mine[mine["variable"] != ""]
        if own.empty:
            continue
        low, high = own.iloc[0], own.iloc[-1]
        values = {"lowest": low["estimate"], "highest": high["estimate"], "median": own["estimate"].median()}
        names = {"lowest_variable": label_of(protocol, low["variable"], language),
                 "highest_variable": label_of(protocol, high["variable"], language)}  # fmt: skip
        shown = {key: format_percent(float(value), language) for key, value in values.items()}
        out.append(say("error", language, source=source.label.read(language), n=len(own), **shown, **names))
        if len(pooled := select_rows(mine, variable="")):
            value = read_interval(pooled, "error_rate", language, percent=True)
            out[-1] += " " + say("error_pooled", language, value=value)
    return out


def _describe_readings(overall: pd.DataFrame, protocol: Protocol, language: Language) -> Iterator[str]:
    for row in select_rows(overall, metric="agreement_rate").to_dict("records"):
        own = select_rows(overall, source=row["source"], comparator=row["comparator"], variable=row["variable"])
        yield say("agreement", language, source=source_label(protocol, row["source"], language),
                  comparator=source_label(protocol, row["comparator"], language),
                  variable=label_of(protocol, row["variable"], language),
                  agreement=read_interval(own, "agreement_rate", language, percent=True),
                  kappa=read_interval(own, "kappa", language, digits=3),
                  ac1=read_interval(own, "ac1", language, digits=3))  # fmt: skip


def describe_difference(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say, per AI and manual source, on how many variables each makes fewer errors beyond chance."""
    kept = drop_attributes(select_rows(select_reporting(rows), metric="error_difference"))
    out = []
    for (source, comparator), own in kept.groupby(["source", "comparator"], sort=False):
        names = {"source": source_label(protocol, str(source), language),
                 "comparator": source_label(protocol, str(comparator), language)}  # fmt: skip
        known = select_rows(own[own["variable"] != ""], status=Status.OK)
        if known.empty:
            out.append(say("not_independent", language, **names))
            continue
        better, worse = int((known["upper"] < 0).sum()), int((known["lower"] > 0).sum())
        counts = {"n": len(known), "better": better, "worse": worse, "open": len(known) - better - worse}
        out.append(say("difference", language, **names, **counts))
        if len(pooled := select_rows(own, variable="")):
            value = read_interval(pooled, "error_difference", language, percent=True, sign=True)
            out[-1] += " " + say("difference_pooled", language, value=value)
    return out


def describe_verdicts(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say each source's verdict for each use, over all variables."""
    out = []
    for row in order_verdicts(select_rows(rows, metric="verdict", variable=""), protocol).to_dict("records"):
        names = {"source": source_label(protocol, row["source"], language),
                 "use": read_word("use", row["use"], language).lower()}  # fmt: skip
        if row["status"] != Status.OK:
            out.append(say("no_verdict", language, **names, reason=read_word("reason", row["reason"], language)))
            continue
        verdict = read_word("verdict", row["unit"], language).lower()
        out.append(say("verdict", language, **names, verdict=verdict, passing=row["k"], n=row["n"]))
    return out
