"""Texts that no spreadsheet takes for a formula when it opens a table, and back again."""

from __future__ import annotations

import re

_LIKE_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?")


def derive_harmless(text: str) -> str:
    """Return a text for a table: one that begins like a formula gets an apostrophe; a number, as -3.5, does not.

    So does one that already has apostrophes before such a sign: `derive_written` gives back the same text.
    """
    return f"'{text}" if _LIKE_FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def derive_written(text: str) -> str:
    """Return the text that `derive_harmless` made harmless; any other text as it is."""
    return text[1:] if text.startswith("'") and _LIKE_FORMULA.match(text) else text
