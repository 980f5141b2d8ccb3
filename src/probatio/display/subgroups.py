"""Error by stratum: the forest of one source's subgroups, and the worst stratum of each attribute."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probatio.display.rows import (
    drop_attributes,
    label_of,
    level_label,
    list_pairs,
    read_interval,
    source_label,
    stack_names,
)
from probatio.display.style import PALETTE, create_figure, create_notice, figure_style, set_percent_axis, wrap_title
from probatio.display.table import Table
from probatio.measures import ACCEPTANCE_METHODS
from probatio.protocol import Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import read_word

_MOST_LEVELS = 12
_MARKS = "os^DvPX*"


def render_subgroup_forest(
    rows: pd.DataFrame, protocol: Protocol, *, language: Language, source: str | None = None, metric: str = "error_rate"
) -> Figure:
    """Draw one source's error by variable, a panel per attribute with its strata side by side.

    Without a source, the primary technology (the first source compared, where there is none). The centre has its
    own forest. An attribute with more than twelve strata is left out; so are suppressed strata.

    Args:
        rows: result rows of `estimate_agreement`.
        protocol: labels, attributes and sources.
        language: of the words.
        source: name of a source.
        metric: a rate of `estimate_agreement`.
    """
    strata = select_strata(rows, protocol, metric)
    shown = [s.name for s in protocol.select_sources("ai", "manual", "reading") if s.name in set(strata["source"])]
    if not shown:
        return create_notice("subgroups", language)
    own = select_rows(strata, source=source or shown[0])
    names, attributes = stack_names(own, protocol), [a for a in protocol.stratify_by if a in set(own["stratum_by"])]
    with figure_style():
        most = int(own.groupby("stratum_by")["stratum"].nunique().max())
        height = 1.0 + 0.16 * most + max(0.23, 0.09 * most) * len(names)
        figure, axes = create_figure(height, columns=len(attributes), sharey=True, sharex=True)
        for ax, attribute in zip(axes, attributes, strict=True):
            part = select_rows(own, stratum_by=attribute)
            _draw_strata(ax, part, names, _label_levels(part, attribute, protocol, language))
            ax.set_title(wrap_title(label_of(protocol, attribute, language), len(attributes)))
            set_percent_axis(ax, language)
            ax.legend(loc="upper left", bbox_to_anchor=(0, -0.3 / (height - 1)), ncols=max(1, 3 // len(attributes)),
                      handletextpad=0.2, borderaxespad=0)  # fmt: skip
        axes[0].set_xlim(0, own["upper"].max() * 1.03)
        axes[0].set_yticks(range(len(names)), [label_of(protocol, name, language) for name in names])
        axes[0].set_ylim(len(names) - 0.4, -0.6)
        named = source_label(protocol, source or shown[0], language)
        figure.supxlabel(f"{named} · {read_word('metric', metric, language)}", fontsize=8.5)
    return figure


def select_strata(rows: pd.DataFrame, protocol: Protocol, metric: str = "error_rate") -> pd.DataFrame:
    """Return the rates by stratum of whole variables against the reference, of attributes with few strata."""
    attributes = [name for name in protocol.stratify_by if name != "centre"]
    kept = select_rows(rows, metric=metric, stratum_by=attributes, status=Status.OK)
    kept = drop_attributes(kept[~kept["method"].isin(ACCEPTANCE_METHODS) & (kept["variable"] != "")])
    if protocol.reference is not None:
        kept = select_rows(kept, comparator=protocol.reference.name)
    sizes = kept.groupby("stratum_by")["stratum"].nunique()
    return select_rows(kept, stratum_by=[str(name) for name in sizes.index[sizes <= _MOST_LEVELS]])


def _label_levels(part: pd.DataFrame, attribute: str, protocol: Protocol, language: Language) -> dict[str, str]:
    """Return the wording of each stratum, those that the protocol words in its order, then the others."""
    worded = list(protocol.patients.attributes[attribute].level_labels)
    levels = sorted(set(part["stratum"]), key=lambda name: (worded.index(name) if name in worded else 99, name))
    return {name: level_label(protocol, attribute, name, language) for name in levels}


def _draw_strata(ax: Axes, own: pd.DataFrame, names: list[str], labels: dict[str, str]) -> None:
    """Draw each stratum's rates; `labels` words the strata in the order in which they are drawn."""
    for rank, (level, label) in enumerate(labels.items()):
        line = select_rows(own, stratum=level).drop_duplicates("variable").set_index("variable").reindex(names)
        colour = PALETTE[rank % len(PALETTE)]
        at = np.arange(len(names)) + (rank - (len(labels) - 1) / 2) * 0.62 / len(labels)
        ax.hlines(at, line["lower"], line["upper"], color=colour, linewidth=1.1)
        ax.plot(
            line["estimate"],
            at,
            _MARKS[rank % len(_MARKS)],
            color=colour,
            markersize=3.2,
            linestyle="none",
            label=label,
        )
    ax.grid(axis="x", color="#eeeeee", linewidth=0.6)
    ax.set_axisbelow(True)


def render_worst_stratum_table(
    rows: pd.DataFrame, protocol: Protocol, *, language: Language, metric: str = "error_rate"
) -> Table:
    """Return per variable and source the worst stratum of each attribute but the centre, with simultaneous bounds."""
    attributes = [name for name in protocol.stratify_by if name != "centre"]
    found = select_rows(rows, metric=f"worst_stratum_{metric}", stratum_by=attributes)
    body = []
    for source, _, variable in list_pairs(found, f"worst_stratum_{metric}", protocol):
        own = select_rows(found, source=source, variable=variable)
        names = [label_of(protocol, variable, language), source_label(protocol, source, language)]
        body.append([*names, *(_read_worst_of(own, name, metric, protocol, language) for name in attributes)])
    head = [read_word("column", name, language) for name in ("variable", "source")]
    head += [label_of(protocol, name, language) for name in attributes]
    return Table(head, body if attributes else [], "l" * len(head))


def _read_worst_of(own: pd.DataFrame, attribute: str, metric: str, protocol: Protocol, language: Language) -> str:
    part = select_rows(own, stratum_by=attribute)
    text = read_interval(part, f"worst_stratum_{metric}", language, percent=True)
    named = len(part) and part["status"].iloc[0] == Status.OK
    return f"{level_label(protocol, attribute, part['term'].iloc[0], language)} · {text}" if named else text
