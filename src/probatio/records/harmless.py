"""Texts that no spreadsheet takes for a formula, and back again."""

from __future__ import annotations

import re

_FIRST = ("=", "+", "-", "@", "\t", "\r", "'")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?")


def derive_harmless(text: str) -> str:
    """Return a text for a table that a spreadsheet may open: one that begins like a formula gets an apostrophe.

    So does one that begins with an apostrophe, so that `derive_written` gives back the same text. A plain number,
    such as -3.5, stays as it is.
    """
    return f"'{text}" if text.startswith(_FIRST) and not _NUMBER.fullmatch(text) else text


def derive_written(text: str) -> str:
    """Return the text that `derive_harmless` made harmless."""
    return text.removeprefix("'")
