"""Figures as files: SVG and PNG with the same bytes every time."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path

from matplotlib.figure import Figure

from probatio.display.style import figure_style
from probatio.results import write_bytes

_HASHED = re.compile(rb'(?<=id=")([A-Za-z])[0-9a-f]{10}(?=")')
_DOTS = 200
LINE_ART = 600
"""Dots per inch that journals ask of drawings in lines."""
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
        out = io.BytesIO()
        with figure_style():
            figure.savefig(out, format=suffix, metadata=_METADATA[suffix], dpi=dots)
        path = stem.with_name(f"{stem.name}.{suffix}")
        content = out.getvalue()
        write_bytes(path, derive_stable_identifiers(content) if suffix == "svg" else content)
        paths.append(path)
    return paths


def derive_stable_identifiers(svg: bytes) -> bytes:
    """Return an SVG whose identifiers are numbered in order of appearance.

    Matplotlib hashes unrounded positions into them; its layout solver moves those in the last digit
    from one drawing to the next, while the coordinates it writes are rounded and equal.
    """
    hashed = dict.fromkeys(found[0] for found in _HASHED.finditer(svg))
    for number, name in enumerate(hashed, start=1):
        svg = svg.replace(name, name[:1] + b"_%d" % number)
    return svg
