"""What each source's errors look like, with a fictitious wording that leads to each: from result rows and words only.

The wordings are invented, for every study the same ones: no patient's text reaches a figure.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probatio.display.rows import label_of, source_label, stack_names
from probatio.display.style import GREY, create_figure, create_notice, figure_style, set_percent_axis, source_colours
from probatio.display.table import Table, leave_repeated
from probatio.measures.signatures import SHARE, SIGNATURES
from probatio.protocol import Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import format_interval, format_percent, read_word

_MARKS = "o^sDvP"


def render_cause_figure(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw, per signature that occurs, its share of each source's errors with interval; below its name the wording."""
    shares = select_rows(rows, metric=SHARE, variable="", status=Status.OK)
    seen = [name for name in SIGNATURES if (select_rows(shares, term=name)["k"] > 0).any()]
    if not seen:
        return create_notice("causes", language)
    sources = [source for source in protocol.sources if source.name in set(shares["source"])]
    with figure_style():
        figure, (ax,) = create_figure(0.9 + 0.44 * len(seen))
        for rank, source in enumerate(sources):
            own = select_rows(shares, source=source.name).set_index("term").reindex(seen)
            at = [i + (rank - (len(sources) - 1) / 2) * 0.7 / len(sources) for i in range(len(seen))]
            colour = source_colours(protocol)[source.name]
            ax.hlines(at, own["lower"], own["upper"], color=colour, linewidth=1.1)
            ax.plot(own["estimate"], at, _MARKS[rank % len(_MARKS)], color=colour, markersize=3.5, linestyle="none",
                    label=source.label.read(language))  # fmt: skip
        _name_signatures(ax, seen, language)
        ax.set_xlim(left=0)
        set_percent_axis(ax, language)
        ax.set_xlabel(read_word("metric", SHARE, language))
        figure.legend(loc="outside lower center", ncols=min(len(sources), 5))
    return figure


def _name_signatures(ax: Axes, seen: Sequence[str], language: Language) -> None:
    ax.set_yticks(range(len(seen)), [f"{read_word('signature', name, language)}\n" for name in seen])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(seen) - 0.4, -0.6)
    for at, name in enumerate(seen):
        ax.annotate(read_word("snippet", name, language), (0, at), xycoords=("axes fraction", "data"),
                    xytext=(-5, -5), textcoords="offset points", fontsize=6.6, color=GREY, style="italic",
                    ha="right", va="center")  # fmt: skip
        if at:
            ax.axhline(at - 0.5, color="#eeeeee", linewidth=0.6)


def render_cause_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return, per variable and source with errors, each signature that occurs: errors with it, of how many, share."""
    shares = select_rows(rows, metric=SHARE, status=Status.OK)
    shares = shares[shares["k"] > 0]
    body = []
    for variable in stack_names(shares[shares["variable"] != ""], protocol):
        for source in protocol.sources:
            own = select_rows(shares, variable=variable, source=source.name)
            ranked = own.assign(order=own["term"].map(SIGNATURES.index)).sort_values(
                ["k", "order"], ascending=[False, True], kind="stable"
            )
            body += [_describe_line(row, protocol, language) for row in ranked.to_dict("records")]
    head = [read_word("column", name, language) for name in ("variable", "source", "signature", "k", "share")]
    return Table(head, leave_repeated(body, 2), "lllrl", widths=(26, 18, 30, 8, 18))


def _describe_line(row: dict, protocol: Protocol, language: Language) -> list[str]:  # type: ignore[type-arg]
    share = format_percent(row["estimate"], language)
    interval = format_interval(row["lower"], row["upper"], language, digits=1, percent=True)
    return [
        label_of(protocol, row["variable"], language),
        source_label(protocol, row["source"], language),
        read_word("signature", row["term"], language),
        f"{row['k']}/{row['n']}",
        f"{share} {interval}",
    ]
