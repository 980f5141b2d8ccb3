"""What each analysis estimates and how its endpoint is made; who is analysed, and the flow between cohorts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from probatio.display.design import describe_term
from probatio.display.rows import COLON, label_of, level_label, source_label
from probatio.display.style import (
    GREY,
    INK,
    PALE,
    PALETTE,
    create_figure,
    create_notice,
    figure_style,
    wrap_title,
)
from probatio.display.table import Table, leave_repeated
from probatio.protocol import Analysis, Endpoint, EndpointRule, IntercurrentEvent, Language, Protocol
from probatio.protocol.endpoints import CUT_OFF, is_iso_date
from probatio.replication import EXCLUSIONS
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, format_number, format_percent, has_word, read_word

ATTRIBUTES = ("population", "treatment", "endpoint", "intercurrent_events", "summary")
"""The attributes of an estimand, in the order of ICH E9(R1), section A.3.3."""
_COLOURS = dict(zip(EXCLUSIONS, (PALE, *PALETTE[:2], PALETTE[4], PALETTE[3], PALETTE[5]), strict=True))
_HATCHES = dict(zip(EXCLUSIONS, ("", "", "////", "....", "xxxx", "\\\\\\\\"), strict=True))


def render_estimand_table(protocol: Protocol, *, language: Language, analysis: str = "") -> Table:
    """Return the estimand of each analysis, or of the one named: its attributes in rows.

    What the protocol does not declare as an estimand is told from its other declarations, and said to be; what they
    do not tell either is not declared.
    """
    body = []
    for each in protocol.analyses:
        if analysis in ("", each.name):
            names = [each.label.read(language), *[""] * (len(ATTRIBUTES) - 1)]
            texts = [_describe_attribute(each, name, protocol, language) for name in ATTRIBUTES]
            words = [read_word("estimand", name, language) for name in ATTRIBUTES]
            body += [list(line) for line in zip(names, words, texts, strict=True)]
    head = [read_word("column", name, language) for name in ("analysis", "attribute", "description")]
    return Table(head, body, "lll", widths=(20, 18, 62))


def _describe_attribute(analysis: Analysis, name: str, protocol: Protocol, language: Language) -> str:
    declared = getattr(analysis.estimand, name, None)
    if name == "intercurrent_events" and declared:
        return _semicolon(language).join(_describe_intercurrent(each, language) for each in declared)
    if declared:
        return str(declared.read(language))
    derived = _DERIVED[name](analysis, protocol, language)
    if not derived:
        return read_word("estimand", "not_declared", language)
    return f"{derived} ({read_word('estimand', 'derived', language)})"


def _describe_intercurrent(each: IntercurrentEvent, language: Language) -> str:
    strategy = read_word("strategy", each.strategy, language)
    how = f"{COLON[language]}{_lower(each.how.read(language))}" if each.how else ""
    return f"{each.event.read(language)} ({strategy}){how}"


def _semicolon(language: Language) -> str:
    return COLON[language].replace(":", ";")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _derive_population(analysis: Analysis, protocol: Protocol, language: Language) -> str:
    parts = [f"{label_of(protocol, name, language)}{COLON[language]}"
             f"{', '.join(level_label(protocol, name, level, language) for level in levels)}"
             for name, levels in analysis.population.items()]  # fmt: skip
    return _semicolon(language).join(parts) or read_word("figure", "cohort", language)


def _derive_treatment(analysis: Analysis, protocol: Protocol, language: Language) -> str:
    return describe_term(analysis.terms[0], protocol, language) if analysis.terms else ""


def _derive_endpoint(analysis: Analysis, protocol: Protocol, language: Language) -> str:
    return protocol.get_endpoint(analysis.endpoint).label.read(language)


def _derive_intercurrent(analysis: Analysis, protocol: Protocol, language: Language) -> str:
    endpoint = protocol.get_endpoint(analysis.endpoint)
    parts = [(rule, "while_on_treatment") for rule in endpoint.competing]
    parts += [(rule, "hypothetical") for rule in endpoint.censor_at]
    said = [f"{_word_rule(rule, protocol, language)} ({read_word('strategy', strategy, language)})"
            for rule, strategy in parts]  # fmt: skip
    return _semicolon(language).join(dict.fromkeys(said))


def _derive_summary(analysis: Analysis, protocol: Protocol, language: Language) -> str:
    competing = protocol.get_endpoint(analysis.endpoint).has_competing
    names = ["hazard_ratio"] if analysis.terms else []
    names += ["incidence"] if competing else ["restricted_mean"] if analysis.horizons else []
    return _semicolon(language).join(read_word("estimand", name, language) for name in names)


_DERIVED = {"population": _derive_population, "treatment": _derive_treatment, "endpoint": _derive_endpoint,
            "intercurrent_events": _derive_intercurrent, "summary": _derive_summary}  # fmt: skip


def render_endpoint_table(protocol: Protocol, *, language: Language) -> Table:
    """Return how each endpoint is made: origin, event, competing event, censoring, entry and cut-off."""
    body = []
    for endpoint in protocol.endpoints:
        start = endpoint.origin or endpoint.time
        ending = ([_list_rules(rules, protocol, language) for rules in
                   (endpoint.events, endpoint.competing, [*endpoint.censor_at, *endpoint.censoring])]
                  if endpoint.is_dated else _list_values(endpoint, protocol, language))  # fmt: skip
        body.append([endpoint.label.read(language), label_of(protocol, str(start), language), *ending,
                     _describe_limits(endpoint, protocol, language)])  # fmt: skip
    names = ("endpoint", "origin", "event", "competing_event", "censoring", "observed")
    return Table([read_word("column", name, language) for name in names], body, "llllll",
                 widths=(17, 15, 20, 15, 18, 15))  # fmt: skip


def _list_rules(rules: Sequence[EndpointRule], protocol: Protocol, language: Language) -> str:
    return _semicolon(language).join(dict.fromkeys(_word_rule(rule, protocol, language) for rule in rules)) or EMPTY


def _list_values(endpoint: Endpoint, protocol: Protocol, language: Language) -> list[str]:
    name = str(endpoint.event)
    event = f"{label_of(protocol, name, language)}{COLON[language]}"
    kinds = (endpoint.event_values, endpoint.competing_values)
    texts = [event + ", ".join(level_label(protocol, name, level, language) for level in levels) if levels else EMPTY
             for levels in kinds]  # fmt: skip
    return [*texts, read_word("ended_by", "censored", language)]


def _word_rule(rule: EndpointRule, protocol: Protocol, language: Language) -> str:
    return rule.label.read(language) if rule.label else label_of(protocol, rule.date, language)


def _describe_limits(endpoint: Endpoint, protocol: Protocol, language: Language) -> str:
    """Return since when patients are under observation and until when events count; a dash without limits."""
    entry, cut_off = endpoint.entry or endpoint.entry_time, endpoint.cut_off
    parts = (
        [f"{read_word('endpoint', 'from', language)} {_lower(label_of(protocol, entry, language))}"] if entry else []
    )
    if cut_off:
        until = cut_off if is_iso_date(cut_off) else _lower(label_of(protocol, cut_off, language))
        parts.append(f"{read_word('endpoint', 'until', language)} {until}")
    return ", ".join(parts) or EMPTY


def render_ended_by_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return what ended the follow-up of each source's own complete patients: a row per reason, n (%)."""
    own = _select_own(rows)
    names = [source.name for source in protocol.sources if source.name in set(own["source"])]
    names = names or [""]
    body: list[list[str]] = []
    for analysis in protocol.analyses:
        found = select_rows(own, analysis=analysis.name, metric="ended_by")
        endpoint = protocol.get_endpoint(analysis.endpoint)
        reasons = [reason for reason in endpoint.reasons if not found.empty]
        for reason in reasons:
            line = select_rows(found, term=reason)
            label = analysis.label.read(language) if reason == reasons[0] else ""
            cells = [_describe_share(select_rows(line, source=name), language) for name in names]
            body.append([label, _word_reason(endpoint, reason, protocol, language), *cells])
    head = [read_word("column", name, language) for name in ("analysis", "ended_by")]
    head += [source_label(protocol, name, language) if name else read_word("figure", "cohort", language)
             for name in names]  # fmt: skip
    width = 52 // len(names)
    return Table(head, body, "ll" + "r" * len(names), widths=(26, 22, *[width] * len(names)))


def _select_own(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of each source's own patients; an analysis without sources has one cohort only."""
    alone = (rows["stratum_by"] == "") & (rows["source"] == "")
    return rows[alone | (rows["stratum_by"] == "patients")]


def _word_reason(endpoint: Endpoint, reason: str, protocol: Protocol, language: Language) -> str:
    if has_word("ended_by", reason) and (reason == CUT_OFF or not endpoint.is_dated):
        return read_word("ended_by", reason, language)
    return next(_word_rule(rule, protocol, language) for rule in endpoint.rules if rule.reason == reason)


def _describe_share(found: pd.DataFrame, language: Language) -> str:
    if found.empty:
        return EMPTY
    row = found.iloc[0]
    if row["status"] != Status.OK or not row["n"]:
        return EMPTY
    share = format_percent(row["estimate"] / row["n"], language, digits=0)
    return f"{format_number(row['estimate'], language, digits=0)} ({share})"


def render_cohort_flow_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per analysis and source: patients the comparator analyses, those lost and gained, and why, the rest."""
    body = []
    for analysis, source, flow in _list_flows(rows, protocol):
        lost, gained = (_describe_reasons(flow, word, language) for word in ("lost", "gained"))
        totals = [_sum(flow, ("kept", "lost")), _sum(flow, ("kept",)), _sum(flow, ("kept", "gained"))]
        before, kept, after = (format_number(n, language, digits=0) for n in totals)
        body.append([analysis.label.read(language), source_label(protocol, source, language), before, lost, kept,
                     gained, after])  # fmt: skip
    names = ("analysis", "source", "n_comparator", "lost", "kept", "gained", "n_source")
    return Table([read_word("column", name, language) for name in names], leave_repeated(body), "llrlrlr",
                 widths=(22, 13, 9, 20, 9, 20, 9))  # fmt: skip


def _list_flows(rows: pd.DataFrame, protocol: Protocol) -> Iterator[tuple[Analysis, str, pd.DataFrame]]:
    """Yield each analysis and compared source with its flow, in the protocol's order."""
    flows = select_rows(rows, metric="cohort_flow", status=Status.OK)
    for analysis in protocol.analyses:
        for source in analysis.sources:
            found = select_rows(flows, analysis=analysis.name, source=source)
            if not found.empty:
                yield analysis, source, found


def _sum(flow: pd.DataFrame, words: Sequence[str]) -> float:
    return float(flow.loc[flow["term"].str.partition("_")[0].isin(words), "estimate"].sum())


def _describe_reasons(flow: pd.DataFrame, word: str, language: Language) -> str:
    counts = {name: _count(flow, f"{word}_{name}") for name in EXCLUSIONS}
    parts = [f"{read_word('exclusion', name, language)}{COLON[language]}{n:.0f}" for name, n in counts.items() if n]
    total = format_number(sum(counts.values()), language, digits=0)
    return f"{total} ({_semicolon(language).join(parts)})" if parts else total


def _count(flow: pd.DataFrame, term: str) -> float:
    return float(select_rows(flow, term=term)["estimate"].sum())


def render_cohort_flow_figure(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw the cohorts of each source and of the comparator: shared patients right of zero, those lost left of it.

    From the left end to the end of the grey bar lies the comparator's cohort, from zero to the right end the source's.
    """
    flows = list(_list_flows(rows, protocol))
    if not flows:
        return create_notice("cohort_flow", language)
    analyses = list(dict.fromkeys(analysis.name for analysis, _, _ in flows))
    sizes = [sum(analysis.name == name for analysis, _, _ in flows) for name in analyses]
    with figure_style():
        figure, axes = create_figure(0.9 + sum(0.34 * size + 0.55 for size in sizes), rows=len(analyses),
                                     ratios=[size + 0.4 for size in sizes], sharex=True)  # fmt: skip
        for ax, name in zip(axes, analyses, strict=True):
            own = [(analysis, source, flow) for analysis, source, flow in flows if analysis.name == name]
            _draw_panel(ax, own, protocol, language)
        axes[-1].set_xlabel(read_word("column", "patients", language))
        figure.legend(handles=_list_handles(flows, language), loc="outside lower left", ncols=3)
    return figure


def _draw_panel(
    ax: Axes, own: list[tuple[Analysis, str, pd.DataFrame]], protocol: Protocol, language: Language
) -> None:
    ax.set_title(wrap_title(own[0][0].label.read(language), 1))
    for at, (_, _, flow) in enumerate(own):
        kept = _count(flow, "kept")
        ax.barh(at, kept, color=GREY, height=0.62)
        _write(ax, kept / 2, at, kept, language, colour="white")
        for word, start, side in (("lost", 0.0, -1), ("gained", kept, 1)):
            sizes = [_count(flow, f"{word}_{name}") for name in EXCLUSIONS]
            for name, n, before in zip(EXCLUSIONS, sizes, np.cumsum([0, *sizes[:-1]]), strict=True):
                ax.barh(at, side * n, left=start + side * before, color=_COLOURS[name], hatch=_HATCHES[name],
                        edgecolor="white", linewidth=0, height=0.62)  # fmt: skip
            end = start + side * (sum(sizes) + 1.5)
            _write(ax, end, at, sum(sizes), language, sides="right" if side < 0 else "left")
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_yticks(range(len(own)), [source_label(protocol, source, language) for _, source, _ in own])
    ax.set_ylim(len(own) - 0.5, -0.5)
    ax.use_sticky_edges = False
    ax.margins(x=0.09)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_number(abs(value), language, digits=0)))


def _write(
    ax: Axes, x: float, at: float, n: float, language: Language, *, sides: str = "center", colour: str = INK
) -> None:
    if n:
        ax.text(x, at, format_number(n, language, digits=0), ha=sides, va="center", fontsize=8, color=colour)


def _list_handles(flows: list[tuple[Analysis, str, pd.DataFrame]], language: Language) -> list[Patch]:
    """Return a legend entry for the shared patients and for each reason that occurs."""
    seen = pd.concat([flow for _, _, flow in flows])
    handles = [Patch(facecolor=GREY, label=read_word("column", "kept", language))]
    for name in EXCLUSIONS:
        if _count(seen, f"lost_{name}") + _count(seen, f"gained_{name}"):
            word = read_word("exclusion", name, language)
            handles.append(Patch(facecolor=_COLOURS[name], hatch=_HATCHES[name], edgecolor="white", linewidth=0,
                                 label=f"{word[:1].upper()}{word[1:]}"))  # fmt: skip
    return handles
