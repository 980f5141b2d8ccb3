"""How much error the conclusions bear: contours, curves, tables and sentences, drawn from rows and series only."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from probatio.display.rows import COLON, label_of, select_reporting, source_label, stack_names
from probatio.display.sentences import say
from probatio.display.style import (
    GREY,
    INK,
    PALETTE,
    Drawing,
    create_figure,
    create_notice,
    figure_style,
    read_width,
    set_number_axis,
    set_percent_axis,
    source_colours,
    wrap_title,
)
from probatio.display.table import Table, leave_repeated
from probatio.protocol import Analysis, Language, Protocol, Use
from probatio.protocol.tolerance import select_analyses
from probatio.resampling import Floats
from probatio.results import Reason, Status, select_rows
from probatio.wording import EMPTY, format_interval, format_number, format_percent, read_word

_CURVES = (("omission",), ("late", "early"), ("spread",))
_LEVELS = (0.1, 0.3, 0.5, 0.7)
_DASHES = ("-", (0, (5, 1.5)))
_TICKS = ((0, (1, 1)), "-", (0, (4, 2)))
_UNLIKELY = 0.5


def find_shown_use(protocol: Protocol) -> Use:
    """Return the use that figures show: research, or the first declared."""
    return "research" if "research" in protocol.uses else protocol.uses[0]


def render_tolerance_surface(
    rows: pd.DataFrame, series: pd.DataFrame, protocol: Protocol, *, language: Language
) -> Figure:
    """Draw the probability that the conclusion stands over sensitivity and specificity, a panel per variable.

    Non-differential errors, the margin of one use; the heavy line is the declared probability, up and right of which
    the conclusion bears the error. Nothing observed is drawn: the extracted data are not read here.
    """
    use = find_shown_use(protocol)
    kept = select_rows(series, metric="probability_within", stratum_by="specificity", use=use)
    shown = [analysis for analysis in select_analyses(protocol) if analysis.name in set(kept["analysis"])]
    if not shown:
        return create_notice("tolerance_surface", language)
    columns = max(2, *(select_rows(kept, analysis=one.name)["variable"].nunique() for one in shown))
    with figure_style():
        figure, parts = _create_rows(shown, 2.5, language)
        for part, analysis in zip(parts, shown, strict=True):
            axes = part.subplots(1, columns, squeeze=False)[0]
            own = select_rows(kept, analysis=analysis.name)
            for ax, variable in zip(axes, stack_names(own, protocol), strict=False):
                _draw_surface(ax, select_rows(own, variable=variable), protocol, language)
                ax.set_title(wrap_title(label_of(protocol, variable, language), columns), fontsize=8)
            for ax in axes[own["variable"].nunique() :]:
                ax.axis("off")
        figure.supxlabel(
            f"{read_word('metric', 'sensitivity', language)}\n{_name_use(protocol, use, language)}", fontsize=8.5
        )
        figure.supylabel(read_word("figure", "specificity", language), fontsize=8.5)
    return figure


def _create_rows(shown: list[Analysis], height: float, language: Language) -> tuple[Figure, list[SubFigure]]:
    """Return a figure with a row per analysis, each under its name where there are several."""
    figure = Drawing(read_width(), 0.7 + (height + 0.25) * len(shown))
    parts = list(figure.subfigures(len(shown), 1, squeeze=False)[:, 0])
    for part, analysis in zip(parts, shown, strict=True):
        if len(shown) > 1:
            part.suptitle(analysis.label.read(language), fontsize=9, x=0.01, ha="left", fontweight="bold")
    return figure, parts


def _name_use(protocol: Protocol, use: Use, language: Language) -> str:
    """Return the use drawn and its margin, or its margins where analyses differ."""
    own = protocol.tolerance.margins if protocol.tolerance else {}
    margins = sorted({own.get(use, analysis.margin) for analysis in select_analyses(protocol)})
    shown = ", ".join(format_number(margin, language) for margin in margins)
    return f"({read_word('use', use, language)}{COLON[language]}{read_word('figure', 'margin', language)} {shown})"


def _draw_surface(ax: Axes, points: pd.DataFrame, protocol: Protocol, language: Language) -> None:
    grid = points.assign(specificity=points["stratum"].astype(float)).pivot_table("y", "specificity", "x")
    x, y, z = grid.columns.to_numpy(float), grid.index.to_numpy(float), grid.to_numpy(float)
    limit = protocol.tolerance.probability if protocol.tolerance else 0.9
    ax.contourf(x, y, z, levels=np.linspace(0, 1, 11), cmap="Blues", alpha=0.6)
    thin = ax.contour(x, y, z, levels=[level for level in _LEVELS if level != limit], colors=GREY, linewidths=0.6)
    heavy = ax.contour(x, y, z, levels=[limit], colors=INK, linewidths=1.8)
    for lines, size in ((thin, 6.5), (heavy, 7.5)):
        ax.clabel(lines, fontsize=size, colors=INK, fmt=lambda value: format_percent(value, language, digits=0))
    ax.set_xlim(_find_start(x, z.max(axis=0)), 1)
    ax.set_ylim(_find_start(y, z.max(axis=1)), 1)
    for axis in ("x", "y"):
        set_percent_axis(ax, language, axis=axis)


def _find_start(values: Floats, highest: Floats) -> float:
    """Return where an axis starts: at the last value with which the conclusion is unlikely to stand."""
    unlikely = values[highest < _UNLIKELY]
    return float(unlikely.max() if len(unlikely) else values.min())


def render_tolerance_curves(
    rows: pd.DataFrame, series: pd.DataFrame, protocol: Protocol, *, language: Language
) -> Figure:
    """Draw the probability against omission, lag and spread, a line per variable, under its worst mechanism.

    A row of panels per analysis. A curve ends at the first error that no use bears.
    """
    use = find_shown_use(protocol)
    kept = select_rows(series, metric="probability_within", use=use)
    kept = kept[kept["stratum_by"] != "specificity"]
    shown = [analysis for analysis in select_analyses(protocol) if analysis.name in set(kept["analysis"])]
    if not shown:
        return create_notice("tolerance_curves", language)
    names = stack_names(kept, protocol)
    colours = dict(zip(names, PALETTE * (1 + len(names) // len(PALETTE)), strict=False))
    with figure_style():
        figure, parts = _create_rows(shown, 2.3, language)
        for part, analysis in zip(parts, shown, strict=True):
            own = select_rows(kept, analysis=analysis.name)
            for ax, paths in zip(part.subplots(1, len(_CURVES), sharey=True), _CURVES, strict=True):
                _draw_curves(ax, own, protocol, paths=paths, colours=colours, language=language)
        handles = [Line2D([], [], color=colours[name], linewidth=1.5) for name in names]
        labels = [label_of(protocol, name, language) for name in names]
        title = _name_use(protocol, use, language)
        figure.legend(handles, labels, loc="outside lower center", ncols=min(3, len(labels)), title=title)
        figure.supylabel(read_word("figure", "probability_within", language), fontsize=8.5)
    return figure


def _draw_curves(
    ax: Axes,
    points: pd.DataFrame,
    protocol: Protocol,
    *,
    paths: tuple[str, ...],
    colours: Mapping[str, str],
    language: Language,
) -> None:
    for path, dash in zip(paths, _DASHES, strict=False):
        own = select_rows(points, term=path)
        for variable, part in own.groupby("variable", sort=False):
            declared = protocol.get_variable(str(variable)).type
            if path == "spread" and declared != "date":
                continue
            curve = derive_worst_curve(part)
            ax.plot(curve["x"], curve["y"], color=colours[str(variable)], linestyle=dash, linewidth=1.4)
    limit = protocol.tolerance.probability if protocol.tolerance else 0.9
    ax.axhline(limit, color=GREY, linewidth=0.8, linestyle=(0, (2, 2)))
    ax.set_ylim(0, 1.03)
    ax.set_xlim(left=0)
    ax.set_xlabel(wrap_title(read_word("figure", f"tolerance_{paths[0]}", language), len(_CURVES)))
    set_percent_axis(ax, language, axis="y")
    (set_percent_axis if paths == ("omission",) else set_number_axis)(ax, language)


def derive_worst_curve(points: pd.DataFrame) -> pd.DataFrame:
    """Return the lowest probability over mechanisms at each error, as far as every mechanism goes."""
    shared = points.groupby(["at", "stratum"])["x"].max().min()
    within = points[points["x"] <= shared]
    lowest: pd.DataFrame = within.groupby("x", as_index=False)["y"].min()
    return lowest


def render_tolerable_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return, per analysis, variable and way of being wrong, the largest error borne for each use, worst mechanism."""
    worst = select_rows(rows, metric="tolerable_error", at="worst")
    body = []
    for analysis in select_analyses(protocol):
        own = select_rows(worst, analysis=analysis.name)
        for variable in stack_names(own, protocol):
            part = select_rows(own, variable=variable)
            for path, cell in part[["term", "stratum"]].drop_duplicates().itertuples(index=False, name=None):
                line = select_rows(part, term=path, stratum=cell)
                cells = [_read_error(select_rows(line, use=use), language) for use in protocol.uses]
                names = [*_name_first(analysis, protocol, language), label_of(protocol, variable, language)]
                body.append([*names, _name_path(protocol, variable, path, language), *cells])
    head = [read_word("column", name, language) for name in ("variable", "error_kind")]
    head += [read_word("use", use, language) for use in protocol.uses]
    first = [read_word("column", "analysis", language)] if len(select_analyses(protocol)) > 1 else []
    return Table([*first, *head], leave_repeated(body, 1 + len(first)), "l" * (len(first) + len(head)),
                 widths=(*(20 for _ in first), 18, 22, *(20 for _ in protocol.uses)))  # fmt: skip


def _name_first(analysis: Analysis, protocol: Protocol, language: Language) -> list[str]:
    return [analysis.label.read(language)] if len(select_analyses(protocol)) > 1 else []


def _name_path(protocol: Protocol, variable: str, path: str, language: Language) -> str:
    """Return the wording of a kind of error; a wrong date is off by so many days."""
    word = read_word("path", path, language)
    if path != "wrong" or protocol.tolerance is None or protocol.get_variable(variable).type != "date":
        return word
    return f"{word} (± {protocol.tolerance.wrong_days} {read_word('unit', 'days_short', language)})"


def _read_error(found: pd.DataFrame, language: Language) -> str:
    """Return a tolerable error with its Monte Carlo interval; `≥` where the largest error tested is borne."""
    if found.empty:
        return EMPTY
    row = found.iloc[0]
    if row["status"] != Status.OK:
        return read_word("reason", row["reason"], language)
    text = _format_error(row["estimate"], row["unit"], language)
    if row["reason"] == Reason.BEYOND_GRID:
        return f"≥ {text}"
    share, digits = row["unit"] == "proportion", {"proportion": 1, "days": 0}.get(row["unit"], 2)
    interval = format_interval(row["lower"], row["upper"], language, digits=digits, percent=share)
    return text if interval == EMPTY else f"{text} {interval}"


def _format_error(value: float, unit: str, language: Language) -> str:
    if unit == "proportion":
        return format_percent(value, language)
    if unit == "days":
        return f"{format_number(value, language, digits=0)} {read_word('unit', 'days_short', language)}"
    return f"{format_number(value, language)} {read_word('unit', 'sd', language)}"


def render_cited_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return, per variable and use, the errors and omissions that criteria cite, and what decided the first."""
    body = []
    for variable in stack_names(select_rows(rows, metric="tolerable_error_rate"), protocol):
        for use in protocol.uses:
            own = select_rows(rows, variable=variable, use=use)
            error = select_rows(own, metric="tolerable_error_rate").iloc[0].to_dict()
            omission = select_rows(own, metric="tolerable_omission_rate")
            names = [label_of(protocol, variable, language), read_word("use", use, language)]
            cells = [read_bound(error, language), *(read_bound(row, language) for row in omission.to_dict("records"))]
            body.append([*names, *cells, *_name_decided(error, protocol, language)])
    head = [read_word("column", name, language) for name in ("variable", "use")]
    head += [read_word("criterion", name, language) for name in ("error", "omission")]
    head += [read_word("column", name, language) for name in ("error_kind", "mechanism", "analysis")]
    return Table(head, leave_repeated(body), "lllllll", widths=(16, 12, 10, 10, 18, 16, 18))


def read_bound(row: Mapping[Hashable, Any], language: Language) -> str:
    """Return the error that a criterion cites, the lower bound; `≥` where no error tested was too large."""
    if row["status"] != Status.OK:
        return read_word("reason", row["reason"], language)
    text = format_percent(row["lower"], language)
    return f"≥ {text}" if row["reason"] == Reason.BEYOND_GRID else text


def _name_decided(row: Mapping[Hashable, Any], protocol: Protocol, language: Language) -> list[str]:
    if row["status"] != Status.OK:
        return [EMPTY] * 3
    analysis = next(one for one in protocol.analyses if one.name == row["analysis"])
    kind = _name_path(protocol, str(row["variable"]), str(row["term"]), language)
    return [kind, read_word("mechanism", str(row["at"]), language), analysis.label.read(language)]


def render_observed_figure(
    rows: pd.DataFrame, agreement: pd.DataFrame, protocol: Protocol, *, language: Language
) -> Figure:
    """Draw each source's error with its interval beside the largest error that the conclusions bear, use by use.

    Args:
        rows: rows of the tolerance notebook.
        agreement: rows of the agreement notebook, which reads the extracted data.
        protocol: the study's protocol.
        language: of words and numbers.
    """
    reference = protocol.reference.name if protocol.reference else ""
    cited = select_rows(rows, metric="tolerable_error_rate", status=Status.OK)
    errors = select_rows(select_reporting(agreement), metric="error_rate", status=Status.OK, comparator=reference)
    errors = errors[errors["variable"].isin(set(cited["variable"]))]
    names = stack_names(errors, protocol)
    if not names:
        return create_notice("tolerance_observed", language)
    with figure_style():
        figure, (ax,) = create_figure(max(1.9, 1.2 + 0.42 * len(names)))
        _draw_observed(ax, errors, protocol, names, language)
        for use, dash in zip(protocol.uses, _TICKS, strict=False):
            bounds = select_rows(cited, use=use).set_index("variable")["lower"].reindex(names)
            places = range(len(names))
            ax.vlines(bounds, [at - 0.36 for at in places], [at + 0.36 for at in places], color=INK, linewidth=1.4,
                      linestyle=dash, label=read_word("use", use, language))  # fmt: skip
        ax.set_yticks(range(len(names)), [label_of(protocol, name, language) for name in names])
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.set_xlim(left=0)
        set_percent_axis(ax, language)
        ax.set_xlabel(read_word("metric", "error_rate", language))
        figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


def _draw_observed(ax: Axes, errors: pd.DataFrame, protocol: Protocol, names: list[str], language: Language) -> None:
    sources = [source.name for source in protocol.sources if source.name in set(errors["source"])]
    colours, step = source_colours(protocol), 0.5 / max(len(sources), 1)
    for rank, source in enumerate(sources):
        own = select_rows(errors, source=source).drop_duplicates("variable").set_index("variable").reindex(names)
        at = [place + (rank - (len(sources) - 1) / 2) * step for place in range(len(names))]
        ax.hlines(at, own["lower"], own["upper"], color=colours[source], linewidth=1.3)
        ax.plot(own["estimate"], at, "o^sD"[rank % 4], color=colours[source], markersize=4, linestyle="none",
                label=source_label(protocol, source, language))  # fmt: skip


def describe_tolerance(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say what was asked, of how many patients, and which variable bears least and most error for each use."""
    return [*_describe_analyses(rows, protocol, language), *_describe_uses(rows, protocol, language)]


def _describe_analyses(rows: pd.DataFrame, protocol: Protocol, language: Language) -> Iterator[str]:
    for analysis in select_analyses(protocol):
        own = select_rows(rows, analysis=analysis.name, metric="tolerable_error", status=Status.OK)
        if own.empty or protocol.tolerance is None:
            continue
        margins = [f"{read_word('use', use, language).lower()} "
                   f"{format_number(protocol.tolerance.margins.get(use, analysis.margin), language)}"
                   for use in protocol.uses]  # fmt: skip
        yield say("tolerance_analysis", language, analysis=analysis.label.read(language), n=own["n"].iloc[0],
                  k=own["k"].iloc[0], draws=own["replicates"].iloc[0], margins=", ".join(margins),
                  probability=format_percent(protocol.tolerance.probability, language, digits=0))  # fmt: skip


def _describe_uses(rows: pd.DataFrame, protocol: Protocol, language: Language) -> Iterator[str]:
    for use in protocol.uses:
        cited = select_rows(rows, metric="tolerable_error_rate", use=use, status=Status.OK)
        if cited.empty:
            continue
        ordered = cited.sort_values("lower", kind="stable").to_dict("records")
        said = [f"{label_of(protocol, row['variable'], language)} {read_bound(row, language)}" for row in ordered]
        path, mechanism, _ = _name_decided(ordered[0], protocol, language)
        yield say("tolerance_use", language, use=read_word("use", use, language), errors=", ".join(said),
                  variable=label_of(protocol, ordered[0]["variable"], language), path=path.lower(),
                  mechanism=mechanism.lower(), colon=COLON[language])  # fmt: skip
