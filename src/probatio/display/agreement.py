"""Figures and tables of agreement and error, drawn from result rows only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from probatio.display.rows import (
    drop_attributes,
    label_of,
    level_label,
    list_pairs,
    read_estimate,
    read_interval,
    read_n,
    read_outcome_shares,
    select_reporting,
    source_label,
    stack_names,
)
from probatio.display.style import (
    GREY,
    INK,
    OUTCOME_COLOURS,
    OUTCOME_HATCHES,
    create_figure,
    create_notice,
    figure_style,
    set_percent_axis,
    source_colours,
    wrap_title,
)
from probatio.display.table import Table
from probatio.measures.cells import find_levels
from probatio.protocol import Language, Protocol, Use
from probatio.results import select_rows
from probatio.wording import read_word

OUTCOMES = ("C", "W", "O", "U", "B")
_ERROR_METRICS = ("error_rate", "omission_rate", "unsupported_share", "non_conformant_rate")
_DIFFERENCES = ("error_difference", "omission_difference", "unsupported_difference")
_AGREEMENT_METRICS = ("agreement_rate", "presence_disagreement_rate")


def render_outcome_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per source and variable: counts of outcomes, then error, omission, unsupported with intervals."""
    overall = select_reporting(rows)
    kind = "agreement" if overall["metric"].eq("agreement_rate").all() or protocol.reference is None else "outcome"
    metrics = _AGREEMENT_METRICS if kind == "agreement" else _ERROR_METRICS[:3]
    body = []
    for source, comparator, variable in list_pairs(overall, metrics[0], protocol):
        own = select_rows(overall, source=source, comparator=comparator, variable=variable)
        counts = [_read_count(own, outcome) for outcome in OUTCOMES]
        cells = [read_interval(own, metric, language, percent=True) for metric in metrics]
        body.append([label_of(protocol, variable, language), source_label(protocol, source, language), *counts, *cells])
    head = [read_word("column", "variable", language), read_word("column", "source", language), *OUTCOMES]
    head += [read_word("metric", metric, language) for metric in metrics]
    return Table(head, body, "ll" + "r" * 5 + "l" * len(metrics), widths=(19, 14, *[5] * 5, *[14] * len(metrics)))


def render_error_profile(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw, per variable and source, the share of each outcome among the assessed values (events whole)."""
    shares = drop_attributes(read_outcome_shares(rows, protocol))
    variables, sources = list(dict.fromkeys(shares["variable"])), list(dict.fromkeys(shares["source"]))
    with figure_style():
        figure, axes = create_figure(max(2.0, 0.75 + 0.215 * len(variables)), columns=len(sources), sharey=True)
        for ax, source in zip(axes, sources, strict=True):
            _draw_profile(ax, shares[shares["source"] == source], variables)
            ax.set_title(wrap_title(source_label(protocol, source, language), len(sources)))
            set_percent_axis(ax, language)
            ax.set_xlim(0, 1)
        axes[0].set_yticks(range(len(variables)), [label_of(protocol, name, language) for name in variables])
        axes[0].set_ylim(len(variables) - 0.4, -0.6)
        kind = "outcome" if protocol.reference else "agreement"
        handles = [Patch(facecolor=OUTCOME_COLOURS[o], hatch=OUTCOME_HATCHES[o], edgecolor="white") for o in OUTCOMES]
        labels = [read_word(kind, outcome, language) for outcome in OUTCOMES]
        figure.legend(handles, labels, loc="outside lower center", ncols=5 if kind == "outcome" else 3)
        axes[len(axes) // 2].set_xlabel(read_word("figure", "share_of_values", language))
    return figure


def _draw_profile(ax: Axes, shares: pd.DataFrame, variables: Sequence[str]) -> None:
    wide = shares.pivot_table(index="variable", columns="outcome", values="share").reindex(list(variables)).fillna(0.0)
    left = pd.Series(0.0, index=wide.index)
    for outcome in OUTCOMES:
        width = wide[outcome] if outcome in wide else left * 0
        ax.barh(range(len(wide)), width, left=left, color=OUTCOME_COLOURS[outcome], height=0.78,
                hatch=OUTCOME_HATCHES[outcome], edgecolor="white", linewidth=0.4)  # fmt: skip
        left = left + width


def render_error_forest(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw each source's error rate with its interval, variable by variable."""
    metric = "error_rate" if protocol.reference else "agreement_rate"
    kept = drop_attributes(select_rows(select_reporting(rows), metric=metric))
    if protocol.reference:
        kept = kept[kept["comparator"] == protocol.reference.name]
    names = stack_names(kept, protocol)
    with figure_style():
        figure, (ax,) = create_figure(max(1.6, 0.8 + 0.24 * len(names)))
        _draw_forest(ax, kept, protocol, language, names)
        ax.set_yticks(range(len(names)), [label_of(protocol, name, language) for name in names])
        _draw_pooled([ax], names)
        _draw_legend(figure, ax)
        ax.set_xlabel(read_word("metric", metric, language))
        ax.set_xlim(left=0)
        set_percent_axis(ax, language)
    return figure


def render_difference_forest(
    rows: pd.DataFrame, protocol: Protocol, *, language: Language, use: Use = "research"
) -> Figure:
    """Draw AI minus manual on the same patients, error, omission and unsupported: the key figure.

    Intervals are those to report; the dashed lines are the use's margins where one holds for all types of variable.
    The last line pools all variables of single values.
    """
    kept = drop_attributes(select_rows(select_reporting(rows), metric=list(_DIFFERENCES), status="ok"))
    if select_rows(kept, metric=_DIFFERENCES[0]).empty:
        return create_notice("difference", language)
    metrics = [metric for metric in _DIFFERENCES if metric in set(kept["metric"])]
    names = stack_names(kept, protocol)
    with figure_style():
        figure, axes = create_figure(max(2.0, 1.15 + 0.25 * len(names)), columns=len(metrics), sharey=True)
        for ax, metric in zip(axes, metrics, strict=True):
            ax.axvline(0, color=INK, linewidth=0.8)
            _draw_forest(ax, select_rows(kept, metric=metric), protocol, language, names)
            _draw_margin(ax, find_margin(protocol, metric, use), language)
            ax.set_title(wrap_title(read_word("figure", metric, language), len(metrics)))
            set_percent_axis(ax, language, sign=True)
        axes[0].set_yticks(range(len(names)), [label_of(protocol, name, language) for name in names])
        _draw_pooled(axes, names)
        better = [read_word("figure", name, language) for name in ("better_ai", "better_manual")]
        figure.supxlabel(f"{read_word('figure', 'delta_axis', language)}\n← {better[0]}   |   {better[1]} →",
                         fontsize=8.5)  # fmt: skip
        _draw_legend(figure, axes[0])
    return figure


def find_margin(protocol: Protocol, metric: str, use: Use = "research") -> float | None:
    """Return the margin of a difference for a use, as the acceptance matrix has it; None where it differs by type."""
    groups = protocol.acceptance.sets if protocol.acceptance else []
    found = {c.limit for group in groups if use in group.uses for c in group.criteria if c.metric == metric}
    return found.pop() if len(found) == 1 else None


def _draw_margin(ax: Axes, margin: float | None, language: Language) -> None:
    if margin is None:
        return
    ax.axvline(margin, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)))
    ax.annotate(read_word("figure", "margin", language), (margin, 0.0), xycoords=("data", "axes fraction"),
                xytext=(2, 2), textcoords="offset points", fontsize=7, color=GREY, va="bottom")  # fmt: skip


def _draw_pooled(axes: Sequence[Axes], names: Sequence[str]) -> None:
    """Set the pooled line, the last, apart from the variables."""
    if names[-1]:
        return
    for ax in axes:
        ax.axhline(len(names) - 1.5, color=GREY, linewidth=0.6)
    axes[0].get_yticklabels()[-1].set_fontweight("bold")


def _draw_legend(figure: Figure, ax: Axes) -> None:
    handles, labels = ax.get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))


def _draw_forest(ax: Axes, kept: pd.DataFrame, protocol: Protocol, language: Language, names: Sequence[str]) -> None:
    """Draw one line per variable and one mark per source, variables from the top."""
    sources = [s.name for s in protocol.sources if s.name in set(kept["source"])]
    colours = source_colours(protocol)
    step = 0.6 / max(len(sources), 1)
    for rank, source in enumerate(sources):
        own = kept[kept["source"] == source].drop_duplicates("variable").set_index("variable").reindex(list(names))
        at = [i + (rank - (len(sources) - 1) / 2) * step for i in range(len(names))]
        ax.hlines(at, own["lower"], own["upper"], color=colours[source], linewidth=1.3)
        ax.plot(own["estimate"], at, "o^sD"[rank % 4], color=colours[source], markersize=4, linestyle="none",
                label=source_label(protocol, source, language))  # fmt: skip
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.grid(axis="x", color="#eeeeee", linewidth=0.6)
    ax.set_axisbelow(True)


def render_difference_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return AI minus manual: error, omission and unsupported differences with intervals, n of patients."""
    overall = select_reporting(rows)
    metrics = _DIFFERENCES
    body = []
    for source, comparator, variable in list_pairs(overall, metrics[0], protocol):
        own = select_rows(overall, source=source, comparator=comparator, variable=variable)
        cells = [read_interval(own, metric, language, percent=True, sign=True) for metric in metrics]
        names = [source_label(protocol, name, language) for name in (source, comparator)]
        body.append([label_of(protocol, variable, language), *names, read_n(own, metrics[0]), *cells])
    head = [read_word("column", name, language) for name in ("variable", "source", "comparator", "n")]
    return Table([*head, *(read_word("metric", metric, language) for metric in metrics)], body, "lllrlll",
                 widths=(20, 11, 11, 6, 17, 17, 17))  # fmt: skip


def render_class_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per class: reference n, sensitivity, PPV and F1 with intervals, per source and variable."""
    overall = select_reporting(rows)
    body = []
    for source, comparator, variable, level in _list_classes(overall, protocol):
        part = select_rows(overall, source=source, variable=variable, term=level, comparator=comparator)
        cells = [read_interval(part, metric, language, percent=True) for metric in ("sensitivity", "ppv", "f1")]
        names = [label_of(protocol, variable, language), source_label(protocol, source, language)]
        names.append(level_label(protocol, variable, level, language))
        body.append([*names, read_n(part, "sensitivity"), *cells])
    head = [read_word("column", name, language) for name in ("variable", "source", "class", "n")]
    head += [read_word("metric", metric, language) for metric in ("sensitivity", "ppv", "f1")]
    return Table(head, body, "lllrlll", widths=(19, 12, 15, 6, 16, 16, 16))


def _list_classes(rows: pd.DataFrame, protocol: Protocol) -> Iterator[tuple[str, str, str, str]]:
    for source, comparator, variable in list_pairs(rows, "sensitivity", protocol):
        own = select_rows(rows, metric="sensitivity", source=source, comparator=comparator, variable=variable)
        declared = find_levels(protocol, variable)
        for level in sorted(set(own["term"]), key=lambda name: declared.index(name) if name in declared else 99):
            yield source, comparator, variable, level


def render_chance_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return chance-corrected agreement on documented pairs: κ and AC1 side by side, weighted κ if ordinal.

    Weights are quadratic unless the protocol declares its own, which then stand beside the number.
    """
    overall = select_reporting(rows)
    metrics = ("kappa", "ac1", "kappa_quadratic", "macro_f1")
    body = []
    for source, comparator, variable in list_pairs(overall, "kappa", protocol):
        own = select_rows(overall, source=source, comparator=comparator, variable=variable)
        names = [source_label(protocol, name, language) for name in (source, comparator)]
        cells = [read_interval(own, metric, language, digits=3) for metric in metrics]
        if "kappa_weighted" in set(own["metric"]):
            weights = select_rows(own, metric="kappa_weighted")["at"].iloc[0]
            cells[2] = f"{read_interval(own, 'kappa_weighted', language, digits=3)} · {weights}"
        body.append([label_of(protocol, variable, language), *names, read_n(own, "kappa"), *cells])
    head = [read_word("column", name, language) for name in ("variable", "source", "comparator", "n")]
    return Table([*head, *(read_word("metric", metric, language) for metric in metrics)], body, "lllrllll",
                 widths=(18, 10, 10, 6, 14, 14, 14, 14))  # fmt: skip


def _read_count(rows: pd.DataFrame, outcome: str) -> str:
    return read_estimate(select_rows(rows, term=outcome), "count")
