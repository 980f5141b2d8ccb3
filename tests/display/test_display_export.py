"""A figure's bytes do not depend on the drawing's last digits."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probatio.display.export import derive_stable_identifiers, write_figure
from probatio.display.style import Drawing, create_figure, figure_style

SVG = b'<clipPath id="p5c4921c13b"/><g clip-path="url(#p5c4921c13b)"/><path id="m0123456789"/><text id="text_1"/>'


def test_hashed_identifiers_are_numbered_and_references_follow() -> None:
    """Two drawings that differ in hashes only have the same bytes, and each reference keeps its target."""
    stable = derive_stable_identifiers(SVG)
    assert stable == derive_stable_identifiers(SVG.replace(b"p5c4921c13b", b"pffee72ac81"))
    assert stable == b'<clipPath id="p_1"/><g clip-path="url(#p_1)"/><path id="m_2"/><text id="text_1"/>'


def test_what_the_rehearsal_leaves_out_changes_no_byte(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Matplotlib rehearses a drawing before it writes a file; laying out alone gives the same SVG and PNG."""
    quick = [path.read_bytes() for path in write_figure(draw_panels(), tmp_path / "quick")]
    monkeypatch.setattr(Drawing, "draw", Figure.draw)
    whole = [path.read_bytes() for path in write_figure(draw_panels(), tmp_path / "whole")]
    assert quick == whole


def test_the_rehearsal_draws_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each file is drawn once, not twice."""
    drawn = []
    monkeypatch.setattr(Axes, "draw", lambda self, renderer: drawn.append(self))
    write_figure(draw_panels(), tmp_path / "panels")
    assert len(drawn) == 2 * 2


def draw_panels() -> Figure:
    """Two panels with whatever moves when drawn: long tick labels, titles, a legend in the best place, a mark."""
    with figure_style():
        figure, axes = create_figure(2.4, columns=2)
        for ax, name in zip(axes, ("first", "second"), strict=True):
            ax.barh(["a long label of a bar", "short"], [3, 1], label=name)
            ax.set_title(f"{name} panel\nof two lines")
            ax.set_xlabel("days")
            ax.annotate("mark", (3, 0), xytext=(6, 4), textcoords="offset points")
            ax.legend()
    return figure
