"""Column widths of tables: what the source asks for, else what the content needs.

The source asks by `tbl-colwidths` or by uneven dashes below the header. Otherwise a page's columns
get their longest word and a share of the rest by the length of their longest cell, as browsers do
(CSS 2.1, 17.5.2.2, automatic table layout).
"""

from __future__ import annotations

import re
from itertools import zip_longest

from probatio.compendium.rendering.reading.constructs import LANDSCAPE, read_widths
from probatio.compendium.rendering.tree import Node, get_attributes, read_text

_TEXT_WIDTH, _LANDSCAPE_WIDTH = 442.0, 690.0  # points between the margins of the PDF's page, upright and lying
_PADDING = 9.0  # points of a cell's two insets
_LETTER = 0.54  # mean width of a letter, in ems
_LONGEST_WORD, _LONGEST_CELL = 15, 90
_PARTS = re.compile(r"[ \-_/]")


def derive_sized(table: Node, *, fitted: bool = False, whole: bool = False) -> Node:
    """Return the table with its column widths as shares of the text width, without attributes.

    Args:
        table: the table as pandoc reads it.
        fitted: whether a table wider than the page gets widths from its content.
        whole: whether a column asked to be narrower than its longest word takes from those with room.
    """
    attributes, caption, columns, *rest = table["c"]
    widths = read_widths(get_attributes(table)[2].get("tbl-colwidths", "[]")) or _find_dashed(columns)
    if fitted and not widths:
        lying = LANDSCAPE in get_attributes(table)[2]
        widths = _compute_fitted(table, _LANDSCAPE_WIDTH if lying else _TEXT_WIDTH)
    if whole and widths:
        widths = _widen(widths, table)
    total = max(sum(widths), 100.0)
    sized = [{"t": "ColWidth", "c": width / total} for width in widths] or [{"t": "ColWidthDefault"}] * len(columns)
    aligned = [[align, width] for (align, _), width in zip(columns, sized, strict=True)]
    return {"t": "Table", "c": [[attributes[0], [], []], caption, aligned, *rest]}


def find_size(columns: int) -> float:
    """Return the size of the letters, in points, in a printed table of so many columns."""
    return 7.5 if columns > 7 else 8.25 if columns > 5 else 9.25


def _find_dashed(columns: list[list[Node]]) -> list[float]:
    widths = [float(width["c"]) for _, width in columns if width["t"] == "ColWidth"]
    return [100 * width for width in widths] if widths and max(widths) - min(widths) > 0.01 else []


def _compute_fitted(table: Node, width: float) -> list[float]:
    """Return widths in percent, or nothing when every cell fits on one line."""
    columns = [list(cells) for cells in zip_longest(*_read_cells(table), fillvalue="")]
    letter = find_size(len(columns)) * _LETTER
    longest = [min(max(map(len, cells)), _LONGEST_CELL) + _PADDING / letter for cells in columns]
    room = width / letter
    if sum(longest) <= room:
        return []
    shortest = [min(max(map(_measure_word, cells)), _LONGEST_WORD) + _PADDING / letter for cells in columns]
    wanted = sum(longest) - sum(shortest)
    share = max(room - sum(shortest), 0.0) / wanted if wanted else 0.0
    widths = [low + share * (high - low) for low, high in zip(shortest, longest, strict=True)]
    return [100 * width / sum(widths) for width in widths]


def _widen(widths: list[float], table: Node) -> list[float]:
    """Return widths that leave words whole where the page allows: Word breaks a word anywhere that does not fit."""
    columns = [list(cells) for cells in zip_longest(*_read_cells(table), fillvalue="")]
    lying = LANDSCAPE in get_attributes(table)[2]
    letter = find_size(len(columns)) * _LETTER
    room = (_LANDSCAPE_WIDTH if lying else _TEXT_WIDTH) / letter / 100
    words = [min(max(map(_measure_word, cells)), _LONGEST_WORD) + _PADDING / letter for cells in columns]
    gaps = [word / room - width for word, width in zip(words, widths, strict=True)]
    lacking, spare = sum(max(gap, 0.0) for gap in gaps), sum(max(-gap, 0.0) for gap in gaps)
    if not lacking or not spare:
        return widths
    given = min(lacking, spare)
    return [width + gap * given / (lacking if gap > 0 else spare) for width, gap in zip(widths, gaps, strict=True)]


def _measure_word(text: str) -> int:
    return max(map(len, _PARTS.split(text)))


def _read_cells(table: Node) -> list[list[str]]:
    _, _, _, head, bodies, _ = table["c"]
    rows = [*head[1], *(row for body in bodies for row in body[3])]
    return [[read_text(cell[4]) for cell in row[1]] for row in rows]
