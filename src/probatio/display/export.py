"""Figures as files: SVG and PNG with the same bytes every time."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure

from probatio.display.style import figure_style
from probatio.results import write_bytes

_METADATA = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}


def write_figure(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure as `<stem>.svg` and `<stem>.png` (200 dpi); texts are outlines, dates are left out.

    Raises:
        OSError: the folder cannot be written; nothing is left behind.
    """
    paths = []
    for suffix, metadata in _METADATA.items():
        out = io.BytesIO()
        with figure_style():
            figure.savefig(out, format=suffix, metadata=metadata)
        path = stem.with_name(f"{stem.name}.{suffix}")
        write_bytes(path, out.getvalue())
        paths.append(path)
    return paths
