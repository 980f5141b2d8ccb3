"""Centres and technologies compared, from released rows: under pseudonyms, for people."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probatio.display.rows import read_interval
from probatio.display.style import GREY, INK, PALETTE, create_figure, figure_style, set_percent_axis
from probatio.display.table import Table, leave_repeated
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, Language, format_number, has_word, read_word

_RATES = ("error_rate", "omission_rate", "unsupported_share", "missing_rate")
_BETWEEN = ("centre_median", "centre_sd", "prediction")


def name_source(source: str, language: Language) -> str:
    """Return the wording of a released source: a technology by its pseudonym, another one by its role."""
    if has_word("role", source):
        return read_word("role", source, language)
    kind, _, rest = source.partition("-")
    code, _, reviewed = rest.partition("-reviewed")
    word = read_word("benchmark", "technology", language) if kind == "technology" else kind
    tail = f", {read_word('benchmark', 'reviewed', language)}" if source.endswith("-reviewed") else reviewed
    return f"{word} {code}{tail}"


def render_benchmark_table(rows: pd.DataFrame, *, language: Language) -> Table:
    """Return one line per centre and source: values, patients, error, omission, unsupported, missing; others last."""
    lines = select_rows(rows, stratum_by="centre")
    lines = lines[lines["metric"].isin(_RATES)]
    body = []
    for centre in [*_list_centres(lines), ""]:
        for source in sorted(set(lines["source"])):
            own = select_rows(lines, stratum=centre, source=source)
            if own["estimate"].notna().any():
                rates = [read_interval(own, metric, language, percent=True) for metric in _RATES]
                name = centre or read_word("benchmark", "others", language)
                body.append([name, name_source(source, language), *_read_sizes(own, language), *rates])
    head = [read_word("column", name, language) for name in ("centre", "source", "values", "patients")]
    head += [read_word("metric", metric, language) for metric in _RATES]
    return Table(head, leave_repeated(body), "llrrllll", widths=(13, 15, 8, 8, 14, 14, 14, 14))


def _list_centres(lines: pd.DataFrame) -> list[str]:
    return sorted(set(lines["stratum"]) - {""})


def _read_sizes(own: pd.DataFrame, language: Language) -> list[str]:
    """Return values and patients of the error rate, or of another one where it has none."""
    known = own[own["n"].notna()].sort_values("metric", key=lambda names: names.map(_RATES.index), kind="stable")
    return [
        EMPTY if known.empty or pd.isna(known[name].iloc[0]) else format_number(known[name].iloc[0], language, digits=0)
        for name in ("n", "clusters")
    ]


def render_between_table(rows: pd.DataFrame, *, language: Language) -> Table:
    """Return one line per source and rate: the median centre, the spread between centres, a new centre."""
    body = []
    for source in sorted(set(rows["source"])):
        for metric in ("error_rate", "omission_rate"):
            own = select_rows(rows, source=source, stratum_by="")
            if len(select_rows(own, metric=f"centre_median_{metric}")):
                cells = [
                    read_interval(own, f"{name}_{metric}", language, percent=name != "centre_sd") for name in _BETWEEN
                ]
                body.append([name_source(source, language), read_word("metric", metric, language), *cells])
    head = [read_word("column", "source", language), read_word("column", "metric", language)]
    head += [
        read_word("metric", f"{name}_error_rate", language).partition(",")[2].strip().capitalize() for name in _BETWEEN
    ]
    return Table(head, body, "lllll", widths=(20, 14, 22, 22, 22))


def render_benchmark_figure(rows: pd.DataFrame, *, language: Language, metric: str = "error_rate") -> Figure | None:
    """Return each source's rates by centre, observed and shrunken; None where no centre can be compared."""
    lines = select_rows(rows, metric=metric, stratum_by="centre", status=Status.OK)
    centres, sources = _list_centres(lines), sorted(set(lines["source"]))
    if not centres:
        return None
    others = bool((lines["stratum"] == "").any())
    with figure_style():
        figure, axes = create_figure(
            1.3 + 0.24 * (len(centres) + 2 + others), columns=len(sources), sharey=True, sharex=True
        )
        for place, (ax, source) in enumerate(zip(axes, sources, strict=True)):
            _draw_source(ax, select_rows(rows, source=source), centres, metric, PALETTE[place % len(PALETTE)])
            ax.set_title(name_source(source, language).replace(" ", "\n", 1), fontsize=8)
            set_percent_axis(ax, language)
        names = [*centres, *([read_word("benchmark", "others", language)] if others else [])]
        names += [read_word("figure", name, language) for name in ("pooled_centre", "new_centre")]
        axes[0].set_yticks(range(len(names)), names)
        axes[0].set_ylim(len(names) - 0.4, -0.6)
        axes[0].set_xlim(left=0)
        figure.supxlabel(read_word("metric", metric, language), fontsize=8.5)
        handles, keys = axes[0].get_legend_handles_labels()
        names = [read_word("figure", key, language) for key in keys]
        figure.legend(handles, names, loc="outside upper right", ncols=2)
    return figure


def _draw_source(ax: Axes, rows: pd.DataFrame, centres: list[str], metric: str, colour: str) -> None:
    own = select_rows(rows, metric=metric, stratum_by="centre", status=Status.OK)
    shrunken = select_rows(rows, metric=f"shrunken_{metric}", status=Status.OK)
    at = [centres.index(name) if name else len(centres) for name in own["stratum"]]
    ax.hlines(at, own["lower"], own["upper"], color=GREY, linewidth=0.9)
    ax.plot(own["estimate"], at, "o", markersize=4, markerfacecolor="white", markeredgecolor=GREY, linestyle="none",
            label="observed")  # fmt: skip
    at = [centres.index(name) for name in shrunken["stratum"]]
    ax.plot(shrunken["estimate"], np.array(at), "o", color=colour, markersize=3.4, linestyle="none",
            label="shrunken")  # fmt: skip
    below = len(centres) + int((own["stratum"] == "").any())
    for place, name in enumerate(("centre_median", "prediction")):
        found = select_rows(rows, metric=f"{name}_{metric}", status=Status.OK)
        if len(found):
            row = found.iloc[0]
            ax.hlines(below + place, row["lower"], row["upper"], color=INK, linewidth=1.4,
                      linestyle="solid" if name == "centre_median" else (0, (3, 2)))  # fmt: skip
            if name == "centre_median":
                ax.plot(row["estimate"], below, "D", color=INK, markersize=4)
    ax.axhline(below - 0.5, color=GREY, linewidth=0.6)
    ax.grid(axis="x", color="#eeeeee", linewidth=0.6)
    ax.set_axisbelow(True)
