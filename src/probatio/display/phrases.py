"""Parts of sentences: counted nouns, lists of names, and estimates with interval and n, in French and English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd

from probatio.protocol import Language
from probatio.results import Status
from probatio.wording import format_number, format_percent, read_word

Row = Mapping[Any, Any]
_BREAK: Mapping[Language, str] = {"en": "; ", "fr": "\u00a0; "}
USUAL = 0.95
"""The level that the methods announce for every interval that names no other."""
_DECIMALS = 6
"""Of what was declared, at most: beyond stands what arithmetic adds."""


def tell(key: str, language: Language, **values: object) -> str:
    """Return a sentence of the article with its values filled in."""
    return read_word("article", key, language).format(**values)


def count_noun(n: int, noun: str, language: Language) -> str:
    """Return a number with its noun, singular or plural: French counts none as one, English as many."""
    one, many = read_word("noun", noun, language).split("|")
    single = n < 2 if language == "fr" else n == 1  # the grammar of both languages
    return f"{format_number(n, language, digits=0)} {one if single else many}"


def join_names(names: Sequence[str], language: Language, *, apart: bool = False) -> str:
    """Return names as prose lists them: `A`, `A and B`, `A, B and C`; nothing for none.

    Parts that hold an `and` of their own are set `apart`, by semicolons.
    """
    if len(names) < 2:  # nothing to join
        return "".join(names)
    if apart:
        return _BREAK[language].join(names)
    return f"{', '.join(names[:-1])} {read_word('article', 'and', language)} {names[-1]}"


def quote_share(row: Row, language: Language, *, of: str = "value") -> str:
    """Return a share as `7.8% (95% CI 6.9 to 8.7; 7,198 values)`, or the reason why there is none."""
    return _quote(row, language, of, format_percent(_read(row), language), scale=100, digits=1)


def quote_points(row: Row, language: Language, *, of: str = "value") -> str:
    """Return a difference of shares in percentage points, signed, with its interval and n."""
    said = (
        f"{format_number(100 * _read(row), language, digits=1, sign=True)} {read_word('article', 'points', language)}"
    )
    return _quote(row, language, of, said, scale=100, digits=1)


def quote_margin(margin: float, language: Language) -> str:
    """Return a margin in points with the decimals that it has, without its unit: `5`, `2.5`."""
    return write_share(margin, language, unit=False)


def write_share(value: float, language: Language, *, unit: bool = True) -> str:
    """Return a declared share in per cent with all its decimals: what was decided is never rounded."""
    return format_percent(value, language, digits=_count_decimals(100 * value), unit=unit)


def write_number(value: float, language: Language, *, least: int = 0) -> str:
    """Return a declared number with all its decimals, and with as many as numbers beside it have at `least`."""
    return format_number(value, language, digits=max(least, _count_decimals(value)))


def _count_decimals(value: float) -> int:
    """Return how many decimals a number has, up to `_DECIMALS`: 100 x 0.07 has none."""
    exponent = Decimal(str(round(value, _DECIMALS))).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def quote_number(row: Row, language: Language, *, of: str, digits: int = 2, sign: bool = False) -> str:
    """Return a number with its interval and n, or the reason why there is none."""
    return _quote(row, language, of, format_number(_read(row), language, digits=digits, sign=sign), digits=digits)


def _read(row: Row) -> float:
    return float(row["estimate"])


def _quote(row: Row, language: Language, of: str, said: str, *, scale: float = 1, digits: int) -> str:
    """Return what is said with its interval and n; the level is named where it is not the usual one."""
    if row["status"] != Status.OK:
        return tell("no_value", language, reason=read_word("reason", row["reason"], language))
    n: str = "" if pd.isna(row["n"]) else count_noun(int(row["n"]), of, language)
    ends = [float(row[end]) for end in ("lower", "upper")]
    if all(pd.isna(end) for end in ends):
        return f"{said} ({n})" if n else said
    low, high = (format_number(scale * end, language, digits=digits) for end in ends)
    level: float = USUAL if pd.isna(row["level"]) else float(row["level"])
    key = "interval_usual" if level == USUAL else "interval"
    named = format_percent(level, language, digits=0)
    return f"{said} ({tell(key, language, level=named, low=low, high=high)}{f'{_BREAK[language]}{n}' if n else ''})"
