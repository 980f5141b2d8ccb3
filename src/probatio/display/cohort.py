"""The flow of patients and values, source overlap and characteristics, drawn from result rows only."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from probatio.display.rows import COLON, label_of, level_label, source_label, stack_names
from probatio.display.style import GREY, INK, create_figure, figure_style
from probatio.display.table import Table
from probatio.measures.cohort import OVERLAP_JOIN
from probatio.protocol import Language, Protocol, Source
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, format_number, format_percent, has_word, read_word

_STEPS = (
    "read", "rejected", "kept", "evaluated", "labelled", "unlabelled", "not_assessed", "not_documented", "failed",
    "delivered", "delivered_not_assessed", "recoded", "non_conformant", "reviewed", "changed", "unresolved", "assessed",
    "compared",
)  # fmt: skip


_BESIDE = 4  # boxes of sources in a line: more would not hold their counts at a readable size
_UNIT = 0.72  # inches of one unit of height


def word_step(step: str, language: Language) -> str:
    """Return the wording of a step of the flow; rules of rejection share one word before their own."""
    if has_word("flow", step):
        return read_word("flow", step, language)
    rule = step.removeprefix("rejected_")
    named = read_word("rule", rule, language) if has_word("rule", rule) else rule.replace("_", " ")
    return (
        f"{read_word('flow', 'rejected', language)}{COLON[language]}{named}" if step.startswith("rejected_") else named
    )


def render_flow_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return every step of the flow: patients and documents first, then values per source."""
    flow = select_rows(rows, analysis="flow")
    totals = flow.groupby(["unit", "source", "comparator", "term"], sort=False)["estimate"].sum().reset_index()
    units = {"patients": 0, "documents": 1, "values": 2, "decisions": 3}
    ranks = {"": -1} | {source.name: index for index, source in enumerate(protocol.sources)}
    totals = totals[~totals["term"].isin(list("CWOUB")) & (totals["estimate"] > 0)]
    totals = totals.assign(u=totals["unit"].map(units), s=totals["source"].map(ranks), t=totals["term"].map(_rank_step))
    totals = totals.sort_values(["u", "s", "comparator", "t", "term"], kind="stable")
    body = []
    for row in totals.to_dict("records"):
        names = [source_label(protocol, row[name], language) for name in ("source", "comparator")]
        step = word_step(row["term"], language)
        body.append([read_word("column", row["unit"], language), *names, step, str(int(row["estimate"]))])
    head = [read_word("column", name, language) for name in ("unit", "source", "comparator", "step", "n")]
    return Table(head, body, "llllr")


def _rank_step(step: str) -> int:
    name = "rejected" if step.startswith("rejected_") else step
    return _STEPS.index(name) if name in _STEPS else len(_STEPS)


def render_overlap_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return the number of patients by the exact set of sources that delivered at least one value."""
    overlap = select_rows(rows, analysis="overlap").sort_values("estimate", ascending=False, kind="stable")
    total = overlap["estimate"].sum()
    body = []
    for row in overlap.to_dict("records"):
        names = [source_label(protocol, name, language) for name in row["term"].split(OVERLAP_JOIN) if name]
        words = " + ".join(names) or read_word("figure", "no_source", language)
        body.append([words, str(int(row["estimate"])), format_percent(row["estimate"] / total, language)])
    head = [read_word("column", name, language) for name in ("sources", "patients", "share")]
    return Table(head, body, "lrr")


def render_characteristics_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return characteristics side by side: n (%) per level, median [quartiles] per number, a column per source."""
    own = select_rows(rows, analysis="characteristics")
    sources = [name for name in ("", *(s.name for s in protocol.sources)) if name in set(own["source"])]
    attributes = [name for name in protocol.patients.attributes if name in set(own["variable"])]
    values = [name for name in stack_names(own, protocol) if name not in attributes]
    body: list[list[str]] = []
    for name in [*attributes, *values]:
        body += _describe_variable(select_rows(own, variable=name), name, sources, protocol, language)
    head = [read_word("column", "characteristic", language)]
    head += [
        source_label(protocol, name, language) if name else read_word("figure", "cohort", language) for name in sources
    ]
    width = 66 // len(sources)
    return Table(head, body, "l" + "r" * len(sources), widths=(34, *[width] * len(sources)))


def _describe_variable(
    own: pd.DataFrame, name: str, sources: list[str], protocol: Protocol, language: Language
) -> Iterator[list[str]]:
    label = label_of(protocol, name, language)
    if own["metric"].eq("median").any():
        yield [label, *(_describe_number(select_rows(own, source=source), language) for source in sources)]
        return
    yield [label, *("" for _ in sources)]
    levels = [level for level in dict.fromkeys(own["term"]) if level]
    order = _order_levels(name, protocol)
    for level in sorted(levels, key=lambda text: (order.get(text, len(order)), text)):
        part = select_rows(own, term=level)
        word = level_label(protocol, name, level, language)
        yield [f"\u2003{word}", *(_describe_share(select_rows(part, source=source), language) for source in sources)]


def _order_levels(name: str, protocol: Protocol) -> dict[str, int]:
    if name in protocol.patients.attributes:
        return {level: index for index, level in enumerate(protocol.patients.attributes[name].labels)}
    return {level: index for index, level in enumerate(protocol.get_variable(name).levels)}


def _describe_share(own: pd.DataFrame, language: Language) -> str:
    if own.empty:
        return ""
    row = own.iloc[0]
    return f"{row['k']} ({format_percent(row['estimate'], language)})"


def _describe_number(own: pd.DataFrame, language: Language) -> str:
    if own.empty:
        return ""
    if (own["status"] != Status.OK).any():
        return EMPTY
    found = own.set_index("metric")["estimate"]
    low, mid, high = (format_number(found[m], language, digits=0 if found["median"] > 20 else 1)
                      for m in ("quartile_1", "median", "quartile_3"))  # fmt: skip
    return f"{mid} [{low}–{high}]"


def render_flow_figure(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Figure:
    """Draw the flow: patients kept from step to step, those set aside, then the values of each source that leads."""
    with figure_style():
        figure, (ax,) = create_figure(measure_flow(rows, protocol, language))
        draw_flow(ax, rows, protocol, language)
    return figure


def measure_flow(rows: pd.DataFrame, protocol: Protocol, language: Language) -> float:
    """Return the height of the flow, in inches."""
    return (_find_top(rows, protocol, language) + 0.4) * _UNIT


def _find_top(rows: pd.DataFrame, protocol: Protocol, language: Language) -> float:
    flow = select_rows(rows, analysis="flow")
    lines = -(-len(_list_sources(flow, protocol)) // _BESIDE)
    return 0.95 * (len(_collect_steps(flow, language)[0]) - 1) + 0.95 + 1.25 * lines


def _list_sources(flow: pd.DataFrame, protocol: Protocol) -> list[Source]:
    return [source for source in protocol.leading if source.name in set(flow["source"])]


def draw_flow(ax: Axes, rows: pd.DataFrame, protocol: Protocol, language: Language) -> None:
    """Draw the boxes of the flow on axes of the height that `measure_flow` returns."""
    flow, top = select_rows(rows, analysis="flow"), _find_top(rows, protocol, language)
    main, aside = _collect_steps(flow, language)
    ax.axis("off")
    ax.set(xlim=(0, 10), ylim=(-0.1, top + 0.35))
    for index, text in enumerate(main):
        y = top - 0.95 * index
        _draw_box(ax, 3.3, y, text, width=4.2)
        if index:
            _draw_arrow(ax, 3.3, y + 0.95 - 0.21, 3.3, y + 0.21)
        if index in aside:
            _draw_box(ax, 7.85, y - 0.475, "\n".join(aside[index]), width=4.2, height=0.2 + 0.2 * len(aside[index]))
            _draw_arrow(ax, 3.3, y - 0.475, 5.75, y - 0.475)
    _draw_sources(ax, flow, _list_sources(flow, protocol), top - 0.95 * (len(main) - 1) - 0.21, language)


def _collect_steps(flow: pd.DataFrame, language: Language) -> tuple[list[str], dict[int, list[str]]]:
    """Return the boxes of the main path, and those beside it by the index of the box they leave."""
    patients = flow[(flow["metric"] == "patients") & (flow["source"] == "")]
    totals = patients.groupby("term", sort=False)["estimate"].sum()
    main: list[str] = []
    aside: dict[int, list[str]] = {}
    for step in sorted(totals.index, key=_rank_step):
        text = _count(str(step), totals[step], language)
        if str(step).startswith("rejected") or step == "unlabelled":
            aside.setdefault(0 if step != "unlabelled" else len(main) - 2, []).append(text)
        elif totals[step] > 0:
            main.append(f"{read_word('column', 'patients', language)} {text[0].lower()}{text[1:]}")
    return main, aside


def _count(step: str, n: float, language: Language) -> str:
    return f"{word_step(step, language)}{COLON[language]}{format_number(n, language, digits=0)}"


def _draw_sources(ax: Axes, flow: pd.DataFrame, sources: list[Source], bottom: float, language: Language) -> None:
    """Draw a box per source: an arrow to each where they stand in one line, else one to the frame round them."""
    if not sources:
        return
    lines = -(-len(sources) // _BESIDE)
    beside = -(-len(sources) // lines)
    width, highest = 10 / beside, 0.6 + 1.25 * (lines - 1)
    for index, source in enumerate(sources):
        x, y = width * (index % beside + 0.5), highest - 1.25 * (index // beside)
        _draw_box(ax, x, y, _describe_source(flow, source, language), width=width * 0.94, height=1.15)
        if lines == 1:
            _draw_arrow(ax, 3.3, bottom, x, 1.2)
    if lines > 1:
        frame = Rectangle((0.05, -0.05), 9.9, highest + 0.7, fill=False, edgecolor=GREY, linewidth=0.6)
        ax.add_patch(frame)
        _draw_arrow(ax, 3.3, bottom, 3.3, highest + 0.65)


def _describe_source(flow: pd.DataFrame, source: Source, language: Language) -> str:
    """Return a source's name and its counts of values, line by line."""
    own = flow[(flow["source"] == source.name) & (flow["metric"] == "values")]
    totals = own.groupby("term", sort=False)["estimate"].sum()
    shown = [step for step in ("assessed", "delivered", "non_conformant", "not_documented") if step in totals]
    return "\n".join([source.label.read(language), *(_count(step, totals[step], language) for step in shown)])


def _draw_box(ax: Axes, x: float, y: float, text: str, *, width: float, height: float = 0.42) -> None:
    shape = FancyBboxPatch((x - width / 2, y - height / 2), width, height, boxstyle="round,pad=0,rounding_size=0.06",
                           facecolor="white", edgecolor=GREY, linewidth=0.8)  # fmt: skip
    ax.add_patch(shape)
    ax.text(x, y, text, ha="center", va="center", fontsize=8, color=INK, linespacing=1.35)


def _draw_arrow(ax: Axes, x0: float, y0: float, x1: float, y1: float) -> None:
    ax.annotate("", (x1, y1), (x0, y0), arrowprops={"arrowstyle": "-|>", "color": GREY, "linewidth": 0.8})
