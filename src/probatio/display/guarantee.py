"""Guaranteed acceptance: what is accepted without a human, with which error, and what goes to people."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from probatio.display.rows import label_of, read_interval, source_label, stack_names
from probatio.display.sentences import say
from probatio.display.style import (
    GREY,
    PALE,
    create_figure,
    create_notice,
    figure_style,
    set_percent_axis,
    source_colours,
    wrap_title,
)
from probatio.display.table import Table, leave_repeated
from probatio.display.tolerance import find_shown_use
from probatio.protocol import Language, Protocol, Use
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, format_level, format_number, format_percent, read_word

_MARKERS = "o^sD"
_SHARES = ("accepted_share", "selective_error_rate", "plain_accepted_share", "plain_selective_error_rate")


def find_guaranteed_use(protocol: Protocol) -> Use:
    """Return the use whose rules the table shows: that of the review, else research or the first declared."""
    return protocol.review.use if protocol.review else find_shown_use(protocol)


def render_guarantee_figure(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw the share accepted without a human per variable, a panel per use, with the error guaranteed at its right.

    A hollow mark at 0: all is reviewed.
    """
    shares = select_rows(rows, metric="accepted_share", status=Status.OK)
    names = stack_names(shares[shares["variable"] != ""], protocol)
    if not names:
        return create_notice("guarantee_figure", language)
    uses = [use for use in protocol.uses if use in set(shares["use"])]
    sources = [source.name for source in protocol.sources if source.name in set(shares["source"])]
    lines = [*names, ""]
    with figure_style():
        figure, axes = create_figure(1.5 + 0.22 * len(lines), columns=len(uses), sharey=True)
        for ax, use in zip(axes, uses, strict=True):
            _draw_shares(ax, select_rows(shares, use=use), lines, sources, protocol)
            _write_errors(ax, select_rows(rows, use=use, metric="guaranteed_error"), lines, language)
            ax.set_title(wrap_title(read_word("use", use, language), len(uses)))
            set_percent_axis(ax, language)
        axes[0].set_yticks(range(len(lines)), [label_of(protocol, name, language) for name in lines])
        axes[0].get_yticklabels()[-1].set_fontweight("bold")
        axes[0].set_ylim(len(lines) - 0.5, -0.5)
        handles, labels = _list_marks(sources, protocol, language)
        title = read_word("figure", "accepted_axis", language)
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), title=title)
    return figure


def _draw_shares(ax: Axes, shares: pd.DataFrame, lines: list[str], sources: list[str], protocol: Protocol) -> None:
    colours, step = source_colours(protocol), 0.42 / max(len(sources), 1)
    for place in range(len(lines)):
        ax.hlines(place, 0, 1, color=PALE, linewidth=0.4, zorder=0)
    for rank, source in enumerate(sources):
        own = select_rows(shares, source=source).set_index("variable").reindex(lines)
        at = pd.Series(range(len(lines)), index=own.index) + (rank - (len(sources) - 1) / 2) * step
        colour, mark = colours[source], _MARKERS[rank % len(_MARKERS)]
        none = own["reason"] == "review_all"
        ax.hlines(at, own["lower"], own["upper"], color=colour, linewidth=1.2)
        for kept, face in ((~none, colour), (none, "white")):
            ax.plot(own["estimate"][kept], at[kept], mark, color=colour, markerfacecolor=face, markersize=3.6)
    ax.set_xlim(-0.04, 1.6)
    ax.set_xticks([0, 0.5, 1])


def _write_errors(ax: Axes, errors: pd.DataFrame, lines: list[str], language: Language) -> None:
    """Write the error guaranteed at the right of each line; sources share it where both have a guarantee."""
    known = select_rows(errors, status=Status.OK).groupby("variable")["estimate"].max()
    for place, name in enumerate(lines):
        if name in known.index:
            text = f"≤\u00a0{format_percent(float(known[name]), language)}"
            ax.text(1.59, place, text, ha="right", va="center", fontsize=6.5, color=GREY)


def _list_marks(sources: list[str], protocol: Protocol, language: Language) -> tuple[list[Line2D], list[str]]:
    colours = source_colours(protocol)
    handles = [
        Line2D([], [], marker=_MARKERS[rank % len(_MARKERS)], color=colours[name], linestyle="none", markersize=4)
        for rank, name in enumerate(sources)
    ]
    hollow = Line2D([], [], marker="o", color=GREY, markerfacecolor="white", linestyle="none", markersize=4)
    labels = [source_label(protocol, name, language) for name in sources]
    return [*handles, hollow], [*labels, read_word("reason", "review_all", language)]


def render_guarantee_table(
    rows: pd.DataFrame, protocol: Protocol, *, language: Language, use: Use | None = None
) -> Table:
    """Return, per variable and source: threshold, share accepted, error guaranteed and seen, patients lacking."""
    own = select_rows(rows, use=use or find_guaranteed_use(protocol))
    shares = select_rows(own, metric="accepted_share")
    sources = [source.name for source in protocol.sources if source.name in set(shares["source"])]
    body = []
    for name in stack_names(shares[shares["variable"] != ""], protocol):
        for source in sources:
            part = select_rows(own, variable=name, source=source)
            if len(part):
                first = [label_of(protocol, name, language), source_label(protocol, source, language)]
                body.append([*first, *_read_rule(part, language)])
    names = ("variable", "source", "threshold", "accepted_share", "guaranteed_error", "selective_error", "lacking")
    head = [read_word("column", each, language) for each in names]
    return Table(head, leave_repeated(body), "llrllll", widths=(17, 9, 10, 19, 13, 19, 13))


def _read_rule(part: pd.DataFrame, language: Language) -> list[str]:
    score = _read_threshold(part, language)
    accepted = read_interval(part, "accepted_share", language, percent=True)
    bound = read_interval(part, "guaranteed_error", language, percent=True)
    seen = select_rows(part, metric="selective_error_rate", status=Status.OK)
    error = EMPTY if seen.empty else read_interval(part, "selective_error_rate", language, percent=True)
    return [score, accepted, bound, error, _read_lacking(part, language)]


def _read_threshold(part: pd.DataFrame, language: Language) -> str:
    """Return the score from which values are accepted; 0 is any score."""
    found = select_rows(part, metric="accept_threshold", status=Status.OK)["estimate"]
    if found.empty:
        return EMPTY
    return (
        format_number(float(found.iloc[0]), language) if found.iloc[0] else read_word("figure", "every_score", language)
    )


def _read_lacking(part: pd.DataFrame, language: Language) -> str:
    """Return the labelled patients that are missing for a guarantee; a dash where none is or none would do."""
    found = select_rows(part, metric="needed_patients", status=Status.OK)
    if found.empty:
        return EMPTY
    missing = int(found["k"].iloc[0])
    return (
        read_word("figure", "enough_seen", language)
        if not missing
        else f"+{format_number(missing, language, digits=0)}"
    )


def render_guarantee_summary_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return, per source and use: what is accepted over all variables, its error, minutes; without guarantee."""
    whole, body = select_rows(rows, variable=""), []
    for source, use in _list_uses(whole, protocol):
        part = select_rows(whole, source=source, use=use)
        said = select_rows(part, metric="guaranteed_error").iloc[0]
        counted = EMPTY if pd.isna(said["k"]) else f"{said['k']}/{said['n']}"
        minutes = select_rows(part, metric="saved_minutes", status=Status.OK)["estimate"]
        names = [source_label(protocol, source, language), read_word("use", use, language), counted]
        shares = [_read_share(part, name, language) for name in _SHARES]
        saved = EMPTY if minutes.empty else format_number(float(minutes.iloc[0]), language, digits=0)
        body.append([*names, *shares[:2], saved, *shares[2:]])
    columns = ("source", "use", "with_guarantee", "accepted_share", "selective_error", "saved_minutes",
               "plain_share", "plain_error")  # fmt: skip
    head = [read_word("column", each, language) for each in columns]
    return Table(head, leave_repeated(body), "llrllrll", widths=(9, 12, 10, 16, 16, 9, 14, 14))


def _list_uses(whole: pd.DataFrame, protocol: Protocol) -> Iterator[tuple[str, Use]]:
    known = set(zip(whole["source"], whole["use"], strict=True))
    for source in protocol.sources:
        for use in protocol.uses:
            if (source.name, use) in known:
                yield source.name, use


def _read_share(part: pd.DataFrame, metric: str, language: Language) -> str:
    return read_interval(part, metric, language, percent=True)


def render_undelivered_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return, per variable and source, the cells without a value: to people, or left empty, with their omissions."""
    found = select_rows(rows, metric="undelivered_reviewed_share", status=Status.OK)
    sources = [source.name for source in protocol.sources if source.name in set(found["source"])]
    body = []
    for name in [*stack_names(found[found["variable"] != ""], protocol), ""]:
        for source in sources:
            part = select_rows(rows, variable=name, source=source, use="")
            shares = [
                _read_share(part, metric, language)
                for metric in ("undelivered_reviewed_share", "undelivered_empty_share")
            ]
            empty = select_rows(part, metric="empty_omission_rate", status=Status.OK)
            last = EMPTY if empty.empty else _read_share(part, "empty_omission_rate", language)
            body.append([label_of(protocol, name, language), source_label(protocol, source, language), *shares, last])
    head = [
        read_word("column", each, language)
        for each in ("variable", "source", "to_people", "stay_empty", "empty_omission")
    ]
    return Table(head, leave_repeated(body), "lllll", widths=(24, 10, 22, 22, 22))


def describe_guarantee(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say what the guarantee promises and to whom, then what each source's values may be accepted for."""
    if protocol.confidence is None:
        return []
    level = format_level(1 - protocol.confidence.delta, language)
    key = "guarantee_together" if protocol.confidence.family == "use" else "guarantee_variable"
    out = [say(key, language, level=level)]
    whole = select_rows(rows, variable="")
    for source, use in _list_uses(whole, protocol):
        part = select_rows(whole, source=source, use=use)
        said = select_rows(part, metric="guaranteed_error").iloc[0]
        if pd.isna(said["k"]):
            continue
        shares = {name: _read_share(part, name, language) for name in ("accepted_share", "selective_error_rate")}
        names = {"source": source_label(protocol, source, language), "use": read_word("use", use, language).lower()}
        key = "guarantee_use" if said["k"] else "guarantee_none"
        out.append(say(key, language, k=said["k"], n=said["n"], **names, **shares))
    return out


def read_review(rows: pd.DataFrame, key: Mapping[Hashable, Any], language: Language) -> str:
    """Return what *accepted with review* asks for: share to review and error guaranteed; a dash where nothing is said.

    Args:
        rows: rows of the acceptance notebook.
        key: source, variable and use.
        language: of the words and numbers.
    """
    own = select_rows(rows, **{name: key[name] for name in ("source", "variable", "use")})
    share, error = (select_rows(own, metric=metric) for metric in ("review_share", "guaranteed_error"))
    if error.empty:
        return EMPTY
    if share["status"].iloc[0] != Status.OK or share["estimate"].iloc[0] == 1:
        return read_word("reason", "review_all", language)
    reviewed = format_percent(float(share["estimate"].iloc[0]), language, digits=0)
    if error["status"].iloc[0] != Status.OK:
        return reviewed
    return f"{reviewed} · ≤\u00a0{format_percent(float(error['estimate'].iloc[0]), language)}"


def describe_review(rows: pd.DataFrame, key: Mapping[Hashable, Any], protocol: Protocol, language: Language) -> str:
    """Return a sentence on the share to review and the error guaranteed, or why all is reviewed; empty without rows."""
    own = select_rows(rows, **{name: key[name] for name in ("source", "variable", "use")})
    share, error = (select_rows(own, metric=metric) for metric in ("review_share", "guaranteed_error"))
    if error.empty:
        return ""
    source, said = source_label(protocol, str(key["source"]), language), error.iloc[0]
    if said["status"] != Status.OK:
        return say("review_all", language, source=source, reason=read_word("reason", said["reason"], language))
    part = read_interval(share, "review_share", language, percent=True)
    bound = format_percent(float(said["estimate"]), language)
    return say(
        "review_part", language, source=source, share=part, error=bound, level=format_level(said["level"], language)
    )
