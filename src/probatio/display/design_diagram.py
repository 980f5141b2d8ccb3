"""The study's design in one drawing, made from the protocol alone: documents, sources, comparison, judgement."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from probatio.display.style import GREY, INK, PALE, create_figure, figure_style
from probatio.protocol import Language, Protocol, Source
from probatio.wording import read_word

_LINE = 0.38
"""Inches per source."""
_COLUMNS = ((0.0, 0.14), (0.2, 0.3), (0.57, 0.15), (0.78, 0.22))
"""Left end and width of the four columns, in shares of the drawing's width."""
_HEIGHT = 0.82
_LETTERS = 15
"""That fit into one line of the narrow boxes."""
_ROUND = "round,pad=0.004,rounding_size=0.012"


def render_design_diagram(protocol: Protocol, *, language: Language) -> Figure:
    """Draw the documents, every source that is read from them, what it is compared with, and who judges.

    A dashed frame is a source that saw another one. Sources stand in the protocol's order.
    """
    sources = protocol.sources
    with figure_style():
        figure, axes = create_figure(max(2.4, _LINE * len(sources)))
        ax = axes[0]
        middle = (len(sources) - 1) / 2
        _draw_box(ax, 0, middle, _wrap(read_word("plan", "documents_box", language)), facecolor=PALE)
        for line, source in enumerate(sources):
            fill = PALE if source.role == "reference" else "white"
            frame = "-" if source.independent_of or source.role == "reference" else (0, (4, 2))
            _draw_box(ax, 1, line, "\n".join(_describe_source(source, language)), facecolor=fill, linestyle=frame)
            _draw_arrow(ax, (0, middle), (1, line))
            _draw_arrow(ax, (1, line), (2, middle))
        _draw_box(ax, 2, middle, _wrap(read_word("plan", "compare_box", language)), facecolor=PALE)
        if protocol.acceptance is not None:
            _draw_box(ax, 3, middle, "\n".join(_describe_judgement(protocol, language)), facecolor=PALE)
            _draw_arrow(ax, (2, middle), (3, middle))
        ax.set_xlim(-0.01, 1.01)
        ax.set_ylim(len(sources) - 0.5, -0.5)
        ax.axis("off")
    return figure


def _describe_source(source: Source, language: Language) -> Iterator[str]:
    yield source.label.read(language)
    role = read_word("role", "reviewed" if source.reviewed else source.role, language)
    yield f"{role}{f', {source.version}' if source.version else ''}"


def _describe_judgement(protocol: Protocol, language: Language) -> Iterator[str]:
    yield _wrap(read_word("plan", "judge_box", language))
    yield from (f"· {read_word('use', use, language)}" for use in protocol.uses)


def _wrap(text: str) -> str:
    return "\n".join(textwrap.wrap(text, _LETTERS, break_long_words=False))


def _draw_box(ax: Axes, column: int, line: float, text: str, **style: Any) -> None:
    left, width = _COLUMNS[column]
    height = _HEIGHT if column == 1 else max(_HEIGHT, 0.4 * (text.count("\n") + 2))
    box = FancyBboxPatch((left, line - height / 2), width, height, boxstyle=_ROUND, edgecolor=INK, linewidth=0.8,
                         mutation_aspect=8, **style)  # fmt: skip
    ax.add_patch(box)
    ax.text(left + width / 2, line, text, ha="center", va="center", fontsize=7.5, linespacing=1.2)


def _draw_arrow(ax: Axes, start: tuple[int, float], end: tuple[int, float]) -> None:
    (left, width), (goal, _) = _COLUMNS[start[0]], _COLUMNS[end[0]]
    arrow = {"arrowstyle": "-|>", "color": GREY, "linewidth": 0.8, "shrinkA": 2, "shrinkB": 2}
    ax.annotate("", (goal, end[1]), (left + width, start[1]), zorder=0, arrowprops=arrow)
