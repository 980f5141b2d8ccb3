"""What a result row becomes in the page: its numbers as they are shown, so that the page's script computes none.

A cell is a list. Of an `ok` row: `[estimate, lower, upper, n, k, reason]`, trailing ones left out where they are
missing. Of any other row: `[status, reason, n]`, `n` only where it may be told.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from probatio.results import Reason, Status
from probatio.wording import format_number, has_word, read_word

Row = Mapping[Hashable, Any]
Cell = list[Any] | None
Both = list[str]
"""A wording in French and in English."""


def both(kind: str, key: str) -> Both:
    """Return a wording in French and in English."""
    return [read_word(kind, key, "fr"), read_word(kind, key, "en")]


def both_or_key(kind: str, key: str) -> Both:
    """Return a wording in both languages; the key itself where none is worded."""
    return both(kind, key) if has_word(kind, key) else [key, key]


def derive_cell(row: Row | None, *, percent: bool = True, digits: int = 1) -> Cell:
    """Return a row as a cell, in percent or in its own unit, rounded as `wording` rounds; None without a row.

    Args:
        row: a result row.
        percent: show a proportion in percent.
        digits: decimals shown.
    """
    if row is None:
        return None
    if row["status"] != Status.OK:
        told = [] if row["status"] == Status.SUPPRESSED else [read_count(row, "n")]
        return _trim([str(row["status"]), str(row["reason"]), *told])
    scale = 100 if percent else 1
    numbers = [round_shown(scale * row[name], digits) for name in ("estimate", "lower", "upper")]
    return _trim([*numbers, read_count(row, "n"), read_count(row, "k"), str(row["reason"]) or None])


def round_shown(value: float, digits: int) -> float | str | None:
    """Return a number with the decimals that `format_number` shows; None where undefined, `inf` or `-inf` in letters.

    JSON knows no infinity.
    """
    if value is None or math.isnan(value):
        return None
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    text = format_number(value, "en", digits=digits).replace(",", "").replace("−", "-")
    number = float(text)
    return int(number) if number.is_integer() else number


def read_count(row: Row, name: str) -> int | None:
    """Return a count of a row, None where it tells none."""
    value = row[name]
    return None if pd.isna(value) else int(value)


def _trim(values: list[Any]) -> list[Any]:
    while values and values[-1] is None:
        values.pop()
    return values


def read_reason(row: Row) -> str:
    """Return the reason of a row that is not ok, else empty."""
    return "" if row["status"] == Status.OK else str(row["reason"] or Reason.MISSING_ROW)


def index_by(rows: pd.DataFrame, *names: str) -> dict[tuple[str, ...], Row]:
    """Return rows by the values of some columns; of several with the same ones, the first."""
    out: dict[tuple[str, ...], Row] = {}
    for row in rows.to_dict("records"):
        out.setdefault(tuple(str(row[name]) for name in names), row)
    return out


__all__ = [
    "Both", "Cell", "Row", "both", "both_or_key", "derive_cell", "index_by", "read_count",
    "read_reason", "round_shown",
]  # fmt: skip
