"""Tables of differential and dependent error, drawn from result rows only."""

from __future__ import annotations

import pandas as pd

from probatio.display.rows import label_of, level_label, read_interval, source_label, stack_names
from probatio.display.table import Table
from probatio.protocol import Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, format_percent, read_word

MOST_PAIRS = 15


def render_differential_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return, where a source and variable carry the warning: each factor with its rates, difference and adjusted p."""
    warned = select_rows(rows, metric="differential_error", estimate=1.0)
    body = []
    for source, variable, analysis in _list_warned(warned, protocol):
        own = select_rows(rows, source=source, variable=variable, analysis=analysis)
        tests = select_rows(own, metric="differential_error_p_holm")
        for term, factor in zip(tests["term"], tests["stratum_by"], strict=True):
            part = select_rows(own, term=term, stratum_by=factor)
            names = [label_of(protocol, variable, language), source_label(protocol, source, language)]
            names += [_name_analysis(protocol, analysis, language), _name_factor(protocol, term, factor, language)]
            rates = _read_rates(part, protocol, factor, language)
            difference = read_interval(part, "differential_error_difference", language, percent=True, sign=True)
            body.append([*names, rates, difference, read_interval(part, tests["metric"].iloc[0], language, digits=3)])
    head = [read_word("column", name, language) for name in ("variable", "source", "analysis", "factor", "rates")]
    head += [read_word("metric", f"differential_error_{name}", language) for name in ("difference", "p_holm")]
    return Table(head, body, "lllllll", widths=(15, 12, 15, 14, 20, 14, 10))


def render_warning_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return, per analysis, term and source, whether errors are differential, and tied to those of other variables.

    Args:
        rows: of `measures.differential.select_warnings`, alone or among others.
        protocol: the study's protocol.
        language: of the words.
    """
    warned = select_rows(rows[rows["analysis"] != ""], metric=["differential_error", "dependent_error"])
    body = []
    for source, variable, analysis in _list_warned(warned, protocol):
        own = select_rows(warned, source=source, variable=variable, analysis=analysis)
        said = [_read_warning(select_rows(own, metric=m), language) for m in ("differential_error", "dependent_error")]
        names = [label_of(protocol, variable, language), source_label(protocol, source, language)]
        body.append([_name_analysis(protocol, analysis, language), *names, *said])
    head = [read_word("column", name, language) for name in ("analysis", "variable", "source")]
    head += [read_word("metric", metric, language) for metric in ("differential_error", "dependent_error")]
    return Table(head, body, "lllll", widths=(34, 18, 16, 16, 16))


def _read_warning(rows: pd.DataFrame, language: Language) -> str:
    """Return yes or no with the tests behind it, or why there is no answer."""
    if rows.empty:
        return EMPTY
    row = rows.iloc[0]
    if row["status"] != Status.OK:
        return read_word("reason", row["reason"], language)
    return f"{read_word('factor', 'yes' if row['estimate'] else 'no', language)} ({row['k']}/{row['n']})"


def _list_warned(warned: pd.DataFrame, protocol: Protocol) -> list[tuple[str, str, str]]:
    names = {name: rank for rank, name in enumerate(stack_names(warned, protocol))}
    ranks = {source.name: rank for rank, source in enumerate(protocol.sources)}
    lines = set(zip(warned["source"], warned["variable"], warned["analysis"], strict=True))
    return sorted(lines, key=lambda x: (names[x[1]], ranks[x[0]], x[2]))


def _name_analysis(protocol: Protocol, analysis: str, language: Language) -> str:
    return next((each.label.read(language) for each in protocol.analyses if each.name == analysis), EMPTY)


def _name_factor(protocol: Protocol, term: str, factor: str, language: Language) -> str:
    if term == "outcome":
        return protocol.get_endpoint(factor).label.read(language)
    if term == "exposure":
        return read_word("factor", "exposure", language)
    return read_word("column", "centre", language) if factor == "centre" else label_of(protocol, factor, language)


def _read_rates(part: pd.DataFrame, protocol: Protocol, factor: str, language: Language) -> str:
    """Return the rate of each level of a short factor; of a long one, how many levels there are."""
    rates = select_rows(part, metric="differential_error_rate", status=Status.OK)
    if len(rates) > 4:
        return read_word("factor", "levels", language).format(n=len(rates))
    texts = []
    for level, estimate in zip(rates["stratum"], rates["estimate"], strict=True):
        named = level_label(protocol, factor.partition(".")[0], level, language)
        if part["term"].iloc[0] == "outcome":
            named = read_word("factor", level, language)
        texts.append(f"{named} {format_percent(estimate, language, digits=0)}")
    return "; ".join(texts)


def render_dependence_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return the pairs of variables whose errors go together most, by absolute phi, over all sources."""
    phi = select_rows(rows, metric="error_phi", status=Status.OK)
    ranked = phi.assign(rank=-phi["estimate"].abs())
    ranked = ranked.sort_values(["rank", "source", "variable", "term"], kind="stable").head(MOST_PAIRS)
    body = []
    for line in ranked.to_dict("records"):
        key = {name: line[name] for name in ("source", "variable", "term")}
        names = [label_of(protocol, line[name], language) for name in ("variable", "term")]
        shown = read_interval(select_rows(ranked, **key), "error_phi", language, digits=2)
        body.append([source_label(protocol, line["source"], language), *names, str(line["n"]), str(line["k"]), shown])
    head = [read_word("column", name, language) for name in ("source", "variable", "other_variable", "patients")]
    head += [read_word("column", "both_wrong", language), read_word("metric", "error_phi", language)]
    return Table(head, body, "lllrrl", widths=(16, 24, 24, 10, 10, 20))
