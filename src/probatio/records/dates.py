"""Read dates: ISO always, day and month in the declared order only, never guessed."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from probatio.protocol.base import DateOrder

AMBIGUOUS: Final = "ambiguous"

_TIME = r"(?:[T ][0-9]{1,2}:[0-9]{2}.*)?"
_ISO = re.compile(rf"([0-9]{{4}})([-/.])([0-9]{{1,2}})\2([0-9]{{1,2}}){_TIME}")
_ISO_BASIC = re.compile(r"((?:19|20)[0-9]{2})([0-9]{2})([0-9]{2})")
_YEAR_FIRST = re.compile(r"([0-9]{4})(?:[-/.]([0-9]{1,2}))?")
_YEAR_LAST = re.compile(rf"([0-9]{{1,2}})([-/.])([0-9]{{1,2}})\2([0-9]{{4}}|[0-9]{{2}}){_TIME}")
_MONTH_YEAR = re.compile(r"([0-9]{1,2})[-/.]([0-9]{4})")


def derive_date(text: str, order: DateOrder | None) -> str | None:
    """Return a date in ISO form at its own precision: "2024-05-03", "2024-05" or "2024".

    ISO forms, and others that begin with a four-digit year, need no order. Forms that end with the
    year need one: without it the answer is `AMBIGUOUS`, even for a day above 12, because the file's
    other dates may be read the wrong way. A time of day is dropped; a two-digit year is not read.

    Returns:
        the ISO text, `AMBIGUOUS`, or None when the text is no date (31 February included).
    """
    if match := _ISO.fullmatch(text):
        return _derive_day(match[1], match[3], match[4])
    if match := _ISO_BASIC.fullmatch(text):
        return _derive_day(*match.groups())
    if match := _YEAR_FIRST.fullmatch(text):
        return _derive_month(match[1], match[2])
    return _derive_year_last(text, order)


def _derive_year_last(text: str, order: DateOrder | None) -> str | None:
    full, month = _YEAR_LAST.fullmatch(text), _MONTH_YEAR.fullmatch(text)
    if (full or month) and order is None:
        return AMBIGUOUS
    if month:
        return _derive_month(month[2], month[1])
    if full is None or order == "YMD" or len(full[4]) == 2:
        return None
    day, month_number = (full[1], full[3]) if order == "DMY" else (full[3], full[1])
    return _derive_day(full[4], month_number, day)


def _derive_day(year: str, month: str, day: str) -> str | None:
    try:
        return dt.date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None


def _derive_month(year: str, month: str | None) -> str | None:
    if int(year) == 0:
        return None
    if month is None:
        return year
    return f"{year}-{int(month):02d}" if 1 <= int(month) <= 12 else None
