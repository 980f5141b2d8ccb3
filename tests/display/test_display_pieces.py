"""Every piece of a report is drawn from rows, whole, worded and reproducible."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text

from probatio.compendium.pieces import PIECES, Piece, Sources
from probatio.display.cohort import render_flow_figure
from probatio.display.export import write_figure
from probatio.display.sheets import Sheets
from probatio.display.statement import Signatures, Statement
from probatio.display.style import WIDTHS, figure_size
from probatio.display.table import Passage, Table
from probatio.protocol import Protocol

Study = tuple[Protocol, dict[str, pd.DataFrame], dict[str, pd.DataFrame]]
NAMES = [piece.name for piece in PIECES]
SMALLEST = 7.0  # points
FIGURES = 7
_POINT = re.compile(r"\d\.\d")


@pytest.fixture(params=["fr", "en"])
def given(request: pytest.FixtureRequest, bundled: Study) -> Sources:
    protocol, rows, series = bundled
    return Sources(protocol, rows, series, request.param)


@pytest.mark.parametrize("piece", PIECES, ids=NAMES)
def test_piece_is_whole(piece: Piece, given: Sources) -> None:
    """A figure cuts no label, a table has texts only, a paragraph has sentences; or there is nothing to show.

    In French tables numbers take the comma.
    """
    made = piece.make(given)
    if isinstance(made, Figure):
        assert find_cut_labels(made) == []
    elif isinstance(made, Table):
        assert_texts(made)
        if given.language == "fr" and piece.notebook not in ("", "00_protocol"):
            assert not [text for row in made.rows for text in row if _POINT.search(text)]
    elif isinstance(made, Sheets):
        assert made.sheets
        for sheet in made.sheets:
            assert_texts(sheet.table)
            assert all(sentence.endswith(".") for sentence in (*sheet.sentences, *sheet.notes))
    elif isinstance(made, Passage):
        assert made.text.strip()
        assert "nan" not in made.text.split()
    elif isinstance(made, Statement | Signatures):
        assert made.derive_markdown().strip()
    elif made is not None:
        assert made
        assert all(sentence.endswith((".", ")", "?")) for sentence in made)


def assert_texts(table: Table) -> None:
    assert table.rows
    assert all(isinstance(text, str) for row in table.rows for text in row)
    assert not any(text in ("nan", "None", "<NA>") for row in table.rows for text in row)


class Measuring(RendererAgg):
    """Everything is laid out, placed and measured as for a PNG; only the dots are left out, which take most time."""

    def _update_methods(self) -> None:
        for name in ("gouraud_triangles", "image", "markers", "path", "path_collection", "quad_mesh", "text"):
            setattr(self, f"draw_{name}", lambda *_, **__: None)


def find_cut_labels(figure: Figure) -> list[str]:
    """Return the visible texts that reach beyond the figure's edge by more than a pixel."""
    width, height = FigureCanvasAgg(figure).get_width_height()
    renderer = Measuring(width, height, figure.dpi)
    figure.draw(renderer)
    cut, hidden = [], _find_hidden_ticks(figure)
    for text in figure.findobj(Text):
        if not (text.get_visible() and text.get_text().strip()) or id(text) in hidden:
            continue
        box = text.get_window_extent(renderer)
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1:
            cut.append(text.get_text())
    return cut


def test_every_box_of_the_flow_holds_its_text(given: Sources) -> None:
    """However many sources share the width, no count leaves its box."""
    figure = render_flow_figure(given.rows["01_cohort"], given.protocol, language=given.language)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (ax,) = figure.axes
    texts = [text for text in ax.texts if text.get_text()]
    boxes = [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    assert len(texts) == len(boxes) > len(given.protocol.leading)
    for text, box in zip(texts, boxes, strict=True):
        inner, outer = (each.get_window_extent(canvas.get_renderer()) for each in (text, box))
        assert outer.x0 <= inner.x0, text.get_text()
        assert inner.x1 <= outer.x1, text.get_text()


def _find_hidden_ticks(figure: Figure) -> set[int]:
    """Return the tick labels outside their axis' view, which matplotlib keeps but does not draw."""
    hidden = set()
    for ax in [*figure.axes, *(child for each in figure.axes for child in each.child_axes)]:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if not low - 1e-9 <= tick.get_loc() <= high + 1e-9:
                    hidden |= {id(tick.label1), id(tick.label2)}
    return hidden


def test_figures_of_the_article_are_whole_and_readable_at_the_printed_size(demo: Study) -> None:
    """170 mm wide, no label is cut and no letter is smaller than 7 points, as journals ask."""
    source = (Path(__file__).parents[2] / "reports" / "article" / "article.qmd").read_text(encoding="utf-8")
    main = re.findall(r"_run/(\w+)\.qmd", source.partition("# Supplementary material")[0])
    protocol, rows, series = demo
    drawn = 0
    for piece in (PIECES[NAMES.index(name)] for name in main):
        if piece.kind == "fig":
            with figure_size("journal"):
                made = piece.make(Sources(protocol, rows, series, "en", size="journal"))
            if made is None:  # the rows here hold no model of centres
                continue
            assert isinstance(made, Figure), piece.name
            assert made.get_size_inches()[0] == WIDTHS["journal"], piece.name
            assert find_cut_labels(made) == [], piece.name
            shown = [text for text in made.findobj(Text) if text.get_visible() and text.get_text().strip()]
            assert min(text.get_fontsize() for text in shown) >= SMALLEST, piece.name
            drawn += 1
    assert drawn == FIGURES


def test_a_cut_label_is_found() -> None:
    """The check above can fail: a label beyond the edge is named."""
    figure = Figure(figsize=(2, 1))
    figure.text(0.95, 0.5, "a label that is too long")
    assert find_cut_labels(figure) == ["a label that is too long"]


@pytest.mark.parametrize("name", ["difference", "verdicts", "curves", "profile"])
def test_figure_bytes_are_reproducible(name: str, bundled: Study, tmp_path: Path) -> None:
    """Drawn twice, a figure has the same bytes, as SVG and as PNG."""
    piece = PIECES[NAMES.index(name)]
    protocol, rows, series = bundled
    digests = []
    for turn in ("first", "second"):
        made = piece.make(Sources(protocol, rows, series, "fr"))
        if made is None:
            pytest.skip(f"{protocol.study} has nothing to draw here")
        assert isinstance(made, Figure)
        paths = write_figure(made, tmp_path / turn)
        digests.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in paths])
    assert digests[0] == digests[1]


def test_places_are_rounded_whatever_the_solver_returns(bundled: Study) -> None:
    """Axes and parts of a figure stand at five decimals: the last digits of the solver move between drawings."""
    protocol, rows, series = bundled
    made = PIECES[NAMES.index("curves")].make(Sources(protocol, rows, series, "fr"))
    assert isinstance(made, Figure)
    FigureCanvasAgg(made).draw()
    places = [part.bbox_relative.get_points() for part in made.subfigs]
    places += [ax.get_position().get_points() for ax in made.axes]
    assert len(places) > 4
    assert all((place == place.round(5)).all() for place in places)
