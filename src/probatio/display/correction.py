"""Corrected estimates beside the naive ones and the labelled sample alone, drawn from result rows only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probatio.display.rows import COLON, label_of, level_label, read_interval, source_label
from probatio.display.sentences import say
from probatio.display.style import GREY, INK, create_figure, create_notice, figure_style, source_colours, wrap_title
from probatio.display.table import Table, leave_repeated
from probatio.protocol import Correction, Language, Protocol
from probatio.results import Reason, Status, select_rows
from probatio.wording import EMPTY, format_number, format_percent, read_word

METHODS = (
    "reference_all", "labelled_only", "labelled_only_finite", "naive", "predict_then_debias",
    "predict_then_debias_bootstrap", "predict_then_debias_finite", "multiple_imputation", "multiple_imputation_finite",
    "mc_simex", "mc_simex_nondifferential_quadratic", "mc_simex_nondifferential_log_linear",
    "mc_simex_differential_quadratic", "mc_simex_differential_log_linear", "bias_analysis", "bias_analysis_labelled",
    "bias_analysis_declared",
)  # fmt: skip
ASSUMPTIONS = (
    "labelled_at_random", "known_probability", "positivity", "same_extractor", "not_used_for_tuning",
    "nondifferential_error", "enough_events",
)  # fmt: skip
OTHERS = ("prevalence", "rmst", "rmst_difference", "survival")
_TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8, 12)


def _select(rows: pd.DataFrame, correction: Correction) -> pd.DataFrame:
    return select_rows(rows, stratum_by="correction", stratum=correction.name)


def _list_terms(own: pd.DataFrame, metric: str = "hazard_ratio") -> list[tuple[str, str]]:
    found = select_rows(own, metric=metric)[["variable", "term"]].drop_duplicates()
    return [(str(variable), str(term)) for variable, term in found.itertuples(index=False, name=None)]


def _list_methods(own: pd.DataFrame, metric: str = "hazard_ratio") -> list[str]:
    seen = set(select_rows(own, metric=metric)["method"])
    return [method for method in METHODS if method in seen]


def _word_term(protocol: Protocol, variable: str, term: str, language: Language) -> str:
    if not variable:
        return read_word("figure", "overall", language)
    level = "" if term == "per 1" else term.partition("@")[0]
    label = label_of(protocol, variable, language)
    return f"{label}{COLON[language]}{level_label(protocol, variable, level, language)}" if level else label


def _word_method(method: str, language: Language) -> str:
    return read_word("correction", method, language)


def render_correction_forest(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw hazard ratios by method, a panel per coefficient; diamonds: corrected, hollow: for these very patients."""
    kept = select_rows(rows, metric="hazard_ratio", stratum_by="correction", status=Status.OK)
    shown = [each for each in protocol.corrections if len(_select(kept, each))]
    if not shown:
        return create_notice("correction", language)
    methods = [_list_methods(_select(kept, each)) for each in shown]
    terms = [_list_terms(_select(kept, each)) for each in shown]
    columns = max(len(each) for each in terms)
    heights = [0.75 + 0.24 * len(each) for each in methods]
    with figure_style():
        figure, axes = create_figure(sum(heights) + 0.2, rows=len(shown), columns=columns)
        for at, each in enumerate(shown):
            row = axes[at * columns : (at + 1) * columns]
            _draw_correction(
                row, _select(kept, each), methods[at], terms[at], each, protocol=protocol, language=language
            )
    return figure


def _draw_correction(
    axes: list[Axes], own: pd.DataFrame, methods: list[str], terms: list[tuple[str, str]], correction: Correction,
    *, protocol: Protocol, language: Language,
) -> None:  # fmt: skip
    for place, ax in enumerate(axes):
        if place >= len(terms):
            ax.axis("off")
            continue
        variable, term = terms[place]
        part = select_rows(own, variable=variable, term=term)
        ax.axvline(1, color=INK, linewidth=0.8)
        for at, method in enumerate(methods):
            _draw_line(ax, at, select_rows(part, method=method), _find_colour(method, correction, protocol))
        names = [_word_method(method, language) for method in methods] if place == 0 else [""] * len(methods)
        ax.set_yticks(range(len(methods)), names)
        ax.set_ylim(len(methods) - 0.4, -0.6)
        _set_ratio_axis(ax, own, language)
        source = source_label(protocol, correction.source, language)
        ax.set_title(f"{source}\n{wrap_title(_word_term(protocol, variable, term, language), len(axes) + 1)}")
        ax.set_xlabel(read_word("metric", "hazard_ratio", language))


def _find_colour(method: str, correction: Correction, protocol: Protocol) -> str:
    if method == "naive":
        return source_colours(protocol).get(correction.source, GREY)
    return INK if method.startswith(("reference", "labelled", "predict")) else GREY


def _draw_line(ax: Axes, at: int, row: pd.DataFrame, colour: str) -> None:
    if row.empty:
        return
    method = str(row["method"].iloc[0])
    face, mark = "white" if method.endswith("_finite") else colour, "D" if method.startswith("predict") else "o"
    ax.hlines(at, row["lower"], row["upper"], color=colour, linewidth=1.3)
    ax.plot(row["estimate"], [at], mark, markersize=4.2, color=colour, markerfacecolor=face)


def _set_ratio_axis(ax: Axes, own: pd.DataFrame, language: Language) -> None:
    ax.set_xscale("log")
    low, high = min(own["lower"].min(), 0.9), max(own["upper"].max(), 1.1)
    low, high = max(low, _TICKS[0]), min(high, _TICKS[-1])
    ticks = [tick for tick in _TICKS if low * 0.9 <= tick <= high * 1.1]
    ax.set_xlim(low * 0.92, high * 1.08)
    ax.set_xticks(ticks, [format_number(t, language, digits=0 if t >= 1 and t == int(t) else 1) for t in ticks])
    ax.minorticks_off()


def render_correction_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per correction, coefficient and method: patients, events, hazard ratio, and what is to be said beside."""
    body = []
    for correction in protocol.corrections:
        own = select_rows(_select(rows, correction), metric="hazard_ratio")
        for variable, term in _list_terms(own):
            for method in _list_methods(own):
                part = select_rows(own, variable=variable, term=term, method=method)
                names = [source_label(protocol, correction.source, language)]
                names += [_word_term(protocol, variable, term, language), _word_method(method, language)]
                counts = [_read_count(part, name) for name in ("n", "k")]
                body.append(
                    [*names, *counts, read_interval(part, "hazard_ratio", language), _read_remark(part, language)]
                )
    head = [read_word("column", name, language) for name in ("source", "term", "method", "n", "events")]
    head += [read_word("metric", "hazard_ratio", language), read_word("column", "remark", language)]
    return Table(head, leave_repeated(body, 2), "lllrrll", widths=(13, 18, 25, 6, 8, 17, 13))


def _read_count(part: pd.DataFrame, name: str) -> str:
    return EMPTY if part.empty or pd.isna(part[name].iloc[0]) else str(part[name].iloc[0])


def _read_remark(part: pd.DataFrame, language: Language) -> str:
    known = select_rows(part, status=Status.OK)
    reason = known["reason"].iloc[0] if len(known) else ""
    return read_word("reason", reason, language) if reason else ""


def render_corrected_numbers(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return every other number: labelled sample alone, source alone, corrected, and how much narrower it is."""
    body = []
    for correction in protocol.corrections:
        own = _select(rows, correction)
        for metric in OTHERS:
            found = select_rows(own, metric=metric, method="labelled_only")
            for line in found.sort_values(["at", "variable", "term"], kind="stable").to_dict("records"):
                key = {name: line[name] for name in ("variable", "term", "at")}
                part = select_rows(own, **key)
                names = [source_label(protocol, correction.source, language), _word_number(metric, line, language)]
                names += [_word_term(protocol, line["variable"], line["term"], language)]
                cells = [_read_number(select_rows(part, method=method), metric, language) for method in
                         ("labelled_only", "naive", "predict_then_debias")]  # fmt: skip
                body.append([*names, *cells, *_read_gain(part, metric, language)])
    columns = ("source", "number", "term", "labelled_alone", "naive", "corrected", "correlation", "relative_width")
    head = [read_word("column", name, language) for name in columns]
    return Table(head, leave_repeated(body, 2), "llllllrr", widths=(11, 14, 16, 15, 15, 15, 7, 7))


def _word_number(metric: str, line: dict[Any, Any], language: Language) -> str:
    name = read_word("metric", metric, language)
    return f"{name}, {format_number(float(line['at']), language, digits=0)}" if line["at"] else name


def _read_number(part: pd.DataFrame, metric: str, language: Language) -> str:
    percent = metric in ("prevalence", "survival")
    return read_interval(part, metric, language, percent=percent, digits=1 if percent else 0)


def _read_gain(part: pd.DataFrame, metric: str, language: Language) -> list[str]:
    texts = []
    for name, digits in (("influence_correlation", 2), ("relative_width", 2)):
        known = select_rows(part, metric=f"{metric}_{name}", status=Status.OK)
        texts.append(format_number(known["estimate"].iloc[0], language, digits=digits) if len(known) else EMPTY)
    return texts


def render_split_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return, where labelled patients are drawn repeatedly, mean, spread, width and coverage of each method."""
    body = []
    for correction in protocol.corrections:
        own = _select(rows, correction)
        for variable, term in _list_terms(own, "log_hazard_ratio_coverage"):
            part = select_rows(own, variable=variable, term=term)
            truth = _format(select_rows(part, metric="log_hazard_ratio", method="reference_all"), language)
            for method in _list_methods(part, "log_hazard_ratio_coverage"):
                mine = select_rows(part, method=method)
                values = [_format(select_rows(mine, metric=f"log_hazard_ratio_{name}"), language) for name in
                          ("mean", "spread", "width")]  # fmt: skip
                covered = read_interval(mine, "log_hazard_ratio_coverage", language, percent=True)
                names = [_word_term(protocol, variable, term, language), _word_method(method, language)]
                body.append([*names, truth, *values, covered])
    columns = ("term", "method", "reference_all", "split_mean", "split_spread", "split_width", "split_coverage")
    head = [read_word("column", name, language) for name in columns]
    return Table(head, body, "llrrrrl", widths=(20, 26, 10, 10, 10, 10, 14))


def _format(rows: pd.DataFrame, language: Language) -> str:
    known = select_rows(rows, status=Status.OK)
    return format_number(known["estimate"].iloc[0], language, digits=3) if len(known) else EMPTY


def render_assumption_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per correction what is assumed, and what the data say of it."""
    body = []
    for correction in protocol.corrections:
        own = select_rows(_select(rows, correction), metric="assumption")
        for name in ASSUMPTIONS:
            part = select_rows(own, term=name)
            if len(part):
                source = source_label(protocol, correction.source, language)
                body.append([source, read_word("assumption", name, language), *_read_answer(part, language)])
    head = [read_word("column", name, language) for name in ("source", "assumption", "data_say", "evidence")]
    return Table(head, body, "llll", widths=(16, 46, 22, 16))


def _read_answer(part: pd.DataFrame, language: Language) -> list[str]:
    row = part.iloc[0]
    if row["status"] != Status.OK:
        unknown = read_word("assumption", "unknown", language)
        return [f"{unknown} ({read_word('reason', row['reason'], language)})", ""]
    evidence = "" if pd.isna(row["k"]) else f"{row['k']}/{row['n']}"
    return [read_word("assumption", "against" if not row["estimate"] else "for", language), evidence]


def render_correction_text(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return the sentences of `describe_correction`, one a row, for a notebook."""
    sentences = describe_correction(rows, protocol, language=language)
    return Table([read_word("column", "in_words", language)], [[sentence] for sentence in sentences], "l")


def describe_correction(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say, per correction, what is assumed, then the three hazard ratios and what the source's data gain."""
    if not protocol.corrections:
        key = "no_correction_readings" if protocol.reference is None else "no_correction"
        return [say(key, language)]
    out: list[str] = []
    for correction in protocol.corrections:
        own = _select(rows, correction)
        out += _describe_assumptions(own, correction, protocol, language)
        for variable, term in _list_terms(own):
            out += _describe_term(select_rows(own, variable=variable, term=term), variable, term, protocol, language)
    return out


def _describe_assumptions(
    own: pd.DataFrame, correction: Correction, protocol: Protocol, language: Language
) -> list[str]:
    answered = select_rows(own, metric="assumption", status=Status.OK)
    if answered.empty:
        return []
    against = answered.loc[answered["estimate"] == 0, "term"]
    said = say("correction_assumes", language, correction=correction.label.read(language),
               source=source_label(protocol, correction.source, language))  # fmt: skip
    named = [read_word("assumption", name, language).lower() for name in ASSUMPTIONS if name in set(against)]
    key = "assumptions_against" if named else "assumptions_open"
    return [said, say(key, language, n=len(answered), of=len(ASSUMPTIONS), named=", ".join(named))]


def _describe_term(
    part: pd.DataFrame, variable: str, term: str, protocol: Protocol, language: Language
) -> Iterator[str]:
    ratios = {name: read_interval(select_rows(part, method=name), "hazard_ratio", language)
              for name in ("labelled_only", "naive", "predict_then_debias", "reference_all")}  # fmt: skip
    named = _word_term(protocol, variable, term, language)
    yield say("corrected", language, term=named, labelled=ratios["labelled_only"], naive=ratios["naive"],
              corrected=ratios["predict_then_debias"])  # fmt: skip
    width = select_rows(part, metric="log_hazard_ratio_relative_width", status=Status.OK)
    correlation = select_rows(part, metric="log_hazard_ratio_influence_correlation", status=Status.OK)
    if len(width) and len(correlation):
        none = width["reason"].iloc[0] == Reason.NO_GAIN
        narrower = format_percent(1 - width["estimate"].iloc[0], language, digits=0)
        shown = format_number(correlation["estimate"].iloc[0], language, digits=2)
        yield say("correction_no_gain" if none else "correction_gain", language, share=narrower, correlation=shown)
    yield from _describe_splits(part, ratios["reference_all"], language)


def _describe_splits(part: pd.DataFrame, truth: str, language: Language) -> Iterator[str]:
    held = select_rows(part, metric="log_hazard_ratio_coverage", method="predict_then_debias_finite", status=Status.OK)
    if held.empty:
        return
    widths = {name: _format(select_rows(part, metric="log_hazard_ratio_width", method=f"{name}_finite"), language)
              for name in ("labelled_only", "predict_then_debias")}  # fmt: skip
    yield say("correction_splits", language, splits=held["n"].iloc[0], truth=truth,
              coverage=read_interval(held, "log_hazard_ratio_coverage", language, percent=True),
              corrected=widths["predict_then_debias"], labelled=widths["labelled_only"])  # fmt: skip
