"""One figure style: colours that colour-blind readers tell apart, thesis sizes, language of the axes."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import Bbox

from probatio.protocol import Language, Protocol
from probatio.wording import format_number, format_percent, read_word

INK, GREY, PALE = "#1a1a1a", "#6b6b6b", "#d9d9d9"
# Okabe and Ito (2008), the palette that the common colour-vision deficiencies keep apart.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
OUTCOME_COLOURS = {"C": "#56B4E9", "W": "#D55E00", "O": "#E69F00", "U": "#CC79A7", "B": "#e4e4e4"}
OUTCOME_HATCHES = {"C": "", "W": "////", "O": "....", "U": "xxxx", "B": ""}
VERDICT_COLOURS = {
    "accepted": "#009E73",
    "accepted_with_review": "#56B4E9",
    "inconclusive": "#F0E442",
    "not_accepted": "#D55E00",
}
VERDICT_MARKS = {"accepted": "●", "accepted_with_review": "◐", "inconclusive": "○", "not_accepted": "✕"}
_MANY_PANELS = 6
TEXT_WIDTH = 6.3  # inches: the text width of an A4 thesis page
Size = Literal["thesis", "journal"]
WIDTHS: dict[Size, float] = {"thesis": TEXT_WIDTH, "journal": 6.69}  # 170 mm: a journal's double column
_SIZE: ContextVar[Size] = ContextVar("size", default="thesis")

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.dpi": 110,
    "svg.hashsalt": "probatio",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,  # letters as TrueType, which journals can edit
    "path.simplify": False,  # which vertices it drops moves with the layout's last digit: other bytes each time
    "hatch.linewidth": 0.5,
}


_FINE = 5
"""Decimals of positions, in parts of the figure: below a hundredth of a point."""


class RoundedLayout(ConstrainedLayoutEngine):
    """Matplotlib's constrained layout, with rounded positions.

    Its solver walks constraints in the order of memory addresses, so that positions move in the last digit from one
    drawing to the next, and now and then a pixel or a written coordinate with them.
    """

    def execute(self, fig: Figure) -> Any:
        """Lay a figure out, then round the places of its parts and axes."""
        grids = super().execute(fig)
        _round_parts(fig)
        for ax in fig.axes:
            if ax.get_in_layout():
                ax.set_position(_round_box(ax.get_position()))
                ax.set_in_layout(True)  # set_position takes it out
        return grids


def _round_parts(figure: FigureBase) -> None:
    for part in figure.subfigs:
        part.bbox_relative.set(_round_box(part.bbox_relative))
        _round_parts(part)


def _round_box(box: Any) -> Bbox:
    return Bbox(box.get_points().round(_FINE))


class Drawing(Figure):
    """A figure outside pyplot's registry: nothing to close, shown once by a notebook, as PNG."""

    def __init__(self, width: float, height: float) -> None:
        super().__init__(figsize=(width, height), layout=RoundedLayout())

    def draw(self, renderer: Any) -> None:
        """Draw; matplotlib's rehearsal before it writes a file, in which nothing is drawn, only lays out."""
        layout = self.get_layout_engine()
        if layout is not None and not hasattr(renderer.open_group, "__self__"):  # no method: it stands in for one
            layout.execute(self)
        else:
            super().draw(renderer)

    def __repr__(self) -> str:
        """Return the size in pixels, which is what notebook tests compare."""
        width, height = (round(inches * self.dpi) for inches in self.get_size_inches())
        return f"<drawing of {width} x {height} pixels>"

    def _repr_png_(self) -> bytes:
        out = io.BytesIO()
        with figure_style():
            self.savefig(out, format="png", dpi=_STYLE["figure.dpi"], metadata={"Software": None})
        return out.getvalue()


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw with the house's style, whatever the session's own settings."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


@contextmanager
def figure_size(size: Size) -> Iterator[None]:
    """Draw every figure at the width of what it is printed in: letters keep their size, nothing is scaled."""
    token = _SIZE.set(size)
    try:
        yield
    finally:
        _SIZE.reset(token)


def read_width() -> float:
    """Return the width of a figure, in inches."""
    return WIDTHS[_SIZE.get()]


def create_figure(height: float, *, width: float | None = None, columns: int = 1, rows: int = 1,
                  ratios: Sequence[float] | None = None, **options: object) -> tuple[Figure, list[Axes]]:  # fmt: skip
    """Return a figure of a height in inches, as wide as the page unless a width is given, and its axes in a list."""
    figure = Drawing(width or read_width(), height)
    grid = {"width_ratios": ratios} if columns > 1 else {"height_ratios": ratios}
    axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw=grid if ratios else None, **options)  # type: ignore[call-overload]
    return figure, list(axes.flat)


def create_notice(caption: str, language: Language) -> Figure:
    """Return a small figure that says that a study has nothing to draw here."""
    with figure_style():
        figure, (ax,) = create_figure(0.6)
        title = read_word("caption", caption, language)
        title = title[:1].lower() + title[1:]
        text = read_word("sentence", "nothing", language).format(title=title)
        ax.text(0.5, 0.5, text, ha="center", va="center", color=GREY, style="italic", wrap=True)
        ax.axis("off")
    return figure


def wrap_title(text: str, panels: int) -> str:
    """Return a panel's title broken between words into lines that fit when several panels share the text width."""
    least = 12 if panels < _MANY_PANELS else 9
    return "\n".join(textwrap.wrap(text, max(least, 62 // panels - 4), break_long_words=False))


def source_colours(protocol: Protocol) -> dict[str, str]:
    """Return each source's colour, the same in every figure; the reference is drawn in ink.

    A source after review has the colour of the one it comes from, darkened.
    """
    others = [source.name for source in protocol.sources if source.role != "reference" and source.reviewed is None]
    colours = {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(others)}
    reviewed = {each.name: darken(colours[each.reviewed.of]) for each in protocol.sources if each.reviewed}
    return {source.name: INK for source in protocol.sources} | colours | reviewed


def darken(colour: str) -> str:
    """Return a colour at half its light, by its six hexadecimal digits."""
    parts = (int(colour[at : at + 2], 16) // 2 for at in (1, 3, 5))
    return "#" + "".join(f"{part:02X}" for part in parts)


def set_percent_axis(ax: Axes, language: Language, *, axis: str = "x", digits: int = 0, sign: bool = False) -> None:
    """Label an axis of proportions in percent, in the language's way."""
    formatter = FuncFormatter(lambda value, _: format_percent(value, language, digits=digits, sign=sign))
    (ax.xaxis if axis == "x" else ax.yaxis).set_major_formatter(formatter)


def set_number_axis(ax: Axes, language: Language, *, axis: str = "x", digits: int = 0) -> None:
    """Label an axis of numbers in the language's way."""
    formatter = FuncFormatter(lambda value, _: format_number(value, language, digits=digits))
    (ax.xaxis if axis == "x" else ax.yaxis).set_major_formatter(formatter)
    (ax.xaxis if axis == "x" else ax.yaxis).set_minor_formatter(FuncFormatter(lambda *_: ""))
