"""Render a Quarto book without Quarto: one HTML file, a PDF and a DOCX, for a closed subset of its syntax.

The subset is described in `reports/README.md`. Whatever is outside it is refused with file and
line, so that a source that renders here renders under Quarto too.
"""

from probatio.compendium.rendering.errors import RenderingError
from probatio.compendium.rendering.quarto import find_quarto, render_with_quarto
from probatio.compendium.rendering.rendering import FORMATS, render_book

__all__ = ["FORMATS", "RenderingError", "find_quarto", "render_book", "render_with_quarto"]
