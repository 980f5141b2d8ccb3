"""Sentences of the article beside its abstract: who was compared, and what the rows say once put together.

Each sentence has a closed pattern chosen by rows; what was not computed is not discussed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from probatio.display.abstract import VERDICTS, name_sources
from probatio.display.abstract_differences import find_judged_use, place_interval
from probatio.display.abstract_findings import list_judged, select_asked
from probatio.display.agreement import find_margin
from probatio.display.centres import select_primary
from probatio.display.limits import find_limits
from probatio.display.phrases import count_noun, join_names, quote_margin, quote_share, tell
from probatio.display.rows import drop_attributes, select_reporting
from probatio.protocol import Language, Protocol, Source, Use
from probatio.results import Status, select_rows
from probatio.wording import format_number, format_percent, read_word

Rows = Mapping[str, pd.DataFrame]
ABSTRACTION = (0.0551, 0.0772)
"""95 % interval of the mean error of manual record abstraction over 93 papers (Garza and others, 2025).

It is the interval of a mean: single studies lie far beyond it on either side.
"""
_KINDS = {"W": "wrong", "O": "omitted", "U": "unsupported"}
_CONCLUSIONS = ("equivalent", "not_equivalent", "inconclusive")
"""What a replication may conclude; one that was not judged has none of them."""
_AGREEMENT, _REPLICATION, _ACCEPTANCE = "03_agreement", "04_replication", "09_acceptance"


def describe_sources(protocol: Protocol, *, language: Language) -> list[str]:
    """Say which source is the reference, which collect by hand, which are technologies, and who saw whom."""
    out = []
    if protocol.reference:
        out.append(tell("source_reference", language, source=protocol.reference.label.read(language)))
    else:
        out.append(tell("source_readings", language, sources=name_sources(protocol.leading, language)))
    for key, sources in (
        ("source_manual", protocol.select_sources("manual")),
        ("source_reader", _list_readers(protocol)),
    ):
        if sources:
            out.append(tell(key, language, sources=name_sources(sources, language)))
    if protocol.technologies:
        versions = [_name_version(source, language) for source in protocol.technologies]
        out.append(tell("source_ai", language, sources=join_names(versions, language)))
    for source in protocol.sources:
        if source.reviewed:
            of = protocol.get_source(source.reviewed.of).label.read(language)
            out.append(tell("source_reviewed", language, source=source.label.read(language), of=of))
    if further := [each for each in protocol.sources if not protocol.is_leading(each.name)]:
        out.append(tell("source_runs", language, sources=name_sources(further, language)))
    return [*out, *_describe_dependence(protocol, language)]


def _list_readers(protocol: Protocol) -> list[Source]:
    return protocol.select_sources("reading") if protocol.reference else []


def _name_version(source: Source, language: Language) -> str:
    name = source.label.read(language)
    return tell("versioned", language, source=name, version=source.version) if source.version else name


def _describe_dependence(protocol: Protocol, language: Language) -> Iterator[str]:
    for source in protocol.technologies:
        for manual in protocol.select_sources("manual"):
            if not protocol.is_independent(source.name, manual.name):
                names = {"source": source.label.read(language), "comparator": manual.label.read(language)}
                yield tell("source_dependent", language, **names)


def describe_comparison(protocol: Protocol, *, language: Language) -> list[str]:
    """Say against what each technology's error is held: manual collection and its margin, or the limits alone."""
    if protocol.reference is None:
        return [tell("method_readings", language)]
    manual = protocol.select_sources("manual")
    judged = [(one, two) for one in protocol.technologies for two in manual
              if protocol.is_independent(one.name, two.name)]  # fmt: skip
    if not protocol.technologies:
        return []
    if not judged:
        return [tell("method_dependent" if manual else "method_alone", language)]
    return [tell("method_paired", language), *_describe_margins(protocol, language)]


def _describe_margins(protocol: Protocol, language: Language) -> Iterator[str]:
    """Say when a technology is non-inferior, and by which margins; nothing where the matrix sets none."""
    sets = protocol.acceptance.sets if protocol.acceptance else []
    if not any(criterion.metric == "error_difference" for group in sets for criterion in group.criteria):
        return
    yield tell("method_noninferior", language)
    limits = {use: find_margin(protocol, "error_difference", use) for use in protocol.uses}
    margins = [tell("margin_for_use", language, use=read_word("use", use, language).lower(),
                    margin=quote_margin(margin, language))
               for use, margin in limits.items() if margin is not None]  # fmt: skip
    if margins:
        yield tell("method_margins", language, margins=join_names(margins, language))
    else:
        yield tell("method_by_type", language)


def describe_findings(rows: Rows, protocol: Protocol, *, language: Language) -> list[str]:
    """Say what the errors are made of, how far a new centre may lie, and whether a low error kept the analyses.

    Args:
        rows: result rows by notebook.
        protocol: sources and limits.
        language: of the sentences.
    """
    if protocol.reference is None:
        return [tell("finding_readings", language)]
    agreement = rows.get(_AGREEMENT)
    if agreement is None:
        return []
    judged = select_rows(agreement, comparator=protocol.reference.name)
    events = tell("with_events", language) if any(each.type == "events" for each in protocol.variables) else ""
    out = [said for source in protocol.technologies for said in _describe_kinds(judged, source, events, language)]
    out += _describe_new_centres(agreement, protocol, language)
    if (replication := rows.get(_REPLICATION)) is not None:
        out += _describe_bearing(agreement, replication, protocol, language)
    return out


def _describe_kinds(rows: pd.DataFrame, source: Source, events: str, language: Language) -> Iterator[str]:
    """Say of what a technology's errors are made, over all variables, and what the most frequent kind asks for."""
    counts = drop_attributes(select_rows(rows, metric="count", source=source.name, stratum_by="", status=Status.OK))
    totals = {kind: int(select_rows(counts, term=kind)["estimate"].sum()) for kind in _KINDS}
    if not (n := sum(totals.values())):
        return
    shares = {_KINDS[kind]: format_percent(k / n, language, digits=0) for kind, k in totals.items()}
    number = format_number(n, language, digits=0)
    yield tell("finding_kinds", language, source=source.label.read(language), number=number, events=events, **shares)
    most = [_KINDS[kind] for kind, k in totals.items() if k == max(totals.values())]
    if len(most) == 1:  # of two that are as frequent neither is said to lead
        yield tell(f"finding_{most[0]}", language)


def _describe_new_centres(rows: pd.DataFrame, protocol: Protocol, language: Language) -> Iterator[str]:
    """Say on how many variables the error of a new centre may reach the limit set for research, of how many known."""
    use = find_judged_use(protocol)
    for source in protocol.technologies:
        found = select_primary(select_rows(rows, metric="prediction_error_rate", source=source.name, status=Status.OK))
        highest = drop_attributes(found).groupby("variable")["upper"].max()
        limits = {name: _find_limit(protocol, str(name), use) for name in highest.index}
        judged = {name: limit for name, limit in limits.items() if limit is not None}
        if judged:
            above = sum(float(highest[name]) >= limit for name, limit in judged.items())
            yield tell("finding_centres", language, source=source.label.read(language), above=above, n=len(judged),
                       use=read_word("use", use, language).lower())  # fmt: skip


def _find_limit(protocol: Protocol, variable: str, use: Use) -> float | None:
    if protocol.acceptance is None:
        return None
    criteria = protocol.acceptance.select_criteria(protocol.get_variable(variable).type, use)
    limits = [each.limit for each in criteria if each.metric == "error_rate" and not each.is_cited]
    return limits[0] if limits else None


def _describe_bearing(
    agreement: pd.DataFrame, replication: pd.DataFrame, protocol: Protocol, language: Language
) -> Iterator[str]:
    """Say whether a technology within its margin of error overall also kept the hazard ratios within theirs."""
    margin = find_margin(protocol, "error_difference", find_judged_use(protocol))
    pooled = select_rows(agreement, metric="error_difference", variable="", stratum_by="")
    conclusions = select_asked(replication)
    for source in protocol.technologies:
        own = select_rows(pooled, source=source.name)
        units = select_rows(conclusions, source=source.name)["unit"]
        if margin is None or own.empty or not units.isin(_CONCLUSIONS).any():
            continue
        if place_interval(own, margin) == "below":
            key = "failed" if units.eq("not_equivalent").any() else "kept" if units.eq("equivalent").all() else "open"
            yield tell(f"finding_{key}", language, source=source.label.read(language))


def describe_limits_found(rows: Rows, protocol: Protocol, *, language: Language) -> list[str]:
    """Name the limits that the run shows; a table says what shows each, what follows and what to do.

    Args:
        rows: result rows by notebook.
        protocol: the study.
        language: of the sentence.
    """
    titles = [_lower(each.limit.title[language]) for each in find_limits(rows, protocol, language=language)]
    if not titles:
        return []
    return [tell("limits_found", language, n=len(titles), names=join_names(titles, language, apart=True))]


def _lower(title: str) -> str:
    return title[:1].lower() + title[1:]


def describe_published(rows: Rows, protocol: Protocol, *, language: Language) -> list[str]:
    """Say where the error of manual collection here lies to the pooled error of published record abstraction.

    Args:
        rows: result rows by notebook.
        protocol: the manual sources.
        language: of the sentences.
    """
    agreement = rows.get(_AGREEMENT)
    if agreement is None or protocol.reference is None:
        return []
    found = select_rows(select_reporting(agreement), metric="error_rate", variable="", status=Status.OK,
                        comparator=protocol.reference.name)  # fmt: skip
    out = []
    for manual in protocol.select_sources("manual"):
        for row in select_rows(found, source=manual.name).to_dict("records")[:1]:
            low, high = ABSTRACTION
            key = "lower" if row["upper"] < low else "higher" if row["lower"] > high else "alike"
            out.append(tell(f"published_{key}", language, source=manual.label.read(language),
                            value=quote_share(row, language)))  # fmt: skip
    return out


def describe_uses(rows: Rows, protocol: Protocol, *, language: Language) -> list[str]:
    """Say, per technology and use, how many variables have each verdict.

    Args:
        rows: result rows by notebook.
        protocol: sources and uses.
        language: of the sentences.
    """
    acceptance = rows.get(_ACCEPTANCE)
    if protocol.reference is None:
        return [tell("no_truth", language)]
    if acceptance is None:
        return []
    verdicts = select_rows(acceptance, metric="verdict")
    verdicts = verdicts[verdicts["variable"].ne("")]
    out = []
    for source in protocol.technologies or list_judged(protocol):
        for use in protocol.uses:
            own = select_rows(verdicts, source=source.name, use=use)
            if len(own):
                counts = own["unit"].value_counts().to_dict()
                out.append(tell("verdict_counts", language, source=source.label.read(language),
                                use=read_word("use", use, language).lower(), unjudged=_count_unjudged(own, language),
                                n=count_noun(len(own), "variable", language),
                                **{name: counts.get(name, 0) for name in VERDICTS}))  # fmt: skip
    return out


def _count_unjudged(verdicts: pd.DataFrame, language: Language) -> str:
    """Return how many variables have no verdict, and why; "" where each has one."""
    silent = verdicts[verdicts["status"].ne(Status.OK)]
    reasons = [read_word("reason", str(reason), language) for reason in dict.fromkeys(silent["reason"])]
    return tell("unjudged", language, k=len(silent), reason=join_names(reasons, language)) if len(silent) else ""
