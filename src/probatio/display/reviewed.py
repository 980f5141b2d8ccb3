"""What a review changed, how right it is, and the error before and after: drawn from result rows only."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probatio.display.rows import (
    drop_attributes,
    label_of,
    read_estimate,
    read_interval,
    read_n,
    select_reporting,
    source_label,
    stack_names,
)
from probatio.display.style import (
    GREY,
    create_figure,
    create_notice,
    figure_style,
    set_percent_axis,
    source_colours,
    wrap_title,
)
from probatio.display.table import Table
from probatio.protocol import Language, Protocol, Source
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, format_number, format_percent, read_word

_SHARES = ("override_rate", "confirmed_errors", "introduced_errors", "reviewer_error_rate")
_DRAWN = ("shared_override_rate", "shared_error_rate")
_DOUBLE = ("reading_agreement", "kappa", "ac1", "adjudicated_share")
_CLASSES = ("confidence", "shown")
_SAID = {"override_rate": "decisions", "confirmed_errors": "reviewer_error", "introduced_errors": "reviewer_error",
         "error_rate": "before_after"}  # fmt: skip
_DECISIONS = ("confirmed", "chosen", "corrected", "absent", "unreadable", "unresolved")


def render_override_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per variable: values reviewed and changed, errors confirmed and introduced, reviewers' own error."""
    body = []
    for source in _list_reviewed(rows, protocol):
        own = select_rows(rows, source=source.name, stratum_by="", analysis=["decisions", "reviewer_error"])
        for name in stack_names(select_rows(own, metric="override_rate"), protocol):
            mine = select_rows(own, variable=name)
            whole = select_rows(own, variable=name.partition(".")[0], metric="reviewed_share")
            cells = [read_interval(mine, metric, language, percent=True) for metric in _SHARES]
            body.append([label_of(protocol, name, language), _read_part(whole, language), *cells])
    head = [read_word("column", "variable", language), read_word("metric", "reviewed_share", language)]
    head += [read_word("metric", metric, language) for metric in _SHARES]
    return Table(head, body, "llllll", widths=(19, 15, 17, 17, 16, 16))


def render_reading_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return, of all variables together: decisions, two readings of one case, what chance drew, minutes."""
    body = [
        [*names, n, text]
        for source in _list_reviewed(rows, protocol)
        for names, n, text in _describe(select_rows(rows, source=source.name, variable=""), language)
    ]
    head = [read_word("column", name, language) for name in ("measure", "class", "n", "estimate")]
    return Table(head, body, "llrl", widths=(42, 22, 10, 26))


def _describe(own: pd.DataFrame, language: Language) -> Iterator[tuple[list[str], str, str]]:
    """Yield name and class of each measure, its number of values, and its estimate with its interval."""
    decided = select_rows(own, analysis="decisions")
    for term in _DECISIONS:
        found = select_rows(decided, metric="decision_share", term=term)
        if len(found):
            name = [read_word("metric", "decision_share", language), read_word("review_decision", term, language)]
            yield name, read_n(found, "decision_share"), read_interval(found, "decision_share", language, percent=True)
    for by in _CLASSES:
        for stratum in dict.fromkeys(select_rows(decided, stratum_by=by)["stratum"]):
            found = select_rows(decided, metric="override_rate", stratum_by=by, stratum=stratum)
            shown = _describe_class(by, str(stratum), language)
            yield _name("override_rate", shown, found, language)
    for stratum in dict.fromkeys(select_rows(own, metric="confirmed_errors", stratum_by="shown")["stratum"]):
        found = select_rows(own, metric="confirmed_errors", stratum_by="shown", stratum=stratum)
        yield _name("confirmed_errors", _describe_class("shown", str(stratum), language), found, language)
    for term in dict.fromkeys(select_rows(decided, metric="reader_override_rate")["term"]):
        found = select_rows(decided, metric="reader_override_rate", term=term)
        yield _name("reader_override_rate", str(term), found, language)
    for metric, percent in (
        *((name, True) for name in _DRAWN),
        *((name, name not in ("kappa", "ac1")) for name in _DOUBLE),
    ):
        found = select_rows(own, metric=metric, stratum_by="")
        if len(found):
            yield _name(metric, "", found, language, percent=percent)
    yield from _describe_minutes(own, language)


def _name(
    metric: str, shown: str, found: pd.DataFrame, language: Language, *, percent: bool = True
) -> tuple[list[str], str, str]:
    text = read_interval(found, metric, language, percent=percent)
    return [read_word("metric", metric, language), shown or EMPTY], read_n(found, metric), text


def _describe_class(by: str, stratum: str, language: Language) -> str:
    if by == "shown":
        return read_word("shown_beside", stratum, language)
    if stratum == "none":
        return read_word("shown_beside", "no_confidence", language)
    low, high = (format_number(float(limit), language, digits=2) for limit in stratum.split("-"))
    return f"{read_word('shown_beside', 'confidence', language)} {low}–{high}"


def _describe_minutes(own: pd.DataFrame, language: Language) -> Iterator[tuple[list[str], str, str]]:
    total = select_rows(own, metric="review_minutes", analysis="effort")
    if len(total):
        named = [read_word("metric", "review_minutes", language), EMPTY]
        yield named, read_n(total, "review_minutes"), read_estimate(total, "review_minutes")
    for term in dict.fromkeys(select_rows(own, metric="review_minutes_median")["term"]):
        found = select_rows(own, metric="review_minutes_median", term=term)
        named = [read_word("metric", "review_minutes_median", language)]
        named.append(read_word("review_role", str(term), language) if term else EMPTY)
        yield named, read_n(found, "review_minutes_median"), read_interval(found, "review_minutes_median", language)


def render_review_effect(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw, variable by variable, the share of reviewed values changed, and the error before and after the review."""
    reviewed = _list_reviewed(rows, protocol)
    if not reviewed:
        return create_notice("review_effect", language)
    source = reviewed[0]
    of = source.reviewed.of if source.reviewed else ""
    overrides = select_rows(rows, metric="override_rate", source=source.name, analysis="decisions", stratum_by="")
    errors = drop_attributes(select_rows(select_reporting(rows), metric="error_rate", analysis="before_after"))
    names = stack_names(drop_attributes(pd.concat([overrides, errors])), protocol)
    with figure_style():
        figure, axes = create_figure(max(2.0, 1.1 + 0.235 * len(names)), columns=2, sharey=True, ratios=(1, 1.15))
        _draw_points(axes[0], overrides, names, GREY)
        _draw_change(axes[1], errors, names, (of, source.name), protocol=protocol, language=language)
        titles = [read_word("metric", "override_rate", language), read_word("metric", "error_rate", language)]
        for ax, title in zip(axes, titles, strict=True):
            ax.set_title(wrap_title(title, 2))
            ax.set_xlim(left=0)
            set_percent_axis(ax, language)
        axes[0].set_yticks(range(len(names)), [label_of(protocol, name, language) for name in names])
        axes[0].set_ylim(len(names) - 0.4, -0.6)
        figure.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _draw_change(
    ax: Axes, errors: pd.DataFrame, names: list[str], sides: tuple[str, str], *, protocol: Protocol, language: Language
) -> None:
    colours = source_colours(protocol)
    for side, place, mark in zip(sides, (-0.17, 0.17), "oD", strict=True):
        own = select_rows(errors, source=side)
        _draw_points(
            ax, own, names, colours[side], shift=place, mark=mark, label=source_label(protocol, side, language)
        )
    before, after = (
        select_rows(errors, source=side, status=Status.OK).set_index("variable")["estimate"].reindex(names)
        for side in sides
    )
    for at, (one, two) in enumerate(zip(before, after, strict=True)):
        ax.plot([one, two], [at - 0.17, at + 0.17], color=GREY, linewidth=0.6, zorder=1)


def _draw_points(
    ax: Axes, rows: pd.DataFrame, names: list[str], colour: str, *, shift: float = 0.0, mark: str = "o", label: str = ""
) -> None:
    own = select_rows(rows, status=Status.OK).drop_duplicates("variable").set_index("variable").reindex(names)
    at = [place + shift for place in range(len(names))]
    ax.hlines(at, own["lower"], own["upper"], color=colour, linewidth=1.1)
    ax.scatter(own["estimate"], at, color=colour, marker=mark, s=16, zorder=3, label=label or None)


def describe_review(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Return a sentence per source after review: what was changed, which errors stand, the error before and after."""
    out = []
    template = read_word("sentence", "review_effect", language)
    for source in _list_reviewed(rows, protocol):
        own = select_rows(select_reporting(rows), source=source.name, variable="")
        of = source.reviewed.of if source.reviewed else ""
        before = select_rows(select_reporting(rows), source=of, variable="", analysis="before_after")
        if select_rows(own, metric="error_difference", status=Status.OK).empty:
            continue
        words = {metric: read_interval(select_rows(own, analysis=analysis), metric, language, percent=True)
                 for metric, analysis in _SAID.items()}  # fmt: skip
        words["before"] = read_interval(before, "error_rate", language, percent=True)
        difference = select_rows(own, metric="error_difference", analysis="before_after")
        words["error_difference"] = read_interval(difference, "error_difference", language, percent=True, sign=True)
        out.append(template.format(source=source_label(protocol, of, language), **words))
    return out


def _list_reviewed(rows: pd.DataFrame, protocol: Protocol) -> list[Source]:
    told = set(select_rows(rows, metric="override_rate", analysis="decisions")["source"])
    return [source for source in protocol.sources if source.reviewed and source.name in told]


def _read_part(rows: pd.DataFrame, language: Language) -> str:
    """Return how many of how many, with the share."""
    if rows.empty:
        return EMPTY
    row = rows.iloc[0]
    return f"{row['k']} / {row['n']} ({format_percent(row['estimate'], language, digits=0)})"
