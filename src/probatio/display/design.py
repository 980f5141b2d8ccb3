"""Tables of what the protocol declares: sources, variables, analyses."""

from __future__ import annotations

import math

from probatio.display.rows import COLON, label_of, level_label
from probatio.display.table import Table
from probatio.protocol import Analysis, Language, Protocol, Term, Variable
from probatio.wording import EMPTY, format_number, read_word


def render_source_table(protocol: Protocol, *, language: Language) -> Table:
    """Return the sources: role, version, independence, what each was asked to fill."""
    body = []
    for source in protocol.sources:
        seen = [protocol.get_source(name).label.read(language) for name in source.independent_of]
        role = "reviewed" if source.reviewed else source.role
        body.append([source.label.read(language), read_word("role", role, language), source.version or EMPTY,
                     ", ".join(seen) or EMPTY])  # fmt: skip
    head = [read_word("column", name, language) for name in ("source", "role", "version", "independent")]
    return Table(head, body, "llll", widths=(28, 16, 16, 40))


def render_variable_table(protocol: Protocol, *, language: Language) -> Table:
    """Return the variables: type, levels or unit and tolerance, visits, uses."""
    body = [
        [variable.label.read(language), read_word("type", variable.type, language),
         describe_values(variable, language), ", ".join(variable.visits) or EMPTY,
         ", ".join(read_word("use", use, language) for use in variable.uses)]
        for variable in protocol.variables
    ]  # fmt: skip
    head = [read_word("column", name, language) for name in ("variable", "type", "levels", "visits", "uses")]
    return Table(head, body, "lllll", widths=(22, 12, 34, 12, 20))


def describe_values(variable: Variable, language: Language) -> str:
    """Return a variable's levels, the parts of an event with its window, or its unit with its tolerance."""
    if variable.levels:
        return " · ".join(variable.levels)
    if variable.attributes:
        labels = " · ".join(attribute.label.read(language) for attribute in variable.attributes.values())
        window = f"± {variable.match.window} {read_word('unit', 'days', language)}" if variable.match else ""
        return f"{labels} ({window})"
    unit = variable.unit or (read_word("unit", "days", language) if variable.type == "date" else "")
    if not variable.tolerance:
        return unit if variable.type != "date" else EMPTY
    return f"± {format_number(variable.tolerance, language, digits=_digits(variable.tolerance))} {unit}"


def _digits(value: float) -> int:
    return 0 if value == int(value) else 1 if value * 10 == int(value * 10) else 2


def render_analysis_table(protocol: Protocol, *, language: Language) -> Table:
    """Return the reference analyses as an estimand table: population, endpoint, terms, sources, margin."""
    body = [_describe_analysis(analysis, protocol, language) for analysis in protocol.analyses]
    names = ("analysis", "population", "endpoint", "terms", "sources", "margin")
    return Table(
        [read_word("column", name, language) for name in names], body, "llllll", widths=(24, 14, 14, 22, 16, 10)
    )


def _describe_analysis(analysis: Analysis, protocol: Protocol, language: Language) -> list[str]:
    semicolon = COLON[language].replace(":", ";")
    population = semicolon.join(
        f"{label_of(protocol, name, language)}{COLON[language]}{', '.join(levels)}"
        for name, levels in analysis.population.items()
    )
    terms = semicolon.join(describe_term(term, protocol, language) for term in analysis.terms)
    sources = ", ".join(protocol.get_source(name).label.read(language) for name in analysis.sources)
    log_margin = format_number(math.log(analysis.margin), language, digits=3)
    margin = f"± ln {format_number(analysis.margin, language)} = ± {log_margin}"
    return [analysis.label.read(language), population or read_word("figure", "overall", language),
            protocol.get_endpoint(analysis.endpoint).label.read(language), terms, sources or EMPTY,
            margin if analysis.sources else EMPTY]  # fmt: skip


def describe_term(term: Term, protocol: Protocol, language: Language) -> str:
    """Return a term in words: `T group: T3-T4 / T1-T2`, or `Age (per 10)`."""
    label = term.label.read(language) if term.label else label_of(protocol, term.variable, language)
    if term.groups:
        first, *others = (level_label(protocol, term.variable, name, language) for name in term.groups)
        return f"{label}{COLON[language]}{', '.join(others)} / {first}"
    return label if term.per == 1 else f"{label} (/ {format_number(term.per or 1, language, digits=0)})"
