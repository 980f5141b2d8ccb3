"""Missing, non-conformant and out-of-range values, drawn from result rows only."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from probatio.display.rows import label_of, list_pairs, read_interval, read_n, source_label, stack_names
from probatio.display.style import GREY, INK, PALE, create_figure, create_notice, figure_style, wrap_title
from probatio.display.table import Table
from probatio.measures.omissions import SHARES as OMISSION_SHARES
from probatio.protocol import Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, format_percent, read_word

_PANELS_WITH_SLANTED_WORDS = 5
_SHADES = LinearSegmentedColormap.from_list("missing", ["#f4f9fc", "#56B4E9", "#0072B2", "#00395a"])


def render_completeness_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per variable and source: assessed cells, missing, non-conformant and out-of-range rates."""
    overall = select_rows(rows, stratum_by="", term="")
    overall = overall[overall["variable"] != ""]
    body = []
    for name in stack_names(overall, protocol):
        for source in protocol.sources:
            own = select_rows(overall, variable=name, source=source.name)
            if own.empty:
                continue
            cells = [read_interval(own, m, language, percent=True) for m in ("missing_rate", "non_conformant_rate")]
            outside = read_interval(own, "out_of_range_rate", language, percent=True)
            n = str(select_rows(own, metric="missing_rate")["n"].iloc[0])
            body.append([label_of(protocol, name, language), source.label.read(language), n, *cells, outside])
    head = [read_word("column", name, language) for name in ("variable", "source", "assessed", "missing")]
    head += [read_word("metric", name, language) for name in ("non_conformant_rate", "out_of_range_rate")]
    return Table(head, body, "llrlll", widths=(24, 16, 10, 18, 16, 16))


def render_omission_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per variable and source: omissions, and which of them were absent from the documents, missed, unknown.

    Variables of whose omissions nothing is known are left out.
    """
    body = []
    for source, comparator, variable in list_pairs(rows, OMISSION_SHARES[0], protocol):
        own = select_rows(rows, metric=OMISSION_SHARES, source=source, comparator=comparator, variable=variable)
        unknown = select_rows(own, metric=OMISSION_SHARES[2], status=Status.OK)
        if unknown.empty or unknown["estimate"].iloc[0] == 1:
            continue
        names = [label_of(protocol, variable, language), source_label(protocol, source, language)]
        cells = [read_interval(own, metric, language, percent=True) for metric in OMISSION_SHARES]
        body.append([*names, read_n(own, OMISSION_SHARES[0]), *cells])
    head = [read_word("column", name, language) for name in ("variable", "source", "omissions")]
    return Table([*head, *(read_word("metric", name, language) for name in OMISSION_SHARES)], body, "llrlll",
                 widths=(24, 16, 9, 17, 17, 17))  # fmt: skip


def render_missing_heatmap(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw missing values by centre and form, a panel per source; a frame marks cells above the protocol's limit.

    Centres with enough patients in no source are left out, and counted below the figure.
    """
    cells = select_rows(rows, metric="missing_rate", stratum_by="centre", variable="")
    sources = [source.name for source in protocol.sources if source.name in set(cells["source"])]
    forms = [form for form in dict.fromkeys(v.form for v in protocol.variables) if form in set(cells["term"])]
    centres = sorted(set(select_rows(cells, status=Status.OK)["stratum"]))
    if not (forms and centres):
        return create_notice("missing", language)
    labels = [protocol.forms[form].read(language) if form in protocol.forms else form for form in forms]
    with figure_style():
        figure, axes = create_figure(1.2 + 0.2 * len(centres), columns=len(sources), sharey=True)
        for ax, source in zip(axes, sources, strict=True):
            own = select_rows(cells, source=source)
            _draw_cells(ax, own, forms, centres, limit=protocol.missing_limit, language=language)
            ax.set_xticks(range(len(forms)), labels)
            # Slanted words of many narrow panels run into each other.
            ax.tick_params("x", labelrotation=90 if len(sources) > _PANELS_WITH_SLANTED_WORDS else 30)
            for text in ax.get_xticklabels():
                text.set_horizontalalignment("center" if len(sources) > _PANELS_WITH_SLANTED_WORDS else "right")
            ax.set_title(wrap_title(source_label(protocol, source, language), len(sources)))
        axes[0].set_yticks(range(len(centres)), centres)
        axes[0].set_ylim(len(centres) - 0.5, -0.5)
        axes[0].set_ylabel(read_word("column", "centre", language))
        limit = format_percent(protocol.missing_limit, language, digits=0)
        left_out = cells["stratum"].nunique() - len(centres)
        said = read_word("figure", "missing_legend", language).format(limit=limit, left_out=left_out)
        figure.supxlabel(said, fontsize=7.5, color=GREY)
    return figure


def _draw_cells(
    ax: Axes, own: pd.DataFrame, forms: list[str], centres: list[str], *, limit: float, language: Language
) -> None:
    for row in own[own["stratum"].isin(centres)].to_dict("records"):
        x, y, value = forms.index(row["term"]), centres.index(row["stratum"]), row["estimate"]
        known = row["status"] == Status.OK
        shade = _SHADES(min(value / (3 * limit), 1.0)) if known else PALE
        above = known and value > limit
        ax.add_patch(_cell(x, y, shade, INK if above else "white", 1.1 if above else 0.6))
        text = format_percent(value, language, digits=0, unit=False) if known else EMPTY
        dark = known and not math.isnan(value) and value > 1.2 * limit
        ax.text(x, y, text, ha="center", va="center", fontsize=7, color="white" if dark else INK)
    ax.set_xlim(-0.5, len(forms) - 0.5)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)


def _cell(x: int, y: int, colour: object, edge: str, width: float) -> Rectangle:
    return Rectangle((x - 0.46, y - 0.46), 0.92, 0.92, facecolor=colour, edgecolor=edge, linewidth=width)
