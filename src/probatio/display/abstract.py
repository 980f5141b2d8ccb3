"""The abstract of a study, written from result rows: what was read, what was found, what it allows to say.

Sentences have closed patterns, so that the conclusion cannot say more than its rows. A study without reference
speaks of agreement, never of error. Every number stands with its interval and n, or with the reason why there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from probatio.display.abstract_differences import describe_differences
from probatio.display.abstract_findings import (
    describe_centres,
    describe_replicated,
    describe_reviewed,
    list_judged,
)
from probatio.display.amendments import describe_exploratory
from probatio.display.phrases import (
    USUAL,
    count_noun,
    join_names,
    quote_number,
    quote_share,
    tell,
)
from probatio.display.rows import drop_attributes, label_of, select_reporting, source_label
from probatio.protocol import Language, Protocol, Source
from probatio.results import Status, select_rows
from probatio.wording import format_number, format_percent, read_word

Rows = Mapping[str, pd.DataFrame]
_AGREEMENT, _REPLICATION, _REVIEW = "03_agreement", "04_replication", "08_review"
VERDICTS = ("accepted", "accepted_with_review", "inconclusive", "not_accepted")


def describe_objective(protocol: Protocol, *, language: Language) -> list[str]:
    """Say what the study is to decide: whether AI may stand in for manual collection, or how far readings agree."""
    sources = name_sources(list_judged(protocol), language)
    if protocol.reference is None:
        variables = name_variables(protocol, language)
        return [tell("objective_agreement", language, sources=sources, variables=variables)]
    if not protocol.technologies:
        return [tell("objective_others", language, sources=sources)]
    technologies = name_sources(protocol.technologies, language)
    if manual := name_sources(protocol.select_sources("manual"), language):
        return [tell("objective", language, technologies=technologies, manual=manual)]
    return [tell("objective_alone", language, technologies=technologies)]


def describe_abstract_methods(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say how many patients and centres there were, what was compared with what, and which rules were written.

    Args:
        rows: result rows of the cohort.
        protocol: sources, variables, uses.
        language: of the sentences.
    """
    variables = name_variables(protocol, language)
    if protocol.reference is None:
        sources = name_sources(list_judged(protocol), language)
        compared = tell("compared_readings", language, sources=sources, variables=variables)
    else:
        rules = tell("rules", language) if protocol.acceptance else ""
        compared = tell("compared", language, variables=variables) + rules
    key = "intervals" if protocol.level == USUAL else "intervals_named"
    level = tell(key, language, level=format_percent(USUAL, language, digits=0))
    return [_describe_patients(rows, protocol, language), f"{compared}.", level]


def _describe_patients(rows: pd.DataFrame, protocol: Protocol, language: Language) -> str:
    overlap = select_rows(rows, analysis="overlap")
    patients = count_noun(int(overlap["estimate"].sum()), "patient", language)
    number = len(select_rows(rows, analysis="centres"))
    where = tell("from_centres", language, centres=count_noun(number, "centre", language)) if number else ""
    if protocol.reference is None:
        return tell("patients", language, patients=patients, where=where)
    name = protocol.reference.name
    known = overlap["term"].str.split(" + ", regex=False).map(lambda names: name in names)
    labelled = format_number(float(overlap.loc[known, "estimate"].sum()), language, digits=0)
    labelled = read_word("article", "all", language) if overlap.loc[~known, "estimate"].sum() == 0 else labelled
    reference = protocol.reference.label.read(language)
    return tell("patients_labelled", language, patients=patients, where=where, labelled=labelled, reference=reference)


def describe_abstract_results(rows: Rows, protocol: Protocol, *, language: Language) -> list[str]:
    """Say error and difference, the worst variable, centres, replication, and review, each with n and interval.

    Args:
        rows: result rows by notebook; what has not run is not spoken of.
        protocol: sources, margins, analyses.
        language: of the sentences.
    """
    out: list[str] = []
    if (agreement := rows.get(_AGREEMENT)) is not None:
        overall = select_reporting(agreement)
        if protocol.reference is None:
            out += _describe_agreement(overall, protocol, language)
        else:
            out += _describe_errors(overall, protocol, language)
            out += describe_differences(agreement, protocol, language)
            out += describe_centres(agreement, protocol, language)
    if (replication := rows.get(_REPLICATION)) is not None:
        out += describe_replicated(replication, protocol, language)
    if (review := rows.get(_REVIEW)) is not None:
        out += describe_reviewed(review, protocol, language)
    return out


def _describe_agreement(overall: pd.DataFrame, protocol: Protocol, language: Language) -> Iterator[str]:
    for row in drop_attributes(select_rows(overall, metric="agreement_rate")).to_dict("records"):
        names = {name: source_label(protocol, str(row[name]), language) for name in ("source", "comparator")}
        names["variable"] = label_of(protocol, str(row["variable"]), language)
        if row["status"] != Status.OK:
            yield tell("agreement_none", language, reason=read_word("reason", row["reason"], language), **names)
            continue
        chance = "".join(f", {said}" for said in _list_chance(overall, row, language))
        yield tell("agreement", language, agreement=quote_share(row, language), chance=chance, **names)


def _list_chance(overall: pd.DataFrame, row: Mapping[Any, Any], language: Language) -> Iterator[str]:
    """Yield the coefficients corrected for chance that a pair of readings has on a variable."""
    own = select_rows(overall, term="", **{name: row[name] for name in ("source", "comparator", "variable")})
    for name in ("kappa", "kappa_quadratic", "ac1"):
        if len(found := select_rows(own, metric=name)):
            value = quote_number(found.iloc[0].to_dict(), language, of="value")
            yield f"{read_word('metric', name, language)} {value}"


def _describe_errors(overall: pd.DataFrame, protocol: Protocol, language: Language) -> Iterator[str]:
    """Say each source's error over all variables, then each technology's worst variable."""
    errors = drop_attributes(select_rows(overall, metric="error_rate", comparator=protocol.reference.name))  # type: ignore[union-attr]
    parts = [tell("of_source", language, value=quote_share(found, language), source=source.label.read(language))
             for source in list_judged(protocol) if (found := _find_overall(errors, source, protocol))]  # fmt: skip
    if parts:
        key = "error_single" if leaves_events(protocol) else "error"
        yield tell(key, language, parts=join_names(parts, language))
    worst = [part for source in protocol.technologies[:1] if (part := _tell_worst(errors, source, protocol, language))]
    yield from worst if len(protocol.variables) > 1 else []


def leaves_events(protocol: Protocol) -> bool:
    """Say whether rates over all variables leave some out: repeated events are not cells, and have none."""
    return len(protocol.variables) > 1 and any(variable.type == "events" for variable in protocol.variables)


def _find_overall(errors: pd.DataFrame, source: Source, protocol: Protocol) -> dict[str, Any]:
    """Return the row over all variables; of a study of one variable, that variable's."""
    own = select_rows(errors, source=source.name)
    found = own[own["variable"].eq("")] if len(protocol.variables) > 1 else own
    return {str(name): value for name, value in found.iloc[0].items()} if len(found) else {}


def _tell_worst(errors: pd.DataFrame, source: Source, protocol: Protocol, language: Language) -> str:
    own = select_rows(errors, source=source.name, status=Status.OK)
    own = own[own["variable"] != ""].sort_values(["estimate", "variable"], ascending=[False, True], kind="stable")
    if own.empty or (own["estimate"] == own["estimate"].iloc[0]).sum() > 1:  # two are highest, or all are without error
        return ""
    row = own.iloc[0].to_dict()
    name = label_of(protocol, str(row["variable"]), language)
    return tell("worst", language, variable=name, value=quote_share(row, language), source=source.label.read(language))


def describe_conclusions(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say what the verdicts allow, technology by technology, which only explore, and for what they hold.

    Args:
        rows: result rows of the acceptance.
        protocol: sources and uses.
        language: of the sentences.
    """
    if protocol.reference is None:
        return [tell("no_truth", language)]
    overall = select_rows(rows, metric="verdict", variable="")
    listed = {unit: _list_uses(select_rows(overall, unit=unit), protocol, language) for unit in VERDICTS}
    said = [
        tell(f"conclude_{unit}", language, parts=join_names(parts, language)) for unit, parts in listed.items() if parts
    ]
    out = [tell("conclude", language, parts=join_names(said, language, apart=True))] if said else []
    for source in protocol.technologies:
        silent = select_rows(overall[overall["status"] != Status.OK], source=source.name)
        for reason, rows_of_reason in silent.groupby("reason", sort=False):
            uses = [use for use in protocol.uses if use in set(rows_of_reason["use"])]
            named = join_names([read_word("use", use, language).lower() for use in uses], language)
            why = read_word("reason", str(reason), language)
            name = source.label.read(language)
            out.append(tell("conclude_none", language, source=name, uses=named, reason=why))
    return [*out, *describe_exploratory(rows, language=language), tell("scope", language)] if out else []


def _list_uses(verdicts: pd.DataFrame, protocol: Protocol, language: Language) -> list[str]:
    """Return, per technology, the uses that have these verdicts: `AI A for steering and research`."""
    out = []
    for source in protocol.technologies:
        known = select_rows(verdicts, source=source.name, status=Status.OK)
        uses = [tell("use_passing", language, use=read_word("use", use, language).lower(), k=row["k"], n=row["n"])
                for use in protocol.uses for row in select_rows(known, use=use).to_dict("records")]  # fmt: skip
        if uses:
            out.append(tell("for_uses", language, source=source.label.read(language), uses=join_names(uses, language)))
    return out


def name_sources(sources: list[Source], language: Language) -> str:
    """Return the labels of sources as prose lists them."""
    return join_names([source.label.read(language) for source in sources], language)


def name_variables(protocol: Protocol, language: Language) -> str:
    """Return the number of variables; of one alone, its name too."""
    number = count_noun(len(protocol.variables), "variable", language)
    return f"{number} ({protocol.variables[0].label.read(language)})" if len(protocol.variables) == 1 else number
