"""Agreement of readers, of runs of one technology, and delays, drawn from result rows only."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probatio.display.rows import drop_attributes, label_of, read_interval, select_reporting, source_label, stack_names
from probatio.display.style import INK, create_figure, create_notice, figure_style, set_percent_axis, source_colours
from probatio.display.table import Table
from probatio.protocol import Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, format_number, read_word

ALPHA = "krippendorff_alpha"
_TEAMS = ("human", "all", "human_human", "ai_human", "ai_ai")
_SCALES = ("ordinal", "interval", "nominal")
_MARKS = "osD^vP"
_TALLEST = 8.2  # inches: a page of the thesis with its caption
_DELAYS = ("delay_median", "delay_quartile_1", "delay_quartile_3")


def _select_alpha(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one alpha per variable and team: the level of measurement that uses most of the scale."""
    alpha = select_rows(rows, metric=ALPHA, at=list(_SCALES))
    ranked = alpha.assign(rank=alpha["at"].map({name: at for at, name in enumerate(_SCALES)}))
    ranked = ranked.sort_values("rank", kind="stable")
    return ranked.drop_duplicates(["variable", "term", "source", "comparator"]).drop(columns="rank")


def _list_readers(rows: pd.DataFrame, protocol: Protocol) -> list[tuple[str, str, str, str]]:
    """Return variable, team, source and comparator, humans first, in the protocol's order."""
    found = _select_alpha(rows)[["variable", "term", "source", "comparator"]]
    names = {name: rank for rank, name in enumerate(stack_names(found, protocol))}
    ranks = {source.name: rank for rank, source in enumerate(protocol.sources)}
    lines = [(str(v), str(t), str(s), str(c)) for v, t, s, c in found.itertuples(index=False, name=None)]
    return sorted(lines, key=lambda x: (names[x[0]], _TEAMS.index(x[1]), ranks.get(x[2], -1), ranks.get(x[3], -1)))


def _name_team(protocol: Protocol, team: str, source: str, comparator: str, language: Language) -> str:
    if not source:
        return read_word("readers", team, language)
    return " – ".join(source_label(protocol, name, language) for name in (source, comparator))


def render_readers_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per variable and group of readers: cells read by two or more, alpha, and the nominal coefficients."""
    alpha = _select_alpha(rows)
    body = []
    for variable, team, source, comparator in _list_readers(rows, protocol):
        key = {"variable": variable, "term": team, "source": source, "comparator": comparator}
        mine = select_rows(rows, **key)
        first = select_rows(alpha, **key)
        n = first["n"].iloc[0]
        cells = [read_interval(first, ALPHA, language, digits=2)]
        cells += [read_interval(mine, metric, language, digits=2) for metric in ("fleiss_kappa", "multi_ac1")]
        who = _name_team(protocol, team, source, comparator, language)
        body.append([label_of(protocol, variable, language), who, EMPTY if pd.isna(n) else str(n), *cells])
    head = [read_word("column", name, language) for name in ("variable", "readers", "cells")]
    head += [read_word("metric", metric, language) for metric in (ALPHA, "fleiss_kappa", "multi_ac1")]
    return Table(head, body, "llrlll", widths=(22, 24, 8, 16, 15, 15))


def render_readers_forest(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw alpha of human against human beside AI against human, variable by variable."""
    alpha = select_rows(_select_alpha(rows), term=["human_human", "ai_human"], status=Status.OK)
    if alpha.empty:
        return create_notice("readers", language)
    names = stack_names(alpha, protocol)
    pairs = sorted({(t, s, c) for t, s, c in zip(alpha["term"], alpha["source"], alpha["comparator"], strict=True)})
    pairs = sorted(pairs, key=lambda pair: _TEAMS.index(pair[0]))
    with figure_style():
        figure, (ax,) = create_figure(min(_TALLEST, max(1.8, 1.2 + (0.09 + 0.034 * len(pairs)) * len(names))))
        for rank, (team, source, comparator) in enumerate(pairs):
            own = (
                select_rows(alpha, term=team, source=source, comparator=comparator).set_index("variable").reindex(names)
            )
            at = [i + (rank - (len(pairs) - 1) / 2) * 0.7 / len(pairs) for i in range(len(names))]
            colour = INK if team == "human_human" else source_colours(protocol)[source]
            label = _name_team(protocol, team, source, comparator, language)
            _draw_points(ax, own.assign(at=at), colour, _MARKS[rank % len(_MARKS)], label)
        ax.set_yticks(range(len(names)), [label_of(protocol, name, language) for name in names])
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.axvline(0, color=INK, linewidth=0.6)
        ax.set_xlabel(read_word("metric", ALPHA, language))
        ax.xaxis.set_major_formatter(lambda value, _: format_number(value, language, digits=1))
        figure.legend(loc="outside lower center", ncols=2)
    return figure


def _draw_points(ax: Axes, own: pd.DataFrame, colour: str, mark: str, label: str) -> None:
    ax.hlines(own["at"], own["lower"], own["upper"], color=colour, linewidth=1.1)
    ax.plot(own["estimate"], own["at"], mark, color=colour, markersize=3.5, label=label, linestyle="none")


def render_repeatability_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per variable and run: agreement with the leading run and the changes of error and omission."""
    overall = select_reporting(rows)
    metrics = ("repeat_agreement_rate", "error_change", "omission_change")
    overall = overall[overall["metric"].isin(metrics)]
    found = overall[["variable", "source", "comparator"]].drop_duplicates()
    names = {name: rank for rank, name in enumerate(stack_names(found, protocol))}
    body = []
    for variable, source, lead in sorted(found.itertuples(index=False, name=None), key=lambda x: (names[x[0]], x[1:])):
        own = select_rows(overall, variable=variable, source=source, comparator=lead)
        cells = [read_interval(own, metrics[0], language, percent=True)]
        cells += [read_interval(own, metric, language, percent=True, sign=True) for metric in metrics[1:]]
        who = [source_label(protocol, name, language) for name in (source, lead)]
        body.append([label_of(protocol, variable, language), *who, *cells])
    head = [read_word("column", name, language) for name in ("variable", "source", "comparator")]
    return Table([*head, *(read_word("metric", metric, language) for metric in metrics)], body, "llllll",
                 widths=(20, 14, 14, 17, 17, 18))  # fmt: skip


def render_change_forest(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw how much more or less each further run or version errs than the leading one, variable by variable."""
    changes = select_rows(select_reporting(rows), metric="error_change", status=Status.OK)
    changes = drop_attributes(changes[changes["variable"] != ""])
    if changes.empty:
        return create_notice("changes", language)
    names = stack_names(changes, protocol)
    runs = [source for source in protocol.sources if source.name in set(changes["source"])]
    with figure_style():
        figure, (ax,) = create_figure(min(_TALLEST, max(1.8, 1.2 + (0.12 + 0.07 * len(runs)) * len(names))))
        for rank, run in enumerate(runs):
            own = select_rows(changes, source=run.name).drop_duplicates("variable").set_index("variable").reindex(names)
            at = [i + (rank - (len(runs) - 1) / 2) * 0.6 / len(runs) for i in range(len(names))]
            leading = source_label(protocol, str(own["comparator"].dropna().iloc[0]), language)
            label = f"{run.label.read(language)} − {leading}"
            _draw_points(ax, own.assign(at=at), source_colours(protocol)[run.name], _MARKS[rank % len(_MARKS)], label)
        ax.axvline(0, color=INK, linewidth=0.8)
        ax.set_yticks(range(len(names)), [label_of(protocol, name, language) for name in names])
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.set_xlabel(read_word("metric", "error_change", language))
        set_percent_axis(ax, language, sign=True)
        figure.legend(loc="outside lower center", ncols=2)
    return figure


def render_timeliness_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per source: delays of its patients, values available in time, minutes and euros per correct value."""
    body = []
    effort = ("minutes_per_correct_value", "euros_per_correct_value")
    for source in protocol.sources:
        own = select_rows(rows, source=source.name)
        if own.empty:
            continue
        delays = [read_interval(own, metric, language, digits=0) for metric in _DELAYS]
        cells = [read_interval(own, metric, language, digits=2) for metric in effort]
        within = read_interval(own, "delay_within", language, percent=True)
        body.append([source.label.read(language), *delays, within, *cells])
    head = [read_word("column", "source", language)]
    head += [read_word("metric", metric, language) for metric in (*_DELAYS, "delay_within", *effort)]
    return Table(head, body, "lllllll", widths=(14, 15, 14, 14, 15, 14, 14))
