"""Figures as files: SVG and PNG with the same bytes every time."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from probatio.display.style import figure_style
from probatio.results import write_bytes

_HASHED = re.compile(rb'(?<=id=")([A-Za-z])[0-9a-f]{10}(?=")')
_DOTS = 200
LINE_ART = 600
"""Dots per inch that journals ask of drawings in lines."""
_LIGHTLY = 3
_METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def write_figure(figure: Figure, stem: Path, *, suffixes: Iterable[str] = ("svg", "png"),
                 dots: int = _DOTS) -> list[Path]:  # fmt: skip
    """Write a figure as `<stem>.svg`, `<stem>.png`, `<stem>.pdf`; texts of the SVG are outlines, dates are left out.

    Args:
        figure: the figure.
        stem: path of the files without their suffix.
        suffixes: those of the files wanted.
        dots: dots per inch of a PNG.

    Raises:
        OSError: the folder cannot be written; nothing is left behind.
    """
    paths = []
    for suffix in suffixes:
        path = stem.with_name(f"{stem.name}.{suffix}")
        write_bytes(path, _draw(figure, suffix, dots))
        paths.append(path)
        if dots == LINE_ART:
            figure.set_layout_engine("none")  # what is printed is laid out once, and alike in all formats
    return paths


def _draw(figure: Figure, suffix: str, dots: int) -> bytes:
    out = io.BytesIO()
    with figure_style():
        if suffix == "png" and dots == LINE_ART:
            _draw_line_art(figure, out)
        else:
            figure.savefig(out, format=suffix, metadata=_METADATA[suffix], dpi=dots)
    return derive_stable_identifiers(out.getvalue()) if suffix == "svg" else out.getvalue()


def _draw_line_art(figure: Figure, out: io.BytesIO) -> None:
    """Draw a PNG without transparency, compressed lightly: of sixteen million dots that takes the most time."""
    was, figure.dpi = figure.dpi, LINE_ART
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    figure.dpi = was
    dots = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    picture = Image.fromarray(dots).convert("RGB")
    picture.save(out, "png", dpi=(LINE_ART, LINE_ART), compress_level=_LIGHTLY)


def derive_stable_identifiers(svg: bytes) -> bytes:
    """Return an SVG whose identifiers are numbered in order of appearance.

    Matplotlib hashes unrounded positions into them; its layout solver moves those in the last digit
    from one drawing to the next, while the coordinates it writes are rounded and equal.
    """
    hashed = dict.fromkeys(found[0] for found in _HASHED.finditer(svg))
    for number, name in enumerate(hashed, start=1):
        svg = svg.replace(name, name[:1] + b"_%d" % number)
    return svg
