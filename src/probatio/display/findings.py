"""Sentences on omissions, centres, dependence of errors, readers and runs; every number is read from result rows."""

from __future__ import annotations

import pandas as pd

from probatio.display.rows import drop_attributes, label_of, select_reporting, source_label
from probatio.display.sentences import say
from probatio.measures.omissions import SHARES
from probatio.protocol import Language, Protocol
from probatio.results import Reason, Status, select_rows
from probatio.wording import format_number, format_percent, read_word


def describe_omissions(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say, per source, how many of its omissions were absent from the documents, missed in them, or unknown."""
    known = select_rows(rows, metric=SHARES, status=Status.OK)
    out = []
    for source in protocol.sources:
        own = select_rows(known, source=source.name)
        if own.empty:
            continue
        counts = own.groupby("metric")["k"].sum()
        absent, missed, unknown = (int(counts.get(metric, 0)) for metric in SHARES)
        values = {"n": absent + missed + unknown, "absent": absent, "missed": missed, "unknown": unknown}
        out.append(say("omissions", language, source=source.label.read(language), **values))
    return out


def describe_nesting(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say, per attribute, whether knowing the centre tells it, and which sources were not read in the same centres."""
    out = []
    for row in select_rows(rows, metric="design_nested", status=Status.OK).to_dict("records"):
        key = "nested" if row["reason"] == Reason.NESTED_CENTRES else "not_nested"
        share = format_percent(row["estimate"], language, digits=0)
        out.append(say(key, language, attribute=label_of(protocol, row["stratum_by"], language), share=share))
    for row in select_rows(rows, metric="design_confounded", reason=Reason.CONFOUNDED_CENTRES).to_dict("records"):
        names = {name: source_label(protocol, row[name], language) for name in ("source", "comparator")}
        out.append(say("confounded", language, share=format_percent(row["estimate"], language, digits=0), **names))
    return out


def describe_dependence(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say, per source, for how many variables error is differential, and for how many errors go together."""
    overall = select_rows(rows, metric=["differential_error", "dependent_error"], status=Status.OK, analysis="")
    overall = drop_attributes(overall)
    out = []
    for source in protocol.sources:
        own = select_rows(overall, source=source.name)
        if own.empty:
            continue
        values: dict[str, int] = {}
        for name in ("differential", "dependent"):
            part = select_rows(own, metric=f"{name}_error")
            values |= {name: int((part["estimate"] == 1).sum()), f"{name}_n": len(part)}
        out.append(say("dependence", language, source=source.label.read(language), **values))
    return out


def describe_readers(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say, per AI and two humans, on how many variables it agrees with them better than they with each other."""
    known = select_rows(rows, metric="agreement_difference", status=Status.OK)
    out = []
    for key, own in known.groupby(["source", "comparator", "term"], sort=False):
        names = dict(
            zip(("source", "one", "two"), (source_label(protocol, str(n), language) for n in key), strict=True)
        )
        better, worse = int((own["lower"] > 0).sum()), int((own["upper"] < 0).sum())
        counts = {"n": len(own), "better": better, "worse": worse, "open": len(own) - better - worse}
        out.append(say("readers", language, **names, **counts))
    return out


def describe_shared(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say, per AI and manual source, how often both are wrong where they agree: median and largest over variables."""
    shared = select_reporting(select_rows(rows, metric="shared_error_rate", status=Status.OK))
    out = []
    for (source, comparator), own in shared.groupby(["source", "comparator"], sort=False):
        highest = own.sort_values(["estimate", "variable"], ascending=[False, True], kind="stable").iloc[0]
        names = {"source": source_label(protocol, str(source), language),
                 "comparator": source_label(protocol, str(comparator), language),
                 "variable": label_of(protocol, highest["variable"], language)}  # fmt: skip
        shown = {"median": format_percent(float(own["estimate"].median()), language),
                 "highest": format_percent(highest["estimate"], language)}  # fmt: skip
        out.append(say("shared", language, **names, **shown, n=len(own)))
    return out


def describe_runs(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say, per further run or version, how often it repeats the leading one, and where its error moved."""
    overall = select_reporting(rows)
    overall = overall[(overall["status"] == Status.OK) & (overall["variable"] != "")]
    same, change = (select_rows(overall, metric=metric) for metric in ("repeat_agreement_rate", "error_change"))
    out = []
    for (source, lead), own in same.groupby(["source", "comparator"], sort=False):
        moved = drop_attributes(select_rows(change, source=str(source)))
        shares = {name: format_percent(float(value), language) for name, value in
                  (("lowest", own["estimate"].min()), ("median", own["estimate"].median()))}  # fmt: skip
        counts = {"n": len(own), "judged": len(moved), "fewer": int((moved["upper"] < 0).sum()),
                  "more": int((moved["lower"] > 0).sum())}  # fmt: skip
        names = [source_label(protocol, str(name), language) for name in (source, lead)]
        out.append(say("runs", language, source=names[0], lead=names[1], **shares, **counts))
    return out


def describe_effort(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say, per source with a declared effort, what a patient takes."""
    out = []
    for source in protocol.sources:
        own = select_rows(rows, source=source.name, metric=["minutes_per_patient", "euros_per_patient"])
        efforts = [f"{format_number(row['estimate'], language, digits=1)} {read_word('unit', row['unit'], language)}"
                   for row in own.sort_values("metric", ascending=False).to_dict("records")]  # fmt: skip
        if efforts:
            out.append(say("effort", language, source=source.label.read(language), effort=" · ".join(efforts)))
    return out
