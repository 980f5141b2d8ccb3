"""The plan drawn from its rows: a table of sizes, power against patients."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probatio.display.rows import label_of
from probatio.display.style import (
    GREY,
    INK,
    PALETTE,
    create_figure,
    create_notice,
    figure_style,
    set_number_axis,
    set_percent_axis,
)
from probatio.display.table import Table, leave_repeated
from probatio.protocol import Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, format_number, format_percent, has_word, read_word

_NAMED, _LISTED = 2, 4
_NEEDED = ("use", "term", "at", "planned_n", "planned_expected", "planned_power")
_NUMBERS = ("planned_expected", "planned_n", "planned_power", "planned_assurance", "planned_half_width")
_MARK = "●"


def render_plan_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language, sized: bool = False) -> Table:
    """Return, per use, type of variable and criterion: patients needed, and what the study's patients give.

    Variables with the same numbers share a line; the criterion that asks for most patients is marked. With `sized`
    criteria without a size are left to `render_unsized_table`.
    """
    lines = _derive_lines(rows, protocol)
    lines = lines[lines["status"] == Status.OK] if sized else lines
    kept = [name for name in lines.columns if name not in ("variable", "place")]
    grouped = lines.groupby(kept, sort=False, dropna=False)["variable"].agg(list).reset_index()
    body = [_render_line(line, protocol, language) for line in grouped.to_dict("records")]
    body = leave_repeated(body, 2) if sized else body
    patients = protocol.planning.patients if protocol.planning else math.nan
    names = ("use", "variable", "criterion", "expected", "rule", "planned_values", "planned_n", "binding",
             "power_at", "assurance", "half_width")  # fmt: skip
    number = format_number(patients, language, digits=0)
    head = [read_word("column", name, language).replace("{n}", number) for name in names]
    return Table(head, body, "llllrrrcrrr", widths=(9, 15, 13, 8, 8, 9, 9, 6, 10, 10, 6))


def render_unsized_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return the criteria whose number of patients is not computed, with uses and variables, and why it is not."""
    lines = _derive_lines(rows, protocol)
    lines = lines[lines["status"] != Status.OK]
    body = []
    for (term, reason), found in lines.groupby(["term", "reason"], sort=False):
        uses = ", ".join(read_word("use", use, language) for use in dict.fromkeys(found["use"]))
        variables = list(dict.fromkeys(found["variable"]))
        shown = [label_of(protocol, name, language) for name in variables[:_LISTED]]
        more = f" (+{len(variables) - _LISTED})" if len(variables) > _LISTED else ""
        name = str(term)
        word = read_word("criterion", name, language) if has_word("criterion", name) else name
        body.append([word, uses, ", ".join(shown) + more, read_word("reason", str(reason), language)])
    head = [read_word("column", name, language) for name in ("criterion", "use", "variables", "remark")]
    return Table(head, body, "llll", widths=(20, 20, 32, 28))


def render_needed_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return, per use, the criterion that asks for most patients and how many; equal variables share a line.

    Variables and uses whose criteria cannot all be planned have no line, as nothing says which one asks for most.
    """
    lines = _derive_lines(rows, protocol)
    lines = lines[lines["binding"]]
    body = [_render_needed(group, protocol, language)
            for _, group in lines.groupby([*_NEEDED], sort=False, dropna=False)]  # fmt: skip
    number = format_number(protocol.planning.patients if protocol.planning else math.nan, language, digits=0)
    names = ("use", "variable", "criterion", "expected", "rule", "planned_n", "power_at")
    head = [read_word("column", name, language).replace("{n}", number) for name in names]
    return Table(head, leave_repeated(body), "llllrrr", widths=(13, 29, 22, 9, 8, 10, 9))


def _render_needed(group: pd.DataFrame, protocol: Protocol, language: Language) -> list[str]:
    named = [_name_variables(list(own), str(kind), protocol, language)
             for kind, own in group.groupby("type", sort=False)["variable"]]  # fmt: skip
    whole = _render_line({**group.iloc[0].to_dict(), "variable": []}, protocol, language)
    return [whole[0], ", ".join(named), *whole[2:5], whole[6], whole[8]]


def _derive_lines(rows: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Return one line per variable, use and criterion, with its numbers side by side."""
    places = {variable.name: place for place, variable in enumerate(protocol.variables)}
    types = {variable.name: variable.type for variable in protocol.variables}
    order = {name: place for place, name in enumerate(dict.fromkeys(types.values()))}
    uses = {use: place for place, use in enumerate(protocol.uses)}
    found = rows[(rows["term"] != "") & (rows["variable"] != "") & rows["metric"].str.startswith("planned_")]
    key = ["variable", "use", "term", "at"]
    wide = found.pivot_table(index=key, columns="metric", values="estimate", dropna=False, observed=True)
    wide = wide.reindex(columns=list(_NUMBERS)).dropna(how="all")
    sizes = select_rows(found, metric="planned_n").set_index(key)[["n", "status", "reason"]]
    lines = sizes.join(wide).reset_index()
    binding = select_rows(rows, metric="planned_n", term="")
    marked = set(zip(binding["variable"], binding["use"], binding["at"], strict=True))
    lines["n"] = lines["n"].astype(float)
    lines["binding"] = [(v, u, f"binding: {t}") in marked for v, u, t in
                        zip(lines["variable"], lines["use"], lines["term"], strict=True)]  # fmt: skip
    lines["type"] = lines["variable"].map(types)
    lines["place"] = lines["variable"].map(places)
    ranked = lines.assign(u=lines["use"].map(uses), y=lines["type"].map(order))
    return ranked.sort_values(["u", "y", "place", "term"], kind="stable").drop(columns=["u", "y"])


def _render_line(line: Mapping[Any, Any], protocol: Protocol, language: Language) -> list[str]:
    numbers = {name: float(line[name]) for name in (*_NUMBERS, "n")}
    term, kind = str(line["term"]), str(line["type"])
    needed = format_number(numbers["planned_n"], language, digits=0)
    if line["status"] != Status.OK:
        needed = read_word("reason", str(line["reason"]), language)
    return [
        read_word("use", str(line["use"]), language),
        _name_variables(list(line["variable"]), kind, protocol, language),
        read_word("criterion", term, language) if has_word("criterion", term) else term,
        format_percent(numbers["planned_expected"], language),
        _render_rule(str(line["at"]), language),
        format_number(numbers["n"], language, digits=0),
        needed,
        _MARK if line["binding"] else "",
        format_percent(numbers["planned_power"], language),
        format_percent(numbers["planned_assurance"], language),
        format_number(100 * numbers["planned_half_width"], language, digits=1),
    ]


def _render_rule(rule: str, language: Language) -> str:
    sign, _, number = rule.partition(" ")
    if not number:
        return EMPTY
    if number == "tolerance":
        return f"{sign}\u00a0{read_word('figure', 'tolerance', language)}"
    digits = max(len(number.partition(".")[2]) - 2, 0)
    return f"{sign}\u00a0{format_percent(float(number), language, digits=digits)}"


def _name_variables(names: list[str], kind: str, protocol: Protocol, language: Language) -> str:
    if len(names) <= _NAMED:
        return ", ".join(label_of(protocol, name, language) for name in names)
    return f"{read_word('type', kind, language)} ({len(names)})"


def describe_plan(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Iterator[str]:
    """Yield a sentence per use on all criteria together, and one on centres where they are planned."""
    planning = protocol.planning
    for use in protocol.uses if planning else []:
        joint = select_rows(rows, use=use, variable="", metric="planned_power_all")
        size = select_rows(rows, use=use, variable="", metric="planned_n_all")
        if planning and len(joint):
            shown = {row["at"]: format_percent(row["estimate"], language) for row in joint.to_dict("records")}
            yield read_word("sentence", "plan_use", language).format(
                use=read_word("use", use, language), criteria=joint["k"].iloc[0], independent=shown["independent"],
                correlated=shown.get("correlated", EMPTY), rho=format_number(planning.correlation, language),
                n=_render_count(size, language), power=format_percent(planning.power, language, digits=0),
            )  # fmt: skip
    found = select_rows(rows, metric="planned_prediction")
    if planning and planning.centres and len(found):
        row = found.iloc[0]
        yield read_word("sentence", "plan_centres", language).format(
            number=row["clusters"], limit=format_percent(planning.centres.limit, language),
            interval=" – ".join(format_percent(row[bound], language) for bound in ("lower", "upper")),
            n=_render_count(select_rows(rows, metric="planned_centres"), language),
        )  # fmt: skip


def _render_count(found: pd.DataFrame, language: Language) -> str:
    row = found.iloc[0]
    if row["status"] != Status.OK:
        return f"({read_word('reason', row['reason'], language)})"
    return format_number(row["estimate"], language, digits=0)


def render_power_curve(series: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw power against patients, a panel per use, a colour per criterion; equal curves are drawn once."""
    curves = select_rows(series, metric="planned_power")
    uses = [use for use in protocol.uses if use in set(curves["use"])]
    if not uses or protocol.planning is None:
        return create_notice("planning", language)
    terms = sorted(set(curves["term"]))
    colours = {term: PALETTE[place % len(PALETTE)] for place, term in enumerate(terms)}
    with figure_style():
        figure, axes = create_figure(3.1, columns=len(uses), sharey=True)
        for ax, use in zip(axes, uses, strict=True):
            _draw_curves(ax, select_rows(curves, use=use), colours)
            _draw_plan(ax, protocol.planning.patients, protocol.planning.power, language)
            ax.set_title(read_word("use", use, language))
        axes[0].set_ylabel(read_word("figure", "power", language))
        set_percent_axis(axes[0], language, axis="y")
        axes[len(axes) // 2].set_xlabel(read_word("figure", "planned_patients", language))
        handles = [axes[0].plot([], [], color=colours[term])[0] for term in terms]
        words = [read_word("criterion", t, language) if has_word("criterion", t) else t for t in terms]
        lines = {"wanted_power": (0, (4, 2)), "study_patients": (0, (1, 1.5))}
        handles += [axes[0].plot([], [], color=GREY, linestyle=style)[0] for style in lines.values()]
        words += [read_word("figure", name, language) for name in lines]
        figure.legend(handles, words, loc="outside lower center", ncols=3)
    return figure


def _draw_curves(ax: Axes, curves: pd.DataFrame, colours: dict[str, str]) -> None:
    drawn: set[tuple[object, ...]] = set()
    for (_, term), curve in curves.groupby(["variable", "term"], sort=True):
        shape = (term, *curve["y"])
        if shape not in drawn:
            ax.plot(curve["x"], curve["y"], color=colours[str(term)], linewidth=0.8)
        drawn.add(shape)


def _draw_plan(ax: Axes, patients: int, power: float, language: Language) -> None:
    ax.axhline(power, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)))
    ax.axvline(patients, color=INK, linewidth=0.8, linestyle=(0, (1, 1.5)))
    ax.set_ylim(0, 1.02)
    set_number_axis(ax, language)
