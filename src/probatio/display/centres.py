"""Figures and tables of differences between centres, drawn from result rows only."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probatio.display.rows import (
    label_of,
    level_label,
    list_pairs,
    read_interval,
    read_n,
    source_label,
    stack_names,
)
from probatio.display.style import (
    GREY,
    INK,
    create_figure,
    create_notice,
    figure_style,
    set_percent_axis,
    source_colours,
    wrap_title,
)
from probatio.display.table import Table
from probatio.protocol import Language, Protocol
from probatio.results import Reason, Status, select_rows
from probatio.wording import EMPTY, read_word

_PRIMARY = "binomial_normal"
_CAUTION = "†"
_CASE_MIX = ("error_rate", "omission_rate", "unsupported_share")


def render_centre_forest(
    rows: pd.DataFrame,
    protocol: Protocol,
    *,
    language: Language,
    variable: str | None = None,
    stratum: str | None = None,
    metric: str = "error_rate",
) -> Figure:
    """Draw each centre's rate, observed and shrunken, then the median centre and the range for a new one.

    A panel per source. Without a variable, the one whose centres differ most (largest lower bound of the
    standard deviation, then estimate). Suppressed centres are left out.

    Args:
        rows: result rows of `estimate_heterogeneity`.
        protocol: labels and colours.
        language: of the words.
        variable: name of a variable.
        stratum: the level within which centres are nested; empty where they are not. Without one, the level that
            has the most centres.
        metric: error_rate or omission_rate.
    """
    stratum = _find_widest(rows, metric) if stratum is None else stratum
    shrunken = select_rows(rows, metric=f"shrunken_{metric}", term=stratum, status=Status.OK)
    if shrunken.empty:
        return create_notice("centre_forest", language)
    chosen = variable or find_most_varied(rows, metric, stratum)
    shrunken = select_rows(shrunken, variable=chosen)
    sources = [source.name for source in protocol.sources if source.name in set(shrunken["source"])]
    if not sources:
        return create_notice("centre_forest", language)
    centres = sorted(set(shrunken["stratum"]))
    with figure_style():
        figure, axes = create_figure(1.5 + 0.2 * (len(centres) + 2), columns=len(sources), sharey=True)
        for ax, source in zip(axes, sources, strict=True):
            colour = source_colours(protocol)[source]
            _draw_centres(ax, select_rows(shrunken, source=source), centres, colour, language)
            pooled = select_primary(select_rows(rows, variable=chosen, source=source, stratum=stratum))
            _draw_pooled(ax, pooled, metric, len(centres), colour)
            ax.set_title(wrap_title(source_label(protocol, source, language), len(sources)))
            set_percent_axis(ax, language)
            ax.set_xlim(left=0)
        named = _name_within(rows, chosen, stratum, protocol, language)
        _label_axes(axes, centres, named, metric, language)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def _find_widest(rows: pd.DataFrame, metric: str) -> str:
    """Return the stratum whose centres are most; "" where they are not nested."""
    shrunken = select_rows(rows, metric=f"shrunken_{metric}", status=Status.OK)
    counts = shrunken.groupby("term")["stratum"].nunique().sort_index()
    return str(counts.idxmax()) if len(counts) else ""


def _name_within(rows: pd.DataFrame, variable: str, stratum: str, protocol: Protocol, language: Language) -> str:
    """Return a variable's label, with the stratum within which its centres are compared."""
    label = label_of(protocol, variable, language)
    if not stratum:
        return label
    by = select_rows(rows, metric="design_nested", reason=Reason.NESTED_CENTRES)["stratum_by"]
    return f"{label}, {level_label(protocol, str(by.iloc[0]), stratum, language) if len(by) else stratum}"


def find_most_varied(rows: pd.DataFrame, metric: str, stratum: str, *, within: Collection[str] | None = None) -> str:
    """Return the variable whose centres differ most, out of those whose centres are drawn and that lie `within`."""
    shown = set(select_rows(rows, metric=f"shrunken_{metric}", term=stratum, status=Status.OK)["variable"])
    shown &= set(within or shown)
    spread = select_rows(rows, metric=f"centre_sd_{metric}", status=Status.OK, stratum=stratum, variable=shown)
    ordered = spread.sort_values(["lower", "estimate", "variable"], ascending=[False, False, True], kind="stable")
    return str(ordered["variable"].iloc[0]) if len(ordered) else sorted(shown)[0]


def select_primary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the primary model, and those that no model made."""
    return rows[rows["method"].str.startswith(_PRIMARY) | rows["method"].eq("")]


def _draw_centres(ax: Axes, own: pd.DataFrame, centres: list[str], colour: str, language: Language) -> None:
    at = [centres.index(name) for name in own["stratum"]]
    ax.hlines(at, own["lower"], own["upper"], color=colour, linewidth=1.2)
    ax.plot(own["k"].astype(float) / own["n"].astype(float), at, "o", markersize=4, markerfacecolor="white",
            markeredgecolor=GREY, linestyle="none", label=read_word("figure", "observed", language))  # fmt: skip
    ax.plot(own["estimate"], at, "o", color=colour, markersize=4, label=read_word("figure", "shrunken", language))
    ax.grid(axis="x", color="#eeeeee", linewidth=0.6)
    ax.set_axisbelow(True)


def _draw_pooled(ax: Axes, pooled: pd.DataFrame, metric: str, below: int, colour: str) -> None:
    """Draw the median centre with its interval as a diamond, and the prediction as a dashed line."""
    for place, name in enumerate(("centre_median", "prediction")):
        found = select_rows(pooled, metric=f"{name}_{metric}", status=Status.OK)
        if found.empty:
            ax.annotate(EMPTY, (0.02, below + place), xycoords=("axes fraction", "data"), va="center", color=GREY)
            continue
        row = found.iloc[0]
        style = "solid" if name == "centre_median" else (0, (3, 2))
        ax.hlines(below + place, row["lower"], row["upper"], color=INK, linewidth=1.6, linestyle=style)
        if name == "centre_median":
            ax.plot(row["estimate"], below, "D", color=INK, markersize=5)
            ax.axvline(row["estimate"], color=colour, linewidth=0.7, linestyle=(0, (1, 2)))


def _label_axes(axes: list[Axes], centres: list[str], label: str, metric: str, language: Language) -> None:
    last = [read_word("figure", name, language) for name in ("pooled_centre", "new_centre")]
    axes[0].set_yticks(range(len(centres) + 2), [*centres, *last])
    axes[0].set_ylim(len(centres) + 1.6, -0.6)
    for ax in axes:
        ax.axhline(len(centres) - 0.5, color=GREY, linewidth=0.6)
    axes[len(axes) // 2].set_xlabel(f"{label} · {read_word('metric', metric, language)}")


def render_heterogeneity_table(
    rows: pd.DataFrame, protocol: Protocol, *, language: Language, metric: str = "error_rate"
) -> Table:
    """Return per variable and source: centres, median centre, standard deviation, new centre, worst centre.

    Where centres are nested in a stratum there is a line for each stratum. A dagger marks an interval that may
    fall short of its level because events are few.
    """
    body = []
    primary = select_primary(rows)
    for variable, source, stratum in list_lines(primary, protocol, metric):
        own = select_rows(primary, variable=variable, source=source, stratum=stratum)
        named = [label_of(protocol, variable, language), source_label(protocol, source, language)]
        group = own["stratum_by"].iloc[0]
        named.append(level_label(protocol, group, stratum, language) if stratum else EMPTY)
        cells = [read_cautious(own, f"centre_median_{metric}", language, percent=True)]
        cells.append(read_cautious(own, f"centre_sd_{metric}", language, percent=False))
        cells.append(read_cautious(own, f"prediction_{metric}", language, percent=True))
        worst = select_rows(rows, variable=variable, source=source, stratum_by="centre")
        body.append(
            [*named, read_centres(own, metric), *cells, _read_worst(worst, f"worst_stratum_{metric}", language)]
        )
    metrics = [f"{name}_{metric}" for name in ("centre_median", "centre_sd", "prediction", "worst_stratum")]
    head = [read_word("column", name, language) for name in ("variable", "source", "group", "centre")]
    head += [read_word("metric", name, language) for name in metrics]
    return Table(head, body, "lllrllll", widths=(17, 11, 9, 7, 14, 14, 14, 14))


def render_case_mix_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return error, omission and unsupported rates within each level of the case mix in which centres are nested.

    Empty where no attribute of `stratify_by` nests the centres: their rates may then be compared as they are.
    """
    nested = select_rows(rows, metric="design_nested", reason=Reason.NESTED_CENTRES)["stratum_by"]
    body = []
    for attribute in nested:
        strata = select_rows(rows, stratum_by=attribute)
        for source, comparator, variable in list_pairs(strata, "error_rate", protocol):
            own = select_rows(strata, source=source, comparator=comparator, variable=variable)
            names = [label_of(protocol, variable, language), source_label(protocol, source, language)]
            for stratum in sorted(set(select_rows(own, metric="error_rate")["stratum"])):
                part = select_rows(own, stratum=stratum)
                cells = [read_interval(part, name, language, percent=True) for name in _CASE_MIX]
                group = level_label(protocol, attribute, stratum, language)
                body.append([*names, group, read_n(part, "error_rate"), *cells])
    head = [read_word("column", name, language) for name in ("variable", "source", "group", "n")]
    head += [read_word("metric", name, language) for name in _CASE_MIX]
    return Table(head, body, "lllrlll", widths=(19, 14, 10, 6, 17, 17, 17))


def list_lines(rows: pd.DataFrame, protocol: Protocol, metric: str) -> Iterator[tuple[str, str, str]]:
    """Yield variable, source and stratum (empty: none) of the median centre's rows, in the protocol's order."""
    found = select_rows(rows, metric=f"centre_median_{metric}")
    for variable in stack_names(found, protocol):
        for source in protocol.sources:
            own = select_rows(found, variable=variable, source=source.name)
            for stratum in sorted(set(own["stratum"])):
                yield variable, source.name, stratum


def read_cautious(own: pd.DataFrame, metric: str, language: Language, *, percent: bool) -> str:
    """Return `estimate [lower; upper]`, with a dagger where events are few."""
    text = read_interval(own, metric, language, percent=percent)
    caution = (select_rows(own, metric=metric)["reason"] == Reason.FEW_EVENTS_CAUTION).any()
    return f"{text} {_CAUTION}" if caution else text


def read_centres(own: pd.DataFrame, metric: str) -> str:
    """Return how many centres the model had; a dash where there is none."""
    found = select_rows(own, metric=f"centre_median_{metric}")["clusters"]
    return EMPTY if found.empty or pd.isna(found.iloc[0]) else str(found.iloc[0])


def _read_worst(rows: pd.DataFrame, metric: str, language: Language) -> str:
    text, found = read_interval(rows, metric, language, percent=True), select_rows(rows, metric=metric)
    named = len(found) and found["status"].iloc[0] == Status.OK
    return f"{found['term'].iloc[0]} · {text}" if named else text
