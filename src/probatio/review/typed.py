"""Dates and numbers as people type them: in figures or words, with decimal comma, blanks between thousands, unit."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from babel import Locale

from probatio.records.canonical import derive_number, derive_number_text
from probatio.records.dates import derive_date

_WORDED = re.compile(r"(?:(\d{1,2})(?:er|st|nd|rd|th)? )?([a-z]{3,9})\.? (\d{4})")
_THOUSANDS = re.compile(r"(?<=\d)\s(?=\d{3}(?!\d))")


def read_date(text: str) -> str:
    """Return a date in ISO form, read with the day first or with its month in French or English words.

    `03/05/2024`, `3 mai 2024` and `may 2024` are read; what is no date stays as it is.
    """
    match = _WORDED.fullmatch(_derive_plain(text))
    months = {number for name, number in _read_months().items() if match and name.startswith(match[2])}
    if match and len(months) == 1:
        text = "/".join(part for part in (match[1], str(months.pop()), match[3]) if part)
    return derive_date(text, "DMY") or text


def read_number(text: str, unit: str = "") -> str:
    """Return a number with a decimal point, as shortly as it can be written; what is none stays as it is.

    A decimal comma, blanks between thousands, a typographer's minus and the variable's own unit are read.
    """
    bare = text.removesuffix(unit).rstrip() if unit else text
    number = derive_number(_THOUSANDS.sub("", bare).replace("−", "-"), ".,")
    return text if number is None else derive_number_text(number)


def _derive_plain(text: str) -> str:
    """Return a text in small letters without accents, with single blanks."""
    bare = "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))
    return " ".join(bare.casefold().split())


@cache
def _read_months() -> dict[str, int]:
    calendars = [Locale(language).months["format"]["wide"] for language in ("fr", "en")]
    return {_derive_plain(name): number for calendar in calendars for number, name in calendar.items()}
