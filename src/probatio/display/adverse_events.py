"""Adverse events by source at worst grade, drawn from result rows only."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from probatio.display.descriptive import (
    describe_paired,
    read_count,
    read_rate,
    select_results,
    word_grade,
    word_tested,
)
from probatio.display.rows import level_label, read_interval, source_label
from probatio.display.sentences import say
from probatio.display.style import (
    GREY,
    INK,
    PALE,
    create_figure,
    create_notice,
    figure_style,
    set_percent_axis,
    source_colours,
    wrap_title,
)
from probatio.display.table import Table, leave_repeated
from probatio.protocol import Descriptive, Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, format_percent, read_word

_MARKS = "osD^vP"
_GRADES = (PALE, "#fee5d9", "#fcae91", "#fb6a4a", "#cb181d", "#67000d")
_DARK = 4  # from this grade on, white text reads better


def render_adverse_event_figure(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw the share of patients with each adverse event by source, a panel per threshold of grade.

    Points of all sources stand side by side on one line, on the patients that all share, with exact intervals.
    """
    results = [result for result in select_results(protocol, "incidence") if _has_rates(rows, result)]
    if not results:
        return create_notice("adverse_event_figure", language)
    result = results[0]
    own = select_rows(rows, analysis=result.name, metric="incidence", comparator="", stratum_by="", status=Status.OK)
    terms, grades = _order_terms(own, result), list(dict.fromkeys(["", *_list_grades(result)]))
    with figure_style():
        figure, axes = create_figure(1.1 + 0.36 * len(terms), columns=len(grades), sharey=True)
        for ax, grade in zip(axes, grades, strict=True):
            _draw_panel(ax, select_rows(own, at=grade), terms, protocol, result)
            ax.set_title(wrap_title(word_grade(grade, language), len(grades)))
            set_percent_axis(ax, language)
            ax.set_xlabel(read_word("figure", "share_of_patients", language))
        axes[0].set_yticks(range(len(terms)), [word_term(protocol, result, term, language) for term in terms])
        axes[0].set_ylim(len(terms) - 0.4, -0.6)
        figure.legend(handles=_list_handles(protocol, result, language), loc="outside lower center", ncols=4)
    return figure


def _has_rates(rows: pd.DataFrame, result: Descriptive) -> bool:
    return not select_rows(rows, analysis=result.name, metric="incidence", status=Status.OK).empty


def _list_grades(result: Descriptive) -> list[str]:
    return result.events.grades if result.events else []


def _order_terms(own: pd.DataFrame, result: Descriptive) -> list[str]:
    """Return all events together, then the terms from the most to the least frequent in the comparator."""
    base = select_rows(own, source=result.comparator or "", at="")
    terms = base[base["term"] != ""].sort_values(["estimate", "term"], ascending=[False, True], kind="stable")
    return ["", *terms["term"]]


def word_term(protocol: Protocol, result: Descriptive, term: str, language: Language) -> str:
    """Return the wording of an adverse event; "" is any of them."""
    if not term:
        return read_word("figure", "any_event", language)
    attribute = result.events.term if result.events else ""
    return level_label(protocol, f"{result.variable}.{attribute}", term, language)


def _draw_panel(ax: Axes, own: pd.DataFrame, terms: list[str], protocol: Protocol, result: Descriptive) -> None:
    colours, count = source_colours(protocol), len(result.sources)
    for rank, source in enumerate(result.sources):
        part = select_rows(own, source=source).set_index("term").reindex(terms)
        at = [place + (rank - (count - 1) / 2) * 0.66 / count for place in range(len(terms))]
        ax.hlines(at, part["lower"], part["upper"], color=colours[source], linewidth=0.9, alpha=0.6)
        ax.plot(part["estimate"], at, _MARKS[rank % len(_MARKS)], markersize=3.4, color=colours[source])
    for place in range(len(terms) - 1):
        ax.axhline(place + 0.5, color=GREY if place == 0 else PALE, linewidth=0.5)
    ax.set_xlim(left=-0.02 * ax.get_xlim()[1])
    ax.tick_params(axis="y", length=0)


def _list_handles(protocol: Protocol, result: Descriptive, language: Language) -> list[Line2D]:
    colours = source_colours(protocol)
    return [
        Line2D([], [], linestyle="", marker=_MARKS[rank % len(_MARKS)], markersize=4, color=colours[source],
               label=source_label(protocol, source, language))
        for rank, source in enumerate(result.sources)
    ]  # fmt: skip


def render_worst_grade_figure(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw each source's patients by the worst grade of any adverse event, as shares of the same patients."""
    results = [result for result in select_results(protocol, "incidence") if _has_rates(rows, result)]
    if not results:
        return create_notice("worst_grade_figure", language)
    result = results[0]
    own = select_rows(rows, analysis=result.name, metric="worst_grade_share", comparator="", stratum_by="",
                      status=Status.OK)  # fmt: skip
    grades = sorted(set(own["at"]), key=lambda grade: (grade != "none", grade))
    with figure_style():
        figure, (ax,) = create_figure(0.95 + 0.34 * len(result.sources))
        for place, source in enumerate(result.sources):
            _draw_stack(ax, place, select_rows(own, source=source).set_index("at")["estimate"], grades, language)
        ax.set_yticks(range(len(result.sources)), [source_label(protocol, name, language) for name in result.sources])
        ax.set_ylim(len(result.sources) - 0.4, -0.6)
        ax.set_xlim(0, 1)
        set_percent_axis(ax, language)
        ax.set_xlabel(read_word("figure", "share_of_patients", language))
        labels = [_word_worst(grade, language) for grade in grades]
        handles = [Patch(facecolor=_colour(rank), edgecolor=GREY, linewidth=0.5, label=label)
                   for rank, label in enumerate(labels)]  # fmt: skip
        figure.legend(handles=handles, loc="outside upper center", ncols=len(grades), columnspacing=1.0)
    return figure


def _draw_stack(ax: Axes, place: int, shares: pd.Series, grades: list[str], language: Language) -> None:
    left = 0.0
    for rank, grade in enumerate(grades):
        share = float(shares.get(grade, 0.0))
        ax.barh(place, share, left=left, height=0.66, color=_colour(rank), edgecolor=GREY, linewidth=0.5)
        if share > 0.045:
            text = format_percent(share, language, digits=0)
            ax.text(left + share / 2, place, text, ha="center", va="center", fontsize=7.5,
                    color="white" if rank >= _DARK else INK)  # fmt: skip
        left += share


def _colour(rank: int) -> str:
    return _GRADES[min(rank, len(_GRADES) - 1)]


def _word_worst(grade: str, language: Language) -> str:
    key = "no_event" if grade == "none" else "grade"
    return read_word("figure", key, language).format(grade=grade)


def render_adverse_event_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return the patients with each adverse event by source: of any grade, from each threshold on, serious; n (%)."""
    results = select_results(protocol, "incidence")
    sources = list(dict.fromkeys(source for result in results for source in result.sources))
    body: list[list[str]] = []
    for result in results:
        own = select_rows(rows, analysis=result.name, comparator="", stratum_by="")
        rates = select_rows(own, metric=["incidence", "serious_incidence"])
        if select_rows(rates, status=Status.OK).empty:
            continue
        counted = select_rows(rates, metric="incidence", term="", at="")
        treated = [read_count(select_rows(counted, source=source)) for source in sources]
        body.append([read_word("figure", "treated_patients", language), *treated])
        for term in _order_terms(select_rows(rates, metric="incidence"), result):
            body += _describe_term(select_rows(rates, term=term), protocol, result, term, (sources, language))
    head = [read_word("column", "adverse_event", language)]
    head += [source_label(protocol, source, language) for source in sources]
    return Table(head, body, "l" + "r" * len(sources), widths=(34, *[66 // max(len(sources), 1)] * len(sources)))


def _describe_term(
    own: pd.DataFrame, protocol: Protocol, result: Descriptive, term: str, shown: tuple[list[str], Language]
) -> Iterator[list[str]]:
    sources, language = shown
    lines = [("incidence", grade, word_grade(grade, language)) for grade in _list_grades(result)]
    lines += [("serious_incidence", "", read_word("figure", "serious", language))]
    name = word_term(protocol, result, term, language)
    for metric, grade, word in [("incidence", "", name), *((m, g, f"\u2003{w}") for m, g, w in lines)]:
        part = select_rows(own, metric=metric, at=grade)
        if len(part):
            yield [word, *(_read_share(select_rows(part, source=source), language) for source in sources)]


def _read_share(own: pd.DataFrame, language: Language) -> str:
    if own.empty:
        return ""
    row = own.iloc[0]
    if row["status"] != Status.OK:
        return EMPTY
    return f"{row['k']} ({format_percent(row['estimate'], language)})"


def render_adverse_event_difference_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per event and source the paired difference of incidence: any grade and each threshold, then serious."""
    body = [
        line
        for result in select_results(protocol, "incidence")
        for line in _list_differences(rows, protocol, result, language)
    ]
    names = ("adverse_event", "grade", "source", "estimate", "differing", "difference", "margin", "verdict")
    head = [read_word("column", name, language) for name in names]
    head[5] = word_tested(protocol, language)
    return Table(head, leave_repeated(body, 2), "lllrrlll", widths=(18, 13, 14, 17, 9, 19, 8, 13))


def _list_differences(
    rows: pd.DataFrame, protocol: Protocol, result: Descriptive, language: Language
) -> Iterator[list[str]]:
    same = select_rows(rows, analysis=result.name, stratum_by="", term="")
    kinds = [("incidence", grade, word_grade(grade, language)) for grade in ("", *_list_grades(result))]
    kinds += [("serious_incidence", "", read_word("figure", "serious", language))]
    name = result.label.read(language)
    for metric, grade, word in kinds:
        for source in result.sources:
            own = select_rows(same, source=source, at=grade)
            if len(select_rows(own, metric=metric)):
                cells = [name, word, source_label(protocol, source, language), read_rate(own, metric, language)]
                yield [*cells, *describe_paired(own, metric, protocol, result, language)]


def describe_adverse_events(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say what each source's incidence takes for granted, then for how many patients the worst grade changes."""
    out: list[str] = []
    for result in select_results(protocol, "incidence"):
        out += _say_counts(rows, protocol, result, language)
        worst = select_rows(rows, analysis=result.name, term="worst_grade", stratum_by="")
        changed = select_rows(worst, metric="changed_rate", status=Status.OK)
        ordered = changed.sort_values("source", key=lambda names: names.map(result.sources.index), kind="stable")
        for row in ordered.to_dict("records"):
            own = select_rows(worst, source=row["source"])
            counts = {key: read_count(select_rows(own, metric=f"{key}_rate"), "k") for key in ("higher", "lower")}
            out.append(say("worst_grade", language, source=source_label(protocol, row["source"], language),
                           comparator=source_label(protocol, row["comparator"], language),
                           k=row["k"], n=row["n"], **counts,
                           kappa=read_interval(own, "kappa_linear", language)))  # fmt: skip
    return out


def _say_counts(rows: pd.DataFrame, protocol: Protocol, result: Descriptive, language: Language) -> Iterator[str]:
    counts = select_rows(rows, analysis=result.name, metric="count", status=Status.OK)
    for source in result.sources:
        own = select_rows(counts, source=source).set_index("term")
        if own.empty:
            continue
        shown = {term: str(own.loc[term, "k"]) for term in ("treated", "events", "without_grade", "not_documented")}
        outside, total = (str(own.loc["outside_window", "k"]) if "outside_window" in own.index else "0",
                          str(own.loc["events", "n"]))  # fmt: skip
        yield say("event_counts", language, source=source_label(protocol, source, language), outside=outside,
                  total=total, **shown)  # fmt: skip
